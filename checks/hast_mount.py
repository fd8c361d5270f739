"""check_hast_mount: whether the file system of a primary is mounted, writable, roomy and answering, and only there."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from functools import cache, partial

from checks.hast_mount_resource import Contents, FileSystem, Fsid, MountPoint
from checks.plugin.command import CheckCommand, add_thresholds
from checks.plugin.finding import CRITICAL, OK, UNKNOWN, WARNING, Row, Table
from checks.plugin.judging import Judgement, OverallJudge, Threshold, judges
from checks.plugin.nagios import Context, Metric
from checks.plugin.resource import Part
from checks.plugin.session import Session
from checks.plugin.text import say_size
from checks.probes import filesystem
from checks.probes.errors import Hangs, ProbeError
from checks.probes.filesystem import Mount, Usage
from checks.probes.hast import Role
from checks.probes.node_state import MountState

TABLE = Table(
    Row("mount-missing", CRITICAL, "primary, nothing mounted at the mount point", "clients have no file system",
        "on {node}: `hastwatch converge --dry-run` says what is to be done, or what forbids it; no mount by hand"),
    Row("mount-wrong-device", CRITICAL, "what is mounted at the mount point does not lie on the resource",
        "clients use a file system that is not the replicated one",
        "on {node}: `mount` and `hastwatch status`; save what clients wrote before you unmount it, see the runbook"),
    Row("mount-in-part", CRITICAL, "what is mounted lies only in part on what HAST replicates",
        "part of it is missing on the other node",
        "do not switch over or reboot {node}; `zpool status` or `gjournal list` there shows the part that is not "
        "replicated"),
    Row("mount-read-only", CRITICAL, "mounted read-only", "clients cannot write",
        "on {node}: `dmesg`; if the disk is well and nobody needs it so: `mount -uw MOUNT-POINT`"),
    Row("pool-suspended", CRITICAL, "its ZFS pool is suspended, or `zpool status` hangs",
        "clients hang until the other node serves; this one needs a reboot",
        "on {node}: `hastwatch converge` hands over if {peer} can serve; no `zpool clear`, no unmount before"),
    Row("mount-hangs", CRITICAL, "the file system does not answer in time", "clients hang: the disk may be dead",
        "on {node}: `timeout 10 hastctl list {resource}` and `dmesg`; no `umount -f`, no `kill -9` of hastd"),
    Row("mount-broken", CRITICAL, "df, or reading or writing (--depth), fails", "clients get errors",
        "on {node}: `dmesg` and `hastwatch status`; if the copy of {peer} is intact: `hastwatch switchover`"),
    Row("mount-fsid-changed", CRITICAL, "the fsid is not the recorded one",
        "every file handle that clients hold is stale",
        "on {node}: is it the right file system? if it was created anew: --fsid once, and clients mount again"),
    Row("mount-on-standby", CRITICAL, "mounted although the role is not primary", "what is written there is lost",
        "on {node}: `hastwatch converge --dry-run` says what is to be done, or what forbids it"),
    Row("mount-full-critical", CRITICAL, "used space outside -c", "clients cannot write, or soon",
        "on {node}: `du -xh -d 2 MOUNT-POINT` shows what takes the room"),
    Row("mount-inodes-critical", CRITICAL, "used inodes outside -c", "clients cannot make files, or soon",
        "on {node}: find the many small files, and ask their owners: `hastwatch explain mount-inodes-critical`"),
    Row("mount-full", WARNING, "used space outside -w", "room is running out",
        "on {node}: `du -xh -d 2 MOUNT-POINT` shows what takes the room"),
    Row("mount-inodes", WARNING, "used inodes outside -w", "room for files is running out",
        "on {node}: find the many small files, and ask their owners: `hastwatch explain mount-inodes-critical`"),
    Row("mount-device-unknown", UNKNOWN, "it is not known whether what is mounted lies on the resource",
        "whether it is replicated is unknown",
        "on {node}: `mount`; if it lies on /dev/hast/{resource}, name it as `device` in hastwatch.toml on both nodes"),
    Row("mount-role-unknown", UNKNOWN, "hastd does not say the role", "whether it has to be mounted is not known",
        "on {node}: `timeout 5 hastctl list {resource}`; check_hast says why hastd gives no role"),
    Row("mount-well", OK, "primary, mounted read-write, room left, answers", "clients have their file system"),
    Row("mount-absent", OK, "not primary, not mounted", "as it should be on a standby"),
)  # fmt: skip

PERFDATA = (
    ("RESOURCE_used", "per cent of the space that ordinary users may use, with -w and -c"),
    ("RESOURCE_available", "bytes that ordinary users may still use"),
    ("RESOURCE_inodes", "per cent of the inodes, with -w and -c"),
    ("RESOURCE_answer", "seconds until df had its answer"),
)

ABOUT = """\
Looks at the role (`hastctl list NAME`), at what is mounted (`mount`, and `mount -v` for the fsid) and at the space
(`df -ik` of it). On a primary a file system on the resource's device /dev/hast/NAME has to be mounted at its mount
point (/hast/NAME, or mount_point in the configuration), read-write, with room, answering in time, and with the fsid of
the first time, because clients' file handles hold it. It may lie on the device directly, or on labels, partitions,
geli(8), gjournal(8) or a mirror of it (`sysctl kern.geom.confxml`), or be of a ZFS pool on it (`zpool status`), which
must not be suspended. On any other role it must not be mounted. --depth read lists the directory; --depth write also
makes, syncs and removes an empty file .hastwatch.XXXXXXXX in it."""

WARN_PERCENT, CRITICAL_PERCENT = "85", "95"


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of this check."""
    add_thresholds(parser, "per cent of space and inodes used", False, WARN_PERCENT, CRITICAL_PERCENT)
    parser.add_argument("--depth", choices=("stat", "read", "write"), default="stat", help=(
        "how far to look: stat, read or write (default: stat)"
    ))  # fmt: skip
    parser.add_argument("--fsid", type=_fsid, metavar="HEX", help=(
        "the fsid that the file system must have; replaces the recorded one, needed after newfs"
    ))  # fmt: skip


