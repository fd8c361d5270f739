"""What can come instead of the answer to a remote procedure call. Few, typed, each one sentence."""

from __future__ import annotations

RESERVED_PORT_WANTED = (
    "it may want a reserved source port: run as root, or start mountd with -n and set vfs.nfsd.nfs_privport=0"
)
"""Why a call from an ordinary port may be refused: mountd(8) -n, nfs_reserved_port_only in rc.conf(5).

``mountd.c``: even with -n, mountd wants what the sysctl says.
"""


class RpcError(Exception):
    """What came instead of an answer; its text is one sentence that begins with the call and whom it went to.

    `reason` is the name for it, as with the errors of the other probes.
    """

    reason = "rpc-failed"

    def __init__(self, call: str, why: str) -> None:
        super().__init__(f"{call}: {why}")
        self.call, self.why = call, why


class NoAnswer(RpcError):
    """The deadline came, or the peer closed the connection, before a whole answer did."""

    reason = "no-answer"


class Refused(RpcError):
    """The host is there and nothing listens at the port (TCP reset, ICMP port unreachable)."""

    reason = "connection-refused"


class Unreachable(RpcError):
    """No way to the host: unknown name, no route, or the local system would not send."""

    reason = "host-unreachable"


class NotRegistered(RpcError):
    """The port mapper answers and does not know the program."""

    reason = "not-registered"


class Garbage(RpcError):
    """Something answered that was not understood."""

    reason = "answer-not-understood"


class Rejected(RpcError):
    """The server answered and refused the call (RFC 5531 9).

    `stat` is the name of the accept_stat, auth_stat or reject_stat; `low` and `high` are the versions the server has,
    with PROG_MISMATCH and RPC_MISMATCH only; `reserved_port` tells whether we asked from a reserved port.
    """

    reason = "call-rejected"

    def __init__(
        self, call: str, stat: str, reserved_port: bool, low: int | None = None, high: int | None = None
    ) -> None:
        why = f"the server rejects the call with {stat}"
        if low is not None:
            why += f" (it has versions {low} to {high})"
        if stat == "AUTH_TOOWEAK" and not reserved_port:
            why += "; " + RESERVED_PORT_WANTED
        super().__init__(call, why)
        self.stat, self.low, self.high, self.reserved_port = stat, low, high, reserved_port
