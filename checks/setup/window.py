"""What is lost in a power cut although clients were told that it is safe, and what NFSv4 keeps on one node alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from checks.plugin.finding import OK, WARNING
from checks.probes import boot_settings, rc_conf
from checks.probes.sh_values import says_yes
from checks.setup.group import AuditedNode, Problems, SetupGroup, SetupRow, Tier, problem

SHORT = {"kern.filedelay": 3, "kern.dirdelay": 2, "kern.metadelay": 1}
"""Seconds, as measured on a real pair: 10.7 s of acknowledged writes were lost in a power cut, with the defaults of 30,
29 and 28 s it was 45 s (freebsd-facts: commit-is-not-the-name). They have to differ in this order: vfs_subr.c."""
LONGEST = 10
"""Seconds above which the window is a finding."""

ROWS = (
    SetupRow(Tier.SAFE, "setup-data-window", WARNING, f"a delay of the syncer is above {LONGEST} s",
             "a power cut loses so many seconds, and some more, of what clients were told is safe, on UFS",
             "on {node}: `sysctl {name}={value}`; shorter delays cost more writes"),
    SetupRow(Tier.SAFE, "setup-data-window-boot", WARNING, "sysctl.conf does not shorten a delay of the syncer",
             "after the next boot a power cut loses 45 s of what clients were told is safe, on UFS",
             "on {node}: `echo {name}={value} >> /etc/sysctl.conf`"),
    SetupRow(Tier.MANUAL, "setup-nfs4-grace", OK, "NFSv4 is served",
             "after a failover nfsd takes no new locks and opens for its grace period, and knows no client of before",
             "nothing: /var/db/nfs-stablerestart is of each node; NFSv3 has no such period"),
)  # fmt: skip


class WindowFacts(NamedTuple):
    """The delays in seconds, now and at the next boot, and whether NFSv4 is served."""

    now: Mapping[str, str] = {}
    at_boot: Mapping[str, str] = {}
    nfs4: bool = False


def read(audited: AuditedNode) -> WindowFacts:
    """Raises ProbeError."""
    node = audited.node
    at_boot = boot_settings.at_boot(node)
    served = rc_conf.read(node, {"nfsd": ("nfsv4_server_enable",)}).get("nfsd", "nfsv4_server_enable")
    set_at_boot = {name: at_boot[name] for name in SHORT if name in at_boot}
    return WindowFacts(boot_settings.sysctls(node, tuple(SHORT)), set_at_boot, says_yes(served))


def judge(facts: WindowFacts) -> Problems:
    """One node."""
    for name, seconds in SHORT.items():
        now, at_boot = facts.now.get(name, ""), facts.at_boot.get(name, "")
        if now.isdecimal() and int(now) > LONGEST:
            yield problem("setup-data-window", f"{name} is {now} s", name=name, value=str(seconds))
        if not at_boot.isdecimal() or int(at_boot) > LONGEST:
            says = f"{name} is {at_boot or 'the default'} at boot"
            yield problem("setup-data-window-boot", says, name=name, value=str(seconds))
    if facts.nfs4:
        yield problem("setup-nfs4-grace", "nfsv4_server_enable is YES")


GROUP = SetupGroup(
    "window", "seconds of acknowledged writes that a power cut loses; the grace period of NFSv4",
    ROWS, WindowFacts, read, judge,
)  # fmt: skip
