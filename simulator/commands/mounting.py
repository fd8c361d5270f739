"""mount and umount: what is mounted, and the list of it."""

from __future__ import annotations

from dataclasses import replace

from simulator.clock import Steps
from simulator.commands.devices import provider_of, resource_of, served, superblock_of, worker_of
from simulator.commands.mount_update import USAGE, is_update, update
from simulator.hastd.disk import Superblock
from simulator.shell.calls import Call, command
from simulator.storage import layers
from simulator.storage.mounts import Mount
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
    created = mount.disk.superblock.made if mount.disk.superblock is not None else 0.0
    return f"{int(created):08x}{sum(mount.resource.name.encode()):08x}"


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
