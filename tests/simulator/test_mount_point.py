"""The mount point: its immutable flag, mounted and empty, and processes that keep what is mounted there busy."""

from __future__ import annotations

import pytest

from simulator.faults.faults import inflict
from simulator.node import Node
from simulator.pair import Pair


def flags(node: Node) -> str:
    return node.run("ls -ldo /hast/home").out.split()[4]


def test_ls_shows_the_flags_between_group_and_size(pair: Pair, node: Node) -> None:
    other = pair.nodes["nfs002"]
    pair.must(other, "chflags schg /hast/home")
    assert other.run("ls -ldo /hast/home").out == "drwxr-xr-x  2 root  wheel  schg 512 Nov 22 08:30 /hast/home\n"
    pair.must(other, "chflags noschg /hast/home")
    assert other.run("ls -ldo /hast/home").out == "drwxr-xr-x  2 root  wheel  - 512 Nov 22 08:30 /hast/home\n"
    assert node.run("ls -ldo /hast/home").out.startswith("drwxr-xr-x  3 root  wheel  - 512 Nov 22 ")
    assert "wheel  512" in node.run("ls -ld /hast/home").out


def test_an_immutable_empty_mount_point_takes_no_file_and_can_be_mounted_on(pair: Pair, node: Node) -> None:
    """freebsd-facts: immutable-mount-point."""
    pair.must(node, "umount /hast/home")
    pair.must(node, "chflags schg /hast/home")
    assert node.run("touch /hast/home/lost").err == "touch: /hast/home/lost: Operation not permitted\n"
    pair.must(node, "mount /dev/hast/home /hast/home")
    assert flags(node) == "-"
    pair.must(node, "touch /hast/home/kept")
    pair.must(node, "umount /hast/home")
    assert flags(node) == "schg"


def test_the_flag_of_a_mounted_directory_belongs_to_its_file_system_and_goes_with_it(pair: Pair, node: Node) -> None:
    other = pair.nodes["nfs002"]
    pair.must(node, "chflags schg /hast/home")
    assert flags(node) == "schg"
    assert pair.client().write_now("mail").answer.name == "NOT_PERMITTED"
    pair.must(node, "umount /hast/home")
    assert flags(node) == "-"
    pair.must(node, "hastctl role secondary home")
    pair.must(other, "hastctl role primary home; sleep 1; mount /dev/hast/home /hast/home")
    assert flags(other) == "schg"
    assert other.run("touch /hast/home/lost").status == 1
    pair.must(other, "chflags noschg /hast/home; touch /hast/home/kept")


def test_only_root_sets_flags_and_only_on_what_is_there(node: Node) -> None:
    assert node.run("chflags schg /hast/home", user="nobody").status == 1
    assert node.run("chflags schg /hast/none").status == 1


def test_a_busy_file_system_is_not_unmounted_until_its_user_has_ended(pair: Pair, node: Node) -> None:
    pair.client().write_now("mail")
    inflict(pair, "busy", "nfs001", "home")
    refused = node.run("umount /hast/home")
    assert (refused.status, refused.err) == (1, "umount: unmount of /hast/home failed: Device busy\n")
    pid = node.run("pgrep sleep").out.strip()
    assert f"{pid}    1 sleep 1000\n" in node.run("ps -axww -o pid,ppid,command").out
    pair.must(node, f"kill -TERM {pid}")
    pair.must(node, "umount /hast/home")
    assert node.run("pgrep sleep").status == 1


def test_fstat_and_fuser_name_who_uses_it(pair: Pair, node: Node) -> None:
    header = "USER     CMD          PID   FD MOUNT      INUM MODE         SZ|DV R/W\n"
    assert node.run("fstat -f /hast/home") == (0, header, "")
    assert node.run("fuser -c /hast/home") == (0, "", "/hast/home:\n")
    inflict(pair, "busy", "nfs001", "home")
    pid = node.run("pgrep sleep").out.strip()
    head, *lines = node.run("fstat -f /hast/home").out.splitlines(keepends=True)
    assert head == header
    assert [line.split()[:5] for line in lines] == [
        ["root", "sleep", pid, "wd", "/hast/home"],
        ["root", "sleep", pid, "3", "/hast/home"],
    ]
    assert node.run("fuser -c /hast/home") == (0, pid.rjust(6), "/hast/home:cw\n")
    assert node.run("fstat -f /none").status == 1
    absent = node.run("fuser -c /none")
    assert (absent.status, absent.out) == (74, "") and absent.err.endswith("fuser: files not accessible\n")


def test_a_line_of_fstat_has_the_recorded_columns(pair: Pair, node: Node) -> None:
    """u-misc/nfs001/lsof-like.txt: `hast     hastd        835   wd /          8805 dr-xr-xr-x     512  r`"""
    inflict(pair, "busy", "nfs001", "home")
    line = node.run("fstat -f /hast/home").out.splitlines()[1]
    recorded = "hast     hastd        835   wd /          8805 dr-xr-xr-x     512  r"
    assert len(line) == len(recorded) + len("/hast/home") - len("/       ")
    assert line.index(" wd ") == recorded.index(" wd ")


