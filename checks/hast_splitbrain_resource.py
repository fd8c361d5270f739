"""What check_hast_splitbrain reads of the copies of a resource: dumps, markers and logs of both nodes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from checks.other_node import UNREACHED, UnreachedNode, carp_of, unreached
from checks.plugin.judging import NUMBER
from checks.plugin.nagios import Metric
from checks.plugin.resource import ProbedResource
from checks.plugin.session import Session
from checks.plugin.text import name_list, say_size
from checks.probes import hast, marker
from checks.probes.counters import Relation, relation
from checks.probes.errors import NotUnderstood, ProbeError
from checks.probes.hast import Cause, Metadata, Role
from checks.probes.hast_log import HastLogs, Sign
from checks.probes.marker import Marker
from checks.probes.node import Node


class SplitBrainEvidence(NamedTuple):
    """What one node has to say of one resource. A source that could not be read is None, and says why in `unread`."""

    label: str
    """The name of the node."""
    metadata: Metadata | None
    marker: Marker | None
    is_fresh: bool
    """Whether hastd's event came again just now."""
    damaged: str
    """Why the marker that is there cannot be understood; empty where there is none, or it can."""
    marker_lost: ProbeError | None
    """Why it is not known whether there is a marker."""
    signs: tuple[Sign, ...] | None
    unread: tuple[str, ...]
    lost: str
    has_hook: bool


class CopyUse(NamedTuple):
    """What a node does with its copy now. `acts`: whether it is primary, None where that is not known."""

    label: str
    role: Role | None
    acts: bool | None
    says: str


class CopyComparison(NamedTuple):
    """Both nodes, the dump of each of which was read."""

    first: SplitBrainEvidence
    second: SplitBrainEvidence
    dumps: tuple[Metadata, Metadata]
    sides: tuple[CopyUse, CopyUse]


class LastJudgement(NamedTuple):
    """What the judgement was when both dumps were last read, and when that was (seconds since 1970)."""

    at: float
    reason: str
    text: str


class Signs(NamedTuple):
    """What there is where the dumps cannot be compared."""

    seen: tuple[SplitBrainEvidence, ...]
    before: LastJudgement | None
    unreached: UnreachedNode | None = None
    """Where that is because the other node does not answer."""


class LostMarker(NamedTuple):
    """Why it is not known whether a node has a marker, and what the dumps are."""

    error: ProbeError
    comparison: CopyComparison


class Copies(ProbedResource):
    """The copies of a resource, on this node and the other one. What is remembered of a comparison is its `verdict`,
    reason and text: whoever is about to promote the only node in reach has to know that its copy was behind."""

    def __init__(
        self,
        session: Session,
        name: str,
        has_hook: bool,
        logs: list[HastLogs],
        verdict: Callable[[CopyComparison], tuple[str, str]],
    ) -> None:
        """`logs` of each node of the session."""
        self.session, self.resource_name, self.has_hook = session, name, has_hook
        self.logs, self.verdict = logs, verdict

    @property
    def subject(self) -> str:
        return f"{self.resource_name} on {self.session.here.label}"

    def read(self) -> Iterator[Metric]:
        """Each node, then both dumps, or the signs where they cannot be compared."""
        session, name = self.session, self.resource_name
        evidence = _read_again_if_moving(
            [_seen(logs, name, self.has_hook, session.clock()) for logs in self.logs], session.here, name
        )
        for one in evidence:
            label = one.label
            session.remarks += [f"{name} on {label}: {why}" for why in one.unread]
            if one.metadata:
                yield Metric(f"{name}_{label}_localcnt", one.metadata.localcnt, context=NUMBER)
                yield Metric(f"{name}_{label}_remotecnt", one.metadata.remotecnt, context=NUMBER)
            if one.lost:
                yield Metric(f"{name} on {label}", one.lost, context="lost")
        subject = f"{name} on {name_list([one.label for one in evidence])}"
        kept_as = f"check_hast_splitbrain-{name}"
        comparison = _compared(evidence, session.nodes, name)
        if comparison:
            reason, text = self.verdict(comparison)
            session.memory.put(kept_as, {"at": session.clock(), "reason": reason, "text": text})
            yield Metric(subject, comparison, context="comparison")
            for one in evidence:
                if one.marker_lost:
                    lost = LostMarker(one.marker_lost, comparison)
                    yield Metric(f"the marker of {name} on {one.label}", lost, context="marker")
        else:
            before = _last_compared(session.memory.get(kept_as)) if len(evidence) == 2 else None
            silent = self._unreached()
            yield Metric(subject, Signs(tuple(evidence), before, silent), context="signs")
            if silent:
                yield Metric(evidence[1].label, silent, context=UNREACHED)

    def _unreached(self) -> UnreachedNode | None:
        """What this node has to say of the other one, where that does not answer."""
        session, name = self.session, self.resource_name
        if session.peer is None or session.peer.lost is None:
            return None
        try:
            connected = [name] if hast.resource(session.here, name).is_connected else []
        except (ProbeError, hast.NoState):
            connected = []
        return unreached(session.peer.lost, session.here.label, carp_of(session.here), connected)


