"""What a command of a node gets and gives, and the registry of commands.

Adding a command is one function:

    @command("hostname")
    def hostname(call: Call) -> int:
        call.out(f"{call.node.name}\\n")
        return 0

A command that takes time is a generator and yields seconds or a completion (`clock.py`). Commands are known by base
name, so `/sbin/hastctl` and `hastctl` are the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from simulator.clock import Steps

if TYPE_CHECKING:
    from simulator.node import Node
    from simulator.shell.output import Output


@dataclass(slots=True)
class Environment:
    """What a command runs in."""

    node: Node
    output: Output
    user: str = "root"
    stdin: str = ""
    variables: dict[str, str] = field(default_factory=dict)
    status: int = 0
    functions: Mapping[str, Command] = field(default_factory=dict)
    """Those of the shell, which come before every command."""
    processes: bool = True
    """A command is a process, which costs its start; not where it stands for a system call."""


@dataclass(slots=True)
class Call:
    """One call of one command."""

    node: Node
    argv: list[str]
    stdin: str
    user: str
    environment: Environment
    write: Callable[[str, str], None]

    def out(self, text: str) -> None:
        """To standard output."""
        self.write("out", text)

    def err(self, text: str) -> None:
        """To standard error."""
        self.write("err", text)


Command = Callable[[Call], "int | Steps[int]"]

COMMANDS: dict[str, Command] = {}


def command(*names: str) -> Callable[[Command], Command]:
    """Register a function as the commands of these names."""

    def register(function: Command) -> Command:
        for name in names:
            COMMANDS[name] = function
        return function

    return register


SCRIPTS: dict[str, Callable[[Call], int]] = {}
"""Scripts for `sh -c` that do more than this sh understands, and what they do."""
