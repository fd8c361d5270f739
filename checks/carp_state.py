"""What CARP asks of a resource's node, and since when: the one place that maps a resource to its virtual host."""

from __future__ import annotations

import time
from typing import NamedTuple

from checks.probes.carp import CarpState, Vhid
from checks.probes.memory import Memory


class Asked(NamedTuple):
    """The CARP state that counts for a resource; None with the reason `why` where there is none."""

    state: CarpState | None
    why: str


def asked(vhids: tuple[Vhid, ...], mapped: str) -> Asked:
    """The state of the vhid that the configuration names (`2@vtnet1`); without one all vhids of the node must agree."""
    if mapped:
        number = mapped.partition("@")[0]
        found = [vhid for vhid in vhids if vhid.name == mapped] or [
            vhid
            for vhid in vhids
            if str(vhid.number) == number  # the interface may have another name on the other node
        ]
        return Asked(found[0].state, "") if len(found) == 1 else Asked(None, f"no vhid {mapped} on this node")
    states = {vhid.state for vhid in vhids}
    if len(states) == 1:
        return Asked(states.pop(), "")
    if not states:
        return Asked(None, "no vhid on this node")
    return Asked(None, "the vhids disagree: " + ", ".join(f"{vhid.name} {vhid.state.value}" for vhid in vhids))


def seen_since(memory: Memory, kept_as: str, state: CarpState | None) -> float | None:
    """Seconds since CARP was first seen in `state` by the check that keeps it under `kept_as`.

    None where no other state was seen before it, or where the clock was put back: then no change is known.
    """
    kept, now = memory.get(kept_as), time.time()
    seen = state.value if state else "none"
    if kept.get("carp") == seen:
        since = kept.get("since")
        return now - since if isinstance(since, int | float) and since <= now else None
    memory.put(kept_as, {"carp": seen, "since": now if kept else None})
    return 0 if kept else None
