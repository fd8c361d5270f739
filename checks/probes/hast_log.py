"""hastd's lines in the log of a node, as far as they tell of a split-brain; and the marker that hastd's hook leaves.

On 13.2 a worker's own lines never reach the log, because it runs in a jail without a host name. What remains are the
lines of the parent: a secondary's worker that ends with exit code 78 (EX_CONFIG, `secondary.c init_remote()`) again
and again, and two primaries that refuse each other.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from checks.probes import log_time
from checks.probes.errors import Failed, NotFound, NotUnderstood
from checks.probes.node import Node

if TYPE_CHECKING:
    from datetime import datetime

LOGS = ("/var/log/messages", "/var/log/daemon.log")
"""Where syslog.conf(5) of FreeBSD puts the facility daemon."""
ROTATED = r"(messages|daemon\.log)\.0(?P<ending>|\.bz2|\.gz|\.xz|\.zst)"
"""newsyslog(8): the youngest archive, compressed with bzip2 (J), gzip (Z), xz (X) or zstd (Y)."""
DECOMPRESS = {"": "cat", ".bz2": "bzcat", ".gz": "zcat", ".xz": "xzcat", ".zst": "zstdcat"}
REPEATS = 90
"""Seconds. A split-brain is found anew every 10 s (primary.c HAST_KEEPALIVE): an older sign is a thing of the past."""
MARKER_DIRECTORY = "/var/db/hastwatch"

SIGNS = {
    "split-brain": r"Split-brain (detected, exiting|condition!)",
    "exit code 78": r"\(secondary\) Worker process exited ungracefully \(pid=\d+, exitcode=78\)",
    "two primaries": (
        r"We act as primary for the resource and not as secondary as requested by|"
        r"Remote node acts as primary for the resource and not as secondary"
    ),
    "resource ID mismatch": r"Resource unique ID mismatch",
}
"""What hastd writes (hastd.c, primary.c, secondary.c), by the name a finding gives it."""


class Sign(NamedTuple):
    """The youngest line of one kind: when, how many such lines there are, and whether it is of now.

    `current` is None where the node's clock could not be read.
    """

    kind: str
    times: int
    when: str
    current: bool | None


class Marker(NamedTuple):
    """What hastd's hook on `split-brain` leaves in MARKER_DIRECTORY, `RESOURCE.split-brain`: one JSON object

        {"version": 1, "id": "…", "resource": "home", "node": "nfs001", "boot_id": "…",
         "first": "2026-11-22T08:46:35Z", "last": "2026-11-22T08:46:45Z", "count": 2}

    written atomically; `first`, `last` are UTC, `count` the events so far (hastd repeats them every 10 s). The next
    `syncdone` of the resource, or its recovery, removes it.
    """

    id: str
    resource: str
    node: str
    first: datetime
    last: datetime
    events: int

    def is_fresh(self) -> bool:
        """Whether hastd's event came again just now, by the clock of whoever looks."""
        from datetime import UTC, datetime

        return (datetime.now(UTC).replace(tzinfo=None) - self.last).total_seconds() <= REPEATS


def signs(node: Node, resource: str) -> tuple[Sign, ...]:
    """The signs of a split-brain in the node's logs, the last rotated one included. Raises ProbeError."""
    found = node.run("grep", "-h", "hastd", *LOGS)
    missing = [line for line in found.stderr.splitlines() if "No such file or directory" in line]
    unread = [line for line in found.stderr.splitlines() if line not in missing]
    nothing_said = found.status == 0 and not found.stdout
    if found.status > 2 or unread or len(missing) == len(LOGS) or nothing_said:
        raise Failed(f"the logs cannot be read: {found.words}")  # grep(1): 1 is no match, 2 an error of one file
    if wrong := [line for line in found.stdout.splitlines() if "hastd" not in line]:
        raise NotUnderstood("grep", wrong[0])
    lines = _with_signs(found.stdout.splitlines(), resource) or _with_signs(_rotated(node), resource)
    return parse_signs(lines, resource, log_time.now(node)) if lines else ()


def parse_signs(lines: list[str], resource: str, now: datetime | None) -> tuple[Sign, ...]:
    """The signs in log lines of any order; a line that stands in both logs counts once. `now` is the node's time."""
    found = []
    telling = set(_with_signs(lines, resource))
    for kind, pattern in SIGNS.items():
        matching = {line for line in telling if re.search(pattern, line)}
        if matching:
            times = [when for when in (log_time.of_line(line, now) for line in matching) if when]
            last = max(times, default=None)  # two logs are read, one after the other
            current = None if now is None or last is None else (now - last).total_seconds() <= REPEATS
            shown = last.strftime("%b %d %H:%M:%S") if last else "an unreadable time"
            found.append(Sign(kind, len(matching), shown, current))
    return tuple(found)


def marker(node: Node, resource: str) -> Marker | None:
    """The marker of a resource, None where there is none. Raises ProbeError."""
    try:
        text = node.read(f"{MARKER_DIRECTORY}/{resource}.split-brain")
    except NotFound:
        return None
    return parse_marker(text, resource)


def parse_marker(text: str, resource: str) -> Marker:
    """A marker out of its file. Raises NotUnderstood."""
    import json
    from datetime import datetime

    try:
        values = json.loads(text)
        found = Marker(
            id=str(values["id"]),
            resource=str(values["resource"]),
            node=str(values["node"]),
            first=datetime.strptime(values["first"], "%Y-%m-%dT%H:%M:%SZ"),
            last=datetime.strptime(values["last"], "%Y-%m-%dT%H:%M:%SZ"),
            events=int(values["count"]),
        )
    except (ValueError, KeyError, TypeError, RecursionError):
        raise NotUnderstood("the split-brain marker", text) from None
    if values.get("version") != 1 or found.resource != resource:
        raise NotUnderstood("the split-brain marker", text)
    return found


def _with_signs(lines: list[str], resource: str) -> list[str]:
    """The lines about the resource that are a sign of any kind."""
    about = f"[{resource}] "
    return [line for line in lines if about in line and any(re.search(sign, line) for sign in SIGNS.values())]


def _rotated(node: Node) -> list[str]:
    """The lines of the logs rotated last; none where there is no such file."""
    lines: list[str] = []
    listing = node.run("ls", "/var/log")
    for name in listing.stdout.splitlines():
        archive = re.fullmatch(ROTATED, name)
        if archive:
            text = node.run(DECOMPRESS[archive["ending"]], f"/var/log/{name}").stdout
            lines += [line for line in text.splitlines() if "hastd" in line]
    return lines
