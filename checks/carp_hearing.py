"""Whether the two nodes of a vhid can hear each other, as their configuration has it: unicast peers of FreeBSD 14."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from checks.probes.carp import Vhid

GROUPS = ("", "224.0.0.18", "ff02::12")
"""Where multicast CARP sends to, which every CARP listens to, also one that sends to a unicast peer: carp_alloc(),
carp_multicast_setup() of ip_carp.c."""


class UnheardVhid(NamedTuple):
    """A vhid that does not send to the other node."""

    reason: str
    """Of check_carp's table."""
    text: str
    sender: str
    """The node on which to set another peer."""
    family: str
    """`peer` or `peer6`."""
    address: str
    """Whom it has to send to: an address of the other node's own on the interface of the vhid; empty where none is
    known."""


def hearing(here: str, ours: Vhid, there: str, theirs: Vhid) -> Iterator[UnheardVhid]:
    """What keeps two vhids from hearing each other. carp_send_ad_locked() sends an
    advertisement for each address family of the vhid, to `peer` or to `peer6`; carp_find_ifa() takes one only from the
    interface that has the vhid."""
    if ours.protocol != "carp" or theirs.protocol != "carp":
        return
    for family in ("peer", "peer6"):
        if not (_speaks(ours, family) or _speaks(theirs, family)):
            continue
        sides = ((here, ours, there, theirs), (there, theirs, here, ours))
        wrong = [
            UnheardVhid(
                "carp-peer-wrong",
                f"{label} sends to {family} {peer}, not {to}'s on {heard.interface}",
                label,
                family,
                _own(heard, family),
            )
            for label, vhid, to, heard in sides
            if (peer := getattr(vhid, family)) not in GROUPS and heard.own and not heard.has_own(peer)
        ]
        yield from wrong
        unicast = [(label, getattr(vhid, family)) for label, vhid, _, _ in sides if getattr(vhid, family) not in GROUPS]
        if len(unicast) == 1 and not wrong:
            label, peer = unicast[0]
            other, heard = (there, ours) if label == here else (here, theirs)
            says = f"{label} sends to {family} {peer}, {other} to the multicast group"
            yield UnheardVhid("carp-peer-one-sided", says, other, family, _own(heard, family))


def _own(vhid: Vhid, family: str) -> str:
    """The first address of its interface in that family."""
    addresses = [each.partition("/")[0] for each in vhid.own]
    return next((each for each in addresses if (":" in each) == (family == "peer6")), "")


def _speaks(vhid: Vhid, family: str) -> bool:
    """Whether it advertises in the address family of `peer` or `peer6`; where an address was not understood it may."""
    return vhid.unread or any((":" in address) == (family == "peer6") for address in vhid.addresses)
