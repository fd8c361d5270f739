"""fstat and fuser: who has files open on a mounted file system.

The format of fstat(1) is that of a recording of `fstat -p`; that of fuser(1), and what the two say of a mounted HAST
file system, was not recorded and is as their sources have it. The kernel's NFS server holds nothing open between two
requests.
"""

from __future__ import annotations

from remediate.rehearsal.mounts import Mount
from remediate.rehearsal.processes import Running
from remediate.rehearsal.shell import Call, command

HEADER = "USER     CMD          PID   FD MOUNT      INUM MODE         SZ|DV R/W\n"


@command("fstat")
def fstat(call: Call) -> int:
    """fstat(1) -f PATH for the file system that a path lies on, -p PID; what lies on the root file system is left out.

    As the real one it ends with 1 only where a path isn't there.
    """
    words = call.argv[1:]
    mounts = list(call.node.filesystems.mounts.values())
    if "-f" in words:
        path = words[words.index("-f") + 1]
        found = call.node.filesystems.under(path)
        if found is None and not call.node.files.exists(path):
            call.err(f"fstat: {path}: No such file or directory\n")
            return 1
        mounts = [found[0]] if found is not None else []
    pid = words[words.index("-p") + 1] if "-p" in words else ""
    call.out(HEADER)
    for mount in mounts:
        for process in mount.users:
            if pid in ("", str(process.pid)):
                call.out(_open_files(mount, process))
    return 0


def _open_files(mount: Mount, process: Running) -> str:
    """fstat.c, print_file_info() and print_vnode_info(): the working directory and one file open for writing."""
    who = f"{process.user:<8.8} {process.comm:<10} {process.pid:>5}"
    where = f" {mount.resource.mountpoint:<8} "
    directory = f"{who} {'wd':>4}{where}{2:>6} {'drwxr-xr-x':>10} {512:>7} {'r':>2}\n"
    return directory + f"{who} {'3':>4}{where}{6:>6} {'-rw-r--r--':>10} {0:>7} {'w':>2}\n"


@command("fuser")
def fuser(call: Call) -> int:
    """fuser(1) -c PATH for a whole file system: pids on standard output, path and kind of use (cw) beside them.

    A path without -c names a single file, which nobody has open here.
    """
    words = call.argv[1:]
    whole = any(word.startswith("-") and "c" in word for word in words)
    for path in [word for word in words if not word.startswith("-")]:
        found = call.node.filesystems.under(path) if whole else None
        call.err(f"{path}:")
        for process in found[0].users if found is not None else []:
            call.out(f"{process.pid:>6}")
            call.err("cw")
        call.err("\n")
    return 0
