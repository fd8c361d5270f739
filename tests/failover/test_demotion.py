"""Who holds back in CARP, and how far: in every combination with others' demotions, the good copy goes on serving."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from remediate.config import RemediationConfig
from remediate.failover.converge import ConvergeRequest, ConvergeResult
from remediate.rehearsal.own_pair import layout_of
from remediate.state import failures
from simulator.network.carp import CarpState
from simulator.network.link import SERVICE_NETWORK, Traffic
from tests.failover.installed_pair import PERIOD, WROTE_ALONE, InstalledPair, installed_pair, master

pytestmark = pytest.mark.slow

GIVEN_BACK = "the address was given back"


def looked_at_every_minute(state: Path) -> InstalledPair:
    pair = installed_pair(state)
    for node in (pair.active, pair.standby):
        pair.looks_every_minute(node)
    pair.passes(30)
    return pair


def skewed(pair: InstalledPair, skews: tuple[int, int]) -> None:
    """Give the vhids of the active node and of the standby these advskews."""
    for node, skew in zip((pair.active, pair.standby), skews, strict=True):
        for vhid in node.network.vhids():
            vhid.advskew = skew


# --- a foreign demotion on the node that serves ----------------------------------------------------------------


@pytest.mark.parametrize("management", [True, False])
def test_a_dead_node_that_returns_takes_nothing_from_a_good_node_that_others_demoted(
    state: Path, management: bool
) -> None:
    pair = looked_at_every_minute(state)
    pair.active.power_off()
    assert pair.until(lambda: pair.serves(pair.standby))
    pair.passes(60)
    pair.breaks("demote", "nfs002", "240")
    pair.breaks("cut-replication")
    if not management:
        pair.breaks("cut-management")
    pair.boots(pair.active, 300)
    assert pair.serves(pair.standby) and not master(pair.active), pair.story()
    assert pair.share(pair.active) == 240
    assert pair.reasons(pair.active) in (("home: may be behind",), ("home: incomplete copy",))
    assert len(pair.clients.outages()) == 1, pair.story()
    pair.breaks("heal")
    pair.passes(120)
    assert (pair.share(pair.active) < 240 and pair.serves(pair.standby)) or pair.serves(pair.active)
    assert pair.sound


def stale_master(pair: InstalledPair) -> None:
    """The standby lacks writes, and has the address all the same; the good node is demoted by others, too."""
    pair.breaks("cut-replication")
    pair.passes(120)
    assert "home: incomplete copy" in pair.reasons(pair.standby)
    pair.breaks("demote", "nfs001", "240")
    pair.passes(0.5)
    pair.standby.run("ifconfig vtnet1 vhid 2 state master")


@pytest.mark.quick
def test_a_master_that_finds_itself_stale_gives_the_address_back_to_the_good_node(state: Path) -> None:
    pair = looked_at_every_minute(state)
    stale_master(pair)
    assert pair.until(lambda: master(pair.active) and pair.serves(pair.active), 120), pair.story()
    pair.passes(300)
    assert pair.serves(pair.active) and not master(pair.standby)
    assert [entry.result for entry in pair.entries(pair.standby, "give-back")] == [GIVEN_BACK], pair.story()
    assert pair.sound


def test_a_stale_master_that_nobody_could_relieve_stays_and_does_not_flap(state: Path) -> None:
    pair = looked_at_every_minute(state)
    pair.breaks("cut-replication")
    pair.passes(120)
    pair.active.power_off()
    pair.passes(600)
    assert master(pair.standby) and not pair.holds(pair.standby)
    assert not pair.entries(pair.standby, "give-back")
    changes = [note for note in pair.pair.notes if note.node == "nfs002" and "carp: 2@vtnet1:" in note.text]
    assert sum("BACKUP -> MASTER" in note.text for note in changes) == 1


def blocked_again(pair: InstalledPair) -> None:
    """The good node, which wrote alone, fails twice to promote itself after a boot, and the stale one has the address.
    Others have demoted the good one, so that both sums are at the clamp."""
    pair.standby.power_off()
    pair.passes(60)
    pair.active.power_off()
    pair.breaks("mount-fails", "nfs001", "home")
    pair.passes(10)
    pair.boots(pair.active, 200)
    assert pair.blocked(pair.active), pair.story()
    pair.boots(pair.standby, 60)
    pair.breaks("demote", "nfs001", "480")
    pair.passes(70)
    assert master(pair.standby) and not pair.holds(pair.standby), pair.story()
    pair.active.trouble.__init__()  # type: ignore[misc]  # the mount works again


def test_an_address_that_was_given_back_is_given_back_again_when_the_good_node_was_blocked_and_is_cleared(
    state: Path,
) -> None:
    pair = looked_at_every_minute(state)
    stale_master(pair)
    assert pair.until(lambda: pair.serves(pair.active), 120), pair.story()
    pair.breaks("heal")
    pair.passes(120)
    blocked_again(pair)
    assert len(pair.entries(pair.standby, "give-back")) == 1, pair.story()
    failures.clear(pair.store(pair.active), "an operator")
    pair.converges(pair.active)
    assert pair.until(lambda: pair.serves(pair.active), 120), pair.story()
    assert [entry.result for entry in pair.entries(pair.standby, "give-back")] == 2 * [GIVEN_BACK]
    pair.passes(300)
    assert sum(pair.serves(node) for node in (pair.active, pair.standby)) == 1 and pair.sound
    assert len(pair.entries(pair.standby, "give-back")) == 2 and not pair.entries(pair.active, "give-back")


def test_an_address_that_somebody_takes_again_from_a_node_that_is_not_heard_of_is_given_back_once(state: Path) -> None:
    pair = looked_at_every_minute(state)
    stale_master(pair)
    assert pair.until(lambda: bool(pair.entries(pair.standby, "give-back")), 120), pair.story()
    pair.passes(60)
    pair.standby.run("ifconfig vtnet1 vhid 2 state master")
    pair.passes(600)
    assert len(pair.entries(pair.standby, "give-back")) == 1, pair.story()


@pytest.mark.parametrize("seconds", [0.2, 0.5, 0.8, 1.5, 3.0, 30.0])
def test_a_node_whose_hastd_dies_after_the_address_was_moved_to_it_by_hand_gives_it_back(
    state: Path, seconds: float
) -> None:
    pair = looked_at_every_minute(state)
    pair.active.network.demote(240, "by an operator")
    assert pair.until(lambda: master(pair.standby), 5)
    pair.passes(seconds)
    pair.breaks("kill", "nfs002", "hastd")
    assert pair.until(lambda: pair.serves(pair.active), 100), pair.story()
    assert pair.sound and not master(pair.standby)


# --- what is no reason to demote -------------------------------------------------------------------------------


@pytest.mark.parametrize("trigger", ["periodic", "human"])
def test_a_hastd_that_hangs_for_a_while_does_not_demote_the_node_that_serves(pair: InstalledPair, trigger: str) -> None:
    pair.breaks("hang-command", "nfs001", "hastctl")
    pair.converges(pair.active, ConvergeRequest(trigger, promote=trigger != "periodic"))
    assert pair.demotion(pair.active) == 0
    pair.breaks("release-command", "nfs001", "hastctl")
    pair.passes(120)
    assert pair.serves(pair.active) and not pair.clients.outages()


def test_a_file_system_that_a_human_mounted_read_only_stays_where_it_is(pair: InstalledPair) -> None:
    pair.pair.must(pair.active, "mount -u -o ro /hast/home")
    assert pair.converges(pair.active).result is ConvergeResult.REFUSED
    assert pair.demotion(pair.active) == 0 and master(pair.active)


# --- after a cut -----------------------------------------------------------------------------------------------


def cut_in_two(pair: InstalledPair) -> None:
    """Neither hears anything of the other, so both serve."""
    pair.breaks("cut")
    pair.breaks("cut-management")
    assert pair.until(lambda: pair.holds(pair.standby)), pair.story()
    pair.passes(60)


@pytest.mark.parametrize("skews", [(10, 10), (100, 0), (0, 100)])
def test_after_a_cut_the_node_that_had_the_clients_goes_on_serving_them(
    pair: InstalledPair, skews: tuple[int, int]
) -> None:
    cut_in_two(pair)
    skewed(pair, skews)
    assert pair.reasons(pair.standby) == ("home: promoted while the other node was not heard",)
    assert pair.share(pair.standby) == 120 and pair.share(pair.active) == 0, pair.story()
    pair.breaks("heal")
    pair.passes(120)
    assert pair.serves(pair.active) and not master(pair.standby), pair.story()
    split = pair.split_brain(pair.standby)
    assert split is not None and split.losing
    masters = [note for note in pair.pair.notes if note.node == "nfs001" and "MASTER -> BACKUP" in note.text]
    assert masters == []


@pytest.mark.parametrize("skews", [(10, 10), (0, 100), (100, 0)])
def test_a_node_that_was_cut_off_from_its_clients_gives_way_to_the_one_that_serves_them(
    state: Path, skews: tuple[int, int]
) -> None:
    pair = looked_at_every_minute(state)
    skewed(pair, skews)
    pair.breaks("isolate", "nfs001")
    assert pair.until(lambda: pair.serves(pair.standby)), pair.story()
    pair.passes(130)
    assert pair.reasons(pair.active) == ("home: nothing is written here while the other node is not heard",)
    assert pair.share(pair.active) == 237 - skews[0] and pair.share(pair.standby) == 120, pair.story()
    pair.breaks("heal")
    pair.passes(150)
    assert pair.serves(pair.standby) and not master(pair.active), pair.story()
    assert len(pair.clients.outages()) == 1, pair.story()


@pytest.mark.parametrize("skews", [(10, 10), (0, 100), (100, 0)])
def test_of_two_nodes_that_nobody_writes_to_the_promoted_one_gives_way(state: Path, skews: tuple[int, int]) -> None:
    """Else both would: their sums are equal, and each has written. Nobody would serve until somebody promotes."""
    pair = looked_at_every_minute(state)
    pair.clients.stop()
    skewed(pair, skews)
    pair.breaks("isolate", "nfs001")
    pair.active.run("echo mine > /hast/home/first")
    assert pair.until(lambda: pair.serves(pair.standby)), pair.story()
    pair.standby.run("echo other > /hast/home/second")
    pair.passes(240)
    assert pair.share(pair.active) == 237 - skews[0] and pair.share(pair.standby) == 238 - skews[1], pair.story()
    pair.breaks("heal")
    pair.passes(100)
    assert pair.serves(pair.active) and not master(pair.standby), pair.story()


@pytest.mark.parametrize("into", [1.0, 2.0, 2.7, 3.2, 4.0])
def test_a_node_that_was_cut_off_gives_way_also_where_the_nodes_meet_in_the_middle_of_a_look(
    state: Path, into: float
) -> None:
    """Its question to the other node began before they met: without an answer it keeps what it holds back for."""
    pair = looked_at_every_minute(state)
    pair.breaks("isolate", "nfs001")
    pair.passes(3 * PERIOD - pair.now + into)
    assert pair.reasons(pair.active) == ("home: nothing is written here while the other node is not heard",)
    pair.breaks("heal")
    pair.passes(150)
    assert pair.serves(pair.standby) and not master(pair.active), pair.story()
    assert len(pair.clients.outages()) == 1 and not pair.pair.hook_errors, pair.story()
    loses, wins = pair.split_brain(pair.active), pair.split_brain(pair.standby)
    assert loses is not None and loses.losing and wins is not None and wins.losing is False, pair.story()


def test_what_a_look_has_found_from_before_the_address_went_lets_nothing_go(state: Path) -> None:
    """A local job wrote something: no reason is left for a node that still has the address."""
    pair = looked_at_every_minute(state)
    pair.breaks("isolate", "nfs001")
    pair.passes(2 * PERIOD + 10 - pair.now)
    assert pair.reasons(pair.active) == ("home: nothing is written here while the other node is not heard",)
    pair.active.run("echo something > /hast/home/job; sync")
    pair.passes(3 * PERIOD - pair.now + 2.0)
    pair.breaks("heal")
    pair.passes(150)
    assert pair.serves(pair.standby) and not master(pair.active), pair.story()
    assert len(pair.clients.outages()) == 1 and not pair.pair.hook_errors, pair.story()


def test_where_both_nodes_can_ask_again_before_they_meet_the_one_that_wrote_less_gives_way(state: Path) -> None:
    pair = looked_at_every_minute(state)
    pair.breaks("isolate", "nfs001")
    assert pair.until(lambda: pair.serves(pair.standby)), pair.story()
    pair.passes(40)
    pair.breaks("heal")
    for other in ("nfs002", "client"):  # only the management network is back
        pair.pair.link.cut("nfs001", other, SERVICE_NETWORK)
        pair.pair.link.cut(other, "nfs001", SERVICE_NETWORK)
    assert pair.until(lambda: pair.demotion(pair.active) == 227, 65), pair.story()
    pair.passes(1)
    assert pair.share(pair.active) == 227
    assert pair.reasons(pair.active) == ("home: the other node serves too, and has written more",)
    pair.passes(60)
    assert pair.share(pair.standby) == 0, pair.story()
    pair.breaks("heal")
    pair.passes(150)
    assert pair.serves(pair.standby) and not master(pair.active), pair.story()


def test_the_last_node_that_no_client_writes_to_holds_back_and_keeps_the_address(state: Path) -> None:
    pair = looked_at_every_minute(state)
    pair.active.power_off()
    assert pair.until(lambda: pair.serves(pair.standby)), pair.story()
    for sender, receiver in (("client", "nfs002"), ("nfs002", "client")):
        pair.pair.link.cut(sender, receiver, frozenset({Traffic.CLIENT}))
    pair.passes(200)
    assert pair.share(pair.standby) == 218 and pair.holds(pair.standby), pair.story()
    pair.boots(pair.active, 200)
    assert pair.holds(pair.standby) and master(pair.standby) and not master(pair.active), pair.story()
    assert pair.share(pair.standby) == 0 and pair.sound, pair.story()
    pair.breaks("heal")
    pair.passes(10)
    assert pair.serves(pair.standby)


def test_where_both_nodes_were_rebooted_in_a_cut_both_hold_back_alike_and_one_serves(pair: InstalledPair) -> None:
    pair.looks_every_minute(pair.active)
    cut_in_two(pair)
    pair.passes(WROTE_ALONE)
    for node in (pair.active, pair.standby):
        node.power_off()
        pair.passes(2)
        pair.boots(node)
    assert pair.share(pair.active) == pair.share(pair.standby) == 120
    pair.breaks("heal")
    pair.passes(180)
    assert sum(pair.serves(node) for node in (pair.active, pair.standby)) == 1, pair.story()


@pytest.mark.parametrize("skews", [(10, 10), (0, 100)])
def test_after_a_death_the_node_that_took_over_lets_go_when_the_other_is_connected_and_keeps_the_address(
    state: Path, skews: tuple[int, int]
) -> None:
    nodes = layout_of(RemediationConfig(), 1).nodes
    changed = tuple(replace(node, advskew=skew) for node, skew in zip(nodes, skews, strict=True))
    pair = installed_pair(state, nodes=changed)
    pair.active.power_off()
    assert pair.until(lambda: pair.serves(pair.standby))
    pair.passes(10)
    assert pair.share(pair.standby) == 120
    pair.boots(pair.active, 150)
    assert pair.share(pair.standby) == 0 and pair.serves(pair.standby), pair.story()
    assert all(vhid.state is CarpState.BACKUP for vhid in pair.active.network.vhids())
    changes = [n for n in pair.pair.notes if n.node == "nfs002" and "MASTER -> BACKUP" in n.text and n.at > pair.began]
    assert changes == [], pair.story()
