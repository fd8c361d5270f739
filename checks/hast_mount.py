"""check_hast_mount: whether the file system of a primary is mounted, writable, roomy and answering, and only there."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator

from checks.plugin.command import CheckCommand, add_thresholds
from checks.plugin.finding import CRITICAL, OK, UNKNOWN, WARNING, Finding, Number, Row, Table
from checks.plugin.session import Session
from checks.plugin.text import say_size
from checks.plugin.threshold import outside
from checks.plugin.yielded import yielded
from checks.probes import filesystem, hast
from checks.probes.errors import Failed, Hangs, NotFound, NotUnderstood, OutOfTime, ProbeError, ToolMissing
from checks.probes.filesystem import Mount
from checks.probes.hast import Role
from checks.probes.hast_conf import ConfiguredResource
from checks.probes.node_state import Mounted, look_at_mount
from checks.probes.process import Completed

TABLE = Table(
    Row("mount-missing", CRITICAL, "primary, nothing mounted at the mount point", "clients have no file system"),
    Row("mount-wrong-device", CRITICAL, "what is mounted at the mount point does not lie on the resource",
        "clients use a file system that is not the replicated one"),
    Row("mount-in-part", CRITICAL, "what is mounted lies only in part on what HAST replicates",
        "part of it is missing on the other node: a failover cannot bring it back"),
    Row("mount-read-only", CRITICAL, "mounted read-only", "clients cannot write"),
    Row("pool-suspended", CRITICAL, "its ZFS pool is suspended, or `zpool status` does not end",
        "clients hang: the other node has to serve, and only a reboot brings this one back"),
    Row("mount-hangs", CRITICAL, "the file system does not answer in time", "clients hang: the disk may be dead"),
    Row("mount-broken", CRITICAL, "df, or reading or writing (--depth), fails", "clients get errors"),
    Row("mount-fsid-changed", CRITICAL, "the fsid is not the recorded one",
        "every file handle that clients hold is stale"),
    Row("mount-on-standby", CRITICAL, "mounted although the role is not primary", "what is written there is lost"),
    Row("mount-full-critical", CRITICAL, "used space outside -c", "clients cannot write, or soon"),
    Row("mount-inodes-critical", CRITICAL, "used inodes outside -c", "clients cannot make files, or soon"),
    Row("mount-full", WARNING, "used space outside -w", "room is running out"),
    Row("mount-inodes", WARNING, "used inodes outside -w", "room for files is running out"),
    Row("mount-device-unknown", UNKNOWN, "it is not known whether what is mounted lies on the resource",
        "whether it is replicated is not known: name the device in hastwatch.toml"),
    Row("mount-role-unknown", UNKNOWN, "hastd does not say the role", "whether it has to be mounted is not known"),
    Row("mount-well", OK, "primary, mounted read-write, room left, answers", "clients have their file system"),
    Row("mount-absent", OK, "not primary, not mounted", "as it has to be on a standby"),
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


def add_options(made: argparse.ArgumentParser) -> None:
    """The options of this check."""
    add_thresholds(made, "per cent of space and inodes used", "default: -w 85 -c 95", sizes=False)
    made.add_argument(
        "--depth", choices=("stat", "read", "write"), default="stat", help="how far to look (default: stat)"
    )
    made.add_argument("--fsid", type=_fsid, metavar="HEX", help=(
        "the fsid that the file system must have; replaces the recorded one, needed after newfs"
    ))  # fmt: skip


def _fsid(text: str) -> str:
    if not re.fullmatch(r"[0-9a-fA-F]{16}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not an fsid of 16 hexadecimal digits, as `mount -v` prints it")
    return text.lower()


def look(session: Session) -> Iterator[Finding | Number]:
    """Judge every resource."""
    resources = session.resources()
    mounts = filesystem.mounts(session.here)
    for name, resource in resources.items():
        subject = f"{name} on {session.here.label}"
        yield from session.guarded(subject, _resource(session, resource, mounts, subject))


def _resource(
    session: Session, resource: ConfiguredResource, mounts: tuple[Mount, ...], subject: str
) -> Iterator[Finding | Number]:
    point = session.config.for_resource(resource.name).mount_point
    mount = filesystem.mounted_at(mounts, point)
    found, says, suspended, unread = look_at_mount(session.here, mount, session.wanted(resource))
    if found in (Mounted.WRONG, Mounted.IN_PART):
        reason = "mount-wrong-device" if found is Mounted.WRONG else "mount-in-part"
        yield TABLE.finding(reason, subject, f"at {point}, instead of {resource.device}: {says}")
        return
    if suspended:
        yield TABLE.finding("pool-suspended", subject, f"at {point}: {suspended}")
        return
    if unread and found is not Mounted.NOT_KNOWN:
        yield TABLE.could_not_look(subject, unread)
    try:
        role = hast.resource(session.here, resource.name).role
    except hast.NoState as error:
        there = f"{mount.device} is mounted" if mount else "nothing is mounted"
        yield TABLE.finding("mount-role-unknown", subject, f"{error}; {there} at {point}")
        return
    if role is not Role.PRIMARY:
        reason = "mount-on-standby" if mount else "mount-absent"
        yield TABLE.finding(reason, subject, f"role {role.value}, {'' if mount else 'not '}mounted at {point}")
    elif not mount:
        yield TABLE.finding("mount-missing", subject, f"role primary, nothing mounted at {point}")
    else:
        unknown = says if found is Mounted.NOT_KNOWN else ""
        yield from _mounted(session, resource.name, mount, subject, unknown)


def _mounted(session: Session, name: str, mount: Mount, subject: str, unknown: str) -> Iterator[Finding | Number]:
    """The file system of a primary: all that is wrong with it, else that it is well. `unknown` says why it is not known
    whether it is the resource's, or is empty."""
    trouble = [TABLE.finding("mount-device-unknown", subject, f"at {mount.point}: {unknown}")] if unknown else []
    said = [f"{mount.device} at {mount.point}, {'read-only' if mount.read_only else 'read-write'}"]
    if mount.read_only:
        trouble.append(TABLE.finding("mount-read-only", subject, said[0]))
    try:
        for seen in _space(session, name, mount.point, subject, said):
            if isinstance(seen, Finding):
                trouble.append(seen)
            else:
                yield seen
        trouble += _same_fsid(session, name, mount.point, subject, said)
        trouble += _deeper(session, mount, subject, said)
    except Hangs as error:
        trouble.append(TABLE.finding("mount-hangs", subject, str(error)))
    yield from trouble or [TABLE.finding("mount-well", subject, ", ".join(said))]


