"""The findings on the status line: as many of their words as a phone shows, and the reason of every one of them.

What does not fit is left out in this order, and said on the lines after it: the texts of all findings but the first; of
the text of the first what follows a `; `; what the others are about; the end of what is left of that text. The first
keeps its meaning. No reason is left out, as event handlers decide by them, so a line with many may be longer; only
what is well goes at last where something is not. No handler decides by those of an audit, which may have dozens: what
does not fit is counted by severity.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from checks.plugin.finding import Finding, Severity
from checks.plugin.text import plain

LONGEST = 200
"""Characters of a status line before its performance data."""
SHORTEST = 60
"""Characters of the text of the first finding that are never left out: the state of a resource on a node fits."""


class FirstLine(NamedTuple):
    """The findings in one line, and those of which it does not say all."""

    text: str
    shortened: list[Finding]


def in_one_line(findings: list[Finding], room: int) -> FirstLine:
    """The findings, the worst first, in so many characters where that is possible."""
    candidate = FirstLine("", [])
    for candidate in _candidates(findings, room):
        if len(candidate.text) <= room:
            break
    return candidate


def counted_in_one_line(findings: list[Finding], room: int) -> FirstLine:
    """The same of an audit: where the reasons of all do not fit, the worst of them are named, and the others counted
    by severity."""
    line = in_one_line(findings, room)
    if len(line.text) <= room:
        return line
    for candidate in _counting(findings, room):
        line = candidate
        if len(line.text) <= room:
            break
    return line


def whole(finding: Finding, text: str = "") -> str:
    """A finding with its meaning; `text` stands for what it says."""
    meaning = f" - {finding.means}" if finding.means else ""
    return f"{_subject(finding)}: {text or plain(finding.text)}{meaning} [{finding.reason}]"


def _candidates(findings: list[Finding], room: int) -> Iterator[FirstLine]:
    """The line with all of it, then with less and less."""
    first, others = findings[0], findings[1:]
    if first.severity is Severity.OK:
        first = first._replace(means="")
    texts = [f"{_subject(finding)}: {plain(finding.text)} [{finding.reason}]" for finding in others]
    named = [f"{_subject(finding)} [{finding.reason}]" for finding in others]
    for count in range(len(others), -1, -1):
        yield FirstLine("; ".join([whole(first), *texts[:count], *named[count:]]), others[count:])
    details = plain(first.text).split("; ")
    for count in range(len(details) - 1, 0, -1):
        yield FirstLine("; ".join([whole(first, "; ".join(details[:count])), *named]), findings)
    brief = whole(first, details[0])
    shortened = others if len(details) == 1 else findings
    if first.severity is not Severity.OK:
        others = [finding for finding in others if finding.severity is not Severity.OK]
        named = named[: len(others)]
        yield FirstLine("; ".join([brief, *named]), shortened)
    for count in range(len(others) - 2, -1, -1):
        yield FirstLine("; ".join([brief, *named[:count], _counted(others[count:])]), shortened)
    rest = [_counted(others)] if len(others) > 1 else named
    without_text = len("; ".join([whole(first, "x"), *rest])) - 1
    if len(text := _cut(details[0], max(room - without_text, SHORTEST))) < len(details[0]):
        yield FirstLine("; ".join([whole(first, text), *rest]), findings)


def _counting(findings: list[Finding], room: int) -> Iterator[FirstLine]:
    """The first, and fewer and fewer of the others by their reasons."""
    first, others = findings[0], findings[1:]
    named = [f"{_subject(finding)} [{finding.reason}]" for finding in others]
    text = plain(first.text).split("; ")[0]
    rest = ""
    for count in range(len(others) - 1, -1, -1):
        counts = Counter(finding.severity for finding in others[count:])
        of_each = ", ".join(f"{counts[each]} {each.name}" for each in sorted(counts, key=lambda each: -each.rank))
        rest = f"and {len(others) - count} more ({of_each})"
        shortened = others if text == plain(first.text) else findings
        yield FirstLine("; ".join([whole(first, text), *named[:count], rest]), shortened)
    first = first._replace(means="")
    without_text = len("; ".join([whole(first, "x"), rest])) - 1
    yield FirstLine("; ".join([whole(first, _cut(text, max(room - without_text, SHORTEST))), rest]), findings)


def _counted(findings: list[Finding]) -> str:
    """How many there are besides, and their reasons."""
    return f"and {len(findings)} more {' '.join(dict.fromkeys(f'[{finding.reason}]' for finding in findings))}"


def _cut(text: str, longest: int) -> str:
    """The words of a text that fit, with a mark where that is not all of them."""
    if len(text) <= longest:
        return text
    words, _, _ = text[: longest - 3].rpartition(" ")
    return f"{words or text[: longest - 3]}..."


def _subject(finding: Finding) -> str:
    return plain(finding.subject)
