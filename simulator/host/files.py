"""The root file system of a node: configuration, logs, pid files, device nodes. It survives a power cut.

What lies below a mounted HAST file system is `ufs.py`'s; `node.py` decides which of the two a path belongs to. A write
under an empty mount point lands here, without an error (freebsd-facts: writes-land-underneath), unless the directory is
immutable. Directories of this machine can stand in the place of some.
"""

from __future__ import annotations

import fnmatch
import os
import posixpath
import stat
from dataclasses import dataclass
from pathlib import Path

KINDS = {stat.S_IFDIR: "d", stat.S_IFREG: "-", stat.S_IFSOCK: "s", stat.S_IFCHR: "c"}
LOGS = ("/log", "/logpriv")
MODE_BITS = tuple(1 << place for place in range(8, -1, -1))
"""Of `rwxrwxrwx`, in its order."""


def mode_text(bits: int) -> str:
    """Permissions as ls(1) shows them, without the kind."""
    return stat.filemode(bits)[1:]


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


HOME = "/root"
"""Where the shell of root is, in which every command line begins (passwd(5))."""


def absolute(path: str) -> str:
    """A path as a command that root types takes it."""
    return posixpath.normpath(posixpath.join(HOME, path))


class Overlay:
    """A directory of this machine in the place of one of a node: what is kept there is read and written for real.

    So code that keeps its state in files, atomically and fsynced, works on the files that the node's own commands show.
    Their times are those of this machine's clock, not of the simulated one; errors are this machine's OSErrors.
    """

    def __init__(self, prefix: str, directory: Path) -> None:
        self.prefix, self.directory = posixpath.normpath(prefix), directory

    def real(self, path: str) -> Path | None:
        """Where a path of the node is here, None for one that lies elsewhere."""
        path = absolute(path)
        if path != self.prefix and not path.startswith(self.prefix + "/"):
            return None
        return self.directory / path[len(self.prefix) + 1 :]

    def find(self, path: Path) -> File:
        """What is there, with its text."""
        status = path.stat()
        kind = KINDS.get(stat.S_IFMT(status.st_mode), "-")
        text = self.read(path) if kind == "-" else ""
        return File(text, stat.filemode(status.st_mode)[1:], changed=status.st_mtime, kind=kind, links=status.st_nlink)

    def read(self, path: Path) -> str:
        """What is no UTF-8 stands in it as backslash and number."""
        return path.read_bytes().decode(errors="backslashreplace")

    def write(self, path: Path, text: str, mode: str, *, append: bool) -> None:
        """Replace or extend a file, making its directory; `mode` is that of a new one, as ls shows it."""
        path.parent.mkdir(parents=True, exist_ok=True)
        bits = sum(bit for bit, letter in zip(MODE_BITS, mode, strict=True) if letter != "-")
        flags = os.O_WRONLY | os.O_CREAT | (os.O_APPEND if append else os.O_TRUNC)
        with open(os.open(path, flags, bits), "wb") as file:
            file.write(text.encode(errors="backslashreplace"))

    def clean(self) -> None:
        """All plain files go."""
        for path in self.directory.rglob("*"):
            if path.is_file() and not path.is_symlink():
                path.unlink()

    def remove(self, path: Path) -> None:
        """A file, or an empty directory; nothing where there is neither."""
        if path.is_dir() and not path.is_symlink():
            path.rmdir()
        else:
            path.unlink(missing_ok=True)


