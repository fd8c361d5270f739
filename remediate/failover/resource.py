"""A resource as it is configured on this node: everything about it that does not change while it fails over."""

from __future__ import annotations

from typing import NamedTuple

from checks.probes import hast_conf, rc_conf
from checks.probes.beneath import ResourceDevices
from checks.probes.node import Node
from checks.probes.vhid import ResourceCarp, Vhid, asked, speaking
from remediate.config import RemediationConfig
from remediate.failover import exported

PORT = "8457"
"""hast.conf(5), the default of `listen` and `remote`."""


class ResourcePlace(NamedTuple):
    """Where a resource is: its device, its mount point, its address."""

    name: str
    device: str
    point: str
    vhid: str
    address: str
    """The service address, empty where none is configured or seen."""
    exported: str
    """The directory in its file system that clients mount by exports(5), empty where none is exported."""
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
    pooled: tuple[str, ...] = ()
    """The resources that its pool lies on, itself among them; empty where that is itself alone."""
    pooled_devices: tuple[str, ...] = ()
    """The devices of these."""
    unexported: str = ""
    """Why nothing is exported, in words; empty where something is."""
    timeout: int = hast_conf.TIMEOUT
    """Seconds after which a primary gives up the connection to a node that does not answer (hast.conf(5))."""

    @property
    def pool(self) -> str:
        """The name of its pool, where it is one: as configured, else its own."""
        return self.configured_pool or self.name

    @property
    def wanted(self) -> ResourceDevices:
        """What has to be mounted at its mount point."""
        return ResourceDevices(self.name, self.device, self.filesystem, self.configured_pool, self.others)

    def speaking(self, vhids: tuple[Vhid, ...]) -> tuple[Vhid, ...]:
        """The vhids of a node that speak for the resource."""
        return speaking(vhids, self.vhid, self.address)

    def asks(self, vhids: tuple[Vhid, ...]) -> ResourceCarp:
        """The state of CARP that counts for the resource on a node of these vhids."""
        return asked(vhids, self.vhid, self.address)


def places(node: Node, config: RemediationConfig, only: tuple[str, ...] = ()) -> dict[str, ResourcePlace]:
    """The resources of hast.conf, or those named. Raises ProbeError."""
    text = node.read(hast_conf.PATH)
    names, nodes = hast_conf.names_of(node, text), hast_conf.nodes(text)
    resources = hast_conf.parse(text, names)
    points = {name: config.for_resource(name).mount_point for name in resources}
    known = exported.look(node, rc_conf.read(node, exported.ASKED))
    located = {}
    devices = frozenset(resource.device for resource in resources.values())
    for name, resource in resources.items():
        if only and name not in only:
            continue
        settings = config.for_resource(name)
        pool = known.at(settings.mount_point, tuple(points.values()))
        located[name] = ResourcePlace(
            name, resource.device, settings.mount_point, settings.vhid, settings.service_address, pool.path,
            nodes[name], hast_conf.meant(names, nodes[name]), filesystem=settings.device,
            configured_pool=settings.pool, key=settings.geli_key, others=devices - {resource.device},
            unexported=pool.why, timeout=resource.timeout,
        )  # fmt: skip
    return {name: _with_pool(place, located) for name, place in located.items()}


def _with_pool(place: ResourcePlace, resources: dict[str, ResourcePlace]) -> ResourcePlace:
    """The place with the resources that share its pool, by the configuration."""
    same = [
        each for each in resources.values() if each.configured_pool and each.configured_pool == place.configured_pool
    ]
    if len(same) < 2:
        return place
    return place._replace(pooled=tuple(each.name for each in same), pooled_devices=tuple(each.device for each in same))


def addresses(place: ResourcePlace, vhids: tuple[Vhid, ...]) -> tuple[str, ...]:
    """The service addresses of a resource: the configured one, and those of its vhid."""
    mine = place.speaking(vhids)
    numeric = [address.partition("/")[0] for vhid in mine for address in vhid.addresses]
    return tuple(dict.fromkeys([*([place.address] if place.address else []), *numeric]))
