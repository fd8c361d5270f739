"""ONC RPC as a client: one call, one answer, before a deadline.

The NFS probe stands on this. It knows messages (RFC 5531) and the port mapper (RFC 1833), and nothing of NFS. Every
call opens its own socket, takes an absolute ``time.monotonic()`` value as its deadline and ends at it whatever the
other side does, with a Reply or with an RpcError.

What can't be interrupted is the look-up of a host name: resolve() blocks in the C library, so a caller that is
given a name needs a watchdog around it. Everything after it works on addresses.

UDP sockets are connected, as those of NFS clients are: a server of several addresses that answers from another one
than it was asked at (``nfsd -h`` and ``mountd -h`` prevent that) counts as silent, here as with its clients.

The port mapper is asked in its version 2, which knows the ports of IPv4 only, whatever address it is asked at: for a
server at an IPv6 address the ports are to be given.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
import time
from enum import IntEnum
from typing import NamedTuple

from checks.probes.rpc_errors import ConnectionRefused, Garbage, HostUnreachable, NoAnswer, Rejected, RpcError
from checks.probes.xdr import Xdr, opaque, uint

AUTH_NONE, AUTH_SYS = 0, 1  # auth_flavor, RFC 5531 8.2
AUTH_BODY_MAX = 400  # octets of one opaque_auth, RFC 5531 8.2
LAST_FRAGMENT = 0x80000000  # RFC 5531 11
RECORD_MAX = 1 << 20  # octets of one TCP reply with its fragment headers; ours, against replies that never end
PORTMAP_PORT = 111  # RFC 1833 3.1
FIRST_RETRANSMISSION, LAST_RETRANSMISSION = 0.5, 4.0  # seconds between UDP transmissions, doubling; ours
RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # struct linger: no TIME_WAIT, which would use up the few reserved ports
RESERVED_PORTS = range(600, 1024)  # as FreeBSD's bindresvport(3) takes them: net.inet.ip.portrange.lowlast, lowfirst


ACCEPT_STAT = {1: "PROG_UNAVAIL", 2: "PROG_MISMATCH", 3: "PROC_UNAVAIL", 4: "GARBAGE_ARGS", 5: "SYSTEM_ERR"}
"""accept_stat other than SUCCESS, RFC 5531 9."""

AUTH_STAT = {
    1: "AUTH_BADCRED", 2: "AUTH_REJECTEDCRED", 3: "AUTH_BADVERF", 4: "AUTH_REJECTEDVERF", 5: "AUTH_TOOWEAK",
    6: "AUTH_INVALIDRESP", 7: "AUTH_FAILED", 8: "AUTH_KERB_GENERIC", 9: "AUTH_TIMEEXPIRE", 10: "AUTH_TKT_FILE",
    11: "AUTH_DECODE", 12: "AUTH_NET_ADDR", 13: "RPCSEC_GSS_CREDPROBLEM", 14: "RPCSEC_GSS_CTXPROBLEM",
}  # fmt: skip
"""auth_stat, RFC 5531 9."""


class Protocol(IntEnum):
    """Transports by their IP protocol number, as the port mapper wants them (RFC 1833 3.1)."""

    TCP = 6
    UDP = 17


class Address(NamedTuple):
    """A resolved host: its name as the caller gave it, and the numeric address all calls use."""

    host: str
    ip: str
    family: int = socket.AF_INET
    scope: int = 0

    def at(self, port: int) -> tuple[str, int] | tuple[str, int, int, int]:
        """The socket address of a port there."""
        return (self.ip, port, 0, self.scope) if self.family == socket.AF_INET6 else (self.ip, port)


class Endpoint(NamedTuple):
    """Where a program listens."""

    address: Address
    port: int
    protocol: Protocol

    def __str__(self) -> str:
        host = f"[{self.address.host}]" if ":" in self.address.host else self.address.host
        resolved = "" if self.address.ip == self.address.host else f" ({self.address.ip})"
        return f"{self.protocol.name.lower()} {host}:{self.port}{resolved}"


class RpcProgram(NamedTuple):
    """An RPC program by its number, and by the name that messages use."""

    number: int
    name: str


class Procedure(NamedTuple):
    """A remote procedure by its numbers, and by the name that messages use."""

    program: int
    version: int
    number: int
    name: str


class AuthSys(NamedTuple):
    """AUTH_SYS (authsys_parms, RFC 5531 appendix A): who asks. Without a machine name the node's own is sent."""

    uid: int = 0
    gid: int = 0
    gids: tuple[int, ...] = ()
    machine: str = ""

    def body(self) -> bytes:
        """The opaque body of the credential, with stamp 0."""
        machine = (self.machine or os.uname().nodename).encode("utf-8", "replace")[:255]
        gids = self.gids[:16]
        return uint(0) + opaque(machine) + uint(self.uid, self.gid, len(gids), *gids)


