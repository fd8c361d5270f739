"""exports(5) as mountd reads it: what is exported, to whom, with which rights, the same on both nodes."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from typing import NamedTuple

from checks.plugin.finding import CRITICAL, WARNING
from checks.plugin.tables import table
from checks.plugin.text import name_list
from checks.probes import exports, rc_conf
from checks.probes.errors import NotFound
from checks.probes.exports import MountdVerdict
from checks.setup.group import (
    AuditedNode,
    NodeFacts,
    Problems,
    SetupGroup,
    SetupProblem,
    SetupRow,
    Tier,
    digits,
    problem,
)

ROWS = (
    SetupRow(Tier.MANUAL, "setup-exports-missing", CRITICAL, "no file of exports exists, or none exports anything",
             "clients of this node get nothing", "on {node}: put /etc/exports back as it is on {peer}, then"
             " `service mountd onerestart` if it serves"),
    SetupRow(Tier.MANUAL, "setup-export-refused", CRITICAL, "mountd refuses a line of its exports",
             "it exports nothing of that line, and says so in the log alone",
             "on {node}: correct that line, or `sed -i '' {script} {file}`; then `service mountd onereload`"
             " if it serves"),
    SetupRow(Tier.MANUAL, "setup-export-outside", CRITICAL, "a directory is exported that is not of HAST",
             "its data is this node's alone: after a failover clients see another directory, or none",
             "on {node}: `sed -i '' {script} {file}`; then `service mountd onereload` if it serves"),
    SetupRow(Tier.MANUAL, "setup-export-everyone", WARNING, "a directory is exported to everyone",
             "whoever reaches the service address may mount it",
             "on {node}: `sed -i '' {script} {file}`; then `service mountd onereload` if it serves"),
    SetupRow(Tier.MANUAL, "setup-export-root", WARNING, "a directory is exported with -maproot=root",
             "root of every client is root there: it reads and writes everything, and makes setuid files",
             "on {node}: `sed -i '' {script} {file}`, then `service mountd onereload` if it serves; or accept it"),
    SetupRow(Tier.MANUAL, "setup-exports-differ", CRITICAL, "the nodes export different things",
             "after a failover clients are refused, or get other rights",
             "make /etc/exports the same on both nodes; on each: `service mountd onereload` if it serves"),
)  # fmt: skip


COMMENT = "s/^/#/"
"""mountd passes over a line that begins so, with all that a backslash continues it by (mountd.c,
get_exportlist_one())."""
AS_ROOT = re.compile(r"[-,](?:maproot|root|r)(?:=|\s+)(?:root|0)(?::[^\s,]*)?(?:,|(?=\s)|$)")
"""mountd.c, do_opt(): `maproot`, `root` and `r` are one option; its value: a name, a number or a credential."""
PLAIN = re.compile("[A-Za-z0-9=:, \t_-]+")
"""What of a line may stand in a script for sed(1)."""


class ExportFacts(NamedTuple):
    """The lines that export something, each as `FILE:NUMBER`, with what is to be said of it."""

    lines: Mapping[str, str] = {}
    """The text of each, blanks squeezed."""
    refused: Mapping[str, str] = {}
    outside: Mapping[str, str] = {}
    everyone: tuple[str, ...] = ()
    root: Mapping[str, str] = {}
    """From each line to its option that has root of a client be root, with a comma before or behind it."""


def read(audited: AuditedNode) -> ExportFacts:
    """Raises ProbeError."""
    node = audited.node
    asked = {"mountd": ("mountd_flags", "zfs_enable")}
    variables = rc_conf.read(node, asked)
    files = exports.files(variables.words("mountd", "mountd_flags"))
    points = _points(audited)
    facts = ExportFacts()
    lines, refused, outside = {}, {}, {}
    everyone, root = [], {}
    for path in files:
        try:
            text = node.read(path)
        except NotFound:
            continue
        for line in exports.parse(text):
            place = f"{path}:{line.number}"
            lines[place] = " ".join(line.text.split()) or " ".join(line.paths)
            if line.taken is MountdVerdict.NO:
                refused[place] = line.why
            strange = [each for each in map(exports.decoded, line.paths) if not _is_below(each, points)]
            if strange:
                outside[place] = name_list(strange)
            if not line.hosts and not line.network:
                everyone.append(place)
            if option := AS_ROOT.search(line.text):
                root[place] = option[0]
    return facts._replace(lines=lines, refused=refused, outside=outside, everyone=tuple(everyone), root=root)


def _points(audited: AuditedNode) -> list[str]:
    """Below which the file systems of the resources are: /hast, and what the node's configuration names. Raises
    ProbeError."""
    points = ["/hast"]
    for settings in table(audited.tables(), "resource").values():
        point = settings.get("mount_point") if isinstance(settings, dict) else None
        points += [point.rstrip("/")] if isinstance(point, str) and point else []
    return points


def _is_below(path: str, points: list[str]) -> bool:
    return any(path == point or posixpath.normpath(path).startswith(f"{point}/") for point in points)


def judge(facts: ExportFacts) -> Problems:
    """One node."""
    if not facts.lines:
        yield problem("setup-exports-missing", "nothing is exported")
    for place, why in facts.refused.items():
        yield _of_line("setup-export-refused", place, f"refused: {why}", COMMENT)
    for place, paths in facts.outside.items():
        yield _of_line("setup-export-outside", place, f"exports {paths}", COMMENT)
    for place in facts.everyone:
        if place not in facts.refused:
            yield _of_line("setup-export-everyone", place, "exports to everyone", "s,$, -network NETWORK,")
    for place, option in facts.root.items():
        left = "-" if option.endswith(",") and option.startswith("-") else "," if option.endswith(",") else ""
        function = f"s/{option}/{left}/" if PLAIN.fullmatch(option) else COMMENT
        yield _of_line("setup-export-root", place, "-maproot=root", function)


def _of_line(reason: str, place: str, says: str, function: str) -> SetupProblem:
    """`function`: of sed(1), for that line."""
    file, _, number = place.rpartition(":")
    return problem(reason, f"line {number} of {file}: {says}", file=file, script=f"{digits(number)}{function}")


def judge_pair(here: NodeFacts, there: NodeFacts) -> Problems:
    """The lines in their order, wherever they stand."""
    ours, theirs = (sorted(each.facts.lines.values()) for each in (here, there))
    if ours != theirs and ours and theirs:
        odd = [line for line in [*ours, *theirs] if (line in ours) is not (line in theirs)]
        yield problem("setup-exports-differ", f"the exports differ: {'; '.join(odd[:3])}")


GROUP = SetupGroup(
    "exports", "exports(5) as mountd reads it: only below the mount points, to whom, as root or not, on both nodes",
    ROWS, ExportFacts, read, judge, judge_pair,
)  # fmt: skip
