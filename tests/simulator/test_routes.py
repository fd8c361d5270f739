"""route(8) on the simulated pair, and what a rejecting route does to hastd.

The fact is freebsd-facts: device-waits-for-a-dead-peer.
"""

from __future__ import annotations

import pytest

from checks.probes import route
from simulator.faults.faults import inflict
from simulator.node import Node
from simulator.pair import Pair

PEER = "10.1.101.3"


@pytest.fixture
def second(pair: Pair) -> Node:
    """The standby of a healthy pair whose other node has just lost power."""
    inflict(pair, "power-off", "nfs001")
    return pair.nodes["nfs002"]


def seconds_to_device(node: Node) -> float:
    began = node.clock.now
    assert node.run("hastctl role primary home").status == 0
    while node.run("ls /dev/hast/home").status:
        node.clock.advance(0.05)
    return node.clock.now - began


def test_route_says_what_was_recorded(second: Node) -> None:
    assert second.run(f"route add -host {PEER} 127.0.0.1 -reject").out == f"add host {PEER}: gateway 127.0.0.1\n"
    assert second.run(f"route delete -host {PEER}").out == f"delete host {PEER}\n"


def test_the_device_waits_for_the_connection_to_a_dead_peer(second: Node) -> None:
    """Recorded: 10.40 s from the order to the device."""
    assert 10 < seconds_to_device(second) < 10.6


def test_with_a_rejecting_route_the_device_does_not_wait(second: Node) -> None:
    """Recorded: 0.54 s from the order to the device."""
    second.run(f"route add -host {PEER} 127.0.0.1 -reject")
    assert seconds_to_device(second) < 0.54


def test_the_device_does_not_wait_for_a_peer_that_refuses(pair: Pair) -> None:
    pair.must(pair.nodes["nfs001"], "service hastd onestop")
    assert seconds_to_device(pair.nodes["nfs002"]) < 0.54


def test_a_rejected_peer_is_never_connected_until_the_route_is_gone(pair: Pair, second: Node) -> None:
    second.run(f"route add -host {PEER} 127.0.0.1 -reject")
    seconds_to_device(second)
    inflict(pair, "power-on", "nfs001")
    second.clock.advance(60)
    pair.must(pair.nodes["nfs001"], "hastctl role secondary home")
    second.clock.advance(60)
    assert "degraded" in second.run("hastctl status").out
    assert second.run(f"route delete -host {PEER} 127.0.0.1").status == 0
    second.clock.advance(15)
    assert "complete" in second.run("hastctl status").out


def test_a_host_has_one_route_and_another_gateway_deletes_none(second: Node) -> None:
    second.run(f"route add -host {PEER} 10.1.101.254")
    again = second.run(f"route -n add -host {PEER} 127.0.0.1 -reject")
    assert again.status == 1 and "route already in table" in again.out
    assert second.run(f"route -n delete -host {PEER} 127.0.0.1").status == 1
    assert not route.parse(second.run(f"route -n get {PEER}").out).rejects


def test_no_route_survives_a_power_cut(second: Node) -> None:
    second.run(f"route add -host {PEER} 127.0.0.1 -reject")
    second.power_off()
    second.clock.wait(second.power_on())
    assert not route.parse(second.run(f"route -n get {PEER}").out).rejects


@pytest.mark.parametrize(
    "line", ["route", "route add", "route -n flush", "route get -net 1", "route add -host 1 -ifp x"]
)
def test_what_it_does_not_understand_is_wrong_usage(second: Node, line: str) -> None:
    assert second.run(line).status == 64


def test_only_root_changes_routes_and_everybody_looks(second: Node) -> None:
    assert second.run(f"route add -host {PEER} 127.0.0.1 -reject", user="mallory").status == 77
    assert second.run(f"route -n get {PEER}", user="mallory").status == 0
