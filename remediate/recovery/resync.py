"""Waiting until the primary has copied everything to a new copy: a bar, a rate and the time left on a terminal, lines
where the output is piped. Interrupting it interrupts nothing but the wait."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, TextIO

from checks.plugin.text import say_duration, say_size
from remediate.context import Context
from remediate.failover.errors import StepFailed
from remediate.progress_bar import ProgressBar

if TYPE_CHECKING:
    from remediate.recovery.recover import Recovery

LOOKS = 1.0
"""Seconds between two looks at the primary."""
STANDS_STILL = 120.0
"""Seconds without an extent less to copy after which it is a failure: a primary that is not connected has dirty extents
too, and tries to connect every 10 s (hastd's HAST_KEEPALIVE)."""


class Resync:
    """The wait for one resource."""

    def __init__(self, context: Context, stream: TextIO) -> None:
        self.context = context
        self.began = context.timing.now()
        self.most = 0
        self._bar = ProgressBar(stream, context.timing)

    def wait(self, recovery: Recovery) -> str:
        """Until everything is copied; how long it took. Raises StepFailed where nothing is copied."""
        progressed, least = self.began, math.inf
        while True:
            now = self.context.timing.now()
            copied = recovery.copied()
            if copied is not None and copied.complete:
                self._bar.clear()
                recovery.finished()
                return f"everything is copied, in {say_duration(now - self.began)}"
            if copied is not None and copied.connected:
                progressed, least = (now, copied.dirty) if copied.dirty < least else (progressed, least)
                self.most = max(self.most, copied.dirty)
                self._show(copied.dirty, now)
            if now - progressed > STANDS_STILL:
                self._bar.clear()
                raise StepFailed(
                    f"the primary has copied nothing for {say_duration(now - progressed)}: see hastd's log"
                )
            self.context.timing.sleep(LOOKS)

    def _show(self, dirty: int, now: float) -> None:
        done, seconds = self.most - dirty, now - self.began
        rate = done / seconds if seconds > 0 else 0.0
        left = f", {say_duration(dirty / rate)} left" if rate > 0 else ", time left not known"
        self._bar.show(
            done, self.most, f"{say_size(done)} of {say_size(self.most)} copied, {say_size(int(rate))}/s{left}"
        )
