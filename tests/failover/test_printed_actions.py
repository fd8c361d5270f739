"""The action that a check prints, typed as it stands: it helps, or it refuses and says why, and nothing gets worse.

Each fault happens on a healthy pair with hastwatch. Half a minute later the worst finding is looked for, and where its
action is one command that changes something, that is typed on the node that it names.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import pytest

from checks.plugin.finding import Finding, Severity
from remediate.failover.reach import HASTWATCH
from remediate.rehearsal.observer import CheckReport, Observer
from simulator.faults.faults import FAULTS
from tests.failover.installed_pair import InstalledPair, installed_pair, state_directory

QUICK = ("kill nfs001 devd", "kill nfs002 hastd")
SLOW = (
    "cut", "cut-from nfs001", "cut-from nfs002", "cut-carp", "cut-replication", "cut-management", "isolate nfs001",
    "isolate nfs002", "carrier-off nfs001", "carrier-off nfs002", "power-off nfs001", "power-off nfs002",
    "demote nfs001", "demote nfs002", "kill nfs001 hastd", "kill nfs001 worker", "kill nfs001 rpcbind",
    "kill nfs001 mountd", "kill nfs001 nfsd", "kill nfs002 devd",
    "hang nfs001 hastd", "hang nfs002 hastd", "hang nfs001 devd", "hang nfs002 devd", "hang nfs001 nfsd",
    "disk-errors nfs001", "disk-errors nfs002", "disk-fails-writes nfs001", "disk-fails-writes nfs002",
    "bits-flip nfs002", "power-off nfs002; new-disk nfs002; power-on nfs002", "disk-full nfs001",
    "forced-unmount nfs001 home",
    "wrong-hast-conf nfs001", "wrong-hast-conf nfs002", "state-full nfs001", "state-read-only nfs002",
    "drop-devd-event nfs001", "clock-skew nfs001 300", "clock-step nfs002 300", "no-flags nfs002 /hast/home",
    "jail-daemon nfs002 nfsd", "hang-command nfs001 hastctl", "hang-command nfs002 hastctl",
    "hang-command nfs001 mountd", "delete-package nfs002 FreeBSD-hast",
)  # fmt: skip
LATER = {
    "at-command", "boot-flap", "busy", "busy-as", "busy-stubborn", "device-never-appears", "fsck-fails",
    "fsck-hopeless", "install-release", "mount-fails", "peer-lies", "pool-suspends",  "reuse-pids",
    "service-fails", "slow-fsck", "user-process", "user-runs-as-root",
}  # fmt: skip
"""Faults that are seen only at the next failover or boot, need another pair, or are none by themselves."""
ENDS = {
    "carrier-on", "device-appears", "disk-free", "disk-ok", "fsck-works", "heal", "install-package", "mount-works",
    "peer-tells-the-truth", "release-command", "resume", "right-hast-conf", "service-works", "state-ok", "users-leave",
}  # fmt: skip
"""What takes a fault back."""
LOOKS = re.compile(
    r"hastwatch (status|journal|ledger|doctor|verify|explain|clients|hold$)|.*--dry-run|hastctl (list|dump)|ls |"
    r"dmesg|ps |grep "
)
"""Commands that only look."""
STAYS = {"hast-io-errors"}
"""What remains until an operator has done the rest of what the action names, such as replace a disk."""
ASKING = ("recover", "switchover")
"""Subcommands that ask a human, who says yes."""
PATIENCE, SECONDS = 600.0, 30.0


class Typed(NamedTuple):
    """A command of an action, and where it is typed."""

    node: str
    line: str


def look(pair: InstalledPair) -> tuple[CheckReport, ...]:
    """What all checks say."""
    return Observer(pair.pair, pair.config).look(pair.pair.clock.wait)


def worst(reports: tuple[CheckReport, ...]) -> Finding | None:
    """The finding that an operator begins with."""
    wrong = [finding for report in reports for finding in report.findings if finding.severity is not Severity.OK]
    return max(wrong, key=lambda finding: finding.severity.rank, default=None)


def command_of(finding: Finding) -> Typed | None:
    """The one command of hastwatch in its action that changes something, None where there is none, or a choice. Where
    a condition stands before it, the command refuses by itself what must not be done."""
    lines = [line for line in re.findall(r"`([^`]+)`", finding.action) if " " in line and not LOOKS.match(line)]
    node = re.match(r"on (nfs00[12])\b", finding.action)
    if len(lines) != 1 or not node or not lines[0].startswith("hastwatch "):
        return None
    return Typed(node[1], lines[0])


def broken(state: Path, fault: str) -> InstalledPair:
    """A pair half a minute after a fault."""
    pair = installed_pair(state)
    pair.breaks_all(fault.split("; "))
    pair.passes(SECONDS)
    return pair


def lost_without(fault: str, seconds: float) -> int:
    """How many acknowledged writes clients do not see so long after the fault, where nobody types anything."""
    with state_directory() as directory:
        pair = broken(directory, fault)
        pair.passes(seconds - pair.now)
        return pair.lost()


def as_typed(line: str) -> str:
    """The line as it is typed, with the answer to what it asks."""
    program, _, rest = line.partition(" ")
    return f"{HASTWATCH} {rest}{' --yes' if rest.split()[0] in ASKING else ''}" if program == "hastwatch" else line


@pytest.mark.parametrize("fault", [
    *QUICK, *(pytest.param(fault, marks=pytest.mark.slow) for fault in SLOW)
])  # fmt: skip
def test_a_printed_action_helps_or_refuses_and_nothing_gets_worse(state: Path, fault: str) -> None:
    pair = broken(state, fault)
    finding = worst(look(pair))
    typed = command_of(finding) if finding else None
    if finding is None or typed is None:
        return
    done = pair.pair.nodes[typed.node].run(as_typed(typed.line), timeout=PATIENCE)
    pair.passes(SECONDS)
    findings = [each for report in look(pair) for each in report.findings]
    is_left = any((each.reason, each.subject) == (finding.reason, finding.subject) for each in findings)
    refused = done.status != 0 and bool(done.out + done.err)
    assert not is_left or refused or finding.reason in STAYS, (finding, done)
    assert pair.sound, pair.story()
    assert pair.lost() <= lost_without(fault, pair.now), pair.story()


def test_every_fault_is_tried_or_said_why_not() -> None:
    tried = {fault.split()[0] for case in (*QUICK, *SLOW) for fault in case.split("; ")}
    assert tried | LATER | ENDS == set(FAULTS) and not tried & LATER
