"""A timeline as values: groups of lanes with bars, and marks with a sentence each. Times are seconds from its begin."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple


class BarKind(Enum):
    """What a bar means."""

    MASTER = "MASTER"
    PRIMARY = "primary"
    MOUNTED = "mounted"
    SERVING = "serving"
    WAITING = "waiting"
    OFF = "off"
    UNKNOWN = "not known"


OF_A_NODE = (BarKind.MASTER, BarKind.PRIMARY, BarKind.MOUNTED, BarKind.SERVING)
"""The lanes of a node, from the address to the clients."""


class Bar(NamedTuple):
    """From when to when something was so."""

    begin: float
    end: float
    kind: BarKind


class Lane(NamedTuple):
    """One line of the picture."""

    name: str
    bars: tuple[Bar, ...]


class LaneGroup(NamedTuple):
    """The lanes of a node, or of the clients."""

    name: str
    lanes: tuple[Lane, ...]


class EventMark(NamedTuple):
    """Something that happened at one moment."""

    at: float
    text: str


class Timeline(NamedTuple):
    """All of it. `epoch`: seconds since 1970 of its begin, None where times are told as seconds from the begin;
    `notes`: what a reader must know to believe it; `axis`: seconds that the axis has, where more than those."""

    title: str
    seconds: float
    groups: tuple[LaneGroup, ...]
    marks: tuple[EventMark, ...] = ()
    notes: tuple[str, ...] = ()
    epoch: float | None = None
    axis: float = 0.0


class LaneWriter:
    """The bars of one lane while its states become known, in the order of time."""

    def __init__(self) -> None:
        self._bars: list[Bar] = []
        self._kind: BarKind | None = None
        self._since = 0.0

    @property
    def kind(self) -> BarKind | None:
        """What it is now; None where there is no bar."""
        return self._kind

    def is_now(self, kind: BarKind | None, at: float) -> None:
        """From now on it is this."""
        if kind is not self._kind:
            self._close(at)
            self._kind, self._since = kind, at

    def lane(self, name: str, end: float) -> Lane:
        """The lane, which ends here."""
        self._close(end)
        self._since = end
        return Lane(name, tuple(self._bars))

    def _close(self, at: float) -> None:
        if self._kind is None or at <= self._since:
            return
        if self._bars and self._bars[-1][1:] == (self._since, self._kind):
            self._since = self._bars.pop().begin
        self._bars.append(Bar(self._since, at, self._kind))
