"""Files of a salvage put back into the live file system: beside the present ones, or over them, never silently.

The live tree is walked component by component, never through a link or onto another file system. What is put back is
built in a private directory (`workshop`), and gets its name only when all of it is on the disk. `beside` is
`NAME.salvaged-INCIDENT` and overwrites nothing; `over` keeps the present file as `NAME.before-restore-INCIDENT` first.
A hard link comes back as a file of its own.
"""

from __future__ import annotations

import enum
import errno
import fnmatch
import os
import posixpath
import stat
from collections.abc import Iterable, Iterator, Sequence
from typing import IO, NamedTuple

from remediate.failover.errors import StepFailed
from remediate.recovery import archive
from remediate.recovery.items import DIRECTORY, FILE, OTHER, SYMLINK, Item, shown
from remediate.recovery.manifest import Manifest, SavedItem
from remediate.recovery.staged_file import Changed, StagedEntry, look
from remediate.recovery.targets import BLOCK, FILES, BoundedSource, SalvageTarget
from remediate.recovery.trees import open_directory
from remediate.recovery.workshop import ENTER, nameless, workshop


class RestoreMode(enum.Enum):
    """Where a file is put."""

    BESIDE = "beside"
    OVER = "over"


class RestoredEntry(NamedTuple):
    """What became of one entry: what was, or would be, done, or (`failed`) why not."""

    kept: SavedItem
    words: str
    failed: bool = False


class _Refused(Exception):
    """This one is not put back; the others are."""


def chosen(manifest: Manifest, patterns: Sequence[bytes]) -> list[SavedItem]:
    """The entries whose path matches a pattern of a shell (fnmatch(3)), all without one. A directory's name chooses
    what is in it too."""
    if not patterns:
        return list(manifest.files)
    return [item for item in manifest.files if any(_matches(item.item.path, pattern) for pattern in patterns)]


def put_back(
    salvage: SalvageTarget,
    manifest: Manifest,
    wanted: Sequence[SavedItem],
    root: str,
    how: RestoreMode,
    dry_run: bool = False,
) -> Iterator[RestoredEntry]:
    """Put entries of a salvage back below `root`, as they are read; each is on the disk when it is given. With
    `dry_run` nothing is written. Raises StepFailed where the salvage is not what its manifest says: what was given
    before that is right all the same."""
    paths = {item.item.path for item in wanted}
    try:
        top = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError as error:
        raise StepFailed(f"{root} cannot be opened: {error.strerror}") from None
    try:
        if dry_run:
            yield from (_Live(top, None, manifest, how).put(item, None) for item in wanted)
            return
        links = _by_content(wanted)
        with workshop(top) as private, salvage.reading(FILES) as source:
            live = _Live(top, private, manifest, how)
            whole = BoundedSource(source, archive.size_of(manifest.files), salvage.where)
            for member in archive.members(whole, manifest.files):
                wants = links.get(member.kept.item.path, []) if member.kept.has_content else []
                if wants:
                    yield from _of_one_content(live, wants, archive.contents(member))
                elif member.kept.item.kind != FILE and member.kept.item.path in paths:
                    yield live.put(member.kept, None)
            yield from (live.put(item, None) for item in wanted if not item.stored)
    finally:
        os.close(top)


def _matches(path: bytes, pattern: bytes) -> bool:
    wanted = pattern.rstrip(b"/")
    return fnmatch.fnmatchcase(path, wanted) or path.startswith(wanted + b"/")


def _by_content(wanted: Iterable[SavedItem]) -> dict[bytes, list[SavedItem]]:
    """Path in the archive: the entries that have its content."""
    by_content: dict[bytes, list[SavedItem]] = {}
    for item in wanted:
        if item.item.kind == FILE:
            by_content.setdefault(item.link or item.item.path, []).append(item)
    return by_content


def _of_one_content(live: _Live, wants: Sequence[SavedItem], content: Iterator[bytes]) -> Iterator[RestoredEntry]:
    """A content that several names have is kept aside while they are put back."""
    if len(wants) == 1:
        yield live.put(wants[0], content)
        return
    with live.aside() as aside:
        for chunk in content:
            aside.write(chunk)
        for item in wants:
            aside.seek(0)
            yield live.put(item, iter(lambda: aside.read(BLOCK), b""))


