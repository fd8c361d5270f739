"""netstat(1) of TCP connections, devd's sockets, and CARP's counters."""

from __future__ import annotations

from simulator.host.devd import PIPES
from simulator.shell.calls import Call, command

HEADER = "Active Internet connections\nProto Recv-Q Send-Q Local Address          Foreign Address        (state)\n"


UNIX = (
    "Active UNIX domain sockets\n"
    f"{'Address':<16} {'Type':<6} Recv-Q Send-Q {'Inode':>16} {'Conn':>16} {'Refs':>16} {'Nextref':>16} Addr\n"
)
CARP = "carp:\n\t\t{} discarded for bad authentication\n\t\t0 discarded for bad vhid\n"
"""Two of the lines that inet.c, carp_stats() prints."""


@command("netstat")
def netstat(call: Call) -> int:
    """netstat(1) -nW -p tcp: the connections of nfsd, nothing at all where there are none; -an -f unix: the sockets of
    devd that are listened on; -s -p carp, with -z: what CARP has counted."""
    if call.argv[1:] == ["-an", "-f", "unix"]:
        paths = PIPES if call.node.devd.process is not None else ()
        call.out(UNIX + "".join(_unix(number, path) for number, path in enumerate(paths)))
        return 0
    if call.argv[1:] in (["-s", "-p", "carp"], ["-sz", "-p", "carp"]):
        if "carp" in call.node.kernel.modules:
            call.out(CARP.format(call.node.network.bad_authentication))
        if "z" in call.argv[1]:
            call.node.network.bad_authentication = 0
        return 0
    if call.argv[1:] != ["-nW", "-p", "tcp"]:
        call.err(f"netstat: {' '.join(call.argv[1:])} is not simulated\n")
        return 1
    rows = [
        f"tcp{6 if ':' in each.service else 4}       0      0 "
        f"{f'{each.service}.2049':<22} {f'{each.address}.{each.port}':<22} ESTABLISHED\n"
        for each in call.node.nfs.connections
    ]
    call.out("".join([HEADER, *rows]) if rows else "")
    return 0


def _unix(number: int, path: str) -> str:
    """A line as unixdomainpr() of netstat's unix.c prints it."""
    kind, address = ("seqpac" if "seqpacket" in path else "stream"), 0xFFFFF80003A5B400 + 0x400 * number
    return f"{address:16x} {kind:<6} {0:6} {0:6} {address + 0x100:16x} {0:16x} {0:16x} {0:16x} {path}\n"
