"""The findings of the audit as lines of text: by what the remedy may do, the worst first, the remedy as it is typed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from checks.hast_setup import ACCEPTED, TIERS
from checks.plugin.finding import Finding, Severity
from checks.plugin.output import ACTION
from checks.plugin.text import plain
from checks.setup.group import Tier
from remediate.subcommands.columns import NAME, PLAIN, ColouredText, painted, wrapped
from remediate.subcommands.status_page import MARKS, SEVERITIES, see

TITLES = {
    Tier.SAFE: "Safe: the remedy can be typed at any time, no client notices",
    Tier.NETWORK: "Network: the remedy touches CARP or an interface; it may cut you off",
    Tier.MANUAL: "Manual: somebody has to decide, or clients have to wait meanwhile",
    None: "Not read: what is there is not known",
}
"""The headings, by tier; None of what has no remedy of the audit."""


def tier_of(finding: Finding) -> Tier | None:
    """What the remedy may do; None where the finding is that something was not read."""
    return TIERS.get(finding.reason)


def only(findings: Iterable[Finding], tier: Tier | None) -> tuple[Finding, ...]:
    """Those whose remedies are of a tier, all of them without one. What was not read may be of any, and stays."""
    return tuple(each for each in findings if tier is None or tier_of(each) in (tier, None))


def page(findings: tuple[Finding, ...], width: int, coloured: bool) -> list[str]:
    """All of it, at most `width` wide but for remedies."""
    lines = wrong(findings, width, coloured)
    for each in findings:
        if each.severity is Severity.OK:
            lines += _indented("OK", each.severity, f"{plain(each.subject)}: {plain(each.text)}", width, coloured)
    return [*lines, *([""] if lines and lines[-1] else []), *_summary(findings, width, coloured)]


def wrong(findings: tuple[Finding, ...], width: int, coloured: bool) -> list[str]:
    """What is not well, under the headings of the tiers, node by node; what a reason means stands there once."""
    lines: list[str] = []
    told: set[str] = set()
    for tier, title in TITLES.items():
        mine = [each for each in findings if each.severity is not Severity.OK and tier_of(each) is tier]
        if mine:
            lines += [painted((ColouredText(title, NAME),), coloured), ""]
            for each in _by_subject(mine):
                lines += [*_finding(each, width, coloured, each.reason not in told), ""]
                told.add(each.reason)
    return lines


def _by_subject(findings: list[Finding]) -> list[Finding]:
    """The findings of one node together, as they are typed, that first which has the worst; the worst of each first."""
    subjects = list(dict.fromkeys(each.subject for each in findings))
    return sorted(findings, key=lambda each: subjects.index(each.subject))


def _summary(findings: tuple[Finding, ...], width: int, coloured: bool) -> list[str]:
    """How many of each severity there are."""
    counts = Counter(each.severity for each in findings if each.severity is not Severity.OK)
    accepted = sum(each.reason == ACCEPTED for each in findings)
    words = [f"{counts[each]} {each.name}" for each in sorted(counts, key=lambda each: -each.rank)]
    worst = max(counts, key=lambda each: each.rank, default=Severity.OK)
    text = ", ".join(words) or "nothing to be done"
    text += f"; {accepted} accepted in hastwatch.toml" if accepted else ""
    return [painted(line, coloured) for line in wrapped((ColouredText(f"{text}.", MARKS[worst]),), width)]


def _finding(finding: Finding, width: int, coloured: bool, explained: bool) -> Iterator[str]:
    """`explained`: whether what it means is to be said."""
    about = f"{plain(finding.subject)}: {plain(finding.text)} [{finding.reason}]"
    yield from _indented(finding.severity.name, finding.severity, about, width, coloured)
    if explained:
        yield from _indented("", finding.severity, plain(finding.means), width, coloured)
    if finding.action:
        yield " " * SEVERITIES + painted((ColouredText(f"do: {plain(finding.action, ACTION)}", NAME),), coloured)
    if explained:
        yield from _indented("", finding.severity, f"see: {see(finding)}", width, coloured)


def _indented(word: str, severity: Severity, text: str, width: int, coloured: bool) -> Iterator[str]:
    """A paragraph beside the word that begins it."""
    for number, line in enumerate(wrapped((ColouredText(text, PLAIN),), max(width - SEVERITIES, 1))):
        first = "" if number else word
        yield (
            painted((ColouredText(first, MARKS[severity]),), coloured)
            + " " * (SEVERITIES - len(first))
            + painted(line, coloured)
        )
