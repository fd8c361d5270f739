"""`remediate.context` on a simulated pair: the same code acts on it, in simulated time, and can be killed anywhere.

    context = context_of(pair.nodes["nfs001"], tmp_path, config)
    pair.clock.run_task(lambda: converge(context))

Each node keeps its state in a real directory, `state/NODE`, which it shows as /var/db/hastwatch. Every call makes the
context of a new process of that node: it lives until its fate (`dying.py`) or until the node loses power.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from checks.ask import LineRefused
from checks.probes.errors import NotPermitted, NotUnderstood, ProbeError, Unreachable
from checks.probes.node import ENV_C, NOT_EXECUTABLE, TOOLS, Node, quoted
from checks.probes.process import OUTPUT_LIMIT, CompletedCommand
from checks.probes.state_cache import Memory
from remediate.config import RemediationConfig
from remediate.context import LOOK, Context, PeerTransport, Transport
from remediate.machine import Machine
from remediate.rehearsal import gate  # noqa: F401  (registers a command)
from remediate.rehearsal.contents import SimulatedExtents
from remediate.rehearsal.machine import SimulatedMachine
from remediate.rehearsal.mount_tree import MountTree
from remediate.rehearsal.observer import NodeOfThePair, SimulatedMemory
from remediate.rehearsal.sessions import SimulatedChannel
from remediate.session import Channel
from remediate.state.directory import RUN_DIRECTORY
from remediate.state.journal import NAME, TAG, Journal, JournalEntry
from remediate.state.store import StateNotKept, Store, Values
from remediate.subcommands import answer
from remediate.timing import Timing
from simulator.clock import Coroutine, Steps, Task, first_of
from simulator.dying import Killed, Life
from simulator.faults.lying_peer import Endless, answered, transport_of
from simulator.faults.trouble import Lie
from simulator.host.log import MESSAGES
from simulator.network.link import Traffic
from simulator.network.sessions import SessionEnd, opened
from simulator.shell.output import CommandResult, Output

if TYPE_CHECKING:
    from remediate.verification.extents import CopyLocation
    from simulator.node import Node as SimulatedNode

T = TypeVar("T")

CONNECT_TIMEOUT = 3.0
"""Seconds after which the way to a peer that nobody answers for gives up: `ssh -o ConnectTimeout=3`, as documented."""

NO_BANNER = "Connection timed out during banner exchange"
"""ssh(1) where the other kernel takes the connection and its sshd(8) does not."""


Detached = Callable[[Callable[[Context], object]], object]
"""Begins a process of its own on a node, which makes a call in the context that it is given."""


def context_of(
    node: SimulatedNode,
    state: Path,
    config: RemediationConfig,
    life: Life | None = None,
    detached: Detached | None = None,
) -> Context:
    """The context of a new process on a node. `life` decides when that is killed; without one only a power cut does.
    `detached` begins what it leaves to another process.

    The peer is asked over the management network; `context._replace(peer=None)` has no way to it.
    """
    living = life or Life()
    node.bears(living)
    directory = state / node.name
    if not directory.exists():
        directory.mkdir(0o700, parents=True)
    node.keep_state_in(directory)
    run = Path(f"{directory}.run")
    if run.is_dir() or not run.exists():
        node.files.overlay(RUN_DIRECTORY, run)
    timing, memory, pid = PairTiming(node, living), SimulatedMemory(), node.processes.next_pid
    node.processes.skip_pids()

    def syslog(_: int, line: str) -> None:
        node.syslog(MESSAGES, f"{TAG}[{pid}]: {line}")

    def boot() -> str:
        return node.boot_mark or "not known"

    here = PairTransport(node, living, memory, detached)
    return Context(
        here,
        PeerTransport(PairPeerTransport(node, living, memory, config), here),
        config,
        MortalDiskStore(str(directory), living, node, f"{directory}.run"),
        MortalJournal(str(directory / NAME), node.name, timing, syslog, boot, life=living, node=node),
        timing,
    )


class PairTiming(Timing):
    """The time of a pair, for one process on one of its nodes; waiting lets everything else go on."""

    def __init__(self, node: SimulatedNode, life: Life | None = None) -> None:
        self._node, self._clock = node, node.clock
        self._life = life or Life()

    def now(self) -> float:
        """Simulated seconds. Raises Killed."""
        self._life.check()
        return self._clock.now

    def wall(self) -> float:
        """What the node takes for the time. Raises Killed."""
        self._life.check()
        return self._node.now

    def sleep(self, seconds: float) -> None:
        """Inside a task; outside of one, time passes for the whole pair. Raises Killed."""
        self._life.check()
        self._clock.wait(first_of(self._clock.timeout(seconds), self._life.ended))
        self._life.check()

    def together(self, calls: Sequence[Callable[[], T]]) -> list[T]:
        """Each call as a task of its own. Raises what the first failing one raised, Killed before anything else."""
        self._life.check()
        if len(calls) < 2:
            return [call() for call in calls]
        tasks: list[Task[T]] = [self._clock.run_task(call) for call in calls]
        for task in tasks:
            self._clock.wait(first_of(task, self._life.ended))
            self._life.check()  # a killed process has no thread left that waits for another
        errors = [task.error for task in tasks if task.error is not None]
        for error in sorted(errors, key=lambda error: not isinstance(error, Killed)):
            raise error
        return [task.value for task in tasks]  # type: ignore[misc]  # None only where T has it

    def gather(self, calls: Sequence[Callable[[], None]], enough: Callable[[], bool]) -> None:
        """Each call as a task of its own, which goes on where it is not waited for. Raises Killed, and what a call
        raised that was waited for."""
        self._life.check()
        waited = [self._clock.run_task(call) for call in calls]
        while waited:
            self._clock.wait(first_of(*waited, self._life.ended))
            self._life.check()
            for task in [task for task in waited if task.done]:
                waited.remove(task)
                if task.error is not None:
                    raise task.error
            if enough():
                return


class MortalNode(NodeOfThePair):
    """A node as a process on one of the two sees it. A command that is underway when that dies goes on without it."""

    def __init__(self, simulated: SimulatedNode, seconds: float, memory: Memory, life: Life) -> None:
        super().__init__(simulated, seconds, memory)
        self._life = life

    def begin(self, line: str, output: Output) -> Coroutine[int]:
        """Raises Killed."""
        started: list[Coroutine[int]] = []
        self._life.begin_command(lambda: started.append(self.simulated.start_command(line, output)))
        return started[0]

    def ends(self, process: Coroutine[int], seconds: float) -> bool:
        """Raises Killed."""
        self.simulated.clock.wait(first_of(process, self._life.ended), seconds)
        self._life.check()
        return process.done


class PeerNode(MortalNode):
    """The other node, as it is reached by ssh(1) over the management network, with a key whose forced command is
    `hastwatch answer`: what that refuses is not run there. Or what a wrong `way` leads to."""

    def __init__(
        self,
        asking: SimulatedNode,
        way: Lie | None,
        seconds: float,
        memory: Memory,
        life: Life,
        config: RemediationConfig,
    ) -> None:
        super().__init__(asking if way is Lie.ONESELF else asking.pair.peer(asking), seconds, memory, life)
        self._asking, self._way, self._config = asking, way, config

    def execute(self, command: tuple[str, ...], until: float, shown: str) -> CompletedCommand:
        """The other node's answer, or what arrives in its place. Raises what NodeOfThePair raises, and
        NotUnderstood."""
        line = quoted((*ENV_C, *command))
        try:
            answer.admitted(line, lambda: self._config)
        except LineRefused as error:
            return CompletedCommand(command, NOT_EXECUTABLE, "", f"hastwatch-ask: refused: {shown}: {error}\n", 0.0)
        ask, began = partial(super().execute, command, until, shown), self.deadline.now()

        def result() -> CommandResult:
            done = ask()
            return CommandResult(done.status, done.stdout, done.stderr)

        try:
            status, out, err = answered(self._asking, self.simulated, self._way, shown, result)
        except Endless:
            raise NotUnderstood(f"more than {OUTPUT_LIMIT} bytes of output of {shown}", "y" * 80) from None
        return CompletedCommand((line,), status, out, err, self.deadline.now() - began)

    def ask_ahead(self, questions: Iterable[tuple[str, ...]]) -> None:
        """All of them over one login, of a look that asks each once (`status`). The questions of a failover are asked
        one by one, as its measured times have them. Raises Killed."""
        wanted = [each for each in dict.fromkeys(questions) if each not in self._ahead]
        if not self.asks_once or self._way is not None or self._lost or len(wanted) < 2:
            return
        try:
            until, _ = self.deadline.for_one_command()
            self.reach()
        except ProbeError:
            return  # the first question that is needed says so
        begun = []
        for question in wanted:
            line, output = quoted((*ENV_C, TOOLS[question[0]], *question[1:])), Output()
            with suppress(LineRefused):
                answer.admitted(line, lambda: self._config)
                begun.append((question, super().begin(line, output), output))
        for question, process, output in begun:
            if not self.ends(process, until - self.deadline.now()):
                process.kill()
            elif process.value is not None:
                texts = output.text("out"), output.text("err")
                self._ahead[question] = CompletedCommand(question, process.value, *texts, 0.0)

    def begin(self, line: str, output: Output) -> Coroutine[int]:
        """Raises what `reach` raises."""
        self.reach()
        return super().begin(line, output)

    def reach(self) -> None:
        """Raises Unreachable: at once where nobody listens, else when ssh(1) gives up; and Killed."""
        self._life.check()
        pair, here, there = self._asking.pair, self._asking, self.simulated
        if not pair.reachable(here, there, Traffic.MANAGEMENT):
            here.clock.wait(first_of(here.clock.timeout(CONNECT_TIMEOUT), self._life.ended))
            self._life.check()
            raise Unreachable(f"ssh: connect to host {there.name} port 22: Operation timed out", "Operation timed out")
        if not pair.manageable(here, there):
            raise Unreachable(f"ssh: connect to host {there.name} port 22: Connection refused", "Connection refused")
        if all(sshd.stopped for sshd in there.processes.named("sshd")):  # kex.c, kex_exchange_identification()
            here.clock.wait(first_of(here.clock.timeout(CONNECT_TIMEOUT), self._life.ended))
            self._life.check()
            raise Unreachable(NO_BANNER, NO_BANNER)
        here.clock.wait(first_of(here.clock.start(login(here, there)), self._life.ended))
        self._life.check()


def login(here: SimulatedNode, there: SimulatedNode) -> Steps[None]:
    """What ssh(1) costs both nodes, up to the start of the forced command, which is a Python."""
    costs = here.pair.layout.costs
    yield here.begins(costs.process)
    if here.pair.layout.control_connection:
        yield here.processor.use(costs.ssh_multiplexed)
    else:
        yield here.processor.use(costs.ssh_client)
        yield there.processor.use(costs.ssh_server)
    yield there.begins(costs.python_hook)


class PairTransport(Transport):
    """The way of a process to the node it runs on. `via` is not empty, as nothing of this machine is that node's."""

    def __init__(self, node: SimulatedNode, life: Life, memory: Memory, detached: Detached | None = None) -> None:
        super().__init__(("/", node.name), memory)
        self.simulated, self._life, self._memory, self._detached = node, life, memory, detached

    @property
    def machine(self) -> Machine | None:
        """The node's kernel."""
        return SimulatedMachine(self.simulated, self._life)

    def node(self, seconds: float = LOOK) -> Node:
        """The simulated node, whose files and name are known without a process, as on this machine. Raises Killed."""
        self._life.check()
        node = MortalNode(self.simulated, seconds, self._memory, self._life)
        node.reads = SimulatedMachine(self.simulated, self._life).read
        node.known_as(self.simulated.kernel.values["kern.hostname"])
        return node

    def begins(self, call: Callable[[Context], object]) -> bool:
        """A process of the simulated node, where hastwatch is installed on it (`installed.py`). Raises Killed."""
        self._life.check()
        if self._detached is not None:
            self._detached(call)
        return self._detached is not None

    def extents(self, where: CopyLocation) -> SimulatedExtents:
        """A copy on a disk of the node. Raises NotFound, Killed."""
        return SimulatedExtents(self.simulated, self._life, where)

    def tree(self, point: str) -> MountTree:
        """What is mounted at a point of the node."""
        return MountTree(self.simulated, point)

    def write_mounted(self, point: str, name: str, new: str, content: bytes) -> None:
        """In simulated time. Raises OSError, Killed."""
        self._life.check()
        node = self.simulated
        if point not in node.filesystems.mounts:
            raise OSError(errno.ENXIO, "nothing is mounted there")
        node.clock.wait(node.clock.start(node.write_file(f"{point}/{name}", content.decode())))


