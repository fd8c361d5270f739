"""The file system of a resource: mount and unmount it; UFS on the HAST device or a layer of it, or a ZFS pool on it.

Every command has a deadline, and every effect is looked at afterwards: a mount is what mount(8) lists, not what a
command said of itself.
"""

from __future__ import annotations

from checks.probes.errors import Hangs, NotFound
from checks.probes.filesystem import Mount, mounted_at, mounts, refuse_missing
from checks.probes.node import Node
from checks.probes.processes import Process
from remediate.context import Context
from remediate.failover import pools, users
from remediate.failover.devices import ENDS_LEFT, MountedDevice
from remediate.failover.errors import StepFailed
from remediate.failover.pools import LOOKS, MOUNTS
from remediate.failover.resource import ResourcePlace
from remediate.failover.this_boot import this_boot
from remediate.state import unprotected
from remediate.state.journal import WARNING
from remediate.state.store import StateError

MOUNT, UMOUNT, CHFLAGS = "/sbin/mount", "/sbin/umount", "/bin/chflags"
AGAIN = 0.2
"""Seconds between two attempts to unmount what is busy."""


def mount(context: Context, place: ResourcePlace, on: MountedDevice) -> None:
    """Mount the file system, or import the pool. Raises StepFailed, ProbeError."""
    pool = ""
    if on.kind == "zfs":
        pool = pools.take(context, place)
    else:
        done = context.here.act(mount_ufs(on.device, place.point), MOUNTS)
        if done.status != 0:
            raise StepFailed(f"{on.device} cannot be mounted: {done.words}")
    if pool and pools.leaves_the_export(place):
        context.timing.until(lambda: _there(context, place) is not None, MOUNTS, AGAIN)
    there = _there(context, place)
    mine = there is not None and (there.device.partition("/")[0] == pool if pool else there.device == on.device)
    if there is None or there.read_only or not mine:
        if pool and pools.is_imported(context, pool):
            context.here.act(pools.exporting(pool), MOUNTS)  # it must not be left without its device
        raise StepFailed(f"{place.point} is not what was mounted: {there.device if there else 'nothing is there'}")


def mount_ufs(device: str, point: str) -> tuple[str, ...]:
    """mount(8)."""
    return MOUNT, "-t", "ufs", device, point


def unmount(context: Context, place: ResourcePlace) -> str:
    """A clean unmount of everything that is mounted there, repeated; who uses the file system is ended within the
    budget, force comes only at its end. What was done, for the journal. Raises StepFailed, ProbeError."""
    if pools.leaves_the_export(place):
        return pools.await_export(context, place.pool)
    pool = _pool(context, place)
    stack = _stack(context, place, pool)
    if not stack:
        return "nothing is mounted"
    budget, began = context.config.failover.unmount, context.timing.now()
    ended: list[Process] = []
    while True:
        done = [context.here.act(unmounting(there, pool), MOUNTS) for there in stack]
        left = _left(context, place, pool)
        if not left and not (pool and pools.is_imported(context, pool)):
            return f"after these were ended: {users.named(ended)}" if ended else "clean"
        stack = left or stack[-1:]
        spent = context.timing.now() - began
        if spent >= budget:
            break
        for there in left:
            ended += users.end(context, there, "KILL" if spent > budget / 2 else "TERM")
        context.timing.sleep(AGAIN)
    forced = unmount_by_force(context, place)
    return f"{forced}, because it stayed busy ({done[-1].words}); in use by {users.named(ended)}"


def unmounting(there: Mount, pool: str, *force: str) -> tuple[str, ...]:
    """umount(8), or zpool-export(8) of what is mounted of a pool."""
    is_of_it = pool and there.kind == "zfs" and there.device.partition("/")[0] == pool
    return pools.exporting(pool, *force) if is_of_it else (UMOUNT, *force, there.point)


