"""UFS with journalled soft updates on a HAST device: what is buffered, what a mount, an unmount or a lost device does.

The delays of soft updates are the point (freebsd-facts: commit-is-not-the-name): content that a client committed goes
to the device at once, the name of a new file only after the largest of `kern.filedelay`, `dirdelay` and `metadelay`. A
clean unmount writes everything; when the device goes away under a mount, the kernel unmounts by force and the buffers
are gone (freebsd-facts: ufs-unmounts-itself, forced-unmount-loses-buffers).
"""

from __future__ import annotations

from dataclasses import replace

from simulator.account.writes import LossCause, Write, WritePiece
from simulator.clock import Completion, Steps, finished
from simulator.hastd.component import DeviceWrite
from simulator.hastd.disk import Superblock
from simulator.host.files import File
from simulator.storage.mounts import FRAGMENT, NAMES_EXTENT, SUPERBLOCK_EXTENT, Mount, Usage, span, write_device

SYNC_SCHEDULES = 5.0
"""Seconds within which sync(8) gets its writes out: it only schedules them (freebsd-facts: sync-only-schedules)."""

BLOCK = 32768
"""Bytes of a block: whole blocks are written at once, only a partial one waits for the delays (ffs_write())."""


class UfsMount(Mount):
    """One mounted UFS with its buffers."""

    fstype = "ufs"
    options: tuple[str, ...] = ("local", "soft-updates", "journaled soft-updates")

    def own_files(self) -> dict[str, File]:
        """The directory of snapshots and the journal that newfs -j made."""
        created = self.disk.superblock.made if self.disk.superblock is not None else 0.0
        return {
            ".snap": File(kind="d", mode="rwxrwxr-x", group="operator", changed=created, links=2),
            ".sujournal": File("x" * 4194304, "r--------", changed=created),
        }

    def usage(self) -> Usage:
        """As newfs leaves it: 253588 kilobytes of 256 MB, 8% of the fragments kept free, 8192 inodes per 64 MB."""
        total = self.disk.datasize * 253588 // 268430848
        usable = total - total // 4 * 8 // 100 * 4
        used = usable if self.full else self._used_kilobytes()
        inodes, iused = -(-self.disk.datasize // (64 << 20)) * 8192 - 2, 3 + len(self.files)
        return Usage(self.source, total, used, usable - used, iused, inodes - iused, self.resource.mountpoint)

    def _used_kilobytes(self) -> int:
        """An empty file system of the recorded size has 4164."""
        total = 4164
        for file in self.files.values():
            total += -(-max(file.size, 1) // FRAGMENT) * 4
            if file.size > 12 * 32768:
                total += 4 if file.size <= 1 << 24 else 32
        return total

    def flag_root(self, immutable: bool) -> Completion[bool]:
        """chflags schg or noschg of its root directory; on the device when the completion says True."""
        block = replace(self._superblock(), root_immutable=immutable)
        return write_device(self.node, self.resource.name, [DeviceWrite(SUPERBLOCK_EXTENT, superblock=block)])

    def _superblock(self) -> Superblock:
        return self.disk.superblock if isinstance(self.disk.superblock, Superblock) else Superblock()

    # --- writing ---------------------------------------------------------------------------------------------

    def _store(self, write: Write, commit: bool) -> Completion[bool]:
        content, title = write.pieces
        extents = span(write.extent, write.size, self.disk)
        if write.creation == write.number:
            self._buffer(title, (NAMES_EXTENT,), self._name_delay())
        if commit or write.size >= BLOCK:
            return self._to_device({content}, extents)
        self._buffer(content, extents, self.node.kernel.number("kern.filedelay"))
        return finished(True)

    def _name_delay(self) -> float:
        kernel = self.node.kernel
        return max(kernel.number(f"kern.{name}delay") for name in ("file", "dir", "meta"))

    def _buffer(self, piece: WritePiece, extents: tuple[int, ...], delay: float) -> None:
        self.buffered[piece] = extents
        self.node.clock.after(delay, lambda: self._flush_piece(piece))

    def _flush_piece(self, piece: WritePiece) -> None:
        if piece in self.buffered and self.attached:
            self._to_device({piece}, self.buffered.pop(piece))

    def _to_device(self, pieces: set[WritePiece], extents: tuple[int, ...]) -> Completion[bool]:
        """One device write per extent; the completion is that of all of them."""
        writes = [DeviceWrite(extent, frozenset(pieces)) for extent in extents]
        return write_device(self.node, self.resource.name, self._journal() + writes)

    def _journal(self) -> list[DeviceWrite]:
        """The first write after the mount also leaves records in the journal."""
        block = self.disk.superblock
        if not isinstance(block, Superblock) or block.journal or block.clean:
            return []
        return [DeviceWrite(SUPERBLOCK_EXTENT, superblock=replace(block, journal=True))]

    def flush(self, names: set[str] | None = None) -> Completion[bool]:
        """Write buffers to the device: all of them, or those of some files and their directory (fsync(2))."""
        writes = self._take(names)
        return write_device(self.node, self.resource.name, (self._journal() if writes else []) + writes)

    def schedule_sync(self) -> None:
        """sync(8): begin to write the buffers, and return before that is done."""
        if self.buffered:
            write_device(self.node, self.resource.name, self._journal())
        for piece in list(self.buffered):
            self.node.clock.after(SYNC_SCHEDULES, lambda piece=piece: self._flush_piece(piece))  # type: ignore[misc]

    # --- the end of a mount ----------------------------------------------------------------------------------

    def unmount(self) -> Steps[bool]:
        """A clean unmount: everything to the device, then the mark. False when the device went away meanwhile.

        Raises OSError (16) while local processes use it: its buffers are on the device then all the same.
        """
        yield self.node.processor.use(self.node.pair.layout.costs.unmount)
        yield self.flush()
        if self.users and self.attached:
            raise OSError(16, "Device busy", self.resource.mountpoint)
        good = True if self.read_only else (yield self.mark(clean=True))
        if not self.attached:
            return False
        self.detach()
        if self.buffered:
            self.discard(LossCause.UFS_DELAY)
        return bool(good)

    def mark(self, clean: bool) -> Completion[bool]:
        """Write into the superblock whether the file system is clean."""
        block = replace(self._superblock(), clean=clean, journal=False)
        return write_device(self.node, self.resource.name, [DeviceWrite(SUPERBLOCK_EXTENT, superblock=block)])

    def unmount_by_force(self) -> Steps[bool]:
        """umount -f: buffers are written if the device takes them."""
        self.flush()
        self.detach()
        yield from ()
        return True

    def device_gone(self, cause: LossCause) -> None:
        """The kernel unmounts what was on the device (13 and later, 4)."""
        self.node.kernel_log(f"UFS: forcibly unmounting {self.source} from {self.resource.mountpoint}")
        self.discard(cause)
        self.detach()
