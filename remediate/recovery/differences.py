"""What the losing copy of a file system has and the other one has not, or may not have: item by item, side by side.

Names, kinds, sizes and times are compared, and contents by SHA-256 where the times do not already say that both are
what they were when the copies parted. Whoever may write files can set mtime (utimensat(2)) but never ctime: so a file
counts as unchanged without being read only where both sides' ctime is from before that.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from typing import NamedTuple

from checks.probes.timestamps import utc
from remediate.failover import clients
from remediate.recovery.items import DIRECTORY, FILE, SYMLINK, FileListing, Item, shown
from remediate.state.directory import FILE_MODE

MISSING = "missing on the other copy"
ANOTHER_KIND = "of another kind on the other copy"
ANOTHER_SIZE = "of another size on the other copy"
ANOTHER_CONTENT = "another content on the other copy"
ANOTHER_TARGET = "a link to something else on the other copy"
ANOTHER_OWNER = "another mode or owner on the other copy"
NEWER = "changed since the copies diverged"

TOGETHER, TOGETHER_BYTES = 400, 1 << 30
"""Files, and bytes of them, that are hashed on both sides at a time."""
SAY_EVERY = 10_000
"""Items between two words about how far it is."""
NOBODYS = {b".sujournal": 0o400} | dict.fromkeys(map(os.fsencode, (clients.FILE, clients.NEW)), FILE_MODE)
"""Files of root's in the root of a file system that are no user's, with their modes: the journal of soft updates, which
UFS keeps (tunefs(8), -j), and whom hastwatch wakes after a failover."""


class Difference(NamedTuple):
    """An item of the losing copy that is to be kept, what has its name on the other copy (or None), and why."""

    item: Item
    there: Item | None
    why: tuple[str, ...]


def differences(
    losing: FileListing,
    winner: FileListing,
    since: float,
    watch: Callable[[str], None] = lambda _: None,
    only_there: Callable[[Item], None] = lambda _: None,
) -> Iterator[Difference]:
    """Everything of the losing copy that the other one lacks or has otherwise, or that was changed at or after `since`
    (seconds since 1970), in the order of the tree. Where `since` is not finite all contents are compared. Directories
    are told by name, mode and owner only. `only_there` is given what only the other copy has. Raises StepFailed,
    ProbeError."""
    waiting: list[tuple[Item, Item | None, list[str], bool]] = []
    read = 0
    for count, (item, there) in enumerate(_side_by_side(of_users(losing), of_users(winner), only_there), 1):
        why, to_read = _compared(item, there, since)
        waiting.append((item, there, why, to_read))
        read += item.size if to_read else 0
        if len(waiting) >= TOGETHER or read >= TOGETHER_BYTES:
            yield from _decided(losing, winner, waiting)
            waiting, read = [], 0
        if count % SAY_EVERY == 0:
            watch(f"{count} files compared")
    yield from _decided(losing, winner, waiting)


def first_difference(losing: FileListing, winner: FileListing) -> str:
    """The first thing of the losing copy that is not the same on the other one, in a few words; empty where all of it
    is: every content was compared. Raises StepFailed, ProbeError."""
    difference = next(differences(losing, winner, math.inf), None)
    if difference is not None:
        return f"{shown(difference.item.path)} is {difference.why[0]}"
    return f"{losing.vanished} names could not be read" if losing.vanished else ""


def unchanged_since(tree: FileListing, since: float, margin: float) -> str:
    """Empty where it is proven that nothing of a copy was changed since `since` (seconds since 1970) less `margin`
    seconds for clocks that differ; else the first thing that speaks against it. Raises StepFailed.

    What counts as proof: no inode of it, whether of a file, a directory or a link, has a ctime or mtime from then on.
    Every write, truncation, new mode, owner or name of a file sets the ctime of its inode, and every name that is made,
    changed or removed that of its directory, to the time of the server (inode.9, utimensat(2)): a client can set mtime
    and atime, and setting them sets ctime. What a client was told was safe (fsync(2), COMMIT) is on the disk together
    with its inode. An unmount, and reading, set none.

    It is no proof where the clock of the node was set back by more than the margin, and on a file system that was not
    unmounted cleanly (`readonly.unclean`): what is in inodes that no directory names yet is not seen by names.
    """
    earliest = (since - margin) * 1e9
    for item in of_users(tree):
        last = max(item.ctime_ns, item.mtime_ns)
        if last >= earliest:
            return f"{shown(item.path)} was changed at {utc(last / 1e9)}"
    return f"{tree.vanished} names could not be read" if tree.vanished else ""


def of_users(tree: FileListing) -> Iterator[Item]:
    """The items of a tree without what is nobody's."""
    for item in tree.walk():
        if not (item.uid == 0 and item.kind == FILE and NOBODYS.get(item.path) == item.mode):
            yield item


def _side_by_side(
    losing: Iterator[Item], winner: Iterator[Item], only_there: Callable[[Item], None]
) -> Iterator[tuple[Item, Item | None]]:
    """Each item of the first with that of the second that has its name."""
    there = next(winner, None)
    for item in losing:
        key = item.key
        while there is not None and there.key < key:
            only_there(there)
            there = next(winner, None)
        if there is not None and there.path == item.path:
            yield item, there
            there = next(winner, None)
        else:
            yield item, None
    while there is not None:
        only_there(there)
        there = next(winner, None)


def _compared(item: Item, there: Item | None, since: float) -> tuple[list[str], bool]:
    """Why the item is kept, as far as that is known without reading it, and whether it has to be read."""
    why: list[str] = []
    changed = max(item.mtime_ns, item.ctime_ns) >= since * 1e9
    if there is None:
        why.append(MISSING)
    elif item.kind != there.kind:
        why.append(ANOTHER_KIND)
    else:
        if item.size != there.size:
            why.append(ANOTHER_SIZE)
        if item.kind == SYMLINK and item.target != there.target:
            why.append(ANOTHER_TARGET)
        if (item.mode, item.uid, item.gid) != (there.mode, there.uid, there.gid):
            why.append(ANOTHER_OWNER)
    if changed and item.kind != DIRECTORY:
        why.append(NEWER)
    if there is None or why or item.kind != FILE:
        return why, False
    touched = item.mtime_ns != there.mtime_ns or there.ctime_ns >= since * 1e9 or not math.isfinite(since)
    return why, touched


def _decided(
    losing: FileListing, winner: FileListing, waiting: list[tuple[Item, Item | None, list[str], bool]]
) -> Iterator[Difference]:
    """Read what has to be read, and give what is kept. Where one side vanished meanwhile it counts as different."""
    to_read = [(item, there) for item, there, _, read in waiting if read and there is not None]
    here = losing.digests([item for item, _ in to_read])
    other = winner.digests([there for _, there in to_read])
    same = {item.path: bool(one) and one == two for (item, _), one, two in zip(to_read, here, other, strict=True)}
    for item, there, why, read in waiting:
        if read and not same[item.path]:
            why = [ANOTHER_CONTENT]
        if why:
            yield Difference(item, there, tuple(why))
