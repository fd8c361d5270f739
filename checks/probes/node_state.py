"""One resource on one node, as CARP, HAST, mount and the NFS daemons have it: what check_carp_hast judges, and what a
failover changes."""

from __future__ import annotations

import enum
from typing import NamedTuple

from checks.probes import carp, filesystem, hast, processes
from checks.probes.beneath import Lies, Wanted, ground
from checks.probes.carp import CarpState, Lacking, Vhid, asked
from checks.probes.errors import ProbeError
from checks.probes.filesystem import Mount
from checks.probes.node import Node


class HastRole(enum.Enum):
    """The role of the resource, that there is no hastd to have one, or that hastd does not say."""

    PRIMARY = "primary"
    SECONDARY = "secondary"
    INIT = "init"
    DOWN = "hastd down"
    NOT_KNOWN = "role not known"


class Mounted(enum.Enum):
    """What is mounted at the mount point of the resource."""

    NOTHING = "not mounted"
    WRITABLE = "mounted"
    READ_ONLY = "mounted read-only"
    WRONG = "another device mounted"
    IN_PART = "mounted, only in part from what HAST replicates"
    NOT_KNOWN = "mounted, not known whether from the resource's device"


NOT_THE_RESOURCE = {
    Lies.ELSEWHERE: Mounted.WRONG,
    Lies.IN_PART: Mounted.IN_PART,
    Lies.NOT_KNOWN: Mounted.NOT_KNOWN,
}


class Look(NamedTuple):
    """What is mounted, as far as a resource goes, and what is to be said of it; `suspended` says why nothing of its
    pool can be read or written, or is empty; `unread` why that is not known."""

    mounted: Mounted
    says: str
    suspended: str = ""
    unread: ProbeError | None = None


class Nfs(enum.Enum):
    """The daemons that answer clients. rpcbind, statd and lockd export nothing and may run on a standby."""

    ALL = "NFS runs"
    SOME = "NFS runs in part"
    NONE = "NFS stopped"


class State(NamedTuple):
    """The whole state. `carp` is None where no vhid speaks for the resource."""

    carp: CarpState | None
    role: HastRole
    mounted: Mounted
    nfs: Nfs
    exported: bool

    def __str__(self) -> str:
        return ", ".join((
            f"CARP {self.carp.value}" if self.carp else "no CARP state",
            self.role.value if self.role in (HastRole.DOWN, HastRole.NOT_KNOWN) else f"HAST {self.role.value}",
            self.mounted.value + (", exported" if self.exported else ""),
            self.nfs.value,
        ))  # fmt: skip


class NodeFacts(NamedTuple):
    """What is read of a node once, for all its resources."""

    node: Node
    vhids: tuple[Vhid, ...]
    mounts: tuple[Mount, ...]
    daemons: frozenset[str]


class ResourceFacts(NamedTuple):
    """A resource on a node: its state, and the words for what the state alone does not say."""

    state: State
    hast_says: str
    carp_says: str
    look: Look
    """What is mounted, and on what it lies."""
    carp_told: bool = True
    """False: a vhid may speak for the resource, and which one it is, or what it says, cannot be told."""


def read_node(node: Node) -> NodeFacts:
    """What the node has, whatever its resources. Raises ProbeError."""
    running = processes.running(processes.processes(node))
    return NodeFacts(node, carp.vhids(node), filesystem.mounts(node), running)


def read_resource(facts: NodeFacts, wanted: Wanted, mount_point: str, vhid: str, address: str = "") -> ResourceFacts:
    """The state of one resource on the node; `vhid` and the service `address` as configured, or empty. Raises
    ProbeError."""
    role, hast_says = _role(facts.node, wanted.name)
    mount = filesystem.mounted_at(facts.mounts, mount_point)
    look = look_at_mount(facts.node, mount, wanted)
    carp_asks = asked(facts.vhids, vhid, address)
    state = State(
        carp=carp_asks.state,
        role=role,
        mounted=look.mounted,
        nfs=_nfs(facts.daemons),
        exported=mount is not None and mount.exported,
    )
    told = carp_asks.lacking not in (Lacking.NOT_UNIQUE, Lacking.NOT_UNDERSTOOD)
    return ResourceFacts(state, hast_says, carp_asks.why, look, told)


def _role(node: Node, name: str) -> tuple[HastRole, str]:
    """The role, and hastd's own words where it gives none."""
    try:
        return HastRole(hast.resource(node, name).role.value), ""
    except hast.HastdDown as error:
        return HastRole.DOWN, str(error)
    except hast.NoState as error:
        return HastRole.NOT_KNOWN, str(error)


def look_at_mount(node: Node, mount: Mount | None, wanted: Wanted) -> Look:
    """What is mounted, as far as the resource goes. Raises nothing."""
    if mount is None:
        return Look(Mounted.NOTHING, "")
    found = ground(node, mount, wanted)
    as_mounted = Mounted.READ_ONLY if mount.read_only else Mounted.WRITABLE
    here = as_mounted if found.lies is Lies.ON_IT else NOT_THE_RESOURCE[found.lies]
    return Look(here, found.says, found.suspended, found.unread)


def _nfs(daemons: frozenset[str]) -> Nfs:
    if {"rpcbind", "mountd", "nfsd"} <= daemons:
        return Nfs.ALL
    return Nfs.SOME if daemons & {"mountd", "nfsd"} else Nfs.NONE
