"""What is known of this node's copy of a resource: whether it is complete, and since when its primary is gone.

Nothing on a secondary itself says whether its copy is complete (`dirty` is always 0 there, hastctl(8)); so it is
recorded when it becomes known. hastd's hooks run concurrently and repeat: their order is not information, and no
rule here depends on it. Where two events of the connection contradict each other, the later time counts.

While the state directory takes no file the ledger is kept in the second one (`second`). Where neither takes any, what
becomes known is lost; that it was lost is found out afterwards (`failover.own_copy`).
"""

from __future__ import annotations

import enum
import math
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from checks.probes import damage_record, state_files
from checks.probes.boot_time import same_boot
from checks.probes.damage_record import Damage
from checks.probes.timestamps import since_1970, utc, utc_milliseconds
from remediate.state import damage, second
from remediate.state.events import BackupPeriod
from remediate.state.store import StateUnreadable, Store, Values
from remediate.state.wall_clock import WallClock, moved

if TYPE_CHECKING:
    from checks.probes.node import Node

SHUFFLE = 2.0
"""Seconds within which the hooks of two events of hastd may start in the wrong order, on a busy machine."""
ANEW = 10.0
"""Seconds after which a ledger is written again in which nothing but the time of that has changed."""


class CopyState(enum.Enum):
    """What is known of this node's copy."""

    COMPLETE = "complete"
    INCOMPLETE = "incomplete"
    UNKNOWN = "unknown"


class LedgerEvent(enum.Enum):
    """What makes something known. The first group are events of this node's own hastd (hast.conf(5), `exec`)."""

    CONNECT = "connect"
    OTHER_CONNECTED = "other-connected"
    DISCONNECT = "disconnect"
    SYNCSTART = "syncstart"
    SYNCDONE = "syncdone"
    SYNCINTR = "syncintr"
    ROLE_PRIMARY = "role-primary"
    ROLE_SECONDARY = "role-secondary"
    ROLE_INIT = "role-init"

    STARTED = "started"
    TOLD_COMPLETE = "told-complete"
    TOLD_INCOMPLETE = "told-incomplete"
    NOT_TOLD_YET = "not-told-yet"
    LOOKED_CONNECTED = "looked-connected"
    LOOKED_DISCONNECTED = "looked-disconnected"
    LOOKED_APART = "looked-apart"
    LOOKED_REGULARLY = "looked-regularly"
    NOTES_LOST = "notes-lost"
    COMPARED = "compared"
    COMPARED_BEHIND = "compared-behind"
    LOSS_ACCEPTED = "loss-accepted"

    WRITE_FAILED = "write-failed"
    CREATED = "created"
    FILLS = "fills"
    TOLD_SOUND = "told-sound"


class Ledger(NamedTuple):
    """What is known. Times in seconds since 1970, by this node's clock as it was set when they were last written.

    `copy` since `since`, because of `why` (one sentence), known by the node `by`; `last_complete`: when the copy was
    last known complete. `disconnected_at`: since when this node, while no primary, has had none connected to it; None
    while it has one, is one itself, or nothing is known. `connected_at`: when a primary last connected; `role`: the
    one given last, empty where unknown. `parted_at`: since when the two copies have been apart, whichever of the nodes
    was primary; None while they are connected, and where it isn't known. `boot`: the mark of the boot in which this was
    recorded, empty where that isn't known. `unheard_since`: when this node was booted, while it has neither been
    connected since nor heard anything of the other copy; else None. `damage`: a write failed on this copy, and it has
    not been recreated since; such a copy is incomplete, whatever else is known of it. `sound_since`: when a damaged
    copy was last known to be sound again; what tells of a failed write before that is of the past.
    `clock`: by how much the wall clock was ahead then of the one that never jumps; `steady_since`: since when, at the
    latest, it has not been set; both None where that isn't known. `written_at`: when anything was last recorded in this
    boot; `lost_since`: since when it could not be, while nothing has shown since that the copy is complete; else None.
    `worker`: the process of hastd that had the connection of this secondary at the last look, None where none had, or
    that is not known; `watched`: cron(8) looks at this node in this boot.
    """

    copy: CopyState
    since: float
    why: str
    by: str
    last_complete: float | None = None
    disconnected_at: float | None = None
    connected_at: float | None = None
    role: str = ""
    parted_at: float | None = None
    boot: str = ""
    unheard_since: float | None = None
    damage: Damage | None = None
    sound_since: float | None = None
    clock: float | None = None
    steady_since: float | None = None
    written_at: float | None = None
    lost_since: float | None = None
    worker: int | None = None
    watched: bool = False


