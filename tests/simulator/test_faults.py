"""Every fault by what it does to the pair, and the list that names them."""

from __future__ import annotations

import pytest

from simulator.faults.fault_words import FaultError
from simulator.faults.faults import FAULTS, inflict, listing
from simulator.node import Node
from simulator.pair import Pair


def carp(node: Node) -> str:
    return node.run("ifconfig vtnet1").out.split("carp: ")[1].split()[0]


def status(node: Node) -> str:
    return node.run("hastctl status home").out.split("\n")[1].split()[1]


def test_every_fault_is_listed_with_one_line() -> None:
    assert [usage.split()[0] for usage, _ in listing()] == list(FAULTS)
    assert all(10 < len(line) < 120 for _, line in listing())


def test_an_unknown_fault_node_or_process_is_refused(pair: Pair) -> None:
    for words in (("explode",), ("power-off", "nfs009"), ("kill", "nfs001", "nobody"), ("power-off",)):
        with pytest.raises(FaultError):
            inflict(pair, *words)


def test_a_cut_makes_two_masters_and_healing_makes_one(pair: Pair) -> None:
    first, second = pair.nodes.values()
    inflict(pair, "cut")
    pair.clock.advance(5)
    assert (carp(first), carp(second)) == ("MASTER", "MASTER")
    inflict(pair, "heal")
    pair.clock.advance(5)
    assert (carp(first), carp(second)) == ("MASTER", "BACKUP")


def test_cutting_only_carp_leaves_replication_alone(pair: Pair) -> None:
    inflict(pair, "cut-carp")
    pair.clock.advance(60)
    assert carp(pair.nodes["nfs002"]) == "MASTER"
    assert status(pair.nodes["nfs001"]) == "complete"


def test_cutting_only_replication_leaves_carp_alone(pair: Pair) -> None:
    inflict(pair, "cut-replication")
    pair.clock.advance(60)
    assert carp(pair.nodes["nfs002"]) == "BACKUP"
    assert status(pair.nodes["nfs001"]) == "degraded"
    assert status(pair.nodes["nfs002"]) == "-"


def test_a_cut_one_way_is_heard_of_by_the_other_side_only(pair: Pair) -> None:
    inflict(pair, "cut-from", "nfs001")
    pair.clock.advance(5)
    assert (carp(pair.nodes["nfs001"]), carp(pair.nodes["nfs002"])) == ("MASTER", "MASTER")
    inflict(pair, "heal")
    pair.clock.advance(5)
    inflict(pair, "cut-from", "nfs002")
    pair.clock.advance(5)
    assert (carp(pair.nodes["nfs001"]), carp(pair.nodes["nfs002"])) == ("MASTER", "BACKUP")


def test_a_dead_link_looks_complete_for_a_while_on_both_nodes(pair: Pair) -> None:
    """freebsd-facts: complete-lags-behind."""
    inflict(pair, "cut")
    pair.clock.advance(9)
    assert (status(pair.nodes["nfs001"]), status(pair.nodes["nfs002"])) == ("complete", "complete")
    pair.clock.advance(12)
    assert (status(pair.nodes["nfs001"]), status(pair.nodes["nfs002"])) == ("complete", "-")
    pair.clock.advance(20)
    assert status(pair.nodes["nfs001"]) == "degraded"


def test_a_stopped_worker_hangs_status_and_list_and_not_dump(pair: Pair) -> None:
    """freebsd-facts: stopped-worker-hangs-hastctl."""
    first = pair.nodes["nfs001"]
    inflict(pair, "hang", "nfs001", "worker")
    assert first.run("hastctl status", timeout=8).status == 124
    assert first.run("hastctl list home", timeout=8).status == 124
    assert first.run("hastctl dump home", timeout=8).status == 0
    inflict(pair, "resume", "nfs001", "worker")
    assert first.run("hastctl status", timeout=8).status == 0


def test_a_killed_primary_worker_is_back_within_a_second_and_the_mount_survives(pair: Pair) -> None:
    """freebsd-facts: killed-worker-comes-back."""
    inflict(pair, "kill", "nfs001", "worker")
    operation = pair.client().write_now("mail")
    assert operation.answer.name == "OK"
    assert 0.9 < operation.ended - operation.began < 2
    assert "Device hast/home recovered." in pair.nodes["nfs001"].files.read("/var/log/daemon.log")


def test_a_killed_hastd_takes_device_and_mount_with_it(pair: Pair) -> None:
    first = pair.nodes["nfs001"]
    inflict(pair, "kill", "nfs001", "hastd")
    assert first.run("hastctl status").status == 71
    assert "hast/home" not in first.run("mount").out
    assert first.run("ls /dev/hast").status == 1


def test_a_hung_command_hangs_until_it_is_released(pair: Pair) -> None:
    first = pair.nodes["nfs001"]
    inflict(pair, "hang-command", "nfs001", "fsck")
    assert first.run("/sbin/fsck -p /dev/hast/home", timeout=5).status == 124
    assert first.run("mount", timeout=5).status == 0
    inflict(pair, "release-command", "nfs001", "fsck")
    assert first.run("fsck -p /dev/hast/home", timeout=5).status == 8


