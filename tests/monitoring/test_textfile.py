"""The text file for Prometheus, held against its own parser."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from remediate.monitoring.metrics import CHECK_STATE, of_result
from remediate.monitoring.result import CheckResult, measured, parsed
from remediate.monitoring.textfile import exposition, write
from tests.monitoring.submitter import Submitter, a_result

BAD = a_result(
    service="check_hast",
    command="check_hast",
    status=2,
    output="HAST CRITICAL - home: bad [hast-degraded]; x [hast-dirty]",
    perfdata=("home_dirty=5B;1;2", "home_reads=7c", "'a b'=0.5%"),
)
FOUND = list(of_result(BAD))
WHOSE = {"node": "nfs001", "check": "check_hast"}


def samples(text: str) -> list[tuple[str, dict[str, str], float]]:
    return [
        (sample.name, sample.labels, sample.value)
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    ]


def test_state_reason_times_and_numbers_are_told() -> None:
    assert samples(exposition(FOUND)) == [
        ("hastwatch_check_state", WHOSE, 2.0),
        ("hastwatch_check_reason_info", {**WHOSE, "reason": "hast-degraded"}, 1.0),
        ("hastwatch_last_run_timestamp_seconds", WHOSE, 1.8e9 + 0.25),
        ("hastwatch_check_duration_seconds", WHOSE, 0.25),
        ("hastwatch_hast_dirty_bytes", {"node": "nfs001", "resource": "home"}, 5.0),
        ("hastwatch_hast_requests_total", {"node": "nfs001", "resource": "home", "operation": "read"}, 7.0),
    ]


def test_a_new_reason_is_no_new_series_of_the_state() -> None:
    other = of_result(BAD._replace(output="HAST CRITICAL - home: worse [hast-error]"))
    states = [{each.labels for each in found if each.metric is CHECK_STATE} for found in (FOUND, list(other))]
    assert states[0] == states[1]


def test_every_family_has_its_help_and_type() -> None:
    families = list(text_string_to_metric_families(exposition(FOUND)))
    assert [(family.name, family.type) for family in families] == [
        ("hastwatch_check_state", "gauge"),
        ("hastwatch_check_reason_info", "gauge"),
        ("hastwatch_last_run_timestamp_seconds", "gauge"),
        ("hastwatch_check_duration_seconds", "gauge"),
        ("hastwatch_hast_dirty_bytes", "gauge"),
        ("hastwatch_hast_requests", "counter"),  # the parser's name of a counter is without `_total`
    ]
    assert all(family.documentation for family in families)


@pytest.mark.slow
@settings(deadline=None, max_examples=200)
@given(st.text(max_size=200), st.text(max_size=200), st.text(min_size=1, max_size=20))
def test_whatever_a_check_says_can_be_parsed(text: str, service: str, label: str) -> None:
    output, longer, perfdata = parsed(f"{text} | '{label}_dirty'=1B")
    result = CheckResult("h\\", service, "check_hast", 1, output, longer, perfdata, 1.0, 2.0, "h")
    found = samples(exposition(of_result(result)))
    assert found[0][1]["check"] == service
    assert len(found) == 4 + len(
        {each.label for each in measured(perfdata) if re.fullmatch("[^/].*_dirty", each.label)}
    )


def test_a_number_told_twice_is_one_series() -> None:
    twice = BAD._replace(perfdata=("home_dirty=1B", "home_dirty=2B"))
    assert samples(exposition(of_result(twice)))[4:] == [
        ("hastwatch_hast_dirty_bytes", {"node": "nfs001", "resource": "home"}, 1.0)
    ]


def test_the_file_is_replaced_at_once_and_everybody_may_read_it(tmp_path: Path) -> None:
    path = tmp_path / "thing.prom"
    path.write_text("old")
    old = path.stat().st_ino
    umask = os.umask(0o077)
    try:
        write(str(path), FOUND)
    finally:
        os.umask(umask)
    assert path.read_text() == exposition(FOUND)
    assert (path.stat().st_mode & 0o777, path.stat().st_ino != old) == (0o644, True)
    assert os.listdir(tmp_path) == ["thing.prom"]


def test_what_another_user_has_put_into_the_directory_is_not_written_to(tmp_path: Path) -> None:
    (tmp_path / "passwd").write_text("root's own")
    (tmp_path / "collector").mkdir()
    path = tmp_path / "collector" / "thing.prom"
    for foreseen in (path, path.with_name(f".thing.prom.{os.getpid()}"), path.with_name(".thing.prom")):
        os.link(tmp_path / "passwd", foreseen)
    write(str(path), FOUND)
    assert path.read_text() == exposition(FOUND)
    assert (tmp_path / "passwd").read_text() == "root's own"


def test_a_directory_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError):
        write(str(tmp_path / "no" / "thing.prom"), FOUND)


def test_without_a_server_the_file_is_all_that_is_written(tmp_path: Path) -> None:
    place = Submitter(tmp_path)
    place.config.write_text("")
    place.plugin_says("THING WARNING - hm [thing-odd] | n=3\n", 1)
    done = place.submit("--textfile", str(tmp_path / "thing.prom"), "--host", "nfs001", "--service", "the thing")
    assert (done.returncode, done.stderr) == (0, "")
    metrics = samples((tmp_path / "thing.prom").read_text())
    assert metrics[0] == (
        "hastwatch_check_state",
        {"node": "nfs001", "check": "the thing"},
        1.0,
    )
    assert (
        "hastwatch_check_reason_info",
        {"node": "nfs001", "check": "the thing", "reason": "thing-odd"},
        1.0,
    ) in metrics
    assert len(metrics) == 4  # nothing says what the numbers of a plugin are that is none of ours


def test_a_full_disk_leaves_the_old_file_and_is_said(tmp_path: Path) -> None:
    place = Submitter(tmp_path)
    place.config.write_text("")
    (tmp_path / "thing.prom").write_text("old\n")
    done = place.submit("--textfile", str(tmp_path / "thing.prom"), largest_file=0)
    assert (done.returncode, done.stderr) == (73, f"hastwatch submit: {tmp_path}/thing.prom: File too large\n")
    assert (tmp_path / "thing.prom").read_text() == "old\n"
    assert not [name for name in os.listdir(tmp_path) if name.startswith(".thing")]
