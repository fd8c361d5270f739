"""`files.tar` of a salvage: POSIX.1-2001 (pax), written and read as a stream, held against the manifest entry by entry.

Any tar reads it. Names are bytes: where they are not UTF-8 the archive says so (`hdrcharset=BINARY`).
"""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Callable, Iterable, Iterator
from typing import IO, NamedTuple, cast

from checks.plugin.text import say_size
from remediate.failover.errors import StepFailed
from remediate.recovery.items import DIRECTORY, FILE, SYMLINK, Tree, shown
from remediate.recovery.manifest import SavedItem
from remediate.recovery.targets import BLOCK, Sink, Source

SAY_EVERY = 256 << 20
"""Bytes between two words about how far it is."""
ENTRY, ENDS = 4096, 64 << 10
"""Bytes at most of the heads of an entry and its line in the manifest, without the path; of the ends of both."""
LONGEST_HEADER = 1 << 20
"""Bytes of an extended header, which holds a path, a target and a time."""
KNOWN = (tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.XHDTYPE)
TYPES = {FILE: tarfile.REGTYPE, DIRECTORY: tarfile.DIRTYPE, SYMLINK: tarfile.SYMTYPE}


def size_of(items: Iterable[SavedItem]) -> int:
    """Bytes that an archive of these and its manifest take at most."""
    return ENDS + sum(
        ENTRY + 16 * (len(each.item.path) + len(each.item.target) + len(each.link)) + each.item.size for each in items
    )


def write(sink: Sink, tree: Tree, items: tuple[SavedItem, ...], watch: Callable[[str], None]) -> tuple[SavedItem, ...]:
    """Write an archive of what is kept, read out of its tree; the same with the hash of each content. Raises
    StepFailed, also where a file is not what it was when it was compared."""
    hashes: dict[bytes, str] = {}
    done, reported_at, total = 0, 0, sum(each.item.size for each in items if each.has_content)
    stream = cast("IO[bytes]", sink)
    with tarfile.open(
        fileobj=stream,
        mode="w|",
        bufsize=BLOCK,
        format=tarfile.PAX_FORMAT,
        encoding="utf-8",
        errors="surrogateescape",
    ) as archive:
        archive.copybufsize = BLOCK  # type: ignore[attr-defined]  # documented for TarFile, missing in typeshed
        for each in items:
            if not each.stored:
                continue
            if not each.has_content:
                archive.addfile(_info(each))
                continue
            content = _Content(tree, each)
            try:
                archive.addfile(_info(each), cast("IO[bytes]", content))
                hashes[each.item.path] = content.digest()
            except (OSError, tarfile.TarError):
                raise StepFailed(f"{shown(each.item.path)} has changed while it was read") from None
            done += each.item.size
            if done - reported_at >= SAY_EVERY:
                watch(f"{say_size(done)} of {say_size(total)} kept")
                reported_at = done
            _forget(archive)
    return tuple(
        each._replace(sha256=hashes[each.link or each.item.path]) if each.item.kind == FILE else each for each in items
    )


