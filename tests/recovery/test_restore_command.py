"""`hastwatch restore`: what it lists, what it puts back, what it asks, and when it refuses."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from remediate.printing import printed
from remediate.recovery.salvage import salvage
from remediate.recovery.trees import DirectoryTree
from remediate.state.journal_reading import read
from remediate.subcommands.restore import main
from tests.recovery.copies import UNKNOWN, Link, local_context, make

MOUNT = "/dev/shm"
"""A mount point that every machine of ours has."""
LISTED = Path(__file__).resolve().parents[1] / "recordings" / "healthy" / "nfs001" / "hastctl-list.txt"
CONF = "resource home {\n on nfs001 {\n local /dev/vtbd1\n remote nfs002\n }\n}\n"


class Node:
    """A program that answers as a node would, on which the resource is mounted where this machine keeps memory."""

    def __init__(self, directory: Path, live: Path) -> None:
        self.directory, self.live = directory, live
        listed = LISTED.read_text().splitlines()
        (directory / "list").write_text("\n".join(listed[1:-1]) + "\n")
        (directory / "conf").write_text(CONF)
        (directory / "mount").write_text(f"/dev/gpt/rootfs on / (ufs)\n/dev/hast/home on {MOUNT} (ufs, local)\n")
        script = directory / "node"
        script.write_text(
            f"#!/bin/sh\ncd {directory}\n"
            'case "$1" in *hastctl*) cat list;; */mount*) cat mount;; *hast.conf) cat conf;;\n'
            '*exports) echo "cat: /etc/exports: No such file or directory" >&2; exit 1;; *hostname*) echo nfs001;;\n'
            "*) exit 127;; esac\n"
        )
        script.chmod(0o755)
        (directory / "toml").write_text(f'[resource.home]\nmount_point = "{MOUNT}"\n')

    def restore(self, *words: str) -> int:
        """The command."""
        options = ["--config", str(self.directory / "toml"), "--state-dir", str(self.directory / "state")]
        options += ["--via", str(self.directory / "node")]
        return main([str(self.directory / "kept" / "home-i1"), *words, *options])


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    """A salvage of files below a directory of its own in the mounted file system."""
    live = Path(tempfile.mkdtemp(dir=MOUNT))
    name = os.fsencode(live.name)
    losing = make(tmp_path / "losing", {name + b"/a": b"one", name + b"/b\x1b[2J\xff": b"x" * 2048, b"l": Link(b"a")})
    (tmp_path / "state").mkdir(mode=0o755)
    (tmp_path / "kept").mkdir()
    os.utime(os.fsencode(tmp_path) + b"/losing/" + name + b"/a", (1_795_000_000, 1_795_000_000))
    (tmp_path / "empty").mkdir()
    winner = DirectoryTree(str(tmp_path / "empty"))
    salvage(local_context(tmp_path / "state"), "home", losing, winner, UNKNOWN, str(tmp_path / "kept"), "i1")
    (live / "a").write_bytes(b"two")
    yield Node(tmp_path, live)
    shutil.rmtree(live)


def test_it_lists_what_a_salvage_holds_and_why_and_nothing_moves_the_cursor(
    node: Node, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(node.directory / "kept" / "home-i1")]) == 0
    lines = capsys.readouterr().out.splitlines()
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(1_795_000_000))
    assert lines[0] == "home, incident i1, the copy of nfs001: 4 of 4 files"
    assert f"      3 B  {when}  {node.live.name}/a  (missing on the other copy)" in lines
    assert any(line.endswith(f"{node.live.name}/b\\x1b[2J\\xff  (missing on the other copy)") for line in lines)
    assert any(" l -> a  (" in line for line in lines)
    assert main([str(node.directory / "kept" / "home-i1"), f"{node.live.name}/a"]) == 0
    assert "1 of 4 files" in capsys.readouterr().out


@pytest.mark.parametrize("mode", [0o755, 0o777])
def test_another_directory_is_no_salvage(mode: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever may write into it: nobody is told to take that right away from /tmp."""
    tmp_path.chmod(mode)
    assert main([str(tmp_path), "a"]) == 1
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", f"hastwatch restore: {tmp_path} is no salvage: it has no manifest.json\n")


