"""What there is now, on this node and as far as it matters on the other one: `Facts`, read anew every time.

Nothing is written here: what has become known is part of what is seen, and `record` writes it down.
The other node is asked only where the answer decides something, because it may be dead, and a dead node answers late.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

from checks.probes import carp, filesystem, route
from checks.probes.boot_time import boot_mark
from checks.probes.carp import CarpState, Vhid
from checks.probes.errors import ProbeError
from checks.probes.hast import Resource, Status
from checks.probes.hast_state import HastRole, hast_state_or_unknown
from checks.probes.marker import Marker
from checks.probes.node import Node
from checks.probes.node_state import MountState
from checks.probes.read_node import mounted_as
from remediate.context import Context
from remediate.failover import (
    boot_alone,
    boot_silence,
    damaged,
    devices,
    hearing,
    known_bug,
    lost_pool,
    newest,
    own_copy,
    parting,
    peer,
    peer_route,
    survivor,
)
from remediate.failover.behind import behind
from remediate.failover.carp_demotion import shutting_down
from remediate.failover.facts import (
    BASE,
    SERVING,
    Facts,
    Leaving,
    NodeState,
    Peer,
    PoolState,
    Remarks,
    ResourceState,
    Split,
)
from remediate.failover.filesystems import mounted_now, takes_no_files
from remediate.failover.given_up import given_up
from remediate.failover.hearing import Responsiveness
from remediate.failover.log_lines import LogExcerpt
from remediate.failover.mastership import heard_until, look, mastership
from remediate.failover.own_node import demotion, uptime
from remediate.failover.peer import PeerStanding
from remediate.failover.remembered import RememberedState
from remediate.failover.resource import ResourcePlace, places
from remediate.failover.services import running_daemons, running_services
from remediate.state import events, marker, unprotected

NOT_LOOKED_FOR = PeerStanding(Peer.LINGERS, "not looked for: the address is not here, or the data are", False)


class Observation(NamedTuple):
    """An observation: the facts, where the resources are, hastd's own words, and CARP."""

    facts: Facts
    places: dict[str, ResourcePlace]
    resources: dict[str, Resource]
    vhids: tuple[Vhid, ...]
    seq: int
    """The number of the last CARP event before anything was read."""
    at: float
    """When it was seen (`Timing.now`)."""
    settles: dict[str, float]
    """When (`Timing.now`) CARP of a resource has been MASTER long enough to be believed; of those that are not yet."""
    carp: events.CarpLook
    """The look at CARP, which is yet to be written down."""
    logs: dict[str, LogExcerpt]
    """For each resource the logs that were read and prove nothing new, which is yet to be written down."""


class _Reading(NamedTuple):
    """What the resources of a node share while they are read."""

    context: Context
    node: Node
    vhids: tuple[Vhid, ...]
    mounts: tuple[filesystem.Mount, ...]
    arrived: events.CarpHistory
    boot: str
    young: bool
    """The node was booted a short while ago, or it is not known when."""
    leaving: Leaving
    remembered: RememberedState
    clock: float
    """The wall clock minus `Timing.now` at the look at CARP: what that noted counts by it, also if the clock is set
    before the rest has been read."""


def observe(context: Context, leaving: Leaving = Leaving.NO, only: tuple[str, ...] = ()) -> Observation:
    """Everything a decision depends on. `leaving`: whether this node gives its service away. Raises ProbeError.

    What is remembered and cannot be read, or a state directory that is read-only, makes a promotion one of a copy that
    may be stale, and keeps nobody from stopping to serve.
    """
    now, at, policy = context.timing.wall(), context.timing.now(), context.config.failover
    arrived = events.read(context.store)
    node = context.here.node()
    boot = boot_mark(node)
    remembered = RememberedState(context, now)
    if leaving is Leaving.NO and shutting_down(context.store, boot):
        leaving = Leaving.GOES_DOWN
    vhids = carp.vhids(node)
    carp_now = look(context, vhids, boot)
    up = uptime(context)
    young = up < policy.boot_window or not boot
    reading = _Reading(
        context, node, vhids, mounted_now(context), carp_now.known, boot,
        young, leaving,
        remembered, carp_now.clock,
    )  # fmt: skip
    located = places(node, context.config, only)
    located = {name: with_address(place, vhids) for name, place in located.items()}
    states: dict[str, ResourceState] = {}
    remarks: dict[str, Remarks] = {}
    resources: dict[str, Resource] = {}
    looked = context.timing.together([partial(_resource, reading, place, resources) for place in located.values()])
    settles: dict[str, float] = {}
    logs: dict[str, LogExcerpt] = {}
    for name, (state, sentences, believed_at, done_with) in zip(located, looked, strict=True):
        states[name], remarks[name] = state, sentences
        if believed_at is not None and not state.settled:
            settles[name] = believed_at
        if done_with is not None:
            logs[name] = done_with
    states, remarks = together(located, states, remarks)
    suspended, stopped = remembered.maintenance, remembered.blocked
    fails = known_bug.seen_to_fail(context)
    daemons = running_daemons(node)
    facts = Facts(
        name=node.name,
        boot_id=boot,
        uptime=up,
        demotion=demotion(context),
        node=NodeState(
            serving=daemons & frozenset(SERVING),
            base=daemons & frozenset(BASE),
            extra=running_services(node, policy.services),
            maintenance=suspended is not None,
            blocked=bool(stopped),
            leaving=reading.leaving,
            rejected=_rejected(context, node, states, resources),
            cannot_be_primary=fails is not None,
        ),
        resources=states,
        said=remarks,
        maintenance=suspended.reason if suspended else "",
        blocked=stopped,
        unsure=remembered.trouble,
        cannot_be_primary=fails.why if fails else "",
        odd=tuple(map(str, node.not_understood)),
    )
    return Observation(facts, located, resources, vhids, arrived.seq, at, settles, carp_now, logs)


