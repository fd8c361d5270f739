"""syslogd's two files and its time stamps, as the recorded configuration sends messages to them."""

from __future__ import annotations

import time
from enum import Enum

MESSAGES = "/var/log/messages"
DAEMON_LOG = "/var/log/daemon.log"


class LogLevel(Enum):
    """Where a daemon's message goes: INFO to daemon.log only, ERROR to messages as well."""

    INFO = "info"
    ERROR = "err"


def stamp(now: float) -> str:
    """`Nov 22 08:31:39`, the day padded with a space."""
    parts = time.gmtime(now)
    return f"{time.strftime('%b', parts)} {parts.tm_mday:2d} {time.strftime('%H:%M:%S', parts)}"
