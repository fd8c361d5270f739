"""What two nodes at a glance amount to: who serves what, who could take over, and what is wrong; tables of rules.

For people: it decides nothing. What is not known is said as that, and counts neither as well nor as wrong.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from checks.plugin.text import name_list, plain
from checks.probes.carp import CarpState
from checks.probes.hast import Status
from checks.probes.hast_state import HastRole
from checks.probes.node_state import MountState
from remediate.failover.facts import SERVING
from remediate.failover.pair_status import NodeStatus, PairStatus, ResourceStatus
from remediate.state.ledger import CopyState

ANSWERING = frozenset({"rpcbind", *SERVING})
"""Without any of these no client gets an answer."""


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
    could take over, in words."""

    headline: str
    served: dict[str, bool | None]
    troubles: tuple[Problem, ...]

    @property
    def well(self) -> bool:
        """Each resource is served by one node."""
        return bool(self.served) and all(self.served.values())


class NodeRule(NamedTuple):
    """A row of the table of nodes; `says` may name the {node} and what holds it, {why}."""

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
    if node.trouble:
        return None
    ready = [not node.blocked, node.maintenance is None, node.hastd, not node.held.amount or node.held.is_mild]
    for resource in node.resources.values():
        known = resource.role not in (HastRole.NOT_KNOWN, HastRole.DOWN)
        ready += [
            resource.role is HastRole.SECONDARY if known else None,
            None if resource.status is None else resource.status is Status.COMPLETE,
            resource.copy.copy is not CopyState.INCOMPLETE,
            resource.split is None or resource.split.losing is False,
        ]
    return _all(ready)


def _master(resource: ResourceStatus) -> bool:
    return resource.carp is CarpState.MASTER


def _elsewhere(resource: ResourceStatus, node: NodeStatus) -> bool:
    return node.vhids is not None and resource.carp in (CarpState.BACKUP, CarpState.INIT)


def _primary(resource: ResourceStatus) -> bool:
    return resource.role is HastRole.PRIMARY


def _nothing_mounted(node: NodeStatus) -> bool:
    mounts = [resource.mounted for resource in node.resources.values()]
    return bool(mounts) and set(mounts) == {MountState.NOTHING}


NODE_RULES = (
    NodeRule(ProblemLevel.WRONG, "{node} does not answer", lambda node: bool(node.trouble)),
    NodeRule(ProblemLevel.WRONG, "{node} takes no automatic action any more: promotions have failed",
             lambda node: bool(node.blocked)),
    NodeRule(ProblemLevel.WRONG, "hastd is down on {node}", lambda node: node.hastd is False),
    NodeRule(ProblemLevel.WRONG, "CARP is not loaded on {node}", lambda node: not node.carp_loaded),
    NodeRule(ProblemLevel.WRONG, "{node} holds itself back: {why}",
             lambda node: node.held.amount > 0 and not node.held.is_mild),
    NodeRule(ProblemLevel.WRONG, "{node} is demoted, not by hastwatch",
             lambda node: node.demotion is not None and node.demotion > node.held.amount),
    NodeRule(ProblemLevel.WRONG, "NFS runs on {node}, where nothing is mounted",
             lambda node: bool(node.daemons and node.daemons & set(SERVING)) and _nothing_mounted(node)),
    NodeRule(ProblemLevel.NOTE,
        "{node} drops segments to closed ports: a failover runs, or the next convergence ends that",
             lambda node: node.silent),
    NodeRule(ProblemLevel.NOTE, "maintenance on {node}", lambda node: node.maintenance is not None),
    NodeRule(ProblemLevel.NOTE, "{node} could not be read in part", lambda node: bool(node.unread)),
)  # fmt: skip
RESOURCE_RULES = (
    ResourceRule(ProblemLevel.WRONG, "split-brain of {name}", lambda resource, node: resource.split is not None),
    ResourceRule(ProblemLevel.WRONG, "CARP does not speak for {name} on {node}",
                 lambda resource, node: bool(node.vhids is not None and resource.carp_why)),
    ResourceRule(ProblemLevel.WRONG, "{node} has the address and is not primary of {name}",
                 lambda resource, node: _master(resource) and resource.role in (HastRole.SECONDARY, HastRole.INIT)),
    ResourceRule(ProblemLevel.WRONG, "{node} is primary of {name} without the address",
                 lambda resource, node: _primary(resource) and _elsewhere(resource, node)),
    ResourceRule(ProblemLevel.WRONG, "{name} has no role on {node}",
                 lambda resource, node: resource.role is HastRole.INIT and not _master(resource)),
    ResourceRule(ProblemLevel.WRONG, "{name} is not replicated",
                 lambda resource, node: _primary(resource) and resource.status in (Status.DEGRADED, Status.ABSENT)),
    ResourceRule(ProblemLevel.WRONG, "a route on {node} rejects the other node, so {name} stays without it",
                 lambda resource, node: resource.rejects is True),
    ResourceRule(ProblemLevel.WRONG, "no primary is connected to {name} on {node}",
                 lambda resource, node: resource.role is HastRole.SECONDARY and resource.status is Status.ABSENT),
    ResourceRule(ProblemLevel.WRONG, "{point} is not mounted on {node}",
                 lambda resource, node: _primary(resource) and _master(resource)
                 and resource.mounted is MountState.NOTHING),
    ResourceRule(ProblemLevel.WRONG, "{point} is read-only on {node}",
                 lambda resource, node: resource.mounted is MountState.READ_ONLY),
    ResourceRule(ProblemLevel.WRONG, "the ZFS pool of {name} on {node} is suspended: reboot that node",
                 lambda resource, node: bool(resource.suspended)),
    ResourceRule(ProblemLevel.WRONG, "another device is mounted at {point} on {node}",
                 lambda resource, node: resource.mounted is MountState.WRONG),
    ResourceRule(ProblemLevel.WRONG, "what is mounted at {point} on {node} lies only in part on what HAST replicates",
                 lambda resource, node: resource.mounted is MountState.IN_PART),
    ResourceRule(ProblemLevel.NOTE, "it is not known whether what is mounted at {point} on {node} lies on {name}",
                 lambda resource, node: resource.mounted is MountState.NOT_KNOWN),
    ResourceRule(ProblemLevel.WRONG, "{point} is not exported by {node}",
                 lambda resource, node: _primary(resource) and resource.mounted is MountState.WRITABLE
                 and bool(resource.place.exported) and resource.exported is False),
    ResourceRule(ProblemLevel.WRONG, "NFS does not run on {node}",
                 lambda resource, node: _primary(resource) and _master(resource) and bool(resource.place.exported)
                 and bool(lacking(node))),
    ResourceRule(ProblemLevel.WRONG, "the copies of {name} differ",
                 lambda resource, node: resource.verified is not None and bool(resource.verified.differ)),
    ResourceRule(ProblemLevel.NOTE, "the other copy of {name} is not proven to be complete",
                 lambda resource, node: resource.unproven is not None and resource.status is Status.COMPLETE),
    ResourceRule(ProblemLevel.NOTE, "the copy of {name} on {node} is incomplete",
                 lambda resource, node: resource.copy.copy is CopyState.INCOMPLETE and not _primary(resource)),
    ResourceRule(ProblemLevel.NOTE, "{point} on {node} takes files though nothing is mounted",
                 lambda resource, node: resource.protected is False),
)  # fmt: skip


