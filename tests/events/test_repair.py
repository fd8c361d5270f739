"""Each repair on a simulated pair: called for and done, looked at again, or not called for and not done."""

from __future__ import annotations

from pathlib import Path

import pytest

from remediate.events.guards import UNSAFE
from remediate.events.repair import Ending, dry_run, repair
from remediate.events.repair_request import Remedy, RepairRequest
from remediate.state import marker, noted
from simulator.layout import ResourceLayout
from simulator.node import Node
from tests.events.repair_command import ALL, EAGER, repairs, steps_done, well
from tests.failover.installed_pair import InstalledPair, installed_pair

pytestmark = pytest.mark.slow

EXPORTS = "/etc/exports"


def never_exported_root(pair: InstalledPair) -> bool:
    return not any(node.filesystems.root_exported for node in pair.pair.nodes.values())


# --- healthy -------------------------------------------------------------------------------------------------------


@pytest.mark.quick
def test_on_a_healthy_pair_there_is_nothing_to_do_and_nothing_is_done(pair: InstalledPair) -> None:
    for node in pair.pair.nodes.values():
        before = {process.pid for process in node.processes.listed()}
        for remedy in ALL:
            outcome = repairs(pair, node, remedy)
            assert (outcome.ending, outcome.status, outcome.steps) == (Ending.NOTHING, 0, ())
        assert {process.pid for process in node.processes.listed()} == before
        assert not pair.store(node).read("repairs.json")
        assert [entry.result for entry in pair.entries(node, "repair")] == ["nothing to do: no repair is needed"] * 5
        assert not pair.entries(node, "step")
    assert well(pair) and pair.lost() == 0


# --- devd ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["kill nfs001 devd", "hang nfs001 devd"])
def test_devd_that_is_dead_or_stopped_runs_again(pair: InstalledPair, fault: str) -> None:
    pair.breaks(*fault.split())
    assert repairs(pair, pair.active, Remedy.DEVD).ending is Ending.HELPED
    assert well(pair)
    assert steps_done(pair, pair.active)[-1] == "start-devd"
    assert [entry.result for entry in pair.entries(pair.active, "repair")] == ["begins", "helped"]
    assert pair.store(pair.active).read("repairs.json")["repairs"][0]["result"] == "helped"  # type: ignore[index]


def test_a_failover_that_a_dead_devd_missed_is_made_good(pair: InstalledPair) -> None:
    pair.breaks("kill", "nfs002", "devd")
    pair.breaks("drop-devd-event", "nfs002", "9")
    pair.breaks("power-off", "nfs001")
    pair.passes(30)
    assert not pair.serves(pair.standby)
    assert repairs(pair, pair.standby, Remedy.DEVD).ending is Ending.HELPED
    assert pair.serves(pair.standby) and pair.sound


def test_a_stopped_devd_is_not_waited_for(pair: InstalledPair) -> None:
    pair.breaks("hang", "nfs001", "devd")
    began = pair.now
    repairs(pair, pair.active, Remedy.DEVD)
    assert pair.now - began < 5


# --- converge ------------------------------------------------------------------------------------------------------


def test_a_change_of_carp_that_nobody_told_of_is_taken_up(pair: InstalledPair) -> None:
    pair.breaks("drop-devd-event", "nfs001", "9")
    pair.active.run("sysctl net.inet.carp.demotion=100")
    pair.passes(20)
    assert pair.holds(pair.active)
    assert repairs(pair, pair.active, Remedy.CONVERGE).ending is Ending.HELPED
    pair.passes(60)
    assert pair.serves(pair.standby) and pair.rests(pair.active) and pair.sound


def test_what_a_convergence_refuses_is_said_and_is_no_help(pair: InstalledPair) -> None:
    pair.breaks_all(["mount-fails nfs002 home", "power-off nfs001"])
    pair.passes(60)
    outcome = repairs(pair, pair.standby, Remedy.CONVERGE)
    assert (outcome.ending, outcome.status) == (Ending.NO_HELP, 1)
    assert "; next: on nfs002: `hastwatch converge --dry-run` says what forbids it" in outcome.said
    assert outcome.said.endswith("; see: hastwatch explain carp-master-hast-secondary")
    assert pair.entries(pair.standby, "repair")[-1].result == outcome.said
    assert "promotions have failed before" in outcome.said
    assert pair.store(pair.standby).read("repairs.json")["repairs"][0]["result"] == outcome.said  # type: ignore[index]


# --- NFS -----------------------------------------------------------------------------------------------------------


def breaks_exports(pair: InstalledPair, node: Node) -> None:
    """Somebody emptied /etc/exports, reloaded mountd, and put the file back without a word to mountd."""
    text = node.files.read(EXPORTS)
    node.files.write(EXPORTS, "", node.now)
    pair.pair.must(node, "service mountd onereload")
    pair.passes(1)
    node.files.write(EXPORTS, text, node.now)
    assert not pair.serves(node)


