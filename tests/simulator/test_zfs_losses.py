"""A ZFS pool at a power cut and when its device goes away: what waits, what is lost; nothing that was acknowledged."""

from __future__ import annotations

import pytest

from remediate.rehearsal.state import snapshot
from simulator.account.accounting import PossibleFailure, at_risk, serving_mount, unexplained
from simulator.account.writes import WriteFate
from simulator.faults.faults import inflict
from simulator.layout import PairLayout, ResourceLayout
from simulator.nfs.client import OperationResult
from simulator.pair import Pair
from tests.simulator.pools import IMPORT, become_primary, fates, healthy, home_on, write_records

# --- power cuts ----------------------------------------------------------------------------------------------


def test_a_power_cut_right_after_an_acknowledgement_loses_nothing() -> None:
    """Unlike UFS (freebsd-facts: commit-is-not-the-name): the intent log has the name of the new file too."""
    pair, first, second = healthy()
    write_records(pair, 45)
    pair.client().write_now("new")
    assert at_risk(pair, "home", PossibleFailure.POWER_CUT) == []
    first.power_off()
    become_primary(pair, second)
    pair.must(second, f"{IMPORT} -f home")
    assert fates(pair) == [WriteFate.SERVED] * 46
    assert unexplained(pair, "home") == set()


@pytest.mark.parametrize(("wait", "there"), [(4.5, False), (5.5, True)])
def test_what_nobody_committed_is_on_the_device_with_the_next_transaction_group(wait: float, there: bool) -> None:
    pair, first, second = healthy()
    for name in ("one", "two"):
        pair.must(first, f"sh -c 'echo x > /hast/home/{name}'")
    pair.clock.advance(wait)
    first.power_off()
    become_primary(pair, second)
    pair.must(second, f"{IMPORT} -f home")
    assert pair.must(second, "ls -A /hast/home").split() == (["one", "two"] if there else [])


def test_fsync_brings_a_file_and_its_name_to_the_device() -> None:
    pair, first, second = healthy()
    pair.must(first, "sh -c 'echo x > /hast/home/mail; fsync /hast/home/mail; echo y > /hast/home/later'")
    first.power_off()
    become_primary(pair, second)
    pair.must(second, f"{IMPORT} -f home")
    assert pair.must(second, "cat /hast/home/mail") == "x\n"
    assert "later" not in pair.must(second, "ls /hast/home").split()


def test_a_large_file_is_there_whole() -> None:
    pair, first, second = healthy()
    pair.must(first, "dd if=/dev/zero of=/hast/home/large bs=1m count=5")
    pair.must(first, "fsync /hast/home/large")
    first.power_off()
    become_primary(pair, second)
    pair.must(second, f"{IMPORT} -f home")
    assert "5242880" in pair.must(second, "ls -l /hast/home/large")


def test_an_idle_pool_writes_nothing_and_a_changed_one_writes_its_label_every_five_seconds() -> None:
    pair, first, second = healthy()
    pair.clock.advance(60)
    inflict(pair, "cut-replication")
    pair.clock.advance(60)
    assert "localcnt: 0" in pair.must(first, "hastctl dump home")
    before = first.disks["/dev/vtbd1"].superblock
    pair.client().write_now("mail")
    assert first.disks["/dev/vtbd1"].superblock == before
    pair.clock.advance(5)
    assert first.disks["/dev/vtbd1"].superblock != before == second.disks["/dev/vtbd1"].superblock
    assert "localcnt: 1" in pair.must(first, "hastctl dump home")


# --- a device that goes away ---------------------------------------------------------------------------------


@pytest.mark.parametrize("line", ["hastctl role secondary home", "hastctl role init home", "service hastd onestop"])
def test_without_its_device_a_pool_is_suspended_and_stays_mounted(line: str) -> None:
    pair, first, _ = healthy()
    write_records(pair, 3)
    pair.must(first, line)
    assert home_on(first) == "home on /hast/home (zfs, NFS exported, local, nfsv4acls)"
    assert "Pool 'home' has encountered an uncorrectable I/O failure" in first.files.read("/var/log/messages")
    assert snapshot(pair)["nodes"]["nfs001"]["file systems"]["home"] == "suspended, NFS exported"


