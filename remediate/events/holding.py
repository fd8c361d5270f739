"""What is remembered and journalled of a repair that is held back: one line for the first request, and one with a count
for those after it that the same guard holds back."""

from __future__ import annotations

from contextlib import suppress

from checks.plugin.text import say_count
from checks.probes.timestamps import utc
from remediate.context import Context
from remediate.events.guards import DONE, HeldBack
from remediate.events.repair_request import Remedy
from remediate.state import held, repairs
from remediate.state.held import HeldRepair
from remediate.state.journal import NOTICE, WARNING
from remediate.state.store import StateError


def hold(context: Context, remedy: Remedy, reason: HeldBack) -> None:
    """Remember that a guard has held a repair back, and journal it where that is not said already. Raises nothing: what
    cannot be remembered is journalled each time, and not taken up later."""
    not_kept = ""
    try:
        before, one = held.note(context.store, remedy.value, reason.guard.name, repairs.now(context.timing))
        if one.times > 1:
            return
        _tell(context, before)
    except StateError as error:
        not_kept = f"; not remembered: {error}"
    level = NOTICE if reason.guard.status == DONE else WARNING
    context.journal.entry(
        "held-back", step=remedy.value, why=reason.guard.name, result=f"{reason}{not_kept}", severity=level
    )


def forget(context: Context, remedy: Remedy) -> None:
    """What was held back of a repair does not wait any more. Raises nothing: what stays waits until it is not called
    for."""
    try:
        _tell(context, held.forget(context.store, remedy.value))
    except StateError as error:
        context.journal.entry("held-back", step=remedy.value, result=f"not forgotten: {error}", severity=WARNING)


def end_run(context: Context, one: HeldRepair) -> None:
    """Journal how many requests were held back after the first one. Raises nothing: what is not recorded as told is
    told with the next look."""
    if one.untold:
        with suppress(StateError):
            held.told(context.store, one)
            _tell(context, one)


def _tell(context: Context, one: HeldRepair | None) -> None:
    if one is not None and one.untold:
        more = f"{say_count(one.untold, 'more request')} until {utc(one.last.wall)}"
        context.journal.entry("held-back", step=one.remedy, why=one.guard, result=more, severity=NOTICE)
