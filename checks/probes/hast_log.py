"""hastd's lines in the log of a node, as far as they tell of a split-brain.

A worker's own lines never reach the log (freebsd-facts: worker-lines-are-lost). What remains are the lines of the
parent: a secondary's worker that ends with exit code 78 (EX_CONFIG, `secondary.c init_remote()`) again and again, and
two primaries that refuse each other.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from checks.probes import log_time
from checks.probes.errors import CommandFailed, NotUnderstood
from checks.probes.marker import REPEATS
from checks.probes.node import Node

if TYPE_CHECKING:
    from datetime import datetime

LOGS = ("/var/log/messages", "/var/log/daemon.log")
"""Where syslog.conf(5) of FreeBSD puts the facility daemon."""
ROTATED = r"(?a)(?P<log>messages|daemon\.log)\.(?P<time>0|\d{8}T\d{6})(?P<ending>|\.bz2|\.gz|\.xz|\.zst)"
"""newsyslog(8): the youngest archive, or one of any age that is named by its time (-t DEFAULT), compressed with bzip2
(J), gzip (Z), xz (X) or zstd (Y)."""
DECOMPRESS = {"": "cat", ".bz2": "bzcat", ".gz": "zcat", ".xz": "xzcat", ".zst": "zstdcat"}

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
STAYS_EQUAL = r"\(primary\) (Split-brain condition!|Remote node acts as primary)"
"""What the worker of a primary writes again and again in the same words: syslogd counts equal lines, and says so after
30, 120 and then every 600 s (syslogd.c, repeatinterval)."""
COUNTS_EVERY = 600
COUNTED = r"last message repeated \d+ times?$"
COUNTS = 60
"""Lines of counts behind one line, at most: ten hours of them, if nothing else is logged."""


class Sign(NamedTuple):
    """The youngest line of one kind: when, how many such lines there are, and whether it is of now.

    `current` is None where the node's clock could not be read.
    """

    kind: str
    times: int
    when: str
    current: bool | None


class Archive(NamedTuple):
    """What was rotated away of a log: where it is, of which log, and the program that prints it."""

    path: str
    log: str
    program: str


class HastLogs:
    """The logs of a node. hastd's lines are read once, for however many resources they are asked."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self._newest: list[str] | None = None
        self._rotated: list[str] | None = None

    def _read_newest(self) -> list[str]:
        """hastd's lines in LOGS. Raises ProbeError."""
        completed = self.node.run("grep", "-h", "hastd", *LOGS)
        missing = [line for line in completed.stderr.splitlines() if "No such file or directory" in line]
        unread = [line for line in completed.stderr.splitlines() if line not in missing]
        nothing_said = completed.status == 0 and not completed.stdout
        if completed.status > 2 or unread or len(missing) == len(LOGS) or nothing_said:
            raise CommandFailed(
                f"the logs cannot be read: {completed.words}"
            )  # grep(1): 1 is no match, 2 an error of one file
        lines = completed.stdout.splitlines()
        if wrong := [line for line in lines if "hastd" not in line]:
            raise NotUnderstood("grep", wrong[0])
        return lines

    def _read_rotated(self) -> list[str]:
        """hastd's lines in the logs rotated last; none where there is no such file. Raises ProbeError."""
        lines: list[str] = []
        for archive in youngest_archives(self.node):
            lines += [line for line in unpacked(self.node, archive).splitlines() if "hastd" in line]
        return lines

    def signs(self, resource: str) -> tuple[Sign, ...]:
        """The signs of a split-brain in the logs, the last rotated ones included. Raises ProbeError."""
        if self._newest is None:
            self._newest = self._read_newest()
        lines = log_time.of_host(_with_signs(self._newest, resource), self.node)
        if not lines:
            if self._rotated is None:
                self._rotated = self._read_rotated()
            lines = log_time.of_host(_with_signs(self._rotated, resource), self.node)
        return _signs(lines, resource, self.node) if lines else ()


