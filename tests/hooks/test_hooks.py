"""The two hooks as processes: what they note, what they refuse, what they leave to a worker."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from checks import VERSION
from remediate.state import events
from remediate.state.store import Store
from tests.hooks.hook_runner import HookRunner, hook_runner_in
from tests.state.child import ROOT
from tests.waiting import awaited

HOOKS = ("carp_hast_switch", "hast_event")
NAMES = {"carp_hast_switch": "carp-hast-switch", "hast_event": "hastwatch-hast-event"}


@pytest.fixture
def place(tmp_path: Path) -> Iterator[HookRunner]:
    with hook_runner_in(tmp_path) as runner:
        yield runner


# --- what is noted -------------------------------------------------------------------------------------------


def test_a_carp_event_is_noted_and_a_worker_converges(place: HookRunner) -> None:
    called = place.hook("carp_hast_switch", "2@vlan0.100", "MASTER")
    assert (called.returncode, called.stdout, called.stderr) == (0, "", "")
    history = events.read(Store(str(place.state)))
    assert (history.seq, history.vhids["2@vlan0.100"].state) == (1, "MASTER")
    assert history.vhids["2@vlan0.100"].boot_id == "9f86d081884c7d659a2feaa0c55ad015"
    (line,) = place.said(1)
    assert line.startswith("refused: devd 2@vlan0.100 MASTER - the node could not be read: ")
    (entry,) = place.journal()
    assert (entry.event, entry.why, entry.node) == ("refused", "devd 2@vlan0.100 MASTER", "nfs001")


@pytest.mark.slow
def test_the_hook_returns_while_its_worker_is_still_at_work(place: HookRunner) -> None:
    os.mkfifo(place.directory / "hold")
    assert place.hook("carp_hast_switch", "2@em0", "BACKUP").returncode == 0
    assert awaited(lambda: len(place.asked()) > 3)
    assert place.journal() == []
    with open(place.directory / "hold", "w") as hold:
        (place.directory / "hold").rename(place.directory / "held")
        hold.write("go on\n")
    assert "could not be read" in place.said(1)[0]


@pytest.mark.slow
def test_hooks_at_once_are_all_noted(place: HookRunner) -> None:
    command = [sys.executable, "-m", "hooks.carp_hast_switch", "--state-dir", str(place.state), "--via", str(place.via)]
    started = [
        subprocess.Popen([*command, f"{vhid}@em0", "BACKUP"], cwd=ROOT, env=place.environment()) for vhid in range(1, 5)
    ]
    assert [each.wait() for each in started] == [0, 0, 0, 0]
    assert events.read(Store(str(place.state))).seq == 4
    assert set(events.read(Store(str(place.state))).vhids) == {"1@em0", "2@em0", "3@em0", "4@em0"}
    place.said(1)
    assert {entry.event for entry in place.journal()} == {"refused"}


def test_the_event_of_the_self_test_is_noted_and_nothing_is_started(place: HookRunner) -> None:
    assert place.hook("carp_hast_switch", "lo9123", "self-test").returncode == 0
    history = events.read(Store(str(place.state)))
    assert (history.seq, [test.token for test in history.self_tests]) == (0, ["lo9123"])
    assert place.said(0) == []
    assert len(place.asked()) == 1  # its name


def test_an_event_of_hastd_is_the_workers_work(place: HookRunner) -> None:
    called = place.hook("hast_event", "syncdone", "home")
    assert (called.returncode, called.stdout, called.stderr) == (0, "", "")
    (line,) = place.said(1)
    assert line.startswith("worker: hastd syncdone home - nothing is done: ")
    assert [entry.event for entry in place.journal()] == ["worker"]


# --- what is refused -----------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    ("hook", "words"),
    [
        ("carp_hast_switch", ["2@em0"]),
        ("carp_hast_switch", ["2@em0", "MASTERS"]),
        ("carp_hast_switch", ["em0@2", "MASTER"]),
        ("carp_hast_switch", ["0@em0", "MASTER"]),
        ("carp_hast_switch", ["2@em0", "MASTER", "now"]),
        ("carp_hast_switch", ["2@em0; reboot", "MASTER"]),
        ("carp_hast_switch", ["2@em0\nMASTER", "MASTER"]),
        ("carp_hast_switch", ["2@\x1b[31m", "BACKUP"]),
        ("carp_hast_switch", ["../../etc/passwd", "self-test"]),
        ("carp_hast_switch", ["2@" + "e" * 3000, "MASTER"]),
        ("carp_hast_switch", ["--nosuch", "2@em0", "MASTER"]),
        ("carp_hast_switch", ["--config"]),
        ("hast_event", ["explode", "home"]),
        ("hast_event", ["role", "home", "init", "king"]),
        ("hast_event", ["connect", "../home"]),
        ("hast_event", ["connect", "home", "again"]),
        ("hast_event", ["split-brain"]),
    ],
)
def test_wrong_arguments_are_2_one_entry_and_one_line_of_syslog(place: HookRunner, hook: str, words: list[str]) -> None:
    called = place.hook(hook, *words)
    assert (called.returncode, called.stdout) == (2, "")
    assert called.stderr.startswith(f"{NAMES[hook]}: ")
    assert (called.stderr.count("\n"), called.stderr[:-1].isprintable()) == (1, True)
    (line,) = place.said(1)
    assert (line.startswith(f"hook: {NAMES[hook]} - "), line.isprintable(), len(line) < 900) == (True, True, True)
    assert [entry.event for entry in place.journal()] == ["hook"]
    assert set(os.listdir(place.state)) == {"journal.jsonl", ".journal.jsonl.lock"}


@pytest.mark.parametrize("hook", HOOKS)
def test_without_arguments_the_usage_is_said_and_nothing_done(place: HookRunner, hook: str) -> None:
    called = place.bare(hook)
    assert (called.returncode, called.stdout) == (2, "")
    assert called.stderr.startswith(f"usage: {NAMES[hook]} [options] ")
    assert called.stderr.count("\n") == 1
    assert place.said(0) == []


@pytest.mark.slow
@pytest.mark.parametrize("hook", HOOKS)
def test_help_and_version_are_answered(place: HookRunner, hook: str) -> None:
    helped = place.bare(hook, "--help")
    assert (helped.returncode, helped.stderr, helped.stdout.partition("[")[0]) == (0, "", f"usage: {NAMES[hook]} ")
    assert "exit status: 0 noted" in helped.stdout
    assert place.bare(hook, "--version").stdout == f"{NAMES[hook]} {VERSION}\n"


BROKEN = {
    "no TOML": ("[failover\n", 0o600),
    "unknown key": ("[failover]\nsettel = 1\n", 0o600),
    "writable by everybody": ("", 0o666),
    "a policy that is none": ('[failover]\nfailback = "always"\n', 0o600),
}


@pytest.mark.slow
@pytest.mark.parametrize("hook", HOOKS)
@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_configuration_is_78_one_line_of_syslog_and_touches_nothing(
    place: HookRunner, hook: str, what: str
) -> None:
    text, mode = BROKEN[what]
    config = place.directory / "hastwatch.toml"
    config.write_text(text)
    config.chmod(mode)
    words = {"carp_hast_switch": ["2@em0", "MASTER"], "hast_event": ["connect", "home"]}[hook]
    called = place.hook(hook, "--config", str(config), *words)
    assert (called.returncode, called.stdout, called.stderr.count("\n")) == (78, "", 1)
    (line,) = place.said(1)
    assert line.startswith(f"hook: {NAMES[hook]} - the configuration is refused, nothing is done: {config}: ")
    assert place.asked() == []
    assert set(os.listdir(place.state)) == {"journal.jsonl", ".journal.jsonl.lock"}


def test_a_configuration_that_cannot_be_read_is_refused(place: HookRunner) -> None:
    called = place.hook("carp_hast_switch", "--config", str(place.directory), "2@em0", "MASTER")
    assert (called.returncode, place.asked()) == (78, [])
    assert "nothing is done" in place.said(1)[0]


# --- a state directory that fails ----------------------------------------------------------------------------


def test_with_an_unusable_state_directory_the_worker_looks_all_the_same_and_says_so(place: HookRunner) -> None:
    place.state.write_text("")
    assert place.hook("carp_hast_switch", "2@em0", "MASTER").returncode == 73
    noted, silent, looked, refused = place.said(4)
    assert noted.startswith("hook: devd 2@em0 MASTER - could not be noted: ")
    assert silent.startswith("silence: the transition is over - failed: net.inet.tcp.blackhole is not restored: ")
    assert looked.startswith("refused: devd 2@em0 MASTER - the node could not be read: ")
    assert refused.startswith("refused: devd 2@em0 MASTER - no lock can be had, so nothing is promoted: ")
    assert all(line.endswith("not a directory)") for line in (noted, silent, looked, refused))


def test_a_full_state_directory_is_said_and_the_worker_looks_all_the_same(place: HookRunner) -> None:
    called = place.hook("carp_hast_switch", "2@em0", "MASTER", largest_file=0)
    assert called.returncode == 73
    noted, refused = place.said(2)
    assert noted.startswith("hook: devd 2@em0 MASTER - could not be noted: ")
    assert "could not be read" in refused
    assert all("(journal not written: File too large)" in line for line in (noted, refused))
    assert events.read(Store(str(place.state))).vhids == {}


def test_a_self_test_that_cannot_be_noted_is_said_and_starts_nothing(place: HookRunner) -> None:
    place.state.write_text("")
    assert place.hook("carp_hast_switch", "lo9123", "self-test").returncode == 73
    assert "could not be noted" in place.said(1)[0]


# --- its start -----------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("hook", HOOKS)
def test_a_hook_needs_the_standard_library_only(place: HookRunner, hook: str) -> None:
    words = {"carp_hast_switch": ["lo9123", "self-test"], "hast_event": ["connect", "home"]}[hook]
    unwanted = ["psutil", "requests", "nagiosplugin", "argparse", "dataclasses", "logging", "tomllib"]
    program = (
        f"import sys; sys.argv[1:] = {['--state-dir', str(place.state), '--via', str(place.via), *words]}\n"
        f"import hooks.{hook}; status = hooks.{hook}.main()\n"
        f"print(status, [name for name in {unwanted} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=place.environment(), capture_output=True, text=True, check=True
    )
    assert done.stdout == "0 []\n"
    place.said(int(hook == "hast_event"))


def test_the_worker_too_needs_the_standard_library_only() -> None:
    program = (
        "import sys, remediate.failover.hastd_events, remediate.failover.converge, remediate.failover.boot\n"
        "print([name for name in ('psutil', 'requests', 'nagiosplugin') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
