"""Dashboards and graph templates show numbers that the checks have, and every one of them."""

from __future__ import annotations

import configparser
import json
import re
from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest

from remediate.contrib.definitions import definitions
from remediate.monitoring import textfile
from tests.contrib.perfdata import documented
from tests.state.child import ROOT

BOARD: dict[str, Any] = json.loads((ROOT / "contrib" / "grafana" / "hastwatch-prometheus.json").read_text())
PANELS: list[dict[str, Any]] = [panel for panel in BOARD["panels"] if panel["type"] != "row"]
EXPRESSIONS: list[str] = [target["expr"] for panel in PANELS for target in panel["targets"]]
TEMPLATES = ROOT / "contrib" / "icingaweb2" / "graphite"
CHECKS = [each.name for each in definitions()]
DRAWN = [name for name in CHECKS if documented().get(name)]
"""The checks that have numbers."""
SECTIONS = ("graph", "metrics_filters", "urlparams", "functions")
"""Those of a template (icingaweb2-module-graphite, Templates.php); the first two are needed."""
METRIC = re.compile(r'\$service_name_template\$\.perfdata\.(.+)\.value"?')

# --- Grafana -------------------------------------------------------------------------------------------------


def selected() -> Iterator[tuple[str, str]]:
    """Every check and label that an expression asks for, a choice of labels one by one."""
    for expression in EXPRESSIONS:
        for check, pattern in re.findall(r'check="(\w+)",host=~"\$host",name=~?"([^"]+)"', expression):
            parts = [part.strip("()").split("|") for part in re.findall(r"\([^)]*\)|[^()]+", pattern)]
            yield from ((check, "".join(chosen)) for chosen in product(*parts))


@pytest.mark.parametrize(("check", "pattern"), sorted(set(selected())))
def test_a_panel_asks_for_a_number_that_the_check_has(check: str, pattern: str) -> None:
    assert [label for label in documented()[check] if re.fullmatch(pattern, label)]


@pytest.mark.parametrize("check", CHECKS)
def test_every_number_of_a_check_is_on_a_panel(check: str) -> None:
    patterns = [pattern for of, pattern in selected() if of == check]
    assert not [label for label in documented()[check] if not any(re.fullmatch(each, label) for each in patterns)]


def test_panels_ask_for_what_the_textfile_has() -> None:
    families = {family for family, _ in textfile.FAMILIES}
    asked = {name for expression in EXPRESSIONS for name in re.findall(r"hastwatch_\w+", expression)}
    assert asked == families
    labels = {name for expression in EXPRESSIONS for name in re.findall(r'[{,](\w+)=~?"', expression)}
    assert labels <= {"check", "host", "service", "reason", "name", "unit"}


def test_the_dashboard_is_one_that_grafana_takes() -> None:
    assert {"uid", "title", "schemaVersion", "templating", "panels", "time"} <= set(BOARD)
    numbers = [panel["id"] for panel in BOARD["panels"]]
    assert len(set(numbers)) == len(numbers)
    for panel in PANELS:
        assert {"type", "title", "gridPos", "datasource", "fieldConfig", "options", "targets"} <= set(panel)
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
    variables = {each["name"] for each in BOARD["templating"]["list"]}
    assert set(re.findall(r"\$\{?(\w+)", json.dumps(PANELS))) == variables


def test_no_panel_lies_upon_another_one() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in BOARD["panels"]:
        place = panel["gridPos"]
        cells = set(product(range(place["x"], place["x"] + place["w"]), range(place["y"], place["y"] + place["h"])))
        assert place["x"] + place["w"] <= 24
        assert not cells & taken, panel["title"]
        taken |= cells


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_an_expressions_brackets_are_closed(expression: str) -> None:
    outside = re.sub(r'"[^"]*"', "", expression)
    for opens, closes in ("()", "{}", "[]"):
        assert outside.count(opens) == outside.count(closes)
    assert expression.count('"') % 2 == 0


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
