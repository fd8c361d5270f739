"""The device of a killed primary worker: it stays, as only the worker's own clean-up destroys it (primary.c).

Requests wait in the kernel, without a timeout (hastd creates it with `gctl_timeout` 0; sys/geom/gate/g_gate.c,
g_gate_queue_io(), g_gate_guard()). The next primary worker of the resource, whenever and of whichever hastd, takes the
device over and is given them, also those of a time before the other node wrote (primary.c, init_ggate(): EEXIST, then
G_GATE_CMD_CANCEL). Reads are answered by the kernel from the local disk, where the worker had enabled that
(enable_direct_reads()). Nothing but a worker, ggatel(8) or a reboot ends it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.clock import Completion
from simulator.hastd.component import DeviceWrite

if TYPE_CHECKING:
    from simulator.hastd.replication import PrimaryWorker
    from simulator.node import Node


class LeftDevice:
    """What the kernel has of one."""

    def __init__(self, reads_directly: bool) -> None:
        self.reads_directly = reads_directly
        self.waiting: list[tuple[DeviceWrite, Completion[bool]]] = []


def leave(node: Node, worker: PrimaryWorker) -> None:
    """A worker is about to be killed."""
    node.left[worker.resource.conf.name] = LeftDevice(worker.reads_directly)


def take_over(node: Node, worker: PrimaryWorker) -> bool:
    """The next worker: it is given what waits. Whether there is a device to take over."""
    name = worker.resource.conf.name
    left = node.left.pop(name, None)
    if left is None:
        return False
    worker.reads_directly = left.reads_directly
    for write, outcome in left.waiting:
        worker.write(write, outcome)
    return True


def destroy(node: Node, name: str) -> None:
    """Its worker has destroyed it (g_gate_destroy()): who waits gets ENXIO."""
    left = node.left.pop(name, None)
    for _, outcome in left.waiting if left is not None else ():
        outcome.finish(False)
