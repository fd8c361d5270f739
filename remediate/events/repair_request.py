"""The repairs that monitoring may ask for, and the command lines with which it does. There are no others.

A request carries nothing from the network but its name: `hastwatch repair` looks at the node itself, and a repair that
is not called for does nothing. So the monitoring user may be given exactly these lines (`hastwatch contrib sudoers`),
and one that comes twice, late or out of order is as good as one that comes in time.
"""

from __future__ import annotations

import enum
from typing import NamedTuple

HASTWATCH = "/usr/local/hastwatch/bin/hastwatch"
"""Where a node has the command (README)."""


class Remedy(enum.Enum):
    """A repair; the value is its name on the command line."""

    DEVD = "devd"
    """Restart devd, then converge: a change of CARP may have been missed meanwhile."""
    CONVERGE = "converge"
    """Bring the node to what CARP says."""
    NFS = "nfs"
    """Let mountd read its exports anew, then, where clients still are not served, restart NFS in order."""
    HASTD = "hastd"
    """Start hastd where it does not run and nothing of /dev/hast is in use, then converge."""
    SPLIT_BRAIN = "split-brain"
    """Step down where this node loses, or recover, as `[split_brain]` says."""


class EngineHold(enum.Enum):
    """What the monitoring engine knows that holds a repair back; the value is its word on the command line."""

    DOWNTIME = "downtime"
    FLAPPING = "flapping"


class Ending(enum.Enum):
    """How a repair ended; the value begins its result in the journal."""

    NOTHING = "nothing to do"
    HELPED = "helped"
    NO_HELP = "did not help"
    HELD = "held back"


class RepairRequest(NamedTuple):
    """A repair that is asked for, or told of because it is held back, so that the journal has it."""

    remedy: Remedy
    held: EngineHold | None = None

    @property
    def words(self) -> tuple[str, ...]:
        """The words after `hastwatch`. A repair may take longer than an engine waits: it is detached."""
        if self.held is None:
            return ("repair", self.remedy.value, "--detach")
        return ("repair", self.remedy.value, "--held", self.held.value)

    @property
    def nrpe(self) -> str:
        """The name of the NRPE command that stands for it."""
        return "_".join(("hastwatch", "held" if self.held else "repair", *([self.held.value] if self.held else []),
                         self.remedy.value.replace("-", "_")))  # fmt: skip


REQUESTS = tuple(RepairRequest(remedy, held) for remedy in Remedy for held in (None, *EngineHold))
"""All there are."""
