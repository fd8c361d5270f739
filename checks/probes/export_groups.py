"""For whom an export list says that a directory is: what its groups prove about a client or a network, and what not.

MOUNT's EXPORT (RFC 1813 5.2.5) gives names, and every server has its own. FreeBSD's mountd gives a network without its
mask and with the host bits it was written with, or by its name in networks(5), a host by its canonical name, and no
group at all for everyone (mountd.c put_exlist(), get_net()); where the list would be too long, one group `(...)`.
Others give `10.0.0.0/8`, `*`, `(everyone)`, `@netgroup`. It does not say which directory is exported with -alldirs.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

EVERYONE = frozenset({"", "*", "everyone", "(everyone)", "world", "<world>", "0.0.0.0/0", "::/0"})
"""How servers and showmount(8) say that a directory is for whoever asks; FreeBSD's has no group at all."""
LEFT_OUT = "(...)"
"""mountd.c put_exlist(), `brief`: the groups are left out."""
LEAST_PREFIX = {4: 8, 6: 16}
"""The shortest prefix that an address is taken to have been written with, by IP version, where its own bits do not say
that it is shorter: the largest networks that are handed out have 8 bits in IPv4."""


class Admission(Enum):
    """What an export list says of a client or a network."""

    EVERYONE = "everyone"
    YES = "yes"
    NOT_KNOWN = "not known"
    """A mask or a name that the list does not explain may admit it."""
    NO = "no"


def admitted(groups: Iterable[str], wanted: str) -> Admission:
    """Whether the groups of a directory admit a host or a network, as one might write either: `10.1.0.0/16`,
    `10.1/16`, `10.1.0.5/255.255.0.0`, `2001:db8::/32`, `client.example.org`, `@netgroup`."""
    names = [name for group in groups for name in _split(group)]
    if not names or any(name.lower() in EVERYONE for name in names):
        return Admission.EVERYONE
    if wanted.lower().removeprefix("@") in {name.lower().removeprefix("@") for name in names}:
        return Admission.YES
    network = network_of(wanted)
    if network is None:
        return Admission.NOT_KNOWN
    answers = {_admits(name, network) for name in names}
    return next(answer for answer in Admission if answer in answers)


def network_of(text: str) -> Network | None:
    """A network or host in numbers, None for a name. An address without a mask is the host; missing octets of an IPv4
    network are zeros (inet_network(3), as mountd.c get_net() reads them); host bits are dropped; an IPv4 address
    mapped into IPv6 is the IPv4 address; a scope (`%re0`) says nothing to another machine."""
    address, slash, mask = text.strip().partition("/")
    address = address.partition("%")[0].strip("[]")
    if re.fullmatch(r"\d+(\.\d+){0,2}", address) and slash:
        address += ".0" * (3 - address.count("."))
    try:
        host = ipaddress.ip_address(address)
        network = ipaddress.ip_network(f"{host}/{mask}" if slash else str(host), strict=False)
    except ValueError:
        return None
    mapped = host.ipv4_mapped if isinstance(host, ipaddress.IPv6Address) else None
    if mapped is None:
        return network
    return ipaddress.ip_network(f"{mapped}/{max(network.prefixlen - 96, 0)}", strict=False)


def admitted_to(directory: str, groups: Mapping[str, Sequence[str]], wanted: str) -> Admission | None:
    """The same of a directory, by the groups of every listed one; None where it is not listed. A directory above it
    may be exported with -alldirs, which admits mounts of every directory in its file system (exports(5))."""
    own = admitted(groups[directory], wanted) if directory in groups else None
    if own not in (None, Admission.NO):
        return own
    above = [each for each in groups if each != directory and f"{directory}/".startswith(f"{each.rstrip('/')}/")]
    if any(admitted(groups[each], wanted) is not Admission.NO for each in above):
        return Admission.NOT_KNOWN
    return Admission.NO if above else own


def plain_path(directory: str) -> str:
    """A path without doubled slashes, one at its end, or `.`."""
    return "/" + "/".join(part for part in directory.split("/") if part not in ("", "."))


def _split(group: str) -> list[str]:
    """The names in a group, without the options in brackets that some servers add to each."""
    if group.strip() in ("", LEFT_OUT) or group.strip().lower() in EVERYONE:
        return [group.strip()]
    return re.sub(r"\([^)]*\)", " ", group).replace(",", " ").split()


def _admits(name: str, wanted: Network) -> Admission:
    listed = network_of(name)
    if listed is None:
        return Admission.NOT_KNOWN
    if listed.version != wanted.version:
        return Admission.NO
    if "/" in name or listed == wanted:
        return Admission.YES if _covers(listed, listed.prefixlen, wanted) else Admission.NO
    shortest = _shortest_prefix(listed.network_address)
    may = any(_covers(listed, prefix, wanted) for prefix in range(shortest, wanted.prefixlen + 1))
    return Admission.NOT_KNOWN if may or _covers(wanted, wanted.prefixlen, listed) else Admission.NO


def _shortest_prefix(address: Address) -> int:
    """Of a network that is listed without its mask, whose host bits may be set: `192.168.1.0/16` is listed as
    192.168.1.0, and `-network 10.1.101.0` alone is all of 10.0.0.0/8 (mountd.c get_net(), IN_CLASSA)."""
    bits, number = address.max_prefixlen, int(address)
    significant = bits - (number & -number).bit_length() + 1 if number else 0
    return min(significant, LEAST_PREFIX[address.version])


def _covers(listed: Network, prefix: int, wanted: Network) -> bool:
    differs = int(listed.network_address) ^ int(wanted.network_address)
    return prefix <= wanted.prefixlen and differs >> (wanted.max_prefixlen - prefix) == 0
