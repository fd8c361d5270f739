"""Whether the role should be given up under a mount: only where that is proven to save a split-brain.

hastd raises localcnt at the first write that completes while the other node is not connected (sbin/hastd/primary.c,
write_complete). A clean unmount is such a write; giving up the role first is none, but the kernel then unmounts by
force, and what NFS acknowledged and UFS still had in buffers is lost (freebsd-facts: forced-unmount-loses-buffers). So
the clean unmount is the rule: it loses nothing, whatever comes of it. The role goes first only if all of this is known:

* the other node is not connected, or silent: otherwise the unmount reaches both disks and raises nothing. A worker that
  is not there says neither: hastd starts another one after a second (sbin/hastd/hastd.c, child_exit()), which connects;
* this node has written nothing alone, else the histories have parted already. Its localcnt is what the other disk has
  as remotecnt, which is what write_complete() compares, as long as it is not raised; and a worker that has lost its
  peer has nothing dirty (sbin/hastd/activemap.c, activemap_need_sync: what only this disk has stays so);
* the other node writes alone, or will: it says itself, now, that it is primary; or the address is not here, and it
  could serve (`lost_pool.refuses`). Without that word it may be dead, and this copy the only one that goes on. What
  a way brings may be old: where a `management` address is configured, that answers as well.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial

from checks.probes import carp_demotion, hast
from checks.probes.carp import CarpState
from checks.probes.errors import ProbeError
from checks.probes.hast import Resource, Role, Status
from remediate.context import Context
from remediate.failover import dumps, hast_of, hearing, lost_pool
from remediate.failover.dumps import Dumps
from remediate.failover.hearing import Responsiveness
from remediate.failover.peer import ASK
from remediate.state import ledger


def role_first(context: Context, here: Resource, carp: CarpState | None) -> bool:
    """Whether that is proven of a primary, mounted here, to which nobody is connected. Raises nothing: what cannot be
    known is no proof."""
    if here.status is Status.ABSENT or _has_more(here) or context.peer is None:
        return False
    there: list[Role | None] = []
    both: list[Dumps | None] = []
    fit: list[bool] = []
    with suppress(ProbeError):
        context.peer.node(ASK)  # whose it is, is asked once
        context.timing.together([
            lambda: there.append(_role_there(context, here.name)),
            lambda: both.append(dumps.read(context, here.name)),
            lambda: fit.append(_would_serve(context, here.name)),
        ])  # fmt: skip
    if not (there and both and both[0] and fit) or not _goes_on_alone(there[0], carp):
        return False
    serves = there[0] is Role.PRIMARY or (there[0] is Role.SECONDARY and fit[0])
    return serves and both[0].wrote_nothing_alone


def why_void(context: Context, name: str, remote: str, carp: Callable[[], CarpState | None]) -> str:
    """Why the proof does not stand any more right before the role is given up, empty where it does: what a raised
    localcnt would tell, `dirty` tells too, so both dumps are not read again. A connection outlives a cut that is
    shorter than `timeout` of hast.conf(5). What may change at any moment, and takes no ssh(1), is looked at last: also
    CARP, which may be MASTER here again by then. `remote`: where the other node's hastd listens; `carp`: reads it, and
    raises ProbeError. Raises nothing."""
    there, heard = context.timing.together(
        [lambda: _role_there(context, name), lambda: hearing.hastd(context.here, remote)]
    )
    try:
        here = hast.resource(context.here.node(), name)
        if not _goes_on_alone(there if isinstance(there, Role) else None, carp()):
            return "the other node does not say any more that it goes on alone"
    except (hast.NoState, ProbeError) as error:
        return f"whether this node has written alone, or has the address again, is not known: {error}"
    if here.status is Status.ABSENT:
        return "its worker has ended, and the next one may be connected"
    if here.status is Status.COMPLETE and heard is not Responsiveness.SILENT:
        return "the other node is connected and is heard again"
    return "this node has written alone meanwhile" if _has_more(here) else ""


def _role_there(context: Context, name: str) -> Role | None:
    """The role that the other node says it has now; None where it says none, or its management address is silent."""
    there = None if context.peer is None else hast_of.resource(context.peer, name, ASK)
    management = context.config.failover.management
    if there is None or (management and hearing.machine(context.here, management) is not Responsiveness.ALIVE):
        return None
    return there.role


def _would_serve(context: Context, name: str) -> bool:
    """Whether the other node says nothing for which it would not serve once it has the address. Raises nothing."""
    assert context.peer is not None
    there = context.peer.node(ASK)
    held = [partial(carp_demotion.read_from, there, path) for path in (carp_demotion.PATH, carp_demotion.STAND_IN)]
    looks: list[Callable[[], bool]] = [
        lambda: ledger.of_node(there, name).damage is None,
        *(lambda read=read: not lost_pool.refuses(read().reasons, name) for read in held),
    ]
    try:
        return all(context.timing.together(looks))
    except ProbeError:
        return False


def _goes_on_alone(there: Role | None, carp: CarpState | None) -> bool:
    """Whether the other node says that it is primary, or could be and has the address or gets it."""
    return there is Role.PRIMARY or (there is not None and carp in (CarpState.BACKUP, CarpState.INIT))


def _has_more(here: Resource) -> bool:
    """While hastd still takes the other node for connected, a write that waits for it is dirty and raises nothing."""
    return here.status is not Status.COMPLETE and here.dirty > 0
