"""The figures that `hastctl list` prints of a worker; they begin at zero with every new worker.

The fact is freebsd-facts: error-counters-are-one-workers.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Statistics:
    """Counts since the worker started (hast.h, hr_stat_*)."""

    reads: int = 0
    writes: int = 0
    deletes: int = 0
    flushes: int = 0
    activemap_updates: int = 0
    read_errors: int = 0
    write_errors: int = 0
    delete_errors: int = 0
    flush_errors: int = 0
