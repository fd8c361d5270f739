"""The wall clock of a node, held against the one that never jumps.

Setting the wall clock moves only by how much it is ahead of the other one (sys/kern/kern_tc.c, tc_setclock(): the step
goes into boottimebin, and the uptime is left alone). So two times of one boot can be compared whatever was set between
them, where it is known by how much the wall clock was ahead at either.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from remediate.timing import Timing

CLOCK_STEP = 2.0
"""Seconds by which the wall clock may move against the one that never jumps, from one look to the next, without having
been set: ntpd(8) slews by 0.5 ms a second at most."""


class WallClock(NamedTuple):
    """What it says (seconds since 1970), and by how much that is ahead of the clock that never jumps."""

    now: float
    ahead: float


def read(timing: Timing) -> WallClock:
    """As it is set now."""
    now = timing.wall()
    return WallClock(now, now - timing.now())


def moved(before: float, after: float) -> float:
    """By how much the clock was set while what it was ahead by went from the one to the other; 0 where it was not."""
    return 0.0 if abs(after - before) <= CLOCK_STEP else after - before
