"""Tickles: wake NFS clients that wait for an answer of a server that is gone.

A client whose last segment the old node acknowledged retransmits nothing, so nothing is ever reset: it waits for its
own RPC time-out, 300 s on FreeBSD (NFS_TCPTIMEO, sys/fs/nfs/nfs.h), 60 s and more on Linux (`timeo`, nfs(5)). A TCP
segment from the service address with the wrong sequence numbers ends that:

1. The client answers an unacceptable segment with an ACK that has its own numbers (RFC 9293, 3.10.7.4, first check).
2. The new node knows no such connection and resets it with exactly the number the client expects (RFC 9293, 3.10.7.1
   and 3.10.7.2; FreeBSD does so from a listening socket too: tcp_input(), `syncache_expand()` failing).
3. The client connects again and repeats the call.

So nfsd has to listen before a tickle is sent: a closed port is silent while `net.inet.tcp.blackhole` is set. A tickle
harms nobody: a client without such a connection resets or ignores it. CTDB wakes clients in the same way.
"""

from __future__ import annotations

import errno
import ipaddress
import socket
import struct
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from typing import NamedTuple

from remediate.timing import Timing

NFS_PORT = 2049
"""nfsd(8)."""
PRIVILEGED = range(1023, 0, -1)
"""The ports an NFS client uses unless told otherwise, the likeliest first: FreeBSD takes them from
net.inet.ip.portrange.lowfirst (1023) down, Linux below sunrpc.max_resvport (1023)."""
ACK = 0x10
HEADER = struct.Struct("!HHIIBBHHH")
"""RFC 9293, 3.1, without options: ports, sequence and acknowledgement number, data offset, flags, window, checksum,
urgent pointer."""
DATA_OFFSET = 5 << 4
FULL = (errno.ENOBUFS, errno.EAGAIN)
"""send(2): the interface's queue is full for a moment."""
PAUSE = 0.005
"""Seconds until a full queue is tried again."""


class ClientEndpoint(NamedTuple):
    """The client's end of a connection: a numeric address and a port."""

    address: str
    port: int


class SentSegments(NamedTuple):
    """How many segments were sent, and the first reason why others were not, empty where all were."""

    segments: int
    trouble: str


def every_privileged_port(address: str) -> Iterator[ClientEndpoint]:
    """The connections a client may have, where its ports are not known."""
    return (ClientEndpoint(address, port) for port in PRIVILEGED)


def every(clients: Iterable[ClientEndpoint | str]) -> Iterator[ClientEndpoint]:
    """All connections of these clients: those that are known first, then what those may have of whom only the address
    is known."""
    endpoints = list(clients)
    yield from (each for each in endpoints if isinstance(each, ClientEndpoint))
    for each in endpoints:
        if isinstance(each, str):
            yield from every_privileged_port(each)


def in_a_word(client: ClientEndpoint) -> str:
    """A client's end of a connection as `hastwatch tickle` takes it."""
    return f"[{client.address}]:{client.port}" if ":" in client.address else f"{client.address}:{client.port}"


def segment(service: str, client: ClientEndpoint, port: int = NFS_PORT) -> bytes:
    """The TCP segment of a tickle: an ACK with sequence and acknowledgement number 0. Raises ValueError where an
    address is none, or the two are of different families."""
    source, destination = ipaddress.ip_address(service), ipaddress.ip_address(client.address.partition("%")[0])
    if source.version != destination.version:
        raise ValueError(f"{client.address} cannot be reached from {service}")
    fields = (port, client.port, 0, 0, DATA_OFFSET, ACK, 0)
    header = HEADER.pack(*fields, 0, 0)
    pseudo = source.packed + destination.packed
    pseudo += struct.pack("!IxxxB" if source.version == 6 else "!xBH", *_length_and_protocol(source.version))
    return HEADER.pack(*fields, _checksum(pseudo + header), 0)


def _length_and_protocol(version: int) -> tuple[int, int]:
    """The end of the pseudo header, in the order of its family: RFC 9293, 3.1 (IPv4) and RFC 8200, 8.1 (IPv6)."""
    if version == 6:
        return HEADER.size, socket.IPPROTO_TCP
    return socket.IPPROTO_TCP, HEADER.size


def _checksum(octets: bytes) -> int:
    """The Internet checksum of an even number of octets (RFC 1071)."""
    total: int = sum(struct.unpack(f"!{len(octets) // 2}H", octets))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def wake_all(service: str, woken: Iterable[ClientEndpoint | str], timing: Timing, seconds: float) -> SentSegments:
    """Send tickles to clients of whom perhaps only the address is known. Raises nothing: what went wrong is said."""
    try:
        return wake(service, every(woken), timing, seconds)
    except (OSError, ValueError) as error:
        return SentSegments(
            0, f"{service}: {error.strerror if isinstance(error, OSError) and error.strerror else error}"
        )


def wake(
    service: str, clients: Iterable[ClientEndpoint], timing: Timing, seconds: float, port: int = NFS_PORT
) -> SentSegments:
    """Send a tickle from the service address to every client, within so many seconds. What cannot be sent to one client
    keeps nothing from the others. Raises OSError where there is no raw socket to be had, or the address is not this
    node's; ValueError where `service` is not an address."""
    ends = timing.now() + seconds
    count, trouble = 0, ""
    family = socket.AF_INET6 if ipaddress.ip_address(service).version == 6 else socket.AF_INET
    with ExitStack() as stack:
        raw = stack.enter_context(socket.socket(family, socket.SOCK_RAW, socket.IPPROTO_TCP))
        raw.bind((service, 0))  # ip(4): the kernel writes the IP header, with this as the source
        raw.setblocking(False)
        for client in clients:
            if timing.now() >= ends:
                return SentSegments(count, trouble or f"not all were sent within {seconds:g} s")
            try:
                _send(raw, segment(service, client, port), client, timing, ends)
                count += 1
            except (OSError, ValueError) as error:
                why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
                trouble = trouble or f"{client.address}: {why}"
    return SentSegments(count, trouble)


def _send(raw: socket.socket, octets: bytes, client: ClientEndpoint, timing: Timing, ends: float) -> None:
    """Raises OSError."""
    while True:
        try:
            raw.sendto(octets, (client.address, 0))
            return
        except OSError as error:
            if error.errno not in FULL or timing.now() >= ends:
                raise
        timing.sleep(PAUSE)
