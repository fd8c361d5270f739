"""The table of check_carp_hast: which rule fits a node's state of CARP, role, mount and NFS, and which row comes first.

Of findings of one severity the one whose row stands higher is the first on the status line: what serves the clients, or
fails to, then what is not known of it, then what a standby lacks.
"""

from __future__ import annotations

from typing import NamedTuple

from checks.other_node import ROWS as OTHER_NODE
from checks.plugin.finding import CRITICAL, OK, UNKNOWN, WARNING, Row, Table
from checks.probes.carp import CarpState
from checks.probes.hast_state import HastRole
from checks.probes.node_state import MountState, NfsState, ServiceState
from checks.standby import CANNOT, NOT_TRIED

MASTER, BACKUP, INIT = CarpState.MASTER, CarpState.BACKUP, CarpState.INIT
PRIMARY, SECONDARY, ROLE_INIT, DOWN = HastRole.PRIMARY, HastRole.SECONDARY, HastRole.INIT, HastRole.DOWN
NOT_KNOWN = HastRole.NOT_KNOWN
READ = (MASTER, BACKUP, INIT)
"""States of a vhid that speaks for the resource."""
GIVEN = (PRIMARY, SECONDARY, ROLE_INIT, DOWN)
"""Roles that hastd gives, or cannot give because it does not run."""


class StateRule(NamedTuple):
    """A row of the table and the states it is for; an empty tuple is any. Of all rules the first that fits counts.

    `passing`: seen in the middle of every failover, so it is given the grace period after a change of CARP.
    """

    row: Row
    carp: tuple[CarpState | None, ...] = ()
    role: tuple[HastRole, ...] = ()
    mounted: tuple[MountState, ...] = ()
    nfs: tuple[NfsState, ...] = ()
    exported: tuple[bool, ...] = ()
    passing: bool = False

    def fits(self, state: ServiceState) -> bool:
        """Whether this rule is for `state`."""
        wanted = (self.carp, self.role, self.mounted, self.nfs, self.exported)
        return all(not values or value in values for values, value in zip(wanted, state, strict=True))


