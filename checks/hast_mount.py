"""check_hast_mount: whether the file system of a primary is mounted, writable, roomy and answering, and only there."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from typing import NamedTuple

from checks.plugin.command import CheckCommand, add_thresholds
from checks.plugin.finding import CRITICAL, OK, UNKNOWN, WARNING, Row, Table
from checks.plugin.judging import COULD_NOT_LOOK, NUMBER, Judgement, Threshold, Well, judges
from checks.plugin.nagios import Context, Metric
from checks.plugin.resource import Part, ProbedResource
from checks.plugin.session import Session
from checks.plugin.text import say_size
from checks.probes import filesystem, hast
from checks.probes.errors import Failed, Hangs, NotFound, NotUnderstood, OutOfTime, ProbeError, ToolMissing
from checks.probes.filesystem import Mount, Usage
from checks.probes.hast import Role
from checks.probes.hast_conf import ConfiguredResource
from checks.probes.node_state import Look, Mounted, look_at_mount
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


class Place(NamedTuple):
    """What is at the mount point of a resource, and the role that says what has to be."""

    point: str
    device: str
    mount: Mount | None
    look: Look
    role: Role | None = None
    """None where it was not asked for, as what is there is wrong on any role, or where it is not known."""
    unknown: str = ""
    """Why the role is not known."""

    @property
    def is_wrong(self) -> bool:
        """Whatever the role is."""
        return self.look.mounted in (Mounted.WRONG, Mounted.IN_PART) or bool(self.look.suspended)


class Contents(NamedTuple):
    """What was read of the mounted file system of a primary, as deep as --depth goes; what was not says why."""

    mount: Mount
    usage: Usage | None = None
    usage_unread: str = ""
    fsid: str = ""
    fsid_unread: str = ""
    depth: tuple[str, ...] = ()


class Fsid(NamedTuple):
    """The fsid that was found, and the one given, else the one of the first time, on whichever node that was."""

    found: str
    recorded: object


class FileSystem(ProbedResource):
    """The file system of a resource on this node."""

    contents: Contents

    def __init__(self, session: Session, resource: ConfiguredResource, mounts: tuple[Mount, ...]) -> None:
        self.session, self.node, self.resource = session, session.here, resource
        self.point = session.config.for_resource(resource.name).mount_point
        self.mount = filesystem.mounted_at(mounts, self.point)

    @property
    def subject(self) -> str:
        return f"{self.resource.name} on {self.node.label}"

    def read(self) -> Iterator[Metric]:
        """The place, and what is mounted there on a primary. Raises ProbeError."""
        look = look_at_mount(self.node, self.mount, self.session.wanted(self.resource))
        place = Place(self.point, self.resource.device, self.mount, look)
        if not place.is_wrong:
            if look.unread and look.mounted is not Mounted.NOT_KNOWN:
                yield self.metric(COULD_NOT_LOOK, look.unread)
            try:
                place = place._replace(role=hast.resource(self.node, self.resource.name).role)
            except hast.NoState as error:
                place = place._replace(unknown=str(error))
        yield self.metric("place", place)
        if self.mount and place.role is Role.PRIMARY:
            yield from self._contents(Contents(self.mount))

    def _contents(self, contents: Contents) -> Iterator[Metric]:
        self.contents = contents
        try:
            yield from self._space()
            yield from self._fsid()
            yield from self._deeper()
        except Hangs as error:
            yield self.metric("trouble", error)
        yield self.metric("well", self.contents)

    def _space(self) -> Iterator[Metric]:
        try:
            usage = filesystem.usage(self.node, self.point)
        except ToolMissing as error:
            self.contents = self.contents._replace(usage_unread=str(error))
            return
        except Failed as error:
            yield self.metric("trouble", error)
            return
        self.contents = self.contents._replace(usage=usage)
        asked, name = self.node.log[-1], self.resource.name
        yield Metric(f"{name}_used", usage.percent, "%", 0, context="space")
        yield Metric(f"{name}_available", max(usage.available, 0) * 1024, "B", 0, context=NUMBER)
        if isinstance(asked, Completed):
            yield Metric(f"{name}_answer", round(asked.seconds, 3), "s", 0, context=NUMBER)
        if usage.inodes_percent is not None:
            yield Metric(f"{name}_inodes", usage.inodes_percent, "%", 0, context="inodes")

    def _fsid(self) -> Iterator[Metric]:
        kept_as = f"check_hast_mount-{self.resource.name}-fsid"
        recorded = self.session.options.fsid or self.session.memory.get(kept_as).get("fsid")
        try:
            mount = filesystem.mounted_at(filesystem.mounts(self.node, with_fsid=True), self.point)
            found = mount.fsid if mount else ""
            if not re.fullmatch(r"[0-9a-f]{16}", found):
                raise NotUnderstood("fsid of mount -v", found or "(none)")
        except (Hangs, OutOfTime):
            raise
        except ProbeError as error:
            self.contents = self.contents._replace(fsid_unread=str(error))
            return
        self.contents = self.contents._replace(fsid=found)
        if not isinstance(recorded, str) or found == recorded:
            self.session.memory.put(kept_as, {"fsid": found})
        yield self.metric("fsid", Fsid(found, recorded))

    def _deeper(self) -> Iterator[Metric]:
        """What --depth asks for. Writing makes a new name and opens no old one: a client may have put a link there."""
        depth = self.session.options.depth
        if depth == "stat":
            return
        try:
            filesystem.names_under(self.node, self.point)
            self.contents = self.contents._replace(depth=("read",))
            if depth == "write" and not self.contents.mount.read_only:
                filesystem.write_and_remove(self.node, self.point)
                self.contents = self.contents._replace(depth=("read", "written"))
        except (Failed, NotFound) as error:
            yield self.metric("trouble", error)


def judge_place(place: Place) -> Judgement:
    """What has to be mounted, and whether it is the resource's."""
    point, look, mount = place.point, place.look, place.mount
    if look.mounted in (Mounted.WRONG, Mounted.IN_PART):
        reason = "mount-wrong-device" if look.mounted is Mounted.WRONG else "mount-in-part"
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
        if look.mounted is Mounted.NOT_KNOWN:
            yield "mount-device-unknown", f"at {point}: {look.says}"
        if mount.read_only:
            yield "mount-read-only", _say(mount)


