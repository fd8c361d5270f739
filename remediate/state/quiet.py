"""Since when hastd's counter of writes stands still, for each resource: kept from one look to the next.

The counter is of one worker and begins at zero with it (sbin/hastd/primary.c, ggate_recv_thread()).
"""

from __future__ import annotations

from typing import NamedTuple

from checks.probes.boot_time import same_boot
from remediate.state.store import StateUnreadable, Store, Values

NAME = "quiet.json"


class Count(NamedTuple):
    """What a look saw of a resource: its worker's pid, and how many writes that had taken."""

    worker: int
    writes: int


def since(store: Store, boot: str, counts: dict[str, Count], now: float) -> dict[str, float]:
    """Note these counts; for each resource the time of the first look that saw the same. `now`: `Timing.now`, which
    goes on from process to process and begins anew with a boot. Raises StateNotKept."""
    stood: dict[str, float] = {}

    def noted(values: Values) -> Values:
        before = values.get("resources") if _is_of(values, boot) else None
        for name, count in counts.items():
            at = before.get(name) if isinstance(before, dict) else None
            stood[name] = now
            if isinstance(at, list) and len(at) == 3 and at[:2] == [*count] and isinstance(at[2], float):
                stood[name] = min(at[2], now)
        return {"version": 1, "boot": boot, "resources": {n: [*count, stood[n]] for n, count in counts.items()}}

    store.update(NAME, noted, instead=_begun_anew)
    return stood


def _is_of(values: Values, boot: str) -> bool:
    return values.get("version") == 1 and same_boot(str(values.get("boot")), boot)


def _begun_anew(error: StateUnreadable) -> Values:
    """A damaged note says nothing: the time begins now."""
    return {}
