"""What becomes known while a node can record nothing is not lost: it is kept elsewhere, or counts as the worst."""

from __future__ import annotations

from pathlib import Path

import pytest

from remediate.failover import own_copy
from remediate.failover.converge import ConvergeRequest
from remediate.failover.pair_status import look
from remediate.failover.status_rules import verdict
from remediate.rehearsal.observer import Observer
from remediate.state import marker
from remediate.state.ledger import CopyState, Ledger
from simulator.hastd.metadata import KEEPDIRTY
from simulator.node import Node
from tests.failover.installed_pair import InstalledPair, installed_pair, master, policy
from tests.failover.test_unproven import loses_the_connection, quiet, with_cron, writes

pytestmark = pytest.mark.slow

FAULTS = ("state-full", "state-read-only", "var-full", "var-read-only")
ALONE = 400.0
PROMOTES = policy(periodic_promotion=True)
MINUTES = 130.0
"""Two calls of cron(8), and what they do."""
HOURS = 3 * 3600.0
PERIODIC = ConvergeRequest("periodic", promote=False, again=True)


def known(pair: InstalledPair, node: Node) -> Ledger:
    return pair.does(node, lambda context: own_copy.known(context, "home"))


def kept(pair: InstalledPair, node: Node, name: str) -> Path:
    return Path(pair.store(node).directory, name)


def reasons(pair: InstalledPair, node: Node) -> tuple[str, ...]:
    """What check_hast finds on the node."""
    says = Observer(pair.pair).look(pair.pair.clock.wait)
    return next(report.reasons for report in says if (report.check, report.node) == ("check_hast", node.name))


def headline(pair: InstalledPair) -> str:
    return verdict(pair.does(pair.active, look)).headline


def works_again(pair: InstalledPair, node: Node) -> None:
    pair.breaks("state-ok", node.name)
    pair.passes(MINUTES)


# --- a copy that is behind is not promoted when the disk works again ------------------------------------------------


@pytest.mark.parametrize("fault", FAULTS)
def test_a_standby_that_could_record_nothing_while_the_other_node_served_alone_is_not_promoted(
    state: Path, fault: str
) -> None:
    """403 acknowledged writes were missing: cron promoted what had been refused for the full disk."""
    pair = with_cron(state, PROMOTES)
    pair.breaks(fault, pair.standby.name)
    pair.passes(70)
    pair.breaks("cut-replication")
    pair.passes(ALONE)
    pair.active.power_off()
    pair.passes(MINUTES)
    assert master(pair.standby) and not pair.holds(pair.standby)
    works_again(pair, pair.standby)
    assert pair.rests(pair.standby), pair.story()
    assert known(pair, pair.standby).copy is CopyState.INCOMPLETE


@pytest.mark.parametrize("fault", ["var-full", "var-read-only"])
def test_a_standby_that_knew_of_the_loss_and_could_record_nothing_after_it_is_not_promoted(
    state: Path, fault: str
) -> None:
    pair = with_cron(state, PROMOTES)
    pair.passes(70)
    pair.breaks("cut-management")
    pair.breaks("cut-replication")
    assert pair.until(lambda: known(pair, pair.standby).disconnected_at is not None, 60)
    pair.breaks(fault, pair.standby.name)
    pair.passes(ALONE)
    pair.active.power_off()
    pair.passes(MINUTES)
    works_again(pair, pair.standby)
    assert master(pair.standby) and pair.rests(pair.standby), pair.story()


@pytest.mark.parametrize("fault", FAULTS)
def test_the_losing_copy_of_a_split_brain_is_not_promoted_for_want_of_a_marker(state: Path, fault: str) -> None:
    """The winner dies, and the disk of the loser works again: 222 writes were missing."""
    pair = with_cron(state, PROMOTES)
    pair.breaks("cut")
    pair.breaks("cut-management")
    pair.passes(90)
    pair.breaks(fault, pair.standby.name)
    pair.breaks("heal")
    pair.passes(200)
    assert pair.serves(pair.active)
    pair.active.power_off()
    pair.passes(MINUTES)
    works_again(pair, pair.standby)
    assert master(pair.standby) and not pair.holds(pair.standby), pair.story()


def test_a_marker_that_was_kept_elsewhere_is_in_the_state_directory_before_a_reboot_can_lose_it(state: Path) -> None:
    pair = with_cron(state, PROMOTES)
    pair.breaks("cut")
    pair.breaks("cut-management")
    pair.passes(90)
    pair.breaks("state-full", pair.standby.name)
    pair.breaks("heal")
    pair.passes(30)
    marked = pair.does(pair.standby, lambda context: marker.present(context.store, "home"))
    assert marked is not None and marked.losing
    assert not kept(pair, pair.standby, "home.split-brain").exists()
    pair.active.power_off()
    works_again(pair, pair.standby)
    assert kept(pair, pair.standby, "home.split-brain").exists()
    pair.standby.power_off()
    pair.boots(pair.standby, 400)
    assert not pair.holds(pair.standby), pair.story()


