"""How a check is said: the status line with performance data, the lines after it, one JSON object.

nagiosplugin's own `Output` removes what is syntax of a status line and appends warnings of it, and bounds nothing; here
text from outside is made harmless (`checks.plugin.text`), and nothing is longer than an engine reads.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import NamedTuple

from checks.plugin.finding import Finding, Severity
from checks.plugin.first_line import LONGEST, FirstLine, counted_in_one_line, in_one_line, whole
from checks.plugin.judging import JudgedResults
from checks.plugin.maintenance import NodeMaintenance
from checks.plugin.nagios import Check, Metric, Performance, Summary
from checks.plugin.text import plain
from checks.probes.node import Node
from checks.probes.process import CompletedCommand

LINE = 8000
"""Bytes of the first line with its performance data: Nagios reads 8 KB of a plugin (MAX_PLUGIN_OUTPUT_LENGTH), and half
an item would be read as another number."""
MOST_STEPS = 10
"""Of what to do next, and of findings in full, without -v; more are counted."""
ACTION = 1500
"""Characters of what to do next: a command line is of no use in part."""
LONG_LINES = 500
"""Further lines of -v; more are counted."""
EVIDENCE_OUTPUT = 4000
"""Characters of a command's output, and of a finding's text, kept in the JSON object."""


class FindingsInFull(Summary):
    """The findings of a check in full, as `-v` shows them; what fits on the status line is chosen by `status_line`."""

    def __init__(self, docs: str = "") -> None:
        """`docs`: the URL of the documentation."""
        self.docs = docs

    def verbose(self, results: JudgedResults) -> list[str]:
        """Every finding with its meaning, and what to do next."""
        return [line for finding in results.worst_first for line in (_in_full(finding), *next_step(finding, self.docs))]


class Report(NamedTuple):
    """What a check command has to say: its nagiosplugin check, and what was seen besides."""

    name: str
    check: Check
    nodes: list[Node]
    remarks: list[str]
    suspended: list[NodeMaintenance]
    docs: str = ""
    """The URL of the documentation; empty where the node's own is meant."""
    is_audit: bool = False
    """As of the command."""

    @property
    def severity(self) -> Severity:
        """That of the worst finding; UNKNOWN where there is none."""
        return Severity(self.check.exitcode)

    @property
    def findings(self) -> list[Finding]:
        """The findings, the worst first."""
        results: JudgedResults = self.check.results
        return results.worst_first

    @property
    def numbers(self) -> list[tuple[Metric, Performance]]:
        """The performance data."""
        return list(self.check.results.numbers)


def status_line(report: Report) -> str:
    """The one line, with performance data."""
    return _with_numbers(text_line(report), [str(number) for _, number in report.numbers])


def text_line(report: Report) -> str:
    """The same without. Commas stand for semicolons, of which Nagios makes colons (base/checks.c)."""
    head, tail = _around(report)
    return f"{head}{_first_line(report).text}{tail}".replace(";", ",")


def _first_line(report: Report) -> FirstLine:
    """The findings on the status line: what is wrong; where nothing is known to be wrong, also what is well: with one
    node out of reach somebody wants to know that the other one serves. A check that found nothing has not looked."""
    findings = report.findings
    if not findings:
        return FirstLine("nothing was found", [])
    if findings[0].severity in (Severity.WARNING, Severity.CRITICAL):
        findings = [each for each in findings if each.severity is not Severity.OK]
    choose = counted_in_one_line if report.is_audit else in_one_line
    return choose(findings, LONGEST - sum(map(len, _around(report))))


def _around(report: Report) -> tuple[str, str]:
    """What stands before the findings on the status line, and after them: the nodes under maintenance."""
    maintenance = "".join(f" [{node.in_brief()}]" for node in report.suspended)
    return f"{report.check.name} {report.severity.name} - ", maintenance


def _with_numbers(line: str, items: list[str]) -> str:
    """The line with as many items of performance data as fit, each of them whole; the others are counted."""
    left = LINE - len(line.encode("utf-8", "backslashreplace")) - len(" (and 1000000 more numbers) | ")
    fitting = 0
    for item in items:
        left -= len(item) + 1
        if left < 0:
            line += f" (and {len(items) - fitting} more numbers)"
            break
        fitting += 1
    return f"{line} | {' '.join(items[:fitting])}" if fitting else line


