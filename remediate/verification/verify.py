"""A comparison of the two copies of a resource, from the primary: begun or gone on with, and what came out.

Clients are served meanwhile and nothing is changed. It stops where the copies are not connected any more, and goes on
there when it is run again, as long as both are the same copies (their metadata).
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple, NoReturn

from checks.plugin.text import say_count
from checks.probes.errors import ProbeError
from checks.probes.hast import Role
from checks.probes.unproven import FAILED_ON_BOTH
from checks.probes.verified import MOST_NUMBERS, Verification
from checks.verified import SHOWN, said
from remediate.context import Context
from remediate.failover import unproven
from remediate.failover.errors import StepFailed
from remediate.session import SessionEnded
from remediate.state import verifications
from remediate.state.journal import ALERT, NOTICE, WARNING
from remediate.state.lock import Lock
from remediate.state.store import StateError
from remediate.state.verifications import MOST_LEFT, InterruptedComparison
from remediate.timing import Timing
from remediate.verification.answering import MOST
from remediate.verification.asking import SLICE, ComparisonRefused, ComparisonRunning, Interrupted, RemoteCopySession
from remediate.verification.comparing import ComparisonResult, ExtentComparison
from remediate.verification.copies import LocalCopy, connected, in_flight, incomparable, look
from remediate.verification.results import CopyFailures, proven_wrong, verification

BATCH = 32 << 20
"""Bytes that are read on both nodes before they are compared."""
PACED = 2.0
"""Seconds that reading so many takes at least, with --rate."""
SETTLES, LOOKS = 10.0, 0.1
"""Seconds in which a moment without dirty extents must come: a synchronisation has some until its end."""
KEEPS = 10.0
"""Seconds between two records of how far it is."""
ROUNDS = 3
"""How often what was being written is looked at again at the end."""


class VerificationStopped(Exception):
    """It has stopped; run again it goes on. `done` of `extents` are compared."""

    def __init__(self, why: str, done: int, extents: int) -> None:
        super().__init__(why)
        self.done, self.extents = done, extents


class ResultNotKept(Exception):
    """It has come to its end with this result, and not all of it was recorded on both nodes; the text says what."""

    def __init__(self, run: Verification, why: str) -> None:
        super().__init__(why)
        self.run = run


class VerificationProgress(NamedTuple):
    """How far a run is: extents out of how many, those before it was interrupted among them; bytes and seconds of this
    part of it."""

    done: int
    extents: int
    bytes: int
    seconds: float
    differ: int
    extentsize: int


def verify(
    context: Context,
    name: str,
    trigger: str,
    rate: int | None = None,
    show: Callable[[VerificationProgress], None] = lambda done: None,
    stopped: Callable[[], str] = lambda: "",
    afresh: bool = False,
) -> Verification:
    """Compare the two copies of a resource, from the primary, and record on both nodes what came out. `rate`: bytes
    a second that each disk is read at most; `show` is told how far it is; `stopped` says why it has to stop, or
    nothing; `afresh`: also what was compared before an interruption. Raises Refused; Stopped, after which it can be
    gone on with; ResultNotKept; ProbeError and StateError."""
    lock = Lock(context.store, f"{name}.verify", trigger, context.timing)
    if not lock.acquire(0):
        raise ComparisonRunning(f"{name} is being verified already")
    with lock:
        own = mine(context, name)
        try:
            there = RemoteCopySession(context, name, stopped)
        except Interrupted as error:
            raise VerificationStopped(f"{error}, before anything was read", 0, own.where.extents) from None
        try:
            run = _Run(context, name, own, there, rate, show, stopped)
            return run.compared(trigger, afresh)
        finally:
            there.close()


def mine(context: Context, name: str) -> LocalCopy:
    """This node's copy, of a primary that has nothing left to synchronise. Raises Refused and ProbeError."""
    try:
        own = look(context, name, Role.PRIMARY)
        if not comes_to_rest(context, name):
            why = f"{name} is being synchronised, or written all the time: it has dirty extents at every look"
            raise ComparisonRefused(why + (f"; {FAILED_ON_BOTH}" if own.copy.failed else ""))
    except StepFailed as error:
        raise ComparisonRefused(str(error)) from None
    return own


