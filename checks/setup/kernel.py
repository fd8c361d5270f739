"""What the kernel of a node is told and has loaded: sysctl(8) now and at the next boot, and the modules it needs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from checks.plugin.finding import CRITICAL, WARNING
from checks.plugin.text import name_list
from checks.probes import boot_settings
from checks.probes.errors import CommandFailed
from checks.setup.group import AuditedNode, NodeFacts, Problems, SetupGroup, SetupRow, Tier, problem

PREEMPT, ALLOW = "net.inet.carp.preempt", "net.inet.carp.allow"
LEAST_NFS = "vfs.nfsd.server_min_nfsvers"
AGREE = (
    PREEMPT, ALLOW, "net.inet.carp.ifdown_demotion_factor", "net.inet.carp.senderr_demotion_factor", LEAST_NFS,
    "vfs.nfsd.server_max_nfsvers", "vfs.nfsd.nfs_privport", "vfs.nfsd.enable_stringtouid",
)  # fmt: skip
"""What decides in an election, and what a client meets: the same on both nodes."""
DEFAULTS = {PREEMPT: "0", ALLOW: "1", LEAST_NFS: "2"}
"""ip_carp.c, carp_preempt and carp_allow; nfs_nfsdkrpc.c, nfs_minvers_nfsd."""
WANTED = {PREEMPT: "1", ALLOW: "1", LEAST_NFS: "3"}
"""At the next boot; a later least version of NFS is as good."""
CARP_AT_BOOT = "carp_load"
"""loader.conf(5)"""
GATE_FILE = "/boot/kernel/geom_gate.ko"

ROWS = (
    SetupRow(Tier.NETWORK, "setup-preempt-off", WARNING, "net.inet.carp.preempt is 0",
             "a BACKUP that is fit does not take the address from a node that holds itself back",
             "on {node}: `hastwatch converge`, then `sysctl net.inet.carp.preempt=1`"),
    SetupRow(Tier.NETWORK, "setup-carp-forbidden", CRITICAL, "net.inet.carp.allow is 0",
             "every vhid of this node is INIT: no failover to it",
             "on {node}: `hastwatch converge`, then `sysctl net.inet.carp.allow=1`"),
    SetupRow(Tier.SAFE, "setup-nfs2-allowed", WARNING, "vfs.nfsd.server_min_nfsvers is below 3",
             "nfsd takes NFSv2, whose writes and file sizes end at 2 GB",
             "on {node}: `sysctl vfs.nfsd.server_min_nfsvers=3`; it holds from the next start of nfsd on"),
    SetupRow(Tier.SAFE, "setup-sysctl-boot", WARNING, "sysctl.conf does not set what the pair needs",
             "it is lost at the next boot", "on {node}: `echo {name}={value} >> /etc/sysctl.conf`"),
    SetupRow(Tier.MANUAL, "setup-sysctl-differs", WARNING, "a sysctl that must agree is not the same on both nodes",
             "the nodes count faults differently, or serve clients differently after a failover",
             "compare `sysctl {name}` on both nodes, set the right value on the other one, and in /etc/sysctl.conf"),
    SetupRow(Tier.SAFE, "setup-carp-at-boot", CRITICAL, "carp is not in the kernel, and loader.conf does not load it",
             "at boot this node cannot hold itself back before the network is up: it takes the address unfit",
             "on {node}: `sysrc -f /boot/loader.conf carp_load=YES`"),
    SetupRow(Tier.MANUAL, "setup-geom-gate", CRITICAL, "geom_gate is neither loaded nor to be found",
             "hastd does not start: no replication, no device",
             "on {node}: install the kernel with its modules anew, {file} is missing; then `kldload -n geom_gate`"),
)  # fmt: skip


class KernelFacts(NamedTuple):
    """Values by oid, now and at the next boot; the modules that are there."""

    now: Mapping[str, str] = {}
    """Of those that the kernel has: an oid of a module that is not loaded is missing."""
    at_boot: Mapping[str, str] = {}
    carp_built_in: bool = False
    carp_at_boot: bool = False
    """loader.conf loads it."""
    gate: bool = False
    """geom_gate is in the kernel, loaded, or a file that hastd can load."""


def read(audited: AuditedNode) -> KernelFacts:
    """Raises ProbeError."""
    node = audited.node
    modules, loader = boot_settings.modules(node), boot_settings.loader(node)
    set_at_boot = {**loader, **boot_settings.at_boot(node)}
    listed = node.run("ls", GATE_FILE)
    if listed.status != 0 and "No such file" not in listed.stderr:
        raise CommandFailed(f"`ls {GATE_FILE}` exits with {listed.status}: {listed.words}")
    return KernelFacts(
        now=boot_settings.sysctls(node, AGREE),
        at_boot={name: value for name, value in set_at_boot.items() if name in AGREE},
        carp_built_in="carp" in modules.built_in,
        carp_at_boot=loader.get(CARP_AT_BOOT, "").upper() == "YES",
        gate=listed.status == 0 or "g_gate" in modules.built_in | modules.loaded,
    )


def judge(facts: KernelFacts) -> Problems:
    """One node."""
    now, at_boot = facts.now, {**DEFAULTS, **facts.at_boot}
    if now.get(PREEMPT, "1") == "0":
        yield problem("setup-preempt-off", f"{PREEMPT} is 0")
    if now.get(ALLOW, "1") == "0":
        yield problem("setup-carp-forbidden", f"{ALLOW} is 0")
    if _below_3(now.get(LEAST_NFS, "3")):
        yield problem("setup-nfs2-allowed", f"{LEAST_NFS} is {now[LEAST_NFS]}")
    for name, wanted in WANTED.items():
        if at_boot[name] != wanted and not (name == LEAST_NFS and not _below_3(at_boot[name])):
            yield problem(
                "setup-sysctl-boot", f"{name} is {at_boot[name]} after the next boot", name=name, value=wanted
            )
    if not (facts.carp_built_in or facts.carp_at_boot):
        yield problem("setup-carp-at-boot", 'no carp_load="YES" in loader.conf')
    if not facts.gate:
        yield problem("setup-geom-gate", f"geom_gate is not loaded, and there is no {GATE_FILE}", file=GATE_FILE)


def _below_3(text: str) -> bool:
    return text in ("0", "1", "2")


def judge_pair(here: NodeFacts, there: NodeFacts) -> Problems:
    """What must agree, where both kernels have it."""
    for name in AGREE:
        values = [each.facts.now.get(name) for each in (here, there)]
        if None not in values and values[0] != values[1]:
            yield problem("setup-sysctl-differs", f"{name} is {name_list([str(each) for each in values])}", name=name)


GROUP = SetupGroup(
    "kernel", "sysctl now and at the next boot, those that must agree; carp and geom_gate",
    ROWS, KernelFacts, read, judge, judge_pair,
)  # fmt: skip
