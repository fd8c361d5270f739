"""mount, umount, df, fstyp, newfs, sync, fsync, dd, diskinfo: file systems and devices."""

from __future__ import annotations

from dataclasses import replace

from simulator.clock import Steps
from simulator.commands.devices import on_disk, provider_of, resource_of, served, superblock_of, worker_of
from simulator.commands.mount_update import USAGE, is_update, update
from simulator.hastd.component import DeviceWrite
from simulator.hastd.disk import Disk, PoolLabel, Superblock
from simulator.hastd.metadata import EXTENTSIZE
from simulator.host.files import File
from simulator.shell.calls import Call, command
from simulator.storage import layers
from simulator.storage.mounts import Mount, Usage, write_device
from simulator.storage.views import Provider, UfsView, in_use

ROOT_DEVICE = "/dev/gpt/rootfs"


@command("mount")
def mount(call: Call) -> Steps[int]:
    """mount(8): list (-p for fstab's form, -v with the identities), mount a device, or change what is mounted (-u)."""
    words, node = call.argv[1:], call.node
    if is_update(words):
        return (yield from update(call))
    if words == ["-p"]:
        _list_as_fstab(call)
        return 0
    if words in ([], ["-v"]):
        _list_mounts(call, words == ["-v"])
        return 0
    options: list[str] = []
    while words and words[0].startswith("-"):
        option = words.pop(0)
        if option in ("-t", "-o") and words:
            options += words.pop(0).split(",")
    if len(words) != 2:
        call.err(USAGE)
        return 1
    device, directory = words
    if "nullfs" in options:
        node.filesystems.others.append((device, directory.rstrip("/")))
        return 0
    provider = provider_of(node, device)
    if provider is not None:
        return (yield from _mount_view(call, provider, directory, options))
    resource = resource_of(node, device)
    if resource is None:
        call.err(f"mount: {device}: Invalid fstype: Invalid argument\n")
        return 1
    if not node.is_directory(directory):
        call.err(f"mount: {directory}: No such file or directory\n")
        return 1
    if any(mounted.resource.name == resource.name for mounted in node.filesystems.mounts.values()):
        call.err(f"mount: {device}: Device busy\n")
        return 1
    good = yield from served(node, resource)
    block = superblock_of(node, resource) if node.files.exists(resource.device) else None
    hidden = layers.hides(node, resource, device)
    if good and hidden == "busy":
        call.err(f"mount: {device}: Operation not permitted\n")
        return 1
    if hidden:
        block = None
    if not good or block is None:
        reason = "Input/output error" if block is not None else "Invalid argument"
        call.err(f"mount: {device}: {reason}\n" if good is False else f"mount: {device}: Invalid fstype: {reason}\n")
        return 1
    if not block.clean and "force" not in options:
        call.err(
            f"mount: {device}: R/W mount on {directory} denied. Filesystem is not clean - run fsck. "
            "Forced mount will invalidate journal contents: Operation not permitted\n"
        )
        return 1
    if resource.name in node.trouble.failing_mounts:
        yield node.processor.use(node.pair.layout.costs.mount)
        call.err(f"mount: {device}: Input/output error\n")
        return 1
    if device.removeprefix("/dev/") == resource.device.removeprefix("/dev/"):
        resource = replace(resource, layer="")  # what a label shows is there without it too
    yield from node.filesystems.mount(resource)
    return 0 if resource.mountpoint in node.filesystems.mounts else 1


