"""HAST: what hastctl(8) prints, as values.

`list` asks hastd over its control socket, `dump` reads the local provider itself and works without hastd. The formats
are those of `sbin/hastctl/hastctl.c`, the same from FreeBSD 10 to 16.
"""

from __future__ import annotations

import enum
import re
from typing import NamedTuple, TypeVar

from checks.probes import processes
from checks.probes.errors import CommandFailed, Hangs, NotPermitted, NotUnderstood, ProbeError
from checks.probes.node import Node
from checks.probes.process import CompletedCommand

RESOURCE_NAME = r"[A-Za-z0-9_][A-Za-z0-9_.:+-]*"
"""The names taken from outside: hast.conf(5) allows more, but not what would break a path, a shell or a status line."""
NO_CONNECTION = r"(?m)\[ERROR\] Unable to connect to hastd via .*: (?P<why>.*?)\.?$"
"""hastctl.c main(): exit status EX_OSERR (71) when the control socket cannot be used."""
NO_METADATA = r"(?m)\[ERROR\] Unable to (?P<what>read metadata from|open) .*: (?P<why>.*?)\.?$"
"""metadata.c metadata_read(): the provider is not there, or was never initialised by `hastctl create`."""
LIST_HEADING, DUMP_HEADING = r"(?P<name>[^:]*):", r"resource: (?P<name>.*)"
"""hastctl.c, control_list() and control_dump(): the line that begins what is said of a resource."""
DENIED = ("Permission denied", "Operation not permitted")
NOBODY_LISTENS = ("Connection refused", "No such file or directory")
NO_DISK = ("No such file or directory", "Device not configured", "Input/output error", "Invalid argument")
"""strerror(3) in the C locale: what a reason means is known of these; another one is not understood."""


EnumType = TypeVar("EnumType", bound=enum.Enum)


class Role(enum.Enum):
    """`role` of `hastctl list`, `prevrole` of `hastctl dump`."""

    INIT = "init"
    PRIMARY = "primary"
    SECONDARY = "secondary"


class Status(enum.Enum):
    """`status` of `hastctl list`: printed only while a worker exists. COMPLETE means connected, not in sync."""

    COMPLETE = "complete"
    DEGRADED = "degraded"
    ABSENT = "-"


class LocalErrorCounters(NamedTuple):
    """Local input/output errors since the worker started (`local errors:`)."""

    read: int
    write: int
    delete: int
    flush: int


class Resource(NamedTuple):
    """One resource as `hastctl list NAME` prints it. Sizes and `dirty` in bytes; counters since the worker started."""

    name: str
    role: Role
    localpath: str
    remoteaddr: str
    replication: str
    extentsize: int
    keepdirty: int
    status: Status
    workerpid: int | None
    dirty: int
    reads: int
    writes: int
    deletes: int
    flushes: int
    activemap_updates: int
    errors: LocalErrorCounters
    queues: dict[str, int]

    @property
    def is_connected(self) -> bool:
        """Whether the other node's hastd is there: of a primary, and of a secondary, which has a worker only then."""
        return self.role is not Role.INIT and self.status is Status.COMPLETE


class Metadata(NamedTuple):
    """One resource's on-disk metadata as `hastctl dump NAME` prints it. Sizes in bytes."""

    name: str
    datasize: int
    extentsize: int
    keepdirty: int
    resuid: int
    localcnt: int
    remotecnt: int
    prevrole: Role
    localoff: int = 0
    """Where the data begins on the local provider; 0 where that was not printed."""


EHAST = {1: "no such resource in hastd", 2: "invalid request", 3: "out of memory", 4: "not implemented"}
"""sbin/hastd/hast.h"""


class Cause(enum.Enum):
    """Why hastd gives no state of a resource."""

    DOWN = "hastd down"
    """Nobody listens on the control socket, and no process of hastd exists: hastd does not run."""
    WORKER_LEFT = "worker left"
    """hastd is gone and one of its workers is not: it ends by itself (`control.c ctrl_thread()`) unless it is stopped,
    and may hold its device until then."""
    STUCK = "hastd stuck"
    """hastctl got no or a bad answer from a hastd that runs (exit status 69, 70), never came back, or was refused by
    one that runs or may run."""
    ERROR = "hastd error"
    """hastd answered with an error instead of a resource."""


class NoState(Exception):
    """hastd gave no state of the resource."""

    def __init__(self, cause: Cause, says: str) -> None:
        super().__init__(says)
        self.cause = cause


class _Refused(Exception):
    """No connection to the control socket; the text is the system's reason."""


class MetadataUnreadable(Exception):
    """The provider has no HAST metadata or cannot be opened (exit status 255)."""

    def __init__(self, says: str, blank: bool = False) -> None:
        super().__init__(says)
        self.blank = blank
        """It can be opened, and has none."""


