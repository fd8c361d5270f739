"""The repairs that were held back: of each kind the last one, by which guard, and how often it was asked for since.

What cannot be read is nothing that waits: nobody takes up what he does not know, and the next one begins anew. How long
ago something was is told by the clock that is never stepped, as long as that one goes on (`repairs.Moment`).
"""

from __future__ import annotations

import os
from typing import NamedTuple

from checks.probes.timestamps import since_1970, utc_milliseconds
from remediate.state.repairs import Moment
from remediate.state.store import StateUnreadable, Store, Values

NAME = "held.json"
RUN = 300.0
"""Seconds within which a request that the same guard holds back is one more of the same."""


class HeldRepair(NamedTuple):
    """A repair that was held back: by which guard, when it was asked for at first and at last, how often without a
    break, and how many of these the journal tells of."""

    remedy: str
    guard: str
    first: float
    last: Moment
    times: int = 1
    told: int = 1

    def ago(self, now: Moment) -> float:
        """Seconds since it was asked for at last. The steady clock begins anew with a boot: then the other one
        counts."""
        steady = now.steady - self.last.steady
        return steady if steady >= 0 else now.wall - self.last.wall

    @property
    def untold(self) -> int:
        """How many the journal does not tell of."""
        return self.times - self.told


Held = tuple[HeldRepair, ...]


def is_any(store: Store) -> bool:
    """Whether there is a record at all, by its file alone."""
    return os.path.lexists(os.path.join(store.directory, NAME))


def read(store: Store) -> Held:
    """All of them. Raises StateUnreadable."""
    return _held(store.read(NAME))


def note(store: Store, remedy: str, guard: str, now: Moment) -> tuple[HeldRepair | None, HeldRepair]:
    """One more was held back: what was known of its kind before, and what is now. Raises StateError."""
    before: list[HeldRepair] = []

    def noted(values: Values) -> Values:
        known = _held(values)
        before[:] = [one for one in known if one.remedy == remedy]
        others = [one for one in known if one.remedy != remedy]
        one = HeldRepair(remedy, guard, now.wall, now)
        if before and before[0].guard == guard and before[0].ago(now) < RUN:
            one = before[0]._replace(last=now, times=before[0].times + 1)
        return _values((*others, one))

    after = _held(store.update(NAME, noted, instead=_begun_anew))
    return (before[0] if before else None), next(one for one in after if one.remedy == remedy)


def told(store: Store, one: HeldRepair) -> None:
    """The journal tells of all of these. Raises StateError."""
    store.update(NAME, lambda values: _values(tuple(
        each._replace(told=min(one.times, each.times)) if (each.remedy, each.guard) == (one.remedy, one.guard) else each
        for each in _held(values)
    )))  # fmt: skip


def forget(store: Store, remedy: str) -> HeldRepair | None:
    """What was held back of a kind does not wait any more; what it was. Raises StateError."""
    gone: list[HeldRepair] = []

    def forgotten(values: Values) -> Values:
        known = _held(values)
        gone[:] = [one for one in known if one.remedy == remedy]
        return _values(tuple(one for one in known if one.remedy != remedy))

    if is_any(store):
        store.update(NAME, forgotten, instead=_begun_anew)
    return gone[0] if gone else None


def _begun_anew(error: StateUnreadable) -> Values:
    return {}


def _values(held: Held) -> Values:
    if not held:
        return {}
    listed = [
        {
            **one._asdict(),
            "first": utc_milliseconds(one.first),
            "last": utc_milliseconds(one.last.wall),
            "steady": one.last.steady,
        }
        for one in held
    ]
    return {"version": 1, "held": listed}


def _held(values: Values) -> Held:
    """Raises StateUnreadable."""
    if not values:
        return ()
    try:
        listed = values["held"]
        if values["version"] != 1 or not isinstance(listed, list):
            raise ValueError("not version 1")
        return tuple(_one(each) for each in listed)
    except (ValueError, KeyError, TypeError):
        raise StateUnreadable(NAME, "it is not a record of version 1") from None


def _one(each: Values) -> HeldRepair:
    """Raises ValueError, KeyError, TypeError."""
    times, told = each["times"], each["told"]
    if not isinstance(times, int) or not isinstance(told, int):
        raise ValueError("not a count")
    last = Moment(since_1970(each["last"]), float(str(each["steady"])))
    return HeldRepair(str(each["remedy"]), str(each["guard"]), since_1970(each["first"]), last, times, told)