def _mount_view(call: Call, provider: Provider, directory: str, options: list[str]) -> Steps[int]:
    """A part of a local disk: read-only, clean or not, and not while hastd has the disk open."""
    node, device = call.node, provider.device
    yield node.processor.use(node.pair.layout.costs.mount)
    if not isinstance(provider.found, Superblock):
        call.err(f"mount: {device}: Invalid fstype: Invalid argument\n")
    elif not node.is_directory(directory):
        call.err(f"mount: {directory}: No such file or directory\n")
    elif provider.disk.broken:
        call.err(f"mount: {device}: Input/output error\n")
    elif "ro" not in options or in_use(node, provider):
        call.err(f"mount: {device}: Operation not permitted\n")
    elif any(each.source == device for each in node.filesystems.mounts.values()):
        call.err(f"mount: {device}: Device busy\n")
    else:
        if not provider.found.clean:
            node.kernel_log(f"WARNING: {device} was not properly dismounted")
        node.filesystems.attach(UfsView(node, provider, directory))
        return 0
    return 1


def _list_as_fstab(call: Call) -> None:
    call.out(f"{ROOT_DEVICE}\t\t/\t\t\tufs\trw\t\t1 1\n")
    call.out("devfs\t\t\t/dev\t\t\tdevfs\trw\t\t0 0\n")
    for each in call.node.filesystems.mounts.values():
        call.out(_fstab_line(each))


def _fstab_line(mount: Mount) -> str:
    """mount.c, putfsent(): words filled up with tabs; only of UFS the last two columns are not 0."""
    source, point = (
        word + "\t" * sum(len(word) < column for column in (8, 16, 24)) + " " * (len(word) >= 24)
        for word in (mount.source, mount.resource.mountpoint)
    )
    options = ",".join(("ro" if mount.read_only else "rw", *(word for word in mount.options if word == "nfsv4acls")))
    gap = "\t" if len(options) < 8 else " "
    tail = "2 2" if mount.fstype == "ufs" else "0 0"
    return f"{source}{point}{mount.fstype}\t{options}{gap}\t{tail}\n"


def _list_mounts(call: Call, verbose: bool) -> None:
    def line(device: str, directory: str, options: str, fsid: str) -> None:
        call.out(f"{device} on {directory} ({options}{f', fsid {fsid}' if verbose else ''})\n")

    node = call.node
    exported = "NFS exported, " if node.filesystems.root_exported else ""
    line(ROOT_DEVICE, "/", f"ufs, {exported}local, soft-updates", f"{node.layout.hostid:08x}00000001")
    line("devfs", "/dev", "devfs", "00ff007171000000")
    for each in node.filesystems.mounts.values():
        options = [each.fstype, *(["NFS exported"] if each.exported else []), *each.options]
        line(each.source, each.resource.mountpoint, ", ".join(options), _fsid(each))
    for directory, point in node.filesystems.others:
        line(directory, point, "nullfs, local", "00ff000101000000")


def _fsid(mount: Mount) -> str:
    """Sixteen hexadecimal digits: newfs(8) puts its time and a random number into the superblock, which replicates."""
    made = mount.disk.superblock.made if mount.disk.superblock is not None else 0.0
    return f"{int(made):08x}{sum(mount.resource.name.encode()):08x}"


@command("umount")
def umount(call: Call) -> Steps[int]:
    """umount(8), -f."""
    force, target, node = "-f" in call.argv, call.argv[-1].rstrip("/"), call.node
    over = [other for other in node.filesystems.others if other[1] == target]
    if over:
        node.filesystems.others.remove(over[-1])
        return 0
    mounted = node.filesystems.mounts.get(target)
    if mounted is None:
        by_device = [each for each in node.filesystems.mounts.values() if each.source == target]
        mounted = by_device[0] if by_device else None
    if mounted is None:
        call.err(f"umount: {target}: not a file system root directory\n")
        return 1
    if node.filesystems.beneath(mounted.resource.mountpoint):
        call.err(f"umount: unmount of {mounted.resource.mountpoint} failed: Device busy\n")
        return 1
    if force:
        mounted.users.clear()
    unserved = worker_of(node, mounted.resource) is None and mounted.resource.name not in node.left
    try:
        good = yield from (mounted.unmount_by_force() if force and unserved else mounted.unmount())
    except OSError as error:
        call.err(f"umount: unmount of {mounted.resource.mountpoint} failed: {error.strerror}\n")
        return 1
    if not good:
        call.err(f"umount: {target}: not a file system root directory\n")
    return 0 if good else 1


