"""The table of the event handler at the documented intervals, a look a minute and two while something is wrong: with
nobody but the engine to look, a node ends in its place, also where the active one has lost its power."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from remediate.rehearsal.engine import EVERY, Engine
from remediate.rehearsal.observer import Observer
from tests.failover.installed_pair import InstalledPair

pytestmark = pytest.mark.slow

REPAIRED = 5 * EVERY
"""Seconds from a fault to the end of what it calls for: at most three looks, and a failover."""


class Case(NamedTuple):
    """What is broken, the repair that is done for it, on which node,
    and whether the other one has lost its power."""

    faults: str
    remedy: str
    node: str
    alone: bool = False


CASES = {
    "devd died, and the failover was missed": Case("kill nfs002 devd; power-off nfs001", "devd", "nfs002", True),
    "devd is stopped, and the failover was missed": Case("hang nfs002 devd; power-off nfs001", "devd", "nfs002", True),
    "devd did not hear of the failover": Case("drop-devd-event nfs002 9; power-off nfs001", "converge", "nfs002", True),
    "devd died, and the address moved": Case("kill nfs002 devd; demote nfs001 100", "devd", "nfs002"),
    "hastd died on the standby": Case("kill nfs002 hastd", "hastd", "nfs002"),
    "hastd died on the active node": Case("kill nfs001 hastd", "hastd", "nfs001"),
    "nfsd died": Case("kill nfs001 nfsd", "converge", "nfs001"),
    "mountd died": Case("kill nfs001 mountd", "converge", "nfs001"),
    "lockd died": Case("kill nfs001 rpc.lockd", "converge", "nfs001"),
    "the file system was unmounted": Case("forced-unmount nfs001 home", "converge", "nfs001"),
}  # fmt: skip


def looked_at(pair: InstalledPair) -> None:
    """An engine looks at the pair, and all is well; no cron(8) does."""
    Engine(pair.installed, Observer(pair.pair, pair.config)).start()
    pair.passes(2 * EVERY)


@pytest.mark.parametrize("name", CASES)
def test_what_the_table_calls_for_is_done_in_a_few_looks_without_cron(pair: InstalledPair, name: str) -> None:
    case = CASES[name]
    looked_at(pair)
    pair.breaks_all(case.faults.split("; "))
    pair.passes(REPAIRED)
    node = pair.pair.nodes[case.node]
    ends = [entry.result for entry in pair.entries(node, "repair") if entry.step == case.remedy]
    assert "helped" in ends, pair.story()
    assert sum(pair.serves(each) for each in pair.pair.nodes.values()) == 1 and pair.sound, pair.story()
    if case.alone:
        assert pair.serves(pair.standby)


def test_a_repair_that_leaves_the_node_out_of_its_place_has_not_helped(pair: InstalledPair) -> None:
    """hastd was dead while the other node may have written alone: the copy is not served, however well devd runs."""
    looked_at(pair)
    pair.breaks_all(["kill nfs002 hastd", "kill nfs002 devd", "power-off nfs001"])
    pair.passes(2 * REPAIRED)
    results = {entry.step: entry.result for entry in pair.entries(pair.standby, "repair")}
    assert pair.standby.devd.process is not None and pair.standby.hastd.running
    for remedy in ("devd", "hastd"):
        assert results[remedy].startswith("did not help: the node is not in place: home: this copy is known to lack")
    assert not pair.serves(pair.standby)
