"""What arrives from devd and hastd: written down at once, and what has to be done about it.

Both daemons call a program and the arguments only say "look now": devd(8) waits for it, hastd runs several at once in
no order. So an arrival takes milliseconds, and says whether a convergence has to follow.
"""

from __future__ import annotations

import re

from checks.plugin.text import plain
from checks.probes import carp, hast
from checks.probes.carp import CarpState
from checks.probes.errors import ProbeError
from checks.probes.hast import RESOURCE_NAME, Role
from remediate.failover import copies, hold, peer
from remediate.failover.facts import Peer
from remediate.failover.observe import boot_time, observe
from remediate.failover.resource import places
from remediate.site import Site
from remediate.state import events, ledger, marker
from remediate.state.journal import ALERT, INFO, NOTICE
from remediate.state.ledger import Copy, Event

OLD_STYLE = ("master", "slave", "backup")
"""What older set-ups call the hook with: one word, of no vhid."""
SELF_TEST = r"(?a)lo[0-9]{1,5}"
"""The interface whose arrival the self-test makes devd(8) tell of."""
SYNC_LOOKS = 2.0
"""Seconds in which a synchronisation that had nothing to copy is over: only a longer one leaves a copy behind."""
EVENTS = {
    "connect": Event.CONNECT,
    "disconnect": Event.DISCONNECT,
    "syncstart": Event.SYNCSTART,
    "syncdone": Event.SYNCDONE,
    "syncintr": Event.SYNCINTR,
}
ROLES = {"init": Event.ROLE_INIT, "primary": Event.ROLE_PRIMARY, "secondary": Event.ROLE_SECONDARY}


class Refused(Exception):
    """The arguments are none of devd's or hastd's; nothing was done."""


def carp_event(site: Site, words: list[str]) -> str:
    """A change of CARP: `VHID@IFACE STATE` (devd.conf(5), `$subsystem $type`), or one word of OLD_STYLE. What a
    convergence is to be called for, empty where none is needed. Raises Refused, StateError, ProbeError."""
    if len(words) == 2 and re.fullmatch(SELF_TEST, words[0]) and words[1] == "self-test":
        events.note_self_test(site.store, words[0], site.timing.wall())
        return ""
    node = site.here.node()
    if len(words) == 1 and words[0] in OLD_STYLE:
        for vhid in carp.vhids(node):
            events.note(site.store, vhid.name, vhid.state.value, site.timing.wall(), str(boot_time(node)))
        return f"devd {words[0]}"
    if len(words) != 2 or not events.valid(*words):
        raise Refused(f"not the arguments of a CARP event: {plain(' '.join(words), 120)!r}")
    events.note(site.store, words[0], words[1], site.timing.wall(), str(boot_time(node)))
    return f"devd {words[0]} {words[1]}"


def hast_event(site: Site, words: list[str]) -> str:
    """An event of hastd (hast.conf(5), `exec`). What a convergence is to be called for, empty where none is needed.
    Raises Refused, StateError, ProbeError."""
    kind, name, more = words[0] if words else "", words[1] if len(words) > 1 else "", words[2:]
    known = (kind == "split-brain" or kind in EVENTS) and not more
    role = kind == "role" and len(more) == 2 and all(word in ROLES for word in more)
    if not (known or role) or not re.fullmatch(RESOURCE_NAME, name):
        raise Refused(f"not the arguments of an event of hastd: {plain(' '.join(words), 120)!r}")
    if name not in places(site.here.node(), site.config):
        raise Refused(f"hast.conf has no resource {name}")
    if kind == "split-brain":
        return _split_brain(site, name)
    now = site.timing.wall()
    if kind == "role":
        ledger.record(site.store, name, ROLES[more[1]], now, site.journal.node_name)
        return f"hastd role {name} {more[1]}" if more[1] == "init" else ""
    try:
        resource = hast.resource(site.here.node(), name)
    except (hast.NoState, ProbeError) as error:
        raise Refused(f"what {kind} of {name} means is not known: {error}") from None
    if resource.role is Role.PRIMARY:  # what an event says of the own copy depends on it, and it may be news
        ledger.record(site.store, name, Event.ROLE_PRIMARY, now, site.journal.node_name)
    ledger.record(site.store, name, EVENTS[kind], now, site.journal.node_name)
    _about_the_copies(site, resource, EVENTS[kind])
    return _fit_again(site, f"hastd {kind} {name}") if kind == "connect" else ""


