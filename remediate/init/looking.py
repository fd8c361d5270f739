"""What is on the machines that are to become a pair. Looking changes nothing; what could not be looked at is said.

A new node has hastd in no role and perhaps no hast.conf, so little of what the checks read is there.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from checks.plugin.text import name_list
from checks.probes import bug_292322, carp, geom
from checks.probes.bug_292322 import AsPrimary
from checks.probes.errors import ProbeError, Unreachable
from checks.probes.ifconfig import HEADING
from checks.probes.node import Node
from checks.probes.vhid import Vhid
from remediate.init.wanted import WantedNode, WantedPair, WantedService, WrongInput

OWN = r"(?a)\s+inet6? ([0-9a-f.:%]\S*)"
"""An address of an interface, as ifconfig(8) prints it."""
SECONDS = 20.0
"""For all that is asked of one machine."""


class SeenNode(NamedTuple):
    """A machine; None where something was not read, with why in `unread`."""

    host_name: str
    release: str = ""
    interfaces: dict[str, tuple[str, ...]] | None = None
    """From each interface to its own addresses, but for those of the link alone."""
    vhids: tuple[Vhid, ...] = ()
    disks: geom.Graph | None = None
    unread: tuple[str, ...] = ()


def look(node: Node) -> SeenNode:
    """All of it. Raises ProbeError where the machine does not answer."""
    seen = SeenNode(node.host_name)
    unread = []
    try:
        seen = seen._replace(release=bug_292322.release(node))
    except Unreachable:
        raise
    except ProbeError as error:
        unread.append(f"its release: {error}")
    try:
        seen = seen._replace(vhids=carp.vhids(node), interfaces=_interfaces(node.run("ifconfig", "-a").stdout))
    except Unreachable:
        raise
    except ProbeError as error:
        unread.append(f"its interfaces: {error}")
    try:
        seen = seen._replace(disks=geom.graph(node))
    except Unreachable:
        raise
    except ProbeError as error:
        unread.append(f"its disks: {error}")
    return seen._replace(unread=tuple(unread))


def _interfaces(text: str) -> dict[str, tuple[str, ...]]:
    interfaces: dict[str, tuple[str, ...]] = {}
    name = ""
    for line in text.splitlines():
        if heading := re.fullmatch(HEADING, line):
            name = heading["name"]
            interfaces[name] = ()
        elif (match := re.match(OWN, line)) and name and " vhid " not in line and "%" not in match[1]:
            interfaces[name] = (*interfaces[name], match[1])
    return interfaces


def compare(pair: WantedPair, node: WantedNode, seen: SeenNode) -> list[str]:
    """What is to be known of a machine that was looked at. Raises WrongInput where it is not the one that is meant, or
    cannot be what it is to become."""
    if not is_it(node, seen):
        raise WrongInput(
            f"the machine that is to be {node.name} is called {seen.host_name}: hastd finds itself in hast.conf by that"
            " name"
        )
    notes = [f"Not looked at on {node.name}: {each}." for each in seen.unread]
    notes += _of_release(node, seen)
    notes += _of_network(pair, node, seen)
    return notes + _of_disks(pair, node, seen)


def is_it(node: WantedNode, seen: SeenNode) -> bool:
    """Whether the machine is called like the node (`parse.y isitme()`)."""
    return node.name in (seen.host_name.rstrip("."), seen.host_name.partition(".")[0])


def _of_release(node: WantedNode, seen: SeenNode) -> list[str]:
    if not seen.release:
        return []
    known = bug_292322.as_primary(seen.release, repaired=False)
    if known is AsPrimary.WORKS:
        return [f"{node.name} runs FreeBSD {seen.release}."]
    return [
        f"{node.name} runs FreeBSD {seen.release}: {known.value} ({bug_292322.NAME}). Install a hastd with the fix"
        " (docs/compatibility.md), and add `hastd_repaired = true` to [failover] in both hastwatch.toml, first."
    ]


def _of_network(pair: WantedPair, node: WantedNode, seen: SeenNode) -> list[str]:
    if seen.interfaces is None:
        return []
    own = [each for addresses in seen.interfaces.values() for each in addresses]
    for each in (node.address, node.management):
        if each and each not in own:
            raise WrongInput(f"{node.name} has no address {each}, but {name_list(own) or 'none'}")
    for service in pair.services:
        _refuse_service(service, node, seen, seen.interfaces)
    return []


def _refuse_service(
    service: WantedService, node: WantedNode, seen: SeenNode, interfaces: dict[str, tuple[str, ...]]
) -> None:
    """Raises WrongInput where a machine cannot have a service address."""
    if service.interface not in interfaces:
        raise WrongInput(f"{node.name} has no interface {service.interface}, but {name_list(list(interfaces))}")
    if any(service.address in addresses for addresses in interfaces.values()):
        raise WrongInput(f"{service.address} is an address of {node.name} itself: no service address")
    if not any((":" in each) is (":" in service.address) for each in interfaces[service.interface]):
        version, six = ("IPv6", "_ipv6") if ":" in service.address else ("IPv4", "")
        raise WrongInput(
            f"{service.interface} of {node.name} has no address of {version} of its own, without which rc(8) gives it"
            f" no other one: set ifconfig_{service.interface.replace('.', '_')}{six} in /etc/rc.conf first"
        )
    if taken := [each for each in seen.vhids if each.number == service.vhid]:
        raise WrongInput(f"{node.name} has vhid {taken[0].name} already: this pair is there (--adopt), or take another")


def _of_disks(pair: WantedPair, node: WantedNode, seen: SeenNode) -> list[str]:
    if seen.disks is None:
        return []
    notes = []
    for resource in pair.resources:
        disk = geom.find(seen.disks, resource.disk)
        if disk is None:
            raise WrongInput(f"{node.name} has no {resource.disk}")
        if disk.mode != geom.CLOSED:
            raise WrongInput(f"{resource.disk} of {node.name} is in use: HAST would erase it")
        if on_it := geom.above(seen.disks, disk.name):
            raise WrongInput(f"{resource.disk} of {node.name} has {name_list(on_it)} on it: HAST would erase that")
        notes.append(f"{resource.disk} of {node.name} has {size_of(disk.size)}, and nothing uses it.")
    return notes


def size_of(size: int) -> str:
    """Bytes for people."""
    return f"{size / 2**30:.1f} GiB ({size} bytes)"


def smaller(pair: WantedPair, seen: list[SeenNode | None]) -> dict[str, int]:
    """By resource the size of the smaller disk, where both are known and differ."""
    sizes = {}
    for resource in pair.resources:
        disks = [geom.find(each.disks, resource.disk) for each in seen if each is not None and each.disks is not None]
        known = {each.size for each in disks if each is not None and each.size}
        if len(known) > 1:
            sizes[resource.name] = min(known)
    return sizes
