"""The repair of a split-brain that hastd's own event has not led to: step down, or recover, as the policy says."""

from __future__ import annotations

from pathlib import Path

import pytest

from remediate.events.repair import Ending, repair
from remediate.events.repair_request import Remedy, RepairRequest
from simulator.dying import Life
from simulator.pair import HAST_HOOK
from tests.events.repair_command import repairs, steps_done
from tests.recovery.split_pair import HOME, SIDES, SplitPair, cut_off

pytestmark = pytest.mark.slow


def unheard(state: Path, policy: str) -> SplitPair:
    """A split-brain of which nobody was told on the losing node: hast.conf names no hook, and cron does not run."""
    pair = SplitPair(state, policy)
    pair.bare = pair.standby
    del pair.standby.programs[HAST_HOOK]
    cut_off(pair, SIDES[2])
    assert not pair.is_split and pair.serves(pair.winner) and pair.role(pair.losing) == "secondary"
    return pair


@pytest.mark.quick
def test_the_losing_side_steps_down_and_the_other_one_goes_on(state: Path) -> None:
    pair = unheard(state, "step-down")
    before = pair.files_on(pair.losing)
    assert repairs(pair, pair.winner, Remedy.SPLIT_BRAIN).ending is Ending.NOTHING
    assert repairs(pair, pair.losing, Remedy.SPLIT_BRAIN).ending is Ending.HELPED
    assert steps_done(pair, pair.losing) == [f"mark {HOME}"]
    assert pair.is_split and pair.role(pair.losing) == "init" and pair.serves(pair.winner)
    assert repairs(pair, pair.losing, Remedy.SPLIT_BRAIN).ending is Ending.NOTHING
    pair.passes(120)
    assert pair.files_on(pair.losing) == before and pair.created == 0


def test_a_policy_that_salvages_recovers_and_nothing_is_lost(state: Path) -> None:
    pair = unheard(state, "salvage-then-discard")
    outcome = repairs(pair, pair.losing, Remedy.SPLIT_BRAIN)
    pair.standby.programs[HAST_HOOK] = pair.active.programs[HAST_HOOK]  # from now on hastd is heard
    assert outcome.ending is Ending.HELPED, outcome.said
    assert pair.created == 1 and pair.salvaged()
    pair.bare = None
    pair.passes(240)
    assert pair.healthy and not pair.unaccounted(), pair.story()


def test_a_policy_of_none_touches_nothing(state: Path) -> None:
    pair = unheard(state, "none")
    assert repairs(pair, pair.losing, Remedy.SPLIT_BRAIN).status == 1
    assert not pair.is_split and pair.role(pair.losing) == "secondary" and pair.created == 0


def test_a_policy_that_wants_a_proof_which_is_missing_destroys_nothing_and_says_so(state: Path) -> None:
    pair = unheard(state, "discard-zero-changes")
    outcome = repairs(pair, pair.losing, Remedy.SPLIT_BRAIN)
    assert (outcome.ending, outcome.status) == (Ending.NO_HELP, 1)
    assert "`split_brain.policy` is discard-zero-changes" in outcome.said
    assert pair.created == 0 and not pair.destroyed and pair.role(pair.losing) == "init"


def test_without_the_other_nodes_word_nobody_steps_down(state: Path) -> None:
    pair = unheard(state, "step-down")
    pair.breaks("cut-management")
    assert repairs(pair, pair.losing, Remedy.SPLIT_BRAIN).ending is Ending.NOTHING
    assert pair.role(pair.losing) == "secondary"


def test_what_a_second_look_does_not_show_any_more_is_not_marked(state: Path) -> None:
    pair = unheard(state, "step-down")
    task = pair.begins(pair.losing, lambda context: repair(context, RepairRequest(Remedy.SPLIT_BRAIN)))
    assert pair.until(lambda: "begins" in [entry.result for entry in pair.entries(pair.losing, "repair")])
    pair.breaks("cut-management")
    assert pair.until(lambda: task.done)
    assert not pair.is_split and pair.role(pair.losing) == "secondary"
    assert "another look does not show it" in pair.told_once(pair.losing, "another look", "superseded").why


def test_where_clients_came_to_this_node_while_it_was_looked_at_it_is_not_marked(state: Path) -> None:
    pair = unheard(state, "step-down")
    node = pair.losing
    task = pair.begins(node, lambda context: repair(context, RepairRequest(Remedy.SPLIT_BRAIN)))
    pair.passes(0.1)
    pair.breaks("power-off", pair.winner.name)
    assert pair.until(lambda: task.done)
    pair.passes(120)
    assert not pair.is_split, pair.story()


def test_while_a_copy_is_recovered_nothing_starts_hastd_under_it(state: Path) -> None:
    pair = SplitPair(state, "step-down")
    cut_off(pair, SIDES[2])
    assert pair.is_split and pair.role(pair.losing) == "init"
    recovery = pair.begins_recovery(Life())
    assert pair.until(lambda: (pair.state / pair.losing.name / ".converge.lock").read_text() != "")
    pair.breaks("kill", pair.losing.name, "hastd")
    asked = pair.begins(pair.losing, lambda context: repair(context, RepairRequest(Remedy.HASTD)))
    assert not recovery.done
    while not recovery.done:
        assert not pair.losing.hastd.running
        pair.passes(0.05)
    assert pair.until(lambda: asked.done)
    assert pair.losing.hastd.running and pair.serves(pair.winner)
    pair.recovers()  # where it was stopped by the death of hastd
    pair.passes(240)
    assert pair.healthy and pair.salvaged() and not pair.unaccounted(), pair.story()
