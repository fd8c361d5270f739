"""df, fstyp, newfs, sync, fsync, dd, mdconfig, diskinfo: file systems and devices."""

from __future__ import annotations

from simulator.clock import Steps
from simulator.commands.devices import on_disk, provider_of, resource_of, served
from simulator.commands.mounting import ROOT_DEVICE
from simulator.hastd.component import DeviceWrite
from simulator.hastd.disk import Disk, PoolLabel
from simulator.hastd.metadata import EXTENTSIZE
from simulator.host.files import File
from simulator.shell.calls import Call, command
from simulator.storage import layers
from simulator.storage.mounts import Usage, write_device


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
        mounted = node.filesystems.under(paths[0])
        if mounted is None and not node.files.exists(paths[0]):
            call.err(f"df: {paths[0]}: No such file or directory\n")
            return 1
        rows = [row for row in rows if row.where == (mounted[0].resource.mountpoint if mounted else "/")]
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
    content = provider.found if provider is not None else None
    if resource is not None:
        yield from served(node, resource)
        content = None if layers.hides(node, resource, device) == "unknown" else on_disk(node, resource)
    if content is None or (isinstance(content, PoolLabel) and not unmountable):
        call.err(f"fstyp: {device}: filesystem not recognized\n")
        return 1
    call.out("zfs\n" if isinstance(content, PoolLabel) else "ufs\n")
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
        mounted = call.node.filesystems.under(path)
        if mounted is not None and mounted[1] in mounted[0].files:
            written = mounted[0].flush({mounted[1]})
            yield written
            status = status if written.value else 1
        elif mounted is not None or not call.node.files.exists(path):
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
