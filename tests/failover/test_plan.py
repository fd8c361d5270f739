"""The planner over every state a resource and its node can be seen in: what it must never do, and that it ends.

The slow tests take each state of a resource, on one node after the other. `python -m tests.failover.test_plan` goes
through every state on every node and prints how many there are, which takes half an hour of processor time;
`--every 23` through each 23rd, as CI does.
"""

from __future__ import annotations

import argparse
import itertools
import math
from collections.abc import Iterator
from typing import get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.probes.carp import CarpState
from checks.probes.hast_state import HastRole
from checks.probes.node_state import MountState
from remediate.failover.facts import BASE, SERVING, Leaving, NodeState, Peer, PoolState, ResourceState, Split
from remediate.failover.guards import RULES, Target, decide
from remediate.failover.plan import Plan, plan
from remediate.failover.steps import Action, Step
from remediate.policy import Failover
from tests.failover.effects import node_after, resource_after

POLICIES = (
    Failover(),
    Failover(promote_stale=True, services=("ctld",)),
    Failover(boot_alone="serve"),
)
CARP = (None, *CarpState)
FLAG = (False, True)
NODES = tuple(
    NodeState(frozenset(serving), frozenset(base), frozenset(extra), maintenance, blocked, leaving)
    for serving in ((), ("mountd",), ("nfsd",), SERVING)
    for base in ((), BASE)
    for extra in ((), ("ctld",))
    for maintenance, blocked, leaving in itertools.product(FLAG, FLAG, Leaving)
)
REMOTE = "10.1.101.3"
NODES += tuple(node._replace(rejected=frozenset({REMOTE})) for node in NODES[::5])
NODES += tuple(node._replace(cannot_be_primary=True) for node in NODES[::7])


def resources() -> Iterator[ResourceState]:
    """Every combination of what can be seen of a resource, but for the file system that is exported and not mounted."""
    for state in itertools.product(CARP, HastRole, FLAG, FLAG, MountState, FLAG, FLAG, FLAG, Peer, Split, FLAG, FLAG):
        candidate = ResourceState(*state)._replace(remote=REMOTE)
        mounted = candidate.mounted is not MountState.NOTHING
        if (candidate.exported and not mounted) or (mounted and not candidate.protected):
            continue
        if candidate.role_first and (candidate.connected or not mounted):
            continue
        yield candidate


RESOURCES = tuple(resources())
RESOURCES += tuple(
    state._replace(encrypted=True, unopenable=unopenable) for state in RESOURCES[::17] for unopenable in FLAG
)
RESOURCES += tuple(state._replace(no_copy=True) for state in RESOURCES[::23])
RESOURCES += tuple(state._replace(damaged=True) for state in RESOURCES[::19])
RESOURCES += tuple(
    state._replace(pool=pool, connected=state.role is HastRole.PRIMARY, role_first=False)
    for state in [each for each in RESOURCES if each.mounted in (MountState.WRITABLE, MountState.READ_ONLY)][::31]
    for pool in (PoolState.LEFT, PoolState.STUCK)
)


def walk(plan: Plan, node: NodeState, state: ResourceState) -> Iterator[tuple[Step, NodeState, ResourceState]]:
    """Each step with what is there before it, as every step before it had its effect."""
    for step in plan.steps:
        yield step, node, state
        node, state = node_after(step, node), resource_after(step, state)


def end(plan: Plan, node: NodeState, state: ResourceState) -> tuple[NodeState, ResourceState]:
    """What is there after the plan."""
    for step in plan.steps:
        node, state = node_after(step, node), resource_after(step, state)
    return node, state


def target_of(plan: Plan) -> Target:
    """What is wanted of the only resource."""
    return plan.decisions["home"].target


