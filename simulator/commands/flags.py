"""chflags, chmod, chown: what ls -lo shows of a file besides its times."""

from __future__ import annotations

import posixpath

from simulator.clock import Steps
from simulator.shell.calls import Call, command


@command("chflags")
def chflags(call: Call) -> Steps[int]:
    """chflags(1) schg and noschg: an immutable directory takes no new files (freebsd-facts: immutable-mount-point).

    On a mount point it acts on what is mounted there: a flag of that file system, which the other node gets too.
    """
    words = [word for word in call.argv[1:] if not word.startswith("-")]
    flag, paths = words[0], words[1:]
    immutable, node = not flag.startswith("no"), call.node
    for path in paths:
        mounted = node.filesystems.under(path.rstrip("/") or "/")
        if call.user != "root":
            call.err(f"chflags: {path}: Operation not permitted\n")
            return 1
        if path in node.trouble.without_flags and mounted is None:
            call.err(f"chflags: {path}: Operation not supported\n")
            return 1
        if mounted is not None and not mounted[1]:
            written = mounted[0].flag_root(immutable)
            yield written
            if not written.value:
                call.err(f"chflags: {path}: Input/output error\n")
                return 1
        elif mounted is not None or not node.files.exists(path):
            call.err(f"chflags: {path}: No such file or directory\n")
            return 1
        else:
            node.files.find(path).immutable = immutable
    return 0


@command("chmod", "chown")
def chmod(call: Call) -> int:
    """chmod(1) of a mode in octal digits, chown(8) of OWNER:GROUP, both of one file."""
    given, path = call.argv[-2:]
    if not call.node.files.exists(path):
        call.err(f"{posixpath.basename(call.argv[0])}: {path}: No such file or directory\n")
        return 1
    if call.argv[0].endswith("chown"):
        owner, _, group = given.partition(":")
        call.node.files.give_to(path, owner, group)
    else:
        call.node.files.change_mode(path, int(given, 8))
    return 0
