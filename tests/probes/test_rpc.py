"""The RPC client against a scripted server: every call ends by its deadline, with an answer or a typed error."""

from __future__ import annotations

import os
import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checks.probes import rpc, rpc_errors
from checks.probes.rpc import Address, AuthSys, Endpoint, Procedure, Protocol, RpcProgram
from checks.probes.xdr import ENTRIES_MAX, Xdr, opaque, uint
from tests.probes.faulty_nfs_server import (
    LAST_FRAGMENT,
    Answer,
    CutOff,
    Endless,
    FaultyServer,
    Fragments,
    Hold,
    Octets,
    Step,
    Trickle,
    accepted,
    black_hole,
    denied,
    silent_port,
    success,
    text,
    words,
)

NULL = Procedure(100003, 3, 0, "NFS v3 NULL")
NFS = RpcProgram(100003, "NFS")
TCP, UDP = Protocol.TCP, Protocol.UDP
BOTH = pytest.mark.parametrize("protocol", [TCP, UDP])
SHORT = 0.1
"""Seconds to a deadline that is meant to be met."""
AMPLE = 20.0
"""Seconds to a deadline that is meant not to be met."""
GENEROUS = 5.0
"""Seconds after which a SHORT deadline counts as missed."""


def within(seconds: float) -> float:
    return time.monotonic() + seconds


def failure(endpoint: Endpoint, seconds: float = AMPLE) -> rpc_errors.RpcError:
    started = time.monotonic()
    with pytest.raises(rpc_errors.RpcError) as caught:
        rpc.call(endpoint, NULL, deadline=within(seconds))
    assert time.monotonic() - started < GENEROUS
    return caught.value


def failure_of(*script: Step, protocol: Protocol = TCP, seconds: float = AMPLE) -> rpc_errors.RpcError:
    with FaultyServer(*script) as server:
        return failure(server.at(protocol), seconds)


# An answer


@BOTH
def test_a_call_returns_its_results(protocol: Protocol) -> None:
    with FaultyServer(success(words(7))) as server:
        reply = rpc.call(server.at(protocol), NULL, deadline=within(AMPLE))
    assert reply.results.uint() == 7


@BOTH
def test_a_call_carries_its_procedure_and_arguments(protocol: Protocol) -> None:
    with FaultyServer(success()) as server:
        rpc.call(server.at(protocol), Procedure(100005, 1, 5, "EXPORT"), b"abcd", deadline=within(AMPLE))
        call = server.calls[0]
    assert (call.program, call.version, call.procedure, call.arguments) == (100005, 1, 5, b"abcd")


def test_a_reply_in_fragments_with_empty_ones_between_is_put_together() -> None:
    with FaultyServer(Fragments(success(words(1, 2, 3)).body, 5)) as server:
        reply = rpc.call(server.at(TCP), NULL, deadline=within(AMPLE))
    assert [reply.results.uint() for _ in range(3)] == [1, 2, 3]


def test_a_verifier_in_the_reply_is_skipped() -> None:
    with FaultyServer(Answer(words(1, 0, 1) + text(b"verifier's body") + words(0, 42))) as server:
        assert rpc.call(server.at(TCP), NULL, deadline=within(AMPLE)).results.uint() == 42


def test_a_lost_datagram_is_sent_again_with_the_same_xid() -> None:
    with FaultyServer(success(), deaf_to=1) as server:
        rpc.call(server.at(UDP), NULL, deadline=within(AMPLE))
        assert len(server.calls) == 2 and server.calls[0].xid == server.calls[1].xid


def test_a_datagram_with_another_xid_is_passed_over() -> None:
    with FaultyServer(Octets(b"late" + success(words(1)).body), Octets(b""), success(words(2))) as server:
        assert rpc.call(server.at(UDP), NULL, deadline=within(AMPLE)).results.uint() == 2


# Who asks


def test_without_credentials_the_call_is_auth_none() -> None:
    with FaultyServer(success()) as server:
        rpc.call(server.at(TCP), NULL, deadline=within(AMPLE))
        assert (server.calls[0].flavor, server.calls[0].credentials) == (0, b"")


def test_credentials_are_sent_as_auth_sys() -> None:
    with FaultyServer(success()) as server:
        credentials = AuthSys(uid=80, gid=81, gids=(5, 6), machine="web")
        rpc.call(server.at(TCP), NULL, deadline=within(AMPLE), credentials=credentials)
        call = server.calls[0]
    assert (call.flavor, call.credentials) == (1, words(0) + text(b"web") + words(80, 81, 2, 5, 6))


