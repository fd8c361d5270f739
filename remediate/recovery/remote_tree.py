"""The tree of a node that is reached by a way: asked for in pages, because the answer to a command is bounded.

`hastwatch tree` answers there (`subcommands/tree.py`): lines of JSON arrays, pure ASCII whatever the names.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator, Sequence

from checks.plugin.text import plain
from remediate.context import Transport
from remediate.failover.errors import StepFailed
from remediate.recovery.items import DIRECTORY, FILE, OTHER, SYMLINK, Item

PAGE = 4000
"""Items in an answer of the other node; with the longest names of PATH_MAX (1024) it is cut at PAGE_BYTES instead."""
PAGE_BYTES = 2 << 20
"""Bytes after which an answer is ended, well below what is taken of a command (`process.OUTPUT_LIMIT`)."""
PAGES = 100_000
"""Pages at most: 400 million items, or as many as fill 200 GB."""
ARGUMENTS = 32 << 10
"""Bytes of paths on one command line; ssh(1) and sh(1) take more, and FreeBSD's ARG_MAX is 512 KB."""
LISTING, HASHING = 300.0, 60.0
"""Seconds for one page, and for the beginning of a hash."""
SLOWEST = 5e6
"""Bytes per second that a disk reads at least; what is slower counts as hanging."""


class RemoteTree:
    """A directory of a node that is reached by a way, listed there by `hastwatch tree` (`subcommands/tree.py`)."""

    def __init__(self, way: Transport, command: str, point: str, page: int = PAGE) -> None:
        self.vanished = 0
        self._way, self._command, self._point, self._page = way, command, point, page

    def walk(self) -> Iterator[Item]:
        """See Listed."""
        last: Item | None = None
        for _ in range(PAGES):
            after = ("--after", encoded(last.path)) if last is not None else ()
            rows = self._ask("list", LISTING, "--limit", str(self._page), *after)
            more, vanished = read_ending(rows.pop() if rows else [])
            before = last
            for row in rows:
                item = read_row(row)
                if last is not None and item.key <= last.key:
                    raise StepFailed("the list of the other node's files does not go on, or is in no order")
                last = item
                yield item
            self.vanished += vanished
            if not more:
                return
            if last is before:
                raise StepFailed("the list of the other node's files does not go on, or is in no order")
        raise StepFailed(f"the list of the other node's files has no end: more than {PAGES} pages")

    def digests(self, items: Sequence[Item]) -> Iterator[str]:
        """See Listed."""
        for batch in _batches(items):
            seconds = HASHING + sum(item.size for item in batch) / SLOWEST
            rows = self._ask("sha256", seconds, *(encoded(item.path) for item in batch))
            if len(rows) != len(batch) or not all(len(row) == 1 and isinstance(row[0], str) for row in rows):
                raise StepFailed("the hashes of the other node's files are not understood")
            yield from (str(row[0]) for row in rows)

    def _ask(self, verb: str, seconds: float, *words: str) -> list[list[object]]:
        """The lines of an answer, each a list. Raises StepFailed, ProbeError."""
        import json

        done = self._way.act((self._command, "tree", verb, self._point, *words), seconds)
        if done.status != 0:
            raise StepFailed(f"the other node's files cannot be read: {plain(done.words)}")
        try:
            rows = [json.loads(line) for line in done.stdout.splitlines()]
        except (ValueError, RecursionError):
            rows = [None]
        if not all(isinstance(row, list) and row for row in rows):
            raise StepFailed("what the other node says of its files is not understood")
        return rows


def _batches(items: Sequence[Item]) -> Iterator[list[Item]]:
    """As many as fit on a command line."""
    batch: list[Item] = []
    length = 0
    for item in items:
        needs = len(item.path) * 4 // 3 + 8
        if batch and length + needs > ARGUMENTS:
            yield batch
            batch, length = [], 0
        batch.append(item)
        length += needs
    if batch:
        yield batch


def row(item: Item) -> list[object]:
    """An item as it is sent: pure ASCII in JSON, whatever its name."""
    values: Iterable[object] = item._replace(path=b"", target=b"")
    return [encoded(item.path), encoded(item.target), *(value for value in values if not isinstance(value, bytes))]


def read_row(values: list[object]) -> Item:
    """The item. Raises StepFailed."""
    path, target, kind, *numbers = values if len(values) == len(Item._fields) else [None, None, None]
    if kind not in (FILE, DIRECTORY, SYMLINK, OTHER) or not all(type(number) is int for number in numbers):
        raise StepFailed("what the other node says of its files is not understood")
    size, mtime, ctime, mode, uid, gid, nlink, inode = (int(str(number)) for number in numbers)
    return Item(decoded(path), str(kind), size, mtime, ctime, mode, uid, gid, nlink, decoded(target), inode)


def ending(more: bool, vanished: int) -> list[object]:
    """The last line of a page: an answer that lacks it was cut."""
    return ["more" if more else "end", vanished]


def read_ending(values: list[object]) -> tuple[bool, int]:
    """Whether there is more, and how many names had vanished. Raises StepFailed."""
    if len(values) != 2 or values[0] not in ("more", "end") or type(values[1]) is not int:
        raise StepFailed("the list of the other node's files was cut off")
    return values[0] == "more", values[1]


def encoded(path: bytes) -> str:
    """A path as a word of a command line; no path at all is a dash."""
    return b64encode(path).decode() or "-"


def decoded(word: object) -> bytes:
    """The path. Raises StepFailed."""
    if word == "-":
        return b""
    try:
        return b64decode(str(word), validate=True)
    except ValueError:
        raise StepFailed(f"{plain(str(word), 40)!r} is not base64") from None
