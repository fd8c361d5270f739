"""Whether one of the two copies of a split-brain was given up since, so that the marker of the losing side is void.

`hastctl create` leaves metadata without a resource ID (sbin/hastctl/hastctl.c, create_one()), and only a primary gives
one (sbin/hastd/primary.c, init_resuid()): so a dump shows it. It also leaves a `localcnt` of 0, which still shows it
once a primary has connected: each copy of a split-brain has a higher one than the other one's `remotecnt`
(sbin/hastd/secondary.c, init_remote()), and only the first write as primary raises it. A copy that was given up itself
holds nothing of its own, and only has to follow: a role init would interrupt the synchronisation that fills it, at
whose end the marker goes. Until then it is no copy to be served. Where it was the other one, and that is marked as the
losing side too, neither node had the clients when the split-brain was found, and an operator has chosen
(docs/recovery.md). Otherwise the other one may have had them, and may have been wiped by mistake: then this one is
served on an operator's word only.
"""

from __future__ import annotations

from checks.probes.counters import Relation
from checks.probes.errors import ProbeError
from checks.probes.marker import read as read_marker
from remediate.context import Context
from remediate.failover import dumps, hast_of
from remediate.failover.peer import ASK
from remediate.state import marker

LATELY = 20.0
"""Seconds: hastd finds a split-brain anew every 10 s (primary.c, HAST_KEEPALIVE)."""
ONLY = "this is or may be the losing copy of a split-brain, and the other one was recreated since"


def given_up(context: Context, name: str, going_up: bool) -> str | None:
    """None where neither copy is known to have been given up. Otherwise why an operator has to say that this one is to
    be served, empty where the split-brain is nothing against it. What hastd has reported a moment ago is so still, and
    is not looked at. Raises nothing."""
    record = marker.present(context.store, name)
    if record is not None and abs(context.timing.wall() - record.last) <= LATELY:
        return None
    mine = hast_of.metadata(context.here, name)
    if mine is None:
        return None
    if mine.resuid == 0 or (mine.localcnt == 0 and not going_up):
        return ""
    both = dumps.beside(context, name, mine)
    if context.peer is None or both is None or not both.heard or both.relation is not Relation.SECOND_BLANK:
        return None
    try:
        marked = read_marker(context.peer.node(ASK), name)
    except ProbeError as error:
        return f"{ONLY}; whether that one had the clients is not known: {error}"
    if marked is None or marked.losing is None:
        return f"{ONLY}; whether that one had the clients is not known"
    return "" if marked.losing else f"{ONLY}, though it had the clients when the split-brain was found"
