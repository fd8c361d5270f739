"""A node's own disk looked at behind the back of HAST: gnop, read-only mounts, and what they leave alone."""

from __future__ import annotations

import pytest

from checks.probes.filesystem import mounted_at, parse_df, parse_mount
from remediate.rehearsal.mount_tree import MountTree
from simulator.account.accounting import places
from simulator.account.writes import WriteFate
from simulator.faults.faults import inflict
from simulator.nfs.client import OperationResult
from simulator.node import Node
from simulator.pair import Pair
from tests.simulator.pools import healthy as healthy_pool

CREATE = "gnop create -o 4608 -s 268430848 /dev/vtbd1"
VIEW = "mount -t ufs -o ro,noatime,nosuid,noexec /dev/vtbd1.nop /mnt"


@pytest.fixture
def pair() -> Pair:
    pair = Pair()
    pair.bring_up()
    for node in pair.nodes.values():
        pair.must(node, "mkdir -p -m 700 /mnt")
    return pair


def cut_off(pair: Pair) -> tuple[Node, Node]:
    """A file on both disks, one on the first only, and then a cut; the first has stepped down cleanly."""
    first, second = pair.nodes.values()
    assert pair.client().write_now("both").answer is OperationResult.OK
    pair.must(first, "fsync /hast/home/both")
    inflict(pair, "cut")
    pair.clock.advance(40)
    pair.must(first, "sh -c 'echo x > /hast/home/first-only'")
    pair.must(first, "umount /hast/home")
    pair.must(first, "hastctl role init home")
    return first, second


def test_a_disk_is_seen_behind_hasts_metadata_and_nothing_of_it_changes(pair: Pair) -> None:
    first, _ = cut_off(pair)
    before = pair.must(first, "hastctl dump home")
    pair.must(first, CREATE)
    assert pair.must(first, "fstyp -u /dev/vtbd1.nop") == "ufs\n"
    assert pair.must(first, "diskinfo /dev/vtbd1.nop").split()[2] == "268430848"
    assert "clean flag 1" in pair.must(first, "file -s -b /dev/vtbd1.nop")
    pair.must(first, VIEW)
    assert {"both", "first-only"} <= set(pair.must(first, "ls -A /mnt").split())
    there = mounted_at(parse_mount(pair.must(first, "mount")), "/mnt")
    assert there is not None and there.read_only and not there.exported and there.device == "/dev/vtbd1.nop"
    assert parse_df(pair.must(first, "df -ik /mnt"), "/mnt").inodes_used == 5
    assert first.run("touch /mnt/new").status != 0 and first.run("rm /mnt/both").status != 0
    assert first.run("chflags schg /mnt").status != 0
    pair.must(first, "umount /mnt")
    pair.must(first, "gnop destroy vtbd1.nop")
    assert first.run("ls /dev/vtbd1.nop").status == 1
    assert pair.must(first, "hastctl dump home") == before
    assert [each.fate for each in places(pair, "home")] == [WriteFate.STRANDED]


def test_the_other_disk_shows_only_what_was_replicated(pair: Pair) -> None:
    _, second = cut_off(pair)
    pair.must(second, "hastctl role init home")
    pair.must(second, CREATE)
    assert "clean flag 0" in pair.must(second, "file -s -b /dev/vtbd1.nop")
    pair.must(second, VIEW)
    assert "WARNING: /dev/vtbd1.nop was not properly dismounted" in second.files.read("/var/log/messages")
    assert [item.path for item in MountTree(second, "/mnt").walk()] == [b"", b"both"]
    text = pair.must(second, "cat /mnt/both")
    assert b"".join(MountTree(second, "/mnt").chunks(b"both")) == text.encode()


def test_a_view_is_no_mount_of_the_resource_for_anybody(pair: Pair) -> None:
    first, _ = cut_off(pair)
    pair.must(first, CREATE)
    pair.must(first, VIEW)
    assert pair.mounts("home") == []
    pair.must(first, "hastctl role primary home")
    pair.clock.advance(12)
    pair.must(first, "fsck -t ufs -p /dev/hast/home")
    pair.must(first, "mount /dev/hast/home /hast/home")
    assert [node.name for node, _ in pair.mounts("home")] == ["nfs001"]
    pair.must(first, "service mountd onerestart")
    lines = pair.must(first, "mount").splitlines()
    assert [("NFS exported" in line) for line in lines if "vtbd1.nop" in line or "/hast/home" in line] == [False, True]


