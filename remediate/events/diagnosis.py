"""Whether a repair is called for now, looked for on the node itself: the network's word is only a reason to look.

A look gives what is wrong in a sentence, and nothing where nothing is. One that fails says nothing of the node, and
raises: what is not seen is not repaired.
"""

from __future__ import annotations

from checks.plugin.text import name_list
from checks.probes import carp, devd, filesystem, processes
from checks.probes.beneath import lies_on_hast
from checks.probes.carp import CarpState
from checks.probes.counters import Relation
from checks.probes.errors import Hangs, NotFound
from checks.probes.hast import Cause
from checks.probes.hast_state import HastRole, hast_state
from checks.probes.node import Node
from checks.probes.node_state import MountState
from checks.probes.read_node import NodeReader, mounted_as, needed
from remediate.context import Context
from remediate.events.repair_request import Remedy
from remediate.failover import converge, reach
from remediate.failover.converge import ConvergeRequest
from remediate.failover.errors import StepFailed
from remediate.failover.facts import SERVING
from remediate.failover.guards import Target
from remediate.failover.observe import Observation, with_address
from remediate.failover.plan import Plan
from remediate.failover.pools import LOOKS, ZPOOL
from remediate.failover.resource import ResourcePlace, places
from remediate.recovery import automatic, evidence
from remediate.state import marker

KLDSTAT = "/sbin/kldstat"
DEVICES = "/dev/hast"
NEEDED = ("rpcbind", *SERVING)
"""Without one of them no client is served."""


class Unsafe(StepFailed):
    """Something is wrong, and the repair could do harm; the text says what and why."""


def trouble(context: Context, remedy: Remedy) -> str:
    """Why the repair is called for, empty where it is not. Raises Unsafe, StepFailed, ProbeError, StateError."""
    looks = {
        Remedy.DEVD: devd_trouble,
        Remedy.CONVERGE: _converge_trouble,
        Remedy.NFS: nfs_trouble,
        Remedy.HASTD: hastd_trouble,
        Remedy.SPLIT_BRAIN: _split_brain_trouble,
    }
    return looks[remedy](context)


def converge_request(remedy: Remedy) -> ConvergeRequest:
    """What a convergence is called for that belongs to a repair."""
    return ConvergeRequest(f"event {remedy.value}")


# --- devd ----------------------------------------------------------------------------------------------------------


def devd_trouble(context: Context) -> str:
    """What is wrong with devd(8). Raises ProbeError."""
    node = context.here.node()
    daemon = devd.find(processes.processes(node))
    if daemon is None:
        return "devd does not run"
    state = processes.state(node, daemon.pid)
    if state is None or state.halted:
        return f"devd (process {daemon.pid}) is {state.halted if state else 'gone'}"
    return "" if devd.has_socket(node) else f"devd (process {daemon.pid}) has no socket {devd.SOCKET}"


# --- converge ------------------------------------------------------------------------------------------------------


def _converge_trouble(context: Context) -> str:
    """That the node is not where CARP wants it. Raises ProbeError, StateError."""
    observation, plan = converge.dry_run(context, converge_request(Remedy.CONVERGE))
    refused = [
        f"{name}: {plan.decisions[name].rule.says}" for name in plan.decisions if _is_refused(observation, plan, name)
    ]
    if plan.steps:
        refused.append(f"to be done: {', '.join(map(str, plan.steps))}")
    return "; ".join(refused)


def _is_refused(observation: Observation, plan: Plan, name: str) -> bool:
    """The address is here, and the data are not to be."""
    state, decision = observation.facts.resources[name], plan.decisions[name]
    given_up = decision.target is not Target.ACTIVE and not state.active
    return state.carp is CarpState.MASTER and (decision.rule.refuses is not None or given_up)


# --- NFS -----------------------------------------------------------------------------------------------------------


def nfs_trouble(context: Context) -> str:
    """Why clients are not served although address and data are here. Raises Unsafe, ProbeError."""
    served = served_here(context)
    if not served:
        return ""
    reader = NodeReader(context.here.node())
    running = needed(reader.daemons())
    absent = [name for name in NEEDED if name not in running]
    if absent:
        return f"{name_list(absent)} {'does' if len(absent) == 1 else 'do'} not run"
    mounts = needed(reader.mounts())  # after the daemons: mountd has exported before nfsd is started
    for place in (place for place in served if place.exported):
        there = filesystem.mounted_at(mounts, place.point)
        if there is None or not there.exported:
            return f"{place.point} is not exported"
        if place.address and not (answer := reach.look(context, place)).is_alive:
            return f"clients are not served {place.exported} at {place.address}: {answer.says}"
    return ""


def served_here(context: Context) -> tuple[ResourcePlace, ...]:
    """The resources whose address and data are here; none where the data of any address that is here are not: NFS is
    started there by a promotion and by nothing else. Raises Unsafe where hastd does not say that it has the data, and
    ProbeError."""
    node = context.here.node()
    reader = NodeReader(node)
    vhids, mounts = needed(reader.vhids()), needed(reader.mounts())
    served = []
    for place in places(node, context.config).values():
        if place.asks(vhids).state is not CarpState.MASTER:
            continue
        if mounted_as(node, filesystem.mounted_at(mounts, place.point), place.wanted) is not MountState.WRITABLE:
            return ()
        _refuse_without_role(reader, place)
        served.append(with_address(place, vhids))
    return tuple(served)