ROOT = AuthSys()


class RpcReply(NamedTuple):
    """The answer to a call: its results, still to be read; seconds from opening the socket to the last octet;
    whether the source port was a reserved one."""

    results: Xdr
    seconds: float
    reserved_port: bool


def resolve(host: str) -> Address:
    """A name or an address to its first IPv4 address, else its first IPv6 address. Blocks; raises HostUnreachable."""
    try:
        # As bytes, which spares the import of the IDNA codec.
        addresses = socket.getaddrinfo(host.encode("ascii") if host.isascii() else host, None, type=socket.SOCK_STREAM)
    except (OSError, ValueError) as error:
        raise HostUnreachable(f"look-up of {host}", getattr(error, "strerror", None) or str(error)) from error
    for wanted in (socket.AF_INET, socket.AF_INET6):
        for family, _, _, _, address in addresses:
            if family == wanted:
                return Address(host, str(address[0]), family, int(address[3]) if len(address) > 3 else 0)
    raise HostUnreachable(f"look-up of {host}", "neither an IPv4 nor an IPv6 address")


def call(
    endpoint: Endpoint,
    procedure: Procedure,
    arguments: bytes = b"",
    *,
    deadline: float,
    credentials: AuthSys | None = None,
) -> RpcReply:
    """Call a remote procedure once, from a reserved source port when this process may have one; without credentials
    as AUTH_NONE. Raises any RpcError."""
    what = f"{procedure.name}, {endpoint}"
    xid = os.urandom(4)
    flavor, body = (AUTH_NONE, b"") if credentials is None else (AUTH_SYS, credentials.body())
    message = xid + uint(0, 2, *procedure[:3], flavor) + opaque(body) + uint(AUTH_NONE, 0) + arguments
    started = time.monotonic()
    try:
        kind = socket.SOCK_STREAM if endpoint.protocol == Protocol.TCP else socket.SOCK_DGRAM
        with socket.socket(endpoint.address.family, kind) as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
            reserved_port = _bind_reserved_port(sock)
            sock.settimeout(_left(deadline))
            sock.connect(endpoint.address.at(endpoint.port))
            exchange = _exchange_tcp if endpoint.protocol == Protocol.TCP else _exchange_udp
            record = exchange(sock, message, deadline, what)
    except OSError as error:
        raise _failure(error, what, time.monotonic() - started) from error
    seconds = time.monotonic() - started
    return RpcReply(_results(Xdr(record, what), xid, reserved_port), seconds, reserved_port)


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _bind_reserved_port(sock: socket.socket) -> bool:
    first = int.from_bytes(os.urandom(2), "big")
    for step in range(len(RESERVED_PORTS)):
        try:
            sock.bind(("", RESERVED_PORTS[(first + step) % len(RESERVED_PORTS)]))
            return True
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                return False
    return False