def test_a_hung_nfsd_gives_no_answer_and_a_dead_one_neither(pair: Pair) -> None:
    inflict(pair, "hang", "nfs001", "nfsd")
    assert pair.client().write_now("mail", patience=5).answer.name == "NONE"
    inflict(pair, "resume", "nfs001", "nfsd")
    assert pair.client().write_now("mail", patience=5).answer.name == "OK"
    inflict(pair, "kill", "nfs001", "nfsd")
    assert pair.client().write_now("mail", patience=5).answer.name == "NONE"


def test_a_dead_rpcbind_hangs_showmount_and_not_a_client_that_has_mounted(pair: Pair) -> None:
    """freebsd-facts: showmount-hangs-without-rpcbind."""
    inflict(pair, "kill", "nfs001", "rpcbind")
    first = pair.nodes["nfs001"]
    assert first.run("showmount -e", timeout=40).status == 124
    assert first.run("rpcinfo -t localhost nfs 3", timeout=40).status == 124
    assert first.run("rpcinfo -p", timeout=40).status == 1
    assert pair.client().write_now("mail").answer.name == "OK"


def test_local_disk_errors_are_only_counted_while_the_peer_is_there(pair: Pair) -> None:
    """freebsd-facts: one-good-write-is-enough, error-counters-are-one-workers."""
    inflict(pair, "disk-errors", "nfs001")
    assert pair.client().write_now("mail").answer.name == "OK"
    first = pair.nodes["nfs001"]
    listed = first.run("hastctl list home").out
    assert "status: complete" in listed
    assert "dirty: 0 (0B)" in listed
    assert "local errors: read: 0, write: 0" not in listed


def test_a_new_disk_has_no_metadata_and_a_running_hastd_keeps_it_from_being_changed(pair: Pair) -> None:
    with pytest.raises(FaultError):
        inflict(pair, "new-disk", "nfs002")
    pair.must(pair.nodes["nfs002"], "service hastd stop")
    inflict(pair, "new-disk", "nfs002")
    result = pair.nodes["nfs002"].run("hastctl dump home")
    assert result.status == 255
    assert result.err == "[ERROR] Unable to read metadata from /dev/vtbd1: No such file or directory.\n"


def test_slow_fsck_takes_as_many_times_as_long(pair: Pair) -> None:
    inflict(pair, "slow-fsck", "nfs001", "30")
    pair.must(pair.nodes["nfs001"], "umount /hast/home")
    before = pair.clock.now
    pair.must(pair.nodes["nfs001"], "fsck -p /dev/hast/home")
    assert pair.clock.now - before == pytest.approx(30 * pair.layout.costs.fsck_clean, abs=0.1)


def test_a_wrong_hast_conf_ends_replication_and_the_right_one_restores_it(pair: Pair) -> None:
    first, second = pair.nodes.values()
    inflict(pair, "wrong-hast-conf", "nfs002")
    pair.clock.advance(40)
    assert "192.0.2.1" in second.run("hastctl status").out
    assert status(first) == "degraded"
    assert "has no access to the resource" in second.files.read("/var/log/daemon.log")
    inflict(pair, "right-hast-conf", "nfs002")
    pair.clock.advance(40)
    assert status(first) == "complete"


def test_the_clock_of_a_node_can_be_wrong(pair: Pair) -> None:
    inflict(pair, "clock-skew", "nfs002", "90")
    first, second = (int(node.run("date +%s").out) for node in pair.nodes.values())
    assert second - first in (89, 90, 91)


def test_a_rebooted_preferred_node_takes_the_address_from_the_node_that_serves(pair: Pair) -> None:
    """hastd in init, the root file system exported, the healthy server pushed to BACKUP (freebsd-facts:
    preferred-node-takes-the-address, root-is-exported-instead)."""
    first, second = pair.nodes.values()
    inflict(pair, "power-off", "nfs001")
    pair.clock.advance(5)
    for line in ("hastctl role primary home", "sleep 11", "fsck -p /dev/hast/home", "mount /dev/hast/home /hast/home"):
        pair.must(second, line)
    assert pair.client().write_now("mail").answer.name == "OK"
    inflict(pair, "power-on", "nfs001")
    pair.clock.advance(40)
    assert (carp(first), carp(second)) == ("MASTER", "BACKUP")
    assert "NFS exported" in first.run("mount").out.split("\n")[0]
    assert pair.client().write_now("mail", patience=1).answer.name == "STALE"


def test_a_node_that_boots_demoted_holds_itself_back_and_the_flap_shows_master_then_backup(pair: Pair) -> None:
    """freebsd-facts: master-first-at-boot, carp-before-the-network."""
    first, second = pair.nodes.values()
    inflict(pair, "power-off", "nfs001")
    pair.clock.advance(5)
    conf = first.files.read("/etc/sysctl.conf")
    first.files.write("/etc/sysctl.conf", conf + "net.inet.carp.demotion=240\n")
    first.files.write("/var/log/carp-events.log", "")
    inflict(pair, "boot-flap", "nfs001")
    inflict(pair, "power-on", "nfs001")
    pair.clock.advance(40)
    states = [line.split()[-1] for line in first.files.read("/var/log/carp-events.log").splitlines()]
    assert states == ["BACKUP", "MASTER", "BACKUP"]
    assert carp(second) == "MASTER"
