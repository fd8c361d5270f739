"""Results at once: what the hooks' workers start on an event, so that monitoring knows of it before its next look.

A process of its own, slower than the failover (nice(3)) and unable to fail it: whatever goes wrong is one entry of the
journal. One push runs at a time and one waits for it; further ones have nothing to add, because the one that waits has
not looked yet.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from remediate.context import Context
from remediate.detached import detach
from remediate.state.journal import ERR, WARNING

if TYPE_CHECKING:
    from remediate.monitoring.delivery import DeliveryReport
    from remediate.monitoring.destination import Destination
    from remediate.monitoring.result import CheckResult
    from remediate.monitoring.spool import Spool

NICE = 10
WAIT = 120.0
"""Seconds to wait for the push that runs: it has checks and a slow server to wait for."""
BEGINS, SERVES, EVERY = 1.0, 6.0, 0.1
"""Seconds within which an event has begun its convergence, within which that should serve, and between two looks."""
CHECK_TIME = 30.0
"""Seconds for one check."""
T = TypeVar("T")


class PushResult(NamedTuple):
    """What became of a push; None where another one that has not looked yet stands for it."""

    delivered: DeliveryReport | None


def with_pushes(context: Context, why: str, call: Callable[[], T]) -> T:
    """The call, with a push at its beginning and one at its end, where pushes are configured. The first one waits for
    clients to be served (`await_service`). Raises what the call raises."""

    def behind() -> None:
        await_service(context)
        push_and_tell(context, why)

    _start(context, why, behind)
    try:
        return call()
    finally:
        start(context, f"the end of {why}")


def start(context: Context, why: str) -> None:
    """Start a push and do not wait for it. Raises nothing."""
    _start(context, why, lambda: push_and_tell(context, why))


def await_service(context: Context) -> None:
    """Wait until the convergence of an event is through: the checks of a push are processes too, and what clients wait
    for comes first. Where none begins, or one takes long, monitoring is told all the same. Raises nothing."""
    from remediate.failover.converge import LOCK
    from remediate.state.lock import Lock

    lock = Lock(context.store, LOCK, "", context.timing)
    if context.timing.until(lambda: lock.holder() is not None, BEGINS):
        context.timing.until(lambda: lock.holder() is None, SERVES, EVERY)


def _start(context: Context, why: str, work: Callable[[], object]) -> None:
    submission = context.config.submission
    if submission is None or not submission.submit.on_event:
        return
    try:
        detach(context, f"push: {why}", lambda own: work())
    except OSError as error:
        context.journal.entry("push", why=why, result=f"no process could be started: {error.strerror}", severity=ERR)


def push_and_tell(context: Context, why: str) -> None:
    """In the process of its own: what an operator should know is an entry of the journal."""
    from checks.plugin.config import ConfigError

    os.nice(NICE)
    try:
        done = push(context).delivered
        says = done.says if done else ()
    except ConfigError as error:
        says = (str(error),)
    if says:
        context.journal.entry("push", why=why, result="; ".join(says), severity=WARNING)


def push(context: Context) -> PushResult:
    """Run the checks of `[submit] on_event`, all at once, and submit what they say. Raises ConfigError."""
    from checks.plugin.config import ConfigError
    from remediate.monitoring.destination import destination

    submission = context.config.submission
    if submission is None or not submission.submit.on_event or not submission.submit.to:
        raise ConfigError("`submit.on_event` and `submit.to` are needed")
    where = destination(submission.submit.to, submission, context.timing)
    with ExitStack() as held:
        if not _in_turn(held, where.spool):
            return PushResult(None)
        return PushResult(_looked(context, where, submission.submit.on_event, submission.submit.ttl))


def _in_turn(held: ExitStack, spool: Spool) -> bool:
    """Wait for the push that runs; False where another one waits for it already."""
    from remediate.monitoring.spool import SpoolError
    from remediate.state.store import StateError

    with suppress(SpoolError, StateError):  # a full disk is no reason not to tell
        waiting, running = spool.lock("push-waits", "waits"), spool.lock("push", "pushes")
        if not waiting.acquire(0):
            return False
        held.callback(running.release)
        with waiting:
            running.acquire(WAIT)
    return True


def _looked(context: Context, where: Destination, lines: tuple[str, ...], ttl: float) -> DeliveryReport:
    from remediate.monitoring.delivery import deliver
    from remediate.monitoring.result import check, named

    def look(argv: tuple[str, ...]) -> Callable[[], CheckResult]:
        return lambda: check(argv, named(argv, where.host, where.services), CHECK_TIME, ttl, context.timing)

    results = context.timing.together([look(tuple(shlex.split(line))) for line in lines])
    return deliver(where.spool, where.receiver, context.timing, results)
