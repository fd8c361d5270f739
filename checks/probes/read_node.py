"""The one reader of a node: hastd, CARP, mount(8), its processes and the disk below HAST.

Each part is read once, when it is first asked for: nobody starts a process for what it does not use. A part that cannot
be read is `UnreadPart`, and the others are read all the same.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple, TypeVar

from checks.probes import boot_time, carp, filesystem, processes
from checks.probes.beneath import Location, ResourceDevices, ground
from checks.probes.carp import NoCarpState, Vhid, asked
from checks.probes.errors import ProbeError
from checks.probes.filesystem import Mount
from checks.probes.hast_state import Dump, HastState, hast_dump, hast_state
from checks.probes.node import Node
from checks.probes.node_state import MountLook, MountState, NfsState, ServiceState
from checks.probes.processes import Process

T = TypeVar("T")

NOT_THE_RESOURCE = {
    Location.ELSEWHERE: MountState.WRONG,
    Location.IN_PART: MountState.IN_PART,
    Location.NOT_KNOWN: MountState.NOT_KNOWN,
}


class UnreadPart:
    """Why a part of a node could not be read."""

    __slots__ = ("error",)

    def __init__(self, error: ProbeError) -> None:
        self.error = error

    def __str__(self) -> str:
        return str(self.error)


def needed(part: T | UnreadPart) -> T:
    """A part without which the user cannot go on. Raises the ProbeError for which it could not be read."""
    if isinstance(part, UnreadPart):
        raise part.error
    return part


class NodeReader:
    """A node, read part by part."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self._parts: dict[object, Any] = {}

    def vhids(self) -> tuple[Vhid, ...] | UnreadPart:
        """Its virtual hosts, by ifconfig(8)."""
        return self._part("vhids", carp.vhids)

    def demotion(self) -> int | UnreadPart | None:
        """What CARP adds to every advskew; None where the kernel has no CARP."""
        return self._part("demotion", _demotion)

    def mounts(self) -> tuple[Mount, ...] | UnreadPart:
        """What mount(8) lists."""
        return self._part("mounts", filesystem.mounts)

    def processes(self) -> tuple[Process, ...] | UnreadPart:
        """Its process table."""
        return self._part("processes", processes.processes)

    def daemons(self) -> frozenset[str] | UnreadPart:
        """The daemons of NFS that run."""
        running = self.processes()
        return running if isinstance(running, UnreadPart) else processes.running(running)

    def titles(self) -> dict[int, str] | UnreadPart:
        """The titles of its processes by number, in which a worker of hastd has its role."""
        return self._part("titles", processes.titles)

    def boot_time(self) -> int | UnreadPart:
        """When it was booted, seconds since 1970."""
        return self._part("boot_time", boot_time.boot_time)

    def boot_mark(self) -> str | UnreadPart:
        """The mark of this boot, empty where there is none."""
        return self._part("boot_mark", boot_time.boot_mark)

    def hast(self, name: str) -> HastState | UnreadPart:
        """What hastd says of a resource."""
        return self._part(("hast", name), partial(hast_state, name=name))

    def dump(self, name: str) -> Dump | UnreadPart:
        """What is on the disk below a resource."""
        return self._part(("dump", name), partial(hast_dump, name=name))

    def _part(self, part: object, read: Callable[[Node], T]) -> T | UnreadPart:
        if part not in self._parts:
            self._parts.setdefault(part, attempted(partial(read, self.node)))  # the first one stays, of two threads
        value: T | UnreadPart = self._parts[part]
        return value


def attempted(read: Callable[[], T]) -> T | UnreadPart:
    """What a call reads, or why that could not be read."""
    try:
        return read()
    except ProbeError as error:
        return UnreadPart(error)


def _demotion(node: Node) -> int | None:
    try:
        return carp.settings(node).demotion
    except carp.CarpNotLoaded:
        return None


class ResourceFacts(NamedTuple):
    """A resource on a node: its state, and the words for what the state alone does not say."""

    state: ServiceState
    hast_says: str
    carp_says: str
    look: MountLook
    """What is mounted, and on what it lies."""
    carp_told: bool = True
    """False: a vhid may speak for the resource, and which one it is, or what it says, is unknown."""


def read_resource(
    reader: NodeReader, wanted: ResourceDevices, mount_point: str, vhid: str, address: str = ""
) -> ResourceFacts:
    """The state of one resource on the node; `vhid` and the service `address` as configured, or empty. Raises
    ProbeError."""
    hastd = needed(reader.hast(wanted.name))
    mount = filesystem.mounted_at(needed(reader.mounts()), mount_point)
    look = look_at_mount(reader.node, mount, wanted)
    carp_asks = asked(needed(reader.vhids()), vhid, address)
    state = ServiceState(
        carp=carp_asks.state,
        role=hastd.role,
        mounted=look.mounted,
        nfs=_nfs(needed(reader.daemons())),
        exported=mount is not None and mount.exported,
    )
    carp_told = carp_asks.lacking not in (NoCarpState.NOT_UNIQUE, NoCarpState.NOT_UNDERSTOOD)
    return ResourceFacts(state, hastd.says, carp_asks.why, look, carp_told)


def look_at_mount(node: Node, mount: Mount | None, wanted: ResourceDevices) -> MountLook:
    """What is mounted, as far as the resource goes. Raises nothing."""
    if mount is None:
        return MountLook(MountState.NOTHING, "")
    lies_on = ground(node, mount, wanted)
    as_mounted = MountState.READ_ONLY if mount.read_only else MountState.WRITABLE
    here = as_mounted if lies_on.lies is Location.ON_IT else NOT_THE_RESOURCE[lies_on.lies]
    return MountLook(here, lies_on.says, lies_on.suspended, lies_on.unread)


def mounted_as(node: Node, mount: Mount | None, wanted: ResourceDevices) -> MountState:
    """What is mounted at the mount point of a resource, as far as the resource goes. Its own device and its own pool
    are known by name: nothing is asked on the way of the clients, nor of a pool that may be suspended. Raises
    nothing."""
    if mount is not None and filesystem.belongs(mount, wanted.device or wanted.hast, wanted.pool or wanted.name):
        return MountState.READ_ONLY if mount.read_only else MountState.WRITABLE
    return look_at_mount(node, mount, wanted).mounted


def _nfs(daemons: frozenset[str]) -> NfsState:
    if {"rpcbind", "mountd", "nfsd"} <= daemons:
        return NfsState.ALL
    return NfsState.SOME if daemons & {"mountd", "nfsd"} else NfsState.NONE
