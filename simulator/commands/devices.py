"""What the commands on file systems share: the device of a resource, who serves it, what is on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.clock import FOREVER, Steps
from simulator.hastd.component import read_fails
from simulator.hastd.disk import OnDisk, Superblock
from simulator.hastd.replication import PrimaryWorker
from simulator.layout import ResourceLayout

if TYPE_CHECKING:
    from simulator.node import Node
    from simulator.storage.views import Provider


def resource_of(node: Node, device: str) -> ResourceLayout | None:
    """The resource behind a device node that exists now."""
    for name in node.hastd.resources:
        each = node.pair.resource_layout(name)
        for known in (each.device, each.filesystem_device):
            if device in (known, known[5:]) and node.files.exists(known):
                return each
    return None


def provider_of(node: Node, device: str) -> Provider | None:
    """The provider of gnop(8) behind a device node."""
    return node.filesystems.providers.get(device if device.startswith("/dev/") else f"/dev/{device}")


def on_disk(node: Node, resource: ResourceLayout) -> OnDisk | None:
    """What is on the disk below the device, None without a file system."""
    return node.disks[node.hastd.resources[resource.name].conf.local].superblock


def superblock_of(node: Node, resource: ResourceLayout) -> Superblock | None:
    """The superblock of a UFS, None where there is none."""
    content = on_disk(node, resource)
    return content if isinstance(content, Superblock) else None


def worker_of(node: Node, resource: ResourceLayout) -> PrimaryWorker | None:
    """Who serves the device."""
    known = node.hastd.resources.get(resource.name)
    worker = known.worker if known is not None else None
    return worker if isinstance(worker, PrimaryWorker) else None


def served(node: Node, resource: ResourceLayout, extent: int = 0) -> Steps[bool]:
    """Read the device: wait while its worker is stopped or waits for the peer (freebsd-facts:
    primary-beside-a-primary), and for ever where the worker loses
    the request (`PrimaryWorker.reads_remotely`); False is EIO. A device without its worker is read by the kernel, or
    waits for the next one (`left_device.py`)."""
    while True:
        worker, left = worker_of(node, resource), node.left.get(resource.name)
        if worker is None and left is not None and left.reads_directly:
            return not read_fails(node, node.disks[resource.local], extent)
        if left is None and (worker is None or (worker.started and not worker.stopped)):
            break
        yield 0.25
    if worker is not None and worker.reads_remotely:
        yield FOREVER
    return worker is not None and not worker.read_fails(extent)
