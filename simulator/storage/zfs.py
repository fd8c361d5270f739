"""A ZFS pool on a HAST device: what a transaction group, a commit, an export and a lost device do.

Unlike UFS, what a client committed is in the intent log on the device, the name of a new file with it, and survives a
power cut: the import replays it (zil.c). Everything else goes out with a transaction group, whole or not at all. When
the device goes away the pool is suspended (zpoolprops(7), failmode=wait): it stays mounted, and everything that touches
it waits until a reboot. An export that meets this can't be killed, which is why it needs a deadline. It waits in the
unmount; where nothing is mounted any more it holds the lock of all pools meanwhile (spa.c, spa_export_common() of
13.2), so that from then on no zpool(8) ends on the node.

No recording of a pair has ZFS: this follows zpool(8), zpool-import(8), zpool-export(8) and the sources of 13.2.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from simulator.account.writes import LossCause, Write
from simulator.clock import FOREVER, Completion, Steps, Timer, finished
from simulator.hastd.component import DeviceWrite
from simulator.hastd.disk import Disk, PoolLabel
from simulator.hastd.metadata import EXTENTSIZE
from simulator.host.files import File
from simulator.storage.mounts import (
    FRAGMENT,
    SUPERBLOCK_EXTENT,
    Mount,
    MountHost,
    MountTable,
    Usage,
    span,
    write_device,
)

if TYPE_CHECKING:
    from simulator.layout import ResourceLayout

TXG_TIMEOUT = 5.0
"""Seconds from the first change to the transaction group that writes it (vfs.zfs.txg.timeout)."""

METASLAB = 16 << 20
"""Bytes by which the size of a small pool is rounded down (vdev_metaslab_set_size())."""
LABELS = 4_718_592
"""Bytes of the four labels and the boot block of a device (vdev_impl.h)."""
LARGEST_SLOP = 128 << 20
"""Bytes at most of a small pool that files can't use (spa_get_slop_space())."""
EMPTY = 96
"""Kilobytes of a root dataset without files."""

UNMOUNTED = ("none", "legacy")
"""Mount points with which an import mounts nothing (zfsprops(7))."""


class PoolTable(MountTable, Protocol):
    """What a pool needs of the file systems of its node (`filesystems.py`)."""

    pools: dict[str, Pool]

    def attach(self, mount: Mount) -> None:
        """It is mounted now."""
        ...


class PoolHost(MountHost, Protocol):
    """What a pool needs of its node."""

    @property
    def filesystems(self) -> PoolTable:
        """Where it is entered."""
        ...