SERVING = (
    StateRule(Row("carp-master-hastd-down", CRITICAL, "MASTER, hastd not running", "clients hang or get errors",
                  "on {node}: `hastwatch repair hastd`; it starts hastd where that is safe, and says why where it"
                  " is not"), carp=(MASTER,), role=(DOWN,)),
    StateRule(Row("carp-master-hast-secondary", CRITICAL, "MASTER, role secondary", "clients hang or get stale handles",
                  "on {node}: `hastwatch converge --dry-run` says what forbids it; if nothing does:"
                  " `hastwatch converge`"),
              carp=(MASTER,), role=(SECONDARY,), passing=True),
    StateRule(Row("carp-master-hast-init", CRITICAL, "MASTER, role init", "clients hang or get stale handles",
                  "on {node}: `hastwatch converge --dry-run` says what forbids it; if nothing does:"
                  " `hastwatch converge`"),
              carp=(MASTER,), role=(ROLE_INIT,), passing=True),
    StateRule(Row("carp-master-not-mounted", CRITICAL, "MASTER, primary, not mounted",
                  "clients get no answer, or the directory underneath",
                  "on {node}: `hastwatch converge --dry-run`, then `hastwatch converge`; `hastwatch journal` where"
                  " it fails"),
              carp=(MASTER,), role=(PRIMARY,), mounted=(MountState.NOTHING,), passing=True),
    StateRule(Row("carp-master-read-only", CRITICAL, "MASTER, primary, mounted read-only", "clients cannot write",
                  "on {node}: the end of `dmesg`: an error of the disk, or mounted so by somebody? `hastwatch"
                  " explain` leads on"),
              carp=(MASTER,), role=(PRIMARY,), mounted=(MountState.READ_ONLY,)),
    StateRule(Row("carp-master-nfs-stopped", CRITICAL,
                  "MASTER, primary, mounted, but rpcbind, mountd or nfsd not running", "clients hang",
                  "on {node}: `hastwatch converge`; where it fails, `hastwatch journal` names the step"),
              carp=(MASTER,), role=(PRIMARY,), mounted=(MountState.WRITABLE, MountState.NOT_KNOWN),
              nfs=(NfsState.NONE, NfsState.SOME), passing=True),
    StateRule(Row("carp-master-not-exported", CRITICAL,
                  "MASTER, primary, mounted, NFS runs, but mount lacks `NFS exported`",
                  "clients get stale file handles",
                  "on {node}: `hastwatch repair nfs`; where it does not help, see /etc/exports and /var/log/messages"),
              carp=(MASTER,), role=(PRIMARY,), mounted=(MountState.WRITABLE, MountState.NOT_KNOWN),
              nfs=(NfsState.ALL,), exported=(False,), passing=True),
    StateRule(Row("wrong-device-mounted", CRITICAL, "what is mounted at the mount point does not lie on the resource",
                  "clients read and write a file system that is not replicated",
                  "on {node}: `mount` and `hastwatch status`; save what clients wrote there before you unmount it"),
              carp=READ, role=GIVEN, mounted=(MountState.WRONG,)),
    StateRule(Row("mounted-in-part", CRITICAL, "what is mounted lies only in part on what HAST replicates",
                  "part of it is missing on the other node",
                  "take a backup now; on {node} `mount` and `zpool status -P` show the part that is not replicated"),
              carp=READ, role=GIVEN, mounted=(MountState.IN_PART,)),
    StateRule(Row("carp-init-hast-primary", CRITICAL, "INIT, role primary",
                  "clients have no service from here, the other node may take over any moment",
                  "on {node}: `hastwatch converge`, if {peer} lives; then `ifconfig -a`: interface down, no carrier?"),
              carp=(INIT,), role=(PRIMARY,), passing=True),
    StateRule(Row("mount-not-known", UNKNOWN,
                  "MASTER, primary, exported, NFS runs, but it is not known whether the mounted device "
                  "lies on the resource", "whether it is replicated is unknown",
                  "on {node}: `mount` shows the device; name it under [resource.{resource}] in hastwatch.toml of"
                  " both nodes"),
              carp=(MASTER,), role=(PRIMARY,), mounted=(MountState.NOT_KNOWN,), nfs=(NfsState.ALL,), exported=(True,)),
    StateRule(Row("carp-hast-active", OK, "MASTER, primary, mounted, exported, NFS runs", "clients are served here"),
              carp=(MASTER,), role=(PRIMARY,), mounted=(MountState.WRITABLE,), nfs=(NfsState.ALL,), exported=(True,)),
)  # fmt: skip
UNCLEAR = (
    StateRule(Row("hast-role-unknown", CRITICAL, "hastd runs but gives no role: stuck, or an error",
                  "whether this node has the data is unknown",
                  "on {node}: `ps axww -o pid,stat,command`: hastd in state T: `kill -CONT PID`; else `hastwatch"
                  " explain hast-role-unknown`"), carp=READ, role=(NOT_KNOWN,)),
    StateRule(Row("carp-absent", CRITICAL, "no vhid speaks for the resource on this node",
                  "whether it has to serve is unknown",
                  "on {node}: `ifconfig -a`; then `vhid` under [resource.{resource}] in hastwatch.toml, or the vhid"
                  " in rc.conf"), carp=(None,)),
)  # fmt: skip
STANDING_BY = (
    StateRule(Row("carp-init-standby", CRITICAL, "INIT, not primary",
                  "no redundancy: this node cannot take the address",
                  "on {node}: `ifconfig -a`; down: `hastwatch converge`, then `ifconfig IFACE up`; no carrier:"
                  " cable, switch"),
              carp=(INIT,)),
    StateRule(Row("carp-backup-mounted", CRITICAL, "BACKUP, not primary, but something mounted at the mount point",
                  "what is written there reaches no client and no other copy",
                  "on {node}: `hastwatch converge`; it unmounts, or says why not; never make {node} primary"
                  " meanwhile"), carp=(BACKUP,),
              role=(SECONDARY, ROLE_INIT, DOWN),
              mounted=(MountState.WRITABLE, MountState.READ_ONLY, MountState.NOT_KNOWN), passing=True),
    StateRule(Row("carp-backup-hastd-down", CRITICAL, "BACKUP, hastd not running",
                  "no redundancy: nothing is replicated to this node",
                  "on {node}: `hastwatch repair hastd`; it starts hastd where that is safe, and says why where it"
                  " is not"), carp=(BACKUP,), role=(DOWN,)),
    StateRule(Row("carp-backup-hast-primary", CRITICAL, "BACKUP, role primary",
                  "data without address, one step from a split-brain",
                  "on {node}: `hastwatch converge --dry-run`, then `hastwatch converge`"),
              carp=(BACKUP,), role=(PRIMARY,), passing=True),
    StateRule(Row("carp-backup-hast-init", CRITICAL, "BACKUP, role init", "no redundancy: nothing is replicated here",
                  "on {node}: `hastwatch converge`; if a split-brain keeps it so: `hastwatch recover {resource}"
                  " --dry-run`"),
              carp=(BACKUP,), role=(ROLE_INIT,), passing=True),
    StateRule(Row("carp-backup-nfs-running", CRITICAL, "BACKUP, role secondary, but mountd or nfsd running",
                  "at a failover clients get stale handles before the mount",
                  "on {node}: `hastwatch converge`; it stops mountd and nfsd, as cron's call does within a minute"),
              carp=(BACKUP,), nfs=(NfsState.ALL, NfsState.SOME), passing=True),
    StateRule(Row("carp-hast-standby", OK, "BACKUP, secondary, not mounted, mountd and nfsd stopped, or running"
                  " for a resource with another vhid", "ready to take over"),
              carp=(BACKUP,), role=(SECONDARY,), mounted=(MountState.NOTHING,),
              nfs=(NfsState.NONE, NfsState.FOR_ANOTHER)),
)  # fmt: skip

