"""Telling an extent that differs from one that is being written: what proves that two copies of it are not the same.

Both disks are read while clients write, so that at one moment a write is on one of them and not on the other. An extent
differs where, N times,

    the primary's disk is read | nothing is in flight | the other disk | nothing is in flight | the primary's again

gives the same on the primary twice and something else on the other one. A write that is on the primary's disk at the
first reading was given to both sides before the first look, and both had answered it by then: it is on the other disk
when that is read. A write that is on the other disk then was given to both before the second look, so it is on the
primary's disk at the last reading; there nothing has changed since the first one. So no write explains the difference.
Other extents may be written all the time: only these two looks have to find a moment at which nothing is in flight.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from remediate.timing import Timing
from remediate.verification.extents import Digests

TIMES = 3
"""How often an extent has to differ so."""
TRIES = 12
"""How often one that does not come to rest is read again before it is left for later."""
PATIENCE, EVERY = 2.0, 0.02
"""Seconds to wait for a moment at which nothing is in flight, and between two looks for it. Where it does not come as
often as TIMES, the extents are left for later too."""


class RemoteCopy(Protocol):
    """The other node's copy."""

    def ask(self, numbers: Sequence[int]) -> None:
        """Have these extents read there. Raises Ended."""

    def answer(self) -> list[bytes | None]:
        """Their hashes, as soon as they are there. Raises Ended."""


class ComparisonResult(NamedTuple):
    """What became of some extents that were not equal at once."""

    differ: tuple[int, ...] = ()
    unread_here: tuple[int, ...] = ()
    """Of these, those that this node's disk could not read, again and again."""
    unread_there: tuple[int, ...] = ()
    undecided: tuple[int, ...] = ()
    """Written whenever they were looked at."""


class ExtentComparison:
    """Compares extents. `quiet` looks whether nothing is in flight now, and raises where the copies are not connected
    any more; `times`: how often an extent has to differ."""

    def __init__(
        self, here: Digests, there: RemoteCopy, quiet: Callable[[], bool], timing: Timing, times: int = TIMES
    ) -> None:
        self.here, self.there, self.quiet, self.timing, self.times = here, there, quiet, timing, times

    def compare(self, numbers: Sequence[int]) -> ComparisonResult:
        """Read these extents on both nodes at the same time; those that are not equal then, until that is decided.
        Raises ProbeError, Ended and what `quiet` raises."""
        self.there.ask(numbers)
        mine = self.here.digests(numbers)
        theirs = self.there.answer()
        unequal = [
            number for number, one, other in zip(numbers, mine, theirs, strict=True) if one != other or one is None
        ]
        return self.decide(unequal) if unequal else ComparisonResult()

    def decide(self, numbers: Sequence[int]) -> ComparisonResult:
        """Read extents again until they are equal or proven to differ. Raises what `compare` raises."""
        lists: dict[str, list[int]] = {name: [] for name in ComparisonResult._fields}
        proven = dict.fromkeys(numbers, 0)
        before = dict(zip(numbers, self.here.digests(numbers), strict=True))
        restless = 0
        for _ in range(TRIES):
            left = list(proven)
            quiet = self._await_quiet()
            self.there.ask(left)
            theirs = dict(zip(left, self.there.answer(), strict=True))
            quiet = quiet and self._await_quiet()
            after = dict(zip(left, self.here.digests(left), strict=True))
            for number in left:
                mine, other = after[number], theirs[number]
                if mine == other and mine is not None:
                    del proven[number]
                    continue
                unread = mine is None or other is None
                proven[number] += unread or (quiet and mine == before[number])
                if proven[number] >= self.times:
                    del proven[number]
                    lists["differ"].append(number)
                    lists["unread_here"] += [number] * (mine is None)
                    lists["unread_there"] += [number] * (other is None)
            before = after
            restless += not quiet
            if not proven or restless >= TIMES:
                break
        lists["undecided"] += proven
        return ComparisonResult(**{name: tuple(each) for name, each in lists.items()})

    def _await_quiet(self) -> bool:
        return self.timing.until(self.quiet, PATIENCE, EVERY)
