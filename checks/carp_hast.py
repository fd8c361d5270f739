"""check_carp_hast: whether CARP, HAST, the mount and NFS say the same, on each node and between them."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from functools import partial
from typing import NamedTuple

from checks.carp_hast_resource import CoveredNames, ResourceOnNode, ServiceOfNode, ServiceOfPair, SilencedTransition
from checks.plugin.command import CheckCommand
from checks.plugin.finding import CRITICAL, OK, UNKNOWN, WARNING, Row, Table
from checks.plugin.judging import Judgement, Number, judges, performance
from checks.plugin.nagios import Metric, Performance
from checks.plugin.resource import Part
from checks.plugin.session import Session
from checks.plugin.text import name_list, say_count, say_duration
from checks.probes import processes, silence
from checks.probes.carp import CarpState
from checks.probes.hast_state import HastRole
from checks.probes.node_state import MountState, NfsState, ServiceState
from checks.probes.timestamps import utc
from checks.standby import CANNOT, NOT_TRIED, judge_standby
from checks.standby import QUESTIONS as OF_STANDBY

MASTER, BACKUP, INIT = CarpState.MASTER, CarpState.BACKUP, CarpState.INIT
PRIMARY, SECONDARY, ROLE_INIT, DOWN = HastRole.PRIMARY, HastRole.SECONDARY, HastRole.INIT, HastRole.DOWN
NOT_KNOWN = HastRole.NOT_KNOWN


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
    StateRule(Row("carp-absent", CRITICAL, "no vhid speaks for the resource on this node",
                  "whether it has to serve is unknown, and it cannot take the address",
                  "on {node}: `ifconfig -a`; then `vhid` under [resource.{resource}] in hastwatch.toml, or the vhid"
                  " in rc.conf"), carp=(None,)),
    StateRule(Row("hast-role-unknown", CRITICAL, "hastd runs but gives no role: stuck, or an error",
                  "whether the data is on the node that has the address is unknown",
                  "on {node}: `ps axww -o pid,stat,command`: hastd in state T: `kill -CONT PID`; else `hastwatch"
                  " explain hast-role-unknown`"), role=(NOT_KNOWN,)),
    StateRule(Row("carp-master-hastd-down", CRITICAL, "MASTER, hastd not running",
                  "service address without data: clients hang or get errors",
                  "on {node}: `hastwatch repair hastd`; it starts hastd where that is safe, and says why where it"
                  " is not"), carp=(MASTER,), role=(DOWN,)),
    StateRule(Row("carp-master-hast-secondary", CRITICAL, "MASTER, role secondary",
                  "service address without data: clients hang or get stale handles",
                  "on {node}: `hastwatch converge --dry-run` says what forbids it; if nothing does:"
                  " `hastwatch converge`"),
              carp=(MASTER,), role=(SECONDARY,), passing=True),
    StateRule(Row("carp-master-hast-init", CRITICAL, "MASTER, role init",
                  "service address without data: clients hang or get stale handles",
                  "on {node}: `hastwatch converge --dry-run` says what forbids it; if nothing does:"
                  " `hastwatch converge`"),
              carp=(MASTER,), role=(ROLE_INIT,), passing=True),
    StateRule(Row("wrong-device-mounted", CRITICAL, "what is mounted at the mount point does not lie on the resource",
                  "clients read and write a file system that is not the replicated one",
                  "on {node}: `mount` and `hastwatch status`; save what clients wrote there before you unmount it"),
              mounted=(MountState.WRONG,)),
    StateRule(Row("mounted-in-part", CRITICAL, "what is mounted lies only in part on what HAST replicates",
                  "part of it is missing on the other node",
                  "take a backup now; on {node} `mount` and `zpool status -P` show the part that is not replicated"),
              mounted=(MountState.IN_PART,)),
    StateRule(Row("carp-master-not-mounted", CRITICAL, "MASTER, primary, not mounted",
                  "clients get no answer, or the directory underneath",
                  "on {node}: `hastwatch converge --dry-run`, then `hastwatch converge`; `hastwatch journal` where"
                  " it fails"),
              carp=(MASTER,), mounted=(MountState.NOTHING,), passing=True),
    StateRule(Row("carp-master-read-only", CRITICAL, "MASTER, primary, mounted read-only", "clients cannot write",
                  "on {node}: the end of `dmesg`: an error of the disk, or mounted so by somebody? `hastwatch"
                  " explain` leads on"),
              carp=(MASTER,), mounted=(MountState.READ_ONLY,)),
    StateRule(Row("carp-master-nfs-stopped", CRITICAL,
                  "MASTER, primary, mounted, but rpcbind, mountd or nfsd not running", "clients hang",
                  "on {node}: `hastwatch converge`; where it fails, `hastwatch journal` names the step"),
              carp=(MASTER,), nfs=(NfsState.NONE, NfsState.SOME), passing=True),
    StateRule(Row("carp-master-not-exported", CRITICAL,
                  "MASTER, primary, mounted, NFS runs, but mount lacks `NFS exported`",
                  "clients get stale file handles, although showmount lists the export: restart mountd",
                  "on {node}: `hastwatch repair nfs`; where it does not help, see /etc/exports and /var/log/messages"),
              carp=(MASTER,), exported=(False,), passing=True),
    StateRule(Row("mount-not-known", UNKNOWN,
                  "MASTER, primary, exported, NFS runs, but it is not known whether the mounted device "
                  "lies on the resource",
                  "whether it is replicated is not known: name the device in hastwatch.toml",
                  "on {node}: `mount` shows the device; name it under [resource.{resource}] in hastwatch.toml of"
                  " both nodes"),
              carp=(MASTER,), mounted=(MountState.NOT_KNOWN,)),
    StateRule(Row("carp-hast-active", OK, "MASTER, primary, mounted, exported, NFS runs", "clients are served here"),
              carp=(MASTER,)),
)  # fmt: skip
STANDING_BY = (
    StateRule(Row("carp-init-hast-primary", CRITICAL, "INIT, role primary",
                  "data without address: clients have no service from here, the other node may take over any moment",
                  "on {node}: `hastwatch converge`, if {peer} lives; then `ifconfig -a`: interface down, no carrier?"),
              carp=(INIT,), role=(PRIMARY,), passing=True),
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
                  "at the next failover clients get stale file handles before the mount",
                  "on {node}: `hastwatch converge`; it stops mountd and nfsd, as cron's call does within a minute"),
              carp=(BACKUP,), nfs=(NfsState.ALL, NfsState.SOME), passing=True),
    StateRule(Row("carp-hast-standby", OK, "BACKUP, secondary, not mounted, mountd and nfsd stopped",
                  "ready to take over"),
              carp=(BACKUP,)),
)  # fmt: skip

RULES = (*SERVING, *STANDING_BY)
IMPLIED = ("carp-hast-active", "carp-backup-mounted", "carp-backup-nfs-running", "mount-not-known")
"""Verdicts that say nothing besides of a node whose pool is suspended: it cannot be unmounted."""

TABLE = Table(
    *(rule.row for rule in SERVING),
    Row("pool-suspended", CRITICAL, "the ZFS pool that is mounted is suspended, or `zpool status` hangs",
        "clients hang: the other node has to serve, and only a reboot brings this one back",
        "on {node}: `hastwatch converge`; once {peer} serves, reboot {node}; no `zpool clear` then"),
    Row("hast-both-primary", CRITICAL, "both nodes have role primary", "every write makes the copies diverge",
        "if both are MASTER, now: `hastwatch explain splitbrain-growing`; else on {loser}: `hastwatch converge`"),
    Row("hast-no-primary", CRITICAL, "neither node has role primary", "there is no service",
        "on {master}: `hastwatch converge --dry-run` says what forbids it; if nothing does: `hastwatch converge`"),
    Row("files-under-mount-point", CRITICAL, "files in the mount point while nothing is mounted there",
        "written by a local process while nothing was mounted: lost mail, hidden by the next mount",
        "on {node}: find what writes there; move the files to a safe place before the next mount hides them"),
    Row("standby-no-metadata", CRITICAL, "role secondary, and `hastctl dump` finds no metadata on the local disk",
        "no redundancy: this node can neither follow nor take over until `hastctl create`",
        "on {node}: `dmesg`: replace a broken disk first; then `hastwatch recover {resource}` fills it from {peer}"),
    CANNOT,
    Row("standby-blank", CRITICAL, "role secondary, metadata just created and not yet connected to a primary",
        "no redundancy: this copy holds nothing, and a takeover would serve an empty disk",
        "on {node}: `hastwatch status`: is {peer} primary, and connected? Then hastd copies everything by itself"),
    *(rule.row for rule in STANDING_BY),
    Row("carp-not-told", UNKNOWN, "a line of the vhid is not understood, or it is not unique on this node",
        "whether this node has to serve is not known, and nothing is promoted here",
        "on {node}: `ifconfig -a`; not unique: `service_address` under [resource.{resource}] in hastwatch.toml"),
    Row("failover-in-progress", WARNING, "a transitional state of a failover, within --grace of a change of CARP",
        "clients wait; critical when it has not passed by then",
        "nothing: it ends, or becomes critical within --grace (60 s); `hastwatch status --watch` shows it"),
    NOT_TRIED,
    Row("export-outside", WARNING, "nfsd runs, and a file system that is no resource's is NFS exported",
        "whoever guesses a file handle reads it: mountd exports the root where nothing is mounted",
        "on {node}: `hastwatch converge`; where it stays, correct /etc/exports, then `service mountd onereload`"),
    Row("ports-silent", WARNING, "hastwatch has dropped segments to closed TCP ports for longer than --grace, as it"
        " does while a failover runs", "a failover was killed, and no convergence has run since: cron(8), devd(8)?",
                                       "on {node}: `hastwatch converge` puts it back; then `service cron status`:"
                                       " cron calls that every minute"),
    Row("locking-stopped", WARNING, "MASTER, NFS runs, but statd or lockd not running", "clients cannot lock files",
        "on {node}: `hastwatch converge`; where it fails, `service lockd onestart` and `service statd onestart`"),
    Row("mount-point-missing", WARNING, "the mount point does not exist", "this node cannot mount when it takes over",
        "on {node}: `mkdir -p` the directory that the finding names, then `hastwatch converge`"),
)  # fmt: skip

PERFDATA = (("RESOURCE_NODE_well", "1 where the node is as it should be for the resource, else 0"),)

ABOUT = """\
Looks at what CARP asks for (`ifconfig -a`) and at what is there: the HAST role (`hastctl list NAME`), the mount
(`mount`, and of ZFS `zpool status`), the NFS daemons (`ps`), on a secondary at the metadata of its disk (`hastctl dump
NAME`) and whether its hastd could be primary (`uname -r`, and for 15.0 and later `hastwatch-ask --as-primary` and
`as_primary.json`), and, where nothing is mounted, at the names under the mount point (`ls -A`); and whether a failover
has left its setting behind (`silence.json`). The first row below that fits a node's state of CARP, role, mount and NFS
is its verdict; the others are judged besides. With --peer both nodes are judged, and the pair. Right after CARP has
changed, the transitional states of a failover are WARNING for --grace seconds; the change is known from the run before,
so the first run of all judges without grace."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of this check."""
    parser.add_argument("--grace", type=_grace, default=60, metavar="SECONDS", help=(
        "how long a failover may take after CARP has changed (default: 60)"
    ))  # fmt: skip


