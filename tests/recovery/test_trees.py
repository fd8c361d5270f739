"""The files of a copy: all of them, whatever their names, in one order, and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given

from checks.probes.state_cache import Memory
from remediate.context import Transport
from remediate.failover.errors import StepFailed
from remediate.recovery.items import DIRECTORY, FILE, OTHER, SYMLINK
from remediate.recovery.remote_tree import PAGE_BYTES, RemoteTree, decoded, read_ending, read_row, row
from remediate.recovery.trees import DirectoryTree
from remediate.subcommands import tree as subcommand
from tests.recovery.copies import COPIES, NAMES, Content, OwnProgram, in_memory, make, remote

ROOT = Path(__file__).resolve().parents[2]


def paths_of(root: Path) -> set[bytes]:
    """As os.walk sees them."""
    paths = {b""}
    top = os.fsencode(root)
    for directory, directories, files in os.walk(top):
        paths |= {os.path.relpath(os.path.join(directory, name), top) for name in directories + files}
    return paths


@pytest.mark.slow
@given(COPIES)
def test_every_name_is_given_once_in_the_order_of_the_bytes(copy: Mapping[bytes, Content]) -> None:
    with in_memory() as directory:
        tree = make(Path(directory, "copy"), copy)
        items = list(tree.walk())
        assert {item.path for item in items} == paths_of(Path(directory, "copy"))
        assert [item.key for item in items] == sorted(item.key for item in items)
        assert items[0].path == b"" and items[0].kind == DIRECTORY
        assert len({item.path for item in items}) == len(items)


@pytest.mark.slow
@given(COPIES, NAMES, NAMES)
def test_what_comes_behind_a_path_is_all_that_does_whether_it_is_there_or_not(
    copy: Mapping[bytes, Content], name: bytes, below: bytes
) -> None:
    with in_memory() as directory:
        tree = make(Path(directory, "copy"), copy)
        items = list(tree.walk())
        for path in (*(item.path for item in items), name, name + b"/" + below):
            expected = [item for item in items if item.key > path.split(b"/")]
            assert list(tree.after(path)) == expected


@pytest.mark.slow
@given(COPIES)
def test_the_other_node_gives_the_same_items_and_hashes_in_pages(copy: Mapping[bytes, Content]) -> None:
    with in_memory() as directory:
        here = make(Path(directory, "copy"), copy)
        there = remote(Path(directory, "copy"), page=2)
        items = list(here.walk())
        assert list(there.walk()) == items
        files = [item for item in items if item.kind == FILE]
        assert list(there.digests(files)) == list(here.digests(files))


@pytest.mark.slow
@given(COPIES)
def test_an_item_comes_through_its_line_unchanged(copy: Mapping[bytes, Content]) -> None:
    with in_memory() as directory:
        for item in make(Path(directory, "copy"), copy).walk():
            assert read_row(row(item)) == item


@pytest.mark.slow
def test_a_page_of_the_longest_names_stays_far_below_what_is_taken_of_a_command(tmp_path: Path) -> None:
    deep = tmp_path / "copy" / "/".join(["d" * 250] * 3)
    deep.mkdir(parents=True)
    for number in range(2000):
        (deep / f"{number:0250}").touch()
    way = OwnProgram()
    tree = RemoteTree(way, "hastwatch", str(tmp_path / "copy"))
    items = list(tree.walk())
    assert len(items) == 2004 and len(way.asked) > 1
    assert way.longest < PAGE_BYTES + 4096
    assert all(list(tree.digests(items[4:])))
    assert max(sum(map(len, argv)) for argv in way.asked) < 40_000


@pytest.mark.slow
def test_the_other_node_is_asked_by_its_own_program(tmp_path: Path) -> None:
    (tmp_path / "copy").mkdir()
    (tmp_path / "copy" / "a").write_bytes(b"one")
    program = tmp_path / "hastwatch"
    program.write_text(f'#!/bin/sh\nshift\ncd {ROOT} && exec {sys.executable} -m remediate.subcommands.tree "$@"\n')
    program.chmod(0o755)
    tree = RemoteTree(Transport((), Memory(None)), str(program), str(tmp_path / "copy"))
    assert [item.path for item in tree.walk()] == [b"", b"a"]
    missing = RemoteTree(Transport((), Memory(None)), str(program), str(tmp_path / "nowhere"))
    with pytest.raises(StepFailed, match="nowhere cannot be read: No such file"):
        list(missing.walk())


def test_a_list_that_was_cut_off_is_not_taken_for_all() -> None:
    endings: list[list[object]] = [[], ["more"], ["end", "0"], ["else", 0], [1, 2, 3]]
    for wrong in endings:
        with pytest.raises(StepFailed, match="cut off"):
            read_ending(wrong)
    rows: list[list[object]] = [[], ["QQ==", "-", FILE], ["QQ==", "-", "door", *[0] * 8], ["%", "-", FILE, *[0] * 8]]
    for values in rows:
        with pytest.raises(StepFailed):
            read_row(values)
    with pytest.raises(StepFailed, match="base64"):
        decoded("%%%")


@pytest.mark.parametrize("path", [b"/etc/passwd", b"../a", b"a/../b", b"a//b", b"./a", b"a\0"])
def test_a_path_that_leads_out_is_refused(path: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from base64 import b64encode

    with pytest.raises(SystemExit) as ended:
        subcommand.main(["sha256", str(tmp_path), b64encode(path).decode()])
    assert ended.value.code == 2
    assert "leads out" in capsys.readouterr().err


def test_links_are_items_and_never_ways(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_text("x")
    root = tmp_path / "copy"
    root.mkdir()
    (root / "link").symlink_to(outside)
    tree = DirectoryTree(str(root))
    assert [(item.path, item.kind) for item in tree.walk()] == [(b"", DIRECTORY), (b"link", SYMLINK)]
    for path in (b"link/secret", b"link"):
        with pytest.raises(FileNotFoundError):
            list(tree.chunks(path))
    (tmp_path / "also").symlink_to(root)
    with pytest.raises(StepFailed):
        list(DirectoryTree(str(tmp_path / "also")).walk())


def test_another_file_system_below_is_shown_and_not_entered() -> None:
    assert os.stat("/proc").st_dev != os.stat("/").st_dev
    first, second = (item.path for item in islice(DirectoryTree("/").after(b"prob"), 2))
    assert first == b"proc" and not second.startswith(b"proc/")


def test_a_pipe_and_a_directory_are_no_files_and_nothing_hangs(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "dir").mkdir()
    tree = DirectoryTree(str(tmp_path))
    assert [item.kind for item in tree.walk()] == [DIRECTORY, DIRECTORY, OTHER]
    for path in (b"pipe", b"dir", b"nothing", b"dir/nothing", b"pipe/x"):
        with pytest.raises(FileNotFoundError):
            list(tree.chunks(path))
    assert list(remote(tmp_path).digests(list(tree.walk())[1:])) == ["", ""]


def test_what_vanishes_while_it_is_walked_is_counted_and_left_out(tmp_path: Path) -> None:
    for name in "abcd":
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").touch()
    tree = DirectoryTree(str(tmp_path))
    lines = []
    for item in tree.walk():
        lines.append(item.path)
        if item.path == b"a":
            (tmp_path / "b" / "file").unlink()
            (tmp_path / "b").rmdir()
        if item.path == b"c":
            (tmp_path / "c" / "file").unlink()
            (tmp_path / "c").rmdir()
    assert lines == [b"", b"a", b"a/file", b"c", b"d", b"d/file"]
    assert tree.vanished == 2


def test_a_walk_that_is_given_up_leaves_nothing_open(tmp_path: Path) -> None:
    (tmp_path / "a" / "b" / "c").mkdir(parents=True)
    before = len(os.listdir("/proc/self/fd"))
    walk = DirectoryTree(str(tmp_path)).walk()
    for _ in range(3):
        next(walk)
    del walk
    assert len(os.listdir("/proc/self/fd")) == before


def test_the_command_says_in_one_line_what_it_cannot_read(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "remediate.subcommands.tree", "list", str(tmp_path / "no\nwhere")],
        capture_output=True, text=True, cwd=ROOT, check=False,
    )  # fmt: skip
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.count("\n") == 1 and "No such file or directory" in done.stderr
