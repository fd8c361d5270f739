"""The host routes of a node: those by which nothing is reached, and what route(8) prints of any.

A node has its interface routes and the host routes that were added; they are memory, and gone with the power. Only one
route may lead to a host, as neither a rejecting nor an interface route is part of a multipath one
(sys/net/route/route_ctl.c, nhop_can_multipath()).
"""

from __future__ import annotations

from dataclasses import dataclass

NAMES = ("UP", "GATEWAY", "HOST", "REJECT", "DONE", "STATIC", "BLACKHOLE", "PROTO2", "PROTO1", "PINNED")
"""Flags in the order in which route(8) prints them (route.c, routeflags)."""
LOOPBACKS = ("127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class HostRoute:
    """A route to one address. Of one that rejects the kernel keeps no gateway but the loopback address
    (nhop_ctl.c, nhop_set_blackhole())."""

    destination: str
    gateway: str
    flags: frozenset[str]

    @property
    def rejects(self) -> bool:
        """Nothing reaches the address: connect(2) fails with EHOSTUNREACH, or hangs with BLACKHOLE."""
        return "REJECT" in self.flags

    @property
    def shown(self) -> str:
        """What `route -n get` prints of it."""
        shown = self.flags | {"UP", "HOST", "DONE"} | (frozenset() if self.rejects else {"GATEWAY"})
        gateway = "" if self.rejects else f"    gateway: {self.gateway}\n"
        interface = "lo0" if self.gateway in LOOPBACKS else "vtnet1"
        return printed(self.destination, f"destination: {self.destination}\n{gateway}", interface, shown)


def printed(address: str, lines: str, interface: str, flags: frozenset[str] | set[str]) -> str:
    """route.c, print_getmsg()."""
    names = ",".join(name for name in NAMES if name in flags)
    mtu = 16384 if interface == "lo0" else 1500
    return (
        f"   route to: {address}\n{lines}        fib: 0\n  interface: {interface}\n      flags: <{names}>\n"
        " recvpipe  sendpipe  ssthresh  rtt,msec    mtu        weight    expire\n"
        f"       0         0         0         0  {mtu:>8}         1         0 \n"
    )
