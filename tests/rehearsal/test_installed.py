"""hastwatch on a node of the simulated pair is the real command, which acts and prints there."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from remediate import exits
from remediate.failover import carp_demotion
from remediate.failover.reach import HASTWATCH
from simulator.shell.output import Result
from tests.failover.installed_pair import InstalledPair, installed_pair, state_directory


@pytest.fixture(scope="module")
def pair() -> Iterator[InstalledPair]:
    """In service; no test changes it."""
    with state_directory() as state:
        yield installed_pair(state)


def typed(pair: InstalledPair, words: str) -> Result:
    """The command on the active node."""
    return pair.active.run(f"{HASTWATCH} {words}")


def test_what_it_prints_is_the_output_of_the_node(pair: InstalledPair, capsys: pytest.CaptureFixture[str]) -> None:
    nothing = "net.inet.carp.demotion is 0, nothing of it from hastwatch\n"
    assert typed(pair, "hold") == (0, nothing, "")
    assert typed(pair, "maintenance status") == (0, "no maintenance\n", "")
    assert typed(pair, "converge") == (0, "in place\n", "")
    assert capsys.readouterr() == ("", "")


def test_wrong_words_are_refused_as_by_the_real_command(
    pair: InstalledPair, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = typed(pair, "recover home --hlep")
    assert (wrong.status, wrong.out) == (exits.USAGE, "")
    assert wrong.err == "hastwatch recover: unrecognized arguments: --hlep (see hastwatch recover --help)\n"
    assert typed(pair, "recovr").err.startswith("hastwatch: no subcommand 'recovr': ")
    assert typed(pair, "hold --help").out.startswith("usage: hastwatch hold ")
    assert capsys.readouterr() == ("", "")


def test_nobody_confirms_on_a_node_without_a_terminal(pair: InstalledPair) -> None:
    refused = typed(pair, "switchover")
    assert refused.status == 1 and refused.err.startswith("hastwatch switchover: there is no terminal to ask on")
    assert pair.serves(pair.active)


def test_a_node_is_reached_in_no_other_way(pair: InstalledPair) -> None:
    assert typed(pair, "hold --state-dir /tmp").status == exits.CONFIG


def test_what_acts_on_this_machine_is_not_simulated(pair: InstalledPair) -> None:
    assert typed(pair, "submit --flush") == (exits.USAGE, "", "hastwatch: submit is not simulated\n")


def test_the_files_of_a_node_are_listed_by_the_real_command(pair: InstalledPair) -> None:
    listed = typed(pair, "tree list /hast/home --limit 2").out.splitlines()
    assert len(listed) == 3 and listed[-1] == '["more",0]'


def test_a_fault_of_ours_is_told_and_ends_a_rehearsal(pair: InstalledPair, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise KeyError("no such luck")

    monkeypatch.setattr(carp_demotion, "current", fails)
    done = typed(pair, "hold")
    assert done.status == exits.INTERNAL and done.err.startswith("hastwatch hold: internal error: KeyError")
    assert [type(error) for error in pair.pair.hook_errors] == [KeyError]
    pair.pair.hook_errors.clear()
