"""`hastwatch journal` and `hastwatch maintenance`, as an operator or a script runs them."""

from __future__ import annotations

import io
import json
import os
import pty
import subprocess
import sys
import time
from pathlib import Path

import pytest

from checks.plugin.text import plain
from remediate.state import maintenance
from remediate.state.journal import ERR, WARNING, Journal
from remediate.state.journal_reading import read
from remediate.state.store import Store
from remediate.timing import Timing
from tests.state import child

ENVIRONMENT = {**os.environ, "TZ": "UTC", "TERM": "xterm"}


class At(Timing):
    """An instant given."""

    def __init__(self, wall: float) -> None:
        self._wall = wall

    def wall(self) -> float:
        return self._wall


def hastwatch(*words: object) -> subprocess.CompletedProcess[str]:
    """A subcommand in a process of its own."""
    command = [sys.executable, "-m", f"remediate.subcommands.{words[0]}", *map(str, words[1:])]
    return subprocess.run(
        command, cwd=child.ROOT, env=ENVIRONMENT, capture_output=True, text=True, timeout=60, check=False
    )


def kept(directory: Path, at: float = 1795337195.25) -> Journal:
    return Journal(str(directory / "journal.jsonl"), "nfs001", At(at), lambda level, line: None)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A state directory with three entries."""
    state = tmp_path / "state"
    kept(state).entry("converge", why="2@em0 is MASTER")
    kept(state, 1795337196).entry(
        "step", resource="home", step="mount", result="done", seconds=0.14, evidence=["fsck: clean"], severity=WARNING
    )
    kept(state, 1795337197).entry("step-failed", resource="mail", step="fsck", why="exit\n8", severity=ERR)
    return state


@pytest.mark.slow
def test_the_journal_is_shown_in_columns(directory: Path) -> None:
    shown = hastwatch("journal", "--state-dir", directory)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert shown.stdout.splitlines() == [
        "2026-11-22 08:46:35  info           converge            2@em0 is MASTER",
        "2026-11-22 08:46:36  warning  home  step         mount  done (0.1 s)",
        r"2026-11-22 08:46:37  err      mail  step-failed  fsck   exit\x0a8",
    ]


@pytest.mark.slow
def test_evidence_is_shown_when_it_is_asked_for(directory: Path) -> None:
    shown = hastwatch("journal", "--state-dir", directory, "-v", "-r", "home")
    assert shown.stdout.splitlines()[1:] == ["                     fsck: clean"]


@pytest.mark.slow
def test_the_journal_for_programs_is_the_lines_of_the_file(directory: Path) -> None:
    shown = hastwatch("journal", "--state-dir", directory, "--json")
    assert shown.stdout == (directory / "journal.jsonl").read_text()
    assert [json.loads(line)["event"] for line in shown.stdout.splitlines()] == ["converge", "step", "step-failed"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "events"),
    [
        (["-r", "home"], ["step"]),
        (["-n", "2"], ["step", "step-failed"]),
        (["-n", "0"], ["converge", "step", "step-failed"]),
        (["-r", "nosuch"], []),
    ],
)
def test_only_what_was_asked_for_is_shown(directory: Path, words: list[str], events: list[str]) -> None:
    shown = hastwatch("journal", "--state-dir", directory, "--json", *words)
    assert [json.loads(line)["event"] for line in shown.stdout.splitlines()] == events


@pytest.mark.slow
def test_entries_older_than_since_are_left_out(directory: Path) -> None:
    kept(directory, time.time() - 60).entry("young")
    kept(directory, time.time() - 7300).entry("old")
    shown = hastwatch("journal", "--state-dir", directory, "--json", "--since", "2h")
    assert "young" in shown.stdout
    assert "old" not in shown.stdout


@pytest.mark.slow
def test_an_empty_journal_is_said_to_people_only(tmp_path: Path) -> None:
    assert hastwatch("journal", "--state-dir", tmp_path).stdout == "no entries\n"
    assert hastwatch("journal", "--state-dir", tmp_path, "--json").stdout == ""


@pytest.mark.slow
def test_what_could_not_be_read_is_said_on_standard_error(directory: Path) -> None:
    with (directory / "journal.jsonl").open("a") as file:
        file.write('{"torn')
    shown = hastwatch("journal", "--state-dir", directory)
    assert (shown.returncode, shown.stdout.count("\n")) == (0, 3)
    assert shown.stderr == "hastwatch journal: 1 line that is no entry left out\n"
    (directory / "journal.jsonl.0.gz").write_text("none")
    shown = hastwatch("journal", "--state-dir", directory)
    assert (shown.returncode, shown.stdout.count("\n")) == (1, 3)
    assert shown.stderr.startswith(f"hastwatch journal: {directory}/journal.jsonl.0.gz: ")


def test_follow_shows_what_is_added(directory: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "remediate.subcommands.journal",
        "--state-dir",
        str(directory),
        "--follow",
        "-n",
        "1",
    ]
    with subprocess.Popen(command, cwd=child.ROOT, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True) as follower:
        assert follower.stdout
        assert "step-failed" in follower.stdout.readline()
        kept(directory).entry("added")
        assert "added" in follower.stdout.readline()
        (directory / "journal.jsonl").rename(directory / "journal.jsonl.0")
        kept(directory).entry("after rotation")
        assert "after rotation" in follower.stdout.readline()
        follower.kill()


def on_a_terminal(*words: object) -> str:
    """What `hastwatch journal` writes to a terminal."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "remediate.subcommands.journal", *map(str, words)]
    with subprocess.Popen(command, cwd=child.ROOT, env=ENVIRONMENT, stdout=theirs) as shown:
        os.close(theirs)
        text = io.BytesIO()
        while shown.poll() is None or text.tell() == 0:
            try:
                text.write(os.read(ours, 65536))
            except OSError:  # Linux says EIO when nobody holds the other end any more
                break
    os.close(ours)
    return text.getvalue().decode()


