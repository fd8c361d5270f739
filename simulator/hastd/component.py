"""What is asked of a HAST device, and what one local provider makes of it, on the primary as on the secondary.

primary.c, local_send_thread(); secondary.c, disk_thread(). An error is counted by the worker of the side that had it
and known to nobody else: "one successful request is enough to declare success" (primary.c, ggate_send_thread()).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from simulator.account.writes import WritePiece

if TYPE_CHECKING:
    from simulator.hastd.disk import Disk, OnDisk
    from simulator.hastd.statistics import Statistics
    from simulator.host.host import Host


class Command(Enum):
    """bio(9), as far as it changes something."""

    WRITE = "write"
    DELETE = "delete"
    FLUSH = "flush"


@dataclass(frozen=True, slots=True)
class DeviceWrite:
    """One request to a device: pieces for an extent, or a new superblock or label (extent 0); pieces that are deleted;
    or a flush, which concerns no extent."""

    extent: int
    pieces: frozenset[WritePiece] = frozenset()
    superblock: OnDisk | None = None
    command: Command = Command.WRITE


def perform(node: Host, disk: Disk, request: DeviceWrite) -> bool:
    """Do it on a local disk; whether that succeeded. The kernel logs an error of the device (subr_disk.c, disk_err())
    and not that it does not know a request (EOPNOTSUPP)."""
    if request.command is Command.DELETE and not disk.takes_deletes:
        return False
    if request.command is Command.FLUSH and not disk.takes_flushes:
        return False
    if write_fails(node, disk, request.extent, request.command):
        if request.command is Command.WRITE:
            disk.miss(request.extent, set(request.pieces))
        return False
    if request.command is Command.WRITE:
        disk.put(request.extent, set(request.pieces))
        if request.superblock is not None:
            disk.superblock = request.superblock
    elif request.command is Command.DELETE:
        disk.extents.get(request.extent, set()).difference_update(request.pieces)
    return True


def write_fails(node: Host, disk: Disk, extent: int, command: Command = Command.WRITE) -> bool:
    """Whether the disk refuses to change this extent, which the kernel then logs."""
    sector = disk.write_error(extent)
    if sector is not None:
        node.kernel_log(f"{disk.path[5:]}: hard error cmd={command.value} fsbn {sector}")
    return sector is not None


def read_fails(node: Host, disk: Disk, extent: int) -> bool:
    """Whether this extent cannot be read, which the kernel then logs."""
    sector = disk.read_error(extent)
    if sector is not None:
        node.kernel_log(f"{disk.path[5:]}: hard error cmd=read fsbn {sector}")
    return sector is not None


def count(statistics: Statistics, command: Command) -> None:
    """A request has come."""
    name = {Command.WRITE: "writes", Command.DELETE: "deletes", Command.FLUSH: "flushes"}[command]
    setattr(statistics, name, getattr(statistics, name) + 1)


def count_error(statistics: Statistics, command: Command) -> None:
    """It has failed on this side."""
    name = f"{command.value}_errors"
    setattr(statistics, name, getattr(statistics, name) + 1)
