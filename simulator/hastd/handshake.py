"""How a primary worker connects to the peer's hastd, which lets it in or not.

primary.c, init_remote(); hastd.c, listen_accept().
A connection that is refused leaves its lines in the log of the node that refused, every KEEPALIVE seconds.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from simulator.hastd.messages import refusal, unpacked
from simulator.hastd.metadata import HandshakeVerdict, Role, decide
from simulator.hastd.secondary import EX_CONFIG, EX_NOINPUT, SecondaryWorker
from simulator.host.log import LogLevel
from simulator.network.link import Traffic

TOKEN_SIZE = 16
"""HAST_TOKEN_SIZE."""

if TYPE_CHECKING:
    from simulator.hastd.daemon import Daemon, RunningResource
    from simulator.hastd.primary import Primary
    from simulator.layout import NodeLayout


def connect(worker: Primary) -> Role | None:
    """One attempt of a primary to connect; gives the role that the peer refused with, None otherwise. It is its hastd
    that connects (primary.c, primary_connect()), and one that is stopped keeps its worker waiting."""
    if worker.hastd.stopped:
        return None
    there = worker.listening()
    if there is None:
        return None
    if there.hastd.busy:
        there.hastd.takes_tcp_connection()  # it waits in the queue, also when this worker has given it up
        return None
    return _accept(there.hastd, worker)


def is_silent(worker: Primary) -> bool:
    """Whether an attempt to connect gets neither an answer nor an error: then the worker waits `timeout` seconds for it
    (primary.c, primary_connect(); for a stopped hastd init_remote(), hast_proto_recv_hdr()). A kernel that runs refuses
    at once where nothing listens; an interface that is down and a route that rejects are errors at once."""
    here = worker.hastd.node
    there = here.peer
    if not worker.hastd.reachable:
        return False
    if not there.hastd.reachable or not worker.resource.conf.is_remote(there.layout):
        return True
    return there.hastd.busy or not here.pair.link.both_ways(here.name, there.name, Traffic.HAST)


def answer(hastd: Daemon, client: NodeLayout, message: bytes) -> bytes:
    """What somebody who is no worker of a primary is answered before the connection is closed; nothing where it is
    closed at once, or kept, as one without a token, which ends the worker of a secondary. No token is that of this
    hastd, which has given out none."""
    try:
        values = unpacked(message)
    except ValueError:
        hastd.log(LogLevel.ERROR, f"Unable to receive header from tcp://{client.address}: Invalid argument.")
        return b""
    name, token = values.get("resource", b"").decode().removesuffix("\0"), values.get("token")
    if token is not None and len(token) != TOKEN_SIZE:
        hastd.log(LogLevel.ERROR, f"Received token of invalid size from tcp://{client.address}.")
        return b""
    asked = _asked_for(hastd, name, client)
    if isinstance(asked, Refused):
        return refusal(asked.words, waits=asked.role is Role.PRIMARY)
    if token is None:
        _is_free(asked)
        return b""
    hastd.log(LogLevel.ERROR, f"[{name}] (secondary) Token received from tcp://{client.address} doesn't match.")
    return refusal("Token doesn't match.")


class Refused(NamedTuple):
    """What a client that is not let in is told, and the role that it is refused with."""

    words: str
    role: Role | None = None


def _asked_for(hastd: Daemon, name: str, client: NodeLayout) -> RunningResource | Refused:
    """hastd.c, listen_accept(): who may connect, as what."""
    resource, source = hastd.resources.get(name), client.address
    port = hastd.node.pair.random.randint(10000, 65000)
    _log_connection(hastd, source, port)
    if resource is None:
        hastd.log(LogLevel.ERROR, f"Unable to find resource {name}, requested by tcp://{source}:{port}.")
        return Refused("Resource not configured.")
    where = f"[{name}] ({resource.role})"
    if not resource.conf.is_remote(client):
        hastd.log(LogLevel.ERROR, f"{where} Client tcp://{source}:{port} has no access to the resource.")
        return Refused("No access to the resource.")
    if resource.role is not Role.SECONDARY:
        wanted = f"We act as {resource.role} for the resource and not as secondary as requested by"
        hastd.log(LogLevel.ERROR, f"{where} {wanted} tcp://{source}:{port}.")
        words = f"Remote node acts as {resource.role} for the resource and not as secondary."
        return Refused(words, resource.role)
    return resource


def _is_free(resource: RunningResource) -> bool:
    """Whether a connection without a token is taken: the worker of an earlier one is ended for it, which a stopped one
    never does."""
    if isinstance(resource.worker, SecondaryWorker):
        if resource.worker.stopped:
            return False
        resource.worker.end()
    return True


def _accept(hastd: Daemon, primary: Primary) -> Role | None:
    """The first connection of a primary, without a token; the role that it is refused with."""
    client = primary.hastd.node.layout
    resource = _asked_for(hastd, primary.resource.conf.name, client)
    if isinstance(resource, Refused):
        return resource.role
    if not _is_free(resource):
        return None
    _log_connection(hastd, client.address, hastd.node.pair.random.randint(10000, 65000))
    _start_secondary(hastd, resource, primary)
    return None


def _log_connection(hastd: Daemon, source: str, port: int) -> None:
    to = f"tcp://{hastd.node.layout.address}:8457"
    hastd.log(LogLevel.INFO, f"Connection from tcp://{source}:{port} to {to}.")


def _start_secondary(hastd: Daemon, resource: RunningResource, primary: Primary) -> None:
    """secondary.c, hastd_secondary() and init_remote()."""
    process = hastd.spawn_worker(resource, Role.SECONDARY)
    disk = hastd.node.disks.get(resource.conf.local)
    if disk is None or not disk.present or disk.metadata is None:
        hastd.node.processes.end(process)
        hastd.worker_ended(resource, process.pid, Role.SECONDARY, EX_NOINPUT)
        return
    mine = disk.metadata
    virgin = primary.metadata.resuid == 0
    if virgin:
        primary.update(resuid=hastd.new_resuid())
    ours = primary.metadata
    verdict = decide(ours, mine, virgin)
    if verdict.refused:
        hastd.node.processes.end(process)
        if verdict is HandshakeVerdict.SPLIT_BRAIN:
            hastd.event(resource, "split-brain")
            primary.hastd.event(primary.resource, "split-brain")
        hastd.worker_ended(resource, process.pid, Role.SECONDARY, EX_CONFIG)
        return
    everything = verdict in (HandshakeVerdict.FULL_SYNC, HandshakeVerdict.SHOULD_NEVER_HAPPEN)
    dirty = set(range(ours.extents)) if everything else set(disk.active)
    if mine.resuid == 0:
        disk.metadata = replace(mine, resuid=ours.resuid, localcnt=0, remotecnt=0, prevrole=Role.SECONDARY)
    disk.clear_map()
    worker = SecondaryWorker(hastd, resource, process, primary)
    resource.worker = worker
    hastd.event(resource, "connect")
    primary.connect_to(worker, dirty, verdict is HandshakeVerdict.FROM_SECONDARY)
