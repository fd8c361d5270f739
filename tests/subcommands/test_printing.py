"""A standard output that takes no more: one line or none, exit status 74 (3 for a check), never a traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from remediate.command import SUBCOMMANDS

FULL = "/dev/full"
BIN = Path(sys.executable).parent
CHECKS = ("check_hast", "check_hast_splitbrain", "check_carp", "check_carp_hast", "check_devd", "check_nfs_export",
          "check_hast_mount")  # fmt: skip
SAID = "hastwatch: standard output: No space left on device\n"

pytestmark = pytest.mark.skipif(not os.path.exists(FULL), reason="needs /dev/full, a device that is always full")


@contextmanager
def nobody_reads() -> Iterator[int]:
    """The end of a pipe whose reader has gone, as head(1) does."""
    ours, theirs = os.pipe()
    os.close(ours)
    try:
        yield theirs
    finally:
        os.close(theirs)


def ended(output: int, *words: str) -> tuple[int, str]:
    """Exit status and standard error of a command that prints there."""
    done = subprocess.run([str(BIN / words[0]), *words[1:]], stdout=output, stderr=subprocess.PIPE, text=True)
    return done.returncode, done.stderr


@contextmanager
def full_device() -> Iterator[int]:
    with open(FULL, "w") as full:
        yield full.fileno()


@pytest.mark.parametrize("name", SUBCOMMANDS)
def test_the_help_of_every_subcommand_meets_a_full_device_with_one_line(name: str) -> None:
    with full_device() as full:
        assert ended(full, "hastwatch", name, "--help") == (74, SAID)


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["status"], ["status", "--json"], ["journal"], ["ledger"],
                                   ["contrib", "sudoers"], ["maintenance", "status"]])  # fmt: skip
def test_what_is_shown_meets_a_full_device_with_one_line_and_a_closed_pipe_with_none(
    words: list[str], tmp_path: Path
) -> None:
    more = ["--state-dir", str(tmp_path)] if words[0] in ("status", "journal", "ledger", "maintenance") else []
    with full_device() as full:
        assert ended(full, "hastwatch", *words, *more) == (74, SAID)
    with nobody_reads() as closed:
        assert ended(closed, "hastwatch", *words, *more) == (74, "")


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("words", [[], ["--help"], ["--version"]])
def test_a_check_on_a_full_device_is_unknown_without_a_traceback(check: str, words: list[str], tmp_path: Path) -> None:
    more = [] if words else ["--via", "/nonexistent/ssh", "--state-dir", str(tmp_path)]
    with full_device() as full:
        assert ended(full, check, *words, *more) == (3, "")


@pytest.mark.parametrize("words", [["--help"], ["--list"]])
def test_the_gate_on_a_full_device_says_nothing_and_fails(words: list[str]) -> None:
    with full_device() as full:
        assert ended(full, "hastwatch-ask", *words) == (74, "")