def test_more_groups_and_name_than_auth_sys_can_carry_are_cut() -> None:
    body = AuthSys(gids=tuple(range(40)), machine="m" * 300).body()
    assert body == words(0) + text(b"m" * 255) + words(0, 0, 16, *range(16))


def test_the_machine_name_is_the_nodes_own_when_none_is_given() -> None:
    assert text(os.uname().nodename.encode()) in rpc.ROOT.body()


@BOTH
@pytest.mark.skipif(os.geteuid() != 0, reason="only root may bind a reserved port")
def test_root_asks_from_a_reserved_port(protocol: Protocol) -> None:
    with FaultyServer(success()) as server:
        assert rpc.call(server.at(protocol), NULL, deadline=within(AMPLE)).reserved_port
        assert server.calls[0].source_port in rpc.RESERVED_PORTS


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may bind a reserved port")
def test_more_calls_than_there_are_reserved_ports_all_get_one() -> None:
    with FaultyServer(success()) as server:
        replies = [rpc.call(server.at(TCP), NULL, deadline=within(AMPLE)) for _ in range(len(rpc.RESERVED_PORTS) + 1)]
    assert all(reply.reserved_port for reply in replies)


@pytest.fixture
def ordinary_user() -> Iterator[None]:
    threshold = Path("/proc/sys/net/ipv4/ip_unprivileged_port_start")
    if threshold.exists() and int(threshold.read_text()) <= rpc.RESERVED_PORTS.start:
        pytest.skip("every user may bind reserved ports here")
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    yield
    os.seteuid(user)


@BOTH
@pytest.mark.usefixtures("ordinary_user")
def test_an_ordinary_user_asks_from_an_ordinary_port(protocol: Protocol) -> None:
    with FaultyServer(success()) as server:
        assert not rpc.call(server.at(protocol), NULL, deadline=within(AMPLE)).reserved_port
        assert server.calls[0].source_port >= 1024


