"""Both nodes at a glance, for people: what each of them has, and what could not be read of it.

Nothing is decided here and nothing changed. Both nodes are read in the same way and at the same time, each through its
own way; what is remembered of this node lies in its state directory, that of the other one is read through its way.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from functools import partial
from typing import NamedTuple, TypeVar

from checks.probes import carp_demotion, hast, route, zpool
from checks.probes.carp import CarpState, Vhid
from checks.probes.carp_demotion import DemotionRecord
from checks.probes.errors import NotUnderstood, ProbeError
from checks.probes.filesystem import Mount, mounted_at
from checks.probes.hast import Resource, Role, Status
from checks.probes.hast_state import HastRole
from checks.probes.maintenance import Maintenance
from checks.probes.marker import Marker
from checks.probes.node import Node
from checks.probes.node_state import MountState
from checks.probes.processes import Process, hastd, hastd_workers, running
from checks.probes.read_node import NodeReader, UnreadPart, attempted, mounted_as
from checks.probes.unproven import UnprovenCopy
from checks.probes.verified import Verification
from remediate.config import RemediationConfig
from remediate.context import Context
from remediate.failover import silence
from remediate.failover.carp_demotion import recorded
from remediate.failover.filesystems import takes_no_files_on
from remediate.failover.pair_nodes import JOURNAL_END, OpenedNode, PairNodes, ask_ahead, opened
from remediate.failover.remote_state import RemoteStore
from remediate.failover.resource import ResourcePlace, places
from remediate.failover.services import running_services
from remediate.state import failures, ledger, maintenance, marker, unproven, verifications
from remediate.state.journal import NAME as JOURNAL
from remediate.state.journal import JournalEntry, parse
from remediate.state.ledger import Ledger
from remediate.state.store import StateUnreadable, Store

T = TypeVar("T")

BYTES = 1 << 18
"""The end of this node's journal that is looked through for the last entry worth telling."""
TELLING = frozenset({"promoted", "promotion-failed", "refused", "switchover", "split-brain"})
"""Events of the journal that say how the service came to be where it is, or why it is nowhere."""
WORKER = r"hastd: (?P<name>\S+) \((?P<role>primary|secondary)\)"
"""The title of a worker (freebsd-facts: workers-are-jailed): the role where hastd itself does not speak to this
user."""


class ResourceStatus(NamedTuple):
    """A resource on a node. None: not known. `dirty` in bytes."""

    place: ResourcePlace
    carp: CarpState | None
    carp_why: str
    role: HastRole
    status: Status | None
    dirty: int | None
    mounted: MountState | None
    exported: bool | None
    protected: bool | None
    """The empty mount point takes no files."""
    copy: Ledger
    split: Marker | None
    rejects: bool | None = None
    """A route rejects the other node's address in the replication; looked for where no connection is there."""
    verified: Verification | None = None
    """What came out when the copies were compared last."""
    unproven: UnprovenCopy | None = None
    """What is known as primary against the other copy."""
    suspended: str = ""
    """Why nothing of its ZFS pool can be read or written; empty where it can, or where that is not known."""
    since: float | None = None
    """When hastwatch promoted it here, in this boot; None where the journal does not say."""
    size: int | None = None
    """Bytes of the whole copy, where it is being synchronised to the other node; else None."""
    unrecorded: float = 0.0
    """For how many seconds the state directory itself has taken no note of this copy, in this boot; 0 where that is not
    known."""


class NodeStatus(NamedTuple):
    """A node. None: not known. `trouble` says why nothing of it could be read, and is empty otherwise; `unread` what
    else could not be. `uptime` in seconds, `demotion` that of CARP with our share `held` in it."""

    name: str
    trouble: str = ""
    uptime: float | None = None
    vhids: tuple[Vhid, ...] | None = None
    carp_loaded: bool = True
    demotion: int | None = None
    held: DemotionRecord = DemotionRecord()
    hastd: bool | None = None
    daemons: frozenset[str] | None = None
    """Those of NFS that run."""
    services: frozenset[str] | None = None
    """Those of the configured other services that run."""
    maintenance: Maintenance | None = None
    blocked: str = ""
    resources: dict[str, ResourceStatus] = {}  # noqa: RUF012 - never changed: a NamedTuple has no other way to say "empty"
    last: JournalEntry | None = None
    unread: tuple[str, ...] = ()
    silent: bool = False
    """Segments to closed ports are dropped, as while a failover runs: one runs, or was killed."""


class PairStatus(NamedTuple):
    """This node, then the other one where a way to it is known. `now` in seconds since 1970; `services`: those
    configured beside NFS."""

    nodes: tuple[NodeStatus, ...]
    now: float
    services: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()

    @property
    def names(self) -> list[str]:
        """The resources that are on any node."""
        return list(dict.fromkeys(name for node in self.nodes for name in node.resources))


