"""The file system of a resource as check_hast_mount reads it: the place, and what is mounted there on a primary."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from checks.plugin.judging import COULD_NOT_LOOK, NUMBER
from checks.plugin.nagios import Metric
from checks.plugin.resource import ProbedResource
from checks.plugin.session import Session
from checks.probes import filesystem, hast
from checks.probes.errors import CommandFailed, Hangs, NotFound, NotUnderstood, OutOfTime, ProbeError, ToolMissing
from checks.probes.filesystem import Mount, Usage
from checks.probes.hast import Role
from checks.probes.hast_conf import ConfiguredResource
from checks.probes.node_state import MountLook, MountState
from checks.probes.process import CompletedCommand
from checks.probes.read_node import look_at_mount


class MountPoint(NamedTuple):
    """What is at the mount point of a resource, and the role that says what has to be."""

    point: str
    device: str
    mount: Mount | None
    look: MountLook
    role: Role | None = None
    """None where it was not asked for, as what is there is wrong on any role, or where it is not known."""
    unknown: str = ""
    """Why the role is not known."""

    @property
    def is_wrong(self) -> bool:
        """Whatever the role is."""
        return self.look.mounted in (MountState.WRONG, MountState.IN_PART) or bool(self.look.suspended)


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

    def __init__(
        self,
        session: Session,
        resource: ConfiguredResource,
        mounts: tuple[Mount, ...],
        with_fsid: Callable[[], tuple[Mount, ...]],
    ) -> None:
        """`with_fsid` reads the mounts again, with the fsid of each, and raises ProbeError."""
        self.session, self.node, self.resource = session, session.here, resource
        self.point = session.config.for_resource(resource.name).mount_point
        self.mount = filesystem.mounted_at(mounts, self.point)
        self.with_fsid = with_fsid

    @property
    def subject(self) -> str:
        return f"{self.resource.name} on {self.node.label}"

    def read(self) -> Iterator[Metric]:
        """The place, and what is mounted there on a primary. Raises ProbeError."""
        look = look_at_mount(self.node, self.mount, self.session.wanted(self.resource))
        place = MountPoint(self.point, self.resource.device, self.mount, look)
        if not place.is_wrong:
            if look.unread and look.mounted is not MountState.NOT_KNOWN:
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
        except CommandFailed as error:
            yield self.metric("trouble", error)
            return
        self.contents = self.contents._replace(usage=usage)
        asked, name = self.node.log[-1], self.resource.name
        yield Metric(f"{name}_used", usage.percent, "%", 0, context="space")
        yield Metric(f"{name}_available", max(usage.available, 0) * 1024, "B", 0, context=NUMBER)
        if isinstance(asked, CompletedCommand):
            yield Metric(f"{name}_answer", round(asked.seconds, 3), "s", 0, context=NUMBER)
        if usage.inodes_percent is not None:
            yield Metric(f"{name}_inodes", usage.inodes_percent, "%", 0, context="inodes")

    def _fsid(self) -> Iterator[Metric]:
        kept_as = f"check_hast_mount-{self.resource.name}-fsid"
        recorded = self.session.options.fsid or self.session.memory.get(kept_as).get("fsid")
        try:
            mount = filesystem.mounted_at(self.with_fsid(), self.point)
            fsid = mount.fsid if mount else ""
            if not re.fullmatch(r"[0-9a-f]{16}", fsid):
                raise NotUnderstood("fsid of mount -v", fsid or "(none)")
        except (Hangs, OutOfTime):
            raise
        except ProbeError as error:
            self.contents = self.contents._replace(fsid_unread=str(error))
            return
        self.contents = self.contents._replace(fsid=fsid)
        if not isinstance(recorded, str) or fsid == recorded:
            self.session.memory.put(kept_as, {"fsid": fsid})
        yield self.metric("fsid", Fsid(fsid, recorded))

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
        except (CommandFailed, NotFound) as error:
            yield self.metric("trouble", error)
