"""A private directory on a live file system, in which files are built before they get their names.

It lies in the root of the file system, so that what is built there is moved by rename(2) or link(2), and only its owner
can enter it: nobody else can replace what is being built, by a link or by a file of somebody else, before its owner and
mode are set. Everything goes through its descriptor; its name matters to the clean-up alone. An inheritable NFSv4 ACL
on the root of a ZFS dataset could let others in: fchmod(2) discards it, unless `aclmode` was changed (zfsprops(7)).
"""

from __future__ import annotations

import fcntl
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO

from remediate.failover.errors import StepFailed

PREFIX = b".hastwatch-restore-"
"""What the directory is called; the rest of its name is chosen by chance."""
ENTRY, PRESENT, CONTENT = b"entry", b"present", b"content"
"""All the names that there can be in it: what is being built, the file that it replaces, a content of several."""
ATTEMPTS = 3
"""Another restore may take a directory that has just been made for one that was left behind."""
ENTER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW


@contextmanager
def workshop(top: int) -> Iterator[int]:
    """A private directory in an open one, as a descriptor; it is removed at the end, and so are those that a killed
    restore left behind. Raises StepFailed."""
    try:
        _remove_leftovers(top)
        created = next(filter(None, (_make(top) for _ in range(ATTEMPTS))), None)
    except OSError as error:
        raise StepFailed(f"no private directory can be made on the live file system: {error.strerror}") from None
    if created is None:
        raise StepFailed("no private directory on the live file system: somebody else removes or replaces it")
    name, directory = created
    try:
        yield directory
    finally:
        _remove(top, name, directory)
        os.close(directory)


def nameless(directory: int) -> IO[bytes]:
    """An empty file of the workshop without a name, gone when it is closed. Raises OSError."""
    file = os.open(CONTENT, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600, dir_fd=directory)
    os.unlink(CONTENT, dir_fd=directory)
    return os.fdopen(file, "w+b")


def _make(top: int) -> tuple[bytes, int] | None:
    """A new directory, entered and locked; None where it is not the one that was made. Raises OSError."""
    name = PREFIX + secrets.token_hex(8).encode()
    os.mkdir(name, 0o700, dir_fd=top)
    directory = _entered(top, name)
    if directory is None:
        return None
    os.fchmod(directory, 0o700)
    if os.fstat(directory).st_nlink > 0 and not os.listdir(directory):
        return name, directory
    os.close(directory)
    return None


def _entered(top: int, name: bytes) -> int | None:
    """A directory that is this user's alone, on the same file system, locked; else None. Raises OSError."""
    try:
        directory = os.open(name, ENTER, dir_fd=top)
    except OSError:
        return None
    try:
        status = os.fstat(directory)
        own = status.st_uid == os.geteuid() and stat.S_IMODE(status.st_mode) & 0o777 == 0o700
        if own and status.st_dev == os.fstat(top).st_dev:
            fcntl.flock(directory, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return directory
    except BlockingIOError:
        pass  # its owner still works in it
    except BaseException:
        os.close(directory)
        raise
    os.close(directory)
    return None


def _remove_leftovers(top: int) -> None:
    """Remove the directories of restores that were killed: those that nobody has locked. Raises OSError."""
    for name in map(os.fsencode, os.listdir(top)):
        directory = _entered(top, name) if name.startswith(PREFIX) else None
        if directory is not None:
            _remove(top, name, directory)
            os.close(directory)


def _remove(top: int, name: bytes, directory: int) -> None:
    """Remove a workshop. What was there before the restore and has no other name stays, and the directory with it."""
    for built in (ENTRY, CONTENT):
        with suppress(OSError):
            os.unlink(built, dir_fd=directory)
    with suppress(OSError):
        os.rmdir(ENTRY, dir_fd=directory)
    with suppress(OSError):
        if os.stat(PRESENT, dir_fd=directory, follow_symlinks=False).st_nlink > 1:
            os.unlink(PRESENT, dir_fd=directory)
    with suppress(OSError):
        os.rmdir(name, dir_fd=top)