RULES = (*SERVING, *UNCLEAR, *STANDING_BY)
TABLE = Table(
    *(rule.row for rule in SERVING),
    Row("pool-suspended", CRITICAL, "the ZFS pool that is mounted is suspended, or `zpool status` hangs",
        "clients hang until the other node serves; this one needs a reboot",
        "on {node}: `hastwatch converge`; once {peer} serves, reboot {node}; no `zpool clear` then"),
    Row("hast-both-primary", CRITICAL, "both nodes have role primary", "every write makes the copies diverge",
        "if both are MASTER, now: `hastwatch explain splitbrain-growing`; else on {loser}: `hastwatch converge`"),
    Row("hast-no-primary", CRITICAL, "neither node has role primary", "there is no service",
        "on {master}: `hastwatch converge --dry-run` says what forbids it; if nothing does: `hastwatch converge`"),
    *(rule.row for rule in UNCLEAR),
    Row("files-under-mount-point", CRITICAL, "files in the mount point while nothing is mounted there",
        "written while nothing was mounted: the next mount hides them",
        "on {node}: find what writes there; move the files to a safe place before the next mount hides them"),
    Row("standby-no-metadata", CRITICAL, "role secondary, and `hastctl dump` finds no metadata on the local disk",
        "no redundancy: this node can neither follow nor take over",
        "on {node}: `dmesg`: replace a broken disk first; then `hastwatch recover {resource}` fills it from {peer}"),
    CANNOT,
    Row("standby-blank", CRITICAL, "role secondary, metadata just created and not yet connected to a primary",
        "no redundancy: a takeover would serve an empty disk",
        "on {node}: `hastwatch status`: is {peer} primary, and connected? Then hastd copies everything by itself"),
    *(rule.row for rule in STANDING_BY),
    Row("carp-not-told", UNKNOWN, "a line of the vhid is not understood, or it is not unique on this node",
        "whether it has to serve is unknown",
        "on {node}: `ifconfig -a`; not unique: `service_address` under [resource.{resource}] in hastwatch.toml"),
    Row("failover-in-progress", WARNING, "a transitional state of a failover, within --grace of a change of CARP",
        "clients wait; critical when it has not passed by then",
        "nothing: it ends, or becomes critical within --grace (60 s); `hastwatch status --watch` shows it"),
    NOT_TRIED,
    Row("export-outside", WARNING, "nfsd runs, and a file system that is no resource's is NFS exported",
        "whoever guesses a file handle reads it",
        "on {node}: `hastwatch converge`; where it stays, correct /etc/exports, then `service mountd onereload`"),
    Row("ports-silent", WARNING, "hastwatch has dropped segments to closed TCP ports for longer than --grace, as it"
        " does while a failover runs", "a failover was killed, and no convergence has run since",
                                       "on {node}: `hastwatch converge` puts it back; then `service cron status`:"
                                       " cron calls that every minute"),
    Row("locking-stopped", WARNING, "MASTER, NFS runs, but statd or lockd not running", "clients cannot lock files",
        "on {node}: `hastwatch converge`; where it fails, `service lockd onestart` and `service statd onestart`"),
    Row("mount-point-missing", WARNING, "the mount point does not exist", "this node cannot mount when it takes over",
        "on {node}: `mkdir -p` the directory that the finding names, then `hastwatch converge`"),
    *OTHER_NODE,
)  # fmt: skip


def judge(state: ServiceState) -> StateRule:
    """The first rule that fits. Together they fit every state."""
    return next(rule for rule in RULES if rule.fits(state))