def test_beside_is_done_where_the_resource_is_active_and_is_journalled(
    node: Node, capsys: pytest.CaptureFixture[str]
) -> None:
    assert node.restore(f"{node.live.name}/a", "--to-live", "beside") == 0
    assert capsys.readouterr().out == f"{node.live.name}/a: to a.salvaged-i1\n"
    assert (node.live / "a").read_bytes() == b"two" and (node.live / "a.salvaged-i1").read_bytes() == b"one"
    entry = list(read(str(node.directory / "state" / "journal.jsonl")))[-1]
    assert (entry.event, entry.resource, entry.result) == ("restore", "home", "1 put back, 0 not")


def test_a_restore_goes_on_to_its_end_and_is_journalled_where_nobody_reads_what_it_says(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, theirs = os.pipe()
    os.close(ours)
    monkeypatch.setattr(sys, "stdout", os.fdopen(theirs, "w", buffering=1))
    assert printed(lambda: node.restore(f"{node.live.name}/", "--to-live", "beside")) == 74
    assert len(os.listdir(node.live)) == 3
    entry = list(read(str(node.directory / "state" / "journal.jsonl")))[-1]
    assert (entry.event, entry.result) == ("restore", "3 put back, 0 not")


def test_over_is_not_done_unasked(node: Node, capsys: pytest.CaptureFixture[str]) -> None:
    assert node.restore(f"{node.live.name}/a", "--to-live", "over") == 2
    assert "there is no terminal to ask on: nothing is done without --yes" in capsys.readouterr().err
    assert os.listdir(node.live) == ["a"] and (node.live / "a").read_bytes() == b"two"
    assert node.restore(f"{node.live.name}/a", "--to-live", "over", "--dry-run") == 0
    assert os.listdir(node.live) == ["a"]
    assert node.restore(f"{node.live.name}/a", "--to-live", "over", "--yes") == 0
    assert (node.live / "a").read_bytes() == b"one" and (node.live / "a.before-restore-i1").read_bytes() == b"two"


def test_what_could_not_be_put_back_is_told_and_ends_with_1(node: Node, capsys: pytest.CaptureFixture[str]) -> None:
    (node.live / "a.salvaged-i1").mkdir()
    assert node.restore(f"{node.live.name}/", "--to-live", "beside") == 1
    assert "is there already, and is another" in capsys.readouterr().err
    assert (os.fsencode(node.live) + b"/b\x1b[2J\xff.salvaged-i1") in map(
        lambda name: os.path.join(os.fsencode(node.live), name), os.listdir(os.fsencode(node.live))
    )


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("list", "role: primary", "role: secondary", "home is secondary on this node"),
        ("mount", "/dev/hast/home on /dev/shm", "/dev/hast/home on /hast", "home is not mounted at /dev/shm"),
        ("mount", "/dev/hast/home on", "/dev/md0 on", "home is not mounted at /dev/shm"),
        ("mount", "(ufs, local)", "(ufs, local, read-only)", "/dev/shm is mounted read-only"),
        ("conf", "resource home", "resource mail", "hast.conf has no resource home"),
    ],
)
def test_where_the_resource_is_not_active_nothing_is_put_back(
    node: Node, capsys: pytest.CaptureFixture[str], file: str, old: str, new: str, said: str
) -> None:
    path = node.directory / file
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    assert node.restore("--to-live", "over", "--yes") == 69
    assert said in capsys.readouterr().err
    assert os.listdir(node.live) == ["a"]


def test_a_mount_point_of_another_machine_is_not_taken_for_one_of_this(
    node: Node, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("toml", "mount"):
        path = node.directory / name
        path.write_text(path.read_text().replace(MOUNT, str(node.live)))
    assert node.restore("--to-live", "over", "--yes") == 69
    assert "is not a mount point: run this on the node itself" in capsys.readouterr().err


def test_what_is_no_salvage_or_matches_nothing_is_one_line(node: Node, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(node.directory)]) == 1
    assert main([str(node.directory / "kept" / "home-i1"), "nothing*"]) == 1
    err = capsys.readouterr().err.splitlines()
    assert len(err) == 2 and "manifest.json" in err[0] and err[1].endswith("nothing in the salvage matches")
    with pytest.raises(SystemExit) as ended:
        main([str(node.directory), "--to-live", "under"])
    assert ended.value.code == 2
