"""Reading the journal: what newsyslog(8) rotated away as well, oldest first, and what is appended from now on."""

from __future__ import annotations

import io
import os
import re
import zlib
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import IO

from remediate.state.journal import JournalEntry, parse
from remediate.state.store import is_still_at

ARCHIVE = r"\.(?P<number>[0-9]{1,3})(?P<ending>|\.gz|\.bz2|\.xz|\.zst)"
"""newsyslog.conf(5): the youngest archive is number 0; plain, or compressed with Z, J, X or Y. Those of X and Y are
named as unread: hastwatch's own entry of newsyslog.conf asks for J."""


MOST_READ = 16 << 20
"""Bytes of a file that are read where not all is asked for: sixteen times what newsyslog(8) lets it have by our entry
of newsyslog.conf. A journal that nobody rotates grows without an end."""
MOST_ARCHIVES = 32
"""Three times what our entry of newsyslog.conf keeps."""
LONGEST, PIECE = 2 << 20, 1 << 16
"""Bytes of an entry, above what a `JournalEntry` can have; what is longer is none. Bytes that are read at a time."""


class Reading:
    """The entries of a journal, one after the other, in constant memory. Iterating gives them oldest first, each time
    from the beginning; afterwards `new` those that were appended since.

    `most`: the bytes at the end of each file that are read, None for all. `left_out` says what was not read for that.
    `skipped` counts the lines that are no entries: one that a power cut tore, or newsyslog's own where its flag B is
    not set. `unread` names the files that could not be read, and why.
    """

    def __init__(self, path: str, most: int | None = None) -> None:
        self.path = os.path.abspath(path)
        self.unread: list[str] = []
        self.left_out: list[str] = []
        self._most = most
        self._skipped = 0
        self._file: IO[bytes] | None = None
        self._torn = b""

    @property
    def skipped(self) -> int:
        """Lines so far that are no entries, an unfinished last one included."""
        return self._skipped + bool(self._torn)

    def __iter__(self) -> Iterator[JournalEntry]:
        self.close()
        self.unread, self.left_out, self._skipped = [], [], 0
        paths = archives(self.path)
        if self._most is not None and len(paths) > MOST_ARCHIVES:
            self.left_out.append(f"{len(paths) - MOST_ARCHIVES} older files than {paths[-MOST_ARCHIVES]}")
            paths = paths[-MOST_ARCHIVES:]
        for archive in paths:
            yield from self._archived(archive)
        yield from self.new()

    def new(self) -> Iterator[JournalEntry]:
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
        self._skip_to_the_end(self._file, self.path)
        return True

    def _skip_to_the_end(self, file: IO[bytes], path: str) -> None:
        """To the first line that begins in the last bytes of the file. Raises OSError."""
        size = os.fstat(file.fileno()).st_size
        if self._most is not None and size > self._most:
            file.seek(size - self._most)
            while (piece := file.readline(PIECE)) and not piece.endswith(b"\n"):
                pass
            self.left_out.append(f"{path}: all but the last {self._most >> 20} MB of it")

    def _rest(self) -> Iterator[JournalEntry]:
        """A line without an end is kept for the next time: its writer may not have finished."""
        assert self._file is not None
        while piece := self._file.readline(PIECE):
            self._torn += piece if len(self._torn) < LONGEST else piece[-1:]
            if piece.endswith(b"\n"):
                line, self._torn = self._torn, b""
                yield from self._entry(line)

    def _archived(self, archive: str) -> Iterator[JournalEntry]:
        try:
            with _decompressed(archive) as file:
                if isinstance(file, io.BufferedReader):
                    self._skip_to_the_end(file, archive)
                yield from self._entries(file, archive)
        except (OSError, EOFError, ImportError, ValueError, zlib.error) as error:
            self._unread(archive, error)

    def _entries(self, file: IO[bytes], archive: str) -> Iterator[JournalEntry]:
        """Those of an archive, no more of it than is to be read, whatever it is compressed from. Raises what reading
        does."""
        line, read = b"", 0
        while piece := file.readline(PIECE):
            read += len(piece)
            if self._most is not None and read > self._most:
                self.left_out.append(f"{archive}: all but the first {self._most >> 20} MB of it")
                return
            line += piece if len(line) < LONGEST else piece[-1:]
            if line.endswith(b"\n"):
                yield from self._entry(line)
                line = b""
        if line:
            yield from self._entry(line)

    def _entry(self, line: bytes) -> Iterator[JournalEntry]:
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
    by_number: dict[int, str] = {}
    for name in names:
        archive = re.fullmatch(re.escape(base) + ARCHIVE, name)
        if archive:  # while newsyslog compresses there are both: the plain one, which sorts first, is whole
            by_number.setdefault(int(archive["number"]), os.path.join(directory, name))
    return [by_number[number] for number in sorted(by_number, reverse=True)]


def _decompressed(path: str) -> AbstractContextManager[IO[bytes]]:
    """The file, opened for reading without its compression. Raises OSError, ImportError, ValueError."""
    if path.endswith(".gz"):
        import gzip

        return gzip.open(path, "rb")  # type: ignore[return-value]  # a stream of bytes as well
    if path.endswith(".bz2"):
        import bz2

        return bz2.open(path, "rb")
    if path.endswith((".xz", ".zst")):
        raise ValueError("only plain, gzip and bzip2 archives are read")
    return open(path, "rb")
