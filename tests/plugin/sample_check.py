"""A check of nothing: its resource reads what it is given, and its judge says so."""

from __future__ import annotations

from collections.abc import Iterator

from checks.plugin.command import CheckCommand
from checks.plugin.finding import CRITICAL, OK, WARNING, Finding, Row, Table
from checks.plugin.judging import NUMBER, Judge, JudgedMetric, JudgedResults, Judgement, Number
from checks.plugin.nagios import Check, Context, Metric, Resource
from checks.plugin.output import FindingsInFull, Report
from checks.plugin.resource import ProbedResource
from checks.plugin.session import Session

TABLE = Table(
    Row("thing-broken", CRITICAL, "the thing is broken", "nobody can use it", "mend the {resource} on {node}"),
    Row("thing-worn", WARNING, "the thing is worn", "it will break", "nothing: it is renewed at night"),
    Row("thing-well", OK, "the thing is well", "it can be used"),
)
Given = Metric | Exception


class Thing(ProbedResource):
    """Reads what it is given, in this order."""

    def __init__(self, *given: Given) -> None:
        self.given = given

    @property
    def subject(self) -> str:
        return "thing on nfs001"

    def read(self) -> Iterator[Metric]:
        """Raises what it is given to raise."""
        for each in self.given:
            if isinstance(each, Exception):
                raise each
            yield each


def seen(reason: str, text: str = "seen", subject: str = "thing on nfs001") -> Metric:
    """What calls for that row."""
    return Metric(subject, (reason, text), context="thing")


def number(label: str, value: float, unit: str = "") -> Metric:
    """A number that is shown."""
    return Metric(label, value, unit, context=NUMBER)


def judge(finding: tuple[str, str]) -> Judgement:
    """That very row."""
    return [finding]


def command(*given: Given, name: str = "check_thing", table: Table = TABLE) -> CheckCommand:
    """A check that reads just that."""

    def parts(session: Session) -> Iterator[Resource | Context]:
        yield Judge("thing", table, judge)
        yield Thing(*given)

    return CheckCommand(name, "THING", "Looks at the thing.", table, (("thing_load", "how much it bears"),), parts)


def report(table: Table, findings: list[Finding], numbers: list[Metric], name: str = "check_x") -> Report:
    """What a check has to say that has found this."""
    check = Check(JudgedResults(table, {}), FindingsInFull(), Number(), Thing(*numbers))
    check.name = name[6:].upper()
    check()
    check.results.add(JudgedMetric(findings))
    return Report(name, check, [], [], [])
