"""The death of a program that runs on a simulated node: at a chosen moment, as by kill -9, or with the node's power.

A program here is Python code in a task (`clock.py`). A task can't be ended from outside, but everything that the code
does goes through its context (`context.py`), and there every door is shut once its life is over: what it calls raises
`Killed`, for good. `finally` and `except` clauses still run, which those of a killed process don't; they get nothing
done, because what they do has to go through the same doors.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from simulator.clock import Completion

SIGKILLED = 137
"""Exit status of a shell for a command that SIGKILL ended (sh(1))."""


class Killed(BaseException):
    """The program is dead. No Exception, so that nothing that handles errors takes it for one."""


class KillPoint(NamedTuple):
    """When a program is killed: numbers count from 1, the default is never.

    `before_command` 3: the third command is not begun. `during_command` 3: it is begun, and goes on without the program
    that waits for it, as the child of a killed process does. `before_write` 3: the third change of the state directory
    is not begun.
    """

    before_command: float = math.inf
    during_command: float = math.inf
    before_write: float = math.inf


NEVER = KillPoint()


class Life:
    """From the start of a program to its death. `commands` and `writes` count what it has begun."""

    def __init__(self, fate: KillPoint = NEVER) -> None:
        self.fate = fate
        self.ended: Completion[None] = Completion()
        self.commands = self.writes = 0

    @property
    def over(self) -> bool:
        """It is dead."""
        return self.ended.done

    def end(self) -> None:
        """It is dead from now on."""
        self.ended.finish()

    def check(self) -> None:
        """Raises Killed when it is over."""
        if self.over:
            raise Killed

    def begin_command(self, start: Callable[[], None]) -> None:
        """The next command is begun by `start`, unless death comes before. Raises Killed, also after it was begun."""
        self.check()
        if self.commands + 1 >= self.fate.before_command:
            self.end()
            raise Killed
        self.commands += 1
        start()
        if self.commands >= self.fate.during_command:
            self.end()
            raise Killed

    def begin_write(self) -> None:
        """The next change of the state directory, unless death comes before. Raises Killed."""
        self.check()
        if self.writes + 1 >= self.fate.before_write:
            self.end()
            raise Killed
        self.writes += 1