def test_an_export_that_mountd_does_not_know_comes_with_a_reload_and_nothing_is_restarted(pair: InstalledPair) -> None:
    before = pair.active.nfs.daemons["nfsd"].process
    breaks_exports(pair, pair.active)
    assert repairs(pair, pair.active, Remedy.NFS).ending is Ending.HELPED
    assert steps_done(pair, pair.active) == ["reread-exports"]
    assert pair.active.nfs.daemons["nfsd"].process is before
    assert well(pair)


def test_a_file_system_that_was_mounted_again_is_exported_by_a_restart_when_the_reload_is_no_help(
    pair: InstalledPair,
) -> None:
    for mount in pair.active.filesystems.mounts.values():
        mount.exported = False
    assert not pair.serves(pair.active)
    assert repairs(pair, pair.active, Remedy.NFS).ending is Ending.HELPED
    assert steps_done(pair, pair.active) == ["reread-exports", "restart-nfs"]
    assert well(pair)


@pytest.mark.parametrize("daemon", ["mountd", "nfsd", "rpcbind"])
@pytest.mark.parametrize("fault", ["kill", "hang"])
def test_clients_are_served_again_whichever_daemon_died_or_hangs(pair: InstalledPair, fault: str, daemon: str) -> None:
    pair.breaks(fault, "nfs001", daemon)
    outcome = repairs(pair, pair.active, Remedy.NFS)
    assert outcome.ending is Ending.HELPED, pair.story()
    pair.passes(5)
    assert well(pair) and never_exported_root(pair), pair.story()
    assert all(pair.active.nfs.answers(name) for name in pair.active.nfs.daemons)
    assert pair.lost() == 0


def test_without_rpcbind_all_of_nfs_is_restarted_in_order(pair: InstalledPair) -> None:
    pair.breaks("kill", "nfs001", "rpcbind")
    repairs(pair, pair.active, Remedy.NFS)
    assert steps_done(pair, pair.active) == ["restart-all-of-nfs"]


def test_a_daemon_that_cannot_be_started_is_said_in_the_end(pair: InstalledPair) -> None:
    pair.breaks_all(["service-fails nfs001 nfsd", "kill nfs001 nfsd"])
    outcome = repairs(pair, pair.active, Remedy.NFS)
    assert outcome.steps == ("restart-nfs", "restart-all-of-nfs")
    assert "restart-all-of-nfs failed: `service nfsd onestart` exits with 1" in outcome.said
    pair.passes(60)
    assert pair.serves(pair.standby) and pair.sound  # the convergence gave the address away


def test_nfs_is_never_started_on_the_standby(pair: InstalledPair) -> None:
    assert repairs(pair, pair.standby, Remedy.NFS).ending is Ending.NOTHING
    assert pair.rests(pair.standby)


def test_nfs_is_never_started_where_the_address_is_and_the_data_are_not(pair: InstalledPair) -> None:
    pair.breaks("kill", "nfs001", "devd")
    pair.pair.must(pair.active, "service nfsd onestop")
    pair.pair.must(pair.active, "service mountd onestop")
    pair.pair.must(pair.active, "umount /hast/home")
    assert repairs(pair, pair.active, Remedy.NFS).ending is Ending.NOTHING
    assert not pair.active.nfs.running("nfsd") and not pair.active.nfs.running("mountd")


def test_nfs_is_left_alone_where_hastd_does_not_say_that_the_data_are_here(pair: InstalledPair) -> None:
    pair.breaks_all(["hang nfs001 worker", "kill nfs001 nfsd"])
    outcome = repairs(pair, pair.active, Remedy.NFS)
    assert outcome.guard is UNSAFE and outcome.status == 1
    assert not pair.active.nfs.running("nfsd") and not pair.entries(pair.active, "step")


def test_an_address_that_goes_while_nfs_is_restarted_leaves_nfs_stopped(pair: InstalledPair) -> None:
    pair.breaks("hang", "nfs001", "mountd")
    task = pair.begins(pair.active, lambda context: repair(context, RepairRequest(Remedy.NFS)))
    assert pair.until(lambda: not pair.active.nfs.running("nfsd"))
    pair.active.run("sysctl net.inet.carp.demotion=100")
    assert pair.until(lambda: task.done)
    pair.passes(60)
    assert pair.rests(pair.active) and pair.serves(pair.standby), pair.story()
    assert pair.sound and never_exported_root(pair) and pair.lost() == 0
    half = [entry.result for entry in pair.entries(pair.active, "step") if entry.step == "restart-nfs"]
    assert half == ["given up: address and data are not here together any more"]


