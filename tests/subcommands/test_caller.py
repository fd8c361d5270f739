"""How a subcommand that acts is called: nothing that its caller does ends it half way, and a fault of ours is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from remediate.state.journal_reading import read
from tests.state import child

CALLED = """
import argparse, os, signal, sys
from remediate.subcommands import caller
def act(context):
    ACT
os.chdir(sys.argv[1])
options = argparse.Namespace(config=None, via=None, peer=None, state_dir=sys.argv[1])
print(caller.run("hastwatch test", options, act))
"""
UNWATCHED = """
import os
from remediate.subcommands.progress import StepPrinter
from remediate import local
ours, theirs = os.pipe()
os.dup2(theirs, 2)
os.close(ours)
progress = StepPrinter(local.context(local.LocalOptions()), verbose=True)
progress("unmount home")
progress("become-secondary home")
print("goes on")
"""


def called(directory: Path, act: str) -> tuple[str, str]:
    """What is printed by a subcommand of this body that is called in a directory."""
    with child.start(CALLED.replace("ACT", act), directory) as process:
        return process.communicate(timeout=60)


@pytest.mark.slow
def test_a_terminal_that_goes_away_ends_nothing(tmp_path: Path) -> None:
    assert called(tmp_path, "os.kill(os.getpid(), signal.SIGHUP); return 0") == ("0\n", "")


@pytest.mark.slow
def test_what_is_started_does_not_inherit_that(tmp_path: Path) -> None:
    act = "os.execv('/bin/sh', ['sh', '-c', 'kill -HUP $$; echo survived'])"
    assert called(tmp_path, act) == ("", "")


@pytest.mark.slow
def test_the_directory_of_the_caller_is_not_kept_busy(tmp_path: Path) -> None:
    assert called(tmp_path, "print(os.getcwd()); return 0") == ("/\n0\n", "")


@pytest.mark.slow
def test_progress_that_nobody_sees_any_more_stops_nothing() -> None:
    assert child.run(UNWATCHED) == "goes on\n"


@pytest.mark.slow
def test_a_fault_of_ours_is_one_line_and_in_the_journal(tmp_path: Path) -> None:
    out, err = called(tmp_path, "raise RuntimeError('no such luck')")
    assert out == "70\n"
    assert err.count("\n") == 1
    assert err.startswith("hastwatch test: internal error: RuntimeError: no such luck (at ")
    (entry,) = read(str(tmp_path / "journal.jsonl"))
    assert (entry.event, entry.why) == ("command", "hastwatch test")
    assert entry.result.startswith("internal error: RuntimeError: no such luck (at ")
