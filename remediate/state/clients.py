"""The NFS clients of a node, or of the other one as that told: who was connected at the last look, and who was before.

Addresses come from TCP connections that were established, which a stranger cannot fake from elsewhere, or from the
other node. Everything is bounded, and an address that cannot be a client's is left out: packets are sent to each.

Those who may wait for the answer of another node are *awaited* (`clients_awaited.json`) until they are connected here,
or until their own time-out has ended that.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from checks.probes.timestamps import since_1970, utc
from remediate.state.store import StateUnreadable, Store, Values

NAME, AWAITED = "clients.json", "clients_awaited.json"
KEPT = 7 * 86400.0
"""Seconds after which a client that was not connected any more is forgotten."""
MOST_CLIENTS, MOST_PORTS = 512, 16
"""Clients of all service addresses together, the last seen first; connections of one (`nconnect`, nfs(5) of Linux: 16
at most)."""


TIME_OUT = 300.0
"""Seconds that a client waits for an answer at most (NFS_TCPTIMEO, sys/fs/nfs/nfs.h; `timeo` of Linux, 60 s)."""


class KnownClient(NamedTuple):
    """A client of a service address; `ports` of the connections that were established when it was seen last, at `at`
    (seconds since 1970), none where it was not connected at the last look."""

    service: str
    address: str
    ports: tuple[int, ...]
    at: float


Clients = tuple[KnownClient, ...]


def read(store: Store) -> Clients:
    """What is known, the last seen first. Raises nothing: who cannot be read is woken by nobody, and waits for his own
    time-out."""
    try:
        return from_values(store.read(NAME))
    except StateUnreadable:
        return ()


def note(store: Store, connected: Clients, services: Iterable[str], now: float) -> Clients:
    """A look at the services saw these clients, each with its connections, and no others; what is known then. Raises
    StateNotKept."""
    looked = set(services)

    def noted(values: Values) -> Values:
        before = [each._replace(ports=()) if each.service in looked else each for each in from_values(values)]
        return as_values(merged((*connected, *before), now))

    return from_values(store.update(NAME, noted, instead=lambda error: {}))


def await_them(store: Store, those: Clients, now: float) -> None:
    """From now on these clients are awaited too. Raises StateNotKept."""

    def more(values: Values) -> Values:
        everyone = merged((*from_values(values), *those), now)
        return {**as_values(everyone), "since": utc(now)} if everyone else {}

    store.update(AWAITED, more, instead=lambda error: {})


def awaited(store: Store, looked: Clients, now: float) -> Clients:
    """Who is awaited still, for TIME_OUT at most: `ports` of connections that a look, of which `looked` came, did not
    find here; and clients of which it found none at all. The list is kept as it is then. Raises StateNotKept."""
    here = {(each.service, each.address): each.ports for each in looked if each.ports}

    def shortened(values: Values) -> Values:
        since = min(_since(values), now)  # a clock that was set back ends nothing, and prolongs nothing for long
        left = []
        for each in from_values(values) if now - since <= TIME_OUT else ():
            connected = here.get((each.service, each.address), ())
            ports = tuple(port for port in each.ports if port not in connected)
            if ports or not connected:
                left.append(each._replace(ports=ports))
        return {**as_values(tuple(left)), "since": utc(since)} if left else {}

    return from_values(store.update(AWAITED, shortened, instead=lambda error: {}))


def _since(values: Values) -> float:
    try:
        return since_1970(values.get("since"))
    except ValueError:
        return 0.0


def merged(clients: Iterable[KnownClient], now: float) -> Clients:
    """Each client once, by the last look at it, within the bounds and not older than KEPT. A time ahead of `now`, as of
    another clock, counts as now."""
    latest: dict[tuple[str, str], KnownClient] = {}
    for client in sorted(clients, key=lambda each: (min(each.at, now), bool(each.ports)), reverse=True):
        if now - client.at <= KEPT and _is_possible(client):
            latest.setdefault((client.service, client.address), client._replace(at=min(client.at, now)))
    return tuple(latest.values())[:MOST_CLIENTS]


def as_values(clients: Clients) -> Values:
    """The object in the file."""
    listed = [{**each._asdict(), "ports": list(each.ports), "at": utc(each.at)} for each in clients]
    return {"version": 1, "clients": listed}


def from_values(values: Mapping[str, object]) -> Clients:
    """The clients out of that object; none out of another one, and what in it is not a client is left out."""
    listed = values.get("clients")
    if values.get("version") != 1 or not isinstance(listed, list):
        return ()
    clients = [_client(each) for each in listed[:MOST_CLIENTS]]
    return tuple(each for each in clients if each is not None)


def words(client: KnownClient) -> str:
    """A client in one word that needs no quoting: ADDRESS[,PORT]..."""
    return ",".join([client.address, *map(str, client.ports)])


def of_word(service: str, word: str, at: float) -> KnownClient:
    """The client of such a word. Raises ValueError."""
    address, *ports = word.split(",")
    if not all(port.isascii() and port.isdigit() and len(port) <= 5 for port in ports):
        raise ValueError(f"{word[:80]!r} is not a client")
    client = KnownClient(service, address, tuple(map(int, ports)), at)
    if not _is_possible(client):
        raise ValueError(f"{word[:80]!r} is not a client")
    return client


def _client(values: object) -> KnownClient | None:
    if not isinstance(values, dict):
        return None
    try:
        ports = values["ports"]
        if not isinstance(ports, list) or not all(type(port) is int for port in ports):
            return None
        client = KnownClient(str(values["service"]), str(values["address"]), tuple(ports), since_1970(values["at"]))
    except (KeyError, ValueError):
        return None
    return client if _is_possible(client) else None


def _is_possible(client: KnownClient) -> bool:
    """Whether both addresses are unicast addresses of one family, and the ports are ports, not too many."""
    try:
        service, address = ipaddress.ip_address(client.service), ipaddress.ip_address(client.address)
    except ValueError:
        return False
    if "%" in client.service + client.address:  # of one link, which has another name on the other node
        return False
    odd = address.is_multicast or address.is_unspecified or address.is_loopback or int(address) == 0xFFFFFFFF
    ports = len(client.ports) <= MOST_PORTS and all(0 < port < 65536 for port in client.ports)
    return service.version == address.version and address != service and not odd and ports
