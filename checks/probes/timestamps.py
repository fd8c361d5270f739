"""Instants as the files of a node's state directory write them: ISO 8601, UTC, `2026-11-22T08:46:35Z`."""

from __future__ import annotations

import re
import time

UTC_TIME = r"(?a)\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z"


def utc(at: float) -> str:
    """Seconds since 1970 as text, to the second."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))


def utc_milliseconds(at: float) -> str:
    """Seconds since 1970 as text, to the millisecond: `2026-11-22T08:46:35.250Z`."""
    seconds, milliseconds = divmod(round(at * 1000), 1000)
    return time.strftime(f"%Y-%m-%dT%H:%M:%S.{milliseconds:03d}Z", time.gmtime(seconds))


def since_1970(text: object) -> float:
    """Seconds since 1970 out of either text. Raises ValueError."""
    if not isinstance(text, str) or not re.fullmatch(UTC_TIME, text):
        raise ValueError(f"{text!r} is not a time such as 2026-11-22T08:46:35Z")
    from datetime import datetime

    return datetime.fromisoformat(text).timestamp()
