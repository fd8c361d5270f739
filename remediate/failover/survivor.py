"""Which copy of a split-brain goes on being served where neither node serves, and no marker says it.

Both nodes have served in a cut, and written. When they meet, one of them takes the address and cannot serve, because
its hastd has died meanwhile; the other one has given up its service for it, and finds a split-brain. Where only one of
them had the clients, it goes on: to serve its copy again loses nothing more, and they have service while an operator
decides. Each keeps what it served apart (`state.served_apart`), and a MASTER asks the other one for it. Where clients
wrote to both, one after the other too, or that is not known, of another boot or of an earlier separation, an operator
has to choose (docs/recovery.md): either copy lacks what clients were told is safe.
"""

from __future__ import annotations

from collections.abc import Collection

from checks.probes import carp
from checks.probes.boot_time import boot_mark
from checks.probes.carp import CarpState
from checks.probes.carp_demotion import DemotionCause
from checks.probes.counters import Relation
from checks.probes.errors import ProbeError
from checks.probes.hast import Resource
from checks.probes.marker import read as read_marker
from remediate.context import Context
from remediate.failover import dumps, hast_of, own_copy, peer
from remediate.failover.facts import Facts, Peer, Split
from remediate.failover.peer import PeerStanding
from remediate.failover.remote_state import RemoteStore
from remediate.failover.resource import ResourcePlace
from remediate.state import marker, served_apart
from remediate.state.journal import ALERT, WARNING
from remediate.state.ledger import CopyState
from remediate.state.quiet import Count
from remediate.state.served_apart import ServedApart
from remediate.state.store import StateError

OUTLIVED = 150.0
"""Seconds since a node was last seen to serve after which another one that is not heard counts as the one that has the
clients: two calls by cron(8), and a promotion."""
LATELY = 60.0
"""Seconds after the loss of the connection within which a node is first seen to serve apart: cron(8) looks by then."""
FLUSHED = 50.0
"""Seconds after which UFS has written what clients wrote before: 45 s of it were lost in power cuts of a real pair
(freebsd-facts: delays-bound-the-loss)."""
WITHOUT_CLIENTS = frozenset({DemotionCause.QUIET, DemotionCause.WROTE_LESS})
"""Causes of a node to which clients write nothing, or have written less than to the other one."""


def goes_on(mine: ServedApart | None, theirs: ServedApart | None) -> bool:
    """Whether this node goes on, by what each was when it last served apart. Not true of both."""
    if mine is None or theirs is None or mine.is_over:
        return False
    had_none = DemotionCause.QUIET in theirs.causes and theirs.to_the_end and not theirs.written
    return had_none and not WITHOUT_CLIENTS & mine.causes


def survives(context: Context, place: ResourcePlace, boot: str, known: PeerStanding | None = None) -> str:
    """Why the copy of this node goes on being served, in a sentence; empty where it does not, or that is not known.
    `known`: what the other node says, where it was asked just before. Raises nothing."""
    if context.peer is None or not served_apart.is_kept(context.store, place.name):
        return ""
    standing = known or peer.ask(context, place)
    if standing is None or not standing.asked or standing.peer is not Peer.LET_GO:
        return ""
    both = dumps.read(context, place.name)
    if both is None or both.relation is not Relation.SPLIT_BRAIN:
        return ""
    node = context.peer.node(peer.ASK)
    try:
        if read_marker(node, place.name) is not None:
            return ""
        their_boot = boot_mark(node)
    except ProbeError:
        return ""
    mine = served_apart.known(context.store, place.name, boot, both.mine)
    theirs = served_apart.known(RemoteStore(context.peer, node), place.name, their_boot, both.theirs)
    if mine is None or _lacked_something(context, place.name, mine):
        return ""
    if not goes_on(mine, theirs):
        return ""
    return f"this node goes on with its copy, which clients had until the nodes met; {standing.says}"


def _lacked_something(context: Context, name: str, mine: ServedApart) -> bool:
    """Whether this copy was incomplete when it was served. What the other node has told since is that it has writes of
    its own."""
    own = own_copy.known(context, name)
    served = context.timing.wall() - (context.timing.now() - mine.at)
    return own.damage is not None or (own.copy is CopyState.INCOMPLETE and own.since < served)


