"""The files of a copy, to be compared and kept: names as bytes, never through a link or onto another file system."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator, Sequence

from remediate.failover.errors import StepFailed
from remediate.recovery.items import CHUNK, DIRECTORY, FILE, OTHER, SYMLINK, Item, digest, shown

LEVELS = 512
"""Directories within directories that are entered: no path that FreeBSD takes (PATH_MAX, 1024) has more, and each one
is open while what is in it is read. What lies deeper counts as what could not be read."""
KINDS = {stat.S_IFREG: FILE, stat.S_IFDIR: DIRECTORY, stat.S_IFLNK: SYMLINK}
GONE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ESTALE)
"""What a name gives that was there a moment ago, and now is not, or is something else."""


def kind_of(mode: int, flags: int) -> str:
    """The kind of an inode. A snapshot of the file system itself (mksnap_ffs(8)) is as large as that, and nobody's
    file: it counts as a special one."""
    return OTHER if flags & stat.SF_SNAPSHOT else KINDS.get(stat.S_IFMT(mode), OTHER)


def open_directory(root: int, path: bytes) -> int:
    """A directory below an open one, each component opened by itself and none of them a link. Raises OSError."""
    current = os.dup(root)
    for name in path.split(b"/") if path else []:
        try:
            below = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=current)
        finally:
            os.close(current)
        current = below
    return current


Name = tuple[bytes, list[bytes] | None, bool]
"""A name in a directory; where only what is behind a path counts, also how the path goes on below the name, and whether
the name itself has passed already."""


class DirectoryTree:
    """A directory of this machine, as a mount point."""

    def __init__(self, root: str) -> None:
        self.root, self.vanished = root, 0

    def walk(self) -> Iterator[Item]:
        """See Tree."""
        return self.after(None)

    def after(self, last: bytes | None) -> Iterator[Item]:
        """The items behind this path, which itself need not be there any more; all for None. Raises StepFailed."""
        top = self._open_root()
        device = os.fstat(top).st_dev
        stack = [(top, b"", self._names(top, b"", last.split(b"/") if last else None))]
        try:
            if last is None:
                yield self._item(b"", os.fstat(top))
            while stack:
                directory, prefix, names = stack[-1]
                name, rest, passed = next(names, (b"", None, False))
                if not name:
                    os.close(stack.pop()[0])
                    continue
                item = self._look(directory, prefix + name, name)
                if item is None:
                    continue
                if not passed:
                    yield item[0]
                if item[0].kind == DIRECTORY and item[1] == device and len(stack) > LEVELS:
                    self.vanished += 1
                elif item[0].kind == DIRECTORY and item[1] == device:
                    below = self._enter(directory, prefix + name, name, device)
                    if below is not None:
                        inside = prefix + name + b"/"
                        stack.append((below, inside, self._names(below, inside, rest)))
        finally:
            for directory, _, _ in stack:
                os.close(directory)

    def chunks(self, path: bytes) -> Iterator[bytes]:
        """See Tree. All that the file has when it is opened: somebody may add to it faster than it is read."""
        file = self._open_file(path)
        try:
            left = os.fstat(file).st_size
            while left > 0:
                chunk = os.read(file, min(CHUNK, left))
                if not chunk:
                    return
                left -= len(chunk)
                yield chunk
        except OSError as error:
            raise StepFailed(f"{shown(path)} cannot be read: {error.strerror}") from None
        finally:
            os.close(file)

    def digests(self, items: Sequence[Item]) -> Iterator[str]:
        """See Tree."""
        return (digest(self, item.path) for item in items)

    def _open_root(self) -> int:
        try:
            return os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except OSError as error:
            raise StepFailed(f"{self.root} cannot be read: {error.strerror}") from None

    def _open_file(self, path: bytes) -> int:
        """A regular file of this file system; opened without waiting, as it may have become a pipe."""
        top = self._open_root()
        try:
            above, _, name = path.rpartition(b"/")
            directory = open_directory(top, above)
            try:
                file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=directory)
            finally:
                os.close(directory)
            status = os.fstat(file)
            if stat.S_ISREG(status.st_mode) and status.st_dev == os.fstat(top).st_dev:
                return file
            os.close(file)
            raise FileNotFoundError(errno.ENOENT, "it is not the file it was")
        except OSError as error:
            if error.errno in GONE:
                raise FileNotFoundError(errno.ENOENT, "no such file any more") from None
            raise StepFailed(f"{shown(path)} cannot be read: {error.strerror}") from None
        finally:
            os.close(top)

    def _names(self, directory: int, prefix: bytes, after: list[bytes] | None) -> Iterator[Name]:
        """The names in an open directory, sorted."""
        try:
            names = sorted(map(os.fsencode, os.listdir(directory)))
        except OSError as error:
            if error.errno not in GONE:
                raise StepFailed(f"{shown(prefix)} cannot be read: {error.strerror}") from None
            self.vanished += 1
            return
        for name in names:
            if after is None or name > after[0]:
                yield name, None, False
            elif name == after[0]:
                yield name, after[1:] or None, True

    def _look(self, directory: int, path: bytes, name: bytes) -> tuple[Item, int] | None:
        """An item and its device, None where it is gone."""
        try:
            status = os.stat(name, dir_fd=directory, follow_symlinks=False)
            target = os.readlink(name, dir_fd=directory) if stat.S_ISLNK(status.st_mode) else b""
        except OSError as error:
            if error.errno not in (*GONE, errno.EINVAL):
                raise StepFailed(f"{shown(path)} cannot be read: {error.strerror}") from None
            self.vanished += 1
            return None
        return self._item(path, status, target), status.st_dev

    def _item(self, path: bytes, status: os.stat_result, target: bytes = b"") -> Item:
        return Item(
            path,
            kind_of(status.st_mode, getattr(status, "st_flags", 0)),
            status.st_size if stat.S_ISREG(status.st_mode) else 0,
            status.st_mtime_ns,
            status.st_ctime_ns,
            stat.S_IMODE(status.st_mode),
            status.st_uid,
            status.st_gid,
            status.st_nlink,
            target,
            status.st_ino,
        )

    def _enter(self, directory: int, path: bytes, name: bytes, device: int) -> int | None:
        try:
            below = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=directory)
        except OSError as error:
            if error.errno not in GONE:
                raise StepFailed(f"{shown(path)} cannot be read: {error.strerror}") from None
            self.vanished += 1
            return None
        if os.fstat(below).st_dev != device:
            os.close(below)
            return None
        return below
