"""docs/security.md makes no claim without a test, and names no test that does not exist."""

from __future__ import annotations

import ast
import re
from functools import cache

import pytest

from tests.state.child import ROOT

PAGE = (ROOT / "docs" / "security.md").read_text()
CLAIMS = re.findall(r"(?ms)^- (.*?)(?=^- |^#|\n\n|\Z)", PAGE)
NAMED = re.findall(r"`(tests/\S+\.py)::(\w+)`", PAGE)


@cache
def _tests_of(path: str) -> frozenset[str]:
    """The names of the tests in a file, as pytest collects them."""
    file = ROOT / path
    if not file.is_file():
        return frozenset()
    functions = (node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.FunctionDef))
    return frozenset(node.name for node in functions if node.name.startswith("test_"))


def _first_words(claim: str) -> str:
    """The beginning of a claim, as the name of its test."""
    return " ".join(claim.split())[:60]


@pytest.mark.parametrize(("path", "name"), NAMED, ids=str)
def test_every_test_that_is_named_exists(path: str, name: str) -> None:
    assert name in _tests_of(path)


@pytest.mark.parametrize("claim", CLAIMS, ids=_first_words)
def test_every_claim_names_its_test(claim: str) -> None:
    assert re.search(r"`tests/\S+\.py::test_\w+`", claim)


def test_nothing_that_looks_like_the_name_of_a_test_is_overlooked() -> None:
    assert PAGE.count("::test_") == len(NAMED) > 0
    assert len(CLAIMS) == len(re.findall("(?m)^- ", PAGE)) > 0
