"""check_hast_setup: whether a node is set up as a node of the pair has to be, and both of them alike.

What is looked at and how it is judged is in `checks.setup`, by groups; here it is a check like the others.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from checks import other_node
from checks.other_node import UNREACHED, carp_of, unreached
from checks.plugin.command import CheckCommand
from checks.plugin.config import ConfigError
from checks.plugin.finding import OK, PLACEHOLDER, UNKNOWN, Finding, Row, Table
from checks.plugin.judging import COULD_NOT_LOOK, Judge, JudgedMetric, Judgement, OverallJudge
from checks.plugin.nagios import Context, Metric, Resource
from checks.plugin.resource import Part, ProbedResource
from checks.plugin.session import Session
from checks.probes.errors import ProbeError
from checks.probes.node import Node
from checks.setup import answer
from checks.setup.group import NodeFacts, Problems, SetupProblem
from checks.setup.groups import GROUPS

ACCEPTED = "setup-accepted"
TABLE = Table(
    *(each.row for group in GROUPS for each in group.rows),
    Row(ACCEPTED, OK, "a finding that `[setup.accepted]` of hastwatch.toml accepts", "it is listed, and not counted"),
    Row("setup-well", OK, "every group was read, and nothing was found",
        "the node is set up as documented"),
    *other_node.ROWS,
)  # fmt: skip
TIERS = {each.reason: each.tier for group in GROUPS for each in group.rows}
"""The tier of the remedy of each reason."""
PAIR = "pair "
"""What stands before the name of a group that judges both nodes."""

ABOUT = f"""\
Audits a node, and with --peer the pair, against the documented setup (docs/failover.md) and the known traps. Run
it once an hour, and before a change; what fails while the pair serves is for the other checks.

{chr(10).join(f"    {group.name:<11} {group.about}" for group in GROUPS)}

Each node reads its own files and reports facts (`hastwatch-ask --setup`); no password leaves it. A group that cannot be
read is UNKNOWN under its name, and hides no other. A finding can be accepted in hastwatch.toml, with the reason:

    [setup.accepted]
    setup-export-root = "the mail servers deliver as root"

`hastwatch doctor` prints the same for a person, ordered by what the remedy may do to the clients."""


class SetupOfNode(ProbedResource):
    """One node, group by group."""

    def __init__(self, node: Node, nonce: str, clock: Callable[[], float], here: SetupOfNode | None = None) -> None:
        """`here` is this node, where it is the other one that is read."""
        self.node, self.nonce, self.clock, self.here = node, nonce, clock, here
        self.facts: dict[str, NodeFacts] = {}
        """Of the groups that were read."""

    @property
    def subject(self) -> str:
        return self.node.label

    def read(self) -> Iterator[Metric]:
        """The groups, in the order of the table. Raises ProbeError where nothing was answered."""
        began = self.clock()
        groups = answer.facts(self.node, self.nonce)
        at = (began + self.clock()) / 2
        for name, facts in groups.items():
            if isinstance(facts, ProbeError):
                self.is_read = False
                yield Metric(f"{name} on {self.subject}", facts, context=COULD_NOT_LOOK)
            else:
                self.facts[name] = NodeFacts(self.subject, facts, at)
                yield self.metric(name, facts)
        if self.is_read:
            yield self.metric("well", len(GROUPS))

    def unread(self, error: ProbeError) -> tuple[str, object]:
        """That the other node is not reached is judged by what this one shows."""
        if self.here is None or error is not self.node.lost:
            return super().unread(error)
        return UNREACHED, unreached(error, self.here.subject, carp_of(self.here.node))


class SetupOfPair(ProbedResource):
    """Both nodes, after each of them was read by itself."""

    def __init__(self, here: SetupOfNode, there: SetupOfNode) -> None:
        self.here, self.there = here, there

    @property
    def subject(self) -> str:
        return f"{self.here.subject} and {self.there.subject}"

    def read(self) -> Iterator[Metric]:
        """The groups that were read on both."""
        for group in GROUPS:
            both = [each.facts.get(group.name) for each in (self.here, self.there)]
            if None not in both:
                yield self.metric(PAIR + group.name, tuple(both))


class SetupJudge(Context):
    """Judges the facts of a group. The remedy of a finding is filled in with what it brings; a finding that is accepted
    is listed as that."""

    def __init__(self, name: str, judge: Callable[[Any], Problems], accepted: Mapping[str, str]) -> None:
        super().__init__(name)
        self.judge, self.accepted = judge, accepted

    def evaluate(self, metric: Metric, resource: Resource) -> JudgedMetric:
        """The rows that the group names."""
        return JudgedMetric([self._finding(each, metric.name) for each in self.judge(metric.value)], metric)

    def _finding(self, seen: SetupProblem, subject: str) -> Finding:
        subject = seen.node or subject
        why = self.accepted.get(seen.reason)
        if why is not None:
            return TABLE.finding(ACCEPTED, subject, f"{seen.text} ({seen.reason}), accepted: {why}")
        finding = TABLE.finding(seen.reason, subject, seen.text)
        return finding._replace(
            action=PLACEHOLDER.sub(lambda match: seen.values.get(match[1], match[0]), finding.action)
        )


def _of_both(judge: Callable[[NodeFacts, NodeFacts], Problems], both: tuple[NodeFacts, NodeFacts]) -> Problems:
    return judge(*both)


def judge_well(groups: int) -> Judgement:
    """All of it."""
    yield "setup-well", f"{groups} groups are as documented"


def accepted(given: Mapping[str, str]) -> Mapping[str, str]:
    """`[setup.accepted]`. A name that is no reason, as after an upgrade, is refused here and by nothing else: a hook
    has to run all the same. Raises ConfigError."""
    for reason in given:
        if reason not in TIERS or TABLE.by_reason[reason].severity in (OK, UNKNOWN):
            raise ConfigError(f"setup.accepted: {reason!r} is no finding that can be accepted (see --help)")
    return given


def parts(session: Session) -> Iterator[Part]:
    """Both nodes, then the pair, and how they are judged. Raises ConfigError."""
    allowed = accepted(session.config.setup.accepted)
    for group in GROUPS:
        yield SetupJudge(group.name, group.judge, allowed)
        yield SetupJudge(PAIR + group.name, partial(_of_both, group.judge_pair), allowed)
    yield OverallJudge("well", TABLE, judge_well)
    nonce = os.urandom(16).hex()
    yield Judge(UNREACHED, TABLE, other_node.judge_unreached)
    here = SetupOfNode(session.here, nonce, session.clock)
    nodes = [here, *(SetupOfNode(node, nonce, session.clock, here) for node in session.nodes[1:])]
    yield from nodes
    if len(nodes) == 2:
        yield SetupOfPair(*nodes)


TAKES = 45.0
"""Seconds for both nodes, one after the other: each may take `checks.setup.answer.SECONDS`, and a login by ssh. It is
below what engines wait by default, 60 s: Icinga 2 (CheckCommand, timeout), Nagios (service_check_timeout), NRPE
(command_timeout)."""
CHECK = CheckCommand(
    "check_hast_setup", "SETUP", ABOUT, TABLE, (), parts, uses_peer=True, takes=TAKES, is_audit=True
)  # fmt: skip
main = CHECK.main
