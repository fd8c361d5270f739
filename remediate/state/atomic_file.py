"""A file that is written as a whole or not at all, and is on the disk when that is said."""

from __future__ import annotations

import os
from contextlib import suppress


def replace(path: str, temporary: str, content: bytes, mode: int) -> None:
    """Put the content at `path` by rename(2) of a new file in the same directory, `temporary`, which must not be there:
    whoever else may write there could have made it a link to something of root's. Raises OSError; what was at `path`
    before stays then, and nothing else is left."""
    put(path, temporary, content, mode)
    sync_directory(os.path.dirname(path))


def put(path: str, temporary: str, content: bytes, mode: int) -> None:
    """The same, but the name is on the disk only when the caller has called `sync_directory`: once for many files.
    Raises OSError."""
    file = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
    try:
        try:
            os.fchmod(file, mode)
            rest = content
            while rest:
                rest = rest[os.write(file, rest) :]
            os.fsync(file)
        finally:
            os.close(file)
        os.rename(temporary, path)
    except OSError:
        with suppress(OSError):
            os.unlink(temporary)
        raise


def sync_directory(directory: str) -> None:
    """A name is on the disk only when its directory is (fsync(2)). Raises OSError."""
    file = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
