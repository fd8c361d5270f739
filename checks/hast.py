"""check_hast: whether each HAST resource of this node has its role, a living worker, and a peer that follows."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator

from checks import verified
from checks.carp_state import seen_since
from checks.plugin.command import CheckCommand, add_thresholds
from checks.plugin.finding import CRITICAL, OK, WARNING, Finding, Number, Row, Table
from checks.plugin.session import Session
from checks.plugin.text import say_duration, say_size
from checks.plugin.threshold import outside
from checks.plugin.yielded import yielded
from checks.probes import bug_292322, carp, damage, hast, route
from checks.probes.carp import Asked, CarpState, asked
from checks.probes.errors import ProbeError
from checks.probes.hast import Resource, Role, Status
from checks.standby import CANNOT, NOT_TRIED, could_be_primary
from checks.standby import QUESTIONS as OF_STANDBY

TABLE = Table(
    Row("hastd-down", CRITICAL, "hastd's control socket takes no call and no hastd runs",
        "no device, no replication on this node"),
    Row("hastctl-hangs", CRITICAL, "hastctl gets no answer, a bad one, or is refused while hastd runs",
        "hastd or one of its workers is stuck"),
    Row("hast-error", CRITICAL, "hastd answers with an error number", "hastd does not run this resource"),
    Row("hast-role-init", CRITICAL, "role init", "the resource neither serves nor follows"),
    Row("hast-no-worker", CRITICAL, "role primary without a worker", "the device is gone or about to go"),
    Row("hast-degraded", CRITICAL, "primary, degraded", "no second copy is kept: the next failure loses data"),
    Row("hast-role-wrong", CRITICAL, "not the role of --role", "the data is not where the address is"),
    Row("hast-io-errors", CRITICAL, "local I/O errors that grew, or are seen for the first time, in the last hour",
        "a disk is dying under a mirror that hides it"),
    Row("hast-copy-damaged", CRITICAL, "a write, delete or flush failed on this node's copy, not made anew since",
        "HAST calls it complete and it holds old data: while the other node serves, make it anew here (hastctl role "
        "init, hastctl create, hastwatch converge)"),
    verified.ROWS[0],
    Row("hast-dirty-critical", CRITICAL, "primary, complete, dirty outside -c", "so much is missing on the other copy"),
    Row("hast-peer-rejected", CRITICAL, "not connected, and a route of this node rejects the other one's address",
        "no second copy is kept until that route is gone: hastwatch converge, or route delete"),
    CANNOT,
    Row("hast-synchronising", WARNING, "primary, complete, dirty outside -w, or still falling since it was",
        "until it is done the other copy cannot take over without loss"),
    Row("hast-disconnected", WARNING, "secondary without a worker", "no primary is connected: this copy grows old"),
    NOT_TRIED,
    Row("hast-io-errors-past", WARNING, "local I/O errors, none new for an hour", "the disk has failed before"),
    Row("hast-role-changing", WARNING, "not the role that CARP asks for, within a minute of a change of CARP",
        "a failover is on its way; critical when it has not passed by then"),
    Row("hast-replication", WARNING, "not the mode of --replication; async where none is given",
        "a failover may lose what clients were told is safe"),
    *verified.ROWS[1:],
    Row("hast-in-sync", OK, "primary, complete, dirty inside -w and -c",
        "a peer is connected, and lacks no more than this"),
    Row("hast-following", OK, "secondary, complete", "a primary is connected"),
)  # fmt: skip

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
that worker is gone, what hastwatch's failover has written down (/var/db/hastwatch/NAME.ledger.json). Where no
connection is there, it looks whether a route of this node (`route -n get`) rejects the other node's address: hastwatch
adds such a route for a moment when it takes over from a node that is gone. Of a primary of 15.0 and later that stays
degraded it looks whether FreeBSD bug 292322 is why: whether the device is there (`ls /dev/hast`), what the other node
logged (with --peer), and whether its hastd listens. Of a node of 15.0 and later that is not primary it looks whether
its hastd could be: its release (`uname -r`), what its kernel does (`hastwatch-ask --as-primary`), and whether this
hastd was seen to work (`as_primary.json`, which root may read)."""

