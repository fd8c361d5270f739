"""check_carp_hast: whether CARP, HAST, the mount and NFS say the same, on each node and between them."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import NamedTuple

from checks.carp_state import seen_since
from checks.plugin.command import CheckCommand
from checks.plugin.finding import CRITICAL, OK, UNKNOWN, WARNING, Finding, Number, Row, Table
from checks.plugin.session import Session
from checks.plugin.text import name_list, say_count, say_duration
from checks.plugin.yielded import yielded
from checks.probes import filesystem, hast, processes, silence
from checks.probes.carp import CarpState, Vhid
from checks.probes.errors import NotFound
from checks.probes.hast_conf import ConfiguredResource
from checks.probes.node import Node
from checks.probes.node_state import (
    HastRole,
    Mounted,
    Nfs,
    NodeFacts,
    ResourceFacts,
    State,
    read_node,
    read_resource,
)
from checks.probes.times import utc
from checks.standby import CANNOT, NOT_TRIED, could_be_primary
from checks.standby import QUESTIONS as OF_STANDBY

MASTER, BACKUP, INIT = CarpState.MASTER, CarpState.BACKUP, CarpState.INIT
PRIMARY, SECONDARY, ROLE_INIT, DOWN = HastRole.PRIMARY, HastRole.SECONDARY, HastRole.INIT, HastRole.DOWN
NOT_KNOWN = HastRole.NOT_KNOWN


class Rule(NamedTuple):
    """A row of the table and the states it is for; an empty tuple is any. Of all rules the first that fits counts.

    `passing`: seen in the middle of every failover, so it is given the grace period after a change of CARP.
    """

    row: Row
    carp: tuple[CarpState | None, ...] = ()
    role: tuple[HastRole, ...] = ()
    mounted: tuple[Mounted, ...] = ()
    nfs: tuple[Nfs, ...] = ()
    exported: tuple[bool, ...] = ()
    passing: bool = False

    def fits(self, state: State) -> bool:
        """Whether this rule is for `state`."""
        wanted = (self.carp, self.role, self.mounted, self.nfs, self.exported)
        return all(not values or value in values for values, value in zip(wanted, state, strict=True))


SERVING = (
    Rule(Row("carp-absent", CRITICAL, "no vhid speaks for the resource on this node",
             "whether it has to serve cannot be told, and it cannot take the address"), carp=(None,)),
    Rule(Row("hast-role-unknown", CRITICAL, "hastd runs but gives no role: stuck, or an error",
             "whether the data is where the address is cannot be told"), role=(NOT_KNOWN,)),
    Rule(Row("carp-master-hastd-down", CRITICAL, "MASTER, hastd not running",
             "service address without data: clients hang or get errors"), carp=(MASTER,), role=(DOWN,)),
    Rule(Row("carp-master-hast-secondary", CRITICAL, "MASTER, role secondary",
             "service address without data: clients hang or get stale handles"),
         carp=(MASTER,), role=(SECONDARY,), passing=True),
    Rule(Row("carp-master-hast-init", CRITICAL, "MASTER, role init",
             "service address without data: clients hang or get stale handles"),
         carp=(MASTER,), role=(ROLE_INIT,), passing=True),
    Rule(Row("wrong-device-mounted", CRITICAL, "what is mounted at the mount point does not lie on the resource",
             "clients read and write a file system that is not the replicated one"), mounted=(Mounted.WRONG,)),
    Rule(Row("mounted-in-part", CRITICAL, "what is mounted lies only in part on what HAST replicates",
             "part of it is missing on the other node"), mounted=(Mounted.IN_PART,)),
    Rule(Row("carp-master-not-mounted", CRITICAL, "MASTER, primary, not mounted",
             "clients get no answer, or the directory underneath"),
         carp=(MASTER,), mounted=(Mounted.NOTHING,), passing=True),
    Rule(Row("carp-master-read-only", CRITICAL, "MASTER, primary, mounted read-only", "clients cannot write"),
         carp=(MASTER,), mounted=(Mounted.READ_ONLY,)),
    Rule(Row("carp-master-nfs-stopped", CRITICAL, "MASTER, primary, mounted, but rpcbind, mountd or nfsd not running",
             "clients hang"), carp=(MASTER,), nfs=(Nfs.NONE, Nfs.SOME), passing=True),
    Rule(Row("carp-master-not-exported", CRITICAL, "MASTER, primary, mounted, NFS runs, but mount lacks `NFS exported`",
             "clients get stale file handles, although showmount lists the export: restart mountd"),
         carp=(MASTER,), exported=(False,), passing=True),
    Rule(Row("mount-not-known", UNKNOWN, "MASTER, primary, exported, NFS runs, but it is not known whether the mounted "
             "device lies on the resource", "whether it is replicated is not known: name the device in hastwatch.toml"),
         carp=(MASTER,), mounted=(Mounted.NOT_KNOWN,)),
    Rule(Row("carp-hast-active", OK, "MASTER, primary, mounted, exported, NFS runs", "clients are served here"),
         carp=(MASTER,)),
)  # fmt: skip
STANDING_BY = (
    Rule(Row("carp-init-hast-primary", CRITICAL, "INIT, role primary",
             "data without address: clients have no service from here, the other node may take over any moment"),
         carp=(INIT,), role=(PRIMARY,), passing=True),
    Rule(Row("carp-init-standby", CRITICAL, "INIT, not primary", "no redundancy: this node cannot take the address"),
         carp=(INIT,)),
    Rule(Row("carp-backup-mounted", CRITICAL, "BACKUP, not primary, but something mounted at the mount point",
             "what is written there reaches no client and no other copy"), carp=(BACKUP,),
         role=(SECONDARY, ROLE_INIT, DOWN), mounted=(Mounted.WRITABLE, Mounted.READ_ONLY, Mounted.NOT_KNOWN),
         passing=True),
    Rule(Row("carp-backup-hastd-down", CRITICAL, "BACKUP, hastd not running",
             "no redundancy: nothing is replicated to this node"), carp=(BACKUP,), role=(DOWN,)),
    Rule(Row("carp-backup-hast-primary", CRITICAL, "BACKUP, role primary",
             "data without address, one step from a split-brain"), carp=(BACKUP,), role=(PRIMARY,), passing=True),
    Rule(Row("carp-backup-hast-init", CRITICAL, "BACKUP, role init", "no redundancy: nothing is replicated here"),
         carp=(BACKUP,), role=(ROLE_INIT,), passing=True),
    Rule(Row("carp-backup-nfs-running", CRITICAL, "BACKUP, role secondary, but mountd or nfsd running",
             "at the next failover clients get stale file handles before the mount"),
         carp=(BACKUP,), nfs=(Nfs.ALL, Nfs.SOME), passing=True),
    Rule(Row("carp-hast-standby", OK, "BACKUP, secondary, not mounted, mountd and nfsd stopped", "ready to take over"),
         carp=(BACKUP,)),
)  # fmt: skip

RULES = (*SERVING, *STANDING_BY)
IMPLIED = ("carp-hast-active", "carp-backup-mounted", "carp-backup-nfs-running", "mount-not-known")
"""Verdicts that say nothing besides of a node whose pool is suspended: it cannot be unmounted."""

TABLE = Table(
    *(rule.row for rule in SERVING),
    Row("pool-suspended", CRITICAL, "the ZFS pool that is mounted is suspended, or `zpool status` does not end",
        "clients hang: the other node has to serve, and only a reboot brings this one back"),
    Row("hast-both-primary", CRITICAL, "both nodes have role primary", "each write makes the copies go different ways"),
    Row("hast-no-primary", CRITICAL, "neither node has role primary", "there is no service"),
    Row("files-under-mount-point", CRITICAL, "files in the mount point while nothing is mounted there",
        "written by a local process while nothing was mounted: lost mail, hidden by the next mount"),
    Row("standby-no-metadata", CRITICAL, "role secondary, and `hastctl dump` finds no metadata on the local disk",
        "no redundancy: this node can neither follow nor take over until `hastctl create`"),
    CANNOT,
    Row("standby-blank", CRITICAL, "role secondary, metadata just created and not yet connected to a primary",
        "no redundancy: this copy holds nothing, and a takeover would serve an empty disk"),
    *(rule.row for rule in STANDING_BY),
    Row("carp-not-told", UNKNOWN, "a line of the vhid is not understood, or it is not unique on this node",
        "whether this node has to serve is not known, and nothing is promoted here"),
    Row("failover-in-progress", WARNING, "a state on the way of a failover, within --grace of a change of CARP",
        "clients wait; critical when it has not passed by then"),
    NOT_TRIED,
    Row("export-outside", WARNING, "nfsd runs, and a file system that is no resource's is NFS exported",
        "whoever guesses a file handle reads it: mountd exports the root where nothing is mounted"),
    Row("ports-silent", WARNING, "hastwatch has dropped segments to closed TCP ports for longer than --grace, as it"
        " does while a failover runs", "a failover was killed, and no convergence has run since: cron(8), devd(8)?"),
    Row("locking-stopped", WARNING, "MASTER, NFS runs, but statd or lockd not running", "clients cannot lock files"),
    Row("mount-point-missing", WARNING, "the mount point does not exist", "this node cannot mount when it takes over"),
)  # fmt: skip

PERFDATA = (("RESOURCE_NODE_well", "1 where the node is as it should be for the resource, else 0"),)

ABOUT = """\
Looks at what CARP asks for (`ifconfig -a`) and at what is there: the HAST role (`hastctl list NAME`), the mount
(`mount`, and of ZFS `zpool status`), the NFS daemons (`ps`), on a secondary at the metadata of its disk (`hastctl dump
NAME`) and whether its hastd could be primary (`uname -r`, and for 15.0 and later `hastwatch-ask --as-primary` and
`as_primary.json`), and, where nothing is mounted, at the names under the mount point (`ls -A`); and whether a failover
has left its setting behind (`silence.json`). The first row below that fits a node's state of CARP, role, mount and NFS
is its verdict; the others are judged besides. With --peer both nodes are judged, and the pair. Right after CARP has
changed, the states on the way of a failover are WARNING for --grace seconds; the change is known from the run before,
so the first run of all judges without grace."""


class Judged(NamedTuple):
    """What the verdict on the pair needs of one node. `passing`: its state was excused as one of a failover."""

    role: HastRole
    passing: bool


def add_options(made: argparse.ArgumentParser) -> None:
    """The options of this check."""
    made.add_argument("--grace", type=_grace, default=60, metavar="SECONDS", help=(
        "how long a failover may be on its way after CARP has changed (default: 60)"
    ))  # fmt: skip


def _grace(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1
    if not 0 <= seconds <= 3600:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds from 0 to 3600")
    return seconds


def look(session: Session) -> Iterator[Finding | Number]:
    """Judge every resource on this node, then on the other one, then the pair."""
    resources = session.resources()
    ours: list[Vhid] = []
    judged: dict[str, list[Judged]] = {name: [] for name in resources}
    for node in session.nodes:
        yield from session.guarded(node.label, _node(session, node, resources, judged, ours))
    for name, both in judged.items():
        yield from _pair(name, both, [node.label for node in session.nodes])


def _node(
    session: Session,
    node: Node,
    resources: dict[str, ConfiguredResource],
    judged: dict[str, list[Judged]],
    ours: list[Vhid],
) -> Iterator[Finding | Number]:
    """One node; the vhids of this node are added to `ours`, which tell the service addresses for the other one."""
    facts = read_node(node)
    addresses = {name: _address(session, name, ours) for name in resources}
    ours += facts.vhids if node is session.here else ()
    yield from session.guarded(node.label, _silent(session, node))
    for name, resource in resources.items():
        yield from session.guarded(
            f"{name} on {node.label}", _resource(session, facts, resource, judged[name], addresses[name])
        )
    points = [session.config.for_resource(name).mount_point for name in resources]
    outside = [mount.point for mount in facts.mounts if mount.exported and not _below(mount.point, points)]
    if outside and "nfsd" in facts.daemons:
        yield TABLE.finding("export-outside", node.label, f"{name_list(outside)} is NFS exported")


def _resource(
    session: Session, facts: NodeFacts, resource: ConfiguredResource, judged: list[Judged], address: str
) -> Iterator[Finding | Number]:
    settings = session.config.for_resource(resource.name)
    found = read_resource(facts, session.wanted(resource), settings.mount_point, settings.vhid, address)
    subject = f"{resource.name} on {facts.node.label}"
    rule = judge(found.state)
    kept_as = f"check_carp_hast-{facts.node.name}-{resource.name}"
    since = seen_since(session.memory, kept_as, found.state.carp, session.clock())
    passing = rule.passing and since is not None and since < session.options.grace
    judged.append(Judged(found.state.role, passing))
    lacking = []
    if found.state.role is SECONDARY:
        lacking = list(session.guarded(subject, _copy(facts.node, resource.name, subject)))
    lacking += _pool(found, facts, subject)
    if found.state.role in (SECONDARY, ROLE_INIT):
        lacking += could_be_primary(session, facts.node, TABLE, subject)
    ready = rule.row.severity is OK
    if found.look.suspended and rule.row.reason in IMPLIED:
        pass
    elif passing:
        text = f"{rule.row.reason} for now: {_say(found, facts)}; CARP seen to change {say_duration(since or 0)} ago"
        yield TABLE.finding("failover-in-progress", subject, text)
    elif not found.carp_told:
        yield TABLE.finding("carp-not-told", subject, _say(found, facts))
    elif not (ready and lacking):  # it isn't ready to take over where the copy isn't, or isn't known to be
        yield TABLE.finding(rule.row.reason, subject, _say(found, facts))
    yield from lacking
    yield Number(f"{resource.name}_{facts.node.label}_well", int(ready and not lacking), least=0, most=1)
    missing = sorted({"statd", "lockd"} - facts.daemons)
    if found.state.carp is MASTER and found.state.nfs is Nfs.ALL and missing:
        yield TABLE.finding("locking-stopped", subject, f"{name_list(missing)} not running")
    if found.state.mounted is Mounted.NOTHING:
        yield from _underneath(facts.node, settings.mount_point, subject)


def _pool(found: ResourceFacts, facts: NodeFacts, subject: str) -> Iterator[Finding]:
    """Whether the ZFS pool of the resource answers. mount(8) shows a suspended one as it was."""
    look = found.look
    if look.suspended and look.mounted is not Mounted.WRONG:
        yield TABLE.finding("pool-suspended", subject, f"{look.suspended}; {_say(found, facts)}")
    if look.unread and look.mounted is not Mounted.NOT_KNOWN:
        yield TABLE.could_not_look(subject, look.unread)


def _address(session: Session, name: str, ours: list[Vhid]) -> str:
    """The service address as configured, else as the vhid has it that the configuration of this node names."""
    settings = session.config.for_resource(name)
    named = [vhid for vhid in ours if vhid.name == settings.vhid]
    return settings.service_address or next((address for vhid in named for address in vhid.usable), "")


def _silent(session: Session, node: Node) -> Iterator[Finding]:
    """Whether a transition has left its setting behind. Raises ProbeError."""
    record = silence.read(node)
    if record is None:
        return
    kept_as, now, began = f"check_carp_hast-{node.name}-silence", session.clock(), utc(record.since)
    kept = session.memory.get(kept_as)
    seen = kept.get("since") if kept.get("began") == began else None
    if not isinstance(seen, int | float) or seen > now:
        session.memory.put(kept_as, {"began": began, "since": now})
        seen = now
    if now - seen >= session.options.grace:
        said = f"{silence.OID} was set to {silence.SILENT} at {began} by hastwatch, and was {record.before} before"
        yield TABLE.finding("ports-silent", node.label, said)


def judge(state: State) -> Rule:
    """The first rule that fits. Together they fit every state."""
    return next(rule for rule in RULES if rule.fits(state))


def _say(found: ResourceFacts, facts: NodeFacts) -> str:
    said = str(found.state)
    if found.state.nfs is Nfs.SOME:
        said += f" ({name_list(sorted({'rpcbind', 'mountd', 'nfsd'} - facts.daemons))} missing)"
    if found.state.mounted in (Mounted.WRONG, Mounted.IN_PART, Mounted.NOT_KNOWN):
        said += f" ({found.look.says})"
    return "; ".join(filter(None, (said, found.carp_says, found.hast_says)))


def _copy(node: Node, name: str, subject: str) -> Iterator[Finding]:
    """What keeps a secondary from following and taking over: without metadata its worker ends as soon as a primary
    connects (`secondary.c init_local()`), and so does that of a primary; with a resuid of 0 it has never followed."""
    try:
        metadata = hast.metadata(node, name)
    except hast.MetadataUnreadable as error:
        yield TABLE.finding("standby-no-metadata", subject, str(error))
        return
    if metadata.resuid == 0:
        yield TABLE.finding("standby-blank", subject, "the metadata of its disk were just created (resuid 0)")


def _underneath(node: Node, point: str, subject: str) -> Iterator[Finding]:
    """What lies in the mount point itself, where nothing is mounted on it."""
    try:
        names = filesystem.names_under(node, point)
    except NotFound:
        yield TABLE.finding("mount-point-missing", subject, f"{point} does not exist")
        return
    if names:
        some = name_list([*names[:3], *(["others"] if len(names) > 3 else [])])
        yield TABLE.finding("files-under-mount-point", subject, f"{say_count(len(names), 'name')} in {point}: {some}")


def _pair(name: str, judged: list[Judged], labels: list[str]) -> Iterator[Finding]:
    """What only both nodes together show."""
    if len(judged) != 2:
        return
    subject = f"{name} on {name_list(labels)}"
    roles = [one.role for one in judged]
    if roles.count(PRIMARY) == 2:
        yield TABLE.finding("hast-both-primary", subject, "both are primary")
    elif not {PRIMARY, NOT_KNOWN} & set(roles) and not any(one.passing for one in judged):
        yield TABLE.finding("hast-no-primary", subject, f"{roles[0].value} and {roles[1].value}")


def _below(point: str, parents: list[str]) -> bool:
    return any(point == parent or point.startswith(f"{parent}/") for parent in parents)


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
    yielded(look, TABLE),
    add_options,
    uses_peer=True,
    questions=QUESTIONS,
)
main = CHECK.main
