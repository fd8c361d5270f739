"""A second hastd on a node, with sockets, a pid file and a copy of its own: `hastd -c FILE -P PIDFILE`.

It has one resource, whose copy is a file, and does what the release of its program and its kernel do with a connection
(`bug_292322`). The other node's place is taken by whoever starts it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from simulator.clock import Steps
from simulator.hastd.hastconf import HastConf, ResourceConf
from simulator.hastd.metadata import Role
from simulator.host.files import File
from simulator.host.processes import SIGKILL, SIGTERM, RunningProcess

if TYPE_CHECKING:
    from simulator.hastd.daemon import HastdHost

METADATA = "HAST metadata"
UNANSWERED = 1.0
"""Seconds for which the worker waits for the answer to its header, before it serves its device (`timeout 1`)."""
EX_OSERR, EX_NOINPUT = 71, 66


class ScratchHastd:
    """The daemon; `process` is None while it does not run."""

    def __init__(self, node: HastdHost) -> None:
        self.node = node
        self.process: RunningProcess | None = None
        self.worker: RunningProcess | None = None
        self.role = Role.INIT
        self.resource: ResourceConf | None = None
        self.pidfile = ""
        self.on_connection: Callable[[bool], None] | None = None
        """Whoever listens in the place of the other node: told of a connection, and whether a header comes on it."""

    @property
    def device(self) -> str:
        """Of its resource."""
        return f"/dev/hast/{self.resource.provname}" if self.resource else ""

    @property
    def works(self) -> bool:
        """Whether its worker receives the connection that it is given."""
        return self.node.installed.works_on(self.node.kernel.release)

    def start(self, words: list[str], conf: HastConf) -> int:
        """hastd -c CONF -P PIDFILE"""
        self.pidfile = words[words.index("-P") + 1]
        title = f"/sbin/hastd {' '.join(words)}"
        self.resource = next(iter(conf.resources.values()))
        self.process = self.node.processes.spawn(title, "hastd", self.node.clock.now, on_signal=self._on_signal)
        self.node.files.write(self.pidfile, f"{self.process.pid}\n", self.node.now, mode="rw-------")
        return 0

    def order(self, complain: Callable[[str], None], verb: str, role: Role | None, conf: HastConf) -> Steps[int]:
        """hastctl create -c CONF, and role."""
        resource = next(iter(conf.resources.values()))
        if verb == "create":
            if not self.node.files.exists(resource.local):
                complain(f"[ERROR] [{resource.name}] Unable to open {resource.local}: No such file or directory.\n")
                return EX_NOINPUT
            self.node.files.write(resource.local, METADATA, self.node.now)
            return 0
        if self.process is None:
            complain(f"[ERROR] Unable to connect to hastd via {conf.control}: Connection refused.\n")
            return EX_OSERR
        yield self.node.processor.use(self.node.pair.layout.costs.worker_stop)
        if role is not None and role is not self.role:
            self._end_worker()
            self.role = role
            if role is Role.PRIMARY:
                self._begin_worker(resource)
        return 0

    def _begin_worker(self, resource: ResourceConf) -> None:
        """A copy without metadata ends it at once (primary.c, init_local())."""
        if self.node.files.read(resource.local) != METADATA:
            self.role = Role.INIT
            return
        self.worker = self.node.processes.spawn(f"hastd: {resource.name} (primary)", "hastd", self.node.clock.now)
        self.node.tasting.add(resource.name)
        if self.on_connection is not None:
            self.on_connection(self.works)
            if not self.works:
                return
        worker = self.worker
        self.node.clock.after(UNANSWERED, lambda: self._serve(resource, worker))

    def _serve(self, resource: ResourceConf, worker: RunningProcess) -> None:
        if self.worker is not worker or resource.name in self.node.trouble.absent_devices:
            return
        self.node.tasting.discard(resource.name)
        self.node.files.place(self.device, File(kind="c", mode="rw-r-----", group="operator", device="0x90"))

    def _end_worker(self) -> None:
        if self.worker is not None and self.resource is not None:
            self.node.processes.end(self.worker)
            self.node.tasting.discard(self.resource.name)
            self.node.files.remove(self.device)
            if self.node.files.exists("/dev/hast") and not self.node.files.names("/dev/hast"):
                self.node.files.remove("/dev/hast")
        self.worker = None

    def _on_signal(self, number: int) -> None:
        if number in (SIGTERM, SIGKILL) and self.process is not None:
            self._end_worker()
            self.node.processes.end(self.process)
            self.node.files.remove(self.pidfile)
            self.process, self.role = None, Role.INIT