def _compared(evidence: list[SplitBrainEvidence], nodes: list[Node], name: str) -> CopyComparison | None:
    if len(evidence) != 2:
        return None
    first, second = evidence
    if not first.metadata or not second.metadata:
        return None
    sides = (_side(nodes[0], name), _side(nodes[1], name))
    return CopyComparison(first, second, (first.metadata, second.metadata), sides)


def _last_compared(remembered: dict[str, object]) -> LastJudgement | None:
    at, reason, text = remembered.get("at"), remembered.get("reason"), remembered.get("text")
    if not isinstance(at, int | float) or not isinstance(reason, str):
        return None
    return LastJudgement(float(at), reason, str(text))


def _seen(logs: HastLogs, name: str, has_hook: bool, now: float) -> SplitBrainEvidence:
    node = logs.node
    metadata: Metadata | None = None
    unread: list[str] = []
    lost = ""
    try:
        metadata = hast.metadata(node, name)
    except hast.MetadataUnreadable as error:
        lost = str(error)
    except ProbeError as error:
        unread.append(f"dump not read: {error}")
    left: Marker | None = None
    damaged = ""
    marker_lost: ProbeError | None = None
    try:
        left = marker.read(node, name)
    except NotUnderstood as error:
        damaged = str(error)
        unread.append(f"marker not read: {error}")
    except ProbeError as error:
        marker_lost = error
        unread.append(f"marker not read: {error}")
        has_hook = False
    signs: tuple[Sign, ...] | None = None
    try:
        signs = logs.signs(name)
    except ProbeError as error:
        unread.append(f"log not read: {error}")
    is_fresh = left is not None and left.is_fresh(now)
    return SplitBrainEvidence(
        node.label, metadata, left, is_fresh, damaged, marker_lost, signs, tuple(unread), lost, has_hook
    )


def _read_again_if_moving(evidence: list[SplitBrainEvidence], here: Node, name: str) -> list[SplitBrainEvidence]:
    """Dumps are read one after the other: where they do not agree, the first is read once more, and replaced if it has
    changed meanwhile (a synchronisation just ended)."""
    if len(evidence) < 2 or not evidence[0].metadata or not evidence[1].metadata:
        return evidence
    if relation(evidence[0].metadata, evidence[1].metadata) is Relation.IN_SYNC:
        return evidence
    try:
        return [evidence[0]._replace(metadata=hast.metadata(here, name)), evidence[1]]
    except hast.MetadataUnreadable as error:
        return [evidence[0]._replace(metadata=None, lost=str(error)), evidence[1]]
    except ProbeError as error:
        return [evidence[0]._replace(unread=(*evidence[0].unread, f"dump not read again: {error}")), evidence[1]]


def _side(node: Node, name: str) -> CopyUse:
    """What one node does with its copy now. Without hastd there is no device, as long as none of its workers is left
    (`Cause.WORKER_LEFT` is not DOWN)."""
    try:
        resource = hast.resource(node, name)
    except (ProbeError, hast.NoState) as error:
        if isinstance(error, hast.NoState) and error.cause is Cause.DOWN:
            return CopyUse(node.label, None, False, "runs no hastd")
        return CopyUse(node.label, None, None, f"does not say its role ({error})")
    if resource.role is not Role.PRIMARY:
        return CopyUse(node.label, resource.role, False, f"is {resource.role.value}")
    written = f"{resource.writes} writes since its worker started, {say_size(resource.dirty)} dirty"
    return CopyUse(node.label, resource.role, True, f"is primary, {resource.status.value}, {written}")