NOTHING = Ledger(CopyState.UNKNOWN, 0.0, "nothing has been heard of this copy yet", "")

BOOTED = "this node was booted after this copy was known to be complete, and what was written meanwhile is not known"

Link = Callable[[Ledger, float], Ledger]


def keep(ledger: Ledger, at: float) -> Ledger:
    """The event says nothing of the connection."""
    return ledger


def connected(ledger: Ledger, at: float) -> Ledger:
    """A primary is connected from now on, unless it is known to have gone later than that. What it wrote while it was
    not connected is copied now, and how far that is only the primary can tell."""
    if ledger.role == "primary":
        return ledger
    gone = ledger.disconnected_at
    latest = at if ledger.connected_at is None else max(at, ledger.connected_at)
    if gone is None or gone > at:
        return ledger._replace(connected_at=latest)
    again = ledger._replace(connected_at=latest, disconnected_at=None)
    proven = ledger.copy is CopyState.COMPLETE and (ledger.last_complete or 0.0) > gone
    if ledger.copy is not CopyState.COMPLETE or proven:
        return again
    return again._replace(copy=CopyState.UNKNOWN, since=at, why="the primary has connected again, and may be copying")


def seen_connected(ledger: Ledger, at: float) -> Ledger:
    """A primary is connected, whatever was heard before."""
    return ledger if ledger.role == "primary" else ledger._replace(connected_at=at, disconnected_at=None)


def gone(ledger: Ledger, at: float) -> Ledger:
    """The primary is gone from now on, unless it was gone already or has connected since."""
    if ledger.role == "primary" or ledger.disconnected_at is not None:
        return ledger
    again = ledger.connected_at is not None and ledger.connected_at >= at
    return ledger if again else ledger._replace(disconnected_at=at)


def primary(ledger: Ledger, at: float) -> Ledger:
    """This node is the primary: nobody else can be its primary, connected or gone."""
    return ledger._replace(role="primary", connected_at=None, disconnected_at=None)


def secondary(ledger: Ledger, at: float) -> Ledger:
    """A new secondary has no primary until one connects; which may have been heard of first."""
    if ledger.role == "secondary":
        return ledger
    now = ledger._replace(role="secondary")
    heard_first = now.connected_at is not None and at - now.connected_at < SHUFFLE
    return now if heard_first else gone(now, at)


def watched(ledger: Ledger, at: float) -> Ledger:
    """The next look is due in a minute."""
    return ledger._replace(watched=True)


def idle(ledger: Ledger, at: float) -> Ledger:
    """Without a role no primary can connect: whatever another node writes from now on is missing here."""
    return gone(ledger._replace(role="init", connected_at=None), at)


class LedgerRule(NamedTuple):
    """One rule: what an event makes of the copy (None: it stays what it was), of the connection, the ledger's sentence
    where the copy changes ({by}: who knew), and why the rule is right."""

    event: LedgerEvent
    copy: CopyState | None
    link: Link
    why: str
    because: str