def resource(node: Node, name: str) -> Resource:
    """The state of a resource now, asked of hastd.

    Raises NoState, and ProbeError where nothing can be said about hastd.
    """
    try:
        completed = node.run("hastctl", "list", name)
        _refuse_failure(completed)
    except Hangs as error:
        raise NoState(Cause.STUCK, str(error)) from None
    except _Refused as error:
        raise _down_or_stuck(node, str(error)) from None
    node.note_odd("hastctl list", odd_lines(completed.stdout, LIST_HEADING))
    return parse_list(completed.stdout, name)


def _down_or_stuck(node: Node, why: str) -> NoState:
    """What a refused connection means. A hastd that is stuck accepts nothing, and when the queue of its control socket
    is full the kernel refuses as if nobody listened (`uipc_usrreq.c unp_connectat()`, `uipc_socket.c sonewconn()`;
    `proto_uds.c` listens with a backlog of 8, of which 13 connections may be pending). Only the process table tells."""
    refused = f"hastd does not answer on its control socket: {why}"
    try:
        running = processes.processes(node)
    except ProbeError as error:
        return NoState(Cause.STUCK, f"{refused}; whether it runs is not known: {error}")
    if daemon := processes.hastd(running):
        return NoState(Cause.STUCK, f"{refused}, but it runs (process {daemon.pid}): it is stuck")
    if workers := processes.hastd_workers(running):
        says = f"{refused}; process {workers[0].pid}, a worker of hastd, is still there"
        return NoState(Cause.WORKER_LEFT, says)
    return NoState(Cause.DOWN, refused)


def metadata(node: Node, name: str) -> Metadata:
    """The on-disk metadata of a resource. Raises MetadataUnreadable and ProbeError."""
    completed = node.run("hastctl", "dump", name)
    if completed.status == 255 and (no_metadata := re.search(NO_METADATA, completed.stderr)):
        why = no_metadata["why"]
        if why in DENIED:
            raise NotPermitted(f"`hastctl dump {name}`: {_plain(completed)} It needs the right to read the disk")
        if why not in NO_DISK:
            raise NotUnderstood("hastctl dump", completed.words)
        blank = no_metadata["what"] != "open" and why == NO_DISK[0]
        raise MetadataUnreadable(f"`hastctl dump {name}`: {_plain(completed)}", blank)
    if completed.status != 0:
        raise CommandFailed(f"`hastctl dump {name}` exits with {completed.status}: {_plain(completed)}")
    node.note_odd("hastctl dump", odd_lines(completed.stdout, DUMP_HEADING))
    return parse_dump(completed.stdout, name)


def _refuse_failure(completed: CompletedCommand) -> None:
    """Turn the exit statuses of `hastctl list` (hastctl.c, sysexits(3)) into what they mean."""
    if no_connection := re.search(NO_CONNECTION, completed.stderr):
        why = no_connection["why"]
        if why in DENIED:
            raise NotPermitted(f"hastd's control socket: {why}")
        if why not in NOBODY_LISTENS:
            raise NotUnderstood("hastctl list", completed.words)
        raise _Refused(why)
    if completed.status in (69, 70):  # EX_UNAVAILABLE: no answer; EX_SOFTWARE: hastd reports an error of its own
        raise NoState(Cause.STUCK, f"hastctl exits with {completed.status}: {_plain(completed)}")
    if completed.status in (72, 78):  # EX_OSFILE: no configuration file; EX_CONFIG: it cannot be parsed
        raise CommandFailed(f"hast.conf: {_plain(completed)}")
    if completed.status > 4:  # 1 to 4 are EHAST numbers, which `list` prints with the resource
        raise CommandFailed(f"`{' '.join(completed.argv)}` exits with {completed.status}: {_plain(completed)}")


def _plain(completed: CompletedCommand) -> str:
    return completed.words.removeprefix("[ERROR] ")


def parse_list(text: str, name: str) -> Resource:
    """The resource `name` in the output of `hastctl list`. Raises NoState and NotUnderstood."""
    fields = _section(text, name, LIST_HEADING, "hastctl list")
    if "error" in fields:
        number = _number(fields, "error")
        says = f"hastd answers ERR{number} for {name}: {EHAST.get(number, 'unknown error')}"
        raise NoState(Cause.ERROR, says)
    for line in odd_lines(text, LIST_HEADING):
        if any(key not in fields and key in line.lower() for key in ("status", "workerpid")):
            raise NotUnderstood("hastctl list", line)  # that there is none of them has a meaning
    status = fields.get("status", "-")
    resource = Resource(
        name=name,
        role=_one_of(Role, fields, "role"),
        localpath=_field(fields, "localpath"),
        remoteaddr=_field(fields, "remoteaddr"),
        replication=_field(fields, "replication"),
        extentsize=_number(fields, "extentsize"),
        keepdirty=_number(fields, "keepdirty"),
        status=_one_of(Status, {"status": status}, "status"),
        workerpid=_number(fields, "workerpid") if "workerpid" in fields else None,
        dirty=_number(fields, "dirty"),
        reads=_number(fields, "reads"),
        writes=_number(fields, "writes"),
        deletes=_number(fields, "deletes"),
        flushes=_number(fields, "flushes"),
        activemap_updates=_number(fields, "activemap updates"),
        errors=_errors(fields),
        queues=_pairs(fields, "queues") if "queues" in fields else {},
    )
    if resource.replication not in ("fullsync", "memsync", "async"):  # hast.conf(5)
        raise NotUnderstood("replication of hastctl list", f"replication: {resource.replication}")
    return resource


