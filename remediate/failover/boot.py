"""The beginning and the end of a node: held back before the network is there, brought to its place, given up in order.

CARP takes the address before hastd has a role (freebsd-facts: preferred-node-takes-the-address, boot-order), and may
say MASTER for a moment (freebsd-facts: master-first-at-boot). So a node holds itself back from before the network is
configured until it was looked at.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from checks.probes.beneath import lies_on_hast
from checks.probes.carp_demotion import DemotionCause, DemotionReason
from checks.probes.errors import ProbeError
from checks.probes.filesystem import mounts
from remediate.context import Context
from remediate.failover import carp_demotion, filesystems, replicas, services
from remediate.failover.converge import ConvergeOutcome, ConvergeRequest, converge
from remediate.failover.errors import StepFailed
from remediate.failover.facts import SERVING, Leaving
from remediate.failover.resource import ResourcePlace, places
from remediate.failover.services import running_daemons
from remediate.failover.this_boot import this_boot
from remediate.hurry import within
from remediate.state import ledger
from remediate.state.journal import CRIT

DEVICES = "/dev/hast"
STOPS = 10.0
"""Seconds for mountd and nfsd to end, in what is left of a shutdown after its convergence."""


def hold_back(context: Context) -> carp_demotion.DemotionRecord:
    """Before the network is up. Raises StepFailed where the counter cannot be set or it cannot be recorded, and
    ProbeError."""
    return carp_demotion.hold(
        context, this_boot(context), {DemotionReason(DemotionCause.BOOT)}, int(context.config.failover.demotion)
    )


def begin(context: Context, watch: Callable[[str], None]) -> ConvergeOutcome:
    """After hastd has started: what was written while this node was off is not known to it; then converge. Raises
    ProbeError."""
    node = context.here.node()
    if carp_demotion.shutting_down(context.store, this_boot(context)):
        hold_back(context)  # the shutdown was called off
    for name in places(node, context.config):
        replicas.write_down(context, name, ledger.LedgerEvent.STARTED, context.timing.wall(), node.name)
    return converge(context, ConvergeRequest("boot"), watch)


def give_away(context: Context) -> None:
    """At a shutdown, before anything else: a convergence that runs sees that this node is going down, and is the one
    that gives the service up. Raises nothing: what cannot be kept or set keeps nothing mounted."""
    try:
        carp_demotion.hold(
            context, this_boot(context), {DemotionReason(DemotionCause.SHUTDOWN)}, int(context.config.failover.demotion)
        )
    except (StepFailed, ProbeError) as error:
        context.journal.entry("hold", why=carp_demotion.SHUTDOWN, result=f"failed: {error}", severity=CRIT)


def end(context: Context, watch: Callable[[str], None]) -> ConvergeOutcome:
    """At a shutdown: the address to the other node, a clean unmount, the role."""
    return converge(context, ConvergeRequest(carp_demotion.SHUTDOWN, leaving=Leaving.GOES_DOWN), watch)


def leave_nothing_mounted(context: Context) -> tuple[str, ...]:
    """After that, whatever became of it: hastd's stop is next, and takes the device away from under what is still
    mounted (rc.d/hastd, `hastctl role init all`). Needs neither CARP nor hastd, no configuration and no hast.conf: what
    counts is what the system shows. What was left to do, in sentences; empty where nothing was. Raises nothing."""
    sentences = _stop_serving(within(context, context.timing.now() + STOPS))
    try:
        left = _still_mounted(context)
    except ProbeError as error:
        return (*sentences, f"what is still mounted is not known: {error}")
    calls = [partial(_said, f"unmount {place.point}", partial(filesystems.unmount, context, place)) for place in left]
    return (*sentences, *context.timing.together(calls))


def _stop_serving(context: Context) -> list[str]:
    try:
        serving = tuple(running_daemons(context.here.node()).intersection(SERVING))
    except ProbeError as error:  # what is mounted can be unmounted all the same: a mount is not busy for nfsd
        return [f"whether NFS is served is not known: {error}"]
    return [_said(f"stop {' '.join(serving)}", partial(services.stop, context, serving))] if serving else []


def _said(what: str, call: Callable[[], str]) -> str:
    try:
        return f"{what}: {call() or 'done'}"
    except (StepFailed, ProbeError) as error:
        return f"{what}: failed: {error}"


def _still_mounted(context: Context) -> list[ResourcePlace]:
    """Where something is mounted from a device of HAST, as a place of its own each; of a pool its uppermost mount, as
    its export takes the others. Raises ProbeError."""
    node = context.here.node()
    mounted = mounts(node)
    direct = [each for each in mounted if each.device.startswith(f"{DEVICES}/")]
    others = [each for each in mounted if each not in direct and each.point != "/" and (
        each.kind == "zfs" or each.device.startswith("/dev/"))]  # fmt: skip
    names = _devices(context) if others else []
    devices = frozenset(f"{DEVICES}/{name}" for name in names)
    places: dict[str, ResourcePlace] = {}
    for each in direct:
        places[each.point] = ResourcePlace(
            each.device.removeprefix(f"{DEVICES}/"), each.device, each.point, "", "", "", ()
        )
    known: dict[str, bool] = {}
    for each in others if devices else ():
        pool = each.device.partition("/")[0] if each.kind == "zfs" else ""
        key = pool or each.device
        if key not in known:
            known[key] = pool in names or lies_on_hast(node, each, devices) is True
            if known[key]:
                places[pool or each.point] = ResourcePlace(pool or each.device, each.device, each.point, "", "", "", ())
    return list(places.values())


def _devices(context: Context) -> list[str]:
    """The resources that have a device here. Without one a pool on it is suspended, and not to be exported any more."""
    try:
        listed = context.here.node().run("ls", DEVICES)
    except ProbeError:
        return []
    return listed.stdout.split() if listed.status == 0 else []
