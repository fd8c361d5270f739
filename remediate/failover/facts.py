"""What a node is seen to be, as far as a failover depends on it. Values only: who reads them is `observe.py`.

The planner and the guards are functions of these values and of nothing else, so that they can be tested by enumerating
them.
"""

from __future__ import annotations

import enum
from typing import NamedTuple

from checks.probes.carp import CarpState
from checks.probes.hast_state import HastRole
from checks.probes.marker import Marker
from checks.probes.node_state import MountState

SERVING = ("mountd", "nfsd")
"""The daemons that must not run where nothing is mounted (freebsd-facts: root-is-exported-instead), in the order of
their start."""
BASE = ("rpcbind", "statd", "lockd")
"""They export nothing and may keep running on a standby (freebsd-facts: base-daemons-may-stay)."""


class Peer(enum.Enum):
    """What is known of the other node's hold on a resource."""

    LET_GO = "the other node does not have the resource as primary"
    GONE = "two independent signs say that the other node is not there"
    LINGERS = "this node's secondary worker still runs, the other node may be primary"
    HOLDS = "the other node is primary"


class Split(enum.Enum):
    """What is known of a split-brain of a resource."""

    NONE = "no split-brain is known"
    WINNING = "a split-brain, and this node served the clients when it was found"
    LOSING = "a split-brain, and this node did not serve the clients when it was found, or that is not known"


class PoolState(enum.Enum):
    """What is known of the ZFS pool of a resource that is mounted here."""

    WELL = "there is none, or nothing is known against it"
    LEFT = "suspended; the role can be given up, as the other node could serve"
    STUCK = "suspended; the other node could not serve, or that is not known"


class ResourceState(NamedTuple):
    """One resource on this node. `stale` says why its copy is known to lack writes, or is empty."""

    carp: CarpState | None
    role: HastRole
    connected: bool
    """A worker replicates, and the other node is not silent: a clean unmount reaches both disks."""
    role_first: bool
    """Proven: giving up the role under the mount saves a split-brain (`parting`). Otherwise it only loses buffers."""
    mounted: MountState
    exported: bool
    protected: bool
    """The empty mount point takes no files (chflags schg), or there is none to protect, or it has refused the flag in
    this boot."""
    settled: bool
    """CARP has been in its state long enough to be believed."""
    peer: Peer
    split: Split
    stale: bool
    unheard: bool
    """The node was booted, has heard nothing of the other copy since, and is not known to have written last."""
    encrypted: bool = False
    """What is mounted lies on a provider of geli(8), which has to be opened before and closed after."""
    unopenable: bool = False
    """It could not be opened on this node."""
    no_copy: bool = False
    """The disk of this node has no metadata: whatever an operator accepts, there is nothing that hastd could serve."""
    damaged: bool = False
    """A write failed on this copy, and it was not recreated since; and nobody has accepted that."""
    pool: PoolState = PoolState.WELL
    remote: str = ""
    """The other node's address in the replication; empty where hastd does not say it, or has a name instead."""

    @property
    def waits(self) -> bool:
        """The service address is here, and the resource is not in service: it is to be promoted, or why not is said."""
        in_service = self.role is HastRole.PRIMARY and self.mounted is MountState.WRITABLE
        return self.carp is CarpState.MASTER and not in_service

    @property
    def active(self) -> bool:
        """The data are here and clients can be given them."""
        mounted = self.mounted is MountState.WRITABLE and self.pool is PoolState.WELL
        return self.role is HastRole.PRIMARY and mounted


class Leaving(enum.Enum):
    """Whether this node gives its service away, and what for."""

    NO = "it stays"
    MOVES = "a switchover runs"
    GOES_DOWN = "it shuts down: soon nothing runs here, and what is mounted then loses its device"


class NodeState(NamedTuple):
    """What concerns all resources of the node."""

    serving: frozenset[str]
    """Which of SERVING run."""
    base: frozenset[str]
    """Which of BASE run."""
    extra: frozenset[str]
    """Which of the configured other services run."""
    maintenance: bool
    blocked: bool
    """Two promotions have failed: nothing is done until an operator says so."""
    leaving: Leaving
    rejected: frozenset[str] = frozenset()
    """Addresses of the other node that a route of ours may reject; one that is left keeps the nodes apart forever."""
    cannot_be_primary: bool = False
    """hastd was seen not to work as primary, and is still the same one (`known_bug`)."""


class Remarks(NamedTuple):
    """The sentences behind what the values only name, for humans: empty where there is nothing to say."""

    carp: str = ""
    role: str = ""
    stale: str = ""
    unheard: str = ""
    split: str = ""
    peer: str = ""
    peer_asked: bool = False
    """The other node said so itself: it can be asked again."""
    compared: bool = False
    """What is said of the copies was seen on both disks."""
    unopenable: str = ""
    no_copy: str = ""
    damage: str = ""
    failed: str = ""
    """What says anew that a write failed on this copy."""
    pool: str = ""
    lacks: bool = False
    """Both disks say that the other node has writes that this copy lacks."""
    survives: str = ""
    """Why this copy goes on being served in a split-brain that no marker decides (`survivor`)."""
    apart: bool = False
    """The other node is primary, and not connected to this one."""
    void: Marker | None = None
    """The marker of a split-brain that was found void (`given_up`): one that is another, or was renewed, is not."""
    unrecorded: float | None = None
    """Since when nothing was recorded of this copy though something has happened to it (`own_copy.unrecorded_since`),
    seconds since 1970."""


class Facts(NamedTuple):
    """All of it, and whose it is."""

    name: str
    boot_id: str
    uptime: float
    demotion: int | None
    """net.inet.carp.demotion, None where the kernel has no CARP."""
    node: NodeState
    resources: dict[str, ResourceState]
    said: dict[str, Remarks]
    maintenance: str = ""
    blocked: str = ""
    unsure: str = ""
    """What is remembered of the node and cannot be read, or cannot be kept: nothing is promoted."""
    cannot_be_primary: str = ""
    odd: tuple[str, ...] = ()
    """Lines that were not understood, and that the others were enough without."""
