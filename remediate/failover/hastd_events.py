"""What arrives from devd and hastd: recorded at once, and what has to be done about it.

Both daemons call a program and the arguments only say "look now": devd(8) waits for it, hastd runs several at once in
no order. So an arrival takes milliseconds, and says whether a convergence has to follow.
"""

from __future__ import annotations

from checks.probes.carp import CarpState
from checks.probes.carp_demotion import PARTED, DemotionReason
from checks.probes.errors import ProbeError
from checks.probes.hast import Resource, Role, Status
from remediate.context import Context
from remediate.failover import (
    alone,
    carp_demotion,
    damaged,
    gave_way,
    hast_of,
    mastership,
    newest,
    own_copy,
    peer,
    replicas,
    survivor,
    unproven,
    waking,
)
from remediate.failover.devd_events import InvalidEvent as InvalidEvent
from remediate.failover.devd_events import carp_event as carp_event
from remediate.failover.errors import StepFailed
from remediate.failover.facts import Peer
from remediate.failover.hook_arguments import EVENTS, ROLES, refuse_wrong
from remediate.failover.observe import observe
from remediate.failover.peer_notice import PeerNotice, of_peer
from remediate.failover.record import record
from remediate.failover.resource import places
from remediate.failover.this_boot import this_boot
from remediate.state import ledger, marker, noted
from remediate.state.journal import ALERT, INFO, NOTICE, WARNING
from remediate.state.ledger import CopyState, LedgerEvent
from remediate.state.noted import HastdEvent
from remediate.state.store import StateError, StateNotKept

SYNC_LOOKS = 2.0
"""Seconds in which a synchronisation that had nothing to copy is over: only a longer one leaves a copy behind."""


def hast_event(context: Context, event: HastdEvent, telling: PeerNotice) -> str:
    """An event of hastd (hast.conf(5), `exec`), perhaps of some time ago. What a convergence is to be called for, empty
    where none is needed. Raises InvalidEvent, StateError, ProbeError."""
    refuse_wrong(event.words)
    kind, name, more, at = event.words[0], event.words[1], event.words[2:], event.at
    if name not in places(context.here.node(), context.config):
        raise InvalidEvent(f"hast.conf has no resource {name}")
    at = own_copy.came_at(context, name, at)
    if kind == "split-brain":
        return _split_brain(context, name)
    if kind == "role":
        return _role(context, name, more[1], at)
    hastd = hast_of.state(context.here, name)
    resource = hastd.resource
    if resource is None:
        raise InvalidEvent(f"what {kind} of {name} means is not known: {hastd.says}")
    fresh = damaged.at_an_event(context, resource)
    if resource.role is Role.PRIMARY:  # what an event says of the own copy depends on it, and it may be news
        replicas.write_down(context, name, LedgerEvent.ROLE_PRIMARY, context.timing.wall(), context.journal.node_name)
    trigger = f"hastd {kind} {name}"
    if kind == "connect" and resource.role is not Role.PRIMARY and noted.came_as(context.store, event, Role.PRIMARY):
        newest.void(context, name)
        survivor.forget(context, name)
        replicas.write_down(context, name, LedgerEvent.OTHER_CONNECTED, at, context.journal.node_name)
        return trigger if fresh else ""
    if not _is_old(context, kind, name, at):
        before = own_copy.known(context, name)
        replicas.write_down(context, name, EVENTS[kind], at, context.journal.node_name)
        if kind == "connect":
            newest.void(context, name)
            survivor.forget(context, name)
            if resource.role is not Role.PRIMARY and context.peer is not None and _was_apart(before, at):
                _await_word(context, name, at)
    if kind == "disconnect":
        newest.note_alone(context, resource)
        if resource.role is Role.PRIMARY:
            survivor.keep(context, name, this_boot(context), (), resource)
    if EVENTS[kind] is LedgerEvent.DISCONNECT and resource.role is not Role.PRIMARY:
        _look_at_carp(context, name)
    if kind == "connect" and resource.role is Role.PRIMARY:
        waking.expect_all(context)
        _joined(context, name)
        unproven.connected(context, name)
    _about_the_copies(context, resource, EVENTS[kind], at, telling)
    return trigger if fresh else _fit_again(context, trigger) if kind == "connect" else ""


