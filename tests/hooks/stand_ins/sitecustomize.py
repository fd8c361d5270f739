"""syslog(3) for a hook under test: each line is a datagram to the socket that the environment names.

Python imports this file as it starts (`site`). A file called `syslog.py` would not do: where that module is built into
the interpreter (Debian's python3), it is found before any path.
"""

import os
import socket
import sys

LOG_PID, LOG_DAEMON = 1, 3 << 3


def openlog(ident: str, logoption: int, facility: int) -> None:
    """Nothing has to be open."""


def syslog(priority: int, message: str) -> None:
    """Send a line."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.sendto(f"<{priority}>{message}".encode(), os.environ["SYSLOG_SOCKET"])


def closelog() -> None:
    """Nothing is open."""


sys.modules["syslog"] = sys.modules[__name__]
