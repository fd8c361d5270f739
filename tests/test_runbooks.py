"""Each reason has a runbook that can be followed at night, and its row an action."""

import re
from pathlib import Path

import pytest

from checks.plugin.finding import Row, Severity
from checks.registry import REGISTRY

RUNBOOKS = Path(__file__).resolve().parent.parent / "docs" / "runbooks"
SECTIONS = ["What you see", "What it means", "What to do", "How to see that it helped"]
ROWS = {row.reason: row for check in REGISTRY for row in check.load().table if row.severity is not Severity.OK}


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_a_reason_has_an_action_that_fits_a_line(row: Row) -> None:
    assert 0 < len(row.action) <= 120 and "\n" not in row.action
    assert re.sub(r"\{(node|peer|resource)\}", "", row.action).count("{") == 0


@pytest.mark.parametrize("reason", ROWS)
def test_a_reason_has_a_runbook_with_an_example_of_it(reason: str) -> None:
    text = (RUNBOOKS / f"{reason}.md").read_text()
    assert text.startswith(f"# {reason}\n")
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == SECTIONS
    assert f"[{reason}]" in text.split("## ")[1]
    assert 10 <= len(text.splitlines()) <= 45


@pytest.mark.parametrize("page", sorted(RUNBOOKS.glob("*.md")), ids=lambda page: page.stem)
def test_a_runbook_leads_on_to_runbooks_that_exist(page: Path) -> None:
    for reason in re.findall(r"hastwatch explain ([a-z][a-z0-9-]+)", page.read_text()):
        assert any(reason in check.load().table for check in REGISTRY), reason
