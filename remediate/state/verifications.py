"""What came out of comparisons of the two copies, the newest last; and how far one has come that was interrupted.

A comparison goes on only where it was about the same two copies: their metadata are recorded with it. `hastctl
create` and a full synchronisation may bring back the same metadata; what was compared before is then of a copy that is
not there any more, so that what is old is not gone on with either.
"""

from __future__ import annotations

from typing import NamedTuple

from checks.probes import verified
from checks.probes.timestamps import since_1970, utc
from checks.probes.verified import MOST_RUNS, Verification
from remediate.state.store import StateUnreadable, Store, Values

KEPT_FOR = 14 * 86400.0
"""Seconds after which a comparison that was interrupted is begun anew."""
MOST_LEFT = 2000
"""Extents at most that are left for later, being written."""


class InterruptedComparison(NamedTuple):
    """A comparison that has not come to its end. `identity`: of both copies; `next`: the extent that comes next;
    `seconds`: how long it has taken so far, without what was between two parts of it."""

    identity: tuple[int, ...]
    began: float
    next: int = 0
    seconds: float = 0.0
    differ: int = 0
    numbers: tuple[int, ...] = ()
    unread_here: int = 0
    unread_there: int = 0
    undecided: tuple[int, ...] = ()


def add(store: Store, resource: str, run: Verification) -> None:
    """Record what came out. A file that is none is begun anew. Raises StateNotKept."""

    def changed(values: Values) -> Values:
        try:
            runs = verified.from_values(values) if values else ()
        except ValueError:
            store.keep_aside(_results(resource))
            runs = ()
        listed = [dict(verified.as_values(each)) for each in (*runs, run)]
        return {"version": 1, "runs": listed[-MOST_RUNS:]}

    store.update(_results(resource), changed, instead=lambda error: {})


def runs(store: Store, resource: str) -> tuple[Verification, ...]:
    """All that is kept, the newest last. Raises StateUnreadable."""
    values = store.read(_results(resource))
    try:
        return verified.from_values(values) if values else ()
    except ValueError as error:
        raise StateUnreadable(_results(resource), str(error)) from None


def begun(store: Store, resource: str, identity: tuple[int, ...], now: float) -> InterruptedComparison | None:
    """The comparison of the same copies that was interrupted; None where there is none. Raises nothing: what cannot be
    read is begun anew."""
    try:
        values = store.read(_progress(resource))
        if not values or values["version"] != 1:
            return None
        interrupted = InterruptedComparison(
            _numbers(values["identity"]), since_1970(values["began"]), _number(values["next"]),
            _seconds(values["seconds"]), _number(values["differ"]), _numbers(values["numbers"]),
            _number(values["unread_here"]), _number(values["unread_there"]), _numbers(values["undecided"]),
        )  # fmt: skip
    except (StateUnreadable, ValueError, KeyError):
        return None
    return interrupted if interrupted.identity == identity and 0 <= now - interrupted.began < KEPT_FOR else None


def keep(store: Store, resource: str, progress: InterruptedComparison) -> None:
    """How far it has come. Raises StateNotKept."""
    lists = {name: list(getattr(progress, name)) for name in ("identity", "numbers", "undecided")}
    store.write(_progress(resource), {"version": 1, **progress._asdict(), "began": utc(progress.began), **lists})


def end(store: Store, resource: str) -> None:
    """It is over. Raises StateNotKept."""
    store.remove(_progress(resource))


def _number(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError("no number")
    return value


def _numbers(value: object) -> tuple[int, ...]:
    if not isinstance(value, list):
        raise ValueError("no list")
    return tuple(map(_number, value))


def _seconds(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        raise ValueError("no seconds")
    return float(value)


def _results(resource: str) -> str:
    return f"{resource}.verified.json"


def _progress(resource: str) -> str:
    return f"{resource}.verify.json"
