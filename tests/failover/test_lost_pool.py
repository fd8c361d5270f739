"""A suspended ZFS pool: the role and the address go to the node that can serve, and nothing is touched that hangs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from remediate.failover.converge import ConvergeResult
from remediate.failover.pair_checks import run_checks
from remediate.failover.pair_status import look
from remediate.failover.status_rules import verdict
from remediate.subcommands.status_page import page
from simulator.layout import ResourceLayout
from tests.failover.installed_pair import InstalledPair, installed_pair

pytestmark = pytest.mark.slow

SUSPENDED = "its ZFS pool is suspended"


def pool_pair(state: Path) -> InstalledPair:
    return installed_pair(state, resources=(ResourceLayout(kind="zfs"),))


def suspends(pair: InstalledPair, how: str) -> None:
    """The pool of the active node is suspended: by errors of its device, or because that goes away."""
    if how == "pool-suspends":
        pair.breaks(how, pair.active.name)
    else:
        pair.pair.must(pair.active, how)
    assert all(pool.suspended for pool in pair.active.filesystems.pools.values())


@pytest.mark.parametrize("how", ["pool-suspends", "hastctl role secondary home", "hastctl role init home"])
def test_the_other_node_serves_and_loses_nothing_that_was_acknowledged(how: str, state: Path) -> None:
    pair = pool_pair(state)
    suspends(pair, how)
    pair.converges(pair.active)
    assert pair.until(lambda: pair.serves(pair.standby)), pair.story()
    assert pair.sound and pair.lost() == 0
    assert pair.role(pair.active) == "secondary"
    assert "home: pool suspended" in pair.reasons(pair.active)
    steps = [entry.step for entry in pair.entries(pair.active, "step")]
    assert [step for step in steps if step != "become-secondary home"] == [], pair.story()


@pytest.mark.quick
def test_status_names_it_on_either_node(state: Path) -> None:
    pair = pool_pair(state)
    suspends(pair, "pool-suspends")
    for node in pair.pair.nodes.values():
        status = pair.does(node, look)
        judged = verdict(status, pair.does(node, run_checks))
        assert judged.headline == "nobody serves home"
        assert ("pool-suspended", "home on nfs001") in {
            (each.finding.reason, each.finding.subject) for each in judged.findings
        }
        rows = page(status, judged, 80, coloured=False)
        assert any(re.match(r" *data .*pool suspended", row) for row in rows), rows


def test_it_takes_nothing_back_before_a_reboot_and_follows_after_it(state: Path) -> None:
    pair = pool_pair(state)
    suspends(pair, "pool-suspends")
    pair.converges(pair.active)
    assert pair.until(lambda: pair.serves(pair.standby)), pair.story()
    pair.standby.power_off()
    pair.passes(60)
    outcome = pair.converges(pair.active)
    assert outcome.result is ConvergeResult.REFUSED and SUSPENDED in outcome.said[0]
    assert pair.role(pair.active) == "secondary"
    pair.boots(pair.standby)
    assert pair.until(lambda: pair.serves(pair.standby)), pair.story()
    pair.active.power_off()
    pair.boots(pair.active)
    assert pair.until(lambda: pair.rests_with(pair.active)), pair.story()
    assert pair.serves(pair.standby) and pair.sound and pair.lost() == 0


@pytest.mark.parametrize("why", ["off", "its copy lacks writes"])
def test_nothing_is_given_up_where_the_other_node_cannot_serve(why: str, state: Path) -> None:
    pair = pool_pair(state)
    if why == "off":
        pair.standby.power_off()
        pair.passes(30)
    else:
        pair.breaks("cut-replication")
        pair.passes(60)
    suspends(pair, "pool-suspends")
    outcome = pair.converges(pair.active)
    assert outcome.result is ConvergeResult.REFUSED and "reboot this node" in outcome.said[0], outcome
    assert pair.role(pair.active) == "primary" and not pair.serves(pair.standby)
    assert not pair.entries(pair.active, "step")
    assert pair.sound


def test_a_pool_that_only_does_not_answer_is_not_taken_away(state: Path) -> None:
    pair = pool_pair(state)
    pair.breaks("hang-command", pair.active.name, "zpool")
    assert pair.converges(pair.active).result is ConvergeResult.IN_PLACE
    assert pair.serves(pair.active) and not pair.reasons(pair.active)


def test_a_pool_that_is_suspended_during_the_export_is_given_up_by_the_next_look(state: Path) -> None:
    pair = pool_pair(state)
    for node in pair.pair.nodes.values():
        pair.looks_every_minute(node)
    pair.breaks("at-command", pair.active.name, "zpool", f"pool-suspends {pair.active.name}")
    pair.pair.must(pair.active, "sysctl net.inet.carp.demotion=240")
    assert pair.until(lambda: pair.serves(pair.standby), 300), pair.story()
    assert pair.sound and pair.lost() == 0


@pytest.mark.parametrize("moment", ["hastctl", "service", "zpool", "sysctl"])
def test_a_switchover_in_which_the_pool_is_suspended_ends_on_the_other_node(moment: str, state: Path) -> None:
    pair = pool_pair(state)
    for node in pair.pair.nodes.values():
        pair.looks_every_minute(node)
    pair.breaks("at-command", pair.active.name, moment, f"pool-suspends {pair.active.name}")
    moving = pair.moves()
    assert pair.until(lambda: moving.done and pair.serves(pair.standby), 400), pair.story()
    assert pair.sound and pair.lost() == 0


def test_a_shutdown_does_not_wait_for_a_suspended_pool(state: Path) -> None:
    pair = pool_pair(state)
    suspends(pair, "pool-suspends")
    began = pair.now
    pair.pair.clock.wait(pair.active.shut_down(), 600)
    assert pair.now - began < 60, pair.story()
    assert pair.until(lambda: pair.serves(pair.standby)), pair.story()
    assert pair.sound and pair.lost() == 0
