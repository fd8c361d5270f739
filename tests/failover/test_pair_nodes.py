"""One look of `hastwatch status`: each node opened once, each question asked once, the other one over few logins."""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from remediate.context import Context
from remediate.failover.pair_checks import checks_of_nodes, run_checks
from remediate.failover.pair_nodes import PairNodes, ask_ahead, opened
from remediate.failover.pair_status import look
from remediate.subcommands import status
from tests.failover.installed_pair import InstalledPair, installed_pair, state_directory
from tests.player import __file__ as player
from tests.plugin.test_ahead import RECORDINGS, Login

pytestmark = pytest.mark.slow

A_LOOK = 6.0
"""Simulated seconds at most, on the machines that were emulated: it takes 4.6 and 5.1, and took 13.8 with a login for
each file of the other node's state directory."""


@pytest.fixture
def pair() -> Iterator[InstalledPair]:
    with state_directory() as directory:
        yield installed_pair(directory)


def looked(context: Context) -> PairNodes:
    """What `status` does, on nodes that can be looked at afterwards."""
    nodes = opened(context)
    ask_ahead(context, nodes.nodes, (), checks_of_nodes())
    look(context, (), nodes)
    run_checks(context, (), nodes)
    return nodes


@pytest.mark.parametrize("seen_from", ["active", "standby"])
def test_the_page_and_the_checks_share_one_pair_of_readings(pair: InstalledPair, seen_from: str) -> None:
    here, there = pair.does(getattr(pair, seen_from), looked).nodes
    for node in (here, there):
        assert {question for question, times in Counter(node.started).items() if times > 1} == set()
    assert [question.split()[0] for question in there.started if not question.startswith("sh -c")] in (
        ["hostname"], ["hostname", "df"],
    )  # fmt: skip


@pytest.mark.parametrize("seen_from", ["active", "standby"])
def test_a_look_at_both_nodes_takes_a_few_seconds_on_slow_machines(pair: InstalledPair, seen_from: str) -> None:
    began = pair.pair.clock.now
    done = getattr(pair, seen_from).run("hastwatch status", timeout=60)
    assert done.out.startswith("nfs001 serves home, nfs002 can take over. Nothing is wrong.")
    assert pair.pair.clock.now - began < A_LOOK


def test_over_ssh_the_other_node_is_asked_in_a_few_calls(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    login = Login(tmp_path, "made-healthy-pair", "present")
    here = f"{sys.executable} -I -S {player} {RECORDINGS / 'made-healthy-pair' / 'nfs001'}"
    words = ["--via", here, "--state-dir", str(tmp_path / "state"), "--json"]
    status.main([*words, "--peer", login.to("nfs002")])
    several = capsys.readouterr().out
    rest = [call for call in login.calls() if not re.search(r"rc\.|/sh -c", call)]  # its sh was not recorded
    programs = [call.split()[2].rpartition("/")[2] for call in rest]
    assert programs == ["hostname", "hastwatch-ask", "hastwatch-ask", "ls"], rest
    status.main([*words, "--peer", f"{sys.executable} -I -S {player} {RECORDINGS / 'made-healthy-pair' / 'nfs002'}"])
    assert without_time(capsys.readouterr().out) == without_time(several)


def without_time(shown: str) -> dict[str, object]:
    import json

    values: dict[str, object] = json.loads(shown)
    del values["time"]
    return values
