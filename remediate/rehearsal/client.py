"""The NFS client: it mounts the service address, writes with commit, and repeats what is not answered (`hard`).

What a client gets is decided by the node that it reaches under the service address: no answer, ESTALE, EIO, or an
acknowledgement, which is when a write enters the account of `writes.py` as one that must not be lost.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from itertools import pairwise
from typing import TYPE_CHECKING

from remediate.rehearsal.clock import FOREVER, Completion, Process, Steps
from remediate.rehearsal.costs import CLIENT_RETRY
from remediate.rehearsal.link import Traffic
from remediate.rehearsal.writes import Write

if TYPE_CHECKING:
    from remediate.rehearsal.node import Node
    from remediate.rehearsal.pair import Pair


class Answer(Enum):
    """What an operation got."""

    OK = "ok"
    STALE = "Stale NFS file handle"
    EIO = "Input/output error"
    NOT_PERMITTED = "Operation not permitted"
    NO_SPACE = "No space left on device"
    NONE = "no answer"


@dataclass(frozen=True, slots=True)
class Operation:
    """One write of the client: when it began and ended, what it got, and its number in the account."""

    file: str
    began: float
    ended: float
    answer: Answer
    write: Write | None


class Client:
    """A host with one NFS mount of one resource by its service address."""

    def __init__(self, pair: Pair, resource: str, address: str) -> None:
        self.pair, self.resource, self.address = pair, resource, address
        self.operations: list[Operation] = []

    def server(self) -> Node | None:
        """The node that answers under the service address; with two masters the one that took it last."""
        found: list[tuple[float, str, Node]] = []
        for node in self.pair.nodes.values():
            vhid = node.network.masters(self.address) if node.on else None
            link, name = self.pair.link, self.pair.layout.client
            if vhid is not None and link.both_ways(name, node.name, Traffic.CLIENT):
                found.append((vhid.master_since, node.name, node))
        return max(found)[2] if found else None

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
        identity = node.nfs.mount_request(path, self.pair.layout.client_address, self.pair.layout.client)
        if identity is None:
            return f"{where}: Permission denied"
        return None if node.nfs.serves(identity) == "ok" else "mount_nfs: nmount: /mnt/t: Stale NFS file handle"

    def attempt(self, file: str, text: str, append: bool, until: float = FOREVER) -> Steps[tuple[Answer, Write | None]]:
        """One try of a committed write, without repetition; NONE where nothing has come at the instant `until`."""
        node = self.server()
        if node is None or not node.nfs.answers("nfsd"):
            return Answer.NONE, None
        verdict = node.nfs.serves(self.resource)
        if verdict != "ok":
            return (Answer.STALE if verdict == "stale" else Answer.EIO), None
        mount = node.filesystems.mounts[self.pair.layout.resource(self.resource).mountpoint]
        try:
            write, written = mount.write(file, text, append=append, commit=True)
        except OSError as error:
            return (Answer.NOT_PERMITTED if isinstance(error, PermissionError) else Answer.NO_SPACE), None
        yield from self._awaiting(node, written, until)
        good = written.value
        if not (written.done and self._served_by(node)):
            return Answer.NONE, write
        if not good:
            return Answer.EIO, write
        self.pair.ledger.acknowledge(write, self.pair.clock.now)
        return Answer.OK, write

    def _served_by(self, node: Node) -> bool:
        return node.on and self.server() is node and node.nfs.answers("nfsd")

    def _awaiting(self, node: Node, written: Completion[bool], until: float) -> Steps[None]:
        """Wait for an answer as long as the server is there; one whose device hangs, or that lost it, gives none."""
        clock = self.pair.clock
        while not written.done and self._served_by(node) and clock.now < until:
            either: Completion[None] = Completion()
            written.then(either.finish)
            retry = clock.after(CLIENT_RETRY, either.finish)
            yield either
            retry.cancel()

    def write(self, file: str, text: str = "", *, append: bool = True, patience: float = 300.0) -> Process[Operation]:
        """Write, repeating while nothing answers, for `patience` seconds at most."""
        return self.pair.clock.start(self._writing(file, text or f"{file}\n", append, patience))

    def _writing(self, file: str, text: str, append: bool, patience: float) -> Steps[Operation]:
        began = self.pair.clock.now
        while True:
            answer, write = yield from self.attempt(file, text, append, began + patience)
            if answer is not Answer.NONE or self.pair.clock.now - began >= patience:
                break
            yield CLIENT_RETRY
        operation = Operation(file, began, self.pair.clock.now, answer, write)
        self.operations.append(operation)
        return operation

    def write_now(self, file: str, text: str = "", *, append: bool = True, patience: float = 300.0) -> Operation:
        """As `write`, waiting for the end."""
        process = self.write(file, text, append=append, patience=patience)
        self.pair.clock.wait(process)
        assert process.value is not None
        return process.value

    def longest_outage(self) -> float:
        """Seconds of the longest time between two successful operations of those recorded here."""
        good = [operation.ended for operation in self.operations if operation.answer is Answer.OK]
        return max((after - before for before, after in pairwise(good)), default=0.0)
