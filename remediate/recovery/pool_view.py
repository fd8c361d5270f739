"""A losing copy that is a ZFS pool: imported read-only under another root, and given back.

zpool-import(8) with `readonly=on` replays no intent log, so of a pool that was not exported the newest acknowledged
writes may not be seen: such a one is refused, and an image keeps it. So is one with file systems elsewhere than at the
mount point of the resource, or with volumes.
"""

from __future__ import annotations

import re

from checks.probes.errors import Hangs
from remediate.context import Context
from remediate.failover.errors import StepFailed
from remediate.failover.pools import LOOKS, MOUNTS, ZDB, ZPOOL
from remediate.failover.resource import ResourcePlace

ZFS = "/sbin/zfs"
EXPORTED = r"(?m)^\s*state: 1$"
"""zdb(8) -l: the state in the label, POOL_STATE_EXPORTED (sys/fs/zfs.h)."""


def take(context: Context, place: ResourcePlace, device: str, root: str) -> str:
    """Import the pool that is on a provider read-only and mount it under `root`; the directory with the files of the
    resource. Raises StepFailed, ProbeError."""
    if place.pooled:
        raise StepFailed(f"the pool {place.pool} lies on {', '.join(place.pooled)} together: keep an image of each")
    label = context.here.act((ZDB, "-l", device), LOOKS)
    if label.status != 0 or not re.search(EXPORTED, label.stdout):
        raise StepFailed(f"the pool on {device} was not exported: its intent log may hold writes, keep an image")
    done = context.here.act(importing(place.pool, device, root), MOUNTS)
    if done.status != 0 or not is_open(context, place.pool, root):
        raise StepFailed(f"the pool {place.pool} cannot be imported read-only, keep an image: {done.words}")
    listed = context.here.act((ZFS, "list", "-H", "-r", "-o", "name,type,mountpoint", place.pool), LOOKS)
    point = f"{root}{place.point}"
    rows = [line.split("\t") for line in listed.stdout.splitlines()]
    if listed.status != 0 or rows != [[place.pool, "filesystem", point]]:
        raise StepFailed(f"the pool {place.pool} holds more than one file system at {place.point}: keep an image")
    mounted = context.here.act((ZFS, "mount", place.pool), MOUNTS)
    there = context.here.act((ZFS, "get", "-H", "-o", "value", "mounted", place.pool), LOOKS)
    if there.stdout.strip() != "yes":
        raise StepFailed(f"{place.pool} cannot be mounted: {mounted.words}")
    return point


def importing(name: str, device: str, root: str) -> tuple[str, ...]:
    """zpool-import(8): from this provider only, without a mount and in no cache file that a boot would import from."""
    return (
        ZPOOL, "import", "-f", "-N", "-o", "readonly=on", "-o", "cachefile=none", "-R", root, "-d", device, name
    )  # fmt: skip


def is_open(context: Context, name: str, root: str) -> bool:
    """The pool is imported under this root. Raises ProbeError."""
    done = context.here.act((ZPOOL, "get", "-H", "-o", "value", "altroot", name), LOOKS)
    return done.status == 0 and done.stdout.strip() == root


def give_back(context: Context, name: str, root: str) -> None:
    """Export the pool if it is imported under this root. Raises StepFailed, ProbeError."""
    if not is_open(context, name, root):
        return
    words = ""
    for force in ((), ("-f",)):
        try:
            words = context.here.act((ZPOOL, "export", *force, name), MOUNTS).words
        except Hangs as error:
            words = str(error)
        if not is_open(context, name, root):
            return
    raise StepFailed(f"the read-only pool {name} stays imported: {words}")
