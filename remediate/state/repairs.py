"""The repairs that a monitoring event set off: what was tried, when, and with what result, one file for the node.

An entry is made before anything is done, so that a repair whose process died counts as tried. What cannot be read, or
cannot be recorded, is no permission: StateError goes to the caller, who then does nothing.

How long ago one was tried is told by the clock that is never stepped, too. That one begins anew with every boot: what
then seems shorter ago than it is holds back for a few minutes too long, never too short.
"""

from __future__ import annotations

from typing import NamedTuple

from checks.probes.timestamps import since_1970, utc_milliseconds
from remediate.state.store import StateUnreadable, Store, Values
from remediate.timing import Timing

NAME = "repairs.json"
HOUR = 3600.0
STEP = 5.0
"""Seconds by which the two clocks may come apart in an hour without a step: ntpd(8) slews by 0.05 %."""
MOST_KEPT = 100
"""More than any hourly limit (`remediate.policy.MOST_REPAIRS`): the limit is counted here."""


class Moment(NamedTuple):
    """A moment: seconds since 1970 by the clock that may be stepped, and of the one that only goes forward."""

    wall: float
    steady: float


class RepairAttempt(NamedTuple):
    """A repair, when it was begun, by both clocks, and what came of it; empty while that is not known."""

    remedy: str
    at: float
    steady: float
    result: str = ""


def now(timing: Timing) -> Moment:
    """This moment."""
    return Moment(timing.wall(), timing.now())


def tried(store: Store, now: Moment) -> tuple[RepairAttempt, ...]:
    """All that is known, oldest first, each at a time as if the clock had never been stepped; or, where the node was
    booted since, at the latest now. Raises StateUnreadable."""
    return _dated(_attempts(store.read(NAME)), now)


def redate(store: Store, now: Moment) -> tuple[RepairAttempt, ...]:
    """The same, recorded so: nothing is held back for longer than a repair of this moment would hold it back.
    Raises StateError."""
    return _attempts(store.update(NAME, lambda values: _values(_dated(_attempts(values), now))))


def begin(store: Store, remedy: str, now: Moment) -> RepairAttempt:
    """A repair is about to be done. Raises StateError."""
    begun = RepairAttempt(remedy, now.wall, now.steady)
    store.update(NAME, lambda values: _values((*_dated(_attempts(values), now), begun)[-MOST_KEPT:]))
    return begun


def end(store: Store, begun: RepairAttempt, result: str) -> None:
    """What came of it: the last one of its kind that has no result yet. Its time may have been brought back meanwhile,
    with a stepped clock. Raises StateError."""

    def ended(values: Values) -> Values:
        known = list(_attempts(values))
        open_ones = [index for index, one in enumerate(known) if one.remedy == begun.remedy and not one.result]
        if open_ones:
            known[open_ones[-1]] = known[open_ones[-1]]._replace(result=result)
        return _values(tuple(known))

    store.update(NAME, ended)


def last(attempts: tuple[RepairAttempt, ...], remedy: str) -> RepairAttempt | None:
    """The last time that a repair was tried, None where it never was."""
    return next((one for one in reversed(attempts) if one.remedy == remedy), None)


def within_an_hour(attempts: tuple[RepairAttempt, ...], now: float) -> int:
    """How many repairs of any kind were tried in the last hour."""
    return sum(now - one.at < HOUR for one in attempts)


def _dated(attempts: tuple[RepairAttempt, ...], now: Moment) -> tuple[RepairAttempt, ...]:
    return tuple(one._replace(at=_date(one, now)) for one in attempts)


def _date(one: RepairAttempt, now: Moment) -> float:
    ago = now.steady - one.steady
    stepped = ago >= 0 and abs(now.wall - one.at - ago) > STEP
    return now.wall - ago if stepped else min(one.at, now.wall)


def _values(attempts: tuple[RepairAttempt, ...]) -> Values:
    if not attempts:
        return {}
    listed = [{**one._asdict(), "at": utc_milliseconds(one.at)} for one in attempts]
    return {"version": 1, "repairs": listed}


def _attempts(values: Values) -> tuple[RepairAttempt, ...]:
    if not values:
        return ()
    try:
        listed = values["repairs"]
        if values["version"] != 1 or not isinstance(listed, list):
            raise ValueError("not version 1")
        return tuple(_tried(one) for one in listed)
    except (ValueError, KeyError, TypeError):
        raise StateUnreadable(NAME, "it is not a record of version 1") from None


def _tried(one: Values) -> RepairAttempt:
    """Raises ValueError, KeyError, TypeError."""
    return RepairAttempt(str(one["remedy"]), since_1970(one["at"]), float(str(one["steady"])), str(one["result"]))
