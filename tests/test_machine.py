"""What the kernel fills in, as FreeBSD lays it out; and the calls that every system has."""

from __future__ import annotations

import errno
import os
import socket
import struct
from pathlib import Path

import pytest

from checks.probes.carp import CarpState
from checks.probes.errors import CommandFailed, NotUnderstood
from checks.probes.filesystem import Mount
from remediate.machine import LARGEST, KernelVhid, Machine, answers_as_read, parse_carp, parse_statfs

STATFS = struct.Struct("=IIQ4QqQq4Q10QIIii80s16s1024s1024s")
"""struct statfs of sys/mount.h, FreeBSD 12 and later, field by field."""
VERSION = 0x20140518
LOCAL, SOFTDEP = 0x1000, 0x200000
"""MNT_LOCAL and MNT_SOFTDEP, which mean nothing here."""
CARPREQ = struct.Struct("=5i20s")
"""struct carpreq of netinet/ip_carp.h: count, vhid, state, advskew, advbase, key."""


def statfs(flags: int = 0, version: int = VERSION, device: bytes = b"/dev/hast/home") -> bytes:
    numbers = (4096, 32768, 1000, 500, 460, 300, 200, 1, 2, 3, 4, *[0] * 10, 255, 0, 17, 18)
    return STATFS.pack(version, 53, flags, *numbers, b"", b"ufs", device, b"/hast/home")


@pytest.mark.parametrize(
    ("flags", "read_only", "exported"),
    [(0, False, False), (0x1, True, False), (0x100, False, True), (0x101 | LOCAL | SOFTDEP, True, True)],
)
def test_a_mount_is_read_with_its_flags(flags: int, read_only: bool, exported: bool) -> None:
    assert parse_statfs(statfs(flags)) == Mount("/dev/hast/home", "/hast/home", "ufs", read_only, exported, "")


def test_a_device_of_the_greatest_length_ends_where_its_field_does() -> None:
    assert parse_statfs(statfs(device=b"d" * 1024)).device == "d" * 1024


def test_a_device_that_is_no_text_is_shown() -> None:
    assert parse_statfs(statfs(device=b"pool/\xff")).device == "pool/\\xff"


@pytest.mark.parametrize("raw", [b"", statfs()[:-1], statfs() + b"\0", statfs(version=0x20030518)])
def test_another_structure_is_not_understood(raw: bytes) -> None:
    """FreeBSD 11 had shorter names, and an older version number."""
    with pytest.raises(CommandFailed, match="another structure"):
        parse_statfs(raw)


@pytest.mark.parametrize(("number", "state"), list(enumerate([CarpState.INIT, CarpState.BACKUP, CarpState.MASTER])))
def test_a_virtual_host_is_read_in_its_state(number: int, state: CarpState) -> None:
    assert parse_carp(CARPREQ.pack(1, 2, number, 100, 1, b"key"), 2) == KernelVhid(state, advbase=1, advskew=100)


@pytest.mark.parametrize(
    "request_",
    [(1, 3, 2, 100, 1), (0, 2, 2, 100, 1), (1, 2, 3, 100, 1), (1, 2, -1, 100, 1)],
    ids=["another vhid", "no count", "a state that is none", "a negative state"],
)
def test_another_virtual_host_is_not_taken_for_the_one_that_was_asked_for(request_: tuple[int, ...]) -> None:
    with pytest.raises(CommandFailed, match="vhid 2"):
        parse_carp(CARPREQ.pack(*request_, b""), 2)


def test_a_file_that_is_larger_than_any_of_ours_is_refused_and_not_read(tmp_path: Path) -> None:
    """Any user can make a log so, in the hour until newsyslog(8) looks at it, and a failover reads the logs."""
    log = tmp_path / "messages"
    log.write_text("x" * (LARGEST + 1))
    with pytest.raises(NotUnderstood, match=r"more than 4194304 bytes of .*messages"):
        Machine().read(str(log))
    os.truncate(log, LARGEST)
    assert len(Machine().read(str(log))) == LARGEST


def test_a_connection_to_a_port_where_something_listens_succeeds_and_to_another_one_is_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert Machine().connects("127.0.0.1", port, 5) == 0
    assert Machine().connects("127.0.0.1", port, 5) == errno.ECONNREFUSED


def test_a_connection_without_a_route_says_so() -> None:
    assert Machine().connects("255.255.255.255", 1, 5) in (errno.ENETUNREACH, errno.EACCES, errno.EHOSTUNREACH)


def test_a_mount_point_that_is_not_there_takes_no_files(tmp_path: Path) -> None:
    assert Machine().takes_no_files(str(tmp_path / "nothing"))


ROOT = Mount("/dev/ada0p2", "/", "ufs", False, False, "")


class Told(Machine):
    """A kernel that gives these mounts and this integer for everything, or fails so."""

    def __init__(self, root: Mount | None = ROOT, listed: tuple[Mount, ...] = (ROOT,), number: int = 1302001,
                 error: Exception | None = None) -> None:  # fmt: skip
        self.root, self.listed, self.number, self.error = root, listed, number, error

    def mounted(self, point: str) -> Mount | None:
        if self.error is not None:
            raise self.error
        return self.root

    def mounts(self) -> tuple[Mount, ...]:
        return self.listed

    def integer(self, name: str) -> int:
        return self.number


@pytest.mark.parametrize(
    ("kernel", "trusted"),
    [
        (Told(), True),
        (Told(root=None), False),
        (Told(listed=()), False),
        (Told(listed=(ROOT._replace(device="garbage"),)), False),
        (Told(number=0), False),
        (Told(error=CommandFailed("statfs(2) fills in another structure")), False),
        (Told(error=AttributeError("undefined symbol: statfs")), False),
    ],
)
def test_a_kernel_that_answers_otherwise_is_asked_by_commands(kernel: Machine, trusted: bool) -> None:
    assert answers_as_read(kernel) is trusted
