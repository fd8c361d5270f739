"""The judges of a check, as nagiosplugin has them: a `Context` for each kind of `Metric` that its resources read.

What is ours is that a judgement names rows of the check's table: `JudgedMetric` is a `Result` that carries them as
findings. One metric may call for several rows, or for none."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any

from checks.plugin.finding import Finding, Severity, Table
from checks.plugin.nagios import (
    Context,
    Critical,
    Metric,
    Ok,
    Performance,
    Resource,
    Result,
    Results,
    ScalarContext,
    Unknown,
    Warn,
)
from checks.plugin.text import label
from checks.probes.errors import ProbeError

STATES = {Severity.OK: Ok, Severity.WARNING: Warn, Severity.CRITICAL: Critical, Severity.UNKNOWN: Unknown}
Judgement = Iterable[tuple[str, str] | tuple[str, str, str]]
"""What a judge says of one metric: reasons out of the table, each with what was seen, and where that is about both
nodes perhaps the one that has to be acted on (`Finding.side`)."""
COULD_NOT_LOOK = "could-not-look"
"""The context of what kept a probe from reading, a ProbeError."""
NUMBER = "number"
"""The context of a number that is shown and not judged."""


class JudgedMetric(Result):
    """What a context makes of a metric: the rows of the table that it calls for."""

    findings: tuple[Finding, ...]
    unless_wrong = False
    """Whether it counts only where nothing was found of the same resource (`OverallJudge`)."""

    def __new__(cls, findings: Iterable[Finding], metric: Metric | None = None) -> JudgedMetric:
        """`metric` is None where the check says it of itself."""
        all_findings = tuple(findings)
        worst = max((finding.severity for finding in all_findings), key=lambda each: each.rank, default=Severity.OK)
        result = super().__new__(cls, STATES[worst], "; ".join(finding.text for finding in all_findings), metric)
        assert isinstance(result, cls)
        result.findings = all_findings
        return result


class JudgedResults(Results):
    """The results of a check. nagiosplugin ranks UNKNOWN above CRITICAL; here an outage that is known is not hidden by
    something that could not be read (`Severity.rank`). A row has the severity that the user wants for it, and what was
    said before is not said again, such as that a node is not reached by one part of a check after the other."""

    def __init__(
        self, table: Table, severities: Mapping[str, Severity], names: Callable[[], Collection[str]] = lambda: ()
    ) -> None:
        """`names` gives those of the nodes that are known."""
        super().__init__()
        self.table = table
        self.severities = severities
        self.names = names
        self.here_and_there: Callable[[], tuple[str, str]] | None = None
        """What the nodes are called, where what is wrong with the other one is left to its own service."""
        self.findings: list[Finding] = []

    def add(self, *results: Result) -> JudgedResults:
        """Take results, and the findings of those that have some."""
        for result in results:
            super().add(result)
            findings = result.findings if isinstance(result, JudgedMetric) and not self._is_idle(result) else ()
            for each in findings:
                finding = each._replace(severity=self.severities.get(each.reason, each.severity))
                if self.here_and_there is not None:
                    finding = finding.seen_from(*self.here_and_there(), self.severities)
                if finding not in self.findings:
                    self.findings.append(finding)
        return self

    def _is_idle(self, well: JudgedMetric) -> bool:
        """Whether it would call well what something was found of; that a part could not be read is nothing of it."""
        return well.unless_wrong and any(
            result.findings
            for result in self.results
            if isinstance(result, JudgedMetric) and result.resource is well.resource and result is not well
            if result.metric is None or result.metric.context != COULD_NOT_LOOK
        )

    def __len__(self) -> int:
        """Of the findings: a check that has found nothing at all has not looked."""
        return len(self.findings)

    @property
    def worst_first(self) -> list[Finding]:
        """The findings; those of the same severity as the table has them, and after them those of the other node."""
        rows = list(self.table.by_reason)
        findings = [finding.addressed(self.names()) for finding in self.findings]

        def order(finding: Finding) -> tuple[int, bool, int]:
            there = finding.there
            return -finding.severity.rank, bool(there), rows.index(there or finding.reason)

        return sorted(findings, key=order)

    @property
    def most_significant_state(self) -> Any:
        """That of the worst finding. Raises ValueError where there is none: nagiosplugin makes it UNKNOWN."""
        return STATES[max((finding.severity for finding in self.findings), key=lambda each: each.rank)]

    @property
    def numbers(self) -> Iterator[tuple[Metric, Performance]]:
        """The performance data in the order in which they were read; nagiosplugin sorts them by name."""
        for result in tuple(self.results):
            if result.metric is not None and (shown := result.metric.performance()):
                yield result.metric, shown


class Judge(Context):
    """Judges what was read with a function of it, which runs no command; the name of the metric is the subject."""

    def __init__(self, name: str, table: Table, judge: Callable[[Any], Judgement]) -> None:
        super().__init__(name)
        self.table, self.judge = table, judge

    def evaluate(self, metric: Metric, resource: Resource) -> JudgedMetric:
        """The rows that the function names."""
        judgement = self.judge(metric.value)
        return JudgedMetric([self.table.finding(each[0], metric.name, *each[1:]) for each in judgement], metric)


class OverallJudge(Judge):
    """Judges the same, but only where nothing else was found of the resource, which says last what is well with it."""

    def evaluate(self, metric: Metric, resource: Resource) -> JudgedMetric:
        """The rows that the function names."""
        judged = super().evaluate(metric, resource)
        judged.unless_wrong = True
        return judged


class Number(Context):
    """A number that is shown and not judged by itself."""

    def __init__(self, name: str = NUMBER) -> None:
        super().__init__(name)

    def thresholds(self, resource: Any) -> tuple[str, str]:
        """The ranges shown beside it."""
        return "", ""

    def evaluate(self, metric: Metric, resource: Resource) -> JudgedMetric:
        """Nothing."""
        return JudgedMetric((), metric)

    def performance(self, metric: Metric, resource: Resource) -> Performance:
        """The number."""
        return performance(metric, metric.value, *self.thresholds(resource))


class Threshold(ScalarContext):
    """A number with thresholds, each of which is a row of the table. The subject is that of the resource."""

    def __init__(
        self,
        name: str,
        table: Table,
        reasons: tuple[str, str],
        ranges: tuple[str, str],
        says: Callable[[Metric, Context], str],
        digits: int,
    ) -> None:
        """`reasons` and `ranges`: of the warning and of the critical one; `says` what is said of a number outside, and
        `digits` is how many are shown of it."""
        super().__init__(name, *ranges, fmt_metric=says)
        self.table, self.reasons, self.ranges, self.digits = table, reasons, ranges, digits

    def evaluate(self, metric: Metric, resource: Any) -> JudgedMetric:
        """The row of the range that the number is outside of."""
        state = super().evaluate(metric, resource).state
        if state == Ok:
            return JudgedMetric((), metric)
        reason = self.reasons[1] if state == Critical else self.reasons[0]
        return JudgedMetric([self.table.finding(reason, resource.subject_of(metric.name), metric.description)], metric)

    def performance(self, metric: Metric, resource: Resource) -> Performance:
        """The number with its ranges as the user wrote them."""
        return performance(metric, round(metric.value, self.digits), *self.ranges)


def performance(metric: Metric, value: float, warning: str, critical: str) -> Performance:
    """One item of performance data, with a label that nagiosplugin takes, wherever the name comes from."""
    return Performance(label(metric.name), value, metric.uom, warning, critical, metric.min, metric.max)


def judges(table: Table, **judged_by: Callable[[Any], Judgement]) -> Iterator[Judge]:
    """A judge for each context named."""
    return (Judge(name, table, judge) for name, judge in judged_by.items())


def always(reason: str) -> Callable[[object], Judgement]:
    """The judge of what calls for one row whatever it is, and says so itself, such as an error."""
    return lambda value: [(reason, str(value))]


def could_not_look(table: Table) -> Judge:
    """The judge of what kept a probe from reading."""

    def judge(error: ProbeError) -> Judgement:
        return [(error.reason, str(error))]

    return Judge(COULD_NOT_LOOK, table, judge)
