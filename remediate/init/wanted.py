"""The pair that is wanted: names, addresses, disks. Nothing of it is on a node yet.

What a word may look like is decided here alone: each ends in a configuration file, and in a command line that root
types.
"""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv4Address, IPv4Network, NetmaskValueError
from typing import NamedTuple

from checks.probes.node import HOST_NAME

MOST_VHID = 255
"""ip_carp.h, CARP_MAXVHID."""
MOST_SKEW = 254
"""ip_carp.c carp_ioctl(): advskew is below 255."""
DEFAULT_SKEW = 10
"""The same on both nodes: then none is preferred, and none takes the address back (docs/failover.md)."""
INTERFACE = r"(?a)[A-Za-z][A-Za-z0-9_.]{0,14}"
"""IFNAMSIZ is 16 (net/if.h)."""
RESOURCE = r"(?a)[A-Za-z0-9][A-Za-z0-9_.-]{0,62}"
"""hast.h, HAST_NAMELEN, and what needs no quotes anywhere."""
DISK = r"(?a)/dev/[A-Za-z0-9][A-Za-z0-9_.-]*(/[A-Za-z0-9][A-Za-z0-9_.-]*)*"
PORT = 8457
"""hast.conf(5): the default."""


class WrongInput(Exception):
    """Something of the wanted pair cannot be: the text says what, in one line."""


class WantedNode(NamedTuple):
    """A node: what hast.conf calls it, and its address for replication. `management`: its address on a network that
    replication does not use, empty where there is none."""

    name: str
    address: str
    management: str = ""


class WantedService(NamedTuple):
    """The address that moves."""

    address: str
    interface: str
    vhid: int
    advskew: int = DEFAULT_SKEW


class WantedResource(NamedTuple):
    """A resource of HAST, and the disk that it has on either node."""

    name: str
    disk: str

    @property
    def device(self) -> str:
        """That of the primary."""
        return f"/dev/hast/{self.name}"

    @property
    def mount_point(self) -> str:
        """The documented one."""
        return f"/hast/{self.name}"


class WantedPair(NamedTuple):
    """All of it."""

    nodes: tuple[WantedNode, WantedNode]
    service: WantedService
    resources: tuple[WantedResource, ...]
    networks: tuple[str, ...]
    """From which clients may mount."""
    witness: str = ""
    """What answers ping wherever the network works."""

    def peer(self, node: WantedNode) -> WantedNode:
        """The other one."""
        return self.nodes[1] if node == self.nodes[0] else self.nodes[0]


def node(text: str) -> WantedNode:
    """`NAME=ADDRESS` or `NAME=ADDRESS,MANAGEMENT`. Raises WrongInput."""
    name, _, addresses = text.partition("=")
    first, _, second = addresses.partition(",")
    if not re.fullmatch(f"(?a){HOST_NAME}", name) or not first:
        raise WrongInput(f"{text!r} is not NAME=ADDRESS, such as nfs001=10.1.102.2")
    return WantedNode(name.rstrip("."), address(first), address(second) if second else "")


def service(text: str, vhid: int, advskew: int = DEFAULT_SKEW) -> tuple[WantedService, str]:
    """`ADDRESS/PREFIX@INTERFACE`, and the network that it lies in, empty where no prefix is given. Raises
    WrongInput."""
    given, _, interface = text.partition("@")
    plain, slash, prefix = given.partition("/")
    if not re.fullmatch(INTERFACE, interface):
        raise WrongInput(f"{text!r} is not ADDRESS/PREFIX@INTERFACE, such as 10.1.101.5/24@vtnet1")
    of = network(f"{plain}/{prefix}", strict=False) if slash else ""
    return WantedService(address(plain), interface, vhid, advskew), of


def resource(text: str) -> WantedResource:
    """`NAME=DISK`. Raises WrongInput."""
    name, _, disk = text.partition("=")
    if not re.fullmatch(RESOURCE, name) or not re.fullmatch(DISK, disk):
        raise WrongInput(f"{text!r} is not NAME=DISK, such as home=/dev/ada1")
    return WantedResource(name, disk)


def address(text: str) -> str:
    """An address of a host. IPv4 alone: nothing of what is written here was tried with IPv6. Raises WrongInput."""
    try:
        given = IPv4Address(text)
    except AddressValueError:
        raise WrongInput(f"{text!r} is not an IPv4 address") from None
    if given.is_multicast or given.is_loopback or given.is_unspecified or int(given) == 2**32 - 1:
        raise WrongInput(f"{text} is not the address of a host")
    return str(given)


def network(text: str, strict: bool = True) -> str:
    """A network, `strict` by its first address. Raises WrongInput."""
    try:
        given = IPv4Network(text, strict=strict)
    except (AddressValueError, NetmaskValueError, ValueError) as error:
        raise WrongInput(f"{text!r} is not an IPv4 network such as 10.1.101.0/24: {error}") from None
    if given.prefixlen == 0:
        raise WrongInput("0.0.0.0/0 would export to everyone")
    return str(given)


def checked(pair: WantedPair) -> WantedPair:
    """The pair, if it can be one. Raises WrongInput."""
    first, second = pair.nodes
    if first.name.partition(".")[0] == second.name.partition(".")[0]:
        raise WrongInput(f"both nodes are called {first.name}")
    if bool(first.management) is not bool(second.management):
        raise WrongInput("give both nodes a management address, or none")
    hosts = [each for one in pair.nodes for each in (one.address, one.management) if each]
    hosts += [pair.service.address, *([pair.witness] if pair.witness else [])]
    if twice := sorted({each for each in hosts if hosts.count(each) > 1}):
        raise WrongInput(f"{twice[0]} is given twice")
    for what, values in (
        ("resource", [each.name for each in pair.resources]),
        ("disk", [each.disk for each in pair.resources]),
    ):
        if twice := sorted({each for each in values if values.count(each) > 1}):
            raise WrongInput(f"the {what} {twice[0]} is given twice")
    if not pair.resources or not pair.networks:
        raise WrongInput("a pair has a resource, and a network of its clients")
    if not 1 <= pair.service.vhid <= MOST_VHID:
        raise WrongInput(f"{pair.service.vhid} is not a vhid: they are 1 to {MOST_VHID}")
    if not 0 <= pair.service.advskew <= MOST_SKEW:
        raise WrongInput(f"{pair.service.advskew} is not an advskew: they are 0 to {MOST_SKEW}")
    return pair
