"""Telling the other node again what came out of a comparison, where it could not be reached or record it then."""

from __future__ import annotations

from contextlib import suppress

from checks.probes.errors import ProbeError
from checks.probes.hast import Role
from remediate.context import Context
from remediate.failover.errors import StepFailed
from remediate.session import SessionEnded
from remediate.state import verifications
from remediate.state.journal import NOTICE
from remediate.state.store import StateError
from remediate.verification.asking import Interrupted, RemoteCopySession
from remediate.verification.copies import connected


def tell_again(context: Context, trigger: str) -> None:
    """Tell it of the results that it does not have, from the connected primary that found them. Raises nothing: what
    fails is tried again, once a minute."""
    for name in verifications.untold(context.store):
        with suppress(StepFailed, SessionEnded, Interrupted, ProbeError, StateError):
            _tell(context, name, trigger)


def _tell(context: Context, name: str, trigger: str) -> None:
    """Raises StepFailed, SessionEnded, Interrupted, ProbeError, StateError."""
    connected(context, name, Role.PRIMARY)
    last = verifications.runs(context.store, name)[-1:]
    for run in last:
        if run.by == context.journal.node_name:
            there = RemoteCopySession(context, name, lambda: "")
            try:
                there.tell(run)
            finally:
                there.close()
            result = f"{there.node} has recorded the result now"
            context.journal.entry("verify", resource=name, why=trigger, result=result, severity=NOTICE)
    verifications.told(context.store, name)
