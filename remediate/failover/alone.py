"""A node that serves without a word of the other one may not be the only one that serves.

Where both meet again as MASTER, the one gives way that nobody writes to, or else the one that was promoted meanwhile,
as it does where nobody writes to either.
A node knows by itself whether anything has been written here (`state.quiet`), and where it can ask the other one, which
of the two has written more; until that is known it goes on to give way. While nobody else is heard it stays MASTER all
the same. All of it ends when the nodes are connected, or the other one says that it is no primary. Which resources were
promoted alone is recorded before the promotion begins, so that one that was killed ends the same.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial

from checks.probes import carp, hast
from checks.probes.carp import CarpState
from checks.probes.carp_demotion import DemotionCause, DemotionReason
from checks.probes.errors import ProbeError
from checks.probes.hast import Resource, Role, Status
from remediate.context import Context
from remediate.failover import carp_demotion, peer, survivor
from remediate.failover.facts import Peer
from remediate.failover.observe import Observation
from remediate.failover.resource import ResourcePlace
from remediate.state import alone, quiet
from remediate.state.journal import WARNING
from remediate.state.quiet import Count
from remediate.state.store import StateError

STANDS_STILL = survivor.FLUSHED
"""Seconds between two looks that saw the same number of writes: cron(8) calls once a minute."""

WROTE_MORE = None
"""No reason to hold back, whatever else is so."""


def begins(context: Context, observation: Observation, names: Collection[str]) -> None:
    """Before the promotion of these begins. Raises nothing."""
    unheard = [name for name in names if not observation.facts.said[name].peer_asked]
    _kept(context, names, partial(alone.note, context.store, observation.facts.boot_id, names, unheard))


def joined(context: Context, boot: str, names: Collection[str]) -> None:
    """The nodes have heard of each other. Raises nothing."""
    _kept(context, names, partial(alone.note, context.store, boot, names, ()))


def reasons(context: Context, observation: Observation, gone: Collection[str] = ()) -> set[DemotionReason]:
    """Why a node that serves holds back all the same. Of the resources `gone` the other node was known to be gone a
    moment ago, and is not asked. Raises nothing."""
    active = [name for name, state in observation.facts.resources.items() if state.active]
    parted = [name for name in active if not _is_connected(observation, name)]
    promoted = alone.promoted(context.store, observation.facts.boot_id)
    stand_still = _stand_still(context, observation, parted)
    asked = {name: None if name in gone else peer.ask(context, observation.places[name]) for name in parted}
    joined_again = {name for name, remarks in asked.items() if remarks is not None and remarks.peer is Peer.LET_GO}
    parted = [name for name in parted if name not in joined_again]
    joined(context, observation.facts.boot_id, [name for name in active if name in promoted and name not in parted])
    why: dict[str, DemotionCause | None] = {name: DemotionCause.APART for name in parted if name in promoted}
    held = carp_demotion.reasons(context.store)
    for name in parted:
        remarks, place = asked[name], observation.places[name]
        if remarks is None and name in stand_still:
            remarks = peer.look(context, place)  # it may be heard by now
        written = remarks is not None and remarks.peer is Peer.HOLDS
        decided = _by_what_was_written(context, place, observation.resources.get(name)) if written else {}
        is_gone = remarks is not None and remarks.peer is Peer.GONE
        if name in stand_still and not decided and (is_gone or DemotionReason(DemotionCause.QUIET, name) in held):
            decided = {name: DemotionCause.QUIET}
        why |= decided
    gives_way = (
        bool(why)
        and len(why) == len(active)
        and not set(why.values()) - {DemotionCause.QUIET, DemotionCause.WROTE_LESS}
    )
    if not gives_way:  # the counter is one for all resources: clients of one of them are enough to stay
        why = {name: DemotionCause.APART for name in why if name in promoted and why[name] != WROTE_MORE}
    apart = {DemotionReason(DemotionCause.APART, name) for name in why if gives_way and name in promoted}
    found = apart | {DemotionReason(reason, name) for name, reason in why.items() if reason is not None}
    for name in parted:
        causes = [reason.why for reason in found if reason.about == name]
        survivor.keep(context, name, observation.facts.boot_id, causes, observation.resources.get(name))
    return found


def _is_connected(observation: Observation, name: str) -> bool:
    return name in observation.resources and observation.resources[name].status is Status.COMPLETE


def _stand_still(context: Context, observation: Observation, names: list[str]) -> set[str]:
    """Those to which nothing has been written from one look to the next. Raises nothing: what is not known is none."""
    known = {name: observation.resources[name] for name in names if name in observation.resources}
    counts = {name: Count(one.workerpid, one.writes) for name, one in known.items() if one.workerpid is not None}
    if not counts or not observation.facts.boot_id:
        return set()
    now = context.timing.now()
    try:
        stood = quiet.since(context.store, observation.facts.boot_id, counts, now)
    except StateError:
        return set()
    return {name for name, at in stood.items() if now - at >= STANDS_STILL}


def _by_what_was_written(
    context: Context, place: ResourcePlace, here: Resource | None
) -> dict[str, DemotionCause | None]:
    """Which of the two nodes, both MASTER and primary, has written more since they have parted: more is dirty there
    (sbin/hastd/activemap.c). Nothing where it is not known, or is the same."""
    if here is None or context.peer is None:
        return {}
    node = context.peer.node(peer.ASK)
    try:
        state = place.asks(carp.vhids(node)).state
        there = hast.resource(node, place.name)
    except (hast.NoState, ProbeError):
        return {}
    if state is not CarpState.MASTER or there.role is not Role.PRIMARY or there.dirty == here.dirty:
        return {}
    return {place.name: DemotionCause.WROTE_LESS if there.dirty > here.dirty else WROTE_MORE}


def _kept(context: Context, names: Collection[str], write: Callable[[], None]) -> None:
    """It only decides an election after a cut: the service does not wait for it."""
    try:
        write()
    except StateError as error:
        result = f"that it was promoted alone, or no longer is, is not recorded: {error}"
        context.journal.entry("alone", resource=", ".join(names), result=result, severity=WARNING)
