"""What an operator is shown of the files that differ between two copies."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from remediate.recovery.differing_files import MOST, MOST_WINNER, DifferingFiles, compared
from remediate.recovery.items import Item
from remediate.recovery.trees import DirectoryTree
from remediate.timing import Timing
from tests.recovery.copies import UNKNOWN, Content, make


def files_of(directory: Path, losing: Mapping[bytes, Content], winner: Mapping[bytes, Content]) -> DifferingFiles:
    """The last path of each copy is its newest."""
    for name, files in (("losing", losing), ("winner", winner)):
        make(directory / name, files)
        for age, path in enumerate(reversed(list(files))):
            os.utime(os.fsencode(directory / name) + b"/" + path, (1e9 - age, 1e9 - age))
    trees = DirectoryTree(str(directory / "losing")), DirectoryTree(str(directory / "winner"))
    return compared(*trees, UNKNOWN, Timing())


def clock(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))


def test_each_side_has_its_list_the_newest_first(tmp_path: Path) -> None:
    files = files_of(
        tmp_path,
        {b"old": b"1", b"same": b"x", b"both": b"12", b"d": None, b"z\n\xff": b"new"},
        {b"same": b"x", b"there": b"1", b"both": b"123"},
    )
    assert files.lines("n1", "n2") == [
        "n1 has 4 files that n2 lacks (3) or has otherwise (1), the newest first:",
        f"  {clock(1e9)}  both: 2 B on n1, 3 B on n2, newer on n2 (of another size on the other copy)",
        rf"  {clock(1e9)}  z\x0a\xff: 3 B, only on n1",
        f"  {clock(1e9 - 1)}  d: dir, only on n1",
        f"  {clock(1e9 - 4)}  old: 1 B, only on n1",
        "n2 has 1 file that n1 lacks, the newest first:",
        f"  {clock(1e9 - 1)}  there: 1 B",
    ]
    values = files.as_values()
    assert (values["only_losing"], values["only_winner"], values["on_both"]) == (3, 1, 1)


def test_only_so_many_are_named_and_the_rest_is_counted(tmp_path: Path) -> None:
    mine = {b"m%03d" % number: b"x" for number in range(MOST + 3)}
    theirs = {b"t%03d" % number: b"x" for number in range(MOST_WINNER + 2)}
    lines = files_of(tmp_path, mine, theirs).lines("n1", "n2")
    assert lines[1].endswith(f"m{MOST + 2:03d}: 1 B, only on n1")
    assert lines[MOST + 1 : MOST + 3] == [
        "  and 3 more", f"n2 has {MOST_WINNER + 2} files that n1 lacks, the newest first:",
    ]  # fmt: skip
    assert (len(lines), lines[-1]) == (MOST + MOST_WINNER + 4, "  and 2 more")


def test_two_equal_copies_are_told_as_such(tmp_path: Path) -> None:
    files = files_of(tmp_path, {b"a": b"1"}, {b"a": b"1"})
    assert files.lines("n1", "n2") == ["n1 has 0 files that n2 lacks (0) or has otherwise (0)"]


class SlowTree(DirectoryTree):
    """Each name takes a second."""

    def __init__(self, root: str, timing: SteppedTiming) -> None:
        super().__init__(root)
        self._steps = timing

    def walk(self) -> Iterator[Item]:
        for item in super().walk():
            self._steps.at += 1.0
            yield item


class SteppedTiming(Timing):
    """A clock that only what is simulated moves."""

    at = 0.0

    def now(self) -> float:
        return self.at


def test_a_comparison_that_takes_too_long_ends_and_says_so(tmp_path: Path) -> None:
    timing = SteppedTiming()
    make(tmp_path / "losing", {b"f%03d" % number: b"x" for number in range(900)})
    make(tmp_path / "winner", {b"z": b"x"})
    losing = SlowTree(str(tmp_path / "losing"), timing)
    files = compared(losing, DirectoryTree(str(tmp_path / "winner")), UNKNOWN, timing, 500)
    assert (files.only_losing, files.only_winner) == (399, 0), "what was not reached is on neither list"
    assert files.lines("n1", "n2")[-1] == (
        "There may be more: the comparison was ended after 500 s; `recover` compares everything"
    )
