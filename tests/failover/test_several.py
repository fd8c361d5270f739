"""Several resources and several vhids: each goes where its own address is, and only as many as were asked for."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from checks.plugin.config import CheckConfig, ResourceConfig
from remediate.config import RemediationConfig
from remediate.failover.converge import ConvergeRequest, ConvergeResult
from remediate.state import noted
from simulator.layout import VhidLayout
from simulator.nfs.client import OperationResult
from tests.failover.installed_pair import InstalledPair, installed_pair, master

pytestmark = pytest.mark.slow

TWO = RemediationConfig(
    CheckConfig(resource={"home": ResourceConfig(vhid="2@vtnet1"), "mail": ResourceConfig(vhid="3@vtnet1")})
)
SHARED = RemediationConfig(
    CheckConfig(resource={"home": ResourceConfig(vhid="2@vtnet1"), "mail": ResourceConfig(vhid="2@vtnet1")})
)
VHIDS = (VhidLayout(2, "10.1.101.5"), VhidLayout(3, "10.1.101.6"))


@pytest.fixture
def pair(state: Path) -> InstalledPair:
    """Each node serves one resource."""
    pair = installed_pair(state, TWO)
    pair.active.run("ifconfig vtnet1 vhid 3 advskew 100")
    pair.passes(30)
    assert pair.serves(pair.active, "home") and pair.serves(pair.standby, "mail")
    assert pair.rests_with(pair.active, "mail") and pair.rests_with(pair.standby, "home")
    return pair


@pytest.mark.quick
def test_both_nodes_can_be_active_for_a_resource_each(pair: InstalledPair) -> None:
    assert pair.lost() == 0 and pair.sound
    for node in (pair.active, pair.standby):
        assert pair.converges(node) == (ConvergeResult.IN_PLACE, 0, ())


@pytest.mark.parametrize("dies", ["nfs001", "nfs002"])
def test_the_node_that_is_left_serves_everything(pair: InstalledPair, dies: str) -> None:
    dead = pair.pair.nodes[dies]
    left = pair.pair.peer(dead)
    dead.power_off()
    pair.passes(40)
    assert pair.serves(left, "home") and pair.serves(left, "mail")
    assert pair.sound
    pair.boots(dead)
    assert pair.serves(left, "home") and pair.serves(left, "mail"), pair.story()
    assert pair.sound


def test_a_resource_that_moves_interrupts_the_others_of_the_node_for_a_moment_only(pair: InstalledPair) -> None:
    pair.active.run("ifconfig vtnet1 vhid 3 advskew 1")
    pair.passes(30)
    assert pair.serves(pair.active, "home") and pair.serves(pair.active, "mail")
    assert pair.lost() == 0 and pair.sound
    assert [
        each.answer for each in pair.clients.clients["home"].operations if each.answer is not OperationResult.OK
    ] == []
    answered = [each.ended for each in pair.clients.clients["home"].operations]
    assert max(after - before for before, after in pairwise(answered)) < 9  # a SYN is sent again after 1, 2 and 4 s


def test_clients_of_the_resource_that_moves_get_stale_handles_only_until_nfsd_is_stopped_for_it(
    pair: InstalledPair,
) -> None:
    """The address comes before the file system, and nfsd runs for the other resource: it does not know the handles
    (`nfsd_fhtovp()` of nfs_nfsdport.c), and no program can be faster than CARP in the kernel."""
    pair.active.run("ifconfig vtnet1 vhid 3 advskew 1")
    pair.passes(30)
    stopped = [entry for entry in pair.entries(pair.active, "step") if entry.step.startswith("stop-serving")][-1]
    stale = [each for each in pair.clients.clients["mail"].operations if each.answer is not OperationResult.OK]
    assert all(each.answer is OperationResult.STALE and each.ended <= stopped.time for each in stale), stale
    assert stale[-1].ended - stale[0].began < 5


def test_a_resource_that_fails_does_not_take_the_others_with_it(state: Path) -> None:
    pair = installed_pair(state, TWO)
    pair.breaks("mount-fails", "nfs002", "mail")
    pair.active.run("ifconfig vtnet1 vhid 3 advskew 100")
    pair.passes(60)
    assert pair.serves(pair.active, "home") and pair.serves(pair.active, "mail")
    pair.told_once(pair.standby, "mail.*cannot be mounted", "promotion-failed")
    assert pair.lost() == 0 and pair.sound


def test_resources_that_share_an_address_go_together_and_at_the_same_time(state: Path) -> None:
    pair = installed_pair(state, SHARED)
    pair.active.power_off()
    assert pair.until(lambda: pair.serves(pair.standby, "home") and pair.serves(pair.standby, "mail"), 12)
    steps = pair.entries(pair.standby, "step")
    primary = [entry.time for entry in steps if entry.step.startswith("become-primary")]
    mounted = [entry.time for entry in steps if entry.step.startswith("mount")]
    assert len(primary) == len(mounted) == 2
    assert max(primary) < min(mounted)
    assert pair.sound


def test_what_hastd_tells_while_the_copy_of_another_resource_is_proven_is_taken_up(state: Path) -> None:
    pair = installed_pair(state, TWO)  # the standby's hastd was restarted: both connect again within seconds
    assert [noted.waiting(pair.store(node)) for node in pair.pair.nodes.values()] == [[], []]


def test_only_what_was_asked_for_is_touched(state: Path) -> None:
    pair = installed_pair(state, TWO)
    for node in (pair.active, pair.standby):
        pair.breaks("drop-devd-event", node.name, "2")
    pair.active.network.demote(100, "by an operator")
    pair.passes(2)
    pair.converges(pair.active, ConvergeRequest("human", only=("mail",)))
    assert pair.rests_with(pair.active, "mail") and pair.holds(pair.active, "home")
    pair.converges(pair.active)
    assert pair.rests(pair.active, "home") and pair.rests(pair.active, "mail")


def test_without_a_mapping_vhids_that_disagree_promote_nothing_and_say_so(state: Path) -> None:
    pair = installed_pair(state, vhids=VHIDS)
    assert pair.serves(pair.active)
    pair.active.run("ifconfig vtnet1 vhid 3 advskew 240")
    pair.passes(60)
    assert pair.carp(pair.standby) == {"2@vtnet1": "BACKUP", "3@vtnet1": "MASTER"}
    for node in (pair.active, pair.standby):
        outcome = pair.converges(node)
        assert outcome.result is ConvergeResult.REFUSED
        assert "the vhids disagree" in outcome.said[0] and "2@vtnet1" in outcome.said[0]
    assert pair.holds(pair.active) and pair.rests(pair.standby)
    assert pair.clients.account().errors == {} and pair.clients.silent_for() < 5
    assert pair.share(pair.active) == 0 and pair.sound
    assert sum("->" in note.text and "carp" in note.text for note in pair.pair.notes if note.at > pair.began) == 2


def test_without_a_mapping_addresses_come_together_again_where_the_data_are(state: Path) -> None:
    """The standby holds itself back, as it would take one address of two; that gives it back where that is enough."""
    pair = installed_pair(state, vhids=VHIDS)
    pair.active.run("ifconfig vtnet1 vhid 3 advskew 100")
    pair.passes(60)
    assert master(pair.active) and pair.serves(pair.active) and pair.rests(pair.standby)
    assert pair.sound


def test_without_a_mapping_a_node_that_has_all_vhids_is_promoted(state: Path) -> None:
    pair = installed_pair(state, vhids=VHIDS)
    pair.active.power_off()
    pair.passes(20)
    assert master(pair.standby) and pair.serves(pair.standby)
    assert pair.sound


@pytest.mark.parametrize("kept", [True, False])
def test_a_mount_point_that_takes_no_flag_disturbs_the_clients_of_no_other_resource(
    pair: InstalledPair, kept: bool
) -> None:
    before = pair.clients.outages()
    pair.breaks("no-flags", "nfs001", "/hast/mail")
    if not kept:
        pair.breaks("state-read-only", "nfs001")
    pair.looks_every_minute(pair.active)
    daemons = pair.active.run("pgrep -x mountd; pgrep -x nfsd").out
    pair.passes(300)
    assert pair.active.run("pgrep -x mountd; pgrep -x nfsd").out == daemons
    assert pair.serves(pair.active, "home") and pair.clients.outages() == before, pair.story()
    if kept:
        pair.told_once(pair.active, "/hast/mail takes files .* Operation not supported", "unprotected")
        assert sum("could not" in entry.result for entry in pair.entries(pair.active, "step")) == 1
        assert pair.converges(pair.active) == (ConvergeResult.IN_PLACE, 0, ())


def test_a_mount_point_that_took_no_flag_is_asked_again_after_a_boot(pair: InstalledPair) -> None:
    pair.breaks("no-flags", "nfs002", "/hast/home")
    pair.converges(pair.standby)
    pair.standby.trouble.without_flags.clear()
    pair.converges(pair.standby)
    assert not pair.rests_with(pair.standby, "home")
    pair.standby.power_off()
    pair.passes(10)
    pair.boots(pair.standby)
    assert pair.rests_with(pair.standby, "home")
