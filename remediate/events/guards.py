"""What holds a repair back although it was asked for: a row for each reason, and the look whether it is so.

Whatever cannot be known holds it back: a repair too few is a call to an operator.
"""

from __future__ import annotations

from typing import NamedTuple

from checks.plugin.text import plain, say_duration
from checks.probes.boot_time import boot_mark
from checks.probes.errors import ProbeError
from checks.probes.timestamps import utc
from remediate import exits
from remediate.context import Context
from remediate.events.repair_request import EngineHold, Remedy, RepairRequest
from remediate.failover import carp_demotion
from remediate.state import maintenance, repairs
from remediate.state.lock import Lock
from remediate.state.store import StateError

LOCK = "repair"
PATIENCE, LOOK_AGAIN = 120.0, 0.2
"""Seconds that a repair waits for one of another kind, and for a convergence, and between two looks whether it has
ended: an engine calls its handler when a state changes, and not again because nothing came of it."""
DONE, STAYS, BUSY = 0, 1, exits.BUSY
"""Exit statuses: the engine's own word is no failure; EX_TEMPFAIL of sysexits(3) where another one is at work."""


class Guard(NamedTuple):
    """A row: its name, its sentence, and the exit status of what it holds back."""

    name: str
    says: str
    status: int = STAYS


DOWNTIME = Guard("downtime", "the monitoring engine has a downtime", DONE)
FLAPPING = Guard("flapping", "the monitoring engine sees the state flap", DONE)
NOT_ALLOWED = Guard("not-allowed", "`repair.actions` does not name it")
NO_POLICY = Guard("no-policy", "`split_brain.policy` is none: a split-brain is left to an operator")
MAINTENANCE = Guard("maintenance", "maintenance: automatic action is suspended")
REPAIR_RUNS = Guard("repair-runs", "the same repair runs, or another one for too long", BUSY)
CONVERGENCE_RUNS = Guard("convergence-runs", "a convergence or a recovery runs for too long", BUSY)
LEAVING = Guard("leaving", "this node shuts down")
NOT_SEEN = Guard("not-seen", "the node cannot be read, so nothing is done to it")
UNSAFE = Guard("unsafe", "it is needed, but could do harm")
COOL_DOWN = Guard("cool-down", "the same was tried recently")
HOURLY_LIMIT = Guard("hourly-limit", "too many repairs were tried in the last hour: an operator has to look")
NO_RECORD = Guard("no-record", "what was tried before is not known, or cannot be recorded")


class HeldBack(Exception):
    """A guard holds the repair back; the text is its sentence with what was seen."""

    def __init__(self, guard: Guard, detail: str = "") -> None:
        super().__init__(f"{guard.says} ({plain(detail, 400)})" if detail else guard.says)
        self.guard = guard


def refuse_unwanted(context: Context, request: RepairRequest) -> None:
    """Whether anybody who may say so does not want it. Raises HeldBack."""
    if request.held is not None:
        raise HeldBack(DOWNTIME if request.held is EngineHold.DOWNTIME else FLAPPING)
    if request.remedy.value not in context.config.repair.actions:
        raise HeldBack(NOT_ALLOWED)
    if request.remedy is Remedy.SPLIT_BRAIN and context.config.split_brain.policy == "none":
        raise HeldBack(NO_POLICY)
    suspended = maintenance.current(context.store, context.timing.wall())
    if suspended is not None:
        raise HeldBack(MAINTENANCE, suspended.reason)


def lock_of(remedy: Remedy) -> str:
    """The lock of one kind of repair, held also while one waits: more than one need not."""
    return f"{LOCK}-{remedy.value}"


def take(context: Context, lock: Lock, guard: Guard, patience: float = PATIENCE) -> None:
    """Take a lock, waiting so long at most. Raises HeldBack, and StateNotKept where there can be none."""
    if not context.timing.until(lambda: lock.acquire(0), patience, LOOK_AGAIN):
        raise HeldBack(guard, _holder(lock))


def await_end(context: Context, name: str, guard: Guard) -> None:
    """Wait until nobody holds a lock. Raises HeldBack."""
    lock = Lock(context.store, name, "", context.timing)
    if not context.timing.until(lambda: not _holder(lock), PATIENCE, LOOK_AGAIN):
        raise HeldBack(guard, _holder(lock))


def refuse_beside(context: Context, name: str, guard: Guard) -> None:
    """Whether somebody holds a lock. Raises HeldBack."""
    holder = _holder(Lock(context.store, name, "", context.timing))
    if holder:
        raise HeldBack(guard, holder)


def _holder(lock: Lock) -> str:
    holder = lock.holder()
    return f"process {holder.pid}, {holder.purpose}, since {utc(holder.since)}" if holder else ""


def refuse_leaving(context: Context) -> None:
    """Whether rc.shutdown(8) is ending what a repair would begin. Raises HeldBack."""
    try:
        leaves = carp_demotion.shutting_down(context.store, boot_mark(context.here.node()))
    except ProbeError as error:
        raise HeldBack(NOT_SEEN, str(error)) from None
    if leaves:
        raise HeldBack(LEAVING, carp_demotion.SHUTDOWN)


def refuse_unrecorded(context: Context) -> None:
    """Record when earlier repairs were tried, by the clock as it is now. Raises HeldBack where that cannot be."""
    try:
        repairs.redate(context.store, repairs.now(context.timing))
    except StateError as error:
        raise HeldBack(NO_RECORD, str(error)) from None


def refuse_too_often(context: Context, remedy: Remedy) -> None:
    """Whether it was tried too short a while ago, or too much was. Raises HeldBack."""
    now, policy = repairs.now(context.timing), context.config.repair
    try:
        attempts = repairs.tried(context.store, now)
    except StateError as error:
        raise HeldBack(NO_RECORD, str(error)) from None
    before = repairs.last(attempts, remedy.value)
    if before is not None and now.wall - before.at < policy.cool_down:
        left = say_duration(before.at + policy.cool_down - now.wall)
        sentence = f"at {utc(before.at)}, {before.result or 'and was not ended'}; not again for {left}"
        raise HeldBack(COOL_DOWN, sentence)
    many = repairs.within_an_hour(attempts, now.wall)
    if many >= policy.hourly_limit:
        raise HeldBack(HOURLY_LIMIT, f"{many}, of at most {policy.hourly_limit}")
