"""How a command was invoked: its console, and the context that it acts in.

One value goes through a command line to whatever it runs, so that a simulated node (`rehearsal.invocation`) runs the
same command and no other code knows.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from remediate import local
from remediate.console import Console

if TYPE_CHECKING:
    from remediate.context import Context, Transport
    from remediate.local import LocalOptions
    from remediate.recovery.items import PagedTree


class Invocation:
    """That of this process."""

    console = Console()

    def context(self, where: LocalOptions) -> Context:
        """The context. Raises ConfigError, ProbeError."""
        return local.context(where)

    def bare(self, where: LocalOptions) -> Context:
        """The context without a configuration. Raises ConfigError, ProbeError."""
        return local.bare(where)

    def machine(self, prefix: str) -> Transport:
        """A machine that is no node yet, by the command prefix that reaches it. Raises ConfigError."""
        from checks.plugin.config import prefix_words
        from checks.probes.state_cache import Memory
        from remediate.context import Transport

        return Transport(prefix_words(prefix), Memory(None))

    def no_node(self, where: LocalOptions) -> str:
        """Why this machine is no node that a command could act on, empty where it may be one, or another way to one or
        another state directory is named."""
        if where.via or where.state_dir or sys.platform.startswith("freebsd"):
            return ""
        return (
            "this machine runs no FreeBSD, so it is no node of a pair: run this on a node, name a way to one (--via "
            "PREFIX --state-dir DIR), or try it on a simulated pair (hastwatch pair up --automatic)"
        )

    def take_resources(self) -> None:
        """No limit and no priority of the caller's."""
        from remediate.subcommands import sanitize_process

        sanitize_process.resources()

    @contextmanager
    def within(self, seconds: int) -> Iterator[None]:
        """The kernel ends the process where this lasts longer (alarm(3))."""
        signal.alarm(seconds)
        try:
            yield
        finally:
            signal.alarm(0)

    def see_it_through(self, context: Context) -> None:
        """What is begun must not end half way because the terminal goes, nor stop there with its locks (^Z), nor keep a
        file system busy whose mount point its caller works in. A handler instead of SIG_IGN, which the daemons that are
        started would inherit (execve(2))."""
        from remediate.subcommands import sanitize_process

        sanitize_process.signals()
        for number in (signal.SIGHUP, signal.SIGTSTP):
            signal.signal(number, lambda number, frame: None)
        if not context.here.via:
            os.chdir("/")

    def unwritable(self, point: str) -> str:
        """Why this process cannot write into what is mounted there, empty where it can."""
        if os.path.ismount(point):
            return ""
        return f"{point} of this machine is not a mount point: run this on the node itself"

    @contextmanager
    def live(self, point: str) -> Iterator[str]:
        """The directory into which is written what belongs below a mount point of the node. Raises StepFailed."""
        yield point

    def write_file(self, path: str, text: str) -> str:
        """Write a file that its caller named; where it is to be looked for, empty where that is plain. Raises
        OSError."""
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return ""

    def tree(self, point: str) -> PagedTree:
        """The files below a directory."""
        from remediate.recovery.trees import DirectoryTree

        return DirectoryTree(point)


OWN = Invocation()
