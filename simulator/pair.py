"""The pair: two nodes, the link between them, a client, one clock, and the account of the data.

    pair = Pair()
    pair.bring_up()                                   # from blank disks to the healthy pair of the recordings
    result = pair.nodes["nfs001"].run("hastctl status")
    operation = pair.client().write_now("mail-1")     # an acknowledged write of an NFS client
    pair.nodes["nfs001"].power_off()
    pair.clock.advance(30)
    places(pair, "home")                              # what is where now, and what is lost (accounting.py)

Everything random comes from one seed, everything timed from one clock.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from simulator.account.writes import WriteLedger
from simulator.clock import Clock
from simulator.hastd.reloading import reload
from simulator.hastd.replication import PrimaryWorker
from simulator.host.processes import RunningProcess
from simulator.host.programs import Hook, PythonHook
from simulator.layout import KEY_FILE, PairLayout, ResourceLayout
from simulator.network.link import NetworkLink, Traffic
from simulator.network.network import reachable
from simulator.network.sessions import SessionEnd
from simulator.network.tcp import ClientSockets
from simulator.nfs.client import Client
from simulator.node import Node
from simulator.storage.layers import ENCRYPTED
from simulator.storage.mounts import Mount
from simulator.userland import FreeBSD

HAST_HOOK = "/usr/local/sbin/hastwatch-hast-event"

MAKING = {
    "ufs": (
        "newfs -O2 -U -j {resource.filesystem_device}",
        "mount {resource.filesystem_device} {resource.mountpoint}",
    ),
    "zfs": (
        "zpool create -O mountpoint={resource.mountpoint} -o cachefile=none {resource.pool_name} {resource.device}",
    ),
}
"""How the file system of a resource is made and mounted, by kind."""
MADE = 45.0
"""Seconds after which everything of that is on both disks."""


@dataclass(frozen=True, slots=True)
class Note:
    """Something that happened on a node, for the story of a rehearsal."""

    at: float
    node: str
    text: str


class Pair:
    """Two simulated FreeBSD nodes and their client."""

    def __init__(self, layout: PairLayout | None = None, clock: Clock | None = None) -> None:
        self.layout = layout or PairLayout()
        self.clock = clock or Clock()
        self.random = random.Random(self.layout.seed)
        self.link = NetworkLink()
        self.link.on_heal.append(self.retransmit)
        self.ledger = WriteLedger()
        self.sockets = ClientSockets(self)
        self.notes: list[Note] = []
        self.hook_errors: list[BaseException] = []
        """Exceptions that Python hooks raised."""
        self.on_kill: list[Callable[[Node, RunningProcess], None]] = []
        """Told of each process that kill(1) sends a signal to, before it does."""
        self.sessions: list[SessionEnd] = []
        """The sessions between the nodes that were begun, each by the end of the node that began it."""
        self.nodes: dict[str, Node] = {}
        for each in self.layout.nodes:
            self.nodes[each.name] = Node(self, each, FreeBSD())

    # --- who is who --------------------------------------------------------------------------------------------

    def peer(self, node: Node) -> Node:
        """The other node."""
        return self.nodes[self.layout.peer(node.layout).name]

    def reachable(self, one: Node, other: Node, traffic: Traffic) -> bool:
        """A connection from one node to the other's address works, the management one's for that traffic."""
        return reachable(one, other, traffic)

    def manageable(self, one: Node, other: Node) -> bool:
        """Commands of one node reach the other by ssh(1), over the management network."""
        return self.reachable(one, other, Traffic.MANAGEMENT) and other.sshd_runs

    def client(self, resource: str = "", address: str = "") -> Client:
        """A client of a resource, the first one when not named, by a service address or the resource's own."""
        served = self.resource_named(resource)
        return Client(self, served.name, address or served.service_address or self.layout.vhids[0].address)

    def resource_named(self, name: str) -> ResourceLayout:
        """A resource of the layout, the first one for an empty name. Raises ValueError."""
        try:
            return self.layout.resource(name) if name else self.layout.resources[0]
        except KeyError:
            raise ValueError(f"unknown resource {name}") from None

    def resource_layout(self, name: str) -> ResourceLayout:
        """The layout of a resource, one made up for a resource that was added to hast.conf later."""
        known = {each.name: each for each in self.layout.resources}
        return known.get(name, ResourceLayout(name))

    def note(self, node: str, text: str) -> None:
        """Add to the story."""
        self.notes.append(Note(self.clock.now, node, text))

    def primaries(self) -> list[PrimaryWorker]:
        """All primary workers that run, of all nodes and resources."""
        workers = [res.worker for node in self.nodes.values() for res in node.hastd.resources.values()]
        return [worker for worker in workers if isinstance(worker, PrimaryWorker)]

    def mounts(self, resource: str) -> list[tuple[Node, Mount]]:
        """Where a resource is mounted now."""
        return [
            (node, mount)
            for node in self.nodes.values()
            for mount in node.filesystems.mounts.values()
            if mount.resource.name == resource
        ]

    def retransmit(self) -> None:
        """Something is reachable again: what is underway on TCP connections arrives."""
        for worker in self.primaries():
            if not worker.stopped:
                worker.retransmit()

    # --- hooks ---------------------------------------------------------------------------------------------------

    def on_carp_event(self, hook: Hook[Node]) -> None:
        """Let devd on both nodes run a Python hook with `VHID@IFACE TYPE`."""
        for node in self.nodes.values():
            node.install(self.layout.devd_hook, PythonHook(hook))

    def on_hast_event(self, hook: Hook[Node]) -> None:
        """Let hastd on both nodes run a Python hook with its events; effective after a (re)start or reload of hastd."""
        for node in self.nodes.values():
            node.install(HAST_HOOK, PythonHook(hook))
            if not node.files.exists("/etc/hast.conf"):
                continue
            text = node.files.read("/etc/hast.conf")
            node.files.write("/etc/hast.conf", text.replace("timeout ", f"exec {HAST_HOOK}\ntimeout ", 1))
            if node.hastd.running:
                reload(node.hastd)

    # --- getting going -------------------------------------------------------------------------------------------

    def power_on(self) -> None:
        """Both nodes, and wait until they have booted."""
        booting = [node.power_on() for node in self.nodes.values()]
        for each in booting:
            self.clock.wait(each)
        self.clock.advance(5)

    def bring_up(self) -> None:
        """From blank disks to a pair in service: the first node is MASTER, primary, mounted and exported.

        Where the first node's hastd does not work as primary the pair was made by one that did, and both nodes have
        booted since: nothing is in service.
        """
        first, second = self.nodes.values()
        stock = first.installed
        first.installed = stock if stock.is_primary else stock.with_repair()
        self._make(first, second)
        if first.installed != stock:
            self.clock.advance(MADE)
            for node in (second, first):
                self.clock.wait(node.shut_down())
            first.installed = stock
            self.power_on()

    def _make(self, first: Node, second: Node) -> None:
        self.power_on()
        for resource in self.layout.resources:
            for node in (first, second):
                self.must(node, f"hastctl create -k {resource.keepdirty} {resource.name}")
            self.must(second, f"hastctl role secondary {resource.name}")
            self.must(first, f"hastctl role primary {resource.name}")
            self.clock.advance(3)
            if resource.layer == ENCRYPTED:
                self.must(first, f"geli attach -p -k {KEY_FILE} {resource.device}")
            for line in MAKING[resource.kind]:
                self.must(first, line.format(resource=resource))
        if not self.layout.nfs_at_boot:
            self.must(first, "service mountd onestart")
            self.must(first, "service nfsd onestart")

    def must(self, node: Node, line: str) -> str:
        """Run a command that has to succeed; gives its output. Raises AssertionError with what it said."""
        result = node.run(line)
        assert result.status == 0, f"{node.name}: {line}: exit {result.status}: {result.out}{result.err}"
        return result.out
