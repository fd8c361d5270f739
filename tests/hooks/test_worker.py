"""What a worker is and how it ends: nothing of its parent's, nothing unsaid, nothing lost to one that runs already."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from checks.probes.errors import Hangs
from remediate import detached, exits, worker
from remediate.config import RemediationConfig
from remediate.context import Context
from remediate.failover.converge import ConvergeOutcome, ConvergeResult
from remediate.failover.devd_events import InvalidEvent
from remediate.failover.errors import StepFailed
from remediate.rehearsal.context import context_of
from remediate.rehearsal.own_pair import healthy_pair, layout_of
from remediate.state import events
from remediate.state.journal_reading import read
from remediate.state.lock import Lock
from remediate.state.store import StateNotKept
from remediate.worker import WorkerHook
from simulator.pair import Pair
from tests.state import child
from tests.waiting import awaited


@pytest.fixture(scope="module")
def pair() -> Pair:
    return healthy_pair(layout_of(RemediationConfig(), 1), hooked=False)


@pytest.fixture
def context(pair: Pair, tmp_path: Path) -> Context:
    return context_of(pair.nodes["nfs001"], tmp_path, RemediationConfig())


def said(context: Context) -> list[str]:
    """The journal, a sentence an entry."""
    return [entry.sentence() for entry in read(context.journal.path)]


def test_a_detached_worker_has_nothing_of_its_parents(tmp_path: Path) -> None:
    program = """
import json, os, sys, threading
from remediate import detached
from remediate.local import LocalOptions, context

class Made:
    def __call__(self, context):
        here = {"session": os.getsid(0), "group": os.getpgrp(), "pid": os.getpid(), "cwd": os.getcwd()}
        here["umask"] = os.umask(0)
        here["open"] = {number: os.readlink(f"/dev/fd/{number}") for number in os.listdir("/dev/fd")
                        if os.path.lexists(f"/dev/fd/{number}")}
        with open(sys.argv[1] + ".new", "w") as file:
            json.dump(here, file)
        os.rename(sys.argv[1] + ".new", sys.argv[1])