def _fsid(text: str) -> str:
    if not re.fullmatch(r"[0-9a-fA-F]{16}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not an fsid of 16 hexadecimal digits, as `mount -v` prints it")
    return text.lower()


def judge_place(place: MountPoint) -> Judgement:
    """What has to be mounted, and whether it is the resource's."""
    point, look, mount = place.point, place.look, place.mount
    if look.mounted in (MountState.WRONG, MountState.IN_PART):
        reason = "mount-wrong-device" if look.mounted is MountState.WRONG else "mount-in-part"
        yield reason, f"at {point}, instead of {place.device}: {look.says}"
    elif look.suspended:
        yield "pool-suspended", f"at {point}: {look.suspended}"
    elif place.role is None:
        there = f"{mount.device} is mounted" if mount else "nothing is mounted"
        yield "mount-role-unknown", f"{place.unknown}; {there} at {point}"
    elif place.role is not Role.PRIMARY:
        reason = "mount-on-standby" if mount else "mount-absent"
        yield reason, f"role {place.role.value}, {'' if mount else 'not '}mounted at {point}"
    elif not mount:
        yield "mount-missing", f"role primary, nothing mounted at {point}"
    else:
        if look.mounted is MountState.NOT_KNOWN:
            yield "mount-device-unknown", f"at {point}: {look.says}"
        if mount.read_only:
            yield "mount-read-only", _say(mount)


def judge_trouble(error: ProbeError) -> Judgement:
    """What kept the file system from being used."""
    yield "mount-hangs" if isinstance(error, Hangs) else "mount-broken", str(error)


def judge_fsid(fsid: Fsid) -> Judgement:
    """Whether clients' file handles still hold."""
    if isinstance(fsid.recorded, str) and fsid.found != fsid.recorded:
        again = f"if the file system was recreated, give --fsid {fsid.found} once"
        yield "mount-fsid-changed", f"fsid {fsid.found}, recorded {fsid.recorded}; {again}"


def judge_contents(contents: Contents) -> Judgement:
    """What is well."""
    parts = [_say(contents.mount)]
    if usage := contents.usage:
        parts.append(f"{usage.percent:.0f} % used, {_free(usage)} free")
        parts += [f"{usage.inodes_percent:.0f} % of inodes"] if usage.inodes_percent is not None else []
    parts += [f"space not read ({contents.usage_unread})"] if contents.usage_unread else []
    parts += [f"fsid {contents.fsid}"] if contents.fsid else []
    parts += [f"fsid not read ({contents.fsid_unread})"] if contents.fsid_unread else []
    yield "mount-well", ", ".join([*parts, *contents.depth])


def _say(mount: Mount) -> str:
    return f"{mount.device} at {mount.point}, {'read-only' if mount.read_only else 'read-write'}"


def _free(usage: Usage) -> str:
    return say_size(max(usage.available, 0) * 1024)


def _say_space(metric: Metric, context: Context) -> str:
    return f"{metric.value:.0f} % of the space used, {_free(metric.resource.contents.usage)} free{_at(metric)}"


def _say_inodes(metric: Metric, context: Context) -> str:
    free = metric.resource.contents.usage.inodes_free
    return f"{metric.value:.0f} % of the inodes used, {free} free{_at(metric)}"


def _at(metric: Metric) -> str:
    return f" at {metric.resource.point}"


def parts(session: Session) -> Iterator[Part]:
    """The file system of each resource, and how it is judged. Raises ProbeError."""
    ranges = (session.options.warning or WARN_PERCENT, session.options.critical or CRITICAL_PERCENT)
    yield from judges(TABLE, place=judge_place, trouble=judge_trouble, fsid=judge_fsid)
    yield Threshold("space", TABLE, ("mount-full", "mount-full-critical"), ranges, _say_space, 1)
    yield Threshold("inodes", TABLE, ("mount-inodes", "mount-inodes-critical"), ranges, _say_inodes, 1)
    yield OverallJudge("well", TABLE, judge_contents)
    resources = session.resources()
    mounts = filesystem.mounts(session.here)
    with_fsid = cache(partial(filesystem.mounts, session.here, with_fsid=True))
    for resource in resources.values():
        yield FileSystem(session, resource, mounts, with_fsid)


QUESTIONS = (("mount",), ("mount", "-v"), ("hastctl", "list", "{name}"))

CHECK = CheckCommand(
    "check_hast_mount",
    "HAST MOUNT",
    ABOUT,
    TABLE,
    PERFDATA,
    parts,
    add_options,
    questions=QUESTIONS,
)
main = CHECK.main
