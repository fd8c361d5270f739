"""One entry on its way into a live directory: built in the workshop, on the disk, and named when all of it is there.

Owner, mode and times are set where nobody else can reach the entry, and never by a name in a live directory: whoever
may write there could put a file of somebody else in its place.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import suppress

from remediate.recovery.items import CHUNK, DIRECTORY, SYMLINK, Item, shown
from remediate.recovery.manifest import SavedItem
from remediate.recovery.workshop import ENTRY, PREFIX, PRESENT

SHARED = 0o7777
"""The bits of a mode that are kept."""
MOST = 99
"""Files that are kept beside a name because they appeared while it was restored."""
IN_WORKSHOP = f"in {shown(PREFIX)}* in the root of the file system"


class Changed(Exception):
    """Somebody put something else in the place of a file while it was restored. Nothing of it is lost."""


class StagedEntry:
    """An entry in the workshop, all of it on the disk; gone at the end unless it got its name."""

    def __init__(self, workshop: int, directory: int, saved: SavedItem, content: Iterator[bytes] | None) -> None:
        self._workshop, self._directory, self._kept, self._content = workshop, directory, saved, content

    def __enter__(self) -> StagedEntry:
        item = self._kept.item
        try:
            if item.kind == SYMLINK:
                os.symlink(item.target, ENTRY, dir_fd=self._workshop)
                with suppress(PermissionError):
                    os.chown(ENTRY, item.uid, item.gid, dir_fd=self._workshop, follow_symlinks=False)
            elif item.kind == DIRECTORY:
                os.mkdir(ENTRY, 0o700, dir_fd=self._workshop)
                self._dress_directory()
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
        if self._kept.item.kind == DIRECTORY:
            # rename(2) replaces an empty directory: so only the one that is made here, and none that was there
            os.mkdir(name, 0o700, dir_fd=self._directory)
            os.rename(ENTRY, name, src_dir_fd=self._workshop, dst_dir_fd=self._directory)
        else:
            self._link(ENTRY, self._workshop, name)
        os.fsync(self._directory)

    def replace(self, name: bytes, before: bytes) -> None:
        """Take the name of the present file, which has the name `before` already. The present file is moved out of the
        way, not overwritten: so what somebody puts in its place meanwhile is not lost. Raises Changed, OSError."""
        if look(self._workshop, PRESENT) is not None:
            raise Changed(f"not tried: an earlier file could not be given its name back, and is {IN_WORKSHOP}")
        os.rename(name, PRESENT, src_dir_fd=self._directory, dst_dir_fd=self._workshop)
        moved, previous = look(self._workshop, PRESENT), look(self._directory, before)
        if moved is None or previous is None or not os.path.samestat(moved, previous):
            raise Changed(f"it was changed meanwhile, and stays {self._give_back(name, before)}")
        try:
            self._link(ENTRY, self._workshop, name)
        except FileExistsError:
            raise Changed("something else has appeared in its place meanwhile, and stays") from None
        except OSError:
            self._give_back(name, before)
            raise
        finally:
            self._forget_present()
        os.fsync(self._directory)

    def same_as(self, name: bytes) -> bool:
        """What has this name is the same already, whatever its times and mode."""
        current = look(self._directory, name)
        item = self._kept.item
        if current is None:
            return False
        if item.kind == SYMLINK:
            return stat.S_ISLNK(current.st_mode) and os.readlink(name, dir_fd=self._directory) == item.target
        if not stat.S_ISREG(current.st_mode) or current.st_size != item.size:
            return False
        file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=self._directory)
        with open(file, "rb") as opened:
            if not os.path.samestat(os.fstat(file), current):
                return False
            digest, left = hashlib.sha256(), item.size
            while left and (chunk := opened.read(min(left, CHUNK))):
                digest.update(chunk)
                left -= len(chunk)
            return not left and not opened.read(1) and digest.hexdigest() == self._kept.sha256

    def _give_back(self, name: bytes, before: bytes) -> str:
        """Give what was moved away its name back, or another one where the name is taken by now; where it is, in
        words."""
        places = (name, *(before + b".%d" % number for number in range(2, MOST)))
        for place in places:
            try:
                self._link(PRESENT, self._workshop, place)
            except FileExistsError:
                continue
            except OSError:
                break  # a directory, of which there is no second name
            self._forget_present()
            return "where it was" if place == name else f"as {shown(place)}"
        with suppress(OSError):
            os.rename(PRESENT, name, src_dir_fd=self._workshop, dst_dir_fd=self._directory)
            return "where it was"
        return IN_WORKSHOP

    def _forget_present(self) -> None:
        """Remove the second name of what has another one. Raises OSError."""
        with suppress(FileNotFoundError):
            if os.stat(PRESENT, dir_fd=self._workshop, follow_symlinks=False).st_nlink > 1:
                os.unlink(PRESENT, dir_fd=self._workshop)

    def _link(self, source: bytes, directory: int, name: bytes) -> None:
        """A second name, in the live directory. Raises FileExistsError, OSError."""
        os.link(source, name, src_dir_fd=directory, dst_dir_fd=self._directory, follow_symlinks=False)

    def _write(self) -> None:
        item = self._kept.item
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        file = os.open(ENTRY, flags, 0o600, dir_fd=self._workshop)
        try:
            for chunk in self._content or ():
                rest = memoryview(chunk)
                while rest:
                    rest = rest[os.write(file, rest) :]
            _dress(file, item)
            os.utime(file, ns=(item.mtime_ns, item.mtime_ns))
            os.fsync(file)
        finally:
            os.close(file)

    def _dress_directory(self) -> None:
        directory = os.open(ENTRY, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=self._workshop)
        try:
            _dress(directory, self._kept.item)
            os.fsync(directory)
        finally:
            os.close(directory)

    def _remove(self) -> None:
        with suppress(OSError):
            os.unlink(ENTRY, dir_fd=self._workshop)
        with suppress(OSError):
            os.rmdir(ENTRY, dir_fd=self._workshop)


def _dress(file: int, item: Item) -> None:
    """Owner and mode. Without the owner that it is for, a file must not run with its rights (chmod(2), setuid): nobody
    but root can give it away. Raises OSError."""
    mode = item.mode & SHARED
    try:
        os.fchown(file, item.uid, item.gid)
    except PermissionError:
        mode &= 0o777
    os.fchmod(file, mode)


def look(directory: int, name: bytes) -> os.stat_result | None:
    """What has this name, None where nothing has. Raises OSError."""
    try:
        return os.stat(name, dir_fd=directory, follow_symlinks=False)
    except FileNotFoundError:
        return None
