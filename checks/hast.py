"""check_hast: whether each HAST resource of this node has its role, a living worker, and a peer that follows."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from functools import partial

from checks import verified
from checks.hast_resource import (
    ERRORS_STAY_NEW,
    HastConnection,
    HastResource,
    LocalErrors,
    RecordedDamage,
    RequiredRoles,
    RoleRequirement,
)
from checks.plugin.command import CheckCommand, add_thresholds
from checks.plugin.finding import CRITICAL, OK, WARNING, Row, Table
from checks.plugin.judging import Judgement, Number, judges
from checks.plugin.resource import Part
from checks.plugin.session import Session
from checks.plugin.text import say_duration, say_size
from checks.probes import damage, damage_record, recorded, state_files, unproven
from checks.probes.hast import Cause, NoState, Role, Status
from checks.probes.route import Route
from checks.probes.unproven import UnprovenCopy
from checks.standby import CANNOT, NOT_TRIED, judge_standby
from checks.standby import QUESTIONS as OF_STANDBY

TABLE = Table(
    Row("hastd-down", CRITICAL, "hastd's control socket takes no call and no hastd runs",
        "no device, no replication on this node",
        "on {node}: `hastwatch repair hastd`; it starts hastd if nothing of /dev/hast is in use, then converges"),
    Row("hastctl-hangs", CRITICAL, "hastctl gets no answer, a bad one, or is refused while hastd runs",
        "hastd or one of its workers is stuck",
        "on {node}: `ps axww -o pid,stat,command`: a hastd in state T: `kill -CONT PID`; else `hastwatch explain"
        " hastctl-hangs`"),
    Row("hast-error", CRITICAL, "hastd answers with an error number", "hastd does not run this resource",
        "on {node}: compare /etc/hast.conf with that of {peer}; when it is right: `service hastd reload`"),
    Row("hast-role-init", CRITICAL, "role init", "the resource neither serves nor follows",
        "on {node}: `hastwatch converge --dry-run` says what is to be done, or what forbids it"),
    Row("hast-no-worker", CRITICAL, "role primary without a worker", "the device is gone or about to go",
        "on {node}, if it stays for 10 s: `hastwatch converge --dry-run`, then `hastwatch converge`"),
    Row("hast-role-wrong", CRITICAL, "not the role of --role", "the data is not where the address is",
        "on {node}: `hastwatch converge --dry-run` says what is to be done, or what forbids it"),
    Row("hast-degraded", CRITICAL, "primary, degraded", "no second copy is kept: the next failure loses data",
        "on {node}: `hastwatch status` shows if {peer}, its hastd or the link is down: bring it back; no reboot of"
        " {node}"),
    Row("hast-io-errors", CRITICAL, "local I/O errors that grew, or are seen for the first time, in the last hour",
        "a disk is failing, and the mirror hides it",
        "on {node}: `dmesg` and `hastwatch status`; if {node} serves, `hastwatch switchover`, then a new disk"),
    Row("hast-copy-damaged", CRITICAL, "a write, delete or flush failed on this node's copy, not recreated since",
        "HAST calls this copy complete, but it holds old data",
        "on {node}: `hastwatch switchover` if it serves; recreate it if {peer}'s is intact: `hastwatch explain"
        " hast-copy-damaged`"),
    verified.ROWS[0],
    Row("hast-dirty-critical", CRITICAL, "primary, complete, dirty outside -c", "so much is missing on the other copy",
        "on {node}: `hastctl list {resource}` twice; dirty must fall, else look at the link and the disk of {peer}"),
    Row("hast-peer-rejected", CRITICAL, "not connected, and a route of this node rejects the other one's address",
        "no second copy is kept until that route is gone",
        "on {node}: `hastwatch converge`; a route not from hastwatch: `route -n delete -host ADDRESS`"),
    CANNOT,
    Row("hast-synchronising", WARNING, "primary, complete, dirty outside -w, or still falling since it was",
        "until it is done the other copy cannot take over without loss",
        "nothing: hastd copies what is missing; do not reboot {node} or switch over before it is done"),
    Row("hast-disconnected", WARNING, "secondary without a worker", "no primary is connected: this copy goes stale",
        "on {node}: `hastwatch status` shows if {peer}, its hastd or the link is down: bring it back; do not promote"
        " {node}"),
    Row("hast-copy-unproven", WARNING, "primary; a connection was lost with writes underway, the copies not compared "
        "since", "the other copy may lack acknowledged writes: no failover to it until it is compared",
        "nothing: hastwatch compares the copies; if it stays for minutes: `hastwatch status` on {node}"),
    Row("hast-not-recorded", WARNING, "hastwatch has recorded nothing of this copy for 5 minutes in this boot",
        "its disk takes no file, or cron(8) calls it no more: a failover to this node may be refused",
        "on {node}: `df -hi /var/db/hastwatch`: free space if it is full; else `hastwatch self-test`"),
    NOT_TRIED,
    Row("hast-io-errors-past", WARNING, "local I/O errors, none new for an hour", "the disk has failed before",
        "on {node}: `hastwatch ledger {resource}` says whether this copy is damaged; plan a new disk"),
    Row("hast-role-changing", WARNING, "not the role that CARP asks for, within a minute of a change of CARP",
        "a failover is in progress; critical when it has not passed by then",
        "nothing: the failover ends within 60 s, or this becomes hast-role-wrong"),
    Row("hast-replication", WARNING, "not the mode of --replication; async where none is given",
        "a failover may lose what clients were told is safe",
        "correct `replication` in /etc/hast.conf on both nodes, then `service hastd reload` on each"),
    *verified.ROWS[1:],
    Row("hast-in-sync", OK, "primary, complete, dirty inside -w and -c",
        "a peer is connected, and lacks no more than this"),
    Row("hast-following", OK, "secondary, complete", "a primary is connected"),
)  # fmt: skip

NO_STATE = {
    Cause.DOWN: "hastd-down",
    Cause.STUCK: "hastctl-hangs",
    Cause.WORKER_LEFT: "hastctl-hangs",
    Cause.ERROR: "hast-error",
}
"""The row for why hastd gives no state of a resource."""

PERFDATA = (
    ("RESOURCE_dirty", "bytes that the other copy lacks, with -w and -c (a primary; a secondary always has 0)"),
    ("RESOURCE_reads", "counter of reads since the worker started; likewise _writes, _deletes, _flushes"),
    ("RESOURCE_activemap_updates", "counter of writes of the map of dirty extents"),
    ("RESOURCE_read_errors", "counter of local errors; likewise _write_errors, _delete_errors, _flush_errors"),
    ("RESOURCE_queue_NAME", "requests waiting in a queue of the worker, where hastctl prints them"),
)

ABOUT = """\
Looks at each resource with one `hastctl list NAME`: role, worker, connection, replication mode, dirty bytes, local
input/output errors. `complete` only means connected; in sync is a primary that is complete and whose dirty bytes are
inside the thresholds. A busy healthy primary always has some dirty extents, up to keepdirty of them, so the default
for -w is keepdirty x extentsize of the resource itself (64 x 2 MiB as FreeBSD creates them). With `--role auto` the
role is compared with what CARP asks for (`ifconfig -a`): MASTER a primary, BACKUP a secondary. A write that failed on
this node's disk damages its copy for good though HAST says `complete`: the counters of hastd's worker tell, and, when
that worker is gone, what hastwatch's failover has recorded (/var/db/hastwatch/NAME.ledger.json). Nor does HAST
know of a write that was underway when the connection was lost: that the other copy may lack one, and has not been
compared since, the failover records too (/var/db/hastwatch/NAME.unproven.json, which root may read). Where no
connection is there, it looks whether a route of this node (`route -n get`) rejects the other node's address: hastwatch
adds such a route for a moment when it takes over from a node that is gone. Of a primary of 15.0 and later that stays
degraded it looks whether FreeBSD bug 292322 is why: whether the device is there (`ls /dev/hast`), what the other node
logged (with --peer), and whether its hastd listens. Of a node of 15.0 and later that is not primary it looks whether
its hastd could be: its release (`uname -r`), what its kernel does (`hastwatch-ask --as-primary`), and whether this
hastd was seen to work (`as_primary.json`, which root may read). The ledger also says when hastwatch last recorded
anything, which it does every minute; if that is long ago, the node is asked for its own clock."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of this check."""
    parser.add_argument("--role", choices=("auto", "primary", "secondary", "any"), default="auto", help=(
        "the role a resource must have: primary, secondary; auto: what CARP asks for; any: not judged (default: auto)"
    ))  # fmt: skip
    parser.add_argument("--replication", choices=("fullsync", "memsync", "async"), help=(
        "the replication mode a resource must have: fullsync, memsync or async (default: any but async)"
    ))  # fmt: skip
    verified.add_option(parser)
    add_thresholds(parser, "dirty bytes of a primary, such as 256M", sizes=True, warning="keepdirty x extentsize")


