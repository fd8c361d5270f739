"""A virtual host of CARP or VRRPv3, and which of them speaks for a resource."""

from __future__ import annotations

import enum
from typing import NamedTuple


class CarpState(enum.Enum):
    """ip_carp.h CARP_STATES. INIT: the interface is down, or net.inet.carp.allow is 0. UNKNOWN: ifconfig prints a line
    of the virtual host that is not understood."""

    INIT = "INIT"
    BACKUP = "BACKUP"
    MASTER = "MASTER"
    UNKNOWN = "UNKNOWN"


STATES = (CarpState.INIT, CarpState.BACKUP, CarpState.MASTER)
"""Those that the kernel has."""


class NotReady(enum.Enum):
    """The flags of an IPv6 address that keep clients from it (af_inet6.c, print_flags()). in6_var.h, IN6_IFF_NOTREADY:
    what is sent to a tentative or a duplicated address is dropped (ip6_input()); a detached one is not used as the
    source of an answer (in6_src.c)."""

    DUPLICATED = "duplicated"
    TENTATIVE = "tentative"
    DETACHED = "detached"


class Vhid(NamedTuple):
    """One virtual host. For VRRPv3 `advbase` is the interval in hundredths of a second and `advskew` 255 - priority.
    `media` is the `status` of the interface, such as `active` or `no carrier`, where ifconfig prints one. `unread`: an
    address line of the interface was not understood, so there may be addresses that are not listed."""

    interface: str
    number: int
    state: CarpState
    protocol: str
    advbase: int
    advskew: int
    addresses: tuple[str, ...]
    interface_up: bool
    media: str = ""
    not_ready: tuple[tuple[str, NotReady], ...] = ()
    unread: bool = False
    numbers_read: bool = True
    """False: `advbase` and `advskew` were not understood and mean nothing."""
    peer: str = ""
    peer6: str = ""
    """Where its advertisements go, FreeBSD 14 and later: a multicast group, or the address of the other node. Empty:
    to the group, as CARP of 13 and earlier and VRRPv3 do."""
    own: tuple[str, ...] = ()
    """The addresses of the interface that belong to no vhid; empty where one of them was not understood."""

    @property
    def name(self) -> str:
        """As devd(8) names it in `subsystem`: `2@vtnet1`."""
        return f"{self.number or '?'}@{self.interface}"

    @property
    def is_read(self) -> bool:
        """Whether its line says in which state it is."""
        return self.state is not CarpState.UNKNOWN

    def has_own(self, address: str) -> bool:
        """Whether an address is one that its interface keeps in every state."""
        return any(_same_address(one, address) for one in self.own)

    @property
    def usable(self) -> tuple[str, ...]:
        """Its addresses without their prefix lengths, those that clients reach first."""
        held_up = {address for address, _ in self.not_ready}
        ordered = sorted(self.addresses, key=held_up.__contains__)
        return tuple(address.partition("/")[0] for address in ordered)


class NoCarpState(enum.Enum):
    """Why no state of CARP counts for a resource."""

    NOTHING = "a state counts"
    NO_VHID = "there is no such vhid"
    DISAGREE = "the vhids of the node disagree"
    NOT_UNIQUE = "several vhids may be meant"
    NOT_UNDERSTOOD = "the line of the vhid is not understood"


class ResourceCarp(NamedTuple):
    """The CARP state that counts for a resource; None where there is none, with the reason, `why` in words."""

    state: CarpState | None
    why: str
    lacking: NoCarpState = NoCarpState.NOTHING


def speaking(vhids: tuple[Vhid, ...], mapped: str, address: str = "") -> tuple[Vhid, ...]:
    """The vhids that speak for a resource: the one that the configuration names (`2@vtnet1`), else those of its number,
    because the interface may have another name on this node. Of these only those count that have the service address,
    where that is known: a number may be used again on another interface. Without a mapping it is all vhids."""
    if not mapped:
        return vhids
    exactly = tuple(vhid for vhid in vhids if vhid.name == mapped)
    if exactly:
        return exactly
    number = mapped.partition("@")[0]
    return tuple(
        vhid for vhid in vhids if str(vhid.number) == number and (not address or vhid.unread or _has(vhid, address))
    )


def asked(vhids: tuple[Vhid, ...], mapped: str, address: str = "") -> ResourceCarp:
    """The state of the vhid that the configuration names; without a mapping all vhids of the node must agree."""
    vhids_of_it = speaking(vhids, mapped, address)
    shown = ", ".join(f"{vhid.name} {vhid.state.value}" for vhid in vhids_of_it)
    exactly = bool(mapped) and any(vhid.name == mapped for vhid in vhids_of_it)
    nameless = bool(mapped) and not exactly and any(not vhid.number for vhid in vhids)
    if nameless or any(not vhid.is_read for vhid in vhids_of_it):
        return ResourceCarp(None, f"a vhid of this node is not understood ({shown or 'its number neither'})",
                     NoCarpState.NOT_UNDERSTOOD)  # fmt: skip
    if not vhids_of_it:
        return ResourceCarp(
            None, f"no vhid {mapped} on this node" if mapped else "no vhid on this node", NoCarpState.NO_VHID
        )
    if mapped and len(vhids_of_it) > 1:
        why = f"{mapped} is not unique on this node: {shown}"
        return ResourceCarp(None, why if exactly else f"{why}; set `service_address`", NoCarpState.NOT_UNIQUE)
    if len({vhid.state for vhid in vhids_of_it}) == 1:
        return ResourceCarp(vhids_of_it[0].state, "")
    return ResourceCarp(None, f"the vhids disagree: {shown}", NoCarpState.DISAGREE)


def matched(ours: tuple[Vhid, ...], theirs: tuple[Vhid, ...]) -> tuple[list[tuple[Vhid, Vhid]], list[Vhid], list[Vhid]]:
    """The vhids of two nodes that belong together, and those without a partner. A vhid is one of its interface, whose
    name may differ, and a number may be used on several: so those of the same number and addresses belong together,
    then those of the same number and interface, then those whose number is left once on both nodes."""
    pairs: list[tuple[Vhid, Vhid]] = []
    left, right = list(ours), list(theirs)

    def take(one: Vhid, among: list[Vhid]) -> None:
        if len(among) == 1:
            pairs.append((one, among[0]))
            left.remove(one)
            right.remove(among[0])

    for one in ours:
        same = [other for other in right if other.number == one.number and set(other.addresses) == set(one.addresses)]
        if one.addresses:
            take(one, [other for other in same if other.name == one.name] or same)
    for one in tuple(left):
        take(one, [other for other in right if other.name == one.name])
    for one in tuple(left):
        if [other.number for other in left].count(one.number) == 1:
            take(one, [other for other in right if other.number == one.number])
    return pairs, left, right


def partners(ours: tuple[Vhid, ...], theirs: tuple[Vhid, ...]) -> dict[str, Vhid]:
    """The other node's vhid for each vhid of this one that has a partner, by this one's name."""
    return {one.name: other for one, other in matched(ours, theirs)[0]}


def _has(vhid: Vhid, address: str) -> bool:
    return any(_same_address(one.partition("/")[0], address) for one in vhid.addresses)


def _same_address(one: str, other: str) -> bool:
    import socket

    if one == other:
        return True
    if ":" not in one or ":" not in other:
        return False
    try:  # IPv6 addresses are written in more than one way
        return socket.inet_pton(socket.AF_INET6, one) == socket.inet_pton(socket.AF_INET6, other.partition("%")[0])
    except OSError:
        return False
