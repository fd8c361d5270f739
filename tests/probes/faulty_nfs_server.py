"""An ONC RPC server that does what a script says, over TCP and UDP on one loopback port.

A script is data: a tuple of steps that are taken when a call has come, after which the connection is closed. It builds
its answers with its own packing, not with the code under test.
"""

from __future__ import annotations

import selectors
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import NamedTuple

from checks.probes.rpc import Address, Endpoint, Protocol

LOOPBACK = Address("127.0.0.1", "127.0.0.1")
LAST_FRAGMENT = 0x80000000


class Octets(NamedTuple):
    """Sends octets as they are."""

    octets: bytes


class Answer(NamedTuple):
    """Sends the call's xid and a body, as one record or datagram."""

    body: bytes


class Fragments(NamedTuple):
    """Sends the call's xid and a body in fragments of a few octets, with an empty one after each."""

    body: bytes
    size: int


class CutOff(NamedTuple):
    """Announces the call's xid and a body as one record, and sends only the first octets of it."""

    body: bytes
    octets: int


class Trickle(NamedTuple):
    """Sends one octet, and another after each pause, until the client has gone."""

    octet: bytes
    pause: float


class Endless(NamedTuple):
    """Sends octets over and over, until the client has gone."""

    octets: bytes


class Hold(NamedTuple):
    """Does nothing until the client has gone."""


Step = Octets | Answer | Fragments | CutOff | Trickle | Endless | Hold
Script = tuple[Step, ...]


class Call(NamedTuple):
    """A call that came in."""

    xid: bytes
    program: int
    version: int
    procedure: int
    flavor: int
    credentials: bytes
    arguments: bytes
    protocol: Protocol
    source_port: int


def words(*numbers: int) -> bytes:
    return struct.pack(f">{len(numbers)}I", *numbers)


def text(octets: bytes) -> bytes:
    return words(len(octets)) + octets + b"\0" * ((4 - len(octets) % 4) % 4)


def success(results: bytes = b"") -> Answer:
    return Answer(words(1, 0, 0, 0, 0) + results)


def accepted(accept_stat: int, *more: int) -> Answer:
    return Answer(words(1, 0, 0, 0, accept_stat, *more))


def denied(reject_stat: int, *more: int) -> Answer:
    return Answer(words(1, 1, reject_stat, *more))


def parse_call(message: bytes, protocol: Protocol, source_port: int) -> Call:
    kind, rpcvers, program, version, procedure, flavor, size = struct.unpack_from(">7I", message, 4)
    assert (kind, rpcvers) == (0, 2), "not an RPC call of version 2"
    end = 32 + size + (4 - size % 4) % 4
    assert message[end : end + 8] == bytes(8), "the verifier is not AUTH_NONE"
    credentials, arguments = message[32 : 32 + size], message[end + 8 :]
    return Call(message[:4], program, version, procedure, flavor, credentials, arguments, protocol, source_port)


