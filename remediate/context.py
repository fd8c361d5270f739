"""Where hastwatch acts: this node, the way to the other one, the configuration, what is remembered, whose time passes.

One value is handed to everything in `remediate` instead of globals, so that a simulated node (`rehearsal.context`)
takes the place of a real one and no other code knows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from checks.probes.errors import CommandFailed
from checks.probes.hast_conf import refuse_stranger
from checks.probes.hung_commands import GivenUpCommands
from checks.probes.identity import tell_apart
from checks.probes.node import Deadline, Node
from checks.probes.process import CompletedCommand
from checks.probes.state_cache import Memory
from remediate.config import RemediationConfig
from remediate.console import Console
from remediate.machine import Machine, this_machine
from remediate.state.journal import Journal
from remediate.state.store import Store
from remediate.timing import Timing

if TYPE_CHECKING:
    from remediate.recovery.items import Tree
    from remediate.session import Channel
    from remediate.verification.extents import CopyLocation, Extents

LOOK = 20.0
"""Seconds that one look at a node may take; a single command of it 40 % of that (`checks.probes.node.SHARE`)."""


class Transport:
    """How a node is reached: to look at it, and to act on it."""

    def __init__(self, via: tuple[str, ...], given_up: Memory) -> None:
        self.via = via
        self.memory = given_up
        """What is remembered between two processes, as the checks do."""
        self._given_up = GivenUpCommands(given_up)

    @property
    def machine(self) -> Machine | None:
        """The node's kernel, where it can be asked without a command."""
        return None if self.via else this_machine()

    def node(self, seconds: float = LOOK) -> Node:
        """The node, with so many seconds for everything that is asked of it. Raises ToolMissing."""
        node = Node(self.via, Deadline(seconds), self._given_up)
        if self.machine is not None:
            node.reads = self.machine.read
        return node

    def act(self, argv: tuple[str, ...], seconds: float) -> CompletedCommand:
        """Run a command line on the node, whatever its exit status. Raises ProbeError, Hangs at the deadline."""
        node = self.node(seconds)
        return node.execute(argv, node.deadline.now() + seconds, " ".join(argv))

    def begins(self, call: Callable[[Context], object]) -> bool:
        """Begin a process on the node that makes a call, where its processes are not those of this machine. Whether it
        was begun: if not, `remediate.detached` forks. Raises OSError."""
        return False

    def talk(self, argv: tuple[str, ...]) -> Channel:
        """Start a command line on the node and keep its input and output open. Raises ProbeError."""
        from remediate.session import begin

        return begin(self.node().brought(argv))

    def extents(self, where: CopyLocation) -> Extents:
        """What reads a copy on a provider of the node; this process does, so it has to run there. Raises ProbeError."""
        from remediate.verification.extents import LocalExtents

        if self.via:
            raise CommandFailed("a copy is read by this process: run it on the node itself, without --via")
        return LocalExtents(where)

    def tree(self, point: str) -> Tree:
        """The files below a directory of the node; this process reads them, so it has to run there. Raises
        CommandFailed."""
        from remediate.recovery.trees import DirectoryTree

        if self.via:
            raise CommandFailed(
                "the files of a copy are read by this process: run it on the node itself, without --via"
            )
        return DirectoryTree(point)

    def write_mounted(self, point: str, name: str, new: str, content: bytes) -> None:
        """Write a file of root's into what is mounted at a point of the node; this process does. Raises OSError,
        CommandFailed (`mounted_file.write`)."""
        from remediate import mounted_file

        if self.via:
            raise CommandFailed("a file is written by this process: run it on the node itself, without --via")
        mounted_file.write(point, name, new, content)


class PeerTransport(Transport):
    """The way to the other node. Nothing is asked of what it leads to before that is known to be the other node of
    hast.conf: with one configuration file on both nodes the way of one of them leads back, and a node that takes its
    own answers, or a stranger's, for the other's gives way forever, or believes that it may be promoted."""

    def __init__(self, way: Transport, here: Transport) -> None:
        self.via = way.via
        self._way, self._here = way, here
        self._host_name = self._called = ""
        self._answered = False

    @property
    def has_answered(self) -> bool:
        """Whether something has answered at its end, in this process."""
        return self._answered

    def node(self, seconds: float = LOOK) -> Node:
        """As Transport does it, and the first time in a process after a look which machine it is. Raises NotTheOther
        where it is not the other node, and ProbeError where that is not known."""
        node = self._way.node(seconds)
        if not self._host_name:
            here = self._here.node(seconds)
            self._answered = bool(node.host_name)
            tell_apart(here, node)
            refuse_stranger(here, node)
            self._host_name, self._called = node.host_name, node.name
        node.known_as(self._host_name, self._called)
        return node

    def talk(self, argv: tuple[str, ...]) -> Channel:
        """As Transport does it, with the other node alone."""
        self.node()
        return self._way.talk(argv)


class Context(NamedTuple):
    """All that an action works with."""

    here: Transport
    peer: PeerTransport | None
    config: RemediationConfig
    store: Store
    journal: Journal
    timing: Timing
    console: Console = Console()
