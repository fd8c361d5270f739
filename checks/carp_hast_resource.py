"""What check_carp_hast reads of a node and of the pair: how each resource stands with CARP, HAST, its mount and NFS."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from checks.carp_state import seen_since
from checks.plugin.nagios import Metric
from checks.plugin.resource import ProbedResource
from checks.plugin.session import Session
from checks.plugin.text import name_list
from checks.probes import filesystem, hast, silence
from checks.probes.as_primary import Known
from checks.probes.carp import Vhid
from checks.probes.errors import NotFound, ProbeError
from checks.probes.hast import Metadata
from checks.probes.hast_conf import ConfiguredResource
from checks.probes.node import Node
from checks.probes.node_state import HastRole, Mounted
from checks.probes.read_node import NodeFacts, ResourceFacts, read_node, read_resource
from checks.probes.silence import Silence
from checks.probes.timestamps import utc
from checks.standby import hastd_of


class Standing(NamedTuple):
    """A resource on a node. What is not asked for in its role is None or empty."""

    found: ResourceFacts
    daemons: frozenset[str]
    carp_since: float | None
    """Seconds since CARP was seen to change to what it asks for; None where no change was seen."""
    metadata: Metadata | None = None
    metadata_lost: str = ""
    """Why there are none on the disk of a secondary."""
    metadata_unread: ProbeError | None = None
    hastd: Known | None = None
    """Whether the hastd of a node that is not primary could be."""


class Underneath(NamedTuple):
    """The names in a mount point on which nothing is mounted; None where it is not there."""

    point: str
    names: tuple[str, ...] | None


class Silent(NamedTuple):
    """The setting of a transition that is still there, and for how many seconds it was seen."""

    record: Silence
    seconds: float


class ServiceOfNode(ProbedResource):
    """The resources on one node. `here` is this node, where it is the other one that is read."""

    def __init__(
        self,
        session: Session,
        node: Node,
        resources: dict[str, ConfiguredResource],
        here: ServiceOfNode | None = None,
    ) -> None:
        self.session, self.node, self.resources, self.here = session, node, resources, here
        self.vhids: tuple[Vhid, ...] = ()
        self.standings: dict[str, Standing] = {}

    @property
    def subject(self) -> str:
        return self.node.label

    def read(self) -> Iterator[Metric]:
        """The node, and each resource for itself. Raises ProbeError."""
        facts = read_node(self.node)
        self.vhids = facts.vhids
        yield from self.guarded(self._silent())
        for resource in self.resources.values():
            subject = f"{resource.name} on {self.subject}"
            yield from self.guarded(self._resource(facts, resource, subject), subject)
        if "nfsd" in facts.daemons:
            points = [self._point(name) for name in self.resources]
            exported = [mount.point for mount in facts.mounts if mount.exported]
            yield self.metric("outside", [point for point in exported if not _below(point, points)])

    def _point(self, name: str) -> str:
        return self.session.config.for_resource(name).mount_point

    def _silent(self) -> Iterator[Metric]:
        record = silence.read(self.node)
        if record is None:
            return
        memory, now, began = self.session.memory, self.session.clock(), utc(record.since)
        kept_as = f"check_carp_hast-{self.node.name}-silence"
        kept = memory.get(kept_as)
        seen = kept.get("since") if kept.get("began") == began else None
        if not isinstance(seen, int | float) or seen > now:
            memory.put(kept_as, {"began": began, "since": now})
            seen = now
        yield self.metric("silence", Silent(record, now - seen))

    def _resource(self, facts: NodeFacts, resource: ConfiguredResource, subject: str) -> Iterator[Metric]:
        session, name = self.session, resource.name
        settings = session.config.for_resource(name)
        found = read_resource(facts, session.wanted(resource), settings.mount_point, settings.vhid, self._address(name))
        kept_as = f"check_carp_hast-{self.node.name}-{name}"
        since = seen_since(session.memory, kept_as, found.state.carp, session.clock())
        standing = self._as_standby(Standing(found, facts.daemons, since), name)
        self.standings[name] = standing
        yield Metric(subject, standing, context="standing")
        yield Metric(f"{name}_{self.subject}_well", standing, min=0, max=1, context="well")
        if found.state.mounted is Mounted.NOTHING:
            yield Metric(subject, self._underneath(settings.mount_point), context="underneath")

    def _as_standby(self, standing: Standing, name: str) -> Standing:
        """With what is asked only of a node that is not primary."""
        role = standing.found.state.role
        if role is HastRole.SECONDARY:
            try:
                standing = standing._replace(metadata=hast.metadata(self.node, name))
            except hast.MetadataUnreadable as error:
                standing = standing._replace(metadata_lost=str(error))
            except ProbeError as error:
                standing = standing._replace(metadata_unread=error)
        if role in (HastRole.SECONDARY, HastRole.INIT):
            standing = standing._replace(hastd=hastd_of(self.session, self.node))
        return standing

    def _address(self, name: str) -> str:
        """The service address as configured, else as the vhid has it that the configuration of this node names."""
        settings = self.session.config.for_resource(name)
        named = [vhid for vhid in (self.here.vhids if self.here else ()) if vhid.name == settings.vhid]
        return settings.service_address or next((address for vhid in named for address in vhid.usable), "")

    def _underneath(self, point: str) -> Underneath:
        try:
            return Underneath(point, filesystem.names_under(self.node, point))
        except NotFound:
            return Underneath(point, None)


class ServiceOfPair(ProbedResource):
    """The resources that were read on both nodes."""

    def __init__(self, here: ServiceOfNode, there: ServiceOfNode) -> None:
        self.here, self.there = here, there

    @property
    def subject(self) -> str:
        return name_list([self.here.subject, self.there.subject])

    def read(self) -> Iterator[Metric]:
        """What was read of each node."""
        for name, ours in self.here.standings.items():
            if theirs := self.there.standings.get(name):
                yield Metric(f"{name} on {self.subject}", [ours, theirs], context="pair")


def _below(point: str, parents: list[str]) -> bool:
    return any(point == parent or point.startswith(f"{parent}/") for parent in parents)