def _grace(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1
    if not 0 <= seconds <= 3600:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds from 0 to 3600")
    return seconds


def judge(state: ServiceState) -> StateRule:
    """The first rule that fits. Together they fit every state."""
    return next(rule for rule in RULES if rule.fits(state))


def is_passing(grace: float, standing: ResourceOnNode) -> bool:
    """Whether its state is excused as one on the way of a failover."""
    since = standing.carp_since
    return judge(standing.found.state).passing and since is not None and since < grace


def judge_standing(grace: float, standing: ResourceOnNode) -> Judgement:
    """What the states of CARP, role, mount and NFS are together, and what keeps the node from taking over."""
    facts = standing.found
    rule, lacking = judge(facts.state), list(_lacking(standing))
    if facts.look.suspended and rule.row.reason in IMPLIED:
        pass
    elif is_passing(grace, standing):
        changed = f"CARP seen to change {say_duration(standing.carp_since or 0)} ago"
        yield "failover-in-progress", f"{rule.row.reason} for now: {_say(standing)}; {changed}"
    elif not facts.carp_told:
        yield "carp-not-told", _say(standing)
    elif not (rule.row.severity is OK and lacking):  # not ready to take over where the copy isn't, or isn't known to be
        yield rule.row.reason, _say(standing)
    yield from lacking
    missing = sorted({"statd", "lockd"} - standing.daemons)
    if facts.state.carp is MASTER and facts.state.nfs is NfsState.ALL and missing:
        yield "locking-stopped", f"{name_list(missing)} not running"


def _lacking(standing: ResourceOnNode) -> Judgement:
    """What keeps a node from being well, besides its state. mount(8) shows a suspended pool as it was. Without metadata
    a secondary's worker ends as soon as a primary connects (`secondary.c init_local()`), and so does that of a primary;
    with a resuid of 0 it has never followed."""
    if standing.metadata_lost:
        yield "standby-no-metadata", standing.metadata_lost
    if standing.metadata_unread:
        yield standing.metadata_unread.reason, str(standing.metadata_unread)
    if standing.metadata is not None and standing.metadata.resuid == 0:
        yield "standby-blank", "the metadata of its disk were just created (resuid 0)"
    look = standing.found.look
    if look.suspended and look.mounted is not MountState.WRONG:
        yield "pool-suspended", f"{look.suspended}; {_say(standing)}"
    if look.unread and look.mounted is not MountState.NOT_KNOWN:
        yield look.unread.reason, str(look.unread)
    if standing.hastd is not None:
        yield from judge_standby(standing.hastd)


def _say(standing: ResourceOnNode) -> str:
    facts = standing.found
    text = str(facts.state)
    if facts.state.nfs is NfsState.SOME:
        text += f" ({name_list(sorted({'rpcbind', 'mountd', 'nfsd'} - standing.daemons))} missing)"
    if facts.state.mounted in (MountState.WRONG, MountState.IN_PART, MountState.NOT_KNOWN):
        text += f" ({facts.look.says})"
    return "; ".join(filter(None, (text, facts.carp_says, facts.hast_says)))


class HealthNumber(Number):
    """Whether the node is as it should be for a resource."""

    def performance(self, metric: Metric, resource: object) -> Performance:
        """1 or 0."""
        standing: ResourceOnNode = metric.value
        well = judge(standing.found.state).row.severity is OK and not list(_lacking(standing))
        return performance(metric, int(well), "", "")


def judge_underneath(underneath: CoveredNames) -> Judgement:
    """What lies in the mount point itself, where nothing is mounted on it."""
    point, names = underneath
    if names is None:
        yield "mount-point-missing", f"{point} does not exist"
    elif names:
        some = name_list([*names[:3], *(["others"] if len(names) > 3 else [])])
        yield "files-under-mount-point", f"{say_count(len(names), 'name')} in {point}: {some}"


def judge_outside(exported: list[str]) -> Judgement:
    """What is exported besides the resources."""
    if exported:
        yield "export-outside", f"{name_list(exported)} is NFS exported"


def judge_silence(grace: float, silent: SilencedTransition) -> Judgement:
    """Whether a transition has left its setting behind."""
    if silent.seconds >= grace:
        before = silent.record.before
        set_at = f"{silence.OID} was set to {silence.SILENT} at {utc(silent.record.since)} by hastwatch"
        yield "ports-silent", f"{set_at}, and was {before} before"


def judge_pair(grace: float, both: list[ResourceOnNode]) -> Judgement:
    """What only both nodes together show."""
    roles = [standing.found.state.role for standing in both]
    masters = [standing.node for standing in both if standing.found.state.carp is MASTER]
    backups = [standing.node for standing in both if standing.found.state.carp is BACKUP]
    if roles.count(PRIMARY) == 2:
        yield "hast-both-primary", "both are primary", _only(backups)
    elif not {PRIMARY, NOT_KNOWN} & set(roles) and not any(is_passing(grace, standing) for standing in both):
        yield "hast-no-primary", f"{roles[0].value} and {roles[1].value}", _only(masters)


def _only(nodes: list[str]) -> str:
    """The one node, empty where it is not one."""
    return nodes[0] if len(nodes) == 1 else ""


def parts(session: Session) -> Iterator[Part]:
    """Both nodes, then the pair, and how they are judged. Raises ProbeError."""
    grace = session.options.grace
    yield from judges(
        TABLE, standing=partial(judge_standing, grace), underneath=judge_underneath, outside=judge_outside,
        silence=partial(judge_silence, grace), pair=partial(judge_pair, grace),
    )  # fmt: skip
    yield HealthNumber("well")
    resources = session.resources()
    here = ServiceOfNode(session, session.here, resources)
    nodes = [here, *(ServiceOfNode(session, node, resources, here) for node in session.nodes[1:])]
    yield from nodes
    if len(nodes) == 2:
        yield ServiceOfPair(*nodes)


QUESTIONS = (
    *OF_STANDBY,
    ("ps", "-axww", "-o", processes.COLUMNS),
    ("ifconfig", "-a"),
    ("mount",),
    ("cat", silence.PATH),
    ("hastctl", "list", "{name}"),
    ("hastctl", "dump", "{name}"),
)

CHECK = CheckCommand(
    "check_carp_hast",
    "CARP HAST",
    ABOUT,
    TABLE,
    PERFDATA,
    parts,
    add_options,
    uses_peer=True,
    questions=QUESTIONS,
)
main = CHECK.main
