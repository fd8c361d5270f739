"""The route to an address, as route(8) prints it; and whether it rejects what is sent there.

hastwatch rejects connections to the other node while that is known to be gone and a role is taken
(`remediate.failover.peer_route`). Its route carries the flag PROTO2, which the kernel keeps and gives no meaning
(sys/net/route/nhop.h, RT_SET_RTFLAGS_MASK), so that it is known without any note of it.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from checks.probes.errors import NotUnderstood
from checks.probes.node import Node

REMOTE = r"(?:tcp[46]?://)?(?P<host>\[[0-9A-Fa-f:.]+\]|[^:/]+)(?::(?P<port>\d{1,5}))?"
"""hast.conf(5), `remote`; hastctl prints it so."""
FIELD = r"(?m)^ *(?P<name>destination|flags): (?P<value>\S.*)$"


class Route(NamedTuple):
    """The most specific route to an address: the flags as route(8) names them, HOST where it is for that alone."""

    destination: str
    flags: frozenset[str]

    @property
    def rejects(self) -> bool:
        """Whether it is a route to the address alone by which nothing reaches it (RTF_REJECT, RTF_BLACKHOLE)."""
        return "HOST" in self.flags and bool(self.flags & {"REJECT", "BLACKHOLE"})

    @property
    def is_ours(self) -> bool:
        """Whether hastwatch has added it."""
        return {"HOST", "REJECT", "PROTO2"} <= self.flags


def address_of(remoteaddr: str) -> str:
    """The address in a `remote` of hast.conf; empty where that has a host name, which a route cannot stand for."""
    import ipaddress

    match = re.fullmatch(REMOTE, remoteaddr)
    try:
        return str(ipaddress.ip_address(match["host"].strip("[]"))) if match else ""
    except ValueError:
        return ""


def family(address: str) -> str:
    """The word by which route(8) knows the family of an address."""
    return "-inet6" if ":" in address else "-inet"


def to(node: Node, address: str) -> Route | None:
    """The route that packets to an address take; None where there is none. Raises ProbeError."""
    printed = node.run("route", "-n", "get", family(address), address)
    if printed.status != 0 and "not been found" in printed.stderr:
        return None
    return parse(printed.stdout or printed.stderr)


def parse(text: str) -> Route:
    """What `route -n get` prints (sbin/route/route.c and route_netlink.c, print_getmsg()). Raises NotUnderstood."""
    fields = {field["name"]: field["value"].strip() for field in re.finditer(FIELD, text)}
    flags = re.fullmatch(r"<(?P<names>[A-Z0-9,]*)>", fields.get("flags", ""))
    if not flags or "destination" not in fields:
        raise NotUnderstood("route -n get", text)
    return Route(fields["destination"], frozenset(flags["names"].split(",")))