def _refuse_without_role(reader: NodeReader, place: ResourcePlace) -> None:
    hastd = needed(reader.hast(place.name))
    if hastd.resource is None:
        raise Unsafe(f"{place.name} is mounted, and hastd does not say that it is primary: {hastd.says}")
    if hastd.role is not HastRole.PRIMARY:
        raise Unsafe(f"{place.name} is mounted, and hastd says that it is {hastd.role.value}")


# --- hastd ---------------------------------------------------------------------------------------------------------


def hastd_trouble(context: Context) -> str:
    """That hastd does not run. One that hangs or answers badly does. Raises Unsafe where it must not be started, and
    ProbeError."""
    node = context.here.node()
    resources = places(node, context.config)
    if not resources:
        return ""
    down = silent(node, next(iter(resources)))
    used = in_use(context, node, resources) if down else ""
    if used:
        raise Unsafe(f"{down}; it is not started while {used}")
    return down


def silent(node: Node, name: str) -> str:
    """That hastd answers nobody, asked for a resource; one that hangs, refuses or answers badly is there. Raises Unsafe
    where only a worker of it is, and ProbeError."""
    hastd = hast_state(node, name)
    if hastd.cause is Cause.WORKER_LEFT:
        raise Unsafe(f"{hastd.says}: hastd is not started beside it")
    return hastd.says if hastd.role is HastRole.DOWN else ""


def in_use(context: Context, node: Node, resources: dict[str, ResourcePlace]) -> str:
    """What of a hastd that is gone is still in use, in words. Its device vanishes with it, and what was mounted is
    unmounted by the kernel (freebsd-facts: device-goes-with-hastd): what is still there has somebody who holds it.
    Raises ProbeError."""
    devices_of_hast = frozenset(place.device for place in resources.values())
    mounted = {mount.device.partition("/")[0] if mount.kind == "zfs" else mount.device: mount
               for mount in reversed(filesystem.mounts(node)) if mount.point != "/"}  # fmt: skip
    for mount in mounted.values():
        if lies_on_hast(node, mount, devices_of_hast) is not False:
            return f"{mount.device} is still mounted at {mount.point}"
    try:
        devices = filesystem.names_under(node, DEVICES)
    except NotFound:
        devices = ()
    if devices:
        return f"{DEVICES}/{devices[0]} is still there"
    pools = sorted(_pools(context) & {place.pool for place in resources.values()})
    return f"the pool {pools[0]} is still imported" if pools else ""


def _pools(context: Context) -> set[str]:
    """The pools that are imported, mounted or not; asked for only where the kernel has ZFS, because zpool(8) loads it.
    Raises StepFailed where they cannot be listed: then one may be there."""
    if context.here.act((KLDSTAT, "-q", "-m", "zfs"), LOOKS).status != 0:
        return set()
    try:
        done = context.here.act((ZPOOL, "list", "-H", "-o", "name"), LOOKS)
    except Hangs as error:
        raise Unsafe(f"whether a pool is imported is not known: {error}") from None
    if done.status != 0:
        raise Unsafe(f"whether a pool is imported is not known: {done.words}")
    return set(done.stdout.split())


# --- split-brain ---------------------------------------------------------------------------------------------------


def _split_brain_trouble(context: Context) -> str:
    """That this node has a losing copy and has not done with it what the policy says. Raises ProbeError, StateError."""
    troubles = [f"{name}: both copies have writes that the other lacks, and this node does not serve the clients"
             for name in unmarked(context)]  # fmt: skip
    _, plan = converge.dry_run(context, converge_request(Remedy.SPLIT_BRAIN))
    for name, decision in plan.decisions.items():
        steps = [str(step) for step in plan.steps if step.resource == name]
        if decision.target is Target.STEPPED_DOWN and steps:
            troubles.append(f"{name}: {decision.rule.says}; to be done: {', '.join(steps)}")
        elif _is_to_be_recovered(context, name):
            policy = context.config.split_brain.policy
            troubles.append(f"{name}: the copy of this node loses, and `split_brain.policy` is {policy}")
    return "; ".join(troubles)


def unmarked(context: Context) -> tuple[str, ...]:
    """The resources in a split-brain of which hastd has told nobody: the counters on both disks say so, the other node
    serves the clients, and this one does not. Raises ProbeError."""
    node = context.here.node()
    vhids = carp.vhids(node)
    names = []
    for name, place in places(node, context.config).items():
        if marker.present(context.store, name) is None:
            pair = evidence.collect(context, with_address(place, vhids))
            unread = pair.here.unread or pair.there.unread
            one_serves = pair.there.serves and not pair.here.serves and pair.here.mounted is MountState.NOTHING
            if not unread and pair.relation is Relation.SPLIT_BRAIN and one_serves:
                names.append(name)
    return tuple(names)


def _is_to_be_recovered(context: Context, name: str) -> bool:
    marked = marker.present(context.store, name)
    return automatic.recovers(context) and marked is not None and marked.losing is True and not marked.unreadable
