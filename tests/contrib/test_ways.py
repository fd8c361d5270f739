"""From the call of the event handler on one host to the repaired node: real NRPE, and real ssh and sshd, with sudo and
doas, as what is generated for them says; the node is one of a pair that runs by itself."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from remediate.contrib.placement import Placement
from remediate.state.journal_reading import read
from remediate.subcommands.contrib import text
from tests.contrib.private_machine import LIMIT, USER, Machine, why_not
from tests.engines import nrpe
from tests.engines.node_programs import install
from tests.engines.nrpe import NrpeDaemon, own_address
from tests.state.child import ROOT
from tests.subcommands.running_pair import RunningPair, running
from tests.waiting import awaited

pytestmark = pytest.mark.slow

FOUND = ("--check", "check_devd", "--state", "CRITICAL", "--type", "SOFT", "--attempt", "2", "--output",
         "DEVD CRITICAL - nfs001: devd is not running [devd-not-running]")  # fmt: skip
WELL, IN_DOWNTIME = ("--downtime", "0"), ("--downtime", "1")
ASKED = "the repair `devd` is asked for, because devd calls no hook: a failover is missed\n"


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[RunningPair]:
    """The devd of nfs001 was killed."""
    with running(tmp_path / "d", "--automatic", "--no-cron") as pair:
        assert pair.command("fault", "kill", "nfs001", "devd").returncode == 0
        yield pair


def repairs(pair: RunningPair) -> list[str]:
    """What the journal of nfs001 has of repairs."""
    path = pair.state("nfs001") / "journal.jsonl"
    entries = list(read(str(path))) if path.exists() else []
    return [entry.result for entry in entries if entry.event in ("repair", "held-back")]


def assert_repaired(pair: RunningPair) -> None:
    assert awaited(lambda: repairs(pair) == ["begins", "helped"]), repairs(pair)
    assert "/sbin/devd" in pair.on("nfs001", "ps -axww -o pid,ppid,command")


# --- NRPE ----------------------------------------------------------------------------------------------------


def by_nrpe(address: str, *words: str) -> subprocess.CompletedProcess[str]:
    """The event handler, on the monitoring host."""
    command = [sys.executable, "-m", "remediate.events.handler", *FOUND, *words, "--nrpe", address]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=LIMIT, check=False)


@pytest.fixture
def address(pair: RunningPair, tmp_path: Path) -> Iterator[str]:
    """Where the NRPE of nfs001 answers."""
    if reason := nrpe.why_not():
        pytest.skip(reason)
    placement = Placement(str(install(pair, "nfs001", tmp_path / "programs")))
    address = own_address(4)
    with NrpeDaemon(tmp_path / "nrpe", address, text("nrpe", placement), text("sudoers", placement)):
        yield address


def test_through_nrpe_devd_is_started(pair: RunningPair, address: str) -> None:
    done = by_nrpe(address, *WELL)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith(ASKED)
    assert_repaired(pair)


def test_through_nrpe_a_downtime_is_told(pair: RunningPair, address: str) -> None:
    done = by_nrpe(address, *IN_DOWNTIME)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith(": held back: the monitoring engine has a downtime\n")
    assert repairs(pair) == ["the monitoring engine has a downtime"]


def test_an_nrpe_that_does_not_answer_was_not_reached() -> None:
    if reason := nrpe.why_not():
        pytest.skip(reason)
    done = by_nrpe(own_address(5), *WELL)
    assert (done.returncode, done.stderr) == (69, "")
    assert "the repair `devd` could not be asked for" in done.stdout and "Connection refused" in done.stdout


# --- ssh -----------------------------------------------------------------------------------------------------


class Place(NamedTuple):
    """The machine that is the node, and the pair that plays it."""

    machine: Machine
    pair: RunningPair

    def by_ssh(self, port: int, *words: str) -> subprocess.CompletedProcess[str]:
        """The event handler, on the monitoring host."""
        way = ("--ssh", f"ssh://{USER}@127.0.0.1:{port}", "--hastwatch", self.machine.placement.command("hastwatch"))
        return self.machine.handle(*FOUND, *words, *way)


@pytest.fixture(params=["sudo -n", "doas -n"])
def place(request: pytest.FixtureRequest, pair: RunningPair, tmp_path: Path) -> Iterator[Place]:
    if reason := why_not(request.param.partition(" ")[0], "sshd", "ssh", "ssh-keygen"):
        pytest.skip(reason)
    with tempfile.TemporaryDirectory(prefix="hastwatch-") as directory:
        Path(directory).chmod(0o755)
        machine = Machine(Path(directory), request.param)
        hastwatch = install(pair, "nfs001", tmp_path / "programs") / "hastwatch"
        machine.write("bin/hastwatch", f'#!/bin/sh\nexec {hastwatch} "$@"\n', 0o755)
        yield Place(machine, pair)


def test_through_ssh_devd_is_started_and_nobody_waits_for_it(place: Place) -> None:
    with place.machine.reachable() as way:
        done = place.by_ssh(way.port, *WELL)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith(ASKED)
    assert_repaired(place.pair)  # although sshd has ended


def test_through_ssh_a_downtime_is_told(place: Place) -> None:
    with place.machine.reachable() as way:
        done = place.by_ssh(way.port, *IN_DOWNTIME)
    assert (done.returncode, done.stderr) == (0, "")
    assert repairs(place.pair) == ["the monitoring engine has a downtime"]


def test_an_sshd_that_does_not_answer_was_not_reached(place: Place) -> None:
    with place.machine.reachable() as way:
        port = way.port
    done = place.by_ssh(port, *WELL)
    assert (done.returncode, done.stderr) == (69, "")
    assert "the repair `devd` could not be asked for" in done.stdout and "Connection refused" in done.stdout
    assert repairs(place.pair) == []


def test_a_detached_repair_outlives_all_that_its_caller_may_kill(place: Place) -> None:
    """NRPE kills the process group of a command that takes too long; sudo and sshd hand on a signal to theirs."""
    words = [*place.machine.placement.by.split(), place.machine.placement.command("hastwatch"), "repair", "devd"]
    called = place.machine.inside(*place.machine.as_user(*words, "--detach"))
    with subprocess.Popen(called, start_new_session=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as asked:
        assert asked.wait(LIMIT) == 0
        with pytest.raises(ProcessLookupError):
            os.killpg(asked.pid, 9)
    assert_repaired(place.pair)
