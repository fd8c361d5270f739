"""What a primary worker knows: the metadata, which extents the peer does not have, and its connection.

The handshake (`handshake.py`) and the synchronisation (`synchronisation.py`) work on this; what the worker does with a
write is in `replication.py`.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import replace
from typing import TYPE_CHECKING

from simulator.clock import Timer
from simulator.hastd.daemon import HastdHost, Worker, node_at, replicates_both_ways
from simulator.hastd.metadata import Role

if TYPE_CHECKING:
    from simulator.hastd.daemon import Daemon, RunningResource
    from simulator.hastd.secondary import SecondaryWorker
    from simulator.host.processes import RunningProcess


class Primary(Worker):
    """The state of a primary worker."""

    role = Role.PRIMARY

    def __init__(self, hastd: Daemon, resource: RunningResource, process: RunningProcess) -> None:
        super().__init__(hastd, resource, process)
        assert self.disk.metadata is not None, "checked by hastd before it forks"
        self.metadata = self.disk.metadata
        """The worker's own copy: `hastctl create` on the running primary changes the disk only
        (freebsd-facts: create-asks-nobody)."""
        self.started = False
        """False while it waits for a peer that is primary too: the device exists and serves nothing (freebsd-facts:
        primary-beside-a-primary)."""
        self.deaf = False
        """Its guard thread waits for a connection for ever, and sees no signal (`bug_292322.py`)."""
        self.secondary: SecondaryWorker | None = None
        self.dirty: set[int] = set()
        self.inflight: dict[int, int] = {}
        """Extents of writes that the peer has not confirmed yet, with how many."""
        self.forgotten: set[int] = set()
        """Extents of writes that the peer was sent and has not answered when the connection was lost: clean in memory
        (`disconnect`), though its copy may not have them."""
        self.stuck: set[int] = set()
        """Extents of writes that failed on every side there was: activemap_write_complete() is not called for them, so
        that they count as dirty until the worker ends, and are not copied before (activemap.c, am_memtab)."""
        self.remote_remotecnt = 0
        self.wrote_alone_at = -math.inf
        """When the first write was completed without the peer, if one was since they were connected last."""
        self.told_to_end_at = math.inf
        """When the order for another role came, which takes a moment (control.c, control_set_role_common())."""
        self.reads_remotely = False
        """A synchronisation from the secondary has begun and is not through (`hr_syncsrc`): no read is answered. All of
        them are meant for the remote component, but the loop over the send queues at the end of ggate_recv_thread()
        begins at 1 and ends before 1, so they get into none, and the unit of ggate(4) has no timeout."""
        self.reads_directly = False
        """The kernel reads from the local disk by itself (enable_direct_reads()), from the first connection or copy on
        after which that has everything."""
        self._answer_deadline: Timer | None = None
        """`timeout` after a request that the peer has not answered."""

    @property
    def connected(self) -> bool:
        """What this worker believes; the truth is up to `timeout` seconds ahead of it (freebsd-facts:
        complete-lags-behind)."""
        return self.secondary is not None

    @property
    def dirty_bytes(self) -> int:
        """What `hastctl list` prints as dirty."""
        return len(self.behind) * self.metadata.extentsize

    @property
    def behind(self) -> set[int]:
        """Extents that count as dirty: not copied yet, underway, or failed on every side."""
        return self.dirty | self.inflight.keys() | self.stuck

    def listening(self) -> HastdHost | None:
        """The node at its remote address, where hastd runs and both hear each other; None where that is not so."""
        here = self.hastd.node
        there = node_at(here.pair, self.resource.conf.remote)
        if there is None or there is here or not (there.hastd.running and replicates_both_ways(here, there)):
            return None
        return there

    def update(self, **changes: int) -> None:
        """Change and write the metadata; every write of it stores the role (metadata.c, metadata_write())."""
        self.metadata = replace(self.metadata, prevrole=Role.PRIMARY, **changes)
        self.disk.metadata = self.metadata

    def settle_map(self) -> None:
        """The map on the disk: what is dirty, and what is kept."""
        self.disk.settle(self.behind)

    def no_answer(self) -> None:
        """A request to the peer stays unanswered: `timeout` seconds from now the connection is given up."""
        if self._answer_deadline is not None:
            self._answer_deadline.cancel()
        self._answer_deadline = self.hastd.clock.after(self.resource.conf.timeout, self.disconnect)

    @abstractmethod
    def connect_to(self, secondary: SecondaryWorker, dirty: set[int], from_secondary: bool) -> None:
        """The handshake succeeded: `dirty` extents differ and are copied from the side that is up to date."""

    @abstractmethod
    def disconnect(self) -> None:
        """The connection is lost: what waited for the peer is done locally."""
