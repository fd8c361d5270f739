"""How fast a synchronisation goes, out of two looks at a pair."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from remediate.failover.pair_status import PairStatus

SHORTEST = 0.5
"""Seconds between two looks below which no rate is made of them."""


class SyncProgress(NamedTuple):
    """`rate` in bytes per second, negative where there is more to copy than before; `left` in seconds, None where it
    does not get less."""

    rate: float
    left: float | None


NO_PROGRESS: Mapping[str, SyncProgress] = {}


def to_copy(pair: PairStatus) -> dict[str, int]:
    """The bytes left to copy of each resource that is being synchronised."""
    return {
        name: resource.dirty
        for node in pair.nodes
        for name, resource in node.resources.items()
        if resource.size is not None and resource.dirty is not None
    }


def progress(before: PairStatus, after: PairStatus) -> dict[str, SyncProgress]:
    """Of each resource that was being synchronised in both looks."""
    seconds, earlier = after.now - before.now, to_copy(before)
    if seconds < SHORTEST:
        return {}
    rates = {name: (earlier[name] - dirty, dirty) for name, dirty in to_copy(after).items() if name in earlier}
    return {
        name: SyncProgress(copied / seconds, dirty * seconds / copied if copied > 0 else None)
        for name, (copied, dirty) in rates.items()
    }
