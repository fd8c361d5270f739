"""A recorded node that answers within the test's own process, and a check that looks at it there.

A process for each command of each probe is nine tenths of what it costs to play a check (`expected.py`, which plays it
so). Here the player is called as a function, and a command that hung takes simulated time, so no deadline passes
because the machine is busy. The rest, from the command line of each probe to the lines that are printed, is the check's
own.
"""

from __future__ import annotations

import shlex
from pathlib import Path

from checks.plugin.command import CheckCommand, overrides, parser
from checks.plugin.config import load
from checks.plugin.session import Session
from checks.probes.errors import Hangs
from checks.probes.hung_commands import GivenUpCommands
from checks.probes.node import ENV_C, Deadline, Node, quoted
from checks.probes.process import CompletedCommand
from checks.probes.state_cache import Memory
from remediate.context import LOOK, Context, PeerTransport, Transport
from remediate.invocation import Invocation
from remediate.local import LocalOptions
from tests.expected import play_options, way_words
from tests.failover.installed_pair import state_directory
from tests.player import HANGS, answered


class PlayedTime:
    """Seconds that have passed, in commands that hung."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> float:
        """Read by the deadlines."""
        return self.seconds


class PlayedNode(Node):
    """The folder of a node of a recording."""

    def __init__(self, folder: Path, time: PlayedTime, seconds: float, given_up: GivenUpCommands) -> None:
        super().__init__(way_words(folder), Deadline(seconds, time.now), given_up)
        self.folder, self._time = folder, time

    def execute(self, command: tuple[str, ...], until: float, shown: str) -> CompletedCommand:
        """The recorded answer. Raises Hangs where the command hung."""
        self.started.append(shown)
        output, errors, status = self.answer(quoted((*ENV_C, *command)))
        if status == HANGS:
            hung, self._time.seconds = until - self._time.seconds, until
            raise Hangs(f"`{shown}` timed out after {hung:.1f} s and was killed")
        return CompletedCommand(command, status, _text(output), _text(errors), 0.0)

    def answer(self, line: str) -> tuple[bytes, bytes, int]:
        """Standard output, error output and exit status that were recorded of a command line; HANGS where it hung."""
        return answered(str(self.folder), line)


def look(check: CheckCommand, node: Path, words: list[str], clock: float) -> int:
    """Run a check on a recorded node, as its command line says; it prints what it has to say. `--peer` alone is the
    other node of the same state. `clock`: seconds since 1970. The exit status. Raises ConfigError."""
    with state_directory() as directory:
        options = parser(check).parse_args(play_options(node, words, directory))
        config = load(options.config)
        options.timeout = options.timeout or config.timeout
        session = Session(options, config, lambda: clock)
        time, given_up = PlayedTime(), GivenUpCommands(session.memory)
        session.here = PlayedNode(_folder(options.via), time, options.timeout, given_up)
        if options.peer:
            session.peer = PlayedNode(_folder(options.peer), time, options.timeout, given_up)
        run = check.runs(check, session, overrides(config, options, check.table))
        run.look()
        return run.say(session.nodes)


class PlayedTransport(Transport):
    """The way to a recorded node."""

    def __init__(self, folder: Path, time: PlayedTime, memory: Memory) -> None:
        super().__init__(way_words(folder), memory)
        self._folder, self._time = folder, time

    def node(self, seconds: float = LOOK) -> Node:
        """The recorded node."""
        return PlayedNode(self._folder, self._time, seconds, self._given_up)


class PlayedInvocation(Invocation):
    """A command on recorded nodes, which its options name as `expected.via` does."""

    def context(self, where: LocalOptions) -> Context:
        """The context of the options, in which the recorded nodes answer in this process."""
        context, time = super().context(where), PlayedTime()
        here = PlayedTransport(_folder(where.via or ""), time, context.here.memory)
        peer = PlayedTransport(_folder(where.peer), time, context.here.memory) if where.peer else None
        return context._replace(here=here, peer=PeerTransport(peer, here) if peer else None)


def _folder(via: str) -> Path:
    """The node's folder, out of a way to it."""
    return Path(shlex.split(via)[-1])


def _text(output: bytes) -> str:
    """As `checks.probes.process` reads it."""
    return output.decode("utf-8", "backslashreplace")