@pytest.mark.usefixtures("ordinary_user")
def test_auth_tooweak_to_an_ordinary_user_is_explained() -> None:
    error = failure_of(denied(1, 5))
    assert str(error).endswith(
        ": the server rejects the call with AUTH_TOOWEAK; it may want a reserved source port: ask as root or with"
        " CAP_NET_BIND_SERVICE; or the server takes any port, with mountd -n and nfs_reserved_port_only=NO"
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may bind a reserved port")
def test_auth_tooweak_to_a_reserved_port_is_not_explained_by_the_port() -> None:
    assert str(failure_of(denied(1, 5))).endswith(": the server rejects the call with AUTH_TOOWEAK")


# No answer


def test_a_black_hole_ends_at_the_deadline() -> None:
    with black_hole() as endpoint:
        assert isinstance(failure(endpoint, SHORT), rpc_errors.NoAnswer)


SILENCE: dict[str, tuple[Protocol, Step]] = {
    "accepts and says nothing": (TCP, Hold()),
    "answers no datagram": (UDP, Hold()),
    "announces a record and says nothing more": (TCP, Octets(words(LAST_FRAGMENT | 100))),
    "sends an octet now and then": (TCP, Trickle(b"\0", 0.05)),
    "sends empty fragments now and then": (TCP, Trickle(words(0), 0.05)),
    "sends datagrams of others only": (UDP, Octets(b"late" + success().body)),
    "sends datagrams too short for an xid": (UDP, Octets(b"\0")),
}


@pytest.mark.slow
@pytest.mark.parametrize("silence", SILENCE)
def test_a_server_without_a_whole_answer_ends_at_the_deadline(silence: str) -> None:
    protocol, step = SILENCE[silence]
    error = failure_of(step, Hold(), protocol=protocol, seconds=SHORT)
    assert isinstance(error, rpc_errors.NoAnswer) and re.fullmatch(r"no answer within \d\.\d s", error.why)


def test_a_deadline_in_the_past_is_no_answer() -> None:
    assert isinstance(failure_of(success(), seconds=-1), rpc_errors.NoAnswer)


CLOSED: dict[str, tuple[Step, ...]] = {
    "at once": (),
    "in the middle of a fragment header": (Octets(b"\x80\0"),),
    "in the middle of the reply": (CutOff(success(words(1, 2, 3)).body, 17),),
    "after a fragment that is not the last": (Octets(words(8, 0, 0)),),
}


@pytest.mark.parametrize("moment", CLOSED)
def test_a_connection_closed_before_the_answer_is_no_answer(moment: str) -> None:
    error = failure_of(*CLOSED[moment])
    assert isinstance(error, rpc_errors.NoAnswer) and "was closed" in error.why


@BOTH
def test_a_port_without_a_listener_is_refused(protocol: Protocol) -> None:
    assert isinstance(failure(silent_port(protocol)), rpc_errors.ConnectionRefused)


def test_an_address_that_can_not_be_reached_is_unreachable() -> None:
    nowhere = Address("255.255.255.255", "255.255.255.255")
    assert isinstance(failure(Endpoint(nowhere, 2049, TCP)), rpc_errors.HostUnreachable)


# A refusal

REFUSALS: dict[str, tuple[Answer, int | None, int | None]] = {
    "PROG_UNAVAIL": (accepted(1), None, None),
    "PROG_MISMATCH": (accepted(2, 3, 4), 3, 4),
    "PROC_UNAVAIL": (accepted(3), None, None),
    "GARBAGE_ARGS": (accepted(4), None, None),
    "SYSTEM_ERR": (accepted(5), None, None),
    "RPC_MISMATCH": (denied(0, 2, 3), 2, 3),
    "AUTH_BADCRED": (denied(1, 1), None, None),
    "AUTH_REJECTEDCRED": (denied(1, 2), None, None),
    "RPCSEC_GSS_CTXPROBLEM": (denied(1, 14), None, None),
    "auth_stat 99": (denied(1, 99), None, None),
}


@BOTH
@pytest.mark.parametrize("stat", REFUSALS)
def test_a_refusal_is_named_as_in_the_rfc(stat: str, protocol: Protocol) -> None:
    answer, low, high = REFUSALS[stat]
    error = failure_of(answer, protocol=protocol)
    assert isinstance(error, rpc_errors.Rejected) and (error.stat, error.low, error.high) == (stat, low, high)


def test_a_version_mismatch_says_which_versions_there_are() -> None:
    assert "PROG_MISMATCH (it has versions 3 to 4)" in str(failure_of(accepted(2, 3, 4)))


# Garbage

GARBAGE: dict[str, Step] = {
    "another xid": Octets(words(LAST_FRAGMENT | 24, 0, 1, 0, 0, 0, 0)),
    "an HTTP server's words": Octets(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
    "a record of nothing": Octets(words(LAST_FRAGMENT)),
    "a call instead of a reply": Answer(words(0, 2, 100003, 3, 0, 0, 0, 0, 0)),
    "an unknown reply_stat": Answer(words(1, 2)),
    "an unknown accept_stat": accepted(6),
    "an unknown reject_stat": denied(2, 0),
    "a record that ends after the xid": Answer(b""),
    "a mismatch without versions": accepted(2),
    "a verifier longer than the RFC allows": Answer(words(1, 0, 0, 401) + bytes(404) + words(0)),
    "a verifier of a negative-looking length": Answer(words(1, 0, 0, 0xFFFFFFFF, 0)),
    "a huge fragment": Octets(words(0x7FFFFFFF)),
    "fragments without end": Endless(words(1) + b"x"),
    "empty fragments without end": Endless(words(0) * 1000),
}


@pytest.mark.slow
@pytest.mark.parametrize("garbage", GARBAGE)
def test_garbage_is_called_so(garbage: str) -> None:
    assert isinstance(failure_of(GARBAGE[garbage]), rpc_errors.Garbage)


def test_an_error_begins_with_the_call_and_whom_it_was_sent_to() -> None:
    endpoint = silent_port(TCP)
    sentence = f"NFS v3 NULL, tcp 127.0.0.1:{endpoint.port}: connection refused, nothing listens there"
    assert str(failure(endpoint)) == sentence


@pytest.fixture(scope="module")
def server() -> Iterator[FaultyServer]:
    with FaultyServer() as server:
        yield server


@settings(max_examples=150, deadline=None)
@given(octets=st.binary(max_size=200))
def test_any_octets_over_tcp_are_a_reply_or_a_typed_error(server: FaultyServer, octets: bytes) -> None:
    server.otherwise = (Octets(octets),)
    assert isinstance(failure(server.at(TCP)), rpc_errors.NoAnswer | rpc_errors.Garbage)


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(body=st.binary(max_size=80) | st.builds(lambda numbers: words(1, *numbers), st.lists(st.integers(0, 6))))
@BOTH
def test_any_body_after_the_xid_is_a_reply_or_a_typed_error(
    server: FaultyServer, body: bytes, protocol: Protocol
) -> None:
    server.otherwise = (Answer(body),)
    try:
        reply = rpc.call(server.at(protocol), NULL, deadline=within(AMPLE))
    except (rpc_errors.Garbage, rpc_errors.Rejected):
        return
    assert body.startswith(words(1, 0)) and body.endswith(reply.results.octets[reply.results.offset :])


# Names and addresses


def test_an_ipv4_address_resolves_to_itself() -> None:
    assert rpc.resolve("192.0.2.7") == Address("192.0.2.7", "192.0.2.7", socket.AF_INET)


def test_an_ipv6_address_resolves_to_itself() -> None:
    assert rpc.resolve("::1") == Address("::1", "::1", socket.AF_INET6)


@pytest.mark.parametrize("host", ["", "a..b", "nul\0inside", "x" * 70 + ".invalid", "é" * 70])
def test_a_name_that_can_not_be_one_is_unreachable(host: str) -> None:
    with pytest.raises(rpc_errors.HostUnreachable):
        rpc.resolve(host)


def test_localhost_resolves_to_its_ipv4_address() -> None:
    assert rpc.resolve("localhost") == Address("localhost", "127.0.0.1", socket.AF_INET)


ENDPOINTS = [
    (Address("192.0.2.7", "192.0.2.7"), "tcp 192.0.2.7:2049"),
    (Address("nfs", "192.0.2.7"), "tcp nfs:2049 (192.0.2.7)"),
    (Address("2001:db8::7", "2001:db8::7", socket.AF_INET6), "tcp [2001:db8::7]:2049"),
]


@pytest.mark.parametrize(("address", "words_for_it"), ENDPOINTS)
def test_an_endpoint_is_written_with_name_and_address(address: Address, words_for_it: str) -> None:
    assert str(Endpoint(address, 2049, TCP)) == words_for_it


def test_an_ipv6_server_is_called_at_its_address() -> None:
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
        try:
            sock.bind(("::1", 0))
        except OSError:
            pytest.skip("no IPv6 loopback here")
        endpoint = Endpoint(rpc.resolve("::1"), sock.getsockname()[1], UDP)
        with pytest.raises(rpc_errors.NoAnswer):
            rpc.call(endpoint, NULL, deadline=within(SHORT))
        assert sock.recv(1000)[12:24] == words(100003, 3, 0)


# XDR


def reading(octets: bytes) -> Xdr:
    return Xdr(octets, "a call")


@given(numbers=st.lists(st.integers(0, 2**32 - 1)))
def test_unsigned_integers_survive_the_way_through_xdr(numbers: list[int]) -> None:
    reader = reading(uint(*numbers))
    assert [reader.uint() for _ in numbers] == numbers


@given(first=st.binary(max_size=40), second=st.binary(max_size=40))
def test_opaques_survive_the_way_through_xdr(first: bytes, second: bytes) -> None:
    reader = reading(opaque(first) + opaque(second))
    assert (reader.opaque(40), reader.opaque(40)) == (first, second)


@given(words_sent=st.text(alphabet="/hé漢🖴\0\n", max_size=40))
def test_text_survives_the_way_through_xdr(words_sent: str) -> None:
    assert reading(opaque(words_sent.encode())).string(200) == words_sent


@given(number=st.integers(0, 2**64 - 1))
def test_a_hyper_is_read_high_word_first(number: int) -> None:
    assert reading(words(number >> 32, number & 0xFFFFFFFF)).uhyper() == number


@given(octets=st.binary(max_size=30))
def test_an_opaque_that_does_not_fit_is_garbage(octets: bytes) -> None:
    with pytest.raises(rpc_errors.Garbage):
        reading(words(len(octets) + 1) + octets).opaque(1000) if len(octets) % 4 == 0 else reading(octets[:3]).uint()


def test_an_opaque_over_its_limit_is_garbage() -> None:
    with pytest.raises(rpc_errors.Garbage, match="65 octets where at most 64 belong"):
        reading(text(b"h" * 65)).opaque(64)


def test_a_negative_looking_length_is_garbage() -> None:
    with pytest.raises(rpc_errors.Garbage, match="4294967295 octets"):
        reading(words(0xFFFFFFFF, 0)).opaque(64)


def test_a_boolean_of_two_is_garbage() -> None:
    with pytest.raises(rpc_errors.Garbage, match="2 where a boolean belongs"):
        reading(words(2)).boolean()


def test_octets_that_are_not_utf_8_become_escapes() -> None:
    assert reading(text(b"/h\xffst/\x00\x1b")).string(64) == "/h\\xffst/\x00\x1b"


def test_a_list_with_too_many_entries_is_garbage() -> None:
    reader = reading(words(1) * (ENTRIES_MAX + 1) + words(0))
    with pytest.raises(rpc_errors.Garbage, match="a list of more than"):
        list(reader.linked_list())


def test_a_list_of_as_many_entries_as_allowed_is_read() -> None:
    assert len(list(reading(words(1) * ENTRIES_MAX + words(0)).linked_list())) == ENTRIES_MAX
