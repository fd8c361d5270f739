"""hastd of the other node is asked for its role: the bytes of the real one, a server that misbehaves, and the pair."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.probes.hast import Role
from remediate.context import Context
from remediate.failover import hastd_role, own_copy
from remediate.failover.hastd_role import LARGEST, answered, request
from remediate.machine import Machine
from remediate.state.ledger import Ledger
from simulator.hastd.messages import refusal, unpacked
from tests.failover.installed_pair import InstalledPair, installed_pair, master, policy

ASKED = bytes.fromhex(
    "02520000001109050000007265736f757263650000000000000000686f6d650000000002080100000076657273696f6e0002000000000000"
    "000a0610000000746f6b656e000000000102030405060708090a0b0c0d0e0f"
)
TOKEN = bytes(range(16))
PRIMARY = bytes.fromhex(
    "026c0000001107430000006572726d7367000052656d6f7465206e6f64652061637473206173207072696d61727920666f72207468652072"
    "65736f7572636520616e64206e6f74206173207365636f6e646172792e00000000000002050100000077616974000000000100000000000000"
)
INIT = bytes.fromhex(
    "024e0000001107400000006572726d7367000052656d6f7465206e6f6465206163747320617320696e697420666f7220746865207265736f"
    "7572636520616e64206e6f74206173207365636f6e646172792e00"
)
SECONDARY = bytes.fromhex("02260000001107150000006572726d73670000546f6b656e20646f65736e2774206d617463682e00000000")
NO_ACCESS = bytes.fromhex(
    "022e00000011071b0000006572726d736700004e6f2061636365737320746f20746865207265736f757263652e000000000000"
)
ACCEPTED = bytes.fromhex(
    "023400000002080100000076657273696f6e0002000000000000000a0610000000746f6b656e000000000102030405060708090a0b0c0d0e0f"
)
"""What FreeBSD's own nv.c, ebuf.c and hast_proto.c (15.1-STABLE) make of the names and values of listen_accept() and
init_remote(); all are the same in 13.2."""


def test_the_question_is_what_a_primary_sends_for_its_second_connection() -> None:
    assert request("home", TOKEN) == ASKED


@pytest.mark.parametrize(
    ("answer", "role"),
    [(PRIMARY, Role.PRIMARY), (INIT, Role.INIT), (SECONDARY, Role.SECONDARY), (NO_ACCESS, None), (ACCEPTED, None)],
)
def test_an_answer_of_the_real_hastd_tells_its_role_or_nothing(answer: bytes, role: Role | None) -> None:
    assert answered(answer) is role


@given(st.sampled_from([PRIMARY, INIT, SECONDARY]), st.data())
def test_an_answer_that_is_cut_off_tells_nothing(answer: bytes, data: st.DataObject) -> None:
    assert answered(answer[: data.draw(st.integers(0, len(answer) - 1))]) is None


@given(st.binary(max_size=200))
def test_any_bytes_tell_no_role(garbage: bytes) -> None:
    assert answered(garbage) is None


@pytest.mark.parametrize(
    ("words", "waits", "answer"),
    [
        ("Remote node acts as primary for the resource and not as secondary.", True, PRIMARY),
        ("Remote node acts as init for the resource and not as secondary.", False, INIT),
        ("Token doesn't match.", False, SECONDARY),
    ],
)
def test_the_simulated_hastd_answers_as_the_real_one(words: str, waits: bool, answer: bytes) -> None:
    assert refusal(words, waits) == answer
    assert unpacked(ASKED) == {"resource": b"home\0", "version": b"\2", "token": TOKEN}


def ends_at_once(client: socket.socket) -> None:
    client.sendall(SECONDARY)


def says_nothing(client: socket.socket) -> None:
    pass


def never_ends(client: socket.socket) -> None:
    client.sendall(SECONDARY)
    client.settimeout(5)
    assert client.recv(1) == b"", "the other side has closed the connection"


def floods(client: socket.socket) -> None:
    client.sendall(SECONDARY + bytes(LARGEST))


@pytest.mark.parametrize(
    ("serves", "expected"), [(ends_at_once, SECONDARY), (says_nothing, b""), (never_ends, b""), (floods, b"")]
)
def test_an_answer_ends_in_time_and_is_bounded(serves: Callable[[socket.socket], None], expected: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            client, _ = server.accept()
            with client:
                assert client.recv(len(ASKED), socket.MSG_WAITALL) == ASKED
                serves(client)

        serving = threading.Thread(target=serve)
        serving.start()
        answer = Machine().answers("127.0.0.1", server.getsockname()[1], ASKED, LARGEST, 0.5)
        serving.join()
    assert answer == expected


def test_nothing_is_answered_where_nothing_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert Machine().answers("127.0.0.1", port, ASKED, LARGEST, 0.5) == b""


def asked(pair: InstalledPair) -> Role | None:
    """What the standby is told by hastd of the active node."""
    remote = f"tcp4://{pair.active.layout.address}:8457"
    return pair.does(pair.standby, lambda context: hastd_role.ask(context.here, remote, "home"))


def test_a_question_changes_nothing_on_the_other_node(pair: InstalledPair) -> None:
    before = [node.run("hastctl status; pgrep hastd").out for node in (pair.active, pair.standby)]
    assert asked(pair) is Role.PRIMARY
    there = f"tcp4://{pair.standby.layout.address}:8457"
    assert pair.does(pair.active, lambda context: hastd_role.ask(context.here, there, "home")) is Role.SECONDARY
    assert [node.run("hastctl status; pgrep hastd").out for node in (pair.active, pair.standby)] == before


def test_a_question_without_a_token_would_end_the_worker_of_a_secondary(pair: InstalledPair) -> None:
    """As on FreeBSD, so that a question without one would be seen here."""
    message = request("home", TOKEN)
    without = message[:1] + (message[1] - 32).to_bytes(4, "little") + message[5:-32]
    before = pair.standby.run("pgrep -f secondary").out
    answer = pair.does(pair.active, lambda context: asks(context, pair.standby.layout.address, without))
    assert answer == b"" and pair.standby.run("pgrep -f secondary").out != before


def asks(context: Context, address: str, message: bytes) -> bytes:
    machine = context.here.machine
    assert machine is not None
    return machine.answers(address, 8457, message, LARGEST, 1)


def test_a_hastd_that_is_stuck_says_nothing(pair: InstalledPair) -> None:
    pair.breaks("hang", "nfs001", "hastd")
    assert asked(pair) is None


@pytest.mark.slow
@pytest.mark.parametrize("by_name", [False, True])
def test_an_address_that_moves_is_followed_where_ssh_does_not_work(state: Path, by_name: bool) -> None:
    """The other node has given up the role. If `remote` is a name its hastd is not asked, and a connection awaited."""
    pair = installed_pair(state, remote_is_a_name=by_name)
    pair.breaks("cut-management")
    pair.active.run("sysctl net.inet.carp.demotion=240")
    assert pair.until(lambda: pair.serves(pair.standby), 60 if by_name else 20), pair.story()
    assert by_name or "its hastd says that it is" in pair.story()
    assert not pair.twice and pair.sound


@pytest.mark.slow
def test_a_stuck_hastd_of_a_node_that_serves_is_not_taken_for_one_that_has_let_go(state: Path) -> None:
    """It takes connections, until its queue is full, and makes none: no primary connects however long one waits."""
    pair = installed_pair(state, policy(periodic_promotion=True))
    for node in (pair.active, pair.standby):
        pair.looks_every_minute(node)
    pair.breaks_all(("cut-carp", "cut-management"))
    assert pair.until(lambda: master(pair.standby), 10)
    pair.breaks("hang", "nfs001", "hastd")
    pair.breaks("kill", "nfs002", "worker")
    pair.passes(600)
    assert pair.holds(pair.active) and not pair.holds(pair.standby) and not pair.twice, pair.story()


@pytest.mark.slow
def test_of_two_nodes_that_take_the_role_at_the_same_time_one_gives_way(state: Path) -> None:
    """Both boot, hear no CARP of each other, and cannot ask each other but by hastd."""
    pair = installed_pair(state, policy(boot_alone="promote"))
    for node in (pair.active, pair.standby):
        node.power_off()
    pair.breaks_all(("cut-carp", "cut-management"))
    for node in (pair.active, pair.standby):
        node.power_on()
    pair.passes(300)
    assert not pair.twice and [pair.holds(pair.active), pair.holds(pair.standby)].count(True) == 1, pair.story()


@pytest.mark.slow
def test_hastd_s_word_is_not_enough_for_a_copy_that_was_apart(state: Path) -> None:
    """hastd was dead here for a minute, and the other node gave up its role when it was back; it says so, and not what
    was written meanwhile."""
    pair = installed_pair(state, policy(periodic_promotion=True))
    pair.looks_every_minute(pair.standby)
    pair.breaks_all(("cut-carp", "cut-management"))
    assert pair.until(lambda: master(pair.standby), 10)
    pair.breaks("kill", "nfs002", "hastd")
    pair.passes(100)
    pair.active.run("umount -f /hast/home; hastctl role secondary home")
    pair.standby.run("service hastd onestart")
    pair.passes(150)
    assert not pair.holds(pair.standby), pair.story()
    assert "cannot be asked, and was not connected for" in pair.story()


@pytest.mark.slow
def test_a_primary_that_is_not_connected_makes_this_copy_incomplete(state: Path) -> None:
    """Whatever it says of its role later: what it has written is not here."""
    pair = installed_pair(state, policy(periodic_promotion=True))
    pair.looks_every_minute(pair.standby)
    pair.breaks_all(("cut-carp", "cut-management"))
    assert pair.until(lambda: master(pair.standby), 10)
    pair.breaks("hang", "nfs001", "worker")
    pair.breaks("kill", "nfs002", "worker")
    pair.passes(90)
    assert own_copy_of(pair).why.startswith("hastd of the other node said that it was primary"), pair.story()


def own_copy_of(pair: InstalledPair) -> Ledger:
    """What the standby knows of its copy."""
    return pair.does(pair.standby, lambda context: own_copy.known(context, "home"))
