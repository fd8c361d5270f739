"""A local user who locks whatever he can open: flock(2) needs no more than a descriptor that is open for reading.

He tries every file of the directories where a node keeps state and locks again and again, as one who is neither root
nor of its group. What the modes of directory and file refuse him he does not get; the rest he locks for good.
"""

from __future__ import annotations

import fcntl
import os
import stat
from contextlib import suppress
from pathlib import Path

AGAIN = 0.5
"""Seconds between two tries."""


class Intruder:
    """The user on one node. It lasts from `begin` to `end`; `tries` is to be called every AGAIN seconds."""

    def __init__(self, *directories: Path) -> None:
        self.directories = directories
        self._held: dict[int, int] = {}
        """Inode and open descriptor."""

    def tries(self) -> None:
        """Lock what is free."""
        for path in filter(_is_open, self.directories):
            self._tries(path)

    def _tries(self, directory: Path) -> None:
        for path in directory.iterdir():
            with suppress(OSError):  # gone meanwhile
                status = path.lstat()
                if status.st_mode & stat.S_IROTH and stat.S_ISREG(status.st_mode) and status.st_ino not in self._held:
                    self._take(path, status.st_ino)

    def _take(self, path: Path, inode: int) -> None:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
        else:
            self._held[inode] = file

    @property
    def holds(self) -> int:
        """How many locks he has."""
        return len(self._held)

    def end(self) -> None:
        """He logs out."""
        held, self._held = self._held, {}
        for file in held.values():
            os.close(file)


def _is_open(directory: Path) -> bool:
    """Others get into it."""
    return directory.is_dir() and bool(stat.S_IMODE(directory.stat().st_mode) & stat.S_IXOTH)
