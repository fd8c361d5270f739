"""fsck: replaying the journal or checking in full, and what it frees (freebsd-facts: commit-is-not-the-name)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from simulator.account.writes import Part, WritePiece
from simulator.clock import Steps
from simulator.commands.devices import resource_of, served, superblock_of
from simulator.hastd.component import DeviceWrite
from simulator.layout import ResourceLayout
from simulator.shell.calls import Call, command
from simulator.storage import layers
from simulator.storage.mounts import SUPERBLOCK_EXTENT, write_device

if TYPE_CHECKING:
    from simulator.node import Node


@command("fsck", "fsck_ufs", "fsck_ffs")
def fsck(call: Call) -> Steps[int]:
    """fsck(8) -t ufs -p, -y: replay the journal or check in full; marks the file system clean."""
    words, node = call.argv[1:], call.node
    options = "".join(word[1:] for word in words if word.startswith("-") and word != "-t")
    device, costs = words[-1] if words else "", node.pair.layout.costs
    resource = resource_of(node, device)
    if resource is None:
        call.err(f"Can't stat {device}: No such file or directory\nCan't stat {device}\n")
        return 8
    good = yield from served(node, resource)
    block = superblock_of(node, resource) if node.files.exists(resource.device) else None
    hidden = layers.hides(node, resource, device)
    if good and hidden == "busy":
        call.err(f"{device}: NO WRITE ACCESS\n{device}: UNEXPECTED INCONSISTENCY; RUN fsck_ffs MANUALLY.\n")
        return 8
    if hidden:
        block = None
    if not good or block is None:
        call.err(f"{device}: CANNOT READ BLK: 128\n{device}: UNEXPECTED INCONSISTENCY; RUN fsck MANUALLY.\n")
        return 8
    if any(mounted.resource.name == resource.name for mounted in node.filesystems.mounts.values()):
        call.err(f"{device}: NO WRITE ACCESS\n{device}: UNEXPECTED INCONSISTENCY; RUN fsck_ffs MANUALLY.\n")
        return 8
    full = "y" in options and "p" not in options
    if full:
        yield from _checking_in_full(node, resource.name, costs.fsck_full * node.fsck_slowness)
    else:
        yield node.processor.use(costs.fsck_clean * node.fsck_slowness)
    if not node.files.exists(resource.device):
        call.err(f"{device}: CANNOT READ BLK: 128\n{device}: UNEXPECTED INCONSISTENCY; RUN fsck MANUALLY.\n")
        return 8
    if node.trouble.preen_fails(resource.name) if not full else not node.trouble.repaired(resource.name):
        call.out(_failed(device, full))
        return 8
    if block.clean and not full:
        call.out(f"{device}: FILE SYSTEM CLEAN; SKIPPING CHECKS\n")
        call.out(f"{device}: clean, 60304 free (24 frags, 7535 blocks, 0.0% fragmentation)\n")
        return 0
    call.out(_full_check(resource) if full else _replay(node, resource))
    written = write_device(
        node, resource.name, [DeviceWrite(SUPERBLOCK_EXTENT, superblock=replace(block, clean=True, journal=False))]
    )
    yield written
    if not written.value:
        call.err(f"{device}: CANNOT WRITE BLK: 128\n")
        return 8
    call.out("\n***** FILE SYSTEM MARKED CLEAN *****\n")
    return 0


def _checking_in_full(node: Node, resource: str, seconds: float) -> Steps[None]:
    """The time that a full check takes; a process that is killed ends it too."""
    node.checked_in_full.add(resource)
    try:
        yield seconds
    finally:
        node.checked_in_full.discard(resource)


def _failed(device: str, full: bool) -> str:
    """fsck_ffs(8): preening stops at what it will not decide; a full check that could not repair everything."""
    if full:
        return f"** {device}\n\n***** FILE SYSTEM STILL DIRTY *****\n\n***** PLEASE RERUN FSCK *****\n"
    return f"{device}: PARTIALLY TRUNCATED INODE I=6\n{device}: UNEXPECTED INCONSISTENCY; RUN fsck_ffs MANUALLY.\n"


def _freed(node: Node, resource: ResourceLayout) -> int:
    """Files whose content is there and whose name is not: fsck frees them (freebsd-facts: commit-is-not-the-name)."""
    pieces = node.disks[node.hastd.resources[resource.name].conf.local].pieces()
    numbers = {
        write.creation
        for write in node.pair.ledger.writes
        if write.resource == resource.name
        and WritePiece(write.number, Part.CONTENT) in pieces
        and WritePiece(write.creation, Part.NAME) not in pieces
    }
    return len(numbers)


def _replay(node: Node, resource: ResourceLayout) -> str:
    freed = _freed(node, resource)
    text = (
        f"** SU+J Recovering {resource.filesystem_device}\n** Reading 4194304 byte journal from inode 4.\n"
        "** Building recovery table.\n** Resolving unreferenced inode list.\n** Processing journal entries.\n"
    )
    block = superblock_of(node, resource)
    if block is not None and block.journal:
        text += "** 2 journal records in 512 bytes for 12.50% utilization\n"
        text += f"** Freed {freed} inodes (0 dirs) 0 blocks, and {freed} frags.\n"
    return text


def _full_check(resource: ResourceLayout) -> str:
    phases = ["1 - Check Blocks and Sizes", "2 - Check Pathnames", "3 - Check Connectivity"]
    phases += ["4 - Check Reference Counts", "5 - Check Cyl groups"]
    lines = [f"** {resource.device}", f"** Last Mounted on {resource.mountpoint}"]
    return "\n".join(lines + [f"** Phase {phase}" for phase in phases]) + "\n"
