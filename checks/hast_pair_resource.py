"""The checks of a node as check_hast_pair runs them: one after the other on nodes that are asked each question once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from checks.plugin.finding import COULD_NOT_LOOK, Finding, Severity, Table
from checks.plugin.judging import JudgedMetric, performance
from checks.plugin.nagios import Context, Metric, Performance, Resource
from checks.plugin.output import Report, as_values, long_lines, status_line, text_line
from checks.plugin.runtime import CheckRun
from checks.plugin.session import Session
from checks.probes.node import Node

if TYPE_CHECKING:
    from checks.plugin.command import CheckCommand

NOT_READ = frozenset(row.reason for row in COULD_NOT_LOOK)
BETWEEN = "::"
"""Between the name of a check and that of a number; the first has no colon. Icinga's Graphite writer makes a level of
a path of it."""


class CheckOfNode(Resource):
    """One of the checks, on the nodes of a session."""

    def __init__(self, session: Session, check: CheckCommand) -> None:
        """Raises ConfigError for an override that the check refuses."""
        from checks.plugin.command import overrides, parser

        self.check_name, self.nodes = check.name, session.nodes
        given = [word for line in session.options.check if line[0] == check.name for word in line[1:]]
        options = parser(check).parse_args([*given, "--via", "", "--peer", ""])
        options.resource, options.timeout = session.options.resource + options.resource, session.options.timeout
        options.severity += [
            each for each in session.options.severity if each.partition("=")[0] in check.table.by_reason
        ]
        own = Session(options, session.config, session.clock)
        own.memory, own.here, own.peer, own.hastds = session.memory, session.here, session.peer, session.hastds
        asked = check._replace(questions=())  # they were asked ahead, of all checks together
        self.run = CheckRun(asked, own, overrides(session.config, options, check.table))
        self.is_done = False

    def probe(self) -> Iterator[Metric]:
        """The check itself, then its numbers. Raises ConfigError."""
        for node in self.nodes:
            node.not_understood.clear()  # what another check did not understand is no concern of this one
        self.run.look()
        for node in self.nodes:
            node.not_understood.clear()
        self.is_done = True
        yield Metric(self.check_name, self.findings, context="look")
        for metric, shown in self.report.numbers:
            yield Metric(f"{self.check_name}{BETWEEN}{metric.name}", shown, context="number of a check")

    @property
    def report(self) -> Report:
        """What it has to say, by now."""
        return self.run.report([])

    @property
    def findings(self) -> list[Finding]:
        """What it has found that is not OK. One that has found nothing has not looked."""
        report = self.report
        if not report.findings:
            return [Table().finding("check-failed", self.check_name, "nothing was found")]
        return [finding for finding in report.findings if finding.severity is not Severity.OK]

    def cut_off(self, why: str) -> None:
        """Say of it that it was not run to its end."""
        self.run.add("check-timeout", self.check_name, why)


class WholeNode(Resource):
    """All checks, after each of them."""

    def __init__(self, node: Node, checks: list[CheckOfNode]) -> None:
        self.node, self.checks = node, checks

    def probe(self) -> Iterator[Metric]:
        """Their names, where all of them are OK."""
        if all(check.report.severity is Severity.OK for check in self.checks):
            yield Metric(self.node.label, [check.check_name for check in self.checks], context="well")


class LookJudge(Context):
    """Takes over what a check has judged, and says which one it was. What could not be read is said once, however many
    checks had a use for it."""

    def __init__(self) -> None:
        super().__init__("look")
        self.said: set[tuple[str, str]] = set()

    def evaluate(self, metric: Metric, resource: Resource) -> JudgedMetric:
        """Its findings."""
        return JudgedMetric(self.named(metric.name, metric.value), metric)

    def named(self, check: str, findings: list[Finding]) -> Iterator[Finding]:
        """The findings of a check with its name."""
        for finding in findings:
            about = (finding.reason, finding.text)
            if finding.reason in NOT_READ and about in self.said:
                continue
            self.said.add(about)
            yield finding._replace(subject=f"{check}: {finding.subject}" if finding.subject != check else check)


class NumberOfCheck(Context):
    """A number of one of the checks, with its thresholds, under the name of the check."""

    def __init__(self) -> None:
        super().__init__("number of a check")

    def evaluate(self, metric: Metric, resource: Resource) -> JudgedMetric:
        """Nothing: the check has judged it."""
        return JudgedMetric((), metric)

    def performance(self, metric: Metric, resource: CheckOfNode) -> Performance:
        """The number."""
        shown = metric.value
        unit = Metric(metric.name, shown.value, shown.uom, shown.min, shown.max)
        return performance(unit, shown.value, shown.warn, shown.crit)


class ChecksRun(CheckRun):
    """One run of all checks of a node."""

    def __init__(
        self, command: CheckCommand, session: Session, severities: dict[str, Severity], of_both: bool = False
    ) -> None:
        alone = command._replace(uses_peer=False)  # each check sees to its peer itself
        super().__init__(alone, session, severities, of_both)
        for node in session.nodes:
            node.asks_once = True

    @property
    def checks(self) -> list[CheckOfNode]:
        """The checks, the worst first; those that are equal in the order in which they run."""
        there = [each for each in self.check.resources if isinstance(each, CheckOfNode)]
        return sorted(there, key=lambda each: -each.report.severity.rank)

    def say(self, nodes: list[Node]) -> int:
        """Write the report; the exit status. What was found of a check that is not done counts, too."""
        judge = LookJudge()
        for each in self.checks:
            if not each.is_done:
                each.cut_off(f"not run to its end: the time of all checks is {self.session.options.timeout:g} s")
                self.results.add(JudgedMetric(judge.named(each.check_name, each.findings)))
        return super().say(nodes)

    def text(self, report: Report) -> str:
        """The status line of all, then each check with a line of its own, and what to do next."""
        verbose = self.session.options.verbose
        lines = [status_line(report)]
        for each in self.checks:
            own = each.report
            lines.append(f"{each.check_name}{text_line(own)[len(own.check.name) :]}")
            lines += long_lines(own, min(verbose, 1))
        if verbose:
            told = [line for each in self.checks for line in long_lines(each.report, 1)]
            lines += [line for line in long_lines(report, verbose) if line not in told]
        return "\n".join(lines)

    def besides(self) -> dict[str, object]:
        """The report of each check."""
        return {
            "checks": [as_values(each.report) | {"long_output": long_lines(each.report, 0)} for each in self.checks]
        }