def wrong(node: NodeState, state: ResourceState, policy: Failover) -> Iterator[str]:
    """What the plan for a state does that it must not."""
    planned = plan(node, {"home": state}, policy)
    goes_down = node.leaving is Leaving.GOES_DOWN
    acting = [step for step in planned.steps if step.do is not Action.ADMIT_PEER]
    if (node.maintenance or node.blocked) and not goes_down and acting:
        yield "something is done under maintenance or after failed promotions"
    promoted = awaited = False
    suspended = state.pool is not PoolState.WELL
    if suspended and acting and acting[0].do is not Action.BECOME_SECONDARY:
        yield "the role of a suspended pool is not given up before what may hang"
    if state.pool is PoolState.STUCK and acting and not goes_down:
        yield "a suspended pool given up to nobody"
    for step, before, seen in walk(planned, node, state):
        if step.do is Action.BECOME_PRIMARY:
            promoted = True
            if seen.carp is not CarpState.MASTER:
                yield "primary without being MASTER"
            if seen.peer not in (Peer.LET_GO, Peer.GONE):
                yield "primary while the other node may hold the resource"
            if not seen.settled:
                yield "primary before CARP is believed"
        awaited = awaited or step.do in (Action.BECOME_PRIMARY, Action.AWAIT_DEVICE)
        if step.do is Action.CHECK and not awaited:
            yield "a file system looked for before the device is known to be there"
        if step.do is Action.MOUNT and seen.role is not HastRole.PRIMARY:
            yield "mounted without being primary"
        if step.do is Action.START_SERVING and not seen.active:
            yield "NFS started before the mount"
        if suspended and step.resource:
            if step.do is not Action.BECOME_SECONDARY:
                yield "a suspended pool touched, which hangs"
            continue
        if (
            step.do in (Action.UNMOUNT, Action.UNMOUNT_BY_FORCE, Action.BECOME_SECONDARY, Action.BECOME_INIT)
            and before.serving
        ):
            yield "NFS runs while the file system or the role is taken away"
        given_up = step.do in (Action.BECOME_SECONDARY, Action.BECOME_INIT)
        if given_up and seen.mounted is not MountState.NOTHING and not seen.role_first:
            yield "the role given up under a mount without a proof that this saves a split-brain"
        if step.do is Action.UNMOUNT and seen.role_first:
            yield "a clean unmount where it is proven to make a split-brain"
        if step.do is Action.UNMOUNT_BY_FORCE and seen.role is HastRole.PRIMARY:
            yield "force instead of a clean unmount, with the device there"
        if step.do is Action.MOUNT and state.encrypted and Step(Action.ATTACH, "home") not in planned.steps:
            yield "an encrypted file system mounted that was not opened"
        if step.do in (Action.BECOME_SECONDARY,
            Action.BECOME_INIT) and seen.role is HastRole.PRIMARY and state.encrypted and (
            Step(Action.DETACH, "home") not in planned.steps and not state.role_first
        ):  # fmt: skip
            yield "the device of an encrypted provider taken away before that is closed"
        if step.do is Action.MOUNT and before.serving:
            yield "NFS answers before the mount"
        if step.do is Action.REJECT_PEER and state.peer is Peer.LET_GO:
            yield "a node rejected that has said that it has released the resource"
        if (
            before.rejected
            and step.do not in (Action.REJECT_PEER, Action.BECOME_PRIMARY, Action.ADMIT_PEER)
            and promoted
        ):
            yield "the other node is still rejected when the role has been taken"
    if promoted and (state.split is Split.LOSING or (state.stale and not policy.promote_stale)):
        yield "a losing or stale copy promoted"
    if promoted and state.no_copy:
        yield "a node promoted whose disk holds no copy"
    if promoted and node.cannot_be_primary and state.peer is not Peer.GONE:
        yield "a node promoted whose hastd was seen not to work as primary"
    if promoted and state.damaged:
        yield "a copy promoted on which a write has failed"
    if promoted and state.unopenable:
        yield "a node promoted that cannot open what it would mount"
    if promoted and state.unheard and policy == Failover():
        yield "a node that was booted alone promoted"
    if promoted and node.leaving is not Leaving.NO:
        yield "promoted while the service is given away"
    after, reached = end(planned, node, state)
    if after.rejected:
        yield "the other node is rejected in the end"
    if plan(after, {"home": reached}, policy).steps:
        yield f"a second plan: {[str(step) for step in plan(after, {'home': reached}, policy).steps]}"
    left = not suspended and (after.serving or reached.mounted is not MountState.NOTHING)
    if suspended and target_of(planned) is Target.STANDBY and reached.role is HastRole.PRIMARY:
        yield "the role of a suspended pool kept from the node that could serve"
    if (
        goes_down
        and not suspended
        and (left or after.extra.intersection(policy.services) or reached.role is HastRole.PRIMARY)
    ):
        yield "a node that shuts down leaves something to hastd's stop"
    target = target_of(planned)
    if target is Target.ACTIVE and not (reached.active and reached.exported and after.serving == frozenset(SERVING)):
        yield "not active in the end"
    if target in (Target.STANDBY, Target.STEPPED_DOWN, Target.OFF) and left:
        yield "something is left in the end"
    if decide(state, node, policy).target is Target.ACTIVE and state.active and state.exported and not (
        set(SERVING) - node.serving or set(BASE) - node.base or set(policy.services) - node.extra
    ) and acting:  # fmt: skip
        yield "an active node was touched"