def verdict(pair: PairStatus) -> PairVerdict:
    """What the pair amounts to."""
    by = {name: _serving(pair, name) for name in pair.names}
    served = {name: None if who is None else len(who) == 1 for name, who in by.items()}
    return PairVerdict(_headline(pair, by), served, _troubles(pair))


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


def _headline(pair: PairStatus, by: dict[str, tuple[str, ...] | None]) -> str:
    if all(node.trouble for node in pair.nodes):
        return "neither node could be read" if len(pair.nodes) > 1 else "the node could not be read"
    if not by:
        return "it is not known which resources there are"
    groups: dict[tuple[str, ...] | None, list[str]] = {}
    for name, who in by.items():
        groups.setdefault(who, []).append(name)
    parts = [_says(who, name_list(names)) for who, names in groups.items()]
    served_by = set(groups)
    if len(served_by) == 1 and (only := served_by.pop()) and len(only) == 1:
        parts += [_standby(node) for node in pair.nodes if node.name != only[0] and not node.trouble]
    return ", ".join(parts)


def _says(who: tuple[str, ...] | None, names: str) -> str:
    if who is None:
        return f"it is not known whether anybody serves {names}"
    if not who:
        return f"nobody serves {names}"
    return f"{who[0]} serves {names}" if len(who) == 1 else f"{name_list(list(who))} both serve {names}"


def _standby(node: NodeStatus) -> str:
    able = could_take_over(node)
    if able is None:
        return f"it is not known whether {node.name} could take over"
    return f"{node.name} {'can' if able else 'cannot'} take over"


def _of_the_pair(pair: PairStatus, name: str) -> Iterator[Problem]:
    """What only both nodes together show: whether one of them, and only one, has the address."""
    states = {node.name: node.resources[name].carp for node in pair.nodes if name in node.resources}
    masters = [node for node, state in states.items() if state is CarpState.MASTER]
    if len(masters) > 1:
        yield Problem(ProblemLevel.WRONG, f"{name_list(masters)} both have the address of {name}")
    elif not masters and len(states) > 1 and None not in states.values():
        yield Problem(ProblemLevel.WRONG, f"neither node has the address of {name}")


def _troubles(pair: PairStatus) -> tuple[Problem, ...]:
    """All that is wrong, the gravest first, nothing twice."""
    problems = [trouble for name in pair.names for trouble in _of_the_pair(pair, name)]
    for node in pair.nodes:
        why = ", ".join(plain(str(reason), 80) for reason in node.held.reasons)
        problems += [
            Problem(one.level, one.says.format(node=node.name, why=why)) for one in NODE_RULES if one.fits(node)
        ]
    for node in pair.nodes:
        for resource in node.resources.values():
            words = {"node": node.name, "name": resource.place.name, "point": resource.place.point}
            fitting = [one for one in RESOURCE_RULES if one.fits(resource, node)]
            problems += [Problem(one.level, one.says.format(**words)) for one in fitting]
    return tuple(sorted(dict.fromkeys(problems), key=lambda trouble: -trouble.level))