TABLE = (
    LedgerRule(LedgerEvent.CONNECT, None, connected, "",
        "a synchronisation may run now, which only the primary can tell"),
    LedgerRule(LedgerEvent.OTHER_CONNECTED, None, keep, "",
        "the other node connected to this one while that was primary, and this is known late: nothing was missing "
        "here, and whether a primary is connected now it does not say"),
    LedgerRule(LedgerEvent.DISCONNECT, None, gone, "",
        "on a secondary its primary is gone, and what that writes alone is not known "
        "yet; on a primary it says nothing against the own copy"),
    LedgerRule(LedgerEvent.SYNCSTART, None, keep, "", "only a primary has it, and it is the other copy that is behind"),
    LedgerRule(LedgerEvent.SYNCDONE, CopyState.COMPLETE, keep, "a synchronisation of {by} was completed",
        "only a primary has it, and both copies are equal then"),
    LedgerRule(LedgerEvent.SYNCINTR, None, keep, "",
        "only a primary has it, and it is the other copy that stays behind"),
    LedgerRule(LedgerEvent.ROLE_PRIMARY, None, primary, "", "the role makes no copy complete"),
    LedgerRule(LedgerEvent.ROLE_SECONDARY, None, secondary, "",
        "the role makes no copy incomplete; the new primary has to connect"),
    LedgerRule(LedgerEvent.ROLE_INIT, None, idle, "",
        "the role makes no copy incomplete; but nothing is replicated to this node"),
    LedgerRule(LedgerEvent.STARTED, CopyState.UNKNOWN, idle,
        "hastd of {by} was started, and what was written meanwhile is not known",
        "while a node was off, or without hastd, the other one may have written alone; what was known to be incomplete "
        "still is"),
    LedgerRule(LedgerEvent.TOLD_COMPLETE, CopyState.COMPLETE, keep, "{by} reported that this copy is complete",
        "the primary knows"),
    LedgerRule(LedgerEvent.TOLD_INCOMPLETE, CopyState.INCOMPLETE, keep, "{by} reported that this copy is behind",
        "the primary knows"),
    LedgerRule(LedgerEvent.NOT_TOLD_YET, CopyState.INCOMPLETE, keep,
        "the primary has connected again, and has not reported yet whether anything is missing here",
        "it may be copying, and what was underway when the connection was lost is never copied"),
    LedgerRule(LedgerEvent.LOOKED_CONNECTED, None, seen_connected, "",
        "this node's own secondary worker runs: it has a primary"),
    LedgerRule(LedgerEvent.LOOKED_DISCONNECTED, None, gone, "", "no secondary worker runs: this node has no primary"),
    LedgerRule(LedgerEvent.LOOKED_APART, CopyState.INCOMPLETE, gone,
        "hastd of the other node said that it was primary, and it was not connected to {by}",
        "what it writes then is not replicated to this node"),
    LedgerRule(LedgerEvent.LOOKED_REGULARLY, None, watched, "", "cron(8) looks at this node once a minute"),
    LedgerRule(LedgerEvent.NOTES_LOST, CopyState.INCOMPLETE, keep,
        "what became known of this copy could not be recorded for a while",
        "the other node may have told that it was behind, and its primary may have come and gone"),
    LedgerRule(LedgerEvent.COMPARED, None, keep, "",
        "the counters on both disks were compared, and this copy is not behind"),
    LedgerRule(LedgerEvent.COMPARED_BEHIND, CopyState.INCOMPLETE, keep,
        "the counters on both disks showed that this copy lacks writes",
        "it lacks them as well when the disk that has them is gone, or was recreated"),
    LedgerRule(LedgerEvent.LOSS_ACCEPTED, CopyState.COMPLETE, keep,
        "the loss of what this copy lacks was accepted on {by}",
        "an operator decided that this copy is what counts from now on"),
    LedgerRule(LedgerEvent.WRITE_FAILED, CopyState.INCOMPLETE, keep, "a write failed on this copy",
        "it holds an old block, and HAST calls it complete: one side that succeeds is enough for a write"),
    LedgerRule(LedgerEvent.CREATED, None, keep, "",
        "a damaged copy with the metadata of hastctl create is filled by the next "
        "connection, whole"),
    LedgerRule(LedgerEvent.FILLS, None, keep, "",
        "a created copy with the metadata of its primary has been connected since, and "
        "lacks nothing when that says so"),
    LedgerRule(LedgerEvent.TOLD_SOUND, CopyState.UNKNOWN, keep,
        "an operator on {by} reported that no failed write left anything here",
        "whether it is complete is for its primary to tell"),
)  # fmt: skip
"""The rules, one for each event."""

ROWS = {row.event: row for row in TABLE}
HEARS = frozenset({LedgerEvent.CONNECT, LedgerEvent.SYNCDONE, LedgerEvent.TOLD_COMPLETE, LedgerEvent.TOLD_INCOMPLETE,
                   LedgerEvent.LOOKED_CONNECTED, LedgerEvent.LOSS_ACCEPTED, LedgerEvent.COMPARED,
                   LedgerEvent.COMPARED_BEHIND})  # fmt: skip
"""Events after which a node that was booted knows how its copy stands to the other one, or an operator has decided."""
JOINS = frozenset({LedgerEvent.CONNECT, LedgerEvent.OTHER_CONNECTED, LedgerEvent.LOOKED_CONNECTED,
                   LedgerEvent.SYNCDONE})  # fmt: skip
