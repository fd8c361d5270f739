"""Which address answers over UDP, where the one that was asked does not.

A server of several addresses sends an answer from the one that its routes choose, unless it is bound (nfsd(8), -h):
nfsd that is asked at a CARP address answers from the node's own (freebsd-facts: udp-answers-from-elsewhere). A client's
socket is connected, and takes that for no answer (`checks.probes.rpc`).
"""

from __future__ import annotations

import os
import socket
import time

from checks.probes.rpc import AUTH_NONE, Endpoint, RpcProgram
from checks.probes.xdr import opaque, uint


def answers_from(endpoint: Endpoint, program: RpcProgram, version: int, *, deadline: float) -> str:
    """The address from which the first answer to a NULL call comes, whichever that is; empty where none comes. Raises
    OSError."""
    xid = os.urandom(4)
    call = xid + uint(0, 2, program.number, version, 0, AUTH_NONE) + opaque(b"") + uint(AUTH_NONE, 0)
    with socket.socket(endpoint.address.family, socket.SOCK_DGRAM) as sock:
        sock.sendto(call, endpoint.address.at(endpoint.port))
        while (left := deadline - time.monotonic()) > 0:
            sock.settimeout(left)
            try:
                datagram, sender = sock.recvfrom(65535)
            except TimeoutError:
                break
            if datagram[:4] == xid:
                return str(sender[0])
    return ""
