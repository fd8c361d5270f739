"""What follows a convergence when its lock is released: events of hastd that came meanwhile, and what the other node is
to be told, in one message.

An event that is noted while a convergence runs is not lost whoever dies when: the convergence looks for events after
its lock is released, and whoever has noted one looks whether that is so after the note is made; so one of them finds
it. What was left by a process that was killed the next one finds, at its beginning too.
"""

from __future__ import annotations

from collections.abc import Callable

from checks.probes.errors import ProbeError
from checks.probes.hast import Role
from checks.probes.hast_state import HastRole
from checks.probes.node_state import MountState
from remediate.context import Context
from remediate.failover import dumps, hastd_events, replicas, unproven
from remediate.failover.hastd_events import InvalidEvent
from remediate.failover.hook_arguments import refuse_wrong
from remediate.failover.observe import Observation
from remediate.failover.peer_notice import SECONDS, PeerNotice
from remediate.state import noted
from remediate.state.journal import ERR, WARNING
from remediate.state.ledger import SHUFFLE, LedgerEvent
from remediate.state.lock import Lock
from remediate.state.noted import HASTD, HastdEvent
from remediate.state.store import StateError

LOCK = "afterwards"
WAIT = 3 * SECONDS
"""Seconds that what is to be told waits for a message that is underway."""
FRESH = 120.0
"""Seconds after which a completed synchronisation says nothing any more of the other copy."""

Converges = Callable[[str, PeerNotice], object]
"""Brings the node in place for an event that asks for it, and collects what is to be told of it."""


def convergence_heeds(context: Context, name: str) -> bool:
    """Whether a convergence runs (lock `name`) that takes up what is noted now."""
    holder = Lock(context.store, name, "", context.timing).holder()
    return holder is not None and holder.heeds == HASTD


def write_down(context: Context) -> None:
    """Before a look at the node: since when no primary is connected, for a promotion that is decided now. All else that
    an event is for comes afterwards. Raises nothing."""
    for each in noted.waiting(context.store):
        if each.words[0] == "disconnect" and len(each.words) == 2:
            replicas.write_down(context, each.words[1], LedgerEvent.DISCONNECT, each.at, context.journal.node_name)


def note_divergence(context: Context, observation: Observation, telling: PeerNotice) -> None:
    """After a plan was carried out: a primary that lost the other node before it gave up the role tells it that its
    copy is behind. By the time that the event is taken up this node is no primary, and knows nothing of the other copy
    but that: what the unmount wrote is not in it. Not where the role went first, so that nothing was written alone, nor
    where nothing was mounted and the counters prove it: an event of CARP had overtaken the promotion."""
    waiting = noted.waiting(context.store)
    for name, state in observation.facts.resources.items():
        if state.role is not HastRole.PRIMARY or state.role_first or not _lost_as_primary(name, waiting):
            continue
        if state.mounted is not MountState.NOTHING or not _wrote_nothing(context, name):
            telling.parted(name)


def _wrote_nothing(context: Context, name: str) -> bool:
    both = dumps.read(context, name)
    return both is not None and both.wrote_nothing_alone


def _lost_as_primary(name: str, waiting: list[HastdEvent]) -> bool:
    """Whether the other node was not connected when the role was given up, as the events tell."""
    lost = False
    for words in (each.words for each in waiting if each.words[1] == name):
        if words[0] == "role" and words[2:3] == ["primary"]:
            break
        if words[0] in ("connect", "disconnect"):
            lost = words[0] == "disconnect"
    return lost


def settle(context: Context, telling: PeerNotice, converges: Converges) -> None:
    """Take up the events that wait, and tell the other node what has become known. One process at a time does; what
    another one notes meanwhile it takes up too. Raises nothing but what `converges` raises."""
    while telling or noted.waiting(context.store):
        lock = _taken(context, telling, "handles what has arrived meanwhile")
        if lock is None:
            return
        with lock:
            events = noted.waiting(context.store)
            triggers, synchronised = _take_up(context, events, telling)
            left = [each for each in noted.waiting(context.store) if each not in synchronised]
            stuck = bool(left) and left == [each for each in events if each not in synchronised]
            if stuck or not (triggers or left):  # else more becomes known, for the same message
                untold = telling.send(context)
                for each in synchronised:
                    if each.words[1] not in untold:
                        _remove(context, each)
                stuck = stuck or any(each in synchronised for each in noted.waiting(context.store))
        for trigger in triggers:
            converges(trigger, telling)
        if stuck:
            return  # the notes cannot be removed, which is journalled, or are for the next look


def tell(context: Context, telling: PeerNotice) -> None:
    """Tell the other node what has become known, after any message that is underway. Raises nothing."""
    if telling and (lock := _taken(context, telling, "notifies the other node")) is not None:
        with lock:
            telling.send(context)


