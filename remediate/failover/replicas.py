"""What becomes known of the two copies, written into this node's ledger.

Only a primary knows whether the other copy is complete. It tells the other node so (`telling`) when that changes: a
standby that was told that it is behind is not promoted.
"""

from __future__ import annotations

from checks.probes.carp import CarpState
from checks.probes.hast import Role, Status
from checks.probes.hast_state import HastRole
from remediate.context import Context
from remediate.failover import damaged, dumps, own_copy, unproven
from remediate.failover.observe import Observation
from remediate.failover.peer_notice import NOT_TOLD, PeerNotice, of_peer, reported
from remediate.state.journal import NOTICE, WARNING
from remediate.state.ledger import CopyState, LedgerEvent
from remediate.state.store import StateError


def note(context: Context, observation: Observation, telling: PeerNotice, again: bool = False) -> None:
    """Record what this look at the node showed, and what the other node is to be told of its copy; `again`: even
    where it was told the same before. Raises nothing: what cannot be kept is journalled."""
    for name, state in observation.facts.resources.items():
        if state.role is HastRole.DOWN:
            try:
                note_dead(context, name, LedgerEvent.ROLE_INIT)
            except StateError as error:
                _not_written(context, name, error)
        remarks, own = observation.facts.said[name], own_copy.known(context, name)
        if remarks.lacks and own.copy is not CopyState.INCOMPLETE:
            _note_behind(context, name, observation.facts.name)
        elif remarks.compared and not (remarks.stale or remarks.split) and own.unheard_since is not None:
            write_down(context, name, LedgerEvent.COMPARED, context.timing.wall(), observation.facts.name)
    for name, resource in observation.resources.items():
        try:
            damaged.note(context, name, resource.role, observation.facts.said[name].failed)
            if resource.role is Role.INIT:
                write_down(context, name, LedgerEvent.ROLE_INIT, context.timing.wall(), observation.facts.name)
            elif resource.role is Role.SECONDARY:
                write_down(context, name, LedgerEvent.ROLE_SECONDARY, context.timing.wall(), observation.facts.name)
                connected = resource.status is not Status.ABSENT
                event = LedgerEvent.LOOKED_CONNECTED if connected else LedgerEvent.LOOKED_DISCONNECTED
                worker = str(resource.workerpid or "") if connected else ""
                write_down(context, name, event, context.timing.wall(), observation.facts.name, worker)
            elif resource.role is Role.PRIMARY:
                write_down(context, name, LedgerEvent.ROLE_PRIMARY, context.timing.wall(), observation.facts.name)
                speaks = observation.facts.resources[name].carp is CarpState.MASTER
                if speaks and (known := of_peer(context, resource)) is not CopyState.UNKNOWN:
                    telling.learned(name, known, again)
            if again:
                at = context.timing.wall()
                write_down(context, name, LedgerEvent.LOOKED_REGULARLY, at, observation.facts.name)
        except StateError as error:
            _not_written(context, name, error)


def note_untold(context: Context, observation: Observation, telling: PeerNotice) -> None:
    """What the other node could not be told of its copy when this one gave up the role primary, that it is complete:
    now nobody else tells it. Raises nothing."""
    for name, resource in observation.resources.items():
        untold = reported(context).get(name) == NOT_TOLD and unproven.known(context, name) is None
        if untold and resource.role is Role.SECONDARY and resource.status is Status.ABSENT:
            both = dumps.read(context, name)
            if both is not None and both.nobody_wrote_alone:
                telling.parted_equal(name)


def _note_behind(context: Context, name: str, by: str) -> None:
    """Both dumps say that this copy lacks writes. They say so only as long as the other one is there as it is: whoever
    creates that anew, because a write failed on it or by mistake, must not make this one good."""
    try:
        _, now = own_copy.record(context, name, LedgerEvent.COMPARED_BEHIND, context.timing.wall(), by)
    except StateError as error:
        return _not_written(context, name, error)
    context.journal.entry(
        "ledger", resource=name, why=now.why, result=f"this copy is {now.copy.value}", severity=NOTICE
    )


def write_down(context: Context, name: str, event: LedgerEvent, at: float, by: str, says: str = "") -> None:
    """Record what became known. Raises nothing: what has to be done about it does not wait for the note, and while
    nothing can be recorded nothing is promoted."""
    try:
        own_copy.record(context, name, event, at, by, says)
    except StateError as error:
        _not_written(context, name, error)


def _not_written(context: Context, name: str, error: StateError) -> None:
    context.journal.entry("ledger", resource=name, result=f"not written: {error}", severity=WARNING)


def note_dead(context: Context, name: str, event: LedgerEvent) -> None:
    """A hastd that died calls no hook: since it was last seen to be connected the primary may have written alone, and
    that copy must not be promoted for what was known of it before. A primary itself lacks nothing until now. Raises
    StateError."""
    known, now = own_copy.known(context, name), context.timing.wall()
    alive = [at for at in (known.connected_at, known.last_complete) if at is not None and known.role != "primary"]
    own_copy.record(context, name, event, min(max(alive, default=now), now), context.journal.node_name)


def are_the_same(context: Context, name: str) -> bool:
    """Whether a synchronisation with this primary has nothing to bring: its own copy was complete when it got the role,
    the counters on both disks say that neither node has written alone, and the other copy was not known to be behind
    (one that was just created has such counters too). So it is after a handover (freebsd-facts:
    dirty-after-a-switchover). Of what was underway when the connection was lost the counters know nothing."""
    if context.peer is None or own_copy.known(context, name).copy is not CopyState.COMPLETE:
        return False
    if unproven.known(context, name) is not None:
        return False
    if reported(context).get(name, CopyState.COMPLETE.value) != CopyState.COMPLETE.value:
        return False
    both = dumps.read(context, name)
    return both is not None and both.nobody_wrote_alone
