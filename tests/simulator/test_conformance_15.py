"""A simulated pair of 15.1 answers as the recorded one did (`tests/recordings`, freebsd-15-…), as for 13.2.

The recorded machines replicated over a third interface; here it is the one with the service address, as in all other
recordings.
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from itertools import product
from pathlib import Path

import pytest

from simulator.layout import PairLayout
from simulator.pair import Pair
from tests.simulator.conformance.normalise import normalise

RECORDINGS = Path(__file__).parents[1] / "recordings"
COMMANDS = {
    "ifconfig-a": ("ifconfig vtnet1", "ifconfig lo0"),
    "sysctl-carp": ("sysctl net.inet.carp",),
    "hastctl-list": ("hastctl list",),
    "hastctl-dump-home": ("hastctl dump home",),
    "mount": ("mount",),
}
"""What gives the recorded answer, of ifconfig(8) two parts of it."""
STATES = ("freebsd-15-role-init", "freebsd-15-stock-primary", "freebsd-15-healthy")
OTHERWISE = {
    ("freebsd-15-role-init", "nfs001", "ifconfig-a"): "which of two equal nodes is MASTER is chance",
    ("freebsd-15-role-init", "nfs002", "ifconfig-a"): "which of two equal nodes is MASTER is chance",
    ("freebsd-15-healthy", "nfs002", "mount"): "mountd had been stopped on it by hand before",
}
"""Why it is not compared."""
CASES = [case for case in product(STATES, ("nfs001", "nfs002"), COMMANDS) if case not in OTHERWISE]


@cache
def recorded_pair(state: str) -> Pair:
    """The pair in a recorded state: nothing made yet, or nfs001 told to be primary, with the hastd of 15.1 or one that
    is repaired."""
    layout = PairLayout().running("15.1+D57511,15.1" if state == STATES[2] else "15.1")
    first, second = layout.nodes
    pair = Pair(replace(layout, nodes=(first, replace(second, advskew=first.advskew))))
    pair.power_on()
    if state == STATES[0]:
        return pair
    active, standby = pair.nodes.values()
    for node in (active, standby):
        pair.must(node, "hastctl create home")
    pair.must(standby, "hastctl role secondary home")
    pair.must(active, "hastctl role primary home")
    pair.clock.advance(30)
    if state == STATES[2]:
        pair.must(active, "newfs -O2 -U -j /dev/hast/home")
        pair.must(active, "mount /dev/hast/home /hast/home")
        pair.must(active, "service mountd restart")
        pair.clock.advance(60)
    return pair


def recorded(state: str, node: str, name: str) -> tuple[list[str], int]:
    """The lines of a recording, and its exit status."""
    _, *lines = (RECORDINGS / state / node / f"{name}.txt").read_text().splitlines()
    text = "\n".join(lines[:-1]).replace("10.1.102.", "10.1.101.")
    text = re.sub(r"(?m)^(/dev/gpt/rootfs .*), journaled soft-updates", r"\1", text)  # theirs had a journal
    return normalise("", text), int(lines[-1].removeprefix("exit "))


def simulated(state: str, node: str, name: str) -> tuple[list[str], int]:
    """The same of the simulated pair."""
    results = [recorded_pair(state).nodes[node].run(line) for line in COMMANDS[name]]
    return normalise("", "".join(each.out + each.err for each in results)), max(each.status for each in results)


def without_others(lines: list[str]) -> list[str]:
    """Of ifconfig's output the interfaces that are compared."""
    remaining: list[str] = []
    name = ""
    for line in lines:
        name = line.partition(":")[0] if not line.startswith("\t") else name
        remaining += [line.replace("scopeid 0x4", "scopeid 0x3")] * (name in ("vtnet1", "lo0"))
    return remaining


@pytest.mark.parametrize(("state", "node", "name"), CASES)
def test_the_recorded_answer_is_given(state: str, node: str, name: str) -> None:
    lines, status = recorded(state, node, name)
    if name == "ifconfig-a":
        lines = without_others(lines)
    assert simulated(state, node, name) == (lines, status)
