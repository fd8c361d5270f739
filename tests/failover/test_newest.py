"""After a boot CARP is not awaited for long where the other node is gone and its copy lacks writes of this one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from remediate.context import Context
from remediate.failover import boot_silence, newest
from remediate.failover.converge import ConvergeRequest
from remediate.failover.observe import observe
from remediate.state import clients
from simulator.network.link import Traffic
from simulator.node import Node
from tests.failover.installed_pair import InstalledPair, installed_pair, policy

pytestmark = pytest.mark.slow

WITNESS = "10.1.101.9"
"""The client, which answers ping(8)."""
PERIODIC = ConvergeRequest("periodic", promote=False, again=True)
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


@pytest.mark.quick
def test_the_last_node_serves_soon_after_its_reboot(state: Path) -> None:
    pair = alone(state)
    reboots(pair.standby)
    assert seconds_until_served(pair, pair.standby) < 12
    assert any(
        "lacks writes of this one" in entries for entry in pair.entries(pair.standby) for entries in entry.evidence
    )
    assert not pair.twice


def loses_power(node: Node) -> None:
    """A power cut, and a boot."""
    node.power_off()
    node.clock.wait(node.power_on())


@pytest.mark.parametrize("boots", [reboots, loses_power])
def test_without_a_witness_the_answer_of_a_client_shows_that_the_network_works(
    state: Path, boots: Callable[[Node], None]
) -> None:
    pair = alone(state, witness="")
    pair.converges(pair.standby, PERIODIC)  # notes the clients
    boots(pair.standby)
    assert seconds_until_served(pair, pair.standby) < 12
    entries = [entries for entry in pair.entries(pair.standby) for entries in entry.evidence]
    assert any("its copy lacks writes of this one, and the client 10.1.101.9 answers" in each for each in entries)
    assert not pair.twice


def nobody_is_known(pair: InstalledPair) -> None:
    (pair.state / "nfs002" / clients.NAME).unlink(missing_ok=True)


def no_client_answers(pair: InstalledPair) -> None:
    """They are off, or this node's own port does not forward yet: it hears the same of both."""
    pair.converges(pair.standby, PERIODIC)
    pair.pair.link.cut(pair.standby.name, pair.pair.layout.client, frozenset({Traffic.CLIENT}))


@pytest.mark.parametrize("silent", [nobody_is_known, no_client_answers])
def test_without_any_answer_the_own_network_may_be_what_is_silent(
    state: Path, silent: Callable[[InstalledPair], None]
) -> None:
    pair = alone(state, witness="")
    silent(pair)
    loses_power(pair.standby)
    booted = pair.pair.clock.now
    assert pair.until(lambda: pair.holds(pair.standby), 90), pair.story()
    assert pair.pair.clock.now - booted > WINDOW - 10, pair.story()


def test_an_answer_of_the_other_node_shows_nothing(state: Path) -> None:
    """It may be a client too, of what it does not serve."""
    pair = installed_pair(state, policy(witness=""))
    address = pair.pair.peer(pair.standby).layout.management
    client = {"service": "10.1.101.5", "address": address, "ports": [], "at": "2026-11-22T08:30:00Z"}
    (state / "nfs002" / clients.NAME).write_text(json.dumps({"version": 1, "clients": [client]}))

    def works(context: Context) -> str:
        observation = observe(context)
        return boot_silence.network_works(context, observation.places["home"], observation.vhids)

    assert pair.does(pair.standby, works) == ""
    client["address"] = WITNESS
    (state / "nfs002" / clients.NAME).write_text(json.dumps({"version": 1, "clients": [client]}))
    assert pair.does(pair.standby, works) == f"the client {WITNESS} answers"


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
    assert pair.does(pair.standby, lambda context: newest.is_proven(context, "home"))
    pair.boots(pair.active, 120)
    assert "complete" in pair.standby.run("hastctl status").out
    assert not pair.does(pair.standby, lambda context: newest.is_proven(context, "home"))


def test_a_note_that_nobody_voided_is_refuted_by_the_counters(state: Path) -> None:
    pair = alone(state)
    text = (pair.state / "nfs002" / newest.NAME).read_text()
    pair.boots(pair.active, 120)
    (pair.state / "nfs002" / newest.NAME).write_text(text)
    assert not pair.does(pair.standby, lambda context: newest.is_proven(context, "home"))


@pytest.mark.parametrize("note", ["{", '{"version": 1, "home": 1}', '{"version": 1, "home": {"resuid": 1}}'])
def test_a_note_that_is_none_proves_nothing(state: Path, note: str) -> None:
    pair = alone(state)
    (pair.state / "nfs002" / newest.NAME).write_text(note)
    assert not pair.does(pair.standby, lambda context: newest.is_proven(context, "home"))
