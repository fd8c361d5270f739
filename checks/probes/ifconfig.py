"""The lines of ifconfig(8) that tell of CARP, of FreeBSD 10 to 16: interfaces, their addresses, and the virtual hosts.

Later releases add lines, and words within a line. A line of another kind is none of ours; a word that is not known is
skipped. A line of ours that makes no sense is kept in `Ifconfig.odd`, and what it leaves open is marked in the virtual
hosts that it may concern, so that the others still count.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from checks.probes.errors import NotUnderstood
from checks.probes.vhid import CarpState, NotReady, Vhid

HEADING = r"(?a)(?P<name>\S.{0,14}?): flags=[0-9a-f]+(<(?P<flags>[^<>]*)>)?( .*)?"
"""ifconfig.c, status(); ifconfig_netlink.c, status_nl(). Without any flag the brackets are missing (print_bits())."""
NAME = r"(?a)[A-Za-z0-9_.:+-]{1,15}"
"""if_xname is at most IFNAMSIZ - 1 = 15 characters (net/if.h); vlan0.100 and em0_1 are names."""
ADDRESS = r"(?a)\d{1,3}(\.\d{1,3}){3}|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*"
UNNAMED = "?"
"""What stands for the name of an interface that is not fit to be shown."""
NUMBERS = {
    "carp": ("vhid", "advbase", "advskew"),
    "vrrp": ("vrid", "interval", "prio"),
}
"""carp.c, carp_status(): the numbers of a virtual host of each protocol, the vhid first."""
MOST_VHID = 255
"""ip_carp.h, CARP_MAXVHID."""
VALUED = frozenset(("-->", "netmask", "broadcast", "prefixlen", "scopeid", "pltime", "vltime", "vhid"))
"""The words of an address line that are followed by a value (af_inet.c, af_inet6.c); the others are flags."""


class Ifconfig(NamedTuple):
    """The virtual hosts of all interfaces, and the lines that should tell of them and could not be understood."""

    vhids: tuple[Vhid, ...]
    odd: tuple[str, ...]


class _Address(NamedTuple):
    """An address with its prefix length, the vhid that it belongs to, and what keeps it from being used."""

    text: str
    number: int
    not_ready: NotReady | None


class _Interface:
    """An interface while its lines are read."""

    def __init__(self, name: str, up: bool) -> None:
        self.name, self.up, self.media = name, up, ""
        self.vhids: list[Vhid] = []
        self.addresses: list[_Address] = []
        self.own: list[str] = []
        self.unread = self.own_unread = False

    def finished(self) -> tuple[Vhid, ...]:
        return tuple(
            vhid._replace(
                addresses=tuple(one.text for one in self.addresses if one.number == vhid.number),
                not_ready=tuple(
                    (one.text, one.not_ready) for one in self.addresses if one.number == vhid.number and one.not_ready
                ),
                media=self.media,
                unread=self.unread,
                own=() if self.own_unread else tuple(self.own),
            )
            for vhid in self.vhids
        )


def parse(text: str) -> Ifconfig:
    """The virtual hosts in the output of `ifconfig -a`. Raises NotUnderstood where it names no interface at all."""
    interfaces: list[_Interface] = []
    odd: list[str] = []
    for line in text.splitlines():
        if not line.strip():
            continue
        if not line[0].isspace():
            heading = re.fullmatch(HEADING, line)
            if heading:
                interfaces.append(_interface(heading))
            if not heading or interfaces[-1].name == UNNAMED:
                odd.append(line)
        elif not interfaces or not _take(interfaces[-1], line):
            odd.append(line)
    if not interfaces:
        raise NotUnderstood("ifconfig without any interface", text[:160] or "(empty)")
    return Ifconfig(tuple(vhid for interface in interfaces for vhid in interface.finished()), tuple(odd))


def own_addresses(text: str) -> tuple[str, ...]:
    """The addresses in the output of `ifconfig -a` that belong to no vhid, without a scope or a length, those of the
    loopback interface and of the link left out."""
    addresses = []
    for line in text.splitlines():
        kind, *words = line.split() or [""]
        if kind in ("inet", "inet6") and words and "vhid" not in words and line[:1].isspace():
            address = words[0].partition("/")[0]
            if re.fullmatch(ADDRESS, address) and address != "::1" and not address.startswith("127."):
                addresses.append(address)
    return tuple(addresses)


def _interface(heading: re.Match[str]) -> _Interface:
    name = heading["name"] if re.fullmatch(NAME, heading["name"]) else UNNAMED
    return _Interface(name, "UP" in (heading["flags"] or "").split(","))


def _take(interface: _Interface, line: str) -> bool:
    """Take what an indented line says of the interface; False where it should say something and does not."""
    kind, *words = line.split()
    if kind in ("carp:", "vrrp:"):
        vhid = _vhid(interface, kind[:-1], words)
        interface.vhids.append(vhid)
        return vhid.is_read and vhid.numbers_read
    if kind == "peer" and interface.vhids:
        return _take_peers(interface, words)
    if kind in ("inet", "inet6") and words and "vhid" not in words:
        own = words[0].partition("/")[0].partition("%")[0]
        interface.own.append(own)
        interface.own_unread |= not re.fullmatch(ADDRESS, own)  # IFCONFIG_FORMAT=addr:host prints names
    elif kind in ("inet", "inet6") and "vhid" in words:
        address = _address(words)
        if address is None:
            interface.unread = True
            return False
        interface.addresses.append(address)
    elif kind == "status:":
        interface.media = line.strip().partition(" ")[2]
    return True


def _take_peers(interface: _Interface, words: list[str]) -> bool:
    """`peer ADDRESS peer6 ADDRESS` of 14 and later, the line after that of a vhid (carp.c, carp_status())."""
    if len(words) < 3 or words[1] != "peer6" or not all(re.fullmatch(ADDRESS, each) for each in (words[0], words[2])):
        return False
    interface.vhids[-1] = interface.vhids[-1]._replace(peer=words[0], peer6=words[2])
    return True


def _vhid(interface: _Interface, protocol: str, words: list[str]) -> Vhid:
    """`STATE vhid N advbase N advskew N` of CARP, `STATE vrid N prio N interval N` of VRRPv3, and whatever follows."""
    state = words[0] if words and words[0] in CarpState.__members__ else "UNKNOWN"
    values: dict[str, int] = {}
    numbers = words[1 : words.index("key")] if "key" in words else words[1:]  # with -k; a key may hold any word
    for name, value in zip(numbers, numbers[1:], strict=False):  # noqa: RUF007 - a check that starts imports little
        if name in NUMBERS[protocol] and re.fullmatch(r"(?a)\d{1,5}", value):
            values.setdefault(name, int(value))
    number, base, skew = (values.get(name) for name in NUMBERS[protocol])
    if skew is not None and protocol == "vrrp":
        skew = 255 - skew
    is_vhid = number is not None and 1 <= number <= MOST_VHID
    return Vhid(
        interface=interface.name,
        number=number if number is not None and is_vhid else 0,
        state=CarpState(state) if is_vhid else CarpState.UNKNOWN,
        protocol=protocol,
        advbase=base or 0,
        advskew=skew or 0,
        addresses=(),
        interface_up=interface.up,
        numbers_read=base is not None and skew is not None,
    )


def _address(words: list[str]) -> _Address | None:
    """The words of a line after `inet` or `inet6`; None where it does not tell the address or its vhid."""
    address, _, bits = words[0].partition("/")
    address = address.partition("%")[0]
    values: dict[str, str] = {}
    flags = []
    rest = iter(words[1:])
    for word in rest:
        if word in VALUED:
            values[word] = next(rest, "")
        else:
            flags.append(word)
    bits = bits or values.get("-->", "").partition("/")[2]
    number = values.get("vhid", "")
    if not re.fullmatch(ADDRESS, address):
        return None  # IFCONFIG_FORMAT=addr:host prints names
    if not re.fullmatch(r"(?a)\d{1,3}", number) or not 1 <= int(number) <= MOST_VHID:
        return None
    bits = values.get("prefixlen", bits) or _bits_of_mask(values.get("netmask", ""))
    ready = next((one for one in NotReady if one.value in flags), None)
    return _Address(f"{address}/{bits}", int(number), ready)


def _bits_of_mask(mask: str) -> str:
    """The length of a netmask, as ifconfig prints it: hexadecimal, or dotted with IFCONFIG_FORMAT=inet:dotted."""
    if re.fullmatch(r"0x[0-9a-f]{1,8}", mask):
        return str(int(mask, 16).bit_count())
    if re.fullmatch(r"(?a)(\d{1,3}\.){3}\d{1,3}", mask):
        return str(sum(int(part).bit_count() for part in mask.split(".")))
    return ""
