"""The steps of a failover, and what each is for.

A step is data. `plan.py` puts steps in order, `executor.py` does them, `hastwatch converge --dry-run` only shows them.
"""

from __future__ import annotations

import enum
from typing import NamedTuple


class Action(enum.Enum):
    """What a step does; the sentence says what for."""

    SILENCE = "drop segments to closed ports until it is over: clients wait instead of being refused, and backing off"
    STOP_SERVING = "stop the other services and NFS, in reverse order: clients wait instead of getting errors"
    AWAIT_PEER = "wait until the other node has released the resource, or is known to be gone"
    SETTLE = "wait until CARP has been MASTER for the settle time"
    REJECT_PEER = "let connections to the other node, which is gone, fail at once: the device would wait for them"
    BECOME_PRIMARY = "take the role primary, verify that it stays, and wait for the device"
    ADMIT_PEER = "let the other node be connected again: while it is rejected there is one copy only"
    AWAIT_DEVICE = "wait for the device: the role was taken before, the device may still be on its way"
    ATTACH = "open the encrypted provider with its key file (geli)"
    CHECK = "find out which file system is there; UFS: replay the journal, check in full only when that fails"
    UNPROTECT = "let the mount point be mounted on"
    MOUNT = "mount the file system, or import the pool"
    START_BASE = "start what NFS depends on"
    START_SERVING = "start NFS, with mountd restarted after the mount, then the other services"
    VERIFY = "verify that clients are served at the service address: MNT and GETATTR, not the export list"
    WAKE = "wake the clients that still wait for an answer from the other node"
    UNMOUNT = "unmount cleanly, so that what is in buffers reaches the disks"
    DETACH = "close the encrypted provider, before its device goes"
    BECOME_SECONDARY = "take the role secondary"
    BECOME_INIT = "give up any role: nothing is replicated from or to this copy"
    UNMOUNT_BY_FORCE = "unmount what the kernel has not unmounted by itself when the device went"
    PROTECT = "let the empty mount point take no files: a local process would write under it"


PROMOTES = frozenset({
    Action.AWAIT_PEER, Action.SETTLE, Action.BECOME_PRIMARY, Action.AWAIT_DEVICE, Action.ATTACH, Action.CHECK,
    Action.UNPROTECT, Action.MOUNT,
})  # fmt: skip
"""The steps of a promotion up to the mount. Starting what is served is also what ends a demotion beside another
resource that stays."""

AIDS = frozenset({Action.REJECT_PEER, Action.ADMIT_PEER})
"""Steps without which everything else goes on, only more slowly or with one copy: none stops where one of them fails,
and none waits for CARP to be read again."""


class Step(NamedTuple):
    """One step; without a resource it concerns the whole node. `names`: the daemons, services or addresses it is
    about."""

    do: Action
    resource: str = ""
    names: tuple[str, ...] = ()

    def __str__(self) -> str:
        words = [self.do.name.lower().replace("_", "-"), *([self.resource] if self.resource else []), *self.names]
        return " ".join(words)