class PairPeerTransport(PairTransport):
    """The way of a process to the other node."""

    def __init__(self, asking: SimulatedNode, life: Life, memory: Memory, config: RemediationConfig) -> None:
        super().__init__(asking.pair.peer(asking), life, memory)
        self._asking, self._way, self._config = asking, transport_of(asking), config

    @property
    def machine(self) -> Machine | None:
        """None: it is another machine's."""
        return None

    def node(self, seconds: float = LOOK) -> Node:
        """The simulated node, which may not be reachable, or be another one (`lying_peer.py`). Raises Killed."""
        self._life.check()
        return PeerNode(self._asking, self._way, seconds, self._memory, self._life, self._config)

    def talk(self, argv: tuple[str, ...]) -> Channel:
        """A session with the other node. One that lies ends it, as what it says is no message. Raises Unreachable,
        NotPermitted, Killed."""
        node = PeerNode(self._asking, self._way, LOOK, self._memory, self._life, self._config)
        node.reach()
        try:
            words = answer.admitted(quoted((*ENV_C, *argv)), lambda: self._config)
        except LineRefused as error:
            raise NotPermitted(str(error)) from None
        begun: list[SessionEnd] = []
        other = node.simulated
        self._life.begin_command(lambda: begun.append(opened(self._asking, other, self._life, words)))
        if self._asking.trouble.peer_lies is not None:
            begun[0].break_off()
        return SimulatedChannel(begun[0])


