"""What the checks say about the simulated pair: the real functions, over nodes whose way is the pair itself.

A check reads a node through `checks.probes.node.Node.run` and remembers through `checks.probes.state_cache.Memory`.
These two are replaced by ones that ask the pair in simulated time; everything else, from the command line of each probe
to the words of the status line, is the check's own. So a rehearsal says what `check_… --via 'hastwatch pair exec …'`
says, but in no time, and the same at every speed.

A check from outside is not among them: it speaks to the network itself. The simulated client stands for it
(`service.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from checks.plugin.command import CheckCommand, overrides, parser
from checks.plugin.finding import Finding, Severity
from checks.plugin.output import status_line
from checks.probes.errors import Hangs
from checks.probes.hung_commands import GivenUpCommands
from checks.probes.node import (
    ENV_C,
    SSH_FAILED,
    Deadline,
    Node,
    quoted,
)
from checks.probes.process import CompletedCommand
from checks.probes.state_cache import Memory
from checks.registry import OF_SERVICE
from remediate.config import RemediationConfig
from remediate.failover.pair_checks import session_of
from remediate.rehearsal import own_commands  # noqa: F401  (registers them)
from simulator.shell.output import Output

if TYPE_CHECKING:
    from simulator.clock import Completion, Coroutine
    from simulator.node import Node as SimulatedNode
    from simulator.pair import Pair

CHECKS = tuple(each.load() for each in OF_SERVICE)
OF_THE_PAIR = tuple(check for check in CHECKS if check.uses_peer)
"""Checks that compare both nodes; asked on one node, with the other as --peer."""
OF_A_NODE = tuple(check for check in CHECKS if not check.uses_peer)
BOTH = "both"
"""What a check of the pair has as its node."""


class CheckReport(NamedTuple):
    """What one check said: on which node (or BOTH), its state, the reasons of what it found, those that are not OK."""

    check: str
    node: str
    state: str
    reasons: tuple[str, ...]
    wrong: tuple[str, ...]
    line: str
    command: str
    """The command line that says the same of a pair that runs (`hastwatch pair up`)."""
    findings: tuple[Finding, ...] = ()
    """The worst one first."""

    @property
    def well(self) -> bool:
        """The state is OK."""
        return self.state == Severity.OK.name


class NodeOfThePair(Node):
    """A node of the pair as the checks see one; its way is a prefix that nothing has to be started for."""

    def __init__(self, simulated: SimulatedNode, seconds: float, memory: Memory) -> None:
        super().__init__(("/", simulated.name), Deadline(seconds, lambda: simulated.clock.now), GivenUpCommands(memory))
        self.simulated = simulated

    def execute(self, command: tuple[str, ...], until: float, shown: str) -> CompletedCommand:
        """As Node does it through a prefix, on a simulated node, whose commands can always be killed. Raises Hangs."""
        line, clock, output = quoted((*ENV_C, *command)), self.simulated.clock, Output()
        began = clock.now
        self.started.append(shown)
        process = self.begin(line, output)
        if not self.ends(process, until - began):
            process.kill()
            raise Hangs(f"`{shown}` timed out after {clock.now - began:.1f} s and was killed")
        status = process.value if process.value is not None else SSH_FAILED
        return CompletedCommand((line,), status, output.text("out"), output.text("err"), clock.now - began)

    def begin(self, line: str, output: Output) -> Coroutine[int]:
        """Start a command line on the node."""
        return self.simulated.start_command(line, output)

    def ends(self, process: Coroutine[int], seconds: float) -> bool:
        """Wait for its end, so long at most; whether it has ended."""
        return self.simulated.clock.wait(process, seconds)


class SimulatedMemory(Memory):
    """What the checks remember between two runs, in memory."""

    def __init__(self) -> None:
        super().__init__()
        self._kept: dict[str, dict[str, object]] = {}

    def get(self, name: str) -> dict[str, object]:
        """The object kept under `name`; empty where there is none."""
        return dict(self._kept.get(name, {}))

    def put(self, name: str, values: Mapping[str, object]) -> None:
        """Keep `values` under `name`."""
        self._kept[name] = dict(values)

    def forget(self, name: str) -> None:
        """Drop what is kept under `name`, if anything."""
        self._kept.pop(name, None)


class Observer:
    """Runs the checks on a pair, with the user's configuration where there is one."""

    def __init__(self, pair: Pair, config: RemediationConfig | None = None) -> None:
        self.pair = pair
        self.config = (config or RemediationConfig()).checks._replace(via="", peer="", state_dir="")
        self.memory = SimulatedMemory()

    def look(self, wait: Callable[[Completion[CheckReport]], object]) -> tuple[CheckReport, ...]:
        """All checks at once: those of the pair asked on the first node that answers, then each node's own.

        `wait` lets the pair go on until what it is given has happened.
        """
        nodes = list(self.pair.nodes.values())
        first, second = sorted(nodes, key=lambda node: not node.on)
        asked: list[tuple[CheckCommand, SimulatedNode, SimulatedNode | None]]
        asked = [(check, first, second) for check in OF_THE_PAIR]
        asked += [(check, node, None) for check in OF_A_NODE for node in nodes]
        tasks = [self.pair.clock.run_task(partial(self._ask, *one)) for one in asked]
        says = []
        for task in tasks:
            wait(task)
            if task.value is None:
                raise task.error or RuntimeError("a check said nothing")
            says.append(task.value)
        return tuple(says)

    def _ask(self, check: CheckCommand, here: SimulatedNode, peer: SimulatedNode | None) -> CheckReport:
        other = NodeOfThePair(peer, self.config.timeout, self.memory) if peer else None
        pair = (NodeOfThePair(here, self.config.timeout, self.memory), other)
        report = check.judged(session_of(check, self.config, lambda: self.pair.clock.now, self.memory, pair))
        wrong = [finding for finding in report.findings if finding.severity is not Severity.OK]
        ways = [f"--via 'hastwatch pair exec --dir DIR {here.name}'"]
        ways += [f"--peer 'hastwatch pair exec --dir DIR {peer.name}'"] if peer else []
        return CheckReport(
            check.name,
            BOTH if peer else here.name,
            report.severity.name,
            tuple(dict.fromkeys(finding.reason for finding in report.findings)),
            tuple(dict.fromkeys(finding.reason for finding in wrong)),
            status_line(report),
            " ".join([check.name, *ways]),
            tuple(report.findings),
        )


def refuse_wrong(config: RemediationConfig) -> None:
    """Raise ConfigError for a severity that the checks refuse."""
    for check in CHECKS:
        overrides(config.checks, parser(check).parse_args([]), check.table)
