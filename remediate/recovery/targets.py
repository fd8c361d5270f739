"""Where what is kept of a losing copy goes: `DIR/RESOURCE-INCIDENT/` of this machine, or of another one over ssh.

A salvage is there when its manifest is there, which is written last. What is being written is called `*.part`; whatever
an interrupted salvage left is thrown away by the next one. Only the user who salvages may read it: 0700 and 0600.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Protocol

from remediate.failover.errors import StepFailed
from remediate.state.atomic_file import sync_directory
from remediate.state.store import without_waiting

MANIFEST, FILES, IMAGE = "manifest.json", "files.tar", "image.gz"
NAMES = (FILES, IMAGE, MANIFEST)
"""All that is ever written there."""
PART = ".part"
NAME = r"[A-Za-z0-9_][A-Za-z0-9_.:+-]{0,199}"
"""RESOURCE-INCIDENT: what may be the name of a directory."""
BLOCK = 1 << 20
"""Bytes that are written at once."""


class Sink(Protocol):
    """Where bytes go. `write` raises StepFailed where they can't."""

    def write(self, data: bytes, /) -> int:
        """All of it."""
        ...


class Source(Protocol):
    """Where bytes come from. `read` raises StepFailed."""

    def read(self, size: int = -1, /) -> bytes:
        """At most so many bytes, fewer at the end only."""
        ...


class BoundedSource:
    """A source of which no more than `most` bytes are taken: the machine that keeps a salvage may send without end."""

    def __init__(self, source: Source, most: int, where: str) -> None:
        self._source, self._left, self._most, self._where = source, most, most, where

    def read(self, size: int = -1, /) -> bytes:
        """See Source. Raises StepFailed, also where there is more than there may be."""
        received = bytearray()
        while size < 0 or len(received) < size:
            chunk = self._source.read(BLOCK if size < 0 else min(BLOCK, size - len(received)))
            if not chunk:
                break
            self._left -= len(chunk)
            if self._left < 0:
                raise StepFailed(f"{self._where}: more than {self._most} bytes, which is not what was kept")
            received += chunk
        return bytes(received)


class SalvageTarget(Protocol):
    """The place of one salvage."""

    where: str
    """For an operator, and for `targets.at`."""

    def make_base(self) -> None:
        """Make the directory to put it in, where only that one is missing. Raises StepFailed, also where nothing can be
        written there."""
        ...

    def room(self) -> int:
        """Bytes that can be written. Raises StepFailed, also where the directory to put it in is not there."""
        ...

    def complete(self) -> bool:
        """A salvage is there, and all of it. Raises StepFailed."""
        ...

    def begin(self) -> None:
        """Make the place, and throw away what an interrupted salvage left there. Raises StepFailed."""
        ...

    def discard(self) -> None:
        """Take away what `begin` and later made, as far as that can be done."""
        ...

    def writing(self, name: str) -> AbstractContextManager[Sink]:
        """Write a file, which has its name at the end of the block and not before. Raises StepFailed."""
        ...

    def reading(self, name: str) -> AbstractContextManager[Source]:
        """Read a file. Raises StepFailed."""
        ...


