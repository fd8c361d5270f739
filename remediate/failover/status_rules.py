"""What two nodes at a glance amount to: who serves what, who could take over, and what is wrong.

What is wrong is what the checks find (`pair_checks`), and in two short tables what no check knows: what only
remediation remembers. For people: it decides nothing. What is not known is said as that, and counts neither as well nor
as wrong. No sentence is better than the worst finding of what it is about.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from checks.plugin.finding import CRITICAL, OK, UNKNOWN, WARNING, Finding, Severity
from checks.plugin.text import name_list, say_duration
from checks.probes import recorded
from checks.probes.carp import CarpState
from checks.probes.hast import Status
from checks.probes.hast_state import HastRole
from checks.probes.node_state import MountState
from remediate.failover.facts import SERVING
from remediate.failover.pair_checks import CheckFinding
from remediate.failover.pair_status import NodeStatus, PairStatus, ResourceStatus
from remediate.state.ledger import CopyState

ANSWERING = frozenset({"rpcbind", *SERVING})
"""Without any of these no client gets an answer."""
OF_THE_SERVICE = ("check_carp_hast", "check_hast_mount")
"""The checks whose CRITICAL, on the node that serves, is about what its clients get."""
OF_THE_COPY = frozenset({"copy-behind", "copy-blank", "splitbrain-predicted", "counters-impossible"})
"""Warnings of check_hast_splitbrain on a copy that cannot be promoted without loss."""


class ProblemLevel(enum.IntEnum):
    """How grave something is."""

    NOTE = 1
    WRONG = 2


class Problem(NamedTuple):
    """Something that is not as it should be, in one sentence."""

    level: ProblemLevel
    says: str


class PairVerdict(NamedTuple):
    """`served`: whether each resource is served by one node, None where that is not known; `headline` the same and who
    could take over, in words; `findings` those of the checks that are not OK, the worst first; `severity` the worst of
    all."""

    headline: str
    served: dict[str, bool | None]
    troubles: tuple[Problem, ...]
    findings: tuple[CheckFinding, ...] = ()
    severity: Severity = OK

    @property
    def well(self) -> bool:
        """Each resource is served by one node, and nothing is wrong."""
        return self.severity is OK


class NodeRule(NamedTuple):
    """A row of the table of nodes; `says` may name the {node}."""

    level: ProblemLevel
    says: str
    fits: Callable[[NodeStatus], bool]


class ResourceRule(NamedTuple):
    """A row of the table of resources; `says` may name the {node}, the resource {name} and its mount {point}."""

    level: ProblemLevel
    says: str
    fits: Callable[[ResourceStatus, NodeStatus], bool]


def _all(values: Iterable[bool | None]) -> bool | None:
    """Whether all hold; not known where none is known not to and some are not known."""
    known = list(values)
    return False if False in known else None if None in known else True


def lacking(node: NodeStatus) -> frozenset[str]:
    """The daemons without which the node answers no client."""
    return frozenset() if node.daemons is None else ANSWERING - node.daemons


def serves(node: NodeStatus, resource: ResourceStatus) -> bool | None:
    """Whether clients get the resource from this node; None where that is not known."""
    exported = not resource.place.exported or _all(
        [resource.exported, None if node.daemons is None else not lacking(node)]
    )
    here = None if node.vhids is None else resource.carp is CarpState.MASTER
    primary = None if resource.role is HastRole.NOT_KNOWN else resource.role is HastRole.PRIMARY
    known = resource.mounted not in (None, MountState.NOT_KNOWN)
    mounted = resource.mounted is MountState.WRITABLE and not resource.suspended if known else None
    return _all([here, primary, mounted, exported])


def could_take_over(node: NodeStatus) -> bool | None:
    """Whether a node that does not serve would do so when it had to; None where that is not known."""
    return None if node.trouble else _all(ready for _, ready in _conditions(node))


def _conditions(node: NodeStatus) -> Iterator[tuple[str, bool | None]]:
    """What has to hold of a node that could take over, each in the words of where it does not."""
    yield "promotions have failed", not node.blocked
    yield "maintenance", node.maintenance is None
    yield "hastd is down", node.hastd
    yield "it holds itself back", not node.held.amount or node.held.is_mild
    for name, resource in node.resources.items():
        known = resource.role not in (HastRole.NOT_KNOWN, HastRole.DOWN)
        yield f"{name} is not secondary", resource.role is HastRole.SECONDARY if known else None
        connected = None if resource.status is None else resource.status is Status.COMPLETE
        yield f"{name} is not connected", connected
        yield f"the copy of {name} is incomplete", resource.copy.copy is not CopyState.INCOMPLETE
        yield f"split-brain of {name}", resource.split is None or resource.split.losing is False


NODE_RULES = (
    NodeRule(ProblemLevel.WRONG, "{node} takes no automatic action any more: promotions have failed",
             lambda node: bool(node.blocked)),
    NodeRule(ProblemLevel.NOTE,
        "{node} drops segments to closed ports: a failover runs, or the next convergence ends that",
             lambda node: node.silent),
    NodeRule(ProblemLevel.NOTE, "maintenance on {node}", lambda node: node.maintenance is not None),
    NodeRule(ProblemLevel.NOTE, "{node} could not be read in part", lambda node: bool(node.unread)),
)  # fmt: skip
RESOURCE_RULES = (
    ResourceRule(ProblemLevel.NOTE, "the copy of {name} on {node} is incomplete",
                 lambda resource, node: resource.copy.copy is CopyState.INCOMPLETE
                 and resource.role is not HastRole.PRIMARY),
    ResourceRule(ProblemLevel.NOTE, "{point} on {node} takes files though nothing is mounted",
                 lambda resource, node: resource.protected is False),
)  # fmt: skip


def verdict(pair: PairStatus, findings: tuple[CheckFinding, ...] = ()) -> PairVerdict:
    """What the pair amounts to, with what the checks found."""
    by = {name: _serving(pair, name) for name in pair.names}
    served = {name: None if who is None else len(who) == 1 for name, who in by.items()}
    wrong = tuple(each for each in findings if not each.is_well)
    troubles = _troubles(pair)
    severities = [each.finding.severity for each in wrong]
    severities += [CRITICAL for trouble in troubles if trouble.level is ProblemLevel.WRONG]
    severities += [{True: OK, False: CRITICAL, None: UNKNOWN}[each] for each in served.values()] or [UNKNOWN]
    standing_by = _standing_by(pair, by, wrong)
    severities += [severity for _, severity in standing_by]
    worst = max(severities, key=lambda severity: severity.rank)
    return PairVerdict(_headline(pair, by, wrong, standing_by), served, troubles, wrong, worst)


def _serving(pair: PairStatus, name: str) -> tuple[str, ...] | None:
    """The nodes that serve a resource; None where that is not known."""
    answers = {
        node.name: serves(node, node.resources[name])
        for node in pair.nodes
        if not node.trouble and name in node.resources
    }
    serving = tuple(node for node, answer in answers.items() if answer)
    hidden = None in answers.values() or any(node.trouble for node in pair.nodes)
    return None if hidden and not serving else serving


Serving = dict[str, tuple[str, ...] | None]
"""The nodes that serve each resource; None where that is not known."""


def _headline(
    pair: PairStatus, by: Serving, findings: tuple[CheckFinding, ...], standing_by: list[tuple[str, Severity]]
) -> str:
    if all(node.trouble for node in pair.nodes):
        return "neither node could be read" if len(pair.nodes) > 1 else "the node could not be read"
    if not by:
        return "it is not known which resources there are"
    groups: dict[tuple[str, ...] | None, list[str]] = {}
    for name, who in by.items():
        groups.setdefault(who, []).append(name)
    parts = [_says(pair, who, names, findings) for who, names in groups.items()]
    return ", ".join([*parts, *(says for says, _ in standing_by)])


def _standing_by(pair: PairStatus, by: Serving, findings: tuple[CheckFinding, ...]) -> list[tuple[str, Severity]]:
    """Of the node that does not serve where the other one serves everything: whether it could take over, and how grave
    it is that it could not."""
    served_by = set(by.values())
    only = served_by.pop() if len(served_by) == 1 else None
    if only is None or len(only) != 1:
        return []
    return [_standby(node, findings) for node in pair.nodes if node.name != only[0]]


def _says(pair: PairStatus, who: tuple[str, ...] | None, names: list[str], findings: tuple[CheckFinding, ...]) -> str:
    """Who serves these resources; since when, where that is the same of all."""
    called = name_list(names)
    if who is None:
        return f"it is not known whether anybody serves {called}"
    if not who:
        return f"nobody serves {called}"
    if len(who) > 1:
        return f"{name_list(list(who))} both serve {called}"
    doubts = [
        each.finding.reason
        for each in findings
        if each.check in OF_THE_SERVICE and each.finding.severity is CRITICAL and is_about(each.finding, who[0])
    ]
    if doubts:
        return f"{who[0]} has {called} and may not serve it as it should ({doubts[0]})"
    begun = {node.resources[name].since for node in pair.nodes if node.name == who[0] for name in names}
    since = begun.pop() if len(begun) == 1 else None
    return f"{who[0]} serves {called}" + (f" for {say_duration(max(pair.now - since, 0))}" if since is not None else "")


def is_about(finding: Finding, node: str) -> bool:
    """Whether the subject of a finding names a node."""
    return bool(re.search(rf"(?<![\w.-]){re.escape(node)}(?![\w-])", finding.subject))


def _standby(node: NodeStatus, findings: tuple[CheckFinding, ...]) -> tuple[str, Severity]:
    if node.trouble:
        return f"{node.name} does not answer", UNKNOWN
    about = [each.finding for each in findings if is_about(each.finding, node.name)]
    doubts = [each.reason for each in about if each.severity is CRITICAL or each.reason in OF_THE_COPY]
    able = could_take_over(node)
    if able is False:
        why = next(why for why, ready in _conditions(node) if ready is False)
        return f"{node.name} cannot take over ({why})", OK if node.maintenance else WARNING
    if doubts:
        return f"{node.name} may not be able to take over ({doubts[0]})", WARNING
    unrecorded = max((each.unrecorded for each in node.resources.values()), default=0.0)
    if recorded.is_too_long(unrecorded):
        return f"{node.name} may not be able to take over (nothing recorded for {say_duration(unrecorded)})", WARNING
    if able is None or any(each.severity is UNKNOWN for each in about):
        return f"it is not known whether {node.name} could take over", UNKNOWN
    return f"{node.name} can take over", OK


def _troubles(pair: PairStatus) -> tuple[Problem, ...]:
    """What the tables have, the gravest first, nothing twice."""
    problems = [
        Problem(one.level, one.says.format(node=node.name))
        for node in pair.nodes
        for one in NODE_RULES
        if one.fits(node)
    ]
    for node in pair.nodes:
        for resource in node.resources.values():
            words = {"node": node.name, "name": resource.place.name, "point": resource.place.point}
            fitting = [one for one in RESOURCE_RULES if one.fits(resource, node)]
            problems += [Problem(one.level, one.says.format(**words)) for one in fitting]
    return tuple(sorted(dict.fromkeys(problems), key=lambda trouble: -trouble.level))
