"""What is true after a step of a failover has had its effect, for the tests of the planner, which only plans."""

from __future__ import annotations

from collections.abc import Callable

from checks.probes.hast_state import HastRole
from checks.probes.node_state import MountState
from remediate.failover.facts import BASE, SERVING, NodeState, Peer, ResourceState
from remediate.failover.steps import Action, Step


def node_after(step: Step, node: NodeState) -> NodeState:
    """The node when the step has had its effect."""
    names = frozenset(step.names)
    if step.do is Action.STOP_SERVING:
        return node._replace(serving=node.serving - names, extra=node.extra - names)
    if step.do is Action.START_SERVING:
        extra = names - frozenset(SERVING)
        return node._replace(serving=node.serving | (names & frozenset(SERVING)), extra=node.extra | extra)
    if step.do is Action.START_BASE:
        return node._replace(base=node.base | (names & frozenset(BASE)))
    if step.do is Action.REJECT_PEER:
        return node._replace(rejected=node.rejected | names)
    if step.do is Action.ADMIT_PEER:
        return node._replace(rejected=node.rejected - names)
    return node


def resource_after(step: Step, state: ResourceState) -> ResourceState:
    """The resource when the step has had its effect; the step must be its own, or one of the node."""
    return _EFFECT.get(step.do, _none)(state)


def _none(state: ResourceState) -> ResourceState:
    return state


def _unmounted(state: ResourceState) -> ResourceState:
    return state._replace(mounted=MountState.NOTHING, exported=False, protected=False)


_EFFECT: dict[Action, Callable[[ResourceState], ResourceState]] = {
    Action.AWAIT_PEER: lambda state: state._replace(peer=Peer.LET_GO),
    Action.SETTLE: lambda state: state._replace(settled=True),
    Action.BECOME_PRIMARY: lambda state: state._replace(role=HastRole.PRIMARY),
    Action.UNPROTECT: lambda state: state._replace(protected=False),
    Action.MOUNT: lambda state: state._replace(mounted=MountState.WRITABLE, exported=False, protected=True),
    Action.UNMOUNT: _unmounted,
    Action.UNMOUNT_BY_FORCE: _unmounted,
    Action.BECOME_SECONDARY: lambda state: state._replace(role=HastRole.SECONDARY, connected=False),
    Action.BECOME_INIT: lambda state: state._replace(role=HastRole.INIT, connected=False),
    Action.PROTECT: lambda state: state._replace(protected=True),
    Action.START_SERVING: lambda state: state._replace(exported=state.mounted is MountState.WRITABLE),
}
"""A mounted file system needs no protection, so `protected` is true of it; a role that goes takes the mount with it
only by the kernel's doing, which UNMOUNT_BY_FORCE makes sure of."""
