"""What was not known of the copies when a promotion was planned is looked at again right before the role is taken."""

from __future__ import annotations

from pathlib import Path

import pytest

from remediate.failover.converge import ConvergeRequest, ConvergeResult
from remediate.state import marker
from simulator.account.writes import LossCause
from simulator.node import Node
from tests.failover.installed_pair import InstalledPair, installed_pair, master, policy, the_other_wrote_last

pytestmark = pytest.mark.slow


def boots_first(pair: InstalledPair) -> None:
    """The long-dead node boots, and has the address: it settles."""
    pair.active.power_on()
    assert pair.until(lambda: master(pair.active), 60), pair.story()


@pytest.mark.parametrize("later", [7.8, 8.0])
def test_a_copy_that_is_behind_is_not_promoted_when_the_node_that_is_ahead_has_booted_meanwhile(
    state: Path, later: float
) -> None:
    """Its network is up before the settling is over, and CARP gives it the address only afterwards."""
    pair = the_other_wrote_last(state)
    boots_first(pair)
    pair.passes(later)
    pair.standby.power_on()
    pair.passes(150)
    assert pair.serves(pair.standby), pair.story()
    assert pair.sound, pair.story()
    assert {loss.cause for loss in pair.clients.account().losses} <= {LossCause.UFS_DELAY}  # by the power cut
    assert not pair.entries(pair.active, "promoted")


@pytest.mark.quick
def test_a_stale_node_that_is_connected_again_leaves_the_address_alone_until_its_copy_is_complete(state: Path) -> None:
    """Another interface of CARP is down on the node that is ahead: with a sum of 240 it loses the address to whoever
    holds back less."""
    pair = the_other_wrote_last(state)
    boots_first(pair)
    pair.looks_every_minute(pair.active)
    pair.standby.power_on()
    assert pair.until(lambda: bool(pair.standby.network.vhids()), 40)
    pair.breaks("demote", pair.standby.name, "480")
    pair.passes(150)
    assert len(pair.entries(pair.standby, "promoted")) == 2, pair.story()
    complete = [entry for entry in pair.entries(pair.active, "ledger") if "this copy is complete" in entry.result]
    assert all(entry.time > complete[-1].time for entry in pair.entries(pair.active, "promoted")), pair.story()
    assert pair.sound and any(pair.serves(node) for node in pair.pair.nodes.values())
    assert {loss.cause for loss in pair.clients.account().losses} <= {LossCause.UFS_DELAY}


def test_a_copy_is_compared_again_when_the_primary_that_was_waited_for_has_written_alone(pair: InstalledPair) -> None:
    """Both dumps said that nothing is lacking, 30 s before its hastd died; what it told of this copy did not arrive."""
    pair.breaks("cut-from", "nfs001")
    pair.breaks("peer-lies", "nfs001", "nonsense")
    assert pair.until(lambda: bool(pair.entries(pair.standby, "plan")), 20), pair.story()
    assert pair.until(lambda: bool(pair.pair.primaries()[0].dirty), 40), pair.story()
    pair.breaks("peer-tells-the-truth", "nfs001")
    pair.breaks("kill", "nfs001", "hastd")
    pair.passes(30)
    (refused,) = pair.entries(pair.standby, "superseded")
    assert "the other node has writes that this copy lacks" in refused.why
    assert not pair.entries(pair.standby, "promoted") and pair.sound, pair.story()


def test_a_node_that_could_not_be_asked_is_asked_again_when_the_device_was_late(state: Path) -> None:
    """The worker waits 10 s for the other node, which is well and serves, and its answers can be read again. Where both
    had been told that the other one lets go, this node would be the one that goes on, by its name."""
    pair = installed_pair(state)
    pair.moves()
    assert pair.until(lambda: pair.serves(pair.standby), 60), pair.story()
    pair.active, pair.standby = pair.standby, pair.active
    pair.passes(40)
    pair.breaks("peer-lies", "nfs002", "oneself")
    config = pair.installed.configs["nfs001"]  # without a management address nothing tells that the machine runs
    pair.installed.configs["nfs001"] = config._replace(failover=config.failover._replace(management=""))
    pair.active.hung_commands.add("hostname")  # it admits, and hangs
    pair.breaks("cut")
    assert pair.until(lambda: "become-primary" in plans(pair), 20), pair.story()
    assert pair.until(lambda: pair.role(pair.standby) == "primary", 90), pair.story()
    pair.active.hung_commands.clear()
    pair.breaks("peer-tells-the-truth", "nfs002")
    pair.passes(30)
    (failed,) = pair.entries(pair.standby, "promotion-failed")
    assert "nfs002 says that it is primary, which was not known" in failed.sentence(), pair.story()
    assert not pair.entries(pair.standby, "promoted") and pair.sound and pair.holds(pair.active), pair.story()
    pair.breaks("heal")
    pair.passes(60)
    assert pair.serves(pair.active) and pair.lost() == 0, pair.story()


def plans(pair: InstalledPair) -> str:
    """The last plan of the standby."""
    entries = pair.entries(pair.standby, "plan")
    return entries[-1].result if entries else ""


