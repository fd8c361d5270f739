"""What is read of a simulated disk behind HAST's metadata: bytes that follow from what was written to each extent.

Reading takes time, in which others write. An extent is read at one moment: a disk answers a request for MAXPHYS bytes
as a whole, and a write that is torn between two requests reads as one that is underway.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from checks.probes.errors import CommandFailed, NotFound
from simulator.clock import first_of
from simulator.hastd.disk import Disk

if TYPE_CHECKING:
    from remediate.verification.extents import CopyLocation
    from simulator.dying import Life
    from simulator.node import Node

RATE = 200e6
"""Bytes a second that a disk reads."""


def content_of(disk: Disk, extent: int) -> bytes:
    """The bytes of an extent, for which few stand: those of two disks are equal where the disks hold the same."""
    pieces = sorted((piece.number, piece.part.value) for piece in disk.extents.get(extent, ()))
    return repr((pieces, disk.superblock if extent == 0 else None, disk.flips.get(extent))).encode()


class SimulatedExtents:
    """A copy on a disk of a node, read by a program with this life (`remediate.verification.extents.Extents`)."""

    def __init__(self, node: Node, life: Life, where: CopyLocation) -> None:
        """Raises NotFound, Killed."""
        life.check()
        self._node, self._life, self._where = node, life, where
        self._disk = node.disks.get(where.path)
        if self._disk is None or not self._disk.present:
            raise NotFound(f"{where.path}: no such file")

    def close(self) -> None:
        """Nothing is open."""

    def marked(self) -> frozenset[int]:
        """The map on the disk. Raises CommandFailed where the disk is gone, and Killed."""
        self._life.check()
        if self._disk is None or not self._disk.present:
            raise CommandFailed(f"the map on {self._where.path} cannot be read: Device not configured")
        return frozenset(self._disk.active)

    def digests(self, numbers: Sequence[int]) -> list[bytes | None]:
        """In simulated time. Raises CommandFailed where the disk is gone, and Killed."""
        digests: list[bytes | None] = []
        clock = self._node.clock
        for extent in numbers:
            clock.wait(first_of(clock.timeout(self._where.length(extent) / RATE), self._life.ended))
            self._life.check()
            disk = self._disk
            if disk is None or not disk.present:
                raise CommandFailed(f"{self._where.path} cannot be read: Device not configured")
            unreadable = disk.read_error(extent) is not None
            digests.append(None if unreadable else hashlib.blake2b(content_of(disk, extent)).digest())
        return digests
