"""The text file for Prometheus, held against its own parser."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from remediate.monitoring.result import CheckResult, measured, parsed
from remediate.monitoring.textfile import exposition, write
from tests.monitoring.submitter import Submitter, a_result

BAD = a_result(
    status=2,
    output="HAST CRITICAL - home: bad [hast-degraded]; x [hast-dirty]",
    perfdata=("dirty=5B;1;2", "'a b'=0.5%"),
)
WHOSE = {"check": "check_thing", "host": "nfs001", "service": "check_thing"}


def samples(text: str) -> list[tuple[str, dict[str, str], float]]:
    return [
        (sample.name, sample.labels, sample.value)
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    ]


def test_state_reason_numbers_and_time_are_told() -> None:
    assert samples(exposition(BAD)) == [
        ("hastwatch_state", {**WHOSE, "reason": "hast-degraded"}, 2.0),
        ("hastwatch_metric", {**WHOSE, "name": "dirty", "unit": "B"}, 5.0),
        ("hastwatch_metric", {**WHOSE, "name": "a b", "unit": "%"}, 0.5),
        ("hastwatch_last_run", WHOSE, 1.8e9 + 0.25),
    ]


def test_every_family_has_help_and_type() -> None:
    families = {family.name: (family.type, bool(family.documentation)) for family in
             text_string_to_metric_families(exposition(BAD))}  # fmt: skip
    names = ("hastwatch_state", "hastwatch_metric", "hastwatch_last_run")
    assert families == {name: ("gauge", True) for name in names}


@pytest.mark.slow
@settings(deadline=None, max_examples=200)
@given(st.text(max_size=200), st.text(max_size=200), st.text(min_size=1, max_size=20))
def test_whatever_a_check_says_can_be_parsed(text: str, service: str, label: str) -> None:
    output, longer, perfdata = parsed(f"{text} | '{label}'=1s")
    result = CheckResult("h\\", service, "check", 1, output, longer, perfdata, 1.0, 2.0, "h")
    metrics = samples(exposition(result))
    assert metrics[0][1]["service"] == service
    assert len(metrics) == 2 + len({(each.label, each.unit) for each in measured(perfdata)})


def test_a_number_told_twice_is_one_series() -> None:
    assert len(samples(exposition(a_result(perfdata=("a=1", "a=2"))))) == 3


def test_the_file_is_replaced_at_once_and_everybody_may_read_it(tmp_path: Path) -> None:
    path = tmp_path / "thing.prom"
    path.write_text("old")
    old = path.stat().st_ino
    umask = os.umask(0o077)
    try:
        write(str(path), BAD)
    finally:
        os.umask(umask)
    assert path.read_text() == exposition(BAD)
    assert (path.stat().st_mode & 0o777, path.stat().st_ino != old) == (0o644, True)
    assert os.listdir(tmp_path) == ["thing.prom"]


def test_what_another_user_has_put_into_the_directory_is_not_written_to(tmp_path: Path) -> None:
    (tmp_path / "passwd").write_text("root's own")
    (tmp_path / "collector").mkdir()
    path = tmp_path / "collector" / "thing.prom"
    for foreseen in (path, path.with_name(f".thing.prom.{os.getpid()}"), path.with_name(".thing.prom")):
        os.link(tmp_path / "passwd", foreseen)
    write(str(path), BAD)
    assert path.read_text() == exposition(BAD)
    assert (tmp_path / "passwd").read_text() == "root's own"


def test_a_directory_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError):
        write(str(tmp_path / "no" / "thing.prom"), BAD)


def test_without_a_server_the_file_is_all_that_is_written(tmp_path: Path) -> None:
    place = Submitter(tmp_path)
    place.config.write_text("")
    place.plugin_says("THING WARNING - hm [thing-odd] | n=3\n", 1)
    done = place.submit("--textfile", str(tmp_path / "thing.prom"), "--host", "nfs001", "--service", "the thing")
    assert (done.returncode, done.stderr) == (0, "")
    metrics = samples((tmp_path / "thing.prom").read_text())
    assert metrics[0] == (
        "hastwatch_state",
        {"check": "check_thing", "host": "nfs001", "service": "the thing", "reason": "thing-odd"},
        1.0,
    )


def test_a_full_disk_leaves_the_old_file_and_is_said(tmp_path: Path) -> None:
    place = Submitter(tmp_path)
    place.config.write_text("")
    (tmp_path / "thing.prom").write_text("old\n")
    done = place.submit("--textfile", str(tmp_path / "thing.prom"), largest_file=0)
    assert (done.returncode, done.stderr) == (73, f"hastwatch submit: {tmp_path}/thing.prom: File too large\n")
    assert (tmp_path / "thing.prom").read_text() == "old\n"
    assert not [name for name in os.listdir(tmp_path) if name.startswith(".thing")]
