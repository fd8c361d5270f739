"""What follows from an event of a monitoring engine: a pure function of what the engine says and of the table.

Where it is not certain that something is wrong, or the service itself is in a state that is expected to change,
nothing is asked for: fewer repairs than possible, never one too many.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from checks.plugin.finding import REASON, Severity
from checks.registry import COMBINED, OF_SERVICE
from remediate.events.repair_request import EngineHold, RepairRequest
from remediate.events.table import BY_FINDING, RepairRule, Since


class EngineEvent(NamedTuple):
    """What an engine says of a service when it calls an event handler."""

    check: str
    state: Severity
    hard: bool
    attempt: int
    downtime: int
    """How many downtimes the service is in."""
    flapping: bool
    output: str
    """The status line of the check. Whatever it says, only reasons that the check has are seen in it."""


class RepairDecision(NamedTuple):
    """What is asked for, None for nothing; for which finding; and why, or why not."""

    request: RepairRequest | None
    reason: str
    why: str


def decide_each(event: EngineEvent) -> list[tuple[str, RepairDecision]]:
    """What an event calls for, by check. A service that stands for several checks calls for what theirs would: one
    decision for each repair, at least one in all. What one of them could not look at is no reason not to repair what
    another has found: its status line names no finding that is OK."""
    if event.check not in COMBINED:
        return [(event.check, decide(event))]
    if event.state is Severity.UNKNOWN:
        event = event._replace(state=Severity.WARNING)
    decisions = [(name, decide(event._replace(check=name))) for name in _named_checks(event)]
    asked = {each.request: (name, each) for name, each in reversed(decisions) if each.request}
    return [*reversed(asked.values())] or decisions[:1] or [(event.check, decide(event))]


def _named_checks(event: EngineEvent) -> list[str]:
    """The checks whose findings a combined status line names, in its order. A reason that several of them have calls
    for the same in each."""
    named = re.findall(REASON, event.output.partition("|")[0])
    return list(
        dict.fromkeys(each.name for reason in named for each in OF_SERVICE if (each.name, reason) in BY_FINDING)
    )


def decide(event: EngineEvent) -> RepairDecision:
    """What an event of a check calls for."""
    if event.state is Severity.OK:
        return RepairDecision(None, "", "nothing is wrong")
    if event.state is Severity.UNKNOWN:
        return RepairDecision(None, "", "nothing is known to be wrong: the check could not look")
    named = reasons(event)
    if not named:
        return RepairDecision(None, "", f"the output names no finding of {event.check}")
    reached = since(event)
    calling = [row for row in named if row.remedy]
    due = [row for row in calling if row.since <= reached]
    if due and due[0].remedy:
        first = due[0]
        held = EngineHold.DOWNTIME if event.downtime else EngineHold.FLAPPING if event.flapping else None
        why = f"{first.why}, but the service is {'flapping' if held is EngineHold.FLAPPING else 'in a downtime'}"
        return RepairDecision(RepairRequest(due[0].remedy, held), first.reason, why if held else first.why)
    if calling:
        return RepairDecision(None, calling[0].reason, f"not before the service is {_said(calling[0].since)}")
    return RepairDecision(None, named[0].reason, f"left to an operator: {named[0].why}")


def reasons(event: EngineEvent) -> list[RepairRule]:
    """The rows of the findings that the output names, in its order: the worst first."""
    names = dict.fromkeys(re.findall(REASON, event.output.partition("|")[0]))
    return [row for name in names if (row := BY_FINDING.get((event.check, name)))]


def since(event: EngineEvent) -> Since:
    """How long the engine has seen it."""
    if event.hard:
        return Since.HARD
    return Since.FIRST if event.attempt < Since.SOFT else Since.SOFT


def _said(stage: Since) -> str:
    return "HARD" if stage is Since.HARD else "SOFT for the second time"
