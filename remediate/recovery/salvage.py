"""What only the losing copy has, kept as files: an archive and a manifest, read back before anything is destroyed."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable
from typing import NamedTuple

from checks.plugin.text import say_size
from remediate.context import Context
from remediate.failover.errors import StepFailed
from remediate.recovery import archive, manifest, targets
from remediate.recovery.differences import Difference, differences, first_difference, unchanged_since
from remediate.recovery.differing_files import DifferingFiles
from remediate.recovery.imaging import image
from remediate.recovery.items import FILE, FileListing, Item, Tree
from remediate.recovery.manifest import Manifest, SavedItem
from remediate.recovery.targets import FILES, MANIFEST, BoundedSource, SalvageTarget
from remediate.state.journal import ERR, NOTICE

__all__ = ["SalvageCheck", "first_difference", "image", "make_ready", "salvage", "unchanged_since", "verify"]

SPARE = 1.1
"""How much more room there must be than is needed."""
MOST = 99
"""Salvages of one incident."""


class SalvageCheck(NamedTuple):
    """What was read back: files whose content is in the archive, their bytes, and everything else that was kept."""

    files: int
    size: int
    others: int

    def __str__(self) -> str:
        return f"{self.files} files ({say_size(self.size)}) and {self.others} others, read back and found equal"


def make_ready(context: Context, resource: str, place: str, ssh: tuple[str, ...] | None = None) -> None:
    """Make the directory that a salvage or an image goes to, where it is missing, before anything else is done. Raises
    StepFailed where nothing can be kept there."""
    _refuse_the_mount_point(context, resource, place)
    targets.target(place, targets.name_of(resource, "salvage"), ssh).make_base()


def salvage(
    context: Context,
    resource: str,
    losing: Tree,
    winner: FileListing,
    since: float,
    place: str,
    incident: str,
    watch: Callable[[str], None] = lambda _: None,
    ssh: tuple[str, ...] | None = None,
    differing: DifferingFiles | None = None,
) -> Manifest:
    """Keep everything of the losing copy that the other one lacks or has otherwise, or that was changed at or after
    `since` (seconds since 1970, infinite where it is not known), at `place`: see `targets.target`. `differing` is told
    of all that differs.

    What is kept is in memory, what is compared is not. A finished salvage of the incident that holds all of it already
    is taken as it is; another one stays, and this one gets a number. Raises StepFailed, where there is not room enough
    before anything is written, and ProbeError.
    """
    _refuse_the_mount_point(context, resource, place)
    watch("comparing the two copies")
    noted = DifferingFiles() if differing is None else differing
    items = _linked(noted.note(differences(losing, winner, since, watch, noted.only_there)))
    if losing.vanished:
        raise StepFailed(f"{losing.vanished} names of the losing copy could not be read: keep an image of it")
    earlier, target = _place(resource, incident, place, items, ssh)
    if earlier is not None:
        return earlier
    new = Manifest(
        resource, incident, context.journal.node_name, since if math.isfinite(since) else None, items, target.where
    )
    _refuse_without_room(target, items)
    _refuse_too_many(new)
    try:
        target.begin()
        with target.writing(FILES) as sink:
            new = new._replace(files=archive.write(sink, losing, items, watch))
        with target.writing(MANIFEST) as sink:
            for line in manifest.lines(new):
                sink.write(line)
    except StepFailed as error:
        target.discard()
        context.journal.entry("salvage", resource=resource, why=incident, result=f"failed: {error}", severity=ERR)
        raise
    result = f"{len(items)} files kept at {new.where}"
    context.journal.entry("salvage", resource=resource, why=incident, result=result, severity=NOTICE)
    return new


def verify(context: Context, manifest: Manifest, ssh: tuple[str, ...] | None = None) -> SalvageCheck:
    """Read a salvage back, manifest and archive, and hold every size and hash against what was kept. Raises
    StepFailed."""
    target = targets.at(manifest.where, ssh)
    stored = read_manifest(target)
    if [_same(each) for each in stored.files] != [_same(each) for each in manifest.files]:
        raise StepFailed(f"the manifest at {manifest.where} is not that of what was kept")
    files = size = others = 0
    with target.reading(FILES) as source:
        for member in archive.members(BoundedSource(source, archive.size_of(stored.files), target.where), stored.files):
            read = sum(map(len, archive.contents(member)))
            files, size = files + member.kept.has_content, size + read
            others += not member.kept.has_content
    verified = SalvageCheck(files, size, others)
    context.journal.entry("salvage-verified", resource=manifest.resource, why=manifest.incident, result=f"{verified}")
    return verified


def read_manifest(target: SalvageTarget) -> Manifest:
    """The manifest of a salvage. Raises StepFailed."""
    with target.reading(MANIFEST) as source:
        return manifest.parse(BoundedSource(source, manifest.LARGEST, target.where).read(), target.where)


def _linked(differences: Iterable[Difference]) -> tuple[SavedItem, ...]:
    """What is kept, of which a further name of the same inode is a link to the first one."""
    first: dict[int, bytes] = {}
    items = []
    for item, there, why in differences:
        link = first.setdefault(item.inode, item.path) if item.kind == FILE and item.nlink > 1 and item.inode else b""
        items.append(SavedItem(item, why, there is not None, link=link if link != item.path else b""))
    return tuple(items)


def _place(
    resource: str, incident: str, place: str, items: tuple[SavedItem, ...], ssh: tuple[str, ...] | None
) -> tuple[Manifest | None, SalvageTarget]:
    """The salvage of this incident that holds all of this already, or None and where it is to be."""
    for number in range(1, MOST + 1):
        target = targets.target(place, targets.name_of(resource, incident, number), ssh)
        target.room()
        if not target.complete():
            return None, target
        earlier = read_manifest(target)
        if {_same(each)[:5] for each in items} <= {_same(each)[:5] for each in earlier.files}:
            return earlier, target
    raise StepFailed(f"{place} holds {MOST} salvages of this incident already")


def _same(saved: SavedItem) -> tuple[object, ...]:
    """What two entries for the same thing have in common; the last two only once it is in an archive."""
    item = saved.item
    return item.path, item.kind, item.size, item.mtime_ns, item.target, saved.link, saved.sha256


def _refuse_without_room(target: SalvageTarget, items: tuple[SavedItem, ...]) -> None:
    needed, free = archive.size_of(each._replace(item=_in_archive(each)) for each in items) * SPARE, target.room()
    if needed > free:
        raise StepFailed(f"{target.where}: {say_size(needed)} are needed, {say_size(free)} are free")


def _refuse_too_many(new: Manifest) -> None:
    """What cannot be read back is not begun."""
    size = sum(len(line) + manifest.HASH for line in manifest.lines(new))
    if size > manifest.LARGEST:
        raise StepFailed(f"{len(new.files)} files are too many to be kept one by one: keep an image")


def _in_archive(saved: SavedItem) -> Item:
    return saved.item if saved.has_content else saved.item._replace(size=0)


def _refuse_the_mount_point(context: Context, resource: str, place: str) -> None:
    """What is written under the empty mount point vanishes with the next mount."""
    point = context.config.for_resource(resource).mount_point
    real = os.path.realpath(place)
    if not place.startswith("ssh://") and (real == point or real.startswith(f"{point}/")):
        raise StepFailed(f"{place} lies under the mount point of {resource}, where the next mount hides it")
