"""That the other node's copy may lack writes: the file of a primary (`checks.probes.unproven`), as it is changed.

A file that is none says the worst: any extent may be missing.
"""

from __future__ import annotations

from collections.abc import Sequence

from checks.probes import unproven
from checks.probes.unproven import MOST, Unproven
from remediate.state.store import StateUnreadable, Store, Values

UNREADABLE = Unproven(0.0, 0.0, None, True, said="what was written down of it cannot be read")


def known(store: Store, resource: str) -> Unproven | None:
    """What is known of the other copy, None where nothing is against it. Raises nothing."""
    try:
        values = store.read(_name(resource))
        return unproven.from_values(values) if values else None
    except (StateUnreadable, ValueError):
        return UNREADABLE


def lost(store: Store, resource: str, at: float, extents: frozenset[int] | None, full: bool) -> Unproven:
    """The connection was lost at `at`, with this in the map; what is known now. Raises StateNotKept."""
    made: list[Unproven] = []

    def changed(values: Values) -> Values:
        before = _before(values)
        now = Unproven(at, at, _list(extents), full)
        if before is not None:
            both = None if before.extents is None or extents is None else extents.union(before.extents)
            now = Unproven(min(before.since, at), max(before.last, at), _list(both), before.full or full)
        made[:] = [now]
        return dict(unproven.as_values(now))

    store.update(_name(resource), changed, instead=_unreadable)
    return made[0]


def narrowed(seen: Unproven, extents: Sequence[int]) -> Unproven:
    """What is left to compare of what was `seen`."""
    return seen._replace(extents=_list(frozenset(extents)))


def judged(store: Store, resource: str, seen: Unproven, now: Unproven | None) -> bool:
    """Replace what was `seen` when the comparison began, None to end it; whether that is done, and no connection was
    lost meanwhile. Raises StateNotKept."""
    done: list[bool] = []

    def changed(values: Values) -> Values:
        before = _before(values)
        same = before is not None and before._replace(through=False, said="") == seen._replace(through=False, said="")
        done[:] = [same]
        return values if not same else {} if now is None else dict(unproven.as_values(now))

    store.update(_name(resource), changed, instead=_unreadable)
    return done[0]


def _before(values: Values) -> Unproven | None:
    try:
        return unproven.from_values(values) if values else None
    except ValueError:
        return UNREADABLE


def _unreadable(error: StateUnreadable) -> Values:
    return dict(unproven.as_values(UNREADABLE))


def _list(extents: frozenset[int] | None) -> tuple[int, ...] | None:
    return None if extents is None or len(extents) > MOST else tuple(sorted(extents))


def _name(resource: str) -> str:
    return f"{resource}.unproven.json"
