"""File systems: what mount(8), df(1) and ls(1) say.

Always asked by a process of its own, because a dead disk hangs whoever asks.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from checks.probes.errors import CommandFailed, NotFound, NotPermitted, NotUnderstood
from checks.probes.node import Node
from checks.probes.process import CompletedCommand

MOUNT = r"(?P<device>\S.*?) on (?P<point>/.*) \((?P<options>[^()]*)\)"
"""mount.c prtprintf(): `DEVICE on POINT (TYPE, OPTION, ...)`."""


class Mount(NamedTuple):
    """A mounted file system. `exported` is mount's own word `NFS exported`; `fsid` is known from `mount -v` only."""

    device: str
    point: str
    kind: str
    read_only: bool
    exported: bool
    fsid: str


class Usage(NamedTuple):
    """Kilobytes and inodes of a file system, as df(1) counts: what only root may still use is neither free nor used."""

    used: int
    available: int
    inodes_used: int | None = None
    inodes_free: int | None = None

    @property
    def percent(self) -> float:
        """Of what an ordinary user may use, how much is used; may be above 100."""
        return 100 * self.used / max(self.used + self.available, 1)

    @property
    def inodes_percent(self) -> float | None:
        """The same of the inodes, where they were asked for."""
        if self.inodes_used is None or self.inodes_free is None:
            return None
        return 100 * self.inodes_used / max(self.inodes_used + self.inodes_free, 1)


def mounts(node: Node, with_fsid: bool = False) -> tuple[Mount, ...]:
    """What is mounted now. Raises ProbeError."""
    completed = node.run("mount", *(["-v"] if with_fsid else []))
    if completed.status != 0:
        raise CommandFailed(f"`mount` exits with {completed.status}: {completed.words}")
    node.note_odd("mount", [line for line in completed.stdout.splitlines() if _is_none(line)])
    return parse_mount(completed.stdout)


def parse_mount(text: str) -> tuple[Mount, ...]:
    """The lines of `mount` or `mount -v`. Raises NotUnderstood where one that is not understood may be a mounted file
    system: that it is not mounted would be a guess. No line at all is not an answer either."""
    mounts = []
    for line in text.splitlines():
        if _is_none(line) and text.endswith("\n"):  # else it is cut off
            continue
        fields = re.fullmatch(MOUNT, line)
        if not fields:
            raise NotUnderstood("mount", line)
        options = [option.strip() for option in fields["options"].split(",")]
        fsid = next((option.removeprefix("fsid ") for option in options if option.startswith("fsid ")), "")
        mounts.append(
            Mount(
                device=fields["device"],
                point=fields["point"],
                kind=options[0],
                read_only="read-only" in options,
                exported="NFS exported" in options,
                fsid=fsid,
            )
        )
    if not any(mount.point == "/" for mount in mounts):
        raise NotUnderstood("mount without a root file system", text[:160] or "(empty)")
    return tuple(mounts)


def _is_none(line: str) -> bool:
    """Whether a line is none of a mounted file system, which has `on` before a path."""
    return bool(line.strip()) and " on " not in line and "/" not in line


def mounted_at(mounts: tuple[Mount, ...], point: str) -> Mount | None:
    """What is mounted at `point`: the last of them, which covers the others."""
    return next((mount for mount in reversed(mounts) if mount.point == point), None)


def usage(node: Node, point: str) -> Usage:
    """Space and inodes of the file system mounted at `point`. Raises ProbeError.

    df is asked for this one: asked for all it would hang on a dead file system that is none of ours.
    """
    completed = node.run("df", "-ik", point)
    if completed.status != 0:
        raise CommandFailed(f"`df -ik {point}` exits with {completed.status}: {completed.words}")
    return parse_df(completed.stdout, point)


def parse_df(text: str, point: str) -> Usage:
    """The line of `df -ik` (or `df -k`) for the file system mounted at `point`. Raises NotUnderstood."""
    for line in text.splitlines()[1:]:
        fields = re.fullmatch(
            r"\S.*?\s+\d+\s+(?P<used>\d+)\s+(?P<available>-?\d+)\s+\d+%"
            r"(?:\s+(?P<iused>\d+)\s+(?P<ifree>\d+)\s+(?:\d+%|-))?\s+(?P<point>/.*)",
            line,
            re.ASCII,
        )
        if not fields:
            raise NotUnderstood("df", line)
        if fields["point"] == point:
            iused, ifree = fields["iused"], fields["ifree"]
            return Usage(
                used=int(fields["used"]),
                available=int(fields["available"]),
                inodes_used=None if iused is None else int(iused),
                inodes_free=None if ifree is None else int(ifree),
            )
    raise NotUnderstood(f"df without {point}", text[:160] or "(empty)")


def names_under(node: Node, directory: str) -> tuple[str, ...]:
    """The names in a directory, hidden ones too. Raises NotFound, NotPermitted and ProbeError."""
    completed = node.run("ls", "-A", directory)
    refuse_missing(completed, directory)
    if completed.status != 0:
        raise CommandFailed(f"`ls -A {directory}` exits with {completed.status}: {completed.words}")
    return tuple(line for line in completed.stdout.splitlines() if line)


def write_and_remove(node: Node, directory: str) -> None:
    """Make an empty file of a new name in a directory, bring it to the disk, remove it. Raises ProbeError."""
    created = node.run("mktemp", f"{directory}/.hastwatch.XXXXXXXX")
    path = created.stdout.strip()
    if created.status != 0 or not re.fullmatch(re.escape(directory) + r"/\.hastwatch\.[A-Za-z0-9]{8}", path):
        raise CommandFailed(f"no file can be made in {directory}: {created.words}")
    for tool in ("fsync", "rm"):
        completed = node.run(tool, path)
        if completed.status != 0:
            raise CommandFailed(f"`{tool} {path}` exits with {completed.status}: {completed.words}")


def refuse_missing(completed: CompletedCommand, path: str) -> None:
    """Raise NotFound or NotPermitted where a command says that of a path."""
    if completed.status != 0 and "No such file or directory" in completed.stderr:
        raise NotFound(f"{path}: no such file or directory")
    if completed.status != 0 and "ermission denied" in completed.stderr:
        raise NotPermitted(f"{path}: permission denied")


def belongs(mount: Mount, device: str, resource: str) -> bool:
    """Whether a mounted file system is that of a resource: its device, or for ZFS the pool named like the resource."""
    if mount.kind == "zfs":
        return mount.device.partition("/")[0] == resource
    return mount.device == device
