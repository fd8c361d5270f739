"""A local disk of a node looked at behind the back of HAST: a gnop provider, and what is mounted read-only from it.

What is seen is what lies on that node's own disk, replicated or not; nothing here is written anywhere, replicated or
exported. No recording of a pair has gnop: this follows gnop(8), mount(8) and zpool-import(8).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from simulator.account.writes import LossCause
from simulator.clock import Completion, Steps, finished
from simulator.hastd.component import DeviceWrite
from simulator.hastd.disk import Disk, OnDisk, PoolLabel
from simulator.layout import ResourceLayout
from simulator.storage.ufs import UfsMount
from simulator.storage.zfs import Pool, ZfsMount

if TYPE_CHECKING:
    from simulator.storage.zfs import PoolHost

SUFFIX = ".nop"


@dataclass(frozen=True, slots=True)
class Provider:
    """A provider of gnop(8): a part of a local disk, as a device of its own."""

    device: str
    resource: ResourceLayout
    """Whose local disk it is."""
    disk: Disk
    offset: int
    size: int

    @property
    def found(self) -> OnDisk | None:
        """The superblock or label that is seen: only where it begins exactly behind HAST's metadata."""
        metadata = self.disk.metadata
        return self.disk.superblock if metadata is not None and self.offset == metadata.localoff else None

    def seen_at(self, point: str) -> ResourceLayout:
        """The resource under another name: what looks at its mounts must not take a view for one."""
        return replace(self.resource, name=self.device.removeprefix("/dev/"), mountpoint=point, layer="")


def in_use(node: PoolHost, provider: Provider) -> bool:
    """hastd has the disk open: a primary, or a secondary that a primary is connected to."""
    resource = node.hastd.resources.get(provider.resource.name)
    return resource is not None and resource.worker is not None


class UfsView(UfsMount):
    """A UFS on a provider, mounted read-only."""

    options = ("local", "noatime", "noexec", "nosuid", "read-only")

    def __init__(self, node: PoolHost, provider: Provider, point: str) -> None:
        self.provider = provider
        super().__init__(node, provider.seen_at(point), provider.disk)

    @property
    def source(self) -> str:
        """The provider."""
        return self.provider.device

    @property
    def replicated(self) -> str:
        """Its files are those of the resource."""
        return self.provider.resource.name

    def flag_root(self, immutable: bool) -> Completion[bool]:
        """Not done."""
        return finished(False)

    def flush(self, names: set[str] | None = None) -> Completion[bool]:
        """There is nothing to write."""
        return finished(True)

    def unmount(self) -> Steps[bool]:
        """The superblock stays as it was. Raises OSError (16) while local processes use it."""
        yield self.node.processor.use(self.node.pair.layout.costs.unmount)
        if self.users and self.attached:
            raise OSError(16, "Device busy", self.resource.mountpoint)
        self.detach()
        return True

    def unmount_by_force(self) -> Steps[bool]:
        """Nothing is lost by it."""
        return (yield from self.unmount())

    def device_gone(self, cause: LossCause) -> None:
        """Its device is the disk itself, which no change of a role takes away."""


class PoolView(Pool):
    """A pool on a provider, imported read-only under another root."""

    readonly = True

    def __init__(self, node: PoolHost, provider: Provider, label: PoolLabel, root: str) -> None:
        self.provider = provider
        there = replace(label, mountpoint=f"{root}{label.mountpoint}")
        super().__init__(node, provider.seen_at(there.mountpoint), there, "none")
        self.altroot = root or "-"

    @property
    def disk(self) -> Disk:
        """The local disk."""
        return self.provider.disk

    def store(self, writes: list[DeviceWrite]) -> Completion[bool]:
        """There is nothing to write."""
        return finished(True)

    def sync(self, writes: list[DeviceWrite], label: PoolLabel | None = None) -> Completion[bool]:
        """Nor is the label changed."""
        return finished(True)

    def mounting(self) -> ZfsMount:
        """What is mounted by `attach`."""
        return ZfsView(self)


class ZfsView(ZfsMount):
    """The dataset of a pool that is imported read-only."""

    options = ("local", "read-only", "nfsv4acls")

    def __init__(self, pool: PoolView) -> None:
        self._of = pool.provider.resource.name
        super().__init__(pool)

    @property
    def replicated(self) -> str:
        """Its files are those of the resource."""
        return self._of
