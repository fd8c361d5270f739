"""fstat and fuser: who has files open on a file system.

The format of fstat(1) is that of recordings; that of fuser(1) as its source has it. Both look for the device on which
the path lies now: where nothing is mounted at a mount point, that is the root file system, of which every process has
something open (freebsd-facts: users-of-an-absent-mount). The kernel's NFS server holds nothing open between two
requests.
"""

from __future__ import annotations

from simulator.host.processes import RunningProcess
from simulator.shell.calls import Call, command

HEADER = "USER     CMD          PID   FD MOUNT      INUM MODE         SZ|DV R/W\n"
EX_IOERR = 74


@command("fstat")
def fstat(call: Call) -> int:
    """fstat(1) -f PATH for the file system that a path lies on, -p PID; of the root file system only with -f.

    As the real one it ends with 1 only where a path isn't there.
    """
    words = call.argv[1:]
    used = [(mount.resource.mountpoint, mount.users) for mount in call.node.filesystems.mounts.values()]
    if "-f" in words:
        path = words[words.index("-f") + 1]
        if not _is_there(call, path):
            call.err(f"fstat: {path}: No such file or directory\n")
            return 1
        used = [_users(call, path)]
    pid = words[words.index("-p") + 1] if "-p" in words else ""
    call.out(HEADER)
    for point, users in used:
        for process in users:
            if pid in ("", str(process.pid)):
                call.out(_open_files(point, process))
    return 0


def _is_there(call: Call, path: str) -> bool:
    return call.node.filesystems.under(path) is not None or call.node.files.exists(path)


def _users(call: Call, path: str) -> tuple[str, list[RunningProcess]]:
    """Where the file system of a path is mounted, and who has something open on it."""
    mounted = call.node.filesystems.under(path)
    if mounted is not None:
        return mounted[0].resource.mountpoint, mounted[0].users
    return "/", sorted(call.node.processes.by_pid.values(), key=lambda process: process.pid)


def _open_files(point: str, process: RunningProcess) -> str:
    """fstat.c, print_file_info() and print_vnode_info(): the working directory and one file open for writing, of the
    root file system the root directory. The name of the command is printed as it is."""
    who = f"{process.user:<8.8} {process.comm:<10} {process.pid:>5}"
    where = f" {point:<8} "
    if point == "/":
        return f"{who} {'root':>4}{where}{2:>6} {'drwxr-xr-x':>10} {1024:>7} {'r':>2}\n"
    directory = f"{who} {'wd':>4}{where}{2:>6} {'drwxr-xr-x':>10} {512:>7} {'r':>2}\n"
    return directory + f"{who} {'3':>4}{where}{6:>6} {'-rw-r--r--':>10} {0:>7} {'w':>2}\n"


@command("visudo")
def visudo(call: Call) -> int:
    """visudo(8) -c -f FILE: whether it is there; what is in it is not judged."""
    path = call.argv[-1]
    if not call.node.files.exists(path):
        call.err(f"visudo: unable to open {path}: No such file or directory\n")
        return 1
    call.out(f"{path}: parsed OK\n")
    return 0


@command("doas")
def doas(call: Call) -> int:
    """doas(1) -C FILE: whether it is there; what is in it is not judged."""
    path = call.argv[-1]
    if call.argv[1:2] != ["-C"] or not call.node.files.exists(path):
        call.err(f"doas: could not open config file {path}: No such file or directory\n")
        return 1
    return 0


@command("ssh-keygen")
def ssh_keygen(call: Call) -> int:
    """ssh-keygen(1) -t TYPE -f FILE: a key that opens nothing, and its public half."""
    path, name = call.argv[call.argv.index("-f") + 1], call.node.name
    call.node.files.write(path, f"key of {name}\n", call.node.clock.now, mode="rw-------")
    call.node.files.write(f"{path}.pub", f"ssh-ed25519 AAAA{name} root@{name}\n", call.node.clock.now)
    return 0


@command("sshd")
def sshd(call: Call) -> int:
    """sshd(8) -t and -T: of the configuration that it would have, PermitRootLogin alone; no Match block is read. The
    first value counts (sshd_config(5)), the default is FreeBSD's (servconf.c, fill_default_server_options())."""
    files, path, value = call.node.files, "/etc/ssh/sshd_config", "no"
    for line in files.read(path).splitlines() if files.exists(path) else []:
        words = line.split()
        if words[:1] == ["PermitRootLogin"] and len(words) == 2:
            value = words[1]
            break
    if "-T" in call.argv:
        call.out(f"port 22\npermitrootlogin {'without-password' if value == 'prohibit-password' else value}\n")
    return 0


@command("fuser")
def fuser(call: Call) -> int:
    """fuser(1) -c PATH for a whole file system: pids on standard output, path and kind of use beside them.

    A path without -c names a single file, which nobody has open here.
    """
    words = call.argv[1:]
    whole = any(word.startswith("-") and "c" in word for word in words)
    paths = []
    for path in [word for word in words if not word.startswith("-")]:
        if _is_there(call, path):
            paths.append(path)
        else:
            call.err(f"fuser: {path}: No such file or directory\n")
    if not paths:
        call.err("fuser: files not accessible\n")
        return EX_IOERR
    for path in paths:
        point, users = _users(call, path)
        call.err(f"{path}:")
        for process in users if whole else []:
            call.out(f"{process.pid:>6}")
            call.err("r" if point == "/" else "cw")
        call.err("\n")
    return 0
