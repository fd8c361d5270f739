"""What proves that an extent differs, against every order in which writes reach the two disks while they are read."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remediate.timing import Timing
from remediate.verification.comparing import TIMES, ComparisonResult, ExtentComparison

EXTENTS = 3
LASTS = 3.0
"""Seconds in which writes begin: about as long as extents are looked at."""


class Write(NamedTuple):
    """A write to an extent: when it is given to both sides, and after how long each of them has it; None: it fails
    there, which is answered after that time too, and nothing else is said of it."""

    extent: int
    at: float
    here: float
    there: float
    fails_there: bool = False

    @property
    def answered(self) -> float:
        """When both sides have answered: until then it is in flight."""
        return self.at + max(self.here, self.there)


class Clock(Timing):
    """Time that passes only where somebody reads, looks or waits."""

    def __init__(self) -> None:
        self.at = 0.0

    def now(self) -> float:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.at += seconds


class Disks:
    """Two disks to which the same is written, and the time that every look takes."""

    def __init__(self, written: Sequence[Write], takes: Callable[[], float]) -> None:
        self.written, self.takes, self.clock = written, takes, Clock()
        self.asked: Sequence[int] = ()

    def on(self, extent: int, side: str) -> bytes:
        """What is in an extent now: the writes that have reached it."""
        reached = [
            str(number)
            for number, write in enumerate(self.written)
            if write.extent == extent
            and write.at + getattr(write, side) <= self.clock.at
            and not (side == "there" and write.fails_there)
        ]
        return ",".join(reached).encode()

    def read(self, numbers: Sequence[int], side: str) -> list[bytes | None]:
        """Each extent at a moment of its own."""
        lines: list[bytes | None] = []
        for number in numbers:
            self.clock.at += self.takes()
            lines.append(self.on(number, side))
        return lines

    def digests(self, numbers: Sequence[int]) -> list[bytes | None]:
        return self.read(numbers, "here")

    def close(self) -> None:
        """Nothing is open."""

    def ask(self, numbers: Sequence[int]) -> None:
        self.asked = numbers

    def answer(self) -> list[bytes | None]:
        return self.read(self.asked, "there")

    def quiet(self) -> bool:
        """Whether nothing is in flight at one moment within the look."""
        self.clock.at += self.takes()
        quiet = all(not write.at <= self.clock.at < write.answered for write in self.written)
        self.clock.at += self.takes()
        return quiet

    def compare(self, times: int = TIMES) -> ComparisonResult:
        """All extents."""
        return ExtentComparison(self, self, self.quiet, self.clock, times).compare(range(EXTENTS))


def some_time(seed: int) -> Callable[[], float]:
    """Seconds that a look or a reading takes."""
    rng = random.Random(seed)
    return lambda: rng.choice([0.001, 0.01, 0.05, 0.2])


def some_writes(seed: int, most: int) -> list[Write]:
    """Writes at any time, which reach either disk first."""
    rng = random.Random(seed)
    return [
        Write(rng.randrange(EXTENTS), rng.uniform(0, LASTS), rng.uniform(0, 0.3), rng.uniform(0, 0.3))
        for _ in range(rng.randrange(most))
    ]


@pytest.mark.slow
@settings(max_examples=1000, deadline=None)
@given(st.integers(0))
def test_no_write_that_is_underway_is_a_difference(seed: int) -> None:
    """One proof is as good as three: they are for what nobody has thought of."""
    disks = Disks(some_writes(seed, 60), some_time(seed))
    assert not disks.compare(times=1).differ


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(st.integers(0), st.sets(st.integers(0, EXTENTS - 1)))
def test_a_write_that_has_failed_on_one_side_is_a_difference_or_not_decided(seed: int, failed: set[int]) -> None:
    lost = [Write(extent, -1.0, 0.1, 0.1, fails_there=True) for extent in sorted(failed)]
    disks = Disks([*lost, *some_writes(seed, 30)], some_time(seed))
    comparison = disks.compare()
    assert set(comparison.differ) | set(comparison.undecided) >= failed and set(comparison.differ) <= failed


@given(st.sets(st.integers(0, EXTENTS - 1)))
def test_where_nothing_is_written_all_that_differs_is_found(failed: set[int]) -> None:
    disks = Disks([Write(extent, -1.0, 0.1, 0.1, fails_there=True) for extent in sorted(failed)], lambda: 0.01)
    assert disks.compare() == ComparisonResult(differ=tuple(sorted(failed)))


def test_an_extent_that_cannot_be_read_is_tried_again_before_it_is_told() -> None:
    class Failing(Disks):
        reads = 0

        def read(self, numbers: Sequence[int], side: str) -> list[bytes | None]:
            self.reads += side == "there"
            good = super().read(numbers, side)
            return [None if side == "there" and number == 1 and self.reads < last else each
                    for number, each in zip(numbers, good, strict=True)]  # fmt: skip

    for last, expected in ((2, ()), (TIMES + 5, (1,))):  # noqa: B007 - read by the class
        comparison = Failing([], lambda: 0.01).compare()
        assert comparison.differ == comparison.unread_there == expected and not comparison.undecided


def test_where_it_is_never_quiet_nothing_is_decided_and_it_ends() -> None:
    always = [Write(2, at / 10, 0.15, 0.15) for at in range(10_000)]
    lost = Write(0, -1.0, 0.1, 0.1, fails_there=True)
    comparison = Disks([lost, *always], lambda: 0.01).compare()
    assert comparison.undecided[:1] == (0,) and not comparison.differ
