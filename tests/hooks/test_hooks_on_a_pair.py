"""All of it as real processes: devd and hastd of a running pair call the hooks, which converge by its commands."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from remediate.state.journal_reading import read
from tests.state.child import ROOT
from tests.subcommands.running_pair import RunningPair, running
from tests.waiting import awaited

pytestmark = pytest.mark.slow

SPEED = "2"
"""Simulated seconds in a real one: a hook and the commands it starts are real processes, and take real time."""
CONFIG = "[failover]\nboot_window = 0\n"
WRAPPER = """#!/bin/sh
cd {root}
here=$HASTWATCH_PAIR_NODE
case $here in nfs001) there=nfs002 ;; *) there=nfs001 ;; esac
way="{python} {root}/remediate/command.py pair exec --dir $HASTWATCH_PAIR_DIR"
set -- --config {config} --state-dir "$HASTWATCH_PAIR_DIR/state/$here" --via "$way $here" --peer "$way $there" "$@"
"""
HOOK = WRAPPER + 'exec {python} -m hooks.{name} "$@"\n'
COMMAND = (
    """#!/bin/sh
[ "$1" = --version ] && exec {python} {root}/remediate/command.py --version
subcommand=$1; shift
"""
    + WRAPPER.removeprefix("#!/bin/sh\n")
    + 'exec {python} -m remediate.command "$subcommand" "$@"\n'
)


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[RunningPair]:
    config = tmp_path / "hastwatch.toml"
    config.write_text(CONFIG)
    config.chmod(0o600)
    scripts = {"carp_hast_switch": HOOK, "hast_event": HOOK, "command": COMMAND}
    for name, text in scripts.items():
        path = tmp_path / name
        values = {"root": ROOT, "python": shlex.quote(sys.executable), "config": config, "name": name}
        for key, value in values.items():
            text = text.replace(f"{{{key}}}", str(value))
        path.write_text(text)
        path.chmod(0o755)
    options = ["--carp-hook", "carp_hast_switch", "--hast-hook", "hast_event", "--hastwatch", "command"]
    paths = [word if word.startswith("--") else str(tmp_path / word) for word in options]
    with running(tmp_path / "d", "--speed", SPEED, *paths) as pair:
        yield pair


def events_of(pair: RunningPair, node: str) -> list[str]:
    """The journal of a node, an event and its cause an entry."""
    return [f"{entry.event} {entry.why}" for entry in read(str(pair.state(node) / "journal.jsonl"))]


def test_a_demotion_of_the_active_node_moves_the_service_and_nothing_is_left_running_there(pair: RunningPair) -> None:
    pair.on("nfs001", "sysctl net.inet.carp.demotion=200")
    assert awaited(lambda: "promoted devd 2@vtnet1 MASTER" in events_of(pair, "nfs002")), events_of(pair, "nfs002")
    assert "NFS exported" in pair.on("nfs002", "mount")
    assert "mountd" not in pair.on("nfs001", "ps -axww -o pid,ppid,command")
    assert awaited(lambda: "converged devd 2@vtnet1 BACKUP" in events_of(pair, "nfs001"))
    assert "hook" not in {entry.partition(" ")[0] for node in ("nfs001", "nfs002") for entry in events_of(pair, node)}
    assert awaited(lambda: any(entry.startswith("ledger nfs002 reported") for entry in events_of(pair, "nfs001")))


def test_a_power_cut_of_the_active_node_is_taken_over(pair: RunningPair) -> None:
    pair.command("fault", "power-off", "nfs001")
    assert awaited(lambda: "promoted devd 2@vtnet1 MASTER" in events_of(pair, "nfs002")), events_of(pair, "nfs002")
    assert "NFS exported" in pair.on("nfs002", "mount")


def test_the_self_test_goes_through_devd_and_the_hook(pair: RunningPair) -> None:
    links = pair.hastwatch("nfs001", "self-test").stdout.splitlines()
    assert [line.split()[1] for line in links[:4]] == ["ok"] * 4, links
    assert links[3].startswith("event      ok      lo9123 was noted in ")
