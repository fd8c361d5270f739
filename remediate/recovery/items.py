"""What the trees of two copies are made of: items, in one order, a directory before what is in it, names by bytes.

So two trees of millions of files are compared side by side, with one directory of each in memory.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

from checks.plugin.text import plain

CHUNK = 1 << 20
"""Bytes that are read at once."""
FILE, DIRECTORY, SYMLINK, OTHER = "file", "dir", "symlink", "other"


class Item(NamedTuple):
    """One file, directory, symbolic link or special file. `path` is relative, empty for the root itself; times in
    nanoseconds since 1970; `target` is a link's; `inode` tells hard links of one tree, 0 where it is not known."""

    path: bytes
    kind: str
    size: int
    mtime_ns: int
    ctime_ns: int
    mode: int
    uid: int
    gid: int
    nlink: int
    target: bytes = b""
    inode: int = 0

    @property
    def key(self) -> list[bytes]:
        """What items are ordered by."""
        return self.path.split(b"/")


class FileListing(Protocol):
    """What files one copy has, and their hashes."""

    vanished: int
    """How many names were gone when they were looked at: 0 on a file system that nobody writes to."""

    def walk(self) -> Iterator[Item]:
        """Every item, the root first. Raises StepFailed."""
        ...

    def digests(self, items: Sequence[Item]) -> Iterator[str]:
        """The SHA-256 of each of these files, in their order; empty for one that is not there any more. Raises
        StepFailed."""
        ...


class Tree(FileListing, Protocol):
    """Read access to the files of one copy."""

    def chunks(self, path: bytes) -> Iterator[bytes]:
        """The content of a regular file. Raises StepFailed, FileNotFoundError where there is no such file any more."""
        ...


class PagedTree(Tree, Protocol):
    """A tree that is listed in parts."""

    def after(self, last: bytes | None) -> Iterator[Item]:
        """The items behind this path, which itself need not be there any more; all for None. Raises StepFailed."""
        ...


def shown(path: bytes) -> str:
    """A path as one printable line."""
    return plain(path.decode("utf-8", "backslashreplace")) or "the root directory"


def digest(tree: Tree, path: bytes) -> str:
    """The SHA-256 of a file, empty where it is not there any more. Raises StepFailed."""
    digest = hashlib.sha256()
    try:
        for chunk in tree.chunks(path):
            digest.update(chunk)
    except FileNotFoundError:
        return ""
    return digest.hexdigest()
