"""Each reason that is not OK has a runbook that can be followed at night; `test_actions` has its action."""

import re
from pathlib import Path

import pytest

from checks.plugin.finding import Severity
from checks.registry import REGISTRY

RUNBOOKS = Path(__file__).resolve().parent.parent / "docs" / "runbooks"
SECTIONS = ["What you see", "What it means", "What to do", "How to see that it helped"]
ROWS = {row.reason: row for check in REGISTRY for row in check.load().table if row.severity is not Severity.OK}


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


def test_every_runbook_is_of_a_reason() -> None:
    assert {path.stem for path in RUNBOOKS.glob("*.md")} - {"index", "README"} <= set(ROWS)
