"""Waiting for what another process or thread does."""

from __future__ import annotations

import time
from collections.abc import Callable

LIMIT = 180.0
"""Seconds after which a test gives up on what has to come."""
PAUSE = 0.02
"""Seconds between two looks that cost little."""


def awaited(condition: Callable[[], object], seconds: float = LIMIT, pause: float = PAUSE) -> bool:
    """Whether it comes to hold within so many seconds."""
    ends = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > ends:
            return False
        time.sleep(pause)
    return True
