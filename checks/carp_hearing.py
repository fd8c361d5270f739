"""Whether the two nodes of a vhid can hear each other, as their configuration has it: unicast peers of FreeBSD 14."""

from __future__ import annotations

from collections.abc import Iterator

from checks.probes.carp import Vhid

GROUPS = ("", "224.0.0.18", "ff02::12")
"""Where multicast CARP sends to, which every CARP listens to, also one that sends to a unicast peer: carp_alloc(),
carp_multicast_setup() of ip_carp.c."""


def hearing(here: str, ours: Vhid, there: str, theirs: Vhid) -> Iterator[tuple[str, str]]:
    """What keeps two vhids from hearing each other, with reasons of check_carp's table. carp_send_ad_locked() sends an
    advertisement for each address family of the vhid, to `peer` or to `peer6`; carp_find_ifa() takes one only from the
    interface that has the vhid."""
    if ours.protocol != "carp" or theirs.protocol != "carp":
        return
    for family in ("peer", "peer6"):
        if not (_speaks(ours, family) or _speaks(theirs, family)):
            continue
        sides = ((here, ours, there, theirs), (there, theirs, here, ours))
        wrong = [
            (
                "carp-peer-wrong",
                f"{label} sends to {family} {peer}, not {to}'s on {heard.interface}",
            )
            for label, vhid, to, heard in sides
            if (peer := getattr(vhid, family)) not in GROUPS and heard.own and not heard.has_own(peer)
        ]
        yield from wrong
        unicast = [(label, getattr(vhid, family)) for label, vhid, _, _ in sides if getattr(vhid, family) not in GROUPS]
        if len(unicast) == 1 and not wrong:
            label, peer = unicast[0]
            other = there if label == here else here
            yield "carp-peer-one-sided", f"{label} sends to {family} {peer}, {other} to the multicast group"


def _speaks(vhid: Vhid, family: str) -> bool:
    """Whether it advertises in the address family of `peer` or `peer6`; where an address was not understood it may."""
    return vhid.unread or any((":" in address) == (family == "peer6") for address in vhid.addresses)