class FaultyServer:
    """Serves `scripts`, by (program, version, procedure), and `otherwise` for calls that have none.

    `deaf_to` is how many UDP calls are dropped before the first is answered, `answers_from` another address from which
    datagrams are sent. Everything that came in is in `calls`.
    """

    def __init__(
        self, *otherwise: Step, scripts: dict[tuple[int, int, int], Script] | None = None, deaf_to: int = 0
    ) -> None:
        self.otherwise: Script = otherwise
        self.scripts = scripts or {}
        self.deaf_to = deaf_to
        self.answers_from = ""
        self.calls: list[Call] = []
        self._tcp, self._udp = _sockets_on_one_port()
        self._wake, self._woken = socket.socketpair()
        self._stopping = threading.Event()
        self._connections: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._serve, daemon=True)]

    @property
    def port(self) -> int:
        port = self._tcp.getsockname()[1]
        assert isinstance(port, int)
        return port

    def at(self, protocol: Protocol) -> Endpoint:
        return Endpoint(LOOPBACK, self.port, protocol)

    def __enter__(self) -> FaultyServer:
        self._threads[0].start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._wake.close()
        self._threads[0].join(10)
        for connection in self._connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads[1:]:
            thread.join(10)
        for sock in (self._tcp, self._udp, self._woken):
            sock.close()

    def _serve(self) -> None:
        with selectors.DefaultSelector() as selector:
            for sock in (self._tcp, self._udp, self._woken):
                selector.register(sock, selectors.EVENT_READ)
            while not self._stopping.is_set():
                for key, _ in selector.select():
                    if key.fileobj is self._tcp:
                        self._start_conversation(self._tcp.accept()[0])
                    elif key.fileobj is self._udp:
                        self._answer_datagram()

    def _start_conversation(self, connection: socket.socket) -> None:
        thread = threading.Thread(target=self._converse, args=(connection,), daemon=True)
        self._connections.append(connection)
        self._threads.append(thread)
        thread.start()

    def _converse(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            mark = int.from_bytes(connection.recv(4, socket.MSG_WAITALL), "big")
            message = connection.recv(mark - LAST_FRAGMENT, socket.MSG_WAITALL)
            call = parse_call(message, Protocol.TCP, connection.getpeername()[1])
            for step in self._script(call):
                self._take(step, call, connection)

    def _script(self, call: Call) -> Script:
        self.calls.append(call)
        return self.scripts.get((call.program, call.version, call.procedure), self.otherwise)

    def _take(self, step: Step, call: Call, connection: socket.socket) -> None:
        match step:
            case Octets(octets):
                connection.sendall(octets)
            case Answer(body):
                connection.sendall(words(LAST_FRAGMENT | (4 + len(body))) + call.xid + body)
            case CutOff(body, size):
                connection.sendall((words(LAST_FRAGMENT | (4 + len(body))) + call.xid + body)[: 4 + size])
            case Fragments(body, size):
                connection.sendall(_fragmented(call.xid + body, size))
            case Trickle(octet, pause):
                while not self._stopping.wait(pause):
                    connection.sendall(octet)
            case Endless(octets):
                while not self._stopping.is_set():
                    connection.sendall(octets)
            case Hold():
                connection.recv(1)

    def _answer_datagram(self) -> None:
        message, client = self._udp.recvfrom(65535)
        call = parse_call(message, Protocol.UDP, client[1])
        script = self._script(call)
        if len(self.calls) <= self.deaf_to:
            return
        for step in script:
            match step:
                case Octets(octets):
                    self._udp.sendto(octets, client)
                case Answer(body):
                    self._send(call.xid + body, client)
                case Hold():
                    pass
                case _:
                    raise ValueError(f"{step} can't be done with datagrams")

    def _send(self, datagram: bytes, client: tuple[str, int]) -> None:
        if not self.answers_from:
            self._udp.sendto(datagram, client)
            return
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.bind((self.answers_from, self.port))
            other.sendto(datagram, client)


def _fragmented(record: bytes, size: int) -> bytes:
    pieces = [record[start : start + size] for start in range(0, len(record), size)]
    sent = b"".join(words(len(piece)) + piece + words(0) for piece in pieces)
    return sent + words(LAST_FRAGMENT)


def _sockets_on_one_port() -> tuple[socket.socket, socket.socket]:
    while True:
        tcp = socket.create_server(("127.0.0.1", 0))
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            udp.bind(tcp.getsockname())
            return tcp, udp
        except OSError:
            tcp.close()
            udp.close()


@contextmanager
def black_hole() -> Iterator[Endpoint]:
    """A TCP port where connecting hangs: its listener accepts nothing and its queue is full."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        queue = [socket.socket() for _ in range(4)]
        for waiting in queue:
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        try:
            yield Endpoint(LOOPBACK, listener.getsockname()[1], Protocol.TCP)
        finally:
            for waiting in queue:
                waiting.close()


def silent_port(protocol: Protocol) -> Endpoint:
    """A port where nothing listens: it was free a moment ago."""
    kind = socket.SOCK_STREAM if protocol == Protocol.TCP else socket.SOCK_DGRAM
    with socket.socket(socket.AF_INET, kind) as sock:
        sock.bind(("127.0.0.1", 0))
        return Endpoint(LOOPBACK, sock.getsockname()[1], protocol)
