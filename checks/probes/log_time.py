"""When a line of a log was written: syslogd(8)'s two forms of a time, and the node's own time beside them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from checks.probes.errors import ProbeError

if TYPE_CHECKING:
    from datetime import datetime

    from checks.probes.node import Node

SYSLOG_TIME = (
    r"(?a)(?P<month>[A-Z][a-z]{2}) (?P<day>[ \d]\d) (?P<time>\d\d:\d\d:\d\d) |"
    r"(?:<\d+>\d* ?)?(?P<iso>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\S* "
)
"""syslogd(8): RFC 3164 (no year), or RFC 5424 with `-O rfc5424`."""
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def now(node: Node) -> datetime | None:
    """The node's own local time, in which its log is written."""
    from datetime import datetime

    try:
        return datetime.strptime(node.run("date", "+%Y-%m-%dT%H:%M:%S").stdout.strip(), "%Y-%m-%dT%H:%M:%S")
    except (ProbeError, ValueError):
        return None


def of_line(line: str, now: datetime | None) -> datetime | None:
    """When a line was written. The old format has no year: it is the last such day that is not in the future."""
    from datetime import datetime, timedelta

    found = re.match(SYSLOG_TIME, line)
    if not found:
        return None
    try:
        if found["iso"]:
            return datetime.strptime(found["iso"], "%Y-%m-%dT%H:%M:%S")
        year = now.year if now else 2000
        month = MONTHS.index(found["month"]) + 1
        when = datetime.fromisoformat(f"{year}-{month:02d}-{int(found['day']):02d}T{found['time']}")
    except ValueError:
        return None
    return when if not now or when <= now + timedelta(days=1) else when.replace(year=year - 1)
