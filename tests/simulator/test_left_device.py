"""The device that a killed primary worker leaves where hastd starts no other one (primary.c, cleanup(); g_gate.c)."""

from __future__ import annotations

import pytest

from simulator.node import Node
from simulator.pair import Pair
from tests.simulator.test_releases import HANGS, LOG, TestWhileARouteRejectsThePeer, pair_of, word

SERVED = TestWhileARouteRejectsThePeer.primary


def killed_under_a_role_change(mounted: bool, role: str = "secondary") -> tuple[Pair, Node]:
    """A stock 15 that serves alone; hastd is told another role, waits, and its worker is killed (bug 292322)."""
    pair, node = SERVED(15.0)
    if mounted:
        pair.must(node, "fsck -t ufs -p /dev/hast/home")
        pair.must(node, "mount /dev/hast/home /hast/home")
    assert node.run(f"hastctl role {role} home").status == HANGS
    pair.must(node, "pkill -9 -f 'home .primary'")
    pair.clock.advance(3)
    return pair, node


@pytest.mark.parametrize("role", ["secondary", "init"])
def test_the_device_stays_in_a_role_that_has_none(role: str) -> None:
    _, node = killed_under_a_role_change(mounted=False, role=role)
    assert f"-        {role}" in word(node, "hastctl status home")
    assert word(node, "ls /dev/hast") == "home"
    assert "Geom name: hast/home" in word(node, "geom gate list")


def test_what_reads_or_writes_it_waits() -> None:
    _, node = killed_under_a_role_change(mounted=False)
    assert node.run("fsck -t ufs -p /dev/hast/home").status == HANGS
    assert node.run("mount /dev/hast/home /hast/home").status == HANGS


def test_what_is_mounted_stays_mounted_for_umount_f_too() -> None:
    _, node = killed_under_a_role_change(mounted=True)
    assert node.run("umount /hast/home").status == HANGS
    assert node.run("umount -f /hast/home").status == HANGS
    assert "/dev/hast/home on /hast/home" in word(node, "mount")


def test_the_next_primary_worker_takes_it_over_with_what_waits() -> None:
    pair, node = SERVED(15.0)
    node.installed = node.installed.with_repair()
    assert node.run("hastctl role init home").status == HANGS
    pair.must(node, "pkill -9 -f 'home .primary'")
    pair.clock.advance(3)
    checking = node.start_command("fsck -t ufs -y /dev/hast/home")
    pair.clock.advance(3)
    assert not checking.done
    pair.must(node, "service hastd restart")
    pair.must(node, "hastctl role primary home")
    pair.clock.advance(30)
    assert "Device hast/home recovered." in word(node, f"tail -n 3 {LOG}")
    assert checking.done and checking.value == 0


def test_reads_are_answered_from_the_local_disk_where_the_worker_had_been_connected() -> None:
    pair = pair_of("13.2")
    node = next(iter(pair.nodes.values()))
    pair.must(node, "umount /hast/home")
    pair.must(node, "pkill -9 -f 'home .primary'")
    pair.must(node, "kill -9 $(cat /var/run/hastd.pid)")
    pair.must(node, "service hastd start")
    assert word(node, "ls /dev/hast") == "home"
    assert word(node, "fstyp /dev/hast/home") == "ufs"
    assert node.run("mount /dev/hast/home /hast/home").status == HANGS


def test_a_power_cut_ends_it() -> None:
    pair, node = killed_under_a_role_change(mounted=True)
    node.power_off()
    pair.clock.advance(1)
    assert not node.left and not node.files.exists("/dev/hast/home")


def test_a_worker_that_hastd_replaces_is_no_case_of_it() -> None:
    pair = pair_of("13.2")
    node = next(iter(pair.nodes.values()))
    pair.must(node, "pkill -9 -f 'home .primary'")
    pair.clock.advance(3)
    assert not node.left and "complete primary" in word(node, "hastctl status home")
    pair.must(node, "umount /hast/home")
    pair.must(node, "hastctl role secondary home")
    assert node.run("ls /dev/hast").status == 1


def test_ggatel_destroys_it_by_force_only_where_it_is_in_use() -> None:
    pair, node = killed_under_a_role_change(mounted=True)
    assert "unit: 0" in word(node, "geom gate list")
    assert "Device busy." in node.run("ggatel destroy -u 0").out
    pair.must(node, "ggatel destroy -f -u 0")
    assert "/hast/home" not in word(node, "mount")
    assert node.run("ls /dev/hast").status == 1


def test_ggatel_destroys_it_without_force_where_nobody_has_it_open() -> None:
    pair, node = killed_under_a_role_change(mounted=False)
    pair.must(node, "ggatel destroy -u 0")
    assert node.run("ls /dev/hast").status == 1 == node.run("ggatel destroy -u 0").status
