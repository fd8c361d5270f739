"""`hastwatch status` beside the checks: never better than the worst of them, in recordings and after faults."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from checks.plugin.finding import OK, Severity
from remediate.rehearsal.observer import Observer
from remediate.subcommands import status
from remediate.subcommands.status_page import page
from simulator.node import Node
from tests.expected import expected_file, nodes, other_node, read, via
from tests.failover.every_fault import LINES, broken, refusing
from tests.failover.installed_pair import InstalledPair
from tests.played_node import PlayedInvocation

pytestmark = pytest.mark.slow


def is_never_better(pair: InstalledPair, node: Node) -> None:
    """`hastwatch status` on a node beside all checks of both."""
    reports = Observer(pair.pair, pair.config).look(pair.pair.clock.wait)
    options = status.parser().parse_args([])
    seen, judged = pair.does(node, lambda context: status.Looks(context, options).look())
    worst = max((Severity[report.state] for report in reports), key=lambda severity: severity.rank)
    assert judged.severity.rank >= worst.rank, [report.line for report in reports]
    contradicts_nothing(" ".join(page(seen, judged, 200, coloured=False)), judged.severity)


@pytest.mark.parametrize("line", LINES)
def test_status_is_never_better_than_the_worst_check_after_a_fault(state: Path, line: str) -> None:
    pair = broken(state, line)
    is_never_better(pair, next(node for node in (pair.active, pair.standby) if node.on))


@pytest.mark.parametrize("process", ["hastd", "worker"])
@pytest.mark.parametrize("name", ["nfs001", "nfs002"])
def test_status_is_never_better_where_hastd_refuses_every_call(state: Path, name: str, process: str) -> None:
    pair = refusing(state, name, process)
    is_never_better(pair, pair.active)


def contradicts_nothing(text: str, severity: Severity) -> None:
    """No two sentences of a page that cannot both be true."""
    assert "Nothing is wrong" not in text or severity is OK
    assert "NFS runs on" not in text
    assert "Nothing is wrong" not in text or "can take over" in text
    assert not ("can take over. " in text and "devd-not-running]" in text and "nfs002: devd is not" in text)
    assert not ("complete for" in text and "loses the split-brain" in text)


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
    ended = status.main([*words, *(["--peer", via(other)] if other else [])], PlayedInvocation())
    values = json.loads(capsys.readouterr().out)
    plain = [block for block in read(expected_file(node)) if set(block.command.split()[1:]) <= {"--peer"}]
    alone = [block for block in plain if "--peer" not in block.command or other]
    worst = max((rank_of(block.status) for block in alone), default=0)
    # where this node cannot be asked its name, the other one cannot be told from it: then nothing is known of either
    unreached = {finding["reason"] for finding in values["findings"]} == {"node-unreachable"}
    assert rank_of(ended) >= worst or (unreached and ended == 3), (values["findings"], [b.output for b in alone])
    assert ended == values["exit_status"]