class Dirty(Number):
    """The dirty bytes: whether they are too many depends on the connection too."""

    def thresholds(self, resource: HastResource) -> tuple[str, str]:
        """Of a primary; a secondary always has 0."""
        return resource.thresholds if resource.found.role is Role.PRIMARY else ("", "")


def judge_no_state(error: NoState) -> Judgement:
    """Why hastd says nothing of the resource."""
    yield NO_STATE[error.cause], str(error)


def judge_role(of: RoleRequirement) -> Judgement:
    """Whether the role is the one that it must be."""
    if of.role is Role.INIT:
        yield "hast-role-init", "hastd runs, but the role is init"
    elif of.wanted and of.role is not of.wanted:
        reason = "hast-role-changing" if of.changing else "hast-role-wrong"
        yield reason, f"role {of.role.value}, must be {of.wanted.value}"


def judge_replication(wanted: str | None, mode: str) -> Judgement:
    """Whether a write is safe when a client is told so."""
    if (wanted and mode != wanted) or (not wanted and mode == "async"):
        yield "hast-replication", f"replication {mode}{f', must be {wanted}' if wanted else ''}"


def judge_errors(errors: LocalErrors) -> Judgement:
    """Whether a disk is dying."""
    resource, since = errors
    if since is None:
        return
    counts = ", ".join(f"{kind} {count}" for kind, count in resource.errors._asdict().items() if count)
    text = f"local I/O errors on {resource.localpath}: {counts or 'counted by a worker that was restarted since'}"
    if since < ERRORS_STAY_NEW:
        yield "hast-io-errors", text
    else:
        yield "hast-io-errors-past", f"{text}, {say_duration(since)} ago"