def _signs(lines: list[str], resource: str, node: Node) -> tuple[Sign, ...]:
    """The signs in the lines, by the clock of the node that wrote them. Raises ProbeError."""
    now, offset = log_time.now(node), log_time.offset(node, lines)
    signs = parse_signs(lines, resource, now, offset)
    if any(sign.current is False for sign in signs) and any(re.search(STAYS_EQUAL, line) for line in lines):
        counted, last = _repeated(node, resource)
        signs = parse_signs([*lines, *counted], resource, now, offset)
        times = [log_time.of_line(line, now, offset) for line in last if re.search(STAYS_EQUAL, line)]
        pending = any(now and when and (now - when).total_seconds() <= REPEATS + COUNTS_EVERY for when in times)
        kinds = {kind for kind, pattern in SIGNS.items() if any(re.search(pattern, line) for line in last) and pending}
        signs = tuple(sign._replace(current=True) if sign.kind in kinds else sign for sign in signs)
    return signs


def _repeated(node: Node, resource: str) -> tuple[list[str], list[str]]:
    """The lines about the resource whose repetitions syslogd(8) only counted, each with the time of the last one. The
    count stands right behind the line, in lines of their own (syslogd.c, fprintlog_successive()). And what of it is the
    last line of a log: it may have been repeated since, and not been counted yet. Raises ProbeError."""
    repeated: list[str] = []
    last: list[str] = []
    for log in LOGS:
        shown = node.run("grep", "-h", "-A", str(COUNTS), "hastd", log)
        if shown.status > 1 and "No such file or directory" not in shown.stderr:
            raise CommandFailed(f"whether lines of {log} were repeated cannot be read: {shown.words}")
        before = ""
        for line in shown.stdout.splitlines():
            if not re.search(COUNTED, line):
                before = next(iter(_with_signs(log_time.of_host([line], node), resource)), "")
            elif before:
                before = _at_the_time_of(line, before)
                repeated.append(before)
        last += [before] if before else []
    return repeated, last


def _at_the_time_of(line: str, before: str) -> str:
    """The line before, as if it were written when the other one was."""
    time, was = re.match(log_time.SYSLOG_TIME, line), re.match(log_time.SYSLOG_TIME, before)
    return f"{time[0] if time else ''}{before[was.end() :] if was else before}"


def parse_signs(lines: list[str], resource: str, now: datetime | None, offset: int | None = None) -> tuple[Sign, ...]:
    """The signs in log lines of any order; a line that stands in both logs counts once. `now` is the node's time,
    `offset` minutes ahead of UTC."""
    signs = []
    telling = set(_with_signs(lines, resource))
    for kind, pattern in SIGNS.items():
        matching = {line for line in telling if re.search(pattern, line)}
        if matching:
            times = [when for when in (log_time.of_line(line, now, offset) for line in matching) if when]
            last = max(times, default=None)  # two logs are read, one after the other
            current = None if now is None or last is None else _is_current(matching, last, now, offset)
            shown = last.strftime("%b %d %H:%M:%S") if last else "an unreadable time"
            signs.append(Sign(kind, len(matching), shown, current))
    return tuple(signs)


def _is_current(lines: Iterable[str], last: datetime, now: datetime, offset: int | None) -> bool | None:
    """Whether the youngest of the lines is of now; None where that depends on a zone which is not known."""
    age = (now - last).total_seconds()
    if age > REPEATS and age <= log_time.ZONES and offset is None and log_time.have_zones(lines):
        return None
    return age <= REPEATS


def _with_signs(lines: list[str], resource: str) -> list[str]:
    """The lines about the resource that are a sign of any kind."""
    about = f"[{resource}] "
    return [line for line in lines if about in line and any(re.search(sign, line) for sign in SIGNS.values())]


def youngest_archives(node: Node) -> list[Archive]:
    """The archives that newsyslog(8) has made last, of each of the LOGS. Raises ProbeError."""
    listed = node.run("ls", "/var/log").stdout.splitlines()
    archives = [match for name in listed if (match := re.fullmatch(ROTATED, name))]
    youngest = {match["log"]: match["time"] for match in sorted(archives, key=lambda match: match["time"])}
    return [
        Archive(f"/var/log/{match[0]}", f"/var/log/{match['log']}", DECOMPRESS[match["ending"]])
        for match in archives
        if match["time"] in ("0", youngest[match["log"]])
    ]


def unpacked(node: Node, archive: Archive) -> str:
    """Its text. Raises ProbeError."""
    shown = node.run(archive.program, archive.path)
    if shown.status != 0 and not shown.stdout:
        raise CommandFailed(f"{archive.path} cannot be read: {shown.words}")
    return shown.stdout
