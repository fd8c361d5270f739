"""A hastd as its workers know it: its process, its configuration, what it says, and what it forks.

`Daemon` is the lowest part of hastd. What it does with roles, workers and devices is in `roles.py`, what its process
does in `hastd.py`; a worker calls those by the abstract methods in here.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Protocol

from simulator.account.writes import LossCause
from simulator.clock import Clock, Completion
from simulator.costs import Costs
from simulator.hastd.hastconf import HastConf, ResourceConf, parse
from simulator.hastd.listening import ControlSocket, ListenQueue
from simulator.hastd.metadata import Role
from simulator.hastd.statistics import Statistics
from simulator.host.host import HostPair
from simulator.host.log import DAEMON_LOG, MESSAGES, LogLevel
from simulator.host.processes import RunningProcess
from simulator.network.link import Traffic
from simulator.network.network import NetworkHost

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from simulator.account.writes import WritePiece
    from simulator.hastd.component import DeviceWrite
    from simulator.hastd.disk import Disk
    from simulator.hastd.left_device import LeftDevice
    from simulator.layout import ResourceLayout
    from simulator.release import Release

CONF = "/etc/hast.conf"


class HastdPair(HostPair, Protocol):
    """What a hastd needs of the pair."""

    @property
    def nodes(self) -> Mapping[str, HastdHost]:
        """Both, by name."""
        ...

    def resource_layout(self, name: str) -> ResourceLayout:
        """The layout of a resource, one made up for a resource that was added to hast.conf later."""
        ...


class HastdHost(NetworkHost, Protocol):
    """What a hastd needs of its node."""

    disks: dict[str, Disk]
    tasting: set[str]
    """The resources whose device GEOM has not tasted yet."""
    left: dict[str, LeftDevice]
    """By resource: the devices that killed workers have left."""
    hastd_ended: float
    """When hastd ended last, in whichever boot."""

    @property
    def pair(self) -> HastdPair:
        """What it shares with the other node."""
        ...

    @property
    def peer(self) -> HastdHost:
        """The other node."""
        ...

    @property
    def hastd(self) -> Daemon:
        """That of this boot."""
        ...

    def run_program(self, path: str, words: Iterable[str]) -> None:
        """Start a program and don't wait for it."""
        ...

    def discard(self, disk: Disk, pieces: set[WritePiece], cause: LossCause) -> None:
        """Note in the account that pieces on one of its disks were thrown away."""
        ...


def replicates(sender: HastdHost, receiver: HastdHost) -> bool:
    """What the hastd of one node sends to that of the other now arrives there."""
    up = receiver.on and receiver.network.address_up(receiver.layout.address)
    return sender.hastd.reachable and up and sender.pair.link.passes(sender.name, receiver.name, Traffic.HAST)


def replicates_both_ways(one: HastdHost, other: HastdHost) -> bool:
    """The same for answers too."""
    return replicates(one, other) and replicates(other, one)


def node_at(pair: HastdPair, address: str) -> HastdHost | None:
    """The node that listens at an address of hast.conf (tcp4://10.1.101.4:8457), None when nobody does."""
    host = address.split("://")[-1]
    host, _, port = host.partition(":")
    for node in pair.nodes.values():
        listens = any(listen.endswith(f":{port or '8457'}") for listen in node.hastd.conf.listen)
        if host in (node.layout.address, node.layout.name) and listens:
            return node
    return None


class Worker(ABC):
    """A process of hastd's for one resource, in one role."""

    role: Role
    deaf = False
    """It sees no signal."""

    def __init__(self, hastd: Daemon, resource: RunningResource, process: RunningProcess) -> None:
        self.hastd, self.resource, self.process = hastd, resource, process
        self.disk = hastd.node.disks[resource.conf.local]
        self.statistics = Statistics()
        self.alive = True

    @property
    def stopped(self) -> bool:
        """SIGSTOP: it neither answers nor notices anything."""
        return self.process.stopped

    @abstractmethod
    def end(self) -> None:
        """Killed, or told to go."""


class RunningResource:
    """One resource as the running daemon knows it."""

    def __init__(self, conf: ResourceConf) -> None:
        self.conf = conf
        self.role = Role.INIT
        self.worker: Worker | None = None
        self.killed: tuple[float, LossCause] = -math.inf, LossCause.STEPS
        """When a primary worker was killed last, and whose doing it had been if the device had gone then."""