def judge_trouble(error: ProbeError) -> Judgement:
    """What kept the file system from being used."""
    yield "mount-hangs" if isinstance(error, Hangs) else "mount-broken", str(error)


def judge_fsid(fsid: Fsid) -> Judgement:
    """Whether clients' file handles still hold."""
    if isinstance(fsid.recorded, str) and fsid.found != fsid.recorded:
        again = f"if the file system was made anew, give --fsid {fsid.found} once"
        yield "mount-fsid-changed", f"fsid {fsid.found}, recorded {fsid.recorded}; {again}"


def judge_contents(contents: Contents) -> Judgement:
    """What is well."""
    said = [_say(contents.mount)]
    if usage := contents.usage:
        said.append(f"{usage.percent:.0f} % used, {_free(usage)} free")
        said += [f"{usage.inodes_percent:.0f} % of inodes"] if usage.inodes_percent is not None else []
    said += [f"space not read ({contents.usage_unread})"] if contents.usage_unread else []
    said += [f"fsid {contents.fsid}"] if contents.fsid else []
    said += [f"fsid not read ({contents.fsid_unread})"] if contents.fsid_unread else []
    yield "mount-well", ", ".join([*said, *contents.depth])


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
    yield Well("well", TABLE, judge_contents)
    resources = session.resources()
    mounts = filesystem.mounts(session.here)
    for resource in resources.values():
        yield FileSystem(session, resource, mounts)


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
