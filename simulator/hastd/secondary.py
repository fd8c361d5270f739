"""HAST's secondary worker: it writes what the primary sends, and ends when it hears nothing any more (secondary.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.clock import Timer
from simulator.costs import KEEPALIVE
from simulator.hastd.component import DeviceWrite, count, count_error, perform, read_fails, write_fails
from simulator.hastd.daemon import Worker
from simulator.hastd.metadata import Role

if TYPE_CHECKING:
    from simulator.hastd.daemon import Daemon, RunningResource
    from simulator.host.processes import RunningProcess

EX_NOINPUT, EX_TEMPFAIL, EX_CONFIG = 66, 75, 78
"""sysexits(3): no metadata, lost connection, split-brain or resuid mismatch."""


class SecondaryWorker(Worker):
    """`hastd: NAME (secondary)`: exists only while a primary is connected, or seems to be."""

    role = Role.SECONDARY

    def __init__(self, hastd: Daemon, resource: RunningResource, process: RunningProcess, primary: Worker) -> None:
        super().__init__(hastd, resource, process)
        self.primary = primary
        self._map_cleared = False
        self._deadline: Timer | None = None
        self.hear()

    def hear(self) -> None:
        """Something came from the primary: the silence that ends this worker begins anew (2 x keepalive, 3)."""
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = self.hastd.clock.after(2 * KEEPALIVE, lambda: self.exit(EX_TEMPFAIL))

    def apply(self, request: DeviceWrite) -> bool:
        """Do to the local disk what the primary asks for; what is answered: whether it succeeded."""
        if not self.alive:
            return False
        count(self.statistics, request.command)
        self._clear_map()
        good = perform(self.hastd.node, self.disk, request)
        if not good:
            count_error(self.statistics, request.command)
        return good

    def synchronises(self, extent: int) -> bool:
        """The same for a write of a synchronisation."""
        self.statistics.writes += 1
        self._clear_map()
        failed = write_fails(self.hastd.node, self.disk, extent)
        self.statistics.write_errors += failed
        return not failed

    def reads_fail(self, extent: int) -> bool:
        """The same for a read that the primary's own disk has failed."""
        self.statistics.reads += 1
        failed = not self.alive or read_fails(self.hastd.node, self.disk, extent)
        self.statistics.read_errors += failed
        return failed

    def _clear_map(self) -> None:
        """Before its first request, and where that fails before each other one, a worker clears the map of dirty
        extents; `hastctl list` adds these errors to those of writes (control.c; recorded: 22 writes, 44 errors)."""
        if self._map_cleared:
            return
        self._map_cleared = not (self.disk.broken or self.disk.fails_writes)
        self.statistics.write_errors += not self._map_cleared

    def exit(self, code: int) -> None:
        """The worker ends by itself; hastd logs it and runs its hook."""
        if not self.alive:
            return
        if self.stopped:
            self._deadline = self.hastd.clock.after(KEEPALIVE, lambda: self.exit(code))
            return
        self.end()
        for where in ("DEVFS subsystem=CDEV", "GEOM subsystem=DEV"):
            self.hastd.node.devd.publish(f"!system={where} type=MEDIACHANGE cdev={self.disk.path[5:]}")
        self.hastd.worker_ended(self.resource, self.process.pid, Role.SECONDARY, code)
        self.hastd.event(self.resource, "disconnect")

    def end(self) -> None:
        """It is gone: its socket is closed, which the primary notices at its next look."""
        self.alive = False
        if self._deadline is not None:
            self._deadline.cancel()
        self.hastd.node.processes.end(self.process)
        if self.resource.worker is self:
            self.resource.worker = None