@command("df")
def df(call: Call) -> int:
    """df(1) -k, -i, with or without a path; columns as wide as df.c makes them."""
    node, inodes = call.node, any("i" in word for word in call.argv[1:] if word.startswith("-"))
    paths = [word for word in call.argv[1:] if not word.startswith("-")]
    rows = [
        Usage(ROOT_DEVICE, 4053308, 203464, 3525580, 7128, 515254, "/"),
        Usage("devfs", 1, 1, 0, 0, 0, "/dev"),
        *(each.usage() for each in node.filesystems.mounts.values()),
    ]
    if paths:
        found = node.filesystems.under(paths[0])
        if found is None and not node.files.exists(paths[0]):
            call.err(f"df: {paths[0]}: No such file or directory\n")
            return 1
        rows = [row for row in rows if row.where == (found[0].resource.mountpoint if found else "/")]
    name, used, free, iused, ifree = (
        max(len(head), *(len(str(row[column])) for row in rows), 0)
        for column, head in ((0, "Filesystem"), (2, "Used"), (3, "Avail"), (4, "  iused"), (5, "ifree"))
    )
    tail = f" {'iused':>{iused - 2}} {'ifree':>{ifree}} %iused" if inodes else ""
    call.out(f"{'Filesystem':<{name}} 1024-blocks {'Used':>{used}} {'Avail':>{free}} Capacity{tail}  Mounted on\n")
    for row in rows:
        sizes = f"{row.name:<{name}} {row.total:>11} {row.used:>{used}} {row.free:>{free}}"
        tail = f" {row.iused:>{iused}} {row.ifree:>{ifree}} {_percent(row.iused, row.ifree):>4}% " if inodes else "  "
        call.out(f"{sizes} {_percent(row.used, row.free):>5}%{tail}  {row.where}\n")
    return 0


def _percent(used: int, free: int) -> int:
    return int(used * 100 / (used + free) + 0.5) if used + free > 0 else 100


@command("fstyp")
def fstyp(call: Call) -> Steps[int]:
    """fstyp(8): ufs, or nothing and exit 1; zfs only with -u, for what mount(8) does not mount (fstyp.c)."""
    device, node = call.argv[-1], call.node
    unmountable = any(word.startswith("-") and "u" in word for word in call.argv[1:-1])
    provider, resource = provider_of(node, device), resource_of(node, device)
    if resource is None and provider is None:
        call.err(f"fstyp: {device}: No such file or directory\n")
        return 1
    found = provider.found if provider is not None else None
    if resource is not None:
        yield from served(node, resource)
        found = None if layers.hides(node, resource, device) == "unknown" else on_disk(node, resource)
    if found is None or (isinstance(found, PoolLabel) and not unmountable):
        call.err(f"fstyp: {device}: filesystem not recognized\n")
        return 1
    call.out("zfs\n" if isinstance(found, PoolLabel) else "ufs\n")
    return 0


@command("newfs")
def newfs(call: Call) -> Steps[int]:
    """newfs(8) -O2 -U -j."""
    device, node = call.argv[-1], call.node
    resource = resource_of(node, device)
    if resource is None:
        call.err(f"newfs: {device}: could not find special device\n")
        return 1
    if any(pool.resource.name == resource.name for pool in node.filesystems.pools.values()):
        call.err(f"newfs: {device}: failed to open disk for writing\n")
        return 1
    yield node.filesystems.make(resource)
    sectors = node.disks[node.hastd.resources[resource.name].conf.local].datasize // 4096 * 8
    call.out(f"{device}: {sectors / 2048:.1f}MB ({sectors} sectors) block size 32768, fragment size 4096\n")
    call.out("\tusing 4 cylinder groups of 64.00MB, 2048 blks, 8192 inodes.\n\twith soft updates\n")
    call.out("super-block backups (for fsck_ffs -b #) at:\n 192, 131264, 262336, 393408")
    call.err("newfs: soft updates journaling set\n")
    call.out("Using inode 4 in cg 0 for 4194304 byte journal\n")
    return 0


