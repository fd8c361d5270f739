"""The root file system of a node: configuration, logs, pid files, device nodes. It survives a power cut.

What lies below a mounted HAST file system is `ufs.py`'s; `node.py` decides which of the two a path belongs to. A write
under an empty mount point lands here, without an error, as on the real thing (4), unless the directory is immutable.
"""

from __future__ import annotations

import fnmatch
import posixpath
from dataclasses import dataclass


@dataclass(slots=True)
class File:
    """One file, directory (`kind` d), device (c) or socket (s)."""

    text: str = ""
    mode: str = "rw-r--r--"
    owner: str = "root"
    group: str = "wheel"
    changed: float = 0.0
    kind: str = "-"
    device: str = ""
    immutable: bool = False
    links: int = 1

    @property
    def size(self) -> int:
        """Bytes; a directory has 512."""
        return 512 if self.kind == "d" else len(self.text.encode())


class FileTree:
    """Paths and files. Errors are OSErrors whose `strerror` is FreeBSD's text."""

    def __init__(self) -> None:
        self.files: dict[str, File] = {"/": File(kind="d", mode="rwxr-xr-x", links=2)}

    def find(self, path: str) -> File:
        """The file at `path`. Raises FileNotFoundError."""
        try:
            return self.files[posixpath.normpath(path)]
        except KeyError:
            raise FileNotFoundError(2, "No such file or directory", path) from None

    def exists(self, path: str) -> bool:
        """Whatever it is."""
        return posixpath.normpath(path) in self.files

    def read(self, path: str) -> str:
        """Content. Raises FileNotFoundError, IsADirectoryError."""
        file = self.find(path)
        if file.kind == "d":
            raise IsADirectoryError(21, "Is a directory", path)
        return file.text

    def make_directory(self, path: str, now: float = 0.0) -> None:
        """With all its parents."""
        path = posixpath.normpath(path)
        if path not in self.files:
            self.make_directory(posixpath.dirname(path), now)
            self.files[path] = File(kind="d", mode="rwxr-xr-x", changed=now, links=2)

    def write(self, path: str, text: str, now: float = 0.0, *, append: bool = False, mode: str = "rw-r--r--") -> None:
        """Replace or extend a file, making its directory. Raises PermissionError under an immutable directory."""
        path = posixpath.normpath(path)
        self.make_directory(posixpath.dirname(path), now)
        if path not in self.files:
            if self.files[posixpath.dirname(path)].immutable:
                raise PermissionError(1, "Operation not permitted", path)
            self.files[path] = File(mode=mode)
        file = self.files[path]
        if file.kind == "d":
            raise IsADirectoryError(21, "Is a directory", path)
        if file.immutable:
            raise PermissionError(1, "Operation not permitted", path)
        file.text = file.text + text if append else text
        file.changed = now

    def place(self, path: str, file: File) -> None:
        """Put something special (a device, a socket) in the tree."""
        path = posixpath.normpath(path)
        self.make_directory(posixpath.dirname(path), file.changed)
        self.files[path] = file

    def remove(self, path: str) -> None:
        """Nothing happens when it isn't there."""
        self.files.pop(posixpath.normpath(path), None)

    def names(self, path: str) -> list[str]:
        """What is directly in a directory, sorted as ls does. Raises FileNotFoundError."""
        path = posixpath.normpath(path)
        self.find(path)
        prefix = path if path.endswith("/") else path + "/"
        found = (name[len(prefix) :] for name in self.files if name.startswith(prefix) and name != "/")
        return sorted(name for name in found if "/" not in name)

    def glob(self, pattern: str) -> list[str]:
        """The paths that match, sorted; the pattern itself when none does, as sh leaves it."""
        directory = posixpath.dirname(pattern)
        found = [
            path for path in self.files if posixpath.dirname(path) == directory and fnmatch.fnmatchcase(path, pattern)
        ]
        return sorted(found) or [pattern]
