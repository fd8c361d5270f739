"""The kernel's own lines about CARP in the log of a node: when a vhid became MASTER.

ip_carp.c, carp_set_state() writes `carp: 2@em0: BACKUP -> MASTER (master timed out)` on FreeBSD 13 and later, where
net.inet.carp.log is above 0. syslogd(8) gives a line the time at which it reads it (syslogd.c, logmsg()): one that was
not running reads late, and says that it has started before it reads.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from checks.probes import log_time

if TYPE_CHECKING:
    from datetime import datetime

    from checks.probes.node import Node

LOG = "/var/log/messages"
"""Where syslog.conf(5) of FreeBSD puts what the kernel says."""
STARTED = r" syslogd: kernel boot file is "
"""syslogd.c, init(): the first line of a syslogd that has just started."""
CATCHES_UP = 5.0
"""Seconds after its start within which the lines of a syslogd may be older than their time."""
PRECISION = 2.0
"""Seconds by which a line may be older than the difference of two times that are cut to whole seconds."""


def became_master(node: Node, vhid: str) -> float | None:
    """How many seconds ago, at most, the vhid (`2@em0`) became MASTER from BACKUP. None where the log does not tell: no
    such line, one that is followed by another change, or one that was written late. Only the present log is read: what
    was rotated away tells nothing. Raises ProbeError."""
    completed = node.run("grep", "-h", "-E", "carp: |syslogd: ", LOG)
    now = log_time.now(node)
    lines = log_time.of_host(completed.stdout.splitlines(), node)
    return None if now is None else parse("\n".join(lines), vhid, now, log_time.offset(node, lines))


def parse(text: str, vhid: str, now: datetime, offset: int | None = None) -> float | None:
    """The same, out of the lines of a log; `now` is the node's own time, `offset` minutes ahead of UTC."""
    change, started, before = "", "", ""
    for line in text.splitlines():
        if re.search(STARTED, line):
            started = line
        elif re.search(rf" kernel: carp: {re.escape(vhid)}: [A-Z]+ -> ", line):
            change, before = line, started
    at = log_time.of_line(change, now, offset) if re.search(r": BACKUP -> MASTER\b", change) else None
    if at is None or at > now:
        return None
    start = log_time.of_line(before, now, offset)
    if start is not None and 0 <= (at - start).total_seconds() <= CATCHES_UP:
        return None
    return (now - at).total_seconds() + PRECISION
