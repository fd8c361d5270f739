"""Maintenance: an operator works on the node, and automatic action is suspended until it is over.

`hastwatch maintenance on` leaves a file in the state directory, one JSON object

    {"version": 1, "since": "2026-11-22T08:46:35Z", "until": null, "reason": "new disk", "who": "root"}

written atomically; `until` is null where the maintenance has no end of its own. The file outlives reboots.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from checks.probes.errors import NotFound, NotUnderstood
from checks.probes.timestamps import since_1970, utc

if TYPE_CHECKING:
    from checks.probes.node import Node

NAME = "maintenance.json"
PATH = f"/var/db/hastwatch/{NAME}"


class Maintenance(NamedTuple):
    """Since when, until when (None: until it is ended), why, by whom. Times in seconds since 1970."""

    since: float
    until: float | None
    reason: str
    who: str

    def is_over(self, now: float) -> bool:
        """Whether it has ended by itself."""
        return self.until is not None and now >= self.until


def read(node: Node) -> Maintenance | None:
    """The maintenance of a node, also one that is over; None where there is none. Raises ProbeError."""
    try:
        return parse(node.read(PATH))
    except NotFound:
        return None


def parse(text: str) -> Maintenance:
    """A maintenance out of its file. Raises NotUnderstood."""
    import json

    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        raise NotUnderstood(NAME, text) from None
    return from_values(values)


def from_values(values: object) -> Maintenance:
    """A maintenance out of the object in its file. Raises NotUnderstood."""
    try:
        if not isinstance(values, dict) or values["version"] != 1:
            raise ValueError("not an object of version 1")
        until = values["until"]
        record = Maintenance(
            since=since_1970(values["since"]),
            until=None if until is None else since_1970(until),
            reason=values["reason"],
            who=values["who"],
        )
        if not isinstance(record.reason, str) or not isinstance(record.who, str):
            raise ValueError("reason and who are text")
    except (ValueError, KeyError):
        raise NotUnderstood(NAME, repr(values)) from None
    return record


def to_values(maintenance: Maintenance) -> dict[str, object]:
    """The object for the file."""
    until = None if maintenance.until is None else utc(maintenance.until)
    return {"version": 1, **maintenance._asdict(), "since": utc(maintenance.since), "until": until}