class _Header(tarfile.TarInfo):
    """A header of an archive as `write` makes them. tarfile reads all of an extended header into memory, and those of
    other formats are chains without an end."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> _Header:
        """Raises tarfile.ReadError."""
        header = super().frombuf(buf, encoding, errors)
        if header.type not in KNOWN or (header.type == tarfile.XHDTYPE and header.size > LONGEST_HEADER):
            raise tarfile.ReadError("a header that no salvage has")
        return header


class Member(NamedTuple):
    """An entry of an archive, and its content where it has one; to be read before the next one is asked for."""

    kept: SavedItem
    content: IO[bytes] | None


def members(source: Source, items: Iterable[SavedItem]) -> Iterator[Member]:
    """The entries of an archive, which must be exactly those of its manifest. Raises StepFailed."""
    try:
        with tarfile.open(
            fileobj=cast("IO[bytes]", source),
            mode="r|",
            bufsize=BLOCK,
            encoding="utf-8",
            errors="surrogateescape",
            tarinfo=_Header,
        ) as archive:
            for each in items:
                if not each.stored:
                    continue
                header = archive.next()
                if header is None:
                    raise StepFailed(f"the archive lacks {shown(each.item.path)}")
                _refuse_other(header, each)
                yield Member(each, archive.extractfile(header) if each.has_content else None)
                _forget(archive)
            if archive.next() is not None:
                raise StepFailed("the archive holds more than its manifest says")
    except (tarfile.TarError, OSError, ValueError, RecursionError) as error:
        raise StepFailed(f"the archive cannot be read: {error}") from None


def contents(member: Member) -> Iterator[bytes]:
    """The bytes of an entry; at the end it is known that they are those of its manifest. Raises StepFailed."""
    digest, read = hashlib.sha256(), 0
    if member.content is None:
        return
    try:
        while chunk := member.content.read(BLOCK):
            digest.update(chunk)
            read += len(chunk)
            yield chunk
    except (tarfile.TarError, OSError) as error:
        raise StepFailed(f"the archive cannot be read: {error}") from None
    if read != member.kept.item.size or digest.hexdigest() != member.kept.sha256:
        raise StepFailed(f"{shown(member.kept.item.path)} in the archive is not what its manifest says")


def _refuse_other(header: tarfile.TarInfo, item: SavedItem) -> None:
    """Raise StepFailed where an entry is not the one that the manifest has in its place."""
    kind = tarfile.LNKTYPE if item.link else TYPES[item.item.kind]
    to = item.link or item.item.target
    size = item.item.size if item.has_content else 0
    as_said = (header.name, header.type, header.size, header.linkname) == (_name(item), kind, size, _text(to))
    if not as_said or header.issparse():
        raise StepFailed(f"the archive has something else in the place of {shown(item.item.path)}")


def _info(saved: SavedItem) -> tarfile.TarInfo:
    item = saved.item
    info = tarfile.TarInfo(_name(saved))
    info.type = tarfile.LNKTYPE if saved.link else TYPES[item.kind]
    info.linkname = _text(saved.link or item.target)
    info.size = item.size if saved.has_content else 0
    info.mode, info.uid, info.gid = item.mode, item.uid, item.gid
    info.mtime = item.mtime_ns // 1_000_000_000
    if item.mtime_ns % 1_000_000_000:
        info.pax_headers = {"mtime": f"{item.mtime_ns // 1_000_000_000}.{item.mtime_ns % 1_000_000_000:09d}"}
    return info


def _text(path: bytes) -> str:
    """As tarfile wants a name."""
    return path.decode("utf-8", "surrogateescape")


def _name(item: SavedItem) -> str:
    """The root itself has no name in its tree: it is the dot."""
    return _text(item.item.path) or "."


def _forget(archive: tarfile.TarFile) -> None:
    """Let the archive not remember its members: there may be millions."""
    archive.members = []  # type: ignore[attr-defined]  # it has no other way, and typeshed does not know it


class _Content:
    """The content of a file for tarfile, hashed while it is read."""

    def __init__(self, tree: Tree, item: SavedItem) -> None:
        self._chunks = tree.chunks(item.item.path)
        self._rest = bytearray()
        self._hash = hashlib.sha256()

    def read(self, size: int) -> bytes:
        """So many bytes, fewer at the end. Raises StepFailed, OSError."""
        while len(self._rest) < size:
            chunk = next(self._chunks, b"")
            if not chunk:
                break
            self._rest += chunk
        taken = bytes(self._rest[:size])
        del self._rest[:size]
        self._hash.update(taken)
        return taken

    def digest(self) -> str:
        """The hash. Raises OSError where there is more than was to be read."""
        if self._rest or next(self._chunks, b""):
            raise OSError("it has grown")
        return self._hash.hexdigest()
