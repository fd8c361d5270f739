"""What has to be done on a node, in which order: a pure function of what was seen.

Invariants, tested by enumerating all states (`tests/failover/test_plan.py`):

* a file system is looked at only once the device is there, whoever has taken the role;
* the role primary is taken only as CARP MASTER, believed, and after the other node has released the resource or is
known to be gone; * NFS is started only when everything that is to be served here is mounted, and stopped before
anything is unmounted; * a file system is unmounted cleanly before the role is given up: that loses nothing that was
  acknowledged. Only where it is proven that the other order saves a split-brain (`parting`) the role goes first, so
that localcnt does not rise; * a node that shuts down stops serving and unmounts everything, whatever else is so:
  hastd's stop would take the device away under the mount;
* a suspended ZFS pool can neither be unmounted nor exported (zfs_vfsops.c, zfs_umount(), and spa.c,
  spa_export_common(), wait for the device), and what waits for it cannot be killed: of such a resource only the role is
  given up, before anything else that may hang;
* clients meet a silent port from before NFS is stopped, or a promotion begins, and those that still wait are woken
  when NFS serves;
* what is as it should be is not touched: after the plan has had its effect the next plan is empty;
* connections to the other node are rejected only between the looks that took it for gone and the device, and whatever
  route of ours is left is removed first, whatever else is so;
* otherwise under maintenance, and after promotions have failed, the plan is empty.

A plan is a sequence of stages. The tracks of a stage are independent of each other and go at the same time; the steps
of a track follow one another.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from checks.probes.carp import CarpState
from checks.probes.hast_state import HastRole
from checks.probes.node_state import MountState
from remediate.failover.facts import BASE, SERVING, NodeState, Peer, PoolState, ResourceState
from remediate.failover.guards import Decision, Target, decide
from remediate.failover.steps import Action, Step
from remediate.policy import Failover

Track = tuple[Step, ...]
Stage = tuple[Track, ...]


DISTURBS = frozenset({Action.MOUNT, Action.UNMOUNT, Action.UNMOUNT_BY_FORCE})
"""Steps that NFS has to be stopped for, whatever else it serves: a file system comes or goes under its exports. What is
done to a resource that is not mounted is nothing to the clients of another."""


class Plan(NamedTuple):
    """The stages, and why: the decision on each resource."""

    stages: tuple[Stage, ...]
    decisions: dict[str, Decision]

    @property
    def steps(self) -> tuple[Step, ...]:
        """All of them, in an order in which they may be done one by one."""
        return tuple(step for stage in self.stages for track in stage for step in track)

    def without(self, *unwanted: Action) -> Plan:
        """The plan without some kinds of steps."""
        stages = []
        for stage in self.stages:
            tracks = (tuple(step for step in track if step.do not in unwanted) for track in stage)
            stages.append(tuple(track for track in tracks if track))
        return self._replace(stages=tuple(stage for stage in stages if stage))


def plan(node: NodeState, resources: Mapping[str, ResourceState], policy: Failover) -> Plan:
    """What to do, for all resources of a node together."""
    decisions = {name: decide(state, node, policy) for name, state in resources.items()}
    return arranged(node, resources, decisions, policy)


def arranged(
    node: NodeState, resources: Mapping[str, ResourceState], decisions: Mapping[str, Decision], policy: Failover
) -> Plan:
    """The plan for what was decided otherwise, such as to undo a promotion."""
    tracks = {name: tuple(_track(name, resources[name], decisions[name])) for name in resources}
    served = [name for name in resources if _is_served(resources[name], decisions[name])]
    moving = any(step.do in DISTURBS for track in tracks.values() for step in track)
    running = node.serving | node.extra.intersection(policy.services)
    untouched = all(each.target is Target.AS_IT_IS for each in decisions.values())
    lost = [name for name in resources if resources[name].pool is not PoolState.WELL]
    stop = bool(running) and not untouched and (moving or not (served or lost))
    stopping = tuple(name for name in reversed((*SERVING, *policy.services)) if name in running)
    left = node._replace(serving=frozenset(), extra=frozenset()) if stop else node
    start = tuple(_started(left, resources, served, policy)) if served and not untouched else ()
    base = tuple(name for name in BASE if name not in node.base) if served and not untouched else ()
    stages: list[Stage] = []
    base_track: list[Track] = [(Step(Action.START_BASE, names=base),)] if base else []
    quiet: list[Track] = []
    here = any(state.carp is CarpState.MASTER for state in resources.values())
    if left_first := tuple(track for name in lost if (track := tracks.pop(name))):
        stages.append(left_first)
    rejected = _rejected(tracks, resources)
    if node.rejected and not rejected:
        stages.append(((Step(Action.ADMIT_PEER, names=tuple(sorted(node.rejected))),),))
    if stop:
        silence: list[Stage] = [((Step(Action.SILENCE),),)] if here else []  # else segments of clients arrive elsewhere
        stages += [*silence, ((Step(Action.STOP_SERVING, names=stopping),),)]
    elif any(step.do is Action.MOUNT for track in tracks.values() for step in track):
        quiet.append((Step(Action.SILENCE),))
    if rejected:
        before, taken, after = zip(*map(_parted, tracks.values()), strict=True)
        stages += [before, ((Step(Action.REJECT_PEER, names=tuple(sorted(rejected))),), *quiet), taken]
        stages += [
            ((Step(Action.ADMIT_PEER, names=tuple(sorted(rejected | node.rejected))),),), (*after, *base_track),
        ]  # fmt: skip
    else:
        stages.append((*tracks.values(), *base_track, *quiet))
    if start:
        stages.append(((Step(Action.START_SERVING, names=start),),))
        woken = served if "nfsd" in start else []
        stages.append(
            tuple((Step(do, name),) for do, names in ((Action.VERIFY, served), (Action.WAKE, woken)) for name in names)
        )
    filled = (tuple(track for track in stage if track) for stage in stages)
    return Plan(tuple(stage for stage in filled if stage), dict(decisions))


def _rejected(tracks: Mapping[str, Track], resources: Mapping[str, ResourceState]) -> frozenset[str]:
    """The other node's addresses that are to be rejected while roles are taken: where the other node is gone, or is
    awaited and may turn out to be (`executor` looks). Not beside a resource that it says it has
    released."""
    taken = [resources[name] for name, track in tracks.items() if Step(Action.BECOME_PRIMARY, name) in track]
    if any(state.peer in (Peer.LET_GO, Peer.HOLDS) for state in taken):
        return frozenset()
    return frozenset(state.remote for state in taken if state.remote)


def _parted(track: Track) -> tuple[Track, Track, Track]:
    """The steps before the role is taken, that step, and those after it; of another track everything is before."""
    at = next((number for number, step in enumerate(track) if step.do is Action.BECOME_PRIMARY), len(track))
    return track[:at], track[at : at + 1], track[at + 1 :]


def _is_served(state: ResourceState, decision: Decision) -> bool:
    """Whether the resource is to be served here: it is wanted, or is active and left alone."""
    return decision.target is Target.ACTIVE or (decision.target is Target.AS_IT_IS and state.active)


def _started(
    node: NodeState, resources: Mapping[str, ResourceState], served: list[str], policy: Failover
) -> Iterator[str]:
    """What has to be started. mountd too where it runs, when a file system was mounted after it: only a restart exports
    such a one (freebsd-facts: remount-is-not-exported)."""
    unexported = any(not resources[name].exported or not resources[name].active for name in served)
    for name in SERVING:
        if name not in node.serving or (name == "mountd" and unexported):
            yield name
    yield from (name for name in policy.services if name not in node.extra)


def _track(name: str, state: ResourceState, decision: Decision) -> Iterator[Step]:
    """The steps of one resource."""
    if decision.target is Target.ACTIVE:
        yield from (Step(do, name) for do in _up(state))
    elif decision.target is not Target.AS_IT_IS:
        yield from (Step(do, name) for do in _down(state, decision.target))


def _up(state: ResourceState) -> Iterator[Action]:
    if state.active:
        return
    if state.mounted is not MountState.NOTHING and state.role is not HastRole.PRIMARY:
        yield Action.UNMOUNT_BY_FORCE
    if state.peer not in (Peer.LET_GO, Peer.GONE):
        yield Action.AWAIT_PEER
    if not state.settled:
        yield Action.SETTLE
    yield Action.AWAIT_DEVICE if state.role is HastRole.PRIMARY else Action.BECOME_PRIMARY
    if state.encrypted:
        yield Action.ATTACH
    yield Action.CHECK
    if state.protected and state.mounted is MountState.NOTHING:
        yield Action.UNPROTECT
    yield Action.MOUNT


def _down(state: ResourceState, target: Target) -> Iterator[Action]:
    role = _given_up(state.role, target)
    if state.pool is not PoolState.WELL:
        yield from role
        return
    closed = (Action.DETACH,) if state.encrypted and state.role is HastRole.PRIMARY else ()
    if state.mounted is MountState.NOTHING:
        yield from (*closed, *role)
        if not state.protected:
            yield Action.PROTECT
    elif state.role_first or state.role is HastRole.DOWN:  # without hastd there is no device to write to
        yield from (*role, Action.UNMOUNT_BY_FORCE, Action.PROTECT)
    else:
        yield from (Action.UNMOUNT, *closed, *role, Action.PROTECT)


def _given_up(role: HastRole, target: Target) -> tuple[Action, ...]:
    """The step that leaves the role as the target has it, if one is needed and hastd is there to do it."""
    if role is HastRole.DOWN:
        return ()
    if target is Target.OFF:
        return (Action.BECOME_SECONDARY,) if role is HastRole.PRIMARY else ()
    if target is Target.STEPPED_DOWN:
        return () if role is HastRole.INIT else (Action.BECOME_INIT,)
    return () if role is HastRole.SECONDARY else (Action.BECOME_SECONDARY,)