class _Live:
    """The live file system, into which is written; without a workshop it is only looked at."""

    def __init__(self, top: int, private: int | None, manifest: Manifest, how: RestoreMode) -> None:
        self._top, self._workshop, self._how = top, private, how
        self._device = os.fstat(top).st_dev
        self._incident = manifest.incident.encode()
        self._directories = {item.item.path: item for item in manifest.files if item.item.kind == DIRECTORY}

    def put(self, saved: SavedItem, content: Iterator[bytes] | None) -> RestoredEntry:
        """Put one entry back. Raises StepFailed where its content is not what it should be."""
        try:
            return RestoredEntry(saved, self._put(saved, content))
        except (_Refused, Changed) as error:
            return RestoredEntry(saved, str(error), True)
        except OSError as error:
            return RestoredEntry(saved, error.strerror or str(error), True)

    def aside(self) -> IO[bytes]:
        """A file for a content that several names share. Raises OSError."""
        return nameless(self._private)

    @property
    def _private(self) -> int:
        assert self._workshop is not None, "nothing is written where there is no workshop"
        return self._workshop

    def _put(self, saved: SavedItem, content: Iterator[bytes] | None) -> str:
        """What was done. Raises _Refused, Changed, OSError, StepFailed."""
        path = saved.item.path
        refuse_unsafe(saved)
        if saved.item.kind == DIRECTORY:
            if self._exists(path):
                return "is there already"
            if self._workshop is not None:
                os.close(self._enter(path))
            return "made"
        above, _, name = path.rpartition(b"/")
        if self._workshop is None:
            return self._plan(path, name)
        directory = self._enter(above)
        try:
            if self._how is RestoreMode.BESIDE:
                return self._beside(directory, name, saved, content)
            return self._over(directory, name, saved, content)
        finally:
            os.close(directory)

    def _plan(self, path: bytes, name: bytes) -> str:
        if self._how is RestoreMode.BESIDE:
            return f"to {shown(self._salvaged(name))}"
        return f"over it, kept as {shown(self._before(name))}" if self._exists(path) else "where nothing is"

    def _beside(self, directory: int, name: bytes, saved: SavedItem, content: Iterator[bytes] | None) -> str:
        to = self._salvaged(name)
        with StagedEntry(self._private, directory, saved, content) as working:
            try:
                working.take_free_name(to)
            except FileExistsError:
                if working.same_as(to):
                    return f"{shown(to)} is there already, and the same"
                raise _Refused(f"{shown(to)} is there already, and is another") from None
        return f"to {shown(to)}"

    def _over(self, directory: int, name: bytes, saved: SavedItem, content: Iterator[bytes] | None) -> str:
        before = self._before(name)
        with StagedEntry(self._private, directory, saved, content) as working:
            if working.same_as(name):
                return "is the same already"
            present = look(directory, name)
            if present is None:
                working.take_free_name(name)
                return "where nothing was"
            if not (stat.S_ISREG(present.st_mode) or stat.S_ISLNK(present.st_mode)):
                raise _Refused("what is there now is neither a file nor a link")
            try:
                os.link(name, before, src_dir_fd=directory, dst_dir_fd=directory, follow_symlinks=False)
            except FileExistsError:
                kept_already = look(directory, before)
                if kept_already is None or not os.path.samestat(kept_already, present):
                    raise _Refused(f"{shown(before)} is there already: move it away first") from None
            os.fsync(directory)
            working.replace(name, before)
        return f"over it, kept as {shown(before)}"

    def _salvaged(self, name: bytes) -> bytes:
        return name + b".salvaged-" + self._incident

    def _before(self, name: bytes) -> bytes:
        return name + b".before-restore-" + self._incident

    def _exists(self, path: bytes) -> bool:
        """Something has this name. Raises OSError, also for a component that is a link."""
        above, _, name = path.rpartition(b"/")
        try:
            directory = open_directory(self._top, above)
        except FileNotFoundError:
            return False
        try:
            return not name or look(directory, name) is not None
        finally:
            os.close(directory)

    def _enter(self, path: bytes) -> int:
        """A directory, made with what is missing of it, as the losing copy had it. Raises _Refused, OSError."""
        current, so_far = os.dup(self._top), b""
        for name in path.split(b"/") if path else []:
            so_far = so_far + b"/" + name if so_far else name
            try:
                below = self._enter_one(current, name, so_far)
            finally:
                os.close(current)
            current = below
        return current

    def _enter_one(self, directory: int, name: bytes, path: bytes) -> int:
        try:
            below = os.open(name, ENTER, dir_fd=directory)
        except FileNotFoundError:
            with StagedEntry(self._private, directory, self._as_it_was(path), None) as working:
                working.take_free_name(name)
            below = os.open(name, ENTER, dir_fd=directory)
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.ENOTDIR, errno.EMLINK):
                raise _Refused(f"{shown(path)} is not a directory there, and no link is followed") from None
            raise
        if os.fstat(below).st_dev != self._device:
            os.close(below)
            raise _Refused(f"{shown(path)} is on another file system")
        return below

    def _as_it_was(self, path: bytes) -> SavedItem:
        """A directory of the losing copy, of which the salvage may know nothing but the name."""
        unknown = SavedItem(Item(path, DIRECTORY, 0, 0, 0, 0o700, os.geteuid(), os.getegid(), 1), (), False)
        return self._directories.get(path, unknown)


def refuse_unsafe(saved: SavedItem) -> None:
    """Raise _Refused for what would leave the file system: a path, or where a link leads to."""
    path = saved.item.path
    if saved.item.kind == OTHER:
        raise _Refused("a special file, of which nothing is kept")
    if not path or b"\0" in path or any(name in (b"", b".", b"..") for name in path.split(b"/")):
        if not path and saved.item.kind == DIRECTORY:
            raise _Refused("the root directory itself is left as it is")
        raise _Refused("its path leads out of the file system")
    if saved.item.kind == SYMLINK:
        target = saved.item.target
        led = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
        if not target or b"\0" in target or target.startswith(b"/") or led == b".." or led.startswith(b"../"):
            raise _Refused(f"a link that leads out of the file system, to {shown(target)}")
