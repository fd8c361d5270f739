"""The commands that an earlier run gave up: as long as one still hangs, it is not started again.

Without this, a check that runs once a minute against a dead disk adds one unkillable process a minute.
"""

from __future__ import annotations

import time
from binascii import crc32
from collections.abc import Callable

from checks.probes.errors import StillHangs
from checks.probes.state_cache import Memory


class GivenUpCommands:
    """Remembers by command line which process was given up, when, and when that process had started."""

    def __init__(self, memory: Memory, clock: Callable[[], float] = time.time) -> None:
        """`clock` gives seconds since 1970."""
        self.memory, self.clock = memory, clock

    def note(self, argv: tuple[str, ...], pid: int) -> None:
        """Remember that `argv` hangs as process `pid`."""
        started = _start_of(pid)
        if started is not None:
            self.memory.put(_name(argv), {"argv": list(argv), "pid": pid, "started": started, "since": self.clock()})

    def refuse_if_still_hanging(self, argv: tuple[str, ...], shown: str) -> None:
        """Raise StillHangs where `argv` was given up before and that very process still exists."""
        remembered = self.memory.get(_name(argv))
        pid, started, since = remembered.get("pid"), remembered.get("started"), remembered.get("since")
        if not isinstance(pid, int) or not isinstance(since, int | float) or remembered.get("argv") != list(argv):
            return
        if _start_of(pid) != started:
            self.memory.forget(_name(argv))
            return
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(since))
        raise StillHangs(f"`{shown}` hangs since {when} as process {pid}; not started again")


def _name(argv: tuple[str, ...]) -> str:
    return f"given-up-{crc32(chr(0).join(argv).encode(errors='surrogateescape')):08x}"


def _start_of(pid: int) -> float | None:
    """When process `pid` started (seconds since the epoch), which tells it from a later process of the same number."""
    import psutil

    try:
        return float(psutil.Process(pid).create_time())
    except psutil.Error:
        return None
