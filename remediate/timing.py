"""Whose time passes: the machine's, or a simulated pair's. Everything in `remediate` that waits, waits through here.

`now` is for deadlines and never jumps, `wall` is what an operator reads and may be stepped (ntpd(8)).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from typing import Generic, TypeVar

T = TypeVar("T")


class Timing:
    """The machine's own time. `rehearsal.context.PairTiming` is the same in simulated time."""

    def now(self) -> float:
        """Seconds of a clock that only goes forward (clock_gettime(2), CLOCK_MONOTONIC)."""
        return time.monotonic()

    def wall(self) -> float:
        """Seconds since 1970, UTC."""
        return time.time()

    def sleep(self, seconds: float) -> None:
        """Between two looks at a condition; for nothing else."""
        time.sleep(seconds)

    def together(self, calls: Sequence[Callable[[], T]]) -> list[T]:
        """Run the calls at the same time and wait for all; what the first failing one raised is raised afterwards."""
        if len(calls) < 2:
            return [call() for call in calls]
        outcomes: list[_Outcome[T]] = [_Outcome(call) for call in calls]
        threads = [threading.Thread(target=outcome.run) for outcome in outcomes]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return [outcome.value() for outcome in outcomes]

    def gather(self, calls: Sequence[Callable[[], None]], enough: Callable[[], bool]) -> None:
        """Run the calls at the same time and wait until all have ended, or until `enough`, which is asked whenever one
        has. What has not ended then goes on, and nobody waits for it. Raises what a call raised that was waited for."""
        ended: SimpleQueue[_Outcome[None]] = SimpleQueue()
        for call in calls:
            outcome = _Outcome(call, ended.put)
            threading.Thread(target=outcome.run, daemon=True).start()
        for _ in calls:
            ended.get().value()
            if enough():
                return

    def until(self, condition: Callable[[], bool], seconds: float, every: float = 0.05) -> bool:
        """Look at a condition until it holds, at most so many seconds; whether it came to hold."""
        ends = self.now() + seconds
        while not condition():
            if self.now() >= ends:
                return False
            self.sleep(min(every, max(ends - self.now(), 0.001)))
        return True

    def left(self, look: Callable[[], str], seconds: float, every: float = 0.05) -> str:
        """What a look at what is wrong still says after so many seconds; nothing as soon as it says nothing."""
        lines = [""]

        def nothing() -> bool:
            lines[0] = look()
            return not lines[0]

        self.until(nothing, seconds, every)
        return lines[0]


class _Outcome(Generic[T]):
    """What became of one call."""

    def __init__(self, call: Callable[[], T], tell: Callable[[_Outcome[T]], None] | None = None) -> None:
        self._call, self._tell = call, tell
        self._value: list[T] = []
        self._error: BaseException | None = None

    def run(self) -> None:
        try:
            self._value.append(self._call())
        except BaseException as error:  # handed on to whoever waits for all of them
            self._error = error
        if self._tell is not None:
            self._tell(self)

    def value(self) -> T:
        if self._error is not None:
            raise self._error
        return self._value[0]
