"""Which repair a finding of a check calls for, and from which state of the service on: the table, and nothing else.

The reasons are those of the checks (docs/reasons.md); every one that is not OK has a row here, also where nothing is
done by itself, with why not. SOFT and HARD, and the attempts, are Nagios's: after the first look that finds something a
service is SOFT 1. How many attempts make it HARD is the user's, and no rule here (Icinga counts HARD states anew).
"""

from __future__ import annotations

import enum
from typing import NamedTuple

from checks.plugin.finding import CRITICAL, WARNING
from checks.setup.groups import GROUPS
from remediate.events.repair_request import Remedy


class Since(enum.IntEnum):
    """From when on a finding is acted on; what is HARD already has passed all of them."""

    FIRST = 1
    """At once, on SOFT attempt 1: only where every second makes it worse, and acting on an error costs nothing."""
    SOFT = 2
    """On the second look that finds it: clients wait."""
    HARD = 3
    """When the engine is sure: something is missing, but clients are served."""
    NEVER = 4
    """An operator has to look; the row says why."""


class RepairRule(NamedTuple):
    """What a finding of a check calls for."""

    check: str
    reason: str
    remedy: Remedy | None
    since: Since
    why: str


def _calls(check: str, remedy: Remedy, since: Since, why: str, *reasons: str) -> tuple[RepairRule, ...]:
    return tuple(RepairRule(check, reason, remedy, since, why) for reason in reasons)


def _nothing(check: str, why: str, *reasons: str) -> tuple[RepairRule, ...]:
    return tuple(RepairRule(check, reason, None, Since.NEVER, why) for reason in reasons)


