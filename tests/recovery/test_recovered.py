"""Whatever a recovery does: what was acknowledged and on a disk is on the winner or in the salvage, byte for byte.

Every way in which a split-brain comes about x which side clients wrote to meanwhile x what is done about it, by policy
or by an operator. Where nothing may be destroyed it is looked at that nothing was. The tests take some of all these;

    python -m tests.recovery.test_recovered [COUNT] [--seed N]

takes COUNT random ones of them (default: each once), and prints how many and from which seed.
"""

from __future__ import annotations

import argparse
import itertools
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from remediate.recovery.preservation import MARGIN, Mode
from tests.failover.installed_pair import state_directory
from tests.recovery.split_pair import SIDES, WAYS, Split, SplitPair

pytestmark = pytest.mark.slow

SALVAGE, RESYNC = "an operator salvages", "an operator resynchronises"
DEEDS = ("none", "step-down", "discard-zero-changes", "salvage-then-discard", SALVAGE, RESYNC)
"""What is done about it: a policy, or an operator under the default one."""
HUMAN = {SALVAGE: Mode.SALVAGE, RESYNC: Mode.RESYNC}
ROUNDS = 130.0
"""Seconds in which cron has called twice on each node."""
LONGEST_PAUSE = 60.0
SILENCE = 30.0
"""Seconds beyond the margin: 20 for which the primary waits for an answer, and some more."""
SEED, ONE_IN = 121, 12
"""Of so many cases the tests take one."""


class Case(NamedTuple):
    """One of them. `pause`: seconds for which the clients go on writing before; `quiet`: then they write nothing for
    longer than UFS and hastd delay a write (`preservation.MARGIN`), until the nodes are parted."""

    split: Split
    deed: str
    pause: float
    quiet: bool

    def __str__(self) -> str:
        writers = " and ".join(sorted(self.split.writers)) or "nobody"
        quiet = " and a silence" if self.quiet else ""
        return f"{self.split.way}, {writers} written to, {self.deed}, after {self.pause:.2f} s{quiet}"


class Played(NamedTuple):
    """How it went, what of it must not be, and then its story."""

    came_to: str
    wrong: tuple[str, ...]
    story: str


def played(case: Case) -> Played:
    """Make the split-brain, do about it what is to be done, and take the account."""
    with state_directory() as state:
        pair = SplitPair(state, "step-down" if case.deed in HUMAN else case.deed)
        pair.passes(case.pause)
        if case.quiet:
            pair.clients_are_silent(MARGIN + SILENCE)
        case.split.make(pair)
        was_split = pair.was_split
        sentence = pair.recovers(HUMAN[case.deed]) if case.deed in HUMAN else ""
        pair.passes(ROUNDS)
        wrong = tuple(_wrong(pair, case) if was_split else _not_split(pair))
        recovered = "recovered" if pair.created else "not recovered"
        return Played(
            recovered if was_split else "no split-brain", wrong, f"{sentence}\n{pair.story()}" if wrong else ""
        )


def _wrong(pair: SplitPair, case: Case) -> Iterator[str]:
    if pair.pair.hook_errors:
        yield f"a hook failed: {pair.pair.hook_errors[0]!r}"
    if len(pair.on_disk) < 30 or not pair.copy:
        yield "nothing was at stake"
    if lost := pair.unaccounted():
        yield f"{len(lost)} acknowledged writes are nowhere, {lost[0].file} first"
    if not pair.serves(pair.winner):
        yield "clients are not served"
    if pair.created == 0:
        yield from _not_recovered(pair, case)
    else:
        yield from _recovered(pair, case)


def _not_split(pair: SplitPair) -> Iterator[str]:
    """Where one side wrote nothing hastd copies the other one by itself."""
    if lost := pair.unaccounted():
        yield f"{len(lost)} acknowledged writes are nowhere, {lost[0].file} first"
    if pair.created or not pair.healthy:
        yield "without a split-brain the pair did not come to rest by itself"


def _not_recovered(pair: SplitPair, case: Case) -> Iterator[str]:
    if pair.destroyed:
        yield "the losing copy has changed although it was not recovered"
    by_proof = case.deed in ("discard-zero-changes", RESYNC)
    if case.deed in ("salvage-then-discard", SALVAGE) or (by_proof and not pair.differing):
        yield "it was not recovered although it could be"
    if not pair.is_split:
        yield "the marker is gone although nothing was recovered"
    if case.deed != "none" and pair.role(pair.losing) != "init":
        yield f"the losing node has not stepped down: {pair.role(pair.losing)}"


def _recovered(pair: SplitPair, case: Case) -> Iterator[str]:
    if case.deed in ("none", "step-down"):
        yield "it was recovered although nobody wanted that"
    if pair.created > 1:
        yield f"new metadata were made {pair.created} times"
    if case.deed in ("discard-zero-changes", RESYNC) and pair.only_there and pair.losing.name in pair.written_to:
        yield "a copy was discarded that has what clients were told was safe"
    if not pair.healthy:
        yield f"the pair is not healthy again: {pair.reasons(pair.losing)}"
    if case.deed not in HUMAN and len(pair.entries(pair.losing, "recovered")) != 1:
        yield "that it is over is not in the journal once"


def every_case(seed: int) -> list[Case]:
    """Each once, in an order and with pauses that the seed gives."""
    chance = random.Random(seed)
    cases = [
        Case(Split(way, writers), deed, chance.uniform(0, LONGEST_PAUSE), quiet)
        for way, writers, deed, quiet in itertools.product(WAYS, SIDES, DEEDS, (False, True))
    ]
    chance.shuffle(cases)
    return cases


@pytest.mark.parametrize("case", every_case(SEED)[::ONE_IN], ids=str)
def test_nothing_that_was_acknowledged_is_lost_by_a_recovery(case: Case) -> None:
    outcome = played(case)
    assert outcome.wrong == (), outcome.story


@pytest.mark.quick
def test_the_cases_that_are_taken_have_every_way_every_side_and_every_deed() -> None:
    taken = every_case(SEED)[::ONE_IN]
    assert {case.split.way for case in taken} == set(WAYS)
    assert {case.split.writers for case in taken} == set(SIDES)
    assert {(case.deed, case.quiet) for case in taken} == set(itertools.product(DEEDS, (False, True)))


def main(words: list[str] | None = None) -> int:
    """Play so many; print how many and what came of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("count", nargs="?", type=int, default=len(every_case(SEED)))
    parser.add_argument("--seed", type=int, default=SEED)
    options = parser.parse_args(words)
    began, done, bad = time.monotonic(), Counter[tuple[str, str]](), 0
    seeds = itertools.count(options.seed * 1_000_000)
    cases = itertools.islice((case for seed in seeds for case in every_case(seed)), options.count)
    for case in cases:
        outcome = played(case)
        done[case.deed, outcome.came_to] += 1
        if outcome.wrong:
            bad += 1
            print(case, *outcome.wrong, sep="\n  ")
            print(outcome.story if bad == 1 else "")
    for deed in DEEDS:
        print(f"  {deed:<24}", ", ".join(f"{done[key]} {key[1]}" for key in sorted(done) if key[0] == deed))
    seconds = time.monotonic() - began
    print(f"{options.count} split-brains, seed {options.seed}: {bad} went wrong ({seconds:.0f} s)")
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
