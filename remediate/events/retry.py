"""Repairs that were held back, taken up by the look once a minute when what held them back is over.

The engines call an event handler when a state changes, and not again while it stays HARD: what is held back then nobody
asks for a second time. It is done once, where this node's own state calls for it without a break, as if it was asked
for now: every guard counts, and what is not seen is not repaired.

Whether a downtime or flapping is over no node is told. Flapping ends when nothing has changed for as many checks as
the engine remembers, 21 (Nagios, base/flapping.c) or 20 (Icinga 2, lib/icinga/checkable-flapping.cpp); a downtime when
it has lasted as long as one may: `retry_after_flapping` and `retry_after_downtime` of `[repair]`.
"""

from __future__ import annotations

from checks.probes.errors import ProbeError
from checks.probes.timestamps import utc
from remediate.context import Context
from remediate.events import guards, holding, repair
from remediate.events.diagnosis import trouble
from remediate.events.repair_request import Remedy, RepairRequest
from remediate.failover.errors import StepFailed
from remediate.state import held, repairs
from remediate.state.held import HeldRepair
from remediate.state.journal import ERR, NOTICE
from remediate.state.store import StateError

TAKEN_UP = frozenset(
    guard.name
    for guard in (
        guards.DOWNTIME, guards.FLAPPING, guards.MAINTENANCE, guards.COOL_DOWN, guards.HOURLY_LIMIT,
        guards.CONVERGENCE_RUNS, guards.NOT_SEEN,
    )
)  # fmt: skip
"""What is over at some time. The others are left to an operator, or to the same repair that runs."""

KNOWN = frozenset(remedy.value for remedy in Remedy)
"""What this version can do: another one may have kept more."""


def take_up(context: Context) -> None:
    """Look at each repair that was held back. Raises StateNotKept where no lock can be had."""
    try:
        waiting = held.read(context.store)
    except StateError as error:
        return _give_up(context, error)
    for one in (each for each in waiting if each.remedy in KNOWN):
        is_run_over = one.ago(repairs.now(context.timing)) >= held.RUN
        if one.guard not in TAKEN_UP:
            if is_run_over:
                holding.forget(context, Remedy(one.remedy))
            continue
        if is_run_over:
            holding.end_run(context, one)
        _look(context, one)


def _look(context: Context, one: HeldRepair) -> None:
    """Forget it where it is not called for any more; do it where nothing holds it back."""
    remedy = Remedy(one.remedy)
    try:
        wrong = trouble(context, remedy)
    except (StepFailed, ProbeError, StateError):
        return  # not seen: the next look may see more
    if not wrong:
        holding.forget(context, remedy)
        context.journal.entry("repair", step=one.remedy, why=_since(one), result="not needed any more")
        return
    request = RepairRequest(remedy)
    if _is_over(context, one) and repair.guarded(context, request) is None:
        context.journal.entry(
            "repair", step=one.remedy, why=_since(one), result="still needed, tried now", severity=NOTICE
        )
        repair.repair(context, request)


def _is_over(context: Context, one: HeldRepair) -> bool:
    """Whether the engine does not hold it back any more, as far as a node can know; the other guards say so
    themselves."""
    policy, ago = context.config.repair, one.ago(repairs.now(context.timing))
    lasts = {guards.DOWNTIME.name: policy.retry_after_downtime, guards.FLAPPING.name: policy.retry_after_flapping}
    return ago >= lasts.get(one.guard, 0.0)


def _since(one: HeldRepair) -> str:
    return f"held back by {one.guard} at {utc(one.last.wall)}"


def _give_up(context: Context, error: StateError) -> None:
    """What cannot be read waits for nobody; it is said once, and kept aside."""
    try:
        context.store.update(held.NAME, lambda values: values, instead=lambda unread: {})
    except StateError:
        return
    context.journal.entry("held-back", result=f"{error}: what was held back is not taken up", severity=ERR)
