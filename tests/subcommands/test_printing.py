"""A standard output that takes no more: one line or none, exit status 74 (3 for a check), never a traceback."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from checks.registry import REGISTRY
from remediate.recovery.salvage import salvage
from remediate.state import ledger
from remediate.state.clients import KnownClient, as_values
from remediate.state.journal import INFO, JournalEntry
from remediate.state.store import Store
from remediate.subcommands.registry import SUBCOMMANDS
from tests.recovery.copies import UNKNOWN, local_context, make

FULL = "/dev/full"
BIN = Path(sys.executable).parent
CHECKS = [each.name for each in REGISTRY]
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


@pytest.mark.slow
@pytest.mark.parametrize("name", SUBCOMMANDS)
def test_the_help_of_every_subcommand_meets_a_full_device_with_one_line(name: str) -> None:
    with full_device() as full:
        assert ended(full, "hastwatch", name, "--help") == (74, SAID)


@pytest.mark.slow
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


@pytest.mark.parametrize("option", ["--table", "--help", "--version"])
def test_what_the_event_handler_shows_meets_them_likewise(option: str) -> None:
    with full_device() as full:
        assert ended(full, "hastwatch-event-handler", option) == (74, SAID)
    with nobody_reads() as closed:
        assert ended(closed, "hastwatch-event-handler", option) == (74, "")


def cut_off(*words: str) -> tuple[int, str]:
    """Exit status and standard error of a command whose reader has gone after the first byte, with most of it still to
    be written: a pipe of one page. (Unbuffered, Python itself drops what a write(2) that was cut short has left.)"""
    ours, theirs = os.pipe()
    fcntl.fcntl(theirs, fcntl.F_SETPIPE_SZ, 4096)
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    with subprocess.Popen(
        [str(BIN / "hastwatch"), *words], stdout=theirs, stderr=subprocess.PIPE, text=True, env=buffered
    ) as command:
        os.close(theirs)
        assert os.read(ours, 1)
        os.close(ours)
        _, output = command.communicate(timeout=60)
    return command.returncode, output


def kept_much(directory: Path) -> dict[str, list[str]]:
    """A state directory and a salvage of which there is more to print than a pipe takes; how each is shown."""
    directory.chmod(0o700)
    store = Store(str(directory))
    entry = JournalEntry(
        1.8e9, "boot", "nfs001", 1, "run", "step", "home", "mount", "as CARP says", (), "done", 0.1, INFO
    )
    (directory / "journal.jsonl").write_text(f"{entry.line()}\n" * 300)
    clients = tuple(KnownClient("10.0.0.1", f"10.0.1.{number}", (700,), time.time()) for number in range(1, 250))
    store.update("clients.json", lambda _: as_values(clients), instead=lambda _: {})
    for number in range(60):
        ledger.record(store, f"resource{number}", ledger.LedgerEvent.TOLD_INCOMPLETE, 1_795_000_000.0, "nfs002" * 10)
    losing = make(directory / "losing", {b"name%d" % number + b"x" * 60: b"" for number in range(250)})
    winner, kept = make(directory / "winner", {}), directory / "kept"
    kept.mkdir()
    salvage(local_context(directory), "home", losing, winner, UNKNOWN, str(kept), "i1")
    state = ["--state-dir", str(directory)]
    return {
        "journal": ["journal", "-n", "0", *state],
        "journal as it goes on": ["journal", "-n", "0", "--follow", *state],
        "ledger": ["ledger", *state],
        "clients": ["clients", *state],
        "restore": ["restore", str(kept / "home-i1")],
        "status, again and again": ["status", "--watch", "0.1", *state],
    }


SHOWN = ("journal", "journal as it goes on", "ledger", "clients", "restore", "status, again and again")


@pytest.mark.slow
@pytest.mark.parametrize("what", SHOWN)
def test_what_is_long_ends_without_a_word_where_its_reader_has_seen_enough(what: str, tmp_path: Path) -> None:
    assert cut_off(*kept_much(tmp_path)[what]) == (74, "")


@pytest.mark.slow
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