def mark(context: Context, facts: Facts, names: Collection[str], run: str) -> tuple[str, ...]:
    """Leave a marker for those of these that go on, before they are promoted: the other copy loses. Why that cannot be
    done, in sentences: then they are not promoted."""
    refused = []
    for name in names:
        says = facts.said[name].survives
        if not says or facts.resources[name].split is not Split.WINNING:
            continue
        try:
            marker.record(context.store, name, facts.name, facts.boot_id, context.timing.wall(), losing=False)
        except StateError as error:
            refused.append(f"{name}: no marker of the split-brain can be left, so it is not served: {error}")
            continue
        why = "each copy has writes that the other lacks, and neither node served"
        context.journal.entry("split-brain", resource=name, why=why, result=says, severity=ALERT, run=run)
    return tuple(refused)


def keep(
    context: Context,
    name: str,
    boot: str,
    causes: Collection[DemotionCause],
    here: Resource | None,
    to_the_end: bool = False,
    begins: bool = False,
) -> None:
    """This node is seen to serve while the other one is not connected, and to hold back for these causes; `here`: what
    hastd says; `to_the_end`: it gives up its service now; `begins`: it has just begun to serve apart, else clients may
    have written here before. Raises nothing."""
    mine = hast_of.metadata(context.here, name)
    if mine is None or not boot:
        return
    now = context.timing.now()
    count = Count(here.workerpid, here.writes) if here is not None and here.workerpid is not None else None
    before = served_apart.known(context.store, name, boot, mine)
    if before is None:
        begins = begins or _has_just_parted(context, name)
        unknown = not begins or served_apart.is_not_known(context.store, name, boot, mine)
        before = ServedApart(frozenset(), now, began=now, written=unknown)
    written = before.written or (before.counted is not None and count != before.counted)
    first = before.counted or (count if now - before.began >= FLUSHED else None)
    try:
        seen = ServedApart(frozenset(causes), now, False, before.began, first, written, to_the_end)
        served_apart.note(context.store, name, boot, mine, seen)
    except StateError as error:
        _not_kept(context, name, error)


def _has_just_parted(context: Context, name: str) -> bool:
    parted = own_copy.known(context, name).parted_at
    return parted is not None and abs(context.timing.wall() - parted) <= LATELY


def gives_up(context: Context, name: str, boot: str, here: Resource | None) -> None:
    """This node gives up its service: what clients have written here since the last look counts, too. Raises
    nothing."""
    if not served_apart.is_kept(context.store, name):
        return
    mine = hast_of.metadata(context.here, name)
    before = served_apart.known(context.store, name, boot, mine) if mine is not None else None
    if before is not None:
        keep(context, name, boot, before.causes, here, to_the_end=True)


def forget(context: Context, name: str) -> None:
    """The nodes are connected. Raises nothing."""
    try:
        served_apart.forget(context.store, name)
    except StateError as error:
        _not_kept(context, name, error)


def review(context: Context, place: ResourcePlace, boot: str) -> None:
    """This node is seen not to serve: whether what it served apart has been outlived by the other node, which serves
    now, or is not heard. Raises nothing."""
    if not served_apart.is_kept(context.store, place.name):
        return
    mine = hast_of.metadata(context.here, place.name)
    served = served_apart.known(context.store, place.name, boot, mine) if mine is not None else None
    if mine is None or served is None or served.is_over or not _is_outlived(context, place, served):
        return
    try:
        served_apart.note(context.store, place.name, boot, mine, served._replace(is_over=True))
    except StateError as error:
        _not_kept(context, place.name, error)


def _is_outlived(context: Context, place: ResourcePlace, served: ServedApart) -> bool:
    asked = peer.ask(context, place)
    if asked is None or context.peer is None:
        return context.timing.now() - served.at > OUTLIVED
    if asked.peer is not Peer.HOLDS:
        return False
    try:
        return place.asks(carp.vhids(context.peer.node(peer.ASK))).state is CarpState.MASTER
    except ProbeError:
        return False


def _not_kept(context: Context, name: str, error: StateError) -> None:
    result = f"what this node served apart is not recorded: {error}"
    context.journal.entry("survivor", resource=name, result=result, severity=WARNING)
