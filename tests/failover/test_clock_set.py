"""A clock that is set, far or near, back or forward, makes no copy better than it is, and none worse."""

from __future__ import annotations

from pathlib import Path

import pytest

from remediate.failover import own_copy
from tests.failover.installed_pair import InstalledPair, installed_pair, policy

pytestmark = pytest.mark.slow

FAR = ["7200", "-7200"]
NEAR = ["0.5", "-0.5"]
ALONE = 600.0
"""Seconds that the active node writes without the other one, which sees it at each look."""
WAYS = ("cut-replication", "cut-management")


def looked_at(state: Path) -> InstalledPair:
    """A pair on both nodes of which cron looks every minute."""
    pair = installed_pair(state, policy(management="10.0.2.16", witness="10.1.101.9"))
    for node in pair.pair.nodes.values():
        pair.looks_every_minute(node)
    return pair


def wrong_for_a_while(pair: InstalledPair, step: str) -> None:
    """The standby's clock is wrong while it is told that its copy is complete, and is set right then."""
    pair.breaks("clock-step", pair.standby.name, step)
    pair.passes(130)
    pair.breaks("clock-skew", pair.standby.name, "0")


def standby_is_promoted(pair: InstalledPair) -> bool:
    pair.active.power_off()
    return pair.until(lambda: pair.serves(pair.standby))


@pytest.mark.parametrize("step", FAR)
def test_a_report_that_came_while_the_clock_was_wrong_proves_nothing_of_later(state: Path, step: str) -> None:
    pair = looked_at(state)
    wrong_for_a_while(pair, step)
    pair.passes(300)
    pair.breaks_all(WAYS)
    pair.passes(ALONE)
    assert not standby_is_promoted(pair), pair.story()


@pytest.mark.parametrize("before", [ALONE - 30, 30, 1])
@pytest.mark.parametrize("step", FAR)
def test_a_clock_that_is_set_after_the_connection_was_lost_hides_no_write(
    state: Path, step: str, before: float
) -> None:
    pair = looked_at(state)
    pair.breaks_all(WAYS)
    pair.passes(ALONE - before)
    pair.breaks("clock-step", pair.standby.name, step)
    pair.passes(before)
    assert not standby_is_promoted(pair), pair.story()


@pytest.mark.parametrize("step", FAR)
def test_what_was_recorded_by_a_wrong_clock_before_a_boot_proves_nothing_of_later(state: Path, step: str) -> None:
    pair = looked_at(state)
    pair.breaks("clock-step", pair.standby.name, step)
    pair.passes(130)
    pair.standby.power_off()
    pair.breaks("clock-skew", pair.standby.name, "0")
    pair.passes(5)
    pair.boots(pair.standby, 400)
    pair.breaks_all(WAYS)
    pair.passes(ALONE)
    assert not standby_is_promoted(pair), pair.story()


@pytest.mark.parametrize("before", [200, 5])
@pytest.mark.parametrize("step", [*FAR, *NEAR])
def test_a_clock_that_was_set_keeps_no_good_copy_from_being_promoted(state: Path, step: str, before: float) -> None:
    pair = looked_at(state)
    pair.passes(130)
    pair.breaks("clock-step", pair.standby.name, step)
    pair.passes(before)
    assert standby_is_promoted(pair) and pair.sound, pair.story()


@pytest.mark.parametrize("step", FAR)
def test_a_clock_that_is_set_while_the_active_node_is_dying_keeps_nothing_from_being_promoted(
    state: Path, step: str
) -> None:
    pair = looked_at(state)
    pair.passes(130)
    pair.active.power_off()
    pair.passes(1)
    pair.breaks("clock-step", pair.standby.name, step)
    assert pair.until(lambda: pair.serves(pair.standby)), pair.story()


@pytest.mark.parametrize("skew", [*FAR, "-1000000", "1000000"])
def test_a_node_whose_wrong_clock_is_set_while_it_boots_takes_over_as_any_other(state: Path, skew: str) -> None:
    pair = looked_at(state)
    pair.standby.power_off()
    pair.breaks("clock-skew", pair.standby.name, skew)
    pair.passes(5)
    booted = pair.standby.power_on()
    pair.passes(20)
    pair.breaks("clock-skew", pair.standby.name, "0")
    pair.pair.clock.wait(booted)
    pair.passes(400)
    assert standby_is_promoted(pair) and pair.sound, pair.story()


@pytest.mark.parametrize("waited", [3.0, 20.0])
def test_an_event_that_waited_while_the_clock_was_set_back_came_when_it_came(state: Path, waited: float) -> None:
    pair = looked_at(state)
    pair.passes(130)
    came = pair.standby.now
    pair.passes(waited)
    pair.breaks("clock-step", pair.standby.name, "-7200")
    assert pair.does(pair.standby, lambda context: own_copy.came_at(context, "home", came)) == came - 7200
    assert pair.does(pair.standby, lambda context: own_copy.came_at(context, "home", came - 7300)) == came - 7300