def unmount_by_force(context: Context, place: ResourcePlace) -> str:
    """Take away what is still mounted, buffers or not; what was done. Raises StepFailed where it is still there."""
    pool = _pool(context, place)
    stack, words = _stack(context, place, pool), ""
    if not stack:
        return "the kernel has unmounted it with the device; what was in buffers is lost"
    for there in stack:
        try:
            words = context.here.act(unmounting(there, pool, "-f"), MOUNTS).words
        except Hangs as error:
            words = f"{error}; if a worker that was killed has left the device, end that ({ENDS_LEFT})"
    if _stack(context, place, pool) or (pool and pools.is_imported(context, pool)):
        raise StepFailed(f"{place.point} cannot be proven unmounted, it counts as in use: {words}")
    return "unmounted by force; what was in buffers may be lost"


def protect(context: Context, place: ResourcePlace, wanted: bool) -> str:
    """Set or clear the immutable flag of the empty mount point (chflags(1)); a failure is said and does no harm."""
    machine = context.here.machine
    if machine:
        trouble = machine.make_immutable(place.point, wanted)
    else:
        done = context.here.act((CHFLAGS, "schg" if wanted else "noschg", place.point), LOOKS)
        trouble = done.words if done.status != 0 else ""
    if trouble and wanted:
        _give_up_protecting(context, place, trouble)
    return f"could not: {trouble}" if trouble else ""


def _give_up_protecting(context: Context, place: ResourcePlace, why: str) -> None:
    """A mount point that refuses the flag is not asked again in this boot, and said to once: on a read-only or an NFS
    root no flag can be set, and a step that can never be had must not come back with every look."""
    try:
        news = unprotected.give_up(context.store, place.point, this_boot(context))
    except StateError:
        return  # then it is tried and said again the next time, which disturbs nobody
    if news:
        result = f"{place.point} takes files while nothing is mounted there: {why}"
        context.journal.entry("unprotected", resource=place.name, result=result, severity=WARNING)


def is_protected(listing: str) -> bool:
    """Whether `ls -ldo` shows the flag schg, which stands behind the group."""
    fields = listing.split()
    return len(fields) > 4 and "schg" in fields[4].split(",")


def mounted_now(context: Context) -> tuple[Mount, ...]:
    """Everything that is mounted, asked of the kernel where that is this machine's. Raises ProbeError."""
    machine = context.here.machine
    return machine.mounts() if machine else mounts(context.here.node())


def takes_no_files(context: Context, point: str) -> bool:
    """Whether an empty mount point is immutable; one that does not exist takes no files either. Raises ProbeError."""
    machine = context.here.machine
    return machine.takes_no_files(point) if machine else takes_no_files_on(context.here.node(), point)


def takes_no_files_on(node: Node, point: str) -> bool:
    """The same, of any node. Raises ProbeError."""
    try:
        listing = node.run("ls", "-ldo", point)
        refuse_missing(listing, point)
    except NotFound:
        return True
    return is_protected(listing.stdout)


def there_now(context: Context, point: str) -> Mount | None:
    """What is mounted at a mount point, asked of the kernel where that is this machine's. Raises ProbeError."""
    machine = context.here.machine
    return machine.mounted(point) if machine else mounted_at(mounted_now(context), point)


def _there(context: Context, place: ResourcePlace) -> Mount | None:
    return there_now(context, place.point)


def _left(context: Context, place: ResourcePlace, pool: str) -> tuple[Mount, ...]:
    """What an unmount has left of it. While something is mounted below, umount(8) leaves the mount point too (EBUSY,
    vfs_mount.c, dounmount())."""
    machine = context.here.machine
    return () if machine and machine.mounted(place.point) is None else _stack(context, place, pool)


def _stack(context: Context, place: ResourcePlace, pool: str) -> tuple[Mount, ...]:
    """What is mounted at the mount point and below it, in the order in which it has to be unmounted: what came last,
    first; of a pool only its own file system, the export takes the others."""

    def is_of_the_pool(there: Mount) -> bool:
        return bool(pool) and there.kind == "zfs" and there.device.partition("/")[0] == pool

    there = [each for each in mounted_now(context) if each.point == place.point or
             (each.point.startswith(f"{place.point}/") and not is_of_the_pool(each))]  # fmt: skip
    return tuple(reversed(there))


def _pool(context: Context, place: ResourcePlace) -> str:
    """The pool of the resource that is mounted there; empty where none is."""
    there = _there(context, place)
    return pools.of_mount(context, there, place) if there is not None else ""
