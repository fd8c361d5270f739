"""A local user who locks whatever he can open: flock(2) needs no more than a descriptor that is open for reading.

He tries every file of a node's state directory again and again, as one who is neither root nor of its group. What the
modes of the directory and of the file refuse him he does not get; everything else he locks, and does not give back.
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

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._held: dict[int, int] = {}
        """Inode and open descriptor."""

    def tries(self) -> None:
        """Lock what is free."""
        if not stat.S_IMODE(self.directory.stat().st_mode) & stat.S_IXOTH:
            return
        for path in self.directory.iterdir():
            with suppress(OSError):  # gone meanwhile
                found = path.lstat()
                if found.st_mode & stat.S_IROTH and stat.S_ISREG(found.st_mode) and found.st_ino not in self._held:
                    self._take(path, found.st_ino)

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
