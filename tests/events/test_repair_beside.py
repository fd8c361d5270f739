"""A repair beside others: a repair, a convergence, maintenance, a shutdown that begin while it waits or acts."""

from __future__ import annotations

import pytest

from checks.probes.carp_demotion import DemotionCause, DemotionReason
from remediate.events.guards import REPAIR_RUNS
from remediate.events.repair import Ending, repair
from remediate.events.repair_request import Remedy, RepairRequest
from remediate.failover import carp_demotion
from remediate.state import maintenance
from remediate.state.lock import Lock
from simulator.node import Node
from tests.events.repair_command import held_back, repairs, steps_done, well
from tests.failover.installed_pair import InstalledPair

pytestmark = pytest.mark.slow


def holding_converge(pair: InstalledPair) -> Lock:
    """The lock of convergences on the active node, held by a long one."""
    context = pair.installed.context(pair.active)
    lock = Lock(context.store, "converge", "recovery of home", context.timing)
    assert lock.acquire(0)
    return lock


def runs_devd(node: Node) -> bool:
    return node.devd.process is not None and not node.devd.process.stopped


@pytest.mark.quick
def test_the_same_is_not_done_twice_at_a_time_nor_waited_for(pair: InstalledPair) -> None:
    pair.breaks("kill", "nfs001", "devd")
    first = pair.begins(pair.active, lambda context: repair(context, RepairRequest(Remedy.DEVD)))
    pair.passes(0.1)
    began = pair.now
    outcome = repairs(pair, pair.active, Remedy.DEVD)
    assert (outcome.guard, outcome.status) == (REPAIR_RUNS, 75)
    assert pair.now - began < 0.1 and not first.done
    assert pair.until(lambda: first.done)
    assert held_back(pair, pair.active) == ["repair-runs"]
    assert well(pair)


def test_another_one_waits_for_the_one_that_runs_and_is_done_then(pair: InstalledPair) -> None:
    pair.breaks_all(["kill nfs001 devd", "hang nfs001 mountd"])
    first = pair.begins(pair.active, lambda context: repair(context, RepairRequest(Remedy.DEVD)))
    pair.passes(0.1)
    assert not first.done
    assert repairs(pair, pair.active, Remedy.NFS).ending is Ending.HELPED
    assert first.done and steps_done(pair, pair.active)[0] == "start-devd"
    assert not held_back(pair, pair.active)
    assert well(pair)


def test_what_the_one_that_ran_has_mended_is_not_called_for_any_more(pair: InstalledPair) -> None:
    pair.breaks_all(["kill nfs001 devd", "kill nfs001 nfsd"])
    first = pair.begins(pair.active, lambda context: repair(context, RepairRequest(Remedy.DEVD)))
    pair.passes(0.1)
    assert repairs(pair, pair.active, Remedy.NFS).ending is Ending.NOTHING  # the convergence of the first did it
    assert first.done and well(pair)


def test_a_repair_waits_for_the_convergence_that_runs_and_is_done_then(pair: InstalledPair) -> None:
    lock = holding_converge(pair)
    pair.breaks("kill", "nfs001", "devd")
    task = pair.begins(pair.active, lambda context: repair(context, RepairRequest(Remedy.DEVD)))
    pair.passes(30)
    assert not task.done and not runs_devd(pair.active)
    lock.release()
    assert pair.until(lambda: task.done, 10)
    assert runs_devd(pair.active) and well(pair)


def test_what_was_mended_before_the_repair_came_to_act_is_not_done_and_does_not_count(pair: InstalledPair) -> None:
    pair.breaks("kill", "nfs001", "nfsd")
    task = pair.begins(pair.active, lambda context: repair(context, RepairRequest(Remedy.NFS)))
    pair.passes(0.02)  # it looks
    lock = holding_converge(pair)
    pair.passes(5)
    pair.pair.must(pair.active, "service nfsd onestart")
    lock.release()
    assert pair.until(lambda: task.done)
    assert task.value is not None and task.value.ending is Ending.NOTHING
    assert not pair.store(pair.active).read("repairs.json") and well(pair)
    assert holding_converge(pair)


def test_what_is_mended_between_two_steps_ends_the_repair(pair: InstalledPair) -> None:
    before = pair.active.nfs.daemons["nfsd"].process
    pair.breaks("hang", "nfs001", "mountd")
    task = pair.begins(pair.active, lambda context: repair(context, RepairRequest(Remedy.NFS)))
    assert pair.until(lambda: steps_done(pair, pair.active) == ["reread-exports"])
    pair.breaks("resume", "nfs001", "mountd")
    assert pair.until(lambda: task.done)
    assert pair.active.nfs.daemons["nfsd"].process is before
    assert "no longer needed" in pair.told_once(pair.active, "no longer needed", "superseded").why
    assert well(pair)


def test_maintenance_that_begins_while_a_repair_waits_holds_it_back(pair: InstalledPair) -> None:
    lock = holding_converge(pair)
    pair.breaks("kill", "nfs001", "devd")
    task = pair.begins(pair.active, lambda context: repair(context, RepairRequest(Remedy.DEVD)))
    pair.passes(1)
    maintenance.begin(pair.store(pair.active), pair.active.now, None, "new disk", "alice")
    lock.release()
    assert pair.until(lambda: task.done)
    assert held_back(pair, pair.active) == ["maintenance"] and not runs_devd(pair.active)


def test_a_node_that_begins_to_shut_down_while_a_repair_looks_starts_no_hastd(pair: InstalledPair) -> None:
    pair.breaks("kill", "nfs002", "hastd")
    boot = pair.standby.boot_mark
    pair.breaks("hang-command", "nfs002", "kldstat")
    task = pair.begins(pair.standby, lambda context: repair(context, RepairRequest(Remedy.HASTD)))
    pair.passes(1)
    pair.does(
        pair.standby, lambda context: carp_demotion.hold(context, boot, {DemotionReason(DemotionCause.SHUTDOWN)}, 240)
    )
    pair.breaks("release-command", "nfs002", "kldstat")
    assert pair.until(lambda: task.done)
    assert not pair.standby.hastd.running
    assert "this node shuts down" in pair.told_once(pair.standby, "shuts down", "superseded").why


def test_an_event_of_devd_that_comes_while_a_repair_acts_is_taken_up(pair: InstalledPair) -> None:
    pair.breaks("hang", "nfs002", "devd")
    task = pair.begins(pair.standby, lambda context: repair(context, RepairRequest(Remedy.DEVD)))
    pair.breaks("power-off", "nfs001")
    assert pair.until(lambda: task.done)
    pair.passes(30)
    assert pair.serves(pair.standby) and pair.sound