"""Events with which both copies are together again."""


def after(ledger: Ledger, event: LedgerEvent, at: float, by: str, says: str = "") -> Ledger:
    """What is known once `event` became known at `at`, through the node `by`; `says`: of a failed write, what and from
    where; of a connection that is looked at, the process of hastd that has it. The same event twice is as once."""
    left = _damage(ledger.damage, event, at, says)
    mended = ledger.damage is not None and left is None
    now = _but_for_damage(ledger, event, at, by, left is not None)
    now = now._replace(damage=left, sound_since=at if mended else ledger.sound_since)
    if event is LedgerEvent.NOTES_LOST:
        now = now._replace(lost_since=at if ledger.lost_since is None else min(at, ledger.lost_since))
    elif now.copy is not CopyState.INCOMPLETE:
        now = now._replace(lost_since=None)
    if event is LedgerEvent.LOOKED_CONNECTED:
        now = now._replace(worker=int(says) if says.isdecimal() else None)
    elif _link(now) != _link(ledger):
        now = now._replace(worker=None)
    if left is None:
        return now
    by = by if event in ABOUT_DAMAGE else now.by
    return now._replace(copy=CopyState.INCOMPLETE, since=left.at, why=left.sentence, by=by)


def _link(ledger: Ledger) -> tuple[str, float | None, float | None]:
    return ledger.role, ledger.connected_at, ledger.disconnected_at


ABOUT_DAMAGE = frozenset({LedgerEvent.WRITE_FAILED, LedgerEvent.CREATED, LedgerEvent.FILLS})
SOUND = frozenset({LedgerEvent.LOSS_ACCEPTED, LedgerEvent.TOLD_SOUND})
"""What ends a damage by an operator's word."""


def _damage(known: Damage | None, event: LedgerEvent, at: float, says: str) -> Damage | None:
    """How damaged the copy is afterwards."""
    if event is LedgerEvent.WRITE_FAILED:
        return damage.failed(known, at, says)
    if known is None or event in SOUND:
        return None
    if event is LedgerEvent.CREATED:
        return damage.created(known, at)
    if event is LedgerEvent.FILLS:
        return damage.fills(known, at)
    return damage.called_complete(known, at) if event is LedgerEvent.TOLD_COMPLETE else known


def _but_for_damage(ledger: Ledger, event: LedgerEvent, at: float, by: str, damaged: bool) -> Ledger:
    """What an event makes of a ledger; of the copy nothing while that is damaged."""
    row = ROWS[event]
    lacking = event is LedgerEvent.STARTED and ledger.copy is not CopyState.COMPLETE
    linked = _heard(_parted(row.link(ledger, at), event, at), event, at)
    if row.copy is None or lacking or damaged:
        return linked
    if row.copy is CopyState.COMPLETE:
        linked = linked._replace(last_complete=max(at, ledger.last_complete or at))
    elif row.copy is CopyState.INCOMPLETE and ledger.copy is CopyState.COMPLETE:
        until = at if ledger.disconnected_at is None else min(at, ledger.disconnected_at)
        linked = linked._replace(last_complete=max(until, ledger.last_complete or until))
    if row.copy is ledger.copy:
        return linked
    return linked._replace(copy=row.copy, since=at, why=row.why.format(by=by), by=by)


def _heard(ledger: Ledger, event: LedgerEvent, at: float) -> Ledger:
    if event is LedgerEvent.STARTED:
        return ledger._replace(unheard_since=at)
    return ledger._replace(unheard_since=None) if event in HEARS else ledger


def in_boot(ledger: Ledger, boot: str, clock: WallClock | None = None) -> Ledger:
    """What a ledger says in the boot with this mark, by the clock as it is set now, where that is given. One of another
    boot says what it would if hastd's start had been recorded (Event.STARTED), right after what was known last. Where
    it isn't known which boot this is, no copy is known to be complete, and the role is believed."""
    same = same_boot(ledger.boot, boot)
    if clock is not None:
        ledger = _by_clock(ledger, clock, same)
    if same:
        return ledger
    times = (ledger.since, ledger.last_complete, ledger.connected_at, ledger.disconnected_at)
    last = max(at or 0.0 for at in times)
    started = ledger = ledger._replace(written_at=None, worker=None, watched=False)
    if boot:  # without any time nothing was heard of the connection that could be wrong now
        started = (
            after(ledger, LedgerEvent.STARTED, last, ledger.by)
            if last
            else ledger._replace(role="", connected_at=None, parted_at=None)
        )
    if ledger.copy is CopyState.COMPLETE:
        started = started._replace(copy=CopyState.UNKNOWN, since=last, why=BOOTED)
    return started._replace(boot=boot) if clock is not None else started._replace(boot=boot, clock=None)


