"""After a boot CARP is not awaited for long where the other node is gone and its copy lacks writes of this one."""

from __future__ import annotations

from pathlib import Path

import pytest

from remediate.failover import newest
from remediate.rehearsal.node import Node
from tests.failover.installed_pair import InstalledPair, installed_pair, policy

WITNESS = "10.1.101.9"
"""The client, which answers ping(8)."""
WINDOW = 30.0
"""Seconds of `boot_settle`."""


def alone(state: Path, **changes: object) -> InstalledPair:
    """A pair whose active node has died, and whose standby has served alone since, and written."""
    pair = installed_pair(state, policy(**{"witness": WITNESS, **changes}))
    pair.active.power_off()
    assert pair.until(lambda: pair.serves(pair.standby))
    pair.passes(10)
    pair.converges(pair.standby)
    return pair


def reboots(node: Node) -> None:
    """An orderly reboot."""
    node.clock.wait(node.shut_down())
    node.clock.wait(node.power_on())


def seconds_until_served(pair: InstalledPair, node: Node) -> float:
    """From the end of the boot of the node, when rc(8) is through."""
    began = pair.pair.clock.now
    assert pair.until(lambda: pair.serves(node), 90), pair.story()
    return pair.pair.clock.now - began


def test_the_last_node_serves_soon_after_its_reboot(state: Path) -> None:
    pair = alone(state)
    reboots(pair.standby)
    assert seconds_until_served(pair, pair.standby) < 12
    assert any("lacks writes of this one" in said for entry in pair.entries(pair.standby) for said in entry.evidence)
    assert not pair.twice


@pytest.mark.parametrize("cut", [False, True], ids=["reboot", "power cut"])
def test_without_a_witness_the_own_network_may_be_what_is_silent(state: Path, cut: bool) -> None:
    pair = alone(state, witness="")
    if cut:
        pair.standby.power_off()
        pair.pair.clock.wait(pair.standby.power_on())
    else:
        reboots(pair.standby)
    assert seconds_until_served(pair, pair.standby) > WINDOW - 10


def test_a_node_that_was_the_standby_waits_for_the_one_that_was_active(state: Path) -> None:
    """Both lose power, and the standby boots first: its copy is not proven to be the newest."""
    pair = installed_pair(state, policy(witness=WITNESS, boot_alone="serve"))
    pair.active.power_off()
    pair.standby.power_off()
    pair.pair.clock.wait(pair.standby.power_on())
    assert seconds_until_served(pair, pair.standby) > WINDOW - 10


def test_a_node_that_died_as_primary_waits_where_the_other_one_has_served_since(state: Path) -> None:
    """Its own copy was complete on both nodes when it died: the other one may have the newest, and is off."""
    pair = alone(state)
    pair.standby.power_off()
    pair.pair.clock.wait(pair.active.power_on())
    pair.until(lambda: pair.serves(pair.active), WINDOW - 12)
    assert not pair.serves(pair.active)


def test_a_note_is_void_when_the_nodes_have_been_connected(state: Path) -> None:
    pair = alone(state)
    assert pair.does(pair.standby, lambda site: newest.is_proven(site, "home"))
    pair.boots(pair.active, 120)
    assert "complete" in pair.standby.run("hastctl status").out
    assert not pair.does(pair.standby, lambda site: newest.is_proven(site, "home"))


def test_a_note_that_nobody_voided_is_refuted_by_the_counters(state: Path) -> None:
    pair = alone(state)
    kept = (pair.state / "nfs002" / newest.NAME).read_text()
    pair.boots(pair.active, 120)
    (pair.state / "nfs002" / newest.NAME).write_text(kept)
    assert not pair.does(pair.standby, lambda site: newest.is_proven(site, "home"))


@pytest.mark.parametrize("note", ["{", '{"version": 1, "home": 1}', '{"version": 1, "home": {"resuid": 1}}'])
def test_a_note_that_is_none_proves_nothing(state: Path, note: str) -> None:
    pair = alone(state)
    (pair.state / "nfs002" / newest.NAME).write_text(note)
    assert not pair.does(pair.standby, lambda site: newest.is_proven(site, "home"))
