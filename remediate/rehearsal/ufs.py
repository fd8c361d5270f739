"""UFS with journalled soft updates on a HAST device: what is buffered, what a mount, an unmount or a lost device does.

The delays of soft updates are the point (facts 4, 25, 26): content that a client committed goes to the device at once,
the name of a new file only after the largest of `kern.filedelay`, `dirdelay` and `metadelay`. A clean unmount writes
everything; when the device goes away under a mount, the kernel unmounts by force and the buffers are gone.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from remediate.rehearsal.clock import Completion, Steps, finished
from remediate.rehearsal.disk import Disk, Superblock
from remediate.rehearsal.metadata import EXTENTSIZE
from remediate.rehearsal.secondary import DeviceWrite
from remediate.rehearsal.writes import Cause, Part, Piece, Write

if TYPE_CHECKING:
    from remediate.rehearsal.layout import ResourceLayout
    from remediate.rehearsal.node import Node

SUPERBLOCK_EXTENT, NAMES_EXTENT, FIRST_DATA_EXTENT = 0, 1, 2
"""Where the simulation puts things: superblock and journal, directories and inodes, contents."""

SYNC_SCHEDULES = 5.0
"""Seconds within which sync(8) gets its writes out: it only schedules them (25)."""

FRAGMENT = 4096

BLOCK = 32768
"""Bytes of a block: whole blocks are written at once, only a partial one waits for the delays (ffs_write())."""


@dataclass(slots=True)
class UfsFile:
    """One file below the mount point: the number of the write that created it and the writes it consists of."""

    creation: int
    writes: list[Write] = field(default_factory=list)
    size: int = 0
    changed: float = 0.0

    @property
    def text(self) -> str:
        """What cat prints."""
        return "".join(write.text for write in self.writes)


class Mount:
    """One mounted HAST file system with its buffers."""

    def __init__(self, node: Node, resource: ResourceLayout, disk: Disk) -> None:
        self.node, self.resource, self.disk = node, resource, disk
        self.exported = False
        self.full = False
        self.buffered: dict[Piece, tuple[int, ...]] = {}
        """Pieces that are not on the device yet, and the extents they belong to."""
        self.files: dict[str, UfsFile] = {}
        self._read_files()

    def _read_files(self) -> None:
        """What is found on the disk: files whose name is there, with the contents that are there."""
        on_disk = self.disk.pieces()
        for write in self.node.pair.ledger.writes:
            if write.resource != self.resource.name or Piece(write.creation, Part.NAME) not in on_disk:
                continue
            if write.creation in self.node.pair.ledger.removed:
                continue
            file = self.files.setdefault(write.file, UfsFile(write.creation, changed=write.at))
            if file.creation != write.creation:
                file = self.files[write.file] = UfsFile(write.creation, changed=write.at)
            if Piece(write.number, Part.CONTENT) in on_disk:
                if not write.append:
                    file.writes.clear()
                    file.size = 0
                file.writes.append(write)
                file.size += write.size
                file.changed = write.at

    def shows(self, write: Write) -> bool:
        """A client of this mount sees the write."""
        file = self.files.get(write.file)
        return file is not None and file.creation == write.creation and write in file.writes

    # --- writing ---------------------------------------------------------------------------------------------

    def write(
        self, name: str, text: str, *, size: int | None = None, append: bool = False, commit: bool = False
    ) -> tuple[Write, Completion[bool]]:
        """Write a file. With `commit` (NFS) the content goes to the device before the completion says True.

        Raises OSError (28) when the file system is full.
        """
        if self.full:
            raise OSError(28, "No space left on device", name)
        ledger, now = self.node.pair.ledger, self.node.clock.now
        file = self.files.get(name)
        length = len(text.encode()) if size is None else size
        write = ledger.enter(
            self.resource.name,
            name,
            file.creation if file else None,
            self._allocate(length),
            text,
            length,
            self.node.name,
            now,
            append,
        )
        if file is None:
            file = self.files[name] = UfsFile(write.number)
        elif not append:
            ledger.superseded |= {old.number for old in file.writes}
            file.writes.clear()
            file.size = 0
        file.writes.append(write)
        file.size += length
        file.changed = now
        content, title = write.pieces
        extents = span(write.extent, length, self.disk)
        if file.creation == write.number:
            self._buffer(title, (NAMES_EXTENT,), self._name_delay())
        if commit or length >= BLOCK:
            return write, self._to_device({content}, extents)
        self._buffer(content, extents, self.node.kernel.number("kern.filedelay"))
        return write, finished(True)

    def _allocate(self, length: int) -> int:
        taken = self.node.pair.ledger.allocated
        at = taken.get(self.resource.name, 0)
        taken[self.resource.name] = at + max(FRAGMENT, -(-length // FRAGMENT) * FRAGMENT)
        room = max(1, -(-self.disk.datasize // EXTENTSIZE) - FIRST_DATA_EXTENT)
        return FIRST_DATA_EXTENT + (at // EXTENTSIZE) % room

    def _name_delay(self) -> float:
        kernel = self.node.kernel
        return max(kernel.number(f"kern.{name}delay") for name in ("file", "dir", "meta"))

    def _buffer(self, piece: Piece, extents: tuple[int, ...], delay: float) -> None:
        self.buffered[piece] = extents
        self.node.clock.after(delay, lambda: self._flush_piece(piece))

    def _flush_piece(self, piece: Piece) -> None:
        if piece in self.buffered and self.node.filesystems.mounts.get(self.resource.mountpoint) is self:
            self._to_device({piece}, self.buffered.pop(piece))

    def _to_device(self, pieces: set[Piece], extents: tuple[int, ...]) -> Completion[bool]:
        """One device write per extent; the completion is that of all of them."""
        writes = [DeviceWrite(extent, frozenset(pieces)) for extent in extents]
        return write_device(self.node, self.resource.name, self._journal() + writes)

    def _journal(self) -> list[DeviceWrite]:
        """The first write after the mount also leaves records in the journal."""
        block = self.disk.superblock
        if block is None or block.journal or block.clean:
            return []
        return [DeviceWrite(SUPERBLOCK_EXTENT, superblock=replace(block, journal=True))]

    def flush(self, names: set[str] | None = None) -> Completion[bool]:
        """Write buffers to the device: all of them, or those of some files and their directory (fsync(2)).

        The directory's block holds the names of its other new files too: they get there empty (recorded).
        """
        numbers: set[int] = set()
        for name in self.files if names is None else names & self.files.keys():
            numbers |= {write.number for write in self.files[name].writes} | {self.files[name].creation}
        chosen = [
            piece for piece in self.buffered if names is None or piece.number in numbers or piece.part is Part.NAME
        ]
        by_extent: dict[int, set[Piece]] = {}
        for piece in chosen:
            for extent in self.buffered.pop(piece):
                by_extent.setdefault(extent, set()).add(piece)
        writes = [DeviceWrite(extent, frozenset(pieces)) for extent, pieces in sorted(by_extent.items())]
        return write_device(self.node, self.resource.name, (self._journal() if writes else []) + writes)

    def remove(self, name: str) -> None:
        """rm: the file is gone from both disks; that its removal is delayed too is not simulated."""
        file, ledger = self.files.pop(name), self.node.pair.ledger
        ledger.removed.add(file.creation)
        ledger.superseded |= {write.number for write in file.writes}
        for piece in [piece for piece in self.buffered if piece.number == file.creation]:
            del self.buffered[piece]

    def schedule_sync(self) -> None:
        """sync(8): begin to write the buffers, and return before that is done."""
        if self.buffered:
            write_device(self.node, self.resource.name, self._journal())
        for piece in list(self.buffered):
            self.node.clock.after(SYNC_SCHEDULES, lambda piece=piece: self._flush_piece(piece))  # type: ignore[misc]

    def used_kilobytes(self) -> int:
        """For df: an empty file system of the recorded size has 4164."""
        total = 4164
        for file in self.files.values():
            total += -(-max(file.size, 1) // FRAGMENT) * 4
            if file.size > 12 * 32768:
                total += 4 if file.size <= 1 << 24 else 32
        return total


def span(extent: int, size: int, disk: Disk) -> tuple[int, ...]:
    """The extents that content of this size covers, beginning with `extent`."""
    count = max(1, -(-size // EXTENTSIZE))
    last = max(FIRST_DATA_EXTENT, -(-disk.datasize // EXTENTSIZE) - 1)
    return tuple(range(extent, min(last, extent + count - 1) + 1))


def write_device(node: Node, resource: str, writes: list[DeviceWrite]) -> Completion[bool]:
    """Write to /dev/hast/NAME; the completion is True when all of it succeeded."""
    outcome: Completion[bool] = Completion()
    left, good = len(writes), True
    if not writes:
        return finished(True)
    for write in writes:
        one: Completion[bool] = Completion()
        node.hastd.device_write(resource, write, one)

        def count(one: Completion[bool] = one) -> None:
            nonlocal left, good
            left -= 1
            good = good and bool(one.value)
            if left == 0:
                outcome.finish(good)

        one.then(count)
    return outcome


class FileSystems:
    """All mounts of one node, and whether the root file system is exported (14)."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.mounts: dict[str, Mount] = {}
        self.root_exported = False

    def under(self, path: str) -> tuple[Mount, str] | None:
        """The mount a path lies in and the name below it, None for the root file system."""
        for mountpoint, mount in self.mounts.items():
            if path == mountpoint:
                return mount, ""
            if path.startswith(mountpoint + "/"):
                return mount, path[len(mountpoint) + 1 :]
        return None

    def mount(self, resource: ResourceLayout) -> Steps[None]:
        """Mount what is on the device; the caller has looked at the superblock. It is unclean from now on."""
        disk = self.node.disks[self.node.hastd.resources[resource.name].conf.local]
        block = disk.superblock
        assert block is not None
        yield write_device(
            self.node, resource.name, [DeviceWrite(SUPERBLOCK_EXTENT, superblock=replace(block, clean=False))]
        )
        yield self.node.pair.layout.costs.mount
        if self.node.files.exists(resource.device) and resource.mountpoint not in self.mounts:
            self.mounts[resource.mountpoint] = Mount(self.node, resource, disk)
            self.node.nfs.mountd_hangup()

    def unmount(self, mount: Mount) -> Steps[bool]:
        """A clean unmount: everything to the device, then the mark. False when the device went away meanwhile."""
        yield self.node.pair.layout.costs.unmount
        yield mount.flush()
        block = mount.disk.superblock or Superblock()
        good = yield write_device(
            self.node,
            mount.resource.name,
            [DeviceWrite(SUPERBLOCK_EXTENT, superblock=replace(block, clean=True, journal=False))],
        )
        if self.mounts.get(mount.resource.mountpoint) is not mount:
            return False
        del self.mounts[mount.resource.mountpoint]
        if mount.buffered:
            self._discard(mount, Cause.UFS_DELAY)
        return bool(good)

    def unmount_by_force(self, mount: Mount) -> None:
        """umount -f: buffers are written if the device takes them."""
        mount.flush()
        self.mounts.pop(mount.resource.mountpoint, None)

    def device_gone(self, resource: str, cause: Cause) -> None:
        """The kernel unmounts what was on the device (13 and later, 4)."""
        for mountpoint, mount in list(self.mounts.items()):
            if mount.resource.name == resource:
                device = mount.resource.device
                self.node.kernel_log(f"UFS: forcibly unmounting {device} from {mountpoint}")
                self._discard(mount, cause)
                del self.mounts[mountpoint]

    def power_lost(self) -> None:
        """All buffers of the node are gone."""
        for mount in self.mounts.values():
            self._discard(mount, Cause.UFS_DELAY)
        self.mounts.clear()
        self.root_exported = False

    def _discard(self, mount: Mount, cause: Cause) -> None:
        pieces, mount.buffered = set(mount.buffered), {}
        self.node.discard(mount.disk, pieces, cause)

    def make(self, resource: ResourceLayout) -> Completion[bool]:
        """newfs -O2 -U -j: a new, empty, clean file system; touches every cylinder group (64 MB each)."""
        disk = self.node.disks[self.node.hastd.resources[resource.name].conf.local]
        groups = range(0, -(-disk.datasize // EXTENTSIZE), 32)
        block = Superblock(clean=True, made=self.node.clock.now)
        writes = [DeviceWrite(extent, superblock=block if extent == 0 else None) for extent in groups]
        return write_device(self.node, resource.name, writes)
