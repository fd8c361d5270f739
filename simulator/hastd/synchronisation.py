"""Copying the extents that differ from one node to the other, at the speed of the table of costs.

primary.c, sync_thread().
It begins with every connection. With nothing to copy it only sets the counters and is not announced. When it is done,
the primary's counters become those of the secondary, crosswise, and so don't grow for ever (freebsd-facts:
counters-cross-after-a-sync, events-come-in-any-order).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.account.writes import LossCause
from simulator.hastd.component import read_fails, write_fails
from simulator.hastd.daemon import replicates_both_ways

if TYPE_CHECKING:
    from simulator.clock import Steps
    from simulator.hastd.primary import Primary
    from simulator.hastd.secondary import SecondaryWorker


RANGE_LOCKED = 0.05
"""Seconds until a synchronisation looks again at extents with writes underway (range_sync and range_regular)."""


def synchronise(primary: Primary, secondary: SecondaryWorker, from_secondary: bool) -> Steps[None]:
    """Copy every dirty extent, one after another, then settle the counters. Ends with the connection."""
    announced = bool(primary.dirty)
    target = primary if from_secondary else secondary
    if announced:
        target.disk.half_synchronised = True
        primary.hastd.event(primary.resource, "syncstart")
    costs = primary.hastd.costs
    full = primary.metadata.extentsize / costs.sync_bytes_per_second
    while primary.dirty:
        free = primary.dirty - primary.inflight.keys()
        if not free:
            yield RANGE_LOCKED
            continue
        extent = min(free)
        written = primary.disk.was_written(extent) or secondary.disk.was_written(extent)
        yield full if written else costs.sync_empty_extent
        if not _working(primary, secondary):
            primary.no_answer()
            while not _working(primary, secondary):
                yield full
        if extent not in primary.dirty or extent in primary.inflight:
            continue
        _copy(primary, secondary, extent, from_secondary)
        secondary.hear()
        primary.dirty.discard(extent)
        primary.settle_map()
    if announced:
        primary.hastd.event(primary.resource, "syncdone")
    primary.disk.half_synchronised = secondary.disk.half_synchronised = False
    _forget(primary, secondary)
    primary.reads_remotely, primary.reads_directly = False, True
    peer = secondary.disk.metadata
    assert peer is not None
    primary.update(localcnt=peer.remotecnt, remotecnt=peer.localcnt)


def _forget(primary: Primary, secondary: SecondaryWorker) -> None:
    """Both call the copies the same now. What the peer had not answered when the connection was lost, and nobody has
    copied since, is on one of them only: for the account it is a write that failed there."""
    for extent in primary.forgotten - primary.behind:
        if primary.disk.differs(secondary.disk, extent):
            secondary.disk.miss(extent, primary.disk.extents.get(extent, set()))
    primary.forgotten &= primary.behind


def _copy(primary: Primary, secondary: SecondaryWorker, extent: int, from_secondary: bool) -> None:
    """Copy one extent. One that cannot be read, or not be written, is marked clean all the same (sync_thread(),
    free_queue), and the primary counts neither: only what passes ggate_send_thread() is counted there."""
    source, target = (secondary, primary) if from_secondary else (primary, secondary)
    here = primary.hastd.node
    unread = secondary.reads_fail(extent) if from_secondary else read_fails(here, primary.disk, extent)
    if unread or (write_fails(here, primary.disk, extent) if from_secondary else not secondary.synchronises(extent)):
        target.disk.miss(extent, source.disk.extents.get(extent, set()))
        return
    gone = target.disk.copy_extent(source.disk, extent)
    target.hastd.node.discard(target.disk, gone, LossCause.OVERWRITTEN)


def _working(primary: Primary, secondary: SecondaryWorker) -> bool:
    """Both workers run and hear each other."""
    here, there = primary.hastd.node, secondary.hastd.node
    return secondary.alive and not secondary.stopped and not primary.stopped and replicates_both_ways(here, there)
