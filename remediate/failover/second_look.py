"""Another look at the other node between the role and the first write: what was known of it may be over by then.

The device of a primary can be late (freebsd-facts: device-waits-for-a-dead-peer), and a check of a file system takes as
long as it takes. A node that was gone may be heard again: it was cut off, or has booted, and may serve, or have writes
that this copy lacks.
"""

from __future__ import annotations

from checks.probes.hast import Role
from remediate.context import Context
from remediate.failover import hast_of, peer
from remediate.failover.behind import behind
from remediate.failover.facts import Peer
from remediate.failover.peer import PeerStanding
from remediate.failover.resource import ResourcePlace
from remediate.failover.roles import GIVES_WAY, ROLE_EVERY

LATELY = 3.0
"""Seconds from the beginning of a look for which it counts."""


def against(context: Context, place: ResourcePlace, was: Peer, heedless: bool, wins: bool) -> tuple[str, PeerStanding]:
    """Why the resource must not be written to, empty where nothing speaks against it, and the look. `was`: what was
    known of the other node when the role was taken; `heedless`: a copy that lacks writes is served all the same;
    `wins`: this copy is the winning one of a split-brain. Raises nothing."""
    looked = peer.look(context, place)
    if looked.peer is Peer.HOLDS and not _gives_way(context, place):
        return f"{looked.says}, which was not known when the role was taken", looked
    if looked.peer is Peer.LINGERS and was is not Peer.LET_GO:
        return f"the other node is heard again: {looked.says}", looked
    if not looked.asked:
        return "", looked
    found = behind(context, place.name, None, asked=True)
    split = "" if wins else found.split
    return split or ("" if heedless else found.stale), looked


def _gives_way(context: Context, place: ResourcePlace) -> bool:
    """Whether the other node gives the role up again, as the one does whose name in hast.conf comes later."""
    if place.mine != min(place.nodes, default=""):
        return False

    def is_no_primary() -> bool:
        there = None if context.peer is None else hast_of.resource(context.peer, place.name, peer.ASK)
        return there is not None and there.role is not Role.PRIMARY

    return context.timing.until(is_no_primary, GIVES_WAY, ROLE_EVERY)
