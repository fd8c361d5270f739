"""Results at once on an event: the hooks' workers start a push, which can neither delay nor fail them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hooks.hook_runner import HookRunner, hook_runner_in
from tests.monitoring.submitter import Submitter
from tests.state.child import ROOT
from tests.waiting import awaited


@pytest.fixture
def place(tmp_path: Path) -> Submitter:
    (tmp_path / "monitoring").mkdir()
    return Submitter(tmp_path / "monitoring")


@pytest.fixture
def hooks(tmp_path: Path) -> Iterator[HookRunner]:
    with hook_runner_in(tmp_path) as runner:
        yield runner


@pytest.fixture
def nagios(place: Submitter) -> Iterator[int]:
    """The reading end of Nagios's command file, and pushes configured to go there."""
    pipe = place.directory / "nagios.cmd"
    os.mkfifo(pipe)
    place.configure("nagios-pipe", f'[nagios]\npipe = "{pipe}"\nhost = "nfs001"', f'on_event = ["{place.plugin}"]')
    descriptor = os.open(pipe, os.O_RDWR | os.O_NONBLOCK)
    yield descriptor
    os.close(descriptor)


def lines(nagios: int) -> list[str]:
    try:
        return os.read(nagios, 1 << 16).decode().splitlines()
    except BlockingIOError:
        return []


def heard(nagios: int, number: int) -> list[str]:
    """So many lines, waited for; fewer where no more come."""
    found: list[str] = []

    def enough() -> bool:
        found.extend(lines(nagios))
        return len(found) >= number

    awaited(enough)
    return found


def call(hooks: HookRunner, place: Submitter, hook: str = "carp_hast_switch") -> subprocess.CompletedProcess[str]:
    words = {"carp_hast_switch": ["2@em0", "MASTER"], "hast_event": ["syncdone", "home"]}[hook]
    return hooks.hook(hook, "--config", str(place.config), *words)


@pytest.mark.slow
@pytest.mark.parametrize("hook", ["carp_hast_switch", "hast_event"])
def test_an_event_is_told_and_told_again_at_its_end(
    hooks: HookRunner, place: Submitter, nagios: int, hook: str
) -> None:
    ran = place.directory / "ran"
    place.plugin.write_text(f"#!/bin/sh\necho x >> {ran}\necho THING OK\n")
    assert call(hooks, place, hook).returncode == 0
    assert awaited(lambda: ran.exists() and ran.read_text() == "x\nx\n")
    lines = [line.partition(" ")[2] for line in heard(nagios, 2)]
    assert lines == ["PROCESS_SERVICE_CHECK_RESULT;nfs001;check_thing;0;THING OK"] * 2
    assert [entry.event for entry in hooks.journal()] == [
        {"carp_hast_switch": "refused", "hast_event": "worker"}[hook]
    ]  # that of the convergence itself: this node cannot be looked at


@pytest.mark.slow
def test_the_first_push_does_not_wait_for_the_convergence(hooks: HookRunner, place: Submitter, nagios: int) -> None:
    os.mkfifo(hooks.directory / "hold")
    assert call(hooks, place).returncode == 0
    assert len(heard(nagios, 1)) == 1
    assert hooks.journal() == []
    with open(hooks.directory / "hold", "w") as hold:
        (hooks.directory / "hold").rename(hooks.directory / "held")
        hold.write("go on\n")
    assert len(heard(nagios, 1)) == 1


@pytest.mark.slow
def test_a_check_that_hangs_keeps_neither_hook_nor_convergence(
    hooks: HookRunner, place: Submitter, nagios: int
) -> None:
    os.mkfifo(place.directory / "never")
    place.plugin.write_text(f"#!/bin/sh\nread word < {place.directory}/never\necho THING OK\n")
    assert call(hooks, place).returncode == 0
    assert awaited(lambda: [entry.event for entry in hooks.journal()] == ["refused"])
    assert lines(nagios) == []
    for _ in range(2):
        with open(place.directory / "never", "w") as never:
            never.write("go on\n")
        assert len(heard(nagios, 1)) == 1


@pytest.mark.slow
def test_a_push_that_fails_is_one_entry_of_the_journal_each_time(hooks: HookRunner, place: Submitter) -> None:
    place.configure("nagios-pipe", '[nagios]\npipe = "/nowhere/nagios.cmd"', f'on_event = ["{place.plugin}"]')
    assert call(hooks, place).returncode == 0
    assert awaited(lambda: len(hooks.journal()) == 3)
    entries = [entry for entry in hooks.journal() if entry.event == "push"]
    assert {entry.why for entry in entries} == {"devd 2@em0 MASTER", "the end of devd 2@em0 MASTER"}
    assert all("/nowhere/nagios.cmd: No such file or directory" in entry.result for entry in entries)
    assert len(place.waiting("nagios-pipe")) == 2


@pytest.mark.slow
def test_a_push_that_is_not_configured_to_its_end_is_an_entry_too(hooks: HookRunner, place: Submitter) -> None:
    place.configure("icinga", "", f'on_event = ["{place.plugin}"]')
    assert call(hooks, place).returncode == 0
    assert awaited(lambda: len(hooks.journal()) == 3)
    results = {entry.result for entry in hooks.journal() if entry.event == "push"}
    assert results == {"`icinga.url` and `icinga.credentials` are needed in the configuration"}


@pytest.mark.slow
def test_without_on_event_nothing_is_pushed(hooks: HookRunner, place: Submitter, nagios: int) -> None:
    place.configure("nagios-pipe", f'[nagios]\npipe = "{place.directory}/nagios.cmd"')
    assert call(hooks, place).returncode == 0
    assert awaited(lambda: len(hooks.journal()) == 1)
    assert (lines(nagios), place.root.exists()) == ([], False)


@pytest.mark.slow
def test_one_push_runs_one_waits_and_more_have_nothing_to_add(place: Submitter, nagios: int) -> None:
    os.mkfifo(place.directory / "go")
    ran = place.directory / "ran"
    place.plugin.write_text(f"#!/bin/sh\necho x >> {ran}\nread word < {place.directory}/go\necho THING OK\n")
    command = place.command("--push", "--state-dir", str(place.directory / "state"), check=False)
    first = subprocess.Popen(command, cwd=ROOT)
    assert awaited(ran.exists)
    second = subprocess.Popen(command, cwd=ROOT)
    waits = place.root / "nagios-pipe" / ".push-waits.lock"
    assert awaited(lambda: waits.exists() and f'"pid": {second.pid},' in waits.read_text())
    assert [subprocess.run(command, cwd=ROOT, timeout=60).returncode for _ in range(2)] == [0, 0]
    assert ran.read_text() == "x\n"
    for process in (first, second):
        with open(place.directory / "go", "w") as go:
            go.write("go on\n")
        assert process.wait(60) == 0
    assert ran.read_text() == "x\nx\n"
    assert len(lines(nagios)) == 2


@pytest.mark.slow
def test_a_worker_imports_nothing_of_it_before_it_is_configured() -> None:
    program = (
        "import sys, remediate.worker, remediate.failover.hastd_events, remediate.failover.converge\n"
        "print([name for name in sys.modules if name.startswith('remediate.monitoring') or name == 'requests'])"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_starting_a_push_needs_no_requests() -> None:
    program = "import sys, remediate.monitoring.push; print([n for n in ('requests', 'ssl') if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
