"""What check_carp_hast reads of a node and of the pair: how each resource stands with CARP, HAST, its mount and NFS."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from checks.carp_state import seen_since
from checks.other_node import UNREACHED, unreached
from checks.plugin.nagios import Metric
from checks.plugin.resource import ProbedResource
from checks.plugin.session import Session
from checks.plugin.text import name_list
from checks.probes import filesystem, silence
from checks.probes.as_primary import PrimaryKnowledge
from checks.probes.carp import CarpState, Vhid
from checks.probes.errors import NotFound, ProbeError
from checks.probes.hast import Metadata
from checks.probes.hast_conf import ConfiguredResource
from checks.probes.hast_state import HastRole
from checks.probes.node import Node
from checks.probes.node_state import MountState, NfsState
from checks.probes.read_node import NodeReader, ResourceFacts, UnreadPart, needed, read_resource
from checks.probes.silence import Silence
from checks.probes.timestamps import utc
from checks.standby import hastd_of


class CoveredNames(NamedTuple):
    """The names in a mount point on which nothing is mounted; None where it is not there."""

    point: str
    names: tuple[str, ...] | None


class ResourceOnNode(NamedTuple):
    """A resource on a node. What is not asked for in its role is None or empty."""

    label: str
    found: ResourceFacts
    daemons: frozenset[str]
    carp_since: float | None
    """Seconds since CARP was seen to change to what it asks for; None where no change was seen."""
    metadata: Metadata | None = None
    metadata_lost: str = ""
    """Why there are none on the disk of a secondary."""
    metadata_unread: ProbeError | None = None
    hastd: PrimaryKnowledge | None = None
    """Whether the hastd of a node that is not primary could be."""
    underneath: CoveredNames | None = None


class SilencedTransition(NamedTuple):
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
        self.reader = NodeReader(node)
        self.vhids: tuple[Vhid, ...] = ()
        self.standings: dict[str, ResourceOnNode] = {}

    @property
    def subject(self) -> str:
        return self.node.label

    def read(self) -> Iterator[Metric]:
        """The node, and each resource for itself. Raises ProbeError."""
        daemons = needed(self.reader.daemons())
        self.vhids = needed(self.reader.vhids())
        mounts = needed(self.reader.mounts())
        yield from self.guarded(self._silent())
        for resource in self.resources.values():
            subject = f"{resource.name} on {self.subject}"
            others = self._serves_another(resource.name, [mount.point for mount in mounts])
            yield from self.guarded(self._resource(resource, daemons, subject, others), subject)
        if "nfsd" in daemons:
            points = [self._point(name) for name in self.resources]
            exported = [mount.point for mount in mounts if mount.exported]
            yield self.metric("outside", [point for point in exported if not _below(point, points)])

    def _serves_another(self, name: str, mounted: list[str]) -> bool:
        """A resource with another vhid, which is MASTER here, is mounted."""
        settings = self.session.config.for_resource
        masters = {vhid.name for vhid in self.vhids if vhid.state is CarpState.MASTER} - {settings(name).vhid}
        return any(settings(each).vhid in masters and self._point(each) in mounted for each in self.resources)

    def _point(self, name: str) -> str:
        return self.session.config.for_resource(name).mount_point

    def unread(self, error: ProbeError) -> tuple[str, object]:
        """That the other node is not reached is judged by what this one shows."""
        if self.here is None or error is not self.node.lost:
            return super().unread(error)
        return UNREACHED, unreached(error, self.here.subject, self.here.vhids, self.here.connected)

    @property
    def connected(self) -> list[str]:
        """The resources whose hastd has a connection."""
        states = {name: self.reader.hast(name) for name in self.standings}
        return [
            name
            for name, state in states.items()
            if not isinstance(state, UnreadPart) and state.resource and state.resource.is_connected
        ]

    def _silent(self) -> Iterator[Metric]:
        record = silence.read(self.node)
        if record is None:
            return
        memory, now, began = self.session.memory, self.session.clock(), utc(record.since)
        kept_as = f"check_carp_hast-{self.node.name}-silence"
        remembered = memory.get(kept_as)
        since = remembered.get("since") if remembered.get("began") == began else None
        if not isinstance(since, int | float) or since > now:
            memory.put(kept_as, {"began": began, "since": now})
            since = now
        yield self.metric("silence", SilencedTransition(record, now - since))

    def _resource(
        self, resource: ConfiguredResource, daemons: frozenset[str], subject: str, others: bool
    ) -> Iterator[Metric]:
        session, name = self.session, resource.name
        settings = session.config.for_resource(name)
        wanted, address = session.wanted(resource), self._address(name)
        facts = read_resource(self.reader, wanted, settings.mount_point, settings.vhid, address)
        if others and facts.state.carp is CarpState.BACKUP and facts.state.nfs is not NfsState.NONE:
            facts = facts._replace(state=facts.state._replace(nfs=NfsState.FOR_ANOTHER))
        kept_as = f"check_carp_hast-{self.node.name}-{name}"
        since = seen_since(session.memory, kept_as, facts.state.carp, session.clock())
        standing = self._as_standby(ResourceOnNode(self.subject, facts, daemons, since), name)
        self.standings[name] = standing
        yield Metric(subject, standing, context="standing")
        yield Metric(f"{name}_{self.subject}_well", name, min=0, max=1, context="well")
        if facts.state.mounted is MountState.NOTHING:
            underneath = self._underneath(settings.mount_point)
            self.standings[name] = standing._replace(underneath=underneath)
            yield Metric(subject, underneath, context="underneath")

    def _as_standby(self, standing: ResourceOnNode, name: str) -> ResourceOnNode:
        """With what is asked only of a node that is not primary."""
        role = standing.found.state.role
        if role is HastRole.SECONDARY:
            dump = self.reader.dump(name)
            if isinstance(dump, UnreadPart):
                standing = standing._replace(metadata_unread=dump.error)
            else:
                standing = standing._replace(metadata=dump.metadata, metadata_lost=dump.lost)
        if role in (HastRole.SECONDARY, HastRole.INIT):
            standing = standing._replace(hastd=hastd_of(self.session, self.node))
        return standing

    def _address(self, name: str) -> str:
        """The service address as configured, else as the vhid has it that the configuration of this node names."""
        settings = self.session.config.for_resource(name)
        named = [vhid for vhid in (self.here.vhids if self.here else ()) if vhid.name == settings.vhid]
        return settings.service_address or next((address for vhid in named for address in vhid.usable), "")

    def _underneath(self, point: str) -> CoveredNames:
        try:
            return CoveredNames(point, filesystem.names_under(self.node, point))
        except NotFound:
            return CoveredNames(point, None)


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
