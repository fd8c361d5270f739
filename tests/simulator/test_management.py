"""The management network, the second way between the nodes; and what ping and nc say of a peer."""

from __future__ import annotations

import pytest

from remediate.config import RemediationConfig
from remediate.rehearsal.own_pair import healthy_pair, layout_of
from simulator.faults.faults import inflict
from simulator.node import Node
from simulator.pair import Pair


@pytest.fixture
def pair() -> Pair:
    return healthy_pair(layout_of(RemediationConfig(), 1), hooked=False)


def pings(node: Node, address: str) -> bool:
    return node.run(f"ping -c 1 -t 1 {address}").status == 0


def test_the_nodes_of_a_healthy_pair_have_different_addresses_there(pair: Pair) -> None:
    first, second = pair.nodes.values()
    assert "inet 10.0.2.15 " in first.run("ifconfig vtnet0").out
    assert "inet 10.0.2.16 " in second.run("ifconfig vtnet0").out
    assert pings(first, "10.0.2.16") and pings(second, "10.0.2.15") and pings(first, "10.0.2.15")
    assert pair.manageable(first, second) and pair.manageable(second, first)


@pytest.mark.parametrize(
    ("fault", "by_service", "by_management"),
    [
        (("cut",), False, True),
        (("cut-from", "nfs001"), False, True),
        (("cut-management",), True, False),
        (("isolate", "nfs001"), False, False),
        (("power-off", "nfs002"), False, False),
    ],
)
def test_what_a_fault_leaves(pair: Pair, fault: tuple[str, ...], by_service: bool, by_management: bool) -> None:
    first, second = pair.nodes.values()
    inflict(pair, *fault)
    assert pings(first, "10.1.101.4") is by_service
    assert pings(first, "10.0.2.16") is by_management
    assert pair.manageable(first, second) is by_management
    inflict(pair, "heal")
    inflict(pair, "power-on", "nfs002")
    pair.clock.advance(60)
    assert pair.manageable(first, second)


def test_a_node_that_boots_is_not_reached_before_it_has_a_network(pair: Pair) -> None:
    first, second = pair.nodes.values()
    second.power_off()
    second.power_on()
    pair.clock.advance(10)
    assert not pair.manageable(first, second)
    assert not pings(first, "10.1.101.4")
    pair.clock.advance(60)
    assert pair.manageable(first, second)


def test_without_sshd_no_command_gets_through(pair: Pair) -> None:
    first, second = pair.nodes.values()
    pair.must(second, "pkill -KILL sshd")
    assert not pair.manageable(first, second)
    assert pings(first, "10.0.2.16")


def test_a_peer_without_hastd_refuses_at_once_and_a_dead_one_is_waited_for(pair: Pair) -> None:
    first, second = pair.nodes.values()

    def asks(seconds: str = "1") -> tuple[int, float, str]:
        began = pair.clock.now
        answer = first.run(f"nc -v -z -w {seconds} 10.1.101.4 8457")
        return answer.status, round(pair.clock.now - began - pair.layout.costs.process, 3), answer.err

    assert asks() == (0, 0, "Connection to 10.1.101.4 8457 port [tcp/*] succeeded!\n")
    pair.must(second, "service hastd onestop")
    status, seconds, words = asks()
    assert (status, seconds) == (1, 0)
    assert "Connection refused" in words
    second.power_off()
    status, seconds, words = asks("2")
    assert status == 1 and words.endswith("failed: Operation timed out\n")
    assert seconds == pytest.approx(2)


def test_the_service_address_is_the_masters(pair: Pair) -> None:
    first, second = pair.nodes.values()
    assert second.run("nc -z -w 1 10.1.101.5 2049").status == 0
    assert first.run("nc -z -w 1 10.1.101.5 2049").status == 0
    pair.must(first, "service nfsd onestop")
    assert second.run("nc -z -w 1 10.1.101.5 2049").status == 1


def test_a_loopback_interface_comes_and_goes_and_devd_hears_of_it(pair: Pair) -> None:
    node = pair.nodes["nfs001"]
    heard: list[str] = []
    node.devd.listeners.append(heard.append)
    assert node.run("ifconfig lo9123 create") == (0, "", "")
    assert node.run("ifconfig -l").out == "vtnet0 vtnet1 lo0 lo9123\n"
    assert node.run("ifconfig lo9123").out.startswith("lo9123: flags=8008<LOOPBACK,MULTICAST> ")
    assert node.run("ifconfig lo9123 create").status == 1
    assert node.run("ifconfig lo9123 destroy") == (0, "", "")
    assert node.run("ifconfig -l").out == "vtnet0 vtnet1 lo0\n"
    assert node.run("ifconfig lo9123 destroy").err == "ifconfig: interface lo9123 does not exist\n"
    assert heard == [
        "!system=IFNET subsystem=lo9123 type=ATTACH",
        "!system=IFNET subsystem=lo9123 type=DETACH",
    ]


def test_only_root_makes_loopback_interfaces_and_no_interface_of_the_machine_is_destroyed(pair: Pair) -> None:
    node = pair.nodes["nfs001"]
    assert node.run("ifconfig lo5 create", user="nobody").status == 1
    for name in ("lo0", "vtnet0"):
        assert node.run(f"ifconfig {name} destroy").status == 1
    assert node.run("ifconfig em5 create").status == 1
    assert node.run("ifconfig lo create").out == "lo1\n"


@pytest.mark.parametrize(
    ("line", "status", "words"),
    [
        ("true", 0, ""),
        ("service nfsd onestop", 1, "nfsd is not registered"),
        ("service rpcbind onestop", 1, "rpcbind: no answer"),
        ("umount -f /hast/home", 77, "the service answers, and does not admit this node, as exports(5) need not"),
    ],
)
def test_hastwatch_reach_says_what_a_client_would_get(pair: Pair, line: str, status: int, words: str) -> None:
    node = pair.nodes["nfs001"]
    pair.must(node, line)
    answer = node.run("/usr/local/hastwatch/bin/hastwatch reach 10.1.101.5 /hast/home")
    assert (answer.status, answer.err) == (status, f"{words}\n" if words else "")
