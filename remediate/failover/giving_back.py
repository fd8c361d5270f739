"""A MASTER that finds itself unfit gives the address back to the node that it took it from.

Holding back does that wherever the other node is held back less. Where that is demoted by 240 itself, such as by
another CARP interface that is down, both sums are at the clamp of ip_carp.c, and nobody preempts: the unfit node would
stay MASTER forever, and the good one had given up its service for nothing.

A MASTER whose hastd does not run is such a one too (`demotion_reasons.GIVES_BACK`).

It is done once within `failover.window`, and not for a node that calls itself unfit too: so two nodes never throw the
address at each other. Within it, it is done again only after the other node has served since, or was held back by
failed promotions or by maintenance since, which has ended: by an operator (`hastwatch clear`), or after a time of its
own."""

from __future__ import annotations

from functools import partial

from checks.probes import carp, hast
from checks.probes.carp import CarpState, Vhid
from checks.probes.errors import ProbeError
from remediate.context import Context
from remediate.failover.lost_pool import ASK, ENDED_BY_A_HUMAN, fitness_of
from remediate.failover.observe import Observation
from remediate.failover.resource import ResourcePlace
from remediate.state import ledger
from remediate.state.journal import WARNING
from remediate.state.ledger import CopyState
from remediate.state.store import StateError

NAME = "given_back.json"
IFCONFIG = "/sbin/ifconfig"
SETS = 5.0
"""Seconds for one call of ifconfig(8)."""
PREEMPTS, LOOK_AGAIN = 3.0, 0.2
"""Seconds within which a node that is held back less has heard our advertisement, sent every 2 s at most
(carp_send_ad_locked(): advbase 1, advskew 240), and has the address; and between two looks."""


def give_back(context: Context, observation: Observation, name: str, run: str) -> bool:
    """Give the address of a resource that this node refuses to serve to the other node, where that could serve; whether
    it is gone. Raises nothing: what cannot be done is journalled, and this node stays what it is."""
    place = observation.places[name]
    mine = [vhid for vhid in place.speaking(observation.vhids) if _can_be_given(vhid)]
    gone = context.timing.until(partial(_is_gone, context, place), PREEMPTS, LOOK_AGAIN)
    if gone or not mine:
        return gone
    try:
        if not _could_serve(context, place) or _recently(context, name):
            return False
        context.store.write(NAME, {"version": 1, "at": context.timing.wall(), "resource": name})
        for vhid in mine:
            context.here.act((IFCONFIG, vhid.interface, "vhid", str(vhid.number), "state", "backup"), SETS)
        gone = context.timing.until(partial(_is_gone, context, place), SETS, LOOK_AGAIN)
        result = "the address was given back" if gone else "the address could not be given back"
    except (StateError, ProbeError) as error:
        result = f"the address is not given back: {error}"
    context.journal.entry("give-back", resource=name, why="this node does not serve it, and the other node could",
                          result=result, severity=WARNING, run=run)  # fmt: skip
    return gone


def _can_be_given(vhid: Vhid) -> bool:
    return vhid.protocol == "carp" and vhid.state is CarpState.MASTER


def _is_gone(context: Context, place: ResourcePlace) -> bool:
    try:
        return place.asks(carp.vhids(context.here.node())).state is not CarpState.MASTER
    except ProbeError:
        return False


def _recently(context: Context, name: str) -> bool:
    """Whether the address was given back before, and nothing has changed since. Raises StateUnreadable."""
    before = context.store.read(NAME)
    at, window = before.get("at"), context.config.failover.window
    if at is None:
        return False
    if not isinstance(at, float):
        return True
    over = abs(context.timing.wall() - at) > window
    return not (over or before.get("was_unfit") is True or _has_served_since(context, name, at))


def _has_served_since(context: Context, name: str, at: float) -> bool:
    """Whether the other node, as a primary, was connected since, or has told of this copy."""
    own = ledger.read(context.store, name)
    since = own.since if own.copy is CopyState.INCOMPLETE else None
    return any(time is not None and time > at for time in (own.connected_at, own.last_complete, since))


def _note_unfit(context: Context) -> None:
    """The node that the address was given back to is held back until an operator ends that. Raises StateError."""
    before = context.store.read(NAME)
    if before and before.get("was_unfit") is not True:
        context.store.write(NAME, {**before, "was_unfit": True})


def _could_serve(context: Context, place: ResourcePlace) -> bool:
    """Whether the other node waits for the address with a copy that it does not know to lack anything. What is not
    known is no reason to give anything away. Raises StateError."""
    if context.peer is None:
        return False
    try:
        node = context.peer.node(ASK)
        waits = place.asks(carp.vhids(node)).state is CarpState.BACKUP
        fit, reasons = fitness_of(context, node, place.name)
    except (ProbeError, hast.NoState, hast.MetadataUnreadable):
        return False
    if ENDED_BY_A_HUMAN.intersection(reasons):
        _note_unfit(context)
    return waits and fit
