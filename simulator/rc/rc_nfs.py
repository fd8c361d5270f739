"""What rc.d/mountd, rc.d/nfsd and rc.d/nfsuserd do with rc.conf(5) before they start their program.

After mountd_precmd(), nfsd_precmd() and nfsuserd_precmd() of FreeBSD 13.2 and 15.1; where the two differ, by the
release of the node.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, NamedTuple

from simulator.nfs.exports_file import EXPORTS, ZFS_EXPORTS
from simulator.rc.variables import rc_variables, says_yes

if TYPE_CHECKING:
    from simulator.node import Node

NFSD = "vfs.nfsd"
FLAGS = {"mountd": "mountd_flags", "nfsd": "nfs_server_flags", "nfsuserd": "nfsuserd_flags"}
FLAGS |= {"rpcbind": "rpcbind_flags", "statd": "rpc_statd_flags", "lockd": "rpc_lockd_flags"}
PROGRAMS = {"statd": "/usr/sbin/rpc.statd", "lockd": "/usr/sbin/rpc.lockd"}


class PreparedScript(NamedTuple):
    """What a script starts, after its precmd has set what it sets."""

    command: str
    """The command line; nothing for a script that has none here."""
    says: tuple[str, ...] = ()
    depends: tuple[str, ...] = ()
    """What it forces to run before (force_depend)."""


class RcConf:
    """rc.conf as a script has it when its precmd runs: with `one` and `force` its own variable is YES (rc.subr
    run_rc_command())."""

    def __init__(self, node: Node, script: str, own: str = "") -> None:
        self._variables = rc_variables(node, script)
        self._own = own

    def text(self, name: str) -> str:
        """A variable, empty where it is not set or the node's shell gives up."""
        return self._variables.get(name, "").replace("\\\n", "")

    def yes(self, name: str) -> bool:
        """checkyesno()."""
        return name == self._own or says_yes(self.text(name))


def prepared(node: Node, script: str, own: str = "") -> PreparedScript:
    """Do what the precmd of a script does. `own`: its variable, where that counts as YES."""
    if script not in FLAGS:
        return PreparedScript("")
    conf = RcConf(node, script, own)
    flags = _words(conf.text(FLAGS[script]))
    program = conf.text(f"{script}_program") or PROGRAMS.get(script, f"/usr/sbin/{script}")
    says: list[str] = []
    depends: tuple[str, ...] = {"statd": ("rpcbind",), "lockd": ("rpcbind", "statd")}.get(script, ())
    if script == "mountd":
        flags, depends = _mountd(node, conf, flags, says)
    elif script == "nfsd":
        flags, depends = _nfsd(node, conf, flags, says)
    elif script == "nfsuserd" and conf.yes("nfs_server_managegids"):
        flags = f"-manage-gids {flags}".strip()
    return PreparedScript(f"{program} {flags}".strip(), tuple(says), depends)


def _mountd(node: Node, conf: RcConf, flags: str, says: list[str]) -> tuple[str, tuple[str, ...]]:
    only, weak = conf.yes("nfsv4_server_only"), conf.yes("weak_mountd_authentication")
    if only:
        says.append("NFSv4 only server")
        node.kernel.set(f"{NFSD}.server_min_nfsvers", "4")
        node.kernel.set(f"{NFSD}.server_max_nfsvers", "4")
        flags += " -R"
    else:
        node.kernel.set(f"{NFSD}.server_max_nfsvers", "4" if conf.yes("nfsv4_server_enable") else "3")
    if conf.yes("nfs_server_enable") or only:
        if weak and only:
            says.append("weak_mountd_authentication incompatible with nfsv4_server_only, ignored")
        elif weak:
            flags += " -n"
    elif weak and conf.yes("mountd_enable"):
        flags = "-n"
    if conf.yes("zfs_enable"):
        flags += f" {EXPORTS} {ZFS_EXPORTS}"
    return flags.strip(), () if only else ("rpcbind",)


def _nfsd(node: Node, conf: RcConf, flags: str, says: list[str]) -> tuple[str, tuple[str, ...]]:
    depends: tuple[str, ...]
    only, depends = conf.yes("nfsv4_server_only"), ("rpcbind", "mountd")
    if maxio := conf.text("nfs_server_maxio"):
        node.kernel.set(f"{NFSD}.srvmaxio", maxio)
    reserved = conf.text("nfs_reserved_port_only")
    if says_yes(reserved) if reserved else node.installed.reserved_ports:
        says.append("NFS on reserved port only=YES")
        node.kernel.set(f"{NFSD}.nfs_privport", "1")
    else:
        node.kernel.set(f"{NFSD}.nfs_privport", "0")
    if conf.yes("nfsv4_server_enable"):
        node.kernel.set(f"{NFSD}.server_max_nfsvers", "4")
    elif not only:
        says.append("NFSv4 is disabled")
        node.kernel.set(f"{NFSD}.server_max_nfsvers", "3")
    if only:
        depends = ("mountd",)
    if conf.yes("nfs_server_managegids"):
        depends = ("nfsuserd", *depends)
    if vhost := conf.text("nfs_server_vhost"):
        flags = f"{flags} -V {vhost}".strip()
    return flags, depends


def _words(flags: str) -> str:
    """The flags as the program gets them: rc.subr hands the command line to the shell once more (_run_rc_doit)."""
    try:
        return " ".join(shlex.split(flags))
    except ValueError:
        return flags
