"""Whether this node's copy is proven to be the newest after a boot: this node was the last one that wrote.

It is recorded while it is so: this node is primary, the other one is not connected, hastd has written what that one
lacks, and that one, if it lives, would not serve any more. The note has the counters of this node's disk, because a
synchronisation that is completed changes them (sbin/hastd/primary.c, sync_thread()) even where nobody heard of it. A
connection that is seen in any other way voids it, and so does another node that is heard to be MASTER while this one is
still primary.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

from checks.probes.carp import CarpState
from checks.probes.errors import ProbeError
from checks.probes.hast import Resource, Role, Status
from remediate.context import Context
from remediate.failover import hast_of, own_copy
from remediate.failover.facts import ResourceState
from remediate.failover.peer_notice import reported
from remediate.failover.this_boot import this_boot
from remediate.state import alone
from remediate.state.journal import WARNING
from remediate.state.ledger import CopyState
from remediate.state.store import StateError, Values

NAME = "newest.json"
LATE = 45.0
"""Seconds by which the other node may miss the connection later than this one: HAST_TIMEOUT (sbin/hastd/hast.h) twice,
for its worker's reads and for a connection that is made again, and a moment to tell."""


def note(context: Context, states: Mapping[str, ResourceState], resources: Mapping[str, Resource]) -> None:
    """Record what a look at the node shows of its copies. Raises nothing: what cannot be recorded is not known
    after a boot."""
    for name, resource in resources.items():
        given_way = resource.role is Role.PRIMARY and states[name].carp is CarpState.BACKUP
        if resource.status is Status.COMPLETE or given_way:
            void(context, name)
        elif states[name].active:
            note_alone(context, resource)


def look(context: Context, name: str) -> None:
    """The same of a node that holds back, and still is MASTER: nobody is there to serve after it. Where hastd gives no
    answer nothing is recorded. Raises nothing."""
    here = hast_of.resource(context.here, name)
    if here is not None and _writes_alone(here):
        _keep(context, name)


def note_alone(context: Context, resource: Resource) -> None:
    """Write it down where this node is primary and has written alone, and the other one knows. Raises nothing."""
    if _writes_alone(resource) and _would_refuse(context, resource.name):
        _keep(context, resource.name)


def _writes_alone(resource: Resource) -> bool:
    return resource.role is Role.PRIMARY and resource.status is not Status.COMPLETE and resource.dirty > 0


def _would_refuse(context: Context, name: str) -> bool:
    """Whether the other node, if it lives, would not serve its copy when this one dies: it was told that it is behind,
    it was MASTER before this node was promoted, and gone, or it has missed the connection to a MASTER for longer than
    it takes (`ledger.stale`)."""
    if reported(context).get(name) == CopyState.INCOMPLETE.value:
        return True
    with suppress(ProbeError):
        if name in alone.promoted(context.store, this_boot(context)):
            return True
    own = own_copy.known(context, name)
    since = own.unheard_since if own.parted_at is None else own.parted_at
    return since is not None and context.timing.wall() - since > context.config.failover.stale_after + LATE


def void(context: Context, name: str) -> None:
    """The nodes are connected, or another one is MASTER: from now on the other copy may become the newest. Raises
    nothing; where it cannot be recorded, the counters tell of a synchronisation."""
    _change(context, name, None)


def is_proven(context: Context, name: str) -> bool:
    """Whether the note of this copy still holds. Raises nothing: what cannot be read proves nothing."""
    try:
        noted = context.store.read(NAME).get(name)
    except StateError:
        return False
    return noted is not None and noted == _counters(context, name)


def _keep(context: Context, name: str) -> None:
    counters = _counters(context, name)
    if counters is not None:
        _change(context, name, counters)


def _counters(context: Context, name: str) -> dict[str, int] | None:
    """Those of this node's disk, None where they cannot be read or say that nothing was written alone: localcnt is
    raised by the first such write (primary.c, write_complete())."""
    metadata = hast_of.metadata(context.here, name)
    if metadata is None or metadata.resuid == 0 or metadata.localcnt == 0:
        return None
    return {"resuid": metadata.resuid, "localcnt": metadata.localcnt, "remotecnt": metadata.remotecnt}


def _change(context: Context, name: str, counters: dict[str, int] | None) -> None:
    try:
        if context.store.read(NAME).get(name) == counters:
            return
        context.store.update(NAME, lambda values: _changed(values, name, counters), instead=lambda error: {})
    except StateError as error:
        context.journal.entry("newest", resource=name, result=f"not written: {error}", severity=WARNING)


def _changed(values: Values, name: str, counters: dict[str, int] | None) -> Values:
    others = {key: value for key, value in values.items() if key not in (name, "version")}
    if counters is not None:
        others[name] = counters
    return {"version": 1, **others} if others else {}
