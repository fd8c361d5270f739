"""The table of Prometheus's names: every number of every check has one, and the names are as Prometheus wants them."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator

import pytest

from remediate.monitoring.metrics import METRICS, RULES, MetricFamily, MetricKind, Rule, Sample, of_number, of_result
from remediate.monitoring.result import Measurement, measured, perfdata_items
from remediate.monitoring.textfile import exposition
from tests.contrib.perfdata import documented
from tests.monitoring.submitter import a_result
from tests.state.child import ROOT

BASE_UNITS = {"s": "_seconds", "B": "_bytes", "%": "_ratio", "c": "_total"}
"""Of performance data, and how the name of a metric ends that has the unit."""
NO_BASE_UNIT = r"_(percent|milliseconds|ms|minutes|kilobytes|kb|mb|count|sum|bucket)$"


def recorded() -> dict[str, set[Measurement]]:
    """Every number that a check has printed for a recording, by check."""
    numbers: dict[str, set[Measurement]] = {}
    for path in sorted((ROOT / "tests" / "recordings").glob("*/*.expected")):
        for block in re.split(r"(?m)^\$ ", path.read_text()):
            check = block.partition(" ")[0].partition("\n")[0]
            data = " ".join(re.findall(r"(?m)\| (.*)$", block)).replace("=Ns", "=0.1s")
            numbers.setdefault(check, set()).update(measured(perfdata_items(data)))
    return numbers


def of_documented() -> Iterator[tuple[str, str]]:
    for check, labels in documented().items():
        yield from ((check, label) for label in labels)


@pytest.mark.parametrize(("check", "label"), sorted(of_documented()))
def test_every_number_that_a_check_documents_has_a_name(check: str, label: str) -> None:
    units = {rule.unit for rule in RULES if re.fullmatch(rule.label, label)}
    found = [sample for unit in units for sample in of_number(Measurement(label, 1.0, unit), "nfs001")]
    assert found
    assert all(found[0].labels)


def test_every_number_that_a_check_has_printed_has_a_name_and_no_two_have_the_same() -> None:
    numbers = recorded()
    assert len(numbers) >= 6
    for check, measurements in numbers.items():
        for number in measurements:
            assert len(list(of_number(number, "nfs001"))) == 1, f"{check}: {number}"
    labels = {number.label: number.unit for each in numbers.values() for number in each}
    series = [sample[:2] for label, unit in labels.items() for sample in of_number(Measurement(label, 1.0, unit), "n")]
    assert len(set(series)) == len(series)


def test_the_numbers_of_every_check_are_told() -> None:
    for check, label in of_documented():
        unit = next(rule.unit for rule in RULES if re.fullmatch(rule.label, label))
        result = a_result(service=check, command=check, perfdata=(f"'{label}'=1{unit}",))
        assert len(list(of_result(result))) == 5, label
        together = result._replace(command="check_hast_pair", perfdata=(f"'{check}::{label}'=1{unit}",))
        assert list(of_result(together))[4:] == list(of_result(result))[4:]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.label)
def test_a_name_ends_with_the_base_unit_of_its_number(rule: Rule) -> None:
    assert rule.metric.name.endswith(BASE_UNITS.get(rule.unit, ""))
    assert rule.scale == (0.01 if rule.unit == "%" else 1.0)


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_a_counter_and_nothing_else_is_a_total(metric: MetricFamily) -> None:
    assert (metric.kind is MetricKind.COUNTER) == metric.name.endswith("_total")
    assert not re.search(NO_BASE_UNIT, metric.name)


@pytest.mark.parametrize(
    ("label", "unit", "name", "labels"),
    [
        ("a_b_nfs-1_well", "", "hastwatch_carp_hast_well", ("nfs-1", "a_b")),
        ("x_queue_y_queue_send", "", "hastwatch_hast_queue_requests", ("n", "x_queue_y", "send")),
        ("/hast/home_available", "B", "hastwatch_nfs_available_bytes", ("n", "/hast/home")),
        ("home_available", "B", "hastwatch_mount_available_bytes", ("n", "home")),
        ("read_errors_read_errors", "c", "hastwatch_hast_errors_total", ("n", "read_errors", "read")),
    ],
)
def test_a_resource_may_be_called_like_a_part_of_a_label(
    label: str, unit: str, name: str, labels: tuple[str, ...]
) -> None:
    (sample,) = of_number(Measurement(label, 1.0, unit), "n")
    assert (sample.metric.name, sample.labels) == (name, labels)


def test_per_cent_become_a_ratio_of_one() -> None:
    (sample,) = of_number(Measurement("home_used", 1.8, "%"), "n")
    assert sample.value == 0.018


def test_no_metric_is_there_twice_and_each_can_come() -> None:
    assert len({metric.name for metric in METRICS}) == len(METRICS)
    assert {rule.metric for rule in RULES} <= set(METRICS)


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed (Debian: prometheus)")
def test_promtool_finds_nothing_wrong_with_any_metric() -> None:
    text = exposition([Sample(metric, tuple("x" for _ in metric.labels), 1.0) for metric in METRICS])
    done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    wrong = text.replace("hastwatch_repairs_total", "hastwatch_repairs")
    assert subprocess.run(["promtool", "check", "metrics"], input=wrong, capture_output=True, text=True).returncode != 0
