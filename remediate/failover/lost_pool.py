"""A suspended ZFS pool: its device went, or gives errors, and nothing that touches it ends before a reboot.

ZFS keeps the file system mounted and lets everything wait (zpoolprops(7), failmode; zio.c, zio_suspend()). The role can
be given up all the same: with the device of HAST the kernel loses the only way to the disk (vdev_geom.c,
vdev_geom_orphan(); the labels on the local disk lie behind HAST's metadata, where ZFS does not look for them), so that
nothing of this node's memory is written any more, and the other node may import. What was acknowledged is in the intent
log on the device: a write that waits has not been.

Only what zpool(8) says counts, or that there is no device: a command that hangs may do so for another reason, and to
take the device away under a pool that is well would suspend it. Nor is anything given up to nobody: as long as the
device is there, `zpool clear` may bring the pool back.
"""

from __future__ import annotations

from typing import NamedTuple

from checks.probes import carp_demotion, hast, zpool
from checks.probes.bug_292322 import AsPrimary
from checks.probes.carp_demotion import STAYS, DemotionCause, DemotionReason
from checks.probes.errors import Hangs, ProbeError
from checks.probes.filesystem import Mount
from checks.probes.hast import Resource, Role
from checks.probes.node import Node
from remediate.context import Context
from remediate.failover import hearing, known_bug, peer
from remediate.failover.facts import PoolState
from remediate.failover.hearing import Responsiveness
from remediate.failover.resource import ResourcePlace
from remediate.state import ledger
from remediate.state.ledger import CopyState

ASK = 15.0
"""Seconds for all that the other node is asked: a call of ssh(1) may take 1.15 (freebsd-facts: costs-of-ssh), and
nobody is served meanwhile anyway."""
ENDED_BY_A_HUMAN = frozenset(
    {
        DemotionReason(DemotionCause.FAILED),
        DemotionReason(DemotionCause.MAINTENANCE),
        DemotionReason(DemotionCause.CANNOT_BE_PRIMARY),
    }
)
"""Reasons of a node that is unfit until an operator ends it, or its time is over."""


def look(
    context: Context, node: Node, place: ResourcePlace, there: Mount | None, resource: Resource | None
) -> tuple[PoolState, str]:
    """What is known of the pool that is mounted for a resource, and why, in words. Raises nothing."""
    if there is None or there.kind != "zfs":
        return PoolState.WELL, ""
    says = _suspended(context, node, place, there.device.partition("/")[0])
    if not says:
        return PoolState.WELL, ""
    primary = resource is None or resource.role is Role.PRIMARY
    return PoolState.STUCK if primary and not could_take(context, place, resource) else PoolState.LEFT, says


def could_take(context: Context, place: ResourcePlace, resource: Resource | None) -> bool:
    """Whether the other node could serve the resource: it says that it has a role and nothing that keeps it back, and
    is heard (`peer.is_heard`), or, where it cannot be asked, its hastd listens. Raises nothing."""
    if context.peer is None:
        return resource is not None and hearing.hastd(context.here, resource.remoteaddr) is Responsiveness.LISTENS
    try:
        fit = fitness_of(context, context.peer.node(ASK), place.name).fit
    except (ProbeError, hast.NoState, hast.MetadataUnreadable):
        return False
    return fit and peer.is_heard(context, place.name)


class Fitness(NamedTuple):
    """Whether a node could serve a resource, and why it holds itself back."""

    fit: bool
    reasons: tuple[DemotionReason, ...]


def fitness_of(context: Context, there: Node, name: str) -> Fitness:
    """Whether the other node has a role and a copy that it does not know to lack anything, and would not refuse. Raises
    ProbeError, hast.NoState, hast.MetadataUnreadable."""
    role = hast.resource(there, name).role
    complete = ledger.of_node(there, name).copy is not CopyState.INCOMPLETE and hast.metadata(there, name).resuid != 0
    reasons = carp_demotion.read(there).reasons
    works = known_bug.of_other(context, there).as_primary is not AsPrimary.FAILS
    fit = complete and works and not refuses(reasons, name) and role in (Role.PRIMARY, Role.SECONDARY)
    return Fitness(fit, reasons)


def refuses(reasons: tuple[DemotionReason, ...], name: str) -> bool:
    """Whether a node that holds back for these would not serve the resource."""
    unfit = {DemotionReason(why, name) for why in STAYS} | ENDED_BY_A_HUMAN
    return not unfit.isdisjoint(reasons)


def _suspended(context: Context, node: Node, place: ResourcePlace, pool: str) -> str:
    """Why nothing of the pool can be read or written; empty where it can, or where that is not proven."""
    try:
        return zpool.suspended(zpool.status(node, pool), pool)
    except Hangs as error:
        machine = context.here.machine
        gone = machine is not None and not machine.exists(place.device)
        return f"{place.device} is gone, and {error}" if gone and not place.pooled else ""
    except ProbeError:
        return ""
