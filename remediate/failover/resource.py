"""A resource as it is configured on this node: everything about it that does not change while it fails over."""

from __future__ import annotations

import re
from typing import NamedTuple

from checks.plugin.config import Config
from checks.probes import hast_conf
from checks.probes.beneath import Wanted
from checks.probes.errors import NotFound
from checks.probes.node import Node
from checks.probes.vhid import Asked, Vhid, asked, speaking

EXPORTS = "/etc/exports"
PORT = "8457"
"""hast.conf(5), the default of `listen` and `remote`."""


class Place(NamedTuple):
    """Where a resource is: its device, its mount point, its address."""

    name: str
    device: str
    point: str
    vhid: str
    address: str
    """The service address, empty where none is configured or seen."""
    exported: str
    """The first path of exports(5) in its file system, empty where it is not to be exported."""
    nodes: tuple[str, ...]
    """The nodes of the pair, as hast.conf names them: by host name, host UUID or host ID."""
    mine: str = ""
    """By which of these names this node is meant; empty where that is not known."""
    filesystem: str = ""
    """The device of its file system as configured; empty where that is to be found."""
    configured_pool: str = ""
    key: str = ""
    """The key file of the geli(8) provider below `filesystem`."""
    others: frozenset[str] = frozenset()
    """The devices of the other resources."""

    @property
    def pool(self) -> str:
        """The name of its pool, where it is one: as configured, else its own."""
        return self.configured_pool or self.name

    @property
    def wanted(self) -> Wanted:
        """What has to be mounted at its mount point."""
        return Wanted(self.name, self.device, self.filesystem, self.configured_pool, self.others)

    def speaking(self, vhids: tuple[Vhid, ...]) -> tuple[Vhid, ...]:
        """The vhids of a node that speak for the resource."""
        return speaking(vhids, self.vhid, self.address)

    def asks(self, vhids: tuple[Vhid, ...]) -> Asked:
        """The state of CARP that counts for the resource on a node of these vhids."""
        return asked(vhids, self.vhid, self.address)


def places(node: Node, config: Config, only: tuple[str, ...] = ()) -> dict[str, Place]:
    """The resources of hast.conf, or those named. Raises ProbeError."""
    text = node.read(hast_conf.PATH)
    names, nodes = hast_conf.names_of(node, text), hast_conf.nodes(text)
    try:
        exports = paths(node.read(EXPORTS))
    except NotFound:
        exports = ()
    found = {}
    known = hast_conf.parse(text, names)
    devices = frozenset(resource.device for resource in known.values())
    for name, resource in known.items():
        if only and name not in only:
            continue
        settings = config.for_resource(name)
        point = settings.mount_point
        mine = [path for path in exports if path == point or path.startswith(f"{point}/")]
        exported = mine[0] if mine else ""
        found[name] = Place(
            name, resource.device, point, settings.vhid, settings.service_address, exported, nodes[name],
            hast_conf.meant(names, nodes[name]), settings.device, settings.pool, settings.geli_key,
            devices - {resource.device},
        )  # fmt: skip
    return found


def paths(text: str) -> tuple[str, ...]:
    """The directories of an exports(5): the words of a line before its options and hosts that begin with a slash."""
    joined = re.sub(r"\\\n", " ", text)
    found = []
    for line in joined.splitlines():
        for word in line.partition("#")[0].split():
            if not word.startswith("/"):
                break
            found.append(word.rstrip("/") or "/")
    return tuple(found)
