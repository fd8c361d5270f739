"""Where every acknowledged write is, which would be lost if something happened now, and whose doing that would be.

Clients see what the serving mount shows. A write that is not there may be *stranded*: complete on a disk that does not
serve. What is on no disk and in no buffer is *lost*. This module only looks; nothing in here changes the pair.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from simulator.account.blame import of_the_steps
from simulator.account.writes import LossCause, Write, WriteFate, WritePiece
from simulator.hastd.daemon import replicates_both_ways
from simulator.hastd.disk import Disk
from simulator.hastd.replication import PrimaryWorker

if TYPE_CHECKING:
    from simulator.node import Node
    from simulator.pair import Pair
    from simulator.storage.mounts import Mount


@dataclass(frozen=True, slots=True)
class Places:
    """Where one write is at this moment."""

    write: Write
    fate: WriteFate
    cause: LossCause | None
    """Why clients don't see it, None when they do."""
    buffered_on: tuple[str, ...]
    """Nodes that hold a piece of it in the buffers of a mount and not on their disk."""
    complete_on: tuple[str, ...]
    """Nodes whose disk has all of it."""
    partly_on: tuple[str, ...]
    """Nodes whose disk has only its content (fsck will free it) or only its name (an empty file)."""


class PossibleFailure(Enum):
    """What could happen next, for `at_risk`."""

    POWER_CUT = "the serving node loses power and the other takes over"
    ROLE_FIRST = "the serving node becomes secondary under its mount, and the other takes over"
    CLEAN_HANDOVER = "the serving node unmounts, becomes secondary, and the other takes over"


@dataclass(frozen=True, slots=True)
class Risk:
    """A write that clients would miss after an event, and why."""

    write: Write
    cause: LossCause


def serving_mount(pair: Pair, resource: str) -> tuple[Node, Mount] | None:
    """The mount that clients reach by a service address; the only mount when none is reached."""
    mounts = pair.mounts(resource)
    for vhid in pair.layout.vhids:
        server = pair.client(resource, vhid.address).server()
        for node, mount in mounts:
            if node is server:
                return node, mount
    return mounts[0] if mounts else None


def disk_of(node: Node, resource: str) -> Disk:
    """The local provider of a resource on a node."""
    return node.disks[node.pair.layout.resource(resource).local]


def places(pair: Pair, resource: str) -> list[Places]:
    """All acknowledged writes of a resource, in order."""
    serving = serving_mount(pair, resource)
    on_disk = {name: disk_of(node, resource).pieces() for name, node in pair.nodes.items()}
    mounts = pair.mounts(resource)
    return [_place(pair, write, serving, mounts, on_disk) for write in pair.ledger.of(resource)]


def _place(
    pair: Pair,
    write: Write,
    serving: tuple[Node, Mount] | None,
    mounts: list[tuple[Node, Mount]],
    on_disk: dict[str, set[WritePiece]],
) -> Places:
    wanted = set(write.pieces)
    complete = tuple(name for name, pieces in on_disk.items() if wanted <= pieces)
    partly = tuple(name for name, pieces in on_disk.items() if wanted & pieces and not wanted <= pieces)
    buffered = tuple(node.name for node, mount in mounts if wanted & mount.buffered.keys())
    if serving is not None and serving[1].shows(write):
        return Places(write, WriteFate.SERVED, None, buffered, complete, partly)
    damaged = [name for name, node in pair.nodes.items() if disk_of(node, write.resource).lacks(write.pieces)]
    if complete or any(mount.shows(write) for _, mount in mounts):
        served_old = serving is not None and serving[0].name in damaged
        cause = LossCause.DAMAGE if served_old else LossCause.REPLICATION
        return Places(write, WriteFate.STRANDED, cause, buffered, complete, partly)
    if damaged:
        return Places(write, WriteFate.LOST, LossCause.DAMAGE, buffered, complete, partly)
    loss = pair.ledger.discarded.get(write.number)
    return Places(write, WriteFate.LOST, loss.cause if loss else LossCause.DISK, buffered, complete, partly)


