"""hastd's hook as it is installed: a few lines of /bin/sh that note an event before any Python starts, and start none
while a convergence runs."""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path

import pytest

from remediate.state.lock import Lock
from remediate.state.noted import HASTD, done, note, waiting
from remediate.state.store import Store
from remediate.timing import Timing
from tests.state.child import ROOT
from tests.waiting import awaited

SCRIPT = ROOT / "contrib" / "freebsd" / "hastwatch-hast-event"
HOOK = """#!/bin/sh
echo "$$ $*" >> {called}
exit 3
"""


class Installed:
    """The script with a state directory, and a hook behind it that records its words."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.store = Store(str(directory / "state"), str(directory / "run"))
        self.store.ready()
        hook, self.script = directory / "hook", directory / "script"
        hook.write_text(HOOK.format(called=directory / "called"))
        hook.chmod(0o755)
        text = SCRIPT.read_text()
        places = {
            "/var/run/hastwatch/": f"{directory}/run/",
            "/var/db/hastwatch": f"{directory}/state",
            "/usr/local/hastwatch/bin/hastwatch-hast-event": str(hook),
        }
        for there, here in places.items():
            assert there in text
            text = text.replace(f"={there}", f"={here}")
        self.script.write_text(text)

    def runs(self, *words: str) -> subprocess.CompletedProcess[str]:
        """The script with the words of hastd."""
        return subprocess.run(["/bin/sh", self.script, *words], capture_output=True, text=True, timeout=60, check=False)

    def lock(self, heeds: str = HASTD) -> Lock:
        """The lock of a convergence."""
        return Lock(self.store, "converge", "devd 2@em0 MASTER", Timing(), heeds)

    def called(self) -> list[str]:
        """The words with which the hook behind it was called."""
        path = self.directory / "called"
        return [line.partition(" ")[2] for line in path.read_text().splitlines()] if path.exists() else []

    def noted(self) -> list[str]:
        """The events that wait."""
        return [" ".join(each.words) for each in waiting(self.store)]


@pytest.fixture
def hook(tmp_path: Path) -> Installed:
    return Installed(tmp_path)


@pytest.mark.parametrize(
    "words", [["role", "home", "secondary", "primary"], ["disconnect", "home"], ["syncdone", "a.b"]]
)
def test_an_event_is_only_noted_while_a_convergence_runs(hook: Installed, words: list[str]) -> None:
    with hook.lock():
        ran = hook.runs(*words)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")
    assert (hook.noted(), hook.called()) == ([" ".join(words)], [])


def test_without_a_convergence_the_hook_runs_with_the_same_words_and_its_status_is_given(hook: Installed) -> None:
    ran = hook.runs("connect", "home")
    assert (ran.returncode, ran.stdout, ran.stderr) == (3, "", "")
    assert (hook.noted(), hook.called()) == (["connect home"], ["--noted connect home"])


def test_an_event_is_noted_when_it_came_however_late_a_python_is_up(hook: Installed) -> None:
    (hook.directory / "hook").write_text("#!/bin/sh\nread -r line\n")
    before = time.time()
    with subprocess.Popen(["/bin/sh", hook.script, "connect", "home"], stdin=subprocess.PIPE) as running:
        assert awaited(lambda: bool(hook.noted()))
        noted_by = time.time()
        assert running.poll() is None
    (event,) = waiting(hook.store)
    assert before - 0.1 <= event.at <= noted_by + 0.1  # a file system's clock is as fine as that


def test_a_lock_whose_holder_takes_up_nothing_swallows_no_event(hook: Installed) -> None:
    with hook.lock(heeds=""):
        hook.runs("connect", "home")
    assert (hook.noted(), hook.called()) == (["connect home"], ["--noted connect home"])


def test_a_convergence_that_was_killed_swallows_no_event(hook: Installed) -> None:
    with hook.lock():
        text = (hook.directory / "run" / ".converge.lock").read_text()
    ended = subprocess.Popen(["/bin/sh", "-c", "exit"])
    ended.wait()
    stale = json.dumps({**json.loads(text), "pid": ended.pid})
    (hook.directory / "run" / ".converge.lock").write_text(stale + "\n")
    hook.runs("disconnect", "home")
    assert (hook.noted(), hook.called()) == (["disconnect home"], ["--noted disconnect home"])


def test_a_split_brain_is_never_only_noted(hook: Installed) -> None:
    with hook.lock():
        hook.runs("split-brain", "home")
    assert (hook.noted(), hook.called()) == ([], ["split-brain home"])


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["connect"],
        ["connect", ""],
        ["connect", "home", "again"],
        ["connect", "../../../etc/passwd"],
        ["connect", "$(touch harm)"],
        ["connect", "home,mail"],
        ["connect", "home\nmail"],
        ["connect", "-rf *"],
        ["connect", "e" * 300],
        ["role", "home", "init", "`reboot`"],
        ["--state-dir", "/tmp", "connect", "home"],
    ],
)
def test_words_that_are_unusual_are_left_to_the_hook_which_refuses_them(hook: Installed, words: list[str]) -> None:
    with hook.lock():
        ran = hook.runs(*words)
    assert (ran.returncode, ran.stderr, hook.noted()) == (3, "", [])
    assert not (hook.directory / "harm").exists()


def test_where_no_note_can_be_made_the_hook_runs(hook: Installed) -> None:
    with hook.lock():
        (hook.directory / "state").rename(hook.directory / "away")
        hook.runs("connect", "home")
        (hook.directory / "away").rename(hook.directory / "state")
    assert hook.called() == ["connect home"]


def test_a_note_that_is_there_already_is_not_taken_for_this_event(hook: Installed) -> None:
    """A link in its place is not followed either."""
    with hook.lock():
        text = hook.script.read_text().replace("hastd,$$,", "hastd,1,")
        hook.script.write_text(text)
        os.symlink(hook.directory / "target", hook.directory / "state" / "hastd,1,connect,home")
        hook.runs("connect", "home")
    assert (hook.called(), (hook.directory / "target").exists(), hook.noted()) == (["connect home"], False, [])


def test_notes_are_taken_up_in_the_order_of_the_events(hook: Installed) -> None:
    note(hook.store, ["connect", "home"], 1795337197.0)
    note(hook.store, ["disconnect", "home"], 1795337195.5)
    events_waiting = waiting(hook.store)
    assert [(each.words, each.at) for each in events_waiting] == [
        (["disconnect", "home"], 1795337195.5),
        (["connect", "home"], 1795337197.0),
    ]
    done(hook.store, events_waiting[0])
    done(hook.store, events_waiting[0])
    assert hook.noted() == ["connect home"]


def test_the_script_starts_no_process_to_note_an_event(hook: Installed) -> None:
    with hook.lock():
        (hook.directory / "run" / "empty").mkdir()
        ran = subprocess.run(
            ["/bin/sh", hook.script, "connect", "home"],
            env={"PATH": str(hook.directory / "run" / "empty")},
            capture_output=True,
            timeout=60,
            check=False,
        )
    assert (ran.returncode, ran.stderr, hook.noted()) == (0, b"", ["connect home"])