# --- hastd ---------------------------------------------------------------------------------------------------------


def test_hastd_that_died_on_the_standby_runs_again_and_follows(pair: InstalledPair) -> None:
    pair.breaks("kill", "nfs002", "hastd")
    assert repairs(pair, pair.standby, Remedy.HASTD).ending is Ending.HELPED
    pair.passes(60)
    assert well(pair) and pair.lost() == 0


def test_what_hastd_tells_during_a_repair_is_taken_up_at_its_end(pair: InstalledPair) -> None:
    """By the convergence that ends it, not by a program for each event that runs beside the repair."""
    pair.breaks("kill", "nfs002", "hastd")
    assert repairs(pair, pair.standby, Remedy.HASTD).ending is Ending.HELPED
    assert "role home init secondary" in [words for _, node, words in pair.installed.noted if node == "nfs002"]
    assert noted.waiting(pair.store(pair.standby)) == []


def test_hastd_that_died_on_the_active_node_runs_again_and_one_node_serves(pair: InstalledPair) -> None:
    pair.breaks("kill", "nfs001", "hastd")
    assert repairs(pair, pair.active, Remedy.HASTD).ending is Ending.HELPED
    pair.passes(120)
    assert well(pair), pair.story()


@pytest.mark.parametrize("asked_before", [0, 20])
@pytest.mark.parametrize("fault", ["hang nfs002 hastd", "hang nfs001 worker"])
def test_hastd_that_runs_badly_is_left_alone(pair: InstalledPair, fault: str, asked_before: int) -> None:
    pair.breaks(*fault.split())
    node = pair.pair.nodes[fault.split()[1]]
    for _ in range(asked_before):
        node.run("hastctl list home", timeout=1)
    before = node.hastd.process
    assert repairs(pair, node, Remedy.HASTD).ending is Ending.NOTHING
    assert node.hastd.process is before


def test_hastd_is_not_started_while_its_file_system_is_mounted(pair: InstalledPair) -> None:
    mounts = dict(pair.active.filesystems.mounts)
    pair.breaks("kill", "nfs001", "hastd")
    pair.active.filesystems.mounts.update(mounts)  # as a kernel before 13 keeps it (freebsd-facts: ufs-unmounts-itself)
    outcome = repairs(pair, pair.active, Remedy.HASTD)
    assert outcome.guard is UNSAFE and "is still mounted at /hast/home" in outcome.said
    assert not pair.active.hastd.running and not pair.entries(pair.active, "step")


def test_hastd_is_not_started_while_a_device_of_its_own_is_there(pair: InstalledPair) -> None:
    pair.breaks("kill", "nfs002", "hastd")
    pair.standby.files.write("/dev/hast/home", "", pair.standby.now)
    outcome = repairs(pair, pair.standby, Remedy.HASTD)
    assert outcome.guard is UNSAFE and "/dev/hast/home is still there" in outcome.said
    assert not pair.standby.hastd.running


def test_hastd_is_not_started_beside_a_worker_that_is_left(pair: InstalledPair) -> None:
    pair.breaks("kill", "nfs002", "hastd")
    pair.standby.processes.spawn("hastd: home (secondary)", "hastd", 0.0, user="hast", own_title=True)
    outcome = repairs(pair, pair.standby, Remedy.HASTD)
    assert outcome.guard is UNSAFE and "a worker of hastd" in outcome.said
    assert not pair.standby.hastd.running


def test_hastd_is_not_started_while_its_pool_is_imported(state: Path) -> None:
    pair = installed_pair(state, resources=(ResourceLayout(kind="zfs"),))
    pair.breaks("kill", "nfs001", "hastd")
    outcome = repairs(pair, pair.active, Remedy.HASTD)
    assert outcome.guard is UNSAFE, outcome.said
    assert not pair.active.hastd.running


def test_hastd_is_not_started_where_zpool_does_not_say_which_pools_are_imported(pair: InstalledPair) -> None:
    pair.breaks("kill", "nfs002", "hastd")
    pair.standby.kernel.load("zfs")
    pair.breaks("hang-command", "nfs002", "zpool")
    outcome = repairs(pair, pair.standby, Remedy.HASTD)
    assert outcome.guard is UNSAFE and "whether a pool is imported is not known" in outcome.said
    pair.breaks("release-command", "nfs002", "zpool")
    assert repairs(pair, pair.standby, Remedy.HASTD).ending is Ending.HELPED


def test_hastd_of_a_standby_with_a_pool_runs_again(state: Path) -> None:
    pair = installed_pair(state, resources=(ResourceLayout(kind="zfs"),))
    pair.breaks("kill", "nfs002", "hastd")
    assert repairs(pair, pair.standby, Remedy.HASTD).ending is Ending.HELPED
    pair.passes(60)
    assert well(pair)