@pytest.mark.parametrize(
    "line",
    [
        "zpool export home",
        "zpool export -f home",
        "zpool list -H -o name,health",
        "zpool get -H -o value health home",
        "zfs list",
        "zfs mount home",
        "zfs unmount -f home",
        "umount /hast/home",
        "umount -f /hast/home",
        "sh -c 'echo x > /hast/home/local'",
        "fsync /hast/home/mail",
    ],
)
def test_everything_that_touches_a_suspended_pool_hangs(line: str) -> None:
    pair, first, _ = healthy()
    write_records(pair, 1)
    pair.must(first, "hastctl role secondary home")
    assert first.run(line, timeout=30).status == 124
    assert home_on(first)


@pytest.mark.parametrize(("fault", "pool", "device"), [
    ("hastctl role secondary home", "UNAVAIL      0     0     0  insufficient replicas", "REMOVED"),
    ("pool-suspends", "ONLINE       0     0     0", "ONLINE"),
])  # fmt: skip
def test_only_status_tells_of_a_suspended_pool(fault: str, pool: str, device: str) -> None:
    pair, first, _ = healthy()
    assert pair.must(first, "zpool status -x") == "all pools are healthy\n"
    if fault == "pool-suspends":
        inflict(pair, fault, "nfs001")
    else:
        pair.must(first, fault)
    for line in ("zpool status home", "zpool status -x", "zpool status -x home"):
        assert (
            pair.must(first, line)
            == f"""\
  pool: home
 state: SUSPENDED
status: One or more devices are faulted in response to IO failures.
action: Make sure the affected devices are connected, then run 'zpool clear'.
   see: https://openzfs.github.io/openzfs-docs/msg/ZFS-8000-HC
config:

\tNAME         STATE     READ WRITE CKSUM
\thome         {pool}
\t  hast/home  {device:<7}      3     0     0

errors: No known data errors
"""
        )


@pytest.mark.parametrize(("mounted", "status"), [(True, 0), (False, 124)])
def test_an_export_that_waits_behind_the_unmount_keeps_every_zpool_waiting(mounted: bool, status: int) -> None:
    pair, first, _ = healthy()
    if not mounted:
        pair.must(first, "service nfsd onestop; service mountd onestop; zfs unmount home")
    inflict(pair, "pool-suspends", "nfs001")
    assert first.run("zpool export -f home", timeout=5).status == 124
    assert first.run("zpool status", timeout=5).status == status


def test_a_suspended_pool_is_gone_with_a_reboot_and_what_was_acknowledged_is_not() -> None:
    pair, first, second = healthy()
    write_records(pair, 10)
    pair.must(first, "hastctl role secondary home")
    become_primary(pair, second)
    pair.must(second, f"{IMPORT} -f home")
    assert [fates(pair)[0], len(set(fates(pair)))] == [WriteFate.STRANDED, 1], "clients still reach the suspended one"
    first.power_off()
    pair.clock.wait(first.power_on())
    pair.clock.advance(5)
    assert home_on(first) == "" and pair.must(first, "zpool list -H") == ""


def test_a_client_of_a_suspended_pool_waits_and_is_served_by_the_node_that_takes_over() -> None:
    pair, first, second = healthy()
    write_records(pair, 3)
    pair.must(first, "hastctl role secondary home")
    waiting = pair.client().write("mail", patience=400)
    pair.clock.advance(10)
    assert not waiting.done
    become_primary(pair, second)
    pair.must(second, f"{IMPORT} -f home")
    pair.must(second, "service mountd restart")
    first.power_off()
    pair.clock.wait(waiting, 301)  # the dead node had acknowledged the call, so the client waits for its time-out
    assert waiting.value is not None and waiting.value.answer is OperationResult.OK
    assert fates(pair) == [WriteFate.SERVED] * 4
    serving = serving_mount(pair, "home")
    assert serving is not None and serving[0] is second