os.umask(0o077)
kept = open(sys.argv[1] + ".kept", "w")
os.set_inheritable(kept.fileno(), True)
os.dup2(kept.fileno(), 99)
detached.detach(context(LocalOptions(state_dir=sys.argv[1] + ".d")), "a test", Made())
print(os.getsid(0))
"""
    path = tmp_path / "facts"
    session = child.run(program, path)
    assert awaited(path.exists)
    facts = json.loads(path.read_text())
    assert facts["cwd"] == "/"
    assert facts["umask"] == 0o022
    assert facts["session"] not in (int(session), facts["pid"])  # its session leader is gone: it gets no terminal
    assert {facts["open"].pop(number) for number in ("0", "1", "2")} == {"/dev/null"}
    assert all("/fd" in where for where in facts["open"].values())  # that of the listing itself


@pytest.mark.parametrize(
    ("error", "status", "result"),
    [
        (InvalidEvent("hast.conf has no resource x"), exits.USAGE, "hast.conf has no resource x"),
        (
            StateNotKept("No space left on device", "/x"),
            exits.CANNOT_KEEP,
            "nothing is done: cannot keep /x: No space",
        ),
        (Hangs("`ifconfig` hangs"), exits.CANNOT_KEEP, "nothing is done: `ifconfig` hangs"),
        (StepFailed("sysctl exits with 1"), exits.CANNOT_KEEP, "nothing is done: sysctl exits with 1"),
        (
            ZeroDivisionError("a\nb"),
            exits.INTERNAL,
            r"internal error: ZeroDivisionError: a\x0ab (at test_worker.py:",
        ),
        (SystemExit(0), exits.INTERNAL, "internal error: SystemExit: 0 (at "),
    ],
)
def test_whatever_ends_a_worker_is_one_entry_and_one_line(
    context: Context, pair: Pair, error: BaseException, status: int, result: str
) -> None:
    def fails() -> None:
        raise error

    before = pair.nodes["nfs001"].files.read("/var/log/messages")
    assert detached.work(context, "a test", fails) == status
    added = pair.nodes["nfs001"].files.read("/var/log/messages").removeprefix(before)
    assert added.count("\n") == 1
    assert f"worker: a test - {result}" in added
    assert [entry.event for entry in read(context.journal.path)] == ["worker"]


def test_a_worker_that_ends_well_says_nothing_of_its_own(context: Context) -> None:
    assert detached.work(context, "a test", lambda: None) == 0
    assert said(context) == []


def test_a_fault_of_the_hook_itself_is_70_and_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def fails(context: Context, words: list[str]) -> int:
        raise KeyError(words[0])

    status = worker.run(WorkerHook("a-hook", "WORD", fails), ["--state-dir", str(tmp_path / "state"), "word"])
    assert status == exits.INTERNAL
    assert capsys.readouterr().err.startswith("a-hook: internal error: KeyError: 'word' (at test_worker.py:")
    (entry,) = read(str(tmp_path / "state" / "journal.jsonl"))
    assert (entry.event, entry.severity.name) == ("hook", "CRIT")


def test_an_event_that_was_noted_is_content_with_the_convergence_that_runs(pair: Pair, context: Context) -> None:
    noted = worker.note_carp(context, ["2@vtnet1", "MASTER"])
    assert (noted.trigger, noted.status, events.read(context.store).seq) == ("devd 2@vtnet1 MASTER", 0, 1)
    with Lock(context.store, "converge", "another", context.timing):
        began = pair.clock.now
        assert as_task(pair, lambda: noted.converge(context)).result is ConvergeResult.BUSY
        assert pair.clock.now == pytest.approx(began)


def test_what_a_running_convergence_does_not_hear_of_is_done_after_it(pair: Pair, context: Context) -> None:
    lock = Lock(context.store, "converge", "another", context.timing)
    assert lock.acquire(0)
    pair.clock.after(5.0, lock.release)
    noted = worker.NotedTrigger("devd 2@vtnet1 MASTER", exits.CANNOT_KEEP)
    began = pair.clock.now
    outcome = as_task(pair, lambda: noted.converge(context))
    assert outcome.result is ConvergeResult.IN_PLACE
    assert pair.clock.now >= began + 5


def test_a_convergence_that_does_not_end_is_not_waited_for_for_ever(pair: Pair, context: Context) -> None:
    busy = ConvergeOutcome(ConvergeResult.BUSY, 0, ("process 7 does it already",))
    assert as_task(pair, lambda: worker.patiently(context, "hastd split-brain home", lambda: busy)) is busy
    assert said(context) == ["worker: hastd split-brain home - not taken up: process 7 does it already"]


def test_no_process_to_be_had_is_71(tmp_path: Path) -> None:
    program = """
import contextlib, json, os, resource, sys, syslog, tomllib
from remediate import detached, exits, worker
os.setuid(65534)
resource.setrlimit(resource.RLIMIT_NPROC, (1, 1))
def act(context, words):
    detached.detach(context, "a test", lambda context: None)
    return 0
print(worker.run(worker.WorkerHook("a-hook", "WORD", act), ["--state-dir", sys.argv[1], "word"]))
"""
    if os.geteuid() != 0:
        program = program.replace("os.setuid(65534)\n", "")
    with child.ordinary_directory(0o755) as directory, child.start(program, directory) as process:
        out, err = process.communicate(timeout=60)
        assert (out, err) == ("71\n", "a-hook: no process could be started: Resource temporarily unavailable\n")
        assert [entry.result for entry in read(str(directory / "journal.jsonl"))] == [err.strip().partition(": ")[2]]


def as_task(pair: Pair, call: Callable[[], ConvergeOutcome]) -> ConvergeOutcome:
    """Run to its end as a task of the pair."""
    task = pair.clock.run_task(call)
    pair.clock.wait(task)
    assert task.value is not None, task.error
    return task.value
