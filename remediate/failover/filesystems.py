"""The file system of a resource: look what it is, check, mount, unmount; UFS on the HAST device, or a ZFS pool on it.

Every command has a deadline, and every effect is looked at afterwards: a mount is what mount(8) lists, not what a
command said of itself.
"""

from __future__ import annotations

import re

from checks.probes.errors import Hangs, NotFound
from checks.probes.filesystem import Mount, belongs, mounted_at, mounts, refuse_missing
from checks.probes.identity import host_id_of
from checks.probes.node import Node
from checks.probes.processes import Process
from remediate.failover import users
from remediate.failover.outcome import StepFailed
from remediate.failover.resource import Place
from remediate.failover.this_boot import this_boot
from remediate.site import Site
from remediate.state import unprotected
from remediate.state.journal import WARNING
from remediate.state.store import StateError

FSTYP, FSCK, MOUNT, UMOUNT = "/usr/sbin/fstyp", "/sbin/fsck", "/sbin/mount", "/sbin/umount"
CHFLAGS, ZPOOL = "/bin/chflags", "/sbin/zpool"
LOOKS = 10.0
"""Seconds for fstyp and chflags."""
MOUNTS = 60.0
"""Seconds for a mount, an unmount, an import, an export."""
AGAIN = 0.2
"""Seconds between two attempts to unmount what is busy."""
IN_USE = r"(?m)^Last accessed by (?P<host>\S+)(?: \(hostid=(?P<hostid>[0-9a-f]{1,16})\))?"
"""zpool-import(8), of a pool that its last host did not export: `zpool_main.c do_import()`."""


def kind(site: Site, place: Place) -> str:
    """`ufs` or `zfs`, as fstyp(8) says. Raises StepFailed, ProbeError."""
    done = site.here.act(identify(place), LOOKS)
    if done.status != 0 or done.stdout.strip() not in ("ufs", "zfs"):
        raise StepFailed(f"{place.device} holds no file system that is known: {done.words}")
    return done.stdout.strip()


def identify(place: Place) -> tuple[str, ...]:
    """fstyp(8); without -u it does not know what mount(8) cannot mount, which a pool is."""
    return FSTYP, "-u", place.device


def check(site: Site, place: Place) -> tuple[str, str]:
    """Make a file system fit to be mounted; what it is, `ufs` or `zfs`, and what was done, for the journal. Raises
    StepFailed, ProbeError.

    fsck_ffs(8) looks for the superblock where fstyp(8) does, which takes for UFS what has one and looks for a pool only
    then (usr.sbin/fstyp/fstyp.c, ufs.c: sbget()). Without one it writes nothing as long as it preens (setup.c, main.c:
    CAN'T CHECK FILE SYSTEM). So what the device holds is looked for only where that has failed; a full check would
    look for copies of a superblock, which a disk that was used anew may still have.
    """
    preened = site.here.act(preen(place), site.config.failover.preen)
    if preened.status == 0:
        said = next((line for line in reversed(preened.stdout.splitlines()) if "FILE SYSTEM" in line), "").strip("* ")
        return "ufs", said
    if kind(site, place) == "zfs":
        return "zfs", "a ZFS pool, which needs no check"
    full = site.here.act(check_in_full(place), site.config.failover.fsck)
    if full.status != 0:
        raise StepFailed(f"fsck cannot repair {place.device}: exit {full.status}: {full.words}")
    return "ufs", f"the journal was no help ({preened.words}), checked in full"


def preen(place: Place) -> tuple[str, ...]:
    """Replay the journal (fsck_ffs(8), -p)."""
    return FSCK, "-t", "ufs", "-p", place.device


def check_in_full(place: Place) -> tuple[str, ...]:
    """Every inode and block, repaired without asking."""
    return FSCK, "-t", "ufs", "-y", place.device


