"""Dashboards and graph templates show numbers that the checks have, and every one of them."""

from __future__ import annotations

import configparser
import json
import re
from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest

from checks.registry import COMBINED
from remediate.contrib.definitions import definitions
from remediate.monitoring.metrics import METRICS, MetricFamily
from tests.contrib.perfdata import documented
from tests.state.child import ROOT

BOARD: dict[str, Any] = json.loads((ROOT / "contrib" / "grafana" / "hastwatch-prometheus.json").read_text())
PANELS: list[dict[str, Any]] = [panel for panel in BOARD["panels"] if panel["type"] != "row"]
EXPRESSIONS: list[str] = [target["expr"] for panel in PANELS for target in panel["targets"]]
RULES = ROOT / "contrib" / "prometheus" / "hastwatch.rules.yml"
EVERY_LABEL = {label for metric in METRICS for label in metric.labels} | {"pair", "instance"}
NOT_THERE = object()
TEMPLATES = ROOT / "contrib" / "icingaweb2" / "graphite"
CHECKS = [each.name for each in definitions() if each.name not in COMBINED]
DRAWN = [name for name in CHECKS if documented().get(name)]
"""The checks that have numbers."""
SECTIONS = ("graph", "metrics_filters", "urlparams", "functions")
"""Those of a template (icingaweb2-module-graphite, Templates.php); the first two are needed."""
METRIC = re.compile(r'\$service_name_template\$\.perfdata\.(.+)\.value"?')

# --- Grafana -------------------------------------------------------------------------------------------------


def asked() -> set[str]:
    """The metrics that the dashboard asks for."""
    return {name for expression in EXPRESSIONS for name in re.findall(r"hastwatch[_:]\w+", expression)}


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_every_metric_is_on_a_panel(metric: MetricFamily) -> None:
    assert metric.name in asked()


def test_panels_ask_for_what_the_textfile_and_the_rules_have() -> None:
    recorded = set(re.findall(r"record: (\S+)", RULES.read_text()))
    assert asked() <= {metric.name for metric in METRICS} | recorded


def test_panels_show_and_choose_by_labels_that_their_metrics_have() -> None:
    labels = {metric.name: {*metric.labels, "pair", "instance"} for metric in METRICS}
    for target in (target for panel in PANELS for target in panel["targets"]):
        names = [name for name in re.findall(r"hastwatch_\w+", target["expr"])]
        had = set().union(*(labels[name] for name in names)) if names else set(EVERY_LABEL)
        used = re.findall(r'[{,](\w+)=~?"', target["expr"]) + re.findall(r"\{\{(\w+)\}\}", target["legendFormat"])
        assert set(used) <= had, target["expr"]


def lost(ours: object, theirs: object, path: str = "") -> Iterator[str]:
    """What of a value is not in another one that was made of it."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for key, value in ours.items():
            yield from lost(value, theirs.get(key, NOT_THERE), f"{path}/{key}")
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for number, (one, other) in enumerate(zip(ours, theirs, strict=True)):
            yield from lost(one, other, f"{path}/{number}")
    elif ours != theirs:
        yield path


def through_grafanas_classes(board: dict[str, Any]) -> dict[str, Any]:
    """The dashboard as the classes generated from Grafana's own schema (its Foundation SDK) have it."""
    from grafana_foundation_sdk.cog.encoder import JSONEncoder
    from grafana_foundation_sdk.cog.plugins import register_default_plugins
    from grafana_foundation_sdk.models.dashboard import Dashboard

    register_default_plugins()
    dashboard = Dashboard.from_json(board)
    written: dict[str, Any] = json.loads(JSONEncoder().encode(dashboard))
    return written


