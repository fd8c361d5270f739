"""One file on its way into a live directory: written under a name of ours, and named when all of it is on the disk."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import suppress

from remediate.recovery.items import SYMLINK
from remediate.recovery.manifest import Kept

WORKING = b".hastwatch-restore-"
"""What a file is called until all of it is there; one that a killed restore left is written over."""
SHARED = 0o7777
"""The bits of a mode that are kept."""


class Working:
    """The entry under a name of ours in its directory, all of it on the disk; gone at the end unless it got its own."""

    def __init__(self, directory: int, kept: Kept, content: Iterator[bytes] | None) -> None:
        self._directory, self._kept, self._content = directory, kept, content
        self._name = WORKING + hashlib.sha256(kept.item.path).hexdigest()[:16].encode()

    def __enter__(self) -> Working:
        item = self._kept.item
        with suppress(FileNotFoundError):
            os.unlink(self._name, dir_fd=self._directory)
        try:
            if item.kind == SYMLINK:
                os.symlink(item.target, self._name, dir_fd=self._directory)
                with suppress(PermissionError):
                    os.chown(self._name, item.uid, item.gid, dir_fd=self._directory, follow_symlinks=False)
            else:
                self._write()
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._remove()

    def take_free_name(self, name: bytes) -> None:
        """Raises FileExistsError, OSError."""
        os.link(
            self._name, name, src_dir_fd=self._directory, dst_dir_fd=self._directory, follow_symlinks=False
        )  # fmt: skip
        os.fsync(self._directory)

    def replace(self, name: bytes) -> None:
        """Raises OSError."""
        os.rename(self._name, name, src_dir_fd=self._directory, dst_dir_fd=self._directory)
        os.fsync(self._directory)

    def same_as(self, name: bytes) -> bool:
        """What has this name is the same already, whatever its times and mode."""
        found = look(self._directory, name)
        item = self._kept.item
        if found is None:
            return False
        if item.kind == SYMLINK:
            return stat.S_ISLNK(found.st_mode) and os.readlink(name, dir_fd=self._directory) == item.target
        if not stat.S_ISREG(found.st_mode) or found.st_size != item.size:
            return False
        file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=self._directory)
        with open(file, "rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest() == self._kept.sha256

    def _write(self) -> None:
        item = self._kept.item
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        file = os.open(self._name, flags, 0o600, dir_fd=self._directory)
        try:
            for chunk in self._content or ():
                rest = memoryview(chunk)
                while rest:
                    rest = rest[os.write(file, rest) :]
            owned = _chown(file, item.uid, item.gid)
            # without the owner that it is for, a file must not run with its rights (chmod(2), setuid)
            os.fchmod(file, item.mode & (SHARED if owned else 0o777))
            os.utime(file, ns=(item.mtime_ns, item.mtime_ns))
            os.fsync(file)
        finally:
            os.close(file)

    def _remove(self) -> None:
        with suppress(OSError):
            os.unlink(self._name, dir_fd=self._directory)


def _chown(file: int, uid: int, gid: int) -> bool:
    """Whether it could be given to its owner, which only root can."""
    try:
        os.fchown(file, uid, gid)
    except PermissionError:
        return False
    return True


def look(directory: int, name: bytes) -> os.stat_result | None:
    """What has this name, None where nothing has. Raises OSError."""
    try:
        return os.stat(name, dir_fd=directory, follow_symlinks=False)
    except FileNotFoundError:
        return None