def refuse_write(error: int, path: str, errors: tuple[int, ...]) -> None:
    """Raises StateNotKept while the disk of a state directory has this `error`, full or read-only, where `errors` has
    that."""
    if error in errors:
        raise StateNotKept(os.strerror(error), path)


class MortalStore(Store):
    """A directory whose user can be killed: then it changes nothing any more."""

    def __init__(self, directory: str, life: Life, run: str = "") -> None:
        super().__init__(directory, run)
        self._life = life

    def write(self, name: str, values: Mapping[str, object]) -> None:
        """Raises Killed, and what Store raises."""
        self._life.begin_write()
        super().write(name, values)

    def remove(self, name: str) -> bool:
        """Raises Killed, and what Store raises."""
        self._life.begin_write()
        return super().remove(name)

    def update(self, name: str, change: Callable[[Values], Values | None], *instead: Any, **named: Any) -> Values:
        """Raises Killed, and what Store raises."""
        self._life.begin_write()
        return super().update(name, change, *instead, **named)


class MortalDiskStore(MortalStore):
    """The state directory, or the second one. Its disk may be full or read-only (`outside_faults.py`)."""

    def __init__(self, directory: str, life: Life, node: SimulatedNode, run: str = "") -> None:
        super().__init__(directory, life, run)
        self._simulated = node

    @property
    def _error(self) -> int:
        trouble = self._simulated.trouble
        return trouble.state_error if self.run else trouble.var_error

    def second(self) -> Store | None:
        """Perhaps in a file system of its own."""
        return MortalDiskStore(self.run, self._life, self._simulated) if self.run else None

    def refuse_read_only(self) -> None:
        """As Store does, of the simulated disk. Raises StateNotKept."""
        refuse_write(self._error, self.directory, (errno.EROFS,))

    def ready(self) -> None:
        """Nothing can be opened for writing on a read-only file system. Raises StateNotKept."""
        refuse_write(self._error, self.directory, (errno.EROFS,))
        super().ready()

    def _replace(self, name: str, text: bytes) -> None:
        refuse_write(self._error, self._path(name), (errno.EROFS, errno.ENOSPC))
        super()._replace(name, text)

    def read(self, name: str) -> Values:
        """Raises Killed, and what Store raises."""
        self._life.check()
        return super().read(name)

    def append(self, name: str, line: str) -> None:
        """Raises Killed, and what Store raises."""
        self._life.begin_write()
        refuse_write(self._error, self._path(name), (errno.EROFS, errno.ENOSPC))
        super().append(name, line)


class MortalJournal(Journal):
    """A journal whose writer can be killed; an entry is one change of the state directory."""

    def __init__(self, *words: Any, life: Life, node: SimulatedNode) -> None:
        super().__init__(*words)
        self._life, self._simulated = life, node

    def _keep(self, line: str) -> None:
        refuse_write(self._simulated.trouble.state_error, self.path, (errno.EROFS, errno.ENOSPC))
        super()._keep(line)

    def entry(self, event: str, **words: Any) -> JournalEntry:
        """Raises Killed."""
        self._life.begin_write()
        return super().entry(event, **words)
