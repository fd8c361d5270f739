"""The losing copy, readable on its own node without being promoted and without touching the replication.

gnop(8) gives a provider that begins behind HAST's metadata, whose place `hastctl dump` names; its file system is
mounted read-only, or its pool imported so. hastd must not have the disk open, which it has not in role `init`. Nothing
is written to the disk by any of this, and all of it is taken away again, also what a killed call has left.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from checks.probes import hast, hast_conf
from checks.probes.errors import ProbeError
from checks.probes.filesystem import mounted_at, mounts
from checks.probes.hast import Metadata, Role
from checks.probes.process import CompletedCommand
from remediate.context import Context
from remediate.failover.devices import FSTYP
from remediate.failover.errors import StepFailed
from remediate.failover.filesystems import MOUNT, UMOUNT
from remediate.failover.pools import LOOKS, MOUNTS
from remediate.failover.resource import ResourcePlace
from remediate.recovery import pool_view

GNOP, DISKINFO, FILE = "/sbin/gnop", "/usr/sbin/diskinfo", "/usr/bin/file"
MKDIR, RMDIR, LS = "/bin/mkdir", "/bin/rmdir", "/bin/ls"
POINTS = "/var/run/hastwatch"
"""Where losing copies are mounted; a boot empties it."""
DD, SECTOR = "/bin/dd", 512
GEOM_METADATA = r"GEOM::(JOURNAL|MIRROR|ELI|STRIPE|CONCAT|RAID3|SHSEC|VIRSTOR|CACHE|MULTIPATH)"
"""What the last sector of a provider begins with (G_JOURNAL_MAGIC and the others of sys/geom); a label is harmless."""
SUFFIX = ".nop"
"""gnop(8)."""
CLEAN = r"\bclean flag (\d+)\b"
"""file(1) -s of a UFS: fs_clean of its superblock, 1 after a clean unmount (sys/ufs/ffs/fs.h)."""
BUSY = 15.0
"""Seconds for whoever looks at the copy to leave it, before it is unmounted by force: nothing is lost by that."""
BY_HAND = (
    "; by hand: cut the replication between the nodes, become primary here, mount, back up, role init "
    "(the documented recovery, step B)"
)


class InUse(StepFailed):
    """hastd may have the disk open: the copy can be read when its role is init."""


class Area(NamedTuple):
    """Where the data lies: the local provider, and the bytes behind HAST's metadata."""

    local: str
    offset: int
    size: int


def area(context: Context, place: ResourcePlace, metadata: Metadata) -> Area:
    """Where the data of this node's copy lies. Raises StepFailed where hastd may have the disk open, or the metadata is
    not what it was; and ProbeError."""
    node = context.here.node()
    try:
        role = hast.resource(node, place.name).role
    except hast.NoState as error:
        raise StepFailed(f"whether hastd uses the disk is not known: {error}") from None
    if role is not Role.INIT:
        raise InUse(f"the role of {place.name} is {role.value}: hastd may have the disk open")
    configured = hast_conf.configured(node).get(place.name)
    local = configured.local if configured is not None else ""
    if not local.startswith("/dev/"):
        raise StepFailed(f"hast.conf names no local device of {place.name} on this node")
    try:
        now = hast.metadata(node, place.name)
    except hast.MetadataUnreadable as error:
        raise StepFailed(f"where the data begins on {local} is not known: {error}") from None
    if now != metadata:
        raise StepFailed(f"the metadata on {local} has changed meanwhile")
    if now.localoff <= 0:
        raise StepFailed(f"where the data begins on {local} is not known")
    return Area(local, now.localoff, now.datasize)


@contextmanager
def opened(context: Context, place: ResourcePlace, metadata: Metadata) -> Iterator[str]:
    """The copy, mounted read-only for the time of the block; gives the directory in which its files are.

    A UFS that was not unmounted cleanly can be mounted so, as it is, without its journal: see `unclean`. A ZFS pool
    that was not exported can not: its newest writes may be in the intent log only, which a read-only import does not
    show. Raises StepFailed, and ProbeError.
    """
    where = area(context, place, metadata)
    _refuse_layers(context, place, where)
    device, point = where.local + SUFFIX, f"{POINTS}/{place.name}"
    _close(context, place, device, point, where.size)
    try:
        _succeed(context, (MKDIR, "-p", "-m", "700", point), "there is no directory to mount on")
        _begin_behind_the_metadata(context, where, device)
        yield _mount(context, place, device, point)
    finally:
        _close(context, place, device, point, where.size)


def _refuse_layers(context: Context, place: ResourcePlace, where: Area) -> None:
    """Raise StepFailed where the file system does not lie on HAST's device itself. A class of GEOM that finds its
    metadata at the end of a provider (g_journal.c, g_mirror.c, g_eli.c and others: `GEOM::...` in the last sector)
    takes what gnop(8) makes for its own, and some write to it at once: a journal is replayed, a mirror marked."""
    if place.filesystem not in ("", place.device):
        raise StepFailed(f"{place.filesystem} cannot be opened read-only on this node: keep an image{BY_HAND}")
    at = (where.offset + where.size) // SECTOR - 1
    done = context.here.act((DD, f"if={where.local}", f"bs={SECTOR}", f"skip={at}", "count=1"), LOOKS)
    match = re.match(GEOM_METADATA, done.stdout)
    if done.status != 0:
        raise StepFailed(f"the last sector of {where.local} cannot be read: {done.words}")
    if match:
        raise StepFailed(
            f"{match[0]} on {where.local} would be opened for writing as soon as it is seen: keep an image{BY_HAND}"
        )


