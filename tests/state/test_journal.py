"""The journal: one line in the file and one in syslog for everything done, whatever the disk says."""

from __future__ import annotations

import bz2
import gzip
import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remediate.state.journal import (
    ERR,
    INFO,
    LONGEST_LINE,
    MOST_EVIDENCE,
    Journal,
    JournalEntry,
    JournalLevel,
    one_line,
    parse,
    system_syslog,
)
from remediate.state.journal_reading import LONGEST, MOST_ARCHIVES, Reading, archives, read
from remediate.timing import Timing
from tests.state import child
from tests.waiting import awaited

FULL = """
import resource, sys
from remediate.state.journal import Journal
from remediate.timing import Timing
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
journal = Journal(sys.argv[1], "nfs001", Timing(), lambda level, line: print(level, line))
journal.entry("step", why="x" * 300)
journal.entry("step", why="y" * 2000)
journal.entry("step", why="z")
"""
DYING = """
import sys
from remediate.state.journal import Journal
from remediate.timing import Timing
journal = Journal(sys.argv[1], "nfs001", Timing(), lambda level, line: None)
print("begins", flush=True)
while True:
    journal.entry("step", why="x" * 1500)
"""


class AtOnce(Timing):
    """Always the same instant."""

    def wall(self) -> float:
        return 1795337195.25


class Written(list[tuple[int, str]]):
    """What syslog was given."""

    def __call__(self, level: int, line: str) -> None:
        self.append((level, line))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "journal.jsonl"


def journal(path: Path, syslog: Written | None = None) -> Journal:
    return Journal(str(path), "nfs001", AtOnce(), syslog if syslog is not None else Written(), boot=lambda: "b1")


def test_an_entry_is_one_line_of_json_with_all_that_is_known(path: Path) -> None:
    journal(path).entry(
        "step",
        why="CARP is MASTER",
        resource="home",
        step="mount",
        evidence=("fsck: clean", "fstyp: ufs"),
        result="done",
        seconds=0.41234,
        severity=ERR,
        run="r7",
    )
    assert path.read_text().count("\n") == 1
    assert json.loads(path.read_text()) == {
        "time": "2026-11-22T08:46:35.250Z",
        "boot": "b1",
        "node": "nfs001",
        "pid": os.getpid(),
        "run": "r7",
        "event": "step",
        "resource": "home",
        "step": "mount",
        "why": "CARP is MASTER",
        "evidence": ["fsck: clean", "fstyp: ufs"],
        "result": "done",
        "seconds": 0.412,
        "processes": None,
        "severity": "err",
    }


def test_syslog_has_the_same_in_one_line(path: Path) -> None:
    syslog = Written()
    log = journal(path, syslog)
    log.entry("step", why="CARP is MASTER", resource="home", step="mount", result="done", seconds=0.41, severity=ERR)
    log.entry("split-brain", resource="home", evidence=["a", "b"])
    log.entry("self-test")
    assert syslog == [
        (3, "home: step mount: CARP is MASTER - done (0.4 s)"),
        (6, "home: split-brain [a; b]"),
        (6, "self-test"),
    ]


@given(st.text(st.characters(), max_size=3000), st.text(st.characters(), max_size=30))
def test_a_syslog_line_is_printable_short_and_ends_as_it_must(text: str, ending: str) -> None:
    line = one_line(text, ending)
    assert len(line.encode()) <= LONGEST_LINE
    assert line.isprintable()
    assert line.endswith(one_line("", ending))


def test_hostile_words_make_neither_a_second_line_nor_move_a_cursor(path: Path) -> None:
    syslog = Written()
    journal(path, syslog).entry("step\n", why="a\x1b[2J\nhastd[1]: forged", resource="\udcff", evidence=["\0"])
    assert path.read_bytes().count(b"\n") == 1
    assert path.read_bytes().strip().isascii()
    assert syslog == [(6, r"\xdcff: step\x0a: a\x1b[2J\x0ahastd[1]: forged [\x00]")]
    assert next(iter(read(str(path)))).why == "a\x1b[2J\nhastd[1]: forged"


def test_what_is_too_long_is_cut_and_too_much_evidence_is_counted(path: Path) -> None:
    entry = journal(path).entry("step", why="x" * 5000, evidence=[str(n) for n in range(MOST_EVIDENCE + 3)])
    assert (len(entry.why), entry.why[-3:]) == (2000, "...")
    assert entry.evidence[-2:] == (str(MOST_EVIDENCE - 1), "and 3 more")


@pytest.mark.slow
@given(
    st.builds(
        JournalEntry,
        time=st.integers(0, 4 * 10**12).map(lambda milliseconds: milliseconds / 1000),
        boot=st.text(),
        node=st.text(),
        pid=st.integers(0, 99999),
        run=st.text(),
        event=st.text(),
        resource=st.text(),
        step=st.text(),
        why=st.text(),
        evidence=st.lists(st.text(), max_size=3).map(tuple),
        result=st.text(),
        seconds=st.none() | st.floats(0, 1e6),
        severity=st.sampled_from(JournalLevel),
    )
)
def test_an_entry_survives_its_line(entry: JournalEntry) -> None:
    assert parse(entry.line()) == entry