def test_grafanas_schema_knows_all_that_the_dashboard_has() -> None:
    of_the_data_source = {"titleFormat", "textFormat", "useValueForTime", "step"}
    paths = list(lost(BOARD, through_grafanas_classes(BOARD)))
    assert [path for path in paths if path.rpartition("/")[2] not in of_the_data_source] == []
    odd = {**BOARD, "pannels": [], "panels": [{**BOARD["panels"][1], "legend": 1, "options": {"graphMood": "none"}}]}
    assert set(lost(odd, through_grafanas_classes(odd))) >= {
        "/pannels",
        "/panels/0/legend",
        "/panels/0/options/graphMood",
    }


def test_the_dashboard_is_one_that_grafana_takes() -> None:
    assert {"uid", "title", "schemaVersion", "templating", "panels", "time"} <= set(BOARD)
    numbers = [panel["id"] for panel in BOARD["panels"]]
    assert len(set(numbers)) == len(numbers)
    for panel in PANELS:
        assert {"type", "title", "gridPos", "datasource", "fieldConfig", "options", "targets"} <= set(panel)
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
    variables = {each["name"] for each in BOARD["templating"]["list"]}
    assert set(re.findall(r"\$\{?(\w+)", json.dumps(PANELS))) == {*variables, "__range"}


def test_no_panel_lies_upon_another_one() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in BOARD["panels"]:
        place = panel["gridPos"]
        cells = set(product(range(place["x"], place["x"] + place["w"]), range(place["y"], place["y"] + place["h"])))
        assert place["x"] + place["w"] <= 24
        assert not cells & taken, panel["title"]
        taken |= cells


# --- Icinga Web ----------------------------------------------------------------------------------------------


def template(check: str) -> configparser.ConfigParser:
    """The templates of a check; a section or key that comes twice is an error."""
    template = configparser.ConfigParser(interpolation=None)
    template.read_string((TEMPLATES / f"{check}.ini").read_text())
    return template


def labels(check: str) -> Iterator[str]:
    """The labels that the templates of a check draw, as patterns. Icinga writes what is not of a name as `_`."""
    parser = template(check)
    for section in parser.sections():
        if section.endswith(".metrics_filters"):
            for path in parser[section].values():
                match = METRIC.fullmatch(path.strip('"'))
                assert match, path
                yield re.sub(r"\$\w+\$", ".+", match[1])


def as_graphite(label: str) -> str:
    """A label as Icinga's GraphiteWriter escapes it."""
    return re.sub(r"[ ./\\]", "_", label)


@pytest.mark.parametrize("check", DRAWN)
def test_a_graph_draws_numbers_that_the_check_has_and_every_one_of_them(check: str) -> None:
    there = {as_graphite(label) for label in documented()[check]}
    drawn = list(labels(check))
    assert not [pattern for pattern in drawn if not any(re.fullmatch(pattern, label) for label in there)]
    assert not [label for label in there if not any(re.fullmatch(pattern, label) for pattern in drawn)]


@pytest.mark.parametrize("check", DRAWN)
def test_a_template_is_one_that_icinga_web_takes(check: str) -> None:
    parser = template(check)
    names = {section.rpartition(".")[0] for section in parser.sections()}
    assert {section.rpartition(".")[2] for section in parser.sections()} == set(SECTIONS)
    for name in names:
        graph, filters, _, functions = (parser[f"{name}.{part}"] for part in SECTIONS)
        assert dict(graph) == {"check_command": f'"{check.removeprefix("check_")}"'}
        assert set(functions) == set(filters)
        assert all(re.findall(r"\$\w+\$", each) == ["$metric$"] for each in functions.values())
        macros = [tuple(re.findall(r"\$\w+\$", each)) for each in filters.values()]
        assert len(set(macros)) == 1  # curves of one graph are found by the same macros


def test_there_is_a_file_for_every_check_and_no_name_comes_twice() -> None:
    assert {path.stem for path in TEMPLATES.glob("*.ini")} == set(DRAWN)
    sections = [section for check in DRAWN for section in template(check).sections()]
    assert len(sections) == len(set(sections))