@pytest.mark.slow
def test_colour_is_for_terminals_only(directory: Path) -> None:
    assert "\x1b[31merr" in on_a_terminal("--state-dir", directory)
    assert "\x1b" not in hastwatch("journal", "--state-dir", directory).stdout


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full, a device that is always full")
def test_a_full_disk_behind_the_output_is_one_line(directory: Path) -> None:
    command = [sys.executable, "-m", "remediate.command", "journal", "--state-dir", str(directory)]
    with open("/dev/full", "w") as full:
        ended = subprocess.run(command, cwd=child.ROOT, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (74, "hastwatch: standard output: No space left on device\n")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["journal", "--since", "soon"], "argument --since: 'soon' is not a length of time such as 2h, 90m or 1h30m"),
        (["journal", "-n", "-1"], "argument -n/--last: '-1' is not a number of entries"),
        (["journal", "-n", "x"], "argument -n/--last: 'x' is not a number of entries"),
        (["maintenance"], "the following arguments are required: SUBCOMMAND"),
        (["maintenance", "on"], "the following arguments are required: --reason"),
        (["maintenance", "on", "--reason", " "], "argument --reason: give the reason in a few words"),
        (["maintenance", "on", "--reason", "a", "--for", "0h"], "argument --for: '0h' is not a length of time such as"),
    ],
)
def test_wrong_usage_is_one_line_and_2(words: list[str], said: str) -> None:
    ended = hastwatch(*words)
    assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (2, "", 1)
    assert ended.stderr.partition(": ")[2].startswith(said)


@pytest.mark.slow
def test_maintenance_begins_is_shown_and_ends(tmp_path: Path) -> None:
    place = ("--state-dir", tmp_path / "state")
    assert hastwatch("maintenance", "status", *place).stdout == "no maintenance\n"
    begun = hastwatch("maintenance", "on", "--reason", "new\ndisk", "--for", "2h", *place)
    assert (begun.returncode, begun.stderr) == (0, "")
    assert begun.stdout.startswith("maintenance since 20")
    assert r": new\x0adisk" in begun.stdout
    assert "2 h 0 min left" in begun.stdout
    assert r": new\x0adisk" in hastwatch("maintenance", "status", *place).stdout
    assert hastwatch("maintenance", "off", *place).stdout == "maintenance ended\n"
    assert hastwatch("maintenance", "off", *place).stdout == "no maintenance\n"
    assert hastwatch("maintenance", "status", *place).stdout == "no maintenance\n"


def test_maintenance_is_journalled_with_its_reason(tmp_path: Path) -> None:
    place = ("--state-dir", tmp_path / "state")
    hastwatch("maintenance", "on", "--reason", "new disk", *place)
    hastwatch("maintenance", "off", *place)
    entries = [(entry.event, entry.why) for entry in read(str(tmp_path / "state" / "journal.jsonl"))]
    assert entries == [("maintenance-on", "new disk"), ("maintenance-off", "new disk")]


def test_without_an_end_of_its_own_maintenance_lasts_until_it_is_ended(tmp_path: Path) -> None:
    hastwatch("maintenance", "on", "--reason", "new disk", "--state-dir", tmp_path / "state")
    current = maintenance.current(Store(str(tmp_path / "state")), time.time() + 1e8)
    assert current and current.until is None and plain(current.reason) == "new disk"


def test_who_is_behind_sudo_is_told(tmp_path: Path) -> None:
    program = (
        "import os, sys\nos.environ['SUDO_USER'] = 'mira'\n"
        "from remediate.subcommands.maintenance import main\n"
        "main(['on', '--reason', 'a', '--state-dir', sys.argv[1]])"
    )
    assert " by mira as " in child.run(program, tmp_path / "state")


AS_ORDINARY_USER = """
import os
from remediate.subcommands.maintenance import main, parser
parser().parse_args(["on", "--reason", "a"])  # imports the rest while this checkout can still be read
os.geteuid() or os.setuid(65534)
print(main(["on", "--reason", "a"]))
"""


def test_an_ordinary_user_may_not_suspend_anything() -> None:
    with child.start(AS_ORDINARY_USER) as ended:
        output = ended.communicate(timeout=60)
    assert output == ("77\n", "hastwatch maintenance: only root may do this (or name a --state-dir of your own)\n")


def test_a_state_directory_that_cannot_be_used_is_one_line_and_73(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state").chmod(0o777)
    ended = hastwatch("maintenance", "on", "--reason", "a", "--state-dir", tmp_path / "state")
    assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (73, "", 1)
    assert "others may write into" in ended.stderr
