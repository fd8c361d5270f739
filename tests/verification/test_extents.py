"""A copy on a real file, read behind the metadata and hashed extent by extent."""

from __future__ import annotations

import ctypes
import hashlib
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checks.probes.errors import CommandFailed, NotFound
from checks.probes.hast import Metadata, Role
from remediate.verification.extents import BLOCK, DIGEST, METADATA_SIZE, CopyLocation, LocalExtents, bits, provider

OFFSET = 4608


def pattern(size: int) -> bytes:
    """So many bytes, no two blocks of which are alike."""
    return hashlib.shake_128(size.to_bytes(8)).digest(size)


def digest(content: bytes) -> bytes:
    """What the hash of an extent must be."""
    return hashlib.blake2b(content, digest_size=DIGEST).digest()


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 200_000), st.sampled_from([512, 4096, 65536, 1 << 20]), st.data())
def test_each_extent_has_the_hash_of_its_bytes(
    tmp_path_factory: pytest.TempPathFactory, size: int, extentsize: int, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("copy") / "disk"
    content = pattern(size)
    path.write_bytes(b"m" * OFFSET + content + b"behind the data")
    where = CopyLocation(str(path), OFFSET, size, extentsize)
    numbers = data.draw(st.lists(st.integers(0, where.extents - 1), max_size=20))
    with LocalExtents(where) as extents:
        hashes = extents.digests(numbers)
    assert hashes == [digest(content[each * extentsize : (each + 1) * extentsize]) for each in numbers]


def test_an_extent_of_many_blocks_is_one_hash(tmp_path: Path) -> None:
    content = pattern(3 * BLOCK + 512)
    (tmp_path / "disk").write_bytes(b"m" * OFFSET + content)
    where = CopyLocation(str(tmp_path / "disk"), OFFSET, len(content), 4 * BLOCK)
    with LocalExtents(where) as extents:
        assert extents.digests([0]) == [digest(content)]


def test_an_extent_that_the_disk_cannot_read_has_no_hash_and_the_others_have() -> None:
    """/proc/self/mem answers EIO where nothing is mapped, as a disk with a bad sector does."""
    content = bytearray(pattern(8192))
    begin = ctypes.addressof(ctypes.c_char.from_buffer(content))
    low = CopyLocation("/proc/self/mem", 1, 4096, 4096)
    there = CopyLocation("/proc/self/mem", begin, 8192, 4096)
    with LocalExtents(low) as unmapped, LocalExtents(there) as mapped:
        assert unmapped.digests([0]) == [None]
        assert mapped.digests([1, 0]) == [digest(bytes(content[4096:])), digest(bytes(content[:4096]))]


def test_a_disk_that_ends_within_the_data_is_no_copy(tmp_path: Path) -> None:
    (tmp_path / "disk").write_bytes(b"m" * 9000)
    with LocalExtents(CopyLocation(str(tmp_path / "disk"), OFFSET, 8192, 4096)) as extents:
        assert extents.digests([0]) == [digest(b"m" * 4096)]
        with pytest.raises(CommandFailed, match="ends at 9000 bytes"):
            extents.digests([1])


def test_what_is_no_disk_is_not_read(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        LocalExtents(CopyLocation(str(tmp_path / "none"), OFFSET, 1, 512))
    with pytest.raises(CommandFailed, match="neither a disk nor a file"):
        LocalExtents(CopyLocation(str(tmp_path), OFFSET, 1, 512))


@pytest.mark.slow
def test_memory_does_not_grow_with_the_size(tmp_path: Path) -> None:
    """A hole of 256 MiB, in far less."""
    with (tmp_path / "disk").open("wb") as file:
        file.truncate(OFFSET + (256 << 20))
    with LocalExtents(CopyLocation(str(tmp_path / "disk"), OFFSET, 256 << 20, 2 << 20)) as extents:
        tracemalloc.start()
        try:
            assert len(extents.digests(range(128))) == 128
            assert tracemalloc.get_traced_memory()[1] < 1 << 20
        finally:
            tracemalloc.stop()


def test_metadata_that_do_not_say_where_the_data_lies_are_refused() -> None:
    known = Metadata("home", 1 << 28, 1 << 21, 64, 5, 0, 0, Role.PRIMARY, OFFSET)
    assert provider("/dev/vtbd1", known) == CopyLocation("/dev/vtbd1", OFFSET, 1 << 28, 1 << 21)
    with pytest.raises(CommandFailed):
        provider("/dev/vtbd1", known._replace(localoff=0))


# --- hastd's map ---------------------------------------------------------------------------------------------------


@given(st.sets(st.integers(0, 511)), st.integers(0, 600))
def test_a_bit_of_the_map_is_an_extent(numbers: set[int], count: int) -> None:
    """bitstring(3), as sys/bitstring.h has it: unsigned longs."""
    long = ctypes.sizeof(ctypes.c_ulong) * 8
    words = (ctypes.c_ulong * (512 // long))()
    for number in numbers:
        words[number // long] |= 1 << number % long
    assert bits(bytes(words), count) == {number for number in numbers if number < count}


def test_the_map_lies_between_the_metadata_and_the_data(tmp_path: Path) -> None:
    marked = (1 << 3 | 1 << 70).to_bytes(OFFSET - METADATA_SIZE, "little")
    (tmp_path / "disk").write_bytes(b"m" * METADATA_SIZE + marked + b"\xff" * 4096)
    with LocalExtents(CopyLocation(str(tmp_path / "disk"), OFFSET, 4096 * 100, 4096)) as extents:
        assert extents.marked() == {3, 70}


@pytest.mark.parametrize("offset", [0, METADATA_SIZE, 1 << 40])
def test_metadata_that_leave_no_room_for_a_map_are_not_believed(tmp_path: Path, offset: int) -> None:
    (tmp_path / "disk").write_bytes(b"m" * 8192)
    where = CopyLocation(str(tmp_path / "disk"), offset, 4096, 4096)
    with LocalExtents(where) as extents, pytest.raises(CommandFailed, match="has no map of extents"):
        extents.marked()


def test_a_provider_that_ends_within_its_map_is_said_to(tmp_path: Path) -> None:
    (tmp_path / "disk").write_bytes(b"m" * (METADATA_SIZE + 100))
    where = CopyLocation(str(tmp_path / "disk"), OFFSET, 4096, 4096)
    with LocalExtents(where) as extents, pytest.raises(CommandFailed, match="ends within its map"):
        extents.marked()