def look(context: Context, only: tuple[str, ...] = (), nodes: PairNodes | None = None) -> PairStatus:
    """Read both nodes, which may be open already; of the resources those named, or all. Raises nothing: what cannot be
    read is said."""
    if nodes is None:
        nodes = opened(context)
        ask_ahead(context, nodes.nodes, only)
    looks = [partial(_node, context, each, context.store, only) for each in nodes if each is not None]
    seen = context.timing.together(looks)
    unread: tuple[str, ...] = ()
    if nodes.peer is None:
        unread = ("the other node: how to reach it is not known (`peer` in the configuration, or --peer)",)
    elif seen[1].name == seen[0].name and seen[1].trouble:
        seen, unread = seen[:1], (f"the other node: {seen[1].trouble}",)
    return PairStatus(tuple(seen), context.timing.wall(), context.config.failover.services, unread)


def _node(context: Context, node: OpenedNode, store: Store, only: tuple[str, ...]) -> NodeStatus:
    """A node; `store` is where this one remembers."""
    if node.node is None:
        return NodeStatus(os.path.basename(node.way.via[-1]), trouble=str(node.error))
    try:
        name = node.node.name
    except ProbeError as error:
        return NodeStatus(node.node.label, trouble=str(error))
    if node.way is not context.here or isinstance(store, RemoteStore):
        store = RemoteStore(node.way, node.node)
    return _Look(context, node.node, store, only).all(name)


