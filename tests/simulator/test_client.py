"""The NFS client speaks TCP as the client of FreeBSD does.

The facts are freebsd-facts: acknowledged-call-waits, closed-port-costs-seconds.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate

import pytest

from simulator.clock import Coroutine
from simulator.network.link import Traffic
from simulator.network.tcp import TcpConnection, retransmissions
from simulator.nfs.client import Client, Operation, OperationResult
from simulator.node import Node
from simulator.pair import Pair

HANDOVER = (
    "sysctl net.inet.carp.demotion=240",
    "service nfsd onestop",
    "service mountd onestop",
    "umount /hast/home",
    "hastctl role secondary home",
)
TAKEOVER = ("fsck -p /dev/hast/home", "mount /dev/hast/home /hast/home")
SERVING = ("/usr/sbin/mountd -r", "/usr/sbin/nfsd -u -t -n 4")


@pytest.fixture
def pair() -> Iterator[Pair]:
    pair = Pair()
    pair.bring_up()
    for node in pair.nodes.values():
        pair.must(node, "sysctl net.inet.carp.preempt=1")
    pair.must(pair.nodes["nfs002"], "service nfsd onestop; service mountd onestop")
    yield pair


@pytest.fixture
def client(pair: Pair) -> Client:
    client = pair.client()
    assert client.write_now("mail").answer is OperationResult.OK
    return client


def takes_over(pair: Pair, node: Node) -> None:
    pair.must(node, "hastctl role primary home")
    while not node.files.exists("/dev/hast/home"):
        pair.clock.advance(0.1)
    for line in (*TAKEOVER, *SERVING):
        pair.must(node, line)


def hands_over(pair: Pair) -> None:
    old, new = pair.nodes.values()
    for line in HANDOVER:
        pair.must(old, line)
    takes_over(pair, new)


def answered(pair: Pair, writing: Coroutine[Operation]) -> float:
    """Seconds from now until the client has its answer."""
    now = pair.clock.now
    pair.clock.wait(writing, 700)
    assert writing.value is not None
    assert writing.value.answer is OperationResult.OK
    return writing.value.ended - now


def established(client: Client) -> TcpConnection:
    assert client.connection is not None
    return client.connection


def silence(pair: Pair) -> None:
    for node in filter(lambda node: node.on, pair.nodes.values()):
        pair.must(node, "sysctl net.inet.tcp.blackhole=2")


def cut_in_the_middle_of_a_call(pair: Pair, client: Client) -> Coroutine[Operation]:
    """The active node has acknowledged the call and not answered when its power goes."""
    writing = client.write("mail-1", patience=700)
    pair.clock.advance(pair.layout.costs.nfs_call / 2)
    assert not writing.done
    pair.nodes["nfs001"].power_off()
    pair.clock.advance(4)
    takes_over(pair, pair.nodes["nfs002"])
    pair.clock.advance(1)
    return writing


def test_a_client_keeps_one_connection_from_a_privileged_port(pair: Pair, client: Client) -> None:
    first = established(client)
    assert client.write_now("mail-1").answer is OperationResult.OK
    assert client.connection is first
    assert first.port < 1024
    assert pair.nodes["nfs001"].nfs.connections == [first]


def test_a_client_that_was_refused_pauses_though_the_service_is_back(pair: Pair, client: Client) -> None:
    began = pair.clock.now
    pair.must(pair.nodes["nfs001"], "service nfsd onestop")
    writing = client.write("mail-1")
    pair.clock.advance(1.5)
    pair.must(pair.nodes["nfs001"], "/usr/sbin/nfsd -u -t -n 4")
    assert pair.clock.now - began < 3
    assert answered(pair, writing) > 1.5


def test_a_silent_port_is_tried_again_after_one_and_three_and_seven_seconds(pair: Pair, client: Client) -> None:
    silence(pair)
    pair.must(pair.nodes["nfs001"], "service nfsd onestop")
    began = pair.clock.now
    writing = client.write("mail-1")
    pair.clock.advance(2)
    pair.must(pair.nodes["nfs001"], "/usr/sbin/nfsd -u -t -n 4")
    away = pair.clock.now - began
    assert away + answered(pair, writing) == pytest.approx(3 + pair.layout.costs.nfs_call, abs=0.02)


def test_a_call_that_the_dead_node_acknowledged_hangs_for_300_seconds(pair: Pair, client: Client) -> None:
    began = pair.clock.now
    writing = cut_in_the_middle_of_a_call(pair, client)
    away = pair.clock.now - began
    assert away + answered(pair, writing) == pytest.approx(300, abs=1)


def test_a_tickle_from_the_new_node_wakes_it_at_once(pair: Pair, client: Client) -> None:
    port = established(client).port
    writing = cut_in_the_middle_of_a_call(pair, client)
    for number in (port - 1, port):
        pair.sockets.tickle(pair.nodes["nfs002"], client.address, pair.layout.client_address, number)
    assert answered(pair, writing) < 0.1


def test_a_tickle_wakes_nobody_while_the_new_node_drops_what_comes_to_a_closed_port(pair: Pair, client: Client) -> None:
    port = established(client).port
    writing = cut_in_the_middle_of_a_call(pair, client)
    silence(pair)
    pair.must(pair.nodes["nfs002"], "service nfsd onestop")
    pair.sockets.tickle(pair.nodes["nfs002"], client.address, pair.layout.client_address, port)
    pair.must(pair.nodes["nfs002"], "/usr/sbin/nfsd -u -t -n 4")
    pair.clock.advance(60)
    assert not writing.done


def test_a_tickle_of_a_connection_that_is_well_ends_nothing(pair: Pair, client: Client) -> None:
    connection = established(client)
    pair.sockets.tickle(pair.nodes["nfs001"], client.address, pair.layout.client_address, connection.port)
    assert client.write_now("mail-1").answer is OperationResult.OK
    assert client.connection is connection


def test_only_the_node_that_has_the_service_address_sends_tickles_from_it(pair: Pair, client: Client) -> None:
    with pytest.raises(OSError, match="assign"):
        pair.sockets.tickle(pair.nodes["nfs002"], client.address, pair.layout.client_address, 1023)


def test_a_call_that_nothing_acknowledged_is_sent_again_and_reset_by_the_new_node(pair: Pair, client: Client) -> None:
    pair.nodes["nfs001"].power_off()
    began = pair.clock.now
    writing = client.write("mail-1", patience=700)
    pair.clock.advance(4)
    # Without the route the device comes after 10 s (freebsd-facts: device-waits-for-a-dead-peer), and what is sent
    # again meanwhile is reset already.
    peer = pair.nodes["nfs001"].layout.address
    pair.must(pair.nodes["nfs002"], f"route -n add -inet -host {peer} 127.0.0.1 -reject -proto2")
    takes_over(pair, pair.nodes["nfs002"])
    away = pair.clock.now - began
    sent = [0.0, *accumulate(retransmissions())]
    assert away + answered(pair, writing) == pytest.approx(min(each for each in sent if each > away), abs=0.5)


def test_a_service_that_ends_in_the_middle_of_a_call_hangs_nobody(pair: Pair, client: Client) -> None:
    writing = client.write("mail-1", patience=700)
    pair.clock.advance(pair.layout.costs.nfs_call / 2)
    hands_over(pair)
    assert answered(pair, writing) < 4


def test_an_answer_of_the_old_node_counts_wherever_the_address_is(pair: Pair, client: Client) -> None:
    writing = client.write("mail-1", patience=700)
    pair.must(pair.nodes["nfs001"], "sysctl net.inet.carp.demotion=240")
    answered(pair, writing)
    assert pair.nodes["nfs001"].network.masters(client.address) is None


def test_a_stopped_nfsd_answers_what_has_come_meanwhile(pair: Pair, client: Client) -> None:
    server = pair.nodes["nfs001"].nfs.daemons["nfsd"].process
    assert server is not None
    pair.must(pair.nodes["nfs001"], f"kill -STOP {server.pid}")
    writing = client.write("mail-1")
    pair.clock.advance(20)
    assert not writing.done
    pair.must(pair.nodes["nfs001"], f"kill -CONT {server.pid}")
    assert answered(pair, writing) < 0.5


def test_after_a_long_silence_of_the_link_tcp_takes_its_time(pair: Pair, client: Client) -> None:
    pair.link.cut(pair.layout.client, "nfs001", frozenset({Traffic.CLIENT}))
    writing = client.write("mail-1")
    pair.clock.advance(20)
    pair.link.heal()
    assert 1 < answered(pair, writing) < 15


def test_a_closed_port_answers_no_connection_while_segments_to_it_are_dropped(pair: Pair) -> None:
    ask = "nc -z -v -w 1 10.1.101.3 2049"
    pair.must(pair.nodes["nfs001"], "service nfsd onestop")
    assert "refused" in pair.nodes["nfs002"].run(ask).err
    silence(pair)
    assert "timed out" in pair.nodes["nfs002"].run(ask).err
