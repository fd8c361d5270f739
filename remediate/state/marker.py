"""The split-brain marker that hastd's hook leaves; `checks.probes.hast_log.Marker` has the file's format.

`losing` is added to it: whether this node is the one whose copy is given up; null where that isn't known yet.
"""

from __future__ import annotations

import os
from typing import NamedTuple

from checks.probes.times import since_1970, utc
from remediate.state.store import StateUnreadable, StateUntrusted, Store, Values


class MarkerState(NamedTuple):
    """A split-brain of a resource. Times in seconds since 1970; `events` hastd's events so far; `unreadable` says why
    nothing is known but that there is a marker, and is empty otherwise."""

    id: str
    resource: str
    node: str
    boot_id: str
    first: float
    last: float
    events: int
    losing: bool | None
    unreadable: str = ""


def record(store: Store, resource: str, node: str, boot_id: str, now: float, losing: bool | None) -> MarkerState:
    """Note one more event: `last`, `events` and, where it is known, `losing`. Makes the marker where there is none, and
    anew where it can't be read (then this node is the losing one until something else is known). Raises StateNotKept.
    """

    def bumped(values: Values) -> Values:
        before = _state(values, resource) if values else None
        if before is None or before.unreadable:
            known = losing if losing is not None or before is None else True
            return _values(MarkerState(os.urandom(8).hex(), resource, node, boot_id, now, now, 1, known))
        known = before.losing if losing is None else losing
        return _values(
            before._replace(
                node=node, boot_id=boot_id, last=max(now, before.last), events=before.events + 1, losing=known
            )
        )

    return _state(store.update(_name(resource), bumped, instead=lambda error: {"unreadable": error.why}), resource)


def present(store: Store, resource: str) -> MarkerState | None:
    """The marker of a resource, None where there is none. One that can't be read says that this node is the losing
    one: then it isn't promoted. Where the whole directory is not believed, there is none to be read: then nothing is
    promoted either (`failover.remembered`), and a standby goes on to be one."""
    try:
        values = store.read(_name(resource))
    except StateUntrusted:
        return None
    except StateUnreadable as error:
        return _unreadable(resource, str(error))
    return _state(values, resource) if values else None


def clear(store: Store, resource: str) -> bool:
    """Remove the marker: the split-brain is over. Whether there was one. Raises StateNotKept."""
    return store.remove(_name(resource))


def _name(resource: str) -> str:
    return f"{resource}.split-brain"


def _values(state: MarkerState) -> Values:
    times = {"first": utc(state.first), "last": utc(state.last)}
    kept = {"version": 1, **state._asdict(), **times, "count": state.events}
    del kept["unreadable"], kept["events"]
    return kept


def _state(values: Values, resource: str) -> MarkerState:
    """What the file says; where that isn't a marker of the resource, one that is unreadable."""
    try:
        losing, events = values.get("losing"), values["count"]
        if values["version"] != 1 or values["resource"] != resource or not isinstance(losing, bool | None):
            raise ValueError("not version 1, or of another resource")
        if isinstance(events, bool) or not isinstance(events, int):
            raise ValueError("count is a number")
        return MarkerState(
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
        return _unreadable(resource, f"{_name(resource)} is no marker of version 1")


def _unreadable(resource: str, why: str) -> MarkerState:
    return MarkerState("", resource, "", "", 0.0, 0.0, 0, True, why)
