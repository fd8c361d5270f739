"""What a planned switchover waits for, it waits for while clients are served, and says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from remediate.counted import Started, counted
from remediate.failover.converge import ConvergeResult
from remediate.failover.errors import StepFailed
from remediate.failover.switchover import QUESTIONS, UPTIME, switch
from tests.failover.installed_pair import InstalledPair, installed_pair

pytestmark = pytest.mark.slow


def just_booted(state: Path) -> InstalledPair:
    """The standby was booted some 100 s ago."""
    pair = installed_pair(state)
    pair.standby.power_off()
    pair.passes(30)
    pair.boots(pair.standby, 90)
    assert pair.rests(pair.standby)
    return pair


@pytest.mark.quick
def test_a_target_that_was_just_booted_settles_before_anything_is_given_up(state: Path) -> None:
    pair = just_booted(state)
    shown: list[str] = []
    began = pair.now
    task = pair.begins(pair.active, lambda context: switch(context, "human", shown.append))
    pair.passes(100)
    assert pair.serves(pair.active) and not task.done
    assert shown[0].startswith("await-settled 1")
    assert "waits, serving: the other node was booted recently" in pair.entries(pair.active)[-1].result
    assert pair.until(lambda: task.done, 120), pair.story()
    assert task.value is not None and task.value.result is ConvergeResult.IN_PLACE and pair.serves(pair.standby)
    assert 150 < pair.now - began < 210
    assert pair.lost() == 0


def test_a_target_that_is_booted_again_meanwhile_is_not_given_the_service(state: Path) -> None:
    pair = just_booted(state)
    before = pair.clients.outages()
    task = pair.moves()
    pair.passes(60)
    pair.standby.power_off()
    pair.passes(10)
    pair.boots(pair.standby, 200)
    assert task.done and isinstance(task.error, StepFailed)
    assert pair.serves(pair.active) and len(pair.clients.outages()) == len(before) + 1  # that of a primary cut off


def test_a_target_that_was_booted_long_ago_is_not_waited_for_though_its_clock_is_wrong(pair: InstalledPair) -> None:
    pair.breaks("clock-step", "nfs002", "-86400")
    task = pair.moves()
    assert pair.until(lambda: task.done, 30)
    assert pair.serves(pair.standby)


@pytest.mark.parametrize("demotion", ["230", "240", "480"])
def test_a_target_that_others_demote_as_much_is_refused_before_anything_is_given_up(
    pair: InstalledPair, demotion: str
) -> None:
    pair.breaks("demote", "nfs002", demotion)
    task = pair.moves()
    pair.passes(30)
    assert isinstance(task.error, StepFailed)
    assert str(task.error) == f"nfs002 is demoted by {demotion} in CARP: it would not take the address"
    assert pair.serves(pair.active) and not pair.clients.outages()


def test_what_is_asked_in_one_call_is_what_is_asked(pair: InstalledPair) -> None:
    """Over ssh one call answers all of it (`Node.ask_ahead`); here each question is asked by itself."""
    started: Started = []
    pair.does(pair.active, lambda context: switch(counted(context, started), "human", lambda step: None))
    assert pair.serves(pair.standby)
    assert {" ".join(question) for question in (*QUESTIONS, *UPTIME)} <= set(started)


def test_a_node_without_hastwatch_is_refused_when_it_offers_no_session(pair: InstalledPair) -> None:
    pair.standby.session = None
    pair.breaks("hang-command", "nfs002", "hastwatch")
    with pytest.raises(StepFailed, match="nobody would promote it"):
        pair.does(pair.active, lambda context: switch(context, "human", lambda step: None))
    assert pair.serves(pair.active) and not pair.clients.outages()
