"""The device of a killed primary worker: it stays, as only the worker's own clean-up destroys it (primary.c).

Requests wait in the kernel, without a timeout (hastd creates it with `gctl_timeout` 0; sys/geom/gate/g_gate.c,
g_gate_queue_io(), g_gate_guard()). The next primary worker of the resource, whenever and of whichever hastd, takes the
device over and is given them, also those of a time before the other node wrote (primary.c, init_ggate(): EEXIST, then
G_GATE_CMD_CANCEL). Reads are answered by the kernel from the local disk, where the worker had enabled that
(enable_direct_reads()). Nothing but a worker, ggatel(8) or a reboot ends it.
"""

from __future__ import annotations

from simulator.clock import Completion
from simulator.hastd.component import DeviceWrite


class LeftDevice:
    """What the kernel has of one."""

    def __init__(self, reads_directly: bool) -> None:
        self.reads_directly = reads_directly
        self.waiting: list[tuple[DeviceWrite, Completion[bool]]] = []

    def destroy(self) -> None:
        """A worker has destroyed it (g_gate_destroy()): who waits gets ENXIO."""
        for _, outcome in self.waiting:
            outcome.finish(False)
