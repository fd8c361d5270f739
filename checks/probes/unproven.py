"""Whether the other node's copy may lack writes that a primary has acknowledged, though HAST calls both the same.

A write that was sent and not answered when the connection is lost is acknowledged all the same, and its extent is clean
then (sbin/hastd/primary.c: remote_recv_thread() calls no activemap_need_sync(), ggate_send_thread() calls
activemap_write_complete()): no later synchronisation of that worker copies it. What may be missing is on the disk for a
while, in the map of extents that hastd keeps dirty (activemap.c, keepdirty_fill()).

The file of a primary, in its state directory, from the loss of a connection until both copies were compared; where that
took no file, in a second one until then:

    {"version": 1, "since": "2026-11-29T04:00:00Z", "last": "2026-11-29T04:10:00Z", "extents": [17, 18], "full": false,
     "differ": [], "through": true, "said": "", "restless": false}
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from checks.probes import state_files
from checks.probes.errors import NotUnderstood
from checks.probes.timestamps import since_1970, utc, utc_milliseconds

if TYPE_CHECKING:
    from collections.abc import Mapping

    from checks.probes.node import Node

NAME = "{name}.unproven.json"
MOST = 2000
"""Extents that are recorded; where there are more, every extent counts: keepdirty is 64 (hastctl(8), create)."""
FAILED_ON_BOTH = "a write that has failed on both disks counts as dirty until hastd's worker ends"
"""primary.c, ggate_send_thread(): activemap_write_complete() is not called for it."""
REMEDY = "take an image of the other disk, then recreate that copy"
"""The primary's disk has failed writes, and what it failed while the other node was connected is on the other one alone
(freebsd-facts: one-good-write-is-enough)."""
LONGEST = 1000
"""Characters of a text in it."""


class UnprovenCopy(NamedTuple):
    """What is known of it. Times in seconds since 1970, by the primary's clock."""

    since: float
    """When the connection was first lost after the copies had last been known to be equal."""
    last: float
    """When it was lost last."""
    extents: tuple[int, ...] | None = None
    """What may be missing there, as far as the map tells; None where it could not be read, or names too many."""
    full: bool = False
    """As many extents as are kept were in the map: one that was kept before may have made room."""
    differ: tuple[int, ...] = ()
    """What was found to differ since."""
    through: bool = False
    """hastd has told since that a synchronisation is through: what is dirty is none, though it may be forever."""
    said: str = ""
    """Why they have not been compared yet, as far as that was tried."""
    restless: bool = False
    """The primary's disk has failed writes, and hastd had dirty extents at every look: what is left was not decided.
    It is not while that worker runs, where one of them has failed on both disks."""

    @property
    def sentence(self) -> str:
        """For people."""
        lost = f"the connection was lost with writes underway at {utc(self.last)}"
        if self.differ:
            return f"{lost}, and the copies differ"
        text = f"{lost}, and the copies have not been compared since" + (f": {self.said}" if self.said else "")
        return f"{text} ({FAILED_ON_BOTH}): {REMEDY}" if self.restless else text


def read(node: Node, resource: str) -> UnprovenCopy | None:
    """What a node knows as primary of the other copy, None where nothing is against it. Raises ProbeError."""
    import json

    name = NAME.format(name=resource)
    text = state_files.text_of(node, name)
    try:
        return None if text is None else from_values(json.loads(text))
    except (ValueError, RecursionError):
        raise NotUnderstood(name, text or "") from None


def from_values(values: object) -> UnprovenCopy:
    """Out of the object in the file. Raises ValueError."""
    try:
        if not isinstance(values, dict) or values["version"] != 1 or not isinstance(values["full"], bool):
            raise ValueError("not an object of version 1")
        extents = None if values["extents"] is None else _numbers(values["extents"])
        reason = values["said"]
        if not isinstance(reason, str) or len(reason) > LONGEST or not reason.isprintable():
            raise ValueError("no text")
        since, last = since_1970(values["since"]), since_1970(values["last"])
        through, restless = values["through"] is True, values.get("restless") is True
        return UnprovenCopy(since, last, extents, values["full"], _numbers(values["differ"]), through, reason, restless)
    except (KeyError, TypeError) as error:
        raise ValueError(f"not what is known of a copy: {error}") from None


def as_values(known: UnprovenCopy) -> Mapping[str, object]:
    """The object in the file."""
    extents = None if known.extents is None else list(known.extents)
    times = {"since": utc_milliseconds(known.since), "last": utc_milliseconds(known.last)}
    return {"version": 1, **known._asdict(), **times, "extents": extents, "differ": list(known.differ)}


def _numbers(values: object) -> tuple[int, ...]:
    if not isinstance(values, list) or len(values) > MOST:
        raise ValueError("no list, or too long")
    if any(isinstance(each, bool) or not isinstance(each, int) or not 0 <= each < 1 << 48 for each in values):
        raise ValueError("no extents")
    return tuple(values)
