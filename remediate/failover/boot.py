"""The beginning and the end of a node: held back before the network is there, brought to its place, given up in order.

The documented traps of a boot (guide, 2, 7 and 9; hast-facts, 13): CARP takes the address before hastd has a role, and
says MASTER for a moment. So a node holds itself back from before the network is configured until it was looked at.
"""

from __future__ import annotations

from collections.abc import Callable

from remediate.failover import copies, hold
from remediate.failover.converge import Outcome, Wish, converge
from remediate.failover.resource import places
from remediate.failover.this_boot import this_boot
from remediate.site import Site
from remediate.state import ledger


def hold_back(site: Site) -> hold.Held:
    """Before the network is up. Raises StepFailed where the counter cannot be set or it cannot be written down, and
    ProbeError."""
    return hold.hold(site, this_boot(site), {hold.BOOT}, int(site.config.failover.demotion))


def begin(site: Site, watch: Callable[[str], None]) -> Outcome:
    """After hastd has started: what was written while this node was off is not known to it; then converge. Raises
    ProbeError."""
    node = site.here.node()
    if hold.shutting_down(site.store, this_boot(site)):
        hold_back(site)  # the shutdown was called off
    for name in places(node, site.config):
        copies.write_down(site, name, ledger.Event.STARTED, site.timing.wall(), node.name)
    return converge(site, Wish("boot"), watch)


def end(site: Site, watch: Callable[[str], None]) -> Outcome:
    """At a shutdown: the address to the other node, a clean unmount, the role."""
    return converge(site, Wish(hold.SHUTDOWN, leaving=hold.SHUTDOWN), watch)
