"""What a look at the node has shown is recorded, before anything is done about it.

Nothing that makes the system safer waits for that: what cannot be recorded only keeps this node from promoting.
"""

from __future__ import annotations

from contextlib import suppress

from remediate.context import Context
from remediate.failover import log_lines, mastership, own_copy
from remediate.failover.facts import Facts
from remediate.failover.observe import Observation
from remediate.state import failures, ledger, marker, unproven
from remediate.state.store import StateError, StateNotKept, Store


def record(context: Context, observation: Observation) -> Observation:
    """Record what was seen; what counts then. It is another one only where something cannot be recorded. Raises
    nothing."""
    _bring_back(context, observation)
    for name, logs in observation.logs.items():
        log_lines.note(context, name, logs)
    facts = observation.facts
    if facts.blocked:
        facts = facts._replace(blocked=failures.block(context.store, facts.blocked))
    if why := _not_kept(context, observation):
        facts = _unsure(facts, observation, why)
    return observation._replace(facts=facts)


def note_lost(context: Context, observation: Observation) -> bool:
    """Record of which copies nothing could be recorded for a while; whether the node has to be looked at again, as that
    is known now. Raises nothing: while nothing can be recorded nothing is promoted."""
    lost = {name: said.unrecorded for name, said in observation.facts.said.items() if said.unrecorded is not None}
    if not lost or (unwritable(context) and not _is_writable(context.store.second())):
        return False
    with suppress(StateNotKept):
        return any([own_copy.note_lost(context, name, since) for name, since in lost.items()])
    return False


def _is_writable(store: Store | None) -> bool:
    with suppress(StateNotKept):
        if store is not None:
            store.refuse_unwritable()
            return True
    return False


def _bring_back(context: Context, observation: Observation) -> None:
    """What the state directory has not taken, and a second one has until the next boot, is moved there as soon as it
    does."""
    with suppress(StateError):
        for name in observation.facts.resources:
            for kept in (ledger, marker, unproven):
                kept.bring_back(context.store, name)


def unwritable(context: Context) -> str:
    """Why nothing can be recorded now; empty where it can. Raises nothing."""
    try:
        context.store.refuse_unwritable()
    except StateNotKept as error:
        return str(error)
    return ""


def _not_kept(context: Context, observation: Observation) -> str:
    """Why what speaks against a promotion may be missing: where one waits that nothing else speaks against, it is tried
    whether something can be recorded."""
    try:
        mastership.record(context.store, observation.carp)
        for name, remarks in observation.facts.said.items():
            if remarks.apart:
                own_copy.note_apart(context, name)
    except StateNotKept as error:
        return str(error)
    promotes = any(state.waits and not state.stale for state in observation.facts.resources.values())
    return unwritable(context) if promotes else ""


def _unsure(facts: Facts, observation: Observation, why: str) -> Facts:
    """The same where nothing may be promoted: each resource that waits, and those that have a pool with it, count as
    stale."""
    states, remarks = dict(facts.resources), dict(facts.said)
    waiting = {name for name, state in states.items() if state.waits}
    for name, state in states.items():
        mine = waiting.intersection([name, *observation.places[name].pooled])
        if mine and not state.stale:
            states[name], remarks[name] = state._replace(stale=True), remarks[name]._replace(stale=why)
    unsure = "; ".join(dict.fromkeys(filter(None, (facts.unsure, why))))
    return facts._replace(resources=states, said=remarks, unsure=unsure)
