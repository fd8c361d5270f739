"""A context in which everything ends by a given moment: a shutdown does not wait for a device that hangs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from checks.probes.errors import OutOfTime
from checks.probes.node import Node
from checks.probes.process import CompletedCommand
from remediate.context import LOOK, Context, Transport
from remediate.machine import Machine
from remediate.timing import Timing

T = TypeVar("T")


def within(context: Context, ends: float) -> Context:
    """The same context; what is done on the node, and every wait, ends at `ends` (`Timing.now`). What begins later
    raises OutOfTime."""
    return context._replace(
        here=_HurriedTransport(context.here, context.timing, ends), timing=_HurriedTiming(context.timing, ends)
    )


class _HurriedTransport(Transport):
    def __init__(self, way: Transport, timing: Timing, ends: float) -> None:
        self.via = way.via
        self._way, self._timing, self._ends = way, timing, ends

    @property
    def machine(self) -> Machine | None:
        """As the way's own."""
        return self._way.machine

    def node(self, seconds: float = LOOK) -> Node:
        """As Transport does it, with what is left. Raises OutOfTime too."""
        return self._way.node(self._left(seconds))

    def act(self, argv: tuple[str, ...], seconds: float) -> CompletedCommand:
        """The same."""
        return self._way.act(argv, self._left(seconds))

    def _left(self, seconds: float) -> float:
        left = self._ends - self._timing.now()
        if left <= 0:
            raise OutOfTime("the deadline for all of it has passed")
        return min(seconds, left)


class _HurriedTiming(Timing):
    def __init__(self, timing: Timing, ends: float) -> None:
        self._timing, self._ends = timing, ends

    def now(self) -> float:
        """As the other one."""
        return self._timing.now()

    def wall(self) -> float:
        """As the other one."""
        return self._timing.wall()

    def sleep(self, seconds: float) -> None:
        """As the other one."""
        self._timing.sleep(seconds)

    def together(self, calls: Sequence[Callable[[], T]]) -> list[T]:
        """As the other one."""
        return self._timing.together(calls)

    def gather(self, calls: Sequence[Callable[[], None]], enough: Callable[[], bool]) -> None:
        """As the other one."""
        self._timing.gather(calls, enough)

    def until(self, condition: Callable[[], bool], seconds: float, every: float = 0.05) -> bool:
        """As the other one, and not longer than there is time."""
        return self._timing.until(condition, min(seconds, max(self._ends - self.now(), 0.0)), every)