class FileTree:
    """Paths and files. Errors are OSErrors whose `strerror` is FreeBSD's text."""

    def __init__(self) -> None:
        self.files: dict[str, File] = {"/": File(kind="d", mode="rwxr-xr-x", links=2)}
        self._overlays: list[Overlay] = []

    def overlay(self, prefix: str, directory: Path) -> None:
        """What lies at and below `prefix` is in `directory` from now on, which is made where it is missing."""
        directory.mkdir(parents=True, exist_ok=True)
        laid = Overlay(prefix, directory)
        self._overlays = [each for each in self._overlays if each.prefix != laid.prefix]
        self.make_directory(prefix)
        self._overlays.append(laid)

    def _overlaid(self, path: str) -> tuple[Overlay, Path] | None:
        """The overlay that a path lies in, and where it is there."""
        for overlay in self._overlays:
            real = overlay.real(path)
            if real is not None:
                return overlay, real
        return None

    def find(self, path: str) -> File:
        """The file at `path`. Raises FileNotFoundError."""
        if laid := self._overlaid(path):
            return laid[0].find(laid[1])
        try:
            return self.files[absolute(path)]
        except KeyError:
            raise FileNotFoundError(2, "No such file or directory", path) from None

    def exists(self, path: str) -> bool:
        """Whatever it is."""
        if laid := self._overlaid(path):
            return laid[1].exists()
        return absolute(path) in self.files

    def read(self, path: str) -> str:
        """Content. Raises FileNotFoundError, IsADirectoryError."""
        file = self.find(path)
        if file.kind == "d":
            raise IsADirectoryError(21, "Is a directory", path)
        return file.text

    def make_directory(self, path: str, now: float = 0.0) -> None:
        """With all its parents."""
        if laid := self._overlaid(path):
            laid[1].mkdir(parents=True, exist_ok=True)
            return
        path = absolute(path)
        if path not in self.files:
            self.make_directory(posixpath.dirname(path), now)
            self.files[path] = File(kind="d", mode="rwxr-xr-x", changed=now, links=2)

    def write(self, path: str, text: str, now: float = 0.0, *, append: bool = False, mode: str = "rw-r--r--") -> None:
        """Replace or extend a file, making its directory. Raises PermissionError under an immutable directory."""
        if laid := self._overlaid(path):
            laid[0].write(laid[1], text, mode, append=append)
            return
        path = absolute(path)
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
        path = absolute(path)
        self.make_directory(posixpath.dirname(path), file.changed)
        self.files[path] = file

    def change_mode(self, path: str, bits: int) -> None:
        """chmod(2). Raises FileNotFoundError."""
        if laid := self._overlaid(path):
            laid[1].chmod(bits)
        else:
            self.find(path).mode = mode_text(bits)

    def give_to(self, path: str, owner: str, group: str) -> None:
        """chown(2) by names; what this machine keeps is always root's. Raises FileNotFoundError."""
        file = self.find(path)
        file.owner, file.group = owner, group or file.group

    def remove(self, path: str) -> None:
        """Nothing happens when it isn't there."""
        if laid := self._overlaid(path):
            laid[0].remove(laid[1])
            return
        self.files.pop(absolute(path), None)

    def remove_all(self, path: str) -> None:
        """A directory with all that is below it."""
        self.remove(path)
        for below in [each for each in self.files if each.startswith(f"{absolute(path)}/")]:
            self.remove(below)

    def clean_var(self) -> None:
        """rc.d/cleanvar: the plain files and sockets below /var/run go, but for the sockets of syslogd(8)."""
        for path, file in list(self.files.items()):
            if path.startswith("/var/run/") and (file.kind == "-" or (file.kind == "s" and not path.endswith(LOGS))):
                del self.files[path]
        for overlay in self._overlays:
            if overlay.prefix.startswith("/var/run/"):
                overlay.clean()

    def names(self, path: str) -> list[str]:
        """What is directly in a directory, sorted as ls does. Raises FileNotFoundError."""
        path = absolute(path)
        if laid := self._overlaid(path):
            return sorted(each.name for each in laid[1].iterdir())
        self.find(path)
        prefix = path if path.endswith("/") else path + "/"
        below = (name[len(prefix) :] for name in self.files if name.startswith(prefix) and name != "/")
        return sorted(name for name in below if "/" not in name)

    def below(self, path: str) -> list[str]:
        """The plain files at and below a path, as a walk finds them; the path itself where there is nothing."""
        if not self.exists(path):
            return [path]
        if self.find(path).kind != "d":
            return [path]
        return [each for name in self.names(path) for each in self.below(posixpath.join(path, name))]

    def glob(self, pattern: str) -> list[str]:
        """The paths that match, sorted; the pattern itself when none does, as sh leaves it."""
        directory = posixpath.dirname(pattern)
        if laid := self._overlaid(directory):
            paths = [f"{directory}/{each.name}" for each in laid[1].glob("*")]
        else:
            paths = [path for path in self.files if posixpath.dirname(path) == directory]
        return sorted(path for path in paths if fnmatch.fnmatchcase(path, pattern)) or [pattern]
