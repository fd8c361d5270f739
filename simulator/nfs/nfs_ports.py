"""Whom mountd and nfsd answer by the port that a call comes from: those below 1024, which only root may bind.

mountd asks for one unless it was started with -n, for everything but NULL (mountd.c, mntsrv(), resvport_only), and so
does the kernel where `vfs.nfsd.nfs_privport` is set (nfs_nfsdkrpc.c, nfssvc_program()): both refuse with AUTH_TOOWEAK.
mountd -n clears that sysctl when it starts, and rc.d/nfsd, which runs later, sets it by nfs_reserved_port_only, whose
default is YES since 15.0: with that -n alone does not help.
"""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simulator.host.processes import RunningProcess
    from simulator.network.network import NetworkHost

SYSCTL = "vfs.nfsd.nfs_privport"
REFUSED = "AUTH_TOOWEAK"
UNPRIVILEGED = 49152
"""A port that anybody may bind (IPPORT_HIFIRSTAUTO)."""


def takes_all(command: str) -> bool:
    """Whether a mountd with this command line was started with -n."""
    try:
        words = shlex.split(command)[1:]
    except ValueError:
        return False
    return any(re.fullmatch(r"-[2AadelnRrS]*n[2AadelnRrS]*", word) for word in words)


def mountd_starts(node: NetworkHost, command: str) -> None:
    """mountd.c, main()."""
    if takes_all(command):
        node.kernel.set(SYSCTL, "0")


def refuses(node: NetworkHost, mountd: RunningProcess | None, address: str, privileged: bool) -> str:
    """Which daemon of a node with this mountd refuses a mount and a look at it from such a port: `mountd`, `nfsd`, or
    none."""
    if privileged:
        return ""
    if mountd is not None and not takes_all(mountd.title):
        return "mountd"
    if not node.kernel.integer(SYSCTL):
        return ""
    node.kernel_log(f"NFS request from unprivileged port ({address}:{UNPRIVILEGED})")
    return "nfsd"
