"""A restart of hastd under a mounted file system takes its device away: nothing of ours does that.

The fact is freebsd-facts: hastd-restart-takes-the-device.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from remediate.events.repair_request import Remedy
from remediate.failover.converge import ConvergeRequest
from tests.events.repair_command import EAGER, repairs
from tests.failover.installed_pair import installed_pair

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
SIMULATED = ROOT / "remediate" / "rehearsal"
"""There an operator may do it, and FreeBSD does what it does."""
TEXTS = sorted(
    path
    for folder in ("checks", "remediate", "hooks", "contrib", "docs")
    for path in (ROOT / folder).rglob("*")
    if path.is_file() and SIMULATED not in path.parents and path.suffix not in (".pyc", ".svg")
)
ENDS = re.compile(
    r"(?:service|rc\.d/)\s*\\?-?hastd\s+\w*(?:stop|restart)|\b(?:pkill|killall)\b[^\n]*\bhastd\b|\bhastctl\s+stop\b"
    r"""|["']hastd["'],\s*["']\w*(?:stop|restart)""",
    re.IGNORECASE,
)
"""Command lines that end the hastd in service; 16 has `hastctl stop`."""


@pytest.mark.parametrize(
    "line",
    [
        "service hastd restart",
        "service hastd onestop",
        "/etc/rc.d/hastd forcerestart",
        "pkill -TERM hastd",
        "hastctl stop",
        '_service(context, "hastd", "onerestart")',
    ],
)
def test_a_line_that_ends_hastd_is_found(line: str) -> None:
    assert ENDS.search(line)


@pytest.mark.parametrize("line", ["service hastd onestart", "service hastd reload", "service devd restart"])
def test_a_line_that_does_not_is_not(line: str) -> None:
    assert not ENDS.search(line)


@pytest.mark.quick
def test_no_program_script_or_text_of_ours_ends_the_hastd_in_service() -> None:
    endings = {str(path.relative_to(ROOT)): ENDS.findall(path.read_text(encoding="utf-8")) for path in TEXTS}
    assert len(endings) > 300 and {path: lines for path, lines in endings.items() if lines} == {}


def test_what_starts_hastd_starts_it_where_none_runs() -> None:
    users = [path.name for path in TEXTS if "hastd onestart" in path.read_text(encoding="utf-8")]
    assert users == ["steps.py"]


@pytest.mark.parametrize("remedy", Remedy)
def test_a_repair_leaves_the_hastd_of_both_nodes_as_it_is(state: Path, remedy: Remedy) -> None:
    pair = installed_pair(state, EAGER)
    before = {node.name: node.hastd.process for node in pair.pair.nodes.values()}
    for node in pair.pair.nodes.values():
        repairs(pair, node, remedy)
        pair.converges(node, ConvergeRequest("periodic", promote=False))
    assert {node.name: node.hastd.process for node in pair.pair.nodes.values()} == before
    assert pair.serves(pair.active) and pair.sound
