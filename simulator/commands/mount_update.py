"""mount -u: what is mounted becomes read-only, or writable again.

See sbin/mount/mount.c, main(), mount_fs.c, and sys/ufs/ffs/ffs_vfsops.c, ffs_mount().
"""

from __future__ import annotations

import getopt

from simulator.clock import Steps
from simulator.shell.calls import Call
from simulator.storage.mounts import Mount
from simulator.storage.ufs import UfsMount
from simulator.storage.views import UfsView, ZfsView

OPTIONS = "adF:fLlno:prt:uvw"
"""mount.c, main()."""
USAGE = "usage: mount [-adflpruvw] [-F fstab] [-o options] [-t ufs | external_type] special node\n"


def is_update(words: list[str]) -> bool:
    """Whether mount(8) with these words changes what is mounted already."""
    try:
        return "-u" in dict(getopt.getopt(words, OPTIONS)[0])
    except getopt.GetoptError:
        return False


def update(call: Call) -> Steps[int]:
    """mount -u [-f] [-r | -w] [-o options] MOUNT, by its mount point or its device. Only `ro` is looked at, which is
    refused where files may be open for writing, and without which the file system becomes writable."""
    flags, rest = getopt.getopt(call.argv[1:], OPTIONS)
    options = {word for flag, words in flags if flag == "-o" for word in words.split(",")}
    names = dict(flags)
    if len(rest) != 1 or "-t" in names:
        call.err(USAGE)
        return 1
    mounts = call.node.filesystems.mounts.values()
    matching = [each for each in mounts if rest[0].rstrip("/") in (each.resource.mountpoint, each.source)]
    if not matching:
        call.err(f"mount: not currently mounted {rest[0]}\n")
        return 1
    mount, read_only = matching[-1], "ro" in options or "-r" in names
    if read_only is mount.read_only:
        return 0
    if read_only and mount.users and "-f" not in names:
        call.err(f"mount: {mount.source}: Device busy\n")
        return 1
    if isinstance(mount, UfsView | ZfsView):
        call.err(f"mount: {mount.source}: Operation not permitted\n")
        return 1
    yield call.node.processor.use(call.node.pair.layout.costs.mount)
    if (yield from _changed(mount, read_only)):
        return 0
    call.err(f"mount: {mount.source}: Input/output error\n")
    return 1


def _changed(mount: Mount, read_only: bool) -> Steps[bool]:
    """A file system that becomes read-only has written all that was buffered, and is clean."""
    good = bool((yield mount.flush()))
    if good and isinstance(mount, UfsMount):
        good = bool((yield mount.mark(clean=read_only)))
    if good and mount.attached:
        mount.become(read_only)
    return good and mount.attached
