"""What is documented, and which finding of the audit is about it: the table of docs/notes/check_hast_setup.md."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from checks.setup.groups import GROUPS

NOTES = Path(__file__).resolve().parents[2] / "docs" / "notes" / "check_hast_setup.md"


def test_every_finding_is_about_something_that_is_documented_and_stands_there_once() -> None:
    table = [line for line in NOTES.read_text().splitlines() if line.startswith("| ") and "-" in line.split("|")[2]]
    named = Counter(reason for line in table for reason in re.findall(r"`([a-z0-9-]+-[a-z0-9-]+)`", line.split("|")[2]))
    assert named == Counter(row.reason for group in GROUPS for row in group.rows)