class Directory:
    """A directory of this machine."""

    def __init__(self, base: str, name: str) -> None:
        self._base = base
        self.where = os.path.join(base, name)

    def make_base(self) -> None:
        """See Target. What lies above it is not made: it may be a disk that is not mounted."""
        try:
            with suppress(FileExistsError):
                os.mkdir(self._base, 0o700)
        except OSError as error:
            raise StepFailed(f"the directory {self._base} cannot be made: {error.strerror}") from None
        self.room()
        if not os.access(self._base, os.W_OK | os.X_OK, effective_ids=True):
            raise StepFailed(f"nothing can be written into {self._base}")

    def room(self) -> int:
        """See Target."""
        try:
            if not stat.S_ISDIR(os.stat(self._base).st_mode):
                raise StepFailed(f"{self._base} is not a directory")
            free = os.statvfs(self._base)
        except OSError as error:
            raise self._failed(error, self._base) from None
        return free.f_bavail * free.f_frsize

    def complete(self) -> bool:
        """See Target."""
        return os.path.lexists(self._path(MANIFEST))

    def begin(self) -> None:
        """See Target."""
        try:
            with suppress(FileExistsError):
                os.mkdir(self.where, 0o700)
            refuse_untrusted(self.where)
            os.chmod(self.where, 0o700)
            self._clear()
        except OSError as error:
            raise self._failed(error) from None

    def discard(self) -> None:
        """See Target."""
        with suppress(OSError):
            self._clear()
            os.rmdir(self.where)

    @contextmanager
    def writing(self, name: str) -> Iterator[Sink]:
        """See Target."""
        path = self._path(name)
        try:
            file = os.open(path + PART, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise self._failed(error, path) from None
        try:
            sink = _File(file, path)
            yield sink
            sink.sync()
            os.rename(path + PART, path)
            sync_directory(self.where)
            sync_directory(self._base)
        except OSError as error:
            raise self._failed(error, path) from None
        finally:
            os.close(file)
            with suppress(OSError):
                os.unlink(path + PART)

    @contextmanager
    def reading(self, name: str) -> Iterator[Source]:
        """See Target."""
        path = self._path(name)
        try:
            refuse_untrusted(self.where)
            with open(path, "rb", opener=without_waiting) as file:
                yield file
        except OSError as error:
            raise self._failed(error, path) from None

    def _clear(self) -> None:
        for name in NAMES:
            for path in (self._path(name), self._path(name) + PART):
                with suppress(FileNotFoundError):
                    os.unlink(path)

    def _path(self, name: str) -> str:
        return os.path.join(self.where, name)

    def _failed(self, error: OSError, path: str = "") -> StepFailed:
        return StepFailed(f"{path or self.where}: {error.strerror or error}")


class _File:
    """An open file to write to."""

    def __init__(self, file: int, path: str) -> None:
        self._file, self._path = file, path

    def write(self, data: bytes, /) -> int:
        """See Sink."""
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[os.write(self._file, rest) :]
            except OSError as error:
                raise StepFailed(f"{self._path}: {error.strerror}") from None
        return len(data)

    def sync(self) -> None:
        """All of it is on the disk. Raises OSError."""
        os.fsync(self._file)


def refuse_untrusted(directory: str) -> None:
    """Raise StepFailed unless it is a directory that only this user, or root, writes to."""
    try:
        status = os.lstat(directory)
    except OSError as error:
        raise StepFailed(f"{directory}: {error.strerror}") from None
    if not stat.S_ISDIR(status.st_mode):
        raise StepFailed(f"{directory} is not a directory")
    if status.st_uid not in (0, os.geteuid()):
        raise StepFailed(f"{directory} belongs to user {status.st_uid}")
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise StepFailed(f"others may write into {directory} (chmod go-w)")


def name_of(resource: str, incident: str, number: int = 1) -> str:
    """The directory of a salvage: `home-2026…`, `home-2026….2` where there is one already. Raises StepFailed."""
    name = f"{resource}-{incident}" + (f".{number}" if number > 1 else "")
    if not re.fullmatch(NAME, name):
        raise StepFailed(f"{name!r} cannot be the name of a directory")
    return name


def target(place: str, name: str, ssh: tuple[str, ...] | None = None) -> SalvageTarget:
    """The place for a salvage below a directory, an absolute path or ssh://[USER@]HOST[:PORT]/PATH; `ssh` is the
    program and options of ssh(1). Raises StepFailed."""
    if place.startswith("ssh://"):
        from remediate.recovery.remote_target import SSH, SshDirectory

        return SshDirectory(place, name, ssh or SSH)
    if not os.path.isabs(place):
        raise StepFailed(f"{place!r} is neither an absolute path nor ssh://[USER@]HOST/PATH")
    return Directory(os.path.normpath(place), name)


def at(where: str, ssh: tuple[str, ...] | None = None) -> SalvageTarget:
    """The target that calls its place so. Raises StepFailed."""
    base, _, name = where.rpartition("/")
    return target(base or "/", name, ssh)