def _was_apart(before: ledger.Ledger, at: float) -> bool:
    """Whether this copy had lost its primary, or its node was booted, so that a write may have been underway then. A
    primary that connects again before this node's hastd has noticed is told of by nothing but its connection: hastd
    stops the worker that it had (hastd.c, listen_accept()), and that ends without an event. A look may have seen the
    connection before its own event has come."""
    since = before.connected_at if before.disconnected_at is None else None
    again = since is not None and since < at - ledger.SHUFFLE
    return again or before.parted_at is not None or before.unheard_since is not None


def _await_word(context: Context, name: str, at: float) -> None:
    """The primary that has connected tells what this copy is (`peer_notice`), and until then it is not taken for
    complete; not where that has told already."""
    known = own_copy.known(context, name)
    if known.copy is CopyState.UNKNOWN or (known.copy is CopyState.COMPLETE and (known.last_complete or 0.0) < at):
        replicas.write_down(context, name, LedgerEvent.NOT_TOLD_YET, at, context.journal.node_name)


def _role(context: Context, name: str, role: str, at: float) -> str:
    """A change of the role says "look now": by the time that this is done another one may have followed, and what was
    recorded of that must stay. What hastd said counts where it does not answer."""
    resource = hast_of.resource(context.here, name)
    now = role if resource is None else resource.role.value
    if resource is not None:
        damaged.at_an_event(context, resource)
    if now != Role.PRIMARY.value and own_copy.is_primary_apart(context, name):
        gave_way.hold_back(context, [name])
    replicas.write_down(
        context, name, ROLES[now], at if now == role else context.timing.wall(), context.journal.node_name
    )
    return f"hastd role {name} init" if now == "init" else ""


def _is_old(context: Context, kind: str, name: str, at: float) -> bool:
    """A synchronisation that was completed says that both copies are equal: at that time, and not after what has become
    known since."""
    return kind == "syncdone" and own_copy.known(context, name).since > at


def _joined(context: Context, name: str) -> None:
    """A node that serves and has not heard of the other holds back no longer when that has connected: before it
    tells the other that its copy is complete, which lets that one go. Raises nothing; a convergence does it again."""
    reasons = set(carp_demotion.reasons(context.store))
    ended = {DemotionReason(why, name) for why in PARTED} & reasons
    if ended:
        alone.joined(context, this_boot(context), [name])
    if ended and reasons == ended:
        try:
            carp_demotion.hold(context, this_boot(context), (), 0)
        except (StepFailed, ProbeError) as error:
            context.journal.entry("hold", why=f"{name} is connected", result=f"failed: {error}", severity=WARNING)


def note_report(context: Context, name: str, copy: CopyState, by: str) -> str:
    """The other node, which is primary, says what this node's copy is. What a convergence is to be called for, empty
    where none is needed. Raises StateError."""
    if own_copy.known(context, name).role == Role.PRIMARY.value and not _is_secondary(context, name):
        context.journal.entry("ledger", resource=name, why=f"{by} reported that this copy is {copy.value}",
                              result="not recorded: this node is primary itself", severity=WARNING)  # fmt: skip
        return ""
    event = LedgerEvent.TOLD_COMPLETE if copy is CopyState.COMPLETE else LedgerEvent.TOLD_INCOMPLETE
    before, now = own_copy.record(context, name, event, context.timing.wall(), by)
    if before.copy is not now.copy:
        context.journal.entry(
            "ledger", resource=name, why=now.why, result=f"this copy is {now.copy.value}", severity=INFO
        )
    if copy is CopyState.COMPLETE:
        end_split_brain(context, name, f"{by} says that both copies are the same")
    return _fit_again(context, f"{by} told {copy.value}")


def _is_secondary(context: Context, name: str) -> bool:
    """Whether hastd has another role than the ledger, which could not be written when that was given; then it is now.
    Raises StateError."""
    here = hast_of.resource(context.here, name)
    if here is None or here.role is not Role.SECONDARY:
        return False
    own_copy.record(context, name, LedgerEvent.ROLE_SECONDARY, context.timing.wall(), context.journal.node_name)
    return True


def _fit_again(context: Context, trigger: str) -> str:
    """A node that holds itself back is looked at again: it may be fit now."""
    return trigger if carp_demotion.reasons(context.store) else ""