def _by_clock(ledger: Ledger, clock: WallClock, same: bool) -> Ledger:
    """The times of a ledger by the clock as it is set now. In the `same` boot it is known by how much it was set since;
    what is of another one, or of a hastwatch that recorded no clock, is at least not later than now. What the log tells
    of a failed write has the time of its day, so what makes that one of the past becomes earlier only."""
    known = ledger.clock if same else None
    step = 0.0 if known is None else moved(known, clock.ahead)
    if known is not None and not step:
        return ledger
    times = {name: at for name in BY_CLOCK if (at := getattr(ledger, name))}
    step = min(step, clock.now - max(times.values(), default=clock.now))

    def earlier(at: float) -> float:
        return min(at, at + step, clock.now)

    sound, harm = ledger.sound_since, ledger.damage
    return ledger._replace(
        **{name: at + step for name, at in times.items()},
        sound_since=None if sound is None else earlier(sound),
        damage=None if harm is None else harm._replace(anew_at=earlier(harm.anew_at)),
        clock=clock.ahead,
        steady_since=clock.now,
    )


def _parted(ledger: Ledger, event: LedgerEvent, at: float) -> Ledger:
    """The earliest loss of the connection since the copies were last together; unknown rather than too late. A node
    that was off, or whose hastd was, does not know when the copies parted."""
    if event is LedgerEvent.STARTED:
        return ledger._replace(parted_at=None)
    if event in JOINS:
        return ledger._replace(parted_at=None) if ledger.parted_at is None or ledger.parted_at <= at else ledger
    if event is LedgerEvent.DISCONNECT and (ledger.parted_at is None or at < ledger.parted_at):
        again = ledger.connected_at is not None and ledger.connected_at > at
        return ledger if again else ledger._replace(parted_at=at)
    return ledger


def stale(ledger: Ledger, heard: BackupPeriod | None, limit: float) -> str:
    """Why this copy is known to lack something; empty where that isn't known.

    Either the ledger says so, or this node had no primary while the other one is proven to have been MASTER (`heard`)
    for more than `limit` seconds: that one then wrote alone. A proof of completeness that came after the connection was
    lost counts from its own time on.
    """
    if ledger.copy is CopyState.INCOMPLETE:
        return f"{ledger.why} (since {utc(ledger.since)})" if ledger.since else ledger.why
    if ledger.disconnected_at is None or heard is None:
        return ""
    proven = ledger.last_complete if ledger.copy is CopyState.COMPLETE and ledger.last_complete is not None else 0.0
    alone = heard.last - max(ledger.disconnected_at, proven, heard.first)
    if alone <= limit:
        return ""
    return f"the other node stayed MASTER for {alone:.0f} s after the connection was lost, and may have written alone"


def read(store: Store, resource: str) -> Ledger:
    """The ledger of a resource. One that can't be read says that the copy is incomplete, the worst it could say, and
    why."""
    try:
        values = second.read(store, _name(resource))
    except StateUnreadable as error:
        return _unreadable(str(error))
    return from_values(values, resource) if values else NOTHING


def of_node(node: Node, resource: str) -> Ledger:
    """The ledger that another node keeps; one that isn't there knows nothing, one that is damaged as in `read`. Raises
    ProbeError."""
    import json

    text = state_files.text_of(node, _name(resource))
    if text is None:
        return NOTHING
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        return _unreadable(f"{_name(resource)} is invalid JSON")
    return (
        from_values(values, resource)
        if isinstance(values, dict)
        else _unreadable(f"{_name(resource)} is not a JSON object")
    )


