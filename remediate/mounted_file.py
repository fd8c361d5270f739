"""A file of root's in the root of a mounted file system, in which others may write too."""

from __future__ import annotations

import errno
import os
from contextlib import suppress

from remediate.state.directory import FILE_MODE


def write(point: str, name: str, new: str, content: bytes) -> None:
    """Write the file of what is mounted at `point`, on this machine: never through a link, whatever others put there.
    `new` names its next version meanwhile. Raises OSError."""
    directory = os.open(point, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        if os.fstat(directory).st_dev == os.stat("..", dir_fd=directory).st_dev:
            raise OSError(errno.ENXIO, "nothing is mounted there")
        with suppress(FileNotFoundError):
            os.unlink(new, dir_fd=directory)
        file = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, FILE_MODE, dir_fd=directory)
        with open(file, "wb") as opened:
            opened.write(content)
            opened.flush()
            os.fsync(file)
        os.rename(new, name, src_dir_fd=directory, dst_dir_fd=directory)
    finally:
        os.close(directory)
