"""The steps of a failover: what each is for, how long it may take, and what is true after it.

A step is data. `plan.py` puts steps in order, `carry.py` does them, `hastwatch converge --dry-run` only shows them.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import NamedTuple

from checks.probes.node_state import HastRole, Mounted
from remediate.failover.facts import BASE, SERVING, NodeState, Peer, ResourceState


class Do(enum.Enum):
    """What a step does; the sentence says what for."""

    SILENCE = "drop segments to closed ports until it is over: clients wait instead of being refused, and backing off"
    STOP_SERVING = "stop the other services and NFS, in reverse order: clients wait instead of getting errors"
    AWAIT_PEER = "wait until the other node has let go of the resource, or is known not to be there"
    SETTLE = "wait until CARP has been MASTER long enough to be believed"
    REJECT_PEER = "let connections to the other node, which is gone, fail at once: the device would wait for them"
    BECOME_PRIMARY = "take the role primary, look that it stays, and wait for the device"
    ADMIT_PEER = "let the other node be connected again: while it is rejected there is one copy only"
    AWAIT_DEVICE = "wait for the device: the role was taken before, the device may still be on its way"
    ATTACH = "open the encrypted provider with its key file (geli)"
    CHECK = "look what file system is there; UFS: replay the journal, check in full only when that fails"
    UNPROTECT = "let the mount point be mounted on"
    MOUNT = "mount the file system, or import the pool"
    START_BASE = "start what NFS stands on"
    START_SERVING = "start NFS, mountd anew after the mount, then the other services"
    VERIFY = "look that clients are served at the service address: MNT and GETATTR, not the export list"
    WAKE = "wake the clients that still wait for an answer of the other node"
    UNMOUNT = "unmount cleanly, so that what is in buffers reaches the disks"
    DETACH = "close the encrypted provider, before its device goes"
    BECOME_SECONDARY = "take the role secondary"
    BECOME_INIT = "give up any role: nothing is replicated from or to this copy"
    UNMOUNT_BY_FORCE = "unmount what the kernel has not unmounted by itself when the device went"
    PROTECT = "let the empty mount point take no files: a local process would write under it"


PROMOTES = frozenset({
    Do.AWAIT_PEER, Do.SETTLE, Do.BECOME_PRIMARY, Do.AWAIT_DEVICE, Do.ATTACH, Do.CHECK, Do.UNPROTECT, Do.MOUNT,
})  # fmt: skip
"""The steps of a promotion up to the mount. Starting what is served is also what ends a demotion beside another
resource that stays."""

AIDS = frozenset({Do.REJECT_PEER, Do.ADMIT_PEER})
"""Steps without which everything else goes on, only more slowly or with one copy: none stops where one of them fails,
and none waits for CARP to be read again."""


class Step(NamedTuple):
    """One step; without a resource it concerns the whole node. `names`: the daemons, services or addresses it is
    about."""

    do: Do
    resource: str = ""
    names: tuple[str, ...] = ()

    def __str__(self) -> str:
        words = [self.do.name.lower().replace("_", "-"), *([self.resource] if self.resource else []), *self.names]
        return " ".join(words)


def node_after(step: Step, node: NodeState) -> NodeState:
    """The node when the step has had its effect."""
    names = frozenset(step.names)
    if step.do is Do.STOP_SERVING:
        return node._replace(serving=node.serving - names, extra=node.extra - names)
    if step.do is Do.START_SERVING:
        extra = names - frozenset(SERVING)
        return node._replace(serving=node.serving | (names & frozenset(SERVING)), extra=node.extra | extra)
    if step.do is Do.START_BASE:
        return node._replace(base=node.base | (names & frozenset(BASE)))
    if step.do is Do.REJECT_PEER:
        return node._replace(rejected=node.rejected | names)
    if step.do is Do.ADMIT_PEER:
        return node._replace(rejected=node.rejected - names)
    return node


def resource_after(step: Step, state: ResourceState) -> ResourceState:
    """The resource when the step has had its effect; the step must be its own, or one of the node."""
    return _EFFECT.get(step.do, _none)(state)


def _none(state: ResourceState) -> ResourceState:
    return state


def _unmounted(state: ResourceState) -> ResourceState:
    return state._replace(mounted=Mounted.NOTHING, exported=False, protected=False)


_EFFECT: dict[Do, Callable[[ResourceState], ResourceState]] = {
    Do.AWAIT_PEER: lambda state: state._replace(peer=Peer.LET_GO),
    Do.SETTLE: lambda state: state._replace(settled=True),
    Do.BECOME_PRIMARY: lambda state: state._replace(role=HastRole.PRIMARY),
    Do.UNPROTECT: lambda state: state._replace(protected=False),
    Do.MOUNT: lambda state: state._replace(mounted=Mounted.WRITABLE, exported=False, protected=True),
    Do.UNMOUNT: _unmounted,
    Do.UNMOUNT_BY_FORCE: _unmounted,
    Do.BECOME_SECONDARY: lambda state: state._replace(role=HastRole.SECONDARY, connected=False),
    Do.BECOME_INIT: lambda state: state._replace(role=HastRole.INIT, connected=False),
    Do.PROTECT: lambda state: state._replace(protected=True),
    Do.START_SERVING: lambda state: state._replace(exported=state.mounted is Mounted.WRITABLE),
}
"""A mounted file system needs no protection, so `protected` is true of it; a role that goes takes the mount with it
only by the kernel's doing, which UNMOUNT_BY_FORCE makes sure of."""
