"""hastwatch as it is installed on both nodes of a simulated pair: its hooks, its rc.d scripts, and the command itself.

Each program does what the real one does, by the same functions, in the context of the node it runs on. What a real hook
leaves to a detached worker is a task of its own here.
"""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

from checks.probes.errors import ProbeError
from remediate import exits, worker
from remediate.config import Config
from remediate.console import Console
from remediate.failover import afterwards, boot, clients, disk_errors, hastd_events, proofs
from remediate.failover.converge import LOCK, ConvergeRequest, converge, silent
from remediate.failover.errors import StepFailed
from remediate.failover.peer_notice import PeerNotice
from remediate.failover.switchover import switch
from remediate.failover.take_over import take_over
from remediate.recovery import automatic
from remediate.recovery.preservation import Mode
from remediate.recovery.recover import Recovery
from remediate.recovery.resync import Resync
from remediate.rehearsal.context import context_of
from remediate.rehearsal.keeper import SimulatedKeeper
from remediate.rehearsal.sessions import SimulatedLine
from remediate.state import clients as remembered
from remediate.state import noted
from remediate.state.journal import ERR
from remediate.state.store import StateError
from remediate.subcommands import clients as clients_command
from remediate.subcommands import ledger
from remediate.subcommands.verify import status
from remediate.verification import answering
from remediate.verification.asking import SUBCOMMAND
from remediate.verification.verify import Stopped, verify
from simulator.dying import NEVER, Fate, Killed, Life
from simulator.host.programs import PythonHook
from simulator.rc.boot import CONVERGE_SCRIPT, HOLD_SCRIPT

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable

    from remediate.context import Context
    from simulator.network.sessions import SessionEnd
    from simulator.node import Node
    from simulator.pair import Pair

FAILED = 1
ENABLED = 'hastwatch_hold_enable="YES"\nhastwatch_enable="YES"\n'
"""rc.conf(5): its two scripts."""


