"""Whether silence means anything on a node that was booted recently: its own ports may not forward yet.

CARP says MASTER when nothing is heard, so after a boot it is believed late (`boot_settle`). Some answer shows that the
network works, and makes silence the other node's: that of the `witness`, which `peer` asks for, or where there is none,
of a client of the service address. A client is on the network on which a node that serves advertises. A node that boots
is held back, so that it is MASTER there only while no other node advertises at all (ip_carp.c, carp_input_c()); and an
advertisement would arrive as the client's answer does. It cuts the wait short only beside everything else that is asked
for: two signs that the other node is gone, and a copy that is proven to be the newest.
"""

from __future__ import annotations

from functools import partial

from checks.probes.vhid import Vhid
from remediate.context import Context
from remediate.failover import hearing
from remediate.failover.hearing import Responsiveness
from remediate.failover.resource import ResourcePlace, addresses
from remediate.state import clients

MOST = 4
"""Clients that are asked, the last seen first: one that answers is enough, and they are asked at the same time."""


def network_works(context: Context, place: ResourcePlace, vhids: tuple[Vhid, ...]) -> str:
    """What shows that this node is not cut off, in words; empty where nothing does. Raises nothing."""
    if context.config.failover.witness:
        return f"the witness {context.config.failover.witness} answers"
    services = addresses(place, vhids)
    others = (place.address, context.config.failover.management)
    known = [each.address for each in clients.read(context.store) if each.service in services]
    asked = [each for each in dict.fromkeys(known) if each not in others][:MOST]
    heard = context.timing.together([partial(hearing.machine, context.here, address) for address in asked])
    answers = [address for address, what in zip(asked, heard, strict=True) if what is Responsiveness.ALIVE]
    return f"the client {answers[0]} answers" if answers else ""
