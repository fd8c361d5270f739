"""Steps of a failover that refuse to work: the device, fsck, mount, services."""

from __future__ import annotations

import pytest

from simulator.faults.fault_words import FaultError
from simulator.faults.faults import inflict
from simulator.node import Node
from simulator.pair import Pair

PREEN, FULL = "fsck -t ufs -p /dev/hast/home", "fsck -t ufs -y /dev/hast/home"


def test_a_primary_can_be_without_its_device_until_that_appears(pair: Pair, node: Node) -> None:
    pair.must(node, "umount /hast/home; hastctl role secondary home")
    inflict(pair, "device-never-appears", "nfs001", "home")
    pair.must(node, "hastctl role primary home")
    pair.clock.advance(60)
    assert "primary" in node.run("hastctl status home").out
    assert node.run("test -c /dev/hast/home").status == 1
    assert node.run("mount /dev/hast/home /hast/home").status == 1
    inflict(pair, "device-appears", "nfs001", "home")
    pair.clock.advance(2)
    pair.must(node, "mount /dev/hast/home /hast/home")


def test_giving_up_a_role_whose_device_never_came_is_possible(pair: Pair, node: Node) -> None:
    pair.must(node, "umount /hast/home; hastctl role secondary home")
    inflict(pair, "device-never-appears", "nfs001", "home")
    pair.must(node, "hastctl role primary home; sleep 5; hastctl role secondary home")
    inflict(pair, "device-appears", "nfs001", "home")
    pair.clock.advance(5)
    assert node.run("test -e /dev/hast/home").status == 1


def test_a_preen_that_fails_is_mended_by_a_full_check(pair: Pair, node: Node) -> None:
    pair.must(node, "umount /hast/home")
    inflict(pair, "fsck-fails", "nfs001", "home")
    for _ in range(2):
        answer = node.run(PREEN)
        assert answer.status == 8
        assert "/dev/hast/home: UNEXPECTED INCONSISTENCY; RUN fsck_ffs MANUALLY.\n" in answer.out
    pair.must(node, FULL)
    pair.must(node, PREEN)


def test_a_preen_can_fail_a_number_of_times(pair: Pair, node: Node) -> None:
    pair.must(node, "umount /hast/home")
    inflict(pair, "fsck-fails", "nfs001", "home", "2")
    assert [node.run(PREEN).status for _ in range(3)] == [8, 8, 0]


def test_a_hopeless_file_system_is_mended_by_nothing(pair: Pair, node: Node) -> None:
    pair.must(node, "umount /hast/home")
    inflict(pair, "fsck-hopeless", "nfs001", "home")
    assert [node.run(line).status for line in (PREEN, FULL, FULL, PREEN)] == [8, 8, 8, 8]
    inflict(pair, "fsck-works", "nfs001", "home")
    pair.must(node, PREEN)


def test_a_mount_fails_until_it_works(pair: Pair, node: Node) -> None:
    pair.must(node, "umount /hast/home")
    inflict(pair, "mount-fails", "nfs001", "home")
    assert node.run("mount /dev/hast/home /hast/home") == (1, "", "mount: /dev/hast/home: Input/output error\n")
    inflict(pair, "mount-works", "nfs001", "home")
    pair.must(node, "mount /dev/hast/home /hast/home")


@pytest.mark.parametrize("line", ["service mountd onestart", "/usr/sbin/mountd -r"])
def test_a_service_fails_by_rc_and_directly(pair: Pair, node: Node, line: str) -> None:
    pair.must(node, "service mountd onestop")
    inflict(pair, "service-fails", "nfs001", "mountd")
    answer = node.run(line)
    assert answer.status == 1
    assert answer.err.startswith("mountd: ")
    assert node.run("service mountd onestatus").status == 1
    inflict(pair, "service-works", "nfs001", "mountd")
    pair.must(node, line)


def test_a_service_that_fails_does_not_come_up_at_boot_either(pair: Pair, node: Node) -> None:
    inflict(pair, "service-fails", "nfs001", "rpc.statd")
    node.power_off()
    pair.clock.wait(node.power_on())
    assert node.run("service statd onestatus").status == 1
    assert node.run("service lockd onestatus").status == 0


def test_an_unknown_service_or_resource_is_refused(pair: Pair) -> None:
    for words in (("service-fails", "nfs001", "nosuch"), ("mount-fails", "nfs001", "nosuch")):
        with pytest.raises(FaultError):
            inflict(pair, *words)
