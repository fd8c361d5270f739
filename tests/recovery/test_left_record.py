"""The record of a recovery that nobody waited for: it ends by itself, and is no answer to a later split-brain."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from remediate.context import Context
from remediate.recovery import progress
from remediate.recovery.progress import RecoveryStep
from remediate.recovery.recover import NOT_RESUMED, RecoveryRefused
from remediate.rehearsal.cron import EVERY
from remediate.subcommands import recover
from tests.failover.installed_pair import state_directory
from tests.recovery.split_pair import HOME, SIDES, Split, SplitPair

pytestmark = pytest.mark.slow

SPLIT = Split("cut off", SIDES[2])


@pytest.fixture
def pair() -> Iterator[SplitPair]:
    """A split-brain that was recovered, and whose recovery nobody has waited for."""
    with state_directory() as state:
        pair = SplitPair(state)
        SPLIT.make(pair)
        pair.bare = pair.losing  # cron is dead there
        assert "read back" in pair.recovers()
        assert pair.until(lambda: pair.healthy, 300)
        yield pair


def step(pair: SplitPair) -> RecoveryStep | None:
    """How far a recovery on the losing node has come, where one was begun."""
    begun = progress.read(pair.store(pair.losing), HOME)
    return None if begun is None else begun.step


def typed(pair: SplitPair, *words: str) -> int:
    """`hastwatch recover home` on the losing node, confirmed."""

    def act(context: Context) -> int:
        return recover.act(context, recover.parser().parse_args([HOME, "--yes", "--no-wait", *words]))

    return pair.does(pair.losing, act)


@pytest.mark.parametrize("lost", ["the winner loses power", "the winner cannot be asked"])
def test_it_is_no_answer_to_a_later_split_brain_of_which_the_other_copy_cannot_be_seen(
    pair: SplitPair, lost: str
) -> None:
    """The losing copy stays marked, and is not served, though it is the only one that runs."""
    pair.active, pair.standby = pair.winner, pair.losing
    SPLIT.make(pair)
    before, salvages = pair.split_brain(pair.losing), list(pair.salvage.iterdir())
    assert step(pair) is RecoveryStep.FOLLOWING and before is not None and before.losing
    if lost == "the winner loses power":
        pair.winner.power_off()
    else:
        pair.breaks("cut-management")
    pair.passes(60)
    assert pair.recovers().endswith(NOT_RESUMED)
    with pytest.raises(RecoveryRefused, match=NOT_RESUMED):
        typed(pair)
    assert (pair.split_brain(pair.losing), pair.role(pair.losing)) == (before, "init"), pair.story()
    pair.bare = None
    pair.passes(2 * EVERY)
    assert not pair.serves(pair.losing) and pair.split_brain(pair.losing) == before, pair.story()
    assert (pair.created, list(pair.salvage.iterdir())) == (0, salvages)


def test_it_is_no_answer_where_the_copies_cannot_be_compared(pair: SplitPair) -> None:
    pair.breaks("cut-management")
    pair.passes(5)
    assert pair.recovers().endswith(NOT_RESUMED)
    pair.pair.link.heal()
    pair.passes(5)
    assert "read back" in pair.recovers()  # what it has kept


def test_it_ends_by_itself_once_the_copy_is_complete(pair: SplitPair) -> None:
    assert step(pair) is RecoveryStep.FOLLOWING
    pair.bare = None
    pair.passes(2 * EVERY)
    assert step(pair) is None
    assert [entry.why for entry in pair.entries(pair.losing, "recovered")] == ["the primary has nothing left to copy"]


def test_it_stays_while_the_copy_is_not_complete(state: Path) -> None:
    pair = SplitPair(state)
    SPLIT.make(pair)
    assert "read back" in pair.recovers()
    pair.breaks("cut-replication")
    pair.passes(2 * EVERY)
    assert step(pair) is RecoveryStep.FOLLOWING and not pair.entries(pair.losing, "recovered"), pair.story()
