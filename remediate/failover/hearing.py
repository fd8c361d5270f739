"""What answers at an address of the other node: a process that takes connections, its kernel alone, or nothing.

Only silence is a sign that a machine is gone. A refusal or a reset is an answer of its kernel: nothing listens on the
port, or what listens is stuck and its queue full. hastd listens with a backlog of 8 (sbin/hastd/proto_tcp.c,
tcp_server()); the 14th connection that it doesn't accept is completed by the SYN cache and then reset, or left alone
where net.inet.tcp.syncache.rst_on_sock_fail is 0 (sys/kern/uipc_socket.c, sonewconn(), solisten_clone() in 15;
sys/netinet/tcp_syncache.c, syncache_socket(); tcp_input.c). So a connection that was completed does not prove either
that hastd does anything.

nc(1) and ping(8) say why they failed in words only; these are strerror(3)'s in the C locale, which every command is run
in (lib/libc/gen/errlst.c). What is none of the words of silence, such as a fault of this node's own network, is none.
"""

from __future__ import annotations

import enum
import errno
import re

from checks.probes.errors import ProbeError, Unreachable
from checks.probes.process import CompletedCommand
from checks.probes.route import REMOTE, address_of
from remediate.context import Transport
from remediate.failover.resource import PORT

NC, PING = "/usr/bin/nc", "/sbin/ping"
SIGN = 1
"""Seconds that a sign of life may take on a network where failovers are wanted."""
TIMED_OUT, HOST_DOWN = "Operation timed out", "Host is down"
"""ETIMEDOUT, and EHOSTDOWN: nobody answers ARP (sys/netinet/if_ether.c, arpresolve_full())."""
REFUSED, RESET = "Connection refused", "Connection reset by peer"
"""ECONNREFUSED, ECONNRESET."""
NO_ECHO = 2
"""ping(8): the request was sent, and no answer came."""
FROM_SOMEBODY = " bytes from "
"""ping(8) prints so of every answer: also of one that is no echo, such as `Destination Host Unreachable`."""


class Responsiveness(enum.Enum):
    """What was heard of an address."""

    LISTENS = "the kernel completes connections to the port, as long as something listens"
    STUCK = "the kernel resets a completed connection: what listens accepts none"
    ALIVE = "its machine answers"
    SILENT = "nothing answers"
    NOT_KNOWN = "whether anything answers is not known"


BY_ERRNO = {
    0: Responsiveness.LISTENS,
    errno.ECONNREFUSED: Responsiveness.ALIVE,
    errno.ECONNRESET: Responsiveness.STUCK,
    errno.ETIMEDOUT: Responsiveness.SILENT,
    errno.EHOSTDOWN: Responsiveness.SILENT,
}
"""What connect(2) says of the other end, in a system call, or nc(1) in words."""


def hastd(here: Transport, remoteaddr: str) -> Responsiveness:
    """What answers where the other node's hastd should listen, asked from this node. Raises nothing."""
    match = re.fullmatch(REMOTE, remoteaddr)
    if not match:
        return Responsiveness.NOT_KNOWN
    address = address_of(remoteaddr)
    if here.machine and address:
        return BY_ERRNO.get(here.machine.connects(address, int(match["port"] or PORT), SIGN), Responsiveness.NOT_KNOWN)
    command = (NC, "-v", "-z", "-w", str(SIGN), match["host"].strip("[]"), match["port"] or PORT)
    done = _done(here, command)
    if done is None or done.status == 0:
        return Responsiveness.NOT_KNOWN if done is None else Responsiveness.LISTENS
    why = _reasons(done.stderr)
    if why & {REFUSED, RESET}:
        return Responsiveness.STUCK if RESET in why else Responsiveness.ALIVE
    return Responsiveness.SILENT if why and why <= {TIMED_OUT, HOST_DOWN} else Responsiveness.NOT_KNOWN


def machine(here: Transport, address: str) -> Responsiveness:
    """Whether an address answers one packet of ping(8) from this node: ALIVE, or not. Raises nothing."""
    done = _done(here, (PING, "-c", "1", "-t", str(SIGN), address))
    if done is not None and done.status == 0:
        return Responsiveness.ALIVE
    if done is None or done.status != NO_ECHO or FROM_SOMEBODY in done.stdout:
        return Responsiveness.NOT_KNOWN
    return Responsiveness.SILENT if _reasons(done.stderr) <= {HOST_DOWN} else Responsiveness.NOT_KNOWN


def is_silence(error: ProbeError) -> bool:
    """Whether the way to the other node failed as it does where no machine answers, in the words of ssh(1). One that
    refuses, or admits and then hangs, is a machine that runs."""
    return isinstance(error, Unreachable) and error.why in (TIMED_OUT, HOST_DOWN)


def is_refusal(error: ProbeError) -> bool:
    """Whether the way to the other node failed as it does where its kernel runs: nothing takes the connection, or
    nobody is let in."""
    return isinstance(error, Unreachable) and (error.why in (REFUSED, RESET) or error.admits_nobody)


def _reasons(stderr: str) -> set[str]:
    """The ends of all lines: one for each address that a name has."""
    return {line.rpartition(": ")[2].strip() for line in stderr.splitlines() if line.strip()}


def _done(here: Transport, command: tuple[str, ...]) -> CompletedCommand | None:
    try:
        return here.act(command, SIGN + 2)
    except ProbeError:
        return None
