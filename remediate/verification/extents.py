"""A copy as it lies on its local provider, extent by extent, as hashes.

hastd has the provider open for writing meanwhile, which keeps nobody from reading it (freebsd-facts:
provider-can-be-read): FreeBSD has no buffer cache for disks, so that what is read is what hastd wrote
(sys/kern/kern_physio.c, physio()). Where the data
begins, `localoff`, is in the metadata (sbin/hastd/metadata.c, metadata_read(); hastd adds it to every offset, primary.c
local_send_thread(), secondary.c disk_thread()).
"""

from __future__ import annotations

import errno
import hashlib
import mmap
import os
import stat
from array import array
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import NamedTuple, Protocol

from checks.probes.errors import CommandFailed, why_unread
from checks.probes.hast import Metadata

METADATA_SIZE = 4096
"""Bytes of metadata (sbin/hastd/metadata.h); hastd's map of extents fills the rest up to `localoff` (hastctl.c,
create_one(): localoff is METADATA_SIZE + mapsize)."""
LARGEST_MAP = 64 << 20
"""Bytes of a map that is read: that of 2^29 extents, a petabyte."""
BLOCK = 2 << 20
"""Bytes of one read(2): an extent as FreeBSD makes them, so that Python does little for much data."""
DIGEST = 32
"""Bytes of a hash. Two extents that differ have the same with a probability of 2^-256."""


class CopyLocation(NamedTuple):
    """Where a copy lies: a device, and the bytes behind HAST's metadata."""

    path: str
    offset: int
    size: int
    extentsize: int

    @property
    def extents(self) -> int:
        """How many extents there are; the last one may be shorter (activemap.c, activemap_init())."""
        return -(-self.size // self.extentsize)

    def length(self, extent: int) -> int:
        """Bytes of an extent."""
        return min(self.extentsize, self.size - extent * self.extentsize)


class Digests(Protocol):
    """What hashes a copy."""

    def digests(self, numbers: Sequence[int]) -> list[bytes | None]:
        """The hash of each extent, None for one that the disk cannot read (EIO). Raises ProbeError."""


class Extents(Digests, Protocol):
    """What reads a copy, and hastd's map of it."""

    def marked(self) -> frozenset[int]:
        """The extents in hastd's map on the disk: what is dirty, and what it keeps dirty to write the map less often.
        Raises ProbeError."""

    def close(self) -> None:
        """Nothing more is read."""


def provider(path: str, metadata: Metadata) -> CopyLocation:
    """Where a copy lies. Raises CommandFailed where its metadata do not say."""
    if metadata.localoff <= 0 or metadata.datasize <= 0 or metadata.extentsize <= 0:
        raise CommandFailed(f"the metadata of {metadata.name} do not say where its data lies")
    return CopyLocation(path, metadata.localoff, metadata.datasize, metadata.extentsize)


class LocalExtents:
    """A provider of this machine. The next block is read while the last one is hashed: both leave Python's lock to
    others, and a disk that waits for its next request does nothing. Memory for two blocks, whatever the size."""

    def __init__(self, where: CopyLocation) -> None:
        """Raises NotFound, NotPermitted, CommandFailed."""
        self.where = where
        self._file = _opened(where.path)
        size = min(BLOCK, where.extentsize)
        self._buffers = [memoryview(mmap.mmap(-1, size)) for _ in range(2)]
        self._reader = ThreadPoolExecutor(1)

    def __enter__(self) -> LocalExtents:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """What is being read is waited for."""
        self._reader.shutdown()
        os.close(self._file)

    def digests(self, numbers: Sequence[int]) -> list[bytes | None]:
        """As Digests says. Raises CommandFailed where the provider is gone or ends too early."""
        hashes: list[hashlib.blake2b | None] = [hashlib.blake2b(digest_size=DIGEST) for _ in numbers]
        for at, block in self._blocks(numbers):
            hasher = hashes[at]
            if block is None:
                hashes[at] = None
            elif hasher is not None:
                hasher.update(block)
        return [hasher and hasher.digest() for hasher in hashes]

    def marked(self) -> frozenset[int]:
        """As Extents says. Raises CommandFailed."""
        size = self.where.offset - METADATA_SIZE
        if not 0 < size <= LARGEST_MAP:
            raise CommandFailed(f"{self.where.path} has no map of extents of {size} bytes")
        try:
            raw = os.pread(self._file, size, METADATA_SIZE)
        except OSError as error:
            raise CommandFailed(f"the map on {self.where.path} cannot be read: {error.strerror}") from None
        if len(raw) != size:
            raise CommandFailed(f"{self.where.path} ends within its map")
        return bits(raw, self.where.extents)

    def _blocks(self, numbers: Sequence[int]) -> Iterator[tuple[int, memoryview | None]]:
        """The blocks of the extents, each valid until the next but one is asked for; None for one with a read error."""
        wanted = [
            (at, begin, min(BLOCK, self.where.length(extent) - begin), extent)
            for at, extent in enumerate(numbers)
            for begin in range(0, self.where.length(extent), BLOCK)
        ]

        def read(number: int) -> memoryview | None:
            _, begin, length, extent = wanted[number]
            return self._read(self._buffers[number % 2][:length], extent * self.where.extentsize + begin)

        begun = self._reader.submit(read, 0) if wanted else None
        for number, (at, *_) in enumerate(wanted):
            assert begun is not None
            block = begun.result()
            begun = self._reader.submit(read, number + 1) if number + 1 < len(wanted) else None
            yield at, block

    def _read(self, into: memoryview, at: int) -> memoryview | None:
        """Raises CommandFailed."""
        done = 0
        while done < len(into):
            try:
                count = os.preadv(self._file, [into[done:]], self.where.offset + at + done)
            except OSError as error:
                if error.errno == errno.EIO:
                    return None
                raise CommandFailed(f"{self.where.path} cannot be read: {error.strerror}") from None
            if count == 0:
                raise CommandFailed(f"{self.where.path} ends at {self.where.offset + at + done} bytes, within the data")
            done += count
        return into


def bits(raw: bytes, count: int) -> frozenset[int]:
    """The numbers below `count` of the bits that are set in a string of bitstring(3): unsigned longs in the machine's
    own order (sys/sys/bitstring.h, _bit_idx())."""
    words = array("L", raw[: len(raw) // array("L").itemsize * array("L").itemsize])
    width = 8 * words.itemsize
    dirty = (at * width + bit for at, word in enumerate(words) if word for bit in range(width) if word >> bit & 1)
    return frozenset(number for number in dirty if number < count)


def _opened(path: str) -> int:
    """Raises NotFound, NotPermitted, CommandFailed."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise why_unread(path, error) from None
    if not any(kind(os.fstat(file).st_mode) for kind in (stat.S_ISCHR, stat.S_ISBLK, stat.S_ISREG)):
        os.close(file)
        raise CommandFailed(f"{path} is neither a disk nor a file")
    return file