def comes_to_rest(context: Context, name: str) -> bool:
    """Whether there is a moment at which nothing is in flight. Raises what `is_quiet` raises."""
    return context.timing.until(lambda: is_quiet(context, name), SETTLES, LOOKS)


def is_quiet(context: Context, name: str) -> bool:
    """Whether nothing is in flight. Raises StepFailed where the copies are not connected any more, and ProbeError."""
    return not in_flight(connected(context, name, Role.PRIMARY))


def pace(timing: Timing, began: float, seconds: float, stopped: Callable[[], str] = lambda: "") -> None:
    """Wait until what `began` (`Timing.now`) has taken so many seconds. Raises Interrupted."""
    while True:
        if why := stopped():
            raise Interrupted(why)
        left = began + seconds - timing.now()
        if left <= 0:
            return
        timing.sleep(min(left, SLICE))


class _Run:
    """One run, from where it was interrupted or from the beginning."""

    def __init__(
        self, context: Context, name: str, own: LocalCopy, there: RemoteCopySession, rate: int | None,
            show: Callable[[VerificationProgress], None],
        stopped: Callable[[], str],
    ) -> None:  # fmt: skip
        """Raises Refused."""
        self.context, self.name, self.there = context, name, there
        self.rate, self.show, self.stopped = rate, show, stopped
        self.where = own.where
        if why := incomparable(own.copy, there.copy):
            raise ComparisonRefused(why)
        self.bytes = 0
        self.began = self.kept_at = context.timing.now()
        self.now = InterruptedComparison((*own.copy.identity, *there.copy.identity), context.timing.wall())
        self.before = 0.0
        self.troubles: list[str] = []

    def compared(self, trigger: str, afresh: bool) -> Verification:
        """Raises Stopped, ResultNotKept, ProbeError."""
        context = self.context
        earlier = (
            None if afresh else verifications.begun(context.store, self.name, self.now.identity, context.timing.wall())
        )
        how = "begins"
        if earlier is not None:
            self.now, self.before, how = earlier, earlier.seconds, f"goes on at extent {earlier.next}"
        context.journal.entry("verify", resource=self.name, why=trigger, result=how, severity=NOTICE)
        try:
            opened = context.here.extents(self.where)
            try:
                self._read(ExtentComparison(opened, self.there, lambda: is_quiet(context, self.name), context.timing))
            finally:
                opened.close()
            return self._ends(trigger)
        except SessionEnded as error:
            self._stop(trigger, f"{self.there.node}: {error}")
        except (Interrupted, StepFailed, ProbeError) as error:
            self._stop(trigger, str(error))

    def _read(self, comparison: ExtentComparison) -> None:
        size = BATCH if self.rate is None else min(BATCH, int(self.rate * PACED))
        step = max(1, min(MOST, size // self.where.extentsize))
        while self.now.next < self.where.extents:
            began = self.context.timing.now()
            numbers = range(self.now.next, min(self.now.next + step, self.where.extents))
            result = comparison.compare(numbers)
            left = (*self.now.undecided, *result.undecided)
            if len(left) > MOST_LEFT:
                raise StepFailed(f"more than {MOST_LEFT} extents are written all the time")
            self._note(result, left, numbers.stop)
            count = sum(map(self.where.length, numbers))
            self.bytes += count
            self._keep_now_and_then()
            pace(self.context.timing, began, count / self.rate if self.rate else 0.0, self.stopped)
            self._show()
        for _ in range(ROUNDS):
            self._look_again(comparison)

    def _look_again(self, comparison: ExtentComparison) -> None:
        """At what was being written."""
        waiting = self.now.undecided
        for begin in range(0, len(waiting), MOST):
            part = waiting[begin : begin + MOST]
            result = comparison.compare(part)
            decided = set(part) - set(result.undecided)
            self._note(result, tuple(each for each in self.now.undecided if each not in decided), self.now.next)

    def _note(self, result: ComparisonResult, undecided: tuple[int, ...], following: int) -> None:
        now = self.now
        self.now = now._replace(
            next=following,
            differ=now.differ + len(result.differ),
            numbers=(*now.numbers, *result.differ)[:MOST_NUMBERS],
            unread_here=now.unread_here + len(result.unread_here),
            unread_there=now.unread_there + len(result.unread_there),
            undecided=undecided,
        )

    def _keep_now_and_then(self) -> None:
        """Record how far it is, and look whether the copies are still connected. Raises StepFailed."""
        if self.context.timing.now() - self.kept_at >= KEEPS:
            with suppress(StateError):  # it has a result all the same
                self._keep()
            is_quiet(self.context, self.name)

    def _keep(self) -> None:
        """Raises StateError."""
        self.kept_at = self.context.timing.now()
        self.now = self.now._replace(seconds=self.before + self.kept_at - self.began)
        verifications.keep(self.context.store, self.name, self.now)

    def _show(self) -> None:
        seconds = self.context.timing.now() - self.began
        self.show(
            VerificationProgress(
                self.now.next, self.where.extents, self.bytes, seconds, self.now.differ, self.where.extentsize
            )
        )

    def _stop(self, trigger: str, why: str) -> NoReturn:
        """Raises Stopped."""
        try:
            self._keep()
        except StateError as error:
            why = f"{why}; how far it is was not recorded: {error}"
        result = f"stopped at extent {self.now.next} of {self.where.extents}: {why}"
        if self.now.differ:
            shown = ", ".join(map(str, self.now.numbers[:SHOWN]))
            result += f"; {say_count(self.now.differ, 'extent')} found to differ so far: {shown}"
        self.context.journal.entry("verify", resource=self.name, why=trigger, result=result, severity=WARNING)
        raise VerificationStopped(why, self.now.next, self.where.extents)

    def _ends(self, trigger: str) -> Verification:
        """Record what came out, here and there. Raises StepFailed, Ended, Interrupted, ProbeError, ResultNotKept."""
        last = look(self.context, self.name, Role.PRIMARY)
        theirs = self.there.look()
        if (*last.copy.identity, *theirs.identity) != self.now.identity:
            verifications.end(self.context.store, self.name)
            self.now = self.now._replace(next=0)
            raise StepFailed("the metadata have changed meanwhile: these are not the same copies any more")
        here, now = self.context.journal.node_name, self.now
        sides = {
            here: CopyFailures(last.copy.failed, last.copy.damaged, now.unread_here),
            self.there.node: CopyFailures(theirs.failed, theirs.damaged, now.unread_there),
        }
        ended = self.context.timing.wall()
        run = verification(sides, last, now.began, ended, self.where.extents, now.differ, now.numbers)
        run = run._replace(undecided=len(now.undecided))
        node, why = proven_wrong(run)
        run = run._replace(wrong=why, wrong_node=node)
        self._do(lambda: verifications.add(self.context.store, self.name, run))
        self._do(lambda: verifications.end(self.context.store, self.name))
        self._do(lambda: unproven.compared(self.context, self.name, run))
        severity = NOTICE if run.equal else ALERT if run.differ else WARNING
        self.context.journal.entry("verify", resource=self.name, why=trigger, result=said(run), severity=severity,
                                   seconds=self.before + self.context.timing.now() - self.began)  # fmt: skip
        try:
            self.there.tell(run)
            self._do(lambda: verifications.told(self.context.store, self.name))
        except (SessionEnded, Interrupted) as error:
            self.troubles.append(f"{self.there.node} did not record the result: {error}")
            self._do(lambda: verifications.leave_untold(self.context.store, self.name))
        if self.troubles:
            why = "; ".join(self.troubles)
            self.context.journal.entry("verify", resource=self.name, why=trigger, result=why, severity=WARNING)
            raise ResultNotKept(run, why)
        return run

    def _do(self, record: Callable[[], object]) -> None:
        """Record something. What fails is told at the end, and nothing of the rest is left out for it."""
        try:
            record()
        except StateError as error:
            self.troubles.append(str(error))
