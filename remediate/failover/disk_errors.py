"""A primary whose own disk has failed a write hands its service to the other node, once (`[failover] disk_errors`).

It reads the old block back itself (freebsd-facts: one-good-write-is-enough), and what it still writes lands on one disk
only. So it is a planned move like any other, with a clean unmount, to a copy that is connected, complete and not
damaged; where there is none, nothing moves and an operator is told why. Then the damaged copy waits to be recreated
(`state.damage`), and no failback goes to it. A move that has begun and failed is not begun again for the same damage.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from checks.probes.errors import ProbeError
from remediate.context import Context
from remediate.failover import own_copy
from remediate.failover.errors import StepFailed
from remediate.state import ledger
from remediate.state.journal import CRIT
from remediate.state.store import StateError, Values

if TYPE_CHECKING:
    from checks.probes.damage_record import Damage
    from remediate.failover.converge import ConvergeOutcome

NAME = "disk_errors.json"
HAND_OVER = "hand-over"


def hand_over(context: Context, trigger: str) -> ConvergeOutcome | None:
    """Move everything that is active here where one of its copies is damaged; None where nothing was begun. Raises
    StateError and ProbeError."""
    damaged = _damaged_primaries(context)
    if not damaged or context.config.failover.disk_errors != HAND_OVER:
        return None
    from remediate.failover import switchover  # rarely needed

    key = ", ".join(f"{name} {damage.at:.3f}" for name, damage in sorted(damaged.items()))
    before = context.store.read(NAME)
    if before.get("begun") == key:
        return None
    _keep(context, {"begun": key})
    lacks = "; ".join(f"{name}: {damage.sentence}" for name, damage in damaged.items())
    try:
        outcome = switchover.switch(context, f"{trigger}, disk errors", lambda step: None)
    except StepFailed as why:  # before anything was done
        sentence = f"{lacks}; nothing is moved: {why}"
        _keep(context, {"said": sentence})
        if before.get("said") != sentence:
            context.journal.entry("disk-errors", why=trigger, result=sentence, severity=CRIT)
        return None
    became = "; ".join(outcome.said)
    context.journal.entry("disk-errors", why=trigger, result=f"{lacks}; {became}", severity=CRIT)
    return outcome


def _damaged_primaries(context: Context) -> dict[str, Damage]:
    """By the ledgers alone: this is asked every minute."""
    ledgers = {name: own_copy.known(context, name) for name in ledger.resources(context.store)}
    return {name: each.damage for name, each in ledgers.items() if each.damage is not None and each.role == "primary"}


def _keep(context: Context, values: Values) -> None:
    context.store.update(NAME, lambda before: {"version": 1, **values}, instead=lambda error: {})


def try_to(context: Context, trigger: str) -> None:
    """The same for a worker whose own work is done. Raises nothing: what went wrong is journalled."""
    try:
        hand_over(context, trigger)
    except (StateError, ProbeError) as error:
        context.journal.entry("disk-errors", why=trigger, result=f"not handed over: {error}", severity=CRIT)
