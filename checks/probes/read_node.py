"""The one reader of a node: a resource on it as CARP, HAST, mount(8) and the NFS daemons have it (`node_state`)."""

from __future__ import annotations

from typing import NamedTuple

from checks.probes import carp, filesystem, hast, processes
from checks.probes.beneath import Lies, Wanted, ground
from checks.probes.carp import Lacking, Vhid, asked
from checks.probes.filesystem import Mount
from checks.probes.node import Node
from checks.probes.node_state import HastRole, Look, Mounted, Nfs, State

NOT_THE_RESOURCE = {
    Lies.ELSEWHERE: Mounted.WRONG,
    Lies.IN_PART: Mounted.IN_PART,
    Lies.NOT_KNOWN: Mounted.NOT_KNOWN,
}


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


def mounted_as(node: Node, mount: Mount | None, wanted: Wanted) -> Mounted:
    """What is mounted at the mount point of a resource, as far as the resource goes. Its own device and its own pool
    are known by name: nothing is asked on the way of the clients, nor of a pool that may be suspended. Raises
    nothing."""
    if mount is not None and filesystem.belongs(mount, wanted.device or wanted.hast, wanted.pool or wanted.name):
        return Mounted.READ_ONLY if mount.read_only else Mounted.WRITABLE
    return look_at_mount(node, mount, wanted).mounted


def _nfs(daemons: frozenset[str]) -> Nfs:
    if {"rpcbind", "mountd", "nfsd"} <= daemons:
        return Nfs.ALL
    return Nfs.SOME if daemons & {"mountd", "nfsd"} else Nfs.NONE
