"""The account of the data: every client write has a number, and it can be told at any moment where it is.

A write has two *pieces*. Its **content** reaches the device when the NFS server commits it. Its **name** (directory
entry and inode of a new file) is metadata of UFS soft updates and reaches the device only `kern.filedelay`,
`kern.dirdelay`, `kern.metadelay` seconds later, although the client has its acknowledgement (freebsd-facts:
commit-is-not-the-name, delays-bound-the-loss). After a crash a write is there when both pieces are: a file without a
name is freed by fsck, a name without content is a file full of NUL bytes.

Pieces lie in extents of disks (`disk.py`) and in the buffers of a mounted file system (`ufs.py`). This module knows
numbers and verdicts only.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum


class Part(Enum):
    """The two pieces of a write."""

    CONTENT = "content"
    NAME = "name"


@dataclass(frozen=True, slots=True)
class WritePiece:
    """One piece of a write, as it lies in a buffer or on a disk. NAME pieces bear the number of the file's creation."""

    number: int
    part: Part

    def __hash__(self) -> int:
        return 2 * self.number + (self.part is Part.NAME)  # of all that a campaign does, this is done most often


@dataclass(frozen=True, slots=True)
class Write:
    """One write: `file` below the mount point, the number of the write that created that file, and what is in it."""

    number: int
    resource: str
    file: str
    creation: int
    extent: int
    size: int
    text: str
    node: str
    at: float
    """By the clock of the node, which stamps the file with it."""
    append: bool = True
    """False: the file was truncated first, what it had before is meant to be gone."""
    pieces: tuple[WritePiece, WritePiece] = field(init=False, compare=False, repr=False)
    """What must be on a disk for this write to survive a crash."""

    def __post_init__(self) -> None:
        pieces = WritePiece(self.number, Part.CONTENT), WritePiece(self.creation, Part.NAME)
        object.__setattr__(self, "pieces", pieces)


class LossCause(Enum):
    """Whose doing it is that an acknowledged write is missing."""

    UFS_DELAY = "delayed writes of the file system: acknowledged, and not yet on the device"
    REPLICATION = "the replication: on one disk, and not on the other"
    STEPS = "the order of the steps: a clean unmount at that moment would have saved it"
    ONE_HISTORY = "given up so that the copies stay one history: saving it would have made a split-brain"
    OVERWRITTEN = "a synchronisation from the other node, whose data was kept"
    DISK = "a disk that failed or was replaced"
    DAMAGE = "a copy on which a write failed, or bits have flipped: what was acknowledged is not read from it"


class WriteFate(Enum):
    """Where an acknowledged write is now."""

    SERVED = "clients see it"
    STRANDED = "complete on a disk that does not serve"
    LOST = "on no disk and in no buffer"


@dataclass(frozen=True, slots=True)
class CopyLoss:
    """A node lost its complete copy of a write: which write, why, when, and on which node."""

    number: int
    cause: LossCause
    at: float
    node: str


@dataclass(slots=True)
class WriteLedger:
    """All writes of all clients and nodes, in order, what was acknowledged, and what was discarded where."""

    writes: list[Write] = field(default_factory=list)
    acknowledged: dict[int, float] = field(default_factory=dict)
    """Number of the write: when the client got its acknowledgement."""
    discarded: dict[int, CopyLoss] = field(default_factory=dict)
    """Number of the write: the last time that a node lost a complete copy of it."""
    ordered: dict[tuple[str, float], float] = field(default_factory=dict)
    """Where and when a primary has ended by an order for another role: when that order came."""
    superseded: set[int] = field(default_factory=set)
    """Numbers of writes whose file was overwritten later: nobody misses them."""
    removed: set[int] = field(default_factory=set)
    """Numbers of creations whose file was removed."""
    allocated: dict[str, int] = field(default_factory=dict)
    """Bytes of each resource's file system that files have taken, for placing new ones in extents."""

    def enter(
        self,
        resource: str,
        file: str,
        creation: int | None,
        extent: int,
        text: str,
        size: int,
        node: str,
        at: float,
        append: bool,
    ) -> Write:
        """Number a write; `creation` None makes it the creation of its file."""
        number = len(self.writes)
        born = number if creation is None else creation
        write = Write(number, resource, file, born, extent, size, text, node, at, append)
        self.writes.append(write)
        return write

    def acknowledge(self, write: Write, at: float) -> None:
        """The client was told that the write is safe."""
        self.acknowledged[write.number] = at

    def discard(self, pieces: set[WritePiece], held: set[WritePiece], cause: LossCause, at: float, node: str) -> None:
        """These pieces, out of what `node` held, were thrown away: noted for every write of which it had all, also for
        one whose acknowledgement is still underway to the client.

        What had been incomplete there before is not this one's doing: a recovery overwrites many a content whose name
        a power cut had taken.
        """
        for write in self.writes:
            if not pieces.isdisjoint(write.pieces) and held.issuperset(write.pieces):
                self.discarded[write.number] = CopyLoss(write.number, cause, at, node)

    def of(self, resource: str) -> list[Write]:
        """The acknowledged writes of one resource."""
        wanted = self.acknowledged.keys() - self.superseded
        return [write for write in self.writes if write.resource == resource and write.number in wanted]