def served_old(pair: Pair, node: Node, resource: str) -> list[Write]:
    """The acknowledged writes whose content failed on this node's disk, or has flipped bits there, and is on the other
    one's: whoever mounts this copy serves them as they were before."""
    here, there = disk_of(node, resource), disk_of(pair.peer(node), resource).pieces()
    return [write for write in pair.ledger.of(resource) if here.lacks(write.pieces[:1]) and write.pieces[0] in there]


def lost(pair: Pair, resource: str) -> list[Places]:
    """The acknowledged writes that exist nowhere any more."""
    return [each for each in places(pair, resource) if each.fate is WriteFate.LOST]


def at_risk(pair: Pair, resource: str, event: PossibleFailure) -> list[Risk]:
    """The acknowledged writes that clients would miss after `event`, with the reason for each.

    Without a serving mount nothing more can be lost, and the list is empty.
    """
    serving = serving_mount(pair, resource)
    if serving is None:
        return []
    node, mount = serving
    peer = pair.peer(node)
    there = disk_of(peer, resource).pieces()
    here = disk_of(node, resource).pieces()
    linked = _replicating(node, peer, resource)
    risks: list[Risk] = []
    for write in pair.ledger.of(resource):
        if not mount.shows(write) or set(write.pieces) <= there:
            continue
        buffered = not set(write.pieces) <= here
        missed = disk_of(peer, resource).lacks(write.pieces)
        if event is PossibleFailure.CLEAN_HANDOVER and linked and not missed:
            continue
        if missed:
            cause = LossCause.DAMAGE
        elif not buffered or event is PossibleFailure.CLEAN_HANDOVER:
            cause = LossCause.REPLICATION
        elif event is PossibleFailure.ROLE_FIRST:
            cause = of_the_steps(node, primary_worker(node, resource), linked)
        else:
            cause = LossCause.UFS_DELAY
        risks.append(Risk(write, cause))
    return risks


def primary_worker(node: Node, resource: str) -> PrimaryWorker | None:
    """hastd's worker behind the device of a resource, if there is one."""
    known = node.hastd.resources.get(resource)
    return known.worker if known is not None and isinstance(known.worker, PrimaryWorker) else None


def _replicating(node: Node, peer: Node, resource: str) -> bool:
    """What is written on `node` now gets to `peer` before a handover is through."""
    worker = primary_worker(node, resource)
    return worker is not None and worker.connected and replicates_both_ways(node, peer)


def unexplained(pair: Pair, resource: str) -> set[int]:
    """Extents in which the two disks differ although the next synchronisation would not copy them: always empty.

    A primary that runs copies what it knows as dirty or underway and what the peer's activemap names; a primary that
    has yet to start also what its own activemap names. What a disk failed to write or has never answered, and where its
    bits have flipped, is known to differ for ever. Disks that fail, were replaced or newly created are left out.
    """
    one, other = (disk_of(node, resource) for node in pair.nodes.values())
    if one.failing or other.failing or one.metadata is None or other.metadata is None:
        return set()
    if 0 in (one.metadata.resuid, other.metadata.resuid) or one.metadata.resuid != other.metadata.resuid:
        return set()
    workers = [worker for worker in pair.primaries() if worker.resource.conf.name == resource]
    if any(worker.metadata.resuid != worker.disk.metadata.resuid for worker in workers if worker.disk.metadata):
        return set()
    running = [worker.disk for worker in workers]
    known = set().union(*(disk.active for disk in (one, other) if not any(disk is each for each in running)))
    for worker in workers:
        known |= worker.behind | worker.forgotten
    known |= one.damaged | other.damaged
    return {extent for extent in range(one.metadata.extents) if extent not in known and one.differs(other, extent)}
