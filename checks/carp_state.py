"""Since when CARP asks what it asks, as far as a check that runs once a minute can know."""

from __future__ import annotations

from checks.probes.carp import CarpState
from checks.probes.state_cache import Memory


def seen_since(memory: Memory, kept_as: str, state: CarpState | None, now: float) -> float | None:
    """Seconds since CARP was first seen in `state` by the check that keeps it under `kept_as`; `now` in seconds
    since 1970.

    None where no other state was seen before it, or where the clock was put back: then no change is known.
    """
    remembered = memory.get(kept_as)
    word = state.value if state else "none"
    if remembered.get("carp") == word:
        since = remembered.get("since")
        return now - since if isinstance(since, int | float) and since <= now else None
    memory.put(kept_as, {"carp": word, "since": now if remembered else None})
    return 0 if remembered else None
