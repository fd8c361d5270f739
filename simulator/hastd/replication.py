"""HAST's primary worker: what it does with a write, and with its connection.

A primary worker owns the device /dev/hast/NAME. It looks at its connection every KEEPALIVE seconds, waits `timeout`
seconds for an answer to a write, and keeps in `dirty` the extents that the peer does not have. The handshake is in
`handshake.py`, copying extents in `synchronisation.py`, the decision in `metadata.py`, the other side in `secondary.py`
(primary.c).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from simulator.clock import FOREVER, Completion, Coroutine, Timer
from simulator.costs import ASYNC_LAG, IDLE_LOSS, KEEPALIVE, MEMSYNC_LAG, PEER_WAIT_STEP, SYN_AGAIN
from simulator.hastd import bug_292322
from simulator.hastd.component import Command, DeviceWrite, count, count_error, perform, read_fails
from simulator.hastd.daemon import replicates, replicates_both_ways
from simulator.hastd.handshake import connect, is_silent
from simulator.hastd.metadata import Role
from simulator.hastd.primary import Primary
from simulator.hastd.secondary import EX_TEMPFAIL, SecondaryWorker
from simulator.hastd.synchronisation import synchronise

if TYPE_CHECKING:
    from simulator.account.writes import WritePiece
    from simulator.clock import Steps
    from simulator.hastd.daemon import Daemon, RunningResource
    from simulator.host.processes import RunningProcess


class ReplicationRequest(NamedTuple):
    """A request that the peer has not answered: what the own disk said to it, and who waits."""

    write: DeviceWrite
    good: bool
    outcome: Completion[bool]


class PrimaryWorker(Primary):
    """`hastd: NAME (primary)`: serves the device, replicates, and remembers what the peer misses."""

    def __init__(self, hastd: Daemon, resource: RunningResource, process: RunningProcess) -> None:
        super().__init__(hastd, resource, process)
        self._waiting: list[Callable[[], None]] = []
        """Writes that began while the worker was stopped or not yet started."""
        self._sent: dict[int, ReplicationRequest] = {}
        """By id(): what was sent and is not answered yet (hio_recv_list), for memsync not finally."""
        self._unanswered: list[ReplicationRequest] = []
        """Those of them for whose answer `timeout` runs."""
        self._silence: Timer | None = None
        """When TCP gives up keepalives that nobody acknowledges."""
        self._reset_seen = False
        self._sync: Coroutine[None] | None = None
        self._guard = hastd.clock.start(self._guarding())

    @property
    def synchronising(self) -> bool:
        """Extents are being copied."""
        return self._sync is not None and not self._sync.done and bool(self.dirty)

    @property
    def settled(self) -> bool:
        """Connected, and the synchronisation that began with the connection is through."""
        return self.secondary is not None and self._sync is not None and self._sync.done

    # --- starting, looking after the connection, ending -------------------------------------------------------

    def _guarding(self) -> Steps[None]:
        """hastd_primary() and guard_thread(): connect, wait for a peer that is primary too, then look every KEEPALIVE.

        Nobody serves the device before the first attempt to connect has ended, and GEOM, which tastes it, may make no
        file of it until then (freebsd-facts: device-waits-for-a-dead-peer; `PairLayout.file_after_taste`)."""
        if self.metadata.resuid == 0:
            self.update(localcnt=0, remotecnt=0)
        self.dirty = set(self.disk.active)
        self.disk.recent.clear()  # keepdirty is of a worker: what an earlier one kept is dirty now (activemap_copyin())
        yield self.hastd.node.processor.use(self.hastd.costs.device_appears)
        absent = self.hastd.node.trouble.absent_devices
        if self.resource.conf.name not in absent:
            self.hastd.provider_created(self.resource, self)
        if bug_292322.waits_for_ever(self):
            self.hastd.never_tasted(self.resource)
            bug_292322.begin(self)
            yield FOREVER
        if not (self.hastd.node.pair.layout.file_after_taste or self.resource.conf.name in absent):
            self.hastd.device_created(self.resource)
        gives_up = self.hastd.clock.now + self.resource.conf.timeout
        while is_silent(self) and self.hastd.clock.now < gives_up:
            yield min(SYN_AGAIN, gives_up - self.hastd.clock.now)
        while self.alive and self.resource.conf.name in absent:
            yield PEER_WAIT_STEP
        if not self.alive:
            return
        self.hastd.device_created(self.resource)
        busy_until = self.hastd.clock.now + self.resource.conf.timeout
        while connect(self) is Role.PRIMARY and self.hastd.clock.now <= busy_until:
            yield PEER_WAIT_STEP
            while self.stopped:
                yield PEER_WAIT_STEP
        self.started = True
        self.resumed()
        while self.alive:
            yield KEEPALIVE
            if not self.alive or self.stopped:
                continue
            if self.secondary is not None:
                self._keepalive(self.secondary)
            elif bug_292322.waits_for_ever(self):
                self.deaf = True
                bug_292322.begin(self)
                yield FOREVER
            else:
                connect(self)

    def _keepalive(self, secondary: SecondaryWorker) -> None:
        here, there = self.hastd.node, secondary.hastd.node
        if replicates(here, there) and secondary.alive:
            secondary.hear()
        if not replicates_both_ways(here, there):
            if self._silence is None:
                self._silence = self.hastd.clock.after(IDLE_LOSS - KEEPALIVE, self.disconnect)
            return
        self._cancel_silence()
        if not secondary.alive:
            # The first keepalive to a closed socket succeeds and is answered by a reset; the second fails.
            if self._reset_seen:
                self.disconnect()
            self._reset_seen = True

    def _cancel_silence(self) -> None:
        if self._silence is not None:
            self._silence.cancel()
            self._silence = None

    def connect_to(self, secondary: SecondaryWorker, dirty: set[int], from_secondary: bool) -> None:
        """The handshake succeeded: `dirty` extents differ and are copied from the side that is up to date."""
        self.secondary, self._reset_seen = secondary, False
        peer = secondary.disk.metadata
        assert peer is not None
        self.remote_remotecnt = peer.remotecnt
        self.dirty |= dirty
        self.reads_remotely = from_secondary
        self.reads_directly |= not from_secondary
        self.hastd.event(self.resource, "connect")
        self._sync = self.hastd.clock.start(synchronise(self, secondary, from_secondary))

    def disconnect(self) -> None:
        """The connection is lost: what waited for the peer is done locally. A write that was not sent yet is dirty. One
        that was sent and not answered gets an error of the remote side, no activemap_need_sync(), and is acknowledged
        with its extent clean: only what is kept dirty on the disk, for fewer writes of the map, still names it, for the
        next worker (freebsd-facts: unanswered-writes-are-not-copied)."""
        if not self.alive or self.secondary is None:
            return
        if self.stopped:
            self._answer_deadline = self.hastd.clock.after(KEEPALIVE, self.disconnect)
            return
        secondary, self.secondary = self.secondary, None
        if self._answer_deadline is not None:
            self._answer_deadline.cancel()
            self._answer_deadline = None
        self._cancel_silence()
        if self._sync is not None and not self._sync.done:
            self._sync.kill()
            self.hastd.event(self.resource, "syncintr")
        self.hastd.event(self.resource, "disconnect")
        self._tell_closed(secondary)
        sent, self._sent, self._unanswered = list(self._sent.values()), {}, []
        writes = [request for request in sent if request.write.command is Command.WRITE]
        for request in writes:
            self._underway_no_more(request.write.extent)
        self.dirty |= set(self.inflight)
        self.inflight.clear()
        self.forgotten |= {request.write.extent for request in writes}
        if any(not request.outcome.done for request in writes):
            self._raise_localcnt()
        for request in sent:
            self._complete(request, there=False)
        self.settle_map()

    def end(self) -> None:
        """Killed, or told to go: the device vanishes, whoever waits for I/O gets an error."""
        if not self.alive:
            return
        self.alive = False
        self._guard.kill()
        if self._sync is not None:
            self._sync.kill()
        if self._answer_deadline is not None:
            self._answer_deadline.cancel()
        self._cancel_silence()
        self.hastd.node.processes.end(self.process)
        self.dirty |= set(self.inflight)
        self.disk.active |= self.dirty | self.stuck
        secondary, self.secondary = self.secondary, None
        if self.resource.worker is self:
            self.resource.worker = None
        waiting, self._waiting = self._waiting, []
        sent, self._sent, self._unanswered = list(self._sent.values()), {}, []
        for request in sent:
            self.hastd.device_write(self.resource.conf.name, request.write, request.outcome)
        for begin in waiting:
            begin()
        if secondary is not None:
            self._tell_closed(secondary)

    def _tell_closed(self, secondary: SecondaryWorker) -> None:
        """The own end of a connection is closed: the secondary learns it at once, or not at all
        (freebsd-facts: complete-lags-behind)."""
        here, there = self.hastd.node, secondary.hastd.node
        if replicates(here, there):
            secondary.exit(EX_TEMPFAIL)

    def resumed(self) -> None:
        """SIGCONT, or the peer is no primary any more: what waited goes on."""
        waiting, self._waiting = self._waiting, []
        for begin in waiting:
            begin()

    # --- writes ---------------------------------------------------------------------------------------------

    def _raise_localcnt(self) -> None:
        if self.metadata.localcnt == self.remote_remotecnt:
            self.update(localcnt=self.metadata.localcnt + 1)
            self.wrote_alone_at = self.hastd.clock.now

    def write(self, write: DeviceWrite, outcome: Completion[bool]) -> None:
        """Write to the device; `outcome` becomes True when it is as safe as the replication mode promises."""

        def begin() -> None:
            if self.alive:
                self._begin(write, outcome)
            else:
                self.hastd.device_write(self.resource.conf.name, write, outcome)

        if self.stopped or not self.started:
            self._waiting.append(begin)
        else:
            begin()

    def _begin(self, write: DeviceWrite, outcome: Completion[bool]) -> None:
        changes = write.command is Command.WRITE
        if changes and self.metadata.resuid == 0:
            self.update(resuid=self.hastd.new_resuid(), localcnt=1)
        count(self.statistics, write.command)
        request = ReplicationRequest(write, perform(self.hastd.node, self.disk, write), outcome)
        if changes and self.disk.touch(write.extent, self.metadata.keepdirty):
            self.statistics.activemap_updates += 1
        self.settle_map()
        if self.secondary is not None and self._peer_closed(self.secondary):
            self.disconnect()
        if self.secondary is not None:
            self._replicate(self.secondary, request)
            return
        if changes:  # a delete that the peer does not get is never made up for
            self._raise_localcnt()
            self.dirty.add(write.extent)
        self._complete(request, there=False)

    def _complete(self, request: ReplicationRequest, there: bool) -> None:
        """Both sides have answered, or there is one only (ggate_send_thread()): one that succeeded is enough. Errors
        of the own disk are counted; those of the other one are the other one's."""
        good = request.good or there
        if not good and request.write.command is Command.WRITE:
            self.stuck.add(request.write.extent)
        if not request.good:
            count_error(self.statistics, request.write.command)
        request.outcome.finish(good)

    def _peer_closed(self, secondary: SecondaryWorker) -> bool:
        """Its worker is gone and its machine says so (a reset) instead of keeping silent."""
        here, there = self.hastd.node, secondary.hastd.node
        return not secondary.alive and replicates_both_ways(here, there)

    def _replicate(self, secondary: SecondaryWorker, request: ReplicationRequest) -> None:
        """An asynchronous write is good as soon as it is on the own disk; where that fails, when the peer has it."""
        write, changes = request.write, request.write.command is Command.WRITE
        if changes:
            self.inflight[write.extent] = self.inflight.get(write.extent, 0) + 1
        if changes and self.resource.conf.replication == "async":
            if request.good:
                request.outcome.finish(True)
            self.hastd.clock.after(ASYNC_LAG, lambda: self._send(secondary, request))
        else:
            self._send(secondary, request)

    def _answered(self, request: ReplicationRequest, there: bool) -> None:
        self._sent.pop(id(request), None)
        if request.write.command is Command.WRITE:
            self._underway_no_more(request.write.extent)
        self._complete(request, there)

    def _underway_no_more(self, extent: int) -> None:
        left = self.inflight.get(extent, 0) - 1
        if left > 0:
            self.inflight[extent] = left
        else:
            self.inflight.pop(extent, None)

    def _send(self, secondary: SecondaryWorker, request: ReplicationRequest) -> None:
        """Send to the peer; the answer comes at once, or never, and then `timeout` ends the connection."""
        if not self.alive or self.secondary is not secondary:
            return
        self._sent[id(request)] = request
        here, there = self.hastd.node, secondary.hastd.node
        arrives = secondary.alive and not secondary.stopped and replicates(here, there)
        good = False
        if arrives:
            secondary.hear()
            if self.resource.conf.replication == "memsync" and request.write.command is Command.WRITE:
                self._in_memory(secondary, request)
                return
            good = secondary.apply(request.write)
        if arrives and replicates(there, here):
            self._answered(request, good)
        else:
            self._waits(request)

    def _waits(self, request: ReplicationRequest) -> None:
        self._unanswered.append(request)
        if len(self._unanswered) == 1:
            self.no_answer()

    def _in_memory(self, secondary: SecondaryWorker, request: ReplicationRequest) -> None:
        """memsync: good as soon as the peer has it in memory; it counts as dirty until it is on the peer's disk. The
        client is told so also where the own disk has failed (local_send_thread() calls write_complete() whatever its
        own result was, when it is the second to come), and then again where the peer's disk fails too."""
        here, there = self.hastd.node, secondary.hastd.node
        if replicates(there, here):
            request.outcome.finish(True)

        def to_disk() -> None:
            good = secondary.apply(request.write)
            answers = secondary.alive and replicates(there, here)
            if answers and self.alive and self.secondary is secondary:
                self._answered(request, good)
            elif self.alive and self.secondary is secondary:
                self._waits(request)

        self.hastd.clock.after(MEMSYNC_LAG, to_disk)

    def retransmit(self) -> None:
        """The link or the peer is back before the timeout: TCP delivers what was underway, keepalives too."""
        if self.secondary is not None and self.secondary.alive:
            self._keepalive(self.secondary)
        unanswered, self._unanswered = self._unanswered, []
        if unanswered and self._answer_deadline is not None:
            self._answer_deadline.cancel()
            self._answer_deadline = None
        for request in unanswered:
            if self.secondary is not None:
                self._send(self.secondary, request)

    def read_fails(self, extent: int = 0) -> bool:
        """Read from the device: a failing local disk is counted, and the peer's copy is read where there is one."""
        self.statistics.reads += 1
        if not read_fails(self.hastd.node, self.disk, extent):
            return False
        self.statistics.read_errors += 1
        return self.secondary is None or self.secondary.reads_fail(extent)

    def read(self) -> set[WritePiece]:
        """All that is read from the device: of the own disk, and what that cannot read of the peer's."""
        if not self.disk.failing:
            return self.disk.pieces()
        on_disk: set[WritePiece] = set()
        for extent, pieces in self.disk.extents.items():
            if self.disk.read_error(extent) is None:
                on_disk |= pieces
        if self.secondary is not None and self.secondary.alive:
            theirs = self.secondary.disk
            for extent, pieces in theirs.extents.items():
                if self.disk.read_error(extent) is not None and theirs.read_error(extent) is None:
                    on_disk |= pieces
        return on_disk
