"""The mount points of the resources: there, and closed to whoever writes while nothing is mounted."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from checks.plugin.finding import CRITICAL, WARNING
from checks.plugin.tables import table
from checks.plugin.text import name_list, say_count
from checks.probes import filesystem, hast_conf
from checks.probes.errors import CommandFailed, NotFound, NotUnderstood
from checks.setup.group import AuditedNode, Problems, SetupGroup, SetupRow, Tier, problem

LISTED = re.compile(r"(?P<kind>[-a-z])\S{9,10} +\d+ +\S+ +\S+ +(?P<flags>\S+) +\d+ ", re.ASCII)
"""A line of `ls -ldo` (ls.c, print.c)."""

ROWS = (
    SetupRow(Tier.SAFE, "setup-point-missing", CRITICAL, "a mount point does not exist",
             "this node cannot mount when it takes over: an outage",
             "on {node}: `mkdir -p {point}`, then `chflags schg {point}`"),
    SetupRow(Tier.SAFE, "setup-point-writable", WARNING, "a mount point is not immutable while nothing is mounted",
             "a process that writes there fills the root file system, and the next mount hides what it wrote",
             "on {node}: `chflags schg {point}`"),
    SetupRow(Tier.MANUAL, "setup-point-not-empty", CRITICAL, "files lie in a mount point while nothing is mounted",
             "lost mail: the next mount hides it",
             "on {node}: `chflags noschg {point}`, `mv {point} {aside}`, `mkdir {point}`, `chflags schg {point}`"),
)  # fmt: skip


class PointFacts(NamedTuple):
    """The mount points where nothing is mounted now, by what is to be said of them."""

    missing: tuple[str, ...] = ()
    writable: tuple[str, ...] = ()
    names: Mapping[str, str] = {}
    """From each that is not empty to how many names are in it, and some of them."""


def read(audited: AuditedNode) -> PointFacts:
    """Raises ProbeError."""
    node, settings = audited.node, table(audited.tables(), "resource")
    mounted = {each.point for each in filesystem.mounts(node)}
    missing, writable, names = [], [], {}
    try:
        names_there = list(hast_conf.configured(node))
    except (NotFound, NotUnderstood):
        names_there = list(settings)  # why hastd refuses the file is said of the file
    for name in names_there:
        given = table(settings, name).get("mount_point")
        point = given.rstrip("/") if isinstance(given, str) and given else f"/hast/{name}"
        if point in mounted:
            continue
        listed = node.run("ls", "-ldo", point)
        if "No such file" in listed.stderr:
            missing.append(point)
            continue
        line = LISTED.match(listed.stdout)
        if listed.status != 0 or not line:
            raise CommandFailed(f"`ls -ldo {point}` exits with {listed.status}: {listed.words}")
        if line["kind"] != "d":
            missing.append(point)
        elif "schg" not in line["flags"].split(","):
            writable.append(point)
        inside = node.run("ls", "-A", point).stdout.splitlines() if line["kind"] == "d" else []
        if inside:
            names[point] = f"{say_count(len(inside), 'name')}: {name_list(inside[:3])}"
    return PointFacts(tuple(missing), tuple(writable), names)


def judge(facts: PointFacts) -> Problems:
    """One node."""
    for point in facts.missing:
        yield problem("setup-point-missing", f"no directory {point}", point=point)
    for point in facts.writable:
        yield problem("setup-point-writable", f"{point} takes files, and nothing is mounted there", point=point)
    for point, says in facts.names.items():
        yield problem("setup-point-not-empty", f"{point} has {says}", point=point, aside=f"{point}.found")


GROUP = SetupGroup(
    "points", "the mount points: there, empty and immutable while nothing is mounted", ROWS, PointFacts, read, judge
)