def test_a_client_that_is_not_patient_gives_up_on_a_suspended_pool() -> None:
    pair, first, _ = healthy()
    pair.must(first, "hastctl role secondary home")
    operation = pair.client().write_now("mail", patience=20)
    assert operation.answer is OperationResult.NONE
    assert operation.ended - operation.began == pytest.approx(20, abs=2)


def test_an_export_waits_while_the_worker_is_stopped_and_ends_by_itself_although_the_command_was_killed() -> None:
    pair, first, _ = healthy()
    write_records(pair, 1)
    inflict(pair, "hang", "nfs001", "worker")
    assert first.run("zpool export home", timeout=5).status == 124
    assert home_on(first)
    inflict(pair, "resume", "nfs001", "worker")
    pair.clock.advance(2)
    assert home_on(first) == "" and pair.must(first, "zpool list -H") == ""


def test_a_pool_survives_a_killed_worker_which_is_back_in_a_second() -> None:
    """freebsd-facts: killed-worker-comes-back."""
    pair, first, _ = healthy()
    inflict(pair, "kill", "nfs001", "worker")
    assert pair.client().write_now("mail").answer is OperationResult.OK
    assert pair.must(first, "zpool list -H -o health home") == "ONLINE\n"


def test_a_device_that_goes_away_during_an_export_suspends_the_pool() -> None:
    pair, first, _ = healthy()
    write_records(pair, 1)
    exporting = first.start_command("zpool export home")
    pair.must(first, "hastctl role secondary home")
    pair.clock.advance(60)
    assert not exporting.done
    assert first.run("zpool list", timeout=5).status == 124


def test_an_import_from_a_disk_that_cannot_be_read_finds_nothing() -> None:
    pair, first, second = healthy()
    second.power_off()
    pair.must(first, "zpool export home")
    pair.clock.advance(60)
    inflict(pair, "disk-errors", "nfs001")
    assert first.run(f"{IMPORT} home").err == "cannot import 'home': no such pool available\n"


def test_a_disk_that_takes_no_writes_suspends_the_pool_when_there_is_no_other_copy() -> None:
    pair, _, second = healthy()
    second.power_off()
    pair.clock.advance(60)
    inflict(pair, "disk-errors", "nfs001")
    assert pair.client().write_now("mail", patience=10).answer is OperationResult.NONE
    assert snapshot(pair)["nodes"]["nfs001"]["file systems"]["home"].startswith("suspended")
    assert fates(pair) == []


# --- several resources, and both kinds -----------------------------------------------------------------------


def test_a_pool_and_a_ufs_live_side_by_side_and_fail_each_in_its_own_way() -> None:
    resources = (ResourceLayout(kind="zfs"), ResourceLayout("www", "/dev/vtbd2"))
    pair = Pair(PairLayout(resources=resources))
    pair.bring_up()
    first = pair.nodes["nfs001"]
    for name in ("home", "www"):
        assert pair.client(name).write_now("file").answer is OperationResult.OK
        pair.must(first, f"hastctl role secondary {name}")
    assert "/hast/home" in pair.must(first, "mount") and "/hast/www" not in pair.must(first, "mount")


def test_the_root_directory_can_be_made_immutable_and_the_other_node_gets_it() -> None:
    pair, first, second = healthy()
    pair.must(first, "chflags schg /hast/home")
    assert pair.client().write_now("mail").answer is OperationResult.NOT_PERMITTED
    pair.must(first, "zpool export home")
    pair.must(first, "hastctl role secondary home")
    become_primary(pair, second)
    pair.must(second, f"{IMPORT} home")
    assert "schg" in pair.must(second, "ls -ldo /hast/home")