def _taken(context: Context, telling: PeerNotice, purpose: str) -> Lock | None:
    """The lock, held, after any message that is underway where there is something to tell. None where it cannot be had,
    which is journalled where something is not told therefore."""
    lock = Lock(context.store, LOCK, purpose, context.timing)
    try:
        if lock.acquire(WAIT if telling else 0):
            return lock
        why = "another message is underway"
    except StateError as error:
        why = str(error)
    if telling:
        context.journal.entry("told", result=f"the other node is notified at the next run: {why}", severity=WARNING)
    return None


def _take_up(context: Context, events: list[HastdEvent], telling: PeerNotice) -> tuple[list[str], list[HastdEvent]]:
    """Do what the events are for; what convergences are to be called for, and the completed synchronisations, which
    stay until the other node is told: no look at this one shows them again while something is dirty."""
    triggers: list[str] = []
    synchronised: list[HastdEvent] = []
    for place, each in enumerate(_with_roles(context, events)):
        is_over = _is_over(each, events[place + 1 :], context.timing.wall())
        if not is_over:
            if each.words[0] == "disconnect" and not _role_changed(each.words[1], events[place + 1 :]):
                unproven.lost(context, each.words[1], each.at)
            triggers.append(_event(context, each, telling))
        if not is_over and each.words[0] == "syncdone":
            synchronised.append(each)
        else:
            _remove(context, each)
    return [trigger for trigger in dict.fromkeys(triggers) if trigger], synchronised


def _remove(context: Context, event: HastdEvent) -> None:
    try:
        noted.done(context.store, event)
    except StateError as error:
        context.journal.entry("worker", why=_why(event), result=f"done, and not removed: {error}", severity=WARNING)


def _role_changed(name: str, later: list[HastdEvent]) -> bool:
    """Whether the role was changed after an event, which then was one of a worker that is gone: a standby loses its
    primary, and is promoted."""
    return any(each.words[:2] == ["role", name] for each in later)


def _is_over(event: HastdEvent, later: list[HastdEvent], now: float) -> bool:
    """Whether a later event says more of the same: the last change of a role counts, and a synchronisation was only
    the end of it where the connection has not changed since. After a clock was set back that is unknown of one that
    is of later than now."""
    kind, name = event.words[0], event.words[1]
    after = [each.words[0] for each in later if each.words[1] == name]
    if kind == "role":
        return "role" in after
    return kind == "syncdone" and (bool(after) or not -SHUFFLE <= now - event.at <= FRESH)


def _with_roles(context: Context, events: list[HastdEvent]) -> list[HastdEvent]:
    """The events, and of connections the role in which they came, where a change of it waits too: both may be of before
    a boot. hastd forks the hooks in the order of the events, but they may note them in another one (freebsd-facts:
    hooks-begin-in-their-role); within SHUFFLE the process numbers tell it, where the kernel counts them up."""
    known = []
    counts_up: list[bool] = []
    for event in events:
        changes = [each for each in events if each.words[:2] == ["role", event.words[1]]]
        if event.words[0] == "connect" and event.role is None and changes:
            near = [each for each in changes if abs(each.at - event.at) <= SHUFFLE]
            if near and not counts_up:
                counts_up.append(_pids_count_up(context))
            event = event._replace(role=_role_at(event, changes, near if counts_up == [True] else []))
        known.append(event)
    return known


def _role_at(event: HastdEvent, changes: list[HastdEvent], numbered: list[HastdEvent]) -> Role | None:
    """The role between the changes before and after a connection: of those that are `numbered` by the process numbers,
    of the others by the time."""
    later = [each for each in numbered if noted.forks_between(event, each) < noted.PID_MAX // 2]
    if later:
        return _role(min(later, key=lambda each: noted.forks_between(event, each)).words[2])
    before = [each for each in changes if each.at <= event.at + SHUFFLE]
    return _role(before[-1].words[3]) if before else None


def _role(word: str) -> Role | None:
    """None for a word that is none of hastd's."""
    return next((role for role in (Role.PRIMARY, Role.SECONDARY) if role.value == word), None)


def _pids_count_up(context: Context) -> bool:
    """Whether a process that is forked later has a higher number. Raises nothing: what is not known tells no order."""
    machine = context.here.machine
    try:
        return machine is not None and machine.integer("kern.randompid") == 0
    except ProbeError:
        return False


def _event(context: Context, event: HastdEvent, telling: PeerNotice) -> str:
    """What a convergence is to be called for. What cannot be done with an event is journalled."""
    try:
        refuse_wrong(event.words)
        return hastd_events.hast_event(context, event, telling)
    except (InvalidEvent, StateError, ProbeError) as error:
        context.journal.entry("worker", why=_why(event), result=f"nothing is done: {error}", severity=ERR)
        return ""


def _why(event: HastdEvent) -> str:
    return f"hastd {' '.join(event.words)}"
