"""What can come instead of the answer to a remote procedure call. Few, typed, each one sentence."""

from __future__ import annotations

RESERVED_PORT_WANTED = (
    "it may want a reserved source port: ask as root or with CAP_NET_BIND_SERVICE; or the server takes any port, with "
    "mountd -n and nfs_reserved_port_only=NO"
)
"""Why a call from an ordinary port may be refused, other than NULL and, by mountd, EXPORT. mountd wants a reserved port
without -n (mountd.c, mntsrv()); the kernel where vfs.nfsd.nfs_privport is 1 (nfs_nfsdkrpc.c, nfssvc_program()), which
mountd clears with -n, and rc.d/nfsd sets after that by nfs_reserved_port_only: YES by default since FreeBSD 15. Both
answer with AUTH_TOOWEAK (svcerr_weakauth()).
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


class ConnectionRefused(RpcError):
    """The host is there and nothing listens at the port (TCP reset, ICMP port unreachable)."""

    reason = "connection-refused"


class HostUnreachable(RpcError):
    """No way to the host: unknown name, no route, or the local system would not send."""

    reason = "host-unreachable"


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
        self.stat, self.low, self.high, self.reserved_port = stat, low, high, reserved_port
        if self.wants_reserved_port:
            why += "; " + RESERVED_PORT_WANTED
        super().__init__(call, why)

    @property
    def wants_reserved_port(self) -> bool:
        """Whether it may be the source port that the server does not like."""
        return self.stat == "AUTH_TOOWEAK" and not self.reserved_port
