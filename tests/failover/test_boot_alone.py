"""A node that was booted does not serve before it has heard of the other copy, unless it is known to have written last.

While it was off the other node may have served, and be off itself now: nothing here shows then that the copy is behind.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from remediate.failover.converge import ConvergeRequest, ConvergeResult
from remediate.rehearsal.observer import BOTH, Observer
from remediate.state import ledger
from simulator.account.writes import LossCause
from tests.failover.installed_pair import (
    OFF,
    WROTE_ALONE,
    InstalledPair,
    installed_pair,
    master,
    policy,
    the_other_wrote_last,
)

pytestmark = pytest.mark.slow

SETTLED = 120.0
"""Seconds after which a booted node serves, if it ever does by itself."""
REFUSED = "booted alone: the other node may have served after this one"


@pytest.mark.quick
def test_a_node_that_was_off_while_the_other_one_wrote_alone_does_not_serve_when_it_is_booted_alone(
    state: Path,
) -> None:
    pair = the_other_wrote_last(state)
    pair.looks_every_minute(pair.active)
    pair.boots(pair.active, SETTLED)
    assert master(pair.active) and pair.rests(pair.active), pair.story()
    sentences = [entry.result for entry in pair.entries(pair.active, "refused") if re.search(REFUSED, entry.result)]
    assert 1 <= len(sentences) <= 2  # devd's event and the boot script, and not once a minute
    assert "not known to have written last" in sentences[0]
    assert pair.reasons(pair.active) == ("home: boot-alone",) and not pair.blocked(pair.active)


def test_the_checks_are_critical_while_a_node_that_was_booted_alone_waits(state: Path) -> None:
    pair = the_other_wrote_last(state)
    pair.boots(pair.active, SETTLED)
    observer = Observer(pair.pair)
    observer.look(pair.pair.clock.wait)
    pair.passes(SETTLED)
    says = {report.check: report for report in observer.look(pair.pair.clock.wait) if report.node == BOTH}
    assert says["check_carp_hast"].state == "CRITICAL"
    assert "carp-master-hast-secondary" in says["check_carp_hast"].reasons
    assert "carp-demoted" in says["check_carp"].reasons


def test_the_node_that_wrote_last_serves_as_soon_as_it_is_back(state: Path) -> None:
    pair = the_other_wrote_last(state)
    pair.boots(pair.active, SETTLED)
    pair.boots(pair.standby, SETTLED)
    assert pair.serves(pair.standby) and pair.rests(pair.active) and pair.sound, pair.story()
    assert {loss.cause for loss in pair.clients.account().losses} <= {LossCause.UFS_DELAY}  # by the first power cut
    assert pair.reasons(pair.active) == ("no failback",)


@pytest.mark.parametrize("goes", ["in order", "by a power cut"])
def test_a_node_that_was_alone_when_it_went_down_serves_when_it_is_booted_alone(pair: InstalledPair, goes: str) -> None:
    pair.looks_every_minute(pair.active)
    pair.standby.power_off()
    pair.passes(WROTE_ALONE)
    if goes == "in order":
        pair.pair.clock.wait(pair.active.shut_down())
    else:
        pair.active.power_off()
    pair.passes(OFF)
    pair.boots(pair.active, SETTLED)
    assert pair.serves(pair.active) and pair.sound, pair.story()


def test_a_node_that_was_alone_serves_after_each_of_two_boots(pair: InstalledPair) -> None:
    pair.looks_every_minute(pair.active)
    pair.standby.power_off()
    pair.passes(WROTE_ALONE)
    for _ in range(2):
        pair.active.power_off()
        pair.passes(OFF)
        pair.boots(pair.active, SETTLED)
        assert pair.serves(pair.active) and pair.sound, pair.story()


def test_a_primary_whose_standby_may_have_taken_over_does_not_serve_when_it_is_booted_alone(
    pair: InstalledPair,
) -> None:
    """And it did: it took over, served, and lost power."""
    pair.active.power_off()
    assert pair.until(lambda: pair.serves(pair.standby), 60), pair.story()
    pair.passes(WROTE_ALONE)
    pair.standby.power_off()
    pair.passes(OFF)
    pair.boots(pair.active, SETTLED)
    assert master(pair.active) and pair.rests(pair.active), pair.story()


@pytest.mark.parametrize("goes", ["in order", "by a power cut"])
def test_a_primary_that_was_cut_off_for_a_moment_and_died_is_not_taken_for_the_last(state: Path, goes: str) -> None:
    """The other node, which hears CARP, does not call its copy stale yet: it takes over, serves, and loses power."""
    pair = installed_pair(state, policy(witness="10.1.101.9"))
    pair.looks_every_minute(pair.active)
    pair.passes(65)
    pair.breaks("cut-replication")
    pair.breaks("cut-management")
    pair.passes(20)
    if goes == "in order":
        pair.pair.clock.wait(pair.active.shut_down())
    else:
        pair.active.power_off()
    assert pair.until(lambda: pair.serves(pair.standby), 90), pair.story()
    pair.passes(WROTE_ALONE)
    pair.standby.power_off()
    pair.breaks("heal")
    pair.boots(pair.active, SETTLED)
    assert pair.rests(pair.active), pair.story()


def test_a_node_that_wrote_alone_and_gave_way_to_another_master_is_not_taken_for_the_last(pair: InstalledPair) -> None:
    pair.breaks("cut-replication")
    pair.breaks("cut-management")
    pair.passes(WROTE_ALONE)
    pair.breaks("demote", pair.active.name, "240")
    assert pair.until(lambda: pair.rests(pair.active), 60), pair.story()
    pair.passes(WROTE_ALONE)
    for node in (pair.standby, pair.active):
        node.power_off()
    pair.passes(OFF)
    pair.boots(pair.active, SETTLED)
    assert master(pair.active) and pair.rests(pair.active), pair.story()


def test_a_node_that_was_connected_again_before_both_went_down_is_not_taken_for_the_last(pair: InstalledPair) -> None:
    pair.standby.power_off()
    pair.passes(WROTE_ALONE)
    pair.boots(pair.standby, SETTLED)
    pair.active.power_off()
    assert pair.until(lambda: pair.serves(pair.standby), 60), pair.story()
    pair.passes(WROTE_ALONE)
    pair.standby.power_off()
    pair.boots(pair.active, SETTLED)
    assert master(pair.active) and pair.rests(pair.active), pair.story()


@pytest.mark.parametrize("later", [0.0, 3.0, 40.0])
@pytest.mark.parametrize("first", [0, 1])
def test_two_nodes_that_boot_after_a_common_power_failure_hear_each_other_and_one_serves(
    pair: InstalledPair, first: int, later: float
) -> None:
    nodes = [pair.active, pair.standby]
    for node in nodes:
        pair.looks_every_minute(node)
        node.power_off()
    pair.passes(OFF)
    nodes[first].power_on()
    pair.passes(later)
    nodes[1 - first].power_on()
    pair.passes(2 * SETTLED)
    assert sum(pair.serves(node) for node in nodes) == 1 and pair.sound, pair.story()
    assert sum(pair.rests(node) for node in nodes) == 1
    assert {loss.cause for loss in pair.clients.account().losses} <= {LossCause.UFS_DELAY}


def test_a_human_may_promote_a_node_that_was_booted_alone(state: Path) -> None:
    pair = the_other_wrote_last(state)
    pair.boots(pair.active, SETTLED)
    assert pair.converges(pair.active).result is ConvergeResult.REFUSED
    outcome = pair.converges(pair.active, ConvergeRequest("human", accept_loss=True))
    assert outcome.result is ConvergeResult.IN_PLACE and pair.serves(pair.active), pair.story()
    assert ledger.read(pair.store(pair.active), "home").unheard_since is None


def test_a_policy_may_serve_a_node_that_was_booted_alone(state: Path) -> None:
    pair = the_other_wrote_last(state, policy(boot_alone="serve"))
    pair.boots(pair.active, SETTLED)
    assert pair.serves(pair.active), pair.story()


def test_a_boot_that_becomes_known_during_the_wait_for_carp_is_looked_at_before_the_role_is_taken(
    pair: InstalledPair,
) -> None:
    """devd(8) may tell of MASTER before the boot script has recorded that this node was booted."""
    pair.standby.power_off()
    pair.passes(OFF)
    pair.boots(pair.standby, OFF)
    pair.active.power_off()
    assert pair.until(lambda: bool(pair.entries(pair.standby, "plan")[-1].result.count("settle")), 30), pair.story()
    ledger.record(pair.store(pair.standby), "home", ledger.LedgerEvent.STARTED, pair.pair.clock.now, pair.standby.name)
    pair.passes(SETTLED)
    assert master(pair.standby) and pair.rests(pair.standby), pair.story()
    assert "not known to have written last" in pair.entries(pair.standby, "superseded")[-1].why