def record(
    store: Store,
    resource: str,
    event: LedgerEvent,
    at: float,
    by: str,
    boot: str = "",
    says: str = "",
    clock: WallClock | None = None,
) -> tuple[Ledger, Ledger]:
    """Record what became known in this boot, by the clock as it is set now; the ledger before and after. One that can't
    be read is begun anew as that of an incomplete copy, until something says that it is complete. Raises
    StateNotKept."""
    now = at if clock is None else clock.now
    previous: list[Ledger] = []

    def changed(values: Values) -> Values:
        unreadable = values.get("unreadable")
        if values and not unreadable and values.get("version") != 1:
            store.keep_aside(_name(resource))
        before = _unreadable(str(unreadable)) if unreadable else from_values(values, resource) if values else NOTHING
        before = in_boot(before, boot, clock)
        then = after(before, event, at, by, says)
        if then != before or before.written_at is None or abs(now - before.written_at) > ANEW:
            then = then._replace(written_at=now)
        previous[:] = [before, then]
        return as_values(then)

    stored = second.update(store, _name(resource), changed, instead=lambda error: {"unreadable": str(error)})
    return previous[0], from_values(stored, resource)


def written_at(store: Store, resource: str) -> float | None:
    """When the state directory itself last took the ledger; None where that is not known, or cron(8) was never seen to
    look. Raises nothing."""
    try:
        values = store.read(_name(resource))
    except StateUnreadable:
        return None
    kept = from_values(values, resource) if values else NOTHING
    return kept.written_at if kept.watched else None


def bring_back(store: Store, resource: str) -> None:
    """Move what the second directory has to the first one, if that takes it. Raises StateNotKept."""
    second.bring_back(store, _name(resource))


def _name(resource: str) -> str:
    return damage_record.NAME.format(name=resource)


def resources(store: Store) -> list[str]:
    """Those of which there is a ledger."""
    names, other = store.names(), store.second()
    with suppress(StateUnreadable):
        names += other.names() if other is not None else []
    return sorted({name.removesuffix(ENDING) for name in names if name.endswith(ENDING)})


ENDING = damage_record.NAME.removeprefix("{name}")
TIMES = ("since", "last_complete", "disconnected_at", "connected_at", "parted_at")
LATER_TIMES = ("unheard_since", "sound_since", "steady_since", "written_at", "lost_since")
"""Those that a file of an older hastwatch does not have."""
BY_CLOCK = (*TIMES, "unheard_since", "written_at")
"""Those that are compared with each other and with now."""


def as_values(ledger: Ledger) -> Values:
    """The object in the file of a ledger; times to the millisecond."""
    values: Values = {"version": 1, **ledger._asdict(), "copy": ledger.copy.value}
    for name in (*TIMES, *LATER_TIMES):
        at = getattr(ledger, name)
        values[name] = None if at is None else utc_milliseconds(at)
    values["damage"] = damage_record.to_values(ledger.damage) if ledger.damage is not None else None
    return values


def from_values(values: Values, resource: str) -> Ledger:
    """The ledger out of that object; for one that is none see `read`."""
    try:
        if values["version"] != 1 or values["since"] is None:
            raise ValueError("not version 1")
        since, complete, gone_at, connected_at, parted_at = (
            None if values[name] is None else since_1970(values[name]) for name in TIMES
        )
        later = {name: values.get(name) for name in LATER_TIMES}
        return Ledger(
            copy=CopyState(values["copy"]),
            since=since or 0.0,
            why=str(values["why"]),
            by=str(values["by"]),
            last_complete=complete,
            disconnected_at=gone_at,
            connected_at=connected_at,
            role=str(values["role"]),
            parted_at=parted_at,
            boot=str(values.get("boot", "")),
            damage=damage_record.from_values(values.get("damage")),
            clock=_finite(values.get("clock")),
            worker=worker if isinstance(worker := values.get("worker"), int) else None,
            watched=values.get("watched") is True,
            **{name: None if at is None else since_1970(at) for name, at in later.items()},
        )
    except (ValueError, KeyError, TypeError):
        return _unreadable(f"{_name(resource)} is not a ledger of version 1")


def _finite(value: object) -> float | None:
    """Raises ValueError, TypeError."""
    if value is not None and (not isinstance(value, int | float) or not math.isfinite(value)):
        raise ValueError(f"{value!r} is not by how much a clock is ahead")
    return value


def _unreadable(why: str) -> Ledger:
    return NOTHING._replace(copy=CopyState.INCOMPLETE, why=f"whether this copy is complete is unknown: {why}")
