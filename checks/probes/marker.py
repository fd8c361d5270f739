"""The marker of a split-brain: hastd's hook on `split-brain` leaves a file in the state directory, one JSON object

    {"version": 1, "id": "…", "resource": "home", "node": "nfs001", "boot_id": "…",
     "first": "2026-11-22T08:46:35Z", "last": "2026-11-22T08:46:45Z", "count": 2, "losing": true}

written atomically (`remediate.state.marker`); `count` are the events so far (hastd repeats them every 10 s). The next
`syncdone` of the resource, or its recovery, removes it. While the state directory takes no file it is in a second one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from checks.probes import state_files
from checks.probes.errors import NotUnderstood
from checks.probes.timestamps import since_1970, utc

if TYPE_CHECKING:
    from checks.probes.node import Node

NAME = "{name}.split-brain"
REPEATS = 90
"""Seconds. A split-brain is found anew every 10 s (primary.c HAST_KEEPALIVE): an older sign is a thing of the past."""


class Marker(NamedTuple):
    """A split-brain of a resource, as a node noted it. Times in seconds since 1970."""

    id: str
    resource: str
    node: str
    boot_id: str
    first: float
    last: float
    events: int
    losing: bool | None = None
    """Whether it is that node whose copy is given up; None where that is not known, or not said."""
    unreadable: str = ""
    """Why nothing is known but that there is a marker, or empty (`remediate.state.marker`; `parse` raises instead)."""

    def is_fresh(self, now: float) -> bool:
        """Whether hastd's event came again just now."""
        return now - self.last <= REPEATS


def read(node: Node, resource: str) -> Marker | None:
    """The marker of a resource, None where there is none. Raises ProbeError."""
    text = state_files.text_of(node, NAME.format(name=resource))
    return None if text is None else parse(text, resource)


def parse(text: str, resource: str) -> Marker:
    """A marker of the resource out of its file. Raises NotUnderstood."""
    import json

    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        raise NotUnderstood("the split-brain marker", text) from None
    return from_values(values, resource)


def from_values(values: object, resource: str) -> Marker:
    """A marker of the resource out of the object in its file. Raises NotUnderstood."""
    try:
        if not isinstance(values, dict) or values["version"] != 1 or values["resource"] != resource:
            raise ValueError("not version 1, or of another resource")
        events, losing = values["count"], values.get("losing")
        if isinstance(events, bool) or not isinstance(events, int) or not isinstance(losing, bool | None):
            raise ValueError("count is a number, losing true, false or null")
        return Marker(
            id=str(values["id"]),
            resource=resource,
            node=str(values["node"]),
            boot_id=str(values.get("boot_id", "")),
            first=since_1970(values["first"]),
            last=since_1970(values["last"]),
            events=events,
            losing=losing,
        )
    except (ValueError, KeyError):
        raise NotUnderstood("the split-brain marker", repr(values)) from None


def to_values(marker: Marker) -> dict[str, object]:
    """The object for the file."""
    return {
        "version": 1,
        "id": marker.id,
        "resource": marker.resource,
        "node": marker.node,
        "boot_id": marker.boot_id,
        "first": utc(marker.first),
        "last": utc(marker.last),
        "losing": marker.losing,
        "count": marker.events,
    }
