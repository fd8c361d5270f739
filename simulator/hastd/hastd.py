"""hastd: roles, workers, the event `exec`, and what it says to syslog (hastd.c, control.c, event.c).

How two of them connect is in `handshake.py`.

A worker's own messages after it has jailed itself never reach the log (freebsd-facts: worker-lines-are-lost); only
those are written here that were recorded. hastd's hook is forked and never waited for.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, TypeGuard

from simulator.account.blame import of_the_steps
from simulator.account.writes import Cause
from simulator.clock import Clock, Completion, Steps
from simulator.costs import WORKER_RESTART, Costs
from simulator.hastd import bug_292322, left_device
from simulator.hastd.component import DeviceWrite
from simulator.hastd.handshake import connect, is_silent
from simulator.hastd.hastconf import HastConf, ResourceConf, parse
from simulator.hastd.listening import ControlSocket, ListenQueue
from simulator.hastd.metadata import Metadata, Role
from simulator.hastd.reloading import reload
from simulator.hastd.replication import PrimaryWorker
from simulator.hastd.secondary import EX_NOINPUT, EX_TEMPFAIL, SecondaryWorker
from simulator.host.files import File
from simulator.host.log import DAEMON_LOG, MESSAGES, Level
from simulator.host.processes import SIGCONT, SIGHUP, SIGINT, SIGKILL, SIGTERM, Running
from simulator.storage import layers

if TYPE_CHECKING:
    from simulator.node import Node
    from simulator.release import Release

CONF = "/etc/hast.conf"
PIDFILE = "/var/run/hastd.pid"


class Resource:
    """One resource as the running daemon knows it."""

    def __init__(self, conf: ResourceConf) -> None:
        self.conf = conf
        self.role = Role.INIT
        self.worker: PrimaryWorker | SecondaryWorker | None = None


def is_primary(worker: PrimaryWorker | SecondaryWorker | None) -> TypeGuard[PrimaryWorker]:
    """Tell the two kinds of worker apart."""
    return isinstance(worker, PrimaryWorker)


class Hastd:
    """The daemon of one node; `process` is None while it isn't running."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.process: Running | None = None
        self.resources: dict[str, Resource] = {}
        self.conf = HastConf()
        self.program: Release = node.installed
        """The release that its program is of: the one that was installed when it was started."""
        self.reading: Completion[None] | None = None
        """It waits for the header of a connection (`bug_292322.py`)."""
        self.awaited: PrimaryWorker | SecondaryWorker | None = None
        """A worker that it has told to end, and waits for."""
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
        network, theirs = self.node.network, self.node.pair.peer(self.node).layout.address
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
        if self.busy or (self.stuck() and self._control.busy):
            return self._port.takes_one()
        self._port.emptied()
        return self.running

    # --- the daemon itself ---------------------------------------------------------------------------------

    def read_conf(self, path: str = CONF) -> HastConf:
        """Parse a configuration file. Raises HastConfError with the text to print, FileNotFoundError."""
        layout = self.node.layout
        name = self.node.kernel.values["kern.hostname"]
        return parse(self.node.files.read(path), name, layout.hostuuid, layout.hostid)

    def add_resource(self, conf: ResourceConf) -> None:
        """A resource begins in role init."""
        self.resources[conf.name] = Resource(conf)

    def start(self, path: str = CONF, pid: int | None = None) -> None:
        """Fork into the background; every resource begins in role init. Raises as `read_conf`."""
        self.conf = self.read_conf(path)
        self.program = self.node.installed
        self.process = self.node.processes.spawn(
            "/sbin/hastd", "hastd", self.clock.now, on_signal=self._on_signal, pid=pid
        )
        self.resources = {name: Resource(conf) for name, conf in self.conf.resources.items()}
        self.node.kernel.load("geom_gate")
        self.node.files.write(PIDFILE, str(self.process.pid), self.clock.now, mode="rw-------")
        self.node.files.place("/var/run/hastctl", File(kind="s", mode="rwxr-xr-x", changed=self.clock.now))
        self.log(Level.INFO, "Started successfully, running protocol version 2.")
        for address in self.conf.listen:
            self.log(Level.INFO, f"Listening on address {address}.")

    def _on_signal(self, number: int) -> None:
        if number == SIGHUP:
            self._reloads_waiting += 1
            self.clock.after(self.costs.hastd_reload, self.attend)
        elif number in (SIGTERM, SIGINT):
            self.terminate()
        elif number == SIGKILL:
            self.die(Cause.UFS_DELAY)
        elif number == SIGCONT:
            self.node.pair.retransmit()

    def attend(self) -> None:
        """hastd's main loop turns, on a control request or at the latest after some seconds: SIGHUP is seen now."""
        while self._reloads_waiting and self.process is not None and not self.busy:
            self._reloads_waiting -= 1
            reload(self)

    def terminate(self) -> None:
        """SIGTERM: end all workers and go."""
        if self.stopped or self.process is None or self.awaited is not None:
            return
        if self.reading is not None and not self.reading.done:
            self.reading.then(self.terminate)
            return
        self.log(Level.INFO, "Termination signal received, exiting.")
        for name, resource in self.resources.items():
            if resource.worker is not None:
                pid, role = resource.worker.process.pid, resource.role
                text = f"Terminating worker process (resource={name}, role={role}, pid={pid})."
                self.log(Level.INFO, text)
        self.die(Cause.STEPS)

    def power_lost(self) -> None:
        """Nothing of it runs any more, and nothing that it had planned happens."""
        self.process, self.resources, self.node.hastd_ended = None, {}, self.clock.now
        self.awaited = None
        self._control.emptied()
        self._port.emptied()

    def die(self, cause: Cause) -> None:
        """The daemon is gone, and its workers and devices with it (freebsd-facts: device-goes-with-hastd)."""
        if self.process is None:
            return
        self.node.processes.end(self.process)
        self.process, self.node.hastd_ended = None, self.clock.now
        self._control.emptied()
        self._port.emptied()
        for resource in self.resources.values():
            self.end_worker(resource, cause)
        self.resources = {}

    # --- syslog and the hook ---------------------------------------------------------------------------------

    def log(self, level: Level, text: str, pid: int | None = None) -> None:
        """What the parent says, or a worker that has not jailed itself yet."""
        number = pid if pid is not None else self.process.pid if self.process is not None else 0
        line = f"hastd[{number}]: {text}"
        self.node.syslog(DAEMON_LOG, line)
        if level is Level.ERROR:
            self.node.syslog(MESSAGES, line)

    def event(self, resource: Resource, event: str, *words: str) -> None:
        """Run the hook of hast.conf, if there is one, and go on at once."""
        self.node.pair.note(self.node.name, f"hast {event} {' '.join((resource.conf.name, *words))}")
        if resource.conf.exec and self.running and not self.stopped:
            self.node.run_program(resource.conf.exec, [event, resource.conf.name, *words])

    # --- roles ---------------------------------------------------------------------------------------------

    def set_role(self, resource: Resource, role: Role) -> Steps[None]:
        """`hastctl role`: does nothing when the role is that already."""
        if resource.role is role:
            return
        if is_primary(resource.worker) and resource.worker.deaf:
            yield self.clock.start(bug_292322.bury(self, resource, role))
            return
        if resource.worker is not None:
            if is_primary(resource.worker):
                resource.worker.told_to_end_at = self.clock.now
            yield self.node.processor.use(self.costs.worker_stop)
        if self.running and resource.role is not role:
            self.change(resource, role)

    def change(self, resource: Resource, role: Role) -> None:
        """End what the old role had, and begin the new one."""
        old, name = resource.role, resource.conf.name
        self.log(Level.INFO, f"[{name}] ({old}) Role changed to {role}.")
        self.end_worker(resource, Cause.STEPS)
        resource.role = role
        self.event(resource, "role", name_of(old), name_of(role))
        if role is Role.PRIMARY:
            self._start_primary(resource)

    def _start_primary(self, resource: Resource) -> None:
        name, path = resource.conf.name, resource.conf.local
        process = self.spawn_worker(resource, Role.PRIMARY)
        disk = self.node.disks.get(path)
        trouble = ""
        if disk is None or not disk.present:
            trouble = f"Unable to open {path}: No such file or directory."
        elif disk.metadata is None:
            trouble = f"Unable to read metadata from {path}: No such file or directory."
        if trouble:
            self.log(Level.ERROR, f"[{name}] (primary) {trouble}", process.pid)
            self.node.processes.end(process)
            self.worker_ended(resource, process.pid, Role.PRIMARY, EX_NOINPUT)
            self.log(Level.INFO, f"[{name}] (primary) Changing resource role back to init.")
            resource.role = Role.INIT
            return
        worker = PrimaryWorker(self, resource, process)
        resource.worker = worker
        if left_device.take_over(self.node, worker):
            self.log(Level.INFO, f"[{name}] (primary) Device hast/{name} recovered.", process.pid)

    def spawn_worker(self, resource: Resource, role: Role) -> Running:
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
            on_signal=lambda number: self._worker_signal(resource, number),
        )

    def _worker_signal(self, resource: Resource, number: int) -> None:
        worker = resource.worker
        if worker is None:
            return
        if number == SIGCONT:
            self.node.pair.retransmit()
            if is_primary(worker):
                worker.resumed()
        elif number in (SIGKILL, SIGTERM, SIGINT) and (number == SIGKILL or not (worker.stopped or worker.deaf)):
            name, role, pid = resource.conf.name, resource.role, worker.process.pid
            if is_primary(worker):
                left_device.leave(self.node, worker)
            worker.end()
            if self.awaited is worker:  # reaped by waitpid(2), which is all that becomes of it (control.c)
                return
            self.log(Level.ERROR, f"[{name}] ({role}) Worker process killed (pid={pid}, signal={number}).")
            if role is Role.PRIMARY:
                self.clock.after(WORKER_RESTART, lambda: self._restart_primary(resource))

    def _restart_primary(self, resource: Resource) -> None:
        """A primary worker ended by a signal comes back after a second, and the mount survives (freebsd-facts:
        killed-worker-comes-back)."""
        if self.running and resource.role is Role.PRIMARY and resource.worker is None:
            self.log(Level.INFO, f"[{resource.conf.name}] (primary) Restarting worker process.")
            self._start_primary(resource)

    def end_worker(self, resource: Resource, cause: Cause) -> None:
        """End a worker and what hangs on it: the device, and the file system that is mounted on it (freebsd-facts:
        ufs-unmounts-itself). All of it stays
        where the worker was killed, and hastd waited for just that, or is killed before it has started another one."""
        was_killed = resource.worker is None and (self.awaited is not None or cause is Cause.UFS_DELAY)
        worker, resource.worker = resource.worker, None
        primary = worker if worker is not None and is_primary(worker) else None
        if cause is Cause.STEPS:  # also for one that was killed, and is not back yet
            linked = primary is not None and primary.connected and self._peer_answers(primary)
            cause = of_the_steps(self.node, primary, linked)
        if primary is not None and primary.told_to_end_at < math.inf:
            self.node.pair.ledger.ordered[self.node.name, self.clock.now] = primary.told_to_end_at
        if worker is not None:
            worker.end()
        if resource.role is Role.PRIMARY:
            resource.role = Role.INIT
            if was_killed and resource.conf.name in self.node.left:
                return
            self.destroy_device(resource.conf.name, cause)

    def destroy_device(self, name: str, cause: Cause) -> None:
        """The device goes, with what lies on it (g_gate_destroy(), by force)."""
        files = self.node.files
        left_device.destroy(self.node, name)
        layers.goes(self.node, self.node.pair.resource_layout(name))
        files.remove(f"/dev/hast/{name}")
        if files.exists("/dev/hast") and not files.names("/dev/hast"):
            files.remove("/dev/hast")
        self.node.filesystems.device_gone(name, cause)

    def _peer_answers(self, worker: PrimaryWorker) -> bool:
        there = worker.secondary.hastd.node if worker.secondary is not None else None
        return there is not None and there.hastd.running and self.node.pair.replicates_both_ways(self.node, there)

    def device_created(self, resource: Resource) -> None:
        """GEOM has tasted the provider: there is /dev/hast/NAME, if the one that was left is not there still."""
        path = f"/dev/hast/{resource.conf.name}"
        if not self.node.files.exists(path):
            number = 0x4D + list(self.resources).index(resource.conf.name) * 6
            file = File(kind="c", mode="rw-r-----", group="operator", changed=self.clock.now, device=f"{number:#x}")
            self.node.files.place(path, file)
            self.node.tasting.discard(resource.conf.name)
            layers.appears(self.node, self.node.pair.resource_layout(resource.conf.name))

    def provider_created(self, resource: Resource, worker: PrimaryWorker) -> None:
        """The worker has asked ggate(4) for its provider (primary.c, init_ggate()): it says so, and GEOM tastes it."""
        name = resource.conf.name
        if not self.node.files.exists(f"/dev/hast/{name}"):
            self.log(Level.INFO, f"[{name}] (primary) Device hast/{name} created.", worker.process.pid)

    def never_tasted(self, resource: Resource) -> None:
        """Nobody answers GEOM's reads from a new provider: it gets no file, and whoever asks GEOM waits."""
        if not self.node.files.exists(f"/dev/hast/{resource.conf.name}"):
            self.node.tasting.add(resource.conf.name)

    def worker_ended(self, resource: Resource, pid: int, role: Role, code: int) -> None:
        """A worker exited by itself with an error."""
        text = f"[{resource.conf.name}] ({role}) Worker process exited ungracefully (pid={pid}, exitcode={code})."
        self.log(Level.ERROR, text)

    def new_resuid(self) -> int:
        """A random number, from the pair's seed."""
        return self.node.pair.random.getrandbits(64) or 1

    # --- the device, and closing connections ---------------------------------------------------------------

    def device_write(self, name: str, write: DeviceWrite, outcome: Completion[bool]) -> None:
        """A write to /dev/hast/NAME: waits where a killed worker has left it, fails when there is no device."""
        resource, left = self.resources.get(name), self.node.left.get(name)
        if resource is not None and resource.role is Role.PRIMARY and is_primary(resource.worker):
            resource.worker.write(write, outcome)
        elif left is not None:
            left.waiting.append((write, outcome))
        else:
            outcome.finish(False)

    def connect_worker(self, worker: PrimaryWorker) -> Role | None:
        """One attempt of a primary to connect; gives the role that the peer refused with, None otherwise."""
        return connect(worker)

    def connects_slowly(self, worker: PrimaryWorker) -> bool:
        """Whether an attempt of a primary to connect would get neither an answer nor an error now."""
        return is_silent(worker)

    def tell_closed(self, secondary: SecondaryWorker) -> None:
        """The primary's end of a connection is closed: the secondary learns it at once, or not at all
        (freebsd-facts: complete-lags-behind)."""
        here, there = self.node, secondary.hastd.node
        if here.pair.replicates(here, there):
            secondary.exit(EX_TEMPFAIL)

    def create(self, path: str, extentsize: int, keepdirty: int, mediasize: int) -> None:
        """`hastctl create`: new metadata on a provider, whatever runs on it (freebsd-facts: create-asks-nobody)."""
        disk = self.node.disks[path]
        size = mediasize or disk.datasize
        disk.metadata = Metadata(datasize=size, extentsize=extentsize, keepdirty=keepdirty)
        disk.clear_map()


def name_of(role: Role) -> str:
    """As the hook gets it."""
    return role.value
