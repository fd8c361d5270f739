"""What is done by itself after a split-brain, by policy: nothing, or the recovery where it is proven to lose nothing.

People who built an automatic recovery elsewhere had to take it out again, because it destroyed the good copy. So the
default only steps down; and the other policies go through the same evidence, the same refusals and the same guard as a
human's command, and stop where a proof or a verified salvage is missing.
"""

from __future__ import annotations

from contextlib import suppress
from typing import NamedTuple

from checks.probes.errors import ProbeError
from checks.probes.timestamps import since_1970, utc
from remediate.context import Context
from remediate.failover.errors import StepFailed
from remediate.failover.resource import places
from remediate.recovery.preservation import Keeper, Mode
from remediate.recovery.recover import Recovery, RecoveryRefused
from remediate.state import marker
from remediate.state.journal import ALERT
from remediate.state.store import StateError

NAME = "refused-recoveries.json"
RETRY = 3600.0
"""Seconds after which a proof or a salvage that failed is tried again."""
MODES = {"discard-zero-changes": Mode.RESYNC, "salvage-then-discard": Mode.SALVAGE}
"""The policies that recover by themselves, and how. `none` and `step-down` do not."""


def recovers(context: Context) -> bool:
    """Whether the policy recovers by itself."""
    return context.config.split_brain.policy in MODES


def recover_losing(context: Context) -> None:
    """Recover every copy of this node that a marker says loses, as the policy allows. Raises ProbeError, StateError."""
    for name in places(context.here.node(), context.config) if recovers(context) else ():
        marked = marker.present(context.store, name)
        if marked is not None and marked.losing and not marked.unreadable:
            recover(context, name)


def recover(context: Context, name: str) -> str:
    """Recover this node's losing copy of a resource as the policy allows; what came of it. A refusal is an entry of the
    journal, once until it says something else. What was refused by the evidence is tried again at every call; where the
    proof or the salvage failed, which may have read everything on both nodes, not before RETRY. Raises StateError."""
    policy = context.config.split_brain.policy
    marked, now = marker.present(context.store, name), context.timing.wall()
    incident = marked.id if marked is not None else ""
    last = _last(context, name)
    if last.incident == incident and now < last.again:
        return last.said
    keeper = Keeper(MODES[policy], context.config.split_brain.salvage_to)
    try:
        salvaged = Recovery(context, name, keeper, lambda step: None).run(f"policy {policy}")
    except (StepFailed, ProbeError, StateError) as error:
        sentence = f"not recovered automatically: {error}"
        if last.said != sentence or last.incident != incident:
            context.journal.entry("recovery-refused", resource=name, why=f"policy {policy}", result=sentence,
                                  severity=ALERT, run=incident)  # fmt: skip
        _remember(
            context,
            name,
            LastRefusal(incident, sentence, now if isinstance(error, (RecoveryRefused, ProbeError)) else now + RETRY),
        )
        return sentence
    _remember(context, name, NOTHING)
    return f"recovered automatically: {salvaged}"


class LastRefusal(NamedTuple):
    """What was refused last, of which split-brain, and when it may be tried again (seconds since 1970)."""

    incident: str
    said: str
    again: float


NOTHING = LastRefusal("", "", 0.0)


def _last(context: Context, name: str) -> LastRefusal:
    """What cannot be read is tried again."""
    with suppress(StateError, KeyError, ValueError):
        values = context.store.read(NAME).get(name)
        if isinstance(values, dict):
            return LastRefusal(str(values["incident"]), str(values["said"]), since_1970(values["again"]))
    return NOTHING


def _remember(context: Context, name: str, last: LastRefusal) -> None:
    """What cannot be recorded is said and tried again."""
    record = {**last._asdict(), "again": utc(last.again)}
    with suppress(StateError):
        context.store.update(NAME, lambda values: {**values, name: record}, instead=lambda error: {})