def test_what_is_not_seen_is_not_repaired(pair: InstalledPair) -> None:
    pair.breaks_all(["kill nfs002 hastd", "hang-command nfs002 mount"])
    outcome = repairs(pair, pair.standby, Remedy.HASTD)
    assert outcome.guard is not None and outcome.guard.name == "not-seen"
    assert "`mount` timed out" in outcome.said
    assert not pair.standby.hastd.running
    assert not pair.store(pair.standby).read("repairs.json")


@pytest.mark.parametrize("told", [True, False])
def test_a_copy_that_was_not_written_to_while_hastd_was_dead_is_not_served(pair: InstalledPair, told: bool) -> None:
    if not told:
        pair.breaks("cut-management")  # so the primary cannot say that it writes alone
    pair.breaks("kill", "nfs002", "hastd")
    pair.passes(300)
    pair.breaks("power-off", "nfs001")
    pair.passes(30)
    outcome = repairs(pair, pair.standby, Remedy.HASTD)
    assert "this copy is known to lack writes" in outcome.said
    pair.passes(60)
    assert pair.standby.hastd.running and not pair.holds(pair.standby)


@pytest.mark.parametrize("told", [True, False])
def test_a_copy_that_was_written_to_again_is_served_where_its_primary_could_compare_it(
    pair: InstalledPair, told: bool
) -> None:
    pair.breaks("kill", "nfs002", "hastd")
    if not told:
        pair.breaks("cut-management")  # so what was underway when hastd died is not compared
    pair.passes(300)
    assert repairs(pair, pair.standby, Remedy.HASTD).ending is Ending.HELPED
    pair.passes(120)
    pair.breaks("power-off", "nfs001")
    pair.passes(60)
    assert bool(pair.serves(pair.standby)) is told, pair.story()


def test_a_primary_whose_hastd_died_lacks_nothing_and_serves_again(pair: InstalledPair) -> None:
    pair.breaks("power-off", "nfs001")
    pair.passes(300)
    assert pair.serves(pair.standby)
    pair.breaks("kill", "nfs002", "hastd")
    assert repairs(pair, pair.standby, Remedy.HASTD).ending is Ending.HELPED
    pair.passes(60)
    assert pair.serves(pair.standby), pair.story()


# --- shown ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "remedy", "trouble", "steps"),
    [
        ("kill nfs001 devd", Remedy.DEVD, "devd does not run", ["start-devd"]),
        ("hang nfs001 devd", Remedy.DEVD, "is stopped", ["end-devd", "start-devd"]),
        ("kill nfs001 nfsd", Remedy.CONVERGE, "to be done: start-serving nfsd", []),
        ("kill nfs001 nfsd", Remedy.NFS, "nfsd does not run", ["restart-nfs", "restart-all-of-nfs"]),
        ("kill nfs001 hastd", Remedy.HASTD, "hastd does not answer", ["start-hastd"]),
    ],
)
def test_what_would_be_done_is_shown_and_not_done(
    pair: InstalledPair, fault: str, remedy: Remedy, trouble: str, steps: list[str]
) -> None:
    pair.breaks(*fault.split())
    entries = pair.entries(pair.active)
    running = {process.pid for process in pair.active.processes.listed()}
    shown = pair.does(pair.active, lambda context: dry_run(context, RepairRequest(remedy)))
    assert trouble in shown.trouble and not shown.held
    assert [step.name for step in shown.steps] == steps
    assert all(step.lines for step in shown.steps)
    assert pair.entries(pair.active) == entries
    assert {process.pid for process in pair.active.processes.listed()} == running
    assert not pair.store(pair.active).read("repairs.json")


# --- split-brain ---------------------------------------------------------------------------------------------------


def test_a_marked_copy_that_has_not_stepped_down_does(pair: InstalledPair) -> None:
    pair.breaks("cut-replication")
    pair.passes(40)
    marker.record(pair.store(pair.standby), "home", "nfs002", "", pair.standby.now, True)
    assert pair.role(pair.standby) == "secondary"
    assert repairs(pair, pair.standby, Remedy.SPLIT_BRAIN).ending is Ending.HELPED
    assert pair.role(pair.standby) == "init" and pair.serves(pair.active)


def test_the_side_that_serves_does_not_step_down(state: Path) -> None:
    pair = installed_pair(state, EAGER)
    marker.record(pair.store(pair.active), "home", "nfs001", "", pair.active.now, False)
    assert repairs(pair, pair.active, Remedy.SPLIT_BRAIN).ending is Ending.NOTHING
    marker.record(pair.store(pair.active), "home", "nfs001", "", pair.active.now, True)
    repairs(pair, pair.active, Remedy.SPLIT_BRAIN)
    assert pair.serves(pair.active)
