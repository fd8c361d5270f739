"""TCP between the NFS client and the nodes: connections, what becomes of a segment, closing, and tickles.

A segment goes to the node that holds the service address at that moment. Only the node that accepted the connection
knows it; another one resets it, except that `net.inet.tcp.blackhole` makes segments to a closed port disappear
(tcp_input.c). What a node acknowledged is not sent again, so a client whose call was acknowledged and not answered
before the power went waits for its own time-out (freebsd-facts: acknowledged-call-waits). A tickle makes it send a
segment, and that is reset.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Protocol

from simulator.clock import Completion, Steps
from simulator.host.host import HostPair
from simulator.network.link import Traffic
from simulator.network.network import NetworkHost

if TYPE_CHECKING:
    from collections.abc import Mapping

    from simulator.clock import Clock

BLACKHOLE = "net.inet.tcp.blackhole"
SYN_ONLY, EVERY_SEGMENT = 1, 2
"""tcp(4), blackhole: 1 drops a SYN to a closed port, 2 every segment."""
FIRST_RETRANSMISSION, LONGEST_RETRANSMISSION, RETRANSMISSIONS = 0.23, 64.0, 12
"""Seconds until an unacknowledged segment is sent again on a fast network, doubled each time up to the second, and
how often (TCPTV_MIN + TCPTV_CPU_VAR, TCPTV_REXMTMAX, TCP_MAXRXTSHIFT; tcp_timer.h)."""
FIRST_PORT, LAST_PORT = 1023, 600
"""An NFS client takes its ports from here downwards (net.inet.ip.portrange.lowfirst and lowlast)."""


class Arrival(Enum):
    """What becomes of a segment."""

    ACCEPTED = "acknowledged"
    RESET = "reset"
    SILENT = "nothing comes back"


class NfsPort(Protocol):
    """The port of nfsd on a node (`nfs.py`)."""

    connections: list[TcpConnection]

    @property
    def listens(self) -> bool:
        """It accepts connections."""
        ...


class TcpHost(NetworkHost, Protocol):
    """What TCP needs of a node."""

    @property
    def nfs(self) -> NfsPort:
        """Its server."""
        ...


class TcpPair(HostPair, Protocol):
    """What TCP needs of the pair."""

    clock: Clock

    @property
    def nodes(self) -> Mapping[str, TcpHost]:
        """Both, by name."""
        ...


@dataclass(eq=False, slots=True)
class TcpConnection:
    """One connection to nfsd: the service address, the client's address and port, and the node that accepted it."""

    service: str
    address: str
    port: int
    node: TcpHost
    ended: Completion[None] = field(default_factory=Completion)
    """At the client: a FIN or a reset has arrived, or it has given the connection up."""

    @property
    def known_there(self) -> bool:
        """The node still has its end."""
        return self in self.node.nfs.connections


def retransmissions() -> list[float]:
    """Seconds between the attempts to send one segment, until TCP gives the connection up."""
    return [min(LONGEST_RETRANSMISSION, FIRST_RETRANSMISSION * 2**n) for n in range(RETRANSMISSIONS + 1)]


class ClientSockets:
    """The TCP connections of the client's host."""

    def __init__(self, pair: TcpPair) -> None:
        self.pair = pair
        self.open: list[TcpConnection] = []
        self._port = FIRST_PORT

    def holder(self, service: str) -> TcpHost | None:
        """The node that segments to a service address reach; with two masters the one that took it last."""
        holders: list[tuple[float, str, TcpHost]] = []
        for node in self.pair.nodes.values():
            vhid = node.network.masters(service) if node.on else None
            if vhid is not None and self.pair.link.both_ways(self.pair.layout.client, node.name, Traffic.CLIENT):
                holders.append((vhid.master_since, node.name, node))
        return max(holders)[2] if holders else None

    def connect(self, service: str) -> TcpConnection | Arrival:
        """One SYN: a connection, or what happened instead."""
        node = self.holder(service)
        if node is None:
            return Arrival.SILENT
        if not node.nfs.listens:
            silent = node.kernel.integer(BLACKHOLE) >= SYN_ONLY
            return Arrival.SILENT if silent else Arrival.RESET
        connection = TcpConnection(service, self.pair.layout.client_for(service), self._new_port(), node)
        node.nfs.connections.append(connection)
        self.open.append(connection)
        return connection

    def send(self, connection: TcpConnection) -> Arrival:
        """One segment of an established connection."""
        node = self.holder(connection.service)
        if node is None:
            return Arrival.SILENT
        if connection.node is node and connection.known_there:
            return Arrival.ACCEPTED
        if not node.nfs.listens and node.kernel.integer(BLACKHOLE) >= EVERY_SEGMENT:
            return Arrival.SILENT
        self._end(connection)
        return Arrival.RESET

    def give_up(self, connection: TcpConnection) -> None:
        """The client closes its end; the node, where it is reached, does too."""
        self._end(connection)
        if connection.known_there:
            connection.node.nfs.connections.remove(connection)

    def hang_up(self, connection: TcpConnection) -> None:
        """The node closes its end: a FIN, repeated until it arrives or the node is gone."""
        self.pair.clock.start(self._hanging_up(connection, connection.node.nfs))

    def _hanging_up(self, connection: TcpConnection, boot: object) -> Steps[None]:
        for pause in retransmissions():
            if connection.ended.done or connection.node.nfs is not boot:
                return
            if self.hears(connection.node):
                self._end(connection)
                return
            yield pause

    def hears(self, node: TcpHost) -> bool:
        """What the node sends to the client now arrives, whoever holds the service address."""
        on_the_net = node.on and node.network.address_up(node.layout.address)
        return on_the_net and self.pair.link.passes(node.name, self.pair.layout.client, Traffic.CLIENT)

    def tickle(self, node: TcpHost, service: str, address: str, port: int) -> None:
        """The node sends an ACK with wrong numbers from the service address to a port of the client, which answers with
        its own numbers to whoever holds the address. Raises OSError where the address is not here."""
        if not node.network.masters(service):
            raise OSError(49, "Can't assign requested address")
        if address != self.pair.layout.client_for(service) or not self.hears(node):
            return
        for connection in [each for each in self.open if (each.service, each.port) == (service, port)]:
            self.send(connection)

    def _new_port(self) -> int:
        taken = {connection.port for connection in self.open}
        while self._port in taken:
            self._port = self._port - 1 if self._port > LAST_PORT else FIRST_PORT
        port, self._port = self._port, self._port - 1 if self._port > LAST_PORT else FIRST_PORT
        return port

    def _end(self, connection: TcpConnection) -> None:
        if connection in self.open:
            self.open.remove(connection)
        connection.ended.finish()