class Daemon(ABC):
    """The daemon of one node; `process` is None while it isn't running."""

    def __init__(self, node: HastdHost) -> None:
        self.node = node
        self.process: RunningProcess | None = None
        self.resources: dict[str, RunningResource] = {}
        self.conf = HastConf()
        self.program: Release = node.installed
        """The release that its program is of: the one that was installed when it was started."""
        self.reading: Completion[None] | None = None
        """It waits for the header of a connection (`bug_292322.py`)."""
        self.awaited: Worker | None = None
        """A worker that it has told to end, and waits for."""
        self.untold: list[tuple[RunningProcess, str, list[str]]] = []
        """What its workers told it while it was stopped: its process then, the hook and its arguments."""
        self._reloads_waiting = 0
        self._control, self._port = ControlSocket(), ListenQueue()

    @property
    def clock(self) -> Clock:
        """The pair's."""
        return self.node.clock

    @property
    def costs(self) -> Costs:
        """The pair's."""
        return self.node.pair.layout.costs

    @property
    def running(self) -> bool:
        """There is a daemon, stopped or not."""
        return self.process is not None

    @property
    def stopped(self) -> bool:
        """SIGSTOP: the control socket takes connections and nothing answers."""
        return self.process is not None and self.process.stopped

    @property
    def busy(self) -> bool:
        """Its main loop does not turn: it is stopped, or waits for something else."""
        return self.stopped or self.awaited is not None or (self.reading is not None and not self.reading.done)

    @property
    def reachable(self) -> bool:
        """The node runs, its replication interface is up, and it does not reject what it sends to the other one."""
        network, theirs = self.node.network, self.node.peer.layout.address
        return self.node.on and network.address_up(self.node.layout.address) and not network.rejects(theirs)

    def stuck(self) -> bool:
        """A stopped worker makes status and list hang for all resources (freebsd-facts:
        stopped-worker-hangs-hastctl)."""
        return self.busy or any(res.worker is not None and res.worker.stopped for res in self.resources.values())

    def takes_connection(self) -> bool:
        """Whether a call of hastctl is connected to the control socket, accepted or not."""
        if self.stuck():
            return self._control.connects(self.busy)
        self._control.emptied()
        return self.running

    def takes_tcp_connection(self) -> bool:
        """Whether a connection to the port stays open, accepted or not. A daemon that waits for a worker is stuck from
        the first call of hastctl on."""
        if self.accepts_nobody:
            return self._port.takes_one()
        self._port.emptied()
        return self.running

    @property
    def accepts_nobody(self) -> bool:
        """Whether connections to the port wait in its queue."""
        return self.busy or (self.stuck() and self._control.busy)

    # --- its configuration, and what it says ----------------------------------------------------------------------

    def read_conf(self, path: str = CONF) -> HastConf:
        """Parse a configuration file. Raises HastConfError with the text to print, FileNotFoundError."""
        layout = self.node.layout
        name = self.node.kernel.values["kern.hostname"]
        return parse(self.node.files.read(path), name, layout.hostuuid, layout.hostid)

    def log(self, level: LogLevel, text: str, pid: int | None = None) -> None:
        """What the parent says, or a worker that has not jailed itself yet."""
        number = pid if pid is not None else self.process.pid if self.process is not None else 0
        line = f"hastd[{number}]: {text}"
        self.node.syslog(DAEMON_LOG, line)
        if level is LogLevel.ERROR:
            self.node.syslog(MESSAGES, line)

    def event(self, resource: RunningResource, event: str, *words: str) -> None:
        """Run the hook of hast.conf, if there is one, and go on at once. A stopped hastd does so when it goes on: the
        worker waits for its answer (sbin/hastd/event.c, event_send()), and nobody tells what a killed one was told."""
        self.node.pair.note(self.node.name, f"hast {event} {' '.join((resource.conf.name, *words))}")
        process = self.process
        if not resource.conf.exec or not self.running or process is None:
            return
        if self.stopped:
            self.untold.append((process, resource.conf.exec, [event, resource.conf.name, *words]))
        else:
            self.node.run_program(resource.conf.exec, [event, resource.conf.name, *words])

    def tell_of_events(self) -> None:
        """It goes on: what its workers told it meanwhile is told to the hook."""
        untold, self.untold = self.untold, []
        for process, program, words in untold:
            if process is self.process:
                self.node.run_program(program, words)

    def worker_ended(self, resource: RunningResource, pid: int, role: Role, code: int) -> None:
        """A worker exited by itself with an error."""
        text = f"[{resource.conf.name}] ({role}) Worker process exited ungracefully (pid={pid}, exitcode={code})."
        self.log(LogLevel.ERROR, text)

    def new_resuid(self) -> int:
        """A random number, from the pair's seed."""
        return self.node.pair.random.getrandbits(64) or 1

    # --- workers and their devices --------------------------------------------------------------------------------

    def spawn_worker(self, resource: RunningResource, role: Role) -> RunningProcess:
        """Fork: the new process, not yet known to work."""
        assert self.process is not None
        return self.node.processes.spawn(
            f"hastd: {resource.conf.name} ({role})",
            "hastd",
            self.clock.now,
            ppid=self.process.pid,
            user="hast",
            jid=self.node.processes.new_jail(),
            own_title=True,
            on_signal=lambda number: self.worker_signal(resource, number),
        )

    @abstractmethod
    def worker_signal(self, resource: RunningResource, number: int) -> None:
        """A worker has got a signal."""

    @abstractmethod
    def provider_created(self, resource: RunningResource, worker: Worker) -> None:
        """The worker has asked ggate(4) for its provider (primary.c, init_ggate()): it says so, and GEOM tastes it."""

    @abstractmethod
    def never_tasted(self, resource: RunningResource) -> None:
        """Nobody answers GEOM's reads from a new provider: it gets no file, and whoever asks GEOM waits."""

    @abstractmethod
    def device_created(self, resource: RunningResource) -> None:
        """GEOM has tasted the provider: there is /dev/hast/NAME, if the one that was left is not there still."""

    @abstractmethod
    def device_write(self, name: str, write: DeviceWrite, outcome: Completion[bool]) -> None:
        """A write to /dev/hast/NAME: waits where a killed worker has left it, fails when there is no device."""
