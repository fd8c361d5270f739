"""rc.conf(5): what rc(8) starts at the next boot, with which flags, as the node's own sh(1) works it out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from checks.plugin.finding import CRITICAL, WARNING
from checks.plugin.text import name_list
from checks.probes import rc_conf
from checks.probes.sh_values import says_yes
from checks.setup.group import AuditedNode, NodeFacts, Problems, SetupGroup, SetupRow, Tier, problem

ENABLED = {
    "hastd": "hastd_enable", "devd": "devd_enable", "rpcbind": "rpcbind_enable", "statd": "rpc_statd_enable",
    "lockd": "rpc_lockd_enable", "cron": "cron_enable", "hastwatch": "hastwatch_enable",
    "hastwatch_hold": "hastwatch_hold_enable",
}  # fmt: skip
"""What rc(8) has to start, by script of rc.d. rpcbind, statd and lockd may run on the standby: they export nothing."""
OURS = {"mountd": "mountd_enable", "nfsd": "nfs_server_enable"}
"""What hastwatch starts where the file system is mounted; elsewhere mountd exports the root file system."""
MOUNTD, NFSD = "mountd_flags", "nfs_server_flags"
NFS = (NFSD, "nfsv4_server_enable", "nfsv4_server_only", "nfs_server_managegids", "nfs_server_maxio",
       "nfs_reserved_port_only")  # fmt: skip
"""How clients are served: the same on both nodes. /etc/defaults/rc.conf has all of them, the last one since 15."""
JAIL = "svcj_all_enable"
ASKED = {
    **{script: (name, f"{script}_svcj", JAIL) for script, name in ENABLED.items()},
    "mountd": (OURS["mountd"], MOUNTD),
    "nfsd": (OURS["nfsd"], *NFS),
}
JAILED = ("lockd",)
"""Scripts that do not work in a service jail, and do not opt out by themselves (rc.d of 15.1): rpc.lockd needs
PRIV_NFS_LOCKD (nlm_prot_impl.c sys_nlm_syscall()), which no jail has (kern_jail.c prison_priv_check(), `notyet`)."""

ROWS = (
    SetupRow(Tier.SAFE, "setup-service-disabled", CRITICAL, "rc.conf does not start a service that the pair needs",
             "after the next boot this node does not replicate, does not notice CARP, or does not serve",
             "on {node}: `sysrc {variable}=YES`"),
    SetupRow(Tier.SAFE, "setup-nfs-at-boot", CRITICAL, "rc.conf starts mountd or nfsd, which hastwatch starts",
             "at boot, and on the standby, they export the root file system instead of the one that is not mounted",
             "on {node}: `sysrc -f /etc/rc.conf.d/{script} {variable}=NO`"),
    SetupRow(Tier.SAFE, "setup-mountd-flags", WARNING, "mountd_flags has no -r",
             "mountd refuses a client that mounts a file and not a directory",
             "on {node}: `sysrc mountd_flags=-r`; it holds from the next start of mountd on"),
    SetupRow(Tier.MANUAL, "setup-nfsd-without-tcp", CRITICAL, "nfs_server_flags has no -t",
             "clients that mount over TCP, the default, are refused",
             "on {node}: `sysrc {setting}`; then `hastwatch switchover --yes` if it serves"),
    SetupRow(Tier.MANUAL, "setup-nfsd-udp", WARNING, "nfs_server_flags has -u, and no -h with the service address",
             "nfsd answers over UDP from the node's own address: such a mount hangs",
             "on {node}: `sysrc {setting}` (or add `-h ADDRESS`); then `hastwatch switchover --yes` if it serves"),
    SetupRow(Tier.MANUAL, "setup-nfs-differs", WARNING, "a variable of NFS is not the same on both nodes",
             "clients are served differently after a failover",
             "`sysrc {variable}=VALUE` on both nodes, with the value that is right"),
    SetupRow(Tier.SAFE, "setup-service-jail", WARNING, "rc.conf puts lockd into a service jail",
             "the kernel refuses locks to a jail: clients get no locks",
             "on {node}: `sysrc {variable}=NO`; it holds from the next start of the service on"),
)  # fmt: skip


class RcFacts(NamedTuple):
    """Variables as their scripts have them; those that are unset are missing. `mountd_flags` and the like once."""

    values: Mapping[str, str] = {}
    jailed: tuple[str, ...] = ()
    """Of JAILED those that rc.subr(8) would put into a service jail."""


def read(audited: AuditedNode) -> RcFacts:
    """Raises ProbeError."""
    variables = rc_conf.read(audited.node, ASKED)
    values = {}
    for script, names in ASKED.items():
        for name in names:
            if not name.startswith(JAIL) and not name.endswith("_svcj"):
                values[name] = variables.get(script, name)
    jailed = [script for script in JAILED if _in_jail({
        name: variables.get(script, name) for name in ASKED[script]
    }, script)]  # fmt: skip
    return RcFacts(values, tuple(jailed))


def _in_jail(values: Mapping[str, str], script: str) -> bool:
    """rc.subr(8), run_rc_command(): the script's own variable, where that is unset svcj_all_enable."""
    return says_yes(values[f"{script}_svcj"] or values[JAIL])


def judge(facts: RcFacts) -> Problems:
    """One node."""
    for script, name in ENABLED.items():
        if not says_yes(facts.values.get(name, "")):
            yield problem("setup-service-disabled", f"{name} is not YES: rc(8) does not start {script}", variable=name)
    for script, name in OURS.items():
        if says_yes(facts.values.get(name, "")):
            yield problem("setup-nfs-at-boot", f"{name} is YES for rc.d/{script}", script=script, variable=name)
    if not _has(facts.values.get(MOUNTD, ""), "r"):
        yield problem("setup-mountd-flags", f"{MOUNTD} is {facts.values.get(MOUNTD, '')!r}")
    flags = facts.values.get(NFSD, "")
    if not _has(flags, "t"):
        setting = f"{NFSD}={flags} -t".replace("= ", "=")
        yield problem("setup-nfsd-without-tcp", f"{NFSD} is {flags!r}", setting=setting)
    if _has(flags, "u") and not _has(flags, "h"):
        yield problem("setup-nfsd-udp", f"{NFSD} is {flags!r}", setting=f"{NFSD}={_without(flags, 'u')}")
    for script in facts.jailed:
        yield problem("setup-service-jail", f"rc(8) starts {script} in a service jail", variable=f"{script}_svcj")


def _has(flags: str, letter: str) -> bool:
    """Whether arguments have an option of one letter (getopt(3): options without a value may stand together)."""
    return any(word.startswith("-") and letter in word[1:] for word in flags.split())


def _without(flags: str, letter: str) -> str:
    """The arguments without an option of one letter."""
    words = (re.sub(letter, "", word) if re.fullmatch("-[a-z]+", word) else word for word in flags.split())
    return " ".join(word for word in words if word != "-")


def judge_pair(here: NodeFacts, there: NodeFacts) -> Problems:
    """How clients are served."""
    for name in NFS:
        values = [each.facts.values.get(name, "") for each in (here, there)]
        if values[0] != values[1]:
            yield problem("setup-nfs-differs", f"{name} is {name_list([repr(each) for each in values])}", variable=name)


GROUP = SetupGroup(
    "rc", "rc.conf as the node's sh reads it: what rc(8) starts, the flags of NFS, service jails",
    ROWS, RcFacts, read, judge, judge_pair,
)  # fmt: skip