@pytest.mark.parametrize(
    "line",
    [
        "",
        "{}",
        "[1]",
        "[" * 100000,
        "Nov 22 00:00:00 nfs001 newsyslog[9]: logfile turned over",
        '{"time": 1}',
        INFO.name,
        "null",
    ],
)
def test_what_is_no_entry_is_an_error_that_names_it(line: str) -> None:
    with pytest.raises(ValueError, match="no entry of the journal"):
        parse(line)


def test_where_an_entry_has_the_wrong_kind_of_value_it_is_none(path: Path) -> None:
    good = json.loads(journal(path).entry("step").line())
    assert parse(json.dumps(good)).event == "step"
    wrong = {"time": "yesterday", "why": 7, "evidence": "abc", "pid": "x", "seconds": "y", "severity": "loud"}
    for name, value in wrong.items():
        with pytest.raises(ValueError, match="no entry of the journal"):
            parse(json.dumps({**good, name: value}))


def test_a_full_disk_keeps_no_entry_from_syslog_and_leaves_no_torn_line(path: Path) -> None:
    output = child.run(FULL, path).splitlines()
    assert output[0] == f"6 step: {'x' * 300}"
    assert output[1].endswith("y... (journal not written: No space left on device)")
    assert len(output[1]) == LONGEST_LINE + len("6 ")
    assert output[2] == "6 step: z"
    reading = read(str(path))
    assert [entry.why[:1] for entry in reading] == ["x", "z"]
    assert reading.skipped == 0