def judge_damage(copy: RecordedDamage) -> Judgement:
    """Whether this copy holds old data."""
    if text := copy.written_down or damage.by_counters(copy.found):
        yield "hast-copy-damaged", text


def judge_recorded(seconds: float) -> Judgement:
    """What becomes known of this copy is lost."""
    if recorded.is_too_long(seconds):
        yield "hast-not-recorded", f"nothing was recorded of this copy for {say_duration(seconds)}"


def judge_unproven(known: UnprovenCopy) -> Judgement:
    """The other copy may lack what was underway."""
    yield "hast-copy-unproven", known.sentence


def judge_connection(connection: HastConnection) -> Judgement:
    """Whether a second copy is kept, and follows."""
    resource, catching_up = connection.found, connection.catching_up
    if resource.role is Role.SECONDARY and resource.status is Status.COMPLETE:
        yield "hast-following", f"secondary, complete, {resource.replication}"
    elif resource.role is Role.SECONDARY:
        yield "hast-disconnected", "secondary, no worker"
    elif resource.role is Role.PRIMARY and (resource.status is Status.ABSENT or resource.workerpid is None):
        yield "hast-no-worker", "primary without a worker"
    elif resource.role is Role.PRIMARY and resource.status is Status.DEGRADED:
        hint = f"; {connection.bug}" if connection.bug else ""
        yield "hast-degraded", f"primary, degraded, {say_size(resource.dirty)} dirty{hint}"
    elif resource.role is Role.PRIMARY:
        reason = "hast-synchronising" if catching_up else "hast-in-sync"
        reason = "hast-dirty-critical" if connection.is_critical else reason
        yield reason, f"primary, complete, {resource.replication}, {_dirty(connection)}"


def _dirty(connection: HastConnection) -> str:
    resource, falling = connection.found, connection.falling
    text = f"{say_size(resource.dirty)} dirty"
    if not connection.catching_up and resource.dirty:
        normal = say_size(resource.keepdirty * resource.extentsize)
        return f"{text}, as a busy primary has up to {normal}, or the end of a synchronisation"
    if not connection.catching_up:
        return text
    if falling is None:
        return f"{text} to synchronise, rate not known yet"
    left = resource.dirty / falling
    until = time.strftime("%H:%M", time.localtime(connection.now + left))
    return f"{text}, falling {say_size(falling)}/s, {say_duration(left)} left ({until})"


def judge_route(there: tuple[str, Route]) -> Judgement:
    """Whether this node keeps itself from the other one."""
    address, route = there
    if route.rejects:
        yield "hast-peer-rejected", f"a route rejects {address}, {'left by' if route.is_ours else 'not from'} hastwatch"


def parts(session: Session) -> Iterator[Part]:
    """Each resource, and how it is judged. Raises ProbeError."""
    yield from judges(
        TABLE, no_state=judge_no_state, role=judge_role, errors=judge_errors, damage=judge_damage, route=judge_route,
        replication=partial(judge_replication, session.options.replication), connection=judge_connection,
        standby=judge_standby, verified=verified.judge, unproven=judge_unproven,
        recorded=judge_recorded,
    )  # fmt: skip
    yield Dirty("dirty")
    roles = RequiredRoles(session)
    yield roles
    for name in session.names():
        yield HastResource(session, roles, name)


QUESTIONS = (
    *OF_STANDBY, ("ifconfig", "-a"), ("hastctl", "list", "{name}"), *verified.QUESTIONS,
    *(("cat", path) for name in (damage_record.NAME, unproven.NAME) for path in state_files.paths(name)),
)  # fmt: skip

CHECK = CheckCommand(
    "check_hast",
    "HAST",
    ABOUT,
    TABLE,
    PERFDATA,
    parts,
    add_options,
    questions=QUESTIONS,
)
main = CHECK.main
