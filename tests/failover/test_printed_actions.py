"""The action that a check prints, typed as it stands: it helps, or it refuses and says why, and nothing gets worse.

Each fault happens on a healthy pair with hastwatch. Half a minute later the action of the worst finding is followed:
its commands are typed in their order, on the node that it names. A runbook that it sends to is not read; `tests/nights`
does that.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from checks.plugin.finding import Finding, Severity
from remediate.rehearsal.observer import CheckReport, Observer
from tests.failover.every_fault import LINES, SECONDS, broken
from tests.failover.installed_pair import InstalledPair, state_directory
from tests.nights.administrator import as_typed
from tests.nights.instructions import Instruction, Kind, instructions

QUICK = ("kill nfs001 devd", "kill nfs002 hastd")
LOOKS = re.compile(
    r"hastwatch (status|journal|ledger|doctor|verify|explain|clients|hold$)|.*--dry-run|(timeout \d+ )?hastctl list|"
    r"ls |dmesg|ps |grep |du |geom |ifconfig -a"
)
"""Commands that only look."""
STAYS = {"carp-init-standby", "hast-io-errors"}
"""What remains until an operator has done the rest of what the action names: replace a disk, plug in a cable."""
LEFT_TO_CHOOSE = re.compile(r"\b[A-Z][A-Z-]+\b")
PATIENCE = 600.0


def look(pair: InstalledPair) -> tuple[CheckReport, ...]:
    """What all checks say."""
    return Observer(pair.pair, pair.config).look(pair.pair.clock.wait)


def worst(reports: tuple[CheckReport, ...]) -> Finding | None:
    """The finding that an operator begins with."""
    wrong = [finding for report in reports for finding in report.findings if finding.severity is not Severity.OK]
    return max(wrong, key=lambda finding: finding.severity.rank, default=None)


def typed_of(finding: Finding) -> list[Instruction]:
    """The commands of its action. Where a condition stands before one, it refuses by itself what must not be done."""
    return [each for each in instructions(finding.action) if each.kind is Kind.TYPE]


def can_be_typed(each: Instruction, pair: InstalledPair) -> bool:
    """It is no runbook, and nothing stands in it for what only the administrator knows."""
    return (
        each.node in pair.pair.nodes
        and not each.words.startswith("hastwatch explain ")
        and not LEFT_TO_CHOOSE.search(each.words)
    )


def lost_without(fault: str, seconds: float) -> int:
    """How many acknowledged writes clients do not see so long after the fault, where nobody types anything."""
    with state_directory() as directory:
        pair = broken(directory, fault)
        pair.passes(seconds - pair.now)
        return pair.lost()


@pytest.mark.parametrize("fault", [
    pytest.param(line, marks=[] if line in QUICK else pytest.mark.slow) for line in LINES
])  # fmt: skip
def test_a_printed_action_helps_or_refuses_and_nothing_gets_worse(state: Path, fault: str) -> None:
    pair = broken(state, fault)
    reports = look(pair)
    for each in (typed for report in reports for one in report.findings for typed in typed_of(one)):
        assert each.node or each.words.startswith("hastwatch explain "), each
    finding = worst(reports)
    to_type = [each for each in typed_of(finding) if can_be_typed(each, pair)] if finding else []
    if finding is None or not to_type:
        return
    ended = [(each, pair.pair.nodes[each.node].run(as_typed(each.words), timeout=PATIENCE)) for each in to_type]
    changing = [done for each, done in ended if not LOOKS.match(each.words)]
    pair.passes(SECONDS)
    findings = [each for report in look(pair) for each in report.findings]
    is_left = any((each.reason, each.subject) == (finding.reason, finding.subject) for each in findings)
    refused = any(done.status != 0 and done.out + done.err for done in changing)
    assert not is_left or not changing or refused or finding.reason in STAYS, (finding, ended)
    assert pair.sound, pair.story()
    assert pair.lost() <= lost_without(fault, pair.now), pair.story()
