"""Faults that come from outside: a foreign demotion, a state directory that takes nothing, a peer that is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from checks.probes.errors import NotUnderstood, ProbeError
from remediate.config import RemediationConfig
from remediate.context import Context, Transport
from remediate.rehearsal.context import PairPeerTransport, context_of
from remediate.rehearsal.observer import SimulatedMemory
from remediate.state.journal_reading import read
from remediate.state.lock import Lock
from remediate.state.store import StateNotKept
from simulator.dying import Life
from simulator.faults.fault_words import FaultError
from simulator.faults.faults import inflict
from simulator.node import Node
from simulator.pair import Pair


@pytest.fixture
def pair() -> Pair:
    pair = Pair()
    pair.bring_up()
    return pair


@pytest.fixture
def context(pair: Pair, tmp_path: Path) -> Context:
    return context_of(pair.nodes["nfs001"], tmp_path, RemediationConfig())


def test_a_foreign_demotion_adds_to_the_counter_and_a_negative_one_takes_away(pair: Pair) -> None:
    node = pair.nodes["nfs001"]
    inflict(pair, "demote", node.name)
    inflict(pair, "demote", node.name, "-100")
    assert node.run("sysctl -n net.inet.carp.demotion").out == "140\n"


def test_a_node_that_is_off_is_not_demoted(pair: Pair) -> None:
    pair.nodes["nfs001"].power_off()
    with pytest.raises(FaultError, match="CARP is not loaded on nfs001"):
        inflict(pair, "demote", "nfs001")


@pytest.mark.parametrize("fault, words", [("state-full", "No space left"), ("state-read-only", "Read-only")])
def test_a_state_directory_that_takes_nothing_keeps_what_it_has(
    pair: Pair, context: Context, fault: str, words: str
) -> None:
    context.store.write("kept", {"a": 1})
    context.journal.entry("before")
    inflict(pair, fault, "nfs001")
    with pytest.raises(StateNotKept, match=words):
        context.store.write("kept", {"a": 2})
    with pytest.raises(StateNotKept, match=words):
        context.store.append("lines", "one")
    context.journal.entry("meanwhile")
    assert context.store.read("kept") == {"a": 1}
    inflict(pair, "state-ok", "nfs001")
    context.journal.entry("after")
    assert [entry.event for entry in read(context.journal.path)] == ["before", "after"]
    assert "journal not written" in pair.nodes["nfs001"].files.read("/var/log/messages")


@pytest.mark.parametrize("fault", ["state-full", "state-read-only"])
def test_a_lock_can_be_had_whatever_the_disk_of_the_state_directory_is_like(
    pair: Pair, context: Context, fault: str
) -> None:
    inflict(pair, fault, "nfs001")
    with Lock(context.store, "any", "test", context.timing):
        assert not Lock(context.store, "any", "test", context.timing).acquire(0)


def way_from(node: Node) -> Transport:
    """What a process on the node has to the other one, before a look where that leads."""
    return PairPeerTransport(node, Life(), SimulatedMemory(), RemediationConfig())


def role(way: Transport | None) -> str:
    assert way is not None
    return way.node().run("hastctl", "list", "home").stdout


def test_the_way_to_the_peer_can_lead_back_to_the_node_itself(pair: Pair) -> None:
    inflict(pair, "peer-lies", "nfs001", "oneself")
    way = way_from(pair.nodes["nfs001"])
    assert way.node().name == "nfs001"
    assert "role: primary" in role(way)


def test_a_stranger_has_another_name_other_disks_and_is_no_primary(pair: Pair) -> None:
    inflict(pair, "peer-lies", "nfs002", "stranger")
    way = way_from(pair.nodes["nfs002"])
    node = way.node()
    assert node.name == "nfs103"
    assert "role: secondary" in role(way)
    own = pair.nodes["nfs001"]
    assert own.layout.hostuuid not in node.run("sysctl", "-n", "kern.hostuuid", "kern.hostid").stdout
    assert node.run("hastctl", "dump", "home").stdout != own.run("hastctl dump home").out


def test_a_way_that_a_process_has_leads_to_the_same_host_as_long_as_it_lives(pair: Pair) -> None:
    before = way_from(pair.nodes["nfs002"])
    inflict(pair, "peer-lies", "nfs002", "stranger")
    after = way_from(pair.nodes["nfs002"])
    inflict(pair, "peer-tells-the-truth", "nfs002")
    assert (before.node().name, after.node().name) == ("nfs001", "nfs103")


def test_an_old_answer_stays_the_same_whatever_the_other_node_does(pair: Pair, context: Context) -> None:
    answer = role(context.peer)
    inflict(pair, "peer-lies", "nfs001", "old")
    pair.nodes["nfs002"].run("hastctl role init home")
    assert "role: secondary" in answer
    assert role(context.peer) == answer
    inflict(pair, "peer-tells-the-truth", "nfs001")
    assert "role: init" in role(context.peer)


def test_rubbish_nothing_and_endless_text_reach_whoever_asks(pair: Pair, context: Context) -> None:
    for lie in ("nonsense", "empty"):
        inflict(pair, "peer-lies", "nfs001", lie)
        with pytest.raises(ProbeError):
            assert context.peer is not None
            _ = context.peer.node().name
    inflict(pair, "peer-lies", "nfs001", "endless")
    with pytest.raises(NotUnderstood, match="more than"):
        role(context.peer)


def test_an_unknown_lie_is_refused_with_those_that_there_are(pair: Pair) -> None:
    with pytest.raises(FaultError, match="there are oneself, stranger, old, nonsense, empty, endless"):
        inflict(pair, "peer-lies", "nfs001", "white")
