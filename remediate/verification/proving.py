"""Proving that the other copy lacks nothing of what was underway when the connection was lost, by comparing it.

What may be missing is compared extent by extent on both nodes (`comparing`), in the background, as soon as the copies
are connected and synchronised again. Equal extents prove the other copy as far as hastd's map reached when it was read:
where it named as many extents as hastd keeps, one that was underway may have made room for another one before. That is
left to the weekly `hastwatch verify`. Where extents differ the other copy counts as damaged, and both nodes write that
down; that it is the wrong one in them is likely, and not proven: a disk may have lost a bit of them before.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from checks.plugin.text import plain, say_count
from checks.probes.errors import ProbeError
from checks.probes.hast import Role, Status
from checks.probes.unproven import LONGEST, MOST, UnprovenCopy
from checks.probes.verified import MOST_NUMBERS, Verification
from checks.verified import SHOWN, said
from remediate.context import Context
from remediate.failover import afterwards, hast_of
from remediate.failover.errors import StepFailed
from remediate.failover.peer_notice import PeerNotice, reported
from remediate.failover.unproven import proven
from remediate.session import SessionEnded
from remediate.state import unproven, verifications
from remediate.state.journal import ALERT, WARNING
from remediate.state.ledger import CopyState
from remediate.state.lock import Lock
from remediate.state.store import StateError, StateUnreadable
from remediate.verification.asking import ComparisonRefused, Interrupted, RemoteCopySession
from remediate.verification.comparing import ComparisonResult, ExtentComparison
from remediate.verification.copies import LocalCopy, incomparable, look
from remediate.verification.results import CopyFailures, verification
from remediate.verification.verify import ROUNDS, comes_to_rest, is_quiet, mine, pace

RATE = 50 << 20
"""Bytes a second that each disk is read at most, where every extent of a large one has to be compared."""
LACKS = "may lack what was underway when the connection was lost"
BATCH = 16
"""Extents that are compared at a time."""
TRIES = 3
"""How often a comparison is begun again because the connection was lost meanwhile."""


class Busy(Exception):
    """Another process compares the copies now, and judges them."""


def prove_all(context: Context, names: Sequence[str], trigger: str) -> None:
    """Compare what the other copies may lack, and tell the other node of those that lack nothing. Raises nothing."""
    telling = PeerNotice(reported(context))
    for name in names:
        if prove(context, name, trigger):
            telling.learned(name, CopyState.COMPLETE, again=True)
    afterwards.tell(context, telling)


def prove(context: Context, name: str, trigger: str) -> bool:
    """Compare what the other copy of a resource may lack, where that is to be done and can be; whether the copy is
    proven now, and was not before. Raises nothing: what went wrong is recorded, and journalled once."""
    for _ in range(TRIES):
        unproven_writes = unproven.known(context.store, name)
        if unproven_writes is None or unproven_writes.differ or not _is_connected_primary(context, name):
            return False
        try:
            if _compared(context, name, trigger, unproven_writes):
                return unproven.known(context.store, name) is None
        except Busy:
            return False
        except (StepFailed, SessionEnded, Interrupted, ProbeError, StateError) as error:
            _say(context, name, trigger, str(error))
            return False
    return False


def _is_connected_primary(context: Context, name: str) -> bool:
    resource = hast_of.resource(context.here, name)
    return resource is not None and resource.role is Role.PRIMARY and resource.status is Status.COMPLETE


def _compared(context: Context, name: str, trigger: str, doubt: UnprovenCopy) -> bool:
    """Compare what may be missing, and record what came out; False where the connection was lost meanwhile. What is
    written whenever it is looked at is left for the next time, alone."""
    lock = Lock(context.store, f"{name}.verify", trigger, context.timing)
    if not lock.acquire(0):
        raise Busy
    with lock:
        own = look(context, name, Role.PRIMARY) if doubt.through else mine(context, name)
        there = RemoteCopySession(context, name, lambda: "")
        try:
            if why := incomparable(own.copy, there.copy):
                raise ComparisonRefused(why)
            every = range(own.where.extents)
            numbers = every if doubt.extents is None else [each for each in doubt.extents if each in every]
            began = context.timing.wall()
            result = _read(context, name, own, there, numbers)
            last = look(context, name, Role.PRIMARY)
            if (last.copy.identity, there.look().identity) != (own.copy.identity, there.copy.identity):
                raise StepFailed("the metadata have changed meanwhile: these are not the same copies any more")
            if result.differ:
                _note_difference(context, name, trigger, doubt, there, last, began, len(numbers), result)
                after = doubt._replace(differ=result.differ[:MOST_NUMBERS], said="")
                return unproven.judged(context.store, name, doubt, after)
            if result.undecided:
                restless = last.copy.failed > 0 and not comes_to_rest(context, name)
                unproven.judged(context.store, name, doubt, unproven.narrowed(doubt, result.undecided, restless))
                there.done()
                left = f"{len(result.undecided)} of {say_count(len(numbers), 'extent')}"
                raise StepFailed(f"{left} are being written whenever they are looked at")
            there.done()
            return proven(context, name, trigger, doubt, len(numbers))
        finally:
            there.close()


def _note_difference(
    context: Context,
    name: str,
    trigger: str,
    doubt: UnprovenCopy,
    there: RemoteCopySession,
    last: LocalCopy,
    began: float,
    count: int,
    result: ComparisonResult,
) -> None:
    """Both nodes record that the copies differ, and the other one that its copy is damaged; not where this node's
    disk is known to have failed, so that this copy may be the wrong one. Raises Ended, Interrupted, StateError."""
    here, node, theirs = context.journal.node_name, there.node, there.look()
    sides = {
        here: CopyFailures(last.copy.failed, last.copy.damaged, len(result.unread_here)),
        node: CopyFailures(theirs.failed, theirs.damaged, len(result.unread_there)),
    }
    differ, ended = result.differ, context.timing.wall()
    run = verification(sides, last, began, ended, count, len(differ), differ[:MOST_NUMBERS])
    is_blamed = not any(sides[here])
    if is_blamed:
        run = run._replace(signs=((node, " and ".join(filter(None, (sides[node].sign, LACKS)))),))
    trouble: StateError | None = None
    if not _is_written_down(context, name, doubt, run):
        context.journal.entry("unproven", resource=name, why=trigger, result=said(run), severity=ALERT)
        try:
            verifications.add(context.store, name, run)
        except StateError as error:
            trouble = error
    if is_blamed:
        shown = ", ".join(map(str, differ[:SHOWN])) + (", ..." if len(differ) > SHOWN else "")
        there.tell_lacking(f"it {LACKS}: {say_count(len(differ), 'extent')} of {count} compared differ: {shown}")
    there.tell(run)
    if trouble is not None:
        raise trouble


def _is_written_down(context: Context, name: str, doubt: UnprovenCopy, run: Verification) -> bool:
    """Whether the same was found before, and the other node could not write it down then."""
    with suppress(StateUnreadable):
        last = verifications.runs(context.store, name)[-1:]
        return any(each.began + 1 > doubt.last and each.numbers == run.numbers for each in last)  # in whole seconds
    return False


def _read(
    context: Context, name: str, own: LocalCopy, there: RemoteCopySession, numbers: Sequence[int]
) -> ComparisonResult:
    """What became of these extents. Raises what a comparison raises."""
    opened = context.here.extents(own.where)
    try:
        comparison = ExtentComparison(opened, there, lambda: is_quiet(context, name), context.timing)
        results, left = [], list(numbers)
        for _ in range(ROUNDS):
            parts = []
            for begin in range(0, len(left), BATCH):
                began, batch = context.timing.now(), left[begin : begin + BATCH]
                parts.append(comparison.compare(batch))
                if len(left) > MOST:
                    pace(context.timing, began, sum(map(own.where.length, batch)) / RATE)
            results += parts
            left = [number for part in parts for number in part.undecided]
            if not left:
                break
        is_quiet(context, name)
    finally:
        opened.close()
    fields = {
        field: tuple(each for part in results for each in getattr(part, field)) for field in ComparisonResult._fields
    }
    return ComparisonResult(**{**fields, "undecided": tuple(left)})


def _say(context: Context, name: str, trigger: str, why: str) -> None:
    """Why it is not proven: recorded for whoever asks, and journalled where that is news."""
    known, now = unproven.known(context.store, name), plain(why, LONGEST // 2)
    if known is None or known.said == now:
        return
    context.journal.entry("unproven", resource=name, why=trigger, result=f"not compared: {why}", severity=WARNING)
    try:
        unproven.judged(context.store, name, known, known._replace(said=now))
    except StateError:
        return  # the journal has it
