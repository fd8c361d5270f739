"""Who the NFS clients are: looked for on the node that serves, and known to the one that takes over.

At each periodic look, and right before the service is given away, the established connections of nfsd are noted
(netstat(1)), kept in the state directory, told to the other node where they have changed, and kept on the replicated
file system, which reaches the other node where no message does. So after a power cut what is known of connections is a
minute old at most. All of it only serves to wake clients (`waking`): nothing else depends on it, and what goes wrong
here is said and harms nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from checks.probes import tcp
from checks.probes.carp import CarpState
from checks.probes.errors import ProbeError
from checks.probes.hast import Status
from remediate.context import Context
from remediate.failover.observe import Observation
from remediate.failover.reach import HASTWATCH
from remediate.failover.resource import ResourcePlace, addresses
from remediate.failover.tickle import NFS_PORT
from remediate.state import clients
from remediate.state.clients import Clients, KnownClient
from remediate.state.journal import INFO, WARNING
from remediate.state.store import LARGEST, StateError

TELLS = 8.0
"""Seconds for the message to the other node, which nobody waits for but the next look."""
KEEPS = 5.0
"""Seconds for a file of the replicated file system to be written, or read."""
FILE, NEW = ".hastwatch.clients", ".hastwatch.clients.new"
"""In the root of the file system of a resource, root's alone, and its next version."""
FIND = "/usr/bin/find"
WHY = "clients that wait are woken when the other node serves"
TOLD = "clients_told.json"


def note(context: Context, observation: Observation) -> Clients | None:
    """Look, record, tell the other node, and keep it on the file systems; who is known, None where it was not
    looked. Raises nothing."""
    known = note_leaving(context, observation)
    if not known:
        return known
    for name in _served(observation):
        if observation.resources[name].status is Status.COMPLETE:  # alone, a write of ours would part the copies
            _keep(context, observation.places[name], known)
    return known


def note_leaving(context: Context, observation: Observation) -> Clients | None:
    """The same without the file systems, which are about to be unmounted. Raises nothing."""
    known = note_here(context, observation)
    if known is not None:
        tell(context, known)
    return known


def note_here(context: Context, observation: Observation) -> Clients | None:
    """Look and record; who is known, None where it was not looked. Raises nothing."""
    if not _served(observation) or "nfsd" not in observation.facts.node.serving:
        return None
    try:
        return look(context, observation)
    except (ProbeError, StateError) as error:
        context.journal.entry("clients", why=WHY, result=f"not noted: {error}", severity=WARNING)
        return None


def _served(observation: Observation) -> list[str]:
    states = observation.facts.resources.items()
    return [name for name, state in states if state.active and state.carp is CarpState.MASTER]


def look(context: Context, observation: Observation) -> Clients:
    """Who is connected now; all that is known then. Raises ProbeError, StateNotKept."""
    established = tcp.connections(context.here.node()).established
    now = context.timing.wall()
    services = [address for place in observation.places.values() for address in addresses(place, observation.vhids)]
    ports: dict[tuple[str, str], list[int]] = {}
    for each in established:
        if each.port == NFS_PORT and each.local in services:
            ports.setdefault((each.local, each.remote), []).append(each.remote_port)
    connected = tuple(
        KnownClient(*who, tuple(sorted(which)[: clients.MOST_PORTS]), now) for who, which in ports.items()
    )
    return clients.note(context.store, connected, services, now)


def messages(known: Clients) -> Iterator[tuple[str, ...]]:
    """The words of the messages that tell of them, one for each service address: ADDRESS CLIENT[,PORT]..."""
    for service in dict.fromkeys(each.service for each in known):
        yield service, *(clients.words(each) for each in known if each.service == service)


def receive(context: Context, service: str, words: Iterable[str]) -> None:
    """The other node tells of the clients of a service address. Raises ValueError, StateNotKept."""
    now = context.timing.wall()
    clients.note(context.store, tuple(clients.of_word(service, word, now) for word in words), [service], now)


def tell(context: Context, known: Clients) -> None:
    """Let the other node know, where it was told something else last. Raises nothing."""
    if context.peer is None:
        return
    now = [list(message) for message in messages(known)]
    try:
        if context.store.read(TOLD).get("told") == now:
            return
        trouble = ""
        for message in now:
            done = context.peer.act((context.config.failover.peer_hastwatch, "clients", "--told", *message), TELLS)
            trouble = trouble or (f"exit {done.status}: {done.words}" if done.status else "")
    except (ProbeError, StateError) as error:
        trouble = str(error)
    _journal_told(context, trouble)
    try:
        context.store.write(TOLD, {"version": 1, "told": None if trouble else now, "trouble": trouble})
    except StateError:
        return  # told again at the next look


def _journal_told(context: Context, trouble: str) -> None:
    """That it cannot be told is said once."""
    try:
        before = context.store.read(TOLD).get("trouble", "")
    except StateError:
        before = ""
    if bool(trouble) != bool(before):
        result = f"the other node could not be notified: {trouble}" if trouble else "the other node was notified"
        context.journal.entry("clients", why=WHY, result=result, severity=WARNING if trouble else INFO)


# --- on the replicated file system -----------------------------------------------------------------------------------


def _keep(context: Context, place: ResourcePlace, known: Clients) -> None:
    """Write it where it is not there yet, in a process of its own: a device that hangs must not hang this one, which
    holds the lock of the convergences. Raises nothing."""
    try:
        if list(messages(stored(context, place))) == list(messages(known)):
            return
        done = context.here.act((HASTWATCH, "clients", "--keep", place.point), KEEPS)
        trouble = done.words if done.status else ""
    except ProbeError as error:
        trouble = str(error)
    if trouble:
        result = f"not kept on {place.point}: {trouble}"
        context.journal.entry("clients", resource=place.name, why=WHY, result=result, severity=WARNING)


def stored(context: Context, place: ResourcePlace) -> Clients:
    """What the file system of a resource has of its clients, none where it has nothing that can be used: a client that
    is root there may have written it. Raises ProbeError."""
    done = context.here.act(reading(place), KEEPS)
    if done.status != 0 or len(done.stdout) > LARGEST:
        return ()
    try:
        values = json.loads(done.stdout)
    except (ValueError, RecursionError):
        return ()
    return clients.from_values(values) if isinstance(values, dict) else ()


def reading(place: ResourcePlace) -> tuple[str, ...]:
    """find(1), because cat(1) alone would follow a link, and wait for the writer of a pipe."""
    test = ("-maxdepth", "0", "-type", "f", "-user", "root", "-links", "1", "-size", f"-{LARGEST}c")
    return (FIND, f"{place.point}/{FILE}", *test, "-exec", "/bin/cat", "{}", ";")


def keep(context: Context, point: str, known: Clients) -> None:
    """Write the file of a file system that is mounted at `point` of this node. Raises OSError, ProbeError."""
    context.here.write_mounted(point, FILE, NEW, text(known))


def text(known: Clients) -> bytes:
    """The content of the file."""
    return f"{json.dumps(clients.as_values(known))}\n".encode()
