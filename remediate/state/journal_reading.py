"""Reading the journal: what newsyslog(8) rotated away as well, oldest first, and what is appended from now on."""

from __future__ import annotations

import os
import re
import zlib
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from typing import IO

from remediate.state.journal import Entry, parse
from remediate.state.store import is_still_at

ARCHIVE = r"\.(?P<number>[0-9]{1,3})(?P<ending>|\.gz|\.bz2|\.xz|\.zst)"
"""newsyslog.conf(5): the youngest archive is number 0; plain, or compressed with Z, J, X or Y. Those of X and Y are
named as unread: hastwatch's own entry of newsyslog.conf asks for J."""


class Reading:
    """The entries of a journal. Iterating gives all, oldest first; afterwards `new` those that were appended since.

    `skipped` counts the lines that are no entries: one that a power cut tore, or newsyslog's own where its flag B is
    not set. `unread` names the files that could not be read, and why.
    """

    def __init__(self, path: str) -> None:
        self.path = os.path.abspath(path)
        self.unread: list[str] = []
        self._skipped = 0
        self._file: IO[bytes] | None = None
        self._torn = b""

    @property
    def skipped(self) -> int:
        """Lines so far that are no entries, an unfinished last one included."""
        return self._skipped + bool(self._torn)

    def __iter__(self) -> Iterator[Entry]:
        for archive in archives(self.path):
            yield from self._archived(archive)
        yield from self.new()

    def new(self) -> Iterator[Entry]:
        """The entries of the file itself that were not given yet, also when it has been rotated meanwhile."""
        try:
            while self._file is not None or self._opened():
                yield from self._rest()
                assert self._file is not None
                if is_still_at(self._file.fileno(), self.path):
                    return
                yield from self._rest()  # what was appended before it was renamed
                self.close()
        except OSError as error:
            self._unread(self.path, error)

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            self._file.close()
        self._skipped += bool(self._torn)
        self._file, self._torn = None, b""

    def _opened(self) -> bool:
        try:
            self._file = open(self.path, "rb")  # noqa: SIM115 - held over several calls, see close()
        except FileNotFoundError:
            return False
        return True

    def _rest(self) -> Iterator[Entry]:
        """A line without an end is kept for the next time: its writer may not have finished."""
        assert self._file is not None
        for line in self._file:
            self._torn += line
            if self._torn.endswith(b"\n"):
                line, self._torn = self._torn, b""
                yield from self._entry(line)

    def _archived(self, archive: str) -> Iterator[Entry]:
        try:
            with _decompressed(archive) as file:
                for line in file:
                    yield from self._entry(line)
        except (OSError, EOFError, ImportError, ValueError, zlib.error) as error:
            self._unread(archive, error)

    def _entry(self, line: bytes) -> Iterator[Entry]:
        try:
            yield parse(line.decode(errors="replace"))
        except ValueError:
            self._skipped += 1

    def _unread(self, path: str, error: Exception) -> None:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        self.unread.append(f"{path}: {why}")


def read(path: str) -> Reading:
    """All entries of the journal at `path`, oldest first. Raises nothing: see Reading."""
    return Reading(path)


def archives(path: str) -> list[str]:
    """The rotated files of the journal at `path`, oldest first; none where the directory cannot be read."""
    directory, base = os.path.split(os.path.abspath(path))
    try:
        names = sorted(os.listdir(directory))
    except OSError:
        return []
    found: dict[int, str] = {}
    for name in names:
        archive = re.fullmatch(re.escape(base) + ARCHIVE, name)
        if archive:  # while newsyslog compresses there are both: the plain one, which sorts first, is whole
            found.setdefault(int(archive["number"]), os.path.join(directory, name))
    return [found[number] for number in sorted(found, reverse=True)]


def _decompressed(path: str) -> AbstractContextManager[Iterable[bytes]]:
    """The file, opened for reading without its compression. Raises OSError, ImportError, ValueError."""
    if path.endswith(".gz"):
        import gzip

        return gzip.open(path, "rb")
    if path.endswith(".bz2"):
        import bz2

        return bz2.open(path, "rb")
    if path.endswith((".xz", ".zst")):
        raise ValueError("only plain, gzip and bzip2 archives are read")
    return open(path, "rb")
