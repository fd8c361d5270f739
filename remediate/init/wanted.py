"""The pair that is wanted: names, addresses, disks. Nothing of it is on a node yet.

What a word may look like is decided here alone: each ends in a configuration file, and in a command line that root
types.
"""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv4Address, IPv6Address, ip_address, ip_network
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
UFS, ZFS = "ufs", "zfs"
MOST_SERVICES = 2
"""One for each node, where both are to serve."""
NO_POOL = re.compile(r"(?a)[^A-Za-z]|(mirror|raidz|draid|spare|log)|c[0-9]")
"""How the name of a pool may not begin (zpool-create(8))."""


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

    @property
    def family(self) -> str:
        """What ifconfig(8) calls it."""
        return "inet6" if ":" in self.address else "inet"

    @property
    def length(self) -> int:
        """The prefix of one address: the network is the interface's own."""
        return 128 if self.family == "inet6" else 32


class WantedResource(NamedTuple):
    """A resource of HAST, the disk that it has on either node, and what is made on it: UFS, or a pool of its name.
    `vhid`: of its service address, 0 for the only one."""

    name: str
    disk: str
    kind: str = UFS
    vhid: int = 0

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
    services: tuple[WantedService, ...]
    """The first one's resources are served by the first node to begin with, the second one's by the second."""
    resources: tuple[WantedResource, ...]
    networks: tuple[str, ...]
    """From which clients may mount."""
    witness: str = ""
    """What answers ping wherever the network works."""

    def peer(self, node: WantedNode) -> WantedNode:
        """The other one."""
        return self.nodes[1] if node == self.nodes[0] else self.nodes[0]

    def service_of(self, resource: WantedResource) -> WantedService:
        """Its service address."""
        return next((each for each in self.services if each.vhid == resource.vhid), self.services[0])

    def resources_of(self, service: WantedService) -> tuple[WantedResource, ...]:
        """Those that move with a service address."""
        return tuple(each for each in self.resources if self.service_of(each) == service)

    def networks_of(self, service: WantedService) -> tuple[str, ...]:
        """From which clients may mount at that address."""
        return tuple(each for each in self.networks if (":" in each) is (":" in service.address))


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
    wanted = WantedService(service_address(plain), interface, vhid, advskew)
    return wanted, network(f"{plain}/{prefix}", strict=False) if slash else ""


def resource(text: str) -> WantedResource:
    """`NAME=DISK[,zfs][,vhid=N]`. Raises WrongInput."""
    name, _, rest = text.partition("=")
    disk, *more = rest.split(",")
    if not re.fullmatch(RESOURCE, name) or not re.fullmatch(DISK, disk):
        raise WrongInput(f"{text!r} is not NAME=DISK, such as home=/dev/ada1")
    wanted = WantedResource(name, disk)
    for each in more:
        if each in (UFS, ZFS):
            wanted = wanted._replace(kind=each)
        elif each.startswith("vhid="):
            wanted = wanted._replace(vhid=vhid(each.removeprefix("vhid=")))
        else:
            raise WrongInput(f"{text!r}: {each!r} is neither ufs, zfs nor vhid=N")
    if wanted.kind == ZFS and NO_POOL.match(name):
        raise WrongInput(f"{name!r} cannot be the name of a pool (zpool-create(8)), which is the resource's")
    return wanted


def vhid(text: str) -> int:
    """Raises WrongInput."""
    if not (text.isascii() and text.isdigit() and len(text) < 4 and 1 <= int(text) <= MOST_VHID):
        raise WrongInput(f"{text!r} is not a vhid: they are 1 to {MOST_VHID}")
    return int(text)


def address(text: str) -> str:
    """An address of a node, or of the witness. IPv4 alone: that a node is dead is found by ARP and ping(8). Raises
    WrongInput."""
    try:
        given = IPv4Address(text)
    except AddressValueError:
        raise WrongInput(f"{text!r} is not an IPv4 address, as those of nodes and of the witness have to be") from None
    return _of_host(given)


def service_address(text: str) -> str:
    """Of IPv4 or IPv6. Raises WrongInput."""
    try:
        given = ip_address(text)
    except ValueError:
        raise WrongInput(f"{text!r} is not an IP address") from None
    if isinstance(given, IPv6Address) and (given.is_link_local or given.ipv4_mapped is not None or given.scope_id):
        raise WrongInput(f"{text} is not an address that clients reach")
    return _of_host(given)


def _of_host(given: IPv4Address | IPv6Address) -> str:
    if given.is_multicast or given.is_loopback or given.is_unspecified or str(given) == "255.255.255.255":
        raise WrongInput(f"{given} is not the address of a host")
    return str(given)


def network(text: str, strict: bool = True) -> str:
    """A network, `strict` by its first address. Raises WrongInput."""
    try:
        given = ip_network(text, strict=strict)
    except ValueError as error:
        raise WrongInput(f"{text!r} is not a network such as 10.1.101.0/24: {error}") from None
    if given.prefixlen == 0:
        raise WrongInput(f"{given} would export to everyone")
    if given.network_address.is_link_local:
        raise WrongInput(f"{given} is link-local: no network of clients")
    return str(given)


def checked(pair: WantedPair) -> WantedPair:
    """The pair, if it can be one. Raises WrongInput."""
    first, second = pair.nodes
    if first.name.partition(".")[0] == second.name.partition(".")[0]:
        raise WrongInput(f"both nodes are called {first.name}")
    if bool(first.management) is not bool(second.management):
        raise WrongInput("give both nodes a management address, or none")
    hosts = [each for one in pair.nodes for each in (one.address, one.management) if each]
    hosts += [*(each.address for each in pair.services), *([pair.witness] if pair.witness else [])]
    if twice := sorted({each for each in hosts if hosts.count(each) > 1}):
        raise WrongInput(f"{twice[0]} is given twice")
    for what, values in (
        ("resource", [each.name for each in pair.resources]),
        ("disk", [each.disk for each in pair.resources]),
        ("vhid", [str(each.vhid) for each in pair.services]),
    ):
        if twice := sorted({each for each in values if values.count(each) > 1}):
            raise WrongInput(f"the {what} {twice[0]} is given twice")
    if not pair.resources or not pair.networks:
        raise WrongInput("a pair has a resource, and a network of its clients")
    if not 0 <= pair.services[0].advskew <= MOST_SKEW:
        raise WrongInput(f"{pair.services[0].advskew} is not an advskew: they are 0 to {MOST_SKEW}")
    if len(pair.services) > MOST_SERVICES:
        raise WrongInput(f"--address: {len(pair.services)} are given, and a pair has one, or one for each node")
    _refuse_unserved(pair)
    return pair


def _refuse_unserved(pair: WantedPair) -> None:
    """Raises WrongInput where a resource has no address, an address no resource, or nobody may mount at it."""
    known = [each.vhid for each in pair.services]
    for resource in pair.resources:
        if not resource.vhid and len(known) > 1:
            raise WrongInput(f"the resource {resource.name} names no vhid: {resource.name}={resource.disk},vhid=N")
        if resource.vhid and resource.vhid not in known:
            raise WrongInput(f"the resource {resource.name} names vhid {resource.vhid}, which no --vhid is")
    for service in pair.services:
        if not pair.resources_of(service):
            raise WrongInput(f"no resource is served at {service.address}: --resource NAME=DISK,vhid={service.vhid}")
        if not pair.networks_of(service):
            version = "IPv6" if service.family == "inet6" else "IPv4"
            raise WrongInput(f"--network: none of {version}, from which {service.address} may be mounted")