def unclean(context: Context, place: ResourcePlace) -> str:
    """Empty where the file system that is open was unmounted cleanly; else what that means. A proof by names and times
    needs a clean one. To be called while the copy is open. Raises StepFailed, ProbeError."""
    there = mounted_at(mounts(context.here.node()), f"{POINTS}/{place.name}")
    if there is None:
        return "" if pool_view.is_open(context, place.pool, f"{POINTS}/{place.name}") else "the copy is not open"
    done = context.here.act((FILE, "-s", "-b", there.device), LOOKS)
    match = re.search(CLEAN, done.stdout)
    if done.status != 0 or not match:
        return f"whether it was unmounted cleanly is not known: {done.words}"
    if match[1] == "1":
        return ""
    return "it was not unmounted cleanly: names that were not yet on the disk are missing from it"


def mount_ufs(device: str, point: str) -> tuple[str, ...]:
    """mount(8); of a file system whose users are not trusted here."""
    return MOUNT, "-t", "ufs", "-o", "ro,noatime,nosuid,noexec", device, point


def _begin_behind_the_metadata(context: Context, where: Area, device: str) -> None:
    """gnop(8), create; and look that the provider is there and has the size of the data."""
    command = (GNOP, "create", "-o", str(where.offset), "-s", str(where.size), where.local)
    _succeed(context, command, f"no read-only provider can be made of {where.local}", BY_HAND)
    if not context.timing.until(lambda: _size(context, device) == where.size, LOOKS):
        raise StepFailed(f"{device} has not appeared with {where.size} bytes{BY_HAND}")


def _mount(context: Context, place: ResourcePlace, device: str, point: str) -> str:
    """Mount what is on the provider; the directory with the files."""
    kind = context.here.act((FSTYP, "-u", device), LOOKS)
    what = kind.stdout.strip() if kind.status == 0 else ""
    if what == "zfs":
        return pool_view.take(context, place, device, point)
    if what != "ufs":
        raise StepFailed(f"{device} holds no file system that is known ({kind.words}): keep an image")
    _succeed(context, mount_ufs(device, point), f"{device} cannot be mounted, keep an image")
    there = mounted_at(mounts(context.here.node()), point)
    if there is None or there.device != device or not there.read_only:
        raise StepFailed(f"{device} is not mounted read-only on {point}")
    return point


def _close(context: Context, place: ResourcePlace, device: str, point: str, size: int) -> None:
    """Take everything away, in reverse; nothing where there is nothing. Raises StepFailed where something stays."""
    pool_view.give_back(context, place.pool, point)
    there = mounted_at(mounts(context.here.node()), point)
    if there is not None:
        if there.device != device:
            raise StepFailed(f"{there.device} is mounted on {point}, which is not ours")
        if not _gone(context, (UMOUNT, point), lambda: mounted_at(mounts(context.here.node()), point) is None):
            raise StepFailed(f"{point} stays mounted")
    now = _size(context, device)
    if now is not None:
        if now != size:
            raise StepFailed(f"{device} is there and has {now} bytes: it is not ours")
        done = context.here.act((GNOP, "destroy", device), LOOKS)
        if not context.timing.until(lambda: _size(context, device) is None, LOOKS):
            raise StepFailed(f"{device} stays: {done.words}")
    if context.here.act((LS, "-d", point), LOOKS).status == 0:
        below = place.point.split("/")  # directories that the import of a pool made under its other root
        for depth in range(len(below), 0, -1):
            context.here.act((RMDIR, point + "/".join(below[:depth])), LOOKS)


def _gone(context: Context, command: tuple[str, ...], condition: Callable[[], bool]) -> bool:
    """Unmount until it holds, at the end by force."""

    def tried() -> bool:
        context.here.act(command, MOUNTS)
        return condition()

    if context.timing.until(tried, BUSY, 0.5):
        return True
    context.here.act((command[0], "-f", *command[1:]), MOUNTS)
    return condition()


def _size(context: Context, device: str) -> int | None:
    """The size of a provider in bytes, None where it is not there (diskinfo(8))."""
    done = context.here.act((DISKINFO, device), LOOKS)
    fields = done.stdout.split()
    return int(fields[2]) if done.status == 0 and len(fields) > 2 and fields[2].isdigit() else None


def _succeed(context: Context, command: tuple[str, ...], otherwise: str, advice: str = "") -> CompletedCommand:
    try:
        done = context.here.act(command, MOUNTS)
    except ProbeError as error:
        raise StepFailed(f"{otherwise}: {error}{advice}") from None
    if done.status != 0:
        raise StepFailed(f"{otherwise}: {done.words}{advice}")
    return done
