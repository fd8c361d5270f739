"""Repairs that were held back: done by cron's look when what held them back is over, once, and never without need."""

from __future__ import annotations

from pathlib import Path

import pytest

from remediate.config import RemediationConfig
from remediate.events import guards
from remediate.events.repair import Ending
from remediate.events.repair_request import EngineHold, Remedy
from remediate.policy import Repair
from remediate.rehearsal.cron import EVERY, start_cron
from remediate.state import held, maintenance
from tests.events.repair_command import held_back, repairs
from tests.failover.installed_pair import InstalledPair, installed_pair

pytestmark = pytest.mark.slow

POLICY = Repair()
LATE = 2 * EVERY
"""Seconds in which cron has looked, and what it does has ended."""


def without_hastd(state: Path, policy: Repair = POLICY) -> InstalledPair:
    """A pair with cron, whose standby has lost its hastd."""
    pair = installed_pair(state, RemediationConfig(repair=policy))
    pair.breaks("kill", "nfs002", "hastd")
    return pair


def waiting(pair: InstalledPair) -> list[tuple[str, str]]:
    """What was held back on the standby and is remembered, by which guard."""
    return [(one.remedy, one.guard) for one in held.read(pair.store(pair.standby))]


def results(pair: InstalledPair) -> list[str]:
    """What the standby's journal says of repairs."""
    return [entry.result for entry in pair.entries(pair.standby, "repair")]


@pytest.mark.quick
def test_what_flapping_held_back_is_done_after_as_many_checks_as_an_engine_remembers(state: Path) -> None:
    pair = without_hastd(state)
    start_cron(pair.installed)
    repairs(pair, pair.standby, Remedy.HASTD, EngineHold.FLAPPING)
    pair.passes(POLICY.retry_after_flapping - LATE)
    assert not pair.standby.hastd.running and waiting(pair) == [("hastd", "flapping")]
    pair.passes(2 * LATE)
    assert pair.standby.hastd.running and waiting(pair) == []
    assert results(pair) == ["still needed, tried now", "begins", "helped"]
    assert pair.entries(pair.standby, "repair")[0].why.startswith("held back by flapping at ")


def test_one_more_word_of_the_engine_begins_the_wait_anew(state: Path) -> None:
    pair = without_hastd(state)
    start_cron(pair.installed)
    for _ in range(2):
        repairs(pair, pair.standby, Remedy.HASTD, EngineHold.FLAPPING)
        pair.passes(POLICY.retry_after_flapping - LATE)
    assert not pair.standby.hastd.running and held_back(pair, pair.standby) == ["flapping", "flapping"]


def test_a_downtime_is_waited_for_as_long_as_one_lasts(state: Path) -> None:
    pair = without_hastd(state, Repair(retry_after_downtime=1800.0))
    start_cron(pair.installed)
    repairs(pair, pair.standby, Remedy.HASTD, EngineHold.DOWNTIME)
    pair.passes(1800 - LATE)
    assert not pair.standby.hastd.running
    pair.passes(2 * LATE)
    assert pair.standby.hastd.running and results(pair)[-1] == "helped"


def test_maintenance_is_waited_for_and_no_longer(state: Path) -> None:
    pair = without_hastd(state)
    start_cron(pair.installed)
    maintenance.begin(pair.store(pair.standby), pair.standby.now, None, "new disk", "alice")
    assert repairs(pair, pair.standby, Remedy.HASTD).guard is guards.MAINTENANCE
    pair.passes(1000)
    assert not pair.standby.hastd.running and held_back(pair, pair.standby) == ["maintenance"]
    maintenance.end(pair.store(pair.standby))
    pair.passes(LATE)
    assert pair.standby.hastd.running and results(pair)[-1] == "helped"