TABLE = (
    *_calls("check_devd", Remedy.DEVD, Since.SOFT, "devd calls no hook: a failover is missed",
            "devd-not-running", "devd-stopped", "devd-no-socket"),
    *_nothing("check_devd", "what devd waits for must be ended by an operator: rc(8) cannot stop it meanwhile",
    "devd-waits"), *_nothing("check_devd", "the wiring needs an operator: hastwatch self-test proves it",
              "devd-hook-missing", "devd-hook-unmatched", "devd-hook-shadowed", "devd-hook-not-executable",
              "devd-hook-arguments", "devd-hook-cannot-start", "devd-hook-writable", "devd-configuration-refused",
              "devd-no-vhid"),
    *_nothing("check_devd", "devd still works", "devd-cpu-critical", "devd-spinning", "devd-pid-file"),

    *_calls("check_carp_hast", Remedy.HASTD, Since.SOFT, "without hastd there is no data at the address",
            "carp-master-hastd-down"),
    *_calls("check_carp_hast", Remedy.HASTD, Since.HARD, "without hastd nothing is replicated",
            "carp-backup-hastd-down"),
    *_calls("check_carp_hast", Remedy.NFS, Since.SOFT, "mountd has to export what is mounted",
            "carp-master-not-exported"),
    *_calls("check_carp_hast", Remedy.CONVERGE, Since.SOFT, "the node is not what CARP says, and clients wait",
            "carp-master-hast-secondary", "carp-master-hast-init", "carp-master-not-mounted",
            "carp-master-nfs-stopped", "hast-no-primary"),
    *_calls("check_carp_hast", Remedy.CONVERGE, Since.SOFT, "the node holds what the other one is to have",
            "hast-both-primary", "carp-init-hast-primary", "carp-backup-mounted", "carp-backup-hast-primary"),
    *_calls("check_carp_hast", Remedy.CONVERGE, Since.HARD, "the node is not what CARP says",
            "carp-backup-hast-init", "carp-backup-nfs-running", "locking-stopped"),
    *_calls("check_carp_hast", Remedy.CONVERGE, Since.SOFT, "clients hang until the other node has the role",
            "pool-suspended"),
    *_nothing("check_carp_hast", "CARP and its interfaces are not changed by an event", "carp-absent",
              "carp-init-standby"),
    *_nothing("check_carp_hast", "a hastd that is stuck is not killed under a file system", "hast-role-unknown"),
    *_nothing("check_carp_hast", "an operator mounted it so, or a disk did", "carp-master-read-only",
              "wrong-device-mounted", "mounted-in-part"),
    *_nothing("check_carp_hast", "a disk is replaced by an operator", "standby-no-metadata"),
    *_nothing("check_carp_hast", "hastd synchronises it once the nodes are connected", "standby-blank"),
    *_nothing("check_carp_hast", "hastd is replaced by an operator", "hast-cannot-be-primary",
    "hast-primary-not-tried"), *_nothing("check_carp_hast", "the files are somebody's", "files-under-mount-point"),
    *_nothing("check_carp_hast", "it is in progress", "failover-in-progress"),
    *_nothing("check_carp_hast", "every convergence restores it, and cron(8) calls one every minute", "ports-silent"),
    *_nothing("check_carp_hast", "the configuration needs an operator", "export-outside", "mount-point-missing"),

    *_calls("check_hast", Remedy.HASTD, Since.SOFT, "without hastd there is no copy on this node", "hastd-down"),
    *_calls("check_hast", Remedy.CONVERGE, Since.SOFT, "the role is not the one that CARP asks for",
            "hast-role-wrong", "hast-no-worker"),
    *_calls("check_hast", Remedy.CONVERGE, Since.HARD, "the role is not the one that CARP asks for",
            "hast-role-init"),
    *_calls("check_hast", Remedy.CONVERGE, Since.HARD, "a convergence removes a route that hastwatch has left",
            "hast-peer-rejected"),
    *_nothing("check_hast", "a hastd that is stuck is not killed under a file system", "hastctl-hangs", "hast-error"),
    *_nothing("check_hast", "the other node, or the link to it, has to come back", "hast-degraded",
              "hast-disconnected"),
    *_nothing("check_hast", "a disk is replaced by an operator", "hast-io-errors", "hast-io-errors-past"),
    *_nothing("check_hast", "hastd is replaced by an operator", "hast-cannot-be-primary", "hast-primary-not-tried"),
    *_nothing("check_hast", "a copy is recreated by an operator, after the disk; a primary hands over automatically",
              "hast-copy-damaged"),
    *_nothing("check_hast", "it is in progress", "hast-dirty-critical", "hast-synchronising", "hast-role-changing"),
    *_nothing("check_hast", "the standby's copy is recreated by an operator", "hast-copies-differ"),
    *_nothing("check_hast", "the primary compares the copies automatically, or an operator", "hast-copy-unproven"),
    *_nothing("check_hast", "an operator makes room on the disk, or starts cron(8)", "hast-not-recorded"),
    *_nothing("check_hast", "periodic(8) compares the copies, or an operator", "hast-never-verified",
              "hast-verified-long-ago"),
    *_nothing("check_hast", "the configuration needs an operator", "hast-replication"),

    *_calls("check_hast_mount", Remedy.CONVERGE, Since.SOFT, "the node is not what CARP says",
            "mount-missing", "mount-on-standby"),
    *_calls("check_hast_mount", Remedy.CONVERGE, Since.SOFT, "clients hang until the other node has the role",
            "pool-suspended"),
    *_nothing("check_hast_mount", "an operator mounted it so, or a disk did", "mount-wrong-device", "mount-in-part",
              "mount-read-only"),
    *_nothing("check_hast_mount", "a disk that does not answer needs an operator", "mount-hangs", "mount-broken"),
    *_nothing("check_hast_mount", "clients have to remount", "mount-fsid-changed"),
    *_nothing("check_hast_mount", "the files are somebody's", "mount-full-critical", "mount-inodes-critical",
              "mount-full", "mount-inodes"),

    *_calls("check_hast_splitbrain", Remedy.SPLIT_BRAIN, Since.FIRST,
            "every write makes the copies diverge further", "splitbrain", "splitbrain-seen"),
    *_calls("check_hast_splitbrain", Remedy.CONVERGE, Since.SOFT, "the one that is not MASTER has to step down",
            "two-primaries"),
    *_nothing("check_hast_splitbrain", "an operator chooses the copy to keep", "splitbrain-predicted",
              "splitbrain-growing", "splitbrain-undated", "splitbrain-marker-left", "splitbrain-marker-unread",
              "primary-behind"),
    *_nothing("check_hast_splitbrain", "a disk is replaced by an operator", "resuid-mismatch", "metadata-missing"),
    *_nothing("check_hast_splitbrain", "hastd synchronises it once the nodes are connected", "copy-behind",
              "copy-blank", "counters-impossible"),

    *_calls("check_nfs_export", Remedy.NFS, Since.SOFT, "clients are not served",
            "nfs-portmapper", "nfs-not-registered", "nfs-dead", "nfs-export-missing", "nfs-mount-refused",
            "nfs-stale"),
    *_calls("check_nfs_export", Remedy.CONVERGE, Since.HARD, "clients cannot lock files", "nfs-locking"),
    *_nothing("check_nfs_export", "the configuration needs an operator", "nfs-export-network", "nfs-v4-missing",
              "nfs-udp", "nfs-udp-unbound", "nfs-v2", "nfs-export-everyone", "nfs-export-outside"),
    *_nothing("check_nfs_export", "a slow server is not made faster by a restart", "nfs-slow-critical", "nfs-slow"),

    *_nothing("check_carp", "who has the address is for CARP and the convergence to settle", "carp-two-masters",
              "carp-no-master", "carp-unexpected", "carp-not-preferred", "carp-demoted", "carp-vhids-disagree"),
    *_nothing("check_carp", "CARP and its interfaces are not changed by an event", "carp-not-loaded", "carp-no-vhid",
              "carp-not-allowed", "carp-init", "carp-address-tentative", "carp-address-detached"),
    *_nothing("check_carp", "the configuration needs an operator", "carp-vhid-missing", "carp-addresses-differ",
              "carp-advbase-differs", "carp-protocol-differs", "carp-preempt-off", "carp-address-duplicated",
              "carp-peer-wrong", "carp-peer-one-sided", "carp-factors-differ", "carp-vrrp-not-held"),

    *(row for check in ("check_carp_hast", "check_carp", "check_hast_splitbrain", "check_hast_setup")
      for row in (*_nothing(check, "the same check on the other node asks that one for its repair", "peer-finding"),
                  *_nothing(check, "the network, sshd or a key needs an operator", "peer-not-asked"))),

    *_nothing("check_hast_setup", "the setup needs an operator: hastwatch doctor",
              *(row.reason for group in GROUPS for row in group.rows if row.severity in (WARNING, CRITICAL))),
)  # fmt: skip
"""Every finding that is not OK."""

BY_FINDING = {(row.check, row.reason): row for row in TABLE}
CHECKS = tuple(sorted({row.check for row in TABLE}))
"""The checks whose findings are known."""
