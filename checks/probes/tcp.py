"""TCP connections of a node, as netstat(1) prints them.

`netstat -nW -p tcp` lists connections without listening sockets; -n keeps addresses numeric, -W keeps an IPv6 address
whole (usr.bin/netstat/inet.c, protopr(); the address and the port are joined by a dot; `toe4` is a connection that the
network card handles).
"""

from __future__ import annotations

import re
from typing import NamedTuple

from checks.probes.errors import CommandFailed, NotUnderstood
from checks.probes.node import Node

NETSTAT = ("netstat", "-nW", "-p", "tcp")
ROW = (
    r"(?a)(?:tcp|toe)(?:4|6|46) +\d+ +\d+ +(?P<local>\S+)\.(?P<port>\d+|\*)"
    r" +(?P<remote>\S+)\.(?P<remote_port>\d+|\*) +(?P<state>[A-Z0-9_]+)\*? *"
)
HEADINGS = ("Active Internet connections", "Proto ")
ESTABLISHED = "ESTABLISHED"


class TcpConnection(NamedTuple):
    """An established connection: numeric addresses, an IPv6 one with its zone where it has one, and ports."""

    local: str
    port: int
    remote: str
    remote_port: int


class TcpConnections(NamedTuple):
    """The established connections, and the first line that was not understood, empty where all were."""

    established: tuple[TcpConnection, ...]
    odd_line: str = ""


def connections(node: Node) -> TcpConnections:
    """The node's established connections. Raises ProbeError."""
    completed = node.run(*NETSTAT)
    if completed.status != 0:
        raise CommandFailed(f"`{' '.join(NETSTAT)}` exits with {completed.status}: {completed.words}")
    return parse(completed.stdout)


def parse(text: str) -> TcpConnections:
    """The established connections in the output of netstat(1). A line of another form is reported and the others still
    count. Raises NotUnderstood where it is not netstat's output at all."""
    lines = text.splitlines()
    if lines and not lines[0].startswith(HEADINGS):
        raise NotUnderstood("netstat", lines[0])
    connections: list[TcpConnection] = []
    odd_line = ""
    for line in lines:
        if not line.strip() or line.startswith(HEADINGS):
            continue
        row = re.fullmatch(ROW, line)
        if row is None:
            odd_line = odd_line or line
        elif row["state"] == ESTABLISHED and "*" not in (row["port"], row["remote_port"]):
            connections.append(TcpConnection(row["local"], int(row["port"]), row["remote"], int(row["remote_port"])))
    return TcpConnections(tuple(connections), odd_line)
