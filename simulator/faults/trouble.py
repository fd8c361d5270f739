"""What refuses to work on a node until it is told to work again: the faults that concern one step of a failover.

It belongs to no boot: a power cut changes nothing of it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simulator.shell.output import CommandResult

ENDLESS = math.inf
"""A preen that fails until a full check has repaired the file system."""


class Lie(Enum):
    """What arrives instead of an answer."""

    ONESELF = "this node's own answers: the way leads back"
    STRANGER = "those of a host of another pair, where the other node is the primary"
    OLD = "what was answered to the same question before"
    NONSENSE = "control characters, huge numbers, half a file"
    EMPTY = "nothing, with exit status 0"
    ENDLESS = "text that never ends"


@dataclass(slots=True)
class InjectedTrouble:
    """By name of a resource, or of a service as service(8) knows it."""

    absent_devices: set[str] = field(default_factory=set)
    """Resources whose primary worker comes up without a device."""
    failing_services: set[str] = field(default_factory=set)
    failing_mounts: set[str] = field(default_factory=set)
    failing_preens: dict[str, float] = field(default_factory=dict)
    """Resource and how many more times `fsck -p` fails on it."""
    at_command: dict[str, Callable[[], None]] = field(default_factory=dict)
    """What happens right before the next call of a command, by its base name."""
    hopeless: set[str] = field(default_factory=set)
    """Resources that the full check can't repair either."""
    without_flags: set[str] = field(default_factory=set)
    """Empty mount points on which no flag can be set."""
    state_error: int = 0
    """What writing into the state directory of hastwatch fails with (EROFS, ENOSPC), 0 where it works."""
    var_error: int = 0
    """The same of all that lies in /var beside that: its second directory, and the logs."""
    peer_lies: Lie | None = None
    """What this node gets instead of the other one's answers."""
    heard: dict[str, CommandResult] = field(default_factory=dict)
    """What the other node has last answered to each question, for the lie that repeats it."""

    def preen_fails(self, resource: str) -> bool:
        """The `fsck -p` that runs now fails; counts it."""
        left = self.failing_preens.pop(resource, 0)
        if left > 1:
            self.failing_preens[resource] = left - 1
        return left > 0 or resource in self.hopeless

    def repaired(self, resource: str) -> bool:
        """A full check: whether it repaired everything, and so ended the failing of preens."""
        if resource not in self.hopeless:
            self.failing_preens.pop(resource, None)
        return resource not in self.hopeless