def mount(site: Site, place: Place, what: str) -> None:
    """Mount the file system, or import the pool. Raises StepFailed, ProbeError."""
    if what == "zfs":
        _import(site, place)
    else:
        done = site.here.act(mount_ufs(place), MOUNTS)
        if done.status != 0:
            raise StepFailed(f"{place.device} cannot be mounted: {done.words}")
    there = _there(site, place)
    if there is None or there.read_only or not belongs(there, place.device, place.name):
        if what == "zfs" and _pool_is_imported(site, place):
            site.here.act((ZPOOL, "export", place.name), MOUNTS)  # it must not be left without its device
        raise StepFailed(f"{place.point} is not what was mounted: {there.device if there else 'nothing is there'}")


def mount_ufs(place: Place) -> tuple[str, ...]:
    """mount(8)."""
    return MOUNT, "-t", "ufs", place.device, place.point


def import_pool(place: Place, *more: str) -> tuple[str, ...]:
    """zpool-import(8): look at HAST's devices only, and in no cache file that a boot would import the pool from."""
    return ZPOOL, "import", *more, "-d", "/dev/hast", "-o", "cachefile=none", place.name


def _import(site: Site, place: Place) -> None:
    """Import without -f; with it only where the other node of the pair was the last to have the pool."""
    done = site.here.act(import_pool(place), MOUNTS)
    last = re.search(IN_USE, done.stderr + done.stdout)
    if done.status != 0 and last and _is_of_the_pair(place, last["host"], last["hostid"] or ""):
        done = site.here.act(import_pool(place, "-f"), MOUNTS)
    if done.status != 0:
        whose = f", last used by {last['host']}, which is not of this pair" if last else ""
        raise StepFailed(f"the pool {place.name} cannot be imported{whose}: {done.words}")


def _is_of_the_pair(place: Place, host: str, hostid: str) -> bool:
    """Whether a host is one of the nodes in hast.conf, which names them by host name, host UUID or host ID; the last
    two are compared with the host ID (in hexadecimal) that the pool's label has besides the host name."""
    ids = {host_id_of(name) for name in place.nodes} - {None}
    if hostid and int(hostid, 16) in ids:
        return True
    return host.partition(".")[0] in {name.partition(".")[0] for name in place.nodes if host_id_of(name) is None}


def unmount(site: Site, place: Place) -> str:
    """A clean unmount of everything that is mounted there, repeated; who uses the file system is ended within the
    budget, force comes only at its end. What was done, for the journal. Raises StepFailed, ProbeError."""
    stack = _stack(site, place)
    if not stack:
        return "nothing is mounted"
    budget, began = site.config.failover.unmount, site.timing.now()
    ended: list[Process] = []
    while True:
        done = [site.here.act(unmounting(there, place), MOUNTS) for there in stack]
        left = _left(site, place)
        if not left and not (_has_pool(stack, place) and _pool_is_imported(site, place)):
            return f"after these were ended: {users.named(ended)}" if ended else "clean"
        stack = left or stack[-1:]
        spent = site.timing.now() - began
        if spent >= budget:
            break
        for there in left:
            ended += users.end(site, there, "KILL" if spent > budget / 2 else "TERM")
        site.timing.sleep(AGAIN)
    forced = unmount_by_force(site, place)
    return f"{forced}, because it stayed busy ({done[-1].words}); in use by {users.named(ended)}"


def unmounting(there: Mount, place: Place) -> tuple[str, ...]:
    """umount(8), or zpool-export(8)."""
    return (ZPOOL, "export", place.name) if _has_pool((there,), place) else (UMOUNT, there.point)


def unmount_by_force(site: Site, place: Place) -> str:
    """Take away what is still mounted, buffers or not; what was done. Raises StepFailed where it is still there."""
    stack, words = _stack(site, place), ""
    if not stack:
        return "the kernel has unmounted it with the device; what was in buffers is lost"
    for there in stack:
        pool = _has_pool((there,), place)
        command = (ZPOOL, "export", "-f", place.name) if pool else (UMOUNT, "-f", there.point)
        try:
            words = site.here.act(command, MOUNTS).words
        except Hangs as error:
            words = str(error)
    if _stack(site, place) or (_has_pool(stack, place) and _pool_is_imported(site, place)):
        raise StepFailed(f"{place.point} cannot be proven unmounted, it counts as in use: {words}")
    return "unmounted by force; what was in buffers may be lost"