@command("sync")
def sync(call: Call) -> int:
    """sync(8): schedules all buffers and returns (freebsd-facts: sync-only-schedules)."""
    for each in call.node.filesystems.mounts.values():
        each.schedule_sync()
    return 0


@command("fsync")
def fsync(call: Call) -> Steps[int]:
    """fsync(1): a file and its directory entry are on the device when it returns."""
    status = 0
    for path in call.argv[1:]:
        found = call.node.filesystems.under(path)
        if found is not None and found[1] in found[0].files:
            written = found[0].flush({found[1]})
            yield written
            status = status if written.value else 1
        elif found is not None or not call.node.files.exists(path):
            call.err(f"fsync: open {path}: No such file or directory\n")
            status = 1
    return status


@command("dd")
def dd(call: Call) -> Steps[int]:
    """dd(1) with bs, count, seek: into a file or onto a device."""
    values = dict(word.split("=", 1) for word in call.argv[1:] if "=" in word)
    units = {"k": 1 << 10, "m": 1 << 20, "g": 1 << 30}
    text = values.get("bs", "512").lower()
    block = int(text[:-1]) * units[text[-1]] if text[-1] in units else int(text)
    count, target, source = int(values.get("count", "1")), values.get("of", ""), values.get("if", "")
    size, node = block * count, call.node
    from_device, to_device = resource_of(node, source), resource_of(node, target)
    local = next((each for each in node.pair.layout.resources if each.local == source), None)
    if local is not None and not target and local.layer in layers.CLASSES:
        call.out(f"GEOM::{layers.CLASSES[local.layer]}")
    if from_device is not None:
        yield from served(node, from_device, int(values.get("skip", "0")) * block // EXTENTSIZE)
    if to_device is not None:
        extent = int(values.get("seek", "0")) * block // EXTENTSIZE
        yield write_device(node, to_device.name, [DeviceWrite(extent)])
    elif target and target != "/dev/null":
        try:
            yield from node.write_file(target, "", size=size)
        except OSError as error:
            call.err(f"dd: {target}: {error.strerror}\n")
            return 1
    call.err(f"{count}+0 records in\n{count}+0 records out\n{size} bytes transferred in 1.000000 secs\n")
    return 0


@command("mdconfig")
def mdconfig(call: Call) -> int:
    """mdconfig(8) -a -t malloc -s SIZEm -u UNIT: a memory disk that HAST can use."""
    words = call.argv[1:]
    unit, size = words[words.index("-u") + 1], words[words.index("-s") + 1]
    path = f"/dev/md{unit}"
    call.node.disks[path] = Disk(path, int(size[:-1]) << 20)
    call.node.files.place(path, File(kind="c", mode="rw-r-----", group="operator", device="0x50"))
    call.node.processes.spawn(f"[md{unit}]", f"md{unit}", call.node.clock.now, ppid=0, kernel=True)
    return 0


@command("diskinfo")
def diskinfo(call: Call) -> int:
    """diskinfo(8) without -v: device, sector size, media size, sectors."""
    device, node = call.argv[-1], call.node
    provider = provider_of(node, device)
    if provider is not None and provider.disk.present:
        call.out(f"{device}\t512\t{provider.size}\t{provider.size // 512}\t0\t0\n")
        return 0
    resource = resource_of(node, device)
    disk = node.disks.get(device) if resource is None else node.disks[resource.local]
    if disk is None or not disk.present:
        call.err(f"diskinfo: {device}: No such file or directory\n")
        return 1
    size = disk.datasize if resource is not None else disk.size
    call.out(f"{device}\t512\t{size}\t{size // 512}\t0\t0\n")
    return 0