def together(
    located: dict[str, ResourcePlace], states: dict[str, ResourceState], remarks: dict[str, Remarks]
) -> tuple[dict[str, ResourceState], dict[str, Remarks]]:
    """The states with those of one pool made one: what forbids to promote one of its copies forbids the others, and
    what keeps one of them from being given up first keeps them all. A pool without one of its devices is none."""
    states, remarks = dict(states), dict(remarks)
    for name, place in located.items():
        mine = [each for each in place.pooled if each in states]
        if len(mine) < 2:
            continue
        group = [(each, states[each], remarks[each]) for each in mine]
        pools = [state.pool for _, state, _ in group]
        losing = any(state.split is Split.LOSING for _, state, _ in group)
        remarks[name] = remarks[name]._replace(
            stale=_of_all([(each, its.stale) for each, _, its in group]),
            no_copy=_of_all([(each, its.no_copy) for each, _, its in group]),
            unheard=_of_all([(each, its.unheard) for each, _, its in group]),
            split=_of_all([(each, its.split) for each, _, its in group]),
            damage=_of_all([(each, its.damage) for each, _, its in group]),
        )
        states[name] = states[name]._replace(
            connected=all(state.connected for _, state, _ in group),
            role_first=all(state.role_first for _, state, _ in group),
            stale=any(state.stale for _, state, _ in group),
            no_copy=any(state.no_copy for _, state, _ in group),
            unheard=any(state.unheard for _, state, _ in group),
            damaged=any(state.damaged for _, state, _ in group),
            split=Split.LOSING if losing else states[name].split,
            pool=next((worst for worst in (PoolState.STUCK, PoolState.LEFT) if worst in pools), PoolState.WELL),
        )
    return states, remarks


def _of_all(sentences: list[tuple[str, str]]) -> str:
    return "; ".join(f"{name}: {sentence}" for name, sentence in sentences if sentence)


def _rejected(
    context: Context, node: Node, states: dict[str, ResourceState], resources: dict[str, Resource]
) -> frozenset[str]:
    """What of the other node a route of ours may reject. Where no connection is missed, or a promotion waits, only the
    note of it is looked at. A route that cannot be looked at now is left to the next convergence."""
    known = {name: state for name, state in states.items() if state.remote}
    missed = [state for name, state in known.items() if _misses_the_other(state, resources[name])]
    remotes = {state.remote for state in known.values()}
    try:
        return peer_route.left(context.store, node, remotes, {state.remote for state in missed})
    except ProbeError:
        return frozenset()


def _misses_the_other(state: ResourceState, resource: Resource) -> bool:
    waits = state.carp is CarpState.MASTER and not state.active
    return resource.status is not Status.COMPLETE and not waits


def with_address(place: ResourcePlace, vhids: tuple[Vhid, ...]) -> ResourcePlace:
    """The service address as configured, else the one that the resource's vhid carries."""
    if place.address:
        return place
    mine = place.speaking(vhids)
    if place.vhid and len(mine) != 1:
        return place  # an address that may be another service's would be a guess
    addresses = [address for vhid in mine for address in vhid.usable]
    return place._replace(address=addresses[0] if addresses else "")


