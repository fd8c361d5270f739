"""What any plugin may print, and what is taken from it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remediate.monitoring.result import CheckResult, ObjectNames, check, measured, named, parsed, plugin
from remediate.timing import Timing


def run(tmp_path: Path, script: str, seconds: float = 30.0) -> CheckResult:
    path = tmp_path / "check_thing"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return check((str(path), "-r", "home"), ObjectNames("nfs001", "thing"), seconds, 0.0, Timing())


@pytest.mark.parametrize(
    ("text", "says", "longer", "perfdata"),
    [
        ("OK - well", "OK - well", "", ()),
        ("OK - well | a=1;2;3;0;10 'b c'=5%", "OK - well", "", ("a=1;2;3;0;10", "'b c'=5%")),
        ("OK | a=1\nline 1\nline 2 | b=2\nc=3s", "OK", "line 1\nline 2", ("a=1", "b=2", "c=3s")),
        ("OK\n\n", "OK", "", ()),
        ("", "(no text)", "", ()),
        ("| a=1", "(no text)", "", ("a=1",)),
        ("OK \x1b[31mred\x07\tend", "OK \\x1b[31mred\\x07 end", "", ()),
        (
            "OK | 'it''s'=1;;~:5 x=U;1 broken= =2 no y=1.5e-3c;@1:2",
            "OK",
            "",
            ("'it''s'=1;;~:5", "x=U;1", "y=1.5e-3c;@1:2"),
        ),
        ("OK | a=1;;;;", "OK", "", ("a=1",)),
    ],
)
def test_the_output_of_a_plugin_is_taken_apart(text: str, says: str, longer: str, perfdata: tuple[str, ...]) -> None:
    assert parsed(text) == (says, longer, perfdata)


@pytest.mark.slow
@settings(deadline=None, max_examples=300)
@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=300))
def test_no_output_can_smuggle_anything_in(text: str) -> None:
    first, longer, perfdata = parsed(text)
    assert first and first.isprintable()
    assert all(line.isprintable() for line in longer.split("\n"))
    assert "|" not in first + longer
    assert all(item.isprintable() and "=" in item for item in perfdata)


def test_output_is_bounded() -> None:
    first, longer, perfdata = parsed("x" * 5000 + "|" + " ".join(f"a{n}=1" for n in range(500)) + "\n" + "y\n" * 500)
    assert (len(first), longer.count("\n"), len(perfdata)) == (2000, 100, 200)
    assert longer.endswith("and 400 more lines")


def test_output_made_to_take_long_does_not() -> None:
    assert parsed("OK |" + "'" * 60_000)[2] == ()
    assert parsed("OK |" + "a" * 60_000)[2] == ()
    assert parsed("OK |" + "' " * 30_000)[2] == ()


def test_numbers_are_read_out_of_performance_data() -> None:
    assert measured(("a=1;2;3", "'it''s b'=-2.5%", "x=U", "y=1.2.3", "z=4e3B")) == (
        ("a", 1.0, ""), ("it's b", -2.5, "%"), ("z", 4000.0, "B"),
    )  # fmt: skip


def test_a_plugin_that_speaks_is_taken_at_its_word(tmp_path: Path) -> None:
    result = run(tmp_path, "echo 'THING CRITICAL - bad [thing-bad] | n=1'; exit 2")
    assert (result.status, result.output, result.perfdata) == (2, "THING CRITICAL - bad [thing-bad]", ("n=1",))
    assert (result.host, result.service, result.command, result.reason) == (
        "nfs001",
        "thing",
        "check_thing",
        "thing-bad",
    )
    assert 0 <= result.ended - result.started < 30
    assert result.started == round(result.started, 3)


@pytest.mark.parametrize(
    ("script", "says"),
    [
        ("echo what; exit 4", "UNKNOWN - the check ended with status 4: what"),
        ("echo what; exit 127", "UNKNOWN - the check ended with status 127: what"),
        ("kill -9 $$", "UNKNOWN - the check ended with SIGKILL: no output: no message"),
        ("exit 3", "no output: no message"),
        ("echo sorry >&2; exit 3", "no output: sorry"),
    ],
)
def test_what_no_plugin_ends_with_is_unknown(tmp_path: Path, script: str, says: str) -> None:
    result = run(tmp_path, script)
    assert (result.status, result.output) == (3, says)


def test_a_check_that_hangs_is_killed_and_unknown(tmp_path: Path) -> None:
    result = run(tmp_path, "exec sleep 600", 0.2)
    assert result.status == 3
    assert "timed out after" in result.output


def test_a_check_that_is_not_there_is_unknown() -> None:
    result = check(("/nowhere/check_thing",), ObjectNames("a", "b"), 5, 0, Timing())
    assert (result.status, result.output) == (
        3, "UNKNOWN - the check was not run to its end: /nowhere/check_thing: not found",
    )  # fmt: skip


def test_a_check_that_prints_without_end_is_unknown(tmp_path: Path) -> None:
    assert "more than 1048576 bytes" in run(tmp_path, "yes").output


def test_our_own_checks_are_found_beside_this_python() -> None:
    assert plugin("check_hast") == str(Path(sys.executable).with_name("check_hast"))
    assert plugin("check_nowhere") == "check_nowhere"


def test_a_service_is_named_by_its_command_line_its_check_or_itself() -> None:
    services = {"check_hast": "hast", "check_hast -r mail": "hast of the mail"}
    assert named(("check_hast", "-r", "mail"), "n", services) == ("n", "hast of the mail")
    assert named(("/opt/check_hast", "-r", "home"), "n", services) == ("n", "hast")
    assert named(("/opt/check_devd",), "n", services).service == "check_devd"


def test_a_result_is_over_when_its_time_is() -> None:
    result = parsed_at(1000.0)
    assert not result.is_over(1e12)
    assert not result._replace(ttl=60.0).is_over(1060.0)
    assert result._replace(ttl=60.0).is_over(1060.1)


def parsed_at(ended: float) -> CheckResult:
    return CheckResult("h", "s", "c", 0, "o", "", (), ended, ended, "h")
