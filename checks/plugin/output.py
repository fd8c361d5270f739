"""How a verdict is said: the status line with performance data, the longer lines of `-v`, one JSON object."""

from __future__ import annotations

import os
from typing import NamedTuple

from checks.plugin.finding import Finding, Number, Severity
from checks.plugin.maintenance import Suspended
from checks.plugin.text import label, plain
from checks.probes.node import Node
from checks.probes.process import Completed

FIRST_LINE = 1200
"""Characters of findings on the first line; more are counted there and shown by -v."""
LINE = 8000
"""Bytes of the first line with its performance data: Nagios reads 8 KB of a plugin (MAX_PLUGIN_OUTPUT_LENGTH), and half
an item would be read as another number."""
LONG_LINES = 500
"""Further lines of -v; more are counted."""
REASON = r"\[([a-z][a-z0-9-]{1,60})\]"
"""How a status line names the reason of a finding, the worst one first: for whoever reads it again."""
EVIDENCE_OUTPUT = 4000
"""Characters of a command's output, and of a finding's text, kept in the JSON object."""


class Verdict(NamedTuple):
    """What a check has to say. `findings` come worst first."""

    check: str
    title: str
    findings: list[Finding]
    numbers: list[Number]
    nodes: list[Node]
    remarks: list[str]
    suspended: list[Suspended]

    @property
    def severity(self) -> Severity:
        """That of the worst finding. A check that found nothing at all has not looked: UNKNOWN."""
        return self.findings[0].severity if self.findings else Severity.UNKNOWN


def status_line(verdict: Verdict) -> str:
    """The one line: what is wrong, where, what it means, each with its reason; where nothing is known to be wrong, also
    what is well: with one node out of reach somebody wants to know that the other one serves. At its end the nodes
    under maintenance."""
    worst = verdict.severity
    nothing_wrong = worst in (Severity.OK, Severity.UNKNOWN)
    shown = [finding for finding in verdict.findings if nothing_wrong or finding.severity is not Severity.OK]
    said: list[str] = []
    for number, finding in enumerate(shown):
        text = _said(finding, with_meaning=number == 0 and worst is not Severity.OK)
        if said and sum(map(len, said)) + len(text) > FIRST_LINE:
            said.append(f"and {len(shown) - number} more (-v)")
            break
        said.append(text)
    line = f"{verdict.title} {worst.name} - " + ("; ".join(said) or "nothing was found")
    line += "".join(f" [{node.in_brief()}]" for node in verdict.suspended)
    return _with_numbers(line, [performance(number) for number in verdict.numbers])


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


def performance(number: Number) -> str:
    """One item of performance data: `LABEL=VALUE[UNIT];[WARN];[CRIT];[MIN];[MAX]`, without the empty end."""
    ends = ["" if end is None else f"{end:g}" for end in (number.least, number.most)]
    item = ";".join((f"{label(number.label)}={number.value}{number.unit}", number.warning, number.critical, *ends))
    return item.rstrip(";")


def long_lines(verdict: Verdict, verbosity: int) -> list[str]:
    """The lines of `-v`: every finding with its meaning, remarks; with `-vv` the commands that were run as well."""
    lines = [f"{finding.severity.name}: {_said(finding, with_meaning=True)}" for finding in verdict.findings]
    lines += [node.in_full() for node in verdict.suspended]
    lines += [f"note: {plain(remark)}" for remark in verdict.remarks]
    if verbosity > 1:
        lines += [plain(f"{node.label}: {_ran(entry)}") for node in verdict.nodes for entry in node.log]
    return lines if len(lines) <= LONG_LINES else [*lines[:LONG_LINES], f"and {len(lines) - LONG_LINES} more lines"]


def as_json(verdict: Verdict) -> str:
    """The same verdict as one JSON object on one line."""
    import json

    return json.dumps(
        {
            "check": verdict.check,
            "state": verdict.severity.name,
            "exit_status": verdict.severity.value,
            "output": status_line(verdict),
            "findings": list(map(_finding, verdict.findings)),
            "metrics": [number._asdict() for number in verdict.numbers],
            "evidence": [_evidence(node, entry) for node in verdict.nodes for entry in node.log],
            "remarks": verdict.remarks,
            "maintenance": [node.as_values() for node in verdict.suspended],
        }
    )


def write(text: str) -> bool:
    """Write a line to standard output, whole; False where that is not possible (closed, or a full disk behind it)."""
    rest = (text + "\n").encode("utf-8", "backslashreplace")
    try:
        while rest:
            rest = rest[os.write(1, rest) :]
    except OSError:
        return False
    return True


def _said(finding: Finding, with_meaning: bool) -> str:
    meaning = f" - {finding.means}" if with_meaning and finding.means else ""
    return f"{plain(finding.subject)}: {plain(finding.text)}{meaning} [{finding.reason}]"


def _finding(finding: Finding) -> dict[str, object]:
    texts = {"subject": finding.subject[:EVIDENCE_OUTPUT], "text": finding.text[:EVIDENCE_OUTPUT]}
    return finding._asdict() | texts | {"severity": finding.severity.name}


def _ran(entry: Completed | tuple[str, str]) -> str:
    if isinstance(entry, Completed):
        return f"`{' '.join(entry.argv)}` ended with {entry.status} after {entry.seconds:.2f} s"
    return f"`{entry[0]}`: {entry[1]}"


def _evidence(node: Node, entry: Completed | tuple[str, str]) -> dict[str, object]:
    if not isinstance(entry, Completed):
        return {"node": node.label, "command": entry[0], "error": entry[1]}
    return {
        "node": node.label,
        "command": " ".join(entry.argv),
        "status": entry.status,
        "seconds": round(entry.seconds, 3),
        "stdout": entry.stdout[:EVIDENCE_OUTPUT],
        "stderr": entry.stderr[:EVIDENCE_OUTPUT],
    }