def next_step(finding: Finding, docs: str = "") -> list[str]:
    """What to do next about a finding that is not OK, and where to read more."""
    if finding.severity is Severity.OK:
        return []
    action = [f"  -> {plain(finding.action, ACTION)}"] if finding.action else []
    return [*action, f"     see: {see(finding.reason, docs)}"]


def _further(report: Report) -> list[str]:
    """What to do next about each finding, after what the status line has left out of it."""
    shortened = _first_line(report).shortened
    blocks = list(
        dict.fromkeys(
            (*([_in_full(finding)] if finding in shortened else []), *next_step(finding, report.docs))
            for finding in report.findings
            if finding in shortened or finding.severity is not Severity.OK
        )
    )
    more = [f"and {len(blocks) - MOST_STEPS} more (-v)"] if len(blocks) > MOST_STEPS else []
    return [*(line for block in blocks[:MOST_STEPS] for line in block), *more]


def see(reason: str, docs: str = "") -> str:
    """The page that explains a reason, or the command that does."""
    return f"{docs}/runbooks/{reason}.html" if docs else f"hastwatch explain {reason}"


def long_lines(report: Report, verbosity: int) -> list[str]:
    """The lines after the first: what that left out, and what to do next; with `-v` every finding with its meaning, and
    remarks; with `-vv` the commands that were run as well."""
    if not verbosity:
        return _further(report)
    lines = report.check.verbose_str or []
    lines += [node.in_full() for node in report.suspended]
    lines += [f"note: {plain(remark)}" for remark in report.remarks]
    if verbosity > 1:
        lines += [plain(f"{node.label}: {_ran(entry)}") for node in report.nodes for entry in node.log]
    return lines if len(lines) <= LONG_LINES else [*lines[:LONG_LINES], f"and {len(lines) - LONG_LINES} more lines"]


def as_json(report: Report, besides: Mapping[str, object] | None = None) -> str:
    """The same report as one JSON object on one line, with further values."""
    import json

    return json.dumps({**as_values(report), **(besides or {})})


def as_values(report: Report) -> dict[str, object]:
    """The same report for programs."""
    return {
        "check": report.name,
        "state": report.severity.name,
        "exit_status": report.severity.value,
        "output": status_line(report),
        "findings": [_finding(finding, report) for finding in report.findings],
        "metrics": [_metric(*number) for number in report.numbers],
        "evidence": [_evidence(node, entry) for node in report.nodes for entry in node.log],
        "remarks": report.remarks,
        "maintenance": [node.as_values() for node in report.suspended],
    }


def write(text: str) -> bool:
    """Write a line to standard output, whole; False where that is not possible (closed, or a full disk behind it)."""
    rest = (text + "\n").encode("utf-8", "backslashreplace")
    try:
        while rest:
            rest = rest[os.write(1, rest) :]
    except OSError:
        return False
    return True


def _in_full(finding: Finding) -> str:
    return f"{finding.severity.name}: {whole(finding)}"


def _finding(finding: Finding, report: Report) -> dict[str, object]:
    texts = {"subject": finding.subject[:EVIDENCE_OUTPUT], "text": finding.text[:EVIDENCE_OUTPUT]}
    about = {"node": finding.node(report.check.results.names()), "see": see(finding.reason, report.docs)}
    return finding._asdict() | texts | about | {"severity": finding.severity.name}


def _metric(metric: Metric, number: Performance) -> dict[str, object]:
    """Under its name as it was read, where the label of performance data is made safe."""
    return {
        "label": metric.name,
        "value": number.value,
        "unit": number.uom,
        "warning": number.warn,
        "critical": number.crit,
        "least": metric.min,
        "most": metric.max,
    }


def _ran(entry: CompletedCommand | tuple[str, str]) -> str:
    if isinstance(entry, CompletedCommand):
        return f"`{' '.join(entry.argv)}` exited with {entry.status} after {entry.seconds:.2f} s"
    return f"`{entry[0]}`: {entry[1]}"


def _evidence(node: Node, entry: CompletedCommand | tuple[str, str]) -> dict[str, object]:
    if not isinstance(entry, CompletedCommand):
        return {"node": node.label, "command": entry[0], "error": entry[1]}
    return {
        "node": node.label,
        "command": " ".join(entry.argv),
        "status": entry.status,
        "seconds": round(entry.seconds, 3),
        "stdout": entry.stdout[:EVIDENCE_OUTPUT],
        "stderr": entry.stderr[:EVIDENCE_OUTPUT],
    }
