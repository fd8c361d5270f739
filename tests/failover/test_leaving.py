"""What is acknowledged survives the end of a node: an orderly shutdown, a demotion, alone or not, whatever is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from checks.probes import hast
from checks.probes.carp import CarpState
from checks.probes.hast import Resource
from remediate.context import Context
from remediate.failover import parting
from remediate.failover.carp_demotion import SHUTDOWN
from remediate.failover.converge import ConvergeRequest, ConvergeResult, converge
from remediate.failover.facts import Leaving
from remediate.state import failures, maintenance, marker
from simulator.account.writes import LossCause
from simulator.layout import ResourceLayout
from tests.failover.installed_pair import InstalledPair, installed_pair, master, policy

pytestmark = pytest.mark.slow

UNDERWAY = 1.5
"""Seconds between two writes of the clients, and a bit: the last ones are in buffers."""
ZFS = ResourceLayout(kind="zfs")


def reboots(pair: InstalledPair) -> None:
    """An orderly shutdown of the active node, and its boot."""
    pair.pair.clock.wait(pair.active.shut_down())
    assert not pair.active.on
    pair.passes(5)
    pair.boots(pair.active, 120)


def unmounted_cleanly(pair: InstalledPair) -> bool:
    """No device was taken away under a mount on the active node."""
    return not any("forcibly unmounting" in note.text for note in pair.pair.notes if note.node == pair.active.name)


# --- alone -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seconds", [0.0, 4.0, 30.0, 90.0])
def test_an_orderly_reboot_of_the_only_node_loses_no_acknowledged_write(pair: InstalledPair, seconds: float) -> None:
    """As seen on a real pair: 219 of 271 were lost (freebsd-facts: forced-unmount-loses-buffers)."""
    pair.standby.power_off()
    pair.passes(seconds)
    reboots(pair)
    assert pair.serves(pair.active), pair.story()
    assert pair.lost() == 0 and pair.sound and unmounted_cleanly(pair)


@pytest.mark.quick
def test_a_node_without_a_way_to_the_other_one_unmounts_cleanly(pair: InstalledPair) -> None:
    pair.breaks("cut-management")
    pair.standby.power_off()
    pair.passes(UNDERWAY)
    reboots(pair)
    assert pair.lost() == 0 and pair.sound and unmounted_cleanly(pair)


def test_a_node_that_wrote_alone_unmounts_cleanly_when_the_address_goes(pair: InstalledPair) -> None:
    pair.breaks("cut-replication")
    pair.passes(30)
    pair.active.network.demote(240, "by an operator")
    assert pair.until(lambda: not pair.mounted(pair.active), 10) and unmounted_cleanly(pair), pair.story()
    pair.passes(60)
    assert pair.lost() == 0 and pair.sound, pair.story()


def test_a_cable_that_is_pulled_makes_no_split_brain_while_nothing_was_written_alone(pair: InstalledPair) -> None:
    """The other node says itself that it lives: the role goes first, and localcnt does not rise."""
    pair.breaks("carrier-off", "nfs001")
    assert pair.until(lambda: pair.serves(pair.standby), 60), pair.story()
    pair.breaks("carrier-on", "nfs001")
    pair.passes(60)
    assert pair.serves(pair.standby) and pair.rests(pair.active), pair.story()
    assert pair.split_brain(pair.active) is None and pair.sound
    assert {loss.cause for loss in pair.clients.account().losses} <= {LossCause.ONE_HISTORY, LossCause.OVERWRITTEN}


def test_a_cable_that_is_pulled_on_the_only_node_costs_no_write(pair: InstalledPair) -> None:
    """Nobody says that he goes on: a clean unmount, and the same copy is served when the cable is back."""
    cable_is_pulled_on_the_only_node(pair)


def test_the_role_goes_first_for_no_node_that_would_not_serve(pair: InstalledPair) -> None:
    maintenance.begin(pair.store(pair.standby), pair.standby.now, 3600, "a new disk", "an operator")
    pair.looks_every_minute(pair.standby)
    pair.passes(70)
    assert "maintenance" in pair.reasons(pair.standby)
    pair.breaks("carrier-off", "nfs001")
    pair.passes(20)
    assert not pair.mounted(pair.active) and unmounted_cleanly(pair), pair.story()
    pair.breaks("carrier-on", "nfs001")
    pair.passes(60)
    assert pair.serves(pair.active) and pair.lost() == 0, pair.story()


def test_an_old_answer_of_a_dead_node_is_no_proof_that_the_role_may_go_first(pair: InstalledPair) -> None:
    """What it says is what it said before it died; its management address is silent."""
    pair.does(pair.active, lambda context: parting.role_first(context, resource_of(context), CarpState.INIT))
    pair.breaks("peer-lies", "nfs001", "old")
    cable_is_pulled_on_the_only_node(pair)


def resource_of(context: Context) -> Resource:
    """The resource as hastd of the node has it."""
    return hast.resource(context.here.node(), "home")


def cable_is_pulled_on_the_only_node(pair: InstalledPair) -> None:
    """And no write is lost by it."""
    pair.standby.power_off()
    pair.passes(UNDERWAY)
    pair.breaks("carrier-off", "nfs001")
    pair.passes(20)
    assert not pair.mounted(pair.active) and unmounted_cleanly(pair)
    pair.breaks("carrier-on", "nfs001")
    pair.passes(60)
    assert pair.serves(pair.active) and pair.lost() == 0, pair.story()


def test_a_proof_that_the_role_may_go_first_is_void_when_hastd_dies_on_the_other_node_before_it_does(
    pair: InstalledPair,
) -> None:
    pair.breaks("at-command", "nfs001", "kill", "kill nfs002 hastd")
    pair.breaks("carrier-off", "nfs001")
    assert pair.until(lambda: pair.rests(pair.active), 20), pair.story()
    assert not pair.standby.hastd.running and unmounted_cleanly(pair), pair.story()
    pair.breaks("carrier-on", "nfs001")
    assert pair.until(lambda: pair.serves(pair.active)) and pair.lost() == 0, pair.story()


@pytest.mark.parametrize("later", [0.1, 0.4, 0.7])
def test_a_proof_that_the_role_may_go_first_is_void_when_the_address_is_back_before_it_does(
    pair: InstalledPair, later: float
) -> None:
    """CARP is looked at after the other node was asked over ssh(1), which takes a second: it is MASTER here by then."""
    pair.breaks("cut-replication")

    def cable_is_back() -> None:
        pair.breaks("carrier-on", "nfs001")
        pair.active.run("ifconfig vtnet1 vhid 2 state master")

    def watch(step: str) -> None:
        if step.startswith("become-secondary"):
            pair.pair.clock.after(later, cable_is_back)

    pair.breaks("drop-devd-event", "nfs001")
    pair.breaks("carrier-off", "nfs001")
    pair.begins(pair.active, lambda context: converge(context, ConvergeRequest("test"), watch))
    assert pair.until(lambda: bool(pair.entries(pair.active, "superseded")), 10), pair.story()
    assert "before the role of home is given up" in pair.entries(pair.active, "superseded")[0].why
    pair.breaks("heal")
    pair.passes(60)
    assert pair.serves(pair.active) and unmounted_cleanly(pair) and pair.lost() == 0, pair.story()


@pytest.mark.parametrize("seconds", [4.0, 4.3, 4.7])
def test_a_proof_that_the_role_may_go_first_is_void_when_the_cable_is_back_before_hastd_has_missed_it(
    pair: InstalledPair, seconds: float
) -> None:
    """The connection outlives a cut that is shorter than hastd's timeout: the unmount reaches both disks. The last look
    takes a second, so that a cable that comes back in it comes too late."""
    pair.passes(3)
    gone = pair.active.shut_down()
    pair.passes(0.9)
    pair.breaks("carrier-off", "nfs001")
    pair.passes(seconds)
    pair.breaks("carrier-on", "nfs001")
    pair.pair.clock.wait(gone)
    pair.passes(60)
    assert pair.serves(pair.standby) and unmounted_cleanly(pair), pair.story()
    assert pair.lost() == 0 and pair.sound, pair.story()


@pytest.mark.parametrize("later", [0.2, 0.5, 0.7])
def test_a_worker_that_is_killed_while_the_address_goes_costs_no_write(pair: InstalledPair, later: float) -> None:
    """hastd starts another one after a second, which is connected again: the clean unmount waits for it."""
    pair.passes(3)
    pair.active.run("sysctl net.inet.carp.demotion=200")
    pair.passes(later)
    pair.breaks("kill", "nfs001", "worker:home")
    assert pair.until(lambda: pair.serves(pair.standby), 60), pair.story()
    assert unmounted_cleanly(pair) and pair.lost() == 0 and pair.sound, pair.story()
    assert not pair.entries(pair.active, "superseded"), pair.story()


# --- whatever is wrong -------------------------------------------------------------------------------------------


def under_maintenance(pair: InstalledPair) -> None:
    maintenance.begin(pair.store(pair.active), pair.active.now, 3600, "a new disk", "an operator")


def blocked(pair: InstalledPair) -> None:
    for _ in range(2):
        failures.note(pair.store(pair.active), "home", pair.active.now, "a test")


def of_two_minds(pair: InstalledPair) -> None:
    """No vhid speaks for the resource any more."""
    pair.active.run("ifconfig vtnet1 inet 10.1.101.5/32 -alias")


def carried_over(pair: InstalledPair) -> None:
    pair.active.run("mount -t nullfs /var /hast/home")


def mounted_below(pair: InstalledPair) -> None:
    pair.active.run("mount -t nullfs /var /hast/home/var")


def hastd_hangs(pair: InstalledPair) -> None:
    pair.breaks("hang", "nfs001", "hastd")


def held_by_a_process(pair: InstalledPair) -> None:
    pair.breaks("busy", "nfs001", "home")


def disk_read_only(pair: InstalledPair) -> None:
    pair.breaks("state-read-only", "nfs001")


def disk_full(pair: InstalledPair) -> None:
    pair.breaks("state-full", "nfs001")


def served_in_a_split_brain(pair: InstalledPair) -> None:
    """This node may be the losing side, and has the clients: it is left alone."""
    marker.record(pair.store(pair.active), "home", "nfs001", pair.active.boot_mark, pair.active.now, losing=True)


def mounted_read_only(pair: InstalledPair) -> None:
    pair.pair.must(pair.active, "mount -u -o ro /hast/home")


def no_hast_conf(pair: InstalledPair) -> None:
    pair.active.files.write("/etc/hast.conf", "resource home {", pair.active.now)


WRONG = {
    "maintenance": under_maintenance,
    "promotions that have failed": blocked,
    "no vhid": of_two_minds,
    "something over the mount": carried_over,
    "something below the mount": mounted_below,
    "a hastd that hangs": hastd_hangs,
    "a process that uses it": held_by_a_process,
    "a state directory that is read-only": disk_read_only,
    "a state directory that is full": disk_full,
    "a split-brain that is served": served_in_a_split_brain,
    "a mount that is read-only": mounted_read_only,
    "a hast.conf that is torn": no_hast_conf,
}


@pytest.mark.parametrize("alone", [False, True], ids=["with the other node", "alone"])
@pytest.mark.parametrize("wrong", WRONG)
def test_a_shutdown_stops_nfs_and_unmounts_everything_whatever_is_wrong(state: Path, wrong: str, alone: bool) -> None:
    pair = installed_pair(state, policy(boot_alone="serve"))  # whether it wrote last cannot be recorded in some
    if alone:
        pair.standby.power_off()
        pair.passes(UNDERWAY)
    hast_conf = pair.active.files.read("/etc/hast.conf")
    WRONG[wrong](pair)
    pair.passes(UNDERWAY)
    mounted: list[bool] = []
    gone = pair.active.shut_down()
    while not gone.done:
        if not pair.active.nfs.running("nfsd"):
            mounted.append(pair.mounted(pair.active))
        pair.passes(0.05)
    assert mounted and not mounted[-1] and unmounted_cleanly(pair), pair.story()
    pair.breaks("state-ok", "nfs001")
    pair.active.files.write("/etc/hast.conf", hast_conf, pair.active.now)
    marker.clear(pair.store(pair.active), "home")
    maintenance.end(pair.store(pair.active))
    failures.clear(pair.store(pair.active), "a test")
    pair.boots(pair.active, 120)
    if not alone and not pair.serves(pair.active):
        assert pair.serves(pair.standby), pair.story()
    assert pair.lost() == 0 and pair.sound, pair.story()


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("resource", [ResourceLayout(), ZFS], ids=["ufs", "zfs"])
def test_a_shutdown_loses_nothing_whether_rc_stops_nfs_before_our_script_after_it_or_never(
    state: Path, seed: int, resource: ResourceLayout
) -> None:
    pair = installed_pair(state, seed=seed, resources=(resource,))
    pair.standby.power_off()
    pair.passes(UNDERWAY + seed / 10)
    reboots(pair)
    assert pair.serves(pair.active) and pair.lost() == 0 and pair.sound, pair.story()


def test_a_convergence_that_runs_when_the_node_goes_down_gives_the_service_up_itself(pair: InstalledPair) -> None:
    pair.breaks("hang-command", "nfs001", "showmount")
    pair.begins(pair.active, lambda context: converge(context, ConvergeRequest("test")))
    reboots(pair)
    assert pair.lost() == 0 and pair.sound


# --- one plan ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("leaving", ["switchover", SHUTDOWN])
def test_what_a_node_gives_away_itself_supersedes_no_plan(pair: InstalledPair, leaving: str) -> None:
    if leaving == "switchover":
        task = pair.moves()
        pair.passes(30)
        assert task.done and task.value is not None and task.value.result is ConvergeResult.IN_PLACE
    else:
        pair.pair.clock.wait(pair.active.shut_down())
        pair.passes(30)
    assert pair.serves(pair.standby) and pair.lost() == 0
    for node in pair.pair.nodes.values():
        assert not pair.entries(node, "superseded"), pair.story()
        assert len(pair.entries(node, "plan")) == 1, pair.story()


def test_an_address_that_comes_back_during_a_switchover_supersedes_the_plan(pair: InstalledPair) -> None:
    """That is somebody else's doing: the other node is gone."""
    pair.breaks("hang", "nfs001", "nfsd")  # so that it takes some seconds to stop NFS, and to unmount
    pair.breaks("busy-stubborn", "nfs001", "home")

    def watch(step: str) -> None:
        if step.startswith("unmount"):
            assert not master(pair.active)
            pair.breaks("carrier-off", "nfs002")

    pair.begins(pair.active, lambda context: converge(context, ConvergeRequest("human", leaving=Leaving.MOVES), watch))
    pair.passes(30)
    superseded = pair.entries(pair.active, "superseded")
    assert superseded and superseded[0].why.endswith("was BACKUP and is MASTER"), pair.story()


def test_a_cable_that_is_pulled_during_a_switchover_supersedes_the_plan(pair: InstalledPair) -> None:

    def watch(step: str) -> None:
        if step.startswith("stop-serving"):
            pair.breaks("carrier-off", "nfs001")

    pair.begins(pair.active, lambda context: converge(context, ConvergeRequest("human", leaving=Leaving.MOVES), watch))
    pair.passes(30)
    superseded = pair.entries(pair.active, "superseded")
    assert superseded and superseded[0].why.endswith("is INIT"), pair.story()
    assert not pair.mounted(pair.active) and pair.sound
