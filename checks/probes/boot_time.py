"""Which boot of a node this is: the mark by which what was recorded in another boot is told from this one's.

kern.boottime is no such mark: every step of the clock moves it (kern_tc.c, tc_setclock() adds the step to
boottimebin), and ntpd(8) -g steps the clock at boot. The mark is a random id in a plain file in /var/run, which
rc.d/cleanvar empties of plain files at every boot, before FILESYSTEMS and so before any script of ours
(`cleanvar_enable` is YES by default). `remediate.failover.this_boot` makes it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from checks.probes.errors import NotFound, NotUnderstood

if TYPE_CHECKING:
    from checks.probes.node import Node

PATH = "/var/run/hastwatch.boot"
MARK = r"[0-9a-f]{32}"
BOOTTIME = r"\{ sec = (?P<seconds>\d+), usec = \d+ \}"
"""kern_tc.c sysctl_kern_boottime, as sysctl(8) prints a struct timeval."""


def boot_mark(node: Node) -> str:
    """The mark of this boot, empty where there is none (yet) or it is damaged. Raises ProbeError."""
    return read_mark(node.read)


def read_mark(read: Callable[[str], str]) -> str:
    """The same, by what reads a file. Raises what that raises but NotFound."""
    try:
        text = read(PATH).strip()
    except NotFound:
        return ""
    return text if re.fullmatch(MARK, text) else ""


def same_boot(one: str, other: str) -> bool:
    """Whether two marks are of the same boot. One that is not known (empty) is of no boot that could be named."""
    return bool(one) and one == other


def uptime(node: Node) -> float:
    """For how many seconds the node has been up, both instants by its own clock. Raises ProbeError."""
    text = node.run("date", "+%s").stdout.strip()
    if not re.fullmatch(r"\d{1,12}", text):
        raise NotUnderstood("date", text or "(empty)")
    return max(float(text) - boot_time(node), 0.0)


def boot_time(node: Node) -> int:
    """When the node was booted by its present clock, seconds since 1970: for its uptime, which a step of the clock does
    not change. Raises ProbeError."""
    text = node.run("sysctl", "-n", "kern.boottime").stdout
    match = re.search(BOOTTIME, text)
    if not match:
        raise NotUnderstood("kern.boottime", text or "(empty)")
    return int(match["seconds"])
