"""How rc(8) would start the daemons of NFS: with which flags, after which settings of the kernel.

Started directly they are up in a ninth of the time (hast-facts, 29), and have to be what /etc/rc.d would have made of
rc.conf(5). Where that takes more than flags and a sysctl, or is not known, the answer is None: rc(8) itself starts
them.
"""

from __future__ import annotations

from typing import NamedTuple

from checks.probes import exports
from checks.probes.rc_conf import Asked, NotKnown, RcConf


class Daemon(NamedTuple):
    """A daemon of NFS: its program, where rc.conf(5) has its flags, and the signal that ends it."""

    program: str
    flags: str
    signal: str = "TERM"


DAEMONS = {
    "rpcbind": Daemon("/usr/sbin/rpcbind", "rpcbind_flags"),
    "statd": Daemon("/usr/sbin/rpc.statd", "rpc_statd_flags"),
    "lockd": Daemon("/usr/sbin/rpc.lockd", "rpc_lockd_flags"),
    "mountd": Daemon("/usr/sbin/mountd", "mountd_flags"),
    "nfsd": Daemon("/usr/sbin/nfsd", "nfs_server_flags", "USR1"),
}
"""Programs and variables of /etc/rc.d; statd, lockd and nfsd take their flags in `start_precmd`. nfsd(8): "has to be
terminated with SIGUSR1 and cannot be killed with SIGTERM or SIGQUIT"."""
SURROUNDINGS = (
    *("chroot", "chdir", "env", "env_file", "fib", "nice", "user", "group", "groups", "prepend", "cpuset", "limits"),
    *("login_class", "oomprotect", "setup", "svcj"),
)
"""Variables NAME_* with which rc.subr(8), run_rc_command(), starts a command otherwise than plainly."""
PLAIN = ("", "NO", "no")
NEEDED = {
    "mountd": (
        *("weak_mountd_authentication", "nfs_server_enable", "nfsv4_server_only", "nfsv4_server_enable"),
        *("mountd_enable", "zfs_enable"),
    ),
    "nfsd": ("nfsv4_server_only", "nfsv4_server_enable", "nfs_server_managegids", "nfs_server_vhost"),
}
"""What else the scripts look at (rc.d/mountd mountd_precmd(), rc.d/nfsd nfsd_precmd()), as far as it is not set for the
whole kernel once and for all."""
NFS4 = "vfs.nfsd.server_max_nfsvers=4"
"""Set by rc.d/mountd before mountd looks for a `V4:` line."""


class Command(NamedTuple):
    """The arguments of a daemon, and what sysctl(8) sets before."""

    flags: tuple[str, ...]
    sysctl: tuple[str, ...] = ()


ASKED: Asked = {
    name: (daemon.flags, *NEEDED.get(name, ()), *(f"{name}_{each}" for each in ("program", *SURROUNDINGS)))
    for name, daemon in DAEMONS.items()
}
"""All that is asked of rc.conf, also by `exported`."""


def commands(conf: RcConf) -> dict[str, Command | None]:
    """How each of the daemons is started, by what was read of rc.conf for ASKED; None: by rc(8)."""
    found: dict[str, Command | None] = {}
    for name in DAEMONS:
        try:
            found[name] = _command(conf, name)
        except NotKnown:
            found[name] = None
    return found


def _command(conf: RcConf, name: str) -> Command | None:
    """Raises NotKnown."""
    program = conf.get(name, f"{name}_program")
    if program not in ("", DAEMONS[name].program):
        return None
    if any(conf.get(name, f"{name}_{each}") not in PLAIN for each in SURROUNDINGS):
        return None
    flags = conf.words(name, DAEMONS[name].flags)
    if name == "mountd":
        return _mountd(conf, flags)
    if name == "nfsd" and (
        conf.says_yes(name, "nfsv4_server_only")
        or conf.says_yes(name, "nfs_server_managegids")
        or conf.get(name, "nfs_server_vhost")
    ):
        return None
    return Command(flags)


def _mountd(conf: RcConf, flags: tuple[str, ...]) -> Command | None:
    """mountd_precmd() of rc.d/mountd."""
    if conf.says_yes("mountd", "nfsv4_server_only"):
        return None
    weak = conf.says_yes("mountd", "weak_mountd_authentication")
    if conf.says_yes("mountd", "nfs_server_enable"):
        flags += ("-n",) if weak else ()
    elif weak and conf.says_yes("mountd", "mountd_enable"):
        flags = ("-n",)
    if conf.says_yes("mountd", "zfs_enable"):
        flags += exports.WITH_ZFS
    return Command(flags, (NFS4,) if conf.says_yes("mountd", "nfsv4_server_enable") else ())
