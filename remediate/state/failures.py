"""Failed promotions: after too many within a while, nothing is done automatically until an operator says so.

One file for the node, as the address is one. What can't be read counts as blocked, and the address as given away: an
automatic action too few is a call to an operator, one too many is two nodes throwing the address at each other.
"""

from __future__ import annotations

from typing import NamedTuple

from checks.plugin.text import plain, say_duration
from checks.probes.timestamps import since_1970, utc, utc_milliseconds
from remediate.state.store import StateNotKept, StateUnreadable, Store, Values

NAME = "failures.json"
MOST_KEPT = 20
MOST = 2
"""Failed promotions within the window that are too many: one may be an accident, the second is a fault."""


class Failure(NamedTuple):
    """A promotion of a resource that failed, when (seconds since 1970) and why."""

    resource: str
    at: float
    why: str


class _Kept(NamedTuple):
    """What the file holds. `blocked` is the sentence for humans, empty while there is none."""

    failures: tuple[Failure, ...] = ()
    blocked: str = ""
    given_away: float | None = None


def note(store: Store, resource: str, now: float, why: str) -> None:
    """A promotion failed. Raises StateNotKept."""
    failure = Failure(resource, now, why)

    def noted(values: Values) -> Values:
        failures = _kept(values)
        return _values(failures._replace(failures=(*failures.failures, failure)[-MOST_KEPT:]))

    store.update(NAME, noted, instead=_as_blocked)


def recent(store: Store, now: float, window: float) -> tuple[Failure, ...]:
    """The failures of the last `window` seconds, oldest first; none where they can't be read (see `blocked`)."""
    return _within(_read(store), now, window)


def unreadable(store: Store) -> str:
    """Why it is not known which promotions failed; empty where it is. Then nothing may be promoted, but a node that
    must not serve still stops, which a block of its own does not do."""
    try:
        _strictly(store.read(NAME))
    except StateUnreadable as error:
        return str(error)
    return ""


def blocked(store: Store, now: float, window: float) -> str:
    """Why no promotion may be tried, empty where one may: MOST failed within `window` seconds, or `block` was
    called."""
    failures = _read(store)
    if failures.blocked:
        return failures.blocked
    failed = _within(failures, now, window)
    if len(failed) < MOST:
        return ""
    last = failed[-1]
    return (
        f"{len(failed)} promotions failed within {say_duration(window)}, the last one at {utc(last.at)} "
        f"({plain(last.resource)}: {plain(last.why, 160)}); nothing is tried again until an operator has cleared it"
    )


def block(store: Store, why: str) -> str:
    """Record why no promotion may be tried, as `blocked` says: it then holds until `clear`, also after the window.
    Not where an operator has cleared it meanwhile. `why`, and what has kept it from being recorded."""
    if _read(store).blocked:
        return why

    def noted(values: Values) -> Values:
        failures = _kept(values)
        return values if failures.blocked or not failures.failures else _values(failures._replace(blocked=why))

    try:
        store.update(NAME, noted, instead=_as_blocked)
    except StateNotKept as error:
        return f"{why} ({error})"
    return why


def clear(store: Store, who: str) -> bool:
    """Forget all failures, the block and that the address was given away; whether there was anything. `who` did it.
    Raises StateNotKept."""
    if _read(store) == _Kept():
        return False
    store.write(NAME, {**_values(_Kept()), "cleared_by": who})
    return True


def given_away(store: Store) -> bool:
    """Whether this node has given the address away after a failed promotion, which it does once."""
    return _read(store).given_away is not None


def note_given_away(store: Store, now: float) -> None:
    """The address was given away. Raises StateNotKept."""
    store.update(NAME, lambda values: _values(_kept(values)._replace(given_away=now)), instead=_as_blocked)


def _read(store: Store) -> _Kept:
    try:
        return _kept(store.read(NAME))
    except StateUnreadable as error:
        return _kept(_as_blocked(error))


def _within(failures: _Kept, now: float, window: float) -> tuple[Failure, ...]:
    """One that a stepped clock puts into the future is a recent one."""
    return tuple(failure for failure in failures.failures if now - failure.at <= window)


def _as_blocked(error: StateUnreadable) -> Values:
    return _values(_Kept(blocked=f"how many promotions failed is not known: {error}", given_away=0.0))


def _values(record: _Kept) -> Values:
    failures = [{**failure._asdict(), "at": utc_milliseconds(failure.at)} for failure in record.failures]
    away = None if record.given_away is None else utc_milliseconds(record.given_away)
    return {"version": 1, "failures": failures, "blocked": record.blocked, "given_away": away}


def _kept(values: Values) -> _Kept:
    try:
        return _strictly(values)
    except StateUnreadable as error:
        return _kept(_as_blocked(error))


def _strictly(values: Values) -> _Kept:
    """Raises StateUnreadable."""
    if not values:
        return _Kept()
    try:
        failures, away = values["failures"], values["given_away"]
        if values["version"] != 1 or not isinstance(failures, list):
            raise ValueError("not version 1")
        return _Kept(
            tuple(Failure(str(one["resource"]), since_1970(one["at"]), str(one["why"])) for one in failures),
            str(values["blocked"]),
            None if away is None else since_1970(away),
        )
    except (ValueError, KeyError, TypeError):
        raise StateUnreadable(NAME, "it is not a record of version 1") from None
