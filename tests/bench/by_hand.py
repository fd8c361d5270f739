"""Who the benchmark compares hastwatch with: the documented hook as it was recorded, and the commands alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.host.documented_hook import DEVICE_WAIT, STARTED, STOPPED, WORKER_WAIT

if TYPE_CHECKING:
    from simulator.node import Node
    from simulator.pair import Pair

Marks = dict[str, float]
"""When a phase ended; of what happens several times, the last."""


def stop_what_a_standby_has_stopped(pair: Pair) -> None:
    """The hook's BACKUP branch has stopped them when the node became a standby."""
    for service in STOPPED:
        list(pair.nodes.values())[1].run(f"service {service} onestop")


class RecordedHook:
    """The documented hook with the waits of the recorded one, and when each of its phases ended on a node."""

    def __init__(self, fsck: str) -> None:
        self.fsck = fsck
        self.marks: dict[str, Marks] = {}

    def __call__(self, node: Node, argv: list[str]) -> int:
        """What devd runs with `VHID@IFACE` and the new state."""
        marks = self.marks.setdefault(node.name, {})
        (resource,) = node.pair.layout.resources
        if argv[2] != "MASTER":
            for service in STOPPED:
                node.run(f"service {service} onestop")
            node.run(f"hastctl role secondary {resource.name}")
            node.run(f"umount -f {resource.mountpoint}")
            return 0
        _wait(node, f"pgrep -f 'hastd: {resource.name} .secondary.'", 1, WORKER_WAIT)
        marks["waiting for the peer"] = node.clock.now
        node.run(f"hastctl role primary {resource.name}")
        _wait(node, f"test -c {resource.device}", 0, DEVICE_WAIT)
        marks["role and device"] = node.clock.now
        node.run(f"fsck -t ufs {self.fsck} {resource.device}")
        marks["fsck"] = node.clock.now
        node.run(f"mount {resource.device} {resource.mountpoint}")
        marks["mount"] = node.clock.now
        for service in STARTED:
            node.run(f"service {service} onestart")
        marks["services"] = node.clock.now
        return 0


def _wait(node: Node, line: str, status: int, seconds: int) -> None:
    """Once a second, as the hook does."""
    for _ in range(seconds):
        if node.run(line).status == status:
            return
        node.clock.advance(1.0)


class Floor:
    """The commands alone, in a safe order, by a script: no Python, no question, no wait but for the device. It knows
    that the peer is gone where it is, and rejects the route to it (freebsd-facts: device-waits-for-a-dead-peer).
    rpcbind, statd and lockd run already."""

    POLL = 0.05

    def __init__(self) -> None:
        self.marks: Marks = {}
        self._moves = False

    def hand_over(self, pair: Pair) -> None:
        """From the active node, and then on the other one."""
        self._moves = True
        old, new = pair.nodes.values()
        self.let_go(old)
        self.take(new, alone=False)

    def let_go(self, node: Node) -> None:
        """Stop to serve, unmount, give up the role and the address."""
        (resource,) = node.pair.layout.resources
        nfs = node.nfs.daemons
        for name, signal in (("nfsd", "USR1"), ("mountd", "TERM")):
            process = nfs[name].process
            if process is not None:
                node.run(f"kill -{signal} {process.pid}")
        while node.nfs.running("nfsd"):
            node.clock.advance(self.POLL)
        node.run(f"umount {resource.mountpoint}")
        node.run(f"hastctl role secondary {resource.name}")
        node.run("sysctl net.inet.carp.demotion=240")

    def take(self, node: Node, alone: bool) -> None:
        """Role, device, file system, mountd and nfsd."""
        (resource,) = node.pair.layout.resources
        clock, route = node.clock, f"-host {node.pair.peer(node).layout.address} 127.0.0.1"
        self.marks["waiting for the peer"] = clock.now
        if alone:
            node.run(f"route -nq add {route} -reject")
        node.run(f"hastctl role primary {resource.name}")
        while node.run(f"test -c {resource.device}").status:
            clock.advance(self.POLL)
        if alone:
            node.run(f"route -nq delete {route}")
        self.marks["role and device"] = clock.now
        node.run(f"fsck -t ufs -p {resource.device}")
        self.marks["fsck"] = clock.now
        node.run(f"mount {resource.device} {resource.mountpoint}")
        self.marks["mount"] = clock.now
        node.run("/usr/sbin/mountd -r")
        node.run("/usr/sbin/nfsd -u -t -n 4")
        self.marks["services"] = clock.now

    def __call__(self, node: Node, argv: list[str]) -> int:
        """devd's event where nobody hands over: the peer is gone, or goes down."""
        if argv[2] == "MASTER" and not self._moves:
            self.take(node, alone=not node.pair.peer(node).on)
        return 0
