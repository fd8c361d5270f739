"""That the other node's copy may lack writes: the file of a primary (`checks.probes.unproven`), as it is changed.

A file that is none says the worst: any extent may be missing. While the state directory takes no file it is kept in the
second one (`second`).
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from checks.probes import unproven
from checks.probes.unproven import MOST, UnprovenCopy
from remediate.state import second
from remediate.state.store import StateNotKept, StateUnreadable, Store, Values

MOMENT = 0.001
"""Seconds: the least that a file tells apart."""
UNREADABLE = UnprovenCopy(0.0, 0.0, None, True, said="what was recorded of it cannot be read")


def known(store: Store, resource: str) -> UnprovenCopy | None:
    """What is known of the other copy, None where nothing is against it. Raises nothing."""
    try:
        return _from_values(second.read(store, _name(resource)))
    except StateUnreadable:
        return UNREADABLE


def lost(store: Store, resource: str, at: float, extents: frozenset[int] | None, full: bool) -> UnprovenCopy:
    """The connection was lost at `at`, with this in the map; what is known now. Raises StateNotKept."""
    added: list[UnprovenCopy] = []

    def changed(values: Values) -> Values:
        before = _from_values(values)
        now = UnprovenCopy(at, at, _list(extents), full)
        if before is not None:
            both = None if before.extents is None or extents is None else extents.union(before.extents)
            last = max(before.last + MOMENT, at)  # a clock may have been set back, and this is another one
            now = UnprovenCopy(min(before.since, at), last, _list(both), before.full or full)
        added[:] = [now]
        return dict(unproven.as_values(now))

    second.update(store, _name(resource), changed, instead=_unreadable)
    return added[0]


def bring_back(store: Store, resource: str) -> None:
    """Move what the second directory has to the first one, if that takes it. Raises StateNotKept."""
    second.bring_back(store, _name(resource))


def narrowed(unproven: UnprovenCopy, extents: Sequence[int], restless: bool) -> UnprovenCopy:
    """What is left to compare of what was `unproven`."""
    return unproven._replace(extents=_list(frozenset(extents)), restless=restless)


def judged(store: Store, resource: str, doubt: UnprovenCopy, now: UnprovenCopy | None) -> bool:
    """Replace what was `doubt` when the comparison began, None to end it; whether that is done, and no connection was
    lost meanwhile. Raises StateNotKept."""
    done: list[bool] = []

    def changed(values: Values) -> Values:
        before = _from_values(values)
        same = before is not None and _lost(before) == _lost(doubt)
        done[:] = [same]
        return values if not same else {} if now is None else dict(unproven.as_values(now))

    with suppress(StateNotKept):
        bring_back(store, resource)
    place = second.place(store, _name(resource))
    if now is None and place is not store:
        store.remove(_name(resource))  # first: it says less than the second one
    place.update(_name(resource), changed, instead=_unreadable)
    return done[0]


def _from_values(values: Values) -> UnprovenCopy | None:
    try:
        return unproven.from_values(values) if values else None
    except ValueError:
        return UNREADABLE


def _lost(known: UnprovenCopy) -> UnprovenCopy:
    """What of it a lost connection changes, or a comparison: nothing that is only said of one that was tried."""
    return known._replace(through=False, said="", restless=False)


def _unreadable(error: StateUnreadable) -> Values:
    return dict(unproven.as_values(UNREADABLE))


def _list(extents: frozenset[int] | None) -> tuple[int, ...] | None:
    return None if extents is None or len(extents) > MOST else tuple(sorted(extents))


def _name(resource: str) -> str:
    return f"{resource}.unproven.json"