def _resource(
    reading: _Reading, place: ResourcePlace, resources: dict[str, Resource]
) -> tuple[ResourceState, Remarks, float | None, LogExcerpt | None]:
    """One resource; when CARP has been MASTER for it long enough to be believed (`Timing.now`), None where it is not
    MASTER; and the logs that prove nothing new of its copy."""
    context, name = reading.context, place.name
    wanted = place.asks(reading.vhids)
    hastd = hast_state_or_unknown(reading.node, name)
    role, worker = hastd.role, False
    if hastd.resource is not None:
        resources[name] = hastd.resource
        worker = hastd.resource.status is Status.COMPLETE
    there = filesystem.mounted_at(reading.mounts, place.point)
    mounted = mounted_as(reading.node, there, place.wanted)
    going_up = wanted.state is CarpState.MASTER and not (role is HastRole.PRIMARY and mounted is MountState.WRITABLE)
    mine = list(place.speaking(reading.vhids))
    wall = reading.clock + context.timing.now()
    since = mastership(reading.arrived, mine, wall, reading.clock) if wanted.state is CarpState.MASTER else None
    settle = context.config.failover.boot_settle if reading.young else context.config.failover.settle
    stale = split_said = unheard = no_copy = survives = ""
    compared = lacks = False
    standing = NOT_LOOKED_FOR
    marked = marker.present(context.store, name)
    split, void = _marked(marked), None
    only = given_up(context, name, going_up) if split is Split.LOSING else None
    if only == "" or (only and going_up):
        split, void = Split.NONE, marked
    if going_up:
        standing = peer.look(context, place, hastd)
        heard = heard_until(context, mine, since) if since else None
        answers = standing.asked or standing.in_doubt
        stale, split_said, compared, no_copy, lacks = behind(context, name, heard, answers)
        if standing.by_hastd and not compared:
            stale = stale or own_copy.apart_too_long(context, name)
        if split_said and split is Split.NONE:
            survives = survivor.survives(context, place, reading.boot, standing)
            split = Split.WINNING if survives else Split.LOSING
        elif split_said and split is not Split.WINNING:
            split = Split.LOSING
        stale = ("" if survives else stale) or only or reading.remembered.against_a_promotion()
        unheard = "" if compared else boot_alone.unheard(context, name)
        if reading.young and standing.peer is Peer.GONE and newest.is_proven(context, name):
            works = boot_silence.network_works(context, place, reading.vhids)
            at_once = f"{standing.says}, its copy lacks writes of this one, and {works}: CARP is not awaited longer"
            standing = standing._replace(says=at_once if works else standing.says)
            settle = context.config.failover.settle if works else settle
    believed_at = since.since - reading.clock + settle if since else None
    role_first = False
    going_down = wanted.state is not CarpState.MASTER or reading.leaving is not Leaving.NO
    if role is HastRole.PRIMARY and mounted is not MountState.NOTHING and going_down:
        worker = worker and hearing.hastd(context.here, resources[name].remoteaddr) is not Responsiveness.SILENT
        role_first = not worker and parting.role_first(context, resources[name], wanted.state)
    locked = devices.unopenable(context, place)
    own = own_copy.known(context, name)
    failed, done_with = (
        damaged.look(context, reading.node, resources[name], own) if name in resources else damaged.DamageEvidence()
    )
    unrecorded = own_copy.unrecorded_since(own, resources[name], wall) if name in resources else None
    damage = own.damage.sentence if own.damage is not None else failed
    pool, pool_said = PoolState.WELL, ""
    if mounted in (MountState.WRITABLE, MountState.READ_ONLY):
        pool, pool_said = lost_pool.look(context, reading.node, place, there, resources.get(name))
    state = ResourceState(
        carp=wanted.state,
        role=role,
        connected=worker,
        role_first=role_first and pool is PoolState.WELL,
        mounted=mounted,
        exported=there is not None and (there.exported or not place.exported),
        protected=mounted is not MountState.NOTHING
        or takes_no_files(context, place.point)
        or unprotected.is_given_up(context.store, place.point, reading.boot),
        settled=believed_at is not None and context.timing.now() >= believed_at,
        peer=standing.peer,
        split=split,
        stale=bool(stale),
        unheard=bool(unheard),
        encrypted=bool(devices.encrypted(place)),
        unopenable=bool(locked),
        no_copy=bool(no_copy),
        damaged=bool(damage),
        pool=pool,
        remote=route.address_of(resources[name].remoteaddr) if name in resources else "",
    )
    remarks = Remarks(
        wanted.why, hastd.says, stale, unheard, split_said, standing.says, standing.asked, compared, locked, no_copy,
            damage,
        failed, pool_said, lacks, survives, standing.apart, void, unrecorded,
    )  # fmt: skip
    return state, remarks, believed_at, done_with


def _marked(marked: Marker | None) -> Split:
    """What the marker of hastd's event says; one that does not say which side loses says that it may be this one."""
    if marked is None:
        return Split.NONE
    return Split.WINNING if marked.losing is False else Split.LOSING