def _failure(error: OSError, what: str, seconds: float) -> RpcError:
    if isinstance(error, TimeoutError):
        return NoAnswer(what, f"no answer within {seconds:.1f} s")
    if isinstance(error, ConnectionRefusedError):
        return ConnectionRefused(what, "connection refused, nothing listens there")
    if isinstance(error, ConnectionError):
        return NoAnswer(what, f"the connection was closed after {seconds:.1f} s without a whole answer")
    return HostUnreachable(what, error.strerror or str(error))


def _exchange_udp(sock: socket.socket, message: bytes, deadline: float, what: str) -> bytes:
    """Send until a datagram with our xid comes back; others are late answers to somebody else."""
    interval = FIRST_RETRANSMISSION
    while True:
        sock.send(message)
        again = min(time.monotonic() + interval, deadline)
        while (left := again - time.monotonic()) > 0:
            sock.settimeout(left)
            try:
                datagram = sock.recv(65535)
            except TimeoutError:
                break
            if datagram[:4] == message[:4]:
                return datagram
        _left(deadline)
        interval = min(interval * 2, LAST_RETRANSMISSION)


def _exchange_tcp(sock: socket.socket, message: bytes, deadline: float, what: str) -> bytes:
    """Send one record and read one, which may come in many fragments (record marking, RFC 5531 11)."""
    sock.settimeout(_left(deadline))
    sock.sendall(uint(LAST_FRAGMENT | len(message)) + message)
    record, ahead, received, last = bytearray(), bytearray(), 0, False
    while not last:
        mark = int.from_bytes(_receive(sock, ahead, 4, deadline), "big")
        last, size = mark >= LAST_FRAGMENT, mark % LAST_FRAGMENT
        received += 4 + size
        if received > RECORD_MAX:
            raise Garbage(what, f"an answer of {received} or more octets, where at most {RECORD_MAX} are read")
        record += _receive(sock, ahead, size, deadline)
    return bytes(record)


def _receive(sock: socket.socket, ahead: bytearray, size: int, deadline: float) -> bytes:
    """The next octets of a stream, of which `ahead` holds what has come already."""
    while len(ahead) < size:
        sock.settimeout(_left(deadline))
        chunk = sock.recv(65536)
        if not chunk:
            raise ConnectionAbortedError
        ahead += chunk
    octets = bytes(ahead[:size])
    del ahead[:size]
    return octets


def _results(xdr: Xdr, xid: bytes, reserved_port: bool) -> Xdr:
    """Read the header of a reply (RFC 5531 9) up to the results of the procedure."""
    if xdr.fixed(4) != xid:
        raise xdr.garbage("it carries another xid than the call")
    if (kind := xdr.uint()) != 1:
        raise xdr.garbage(f"msg_type {kind} where REPLY (1) belongs")
    reply_stat = xdr.uint()
    if reply_stat == 1:
        raise _denied(xdr, reserved_port)
    if reply_stat != 0:
        raise xdr.garbage(f"reply_stat {reply_stat}")
    xdr.uint()
    xdr.opaque(AUTH_BODY_MAX)
    accept_stat = xdr.uint()
    if accept_stat == 0:
        return xdr
    if accept_stat not in ACCEPT_STAT:
        raise xdr.garbage(f"accept_stat {accept_stat}")
    versions = (xdr.uint(), xdr.uint()) if accept_stat == 2 else (None, None)
    raise Rejected(xdr.call, ACCEPT_STAT[accept_stat], reserved_port, *versions)


def _denied(xdr: Xdr, reserved_port: bool) -> RpcError:
    reject_stat, number = xdr.uint(), xdr.uint()
    if reject_stat == 0:
        return Rejected(xdr.call, "RPC_MISMATCH", reserved_port, number, xdr.uint())
    if reject_stat == 1:
        return Rejected(xdr.call, AUTH_STAT.get(number, f"auth_stat {number}"), reserved_port)
    return xdr.garbage(f"reject_stat {reject_stat}")
