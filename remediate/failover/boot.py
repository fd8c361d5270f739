"""The beginning and the end of a node: held back before the network is there, brought to its place, given up in order.

The documented traps of a boot (guide, 2, 7 and 9; hast-facts, 13): CARP takes the address before hastd has a role, and
says MASTER for a moment. So a node holds itself back from before the network is configured until it was looked at.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from checks.probes.errors import ProbeError
from checks.probes.filesystem import belongs, mounts
from remediate.failover import copies, filesystems, hold, services
from remediate.failover.converge import Outcome, Wish, converge
from remediate.failover.facts import SERVING
from remediate.failover.outcome import StepFailed
from remediate.failover.resource import Place, places
from remediate.failover.services import running_daemons
from remediate.failover.this_boot import this_boot
from remediate.site import Site
from remediate.state import ledger
from remediate.state.journal import CRIT


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


def give_away(site: Site) -> None:
    """At a shutdown, before anything else: a convergence that runs sees that this node is going down, and is the one
    that gives the service up. Raises nothing: what cannot be kept or set keeps nothing mounted."""
    try:
        hold.hold(site, this_boot(site), {hold.SHUTDOWN}, int(site.config.failover.demotion))
    except (StepFailed, ProbeError) as error:
        site.journal.entry("hold", why=hold.SHUTDOWN, result=f"failed: {error}", severity=CRIT)


def end(site: Site, watch: Callable[[str], None]) -> Outcome:
    """At a shutdown: the address to the other node, a clean unmount, the role."""
    return converge(site, Wish(hold.SHUTDOWN, leaving=hold.SHUTDOWN), watch)


def leave_nothing_mounted(site: Site) -> tuple[str, ...]:
    """After that, whatever became of it: hastd's stop is next, and takes the device away from under what is still
    mounted (rc.d/hastd, `hastctl role init all`). Needs neither CARP nor hastd nor anything written down. What was
    left to do, in sentences; empty where nothing was. Raises nothing."""
    try:
        left = _still_mounted(site)
        serving = running_daemons(site.here.node()).intersection(SERVING) if left else ()
    except ProbeError as error:
        return (f"what is still mounted is not known: {error}",)
    calls = {f"unmount {place.point}": partial(filesystems.unmount, site, place) for place in left}
    if serving:
        calls = {f"stop {' '.join(serving)}": partial(services.stop, site, tuple(serving))} | calls
    said = []
    for what, call in calls.items():
        try:
            said.append(f"{what}: {call() or 'done'}")
        except (StepFailed, ProbeError) as error:
            said.append(f"{what}: failed: {error}")
    return tuple(said)


def _still_mounted(site: Site) -> list[Place]:
    """The places where something is mounted, of a resource that is mounted elsewhere that one. Raises ProbeError."""
    found, left = mounts(site.here.node()), []
    for place in places(site.here.node(), site.config).values():
        points = {each.point for each in found if belongs(each, place.device, place.name)}
        points |= {place.point for each in found if f"{each.point}/".startswith(f"{place.point}/")}
        left += [place._replace(point=point) for point in sorted(points, reverse=True)]
    return left
