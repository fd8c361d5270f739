"""What a resource on this node should be, and why it may not be more: the rules of the failover, as a table.

The first row that fits decides. What is known for certain is needed for a promotion; everything else leaves the node a
standby, or alone, and says why.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import NamedTuple

from checks.probes.carp import CarpState
from checks.probes.carp_demotion import DemotionCause
from checks.probes.hast_state import HastRole
from checks.probes.node_state import MountState
from remediate.failover.facts import Leaving, NodeState, Peer, PoolState, ResourceState, Split
from remediate.policy import Failover


class Target(enum.Enum):
    """What a resource on a node can be brought to."""

    ACTIVE = "primary, mounted, exported, served"
    STANDBY = "secondary, not mounted, nothing served"
    STEPPED_DOWN = "role init, not mounted, nothing served"
    OFF = "not mounted, nothing served, no primary"
    AS_IT_IS = "left alone"


class GuardRule(NamedTuple):
    """A row: its name, its sentence, the target, and the states that it is for."""

    reason: str
    says: str
    target: Target
    fits: Callable[[ResourceState, NodeState, Failover], bool]
    refuses: DemotionCause | None = None
    """The node is MASTER and is not promoted: clients have no service here, and an operator wants to know. Why it holds
    itself back in CARP."""


class Decision(NamedTuple):
    """What is wanted of a resource, by which rule."""

    target: Target
    rule: GuardRule


def _master(state: ResourceState) -> bool:
    return state.carp is CarpState.MASTER


def _is_filled(state: ResourceState) -> bool:
    """hastd synchronises a primary that is behind from the secondary it is connected to (secondary.c, init_remote():
    the side with the lower counter is filled), and nothing is served of it. After that it lacks nothing."""
    return (
        state.stale
        and state.role is HastRole.PRIMARY
        and state.connected
        and state.peer is Peer.LET_GO
        and state.mounted is MountState.NOTHING
    )


CARP_UNKNOWN = GuardRule("carp-unknown", "no vhid speaks for the resource, or the vhids disagree", Target.AS_IT_IS,
                    lambda state, node, policy: state.carp is None)  # fmt: skip

RULES = (
    GuardRule("goes-down", "this node shuts down: hastd takes the device away from whatever is still mounted",
        Target.OFF,
        lambda state, node, policy: node.leaving is Leaving.GOES_DOWN),
    GuardRule("maintenance", "maintenance: automatic action is suspended", Target.AS_IT_IS,
        lambda state, node, policy: node.maintenance),
    GuardRule("blocked", "promotions have failed before: nothing is done until an operator has looked", Target.AS_IT_IS,
        lambda state, node, policy: node.blocked),
    CARP_UNKNOWN,
    GuardRule("wrong-mount", "what is mounted at the mount point is not the resource's, or not known to be",
        Target.AS_IT_IS,
        lambda state, node, policy: state.mounted in (MountState.WRONG, MountState.IN_PART, MountState.NOT_KNOWN)),
    GuardRule("pool-suspended", "its ZFS pool is suspended: reboot this node, nothing else ends it", Target.STANDBY,
        lambda state, node, policy: state.pool is PoolState.LEFT, refuses=DemotionCause.SUSPENDED),
    GuardRule("pool-stuck",
        "its ZFS pool is suspended: reboot this node, the other one is not known to be able to serve",
        Target.AS_IT_IS, lambda state, node, policy: state.pool is PoolState.STUCK, refuses=DemotionCause.SUSPENDED),
    GuardRule("hastd-down", "hastd does not run: there is no device to mount, so nothing may be served", Target.STANDBY,
        lambda state, node, policy: state.role is HastRole.DOWN, refuses=DemotionCause.DOWN),
    GuardRule("hastd-stuck", "hastd does not say which role the resource has", Target.AS_IT_IS,
        lambda state, node, policy: state.role is HastRole.NOT_KNOWN and _master(state),
        refuses=DemotionCause.ROLE_NOT_KNOWN),
    GuardRule("read-only", "mounted read-only, by an operator or after an error of the disk", Target.AS_IT_IS,
        lambda state, node, policy: state.mounted is MountState.READ_ONLY and _master(state),
        refuses=DemotionCause.READ_ONLY),
    GuardRule("leaving", "this node hands its service over", Target.STANDBY,
        lambda state, node, policy: node.leaving is Leaving.MOVES),
    GuardRule("not-master", "the service address is not here", Target.STANDBY,
        lambda state, node, policy: not _master(state) and state.split is not Split.LOSING),
    GuardRule("split-brain-served", "a split-brain whose losing side this node may be, but clients are served here",
        Target.AS_IT_IS, lambda state, node, policy: _master(state) and state.active and state.split is Split.LOSING,
        refuses=DemotionCause.SPLIT_BRAIN_SERVED),
    GuardRule("active", "the service address and the data are here", Target.ACTIVE,
        lambda state, node, policy: _master(state) and state.active),
    GuardRule("split-brain-ends", "the losing copy of a split-brain is being replaced by the other node's",
        Target.STANDBY,
        lambda state, node, policy: state.split is Split.LOSING and state.role is HastRole.SECONDARY
        and state.connected, refuses=DemotionCause.SPLIT_BRAIN_ENDS),
    GuardRule("split-brain", "a split-brain is not resolved, and this is or may be the losing copy",
        Target.STEPPED_DOWN,
        lambda state, node, policy: state.split is Split.LOSING, refuses=DemotionCause.SPLIT_BRAIN),
    GuardRule("no-copy", "the disk of this node holds no copy: hastd would refuse the role primary for it",
        Target.STANDBY,
        lambda state, node, policy: state.no_copy, refuses=DemotionCause.NO_COPY),
    GuardRule("damaged", "a write failed on this copy, which HAST calls complete: clients would be served old data",
        Target.STANDBY, lambda state, node, policy: state.damaged, refuses=DemotionCause.DAMAGED),
    GuardRule("filled",
        "the other node's copy is replacing this one, which lacks writes: an operator has given this node"
        " the role primary, and hastd reads from the secondary what it lacks", Target.AS_IT_IS,
        lambda state, node, policy: _is_filled(state) and not policy.promote_stale, refuses=DemotionCause.STALE),
    GuardRule("stale", "this copy is known to lack writes, or what is known of it cannot be read or kept",
        Target.STANDBY,
        lambda state, node, policy: state.stale and not policy.promote_stale, refuses=DemotionCause.STALE),
    GuardRule("no-key", "what is to be mounted is encrypted, and cannot be opened here", Target.STANDBY,
        lambda state, node, policy: state.unopenable, refuses=DemotionCause.NO_KEY),
    GuardRule("cannot-be-primary", "hastd does not work as primary (FreeBSD bug 292322); it is not tried again until"
        " `hastwatch clear`, or with another kernel or hastd", Target.STANDBY,
        lambda state, node, policy: node.cannot_be_primary and state.peer is not Peer.GONE,
        refuses=DemotionCause.CANNOT_BE_PRIMARY),
    GuardRule("boot-alone", "booted alone: the other node may have served after this one, and cannot be asked",
        Target.STANDBY, lambda state, node, policy: state.unheard and policy.boot_alone == "wait"
        and not policy.promote_stale, refuses=DemotionCause.BOOT_ALONE),
    GuardRule("master", "the service address is here", Target.ACTIVE, lambda state, node, policy: True),
)  # fmt: skip
"""In this order. The last one fits what no other does."""


def decide(state: ResourceState, node: NodeState, policy: Failover) -> Decision:
    """What the resource should be on this node now."""
    rule = next(rule for rule in RULES if rule.fits(state, node, policy))
    return Decision(rule.target, rule)
