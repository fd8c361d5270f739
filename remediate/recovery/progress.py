"""How far a recovery has come: recorded after each step, so that one that was interrupted goes on from there."""

from __future__ import annotations

import enum
from contextlib import suppress
from typing import NamedTuple

from remediate.context import Context
from remediate.failover import own_copy
from remediate.state import marker
from remediate.state.journal import NOTICE
from remediate.state.ledger import CopyState
from remediate.state.store import StateError, StateUnreadable, Store, Values

SUFFIX = ".recovery.json"
"""Behind the name of the resource."""


class RecoveryStep(enum.IntEnum):
    """How far a recovery has come."""

    BEGUN = 0
    STEPPED_DOWN = 1
    KEPT = 2
    CREATED = 3
    FOLLOWING = 4


class RecoveryProgress(NamedTuple):
    """What is recorded of a recovery that has begun. `kept`: where what was kept is, or why nothing had to be."""

    incident: str
    mode: str
    target: str
    step: RecoveryStep
    kept: str


def read(store: Store, resource: str) -> RecoveryProgress | None:
    """How far a recovery that was begun has come; None where none was. Raises StateUnreadable."""
    values = store.read(_name(resource))
    if not values:
        return None
    try:
        if values["version"] != 1:
            raise ValueError("not version 1")
        return RecoveryProgress(str(values["incident"]), str(values["mode"]), str(values["target"]),
                        RecoveryStep[str(values["step"])], str(values["kept"]))  # fmt: skip
    except (ValueError, KeyError):
        raise StateUnreadable(_name(resource), "it is not a record of version 1") from None


def write(store: Store, resource: str, progress: RecoveryProgress) -> None:
    """Raises StateNotKept."""
    values: Values = {"version": 1, **progress._asdict(), "step": progress.step.name}
    store.write(_name(resource), values)


def end(context: Context, resource: str) -> None:
    """The new copy is complete: a recovery that had come so far is over. Raises StateError."""
    done = read(context.store, resource)
    if done is None or done.step is not RecoveryStep.FOLLOWING:
        return
    context.store.remove(_name(resource))
    context.journal.entry("recovered", resource=resource, why="the primary has nothing left to copy", result=done.kept,
                          severity=NOTICE, run=done.incident)  # fmt: skip


def end_completed(context: Context) -> None:
    """End those that nobody waits for, once this copy is known to be complete and no split-brain is marked: what was
    kept then is no answer to a later one. Raises nothing: what cannot be read or removed is left to `recover`."""
    with suppress(StateError):
        for resource in (name.removesuffix(SUFFIX) for name in context.store.names() if name.endswith(SUFFIX)):
            complete = own_copy.known(context, resource).copy is CopyState.COMPLETE
            if complete and marker.present(context.store, resource) is None:
                end(context, resource)


def _name(resource: str) -> str:
    return f"{resource}{SUFFIX}"
