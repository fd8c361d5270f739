"""What came out of comparisons of the two copies, the newest last; and how far one has come that was interrupted.

A comparison goes on only where it was about the same two copies: their metadata are recorded with it. `hastctl
create` and a full synchronisation may bring back the same metadata; what was compared before is then of a copy that is
not there any more, so that what is old is not gone on with either.

Where the state directory takes no file a result is kept in the second one, with those before it, until it can be moved.
"""

from __future__ import annotations

from contextlib import suppress
from typing import NamedTuple

from checks.probes import verified
from checks.probes.timestamps import since_1970, utc
from checks.probes.verified import MOST_RUNS, Verification
from remediate.state import second
from remediate.state.store import StateError, StateNotKept, StateUnreadable, Store, Values

RESULTS, UNTOLD = ".verified.json", ".untold.json"
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
    """Record what came out. A file that is none is begun anew. Raises StateNotKept: where something differs then, no
    earlier result stands that calls the copies equal, if that can be helped."""
    name = _results(resource)
    earlier: Values = {}
    with suppress(StateUnreadable):
        earlier = second.read(store, name)

    def changed(values: Values) -> Values:
        try:
            runs = verified.from_values(earlier or values) if earlier or values else ()
        except ValueError:
            store.keep_aside(name)
            runs = ()
        listed = [dict(verified.as_values(each)) for each in (*runs, run)]
        return {"version": 1, "runs": listed[-MOST_RUNS:]}

    other = store.second()
    try:
        store.update(name, changed, instead=lambda error: {})
    except StateNotKept:
        try:
            if other is None:
                raise
            other.update(name, changed, instead=lambda error: {})
        except StateNotKept:
            if run.differ:
                store.keep_aside(name)
                store.remove(name)
            raise
    else:
        if other is not None:
            other.remove(name)


def move_back(store: Store) -> None:
    """Have results in the state directory again that are in the second one, if it takes files now. Raises nothing."""
    other = store.second()
    with suppress(StateError):
        for name in other.names() if other is not None else ():
            if name.endswith(RESULTS):
                second.bring_back(store, name)


def leave_untold(store: Store, resource: str) -> None:
    """The other node has not recorded the last result. Raises StateNotKept."""
    store.write(f"{resource}{UNTOLD}", {"version": 1})


def told(store: Store, resource: str) -> None:
    """It has. Raises StateNotKept."""
    store.remove(f"{resource}{UNTOLD}")


def untold(store: Store) -> list[str]:
    """The resources of whose last result that is not so. Raises nothing."""
    with suppress(StateUnreadable):
        return [name.removesuffix(UNTOLD) for name in store.names() if name.endswith(UNTOLD)]
    return []


def runs(store: Store, resource: str) -> tuple[Verification, ...]:
    """All that is kept, the newest last. Raises StateUnreadable."""
    values = second.read(store, _results(resource))
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
    return f"{resource}{RESULTS}"


def _progress(resource: str) -> str:
    return f"{resource}.verify.json"
