"""hastwatch on a node of the simulated pair is the real command, which acts and prints there."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator

import pytest

from remediate import exits
from remediate.failover import carp_demotion
from remediate.failover.reach import HASTWATCH
from remediate.state.journal import NAME
from remediate.state.journal_reading import read
from simulator.shell.output import CommandResult, Output
from tests.failover.installed_pair import InstalledPair, installed_pair, state_directory

A_LOOK = 90.0
"""Seconds in which both nodes are looked at, on the machines that were emulated."""


@pytest.fixture(scope="module")
def pair() -> Iterator[InstalledPair]:
    """In service; no test changes it."""
    with state_directory() as state:
        yield installed_pair(state)


def typed(pair: InstalledPair, words: str) -> CommandResult:
    """The command on the active node."""
    return pair.active.run(f"{HASTWATCH} {words}")


def test_what_it_prints_is_the_output_of_the_node(pair: InstalledPair, capsys: pytest.CaptureFixture[str]) -> None:
    nothing = "net.inet.carp.demotion is 0, nothing of it from hastwatch\n"
    assert typed(pair, "hold") == (0, nothing, "")
    assert typed(pair, "maintenance status") == (0, "no maintenance\n", "")
    assert typed(pair, "converge") == (0, "in place\n", "")
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("begun", "starts"),
    [
        (f"{HASTWATCH} converge --detach", ["process", "python_worker", "process"]),
        ("/usr/local/sbin/carp-hast-switch 2@vtnet1 MASTER", ["python_hook", "process", "the rest"]),
    ],
)
def test_a_detached_worker_imports_only_what_its_parent_has_not(
    pair: InstalledPair, begun: str, starts: list[str]
) -> None:
    costs = pair.pair.layout.costs
    known = {"the rest": costs.python_worker - costs.python_hook}
    ready = sum(known.get(each) or getattr(costs, each) for each in starts)
    began, workers = pair.pair.clock.now, len(pair.installed.workers)
    assert pair.active.run(begun).status == 0
    worker = pair.installed.workers[workers]
    assert pair.until(lambda: worker.commands > 0 or worker.writes > 0, 5.0)
    assert pair.pair.clock.now - began == pytest.approx(ready, abs=0.2)
    pair.passes(A_LOOK)


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


@pytest.mark.parametrize("words", ["hold", "status", "journal", "maintenance status"])
def test_a_node_is_reached_in_no_other_way(pair: InstalledPair, words: str) -> None:
    refused = typed(pair, f"{words} --state-dir /tmp")
    assert refused.out == "" and "a simulated node has one configuration, one state directory" in refused.err
    assert refused.status == (3 if words == "status" else exits.CONFIG)


def test_the_status_of_both_nodes_is_that_of_the_real_command(pair: InstalledPair) -> None:
    shown = typed(pair, "status")
    assert (shown.status, shown.err) == (0, "")
    assert shown.out.splitlines()[0] == "nfs001 serves home, nfs002 can take over. Nothing is wrong."
    assert re.search(r"\n +copy +in use +complete for ", shown.out)
    values = json.loads(typed(pair, "status --json").out)
    assert [node["name"] for node in values["nodes"]] == ["nfs001", "nfs002"] and values["unread"] == []
    unknown = typed(pair, "status -r nosuch")
    assert unknown == (3, "", "hastwatch status: hast.conf has no resource nosuch\n")


def test_the_journal_of_a_node_is_shown_by_the_real_command(pair: InstalledPair) -> None:
    shown = typed(pair, "journal")
    entries = list(read(str(pair.state / pair.active.name / NAME)))
    assert (shown.status, shown.err) == (0, "")
    assert entries and len(shown.out.splitlines()) == len(entries)
    assert all(entry.event in line for entry, line in zip(entries, shown.out.splitlines(), strict=True))
    assert typed(pair, "journal -n 1 --json").out == entries[-1].line() + "\n"
    assert typed(pair, "journal --incident last").err == "hastwatch journal: no incident last; there are none\n"


@pytest.mark.parametrize("words", ["status --watch 2", "journal --follow"])
def test_what_goes_on_waits_in_simulated_time_and_ends_with_its_caller(pair: InstalledPair, words: str) -> None:
    output, tasks = Output(), threading.active_count()
    process = pair.active.start_command(f"{HASTWATCH} {words}", output)
    pair.passes(A_LOOK)
    assert not process.done and output.text("out")
    assert typed(pair, "maintenance on --reason later").status == typed(pair, "maintenance off").status == 0
    pair.passes(A_LOOK)
    text = output.text("out")
    assert "maintenance-off" in text if words.startswith("journal") else text.count("Nothing is wrong.") > 1
    process.kill()
    pair.passes(1.0)
    assert threading.active_count() == tasks and output.text("out") == text and not pair.pair.hook_errors


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
