"""`hastwatch status` beside the checks: never better than the worst of them, in recordings and after faults."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from checks.plugin.finding import OK, Severity
from remediate.rehearsal.observer import Observer
from remediate.subcommands import status
from remediate.subcommands.status_page import page
from simulator.faults.faults import FAULTS
from tests.expected import expected_file, nodes, other_node, read, via
from tests.failover.installed_pair import InstalledPair, installed_pair, state_directory

pytestmark = pytest.mark.slow

HARMLESS = {
    "heal", "carrier-on", "power-on", "resume", "release-command", "disk-ok", "disk-free", "right-hast-conf",
}  # fmt: skip
"""They end a fault."""
LINES = (
    "cut", "cut-from nfs001", "cut-from nfs002", "cut-carp", "cut-replication", "cut-management", "isolate nfs001",
    "isolate nfs002", "carrier-off nfs001", "carrier-off nfs002", "power-off nfs001", "power-off nfs002",
    "clock-skew nfs001 3600", "clock-step nfs002 -3600",
    *[f"{what} {node} {process}" for what in ("kill", "hang") for node in ("nfs001", "nfs002")
      for process in ("hastd", "worker", "devd", "rpcbind")],
    *[f"{what} nfs001 {process}" for what in ("kill", "hang") for process in ("mountd", "nfsd", "rpc.lockd")],
    "hang-command nfs001 hastctl", "hang-command nfs002 hastctl", "hang-command nfs002 ifconfig",
    "disk-errors nfs001", "disk-errors nfs002", "disk-fails-writes nfs001", "disk-fails-writes nfs002",
    "bits-flip nfs001", "disk-full nfs001", "wrong-hast-conf nfs001", "wrong-hast-conf nfs002",
    "drop-devd-event nfs001", "slow-fsck nfs002", "boot-flap nfs002",
)  # fmt: skip
"""Faults on the node that has the service, and on the other one."""


@pytest.fixture
def pair() -> Iterator[InstalledPair]:
    with state_directory() as directory:
        yield installed_pair(directory)


@pytest.mark.parametrize("line", LINES)
def test_status_is_never_better_than_the_worst_check_after_a_fault(pair: InstalledPair, line: str) -> None:
    pair.breaks(*line.split())
    pair.passes(30)
    seen_from = next(node for node in (pair.active, pair.standby) if node.on)
    reports = Observer(pair.pair, pair.config).look(pair.pair.clock.wait)
    options = status.parser().parse_args([])
    seen, judged = pair.does(seen_from, lambda context: status.Looks(context, options).look())
    worst = max((Severity[report.state] for report in reports), key=lambda severity: severity.rank)
    assert judged.severity.rank >= worst.rank, [report.line for report in reports]
    contradicts_nothing(" ".join(page(seen, judged, 200, coloured=False)), judged.severity)


def contradicts_nothing(text: str, severity: Severity) -> None:
    """No two sentences of a page that cannot both be true."""
    assert "Nothing is wrong" not in text or severity is OK
    assert "NFS runs on" not in text
    assert "Nothing is wrong" not in text or "can take over" in text
    assert not ("can take over. " in text and "devd-not-running]" in text and "nfs002: devd is not" in text)
    assert not ("complete for" in text and "loses the split-brain" in text)


def test_every_fault_that_breaks_something_is_tried_or_is_of_one_step() -> None:
    assert {line.split()[0] for line in LINES} <= FAULTS.keys()
    assert not {line.split()[0] for line in LINES} & HARMLESS


PLAYED = [
    node
    for node in nodes()
    if not node.parent.name.startswith("made-")
    or node.parent.name.startswith(("made-almost-full", "made-devd-killed", "made-two-primaries", "made-bug"))
]
"""The recorded states, and those made for what status once did not see."""


def rank_of(number: int) -> int:
    return Severity(number).rank


@pytest.mark.parametrize("node", PLAYED, ids=lambda node: f"{node.parent.name}/{node.name}")
def test_status_is_never_better_than_the_worst_check_of_a_recording(
    node: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "hastwatch.toml"
    config.write_text(f'state_dir = "{tmp_path / "checks"}"\n')
    if (own := node.parent / "hastwatch.toml").exists():
        config.write_text(config.read_text() + own.read_text())
    other = other_node(node)
    words = ["--via", via(node), "--state-dir", str(tmp_path / "state"), "--config", str(config), "--json"]
    ended = status.main([*words, *(["--peer", via(other)] if other else [])])
    values = json.loads(capsys.readouterr().out)
    plain = [block for block in read(expected_file(node)) if set(block.command.split()[1:]) <= {"--peer"}]
    alone = [block for block in plain if "--peer" not in block.command or other]
    worst = max((rank_of(block.status) for block in alone), default=0)
    # where this node cannot be asked its name, the other one cannot be told from it: then nothing is known of either
    unreached = {finding["reason"] for finding in values["findings"]} == {"node-unreachable"}
    assert rank_of(ended) >= worst or (unreached and ended == 3), (values["findings"], [b.output for b in alone])
    assert ended == values["exit_status"]
