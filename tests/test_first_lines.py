"""The first lines of all recordings: as short as a phone shows, as far as that is possible."""

from __future__ import annotations

import re

from checks.plugin.finding import REASON
from checks.plugin.first_line import LONGEST
from tests.expected import expected_file, nodes, read

LONGER = 27
"""How many may be longer; it may only get smaller."""
LINES = {
    f"{node.parent.name}/{node.name}: {block.command}": block.output.partition("\n")[0].partition(" | ")[0]
    for node in nodes()
    for block in read(expected_file(node))
}


def test_few_first_lines_are_longer_than_a_phone_shows() -> None:
    longer = {name: len(line) for name, line in LINES.items() if len(line) > LONGEST}
    assert len(longer) <= LONGER, longer


def test_a_line_is_longer_only_by_the_reasons_of_what_else_was_found() -> None:
    for name, line in LINES.items():
        first = re.match(rf".*?{REASON}", line)
        assert first is None or len(first[0]) <= LONGEST, name


def test_no_first_line_has_a_semicolon_which_nagios_would_change() -> None:
    assert [name for name, line in LINES.items() if ";" in line] == []
