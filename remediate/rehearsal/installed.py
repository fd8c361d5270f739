"""hastwatch as it is installed on both nodes of a simulated pair: its hooks, its rc.d scripts, and the command itself.

Each program is the real one (`remediate.command`, `remediate.worker`), invoked as a process of its node, which costs
what a Python costs. Only what is a shell script on a real node is told again here.
"""

from __future__ import annotations

import random
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from checks.plugin.config import ConfigError
from remediate import command, exits, worker
from remediate.config import RemediationConfig
from remediate.console import Console
from remediate.failover import afterwards
from remediate.failover.converge import LOCK, ConvergeRequest, converge
from remediate.rehearsal.context import context_of
from remediate.rehearsal.invocation import NodeConsole, NodeInvocation
from remediate.rehearsal.sessions import SimulatedChannel
from remediate.state import noted
from remediate.state.store import StateError
from simulator.clock import finished
from simulator.dying import NEVER, Killed, KillPoint, Life
from simulator.host.programs import PythonHook
from simulator.rc.boot import CONVERGE_SCRIPT, HOLD_SCRIPT

if TYPE_CHECKING:
    from collections.abc import Callable

    from remediate.context import Context
    from remediate.invocation import Invocation
    from simulator.clock import Completion
    from simulator.host.programs import Caller
    from simulator.network.sessions import SessionEnd
    from simulator.node import Node
    from simulator.pair import Pair

ENABLED = 'hastwatch_hold_enable="YES"\nhastwatch_enable="YES"\ncron_enable="YES"\n'
"""rc.conf(5): its two scripts, and what calls it each minute."""
RCORDER = {
    HOLD_SCRIPT: "# BEFORE: netif",
    CONVERGE_SCRIPT: "# REQUIRE: hastd devd NETWORKING\n# KEYWORD: nojail shutdown",
}
"""What rcorder(8) reads in them."""

ELSEWHERE = {"answer", "init", "pair", "reach", "rehearse", "submit", "tickle"}
"""Subcommands that a node of the pair lacks: of this machine; `own_commands` has two of them."""
WATCHING = {"journal", "status"}
"""Subcommands that only look, perhaps without an end (`--follow`, `--watch`): they end with their caller."""
LATE = (0.3, 3.0)
"""What the shell of a hook of hastd takes to its note, of what a process takes: as nobody waits for it, two events may
be noted in another order (freebsd-facts: hooks-begin-in-their-role)."""


