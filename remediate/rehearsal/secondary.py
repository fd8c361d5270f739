"""HAST's secondary worker: it writes what the primary sends, and ends when it hears nothing any more (secondary.c)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from remediate.rehearsal.clock import Timer
from remediate.rehearsal.costs import KEEPALIVE
from remediate.rehearsal.disk import Disk, OnDisk
from remediate.rehearsal.metadata import Role
from remediate.rehearsal.statistics import Statistics
from remediate.rehearsal.writes import Piece

if TYPE_CHECKING:
    from remediate.rehearsal.hastd import Hastd, Resource
    from remediate.rehearsal.processes import Running
    from remediate.rehearsal.replication import PrimaryWorker

EX_NOINPUT, EX_TEMPFAIL, EX_CONFIG = 66, 75, 78
"""sysexits(3): no metadata, lost connection, split-brain or resuid mismatch."""


@dataclass(frozen=True, slots=True)
class DeviceWrite:
    """One write to a device: pieces for an extent, or a new superblock or label (extent 0)."""

    extent: int
    pieces: frozenset[Piece] = frozenset()
    superblock: OnDisk | None = None


def store(disk: Disk, write: DeviceWrite) -> None:
    """Put a write on a disk."""
    disk.put(write.extent, set(write.pieces))
    if write.superblock is not None:
        disk.superblock = write.superblock


class SecondaryWorker:
    """`hastd: NAME (secondary)`: exists only while a primary is connected, or seems to be."""

    role = Role.SECONDARY

    def __init__(self, hastd: Hastd, resource: Resource, process: Running, primary: PrimaryWorker) -> None:
        self.hastd, self.resource, self.process, self.primary = hastd, resource, process, primary
        self.disk = hastd.node.disks[resource.conf.local]
        self.statistics = Statistics()
        self.alive = True
        self._deadline: Timer | None = None
        self.hear()

    deaf = False
    """No secondary is: it ends at a signal."""

    @property
    def stopped(self) -> bool:
        """SIGSTOP: it neither answers nor notices anything."""
        return self.process.stopped

    def hear(self) -> None:
        """Something came from the primary: the silence that ends this worker begins anew (2 x keepalive, 3)."""
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = self.hastd.clock.after(2 * KEEPALIVE, lambda: self.exit(EX_TEMPFAIL))

    def apply(self, write: DeviceWrite) -> None:
        """Write to the local disk what the primary sent."""
        if not self.alive:
            return
        self.statistics.writes += 1
        if not self.write_fails(write.extent):
            store(self.disk, write)

    def write_fails(self, extent: int) -> bool:
        """A bad sector of the local disk is counted, and nothing else: the primary never hears of it (28)."""
        sector = self.disk.write_error(extent)
        if sector is not None:
            self.statistics.write_errors += 1
            self.hastd.node.kernel_log(f"{self.disk.path[5:]}: hard error cmd=write fsbn {sector}")
        return sector is not None

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
