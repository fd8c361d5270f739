"""One run of a check, in the place of nagiosplugin's `Runtime`.

That one takes whole seconds and interrupts with SIGALRM, which leaves the children of a command that hangs; it loses
what was found before, ends with a traceback on lines of their own, and puts performance data last with -v.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

from checks.plugin.config import ConfigError
from checks.plugin.finding import UNKNOWN, Severity
from checks.plugin.judging import JudgedMetric, JudgedResults, Number, could_not_look
from checks.plugin.maintenance import NodeMaintenance, suspended
from checks.plugin.nagios import Check
from checks.plugin.output import FindingsInFull, Report, as_json, long_lines, status_line, write
from checks.plugin.session import Session
from checks.probes.ahead import is_worth_it
from checks.probes.errors import NotPermitted, ProbeError
from checks.probes.node import Node
from checks.probes.process import end_running

if TYPE_CHECKING:
    from checks.plugin.command import CheckCommand

WATCHDOG = 0.1
"""Seconds before the end of --timeout at which a check that has not spoken is ended, whatever it is doing."""


class CheckRun:
    """One run of a check: it speaks once, at its end or when its time is over, and says all that was found by then."""

    def __init__(
        self, command: CheckCommand, session: Session, severities: dict[str, Severity], of_both: bool = False
    ) -> None:
        """`of_both`: what is wrong with the other node is said as what is wrong with this one, for whoever looks at
        both in one process; else it is left to that node's own service."""
        self.command = command
        self.session = session
        self.results = JudgedResults(command.table, severities, session.known_names)
        if command.uses_peer and not of_both:
            self.results.here_and_there = self.here_and_there
        self.suspended: list[NodeMaintenance] = []
        in_full = FindingsInFull(session.config.docs)
        self.check = Check(self.results, in_full, could_not_look(command.table), Number())
        self.check.name = command.title  # nagiosplugin 1.3.2, of Debian 12, has no argument for it
        self.speak = threading.Lock()

    def main(self) -> int:
        """Look, then speak; the exit status. Raises ConfigError."""
        timeout = self.session.options.timeout
        watchdog = threading.Timer(max(timeout - WATCHDOG, timeout / 2), self.time_is_over)
        watchdog.daemon = True
        watchdog.start()
        terminated_before = _interrupt_on_sigterm()
        try:
            self.look()
        except KeyboardInterrupt:
            self.add("check-failed", self.command.name, "interrupted")
        finally:
            self.speak.acquire()
            watchdog.cancel()
            if terminated_before:
                signal.signal(signal.SIGTERM, terminated_before)
        return self.say(self.session.nodes)

    def look(self) -> None:
        """Run the check; an error of its own is a finding too, after what was found before it. Raises ConfigError."""
        nodes = self.session.nodes
        try:
            if any(is_worth_it(node.via) for node in nodes):
                from checks.plugin.ahead import ask_ahead

                ask_ahead(self.session, self.command.questions, self.command.led_to)
            if self.command.uses_peer and (why := self.session.drop_itself_as_peer()):
                self.add("peer-is-this-node", self.session.here.label, why)
            unknown = self.put_together()
            self.check()
            if unknown:
                self.could_not_look(self.session.here.label, unknown)
        except ConfigError:
            raise
        except Exception as error:  # the last line of defence: never a traceback, never an OK
            self.add("check-failed", self.command.name, f"{type(error).__name__}: {error}")
        self.look_for_maintenance()
        for node in nodes:
            for odd in node.not_understood:
                self.could_not_look(node.label, odd)
        if self.session.memory.trouble:
            self.session.remarks.append(self.session.memory.trouble)

    def here_and_there(self) -> tuple[str, str]:
        """What the nodes are called, as far as they have been asked."""
        here, peer = self.session.here, self.session.peer
        return here.known_name, peer.known_name if peer else ""

    def put_together(self) -> ProbeError | None:
        """Add the parts of the check; why it is not known what else there is to look at."""
        try:
            for part in self.command.parts(self.session):
                self.check.add(part)
        except ProbeError as error:
            return error
        return None

    def look_for_maintenance(self) -> None:
        """A damaged file keeps the node from being promoted, which is never OK; one that this user may not read is a
        note, as maintenance changes no verdict."""
        unknown: list[tuple[str, ProbeError]] = []
        self.suspended = suspended(self.session.nodes, self.session.clock(), unknown)
        for label, error in unknown:
            if isinstance(error, NotPermitted):
                self.session.remarks.append(f"whether {label} is under maintenance is not known: {error}")
            else:
                self.could_not_look(f"maintenance of {label}", error)

    def add(self, reason: str, subject: str, text: str) -> None:
        """A finding that is of no metric."""
        self.results.add(JudgedMetric([self.command.table.finding(reason, subject, text)]))

    def could_not_look(self, subject: str, error: ProbeError) -> None:
        self.add(error.reason, subject, str(error))

    def time_is_over(self) -> None:
        """End the process from a thread of its own: the main thread may sit in a call that nothing interrupts."""
        if self.speak.acquire(blocking=False):
            end_running()
            self.add("check-timeout", self.command.name, f"timed out after {self.session.options.timeout:g} s")
            os._exit(self.say([]))  # without the nodes, whose names may not be known yet and cost a command

    def report(self, nodes: list[Node]) -> Report:
        """What was found until now."""
        remarks, docs = list(self.session.remarks), self.session.config.docs
        return Report(self.command.name, self.check, nodes, remarks, self.suspended, docs, self.command.is_audit)

    def say(self, nodes: list[Node]) -> int:
        """Write the report; the exit status."""
        report = self.report(nodes)
        text = as_json(report, self.besides()) if self.session.options.json else self.text(report)
        return report.check.exitcode if write(text) else UNKNOWN.value

    def text(self, report: Report) -> str:
        """The report for people and engines."""
        return "\n".join([status_line(report), *long_lines(report, self.session.options.verbose)])

    def besides(self) -> dict[str, object]:
        """What its JSON object has besides the report."""
        return {}


def _interrupt_on_sigterm() -> Callable[[int, FrameType | None], object] | int | None:
    """Let SIGTERM interrupt as ^C does, so that what runs is ended first; returns what was in force before."""
    if threading.current_thread() is not threading.main_thread():
        return None

    def interrupt(number: int, frame: FrameType | None) -> NoReturn:
        raise KeyboardInterrupt

    return signal.signal(signal.SIGTERM, interrupt)
