"""The repairs that a monitoring event set off: what was tried, when, and with what result, one file for the node.

An entry is made before anything is done, so that a repair whose process died counts as tried. What cannot be read, or
cannot be written down, is no permission: StateError goes to the caller, who then does nothing.
"""

from __future__ import annotations

from typing import NamedTuple

from checks.probes.times import since_1970, utc_milliseconds
from remediate.state.store import StateUnreadable, Store, Values

NAME = "repairs.json"
HOUR = 3600.0
MOST_KEPT = 100
"""More than any hourly limit (`checks.plugin.policy.MOST_REPAIRS`): the limit is counted here."""


class Tried(NamedTuple):
    """A repair, when it was begun (seconds since 1970), and what came of it; empty while that is not known."""

    remedy: str
    at: float
    result: str = ""


def tried(store: Store, now: float) -> tuple[Tried, ...]:
    """All that is known, oldest first. What a clock that was stepped back puts into the future counts as tried now, and
    is written down so: it holds nothing back for longer than a repair of this moment would. Raises StateError."""
    return _kept(store.update(NAME, lambda values: _values(_not_later(_kept(values), now))))


def begin(store: Store, remedy: str, now: float) -> Tried:
    """A repair is about to be done. Raises StateError."""
    begun = Tried(remedy, now)
    store.update(NAME, lambda values: _values((*_not_later(_kept(values), now), begun)[-MOST_KEPT:]))
    return begun


def end(store: Store, begun: Tried, result: str) -> None:
    """What came of it: the last one of its kind that has no result yet. Its time may have been brought back meanwhile,
    with a stepped clock. Raises StateError."""

    def ended(values: Values) -> Values:
        known = list(_kept(values))
        open_ones = [index for index, one in enumerate(known) if one.remedy == begun.remedy and not one.result]
        if open_ones:
            known[open_ones[-1]] = known[open_ones[-1]]._replace(result=result)
        return _values(tuple(known))

    store.update(NAME, ended)


def last(found: tuple[Tried, ...], remedy: str) -> Tried | None:
    """The last time that a repair was tried, None where it never was."""
    return next((one for one in reversed(found) if one.remedy == remedy), None)


def within_an_hour(found: tuple[Tried, ...], now: float) -> int:
    """How many repairs of any kind were tried in the last hour."""
    return sum(now - one.at < HOUR for one in found)


def _not_later(found: tuple[Tried, ...], now: float) -> tuple[Tried, ...]:
    return tuple(one._replace(at=min(one.at, now)) for one in found)


def _values(found: tuple[Tried, ...]) -> Values:
    if not found:
        return {}
    return {"version": 1, "repairs": [{**one._asdict(), "at": utc_milliseconds(one.at)} for one in found]}


def _kept(values: Values) -> tuple[Tried, ...]:
    if not values:
        return ()
    try:
        kept = values["repairs"]
        if values["version"] != 1 or not isinstance(kept, list):
            raise ValueError("not version 1")
        return tuple(Tried(str(one["remedy"]), since_1970(one["at"]), str(one["result"])) for one in kept)
    except (ValueError, KeyError, TypeError):
        raise StateUnreadable(NAME, "it is no record of version 1") from None
