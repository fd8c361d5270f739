"""A mounted HAST file system as the rest of a node sees it, whatever its kind; the kinds are in `ufs.py` and `zfs.py`.

What is common: files made of numbered writes, buffers with pieces that are not on the device yet, where in the extents
of the device things lie, and how a write gets there. What differs is when the buffers are written and what becomes of
the mount when its device goes away.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, NamedTuple, Protocol

from simulator.account.writes import LossCause, Part, Write, WritePiece
from simulator.clock import Completion, Steps, finished
from simulator.hastd.component import DeviceWrite
from simulator.hastd.daemon import HastdHost
from simulator.hastd.disk import Disk
from simulator.hastd.metadata import EXTENTSIZE
from simulator.hastd.replication import PrimaryWorker
from simulator.host.files import File

if TYPE_CHECKING:
    from simulator.host.processes import RunningProcess
    from simulator.layout import ResourceLayout

SUPERBLOCK_EXTENT, NAMES_EXTENT, FIRST_DATA_EXTENT = 0, 1, 2
"""Where the simulation puts things: superblock and journal (of ZFS the label), directories and inodes, contents."""

FRAGMENT = 4096


@dataclass(slots=True)
class StoredFile:
    """One file below the mount point: the number of the write that created it and the writes it consists of."""

    creation: int
    writes: list[Write] = field(default_factory=list)
    size: int = 0
    changed: float = 0.0

    @property
    def text(self) -> str:
        """What cat prints."""
        return "".join(write.text for write in self.writes)


class Usage(NamedTuple):
    """One line of df: kilobytes, inodes, and where it is mounted."""

    name: str
    total: int
    used: int
    free: int
    iused: int
    ifree: int
    where: str


class MountTable(Protocol):
    """What a mount needs of the file systems of its node (`filesystems.py`)."""

    mounts: dict[str, Mount]


class MountHost(HastdHost, Protocol):
    """What a mount needs of its node."""

    @property
    def filesystems(self) -> MountTable:
        """Where it is entered."""
        ...


class Mount(ABC):
    """One mounted HAST file system with its buffers."""

    fstype: ClassVar[str]
    """mount(8)'s word for the kind."""
    options: tuple[str, ...]
    """What mount(8) shows behind the kind and `NFS exported`."""

    def __init__(self, node: MountHost, resource: ResourceLayout, disk: Disk) -> None:
        self.node, self.resource, self.disk = node, resource, disk
        self.exported = False
        self.full = False
        self.users: list[RunningProcess] = []
        """Local processes that have something open on it (`local_users.py`)."""
        self.buffered: dict[WritePiece, tuple[int, ...]] = {}
        """Pieces that are not on the device yet, and the extents they belong to."""
        self.files: dict[str, StoredFile] = {}
        self._read_files()

    @property
    def source(self) -> str:
        """What mount(8) names before `on`."""
        return self.resource.filesystem_device

    @property
    def replicated(self) -> str:
        """The resource whose writes it holds."""
        return self.resource.name

    @property
    def state(self) -> str:
        """One word for people."""
        return "mounted"

    @property
    def read_only(self) -> bool:
        """It takes no files."""
        return "read-only" in self.options

    def become(self, read_only: bool) -> None:
        """Read-only, or as it was when it was mounted; a read-only UFS has no soft updates (softdep_unmount())."""
        local, *others = type(self).options
        remaining = [word for word in others if "soft-updates" not in word]
        self.options = (local, "read-only", *remaining) if read_only else type(self).options

    @property
    def attached(self) -> bool:
        """It is (still) mounted."""
        return self.node.filesystems.mounts.get(self.resource.mountpoint) is self

    def detach(self) -> None:
        """Take it out of the list of mounts."""
        if self.attached:
            del self.node.filesystems.mounts[self.resource.mountpoint]

    @abstractmethod
    def own_files(self) -> dict[str, File]:
        """What ls(1) shows below the mount point beside the files that were written there."""

    @abstractmethod
    def usage(self) -> Usage:
        """Its line of df(1)."""

    @property
    def root_immutable(self) -> bool:
        """Its root directory has the flag schg: no new files (chflags(1))."""
        return self.disk.superblock is not None and self.disk.superblock.root_immutable

    @abstractmethod
    def flag_root(self, immutable: bool) -> Completion[bool]:
        """chflags schg or noschg of its root directory; on the device when the completion says True."""

    # --- reading ---------------------------------------------------------------------------------------------

    def _read_files(self) -> None:
        """What is found on the disk: files whose name is there, with the contents that are there."""
        on_disk = self._read_device()
        for write in self.node.pair.ledger.writes:
            if write.resource != self.replicated or WritePiece(write.creation, Part.NAME) not in on_disk:
                continue
            if write.creation in self.node.pair.ledger.removed:
                continue
            file = self.files.setdefault(write.file, StoredFile(write.creation, changed=write.at))
            if file.creation != write.creation:
                file = self.files[write.file] = StoredFile(write.creation, changed=write.at)
            if WritePiece(write.number, Part.CONTENT) in on_disk:
                if not write.append:
                    file.writes.clear()
                    file.size = 0
                file.writes.append(write)
                file.size += write.size
                file.changed = write.at

    def _read_device(self) -> set[WritePiece]:
        """What is read, through HAST where it is mounted from there."""
        known = self.node.hastd.resources.get(self.resource.name)
        worker = known.worker if known is not None else None
        return worker.read() if isinstance(worker, PrimaryWorker) else self.disk.pieces()

    def shows(self, write: Write) -> bool:
        """A client of this mount sees the write. What the cache of the system still has does not count: the next read
        may be one of the device."""
        file = self.files.get(write.file)
        if file is None or file.creation != write.creation or write not in file.writes:
            return False
        return not (self.disk.lacks(write.pieces) and not self._read_device().issuperset(write.pieces))

    # --- writing ---------------------------------------------------------------------------------------------

    def write(
        self, name: str, text: str, *, size: int | None = None, append: bool = False, commit: bool = False
    ) -> tuple[Write, Completion[bool]]:
        """Write a file. With `commit` (NFS) the content goes to the device before the completion says True.

        Raises OSError (28 when the file system is full, 30 when it is read-only), and PermissionError for a new file
        where the root is immutable.
        """
        self._refuse_read_only(name)
        if self.full:
            raise OSError(28, "No space left on device", name)
        file = self.files.get(name)
        if file is None and self.root_immutable:
            raise PermissionError(1, "Operation not permitted", name)
        write = self._enter(name, text, size, append)
        if file is None:
            file = self.files[name] = StoredFile(write.number)
        elif not append:
            self.node.pair.ledger.superseded |= {old.number for old in file.writes}
            file.writes.clear()
            file.size = 0
        file.writes.append(write)
        file.size += write.size
        file.changed = write.at
        return write, self._store(write, commit)

    def _refuse_read_only(self, name: str) -> None:
        if self.read_only:
            raise OSError(30, "Read-only file system", name)

    def _enter(self, name: str, text: str, size: int | None, append: bool) -> Write:
        """Number a write and give it its place on the device."""
        file, length = self.files.get(name), len(text.encode()) if size is None else size
        return self.node.pair.ledger.enter(
            self.resource.name,
            name,
            file.creation if file else None,
            self._allocate(length),
            text,
            length,
            self.node.name,
            self.node.now,
            append,
        )

    @abstractmethod
    def _store(self, write: Write, commit: bool) -> Completion[bool]:
        """Put a write into the buffers or on the device; finished when it is as safe as was asked for."""

    def _allocate(self, length: int) -> int:
        taken = self.node.pair.ledger.allocated
        at = taken.get(self.resource.name, 0)
        taken[self.resource.name] = at + max(FRAGMENT, -(-length // FRAGMENT) * FRAGMENT)
        room = max(1, -(-self.disk.datasize // EXTENTSIZE) - FIRST_DATA_EXTENT)
        return FIRST_DATA_EXTENT + (at // EXTENTSIZE) % room

    @abstractmethod
    def flush(self, names: set[str] | None = None) -> Completion[bool]:
        """Write buffers to the device: all of them, or those of some files and their directory (fsync(2))."""

    @abstractmethod
    def schedule_sync(self) -> None:
        """sync(8): begin to write the buffers, and return before that is done."""

    def _take(self, names: set[str] | None) -> list[DeviceWrite]:
        """Take out of the buffers what `flush` of these files has to write.

        The names of other new files go with them: empty files in the directory's block of UFS (recorded), records of
        the same intent log in ZFS (zil.c: creations are synchronous records of all files).
        """
        numbers: set[int] = set()
        for name in self.files if names is None else names & self.files.keys():
            numbers |= {write.number for write in self.files[name].writes} | {self.files[name].creation}
        chosen = [
            piece for piece in self.buffered if names is None or piece.number in numbers or piece.part is Part.NAME
        ]
        by_extent: dict[int, set[WritePiece]] = {}
        for piece in chosen:
            for extent in self.buffered.pop(piece):
                by_extent.setdefault(extent, set()).add(piece)
        return [DeviceWrite(extent, frozenset(pieces)) for extent, pieces in sorted(by_extent.items())]

    def remove(self, name: str) -> None:
        """rm: the file is gone from both disks; that its removal is delayed too is not simulated.

        Raises OSError (30).
        """
        self._refuse_read_only(name)
        file, ledger = self.files.pop(name), self.node.pair.ledger
        ledger.removed.add(file.creation)
        ledger.superseded |= {write.number for write in file.writes}
        for piece in [piece for piece in self.buffered if piece.number == file.creation]:
            del self.buffered[piece]

    # --- the end of a mount ----------------------------------------------------------------------------------

    @abstractmethod
    def unmount(self) -> Steps[bool]:
        """Cleanly: everything to the device first. False when the device went away meanwhile.

        Raises OSError (16) while local processes use it: its buffers are on the device then all the same.
        """

    @abstractmethod
    def unmount_by_force(self) -> Steps[bool]:
        """umount -f, while nobody serves the device."""

    @abstractmethod
    def device_gone(self, cause: LossCause) -> None:
        """The device went away under the mount; `cause` is whose doing it is if something is lost by it."""

    def discard(self, cause: LossCause) -> None:
        """What was in the buffers is gone."""
        pieces = set(self.buffered)
        self.node.discard(self.disk, pieces, cause)
        self.buffered = {}


def span(extent: int, size: int, disk: Disk) -> tuple[int, ...]:
    """The extents that content of this size covers, beginning with `extent`."""
    count = max(1, -(-size // EXTENTSIZE))
    last = max(FIRST_DATA_EXTENT, -(-disk.datasize // EXTENTSIZE) - 1)
    return tuple(range(extent, min(last, extent + count - 1) + 1))


def write_device(node: MountHost, resource: str, writes: list[DeviceWrite]) -> Completion[bool]:
    """Write to /dev/hast/NAME; the completion is True when all of it succeeded."""
    outcome: Completion[bool] = Completion()
    left, good = len(writes), True
    if not writes:
        return finished(True)
    for write in writes:
        one: Completion[bool] = Completion()
        node.hastd.device_write(resource, write, one)

        def count(one: Completion[bool] = one) -> None:
            nonlocal left, good
            left -= 1
            good = good and bool(one.value)
            if left == 0:
                outcome.finish(good)

        one.then(count)
    return outcome