class Pool:
    """One imported pool. It has one device, one dataset, and a label on the device that says who has it."""

    altroot, readonly = "-", False
    """Two properties of zpool(8)."""

    def __init__(self, node: PoolHost, resource: ResourceLayout, label: PoolLabel, cachefile: str) -> None:
        self.node, self.resource, self.label, self.cachefile = node, resource, label, cachefile
        self.suspended = False
        self._exporting: Completion[bool] | None = None

    @property
    def disk(self) -> Disk:
        """The local provider below the device."""
        return disk_of(self.node, self.resource)

    @property
    def imported(self) -> bool:
        """It is (still) imported here."""
        return self.node.filesystems.pools.get(self.label.name) is self

    @property
    def mount(self) -> ZfsMount | None:
        """Its mounted dataset."""
        mounts = self.node.filesystems.mounts.values()
        return next((each for each in mounts if isinstance(each, ZfsMount) and each.pool is self), None)

    @property
    def health(self) -> str:
        """The property of zpool(8)."""
        return "SUSPENDED" if self.suspended else "ONLINE"

    @property
    def holds_the_lock(self) -> bool:
        """An export waits for ever, and every zpool(8) for it (spa_namespace_lock)."""
        waits = self._exporting is not None and not self._exporting.done
        return waits and self.suspended and self.mount is None

    @property
    def has_device(self) -> bool:
        """The device is there, whether it works or not."""
        return self.node.files.exists(self.resource.device)

    @property
    def size(self) -> int:
        """Bytes: the property of zpool(8)."""
        return max(METASLAB, (self.disk.datasize - LABELS) // METASLAB * METASLAB)

    @property
    def allocated(self) -> int:
        """Bytes of files and what they need."""
        mount = self.mount
        return (EMPTY + (mount.stored_kilobytes() if mount is not None else 0)) * 1024

    @property
    def available(self) -> int:
        """Bytes that files may still take."""
        full = self.mount is not None and self.mount.full
        return 0 if full else max(0, self.size - min(self.size // 2, LARGEST_SLOP) - self.allocated)

    def suspend(self) -> None:
        """A write failed, or the device is gone: nothing is answered any more (zio_suspend())."""
        if self.suspended or not self.imported:
            return
        self.suspended = True
        text = f"Pool '{self.label.name}' has encountered an uncorrectable I/O failure and has been suspended."
        self.node.kernel_log(f"Solaris: WARNING: {text}")

    def store(self, writes: list[DeviceWrite]) -> Completion[bool]:
        """Write to the device. True when it is there; a failure suspends the pool, and then this never finishes."""
        outcome: Completion[bool] = Completion()
        if self.suspended:
            return outcome
        written = write_device(self.node, self.resource.name, writes)

        def ended() -> None:
            if written.value and not self.suspended:
                outcome.finish(True)
            else:
                self.suspend()

        written.then(ended)
        return outcome

    def sync(self, writes: list[DeviceWrite], label: PoolLabel | None = None) -> Completion[bool]:
        """A transaction group: these writes and, after them, the uberblock; `label` where it changes. As `store`."""
        self.label = replace(label or self.label, txg=self.label.txg + 1, at=self.node.now)
        return self.store([*writes, DeviceWrite(SUPERBLOCK_EXTENT, superblock=self.label)])

    def export(self) -> Completion[bool]:
        """Unmount, mark the label, forget the pool; False while local processes use it.

        The kernel goes on with it when the command is killed.
        """
        if self._exporting is None or self._exporting.done:
            self._exporting = self.node.clock.start(self._export())
        return self._exporting

    def _export(self) -> Steps[bool]:
        if self.suspended:
            yield FOREVER
        if self.mount is not None:
            try:
                yield from self.mount.unmount()
            except OSError:
                return False
        yield self.node.pair.layout.costs.pool_export
        yield self.sync([], replace(self.label, exported=True))
        if self.imported:
            del self.node.filesystems.pools[self.label.name]
        return True

    def attach(self) -> Steps[None]:
        """Mount the dataset, making the directory where it is missing; nothing where it is not to be mounted."""
        if self.label.mountpoint in UNMOUNTED:
            return
        yield self.node.processor.use(self.node.pair.layout.costs.mount)
        if self.suspended:
            yield FOREVER
        if self.imported and self.mount is None:
            if not self.node.files.exists(self.label.mountpoint):
                self.node.files.make_directory(self.label.mountpoint, self.node.now)
            self.node.filesystems.attach(self.mounting())

    def mounting(self) -> ZfsMount:
        """What is mounted by `attach`."""
        return ZfsMount(self)


class ZfsMount(Mount):
    """The mounted root dataset of a pool."""

    fstype = "zfs"
    options: tuple[str, ...] = ("local", "nfsv4acls")

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self._open: set[int] = set()
        """Extents that the open transaction group will write."""
        self._timer: Timer | None = None
        super().__init__(pool.node, replace(pool.resource, mountpoint=pool.label.mountpoint), pool.disk)

    @property
    def source(self) -> str:
        """The name of the dataset."""
        return self.pool.label.name

    @property
    def state(self) -> str:
        """A suspended pool stays mounted."""
        return "suspended" if self.pool.suspended else "mounted"

    def own_files(self) -> dict[str, File]:
        """None: .zfs is not listed."""
        return {}

    def stored_kilobytes(self) -> int:
        """What the files take."""
        return sum(-(-max(file.size, 1) // FRAGMENT) * 4 for file in self.files.values())

    def usage(self) -> Usage:
        """Used and available of the dataset; as many free inodes as there are half kilobytes (zfs_statvfs())."""
        used, free = self.pool.allocated // 1024, self.pool.available // 1024
        inodes = 6 + len(self.files)
        return Usage(self.source, used + free, used, free, inodes, free * 2, self.resource.mountpoint)

    def flag_root(self, immutable: bool) -> Completion[bool]:
        """chflags schg or noschg of its root directory; on the device when the completion says True."""
        return self.pool.sync([], replace(self.pool.label, root_immutable=immutable))

    def shows(self, write: Write) -> bool:
        """A client of this mount sees the write; nobody gets anything from a suspended pool."""
        return not self.pool.suspended and super().shows(write)

    # --- writing ---------------------------------------------------------------------------------------------

    def write(
        self, name: str, text: str, *, size: int | None = None, append: bool = False, commit: bool = False
    ) -> tuple[Write, Completion[bool]]:
        """Write a file. With `commit` (NFS) content and name are in the intent log before the completion says True.

        On a suspended pool it never finishes, and nothing is written. Raises as any mount.
        """
        if self.pool.suspended:
            return self._enter(name, text, size, append), Completion()
        return super().write(name, text, size=size, append=append, commit=commit)

    def _store(self, write: Write, commit: bool) -> Completion[bool]:
        content, title = write.pieces
        extents = span(write.extent, write.size, self.disk)
        self.buffered[content] = extents
        if write.creation == write.number:
            self.buffered[title] = extents[:1]
        self._open |= set(extents)
        if self._timer is None:
            self._timer = self.node.clock.after(TXG_TIMEOUT, self._timeout)
        return self.flush({write.file}) if commit else finished(True)

    def _timeout(self) -> None:
        self._timer = None
        if self.attached and not self.pool.suspended:
            self._close_group()

    def _close_group(self) -> Completion[bool]:
        """Write everything that was changed since the last transaction group, committed or not."""
        writes = self._take(None)
        again, self._open = self._open - {write.extent for write in writes}, set()
        if not writes and not again:
            return finished(True)
        return self.pool.sync([*writes, *map(DeviceWrite, sorted(again))])

    def flush(self, names: set[str] | None = None) -> Completion[bool]:
        """fsync(2): into the intent log, with the content; the simulation puts a record beside the content it is of."""
        return self.pool.store(self._take(names))

    def schedule_sync(self) -> None:
        """sync(8): into the intent log."""
        self.flush()

    # --- the end of a mount ----------------------------------------------------------------------------------

    def unmount(self) -> Steps[bool]:
        """Wait for a transaction group with all that is changed (zfs_umount()); for ever on a suspended pool.

        Raises OSError (16) while local processes use it.
        """
        yield self.node.processor.use(self.node.pair.layout.costs.unmount)
        if self.pool.suspended:
            yield FOREVER
        if self.users and self.attached:
            raise OSError(16, "Device busy", self.resource.mountpoint)
        yield self._close_group()
        if not self.attached:
            return False
        self.detach()
        return True

    def unmount_by_force(self) -> Steps[bool]:
        """Force ends no wait for a device."""
        return (yield from self.unmount())

    def device_gone(self, cause: LossCause) -> None:
        """Nothing but the suspension of the pool: it stays mounted, and its buffers stay until the next boot."""
        self.pool.suspend()


def disk_of(node: PoolHost, resource: ResourceLayout) -> Disk:
    """The local provider below the device of a resource."""
    return node.disks[node.hastd.resources[resource.name].conf.local]


def claimed(node: PoolHost, label: PoolLabel) -> PoolLabel:
    """The label as this host writes it when it takes the pool (spa_config_generate())."""
    hostid = node.kernel.integer("kern.hostid")
    return replace(label, hostname=node.name, hostid=hostid, exported=False, txg=label.txg + 1, at=node.now)


def create(node: PoolHost, resource: ResourceLayout, label: PoolLabel, cachefile: str) -> Steps[Pool | None]:
    """zpool create, without the mount: labels at both ends of the device. None when it can't be written."""
    last = -(-disk_of(node, resource).datasize // EXTENTSIZE) - 1
    return (yield from _take_over(node, resource, label, cachefile, [DeviceWrite(last)]))


def take(node: PoolHost, resource: ResourceLayout, label: PoolLabel, cachefile: str) -> Steps[Pool | None]:
    """zpool import, without the mount: this host in the label. None when the device went away."""
    yield node.pair.layout.costs.pool_import
    return (yield from _take_over(node, resource, label, cachefile, []))


def _take_over(
    node: PoolHost, resource: ResourceLayout, label: PoolLabel, cachefile: str, writes: list[DeviceWrite]
) -> Steps[Pool | None]:
    ours = claimed(node, label)
    good = yield write_device(node, resource.name, [*writes, DeviceWrite(SUPERBLOCK_EXTENT, superblock=ours)])
    if not good or not node.files.exists(resource.device) or label.name in node.filesystems.pools:
        return None
    pool = node.filesystems.pools[label.name] = Pool(node, resource, ours, cachefile)
    return pool
