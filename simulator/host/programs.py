"""Programs that are installed on a node: the hooks that hastd and devd run, and the two that the recordings had.

A hook in a test is a Python callable that gets the node and the words of its command line; it runs as a task
(`clock.py`) and may call `node.run(…)` like anybody. In the demonstration a hook is a command of the machine the pair
runs on (`server.py`). devd waits for it, hastd does not.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from simulator.clock import Completion, Task, finished
from simulator.dying import SIGKILLED, Killed

if TYPE_CHECKING:
    from simulator.node import Node

Hook = Callable[["Node", list[str]], "int | None"]
"""Gets the node and argv, gives the exit status (None is 0)."""


class Program(Protocol):
    """Something a node can run."""

    def start(self, node: Node, argv: list[str]) -> Completion[int]:
        """Run it; finished with the exit status."""
        ...


class PythonHook:
    """A callable of the test or of the product. An exception ends it with status 1 and is kept by the pair.

    Where its life has ended (`dying.py`) the status is that of SIGKILL, and there is nothing to keep.
    """

    def __init__(self, hook: Hook) -> None:
        self._hook = hook

    def start(self, node: Node, argv: list[str]) -> Completion[int]:
        """As a task, so that it can wait while the pair goes on."""
        outcome: Completion[int] = Completion()
        task: Task[int | None] = node.clock.run_task(lambda: self._hook(node, argv))

        def ended() -> None:
            if isinstance(task.error, Killed):
                outcome.finish(SIGKILLED)
            elif task.error is not None:
                node.pair.hook_errors.append(task.error)
                outcome.finish(1)
            else:
                outcome.finish(int(task.value or 0))

        task.then(ended)
        return outcome


class Immediate:
    """A small program that takes no time."""

    def __init__(self, action: Callable[[Node, list[str]], None]) -> None:
        self._action = action

    def start(self, node: Node, argv: list[str]) -> Completion[int]:
        """Done when this returns."""
        self._action(node, argv)
        return finished(0)


def _clock_time(node: Node) -> str:
    return time.strftime("%H:%M:%S", time.gmtime(node.now))


def carp_log(node: Node, argv: list[str]) -> None:
    """The recordings' devd action: one line per CARP event."""
    node.files.write("/var/log/carp-events.log", f"{_clock_time(node)} {' '.join(argv[1:])}\n", node.now, append=True)


def hast_hook(node: Node, argv: list[str]) -> None:
    """The recordings' `exec` of hast.conf: its arguments."""
    words = " ".join(f"[{word}]" for word in argv[1:])
    line = f"{_clock_time(node)} argc={len(argv) - 1} {words}\n"
    node.files.write("/var/log/hast-hook.log", line, node.now, append=True)


RECORDED: dict[str, Program] = {
    "/usr/local/sbin/carp-log": Immediate(carp_log),
    "/usr/local/sbin/hast-hook": Immediate(hast_hook),
}
