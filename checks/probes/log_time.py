"""When a line of a log was written, and on which host: syslogd(8)'s two forms of a line, and the node's own time."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from checks.probes.errors import ProbeError

if TYPE_CHECKING:
    from datetime import datetime

    from checks.probes.node import Node

SYSLOG_TIME = (
    r"(?a)(?:(?P<month>[A-Z][a-z]{2}) (?P<day>[ \d]\d) (?P<time>\d\d:\d\d:\d\d)(?: <[a-z0-9]+\.[a-z0-9]+>)?|"
    r"(?:<\d+>\d* ?)?(?P<iso>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:[.,]\d*)?(?P<zone>Z|[+-]\d\d:?\d\d)?) "
)
"""syslogd.c: fprintlog_rfc3164() (no year; `<facility.priority>` with -v), fprintlog_rfc5424() (`-O rfc5424`)."""
HOST = SYSLOG_TIME + r"(?P<host>[A-Za-z0-9_.:-]*[A-Za-z0-9_-]) "
"""After the time comes the host; a program's name there ends with a colon, as where the host has no name."""
LEAP = 8
"""Years between two 29 February, at most (1896 and 1904)."""
ZONES = 26 * 3600
"""Seconds between the earliest and the latest local time on earth (UTC-12 and UTC+14)."""
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def now(node: Node) -> datetime | None:
    """The node's own local time, in which its log is written."""
    from datetime import datetime

    try:
        return datetime.strptime(node.run("date", "+%Y-%m-%dT%H:%M:%S").stdout.strip(), "%Y-%m-%dT%H:%M:%S")
    except (ProbeError, ValueError):
        return None


def offset(node: Node, lines: Iterable[str]) -> int | None:
    """The minutes by which the node's local time is ahead of UTC, where a line has a time with a zone; None where none
    has, or it cannot be asked: then the zone is that of the node, as syslogd writes its own."""
    if not have_zones(lines):
        return None
    try:
        return _minutes(node.run("date", "+%z").stdout.strip())
    except ProbeError:
        return None


def have_zones(lines: Iterable[str]) -> bool:
    """Whether a line has a time with a zone."""
    return any((match := re.match(SYSLOG_TIME, line)) and match["zone"] for line in lines)


def of_line(line: str, now: datetime | None, offset: int | None = None) -> datetime | None:
    """When a line was written, in the node's local time, which is `offset` minutes ahead of UTC where that is known.
    The old format has no year: it is the last such day that is not in the future."""
    from datetime import datetime, timedelta

    match = re.match(SYSLOG_TIME, line)
    if not match:
        return None
    try:
        if match["iso"]:
            when = datetime.strptime(match["iso"], "%Y-%m-%dT%H:%M:%S")
            written = _minutes(match["zone"] or "")
            differ = written is not None and offset is not None
            return when + timedelta(minutes=(offset or 0) - (written or 0)) if differ else when
        month, day = MONTHS.index(match["month"]) + 1, int(match["day"])
    except (ValueError, OverflowError):
        return None
    years = range(now.year + 1, now.year - LEAP - 1, -1) if now else (2000,)
    for year in years:
        try:
            when = datetime.fromisoformat(f"{year:04d}-{month:02d}-{day:02d}T{match['time']}")
            if not now or when <= now + timedelta(days=1):
                return when
        except (ValueError, OverflowError):
            continue
    return None


def of_host(lines: Iterable[str], node: Node) -> list[str]:
    """The lines of the node itself: a log may have those of other hosts (syslogd -a), with their name where the name of
    the host stands. A line that names no host counts, and all do where the node does not say its name."""
    try:
        whole = node.host_name.lower()
    except ProbeError:
        return list(lines)
    own = (whole, whole.partition(".")[0], "localhost")
    return [line for line in lines if not (match := re.match(HOST, line)) or _is_own(match["host"].lower(), own)]


def _is_own(host: str, own: tuple[str, ...]) -> bool:
    """syslogd.c cuts its own domain off; a longer name is another host's, unless it begins with one without a dot."""
    return host in own or ("." not in own[0] and host.partition(".")[0] == own[0])


def _minutes(zone: str) -> int | None:
    """`+0130`, `+01:30` or `Z` in minutes; None of anything else."""
    if zone == "Z":
        return 0
    match = re.fullmatch(r"(?a)([+-])(\d\d):?(\d\d)", zone)
    return (int(match[2]) * 60 + int(match[3])) * (-1 if match[1] == "-" else 1) if match else None
