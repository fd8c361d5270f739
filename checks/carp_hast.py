"""check_carp_hast: whether CARP, HAST, the mount and NFS say the same, on each node and between them."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from functools import partial

from checks.carp_hast_resource import CoveredNames, ResourceOnNode, ServiceOfNode, ServiceOfPair, SilencedTransition
from checks.carp_hast_table import TABLE, judge
from checks.other_node import judge_unreached
from checks.plugin.command import CheckCommand
from checks.plugin.finding import OK
from checks.plugin.judging import Judgement, Number, judges, performance
from checks.plugin.nagios import Metric, Performance
from checks.plugin.resource import Part
from checks.plugin.session import Session
from checks.plugin.text import name_list, say_count, say_duration
from checks.probes import processes, silence
from checks.probes.carp import CarpState
from checks.probes.hast_state import HastRole
from checks.probes.node_state import MountState, NfsState
from checks.probes.timestamps import utc
from checks.standby import QUESTIONS as OF_STANDBY
from checks.standby import judge_standby

IMPLIED = ("carp-hast-active", "carp-backup-mounted", "carp-backup-nfs-running", "mount-not-known")
"""Verdicts that say nothing besides of a node whose pool is suspended: it cannot be unmounted."""

PERFDATA = (
    (
        "RESOURCE_NODE_well",
        "1 where nothing is wrong with the resource on the node, nor with it on both nodes, else 0",
    ),
)

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
        yield "failover-in-progress", f"{rule.row.reason} for now; {changed}; {_say(standing)}"
    elif not facts.carp_told:
        yield "carp-not-told", _say(standing)
    elif not (rule.row.severity is OK and lacking):  # not ready to take over where the copy isn't, or isn't known to be
        yield rule.row.reason, _say(standing)
    yield from lacking
    missing = sorted({"statd", "lockd"} - standing.daemons)
    if facts.state.carp is CarpState.MASTER and facts.state.nfs is NfsState.ALL and missing:
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
        yield "standby-blank", "its metadata were just created (resuid 0)"
    look = standing.found.look
    if look.suspended and look.mounted is not MountState.WRONG:
        yield "pool-suspended", f"{look.suspended}; {_say(standing)}"
    if look.unread and look.mounted is not MountState.NOT_KNOWN:
        yield look.unread.reason, str(look.unread)
    if standing.hastd is not None:
        yield from judge_standby(standing.hastd)


def _say(standing: ResourceOnNode) -> str:
    facts = standing.found
    missing = name_list(sorted({"rpcbind", "mountd", "nfsd"} - standing.daemons))
    lacks = f"{missing} missing" if facts.state.nfs is NfsState.SOME else ""
    odd = facts.state.mounted in (MountState.WRONG, MountState.IN_PART, MountState.NOT_KNOWN)
    mounted = facts.look.says if odd else ""
    return "; ".join(filter(None, (str(facts.state), lacks, mounted, facts.carp_says, facts.hast_says)))


class HealthNumber(Number):
    """Whether nothing is wrong with a resource on a node, nor with it on both; grace excuses nothing."""

    def __init__(self, name: str, nodes: list[ServiceOfNode]) -> None:
        super().__init__(name)
        self.nodes = nodes

    def performance(self, metric: Metric, resource: object) -> Performance:
        """1 or 0, when all nodes have been read."""
        assert isinstance(resource, ServiceOfNode)
        standing = resource.standings[metric.value]
        both = [node.standings[metric.value] for node in self.nodes if metric.value in node.standings]
        found = [
            *judge_standing(0, standing),
            *(judge_underneath(standing.underneath) if standing.underneath else ()),
            *(judge_pair(0, both) if len(both) > 1 else ()),
        ]
        well = all(TABLE.by_reason[reason].severity is OK for reason, *_ in found)
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
    masters = [standing.label for standing in both if standing.found.state.carp is CarpState.MASTER]
    backups = [standing.label for standing in both if standing.found.state.carp is CarpState.BACKUP]
    passing = any(is_passing(grace, standing) for standing in both)
    if roles.count(HastRole.PRIMARY) == 2:
        yield "hast-both-primary", "both are primary", _only(backups)
    elif not passing and {HastRole.PRIMARY, HastRole.NOT_KNOWN}.isdisjoint(roles):
        yield "hast-no-primary", f"{roles[0].value} and {roles[1].value}", _only(masters)


def _only(nodes: list[str]) -> str:
    """The one node, empty where it is not one."""
    return nodes[0] if len(nodes) == 1 else ""


def parts(session: Session) -> Iterator[Part]:
    """Both nodes, then the pair, and how they are judged. Raises ProbeError."""
    grace = session.options.grace
    yield from judges(
        TABLE, standing=partial(judge_standing, grace), underneath=judge_underneath, outside=judge_outside,
        silence=partial(judge_silence, grace), pair=partial(judge_pair, grace), unreached=judge_unreached,
    )  # fmt: skip
    resources = session.resources()
    here = ServiceOfNode(session, session.here, resources)
    nodes = [here, *(ServiceOfNode(session, node, resources, here) for node in session.nodes[1:])]
    yield HealthNumber("well", nodes)
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
