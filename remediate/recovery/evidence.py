"""What both nodes show of a resource that may be in a split-brain: values for a verdict, and lines for a human.

What could not be read is said and never filled in: a verdict needs all of it.
"""

from __future__ import annotations

from typing import NamedTuple

from checks.probes import filesystem, hast_log
from checks.probes import marker as marker_file
from checks.probes.carp import CarpState
from checks.probes.counters import Relation, neither_wrote_alone, relation
from checks.probes.errors import NotUnderstood, ProbeError
from checks.probes.hast import Metadata, Status
from checks.probes.hast_state import HastRole
from checks.probes.losing_copy import CopySide, LosingCopy, losing_copy
from checks.probes.marker import Marker
from checks.probes.node import Node
from checks.probes.node_state import MountState
from checks.probes.read_node import NodeReader, mounted_as, needed
from remediate.context import Context
from remediate.failover import reach
from remediate.failover.facts import SERVING
from remediate.failover.reach import Reachability, ServiceAnswer
from remediate.failover.resource import ResourcePlace, places
from remediate.state import ledger, marker
from remediate.state.ledger import CopyState


class NodeEvidence(NamedTuple):
    """One node, as far as it bears on the question whose copy counts. `unread` says what could not be read, or is
    empty: then everything was. `metadata` None and nothing unread: the disk has none."""

    name: str
    carp: CarpState | None = None
    role: HastRole = HastRole.NOT_KNOWN
    status: Status = Status.ABSENT
    mounted: MountState = MountState.NOTHING
    exported: bool = False
    export: str = ""
    """The directory that clients mount by this node's exports(5), or empty."""
    daemons: frozenset[str] = frozenset()
    device: bool = False
    """/dev/hast/NAME is there: something may have it open."""
    metadata: Metadata | None = None
    blank: bool = False
    """The disk can be opened, and has no HAST metadata."""
    marked: bool | None = None
    """What hastd's marker says: this side loses (True), wins (False); None without one, or where it does not say."""
    incomplete: str = ""
    """Why the node's ledger knows its copy to be incomplete, or empty."""
    signs: tuple[str, ...] = ()
    unread: str = ""

    @property
    def was_created(self) -> bool:
        """The disk has the metadata of `hastctl create`, which no node has been primary with."""
        return self.metadata is not None and self.metadata.resuid == 0

    @property
    def serves(self) -> bool:
        """Clients are served from here: address, role, mount, export and daemons all say so."""
        return (
            self.carp is CarpState.MASTER
            and self.role is HastRole.PRIMARY
            and self.mounted is MountState.WRITABLE
            and self.exported
            and self.daemons.issuperset(SERVING)
        )


class Evidence(NamedTuple):
    """Both sides, seen from the node that is asked to give its copy up. `answered`: what a client's calls at the
    service address got, made from here."""

    here: NodeEvidence
    there: NodeEvidence
    answered: ServiceAnswer

    @property
    def relation(self) -> Relation | None:
        """How the two copies stand to each other, None where it cannot be told."""
        if self.here.metadata is None or self.there.metadata is None:
            return None
        return relation(self.here.metadata, self.there.metadata)

    @property
    def losing(self) -> LosingCopy:
        """Which copy loses, where the counters say that it is a split-brain."""
        sides = [CopySide(side.name, side.role is HastRole.PRIMARY, side.marked) for side in (self.here, self.there)]
        return losing_copy(*sides) if self.relation is Relation.SPLIT_BRAIN else LosingCopy("")

    @property
    def nobody_wrote_alone(self) -> bool:
        """Whether the counters on both disks prove that neither copy has writes that the other lacks."""
        if self.here.metadata is None or self.there.metadata is None:
            return False
        return neither_wrote_alone(self.here.metadata, self.there.metadata)


def collect(context: Context, place: ResourcePlace) -> Evidence:
    """Look at both nodes at the same time. Never raises: what fails is in `NodeEvidence.unread`."""
    sides: list[NodeEvidence] = [
        NodeEvidence(""),
        NodeEvidence("", unread="`peer` is not configured, so the other node cannot be read"),
    ]

    def here() -> None:
        sides[0] = _side(context, context.here.node(), place, context.journal.node_name)

    def there() -> None:
        if context.peer is not None:
            try:
                node = context.peer.node()
            except ProbeError as error:
                sides[1] = NodeEvidence("", unread=str(error))
            else:
                sides[1] = _side(context, node, place, "")

    context.timing.together([here, there])
    mine, other = sides
    if other.unread:
        return Evidence(mine, other, ServiceAnswer(Reachability.NO, "not asked"))
    place = place._replace(exported=place.exported or other.export)
    if not place.exported:
        why = f"{place.unexported}, so no client can say that it is served"
    elif not place.address:
        why = "no service address is known"
    else:
        return Evidence(mine, other, reach.look(context, place))
    return Evidence(mine, other, ServiceAnswer(Reachability.NO, why))


def _side(context: Context, node: Node, place: ResourcePlace, own: str) -> NodeEvidence:
    """One node; `own` is its name where it is this one, whose state directory can be read."""
    name, reader = place.name, NodeReader(node)
    try:
        hastd = needed(reader.hast(name))
        if hastd.role is HastRole.NOT_KNOWN:
            return NodeEvidence(own, unread=hastd.says)
        dump = needed(reader.dump(name))
        if dump.lost and not dump.blank:
            return NodeEvidence(own or node.name, role=hastd.role, unread=dump.lost)
        there = filesystem.mounted_at(needed(reader.mounts()), place.point)
        own_place = place if own else places(node, context.config, (name,)).get(name, place)
        own_place = own_place._replace(address=own_place.address or place.address)
        marked = marker.present(context.store, name) if own else _peer_marker(node, name)
        node_ledger = ledger.read(context.store, name) if own else _peer_ledger(node, name)
        return NodeEvidence(
            name=node.name,
            carp=own_place.asks(needed(reader.vhids())).state,
            role=hastd.role,
            status=hastd.resource.status if hastd.resource else Status.ABSENT,
            mounted=mounted_as(node, there, own_place.wanted),
            exported=there is not None and (there.exported or not (own_place.exported or place.exported)),
            export=own_place.exported,
            daemons=needed(reader.daemons()),
            device=node.run("ls", place.device).status == 0,
            metadata=dump.metadata,
            blank=dump.blank,
            marked=marked.losing if marked else None,
            incomplete=node_ledger.why if node_ledger.copy is CopyState.INCOMPLETE else "",
            signs=_signs(node, name),
        )
    except ProbeError as error:
        return NodeEvidence(own, unread=str(error))


def _signs(node: Node, name: str) -> tuple[str, ...]:
    """hastd's lines in the log, for a human; a log that cannot be read decides nothing."""
    try:
        return tuple(
            f"{sign.kind} {sign.times} times, last {sign.when}" for sign in hast_log.HastLogs(node).signs(name)
        )
    except ProbeError as error:
        return (f"the log could not be read: {error}",)


def _peer_marker(node: Node, name: str) -> Marker | None:
    """The other node's marker; a damaged one does not say who loses. Raises ProbeError where it cannot be read."""
    try:
        return marker_file.read(node, name)
    except NotUnderstood:
        return None


def _peer_ledger(node: Node, name: str) -> ledger.Ledger:
    """The other node's ledger. Raises ProbeError where it cannot be read; one that does not exist knows nothing."""
    return ledger.of_node(node, name)