def test_a_connection_that_came_and_went_unrecorded_leaves_a_copy_that_is_not_promoted(state: Path) -> None:
    """The standby is connected before and after; that it was not meanwhile shows in hastd's worker, another one."""
    pair = with_cron(state, PROMOTES)
    pair.passes(70)
    pair.breaks("var-read-only", pair.standby.name)
    pair.breaks("cut-replication")
    pair.passes(200)
    pair.breaks("heal")
    pair.breaks("cut-management")
    assert pair.until(lambda: pair.standby.hastd.resources["home"].worker is not None, 60)
    pair.passes(5)
    pair.breaks("state-ok", pair.standby.name)
    pair.converges(pair.standby, PERIODIC)
    assert known(pair, pair.standby).lost_since is not None, pair.story()
    assert known(pair, pair.standby).copy is CopyState.INCOMPLETE


# --- a good copy is promoted all the same --------------------------------------------------------------------------


@pytest.mark.parametrize("fault", FAULTS)
def test_a_pair_whose_standby_could_record_nothing_is_fit_again_by_itself(state: Path, fault: str) -> None:
    pair = with_cron(state, PROMOTES)
    quiet(pair)
    pair.breaks(fault, pair.standby.name)
    pair.passes(MINUTES)
    loses_the_connection(pair, during=None)
    pair.passes(MINUTES)
    works_again(pair, pair.standby)
    assert known(pair, pair.standby).copy is CopyState.COMPLETE, pair.story()
    assert not pair.share(pair.standby) or pair.reasons(pair.standby) == ("no failback",)
    assert reasons(pair, pair.standby) == ("hast-following",)
    assert headline(pair).endswith(f"{pair.standby.name} can take over")
    pair.active.power_off()
    assert pair.until(lambda: pair.serves(pair.standby), 60), pair.story()


@pytest.mark.parametrize("fault", ["state-full", "state-read-only"])
def test_a_good_copy_is_promoted_when_the_disk_works_again_however_long_that_takes(state: Path, fault: str) -> None:
    """What the second directory has says that nothing was missing when the primary died."""
    pair = with_cron(state, PROMOTES)
    pair.breaks(fault, pair.standby.name)
    pair.passes(70)
    pair.active.power_off()
    pair.passes(ALONE)
    assert master(pair.standby) and not pair.holds(pair.standby)
    works_again(pair, pair.standby)
    assert pair.serves(pair.standby), pair.story()


@pytest.mark.parametrize("causes", [("power-off nfs001",), ("kill nfs001 hastd", "power-off nfs001")])
def test_a_node_that_nobody_has_looked_at_for_hours_takes_over_from_a_dead_one(
    state: Path, causes: tuple[str, ...]
) -> None:
    """Without cron(8) its last note is as old as the last event."""
    pair = installed_pair(state)
    pair.passes(HOURS)
    pair.breaks_all(causes)
    assert pair.until(lambda: pair.serves(pair.standby), 90), pair.story()


def test_a_failover_that_devd_missed_is_made_up_for_hours_later_where_nobody_looks(state: Path) -> None:
    """The loss of the primary was noted, and nothing since: without cron(8) nothing was to be."""
    pair = installed_pair(state)
    pair.breaks("kill", pair.standby.name, "devd")
    pair.active.power_off()
    pair.passes(HOURS)
    assert not pair.holds(pair.standby)
    pair.converges(pair.standby)
    assert pair.serves(pair.standby), pair.story()


# --- what a primary knows of the other copy ------------------------------------------------------------------------


def test_a_doubt_that_was_kept_elsewhere_is_in_the_state_directory_before_a_reboot_can_lose_it(state: Path) -> None:
    """It stayed in /var/run, which rc.d/cleanvar empties: a clean handover then went to the copy with an old block."""
    pair = with_cron(state, PROMOTES)
    quiet(pair)
    pair.breaks("state-full", pair.active.name)
    loses_the_connection(pair)
    pair.breaks("cut-management")
    pair.passes(20)
    assert not kept(pair, pair.active, "home.unproven.json").exists()
    works_again(pair, pair.active)
    assert kept(pair, pair.active, "home.unproven.json").exists()
    for number in range(KEEPDIRTY + 4):
        writes(pair.active, 40 + number, 9000 + number)
        pair.passes(0.2)
    pair.passes(60)
    pair.active.power_off()
    pair.passes(5)
    pair.boots(pair.active, 0)
    pair.breaks("heal")
    pair.passes(ALONE)
    assert "hast-copies-differ" in reasons(pair, pair.active), pair.story()


# --- people hear of it ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("node", ["nfs001", "nfs002"])
def test_a_state_directory_that_takes_nothing_is_found_by_check_hast(state: Path, fault: str, node: str) -> None:
    pair = with_cron(state, PROMOTES)
    pair.passes(70)
    pair.breaks(fault, node)
    pair.passes(ALONE)
    broken = pair.pair.nodes[node]
    assert "hast-not-recorded" in reasons(pair, broken)
    assert ("may not be able to take over (nothing recorded for" in headline(pair)) is (broken is pair.standby)
    works_again(pair, broken)
    assert "hast-not-recorded" not in reasons(pair, broken)
    assert "can take over" in headline(pair)


def test_a_clock_that_is_set_makes_no_lasting_alarm(state: Path) -> None:
    pair = with_cron(state, PROMOTES)
    pair.passes(70)
    for skew in ("3600", "-3600"):
        pair.breaks("clock-skew", pair.standby.name, skew)
        pair.passes(MINUTES)
        assert "hast-not-recorded" not in reasons(pair, pair.standby)
        assert known(pair, pair.standby).copy is CopyState.COMPLETE
