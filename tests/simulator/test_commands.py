"""What the checks ask a node for is answered as by the real commands."""

from __future__ import annotations

import re

import pytest

from checks.probes.filesystem import mounted_at, parse_df, parse_mount
from checks.probes.node import TOOLS
from simulator.faults.faults import inflict
from simulator.node import Node
from simulator.pair import Pair
from simulator.shell.calls import COMMANDS

OF_COMPRESSED_LOGS = {"bzcat", "xzcat", "zcat", "zstdcat"}
"""No log of a simulated node is ever rotated."""


def test_every_program_that_the_checks_use_is_there() -> None:
    assert TOOLS.keys() - COMMANDS.keys() == OF_COMPRESSED_LOGS


@pytest.mark.parametrize("words", ["-ik /hast/home", "-ik", "-k -i /hast/home", "-k"])
def test_df_is_read_by_the_checks_in_every_form(node: Node, words: str) -> None:
    usage = parse_df(node.run(f"df {words}").out, "/hast/home")
    assert (usage.used, usage.available) == (4164, 229140)
    assert (usage.inodes_used, usage.inodes_free) == ((3, 32763) if "i" in words else (None, None))


def test_df_counts_an_inode_for_every_file(pair: Pair, node: Node) -> None:
    pair.client().write_now("mail")
    assert parse_df(node.run("df -ik /hast/home").out, "/hast/home").inodes_used == 4


def test_df_of_a_path_is_of_the_file_system_it_lies_on_and_the_columns_stand_below_their_heads(node: Node) -> None:
    head, line = node.run("df -ik /hast/home/mail").out.splitlines()
    assert line.startswith("/dev/hast/home ")
    for word, value in (("ifree", "32763"), ("Avail", "229140")):
        assert head.index(word) + len(word) == line.index(value) + len(value)
    assert node.run("df -k /var/log").out.splitlines()[1].endswith(" /")
    assert node.run("df -k /nowhere").err == "df: /nowhere: No such file or directory\n"


def test_the_identity_of_a_file_system_is_the_same_on_both_nodes_and_another_after_newfs(
    pair: Pair, node: Node
) -> None:
    other = pair.nodes["nfs002"]
    first = mounted_at(parse_mount(pair.must(node, "mount -v")), "/hast/home")
    plain = mounted_at(parse_mount(pair.must(node, "mount")), "/hast/home")
    pair.must(node, "umount /hast/home")
    pair.must(node, "hastctl role secondary home")
    pair.must(other, "hastctl role primary home")
    pair.clock.advance(1)
    pair.must(other, "mount /dev/hast/home /hast/home")
    second = mounted_at(parse_mount(pair.must(other, "mount -v")), "/hast/home")
    pair.must(other, "umount /hast/home")
    pair.must(other, "newfs -U -j /dev/hast/home")
    pair.must(other, "mount /dev/hast/home /hast/home")
    third = mounted_at(parse_mount(pair.must(other, "mount -v")), "/hast/home")
    assert first and second and third and plain
    assert re.fullmatch("[0-9a-f]{16}", first.fsid)
    assert first.fsid == second.fsid != third.fsid
    assert plain.fsid == ""


def test_nc_ends_when_nothing_has_come_for_so_long_or_devd_ends(pair: Pair, node: Node) -> None:
    began = pair.clock.now
    assert node.run("nc -U -w 1 /var/run/devd.pipe") == (0, "", "")
    assert pair.clock.now - began == pytest.approx(1 + pair.layout.costs.process)
    listening = node.start_command("nc -U -w 20 /var/run/devd.seqpacket.pipe")
    pair.clock.advance(15)
    node.run("ifconfig vtnet1 vhid 2 state backup")
    pair.clock.advance(15)
    assert not listening.done
    inflict(pair, "kill", "nfs001", "devd")
    pair.clock.advance(1)
    assert listening.value == 0
    assert node.run("nc -U -w 1 /var/run/devd.pipe").status == 1


def test_a_file_that_a_check_makes_to_try_a_write_is_made_synced_and_removed(node: Node) -> None:
    path = node.run("mktemp /hast/home/.hastwatch.XXXXXXXX").out.strip()
    assert re.fullmatch(r"/hast/home/\.hastwatch\.[A-Za-z]{8}", path)
    for line in (f"fsync {path}", f"rm {path}"):
        assert node.run(line) == (0, "", "")
    assert path.rpartition("/")[2] not in node.run("ls -A /hast/home").out


def test_sysrc_sets_shows_and_deletes_a_variable(node: Node) -> None:
    assert node.run("sysrc gone=YES").out == "gone:  -> YES\n"
    assert node.run("sysrc gone").out == "gone: YES\n"
    deleted = node.run("sysrc -x gone")
    assert (deleted.status, deleted.out) == (0, "")
    assert node.run("sysrc gone").status == 1 and "gone" not in node.run("cat /etc/rc.conf").out
    assert node.run("sysrc -x gone").err == "sysrc: unknown variable 'gone'\n"
