"""Tickles: segments as RFC 9293 has them, and real TCP clients woken in network namespaces."""

from __future__ import annotations

import ipaddress
import json
import os
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remediate.failover import tickle
from remediate.failover.tickle import ClientEndpoint
from remediate.subcommands import tickle as command
from remediate.timing import Timing

ROOT = Path(__file__).parents[2]


def why_not() -> str:
    if os.geteuid() != 0 or any(shutil.which(tool) is None for tool in ("unshare", "ip", "ping")):
        return "network namespaces need root, Linux, util-linux, iproute2 and ping"
    probe = subprocess.run(["unshare", "--net", "--mount", "--pid", "--fork", "true"], capture_output=True, text=True)
    return f"no namespaces: {probe.stderr.strip()}" if probe.returncode else ""


network = pytest.mark.skipif(bool(why_not()), reason=why_not() or "namespaces work")


def waited(family: str, known: str) -> dict[str, object]:
    """What a client saw whose server lost power, and who was woken by `known`."""
    argv = ["unshare", "--net", "--mount", "--pid", "--fork", sys.executable, "-m", "tests.failover.tickle_network"]
    done = subprocess.run([*argv, family, known], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    values: dict[str, object] = json.loads(done.stdout)
    return values


@pytest.mark.slow
@network
@pytest.mark.parametrize("family", ["inet", "inet6"])
@pytest.mark.parametrize("known", ["port", "sweep"])
def test_a_client_whose_server_lost_power_is_reset_as_soon_as_it_is_woken(family: str, known: str) -> None:
    assert waited(family, known)["answer"] == "ConnectionResetError"


@pytest.mark.slow
@network
def test_a_client_that_nobody_wakes_goes_on_waiting() -> None:
    assert waited("inet", "nobody")["answer"] == "TimeoutError"


@given(st.ip_addresses(v=4), st.ip_addresses(v=4), st.integers(1, 65535))
def test_the_checksum_of_a_segment_over_ipv4_is_right(
    source: ipaddress.IPv4Address, client: ipaddress.IPv4Address, port: int
) -> None:
    octets = tickle.segment(str(source), ClientEndpoint(str(client), port))
    assert folded(source.packed + client.packed + struct.pack("!xBH", 6, len(octets)) + octets) == 0xFFFF


@given(st.ip_addresses(v=6), st.ip_addresses(v=6), st.integers(1, 65535))
def test_the_checksum_of_a_segment_over_ipv6_is_right(
    source: ipaddress.IPv6Address, client: ipaddress.IPv6Address, port: int
) -> None:
    octets = tickle.segment(str(source), ClientEndpoint(str(client), port))
    assert folded(source.packed + client.packed + struct.pack("!IxxxB", len(octets), 6) + octets) == 0xFFFF


def folded(octets: bytes) -> int:
    """The one's complement sum, one octet pair at a time."""
    total = 0
    for high, low in zip(octets[::2], octets[1::2], strict=True):
        total += high << 8 | low
        total = (total & 0xFFFF) + (total >> 16)
    return total


def test_a_segment_is_a_bare_ack_with_numbers_that_no_connection_expects() -> None:
    source, destination, sequence, acknowledged, offset, flags = struct.unpack(
        "!HHIIBB", tickle.segment("192.0.2.5", ClientEndpoint("192.0.2.20", 876))[:14]
    )
    assert (source, destination, sequence, acknowledged, offset >> 4, flags) == (2049, 876, 0, 0, 5, 0x10)


def test_a_sweep_has_every_privileged_port_once_and_the_likeliest_first() -> None:
    ports = [client.port for client in tickle.every_privileged_port("192.0.2.20")]
    assert ports[0] == 1023 and sorted(ports) == list(range(1, 1024))


@pytest.mark.skipif(os.geteuid() != 0, reason="a raw socket needs root")
def test_a_client_that_cannot_be_reached_keeps_nothing_from_the_others() -> None:
    clients = [ClientEndpoint("2001:db8::20", 876), ClientEndpoint("127.0.0.1", 876)]
    sent = tickle.wake("127.0.0.1", clients, Timing(), 5.0)
    assert sent == (1, "2001:db8::20: 2001:db8::20 cannot be reached from 127.0.0.1")


@pytest.mark.skipif(os.geteuid() != 0, reason="a raw socket needs root")
def test_nothing_is_sent_after_the_deadline() -> None:
    sent = tickle.wake("127.0.0.1", [ClientEndpoint("127.0.0.1", 876)], Timing(), 0.0)
    assert sent == (0, "not all were sent within 0 s")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("192.0.2.20", "192.0.2.20"),
        ("192.0.2.20:876", ClientEndpoint("192.0.2.20", 876)),
        ("2001:db8::20", "2001:db8::20"),
        ("[2001:db8::20]:876", ClientEndpoint("2001:db8::20", 876)),
    ],
)
def test_a_client_is_named_by_its_address_with_or_without_a_port(text: str, expected: ClientEndpoint | str) -> None:
    assert command.client(text) == expected


@pytest.mark.parametrize("word", ["mail", "192.0.2.20:", "192.0.2.20:0", "192.0.2.20:65536", "192.0.2.20:x", ""])
def test_what_is_no_client_is_refused_in_one_line(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        command.main(["192.0.2.5", word])
    assert ended.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_an_address_of_another_node_is_refused_with_the_reason(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["192.0.2.5", "192.0.2.20:876"]) == 1
    assert "no packet could be sent from 192.0.2.5" in capsys.readouterr().err
