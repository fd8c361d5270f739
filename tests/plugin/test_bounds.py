"""Whatever is found, an engine reads all of the line: it is bounded, and no item of it is cut."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.plugin.finding import CRITICAL, Finding, Row, Table
from checks.plugin.nagios import Metric
from checks.plugin.output import ACTION, LINE, LONG_LINES, MOST_STEPS, Report, as_json, long_lines, status_line
from checks.plugin.text import LONGEST
from tests.plugin.sample_check import number, report

NAGIOS = 8192
"""Bytes that Nagios reads of a plugin (MAX_PLUGIN_OUTPUT_LENGTH)."""
ITEM = r"('[^']+'|\w+)=-?[0-9.e+-]+(B|s|c|%)?(;[^ ;]*){0,4}"
TEXTS = st.text(max_size=9) | st.sampled_from(["x" * 255, "ä" * 5000, "\n" * 2000, "|" * 900, "\U0001f4a9" * 400])
VALUES = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
NUMBERS = st.builds(lambda name, value: number(f"x{name}", value, "B"), TEXTS, VALUES)


TABLE = Table(Row("peer-differs", CRITICAL, "", "clients hang", "mend {resource} on {node}"))


def report_of(findings: list[Finding], numbers: list[Metric]) -> Report:
    """What a check has to say."""
    return report(TABLE, findings, numbers)


def finding(subject: str, text: str) -> Finding:
    """A finding with this text from outside."""
    return TABLE.finding("peer-differs", subject, text)


@pytest.mark.slow
@given(st.lists(st.builds(finding, TEXTS, TEXTS), max_size=12), st.lists(NUMBERS, max_size=80))
def test_a_line_is_never_longer_than_an_engine_reads(findings: list[Finding], numbers: list[Metric]) -> None:
    line = status_line(report_of(findings, numbers))
    assert len(line.encode("utf-8", "backslashreplace")) <= LINE < NAGIOS and "\n" not in line
    _, bar, items = line.partition(" | ")
    assert not bar or re.fullmatch(f"{ITEM}( {ITEM})*", items)


def test_numbers_that_do_not_fit_are_counted_and_no_item_is_cut() -> None:
    numbers = [number(f"{'n' * 250}{count}_dirty", count, "B") for count in range(100)]
    line = status_line(report_of([finding("home", "x")], numbers))
    shown = len(re.findall(r"_dirty", line))
    assert 0 < shown < 100 and f"(and {100 - shown} more numbers) | " in line
    assert line.endswith(f"n{shown - 1}_dirty'={shown - 1}B") or line.endswith(f"n{shown - 1}_dirty={shown - 1}B")
    assert len(json.loads(as_json(report_of([], numbers)))["metrics"]) == 100


def test_a_few_numbers_are_all_there() -> None:
    numbers = [number(f"home{count}_dirty", count, "B") for count in range(200)]
    assert len(re.findall(r"_dirty", status_line(report_of([finding("home", "x")], numbers)))) == 200


def test_further_lines_are_bounded_and_the_rest_is_counted() -> None:
    lines = long_lines(report_of([finding(str(number), "x") for number in range(LONG_LINES)], []), 2)
    assert len(lines) == LONG_LINES + 1 and lines[-1] == f"and {2 * LONG_LINES} more lines"


def test_what_to_do_next_is_said_of_the_first_findings_and_the_others_are_counted() -> None:
    findings = [finding(f"home{number} on nfs001", "x") for number in range(MOST_STEPS + 3)]
    lines = long_lines(report_of(findings, []), 0)
    assert lines[:2] == ["  -> mend home0 on the node", "     see: hastwatch explain peer-differs"]
    assert lines[2:4] == ["CRITICAL: home1 on nfs001: x - clients hang [peer-differs]", "  -> mend home1 on the node"]
    assert len(lines) == 3 * MOST_STEPS and lines[-1] == "and 3 more (-v)"


@given(st.lists(st.builds(finding, TEXTS.map("{} on nfs001".format), TEXTS), max_size=4), st.integers(0, 1))
def test_nothing_from_outside_breaks_a_further_line(findings: list[Finding], verbosity: int) -> None:
    lines = long_lines(report_of(findings, []), verbosity)
    assert all(line.isprintable() and "|" not in line and len(line) < max(2 * LONGEST, ACTION) + 200 for line in lines)


def test_an_endless_text_does_not_fill_the_json_object() -> None:
    text = as_json(report_of([finding("s" * 10**6, "t" * 10**6)], []))
    assert len(text) < 30_000 and json.loads(text)["findings"][0]["reason"] == "peer-differs"