def parse_dump(text: str, name: str) -> Metadata:
    """The resource `name` in the output of `hastctl dump`. Raises NotUnderstood."""
    fields = _section(text, name, DUMP_HEADING, "hastctl dump")
    return Metadata(
        name=name,
        datasize=_number(fields, "datasize"),
        extentsize=_number(fields, "extentsize"),
        keepdirty=_number(fields, "keepdirty"),
        resuid=_number(fields, "resuid"),
        localcnt=_number(fields, "localcnt"),
        remotecnt=_number(fields, "remotecnt"),
        prevrole=_one_of(Role, fields, "prevrole"),
        localoff=_number(fields, "localoff") if "localoff" in fields else 0,
    )


def _section(text: str, name: str, heading: str, what: str) -> dict[str, str]:
    """The `key: value` lines of one resource; exactly one section of that name must be there. A line that only looks
    like the heading of a resource would hide what follows: hastctl prints the role of each, or the error of hastd
    (hastctl.c, control_list()), and of a dump the previous role."""
    sections: list[tuple[str, dict[str, str]]] = []
    for line in text.splitlines():
        if not line.strip() or _is_odd(line, heading):
            continue
        if not line[0].isspace():
            sections.append((line, {}))
            continue
        key, _, value = line.strip().partition(":")
        if sections and sections[-1][1].setdefault(key, value.strip()) != value.strip():
            raise NotUnderstood(f"{what}, which has two values of {key}", line)
    named: list[dict[str, str]] = []
    for line, fields in sections:
        title = re.fullmatch(heading, line)
        assert title, "a line that is not odd"
        if not fields.keys() & {"role", "error", "prevrole"}:
            raise NotUnderstood(what, line)
        if title["name"] == name:
            if named:
                raise NotUnderstood(f"{what}, which names the resource twice", line)
            named.append(fields)
    if not named:
        raise NotUnderstood(f"{what} without {name}", text[:160] or "(empty)")
    return named[0]


def odd_lines(text: str, heading: str) -> tuple[str, ...]:
    """The lines of hastctl that are neither the heading of a resource nor `key: value`."""
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("[DEBUG]")]
    return tuple(line for line in lines if _is_odd(line, heading))


def _is_odd(line: str, heading: str) -> bool:
    if not line.isprintable() or "|" in line:
        return True
    if line[:1].isspace():
        return ":" not in line
    title = re.fullmatch(heading, line)
    return not title or not re.fullmatch(RESOURCE_NAME, title["name"])


def _field(fields: dict[str, str], key: str) -> str:
    if key not in fields:
        raise NotUnderstood(f"HAST output without {key}", ", ".join(fields) or "(empty)")
    return fields[key]


def _number(fields: dict[str, str], key: str) -> int:
    """A number, perhaps followed by its human form: `4194304 (4.0MB)`."""
    value = _field(fields, key)
    match = re.fullmatch(r"(\d{1,20})(?: \([0-9.]+[A-Z]?B\))?", value, re.ASCII)
    if not match:
        raise NotUnderstood("HAST output", f"{key}: {value}")
    return int(match[1])


def _pairs(fields: dict[str, str], key: str) -> dict[str, int]:
    """Numbers with names: `read: 0, write: 0`."""
    value = _field(fields, key)
    if not re.fullmatch(r"[a-z]+: \d{1,20}(, [a-z]+: \d{1,20})*", value, re.ASCII):
        raise NotUnderstood("HAST output", f"{key}: {value}")
    return {name: int(number) for name, number in (pair.split(": ") for pair in value.split(", "))}


def _errors(fields: dict[str, str]) -> LocalErrorCounters:
    counts = _pairs(fields, "local errors")
    if set(counts) != set(LocalErrorCounters._fields):
        raise NotUnderstood("HAST output", f"local errors: {fields['local errors']}")
    return LocalErrorCounters(**counts)


def _one_of(kind: type[EnumType], fields: dict[str, str], key: str) -> EnumType:
    value = _field(fields, key)
    try:
        return kind(value)
    except ValueError:
        raise NotUnderstood("HAST output", f"{key}: {value}") from None
