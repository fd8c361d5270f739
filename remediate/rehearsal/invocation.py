"""`remediate.invocation` on a simulated node: a command acts there, and what it prints is that node's output."""

from __future__ import annotations

import errno
import io
import posixpath
import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, TextIO, cast

from checks.plugin.config import ConfigError
from remediate import terminal
from remediate.config import RemediationConfig
from remediate.console import Console
from remediate.invocation import Invocation
from remediate.local import LocalOptions
from remediate.rehearsal.mount_tree import MountTree
from simulator.host.files import absolute
from simulator.shell.output import Output

if TYPE_CHECKING:
    from remediate.context import Context
    from remediate.session import Channel
    from simulator.node import Node

Write = Callable[[str, str], None]
"""Takes what is printed: `out` or `err`, and the text."""


class _Stream(io.TextIOBase):
    def __init__(self, name: str, write: Write) -> None:
        self._name, self._write = name, write

    def write(self, text: str) -> int:
        self._write(self._name, text)
        return len(text)


class NodeConsole(Console):
    """The console of a process of a node, which has no terminal. Without `write` nobody reads what it prints."""

    def __init__(self, node: Node, write: Write | None = None, user: str = "root", line: Channel | None = None) -> None:
        write = write or Output().write
        self._node, self._user, self._line = node, user, line
        self._out, self._err = (cast(TextIO, _Stream(name, write)) for name in ("out", "err"))

    @property
    def out(self) -> TextIO:
        """Standard output."""
        return self._out

    @property
    def err(self) -> TextIO:
        """Standard error."""
        return self._err

    @property
    def is_terminal(self) -> bool:
        """It is none."""
        return False

    @property
    def columns(self) -> int:
        """Those of what is no terminal."""
        return terminal.FALLBACK[0]

    @property
    def is_coloured(self) -> bool:
        """It is no terminal."""
        return False

    @property
    def asked(self) -> TextIO | None:
        """Nobody."""
        return None

    @property
    def is_root(self) -> bool:
        """Whether the command is root's."""
        return self._user == "root"

    @property
    def user(self) -> str:
        """The user of the node."""
        return self._user

    def internal(self, error: BaseException) -> str:
        """The pair keeps it too: a fault of ours ends the rehearsal."""
        if isinstance(error, Exception):
            self._node.pair.hook_errors.append(error)
        return super().internal(error)

    def line(self) -> Channel:
        """The session with the other node. Raises ConfigError where a human runs the command."""
        if self._line is None:
            raise ConfigError("the other node runs this itself, and talks to it: nobody does here")
        return self._line

    def be_gentle(self) -> None:
        """Its priority is not simulated."""

    def interruptions(self) -> Callable[[], str]:
        """Nobody sends it a signal."""
        return str


class NodeInvocation(Invocation):
    """A command line on a node; `begun` gives the context of its process."""

    def __init__(self, node: Node, console: Console, begun: Callable[[], Context]) -> None:
        self.console, self._node, self._begun = console, node, begun

    def context(self, where: LocalOptions) -> Context:
        """Raises ConfigError for an option that names another node, state or configuration; and Killed."""
        if where != LocalOptions():
            raise ConfigError("a simulated node has one configuration, one state directory and one way to each node")
        return self._begun()

    def bare(self, where: LocalOptions) -> Context:
        """Raises what `context` raises."""
        return self.context(where)._replace(config=RemediationConfig(), peer=None)

    def no_node(self, where: LocalOptions) -> str:
        """It is one."""
        return ""

    def take_resources(self) -> None:
        """Limits are not simulated."""

    @contextmanager
    def within(self, seconds: int) -> Iterator[None]:
        """Nobody ends it: whoever began it reads what it prints."""
        yield

    def see_it_through(self, context: Context) -> None:
        """Nothing of its caller can end it."""

    def unwritable(self, point: str) -> str:
        """What is mounted there is the node's, whatever this machine has."""
        return ""

    @contextmanager
    def live(self, point: str) -> Iterator[str]:
        """A directory of this machine with the files of the mount. Raises StepFailed."""
        with TemporaryDirectory(prefix="hastwatch-live-") as path, MountTree(self._node, point).laid_out(Path(path)):
            yield path

    def write_file(self, path: str, text: str) -> str:
        """In the node's file system. Raises OSError."""
        node, place = self._node, absolute(path)
        directory = posixpath.dirname(place)
        if node.filesystems.under(place) is None and not node.files.exists(directory):
            raise FileNotFoundError(errno.ENOENT, "No such file or directory", place)
        node.clock.wait(node.clock.start(node.write_file(place, text)))
        return f"{place} is on the simulated node: hastwatch pair exec {node.name} cat {shlex.quote(place)} > FILE"

    def tree(self, point: str) -> MountTree:
        """What is mounted there."""
        return MountTree(self._node, point)