def test_a_directory_that_cannot_be_used_is_said_in_syslog(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state").chmod(0o777)
    syslog = Written()
    journal(tmp_path / "state" / "journal.jsonl", syslog).entry("step")
    assert syslog == [(6, f"step (journal not written: others may write into {tmp_path}/state (chmod go-w))")]


def test_the_syslog_of_this_machine_takes_a_line() -> None:
    assert child.run(
        "from remediate.state.journal import system_syslog; print(system_syslog(7, 'a test, 100 %s'))"
    ) == ("None\n")
    assert callable(system_syslog)


def test_rotated_files_are_read_oldest_first(path: Path) -> None:
    log = journal(path)
    lines = [log.entry("step", why=str(number)).line() + "\n" for number in range(5)]
    path.write_text(lines[4])
    path.with_name("journal.jsonl.0").write_text(lines[3])
    path.with_name("journal.jsonl.2.bz2").write_bytes(bz2.compress(lines[1].encode()))
    path.with_name("journal.jsonl.10.gz").write_bytes(gzip.compress(lines[0].encode()))
    path.with_name("journal.jsonl.1").write_text(lines[2])
    path.with_name("journal.jsonl.1.bz2").write_bytes(b"half of it, newsyslog is at it")
    path.with_name("journal.jsonl.old").write_text(lines[0])
    reading = read(str(path))
    assert [entry.why for entry in reading] == ["0", "1", "2", "3", "4"]
    assert (reading.skipped, reading.unread) == (0, [])


def test_an_archive_that_cannot_be_read_is_named_and_the_others_are_read(path: Path) -> None:
    line = journal(path).entry("step").line()
    whole = gzip.compress((line + "\n").encode() * 1000)
    broken = {
        "0.gz": whole[: len(whole) // 2],
        "1.bz2": b"no bzip2",
        "2.gz": whole[:20] + b"\xff" * 60,
        "3.zst": b"",
        "4.gz": b"no",
    }
    for ending, raw in broken.items():
        path.with_name(f"journal.jsonl.{ending}").write_bytes(raw)
    reading = read(str(path))
    assert list(reading)[-1].event == "step"
    assert [os.path.basename(sentence.partition(": ")[0]) for sentence in reading.unread] == [
        f"journal.jsonl.{ending}" for ending in sorted(broken, reverse=True)
    ]


def test_a_torn_last_line_is_skipped_and_counted_until_it_is_whole(path: Path) -> None:
    line = journal(path).entry("step").line()
    with path.open("a") as file:
        file.write(line[:30])
    reading = read(str(path))
    assert (len(list(reading)), reading.skipped) == (1, 1)
    with path.open("a") as file:
        file.write(line[30:] + "\n")
    assert (len(list(reading.new())), reading.skipped) == (1, 0)


def test_a_torn_line_in_the_middle_costs_only_itself(path: Path) -> None:
    log = journal(path)
    log.entry("step", why="1")
    with path.open("a") as file:
        file.write('{"time": "2026-')
    log.entry("step", why="2")
    reading = read(str(path))
    assert ([entry.why for entry in reading], reading.skipped) == (["1", "2"], 1)


def test_a_writer_that_is_killed_leaves_whole_entries(path: Path) -> None:
    with child.start(DYING, path) as writer:
        assert writer.stdout and writer.stdout.readline() == "begins\n"
        assert awaited(lambda: writer.poll() is not None or (path.exists() and path.stat().st_size >= 20000))
        assert writer.poll() is None
        writer.kill()
    journal(path).entry("step", why="after it")
    reading = read(str(path))
    assert list(reading)[-1].why == "after it"
    assert (reading.skipped, reading.unread) == (0, [])


def test_what_is_added_is_given_also_over_a_rotation(path: Path) -> None:
    log = journal(path)
    log.entry("step", why="1")
    reading = read(str(path))
    assert [entry.why for entry in reading] == ["1"]
    log.entry("step", why="2")
    path.rename(path.with_name("journal.jsonl.0"))
    log.entry("step", why="3")
    assert [entry.why for entry in reading.new()] == ["2", "3"]
    assert list(reading.new()) == []
    reading.close()


def test_without_a_journal_there_are_no_entries(path: Path) -> None:
    reading = read(str(path))
    assert (list(reading), reading.skipped, reading.unread) == ([], 0, [])
    assert archives("/nonexistent/journal.jsonl") == []
    path.mkdir(parents=True)
    reading = read(str(path))
    assert (list(reading), reading.unread) == ([], [f"{path}: Is a directory"])


# --- a journal that nobody rotates -----------------------------------------------------------------------------------

ENTRIES = 200_000
READ_ALL = """
import re, sys
from remediate.subcommands.journal import main
status = main(["--state-dir", sys.argv[1], "--json", *sys.argv[2:]])
peak = re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read())
sys.stderr.write(f"{status} {int(peak[1]) // 1024}")
"""
MEGABYTES = 100
"""What Python and the command take, and 2,000 entries; the journal is some 80 MB, and was read into 160."""


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state directory with a journal that was never rotated."""
    directory = tmp_path_factory.mktemp("large")
    line = journal(directory / "journal.jsonl").entry("step", why="x" * 150, resource="home", run="r").line()
    with (directory / "journal.jsonl").open("w") as file:
        for number in range(ENTRIES):
            file.write(line.replace("xxxxxxxx", f"{number:08d}", 1) + "\n")
    return directory


@pytest.mark.slow
@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="needs Linux's proc(5) to see the memory used")
@pytest.mark.parametrize(
    ("words", "shown"),
    [((), 50), (("-n", "2000"), 2000), (("-n", "150000"), 150_000), (("-n", "0"), ENTRIES)],
)
def test_a_journal_of_any_length_is_shown_in_constant_memory(large: Path, words: tuple[str, ...], shown: int) -> None:
    with child.start(READ_ALL, large, *words) as reader:
        out, err = reader.communicate(timeout=120)
    status, megabytes = map(int, err.split())
    lines = out.splitlines()
    assert (status, len(lines)) == (0, shown)
    assert parse(lines[-1]).why.startswith(f"{ENTRIES - 1:08d}")
    assert megabytes < MEGABYTES


@pytest.mark.slow
def test_where_less_was_read_than_was_asked_for_it_is_said(large: Path) -> None:
    with child.start(READ_ALL, large, "-r", "mail") as reader:
        out, err = reader.communicate(timeout=60)
    assert out == "" and f"{large}/journal.jsonl: all but the last 16 MB of it" in err and err.split()[-2] == "1"


@pytest.mark.slow
def test_an_archive_that_unpacks_without_an_end_is_read_no_further_than_the_others(path: Path) -> None:
    line = journal(path).entry("step").line() + "\n"
    path.with_name("journal.jsonl.0.bz2").write_bytes(bz2.compress(line.encode() * 100_000))
    reading = Reading(str(path), 1 << 20)
    assert sum(1 for _ in reading) < 10_000
    assert reading.left_out == [f"{path}.0.bz2: all but the first 1 MB of it"]


def test_only_so_many_archives_are_read(path: Path) -> None:
    line = journal(path).entry("step").line() + "\n"
    for number in range(100):
        path.with_name(f"journal.jsonl.{number}").write_text(line)
    reading = Reading(str(path), 1 << 20)
    assert sum(1 for _ in reading) == MOST_ARCHIVES + 1
    assert reading.left_out == [f"{100 - MOST_ARCHIVES} older files than {path}.{MOST_ARCHIVES - 1}"]


def test_a_line_without_an_end_is_no_entry_and_not_kept(path: Path) -> None:
    line = journal(path).entry("step").line()
    path.write_bytes(b"x" * (3 * LONGEST) + b"\n" + line.encode() + b"\n")
    reading = read(str(path))
    assert [entry.event for entry in reading] == ["step"]
    assert reading.skipped == 1


def test_a_journal_is_read_anew_each_time_it_is_asked_for(path: Path) -> None:
    log = journal(path)
    log.entry("step", why="1")
    reading = read(str(path))
    assert [[entry.why for entry in reading] for _ in range(2)] == [["1"], ["1"]]
    log.entry("step", why="2")
    assert [entry.why for entry in reading.new()] == ["2"]
