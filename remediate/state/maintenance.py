"""Maintenance mode: begun and ended by an operator, suspends every automatic action. `checks.probes.maintenance` has
the file's format."""

from __future__ import annotations

from checks.plugin.text import duration as duration
from checks.probes.errors import NotUnderstood
from checks.probes.maintenance import NAME, Maintenance, from_values, to_values
from remediate.state.store import StateUnreadable, Store

US = "hastwatch"
"""`who` of a maintenance that nobody began: that of a file which can't be read."""


def current(store: Store, now: float) -> Maintenance | None:
    """The maintenance in force; None where there is none or it is over. A file that can't be read counts as one
    without an end, whose reason says so: nothing is repaired automatically until an operator looks."""
    try:
        return begun(store, now)
    except StateUnreadable as error:
        return Maintenance(now, None, f"whether there is maintenance is not known: {error}", US)


def begun(store: Store, now: float) -> Maintenance | None:
    """The maintenance that an operator has begun, None where there is none or it is over. Raises StateUnreadable: then
    nothing may be promoted, but a node that must not serve still stops."""
    values = store.read(NAME)
    try:
        maintenance = from_values(values) if values else None
    except NotUnderstood:
        raise StateUnreadable(NAME, "it is not a record of version 1") from None
    return None if maintenance is None or maintenance.is_over(now) else maintenance


def begin(store: Store, now: float, seconds: float | None, reason: str, who: str) -> Maintenance:
    """Begin, or begin anew, a maintenance of so many seconds (None: until it is ended). Raises StateNotKept."""
    values = to_values(Maintenance(now, None if seconds is None else now + seconds, reason, who))
    store.write(NAME, values)
    return from_values(values)


def end(store: Store) -> bool:
    """End the maintenance; whether there was any, be it over already or unreadable. Raises StateNotKept."""
    return store.remove(NAME)
