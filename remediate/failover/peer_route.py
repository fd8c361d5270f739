"""A route that rejects connections to the other node, for as long as a role is taken while that node is gone.

A primary worker first tries to connect to the other node, and only then serves its device (sbin/hastd/primary.c,
hastd_primary(): init_ggate(), init_remote(), then ggate_recv_thread()); GEOM's taste of the new provider waits for it.
A dead node answers nothing, so that is hastd's `timeout`, 10 s (freebsd-facts: device-waits-for-a-dead-peer). With a
host route of RTF_REJECT the kernel drops the first segment and connect(2) fails at once: EHOSTUNREACH from
sys/net/if_loop.c, looutput(), in IPv6 from sys/netinet6/in6_src.c, in6_selectif(), which tcp_output() hands on in state
SYN_SENT.

As long as the route stands the nodes are never connected. So what is rejected is recorded before the route is
added, and whoever comes next removes what is left: every convergence looks at the note, and at the routes themselves
where that cannot be read or the nodes are not connected. A route of ours has a flag of its own (`checks.probes.route`),
and none of an administrator's is ever touched: the kernel refuses to add one where there is a host route
(sys/net/route/route_ctl.c, add_route_flags(); a rejecting nexthop has no NHF_GATEWAY, so that it does not become part
of a multipath route either). No route survives a reboot.
"""

from __future__ import annotations

from collections.abc import Iterable

from checks.probes import route
from checks.probes.node import Node
from checks.probes.timestamps import utc
from remediate.context import Context
from remediate.failover.errors import StepFailed
from remediate.state.store import StateError, StateUnreadable, Store

NAME = "peer_route.json"
ROUTE = "/sbin/route"
SETS = 5.0
"""Seconds for one call of route(8), which waits for nothing."""


def add_line(address: str) -> tuple[str, ...]:
    """route(8): reject what is sent to an address."""
    return ROUTE, "-n", "add", route.family(address), "-host", address, _gateway(address), "-reject", "-proto2"


def delete_line(address: str) -> tuple[str, ...]:
    """route(8): remove that route, and none by another gateway (rib_del_route(), match_gw_one())."""
    return ROUTE, "-n", "delete", route.family(address), "-host", address, _gateway(address)


def _gateway(address: str) -> str:
    """What the kernel makes the gateway of a rejecting route in any case (nhop_ctl.c, nhop_set_blackhole())."""
    return "::1" if ":" in address else "127.0.0.1"


def reject(context: Context, addresses: Iterable[str]) -> str:
    """Reject connections to these addresses; what was done, for the journal. Raises StepFailed where nothing is: then
    the role is only taken more slowly. Raises ProbeError."""
    wanted = tuple(sorted(addresses))
    try:
        context.store.write(NAME, {"version": 1, "addresses": list(wanted), "since": utc(context.timing.wall())})
    except StateError as error:
        raise StepFailed(f"nothing is rejected: {error}") from None
    for address in wanted:
        done = context.here.act(add_line(address), SETS)
        if done.status != 0 and not _is_ours(context.here.node(), address):
            remove_left(context, wanted)
            raise StepFailed(f"nothing is rejected: `{' '.join(done.argv)}`: {done.words}")
    return f"connections to {', '.join(wanted)} fail at once"


def remove(context: Context, addresses: Iterable[str]) -> str:
    """Remove the routes that this process has added, and the note of them; what was done. Raises StepFailed where one
    is left, and ProbeError."""
    wanted = tuple(sorted(addresses))
    for address in wanted:
        done = context.here.act(delete_line(address), SETS)
        if done.status != 0 and _is_ours(context.here.node(), address):
            raise StepFailed(f"connections to {address} are still rejected: `{' '.join(done.argv)}`: {done.words}")
    try:
        context.store.remove(NAME)
    except StateError as error:
        raise StepFailed(f"no route is left, but the note of it is: {error}") from None
    return f"connections to {', '.join(wanted)} are possible again" if wanted else "no route was left"


def remove_left(context: Context, addresses: Iterable[str]) -> str:
    """The same for routes that may have been added by a process that is gone: only those that are ours."""
    return remove(context, [address for address in addresses if _is_ours(context.here.node(), address)])


def left(store: Store, node: Node, remotes: Iterable[str], unconnected: Iterable[str]) -> frozenset[str]:
    """The addresses that may still be rejected: those of the note, whether or not the route was added; of the other
    node's addresses `remotes`, where the note cannot be read, and of the `unconnected` in any case, those with a route
    of ours. Raises ProbeError."""
    try:
        noted = _noted(store)
    except StateUnreadable:
        noted, unconnected = frozenset(), remotes
    return noted.union(address for address in set(unconnected) - noted if _is_ours(node, address))


def _noted(store: Store) -> frozenset[str]:
    """Raises StateUnreadable."""
    values = store.read(NAME)
    if not values:
        return frozenset()
    addresses = values.get("addresses")
    if values.get("version") != 1 or not isinstance(addresses, list):
        raise StateUnreadable(NAME, "it is not a record of version 1")
    if not all(route.address_of(str(each)) == each for each in addresses):
        raise StateUnreadable(NAME, "it notes what is not an address")
    return frozenset(map(str, addresses))


def _is_ours(node: Node, address: str) -> bool:
    way = route.to(node, address)
    return way is not None and way.is_ours
