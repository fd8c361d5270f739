"""When the times of files prove that a losing copy holds nothing of its own, and when they prove nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.recovery.split_pair import APART, HELD_BACK, SplitPair

pytestmark = pytest.mark.slow

DISCARDS = "discard-zero-changes"
ROUNDS = 180.0
"""Seconds in which cron has called several times on each node."""


def parted(state: Path) -> SplitPair:
    pair = SplitPair(state, DISCARDS)
    pair.losing = pair.active
    return pair


def cut(pair: SplitPair, writers: frozenset[str]) -> None:
    pair.breaks_all(["cut", "cut-management"])
    pair.parts(writers, pair.losing)


def unmounted_and_healed(pair: SplitPair) -> None:
    """An operator unmounts on the node that had the service, and gives up its role; then the nodes meet."""
    lines = ("service nfsd onestop", "service mountd onestop", "umount /hast/home", "hastctl role secondary home")
    for line in (f"sysctl net.inet.carp.demotion={HELD_BACK}", *lines):
        pair.pair.must(pair.losing, line)
    pair.passes(5)
    pair.heals()
    pair.pair.must(pair.losing, f"sysctl net.inet.carp.demotion=-{HELD_BACK}")
    pair.passes(ROUNDS)
    assert pair.was_split


def proofs(pair: SplitPair) -> list[str]:
    """By what copies were discarded."""
    return [entry.why for entry in pair.entries(pair.losing, "created")]


def proves_by_times(pair: SplitPair) -> bool:
    return any("nothing on this copy was changed" in proof for proof in proofs(pair))


@pytest.mark.parametrize("step", ["7200", "-7200", "600", "-600"])
def test_a_clock_that_is_set_while_the_copies_are_apart_makes_no_write_older_than_the_cut(
    state: Path, step: str
) -> None:
    pair = parted(state)
    pair.breaks("clock-step", pair.losing.name, step)
    pair.clients_are_silent(130)
    cut(pair, frozenset())
    pair.passes(40)
    pair.breaks("clock-skew", pair.losing.name, "0")
    pair.pair.must(pair.losing, "echo late > /hast/home/late")
    pair.passes(90)
    unmounted_and_healed(pair)
    assert not proves_by_times(pair) and pair.created == 0, pair.story()


@pytest.mark.parametrize("step", ["-600", "-7200"])
def test_a_clock_that_is_set_forward_right_before_the_cut_leaves_no_proof_by_times(state: Path, step: str) -> None:
    """What clients wrote before that leaves UFS after the cut."""
    pair = parted(state)
    pair.breaks("clock-step", pair.losing.name, step)
    pair.passes(130)
    pair.clients_are_silent(2)
    pair.breaks("clock-skew", pair.losing.name, "0")
    cut(pair, frozenset())
    pair.passes(APART)
    unmounted_and_healed(pair)
    assert not proves_by_times(pair), pair.story()
    assert not pair.unaccounted(), pair.story()


def test_what_was_changed_as_long_before_as_ufs_and_hastd_wait_is_no_proof(state: Path) -> None:
    """45 s until UFS has written it, and 20 s until the primary gives up the connection."""
    pair = parted(state)
    pair.clients_are_silent(55)
    cut(pair, frozenset())
    pair.passes(APART)
    unmounted_and_healed(pair)
    assert not proves_by_times(pair), pair.story()


@pytest.mark.parametrize("step", ["0", "7200"])
def test_a_copy_without_changes_is_discarded_where_the_clock_was_set_long_before(state: Path, step: str) -> None:
    pair = parted(state)
    pair.breaks("clock-step", pair.losing.name, step)
    pair.passes(130)
    pair.clients_are_silent(120)
    cut(pair, frozenset())
    pair.passes(APART)
    unmounted_and_healed(pair)
    assert [proof[:33] for proof in proofs(pair)] == ["proven: nothing on this copy was "], pair.story()
