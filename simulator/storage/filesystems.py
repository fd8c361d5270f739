"""What is mounted and imported on a node; mounting and making UFS. How each kind ends is in `ufs.py` and `zfs.py`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from simulator.account.writes import LossCause
from simulator.clock import Completion, Steps
from simulator.hastd.component import DeviceWrite
from simulator.hastd.disk import Superblock
from simulator.hastd.metadata import EXTENTSIZE
from simulator.storage.mounts import SUPERBLOCK_EXTENT, Mount, write_device
from simulator.storage.ufs import UfsMount
from simulator.storage.zfs import PoolHost

if TYPE_CHECKING:
    from simulator.layout import ResourceLayout
    from simulator.storage.views import Provider
    from simulator.storage.zfs import Pool


class FileSystems:
    """All mounts and imported pools of one node, and whether the root file system is exported (freebsd-facts:
    root-is-exported-instead)."""

    def __init__(self, node: PoolHost, on_mount: Callable[[], None]) -> None:
        self.node, self._on_mount = node, on_mount
        self.mounts: dict[str, Mount] = {}
        self.pools: dict[str, Pool] = {}
        """ZFS pools by name; one may be imported and not mounted."""
        self.providers: dict[str, Provider] = {}
        """Those of gnop(8) by device; a boot knows none of them."""
        for device in node.files.glob("/dev/*.nop"):
            node.files.remove(device)
        self.root_exported = False
        self.others: list[tuple[str, str]] = []
        """Directories that nullfs shows elsewhere, as (directory, point), in the order in which they were mounted."""

    def beneath(self, point: str) -> bool:
        """Something else is mounted over the file system at this point, or in it: it is busy, for umount -f too."""
        return any(other == point or other.startswith(f"{point}/") for _, other in self.others)

    def under(self, path: str) -> tuple[Mount, str] | None:
        """The mount a path lies in and the name below it, None for the root file system."""
        for mountpoint, mount in self.mounts.items():
            if path == mountpoint:
                return mount, ""
            if path.startswith(mountpoint + "/"):
                return mount, path[len(mountpoint) + 1 :]
        return None

    def mount(self, resource: ResourceLayout) -> Steps[None]:
        """Mount the UFS on the device; the caller has looked at the superblock. It is unclean from now on."""
        disk = self.node.disks[self.node.hastd.resources[resource.name].conf.local]
        block = disk.superblock
        assert isinstance(block, Superblock)
        yield write_device(
            self.node, resource.name, [DeviceWrite(SUPERBLOCK_EXTENT, superblock=replace(block, clean=False))]
        )
        yield self.node.processor.use(self.node.pair.layout.costs.mount)
        if self.node.files.exists(resource.filesystem_device) and resource.mountpoint not in self.mounts:
            self.attach(UfsMount(self.node, resource, disk))

    def attach(self, mount: Mount) -> None:
        """It is mounted now, and mountd is told (mount(8), and libshare where ZFS mounts)."""
        self.mounts[mount.resource.mountpoint] = mount
        self._on_mount()

    def device_gone(self, resource: str, cause: LossCause) -> None:
        """The device of a resource went away."""
        for pool in list(self.pools.values()):
            if pool.resource.name == resource:
                pool.suspend()
        for mount in list(self.mounts.values()):
            if mount.resource.name == resource:
                mount.device_gone(cause)

    def power_lost(self) -> None:
        """All buffers of the node are gone."""
        for mount in self.mounts.values():
            mount.discard(LossCause.UFS_DELAY)
        self.mounts.clear()
        self.pools.clear()
        self.others.clear()
        self.root_exported = False

    def make(self, resource: ResourceLayout) -> Completion[bool]:
        """newfs -O2 -U -j: a new, empty, clean file system; touches every cylinder group (64 MB each)."""
        disk = self.node.disks[self.node.hastd.resources[resource.name].conf.local]
        groups = range(0, -(-disk.datasize // EXTENTSIZE), 32)
        block = Superblock(clean=True, made=self.node.clock.now)
        writes = [DeviceWrite(extent, superblock=block if extent == 0 else None) for extent in groups]
        return write_device(self.node, resource.name, writes)


class StorageHost(PoolHost, Protocol):
    """What is above the file systems has them too."""

    @property
    def filesystems(self) -> FileSystems:
        """All that is mounted and imported."""
        ...
