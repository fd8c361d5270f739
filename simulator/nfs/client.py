"""The NFS client: it mounts the service address, writes with commit, and repeats what is not answered (`hard`).

It speaks TCP (`tcp.py`) as the client of FreeBSD does: a call that nothing acknowledges is sent again, one that was
acknowledged is waited for; a connection that was closed or reset is made anew at once and the call repeated; a refused
one is tried again after a pause (freebsd-facts: acknowledged-call-waits, closed-port-costs-seconds). What a client gets
is decided by the node that it reaches under the service address: no answer, ESTALE, EIO, or an acknowledgement, which
is when a write enters the account of `writes.py` as one that must not be lost.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from simulator.account.writes import Write
from simulator.clock import FOREVER, Completion, Coroutine, Steps, first_of
from simulator.network.tcp import Arrival, TcpConnection, retransmissions
from simulator.nfs import nfs_ports

if TYPE_CHECKING:
    from simulator.nfs.nfs import NfsHost, NfsPair

CALL_TIMEOUT = 300.0
"""Seconds after which a call that was sent is given up, and its connection (NFS_TCPTIMEO, sys/fs/nfs/nfs.h)."""
FIRST_PAUSE, PAUSE = 1.0, 3.0
"""Seconds from a refused connection to the next attempt: the first by the source (`tsleep(…, "rpccon", hz)` in
clnt_reconnect_call(), clnt_rc.c), the others as seen: a server that was away for 1.5 s cost 4.4 s (freebsd-facts:
closed-port-costs-seconds). Linux waits 3 s and doubles (XS_TCP_INIT_REEST_TO)."""
SYN_RETRANSMISSIONS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 12.0)
"""Seconds after each SYN that nothing answers: doubled from TCPTV_RTOBASE on, TCPTV_KEEP_INIT (75 s) together."""
LOOK_AGAIN = 0.25
"""Seconds between two looks of the simulation whether a stopped nfsd goes on; no figure of FreeBSD."""


class OperationResult(Enum):
    """What an operation got."""

    OK = "ok"
    STALE = "Stale NFS file handle"
    EIO = "Input/output error"
    NOT_PERMITTED = "Operation not permitted"
    NO_SPACE = "No space left on device"
    READ_ONLY = "Read-only file system"
    REFUSED = "RPC: Authentication error"
    NONE = "no answer"


@dataclass(frozen=True, slots=True)
class Operation:
    """One write of the client: when it began and ended, what it got, and its number in the account."""

    file: str
    began: float
    ended: float
    answer: OperationResult
    write: Write | None


class Client:
    """A host with one NFS mount of one resource by its service address."""

    def __init__(self, pair: NfsPair, resource: str, address: str) -> None:
        self.pair, self.resource, self.address = pair, resource, address
        self.privileged = True
        """It calls from a port below 1024, as clients do by default (mount_nfs(8) resvport, nfs(5))."""
        self.operations: list[Operation] = []
        self.connection: TcpConnection | None = None

    def server(self) -> NfsHost | None:
        """The node that answers under the service address; with two masters the one that took it last."""
        holder = self.pair.sockets.holder(self.address)
        return None if holder is None else self.pair.nodes[holder.name]

    def mount(self) -> str | None:
        """A fresh MNT of the export: the words of mount_nfs on failure, None when it succeeded."""
        node, path = self.server(), self.pair.layout.resource(self.resource).mountpoint
        where = f"[tcp] {self.address}:{path}"
        if node is None:
            return f"{where}: RPCPROG_NFS: RPC: Port mapper failure - RPC: Timed out"
        if not node.nfs.answers("rpcbind"):
            return f"{where}: RPCPROG_NFS: RPC: Remote system error - Connection refused"
        if not node.nfs.answers("mountd"):
            return f"{where}: RPCMNT: clnt_create: RPC: Program not registered"
        address = self.pair.layout.client_for(self.address)
        if refusing := nfs_ports.refuses(node, node.nfs.daemons["mountd"].process, address, self.privileged):
            return f"{where}: {'RPCMNT' if refusing == 'mountd' else 'RPCPROG_NFS'}: RPC: Authentication error"
        identity = node.nfs.mount_request(path, address, self.pair.layout.client)
        if identity is None:
            return f"{where}: Permission denied"
        return None if node.nfs.serves(identity) == "ok" else "mount_nfs: nmount: /mnt/t: Stale NFS file handle"

    # --- one call ------------------------------------------------------------------------------------------------

    def attempt(
        self, file: str, text: str, append: bool, until: float = FOREVER
    ) -> Steps[tuple[OperationResult, Write | None]]:
        """One try of a committed write; NONE where the connection ended, or the instant `until` has come."""
        sockets = self.pair.sockets
        connection = self.connection
        if connection is None or connection.ended.done:
            connection = self.connection = yield from self._connecting(until)
        if connection is None or not (yield from self._sending(connection, until)):
            return OperationResult.NONE, None
        answered: Completion[tuple[OperationResult, Write | None]] = Completion()
        self.pair.clock.start(self._handling(connection, file, text, append, answered))
        yield from self._waiting(CALL_TIMEOUT, until, answered, connection.ended)
        if answered.value is not None:
            return answered.value
        sockets.give_up(connection)
        return OperationResult.NONE, None

    def _waiting(self, seconds: float, until: float, *events: Completion[Any]) -> Steps[None]:
        """Until one of the events, so long at most, and no longer than the instant `until`."""
        clock = self.pair.clock
        either = first_of(*events)
        timer = clock.after(min(seconds, until - clock.now), either.finish)
        yield either
        timer.cancel()

    def _connecting(self, until: float) -> Steps[TcpConnection | None]:
        """A new connection; None where there is none at the instant `until`."""
        clock, refused = self.pair.clock, 0
        while True:
            arrival: TcpConnection | Arrival = Arrival.SILENT
            for pause in SYN_RETRANSMISSIONS:
                arrival = self.pair.sockets.connect(self.address)
                if isinstance(arrival, TcpConnection):
                    return arrival
                if arrival is Arrival.RESET or clock.now >= until:
                    break
                yield from self._waiting(pause, until)
            refused += 1
            yield from self._waiting(FIRST_PAUSE if refused == 1 or arrival is Arrival.SILENT else PAUSE, until)
            if clock.now >= until:
                return None

    def _sending(self, connection: TcpConnection, until: float) -> Steps[bool]:
        """Send the call until it is acknowledged; False where the connection ended, or the instant `until` has come."""
        for pause in retransmissions():
            arrival = self.pair.sockets.send(connection)
            if arrival is not Arrival.SILENT:
                return arrival is Arrival.ACCEPTED
            yield from self._waiting(pause, until, connection.ended)
            if connection.ended.done or self.pair.clock.now >= until:
                break
        self.pair.sockets.give_up(connection)
        return False

    # --- at the server -------------------------------------------------------------------------------------------

    def _handling(
        self,
        connection: TcpConnection,
        file: str,
        text: str,
        append: bool,
        answered: Completion[tuple[OperationResult, Write | None]],
    ) -> Steps[None]:
        """What nfsd does with a call that has arrived, up to the arrival of the answer."""
        if not (yield from self._nfsd_goes_on(connection)):
            return
        answer, write = yield from self._performing(self.pair.nodes[connection.node.name], file, text, append)
        yield self.pair.layout.costs.nfs_call
        for pause in retransmissions():
            if not (yield from self._nfsd_goes_on(connection)) or connection.ended.done:
                return
            if self.pair.sockets.hears(connection.node):
                break
            yield pause
        else:
            return
        if answer is OperationResult.OK and write is not None:
            self.pair.ledger.acknowledge(write, self.pair.clock.now)
        answered.finish((answer, write))

    def _nfsd_goes_on(self, connection: TcpConnection) -> Steps[bool]:
        """Wait as long as nfsd is stopped; False where the connection is not known there any more."""
        while connection.known_there and not self.pair.nodes[connection.node.name].nfs.answers("nfsd"):
            yield LOOK_AGAIN
        return connection.known_there

    def _performing(
        self, node: NfsHost, file: str, text: str, append: bool
    ) -> Steps[tuple[OperationResult, Write | None]]:
        """The write itself, by the file system that the client's handle means there."""
        if not self.privileged and node.kernel.integer(nfs_ports.SYSCTL):
            return OperationResult.REFUSED, None
        verdict = node.nfs.serves(self.resource)
        if verdict != "ok":
            return (OperationResult.STALE if verdict == "stale" else OperationResult.EIO), None
        mount = node.filesystems.mounts[self.pair.layout.resource(self.resource).mountpoint]
        try:
            write, written = mount.write(file, text, append=append, commit=True)
        except OSError as error:
            return OperationResult(error.strerror), None
        good = yield written
        return (OperationResult.OK if good else OperationResult.EIO), write

    # --- writing -------------------------------------------------------------------------------------------------

    def write(self, file: str, text: str = "", *, append: bool = True, patience: float = 300.0) -> Coroutine[Operation]:
        """Write, repeating while nothing answers, for `patience` seconds at most."""
        return self.pair.clock.start(self._writing(file, text or f"{file}\n", append, patience))

    def _writing(self, file: str, text: str, append: bool, patience: float) -> Steps[Operation]:
        began = self.pair.clock.now
        while True:
            answer, write = yield from self.attempt(file, text, append, began + patience)
            if answer is not OperationResult.NONE or self.pair.clock.now - began >= patience:
                break
        operation = Operation(file, began, self.pair.clock.now, answer, write)
        self.operations.append(operation)
        return operation

    def write_now(self, file: str, text: str = "", *, append: bool = True, patience: float = 300.0) -> Operation:
        """As `write`, waiting for the end."""
        process = self.write(file, text, append=append, patience=patience)
        self.pair.clock.wait(process)
        assert process.value is not None
        return process.value
