"""FreeBSD bug 292322: a primary of hastd never connects, and never gets its device.

From 15.0 on a read with MSG_WAITALL on a socket pair does not end at a control message any more, and hastd reads the
descriptor of its connection so (`sbin/hastd/proto_common.c proto_connection_recv()`): the primary's worker waits for
ever. The role is taken, hastctl(8) exits 0, no log says an error, the device does not appear, with or without a peer,
and whoever asks GEOM waits too. A secondary works (freebsd-facts: stock-15-is-no-primary). The repairs are D57511 and
D59521.

What is known of it before a promotion is the release, and whether an administrator has said that this hastd is repaired
(`[failover] hastd_repaired`). After it the device tells, and on the other node the line of the hastd that accepted the
connection and got nothing: `hastd.c listen_accept()`, `Unable to receive header from ADDRESS`.
"""

from __future__ import annotations

import enum
import re
from typing import TYPE_CHECKING

from checks.probes import hast, route
from checks.probes.errors import NotUnderstood, ProbeError
from checks.probes.hast import Resource, Role, Status

if TYPE_CHECKING:
    from datetime import datetime

    from checks.probes.node import Node

NAME = "FreeBSD bug 292322"
RELEASE = r"(?P<major>\d{1,3})\.(?P<minor>\d{1,3})-\S+"
"""uname(1) -r, of the kernel: `15.1-RELEASE-p1`."""
AFFECTED = ((15, 0), (15, 1), (16, 0))
"""Releases whose source was read, or which were seen to fail: none of them has the repair."""
DEVICES = "/dev/hast"
PORT = "8457"
"""hast.conf(5): the default, and the only one that hastwatch-ask lets a node be asked for."""
HEADER = r"\bUnable to receive header from (?P<address>\S+): Operation timed out\.?$"
"""hastd.c listen_accept() of the node that accepts, the secondary; the line names no resource, and the port is that of
the connection."""
SKEW = 60.0
"""Seconds by which such a line may be older than the worker that it is of: both ages are taken by the clock of the node
that they are of, some time apart."""
DAY = 86400.0
"""Seconds for which such a line counts where it is not known since when the worker runs. A worker that waits does not
try again, so there may be only one."""


class AsPrimary(enum.Enum):
    """Whether this node's hastd works as primary, as far as that is known before it is tried."""

    WORKS = "this release is not affected, or its hastd was patched"
    FAILS = "no primary of this release gets its device, unless its hastd was patched"
    NOT_KNOWN = "whether this release is affected is not known"


def as_primary(release: str, repaired: bool) -> AsPrimary:
    """Whether a hastd of this release (`uname -r`) works as primary; `repaired`: an administrator says that it does."""
    match = re.match(RELEASE, release)
    if repaired or (match and int(match["major"]) < 15):
        return AsPrimary.WORKS
    if not match or (int(match["major"]), int(match["minor"])) not in AFFECTED:
        return AsPrimary.NOT_KNOWN
    return AsPrimary.FAILS


def release(node: Node) -> str:
    """The release of a node's kernel. Raises ProbeError."""
    text = node.run("uname", "-r").stdout.strip()
    if not re.match(RELEASE, text):
        raise NotUnderstood("uname -r", text or "(empty)")
    return text


def warning(name: str) -> str:
    """What to say of a node whose hastd does not work as primary."""
    return (
        f"hastd of {name} does not work as primary ({NAME}): its device never appears, and there is no service then;"
        " where it was patched, say so with `hastd_repaired = true` in [failover]"
    )


def signs(here: Node, peer: Node | None, resource: Resource, repaired: bool) -> str:
    """Why a degraded primary may be one that the bug keeps from connecting, in words; empty where nothing says so. It
    may have its device: a worker that was refused its first connection at once waits with the next one (`primary.c`
    guard_one()). Raises ProbeError where the release cannot be read."""
    affected = as_primary(release(here), repaired) is AsPrimary.FAILS
    if not affected or resource.role is not Role.PRIMARY or resource.status is not Status.DEGRADED:
        return ""
    device = _has_device(here, resource.name)
    reasons = [f"{DEVICES}/{resource.name} is not there"] if device is False else []
    told_by_peer = _seen_by(peer, here, resource) if peer is not None else ""
    if device and not told_by_peer:
        return ""  # a worker that waits from its start has none
    reasons += [told_by_peer] if told_by_peer else []
    answers = None if reasons else _answers(here, resource.remoteaddr)
    if answers is False:
        return ""  # there is nobody to connect to
    if answers:
        reasons.append("hastd of the other node listens")
    return f"{'' if device is False or told_by_peer else 'perhaps '}{NAME}{': ' if reasons else ''}{', '.join(reasons)}"


def _has_device(node: Node, name: str) -> bool | None:
    """Whether the resource has its device; None where that is not known."""
    try:
        listed = node.run("ls", DEVICES)
    except ProbeError:
        return None
    if listed.status != 0:
        return False if "No such file" in listed.stderr else None
    return name in listed.stdout.split()


def _answers(node: Node, remoteaddr: str) -> bool | None:
    """Whether the other node takes connections where its hastd listens; None where that is unknown."""
    address = route.address_of(remoteaddr)
    fields = re.fullmatch(route.REMOTE, remoteaddr)
    if not address or not fields or (fields["port"] or PORT) != PORT:
        return None
    try:
        done = node.run("nc", "-z", "-w", "1", address, PORT)
    except ProbeError:
        return None
    return done.status == 0


def _seen_by(peer: Node, here: Node, resource: Resource) -> str:
    """The line of the other node's hastd on a connection of this one that stayed empty, since the worker was started;
    empty where there is none, or it cannot be read."""
    from checks.probes import hast_log, log_time

    try:
        ours = route.address_of(hast.resource(peer, resource.name).remoteaddr)
        log = peer.run("grep", "-h", "hastd", *hast_log.LOGS).stdout
        now = log_time.now(peer)
    except (ProbeError, hast.NoState):
        return ""
    oldest = _age_of_worker(here, resource.workerpid)
    most = DAY if oldest is None else oldest + SKEW
    lines = log_time.of_host(log.splitlines(), peer)
    offset = log_time.offset(peer, lines)
    for line in reversed(lines):
        timed_out = re.search(HEADER, line)
        if (
            timed_out
            and ours
            and route.address_of(timed_out["address"]) == ours
            and _is_younger(log_time.of_line(line, now, offset), now, most)
        ):
            return f"{peer.label} logged `{timed_out[0].rstrip('.')}`"
    return ""


def _is_younger(when: datetime | None, now: datetime | None, seconds: float) -> bool:
    return when is not None and now is not None and (now - when).total_seconds() <= seconds


def _age_of_worker(node: Node, pid: int | None) -> float | None:
    """Seconds since the worker was started; None where that is not known."""
    from datetime import datetime

    from checks.probes import log_time, processes

    now = log_time.now(node)
    try:
        listed = processes.processes(node)
    except ProbeError:
        return None
    started = next((process.started for process in listed if process.pid == pid), processes.NOT_KNOWN)
    if now is None or started == processes.NOT_KNOWN:
        return None
    try:
        return (now - datetime.strptime(started, "%a %b %d %H:%M:%S %Y")).total_seconds()
    except ValueError:
        return None
