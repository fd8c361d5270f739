"""The split-brain marker that hastd's hook leaves; `checks.probes.marker` has the file's format.

While the state directory takes no file it is kept in the second one (`second`).
"""

from __future__ import annotations

import os

from checks.probes.errors import NotUnderstood
from checks.probes.marker import NAME, Marker, from_values, to_values
from remediate.state import second
from remediate.state.store import StateUnreadable, StateUntrusted, Store, Values


def record(store: Store, resource: str, node: str, boot_id: str, now: float, losing: bool | None) -> Marker:
    """Note one more event: `last`, `events` and, where it is known, `losing`. Makes the marker where there is none, and
    anew where it can't be read (then this node is the losing one until something else is known). Raises StateNotKept.
    """

    def bumped(values: Values) -> Values:
        before = _state(values, resource) if values else None
        if before is None or before.unreadable:
            known = losing if losing is not None or before is None else True
            return to_values(Marker(os.urandom(8).hex(), resource, node, boot_id, now, now, 1, known))
        known = before.losing if losing is None else losing
        last, events = max(now, before.last), before.events + 1
        return to_values(Marker(before.id, resource, node, boot_id, before.first, last, events, known))

    name = NAME.format(name=resource)
    return _state(second.update(store, name, bumped, instead=lambda error: {"unreadable": error.why}), resource)


def present(store: Store, resource: str) -> Marker | None:
    """The marker of a resource, None where there is none. One that can't be read says that this node is the losing
    one: then it isn't promoted. Where the whole directory is not believed, there is none to be read: then nothing is
    promoted either (`failover.remembered`), and a standby goes on to be one."""
    try:
        values = second.read(store, NAME.format(name=resource))
    except StateUntrusted:
        return None
    except StateUnreadable as error:
        return _unreadable(resource, str(error))
    return _state(values, resource) if values else None


def clear(store: Store, resource: str) -> bool:
    """Remove the marker: the split-brain is over. Whether there was one. Raises StateNotKept."""
    return second.remove(store, NAME.format(name=resource))


def bring_back(store: Store, resource: str) -> None:
    """Move what the second directory has to the first one, if that takes it. Raises StateNotKept."""
    second.bring_back(store, NAME.format(name=resource))


def _state(values: Values, resource: str) -> Marker:
    """What the file says; where that isn't a marker of the resource, one that is unreadable."""
    try:
        return from_values(values, resource)
    except NotUnderstood:
        return _unreadable(resource, f"{NAME.format(name=resource)} is not a marker of version 1")


def _unreadable(resource: str, why: str) -> Marker:
    return Marker("", resource, "", "", 0.0, 0.0, 0, True, why)
