"""A call of converge that does not rely on another one that runs: that may have looked at the node before what this
call is for, and hears of CARP events only."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from remediate.context import Context
from remediate.state.journal import ERR

if TYPE_CHECKING:
    from remediate.failover.converge import ConvergeOutcome

PATIENCE, LOOK_AGAIN = 60.0, 0.2
"""Seconds that a call waits for another one to end, and between two looks whether it has."""


def patiently(context: Context, why: str, call: Callable[[], ConvergeOutcome]) -> ConvergeOutcome:
    """What the call gives once no other one runs. Raises what the call raises."""
    from remediate.failover.converge import ConvergeResult

    outcome = call()

    def ran() -> bool:
        nonlocal outcome
        outcome = outcome if outcome.result is not ConvergeResult.BUSY else call()
        return outcome.result is not ConvergeResult.BUSY

    if not context.timing.until(ran, PATIENCE, LOOK_AGAIN):
        context.journal.entry("worker", why=why, result=f"not taken up: {'; '.join(outcome.said)}", severity=ERR)
    return outcome