def told(site: Site, name: str, copy: Copy, by: str) -> str:
    """The other node, which is primary, says what this node's copy is. What a convergence is to be called for, empty
    where none is needed. Raises StateError."""
    event = Event.TOLD_COMPLETE if copy is Copy.COMPLETE else Event.TOLD_INCOMPLETE
    before, now = ledger.record(site.store, name, event, site.timing.wall(), by)
    if before.copy is not now.copy:
        site.journal.entry("ledger", resource=name, why=now.why, result=f"this copy is {now.copy.value}", severity=INFO)
    if copy is Copy.COMPLETE:
        _end_split_brain(site, name, f"{by} says that both copies are the same")
    return _fit_again(site, f"{by} told {copy.value}")


def _fit_again(site: Site, trigger: str) -> str:
    """A node that holds itself back is looked at again: it may be fit now."""
    return trigger if hold.reasons(site.store) else ""


def _split_brain(site: Site, name: str) -> str:
    """Write it down; the side that does not serve is the losing one, and steps down at once."""
    seen = observe(site)
    state = seen.facts.resources[name]
    serving = state.active and state.carp is CarpState.MASTER
    found = marker.record(site.store, name, seen.facts.name, seen.facts.boot_id, site.timing.wall(), not serving)
    if found.events == 1:
        side = "this node serves the clients" if serving else "this node does not serve, and steps down"
        site.journal.entry("split-brain", resource=name, why="hastd reports it", result=side, severity=ALERT)
    return "" if serving else f"hastd split-brain {name}"


def _about_the_copies(site: Site, resource: hast.Resource, event: Event) -> None:
    """What a primary learned of the other copy goes to the other node; a secondary that lost its primary asks it."""
    name = resource.name
    if resource.role is Role.PRIMARY:
        known = _after_a_look(site, name) if event in (Event.CONNECT, Event.SYNCSTART) else copies.of_peer(resource)
        if event is Event.SYNCDONE and known is not Copy.INCOMPLETE:
            known = Copy.COMPLETE
            _end_split_brain(site, name, "a synchronisation was completed")
        if known is not Copy.UNKNOWN:
            copies.tell(site, name, known, site.journal.node_name)
    elif resource.role is Role.SECONDARY and event is Event.DISCONNECT:
        asked = peer.ask(site, places(site.here.node(), site.config)[name])
        if asked is not None and asked.peer is Peer.HOLDS:
            ledger.record(site.store, name, Event.TOLD_INCOMPLETE, site.timing.wall(), asked.says.partition(" ")[0])


def _after_a_look(site: Site, name: str) -> Copy:
    """Whether a synchronisation that has begun is over at once, as it is where nothing was dirty (hast-facts, 19)."""
    seen = [Copy.UNKNOWN]

    def complete() -> bool:
        try:
            seen[0] = copies.of_peer(hast.resource(site.here.node(), name))
        except (hast.NoState, ProbeError):
            seen[0] = Copy.UNKNOWN
        return seen[0] is not Copy.UNKNOWN

    return seen[0] if site.timing.until(complete, SYNC_LOOKS, 0.2) else Copy.INCOMPLETE


def _end_split_brain(site: Site, name: str, why: str) -> None:
    if marker.present(site.store, name) is not None and marker.clear(site.store, name):
        site.journal.entry("split-brain", resource=name, why=why, result="it is over", severity=NOTICE)
