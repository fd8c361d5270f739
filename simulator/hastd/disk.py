"""The local provider of one resource on one node: metadata, activemap, and extents with pieces of writes.

A disk survives everything but its own replacement. Whoever writes to it (a HAST worker, or nobody) decides which
extents are dirty; the disk only stores. Extent 0 also holds the superblock, which is replicated like everything else.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from simulator.account.writes import WritePiece
from simulator.hastd.metadata import EXTENTSIZE, LOCALOFF, Metadata

SECTORS = EXTENTSIZE // 512
"""Sectors of one extent."""


@dataclass(frozen=True, slots=True)
class Superblock:
    """What fsck and mount look at (fs.h): whether the file system was unmounted cleanly, and the journal."""

    clean: bool = True
    journal: bool = False
    """There are records in the journal of soft updates."""
    made: float = 0.0
    """When newfs ran."""
    root_immutable: bool = False
    """The flag schg of its root directory."""


@dataclass(frozen=True, slots=True)
class PoolLabel:
    """What zpool import looks at: the label of a ZFS pool of one device, and the newest uberblock (vdev_label.c)."""

    name: str
    guid: int
    hostname: str
    hostid: int
    """Of the host that imported it last."""
    made: float
    """When zpool create ran."""
    mountpoint: str
    sharenfs: str = "off"
    """Two properties of its root dataset, which is the only one."""
    exported: bool = False
    txg: int = 4
    """The number of the last transaction group, and when it was written, by the clock of the host that wrote it."""
    at: float = 0.0
    root_immutable: bool = False
    """The flag schg of its root directory."""
    snapshots: tuple[tuple[str, float], ...] = ()
    """What stands after `@`, and when each was taken, by the clock of the host that took it."""


OnDisk = Superblock | PoolLabel


@dataclass(slots=True)
class Disk:
    """One local provider. `bad` makes reads or writes fail with EIO; `present` False makes it vanish from /dev."""

    path: str
    size: int
    metadata: Metadata | None = None
    present: bool = True
    bad_reads: dict[int, int] = field(default_factory=dict)
    bad_writes: dict[int, int] = field(default_factory=dict)
    """Extents with a bad sector, and its number, for reading and for writing."""
    broken: bool = False
    """Every read and write fails with EIO."""
    fails_writes: bool = False
    """Every write, delete and flush fails with EIO, reads succeed."""
    takes_deletes: bool = True
    takes_flushes: bool = True
    """It knows BIO_DELETE and BIO_FLUSH; otherwise each of them is answered with EOPNOTSUPP."""
    superblock: OnDisk | None = None
    """Of the file system, or the label of the pool, that was made on it last."""
    extents: dict[int, set[WritePiece]] = field(default_factory=dict)
    active: set[int] = field(default_factory=set)
    """The activemap on disk: extents that may differ from the peer's (activemap.c)."""
    half_synchronised: bool = False
    """A synchronisation of it has begun, and none has been completed since: nothing on it tells what it lacks."""
    missed: dict[int, set[WritePiece]] = field(default_factory=dict)
    """Extents of which a write failed here or was forgotten (`synchronisation._forget`), or bits have flipped, and that
    was not made good since: with the pieces that are not read from them. It is for the account alone."""
    flips: dict[int, int] = field(default_factory=dict)
    """Extents in which bits have flipped silently, and the number of the event."""
    recent: list[int] = field(default_factory=list)
    """The most recently written of them: up to keepdirty extents stay in the map although both copies agree
    (freebsd-facts: dirty-after-a-switchover)."""

    @property
    def datasize(self) -> int:
        """What HAST offers of it, in bytes."""
        return self.size - LOCALOFF

    def pieces(self) -> set[WritePiece]:
        """Everything of any write that is on this disk."""
        return set().union(*self.extents.values())

    def was_written(self, extent: int) -> bool:
        """Something was written to the extent, ever."""
        return extent in self.extents

    def put(self, extent: int, pieces: set[WritePiece]) -> None:
        """Store pieces in an extent, beside what is there."""
        self.extents.setdefault(extent, set()).update(pieces)
        left = self.missed.get(extent, set()) - pieces
        if left:
            self.missed[extent] = left
        else:
            self.missed.pop(extent, None)

    def miss(self, extent: int, pieces: set[WritePiece]) -> None:
        """A write of these pieces has failed: what was there before is there still."""
        lacks = pieces - self.extents.get(extent, set())
        self.missed.setdefault(extent, set()).update(lacks)

    def flip(self, extent: int, number: int) -> None:
        """Bits of an extent flip and no error tells: what was written to it is not what is read."""
        self.flips[extent] = number
        self.missed.setdefault(extent, set()).update(self.extents.pop(extent, set()))

    @property
    def flipped(self) -> set[WritePiece]:
        """What is not read from it because bits have flipped there."""
        return set().union(*(self.missed.get(extent, set()) for extent in self.flips))

    @property
    def damaged(self) -> set[int]:
        """The extents that hold something else than what was written to them."""
        return self.missed.keys() | self.flips.keys()

    def lacks(self, pieces: Iterable[WritePiece]) -> bool:
        """Some of these pieces were written to it, and are not read from it."""
        return any(not lacking.isdisjoint(pieces) for lacking in self.missed.values())

    def differs(self, other: Disk, extent: int) -> bool:
        """The two disks don't hold the same in this extent."""
        if extent == 0 and self.superblock != other.superblock:
            return True
        if self.flips.get(extent) != other.flips.get(extent):
            return True
        return self.extents.get(extent, set()) != other.extents.get(extent, set())

    def copy_extent(self, source: Disk, extent: int) -> set[WritePiece]:
        """Make one extent equal to that of `source`; give back the pieces that this overwrote."""
        gone = self.extents.get(extent, set()) - source.extents.get(extent, set())
        self.extents[extent] = set(source.extents.get(extent, set()))
        self.missed.pop(extent, None)  # what the source has wrong is wrong here too from now on
        self.flips.pop(extent, None)
        if extent in source.missed:
            self.missed[extent] = set(source.missed[extent])
        if extent in source.flips:
            self.flips[extent] = source.flips[extent]
        if extent == 0:
            self.superblock = source.superblock
        return gone

    def read_error(self, extent: int) -> int | None:
        """The sector at which a read of this extent fails, None when it succeeds."""
        return extent * SECTORS if self.broken else self.bad_reads.get(extent)

    def write_error(self, extent: int) -> int | None:
        """The sector at which a write to this extent fails, None when it succeeds."""
        return extent * SECTORS if self.broken or self.fails_writes else self.bad_writes.get(extent)

    @property
    def failing(self) -> bool:
        """Some part of it can't be read or written."""
        return self.broken or self.fails_writes or bool(self.bad_reads or self.bad_writes)

    def touch(self, extent: int, keepdirty: int) -> bool:
        """Note a write in the activemap on disk; say whether the map had to be written (activemap_write_start())."""
        new = extent not in self.active
        self.active.add(extent)
        if extent in self.recent:
            self.recent.remove(extent)
        self.recent.append(extent)
        del self.recent[: max(0, len(self.recent) - keepdirty)]
        return new

    def settle(self, dirty: set[int]) -> None:
        """Shrink the activemap on disk to what is dirty and what is kept for the sake of fewer map writes."""
        self.active = dirty | set(self.recent)

    def clear_map(self) -> None:
        """A secondary that follows has nothing of its own (secondary.c: `Local activemap cleared`)."""
        self.active.clear()
        self.recent.clear()

    def replace(self) -> None:
        """A new, empty disk in the same place."""
        self.metadata = None
        self.superblock = None
        self.bad_reads.clear()
        self.bad_writes.clear()
        self.missed.clear()
        self.flips.clear()
        self.broken = self.fails_writes = self.half_synchronised = False
        self.extents.clear()
        self.clear_map()
