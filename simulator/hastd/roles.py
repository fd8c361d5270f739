"""What hastd does with its resources: roles, workers and their devices (control.c, hastd.c).

How a worker connects to the other hastd is in `handshake.py`. A worker's own messages after it has jailed itself never
reach the log (freebsd-facts: worker-lines-are-lost); only those are written here that were recorded.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeGuard

from simulator.account.blame import LOOKED
from simulator.account.writes import LossCause
from simulator.clock import Completion, Steps
from simulator.costs import WORKER_RESTART
from simulator.hastd import bug_292322
from simulator.hastd.component import DeviceWrite
from simulator.hastd.daemon import Daemon, HastdHost, RunningResource, Worker, replicates_both_ways
from simulator.hastd.left_device import LeftDevice
from simulator.hastd.metadata import Metadata, Role
from simulator.hastd.replication import PrimaryWorker
from simulator.hastd.secondary import EX_NOINPUT
from simulator.host.files import File
from simulator.host.log import LogLevel
from simulator.host.processes import SIGCONT, SIGINT, SIGKILL, SIGTERM

if TYPE_CHECKING:
    from simulator.hastd.hastconf import ResourceConf
    from simulator.hastd.primary import Primary


@dataclass(frozen=True, slots=True)
class DeviceEvents:
    """Who is told what becomes of /dev/hast/NAME, by the name of the resource."""

    appears: Callable[[str], None]
    goes: Callable[[str], None]
    """It is about to go: what lies on it in GEOM goes first."""
    gone: Callable[[str, LossCause], None]
    """It is gone, and whose doing it is if something is lost by it."""
    cause: Callable[[Primary | None, bool], LossCause]
    """Whose doing it is that a device goes by an order. Told the worker, and whether its peer answers it."""


def is_primary(worker: Worker | None) -> TypeGuard[PrimaryWorker]:
    """Tell the kinds of worker apart."""
    return isinstance(worker, PrimaryWorker)


class Roles(Daemon):
    """The resources of one hastd."""

    def __init__(self, node: HastdHost, devices: DeviceEvents) -> None:
        super().__init__(node)
        self.devices = devices

    def add_resource(self, conf: ResourceConf) -> None:
        """A resource begins in role init."""
        self.resources[conf.name] = RunningResource(conf)

    # --- roles ----------------------------------------------------------------------------------------------------

    def set_role(self, resource: RunningResource, role: Role) -> Steps[None]:
        """`hastctl role`: does nothing when the role is that already."""
        if resource.role is role:
            return
        if is_primary(resource.worker) and resource.worker.deaf:
            yield self.clock.start(self._bury(resource, role))
            return
        if resource.worker is not None:
            if is_primary(resource.worker):
                resource.worker.told_to_end_at = self.clock.now
            yield self.node.processor.use(self.costs.worker_stop)
        if self.running and resource.role is not role:
            self.change(resource, role)

    def _bury(self, resource: RunningResource, role: Role) -> Steps[None]:
        """Another role for a worker that no SIGTERM ends (`bug_292322.py`): hastd waits for it, whoever asked and
        whether he still does."""
        worker, process = resource.worker, self.process
        self.awaited = worker
        while worker is not None and worker.alive and self.process is process:
            yield bug_292322.STEP
        if self.process is process and self.running:
            self.change(resource, role)
        self.awaited = None

    def change(self, resource: RunningResource, role: Role) -> None:
        """End what the old role had, and begin the new one."""
        old, name = resource.role, resource.conf.name
        self.log(LogLevel.INFO, f"[{name}] ({old}) Role changed to {role}.")
        self.end_worker(resource, LossCause.STEPS)
        resource.role = role
        self.event(resource, "role", name_of(old), name_of(role))
        if role is Role.PRIMARY:
            self._start_primary(resource)

    def _start_primary(self, resource: RunningResource) -> None:
        name, path = resource.conf.name, resource.conf.local
        process = self.spawn_worker(resource, Role.PRIMARY)
        disk = self.node.disks.get(path)
        trouble = ""
        if disk is None or not disk.present:
            trouble = f"Unable to open {path}: No such file or directory."
        elif disk.metadata is None:
            trouble = f"Unable to read metadata from {path}: No such file or directory."
        if trouble:
            self.log(LogLevel.ERROR, f"[{name}] (primary) {trouble}", process.pid)
            self.node.processes.end(process)
            self.worker_ended(resource, process.pid, Role.PRIMARY, EX_NOINPUT)
            self.log(LogLevel.INFO, f"[{name}] (primary) Changing resource role back to init.")
            resource.role = Role.INIT
            return
        worker = PrimaryWorker(self, resource, process)
        resource.worker = worker
        left = self.node.left.pop(name, None)
        if left is not None:
            worker.reads_directly = left.reads_directly
            for write, outcome in left.waiting:
                worker.write(write, outcome)
            self.log(LogLevel.INFO, f"[{name}] (primary) Device hast/{name} recovered.", process.pid)

    def worker_signal(self, resource: RunningResource, number: int) -> None:
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
                self.node.left[name] = LeftDevice(worker.reads_directly)
                resource.killed = self.clock.now, self._cause(worker)
            worker.end()
            if self.awaited is worker:  # reaped by waitpid(2), which is all that becomes of it (control.c)
                return
            self.log(LogLevel.ERROR, f"[{name}] ({role}) Worker process killed (pid={pid}, signal={number}).")
            if role is Role.PRIMARY:
                self.clock.after(WORKER_RESTART, lambda: self._restart_primary(resource))

    def _restart_primary(self, resource: RunningResource) -> None:
        """A primary worker ended by a signal comes back after a second, and the mount survives (freebsd-facts:
        killed-worker-comes-back)."""
        if self.running and resource.role is Role.PRIMARY and resource.worker is None:
            self.log(LogLevel.INFO, f"[{resource.conf.name}] (primary) Restarting worker process.")
            self._start_primary(resource)

    def end_worker(self, resource: RunningResource, cause: LossCause) -> None:
        """End a worker and what hangs on it: the device, and the file system that is mounted on it (freebsd-facts:
        ufs-unmounts-itself). All of it stays
        where the worker was killed, and hastd waited for just that, or is killed before it has started another one."""
        was_killed = resource.worker is None and (self.awaited is not None or cause is LossCause.UFS_DELAY)
        worker, resource.worker = resource.worker, None
        primary = worker if worker is not None and is_primary(worker) else None
        if cause is LossCause.STEPS:  # also for one that was killed, and is not back yet
            killed_at, then = resource.killed
            cause = then if primary is None and self.clock.now - killed_at < LOOKED else self._cause(primary)
        if primary is not None and primary.told_to_end_at < math.inf:
            self.node.pair.ledger.ordered[self.node.name, self.clock.now] = primary.told_to_end_at
        if worker is not None:
            worker.end()
        if resource.role is Role.PRIMARY:
            resource.role = Role.INIT
            if was_killed and resource.conf.name in self.node.left:
                return
            self.destroy_device(resource.conf.name, cause)

    def _cause(self, worker: PrimaryWorker | None) -> LossCause:
        """Whose doing it is that what is not on the device yet is lost when it goes now."""
        linked = worker is not None and worker.connected and self._peer_answers(worker)
        return self.devices.cause(worker, linked)

    def destroy_device(self, name: str, cause: LossCause) -> None:
        """The device goes, with what lies on it (g_gate_destroy(), by force)."""
        files = self.node.files
        left = self.node.left.pop(name, None)
        if left is not None:
            left.destroy()
        self.devices.goes(name)
        files.remove(f"/dev/hast/{name}")
        if files.exists("/dev/hast") and not files.names("/dev/hast"):
            files.remove("/dev/hast")
        self.devices.gone(name, cause)

    def _peer_answers(self, worker: PrimaryWorker) -> bool:
        there = worker.secondary.hastd.node if worker.secondary is not None else None
        return there is not None and there.hastd.running and replicates_both_ways(self.node, there)

    def device_created(self, resource: RunningResource) -> None:
        """GEOM has tasted the provider: there is /dev/hast/NAME, if the one that was left is not there still."""
        path = f"/dev/hast/{resource.conf.name}"
        if not self.node.files.exists(path):
            number = 0x4D + list(self.resources).index(resource.conf.name) * 6
            file = File(kind="c", mode="rw-r-----", group="operator", changed=self.clock.now, device=f"{number:#x}")
            self.node.files.place(path, file)
            self.node.tasting.discard(resource.conf.name)
            self.devices.appears(resource.conf.name)

    def provider_created(self, resource: RunningResource, worker: Worker) -> None:
        """The worker has asked ggate(4) for its provider (primary.c, init_ggate()): it says so, and GEOM tastes it."""
        name = resource.conf.name
        if not self.node.files.exists(f"/dev/hast/{name}"):
            self.log(LogLevel.INFO, f"[{name}] (primary) Device hast/{name} created.", worker.process.pid)

    def never_tasted(self, resource: RunningResource) -> None:
        """Nobody answers GEOM's reads from a new provider: it gets no file, and whoever asks GEOM waits."""
        if not self.node.files.exists(f"/dev/hast/{resource.conf.name}"):
            self.node.tasting.add(resource.conf.name)

    # --- the device -----------------------------------------------------------------------------------------------

    def device_write(self, name: str, write: DeviceWrite, outcome: Completion[bool]) -> None:
        """A write to /dev/hast/NAME: waits where a killed worker has left it, fails when there is no device."""
        resource, left = self.resources.get(name), self.node.left.get(name)
        if resource is not None and resource.role is Role.PRIMARY and is_primary(resource.worker):
            resource.worker.write(write, outcome)
        elif left is not None:
            left.waiting.append((write, outcome))
        else:
            outcome.finish(False)

    def create(self, path: str, extentsize: int, keepdirty: int, mediasize: int) -> None:
        """`hastctl create`: new metadata on a provider, whatever runs on it (freebsd-facts: create-asks-nobody)."""
        disk = self.node.disks[path]
        size = mediasize or disk.datasize
        disk.metadata = Metadata(datasize=size, extentsize=extentsize, keepdirty=keepdirty)
        disk.clear_map()


def name_of(role: Role) -> str:
    """As the hook gets it."""
    return role.value
