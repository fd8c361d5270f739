"""The files that differ between two copies, for the eyes of whoever is to give one of them up: the newest, and how many
there are. What is saved of them is decided elsewhere (`salvage`); nothing here decides."""

from __future__ import annotations

import heapq
import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from checks.plugin.text import plain, say_count, say_size
from checks.probes.timestamps import utc
from remediate.recovery.differences import Difference, differences
from remediate.recovery.items import FILE, FileListing, Item, shown
from remediate.timing import Timing

MOST, MOST_WINNER = 20, 5
"""Files that are named: of those that the losing copy has, and of those that only the other one has, which stay."""
SECONDS = 120.0
"""Seconds that a comparison may take that is only shown."""


class DifferingFile(NamedTuple):
    """A file that is on one copy only, or on both and not the same. `losing`, `winner`: what each has of that name."""

    losing: Item | None
    winner: Item | None
    why: tuple[str, ...] = ()

    @property
    def path(self) -> bytes:
        """Its name, which both have in common."""
        return self._either[0].path

    @property
    def changed(self) -> float:
        """When its content was changed last on either copy, in seconds since 1970."""
        return max(item.mtime_ns for item in self._either) / 1e9

    @property
    def _either(self) -> list[Item]:
        return [item for item in (self.losing, self.winner) if item is not None]


class DifferingFiles:
    """Those of two copies, told one by one. `unfinished` says why not all of them are, and is empty otherwise."""

    def __init__(self) -> None:
        self.only_losing = self.only_winner = self.on_both = 0
        self.unfinished = ""
        self._losing, self._winner = _Newest(MOST), _Newest(MOST_WINNER)

    def note(self, found: Iterator[Difference]) -> Iterator[Difference]:
        """Count what is passed on, and hold on to the newest of it."""
        for each in found:
            if each.there is None:
                self.only_losing += 1
            else:
                self.on_both += 1
            self._losing.hold(DifferingFile(each.item, each.there, each.why))
            yield each

    def only_there(self, item: Item) -> None:
        """Count what only the other copy has."""
        self.only_winner += 1
        self._winner.hold(DifferingFile(None, item))

    def lines(self, losing: str, winner: str) -> list[str]:
        """For people: first what would go, then what stays, each with a head, a line for each file that is named, and
        how many more there are. The arguments are the names of the nodes."""
        at_stake = self.only_losing + self.on_both
        some = say_count(at_stake, "file")
        lines = [
            f"{losing} has {some} that {winner} lacks ({self.only_losing}) or has otherwise ({self.on_both})"
            f"{', the newest first:' if at_stake else ''}",
            *self._losing.lines(losing, winner),
        ]
        if self.only_winner:
            lines += [f"{winner} has {say_count(self.only_winner, 'file')} that {losing} lacks, the newest first:"]
            lines += self._winner.lines(losing, winner)
        return [*lines, f"There may be more: {self.unfinished}"] if self.unfinished else lines

    def as_values(self) -> dict[str, object]:
        """For programs; times in UTC, sizes in bytes."""
        return {
            "only_losing": self.only_losing,
            "only_winner": self.only_winner,
            "on_both": self.on_both,
            "unfinished": self.unfinished,
            "newest": [_file_values(file) for newest in (self._losing, self._winner) for file in newest.files],
        }


class _Newest:
    """The newest files of those that are given to it, so many at most."""

    def __init__(self, most: int) -> None:
        self._most, self._count = most, 0
        self._heap: list[tuple[float, int, DifferingFile]] = []

    def hold(self, file: DifferingFile) -> None:
        self._count += 1
        heapq.heappush(self._heap, (file.changed, -self._count, file))
        if len(self._heap) > self._most:
            heapq.heappop(self._heap)

    @property
    def files(self) -> list[DifferingFile]:
        """The newest first."""
        return [file for _, _, file in sorted(self._heap, reverse=True)]

    def lines(self, losing: str, winner: str) -> list[str]:
        lines = [f"  {_line(file, losing, winner)}" for file in self.files]
        return [*lines, f"  and {self._count - len(lines)} more"] if self._count > len(lines) else lines


def compared(
    losing: FileListing, winner: FileListing, since: float, timing: Timing, seconds: float = SECONDS
) -> DifferingFiles:
    """Compare two copies for so long at most, as a salvage does (`differences`). Raises StepFailed, ProbeError."""
    files, end = DifferingFiles(), timing.now() + seconds
    try:
        for _ in files.note(differences(_Limited(losing, timing, end), winner, since, only_there=files.only_there)):
            pass
    except _OutOfTime:
        files.unfinished = f"the comparison was ended after {seconds:g} s; `recover` compares everything"
    if losing.vanished and not files.unfinished:
        files.unfinished = f"{losing.vanished} names of the losing copy could not be read"
    return files


class _OutOfTime(Exception):
    """The comparison takes too long to be waited for."""


class _Limited:
    """A listing that is gone through until a moment."""

    vanished = 0

    def __init__(self, listing: FileListing, timing: Timing, end: float) -> None:
        self._listing, self._timing, self._end = listing, timing, end

    def walk(self) -> Iterator[Item]:
        """See FileListing. Raises _OutOfTime."""
        for item in self._listing.walk():
            if self._timing.now() > self._end:
                raise _OutOfTime
            yield item

    def digests(self, items: Sequence[Item]) -> Iterator[str]:
        """See FileListing."""
        return self._listing.digests(items)


def _line(file: DifferingFile, losing: str, winner: str) -> str:
    head = f"{time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(file.changed))}  {plain(shown(file.path), 120)}:"
    if file.losing is None or file.winner is None:
        return f"{head} {_size(file.losing or file.winner)}{f', only on {losing}' if file.winner is None else ''}"
    ahead = file.losing.mtime_ns - file.winner.mtime_ns
    newer = f", newer on {losing if ahead > 0 else winner}" if ahead else ""
    sizes = f"{_size(file.losing)} on {losing}, {_size(file.winner)} on {winner}"
    return f"{head} {sizes}{newer} ({', '.join(file.why)})"


def _size(item: Item | None) -> str:
    if item is None:
        return "nothing"
    return say_size(item.size) if item.kind == FILE else item.kind


def _file_values(file: DifferingFile) -> dict[str, object]:
    return {
        "path": file.path.decode("utf-8", "backslashreplace"),
        "changed": utc(file.changed),
        "losing": _values(file.losing),
        "winner": _values(file.winner),
        "why": list(file.why),
    }


def _values(item: Item | None) -> dict[str, object] | None:
    if item is None:
        return None
    return {"kind": item.kind, "size": item.size, "changed": utc(item.mtime_ns / 1e9)}
