"""The daemons of an NFS server, and what they register with rpcbind (rpcinfo(8)), as recorded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simulator.host.processes import RunningProcess


@dataclass(frozen=True, slots=True)
class Registration:
    """One line of `rpcinfo`."""

    program: int
    version: int
    netid: str
    address: str
    service: str

    @property
    def port(self) -> int:
        """From the universal address; rpcbind's local socket shows its usual port."""
        high, _, low = self.address.rpartition(".")
        return 111 if not low.isdigit() else int(high.rsplit(".", 1)[-1]) * 256 + int(low)


@dataclass(slots=True)
class NfsDaemon:
    """One of the five: what it registers with rpcbind, as (program, service, versions by netid order)."""

    name: str
    title: str
    comm: str
    program: int
    versions: tuple[int, ...]
    netids: tuple[str, ...]
    by_version: bool
    """rpcinfo's order: versions outside and netids inside, or the other way round."""
    process: RunningProcess | None = None
    command: str = ""
    """The command line that it was started with last."""


def daemons() -> dict[str, NfsDaemon]:
    """The five, not running, in the order of rc(8)."""
    usual = ("udp6", "tcp6", "udp", "tcp")
    return {
        "rpcbind": NfsDaemon("rpcbind", "/usr/sbin/rpcbind", "rpcbind", 100000, (4, 3, 2), (), False),
        "statd": NfsDaemon("status", "/usr/sbin/rpc.statd", "rpc.statd", 100024, (1,), usual, True),
        "lockd": NfsDaemon("nlockmgr", "/usr/sbin/rpc.lockd", "rpc.lockd", 100021, (0, 1, 3, 4), usual, True),
        "mountd": NfsDaemon("mountd", "/usr/sbin/mountd -r", "mountd", 100005, (1, 3), usual, False),
        "nfsd": NfsDaemon("nfs", "nfsd: master", "nfsd", 100003, (3,), ("udp", "udp6", "tcp", "tcp6"), False),
    }


RPCBIND = tuple(
    Registration(100000, version, netid, "/var/run/rpcbind.sock" if netid == "local" else f"{host}.0.111", "rpcbind")
    for netid, host, versions in (
        ("tcp", "0.0.0.0", (4, 3, 2)),
        ("udp", "0.0.0.0", (4, 3, 2)),
        ("tcp6", "::", (4, 3)),
        ("udp6", "::", (4, 3)),
        ("local", "", (4, 3, 2)),
    )
    for version in versions
)
"""What rpcbind itself registers, in its order."""
