"""The frame of a check: usage, time, output, and what happens when the check itself goes wrong."""

import argparse
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from checks.plugin.command import CheckCommand, add_thresholds, parser, specification
from checks.plugin.config import ConfigError
from checks.plugin.finding import COULD_NOT_LOOK, Row
from checks.plugin.first_line import LONGEST
from checks.plugin.judging import Threshold
from checks.plugin.nagios import Context, Metric, Resource
from checks.plugin.session import Session
from checks.probes.errors import NotUnderstood
from tests.plugin.sample_check import TABLE, command, number, seen
from tests.waiting import awaited

ENDS = 30.0


def output_of(check: CheckCommand, capfd: pytest.CaptureFixture[str], tmp_path: Path, *words: str) -> tuple[int, str]:
    try:
        status = check.main(["--state-dir", str(tmp_path / "state"), *words])
    except SystemExit as ended:
        status = int(str(ended.code))
    return status, capfd.readouterr().out


def first_line(output: str) -> str:
    return output.partition("\n")[0]


@pytest.mark.parametrize(
    ("load", "line"),
    [
        (3.04, "THING OK - thing on nfs001: seen [thing-well] | thing_load=3.0B;10;~:20;0"),
        (10.04, "THING WARNING - thing on nfs001: it bears 10.04 B - it will break [thing-worn] | "
            "thing_load=10.0B;10;~:20;0"),
        (20.5, "THING CRITICAL - thing on nfs001: it bears 20.50 B - nobody can use it [thing-broken] | "
            "thing_load=20.5B;10;~:20;0"),
    ],
)  # fmt: skip
def test_a_number_is_judged_by_its_thresholds_and_shown_rounded_on_the_one_line(
    load: float, line: str, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    check = command(seen("thing-well"), Metric("thing_load", load, "B", 0, context="load"))

    def says(metric: Metric, context: Context) -> str:
        return f"it bears {metric.value:.2f} B"

    def parts(session: Session) -> Iterator[Resource | Context]:
        yield Threshold("load", TABLE, ("thing-worn", "thing-broken"), ("10", "~:20"), says, 1)
        yield from check.parts(session)

    assert first_line(output_of(check._replace(parts=parts), capfd, tmp_path)[1]) == line


def test_the_worst_finding_comes_first_with_its_meaning_and_the_good_ones_are_left_out(
    capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    check = command(seen("thing-well"), seen("thing-worn"), seen("thing-broken"))
    assert output_of(check, capfd, tmp_path) == (
        2,
        "THING CRITICAL - thing on nfs001: seen - nobody can use it [thing-broken], "
        "thing on nfs001: seen [thing-worn]\n"
        "  -> mend the thing on the node\n"
        "     see: hastwatch explain thing-broken\n"
        "  -> nothing: it is renewed at night\n"
        "     see: hastwatch explain thing-worn\n",
    )


def test_what_could_not_be_read_is_worse_than_a_warning_and_hides_no_outage(
    capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert output_of(command(seen("thing-worn"), NotUnderstood("x", "y")), capfd, tmp_path)[0] == 3
    assert output_of(command(seen("thing-broken"), NotUnderstood("x", "y")), capfd, tmp_path)[0] == 2


def test_where_nothing_is_known_to_be_wrong_what_is_well_is_said_too(
    capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    _, output = output_of(command(seen("thing-well"), NotUnderstood("x", "y")), capfd, tmp_path)
    assert "[output-not-understood]" in output and "[thing-well]" in output


def test_a_check_that_found_nothing_is_unknown(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert output_of(command(), capfd, tmp_path) == (3, "THING UNKNOWN - nothing was found\n")


def test_an_error_of_the_check_itself_is_unknown_in_one_line(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    status, output = output_of(command(seen("thing-well"), KeyError("a\nb|c")), capfd, tmp_path)
    assert status == 3
    assert first_line(output) == (
        "THING UNKNOWN - check_thing: KeyError: 'a\\nb\\x7cc'"
        " - please report it, the system was not judged [check-failed], thing on nfs001: seen [thing-well]"
    )


def test_hostile_text_stays_inside_its_line(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    status, output = output_of(command(seen("thing-worn", "a|b\nc\x1b[2J\0\u202e" + "x" * 5000)), capfd, tmp_path)
    assert status == 1
    assert output.count("\n") == 4 and output.replace("\n", "").isprintable() and "|" not in output
    assert len(output) < 1000


def test_the_same_finding_is_said_once(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    _, output = output_of(command(seen("thing-worn"), seen("thing-worn")), capfd, tmp_path)
    assert output.count("[thing-worn]") == 1


def test_many_findings_are_counted_when_the_line_is_full(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    _, output = output_of(command(*[seen("thing-worn", f"{number:0300}") for number in range(20)]), capfd, tmp_path)
    first, *further = output.splitlines()
    assert len(first) <= LONGEST and first.endswith(", and 19 more [thing-worn]")
    assert further[-1] == "and 10 more (-v)"


def test_verbose_adds_lines_after_the_first_and_leaves_the_first_alone(
    capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    check = command(seen("thing-well"), number("thing_load", 3))
    plain = output_of(check, capfd, tmp_path)[1]
    lines = output_of(check, capfd, tmp_path, "-v")[1].splitlines()
    assert lines[0] + "\n" == plain
    assert lines[1:] == ["OK: thing on nfs001: seen - it can be used [thing-well]"]


def test_json_says_the_same(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    check = command(seen("thing-broken"), number("thing_load", 3, "B"))
    status, line = output_of(check, capfd, tmp_path)
    json_status, output = output_of(check, capfd, tmp_path, "--json")
    verdict = json.loads(output)
    assert json_status == status == verdict["exit_status"]
    assert verdict["output"] == first_line(line)
    assert verdict["findings"][0]["reason"] == "thing-broken"
    assert verdict["findings"][0]["action"] == "mend the thing on the node"
    assert verdict["findings"][0]["see"] == "hastwatch explain thing-broken"
    assert verdict["findings"][0]["severity"] == verdict["state"] == "CRITICAL"
    assert verdict["metrics"][0] | {"label": "thing_load", "value": 3, "unit": "B"} == verdict["metrics"][0]
    assert verdict["evidence"] == []


@pytest.mark.parametrize("row", list(TABLE), ids=lambda row: str(row.reason))
def test_every_row_can_be_overridden_but_not_having_looked_is_never_ok(
    row: Row, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    check = command(seen(row.reason))
    assert output_of(check, capfd, tmp_path)[0] == row.severity.value
    assert output_of(check, capfd, tmp_path, "--severity", f"{row.reason}=critical")[0] == 2
    assert output_of(check, capfd, tmp_path, "--severity", f"{row.reason}=warning")[0] == 1
    expected = 3 if row in COULD_NOT_LOOK else 0
    assert output_of(check, capfd, tmp_path, "--severity", f"{row.reason}=ok")[0] == expected


@pytest.mark.parametrize(
    "words",
    [
        ["--nonsense"],
        ["surplus"],
        ["-r", "a/b"],
        ["-r", "a|b"],
        ["-r", ""],
        ["-r", "-x"],
        ["-t", "0"],
        ["-t", "soon"],
        ["-t", "nan"],
        ["--via", "'"],
        ["--via", " "],
        ["--via", "no-such-program-anywhere"],
        ["--severity", "thing-worn"],
        ["--severity", "nonsense=ok"],
        ["--severity", "thing-worn=unknown"],
        ["--config", "/nonexistent"],
        ["--js"],
    ],
    ids=" ".join,
)
def test_a_usage_error_is_unknown_in_one_line(
    words: list[str], capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    status, output = output_of(command(seen("thing-well")), capfd, tmp_path, *words)
    assert status == 3
    assert output.startswith("THING UNKNOWN - ") and output.count("\n") == 1


@pytest.mark.parametrize("text", ["x", "1:2:3", "5:1", "", " 5", "\u0663", "@", "~:", "9" * 5000])
def test_a_bad_threshold_is_a_usage_error(text: str, capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for sizes in (True, False):

        def add(parser: argparse.ArgumentParser, sizes: bool = sizes) -> None:
            add_thresholds(parser, "", sizes)

        assert output_of(command(seen("thing-well"))._replace(add_options=add), capfd, tmp_path, "-w", text)[0] == 3


def test_a_prefix_in_the_configuration_that_is_no_command_line_is_refused(
    capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "c.toml").write_text('via = "\'"')
    status, output = output_of(command(seen("thing-well")), capfd, tmp_path, "--config", str(tmp_path / "c.toml"))
    assert status == 3 and output.startswith("THING UNKNOWN - ")


def test_the_configuration_overrides_severities_of_this_check_and_ignores_those_of_others(
    capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "c.toml").write_text("[severity]\nthing-worn = 'ok'\ncarp-demoted = 'ok'\n")
    assert output_of(command(seen("thing-worn")), capfd, tmp_path, "--config", str(tmp_path / "c.toml"))[0] == 0


def test_help_shows_every_row_and_the_performance_data(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    status, output = output_of(command(), capfd, tmp_path, "--help")
    assert status == 0
    for row in TABLE:
        assert f"  {row.severity.name:<9}{row.reason}\n           {row.when}: {row.means}\n" in output
    assert "thing_load" in output
    assert specification(command()) in parser(command()).format_help()


HANGING = """
import sys, time
sys.path.insert(0, sys.argv[1])
from checks.plugin.command import CheckCommand
from checks.plugin.finding import CRITICAL, Row, Table
from checks.plugin.judging import Judge
from checks.plugin.resource import ProbedResource
TABLE = Table(Row("thing-broken", CRITICAL, "", ""))
class Thing(ProbedResource):
    subject = "thing"
    def read(self):
        if "-v" in sys.argv:
            yield self.metric("thing", "seen before")
        time.sleep(60)
def parts(session):
    return Judge("thing", TABLE, lambda text: [("thing-broken", text)]), Thing()
sys.exit(CheckCommand("check_thing", "THING", "", TABLE, (), parts).main(sys.argv[2:]))
"""


@pytest.mark.slow
@pytest.mark.parametrize("words", [[], ["--json"]])
def test_whatever_hangs_the_whole_check_ends_in_its_time(words: list[str], tmp_path: Path) -> None:
    root = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
    started = time.monotonic()
    ended = subprocess.run(
        [sys.executable, "-c", HANGING, root, "-t", "1", "--state-dir", str(tmp_path / "state"), *words],
        capture_output=True, text=True, timeout=ENDS, check=False,
    )  # fmt: skip
    assert time.monotonic() - started < ENDS / 2
    assert ended.returncode == 3 and ended.stderr == ""
    assert "timed out after 1 s" in ended.stdout and "[check-timeout]" in ended.stdout


def test_a_refused_check_leaves_no_watchdog_behind(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert output_of(command(ConfigError("usage: no")), capfd, tmp_path) == (3, "THING UNKNOWN - usage: no\n")
    watchdogs = [thread for thread in threading.enumerate() if isinstance(thread, threading.Timer)]
    assert all(watchdog.finished.is_set() for watchdog in watchdogs)


@pytest.mark.slow
@pytest.mark.skipif(not os.path.exists("/proc/self"), reason="looks for the child in /proc")
@pytest.mark.parametrize("signal_number", [signal.SIGTERM, signal.SIGINT])
def test_a_check_that_is_ended_ends_what_it_runs(signal_number: int, tmp_path: Path) -> None:
    note = tmp_path / "pid"
    (tmp_path / "way").write_text(f"import os, time; open({str(note)!r}, 'w').write(str(os.getpid())); time.sleep(60)")
    via = f"{sys.executable} -I -S {tmp_path / 'way'}"
    check = [str(Path(sys.executable).with_name("check_carp")), "-t", "60", "--via", via, "--state-dir", str(tmp_path)]
    with subprocess.Popen(check, stdout=subprocess.PIPE, text=True) as process:
        assert awaited(lambda: note.exists() and note.read_text())
        process.send_signal(signal_number)
        output = process.communicate(timeout=ENDS)[0]
    assert process.returncode == 3 and "interrupted" in output
    assert not os.path.exists(f"/proc/{note.read_text()}")


@pytest.mark.slow
def test_what_was_found_before_the_time_was_over_is_said(tmp_path: Path) -> None:
    root = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
    ended = subprocess.run(
        [sys.executable, "-c", HANGING, root, "-t", "1", "--state-dir", str(tmp_path / "state"), "-v"],
        capture_output=True, text=True, timeout=ENDS, check=False,
    )  # fmt: skip
    assert ended.returncode == 2
    assert ended.stdout.startswith(
        "THING CRITICAL - thing: seen before [thing-broken], check_thing: timed out after 1 s"
    )


@pytest.mark.slow
def test_a_command_that_hangs_leaves_time_for_the_others(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    from checks.hast import CHECK

    (tmp_path / "way").write_text("import sys, time\nif 'hastctl' in sys.argv[-1]: time.sleep(60)\nprint('nfs001')")
    words = ["--via", f"{sys.executable} -I -S {tmp_path / 'way'}", "-r", "home", "--role", "any", "-t", "2"]
    status, output = output_of(CHECK, capfd, tmp_path, *words)
    assert status == 2
    assert output.startswith("HAST CRITICAL - home on nfs001: `hastctl list home` timed out after ") or (
        "`" in output and "timed out after" in output and "[hastctl-hangs]" in output
    )


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full, a device that is always full")
def test_an_output_that_cannot_be_written_is_no_ok(tmp_path: Path) -> None:
    script = Path(sys.executable).with_name("check_hast")
    with open("/dev/full", "w") as full:
        ended = subprocess.run([script, "--nonsense"], stdout=full, stderr=subprocess.PIPE, timeout=ENDS, check=False)
    assert ended.returncode == 3 and ended.stderr == b""
