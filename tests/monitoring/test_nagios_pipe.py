"""Nagios's command file: one line a result, nobody waited for, nothing that a text could smuggle in."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remediate.monitoring.answer import Disposition
from remediate.monitoring.nagios_pipe import LONGEST_LINE, NagiosPipe, line
from remediate.monitoring.submission import NagiosSettings
from tests.engines.nagios import NagiosDaemon, why_not
from tests.monitoring.submitter import Submitter, a_result

TEXT = st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=6000)


@contextmanager
def reader(path: Path) -> Iterator[int]:
    """Somebody who has the pipe open."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@pytest.fixture
def pipe(tmp_path: Path) -> Path:
    os.mkfifo(tmp_path / "nagios.cmd")
    return tmp_path / "nagios.cmd"


def test_a_result_is_one_line_with_its_own_time(pipe: Path) -> None:
    result = a_result(status=2, output="BAD; very \\ bad", long_output="a;b\nc", perfdata=("n=1;2;3", "'m m'=4s"))
    with reader(pipe) as nagios:
        assert NagiosPipe(NagiosSettings(pipe=str(pipe))).send(result).fate is Disposition.TAKEN
        assert os.read(nagios, 9999).decode() == (
            "[1800000000] PROCESS_SERVICE_CHECK_RESULT;nfs001;check_thing;2;"
            "BAD: very \\\\ bad|n=1;2;3 'm m'=4s\\na:b\\nc\n"
        )


def test_without_a_reader_nothing_waits(pipe: Path) -> None:
    answer = NagiosPipe(NagiosSettings(pipe=str(pipe))).send(a_result())
    assert (answer.fate, answer.everyone) == (Disposition.LATER, True)
    assert answer.says == f"nobody reads {pipe}: Nagios does not run"


@pytest.mark.parametrize(
    ("kind", "fate"), [("file", Disposition.LOCKED), ("link", Disposition.LOCKED), ("nothing", Disposition.LATER)]
)
def test_what_is_no_pipe_is_not_written_to(tmp_path: Path, pipe: Path, kind: str, fate: Disposition) -> None:
    place = tmp_path / "place"
    if kind == "file":
        place.write_text("")
    if kind == "link":
        place.symlink_to(pipe)
    with reader(pipe):
        assert NagiosPipe(NagiosSettings(pipe=str(place))).send(a_result()).fate is fate
    assert kind != "file" or place.read_text() == ""


@pytest.mark.slow
def test_a_pipe_that_is_full_keeps_nobody_for_ever(pipe: Path) -> None:
    with reader(pipe) as nagios:
        writer = os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
        with pytest.raises(BlockingIOError):
            while True:
                os.write(writer, b"x" * 4096)
        target = NagiosPipe(NagiosSettings(pipe=str(pipe)))
        assert target.send(a_result()).says == f"{pipe} is full: Nagios does not read it"
        with suppress(BlockingIOError):
            while os.read(nagios, 1 << 16):
                pass
        assert target.send(a_result()).fate is Disposition.TAKEN
        os.close(writer)


@settings(deadline=None, max_examples=200)
@given(TEXT, TEXT, st.lists(st.sampled_from(["a=1", "'b c'=2;3;4", "long" * 100 + "=1"]), max_size=30))
def test_whatever_a_check_says_is_one_line_that_fits(first: str, longer: str, items: list[str]) -> None:
    written = line(a_result(output=first, long_output=longer, perfdata=tuple(items)))
    assert len(written) <= LONGEST_LINE
    assert written.count(b"\n") == 1 and written.endswith(b"\n")
    assert written.decode().split(";", 4)[1:4] == ["nfs001", "check_thing", "0"]


@settings(deadline=None, max_examples=200)
@given(TEXT, TEXT)
def test_nagios_reads_what_was_said_or_its_beginning(first: str, longer: str) -> None:
    written = line(a_result(output=first, long_output=longer, perfdata=())).decode()
    read = as_nagios_reads(written.rstrip("\n").split(";", 4)[4])
    whole = (f"{first}\n{longer}" if longer else first).replace(";", ":")
    assert read == whole or (read.endswith("...") and whole.startswith(read[:-3]))


def as_nagios_reads(text: str) -> str:
    """What `unescape_check_result_output()` makes of it."""
    return re.sub(r"\\(.)", lambda found: "\n" if found[1] == "n" else found[1], text)


@pytest.mark.slow
def test_results_wait_for_nagios_and_come_in_order(tmp_path: Path, pipe: Path) -> None:
    place = Submitter(tmp_path)
    place.configure("nagios-pipe", f'[nagios]\npipe = "{pipe}"\nhost = "nfs001"')
    place.plugin_says("THING CRITICAL - bad\n", 2)
    done = place.submit()
    assert done.returncode == 75
    assert done.stderr == (
        f"hastwatch submit: 1 result waits in the spool; {pipe}: nobody reads {pipe}: Nagios does not run\n"
    )
    place.plugin_says("THING OK - well\n")
    with reader(pipe) as nagios:
        assert place.submit("--service", "another name").returncode == 0
        lines = os.read(nagios, 9999).decode().splitlines()
    assert [each.split(";", 2)[2] for each in lines] == [
        "check_thing;2;THING CRITICAL - bad", "another name;0;THING OK - well",
    ]  # fmt: skip


OBJECTS = """
define command {
    command_name nothing
    command_line /bin/true
}
define host {
    host_name nfs001
    check_command nothing
    max_check_attempts 1
    active_checks_enabled 0
    check_period 24x7
    notification_period 24x7
    contacts admin
}
define service {
    host_name nfs001
    service_description check_thing
    check_command nothing
    max_check_attempts 1
    active_checks_enabled 0
    check_period 24x7
    notification_period 24x7
    contacts admin
}
"""


@pytest.mark.skipif(why_not() is not None, reason=str(why_not()))
def test_a_real_nagios_takes_it_as_it_was_said(tmp_path: Path) -> None:
    objects = tmp_path / "objects.cfg"
    objects.write_text(OBJECTS)
    place = Submitter(tmp_path)
    with NagiosDaemon(tmp_path / "nagios", [objects], tmp_path) as nagios:
        pipe = nagios.directory / "nagios.cmd"
        nagios.wait_for("the command file", pipe.exists)
        place.configure("nagios-pipe", f'[nagios]\npipe = "{pipe}"\nhost = "nfs001"')
        place.plugin_says("BAD; back\\slash, no \\n newline | n=1;2;3 'm m'=4s\nsecond\nthird \\ line\n", 2)
        done = place.submit()
        assert (done.returncode, done.stderr) == (0, "")
        nagios.wait_for("a result", lambda: nagios.service("nfs001", "check_thing")["current_state"] == "2")
        service = nagios.service("nfs001", "check_thing")
    assert service["plugin_output"] == "BAD: back\\slash, no \\n newline"
    assert service["long_plugin_output"] == "second\\nthird \\\\ line"  # which the status file escapes again
    assert service["performance_data"] == "n=1;2;3 'm m'=4s"
