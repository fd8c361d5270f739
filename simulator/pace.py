"""Simulated time that passes in step with real time, or as fast as it can."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from simulator.clock import Clock, Completion

FRAME = 0.05
"""Real seconds between two looks at the machine's clock."""
UNPACED = 5.0
"""Simulated seconds of one turn at full speed, after which progress is shown."""


class Pace:
    """Lets simulated time pass, in step with real time where `speed` (simulated seconds per real second) is given."""

    def __init__(self, clock: Clock, speed: float | None, tick: Callable[[], None]) -> None:
        self.clock, self.speed, self.tick = clock, speed, tick
        self._origin, self._began = clock.now, time.monotonic()

    def wait(self, completion: Completion[Any], limit: float = float("inf")) -> bool:
        """Wait for something to happen, at most `limit` simulated seconds; whether it has."""
        ends = self.clock.now + limit
        while not completion.done and self.clock.now < ends:
            frame = self.speed * FRAME if self.speed else UNPACED
            self.clock.wait(completion, min(frame, ends - self.clock.now))
            self._keep_up()
        return completion.done

    def advance(self, seconds: float) -> None:
        """Let so many simulated seconds pass."""
        self.wait(self.clock.timeout(seconds))

    def _keep_up(self) -> None:
        self.tick()
        if self.speed:
            ahead = (self.clock.now - self._origin) / self.speed - (time.monotonic() - self._began)
            if ahead > 0:
                time.sleep(ahead)
