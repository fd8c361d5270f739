"""What a primary knows of the other copy when it loses the connection: that this may lack what was underway.

The other node has not answered it, clients were told that it is safe, and hastd copies it never (`probes.unproven`). So
the other copy counts as incomplete from the loss of the connection on, whatever hastd says when it has it back, until
both were compared (`verification.proving`). What may be missing is read here at once: hastd keeps the extents that were
written last in the map on its disk, and drops the oldest when others are written.

Without a way to the other node nothing can be compared, nor told: then nothing is recorded.
"""

from __future__ import annotations

from checks.plugin.text import say_count
from checks.probes import hast
from checks.probes.errors import ProbeError
from checks.probes.hast import Resource, Role
from checks.probes.timestamps import utc
from checks.probes.unproven import MOST, UnprovenCopy
from checks.probes.verified import Verification
from remediate.context import Context
from remediate.failover import own_copy
from remediate.state import unproven
from remediate.state.journal import CRIT, NOTICE, WARNING
from remediate.state.store import StateError

LATE = 30.0
"""Seconds after the loss of a connection until which a full map counts as that of a moment later."""


def lost(context: Context, name: str, at: float) -> None:
    """A worker of this node has lost the connection at `at` (seconds since 1970); on a standby that says nothing of the
    other copy. Raises nothing: what cannot be recorded is journalled."""
    if context.peer is None:
        return
    extents: frozenset[int] | None = None
    full, trouble = True, ""
    try:
        resource = hast.resource(context.here.node(), name)
        if resource.role is not Role.PRIMARY or resource.writes == 0:  # then nothing of it can have been underway
            return
        extents, trouble = _marked(context, resource)
        full = extents is None or len(extents) >= resource.keepdirty
        late = context.timing.wall() - at
        if full and extents is not None and late > LATE:  # events wait while the node is being brought in place
            extents, trouble = None, f"it is one of {late:.0f} s later"
    except (ProbeError, hast.NoState) as error:
        if own_copy.known(context, name).role != Role.PRIMARY.value:
            return
        trouble = str(error)
    try:
        now = unproven.lost(context.store, name, at, extents, full)
    except StateError as error:
        result = f"not recorded: what the other copy may lack is not looked for: {error}"
        context.journal.entry("unproven", resource=name, result=result, severity=CRIT)
        return
    count = "every extent" if now.extents is None else say_count(len(now.extents), "extent")
    why = f"the connection was lost at {utc(at)}" + (f"; the map says too little: {trouble}" if trouble else "")
    if now.extents is None and not trouble:
        why += f"; the map names more than {MOST} extents"
    context.journal.entry("unproven", resource=name, why=why, severity=WARNING,
                          result=f"the other copy may lack what was underway, {count} to compare")  # fmt: skip


def _marked(context: Context, resource: Resource) -> tuple[frozenset[int] | None, str]:
    """The extents of the map, or why it cannot be read."""
    from remediate.verification.extents import provider  # it imports what hashes need

    try:
        where = provider(resource.localpath, hast.metadata(context.here.node(), resource.name))
        opened = context.here.extents(where)
        try:
            return opened.marked(), ""
        finally:
            opened.close()
    except (ProbeError, hast.MetadataUnreadable) as error:
        return None, str(error)


def known(context: Context, name: str) -> UnprovenCopy | None:
    """What is known as primary against the other copy; None where nothing is. Raises nothing."""
    return unproven.known(context.store, name)


def proven(context: Context, name: str, trigger: str, doubt: UnprovenCopy, count: int) -> bool:
    """So many extents are equal, which is all that was `doubt` to be wanted; False where the connection was lost
    meanwhile. Raises StateNotKept."""
    if not unproven.judged(context.store, name, doubt, None):
        return False
    reach = ""
    if doubt.full and doubt.extents is not None:
        reach = "; one that was written before these may have left hastd's map: hastwatch verify compares all of them"
    result = f"the other copy has what was underway at {utc(doubt.last)}: {say_count(count, 'extent')} equal{reach}"
    context.journal.entry("unproven", resource=name, why=trigger, result=result, severity=NOTICE)
    return True


def compared(context: Context, name: str, run: Verification) -> None:
    """All extents were compared: where they are equal, what was known before that began counts no more. Raises
    StateNotKept."""
    before = unproven.known(context.store, name)
    if before is not None and run.equal and run.began > before.last:
        proven(context, name, "hastwatch verify", before, run.extents)


def connected(context: Context, name: str) -> None:
    """The other node has connected: what differed is compared again. Its copy may have been recreated, or a new worker
    of this node copy it. Raises nothing."""
    before = known(context, name)
    if before is not None and before.differ:
        _change(context, name, before, before._replace(differ=(), through=False))


def synchronised(context: Context, name: str, at: float) -> None:
    """A synchronisation was through at `at`. Raises nothing."""
    before = known(context, name)
    if before is not None and not before.through and at >= before.last:
        _change(context, name, before, before._replace(through=True))


def _change(context: Context, name: str, doubt: UnprovenCopy, now: UnprovenCopy) -> None:
    try:
        unproven.judged(context.store, name, doubt, now)
    except StateError as error:
        context.journal.entry("unproven", resource=name, result=f"not written: {error}", severity=WARNING)
