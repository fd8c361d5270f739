"""Whether a node may take the service address: the reasons to hold it back in CARP, as a function of what was seen.

A node that serves has none, whatever was wrong before, but for one that has not heard of the other (`alone`). For any
other node every reason counts, so that a node that cannot serve does not take the address from one that does
(freebsd-facts: preferred-node-takes-the-address).

The amounts follow from ip_carp.c: what is compared is min(240, advskew + demotion) (DEMOTE_ADVSKEW, CARP_MAXSKEW), a
BACKUP preempts a MASTER only where its own sum is smaller, and a MASTER gives way to one whose sum is smaller or equal
(carp_input_c). So a node that holds back fully takes the address from nobody, whatever else demotes the other one, and
one that holds back by half takes it from a node that is at 240.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from checks.probes import carp, hast, unproven
from checks.probes.bug_292322 import AsPrimary
from checks.probes.carp import CarpState
from checks.probes.carp_demotion import HALF, PARTED, STAYS, DemotionCause, DemotionReason
from checks.probes.counters import Relation
from checks.probes.errors import ProbeError
from checks.probes.hast import Role, Status
from checks.probes.hast_state import HastRole
from checks.probes.node_state import MountState
from checks.probes.vhid import Vhid
from remediate.context import Context
from remediate.failover import alone, carp_demotion, dumps, known_bug, own_copy, peer, survivor
from remediate.failover.behind import is_ahead, lacks_nothing
from remediate.failover.facts import Leaving, Peer, PoolState, ResourceState, Split
from remediate.failover.guards import Decision
from remediate.failover.observe import Observation
from remediate.failover.resource import ResourcePlace
from remediate.state import failures, ledger
from remediate.state.ledger import CopyState

WAS_OFF = (DemotionCause.DOWN, DemotionCause.INIT, DemotionCause.MAY_BE_BEHIND, DemotionCause.STALE, *PARTED)
"""Reasons of a node to which nothing was replicated, or which is behind: it may be so until the primary that is
connected says that it has nothing dirty. One that served alone and has lost the election since is such a node too:
with less to hold it back it would take the address from the winner again."""
GIVES_BACK = (
    *STAYS,
    DemotionCause.DOWN,
    DemotionCause.NO_KEY,
    DemotionCause.CANNOT_BE_PRIMARY,
    DemotionCause.DAMAGED,
    DemotionCause.SUSPENDED,
)
"""Rules by which a MASTER serves nothing and will not by itself: it gives the address to a node that could."""
BELOW_MOST = (
    (frozenset(PARTED) - {DemotionCause.APART}, 3),
    (frozenset(PARTED), 2),
    (frozenset({*HALF, DemotionCause.WROTE_ALONE}), 1),
)
"""By how much less than the whole demotion a node comes to, its advskew included, for these reasons. A node that serves
wins against one that gave up its service, and that one takes the address from one that refuses to serve."""
LEAVES = {Leaving.GOES_DOWN: DemotionCause.SHUTDOWN, Leaving.MOVES: DemotionCause.SWITCHOVER}


def reasons(
    context: Context,
    observation: Observation,
    decisions: Mapping[str, Decision],
    held: bool,
    gone: Collection[str] = (),
) -> set[DemotionReason]:
    """Why this node must not take the address; `held`: it holds itself back already; `gone`: resources for which the
    other node was known to be gone a moment ago. Raises nothing."""
    facts = observation.facts
    if facts.node.leaving in LEAVES:
        return {DemotionReason(LEAVES[facts.node.leaving])}
    if any(_serves(state) for state in facts.resources.values()):
        return alone.reasons(context, observation, gone)
    reasons = {DemotionReason(DemotionCause.MAINTENANCE)} if facts.node.maintenance else set()
    reasons |= {DemotionReason(DemotionCause.FAILED)} if facts.node.blocked or _gave_away(context) else set()
    reasons |= {DemotionReason(DemotionCause.UNSURE)} if facts.unsure else set()
    reasons |= {DemotionReason(DemotionCause.CANNOT_BE_PRIMARY)} if _cannot_be_primary(context, observation) else set()
    for name in facts.resources:
        why = _of_resource(context, observation, decisions[name], name)
        reasons |= {DemotionReason(why, name)} if why else set()
    if not reasons and _is_kept_back(context, observation, held):
        return {DemotionReason(DemotionCause.NO_FAILBACK)}
    return reasons


def _cannot_be_primary(context: Context, observation: Observation) -> bool:
    """Whether hastd was seen not to work as primary, or where the address is not here, is one that is known for it. As
    MASTER it is tried once (`known_bug`): until then the node is no worse than any that is being promoted."""
    if observation.facts.node.cannot_be_primary or any(
        state.carp is CarpState.MASTER for state in observation.facts.resources.values()
    ):
        return observation.facts.node.cannot_be_primary
    return known_bug.known(context).as_primary is AsPrimary.FAILS


def _serves(state: ResourceState) -> bool:
    """Whether the address and the data are here, or may be: the other node cannot take a resource whose role is not
    given up, so to move the address would only take the service away. So it is where the vhids disagree, where hastd
    does not answer, and where the file system is read-only. A suspended pool serves nobody."""
    mounted = state.mounted in (MountState.WRITABLE, MountState.READ_ONLY) and state.pool is PoolState.WELL
    return mounted and state.role in (HastRole.PRIMARY, HastRole.NOT_KNOWN) and state.carp in (CarpState.MASTER, None)


def amount(reasons: set[DemotionReason], most: int, vhids: Collection[Vhid]) -> int:
    """What the reasons add to the demotion: `most`, or half of it where all are such that the address must still go to
    this node from one that cannot serve. The sums of two nodes that may have written alone differ (`BELOW_MOST`), as of
    two equal sums both would give way, and each would be the losing copy."""
    causes = {reason.why for reason in reasons}
    if causes <= set(HALF):
        return most // 2
    below = next((less for which, less in BELOW_MOST if causes <= which), None)
    if below is None:
        return most
    return max(most // 2, most - below - max((vhid.advskew for vhid in vhids if vhid.numbers_read), default=0))


def hold(context: Context, boot: str, reasons: set[DemotionReason], vhids: Collection[Vhid]) -> None:
    """Hold this node back as far as the reasons ask. Raises StepFailed and ProbeError."""
    share = amount(reasons, int(context.config.failover.demotion), vhids)
    carp_demotion.hold(context, boot, reasons, share)


def _of_resource(context: Context, observation: Observation, decision: Decision, name: str) -> DemotionCause | None:
    state, rule = observation.facts.resources[name], decision.rule
    if state.split is Split.LOSING:
        return DemotionCause.SPLIT_BRAIN
    if state.unopenable:
        return DemotionCause.NO_KEY
    if state.role in (HastRole.DOWN, HastRole.NOT_KNOWN):
        return DemotionCause.DOWN if state.role is HastRole.DOWN else DemotionCause.ROLE_NOT_KNOWN
    if rule.refuses and rule.refuses is not DemotionCause.CANNOT_BE_PRIMARY:  # which is one of the node
        return rule.refuses
    if state.carp is CarpState.MASTER:
        return None  # it is being promoted
    if state.mounted is not MountState.NOTHING:
        return DemotionCause.IN_USE
    if state.role is not HastRole.SECONDARY:
        return DemotionCause.PRIMARY if state.role is HastRole.PRIMARY else DemotionCause.INIT
    if state.damaged:
        return DemotionCause.DAMAGED
    own = own_copy.known(context, name)
    connected = name in observation.resources and observation.resources[name].status is not Status.ABSENT
    if not connected and survivor.survives(context, observation.places[name], observation.facts.boot_id):
        return DemotionCause.NOT_CONNECTED  # else the other node, which refuses to serve, would keep the address
    if own.copy is CopyState.INCOMPLETE and (connected or not is_ahead(context, name)):
        return DemotionCause.INCOMPLETE
    was_off = bool(
        {DemotionReason(DemotionCause.BOOT), *(DemotionReason(why, name) for why in WAS_OFF)}.intersection(
            carp_demotion.reasons(context.store)
        )
    )
    if connected:
        unsure = was_off and own.copy is CopyState.UNKNOWN and not _primary_has_none_dirty(context, name)
        return DemotionCause.MAY_BE_BEHIND if unsure else None
    return _still(context, name) or _unconnected(context, observation.places[name], own, was_off)


def _primary_has_none_dirty(context: Context, name: str) -> bool:
    """Whether the primary says that everything is on this disk too; so it is taken where there is no way to ask, as
    then nobody would ever tell this node."""
    if context.peer is None:
        return True
    try:
        node = context.peer.node(peer.ASK)
        there = hast.resource(node, name)
        if unproven.read(node, name) is not None:
            return False
    except (ProbeError, hast.NoState):
        return False
    return there.role is Role.PRIMARY and there.status is Status.COMPLETE and there.dirty == 0


def _unconnected(context: Context, place: ResourcePlace, own: ledger.Ledger, was_off: bool) -> DemotionCause:
    """What is known of a copy that no primary is connected to. The other node writes nothing where it says that it is
    no primary; else it may have written as long as this one was off, or for longer than `stale_after`. Where this one
    may have written alone, too, it is the losing copy."""
    asked = peer.ask(context, place)
    if asked is not None and asked.peer is Peer.LET_GO:
        return DemotionCause.NOT_CONNECTED
    since = own.disconnected_at
    short = since is not None and context.timing.wall() - since <= context.config.failover.stale_after
    followed = own.role == "primary" or short  # it has just given up the role, and the event of it is to come
    if was_off or not followed:
        return DemotionCause.MAY_BE_BEHIND
    if not own_copy.has_counted(context, place.name):
        return DemotionCause.NOT_CONNECTED
    both = dumps.read(context, place.name) if asked is not None else None
    apart = both is None or both.relation is Relation.SPLIT_BRAIN
    return DemotionCause.WROTE_ALONE if apart else DemotionCause.NOT_CONNECTED


def _still(context: Context, name: str) -> DemotionCause | None:
    """The rule that held this node back as MASTER, unless the counters on both disks say now that this copy lacks
    nothing; None where there was none."""
    held = carp_demotion.reasons(context.store)
    before = next((why for why in STAYS if DemotionReason(why, name) in held), None)
    both = dumps.read(context, name) if before else None
    return None if both is not None and lacks_nothing(context, name, both) else before


def _gave_away(context: Context) -> bool:
    """Whether this node gave the address away after a failed promotion, and the window is not over."""
    recent = failures.recent(context.store, context.timing.wall(), context.config.failover.window)
    return bool(recent) and failures.given_away(context.store)


def _is_kept_back(context: Context, observation: Observation, held: bool) -> bool:
    """Whether a fit standby is held back: else it would take the address from a node that serves.

    Where the other node can be asked, its advskew tells whether it would; where it cannot, the node stays as it is,
    held or not. To stay held costs nothing: it takes over all the same when the other one is silent.
    """
    if context.config.failover.failback != "never":
        return False
    if context.peer is None:
        return held
    try:
        theirs = carp.partners(observation.vhids, carp.vhids(context.peer.node(peer.ASK)))
        demotion = carp.settings(context.peer.node(peer.ASK)).demotion
    except (ProbeError, carp.CarpNotLoaded):
        return held
    return any(
        other is None
        or not (mine.numbers_read and other.numbers_read)
        or (mine.advbase, mine.advskew) < (other.advbase, other.advskew + demotion)
        for mine in observation.vhids
        for other in [theirs.get(mine.name)]
    )