@pytest.mark.slow
@pytest.mark.parametrize("policy", POLICIES, ids=("defaults", "promote_stale", "boot_alone"))
@pytest.mark.parametrize("carp", CARP, ids=str)
def test_no_plan_does_what_it_must_not(carp: CarpState | None, policy: Failover) -> None:
    mine = [state for state in RESOURCES if state.carp is carp]
    for index, state in enumerate(mine):
        node = NODES[index * 7 % len(NODES)]
        assert not list(wrong(node, state, policy)), (node, state)


states = st.builds(ResourceState, **{name: st.sampled_from(sorted({getattr(each, name) for each in RESOURCES}, key=str))
                                     for name in get_type_hints(ResourceState)})  # fmt: skip
sound = states.filter(frozenset(RESOURCES).__contains__)


@given(st.sampled_from(NODES), st.dictionaries(st.sampled_from(["home", "mail", "www"]), st.sampled_from(RESOURCES),
                                               min_size=2), st.sampled_from(POLICIES))  # fmt: skip
def test_several_resources_share_nfs(node: NodeState, found: dict[str, ResourceState], policy: Failover) -> None:
    planned = plan(node, found, policy)
    states, there = dict(found), node
    served = [name for name, each in planned.decisions.items() if each.target is Target.ACTIVE]
    for step in planned.steps:
        if step.do is Action.START_SERVING:
            assert all(states[name].active for name in served)
        if step.do in (Action.UNMOUNT, Action.UNMOUNT_BY_FORCE, Action.MOUNT):
            assert not there.serving and states[step.resource].pool is PoolState.WELL
        there = node_after(step, there)
        for name in [step.resource] if step.resource else list(states):
            states[name] = resource_after(step, states[name])
    assert not plan(there, states, policy).steps


def test_every_rule_decides_some_state() -> None:
    nodes = (*NODES[:8], NODES[0]._replace(cannot_be_primary=True))
    reasons = {decide(state, node, POLICIES[0]).rule.reason for state in RESOURCES[::7] for node in nodes}
    assert reasons == {rule.reason for rule in RULES}


def main() -> int:
    """The states there are, each on every node and under every policy; prints the number."""
    parser = argparse.ArgumentParser(prog="python -m tests.failover.test_plan", description=__doc__)
    parser.add_argument("--every", type=int, default=1, metavar="N", help="look at each N-th state only")
    every = parser.parse_args().every
    if every < 1 or math.gcd(every, len(NODES)) > 1:
        parser.error(f"--every is a positive number that shares no divisor with {len(NODES)}: else nodes are left out")
    count = 0
    for policy, state, node in itertools.islice(itertools.product(POLICIES, RESOURCES, NODES), 0, None, every):
        trouble = list(wrong(node, state, policy))
        if trouble:
            print(node, state, *trouble, sep="\n  ")
            return 1
        count += 1
    size = f"{len(RESOURCES)} of a resource, {len(NODES)} of a node, {len(POLICIES)} policies"
    print(f"{count} of {math.prod(map(len, (POLICIES, RESOURCES, NODES)))} states ({size}), none wrong")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
