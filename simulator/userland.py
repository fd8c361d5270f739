"""The programs of a node: its shell with all commands, and rc(8). They know the node; it knows them by `Userland`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import simulator.commands  # noqa: F401  (registers the commands)
from simulator.rc.boot import booting, shutting_down
from simulator.shell.calls import Environment
from simulator.shell.shell import execute

if TYPE_CHECKING:
    from simulator.clock import Steps
    from simulator.node import Node
    from simulator.shell.output import Output


class FreeBSD:
    """Those of FreeBSD, as far as a pair needs them."""

    def booting(self, node: Node) -> Steps[None]:
        """rc(8)."""
        return booting(node)

    def shutting_down(self, node: Node) -> Steps[None]:
        """rc.shutdown, and the end of every process."""
        return shutting_down(node)

    def execute(self, node: Node, line: str, output: Output, *, user: str, stdin: str, processes: bool) -> Steps[int]:
        """sh -c"""
        return execute(Environment(node, output, user=user, stdin=stdin, processes=processes), line)
