"""What is known in this boot of this node's own copy, and what becomes known of it.

What was recorded in another boot counts as after a start of hastd (`ledger.in_boot`), also where nobody could write
down that it was started: the state directory may have been read-only then.

What became known while nothing could be recorded anywhere counts as the worst that it can have been
(`unrecorded_since`).
"""

from __future__ import annotations

from checks.probes.boot_time import same_boot
from checks.probes.errors import ProbeError
from checks.probes.hast import Resource, Role, Status
from checks.probes.timestamps import utc
from remediate.context import Context
from remediate.failover import hast_of
from remediate.failover.this_boot import known_boot, this_boot
from remediate.state import ledger, noted, wall_clock
from remediate.state.journal import WARNING
from remediate.state.ledger import CopyState, Ledger, LedgerEvent

MISSED = 90.0
"""Seconds without any note that mean that none could be made, where one was due: cron(8) looks once a minute."""
LATE = ledger.SHUFFLE
"""Seconds within which the event of what a look shows has come, on a busy machine."""


def known(context: Context, name: str) -> Ledger:
    """What is known of the copy of a resource. Raises nothing."""
    try:
        boot = known_boot(context)
    except ProbeError:
        boot = ""
    return ledger.in_boot(ledger.read(context.store, name), boot, wall_clock.read(context.timing))


def came_at(context: Context, name: str, at: float) -> float:
    """When an event came, by the clock as it is set now: one of later than now came before that was set back, by as
    much as it was since the ledger was written. Raises nothing."""
    clock = wall_clock.read(context.timing)
    if at <= clock.now:
        return at
    written = ledger.read(context.store, name)
    of_now = same_boot(written.boot, this_boot(context))
    step = wall_clock.moved(written.clock, clock.ahead) if of_now and written.clock is not None else 0.0
    return min(at + step, clock.now)


def parted_at(context: Context, name: str, before: float) -> float | None:
    """When the copies parted, for a comparison with times of files; None where that is not known, or the clock was set
    in the `before` seconds before that, or since. Raises nothing."""
    own = known(context, name)
    if own.parted_at is None or own.steady_since is None:
        return None
    return own.parted_at if own.steady_since <= own.parted_at - before else None


def is_primary_apart(context: Context, name: str) -> bool:
    """Whether this node was primary when it was last known, and is apart from the other one. Raises nothing."""
    own = known(context, name)
    apart = own.parted_at is not None or own.unheard_since is not None
    return own.role == Role.PRIMARY.value and apart


def has_counted(context: Context, name: str) -> bool:
    """Whether this node has ever written alone, or that cannot be read: a primary that is not connected raises its
    `localcnt` at the first write (sbin/hastd/primary.c, write_complete()). Raises nothing."""
    metadata = hast_of.metadata(context.here, name)
    return metadata is None or metadata.localcnt > 0


def note_apart(context: Context, name: str) -> None:
    """The other node is primary, and not connected to this one. Raises StateNotKept."""
    if known(context, name).copy is not CopyState.INCOMPLETE:
        at, here = context.timing.wall(), context.journal.node_name
        record(context, name, LedgerEvent.LOOKED_APART, at, here)


def apart_too_long(context: Context, name: str) -> str:
    """Of a node that runs and cannot be asked: why it may have written alone before it gave up the role; empty where
    this copy was its copy until lately. Of a node that was booted meanwhile `boot_alone` judges. Raises nothing."""
    own = known(context, name)
    since = own.disconnected_at if own.unheard_since is None else None
    seconds = 0.0 if since is None else abs(context.timing.wall() - since)
    if seconds <= context.config.failover.stale_after:
        return ""
    return f"the other node runs, cannot be asked, and was not connected for {seconds:.0f} s: it may have written alone"


def unrecorded_since(own: Ledger, resource: Resource, now: float) -> float | None:
    """Since when nothing was recorded of this copy though something has happened to it, as a look shows that finds
    `resource`; None where that is not so. The loss of its primary a node notes at once. One that has none is looked at
    once a minute, where cron(8) does that: meanwhile the other node may tell what it has written alone. A primary
    misses nothing."""
    last = own.written_at
    if last is None or abs(now - last) <= MISSED or resource.role is Role.PRIMARY:
        return None
    if own.role == Role.PRIMARY.value:
        return last
    if own.disconnected_at is not None:
        return last if own.watched else None
    if own.worker is not None:
        return None if resource.workerpid == own.worker else last
    return last if own.connected_at is not None and resource.status is Status.ABSENT else None


def note_lost(context: Context, name: str, since: float) -> bool:
    """Record that nothing could be recorded since then, unless the event of what was seen comes just now; whether it
    was recorded. Raises StateNotKept."""
    if context.timing.until(lambda: _is_told(context, name), LATE, 0.1):
        return False
    _, now = record(context, name, LedgerEvent.NOTES_LOST, since, context.journal.node_name)
    context.journal.entry("ledger", resource=name, why=f"nothing was recorded since {utc(since)}", severity=WARNING,
                          result=f"this copy is {now.copy.value}: {now.why}")  # fmt: skip
    return True


def _is_told(context: Context, name: str) -> bool:
    now = context.timing.wall()
    return any(each.words[1] == name and abs(now - each.at) <= MISSED for each in noted.waiting(context.store))


def record(
    context: Context, name: str, event: LedgerEvent, at: float, by: str, says: str = ""
) -> tuple[Ledger, Ledger]:
    """Record what became known; what was known before and is after. Raises StateNotKept."""
    return ledger.record(context.store, name, event, at, by, this_boot(context), says, wall_clock.read(context.timing))
