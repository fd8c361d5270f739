"""A repair that monitoring asked for: looked at, held back or done, looked at again, and all of it journalled.

It believes nothing of who asks. What is not called for is not done, so that a request that comes twice, late or out of
order changes nothing; what is done ends with a convergence, which is always right. One repair at a time, and while it
acts no convergence runs beside it: one of another kind waits, and then looks whether it is called for still.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import NamedTuple

from checks.probes.errors import ProbeError
from remediate import worker
from remediate.context import Context
from remediate.events import guards, holding
from remediate.events.diagnosis import Unsafe, converge_request, trouble
from remediate.events.guards import DONE, STAYS, Guard, HeldBack
from remediate.events.next_step import next_step
from remediate.events.repair_request import Ending as Ending
from remediate.events.repair_request import Remedy, RepairRequest
from remediate.events.steps import RepairStep, heed, steps
from remediate.failover.converge import LOCK as CONVERGE
from remediate.failover.converge import ConvergeOutcome as Converged
from remediate.failover.converge import ConvergeResult, converge, silent, take_up
from remediate.failover.converge import dry_run as converge_dry_run
from remediate.failover.errors import StepFailed, Superseded
from remediate.failover.plan_lines import plan_lines
from remediate.monitoring import icinga_notify
from remediate.state import repairs
from remediate.state.journal import ERR, INFO, NOTICE, WARNING, JournalLevel
from remediate.state.lock import Lock
from remediate.state.noted import HASTD
from remediate.state.repairs import RepairAttempt
from remediate.state.store import StateError

EVERY = 1.0
"""Seconds between two looks whether it has helped."""


class RepairOutcome(NamedTuple):
    """What became of it: a sentence for an operator, what held it back, and the steps that were done."""

    ending: Ending
    said: str
    guard: Guard | None = None
    steps: tuple[str, ...] = ()

    @property
    def status(self) -> int:
        """The exit status."""
        if self.guard is not None:
            return self.guard.status
        return STAYS if self.ending is Ending.NO_HELP else DONE


class RepairPreview(NamedTuple):
    """What would be done: what is wrong, what holds it back, the steps, and the lines of the convergence."""

    trouble: str
    held: tuple[HeldBack, ...]
    steps: tuple[RepairStep, ...]
    converge: tuple[str, ...]


def repair(
    context: Context,
    request: RepairRequest,
    watch: Callable[[str], None] = silent,
) -> RepairOutcome:
    """Do what is asked for, where it is called for and nothing holds it back. Raises StateNotKept where no lock can be
    had."""
    purpose = f"repair {request.remedy.value}"
    own = Lock(context.store, guards.lock_of(request.remedy), purpose, context.timing)
    lock = Lock(context.store, guards.LOCK, purpose, context.timing)
    try:
        guards.refuse_unwanted(context, request)
        guards.take(context, own, guards.REPAIR_RUNS, patience=0)
        guards.take(context, lock, guards.REPAIR_RUNS)
        outcome = _Run(context, request, watch).run()
        holding.forget(context, request.remedy)
        return outcome
    except HeldBack as held:
        holding.hold(context, request.remedy, held)
        return RepairOutcome(Ending.HELD, f"{Ending.HELD.value}: {held}", held.guard)
    finally:
        lock.release()
        own.release()


def dry_run(context: Context, request: RepairRequest) -> RepairPreview:
    """What `repair` would do now; changes nothing."""
    remedy = request.remedy
    refused = guarded(context, request)
    held = () if refused is None else (refused,)
    try:
        wrong = _look(context, remedy)
        if not wrong:
            return RepairPreview("", held, (), ())
        planned = _plan(context, remedy)
    except HeldBack as error:
        return RepairPreview("", (*held, error), (), ())
    observation, plan = converge_dry_run(context, converge_request(remedy))
    return RepairPreview(wrong, held, planned, tuple(plan_lines(plan, observation.places)))


def guarded(context: Context, request: RepairRequest) -> HeldBack | None:
    """What holds the repair back now, as far as can be seen without a look at what is wrong."""
    try:
        guards.refuse_unwanted(context, request)
        guards.refuse_beside(context, guards.LOCK, guards.REPAIR_RUNS)
        guards.refuse_beside(context, CONVERGE, guards.CONVERGENCE_RUNS)
        guards.refuse_leaving(context)
        guards.refuse_too_often(context, request.remedy)
    except HeldBack as held:
        return held
    return None


def _look(context: Context, remedy: Remedy) -> str:
    """What is wrong, empty where nothing is. Raises HeldBack where that cannot be seen, or must not be repaired."""
    try:
        return trouble(context, remedy)
    except Unsafe as error:
        raise HeldBack(guards.UNSAFE, str(error)) from None
    except (StepFailed, ProbeError, StateError) as error:
        raise HeldBack(guards.NOT_SEEN, str(error)) from None


def _plan(context: Context, remedy: Remedy) -> tuple[RepairStep, ...]:
    try:
        return steps(context, remedy)
    except (StepFailed, ProbeError, StateError) as error:
        raise HeldBack(guards.NOT_SEEN, str(error)) from None


class _Run:
    """One repair, under the lock of all."""

    def __init__(self, context: Context, request: RepairRequest, watch: Callable[[str], None]) -> None:
        self.context, self.request, self.watch = context, request, watch
        self.remedy = request.remedy
        self.id = os.urandom(4).hex()
        self.done: list[str] = []
        self.failed = ""
        """The step that failed last and was not made good by another one, and why."""

    def run(self) -> RepairOutcome:
        """Raises HeldBack, and StateNotKept where no lock can be had."""
        guards.await_end(self.context, CONVERGE, guards.CONVERGENCE_RUNS)
        guards.refuse_unwanted(self.context, self.request)  # it may have waited
        guards.refuse_leaving(self.context)
        if not _look(self.context, self.remedy):
            left = self._not_ended()
            if left is None:
                return self._nothing()
            self._journal("repair", why="the one before it was not ended", result="goes on with the convergence")
            return self._end(left)
        guards.refuse_unrecorded(self.context)
        guards.refuse_too_often(self.context, self.remedy)
        alone = Lock(
            self.context.store,
            CONVERGE,
            converge_request(self.remedy).trigger,
            self.context.timing,
            heeds=HASTD,
            in_part=True,
        )
        begun: RepairAttempt | None = None
        follows = False
        try:
            guards.take(self.context, alone, guards.CONVERGENCE_RUNS)
            wrong = _look(self.context, self.remedy)  # by whom that was held before, it may have been done
            if wrong:
                planned = _plan(self.context, self.remedy)
                begun = self._begin()
                self._journal("repair", why=wrong, result="begins", severity=NOTICE)
                self._carry(planned)
                follows = True
        finally:
            alone.release()
            if not follows:  # no convergence does it
                take_up(self.context)
        return self._nothing() if begun is None else self._end(begun)

    def _nothing(self) -> RepairOutcome:
        sentence = f"{Ending.NOTHING.value}: no repair is needed"
        self._journal("repair", result=sentence)
        return RepairOutcome(Ending.NOTHING, sentence)

    def _not_ended(self) -> RepairAttempt | None:
        """The last one of its kind, where its process died in it: what it did may be in effect, and the convergence
        that belongs to it missing. Raises HeldBack."""
        try:
            attempt = repairs.last(
                repairs.tried(self.context.store, repairs.now(self.context.timing)), self.remedy.value
            )
        except StateError as error:
            raise HeldBack(guards.NO_RECORD, str(error)) from None
        return attempt if attempt is not None and not attempt.result else None

    def _begin(self) -> RepairAttempt:
        try:
            return repairs.begin(self.context.store, self.remedy.value, repairs.now(self.context.timing))
        except StateError as error:
            raise HeldBack(guards.NO_RECORD, str(error)) from None

    def _carry(self, planned: tuple[RepairStep, ...]) -> None:
        """Do the steps, one that is there for it where another one failed; stop where they are not called for."""
        for step in planned:
            if bool(self.failed) is not step.otherwise:
                continue
            try:
                heed(self.context, self.remedy)
                self._do(step)
            except Superseded as newer:
                self._journal("superseded", why=f"{step.name}: {newer}", severity=NOTICE)
                return

    def _do(self, step: RepairStep) -> None:
        """Raises Superseded."""
        began = self.context.timing.now()
        self.watch(step.name)
        try:
            result, self.failed = step.do(self.context) or "done", ""
        except Superseded as newer:
            self._did(step, began, f"given up: {newer}", NOTICE)
            raise
        except (StepFailed, ProbeError, StateError) as error:
            result = f"failed: {error}"
            self.failed = f"{step.name} {result}"
        self._did(step, began, result, ERR if self.failed else INFO)

    def _did(self, step: RepairStep, began: float, result: str, level: JournalLevel) -> None:
        self.done.append(step.name)
        took = self.context.timing.now() - began
        self.context.journal.entry("step", step=step.name, why=step.why, result=result, run=self.id, seconds=took,
                                   severity=level)  # fmt: skip

    def _converge(self) -> Converged:
        """Bring the node to what CARP says, waiting for whoever does; then what the policy says of a losing copy."""
        asked = converge_request(self.remedy)
        outcome = worker.patiently(self.context, asked.trigger, lambda: converge(self.context, asked, self.watch))
        if self.remedy is Remedy.SPLIT_BRAIN:
            try:
                worker.recover_losing(self.context)
            except (StepFailed, ProbeError, StateError) as error:
                self._journal("recovery-refused", why="event split-brain", result=str(error), severity=ERR)
        return outcome

    def _look_again(self) -> str:
        """What is still wrong, after it had time to pass: what called for the repair, or that the node is not in
        place."""

        def look() -> str:
            try:
                return _look(self.context, self.remedy) or self._out_of_place()
            except HeldBack as error:
                return str(error)

        return self.context.timing.left(look, self.context.config.repair.looks, EVERY)

    def _out_of_place(self) -> str:
        """Raises HeldBack."""
        left = "" if self.remedy is Remedy.CONVERGE else _look(self.context, Remedy.CONVERGE)
        return f"the node is not in place: {left}" if left else ""

    def _end(self, begun: RepairAttempt) -> RepairOutcome:
        """Converge, and look whether it has helped: that is recorded, and told to whom it is to be told. Raises
        StateNotKept where no lock can be had."""
        converged, left = self._converge(), self._look_again()
        sentence = f"{Ending.NO_HELP.value}: {left}" if left else Ending.HELPED.value
        sentence += f"; {self.failed}" if self.failed and self.failed not in sentence else ""
        if left and converged.result is not ConvergeResult.IN_PLACE:
            more = (said for said in converged.said if said.partition(" (")[0] not in sentence)
            sentence += "".join(f"; {said}" for said in more)
        sentence += f"; {next_step(self.context, self.remedy)}" if left else ""
        try:
            repairs.end(self.context.store, begun, sentence)
        except StateError as error:
            self._journal("repair", result=f"the result was not recorded: {error}", severity=WARNING)
        self._journal("repair", result=sentence, severity=ERR if left else NOTICE)
        icinga_notify.tell(self.context, self.remedy, f"hastwatch repair {self.remedy.value}: {sentence}", not left)
        return RepairOutcome(Ending.NO_HELP if left else Ending.HELPED, sentence, steps=tuple(self.done))

    def _journal(self, event: str, *, why: str = "", result: str = "", severity: JournalLevel = INFO) -> None:
        self.context.journal.entry(
            event, step=self.remedy.value, why=why, result=result, run=self.id, severity=severity
        )
