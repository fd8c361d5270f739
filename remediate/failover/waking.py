"""Wake the clients of a resource as soon as nfsd serves here: known connections first, then whoever else is known.

A client whose call the other node had acknowledged and not answered waits for its own time-out, 60 s or 300 s, though
the service is back (freebsd-facts: acknowledged-call-waits); `tickle` says how it is woken. What is known comes from
this node's own looks, from the other node's messages, and from the replicated file system (`clients`).

A tickle may be in vain: while CARP is cut both nodes are MASTER, and the client's answer to it reaches the other one.
So who has not come back is tickled again at the periodic looks, for as long as a client waits by itself; and anew when
the other node has been met again, which may have had the clients until then.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Iterable

from checks.probes.carp import Vhid
from checks.probes.errors import ProbeError
from remediate.context import Context
from remediate.failover import clients, tickle
from remediate.failover.hearing import NC
from remediate.failover.observe import Observation
from remediate.failover.reach import HASTWATCH
from remediate.failover.resource import ResourcePlace, addresses
from remediate.failover.tickle import NFS_PORT, SentSegments
from remediate.state import clients as remembered
from remediate.state.clients import Clients, KnownClient
from remediate.state.journal import INFO, WARNING, JournalLevel
from remediate.state.store import StateError

LISTENS, LOOK_AGAIN, CONNECTS = 10.0, 0.02, 0.2
"""Seconds from the start of nfsd until it listens, between two looks, and for one connection: a segment to a port that
is still closed is dropped on 13 (`silence`). A tickle that comes before has no effect."""
SENDS = 5.0
"""Seconds for all segments of a service address in one round to be sent."""
LATELY = 3600.0
"""Seconds since a client was seen, after which it is not expected back from the other node: many have just left."""
NOT_AGAIN = "who does not come back is not woken again"
TOGETHER = 200
"""Clients in one command line, where the node is reached through a prefix."""


def wake(context: Context, place: ResourcePlace, vhids: tuple[Vhid, ...]) -> str:
    """Wake them; how many segments were sent to whom, for the journal. Raises nothing: who is not woken waits as long
    as he would without it."""
    services = addresses(place, vhids)
    known = _of(services, remembered.read(context.store))
    first = _sent(context, services, known, connections)
    known += _of(services, _in_the_file(context, place))
    then = _sent(context, services, known, every_port)
    expect(context, tuple(known))
    count = len({each.address for each in known})
    says = f"{first.segments} segments to known connections, then {then.segments} to all ports of {count} clients"
    trouble = "; ".join(dict.fromkeys(each.trouble for each in (first, then) if each.trouble))
    return f"failed in part: {trouble}; {says}" if trouble else says


def expect(context: Context, those: Clients) -> None:
    """Await these clients: each is tickled at the periodic looks until it is connected here. Raises nothing."""
    now = context.timing.wall()
    try:
        remembered.await_them(context.store, those, now)
    except StateError as error:
        _journal(context, f"{NOT_AGAIN}: {error}", WARNING)


def expect_all(context: Context) -> None:
    """The same for all that were seen lately: the other node, which is met again, may have had them. Raises nothing."""
    now = context.timing.wall()
    expect(context, tuple(each for each in remembered.read(context.store) if now - each.at <= LATELY))


def again(context: Context, observation: Observation, looked: Clients | None) -> None:
    """At a periodic look, which has shown who is connected here, if it has: tickle those who are awaited still. Raises
    nothing."""
    if looked is None:
        return
    try:
        left = remembered.awaited(context.store, looked, context.timing.wall())
    except StateError as error:
        _journal(context, f"{NOT_AGAIN}: {error}", WARNING)
        return
    served = [place for name, place in observation.places.items() if observation.facts.resources[name].active]
    services = [service for place in served for service in addresses(place, observation.vhids)]
    here = {(each.service, each.address) for each in looked if each.ports}
    waiting = _of(services, left)
    away = [each for each in waiting if (each.service, each.address) not in here]
    first, then = _sent(context, services, waiting, connections), _sent(context, services, away, every_port)
    if trouble := first.trouble or then.trouble:
        _journal(context, f"who has not come back could not be woken again: {trouble}", WARNING)
    elif away:  # of the others a connection of before is likelier gone than waiting
        count = first.segments + then.segments
        _journal(context, f"{count} segments to {len(away)} clients that have not come back yet", INFO)


def _journal(context: Context, result: str, severity: JournalLevel) -> None:
    context.journal.entry("clients", why=clients.WHY, result=result, severity=severity)


def connections(client: KnownClient) -> list[tickle.ClientEndpoint | str]:
    """The connections that are known."""
    return [tickle.ClientEndpoint(client.address, port) for port in client.ports]


def every_port(client: KnownClient) -> list[tickle.ClientEndpoint | str]:
    """The client as one whose ports are not known, and those that are known and no privileged ones."""
    return [client.address, *(tickle.ClientEndpoint(client.address, port) for port in client.ports if port > 1023)]


def _of(services: Iterable[str], known: Clients) -> list[KnownClient]:
    return [each for each in known if each.service in services]


def _in_the_file(context: Context, place: ResourcePlace) -> Clients:
    try:
        return remembered.merged(clients.stored(context, place), context.timing.wall())
    except ProbeError:
        return ()


def _sent(
    context: Context,
    services: Iterable[str],
    known: list[KnownClient],
    ends: Callable[[KnownClient], list[tickle.ClientEndpoint | str]],
) -> SentSegments:
    """A round over all service addresses."""
    count, trouble = 0, ""
    for service in services:
        woken = list(dict.fromkeys(end for each in known if each.service == service for end in ends(each)))
        if not woken:
            continue
        if not context.timing.until(lambda service=service: _listens(context, service), LISTENS, LOOK_AGAIN):  # type: ignore[misc]
            trouble = trouble or f"nfsd does not listen at {service}"
            continue
        machine = context.here.machine
        if machine:
            sent = machine.wake(service, woken, context.timing, SENDS)
        else:
            there = context.here.via
            sent = (
                _through(context, service, woken) if there else tickle.wake_all(service, woken, context.timing, SENDS)
            )
        count, trouble = count + sent.segments, trouble or sent.trouble
    return SentSegments(count, trouble)


def _listens(context: Context, service: str) -> bool:
    """Whether nfsd takes connections at a service address of this node."""
    if context.here.machine:
        return context.here.machine.connects(service, NFS_PORT, CONNECTS) == 0
    if context.here.via:
        try:
            return context.here.act((NC, "-z", "-w", "1", service, str(NFS_PORT)), CONNECTS + 2).status == 0
        except ProbeError:
            return False
    try:
        socket.create_connection((service, NFS_PORT), CONNECTS).close()
    except OSError:
        return False
    return True


def _through(context: Context, service: str, woken: list[tickle.ClientEndpoint | str]) -> SentSegments:
    """By `hastwatch tickle` on the node."""
    count, trouble = 0, ""
    for begin in range(0, len(woken), TOGETHER):
        words = [each if isinstance(each, str) else tickle.in_a_word(each) for each in woken[begin : begin + TOGETHER]]
        try:
            done = context.here.act((HASTWATCH, "tickle", service, *words), SENDS + 2)
        except ProbeError as error:
            return SentSegments(count, str(error))
        match = re.match(r"(?a)\d+", done.stdout)
        count, trouble = count + (int(match[0]) if match else 0), trouble or (done.words if done.status else "")
    return SentSegments(count, trouble)
