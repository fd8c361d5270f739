"""A recovery that is interrupted at any moment, and run again: it ends recovered, or refused with nothing destroyed.

It is killed with kill -9 before or during any of its commands or before any of its writes to the state directory; or
before any command the losing node or the winner loses power, or the nodes are cut off from each other. The tests take
some of all moments; `python -m tests.recovery.test_interrupted` takes all and prints how many there are.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

import pytest

from simulator.clock import Task
from simulator.dying import Killed, KillPoint, Life
from tests.failover.installed_pair import PERIOD, state_directory
from tests.failover.test_killed import fates
from tests.recovery.split_pair import SIDES, Split, SplitPair

pytestmark = pytest.mark.slow

SPLIT = Split("cut off", SIDES[2])
ENDS = 60.0
"""Seconds for which nobody does anything about what has happened."""
HEALTH = 200.0
"""Seconds for the pair to be healthy after the recovery was run again."""
ONE_IN = 57


def reboots_the_losing_node(pair: SplitPair) -> None:
    """Power is lost on the node whose copy is given up."""
    pair.losing.power_off()


def reboots_the_winner(pair: SplitPair) -> None:
    """Power is lost on the node that serves."""
    pair.winner.power_off()


def cuts(pair: SplitPair) -> None:
    """Both networks between the nodes are cut."""
    pair.breaks_all(["cut", "cut-management"])


EVENTS: dict[str, Callable[[SplitPair], None]] = {
    "the losing node loses power": reboots_the_losing_node,
    "the winner loses power": reboots_the_winner,
    "the nodes are cut off": cuts,
}


class Moment(NamedTuple):
    """When it is interrupted and by what: by a death of the process, or an event before its command of this number."""

    fate: KillPoint = KillPoint()
    event: str = ""
    number: int = 0
    rebooted: bool = False
    """After the death the node is booted before it is run again."""

    def __str__(self) -> str:
        killed = ", ".join(f"{name} {at:g}" for name, at in self.fate._asdict().items() if at < float("inf"))
        return f"killed {killed}{' and booted' if self.rebooted else ''}" if killed else f"{self.event} {self.number}"


class Interrupted(Life):
    """A life in which something happens before one of its commands."""

    def __init__(self, moment: Moment, happens: Callable[[], None]) -> None:
        super().__init__(moment.fate)
        self._number, self._happens = moment.number, happens

    def begin_command(self, start: Callable[[], None]) -> None:
        """Raises Killed."""
        if self.commands + 1 == self._number and not self.over:
            self._number = 0
            self._happens()
        super().begin_command(start)


class Played(NamedTuple):
    """The life of the first process, what came of running it again, what is wrong, and the story of that."""

    life: Life
    said: str
    wrong: tuple[str, ...]
    story: str


def played(moment: Moment) -> Played:
    """A split-brain whose recovery is interrupted at this moment, and run again after everything works."""
    with state_directory() as state:
        pair = SplitPair(state)
        SPLIT.make(pair)
        pair.passes(PERIOD)  # the winner notes that it wrote last
        life = Interrupted(moment, lambda: EVENTS[moment.event](pair))
        first = pair.begins_recovery(life)
        pair.pair.clock.wait(first, ENDS)
        pair.passes(ENDS)
        wrong = tuple(_halfway(pair, first))
        _put_right(pair, moment)
        sentence = pair.recovers()
        pair.until(lambda: pair.healthy, HEALTH)
        wrong += tuple(_wrong(pair))
        return Played(life, sentence, wrong, f"{sentence}\n{pair.story()}" if wrong else "")


def _put_right(pair: SplitPair, moment: Moment) -> None:
    pair.pair.link.heal()
    if moment.rebooted:
        pair.losing.power_off()
        pair.passes(5)
    for node in pair.pair.nodes.values():
        if not node.on:
            pair.pair.clock.wait(node.power_on())
    pair.passes(ENDS)


def _halfway(pair: SplitPair, first: Task[str]) -> Iterator[str]:
    if not first.done:
        yield "the first one has not ended"
    elif first.error is not None and not isinstance(first.error, Killed) and pair.created == 0 and pair.destroyed:
        yield f"it was refused, and the copy has changed: {first.error}"
    if lost := pair.unaccounted():
        yield f"halfway {len(lost)} acknowledged writes are nowhere"


def _wrong(pair: SplitPair) -> Iterator[str]:
    if pair.pair.hook_errors:
        yield f"a hook failed: {pair.pair.hook_errors[0]!r}"
    if lost := pair.unaccounted():
        yield f"{len(lost)} acknowledged writes are nowhere, {lost[0].file} first"
    if pair.created != 1:
        yield f"new metadata were made {pair.created} times"
    if not pair.healthy:
        yield f"the pair is not healthy again: {pair.reasons(pair.losing)}"
    if "hastwatch" in pair.losing.run("mount").out or pair.losing.run("ls /dev/vtbd1.nop").status == 0:
        yield "something of the salvage is left mounted"


def moments(life: Life) -> Iterator[Moment]:
    """Every moment at which a recovery that had this life can be interrupted."""
    for number, fate in enumerate(fates(life)):
        yield Moment(fate, rebooted=number % 4 == 0)
    for event in EVENTS:
        yield from (Moment(event=event, number=number) for number in range(1, life.commands + 1))


@pytest.fixture(scope="module")
def every_moment() -> list[Moment]:
    """Of a recovery that nothing interrupts."""
    whole = played(Moment())
    assert whole.wrong == ()
    return list(moments(whole.life))


@pytest.mark.parametrize("offset", (0, 28))
def test_a_recovery_that_was_interrupted_is_finished_when_it_is_run_again(
    every_moment: list[Moment], offset: int
) -> None:
    taken = every_moment[offset::ONE_IN]
    assert len(taken) >= 5
    assert {str(moment): outcome.story for moment in taken if (outcome := played(moment)).wrong} == {}


def main() -> int:
    """All moments; prints how many there are."""
    began, whole = time.monotonic(), played(Moment())
    print(*whole.wrong, sep="\n")
    every, bad = list(moments(whole.life)), 0
    for moment in every:
        outcome = played(moment)
        if outcome.wrong:
            bad += 1
            print(moment, *outcome.wrong, sep="\n  ")
            print(outcome.story if bad == 1 else outcome.said)
    commands, writes, seconds = whole.life.commands, whole.life.writes, time.monotonic() - began
    print(f"{len(every)} moments of {commands} commands and {writes} writes, {bad} end wrong ({seconds:.0f} s)")
    return int(bad > 0 or bool(whole.wrong))


if __name__ == "__main__":
    sys.exit(main())
