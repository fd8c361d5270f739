"""The one processor of a node: what runs at the same time shares it.

Four Pythons at once take four times as long, and so does what runs beside them. That is what made the first promotion
on a real pair slow (freebsd-facts: processes-share-the-processor), so every process that starts costs its part here.
What only waits (a timer, a disk, an answer over the network) is no affair of the processor.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.clock import Completion, finished

if TYPE_CHECKING:
    from simulator.clock import Clock, Timer

NOTHING_LEFT = 1e-6
"""Seconds of work below which a job is done: instants since the epoch have no finer resolution."""


class Processor:
    """Shared equally by all jobs that are not done (as sched_ule(4) does with equal priorities)."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._jobs: dict[Completion[None], float] = {}
        """Seconds of work that are left, by job."""
        self._at = clock.now
        """When the rest was reckoned."""
        self._timer: Timer | None = None

    def use(self, seconds: float) -> Completion[None]:
        """A job of so many seconds, if it were alone; happens when it is done."""
        if seconds <= 0:
            return finished(None)
        self._reckon()
        job: Completion[None] = Completion()
        self._jobs[job] = seconds
        self._set_timer()
        return job

    def stop(self) -> None:
        """Power is gone: nobody waits for a job any more."""
        jobs, self._jobs = self._jobs, {}
        self._set_timer()
        for job in jobs:
            job.finish()

    def _reckon(self) -> None:
        passed, self._at = self._clock.now - self._at, self._clock.now
        for job in self._jobs:
            self._jobs[job] -= passed / len(self._jobs)

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._jobs:
            self._timer = self._clock.after(min(self._jobs.values()) * len(self._jobs), self._some_done)

    def _some_done(self) -> None:
        self._reckon()
        done = [job for job, left in self._jobs.items() if left < NOTHING_LEFT]
        for job in done:
            del self._jobs[job]
        self._set_timer()
        for job in done:
            job.finish()