def test_a_copy_is_served_when_nobody_has_booted_meanwhile(state: Path) -> None:
    """Nothing more is asked then: `peer` says that the other node is gone. Where that is the policy (`boot_alone`)."""
    pair = the_other_wrote_last(state, policy(boot_alone="serve"))
    boots_first(pair)
    assert pair.until(lambda: pair.serves(pair.active), 60), pair.story()


def split_and_not_served(state: Path) -> InstalledPair:
    """Both copies have writes that the other lacks, and neither node serves."""
    pair = installed_pair(state)
    for node in (pair.active, pair.standby):
        pair.looks_every_minute(node)
    pair.breaks("hang", "nfs001", "devd")
    pair.breaks("carrier-off", "nfs001")
    pair.breaks("cut-management")
    assert pair.until(lambda: pair.serves(pair.standby)), pair.story()
    pair.passes(20)
    pair.breaks("kill", "nfs002", "hastd")
    pair.breaks("heal")
    pair.converges(pair.active)
    pair.breaks("resume", "nfs001", "devd")
    pair.breaks("carrier-on", "nfs001")
    pair.standby.run("service hastd onestart")
    pair.passes(240)
    assert not pair.holds(pair.active) and not pair.holds(pair.standby), pair.story()
    return pair


def marked(pair: InstalledPair, node: Node, losing: bool) -> None:
    """As hastd's hook leaves it there."""
    marker.record(pair.store(node), "home", node.name, node.boot_mark, node.now, losing)


GIVES_UP = "hastctl role init home; hastctl create home; hastctl role secondary home"
CHOOSES = ConvergeRequest("human", accept_loss=True)


def test_where_both_copies_have_writes_and_neither_is_served_a_human_chooses_one(state: Path) -> None:
    pair = split_and_not_served(state)
    pair.active.run(GIVES_UP)
    assert pair.until(lambda: pair.serves(pair.standby), 130), pair.story()
    assert not pair.pair.hook_errors


def test_a_copy_whose_side_was_marked_as_losing_is_served_when_that_of_the_other_losing_side_was_given_up(
    state: Path,
) -> None:
    pair = split_and_not_served(state)
    for node in (pair.active, pair.standby):
        marked(pair, node, losing=True)
    pair.passes(120)
    assert not pair.holds(pair.active) and not pair.holds(pair.standby), pair.story()
    pair.active.run(GIVES_UP)
    assert pair.until(lambda: pair.serves(pair.standby), 130), pair.story()
    assert pair.until(lambda: not any(map(pair.split_brain, (pair.active, pair.standby))), 60), pair.story()
    pair.passes(60)
    assert pair.serves(pair.standby) and pair.rests(pair.active) and not pair.pair.hook_errors


def test_a_losing_copy_that_was_given_up_by_hand_is_filled_although_its_marker_is_still_there(
    pair: InstalledPair,
) -> None:
    """Each look until the end of the synchronisation finds the marker: to give up the role would interrupt it."""
    for fault in ("cut", "cut-management"):
        pair.breaks(fault)
    pair.passes(60)
    assert pair.holds(pair.active) and pair.holds(pair.standby), pair.story()
    pair.breaks("heal")
    pair.passes(60)
    serving, losing = sorted(pair.pair.nodes.values(), key=pair.holds, reverse=True)
    assert pair.holds(serving) and pair.role(losing) == "init", pair.story()
    marked = pair.split_brain(losing)
    assert marked is not None and marked.losing
    losing.run(GIVES_UP)
    for _ in range(4):
        pair.passes(1)
        pair.converges(losing)
        assert pair.role(losing) == "secondary", pair.story()
    pair.passes(60)
    assert pair.holds(serving) and pair.rests(losing) and pair.split_brain(losing) is None, pair.story()


@pytest.mark.parametrize("served", [True, None], ids=["had the clients", "has no marker"])
def test_a_copy_that_loses_needs_a_humans_word_where_the_one_that_was_wiped_may_have_been_the_good_one(
    state: Path, served: bool | None
) -> None:
    pair = split_and_not_served(state)
    marked(pair, pair.standby, losing=True)
    if served:
        marked(pair, pair.active, losing=False)
    pair.active.run(GIVES_UP)
    pair.passes(130)
    assert not pair.holds(pair.active) and not pair.holds(pair.standby), pair.story()
    assert "recreated since" in pair.entries(pair.standby, "refused")[-1].result, pair.story()
    pair.standby.run("ifconfig vtnet1 vhid 2 state master")
    assert pair.converges(pair.standby, CHOOSES).result is ConvergeResult.IN_PLACE, pair.story()
    assert pair.serves(pair.standby) and pair.split_brain(pair.standby) is None
    pair.passes(120)
    assert pair.serves(pair.standby) and pair.rests(pair.active), pair.story()


def test_a_human_cannot_have_a_losing_copy_served_while_the_other_one_is_there(state: Path) -> None:
    pair = split_and_not_served(state)
    marked(pair, pair.standby, losing=True)
    pair.standby.run("ifconfig vtnet1 vhid 2 state master")
    pair.passes(1)
    assert pair.converges(pair.standby, CHOOSES).result is ConvergeResult.REFUSED, pair.story()
    assert not pair.holds(pair.standby)
