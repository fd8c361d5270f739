"""When a node was booted: the mark by which what was written down in another boot is told from this one's."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from checks.probes.errors import NotUnderstood

if TYPE_CHECKING:
    from checks.probes.node import Node

BOOTTIME = r"\{ sec = (?P<seconds>\d+), usec = \d+ \}"
"""kern_tc.c sysctl_kern_boottime, as sysctl(8) prints a struct timeval."""
SAME_BOOT = 60
"""Seconds by which kern.boottime may differ within one boot: a step of the clock moves it too."""


def boot_time(node: Node) -> int:
    """When the node was booted, seconds since 1970. Raises ProbeError."""
    text = node.run("sysctl", "-n", "kern.boottime").stdout
    found = re.search(BOOTTIME, text)
    if not found:
        raise NotUnderstood("kern.boottime", text or "(empty)")
    return int(found["seconds"])


def same_boot(one: str, other: str) -> bool:
    """Whether two values of kern.boottime (seconds) are of the same boot."""
    return one.isdigit() and other.isdigit() and abs(int(one) - int(other)) <= SAME_BOOT