class _Look:
    """One look at a node, in parts that go on at the same time, and the notes of it."""

    def __init__(self, context: Context, node: Node, store: Store, only: tuple[str, ...]) -> None:
        self.context, self.node, self.store, self.only = context, node, store, only
        self.reader = NodeReader(node)
        self.unread: list[str] = []
        self.vhids: tuple[Vhid, ...] | None = None
        self.demotion: int | None = None
        self.carp_loaded = True
        self.booted: int | None = None
        self.boot = ""
        self.running: tuple[Process, ...] | None = None
        self.mounts: tuple[Mount, ...] | None = None
        self.places: dict[str, ResourcePlace] = {}
        self.kept = DemotionRecord()
        self.suspended: Maintenance | None = None
        self.blocked = ""
        self.last: JournalEntry | None = None
        self.promoted: dict[str, JournalEntry] = {}
        self.services: frozenset[str] | None = None
        self.silent = False

    def all(self, name: str) -> NodeStatus:
        """Everything, what the resources depend on before them."""
        together = self.context.timing.together
        together([self._carp, self._system, self._storage, self._remembered, self._journal])
        looked = together([partial(self._resource, place) for place in self.places.values()])
        wall = self.context.timing.wall()
        held = self.kept
        if self.demotion is not None:
            held = carp_demotion.share(held, self.boot, self.demotion)
        return NodeStatus(
            name=name,
            uptime=None if self.booted is None else max(wall - self.booted, 0.0),
            vhids=self.vhids,
            carp_loaded=self.carp_loaded,
            demotion=self.demotion,
            held=held,
            hastd=self._hastd(looked),
            daemons=None if self.running is None else running(self.running),
            services=self.services,
            maintenance=self.suspended,
            blocked=self.blocked,
            resources=dict(zip(self.places, looked, strict=True)),
            last=self.last,
            unread=tuple(dict.fromkeys([*self.unread, *map(str, self.node.not_understood)])),
            silent=self.silent,
        )

    def _known(self, part: T | UnreadPart) -> T | None:
        if isinstance(part, UnreadPart):
            self.unread.append(str(part))
            return None
        return part

    def _read(self, read: Callable[[], T]) -> T | None:
        return self._known(attempted(read))

    def _carp(self) -> None:
        self.vhids = self._known(self.reader.vhids())
        demotion = self.reader.demotion()
        self.demotion, self.carp_loaded = self._known(demotion), demotion is not None

    def _system(self) -> None:
        self.booted = self._known(self.reader.boot_time())
        self.boot = self._known(self.reader.boot_mark()) or ""
        self.running = self._known(self.reader.processes())
        services = self.context.config.failover.services
        self.services = self._read(partial(running_services, self.node, services)) if services else None

    def _storage(self) -> None:
        self.mounts = self._known(self.reader.mounts())
        config = self.context.config
        resources = self._read(partial(places, self.node, config, self.only))
        self.places = (
            {name: assumed(name, config) for name in self.only or config.resource} if resources is None else resources
        )

    def _remembered(self) -> None:
        now = self.context.timing.wall()
        try:
            self.kept = recorded(self.store)
        except StateUnreadable as error:
            self.unread.append(str(error))
        try:
            self.silent = silence.recorded(self.store) is not None
        except StateUnreadable as error:
            self.unread.append(str(error))
        self.suspended = maintenance.current(self.store, now)
        self.blocked = failures.blocked(self.store, now, self.context.config.failover.window)

    def _journal(self) -> None:
        try:
            lines = self._end_of_journal()
        except (OSError, ProbeError) as error:
            self.unread.append(f"{JOURNAL}: {error}")
            return
        for line in reversed(lines):
            try:
                entry = parse(line)
            except ValueError:
                continue  # torn by a power cut, or the first one of those looked at
            if entry.event == "promoted":
                self.promoted.setdefault(entry.resource, entry)
            if self.last is None and entry.event in TELLING and (not self.only or entry.resource in ("", *self.only)):
                self.last = entry

    def _end_of_journal(self) -> list[str]:
        if isinstance(self.store, RemoteStore):
            done = self.node.run(*JOURNAL_END)
            if done.status != 0 and "No such file" not in done.stderr:
                raise NotUnderstood("tail", done.words)
            return done.stdout.splitlines()
        path = os.path.join(self.store.directory, JOURNAL)
        try:
            with open(path, "rb") as file:
                file.seek(max(os.fstat(file.fileno()).st_size - BYTES, 0))
                return file.read(BYTES).decode(errors="replace").splitlines()
        except FileNotFoundError:
            return []

    def _resource(self, place: ResourcePlace) -> ResourceStatus:
        wanted = None if self.vhids is None else place.asks(self.vhids)
        role, resource = self._role(place.name)
        there = None if self.mounts is None else mounted_at(self.mounts, place.point)
        mounted = None if self.mounts is None else mounted_as(self.node, there, place.wanted)
        copying = resource is not None and is_synchronising(resource)
        size = self._read(partial(hast.metadata, self.node, place.name)) if copying else None
        empty = mounted is MountState.NOTHING
        return ResourceStatus(
            place=place,
            carp=wanted.state if wanted else None,
            carp_why=wanted.why if wanted else "",
            role=role,
            status=resource.status if resource else None,
            dirty=resource.dirty if resource else None,
            mounted=mounted,
            exported=None if self.mounts is None else there is not None and there.exported,
            protected=self._read(partial(takes_no_files_on, self.node, place.point)) if empty else None,
            copy=ledger.in_boot(ledger.read(self.store, place.name), self.boot),
            split=marker.present(self.store, place.name),
            rejects=self._read(partial(_rejects, self.node, resource)) if resource else None,
            verified=self._verified(place.name),
            unproven=unproven.known(self.store, place.name) if role is HastRole.PRIMARY else None,
            suspended=self._suspended(there, mounted),
            size=size.datasize if size else None,
            since=self._since(place.name) if role is HastRole.PRIMARY else None,
            unrecorded=self._unrecorded(place.name),
        )

    def _unrecorded(self, name: str) -> float:
        written, wall = ledger.written_at(self.store, name), self.context.timing.wall()
        if written is None or self.booted is None:
            return 0.0
        return max(min(abs(wall - written), wall - self.booted), 0.0)

    def _since(self, name: str) -> float | None:
        promoted = self.promoted.get(name)
        return promoted.time if promoted is not None and promoted.boot == self.boot else None

    def _verified(self, name: str) -> Verification | None:
        try:
            runs = verifications.runs(self.store, name)
        except StateUnreadable as error:
            self.unread.append(str(error))
            return None
        return runs[-1] if runs else None

    def _suspended(self, there: Mount | None, mounted: MountState | None) -> str:
        if there is None or there.kind != "zfs" or mounted not in (MountState.WRITABLE, MountState.READ_ONLY):
            return ""
        pool = there.device.partition("/")[0]
        return zpool.suspended(self._read(partial(zpool.status, self.node, pool)) or "", pool)

    def _role(self, name: str) -> tuple[HastRole, Resource | None]:
        """The role as hastd says it, else as the title of a worker does."""
        state = self._known(self.reader.hast(name))
        if state is not None and state.role is not HastRole.NOT_KNOWN:
            return state.role, state.resource
        if state is not None:
            self.unread.append(state.says)
        workers = hastd_workers(self.running or ())
        called = (self._known(self.reader.titles()) or {}) if workers else {}
        for process in workers:
            title = re.match(WORKER, called.get(process.pid, ""))
            if title and title["name"] == name:
                return HastRole(title["role"]), None
        return HastRole.NOT_KNOWN, None

    def _hastd(self, looked: list[ResourceStatus]) -> bool | None:
        if any(resource.role is HastRole.DOWN for resource in looked):
            return False
        if any(resource.status is not None for resource in looked):
            return True
        if self.running is None:
            return None
        return hastd(self.running) is not None or bool(hastd_workers(self.running))


def is_synchronising(resource: Resource) -> bool:
    """Whether a primary has more to copy than what a busy one always keeps dirty (keepdirty extents, hastctl(8))."""
    is_connected = resource.role is Role.PRIMARY and resource.status is Status.COMPLETE
    return is_connected and resource.dirty > resource.keepdirty * resource.extentsize


def _rejects(node: Node, resource: Resource) -> bool | None:
    """Raises ProbeError."""
    address = route.address_of(resource.remoteaddr)
    if resource.status is Status.COMPLETE or not address:
        return None
    way = route.to(node, address)
    return way is not None and way.rejects


def assumed(name: str, config: RemediationConfig) -> ResourcePlace:
    """Where a resource is, where no hast.conf can be read."""
    settings = config.for_resource(name)
    place = ResourcePlace(
        name, f"/dev/hast/{name}", settings.mount_point, settings.vhid, settings.service_address, "", ()
    )
    return place._replace(filesystem=settings.device, configured_pool=settings.pool, key=settings.geli_key)