def test_hastd_keeps_the_disk_from_being_mounted_beside_it(pair: Pair) -> None:
    for node in pair.nodes.values():
        pair.must(node, CREATE)
        assert node.run(VIEW) == (1, "", "mount: /dev/vtbd1.nop: Operation not permitted\n")


def test_nobody_mounts_a_view_for_writing(pair: Pair) -> None:
    first, _ = cut_off(pair)
    pair.must(first, CREATE)
    assert first.run("mount -t ufs /dev/vtbd1.nop /mnt").status == 1


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("gnop create -o 4608 -s 268430848 vtbd9", "gnop: Provider vtbd9 is invalid.\n"),
        ("gnop create -o 4609 vtbd1", "gnop: Invalid offset for provider vtbd1.\n"),
        ("gnop create -o 4608 -s 268435456 vtbd1", "gnop: Invalid size for provider vtbd1.\n"),
        ("gnop destroy vtbd1.nop", "gnop: Device vtbd1.nop is invalid.\n"),
        ("gnop explode vtbd1", "gnop: unknown command: explode\n"),
    ],
)
def test_gnop_refuses_what_the_kernel_refuses(pair: Pair, line: str, error: str) -> None:
    assert pair.nodes["nfs001"].run(line) == (1, "", error)


def test_a_provider_exists_once_and_not_while_it_is_mounted_does_it_go(pair: Pair) -> None:
    first, _ = cut_off(pair)
    pair.must(first, CREATE)
    assert first.run(CREATE).err == "gnop: Provider vtbd1.nop already exists.\n"
    assert "Offset: 4608" in pair.must(first, "gnop list")
    pair.must(first, VIEW)
    assert first.run(VIEW).status == 1
    assert first.run("gnop destroy vtbd1.nop").err == "gnop: Cannot destroy device vtbd1.nop (error=16).\n"


def test_with_another_offset_nothing_is_found(pair: Pair) -> None:
    first, _ = cut_off(pair)
    pair.must(first, "gnop create -o 4096 /dev/vtbd1")
    assert first.run("fstyp -u /dev/vtbd1.nop").status == 1
    assert first.run(VIEW).status == 1


def test_a_boot_knows_no_provider(pair: Pair) -> None:
    first, _ = cut_off(pair)
    pair.must(first, CREATE)
    pair.must(first, VIEW)
    first.power_off()
    pair.clock.wait(first.power_on())
    assert first.run("ls /dev/vtbd1.nop").status == 1
    assert " on /mnt " not in pair.must(first, "mount")


def test_an_exported_pool_is_imported_read_only_under_another_root() -> None:
    pair, first, _ = healthy_pool()
    assert pair.client().write_now("mail").answer is OperationResult.OK
    pair.must(first, "zpool export home")
    pair.must(first, "hastctl role init home")
    pair.must(first, CREATE)
    assert "    state: 1\n" in pair.must(first, "zdb -l /dev/vtbd1.nop")
    pair.must(first, "zpool import -f -N -o readonly=on -o cachefile=none -R /mnt -d /dev/vtbd1.nop home")
    assert pair.must(first, "zpool get -H -o value altroot,readonly home") == "/mnt\non\n"
    pair.must(first, "zfs mount home")
    assert pair.must(first, "zfs list -H -r -o name,type,mountpoint home") == "home\tfilesystem\t/mnt/hast/home\n"
    assert pair.must(first, "ls /mnt/hast/home") == "mail\n"
    assert first.run("touch /mnt/hast/home/new").status != 0
    assert pair.mounts("home") == []
    pair.must(first, "zpool export home")
    assert pair.must(first, "zpool list -H") == ""
    assert "    state: 1\n" in pair.must(first, "zdb -l /dev/vtbd1.nop")