def _space(session: Session, name: str, point: str, subject: str, said: list[str]) -> Iterator[Finding | Number]:
    warning, critical = session.options.warning or WARN_PERCENT, session.options.critical or CRITICAL_PERCENT
    try:
        used = filesystem.usage(session.here, point)
    except ToolMissing as error:
        said.append(f"space not read ({error})")
        return
    except Failed as error:
        yield TABLE.finding("mount-broken", subject, str(error))
        return
    asked = session.here.log[-1]
    yield Number(f"{name}_used", round(used.percent, 1), "%", warning, critical, 0)
    yield Number(f"{name}_available", max(used.available, 0) * 1024, "B", least=0)
    if isinstance(asked, Completed):
        yield Number(f"{name}_answer", round(asked.seconds, 3), "s", least=0)
    free = say_size(max(used.available, 0) * 1024)
    said.append(f"{used.percent:.0f} % used, {free} free")
    text = f"{used.percent:.0f} % of the space used, {free} free at {point}"
    yield from _judged("mount-full", used.percent, warning, critical, subject, text)
    if used.inodes_percent is not None:
        said.append(f"{used.inodes_percent:.0f} % of inodes")
        yield Number(f"{name}_inodes", round(used.inodes_percent, 1), "%", warning, critical, 0)
        text = f"{used.inodes_percent:.0f} % of the inodes used, {used.inodes_free} free at {point}"
        yield from _judged("mount-inodes", used.inodes_percent, warning, critical, subject, text)


def _judged(reason: str, percent: float, warning: str, critical: str, subject: str, text: str) -> Iterator[Finding]:
    """Hold a percentage against its thresholds."""
    if outside(percent, critical):
        yield TABLE.finding(f"{reason}-critical", subject, text)
    elif outside(percent, warning):
        yield TABLE.finding(reason, subject, text)


def _same_fsid(session: Session, name: str, point: str, subject: str, said: list[str]) -> Iterator[Finding]:
    """Compare the fsid with the one given, else with the one of the first time, on whichever node that was."""
    kept_as = f"check_hast_mount-{name}-fsid"
    recorded = session.options.fsid or session.memory.get(kept_as).get("fsid")
    try:
        mount = filesystem.mounted_at(filesystem.mounts(session.here, with_fsid=True), point)
        found = mount.fsid if mount else ""
        if not re.fullmatch(r"[0-9a-f]{16}", found):
            raise NotUnderstood("fsid of mount -v", found or "(none)")
    except (Hangs, OutOfTime):
        raise
    except ProbeError as error:
        said.append(f"fsid not read ({error})")
        return
    said.append(f"fsid {found}")
    if isinstance(recorded, str) and found != recorded:
        text = f"fsid {found}, recorded {recorded}; if the file system was made anew, give --fsid {found} once"
        yield TABLE.finding("mount-fsid-changed", subject, text)
    else:
        session.memory.put(kept_as, {"fsid": found})


def _deeper(session: Session, mount: Mount, subject: str, said: list[str]) -> Iterator[Finding]:
    """What --depth asks for. Writing makes a new name and opens no old one: a client may have put a link there."""
    depth, node = session.options.depth, session.here
    if depth == "stat":
        return
    try:
        filesystem.names_under(node, mount.point)
        said.append("read")
        if depth == "write" and not mount.read_only:
            filesystem.write_and_remove(node, mount.point)
            said.append("written")
    except (Failed, NotFound) as error:
        yield TABLE.finding("mount-broken", subject, str(error))


QUESTIONS = (("mount",), ("mount", "-v"), ("hastctl", "list", "{name}"))

CHECK = CheckCommand(
    "check_hast_mount",
    "HAST MOUNT",
    ABOUT,
    TABLE,
    PERFDATA,
    yielded(look, TABLE),
    add_options,
    questions=QUESTIONS,
)
main = CHECK.main
