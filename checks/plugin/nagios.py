"""Where nagiosplugin is used: the findings and numbers of a check pass through its Resource, Contexts and Check.

What nagiosplugin would get wrong is done elsewhere in this package: usage errors (exit status 2), the time-out (whole
seconds, by a signal that a waiting subprocess swallows), `-v` (moves the performance data to a later line), state kept
between runs (not atomic). It has no type hints; this is the only module that derives from its classes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import nagiosplugin

from checks.plugin.finding import Finding, Number, Severity
from checks.plugin.text import label

STATES = {
    Severity.OK: nagiosplugin.Ok,
    Severity.WARNING: nagiosplugin.Warn,
    Severity.CRITICAL: nagiosplugin.Critical,
    Severity.UNKNOWN: nagiosplugin.Unknown,
}


class Looked(nagiosplugin.Resource):
    """What a check saw, each finding and number as a nagiosplugin metric."""

    def __init__(self, look: Callable[[], Iterable[Finding | Number]]) -> None:
        self.look = look

    def probe(self) -> Iterator[nagiosplugin.Metric]:
        for seen in self.look():
            if isinstance(seen, Finding):
                yield nagiosplugin.Metric(seen.reason, seen, context="finding")
            else:
                yield nagiosplugin.Metric(label(seen.label), seen, context="number")


class FindingContext(nagiosplugin.Context):
    """A finding brings its severity out of the table; the user may have overridden it."""

    def __init__(self, overrides: dict[str, Severity]) -> None:
        super().__init__("finding")
        self.overrides = overrides

    def evaluate(self, metric: nagiosplugin.Metric, resource: nagiosplugin.Resource) -> nagiosplugin.Result:
        finding: Finding = metric.value
        severity = self.overrides.get(finding.reason, finding.severity)
        judged = metric.replace(value=finding._replace(severity=severity))
        return self.result_cls(STATES[severity], metric=judged)


class NumberContext(nagiosplugin.Context):
    """A number is performance data; what it means was judged with the findings."""

    def __init__(self) -> None:
        super().__init__("number")

    def performance(self, metric: nagiosplugin.Metric, resource: nagiosplugin.Resource) -> nagiosplugin.Performance:
        number: Number = metric.value
        return nagiosplugin.Performance(
            metric.name, number.value, number.unit, number.warning, number.critical, number.least, number.most
        )


def evaluate(
    look: Callable[[], Iterable[Finding | Number]], overrides: dict[str, Severity]
) -> tuple[list[Finding], list[Number], list[str]]:
    """Run `look` to its end: its findings, the worst first, its numbers, and the performance data as text."""
    check = nagiosplugin.Check(Looked(look), FindingContext(overrides), NumberContext())
    check()
    metrics = [result.metric for result in check.results.results]
    findings = [metric.value for metric in metrics if metric.context == "finding"]
    numbers = [metric.value for metric in metrics if metric.context == "number"]
    findings.sort(key=lambda finding: -finding.severity.rank)
    return findings, numbers, check.perfdata


def is_range(text: str) -> bool:
    """Whether `text` is a threshold range of the Monitoring Plugins guidelines."""
    try:
        nagiosplugin.Range(text)
    except ValueError:
        return False
    return True


def outside(value: float, threshold: str | None) -> bool:
    """Whether `value` is outside a threshold range; never outside none."""
    return bool(threshold) and not nagiosplugin.Range(threshold).match(value)
