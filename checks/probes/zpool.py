"""What a ZFS pool is made of, and whether it is suspended: `zpool status -P` (zpool-status(8)), which any user may ask.

Of a pool that cannot reach its devices this is what still answers: it needs only the configuration that the kernel has
in memory (spa.c, spa_get_stats()). `zpool list` and `get` read properties from the pool (spa_prop_get()), statfs(2) and
so df(1) says what it always says (zfs_vfsops.c, zfs_statfs()), and everything else waits.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from checks.probes.errors import CommandFailed, NotUnderstood
from checks.probes.node import Node

HEADING = r"\tNAME +STATE\b.*"
LINE = r"\t(?P<depth> *)(?P<name>\S+)(?:  *(?P<rest>\S.*))?"
"""`zpool_main.c print_status_config()`: the name behind as many blanks as its depth."""
WAS = r".*\bwas (?P<path>/\S+)$"
"""The same, of a device that is not there: its number, and which it was."""
WITHOUT_DATA = ("cache", "spares")
"""Headings of devices without which nothing of the pool is missing (zpoolconcepts(7))."""
COPIES = r"(mirror|replacing|spare)-\d+"
"""Groups each of whose members holds all of it."""


STATE = r"(?m)^ *state: (?P<state>[A-Z]+)$"
LOST = ("SUSPENDED", "UNAVAIL", "FAULTED")
"""libzfs_pool.c, zpool_get_state_str(), zpool_state_to_name(): no device is left that could serve."""
SUSPENDED = r"(?m)^ *see: \S*/(?P<message>ZFS-8000-(HC|JQ|MM))$"
"""libzfs_status.c, check_status(): the pool is suspended, with failmode=wait, with failmode=continue, by multihost. For
the second zpool_get_state_str() of 13.2 does not say so."""


class DeviceGroup(NamedTuple):
    """Devices of which either all are needed, or one is enough."""

    devices: tuple[str, ...]
    one_is_enough: bool


def status(node: Node, pool: str) -> str:
    """What `zpool status -P` prints of an imported pool. Raises ProbeError."""
    completed = node.run("zpool", "status", "-P", pool)
    if completed.status != 0:
        raise CommandFailed(f"`zpool status -P {pool}` exits with {completed.status}: {completed.words}")
    return completed.stdout


def suspended(text: str, pool: str) -> str:
    """Why nothing of the pool can be read or written, in words, out of what `status` gives; empty where it can."""
    state, message = re.search(STATE, text), re.search(SUSPENDED, text)
    if message or (state and state["state"] in LOST):
        parts = [f"state {state['state']}" if state else "", message["message"] if message else ""]
        return f"the pool {pool} is suspended ({', '.join(filter(None, parts))})"
    return ""


def parse(text: str, pool: str) -> tuple[DeviceGroup, ...]:
    """The groups in the `config:` section. Raises NotUnderstood."""
    lines = text.splitlines()
    start = next((number for number, line in enumerate(lines) if re.fullmatch(HEADING, line)), None)
    if start is None:
        raise NotUnderstood(f"zpool status of {pool}", text[:160] or "(empty)")
    groups: list[DeviceGroup] = []
    skipped, depth_of_group = False, -1
    for line in lines[start + 1 :]:
        fields = re.fullmatch(LINE, line)
        if not fields:
            break
        depth, name = len(fields["depth"]), fields["name"]
        if depth == 0:
            skipped, depth_of_group = name in WITHOUT_DATA, -1
        elif not skipped and name.startswith("/"):
            groups = _with(groups, name, depth > depth_of_group >= 0)
        elif not skipped and (was := re.fullmatch(WAS, fields["rest"] or "")):
            groups = _with(groups, was["path"], depth > depth_of_group >= 0)
        elif not skipped and (depth_of_group < 0 or depth <= depth_of_group):
            groups.append(DeviceGroup((), bool(re.fullmatch(COPIES, name))))
            depth_of_group = depth
    if not any(group.devices for group in groups):
        raise NotUnderstood(f"zpool status of {pool} without a device", text[:160])
    return tuple(group for group in groups if group.devices)


def _with(groups: list[DeviceGroup], device: str, is_member: bool) -> list[DeviceGroup]:
    """The groups with a device more: a member of the last one, or one by itself."""
    if not is_member:
        return [*groups, DeviceGroup((device,), False)]
    return [*groups[:-1], groups[-1]._replace(devices=(*groups[-1].devices, device))]
