"""One side of a comparison: what a node says of its own copy before it is read, and whether the two can be compared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from checks.probes import hast
from checks.probes.counters import Relation, relation
from checks.probes.hast import Metadata, Resource, Role, Status
from remediate.context import Context
from remediate.failover import own_copy
from remediate.failover.errors import StepFailed
from remediate.verification.extents import CopyLocation, provider


class CopyIdentity(NamedTuple):
    """The metadata on a disk, and how many writes the worker has counted as failed there. Failed deletes and flushes
    tell nothing: a disk that has no such request counts as well (primary.c, local_send_thread(): EOPNOTSUPP)."""

    datasize: int
    extentsize: int
    localoff: int
    resuid: int
    localcnt: int
    remotecnt: int
    failed: int
    damaged: int
    """1 where the node's ledger knows that a write has failed on it, 0 otherwise."""

    @property
    def identity(self) -> tuple[int, ...]:
        """What is the same as long as it is the same copy: a finished synchronisation changes counters at most."""
        return self[:-2]


class LocalCopy(NamedTuple):
    """A copy on this node, where it lies, and what hastd says of the resource."""

    copy: CopyIdentity
    where: CopyLocation
    resource: Resource


def look(context: Context, name: str, role: Role) -> LocalCopy:
    """This node's copy, in this role and connected. Raises StepFailed where it is not, or that is unknown, and
    ProbeError."""
    node = context.here.node()
    resource = connected(context, name, role)
    try:
        metadata = hast.metadata(node, name)
    except hast.MetadataUnreadable as error:
        raise StepFailed(str(error)) from None
    damaged = own_copy.known(context, name).damage is not None
    return LocalCopy(_copy(metadata, resource, damaged), provider(resource.localpath, metadata), resource)


def connected(context: Context, name: str, role: Role) -> Resource:
    """What hastd of this node says, where the resource has this role and is connected. Raises StepFailed and
    ProbeError."""
    try:
        resource = hast.resource(context.here.node(), name)
    except hast.NoState as error:
        raise StepFailed(str(error)) from None
    if resource.role is not role:
        raise StepFailed(f"{name} is {resource.role.value} on {context.journal.node_name}, not {role.value}")
    if resource.status is not Status.COMPLETE:
        raise StepFailed(f"{name} is not connected on {context.journal.node_name}: there is nothing to compare with")
    return resource


def _copy(metadata: Metadata, resource: Resource, damaged: bool) -> CopyIdentity:
    return CopyIdentity(
        metadata.datasize, metadata.extentsize, metadata.localoff, metadata.resuid, metadata.localcnt,
        metadata.remotecnt, resource.errors.write, int(damaged),
    )  # fmt: skip


def from_message(values: Mapping[str, object] | None) -> CopyIdentity:
    """A copy as the other node tells it. Raises ValueError."""
    if values is None or set(values) != set(CopyIdentity._fields):
        raise ValueError("not the description of a copy")
    return CopyIdentity(**{name: _number(values[name]) for name in CopyIdentity._fields})


def _number(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << 64:
        raise ValueError("no number")
    return value


def incomparable(mine: CopyIdentity, theirs: CopyIdentity) -> str:
    """Why the two cannot be compared; empty where they can."""
    if mine.extentsize != theirs.extentsize:
        return f"the copies have other extents: {mine.extentsize} and {theirs.extentsize} bytes"
    if mine.datasize != theirs.datasize:
        return f"the copies have other sizes: {mine.datasize} and {theirs.datasize} bytes"
    related = relation(_counters(mine), _counters(theirs))
    if related in (Relation.OTHER_DISK, Relation.SPLIT_BRAIN, Relation.FIRST_BLANK, Relation.SECOND_BLANK):
        return str(related.value)
    return ""


def _counters(copy: CopyIdentity) -> Metadata:
    return Metadata("", copy.datasize, copy.extentsize, 0, copy.resuid, copy.localcnt, copy.remotecnt, Role.INIT)


def in_flight(resource: Resource) -> bool:
    """Whether a request may be underway between the copies.

    An extent is dirty from before a write is given to either side until both have answered (primary.c,
    ggate_recv_thread(): activemap_write_start(), ggate_send_thread(): activemap_write_complete(), after the last of
    the two), whatever the replication mode; a failed one too. A BIO_DELETE is not in that map: it is in a queue.
    """
    return resource.dirty > 0 or any(resource.queues.get(name, 0) for name in ("local", "send", "recv", "done"))