GRACE = 60
"""Seconds after CARP was seen to change in which the role may still be the old one, as in check_carp_hast."""
ERRORS_STAY_NEW = 3600
"""Seconds for which grown error counters stay CRITICAL: long enough to become a hard state and to be read."""


def add_options(made: argparse.ArgumentParser) -> None:
    """The options of this check."""
    made.add_argument("--role", choices=("auto", "primary", "secondary", "any"), default="auto", help=(
        "the role a resource must have; auto: what CARP asks for; any: not judged (default: auto)"
    ))  # fmt: skip
    made.add_argument("--replication", choices=("fullsync", "memsync", "async"), help=(
        "the replication mode it must have (default: any but async)"
    ))  # fmt: skip
    verified.add_option(made)
    add_thresholds(made, "dirty bytes of a primary, such as 256M", "default: keepdirty x extentsize", sizes=True)


def look(session: Session) -> Iterator[Finding | Number]:
    """Judge every resource."""
    roles = Roles(session)
    if roles.unreadable:
        yield session.table.could_not_look(f"CARP on {session.here.label}", roles.unreadable)
    for name in session.names():
        subject = f"{name} on {session.here.label}"
        yield from session.guarded(subject, _resource(session, roles, name, subject))


class Roles:
    """The role that each resource must have."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.wanted = session.options.role
        self.vhids: tuple[carp.Vhid, ...] = ()
        self.unreadable: ProbeError | None = None
        if self.wanted == "auto":
            try:
                self.vhids = carp.vhids(session.here)
            except ProbeError as error:
                self.unreadable = error

    def of(self, name: str) -> Role | None:
        """The role that `name` must have; None where nothing asks for one."""
        if self.wanted in ("primary", "secondary"):
            return Role(self.wanted)
        if self.wanted == "any" or self.unreadable:
            return None
        carp_asks = self._carp_asks(name)
        if carp_asks.state in (CarpState.MASTER, CarpState.BACKUP):
            return Role.PRIMARY if carp_asks.state is CarpState.MASTER else Role.SECONDARY
        self.session.remarks.append(f"role of {name} not judged: {carp_asks.why or 'CARP is in state INIT'}")
        return None

    def changing(self, name: str) -> bool:
        """Whether CARP was seen to change what it asks for just now."""
        if self.wanted != "auto" or self.unreadable:
            return False
        kept_as = f"check_hast-carp-{self.session.here.name}-{name}"
        since = seen_since(self.session.memory, kept_as, self._carp_asks(name).state, self.session.clock())
        return since is not None and since < GRACE

    def _carp_asks(self, name: str) -> Asked:
        settings = self.session.config.for_resource(name)
        return asked(self.vhids, settings.vhid, settings.service_address)


def _resource(session: Session, roles: Roles, name: str, subject: str) -> Iterator[Finding | Number]:
    try:
        found = hast.resource(session.here, name)
    except hast.HastdDown as error:
        yield TABLE.finding("hastd-down", subject, str(error))
        return
    except hast.HastctlFailed as error:
        yield TABLE.finding("hastctl-hangs", subject, str(error))
        return
    except hast.HastdError as error:
        yield TABLE.finding("hast-error", subject, str(error))
        return
    warning = session.options.warning or (f"{found.keepdirty * found.extentsize}" if found.keepdirty else "")
    yield from performance(found, warning, session.options.critical or "")
    yield from _role(found, roles.of(name), roles.changing(name), subject)
    yield from _replication(found, session.options.replication, subject)
    kept_as = f"check_hast-{session.here.name}-{name}"
    kept, now = session.memory.get(kept_as), session.clock()
    grew = errors_grew(kept, found, now)
    yield from _errors(found, grew, now, subject)
    yield from _damaged(session, found, subject)
    falling = rate(kept, found, now)
    catching_up = outside(found.dirty, warning) or (kept.get("catching_up") is True and bool(falling and found.dirty))
    yield from _connection(session, found, subject, catching_up, falling, now)
    yield from _rejected(session, found, subject)
    if found.role is not Role.PRIMARY:
        yield from could_be_primary(session, session.here, TABLE, subject)
    yield from session.guarded(subject, verified.look(session, found, subject))
    session.memory.put(kept_as, {
        "at": now, "dirty": found.dirty, "workerpid": found.workerpid, "errors": list(found.errors),
        "catching_up": catching_up or found.status is Status.DEGRADED,
        "errors_grew": grew,
    })  # fmt: skip


def _role(found: Resource, wanted: Role | None, changing: bool, subject: str) -> Iterator[Finding]:
    if found.role is Role.INIT:
        yield TABLE.finding("hast-role-init", subject, "hastd runs, but the role is init")
    elif wanted and found.role is not wanted:
        reason = "hast-role-changing" if changing else "hast-role-wrong"
        yield TABLE.finding(reason, subject, f"role {found.role.value}, must be {wanted.value}")


def _replication(found: Resource, wanted: str | None, subject: str) -> Iterator[Finding]:
    if (wanted and found.replication != wanted) or (not wanted and found.replication == "async"):
        must = f", must be {wanted}" if wanted else ""
        yield TABLE.finding("hast-replication", subject, f"replication {found.replication}{must}")


def _errors(found: Resource, grew: float | None, now: float, subject: str) -> Iterator[Finding]:
    if grew is None:
        return
    counts = ", ".join(f"{kind} {count}" for kind, count in found.errors._asdict().items() if count)
    counts = counts or "counted by a worker that was restarted since"
    if now - grew < ERRORS_STAY_NEW:
        yield TABLE.finding("hast-io-errors", subject, f"local I/O errors on {found.localpath}: {counts}")
    else:
        since = say_duration(now - grew)
        yield TABLE.finding(
            "hast-io-errors-past", subject, f"local I/O errors on {found.localpath}: {counts}, {since} ago"
        )


def _damaged(session: Session, found: Resource, subject: str) -> Iterator[Finding]:
    """What was written down outlives the worker that counts; a ledger that cannot be read is only remarked on."""
    kept = ""
    try:
        kept = damage.written_down(session.here, found.name)
    except ProbeError as error:
        session.remarks.append(f"whether a write has failed on {subject} before is not known: {error}")
    if said := kept or damage.by_counters(found):
        yield TABLE.finding("hast-copy-damaged", subject, said)


def _connection(
    session: Session, found: Resource, subject: str, catching_up: bool, falling: float | None, now: float
) -> Iterator[Finding]:
    if found.role is Role.SECONDARY and found.status is Status.COMPLETE:
        yield TABLE.finding("hast-following", subject, f"secondary, complete, {found.replication}")
    elif found.role is Role.SECONDARY:
        yield TABLE.finding("hast-disconnected", subject, "secondary, no worker")
    elif found.role is Role.PRIMARY and (found.status is Status.ABSENT or found.workerpid is None):
        yield TABLE.finding("hast-no-worker", subject, "primary without a worker")
    elif found.role is Role.PRIMARY and found.status is Status.DEGRADED:
        hint = _bug_292322(session, found)
        yield TABLE.finding("hast-degraded", subject, f"primary, degraded, {say_size(found.dirty)} dirty{hint}")
    elif found.role is Role.PRIMARY:
        reason = "hast-in-sync"
        if outside(found.dirty, session.options.critical):
            reason = "hast-dirty-critical"
        elif catching_up:
            reason = "hast-synchronising"
        yield TABLE.finding(
            reason, subject, f"primary, complete, {found.replication}, {_dirty(found, catching_up, falling, now)}"
        )


def _rejected(session: Session, found: Resource, subject: str) -> Iterator[Finding]:
    """A route that cannot be looked at is only remarked on: that there is no connection is found anyway."""
    address = route.address_of(found.remoteaddr)
    if found.role is Role.INIT or found.status is Status.COMPLETE or not address:
        return
    try:
        there = route.to(session.here, address)
    except ProbeError as error:
        session.remarks.append(f"whether a route rejects {address} is not known: {error}")
        return
    if there is not None and there.rejects:
        whose = "left by hastwatch" if there.is_ours else "not from hastwatch"
        yield TABLE.finding("hast-peer-rejected", subject, f"a route rejects {address}, {whose}")


def _dirty(found: Resource, catching_up: bool, falling: float | None, now: float) -> str:
    said = f"{say_size(found.dirty)} dirty"
    if not catching_up and found.dirty:
        normal = say_size(found.keepdirty * found.extentsize)
        return f"{said}, as a busy primary has up to {normal}, or the end of a synchronisation"
    if not catching_up:
        return said
    if falling is None:
        return f"{said} to synchronise, rate not known yet"
    left = found.dirty / falling
    until = time.strftime("%H:%M", time.localtime(now + left))
    return f"{said} to synchronise at {say_size(falling)}/s, {say_duration(left)} left, until about {until}"


def rate(kept: dict[str, object], found: Resource, now: float) -> float | None:
    """Bytes a second by which `dirty` fell since the last run; None where it did not fall or that is not known."""
    dirty, at = kept.get("dirty"), kept.get("at")
    if not isinstance(dirty, int) or not isinstance(at, int | float) or kept.get("workerpid") != found.workerpid:
        return None
    return (dirty - found.dirty) / (now - at) if found.dirty < dirty and at < now else None


def errors_grew(kept: dict[str, object], found: Resource, now: float) -> float | None:
    """When the error counters were last seen to grow (seconds since the epoch); None where there are no errors.

    They count from the start of the worker, so with another worker, or none known, any error is a new one, and those of
    the worker before are remembered as long as they are new.
    """
    before, grew = kept.get("errors"), kept.get("errors_grew")
    if not any(found.errors):
        return float(grew) if isinstance(grew, int | float) and 0 <= now - grew < ERRORS_STAY_NEW else None
    if before == list(found.errors) and kept.get("workerpid") == found.workerpid and isinstance(grew, int | float):
        return float(grew)
    return now


def performance(found: Resource, warning: str, critical: str) -> Iterator[Number]:
    """The performance data of one resource."""
    name = found.name
    judged = found.role is Role.PRIMARY
    yield Number(f"{name}_dirty", found.dirty, "B", warning if judged else "", critical if judged else "", 0)
    for counter in ("reads", "writes", "deletes", "flushes", "activemap_updates"):
        yield Number(f"{name}_{counter}", getattr(found, counter), "c")
    for kind, count in found.errors._asdict().items():
        yield Number(f"{name}_{kind}_errors", count, "c")
    for queue, length in found.queues.items():
        yield Number(f"{name}_queue_{queue}", length, least=0)


def _bug_292322(session: Session, found: Resource) -> str:
    """The hint at a known bug where the release and the signs fit, else nothing."""
    try:
        said = bug_292322.signs(session.here, session.peer, found, session.config.failover.hastd_repaired)
    except ProbeError as error:
        session.remarks.append(f"not looked for {bug_292322.NAME}: {error}")
        return ""
    return f" ({said})" if said else ""


QUESTIONS = (
    *OF_STANDBY, ("ifconfig", "-a"), ("hastctl", "list", "{name}"), ("cat", damage.LEDGER), verified.QUESTION,
)  # fmt: skip

CHECK = CheckCommand(
    "check_hast",
    "HAST",
    ABOUT,
    TABLE,
    PERFDATA,
    yielded(look, TABLE),
    add_options,
    questions=QUESTIONS,
)
main = CHECK.main