def protect(site: Site, place: Place, wanted: bool) -> str:
    """Set or clear the immutable flag of the empty mount point (chflags(1)); a failure is said and does no harm."""
    machine = site.here.machine
    if machine:
        trouble = machine.make_immutable(place.point, wanted)
    else:
        done = site.here.act((CHFLAGS, "schg" if wanted else "noschg", place.point), LOOKS)
        trouble = done.words if done.status != 0 else ""
    if trouble and wanted:
        _give_up_protecting(site, place, trouble)
    return f"could not: {trouble}" if trouble else ""


def _give_up_protecting(site: Site, place: Place, why: str) -> None:
    """A mount point that refuses the flag is not asked again in this boot, and said to once: on a read-only or an NFS
    root no flag can be set, and a step that can never be had must not come back with every look."""
    try:
        news = unprotected.give_up(site.store, place.point, this_boot(site))
    except StateError:
        return  # then it is tried and said again the next time, which disturbs nobody
    if news:
        result = f"{place.point} takes files while nothing is mounted there: {why}"
        site.journal.entry("unprotected", resource=place.name, result=result, severity=WARNING)


def is_protected(listing: str) -> bool:
    """Whether `ls -ldo` shows the flag schg, which stands behind the group."""
    fields = listing.split()
    return len(fields) > 4 and "schg" in fields[4].split(",")


def mounted_now(site: Site) -> tuple[Mount, ...]:
    """Everything that is mounted, asked of the kernel where that is this machine's. Raises ProbeError."""
    machine = site.here.machine
    return machine.mounts() if machine else mounts(site.here.node())


def takes_no_files(site: Site, point: str) -> bool:
    """Whether an empty mount point is immutable; one that does not exist takes no files either. Raises ProbeError."""
    machine = site.here.machine
    return machine.takes_no_files(point) if machine else takes_no_files_on(site.here.node(), point)


def takes_no_files_on(node: Node, point: str) -> bool:
    """The same, of any node. Raises ProbeError."""
    try:
        listing = node.run("ls", "-ldo", point)
        refuse_missing(listing, point)
    except NotFound:
        return True
    return is_protected(listing.stdout)


def there_now(site: Site, point: str) -> Mount | None:
    """What is mounted at a mount point, asked of the kernel where that is this machine's. Raises ProbeError."""
    machine = site.here.machine
    return machine.mounted(point) if machine else mounted_at(mounted_now(site), point)


def _there(site: Site, place: Place) -> Mount | None:
    return there_now(site, place.point)


def _left(site: Site, place: Place) -> tuple[Mount, ...]:
    """What an unmount has left of it. While something is mounted below, umount(8) leaves the mount point too (EBUSY,
    vfs_mount.c, dounmount())."""
    machine = site.here.machine
    return () if machine and machine.mounted(place.point) is None else _stack(site, place)


def _stack(site: Site, place: Place) -> tuple[Mount, ...]:
    """What is mounted at the mount point and below it, in the order in which it has to be unmounted: what came last,
    first; of a pool only its own file system, the export takes the others."""
    there = [each for each in mounted_now(site) if each.point == place.point or
             (each.point.startswith(f"{place.point}/") and not _has_pool((each,), place))]  # fmt: skip
    return tuple(reversed(there))


def _has_pool(found: tuple[Mount, ...], place: Place) -> bool:
    return any(each.kind == "zfs" and belongs(each, place.device, place.name) for each in found)


def _pool_is_imported(site: Site, place: Place) -> bool:
    """A pool can be there without being mounted. One that does not answer is suspended, and there."""
    try:
        return site.here.act((ZPOOL, "list", "-H", "-o", "name", place.name), LOOKS).status == 0
    except Hangs:
        return True