def test_a_stubborn_user_ends_by_sigkill_only(pair: Pair, node: Node) -> None:
    inflict(pair, "busy-stubborn", "nfs001", "home")
    pair.must(node, "pkill -TERM sleep")
    assert node.run("umount /hast/home").status == 1
    pair.must(node, "pkill -KILL sleep")
    pair.must(node, "umount /hast/home")


def test_a_user_can_end_by_itself(pair: Pair, node: Node) -> None:
    inflict(pair, "busy", "nfs001", "home", "3")
    assert node.run("umount /hast/home").status == 1
    pair.clock.advance(3)
    pair.must(node, "umount /hast/home")


def test_a_forced_unmount_writes_the_buffers_and_leaves_the_user_running(pair: Pair, node: Node) -> None:
    inflict(pair, "busy", "nfs001", "home")
    pair.must(node, "sh -c 'echo text > /hast/home/local'")
    pair.must(node, "umount -f /hast/home")
    assert node.run("pgrep sleep").status == 0
    pair.must(node, "mount /dev/hast/home /hast/home")
    assert node.run("cat /hast/home/local").out == "text\n"
    assert len(node.run("fstat -f /hast/home").out.splitlines()) == 1


def test_where_nothing_is_mounted_any_more_both_list_every_process_of_the_root_file_system(
    pair: Pair, node: Node
) -> None:
    """freebsd-facts: users-of-an-absent-mount."""
    pair.must(node, "umount -f /hast/home")
    everybody = {str(pid) for pid in node.processes.by_pid}
    assert {
        "1",
        *(str(each.pid) for name in ("devd", "hastd", "sshd") for each in node.processes.named(name)),
    } < everybody
    assert set(node.run("fuser -c /hast/home").out.split()) == everybody
    assert {line.split()[2] for line in node.run("fstat -f /hast/home").out.splitlines()[1:]} == everybody


def test_there_is_nothing_to_keep_busy_where_nothing_is_mounted(pair: Pair) -> None:
    with pytest.raises(ValueError, match="no HAST file system is mounted on nfs002"):
        inflict(pair, "busy", "nfs002", "home")


# --- mount -u ----------------------------------------------------------------------------------------------------


def test_a_file_system_becomes_read_only_when_what_was_buffered_is_on_the_device(pair: Pair, node: Node) -> None:
    pair.must(node, "echo something > /hast/home/kept")
    assert pair.mounts("home")[0][1].buffered
    pair.must(node, "mount -u -o ro /hast/home")
    assert not pair.mounts("home")[0][1].buffered
    assert "/dev/hast/home on /hast/home (ufs, NFS exported, local, read-only)\n" in node.run("mount").out
    assert "/hast/home\t\tufs\tro\t\t2 2\n" in node.run("mount -p").out
    assert node.run("touch /hast/home/new").err == "touch: /hast/home/new: Read-only file system\n"
    assert node.run("rm /hast/home/kept").err == "rm: /hast/home/kept: Read-only file system\n"
    assert pair.client().write_now("mail").answer.name == "READ_ONLY"


def test_a_read_only_file_system_is_clean_and_writes_nothing_when_it_is_unmounted(pair: Pair, node: Node) -> None:
    pair.must(node, "mount -u -o ro /hast/home")
    before = node.run("hastctl list home").out
    pair.must(node, "umount /hast/home")
    assert node.run("hastctl list home").out == before
    assert "FILE SYSTEM CLEAN; SKIPPING CHECKS" in node.run("fsck -t ufs -p /dev/hast/home").out


@pytest.mark.parametrize("words", ["-u", "-u -w", "-uw", "-u -o rw"])
def test_a_read_only_file_system_becomes_writable_again(pair: Pair, node: Node, words: str) -> None:
    before = node.run("mount").out
    pair.must(node, "mount -r -u /dev/hast/home")
    pair.must(node, f"mount {words} /hast/home")
    assert node.run("mount").out == before
    pair.must(node, "touch /hast/home/new")


def test_a_file_system_that_a_process_uses_does_not_become_read_only_but_by_force(pair: Pair, node: Node) -> None:
    inflict(pair, "busy", "nfs001", "home")
    refused = node.run("mount -u -o ro /hast/home")
    assert (refused.status, refused.err) == (1, "mount: /dev/hast/home: Device busy\n")
    assert "read-only" not in node.run("mount").out
    pair.must(node, "mount -f -u -o ro /hast/home")


def test_what_is_not_mounted_is_not_updated(node: Node) -> None:
    refused = node.run("mount -u -o ro /hast/other")
    assert (refused.status, refused.err) == (1, "mount: not currently mounted /hast/other\n")