@pytest.mark.parametrize("policy", [Repair(), Repair(cool_down=0, hourly_limit=1)])
def test_what_was_tried_too_recently_is_tried_when_that_is_long_ago(state: Path, policy: Repair) -> None:
    pair = without_hastd(state, policy)
    start_cron(pair.installed)
    assert repairs(pair, pair.standby, Remedy.HASTD).ending is Ending.HELPED
    pair.passes(LATE)
    pair.breaks("kill", "nfs002", "hastd")
    guard = guards.COOL_DOWN if policy.cool_down else guards.HOURLY_LIMIT
    assert repairs(pair, pair.standby, Remedy.HASTD).guard is guard
    pair.passes((policy.cool_down or 3600) - 3 * LATE)
    assert not pair.standby.hastd.running
    pair.passes(3 * LATE)
    assert pair.standby.hastd.running and waiting(pair) == []


def test_a_retry_that_does_not_help_is_the_last_one(state: Path) -> None:
    pair = without_hastd(state)
    pair.breaks("service-fails", "nfs002", "hastd")
    start_cron(pair.installed)
    repairs(pair, pair.standby, Remedy.HASTD, EngineHold.FLAPPING)
    pair.passes(3 * POLICY.retry_after_flapping)
    assert [result.partition(":")[0] for result in results(pair)] == [
        "still needed, tried now",
        "begins",
        "did not help",
    ]
    assert waiting(pair) == []


def test_what_somebody_else_has_mended_does_not_wait_any_more(state: Path) -> None:
    pair = without_hastd(state)
    start_cron(pair.installed)
    repairs(pair, pair.standby, Remedy.HASTD, EngineHold.DOWNTIME)
    pair.pair.must(pair.standby, "service hastd onestart")
    pair.passes(LATE)
    assert results(pair) == ["not needed any more"] and waiting(pair) == []


def test_what_cannot_be_read_is_not_done_and_said_once(state: Path) -> None:
    pair = without_hastd(state, Repair(retry_after_flapping=0.0))
    repairs(pair, pair.standby, Remedy.HASTD, EngineHold.FLAPPING)
    (pair.state / "nfs002" / held.NAME).write_text("no record")
    start_cron(pair.installed)
    pair.passes(5 * EVERY)
    assert not pair.standby.hastd.running and results(pair) == []
    assert "is not taken up" in pair.told_once(pair.standby, "held.json", "held-back").result


@pytest.mark.parametrize("policy", [Repair(actions=("nfs",)), Repair(hourly_limit=0)])
def test_what_the_configuration_forbids_is_never_taken_up(state: Path, policy: Repair) -> None:
    pair = without_hastd(state, policy._replace(retry_after_flapping=0.0))
    start_cron(pair.installed)
    repairs(pair, pair.standby, Remedy.HASTD, EngineHold.FLAPPING)
    pair.passes(600)
    assert not pair.standby.hastd.running and results(pair) == []


def test_a_clock_that_is_stepped_does_not_end_the_wait(state: Path) -> None:
    pair = without_hastd(state)
    start_cron(pair.installed)
    repairs(pair, pair.standby, Remedy.HASTD, EngineHold.FLAPPING)
    pair.breaks("clock-skew", "nfs002", "7200")
    pair.passes(POLICY.retry_after_flapping - LATE)
    assert not pair.standby.hastd.running
    pair.passes(2 * LATE)
    assert pair.standby.hastd.running


def test_fifty_requests_are_one_line_and_a_count(state: Path) -> None:
    pair = without_hastd(state)
    for _ in range(50):
        repairs(pair, pair.standby, Remedy.HASTD, EngineHold.DOWNTIME)
    assert [entry.result for entry in pair.entries(pair.standby, "held-back")] == [
        "the monitoring engine has a downtime"
    ]
    start_cron(pair.installed)
    pair.passes(held.RUN + LATE)
    entries = pair.entries(pair.standby, "held-back")
    assert len(entries) == 2 and entries[1].result.startswith("49 more requests until ")
    assert repairs(pair, pair.standby, Remedy.HASTD).ending is Ending.HELPED
    assert held_back(pair, pair.standby) == ["downtime", "downtime"] and waiting(pair) == []
