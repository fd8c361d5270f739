"""Programs that are installed on a node: the hooks that hastd and devd run, and the two that the recordings had.

A hook in a test is a Python callable that gets the node and the words of its command line; it runs as a task
(`clock.py`) and may call `node.run(…)` like anybody. In the demonstration a hook is a command of the machine the pair
runs on (`server.py`). devd waits for it, hastd does not.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Generic, NamedTuple, Protocol, TypeVar

from simulator.clock import Completion, Task, finished
from simulator.dying import SIGKILLED, Killed
from simulator.host.host import Host, HostPair


class HookPair(HostPair, Protocol):
    """What is kept of the hooks of both nodes."""

    hook_errors: list[BaseException]


class HookHost(Host, Protocol):
    """What a program needs of its node."""

    @property
    def pair(self) -> HookPair:
        """What it shares with the other node."""
        ...


AnyHost = TypeVar("AnyHost", bound=HookHost)
AnyHost_contra = TypeVar("AnyHost_contra", bound=HookHost, contravariant=True)

Hook = Callable[[AnyHost, list[str]], "int | None"]
"""Gets the node and argv, gives the exit status (None is 0)."""


class Program(Protocol[AnyHost_contra]):
    """Something a node can run."""

    def start(self, node: AnyHost_contra, argv: list[str]) -> Completion[int]:
        """Run it; finished with the exit status."""
        ...


class Caller(NamedTuple):
    """Who called a program: what takes its output (`out` or `err`, and the text), its user, and what has happened as
    soon as the caller does not wait any more."""

    write: Callable[[str, str], None]
    user: str
    goes: Completion[None]


class PythonHook(Generic[AnyHost]):
    """A callable of the test or of the product. An exception ends it with status 1 and is kept by the pair.

    Where its life has ended (`dying.py`) the status is that of SIGKILL, and there is nothing to keep.
    """

    def __init__(self, hook: Hook[AnyHost]) -> None:
        self._hook = hook

    def start(self, node: AnyHost, argv: list[str]) -> Completion[int]:
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


class ImmediateProgram(Generic[AnyHost]):
    """A small program that takes no time."""

    def __init__(self, action: Callable[[AnyHost, list[str]], None]) -> None:
        self._action = action

    def start(self, node: AnyHost, argv: list[str]) -> Completion[int]:
        """Done when this returns."""
        self._action(node, argv)
        return finished(0)


def _clock_time(node: HookHost) -> str:
    return time.strftime("%H:%M:%S", time.gmtime(node.now))


def carp_log(node: HookHost, argv: list[str]) -> None:
    """The recordings' devd action: one line per CARP event."""
    node.files.write("/var/log/carp-events.log", f"{_clock_time(node)} {' '.join(argv[1:])}\n", node.now, append=True)


def hast_hook(node: HookHost, argv: list[str]) -> None:
    """The recordings' `exec` of hast.conf: its arguments."""
    words = " ".join(f"[{word}]" for word in argv[1:])
    line = f"{_clock_time(node)} argc={len(argv) - 1} {words}\n"
    node.files.write("/var/log/hast-hook.log", line, node.now, append=True)


RECORDED: dict[str, Program[HookHost]] = {
    "/usr/local/sbin/carp-log": ImmediateProgram(carp_log),
    "/usr/local/sbin/hast-hook": ImmediateProgram(hast_hook),
}