class Installed:
    """hastwatch on a pair. `state` holds a directory for each node; `configs` the configuration of a node."""

    def __init__(self, pair: Pair, state: Path, config: RemediationConfig) -> None:
        self.pair, self.state = pair, state
        place = config.split_brain.salvage_to
        self.salvages = Path(place) if place.startswith("/") else None
        self.configs = {node.name: self._own(node, config) for node in pair.nodes.values()}
        self.fates: dict[str, KillPoint] = {}
        """Node: when its next worker is killed; taken up by that worker."""
        self.first_look: dict[str, float] = {}
        """Node: when cron(8) first called hastwatch there; in simulated seconds (`cron.py`)."""
        self.workers: list[Life] = []
        self._chance = random.Random(pair.layout.seed)
        self.noted: list[tuple[float, str, str]] = []
        self.started: list[tuple[float, str, str]] = []
        """Events of hastd, when and on which node: those that were only noted, and those that started a Python."""
        self.messages: list[tuple[float, str, str]] = []
        """What a node was told by the other one of its copies, and when it began to be."""
        self.wire()
        for node in pair.nodes.values():
            context_of(node, state, self.configs[node.name])  # its state directory is there from the beginning
            node.hastwatch = self._command
            node.session = self._session
            node.install(HOLD_SCRIPT, PythonHook(self._hold_script))
            node.install(CONVERGE_SCRIPT, PythonHook(self._converge_script))
            for path, order in RCORDER.items():
                name = path.rpartition("/")[2]
                text = f'#!/bin/sh\n# PROVIDE: {name}\n{order}\n\n{name}_svcj="NO"\n'
                node.files.write(path, text, node.clock.now, mode="rwxr-xr-x")

    def wire(self) -> None:
        """Let devd, hastd and rc(8) call it."""
        self.pair.on_carp_event(self._carp_event)
        self.pair.on_hast_event(self._hast_event)
        for node in self.pair.nodes.values():
            node.files.write("/etc/rc.conf", ENABLED, node.clock.now, append=True)

    def context(self, node: Node, fate: KillPoint = NEVER) -> Context:
        """The context of a new process on a node, whose console is that of this one."""
        return self._context(node, Life(fate), Console())

    def _context(self, node: Node, life: Life, console: Console | None = None, imported: float = 0.0) -> Context:
        """That of a process whose Python, with its imports, has cost so many seconds."""
        detached = partial(self._fork, node, imported)
        context = context_of(node, self.state, self.configs[node.name], life, detached)
        return context._replace(console=console or NodeConsole(node))

    def start_worker(self, node: Node, request: ConvergeRequest) -> Life:
        """A detached convergence on a node."""
        return self.work(node, lambda context: converge(context, request))

    def work(self, node: Node, call: Callable[[Context], object]) -> Life:
        """A process of a node that does something in its context."""
        return self._begin(node, call, node.pair.layout.costs.python_worker)

    def _fork(self, node: Node, imported: float, call: Callable[[Context], object]) -> Life:
        """A worker that a process of a node leaves behind (`remediate.detached`): a fork has what its parent has
        imported, and imports what is missing itself."""
        costs = node.pair.layout.costs
        return self._begin(node, call, costs.process + max(costs.python_worker - imported, 0.0))

    def _begin(self, node: Node, call: Callable[[Context], object], seconds: float) -> Life:
        """A process that is ready after so many seconds."""
        life = self._doomed(node)
        context = self._context(node, life, imported=node.pair.layout.costs.python_worker)
        self._as_task(node, lambda: call(self._started(node, context, seconds)))
        return life

    def runs(self, node: Node, *words: str) -> Life:
        """`hastwatch` with these words on a node, begun by a daemon that does not wait for it."""
        life = self._doomed(node)
        self._as_task(node, lambda: self._run(node, list(words), life, NodeConsole(node)))
        return life

    def _doomed(self, node: Node) -> Life:
        """That of a process whose fate may have been set."""
        life = Life(self.fates.pop(node.name, NEVER))
        self.workers.append(life)
        return life

    def _started(self, node: Node, context: Context, seconds: float) -> Context:
        """The context, as soon as the program that has it is up. Raises Killed."""
        node.clock.wait(node.begins(seconds))
        context.timing.now()  # the power may be gone
        return context

    def _run(self, node: Node, words: list[str], life: Life, console: Console) -> int:
        """`hastwatch` with these words; the exit status. Raises Killed."""
        return self._invoked(node, life, console, node.pair.layout.costs.python_worker, partial(command.called, words))

    def _invoked(
        self, node: Node, life: Life, console: Console, seconds: float, main: Callable[[Invocation], int]
    ) -> int:
        """A program of Python that is up after so many seconds; the exit status. Raises Killed."""
        context = self._started(node, self._context(node, life, console, seconds), seconds)
        try:
            return main(NodeInvocation(node, console, lambda: context))
        except ConfigError as error:  # of an option that a real node takes
            console.err.write(f"hastwatch: {error}\n")
            return exits.CONFIG
        except SystemExit as ended:
            return int(ended.code or 0)

    def _own(self, node: Node, config: RemediationConfig) -> RemediationConfig:
        policy = config.failover._replace(management=self.pair.peer(node).layout.management)
        return config._replace(failover=policy, submission=None)  # nobody is told of what is only rehearsed

    def _as_task(self, node: Node, call: Callable[[], object]) -> None:
        task = node.clock.run_task(call)

        def ended() -> None:
            if task.error is not None and not isinstance(task.error, Killed):
                self.pair.hook_errors.append(task.error)

        task.then(ended)

    def _carp_event(self, node: Node, argv: list[str]) -> int:
        return self._hook(node, partial(worker.carp, argv[1:]))

    def _hook(self, node: Node, main: Callable[[Invocation], int]) -> int:
        return self._invoked(node, Life(), NodeConsole(node), node.pair.layout.costs.python_hook, main)

    def _hast_event(self, node: Node, argv: list[str]) -> int:
        """As contrib/freebsd/hastwatch-hast-event: noted, and then a process of Python where no convergence runs."""
        words, pid = argv[1:], node.processes.next_pid
        node.processes.skip_pids()
        late = self._chance.uniform(*LATE)
        context = self._started(node, self.context(node), late * node.pair.layout.costs.process)
        if words[0] != "split-brain":
            try:
                noted.note(context.store, words, context.timing.wall(), pid)
                words = [worker.NOTED, *words]
            except StateError as error:
                self.pair.note(node.name, f"an event of hastd could not be noted: {error}")
            if words[0] == worker.NOTED and afterwards.convergence_heeds(context, LOCK):
                self.noted.append((node.clock.now, node.name, " ".join(words[1:])))
                return 0
        self.started.append((node.clock.now, node.name, f"hastd {' '.join(argv[1:])}"))
        return self._hook(node, partial(worker.hast, words))

    def _hold_script(self, node: Node, argv: list[str]) -> int:
        return self._run(node, ["hold", "--boot"], Life(), NodeConsole(node))

    def _converge_script(self, node: Node, argv: list[str]) -> int:
        """As contrib/freebsd/rc.d/hastwatch: a shutdown that was killed is run once more."""
        if argv[1:] == ["start"]:
            return self._run(node, ["converge", "--boot", "--detach"], Life(), NodeConsole(node))
        shutdown = ["converge", "--shutdown"]
        try:
            return self._run(node, shutdown, Life(self.fates.pop(node.name, NEVER)), NodeConsole(node))
        except Killed:
            return self._run(node, shutdown, Life(), NodeConsole(node))

    def _command(self, node: Node, argv: list[str], caller: Caller) -> Completion[int]:
        """`hastwatch`, as the other node or a human calls it."""
        words, console, life = argv[1:], NodeConsole(node, caller.write, caller.user), Life()
        if words[:1] and words[0] in ELSEWHERE:
            caller.write("err", f"hastwatch: {words[0]} is not simulated\n")
            return finished(exits.USAGE)
        if words[:1] and words[0] in WATCHING:
            caller.goes.then(life.end)

        def run(node: Node, argv: list[str]) -> int:
            if words[:1] == ["ledger"] and "--told" in words:
                self.messages.append((node.clock.now, node.name, " ".join(words)))
            return self._run(node, words, life, console)

        return PythonHook(run).start(node, argv)

    def _session(self, node: Node, argv: list[str], end_of: Callable[[Life], SessionEnd]) -> None:
        """What the other node talks to: `hastwatch take-over` and `hastwatch extents RESOURCE`."""
        life = self._doomed(node)
        console = NodeConsole(node, line=SimulatedChannel(end_of(life)))
        self._as_task(node, lambda: self._run(node, argv[1:], life, console))
