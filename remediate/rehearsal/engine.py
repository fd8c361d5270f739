"""A monitoring engine for a pair: it looks as Nagios and Icinga do, and calls the event handler with what it finds.

Every minute all checks, twice a minute while something is wrong; the third look that finds the same state makes it HARD
(`contrib/nagios/hastwatch-templates.cfg`). What an event asks for is decided by the event handler's own table, and done
by `hastwatch repair`'s own function on the node; of a check of the pair both nodes are asked, as both run it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from checks.plugin.finding import Severity
from remediate.events.decision import EngineEvent, decide
from remediate.rehearsal.observer import BOTH, CheckReport, Observer

if TYPE_CHECKING:
    from remediate.rehearsal.installed import Installed
    from simulator.clock import Steps

EVERY, RETRY = 60.0, 30.0
"""Seconds between two looks, and while something is wrong."""
ATTEMPTS = 3
"""max_check_attempts."""


class Service(NamedTuple):
    """What the engine knows of a check."""

    state: str = Severity.OK.name
    attempt: int = 1
    hard: bool = True

    def seen(self, state: str) -> Service:
        """After one more look (Nagios Core, State Types)."""
        if state == Severity.OK.name:
            return Service()
        if self.hard and self.state != Severity.OK.name:
            return Service(state, self.attempt, True)
        attempt = 1 if self.hard else self.attempt + 1
        return Service(state, attempt, attempt >= ATTEMPTS)


class Engine:
    """The engine of a pair on which hastwatch is installed."""

    def __init__(self, installed: Installed, observer: Observer) -> None:
        self.installed, self.observer = installed, observer
        self.pair = installed.pair
        self.services: dict[tuple[str, str], Service] = {}

    def start(self) -> None:
        """From now on it looks."""
        self.pair.clock.start(self._looking())

    def _looking(self) -> Steps[None]:
        while True:
            wrong = any(service.state != Severity.OK.name for service in self.services.values())
            yield RETRY if wrong else EVERY
            task = self.pair.clock.run_task(lambda: self.observer.look(self.pair.clock.wait))
            yield task
            if task.error is not None:
                raise task.error
            for report in task.value or ():
                self._looked(report)

    def _looked(self, report: CheckReport) -> None:
        before = self.services.get((report.check, report.node), Service())
        now = before.seen(report.state)
        self.services[report.check, report.node] = now
        if now == before:
            return
        kind = f"{'HARD' if now.hard else 'SOFT'} {now.attempt}"
        event = EngineEvent(report.check, Severity[now.state], now.hard, now.attempt, 0, False, report.line)
        decision = decide(event)
        if decision.request is None:
            return
        what = f"repair {decision.request.remedy.value}"
        for node in self.pair.nodes.values():
            if node.on and report.node in (BOTH, node.name):
                self.pair.note(node.name, f"monitoring: {report.check} {now.state} {kind}, asks for {what}")
                self.installed.runs(node, *decision.request.words)