class Installed:
    """hastwatch on a pair. `state` holds a directory for each node; `configs` the configuration of a node."""

    def __init__(self, pair: Pair, state: Path, config: Config) -> None:
        self.pair, self.state = pair, state
        self.configs = {node.name: self._own(node, config) for node in pair.nodes.values()}
        self.fates: dict[str, Fate] = {}
        """Node: when its next worker is killed; taken up by that worker."""
        self.workers: list[Life] = []
        self.noted: list[tuple[float, str, str]] = []
        self.started: list[tuple[float, str, str]] = []
        """Events of hastd, when and on which node: those that were only noted, and those that started a Python."""
        self.messages: list[tuple[float, str, str]] = []
        """What a node was told by the other one of its copies, and when it began to be."""
        pair.on_carp_event(self._carp_event)
        pair.on_hast_event(self._hast_event)
        for node in pair.nodes.values():
            node.files.write("/etc/rc.conf", ENABLED, node.clock.now, append=True)
            context_of(node, state, self.configs[node.name])  # its state directory is there from the beginning
            node.hastwatch = PythonHook(self._command)
            node.session = self._session
            node.install(HOLD_SCRIPT, PythonHook(self._hold_script))
            node.install(CONVERGE_SCRIPT, PythonHook(self._converge_script))
            for path in (HOLD_SCRIPT, CONVERGE_SCRIPT):
                name = path.rpartition("/")[2]
                node.files.write(path, f'#!/bin/sh\n{name}_svcj="NO"\n', node.clock.now, mode="rwxr-xr-x")

    def context(self, node: Node, fate: Fate = NEVER) -> Context:
        """The context of a new process on a node."""
        return self._context(node, Life(fate))

    def _context(self, node: Node, life: Life) -> Context:
        return context_of(node, self.state, self.configs[node.name], life, lambda call: self.work(node, call))

    def start_worker(self, node: Node, request: ConvergeRequest) -> Life:
        """A detached convergence on a node."""
        return self.work(node, lambda context: converge(context, request))

    def work(self, node: Node, call: Callable[[Context], object]) -> Life:
        """A detached worker on a node that does something in its context."""
        life = Life(self.fates.pop(node.name, NEVER))
        context = self._context(node, life)
        self.workers.append(life)
        self._as_task(node, lambda: call(self._started(node, context, node.pair.layout.costs.python_worker)))
        return life

    def _started(self, node: Node, context: Context, seconds: float) -> Context:
        """The context, as soon as the program that has it is up. Raises Killed."""
        node.clock.wait(node.begins(seconds))
        context.timing.now()  # the power may be gone
        return context

    def _own(self, node: Node, config: Config) -> Config:
        policy = config.failover._replace(management=self.pair.peer(node).layout.management)
        return config._replace(failover=policy)

    def _as_task(self, node: Node, call: Callable[[], object]) -> None:
        task = node.clock.run_task(call)

        def ended() -> None:
            if task.error is not None and not isinstance(task.error, Killed):
                self.pair.hook_errors.append(task.error)

        task.then(ended)

    def _carp_event(self, node: Node, argv: list[str]) -> int:
        context = self._started(node, self.context(node), node.pair.layout.costs.python_hook)
        try:
            return worker.carp_on(context, argv[1:])
        except hastd_events.Refused as error:
            context.journal.entry("hook", why="carp-hast-switch", result=str(error), severity=ERR)
            return FAILED

    def _hast_event(self, node: Node, argv: list[str]) -> int:
        """As contrib/freebsd/hastwatch-hast-event: noted where a convergence runs, else a process of Python."""
        context, words = self.context(node), argv[1:]
        try:
            if words[:1] != ["split-brain"] and afterwards.convergence_heeds(context, LOCK):
                noted.note(context.store, words, context.timing.wall())
                if afterwards.convergence_heeds(context, LOCK):
                    self.noted.append((node.clock.now, node.name, " ".join(words)))
                    return 0
        except StateError as error:
            self.pair.note(node.name, f"an event of hastd could not be noted: {error}")
        self.started.append((node.clock.now, node.name, f"hastd {' '.join(words)}"))
        return self._python_hast_event(node, words)

    def _python_hast_event(self, node: Node, words: list[str]) -> int:
        context = self._started(node, self.context(node), node.pair.layout.costs.python_hook)
        try:
            if words[:1] == ["split-brain"]:
                if trigger := hastd_events.hast_event(context, words, context.timing.wall(), PeerNotice()):
                    self._start_patient_worker(node, trigger, recovers=True)
                return 0
            worker.note_hast(context, words, context.timing.wall())
        except (hastd_events.Refused, StateError, ProbeError) as error:
            context.journal.entry("worker", why=f"hastd {' '.join(words)}", result=str(error), severity=ERR)
            return FAILED
        if not afterwards.convergence_heeds(context, LOCK):
            afterwards.settle(context, PeerNotice(), lambda trigger, telling: self._start_patient_worker(node, trigger))
        if waiting := proofs.to_be_proven(context):
            self.work(node, lambda context: proofs.try_to(context, waiting, f"hastd {' '.join(words)}"))
        return 0

    def recover_losing(self, node: Node, context: Context) -> None:
        """What the policy does by itself about copies of the node that lose."""
        automatic.recover_losing(context, lambda mode, target: SimulatedKeeper(node, mode, target))

    def _start_patient_worker(self, node: Node, trigger: str, recovers: bool = False) -> None:
        """One that is not content with another one that runs; `recovers`: then does what the policy does by itself."""

        def call(context: Context) -> object:
            outcome = worker.patiently(context, trigger, lambda: converge(context, ConvergeRequest(trigger)))
            disk_errors.try_to(context, trigger)
            if recovers:
                self.recover_losing(node, context)
            return outcome

        self.work(node, call)

    def _hold_script(self, node: Node, argv: list[str]) -> int:
        try:
            boot.hold_back(self._started(node, self.context(node), node.pair.layout.costs.python_worker))
        except (StepFailed, ProbeError, StateError):
            return FAILED
        return 0

    def _converge_script(self, node: Node, argv: list[str]) -> int:
        if argv[1:] == ["start"]:
            context = self.context(node)
            seconds = node.pair.layout.costs.python_worker
            self._as_task(node, lambda: worker.begin_boot(self._started(node, context, seconds), silent))
            return 0
        seconds = node.pair.layout.costs.python_worker
        try:
            context = self.context(node, self.fates.pop(node.name, NEVER))
            return worker.end_boot(self._started(node, context, seconds), silent).result.value
        except Killed:  # the script runs it once more
            return worker.end_boot(self._started(node, self.context(node), seconds), silent).result.value

    def _command(self, node: Node, argv: list[str]) -> int:
        """What the other node calls, `ledger`, `clients` and `--version`; and what a human types, `recover`."""
        words = argv[1:]
        self._started(node, self.context(node), node.pair.layout.costs.python_worker)
        if words[:1] == ["recover"] and words[2:] == ["--yes"]:
            return self._recover(node, words[1])
        if words[:1] == ["ledger"] and words[2:3] == ["--told"] and len(words) == 6:
            self.messages.append((node.clock.now, node.name, " ".join(words)))
            return self._acts(node, ledger.act, ledger.parsed(words[1:], Console()))
        if words[:1] == ["verify"] and words[2:] == ["--afresh", "--quiet"]:
            return self._verify(node, words[1])
        if words[:2] == ["clients", "--told"]:
            return self._acts(node, clients_command.act, clients_command.parser().parse_args(words[1:]))
        if words[:2] == ["clients", "--keep"] and len(words) == 3:
            return self._keep_clients(node, words[2])
        if words == ["switchover"]:
            return self._switchover(node)
        return 0 if words == ["--version"] else exits.USAGE

    def _switchover(self, node: Node) -> int:
        """`hastwatch switchover`, as a human types it; what refuses it is told."""
        try:
            return switch(self.context(node), "human root", lambda step: None).result.value
        except (StepFailed, ProbeError, StateError) as error:
            self.pair.note(node.name, f"hastwatch switchover: {error}")
            return FAILED

    def _acts(self, node: Node, act: Callable[[Context, Namespace], int], options: Namespace) -> int:
        """What a subcommand does in the context of a process; nobody reads what it says of an error."""
        try:
            return act(self.context(node), options)
        except (StepFailed, ProbeError, StateError):
            return FAILED

    def _keep_clients(self, node: Node, point: str) -> int:
        """`hastwatch clients --keep POINT`, which writes into a file system that is mounted on the node."""
        try:
            text = clients.text(remembered.read(self.context(node).store)).decode()
            node.clock.wait(node.clock.start(node.write_file(f"{point}/{clients.FILE}", text)))
        except (StateError, OSError):
            return FAILED
        return 0

    def _session(self, node: Node, argv: list[str], end_of: Callable[[Life], SessionEnd]) -> None:
        """`hastwatch take-over` and `hastwatch extents RESOURCE`, which the other node talks to."""
        life = Life(self.fates.pop(node.name, NEVER))
        context, line = self._context(node, life), SimulatedLine(end_of(life))
        self.workers.append(life)
        if argv[1:2] == [SUBCOMMAND]:
            self._as_task(node, lambda: answering.answer(context, argv[2], line))
        else:
            self._as_task(node, lambda: take_over(context, line))

    def _verify(self, node: Node, name: str) -> int:
        """`hastwatch verify RESOURCE --afresh --quiet`, as the other node orders it."""
        try:
            return status(verify(self.context(node), name, "the other node", afresh=True))
        except (StepFailed, Stopped, ProbeError, StateError):
            return FAILED

    def _recover(self, node: Node, name: str) -> int:
        """`hastwatch recover RESOURCE --yes`, with the target of the configuration."""
        context = self.context(node)
        keeper = SimulatedKeeper(node, Mode.SALVAGE, context.config.split_brain.salvage_to)
        try:
            recovery = Recovery(context, name, keeper, lambda step: None)
            recovery.run("human root")
            Resync(context, StringIO()).wait(recovery)
        except (StepFailed, ProbeError, StateError):
            return FAILED
        return 0
