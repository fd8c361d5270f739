"""What lies under /var/db/hastwatch on a node is a real directory, seen by the node's own commands."""

from __future__ import annotations

from pathlib import Path

import pytest

from simulator.node import Node
from simulator.pair import Pair


@pytest.fixture
def node() -> Node:
    pair = Pair()
    pair.power_on()
    return pair.nodes["nfs001"]


def test_a_file_written_here_is_shown_there(node: Node, tmp_path: Path) -> None:
    node.keep_state_in(tmp_path / "state")
    (tmp_path / "state" / "split-brain.home.json").write_text('{"id": "x"}\n')
    assert node.run("cat /var/db/hastwatch/split-brain.home.json") == (0, '{"id": "x"}\n', "")
    assert node.run("ls /var/db/hastwatch").out == "split-brain.home.json\n"
    assert node.run("ls /var/db").out == "hastwatch\n"
    assert node.run("test -d /var/db/hastwatch && test -f /var/db/hastwatch/split-brain.home.json").status == 0
    assert node.run("wc -c /var/db/hastwatch/*.json").out.split() == ["12", "/var/db/hastwatch/split-brain.home.json"]


def test_a_file_written_there_is_found_here(node: Node, tmp_path: Path) -> None:
    node.keep_state_in(tmp_path)
    node.run("mkdir -p /var/db/hastwatch/deep; echo one > /var/db/hastwatch/deep/file")
    node.run("echo two >> /var/db/hastwatch/deep/file")
    assert (tmp_path / "deep" / "file").read_text() == "one\ntwo\n"
    assert node.run("rm /var/db/hastwatch/deep/file").status == 0
    assert not (tmp_path / "deep" / "file").exists()


def test_what_is_no_utf8_is_shown_and_not_refused(node: Node, tmp_path: Path) -> None:
    node.keep_state_in(tmp_path)
    (tmp_path / "torn").write_bytes(b"ab\xff\n")
    assert node.run("cat /var/db/hastwatch/torn").out == "ab\\xff\n"


def test_what_is_not_there_is_not_there(node: Node, tmp_path: Path) -> None:
    node.keep_state_in(tmp_path)
    answer = node.run("cat /var/db/hastwatch/none")
    assert (answer.status, answer.err) == (1, "cat: /var/db/hastwatch/none: No such file or directory\n")
    assert node.run("rm -f /var/db/hastwatch/none").status == 0
    assert node.run("ls /var/db/hastwatch/n*").status == 1


def test_nothing_outside_the_directory_is_reached_through_it(node: Node, tmp_path: Path) -> None:
    node.keep_state_in(tmp_path / "state")
    (tmp_path / "secret").write_text("secret\n")
    assert node.run("cat /var/db/hastwatch/../secret").status == 1


def test_a_power_cut_leaves_it_as_it_is(node: Node, tmp_path: Path) -> None:
    node.keep_state_in(tmp_path)
    (tmp_path / "kept").write_text("still here\n")
    node.power_off()
    node.clock.wait(node.power_on())
    assert node.run("cat /var/db/hastwatch/kept").out == "still here\n"
