"""zfs(8), as far as a failover needs it: list, get, mount, unmount, of the one dataset that a pool has here.

For what it is held to see `zpool.py`.
"""

from __future__ import annotations

from remediate.rehearsal.clock import Steps
from remediate.rehearsal.commands.zfs_words import Options, Verb, get_them, list_them, named, nicenum, run_verb
from remediate.rehearsal.shell import Call, command
from remediate.rehearsal.zfs import Pool

NO_DATASET = "dataset does not exist"


@command("zfs")
def zfs(call: Call) -> Steps[int]:
    """zfs(8)"""
    unmount: tuple[str, Verb] = ("fa", _unmount)
    return run_verb(
        call,
        {
            "list": ("Hpro:t:", _list),
            "get": ("Hpo:t:", _get),
            "mount": ("aO", _mount),
            "unmount": unmount,
            "umount": unmount,
        },
    )


def mounted(call: Call, pool: Pool) -> Steps[int]:
    """Mount the dataset of a pool that was just imported or is named; 1 when something is in the way."""
    point, node = pool.label.mountpoint, call.node
    if pool.resource.name in node.trouble.failing_mounts:
        call.err(f"cannot mount '{point}': Input/output error\n")
        return 1
    if point in node.filesystems.mounts:
        call.err(f"cannot mount '{point}': mountpoint or dataset is busy\n")
        return 1
    yield from pool.attach()
    return 0


def _dataset_property(pool: Pool, name: str) -> str:
    values = {
        "name": pool.label.name,
        "used": nicenum(pool.allocated),
        "avail": nicenum(pool.available),
        "available": nicenum(pool.available),
        "refer": nicenum(pool.allocated),
        "referenced": nicenum(pool.allocated),
        "mountpoint": pool.label.mountpoint,
        "mounted": "yes" if pool.mount is not None else "no",
        "sharenfs": pool.label.sharenfs,
        "canmount": "on",
        "readonly": "off",
        "sync": "standard",
        "type": "filesystem",
    }
    return values.get(name, "-")


def _list(call: Call, options: Options, words: list[str]) -> Steps[int]:
    """zfs-list(8)"""
    pools, status = yield from named(call, words, NO_DATASET)
    if not pools and not words and not options.has("-H"):
        call.out("no datasets available\n")
    list_them(call, options, pools, "name,used,avail,refer,mountpoint", _dataset_property)
    return status


def _get(call: Call, options: Options, words: list[str]) -> Steps[int]:
    """zfs-get(8)"""
    pools, status = yield from named(call, words[1:], NO_DATASET)
    get_them(call, options, pools, (words or ["all"])[0], _dataset_property)
    return status


def _mount(call: Call, options: Options, words: list[str]) -> Steps[int]:
    """zfs-mount(8): the list of what is mounted, or one dataset, or all (-a)."""
    every = options.has("-a")
    if not words and not every:
        for mount in call.node.filesystems.mounts.values():
            if mount.fstype == "zfs":
                call.out(f"{mount.source:<30}  {mount.resource.mountpoint}\n")
        return 0
    pools, status = yield from named(call, words, NO_DATASET)
    for pool in pools:
        if pool.mount is None:
            status |= yield from mounted(call, pool)
        elif not every:
            call.err(f"cannot mount '{pool.label.name}': filesystem already mounted\n")
            status = 1
    return status


def _unmount(call: Call, options: Options, words: list[str]) -> Steps[int]:
    """zfs-unmount(8): by name or mount point; the pool stays imported."""
    points = {pool.label.mountpoint: name for name, pool in call.node.filesystems.pools.items()}
    pools, status = yield from named(call, [points.get(word, word) for word in words], NO_DATASET)
    for pool in pools:
        mount = pool.mount
        if mount is None:
            call.err(f"cannot unmount '{pool.label.name}': not currently mounted\n")
            status = 1
            continue
        if options.has("-f"):
            mount.users.clear()
        try:
            yield from mount.unmount()
        except OSError:
            call.err(f"cannot unmount '{pool.label.mountpoint}': pool or dataset is busy\n")
            status = 1
    return status
