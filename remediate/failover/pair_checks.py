"""What the checks find on both nodes, in this process: their tables, the overrides of the configuration, one look.

The checks that compare the nodes are run once, those of a node on each that is reached. They ask the same nodes, a node
out of reach is said once. What they remember is what the checks of this user remember (`checks.probes.state_cache`).
A check from outside is not run: it needs options that only its site knows (`check_nfs_export --export`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import NamedTuple

from checks.plugin.command import CheckCommand, parser
from checks.plugin.config import CheckConfig
from checks.plugin.finding import COULD_NOT_LOOK, Finding, Severity, Table
from checks.plugin.session import Session
from checks.probes.node import Node
from checks.probes.state_cache import Memory
from checks.registry import OF_SERVICE
from remediate.context import LOOK, Context
from remediate.failover.pair_nodes import PairNodes, ask_ahead, opened

NOT_READ = frozenset(row.reason for row in COULD_NOT_LOOK)


class CheckFinding(NamedTuple):
    """A finding and the check that has it, by the name of its command."""

    check: str
    finding: Finding

    @property
    def is_well(self) -> bool:
        """Nothing has to be done."""
        return self.finding.severity is Severity.OK


def session_of(
    check: CheckCommand,
    config: CheckConfig,
    clock: Callable[[], float],
    memory: Memory,
    nodes: tuple[Node, Node | None],
    names: Iterable[str] = (),
    seconds: float | None = None,
) -> Session:
    """The session of a check with the defaults of its options, on nodes that are known already: the one it looks at,
    and the other one. `names`: of the resources, all where there are none."""
    words = ["--via", "", "--peer", "", *[word for name in names for word in ("-r", name)]]
    options = parser(check).parse_args(words)
    options.timeout = config.timeout if seconds is None else seconds
    session = Session(options, config, clock)
    session.memory, (session.here, session.peer) = memory, nodes
    return session


def checks_of_nodes() -> list[CheckCommand]:
    """All checks that watch the service on a node; imports them."""
    return [each.load() for each in OF_SERVICE]


def run_checks(
    context: Context, names: tuple[str, ...] = (), nodes: PairNodes | None = None
) -> tuple[CheckFinding, ...]:
    """Run all checks of nodes at the same time; what they found, the worst first. What cannot be read is found too.
    `nodes`: where they are open already, and what the checks ask was asked ahead. Raises ConfigError where the
    configuration has an override that a check refuses."""
    checks = checks_of_nodes()
    if nodes is None:
        nodes = opened(context)
        ask_ahead(context, nodes.nodes, names, checks)
    calls = []
    for check in checks:
        quiet = check._replace(questions=())  # they were asked ahead, of all checks together
        for here in nodes.nodes[:1] if check.uses_peer else nodes.nodes:
            peer = next((node for node in nodes.nodes if node is not here), None)
            calls.append(partial(_findings_of, context, quiet, (here, peer), names))
    findings = _not_opened(nodes)
    for found in context.timing.together(calls):
        findings += found
    return _worst_first(findings)


def audit(context: Context, asking: Callable[[int, str], None] = lambda number, name: None) -> tuple[CheckFinding, ...]:
    """What check_hast_setup finds on both nodes, the worst first; `asking` is told which node is asked, by its number
    and name. Raises ConfigError where the configuration has an override that it refuses, or accepts what is no
    finding."""
    from checks.hast_setup import CHECK

    asking(0, "the nodes")
    nodes = opened(context, CHECK.takes)
    for number, (called, each) in enumerate((("this node", nodes.here), ("the other node", nodes.peer))):
        if each is not None and each.node is not None:
            each.node.tells = partial(_told, asking, number, each.node, called)
    findings = _not_opened(nodes)
    if nodes.nodes:
        here, *peer = nodes.nodes
        findings += _findings_of(context, CHECK, (here, peer[0] if peer else None), ())
    return _worst_first(findings)


def _told(asking: Callable[[int, str], None], number: int, node: Node, called: str) -> None:
    """The name as far as it is known: nothing is asked for it."""
    asking(number, node.known_name or called)


def audit_of(context: Context) -> tuple[CheckFinding, ...]:
    """The same on this node alone."""
    from checks.hast_setup import CHECK

    return _worst_first(_findings_of(context, CHECK, (context.here.node(CHECK.takes), None), ()))


def _not_opened(nodes: PairNodes) -> list[CheckFinding]:
    """Why there is no way to a node."""
    known = [node.known_name for node in nodes.nodes if node.known_name]
    return [
        CheckFinding("", Table().finding(each.error.reason, called, str(each.error)).addressed(known))
        for called, each in (("this node", nodes.here), ("the other node", nodes.peer))
        if each is not None and each.error is not None
    ]


def _session(context: Context, check: CheckCommand, nodes: tuple[Node, Node | None], names: tuple[str, ...]) -> Session:
    seconds = max(LOOK, check.takes)
    return session_of(check, context.config.checks, context.timing.wall, context.here.memory, nodes, names, seconds)


def _findings_of(
    context: Context, check: CheckCommand, nodes: tuple[Node, Node | None], names: tuple[str, ...]
) -> list[CheckFinding]:
    """Raises ConfigError."""
    findings = check.judged(_session(context, check, nodes, names)).findings
    if not findings:
        findings = [Table().finding("check-failed", check.name, "nothing was found")]
    return [CheckFinding(check.name, finding) for finding in findings]


def _worst_first(findings: list[CheckFinding]) -> tuple[CheckFinding, ...]:
    """What several checks say in the same words once; among those of one severity in the order of the checks."""
    once: dict[tuple[str, ...], CheckFinding] = {}
    for each in findings:
        finding = each.finding
        about = () if finding.reason in NOT_READ else (finding.subject,)
        once.setdefault((finding.reason, finding.text, *about), each)
    return tuple(sorted(once.values(), key=lambda each: -each.finding.severity.rank))