def _split_brain(context: Context, name: str) -> str:
    """Write it down; the side that does not serve when it is found is the losing one, and steps down at once. Which
    side that is, is told once: hastd repeats the event, and a winner may stop to serve meanwhile."""
    observation = record(context, observe(context))
    state = observation.facts.resources[name]
    serving = state.active and state.carp is CarpState.MASTER
    before = marker.present(context.store, name)
    losing = None if before is not None and before.losing is not None else not serving
    try:
        failure = marker.record(
            context.store, name, observation.facts.name, observation.facts.boot_id, context.timing.wall(), losing
        )
    except StateNotKept as error:
        result = f"no marker could be left, and nothing is promoted here while none can: {error}"
        context.journal.entry("split-brain", resource=name, why="hastd reports it", severity=ALERT, result=result)
        return "" if serving else f"hastd split-brain {name}"
    if failure.events == 1:
        if serving:
            waking.expect_all(context)
        side = "this node does not serve, and steps down" if failure.losing else "this node serves the clients"
        context.journal.entry("split-brain", resource=name, why="hastd reports it", result=side, severity=ALERT,
                              evidence=(f"CARP {state.carp.value if state.carp else 'not known'}", state.role.value,
                                     state.mounted.value), run=failure.id)  # fmt: skip
    steps_down = failure.losing and context.config.split_brain.policy != "none"
    return f"hastd split-brain {name}" if steps_down else ""


def _look_at_carp(context: Context, name: str) -> None:
    """See whether another node is MASTER while this one has no primary: if it stays so, it writes alone."""
    try:
        mastership.note(context)
    except (ProbeError, StateError) as error:
        context.journal.entry("ledger", resource=name, why="no primary is connected", severity=WARNING,
                              result=f"CARP was not read: {error}")  # fmt: skip


def _about_the_copies(context: Context, resource: Resource, event: LedgerEvent, at: float, telling: PeerNotice) -> None:
    """What a primary learned of the other copy goes to the other node; a secondary that lost its primary asks it. An
    event that waited is of a connection that may have been followed by another one: then only the primary knows."""
    name = resource.name
    if resource.role is Role.PRIMARY:
        known = (
            _after_a_look(context, name)
            if event in (LedgerEvent.CONNECT, LedgerEvent.SYNCSTART)
            else of_peer(context, resource)
        )
        if event is LedgerEvent.SYNCDONE and resource.status is Status.COMPLETE:
            unproven.synchronised(context, name, at)
            known = CopyState.COMPLETE if unproven.known(context, name) is None else CopyState.INCOMPLETE
            end_split_brain(context, name, "a synchronisation was completed")
        if known is not CopyState.UNKNOWN:  # what is remembered there may be damaged, or of before a boot
            telling.learned(name, known, again=event in (LedgerEvent.CONNECT, LedgerEvent.SYNCDONE))
    elif resource.role is Role.SECONDARY and event is LedgerEvent.DISCONNECT:
        place = places(context.here.node(), context.config)[name]
        asked = peer.ask(context, place)
        if asked is not None and asked.peer is Peer.HOLDS and not peer.has_primary(context, place):
            replicas.write_down(context, name, LedgerEvent.TOLD_INCOMPLETE, context.timing.wall(), asked.node)


def _after_a_look(context: Context, name: str) -> CopyState:
    """What a primary knows of the other copy when that has connected or is synchronised. A synchronisation with nothing
    dirty is over at once (freebsd-facts: events-come-in-any-order); one that is made in any case leaves nothing behind
    where it is cut short."""
    copies: list[CopyState] = []

    def known() -> bool:
        resource = hast_of.resource(context.here, name)
        if resource is None:
            return False
        here = resource.role is Role.PRIMARY  # else the role was given up meanwhile, and this node knows nothing more
        now = of_peer(context, resource) if here else CopyState.UNKNOWN
        if not here or now is not CopyState.UNKNOWN:
            copies.append(now)
        return bool(copies)

    context.timing.until(known, SYNC_LOOKS, 0.2)
    copy = copies[0] if copies else CopyState.INCOMPLETE
    return CopyState.UNKNOWN if copy is CopyState.INCOMPLETE and replicas.are_the_same(context, name) else copy


def end_split_brain(context: Context, name: str, why: str) -> None:
    """The split-brain is over, if there was one. Raises StateNotKept."""
    if marker.present(context.store, name) is not None and marker.clear(context.store, name):
        context.journal.entry("split-brain", resource=name, why=why, result="it is over", severity=NOTICE)
