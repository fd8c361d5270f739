"""A HAST resource as check_hast reads it, and what it remembers of it between two runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

from checks import verified
from checks.carp_state import seen_since
from checks.plugin.judging import COULD_NOT_LOOK, NUMBER
from checks.plugin.nagios import Metric
from checks.plugin.resource import ProbedResource
from checks.plugin.session import Session
from checks.plugin.threshold import outside
from checks.probes import bug_292322, carp, damage, hast, recorded, route, unproven
from checks.probes import verified as verified_runs
from checks.probes.carp import CarpState, ResourceCarp, asked
from checks.probes.errors import NotPermitted, ProbeError
from checks.probes.hast import Resource, Role, Status
from checks.probes.route import Route
from checks.standby import hastd_of

GRACE = 60
"""Seconds after CARP was seen to change in which the role may still be the old one, as in check_carp_hast."""
ERRORS_STAY_NEW = 3600
"""Seconds for which grown error counters stay CRITICAL: long enough to become a hard state and to be read."""


class RoleRequirement(NamedTuple):
    """The role of a resource, the one that it must have (None: nothing asks for one), and whether CARP was seen to
    change what it asks for just now."""

    role: Role
    wanted: Role | None
    changing: bool


class LocalErrors(NamedTuple):
    """The local errors that hastd counts, and for how many seconds they have not grown; None where there are none."""

    found: Resource
    since: float | None


class RecordedDamage(NamedTuple):
    """What was recorded of writes that failed on a copy, which outlives the worker that counts."""

    found: Resource
    written_down: str


class HastConnection(NamedTuple):
    """The connection of a resource, and how far a synchronisation is; `falling` in bytes a second, None where `dirty`
    did not fall or that is not known."""

    found: Resource
    catching_up: bool
    is_critical: bool
    """Whether `dirty` is outside -c."""
    falling: float | None
    now: float
    bug: str
    """Why a degraded primary may be one that FreeBSD bug 292322 keeps from connecting; empty where nothing says so."""


class RequiredRoles(ProbedResource):
    """The role that each resource must have."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.wanted = session.options.role
        self.vhids: tuple[carp.Vhid, ...] = ()
        self.unreadable: ProbeError | None = None
        if self.wanted == "auto":
            try:
                self.vhids = carp.vhids(session.here)
            except ProbeError as error:
                self.unreadable = error

    @property
    def subject(self) -> str:
        return f"CARP on {self.session.here.label}"

    def read(self) -> Iterator[Metric]:
        """Why it is not known what CARP asks for."""
        if self.unreadable:
            yield self.metric(COULD_NOT_LOOK, self.unreadable)

    def of(self, name: str) -> Role | None:
        """The role that `name` must have; None where nothing asks for one."""
        if self.wanted in ("primary", "secondary"):
            return Role(self.wanted)
        if self.wanted == "any" or self.unreadable:
            return None
        carp_asks = self._carp_asks(name)
        if carp_asks.state in (CarpState.MASTER, CarpState.BACKUP):
            return Role.PRIMARY if carp_asks.state is CarpState.MASTER else Role.SECONDARY
        self.session.remarks.append(f"role of {name} not judged: {carp_asks.why or 'CARP is in state INIT'}")
        return None

    def changing(self, name: str) -> bool:
        """Whether CARP was seen to change what it asks for just now."""
        if self.wanted != "auto" or self.unreadable:
            return False
        kept_as = f"check_hast-carp-{self.session.here.name}-{name}"
        since = seen_since(self.session.memory, kept_as, self._carp_asks(name).state, self.session.clock())
        return since is not None and since < GRACE

    def _carp_asks(self, name: str) -> ResourceCarp:
        settings = self.session.config.for_resource(name)
        return asked(self.vhids, settings.vhid, settings.service_address)


class HastResource(ProbedResource):
    """A resource of this node."""

    found: Resource

    def __init__(self, session: Session, roles: RequiredRoles, name: str) -> None:
        self.session, self.roles, self.resource_name = session, roles, name

    @property
    def subject(self) -> str:
        return f"{self.resource_name} on {self.session.here.label}"

    @property
    def thresholds(self) -> tuple[str, str]:
        """For its dirty bytes, of which a busy healthy primary has up to keepdirty extents."""
        usual = f"{self.found.keepdirty * self.found.extentsize}" if self.found.keepdirty else ""
        return self.session.options.warning or usual, self.session.options.critical or ""

    def read(self) -> Iterator[Metric]:
        """What hastd says, what else is known of this copy, and of the other one. Raises ProbeError."""
        try:
            self.found = resource = hast.resource(self.session.here, self.resource_name)
        except hast.NoState as error:
            yield self.metric("no_state", error)
            return
        yield from numbers(resource)
        yield self.metric(
            "role",
            RoleRequirement(resource.role, self.roles.of(self.resource_name), self.roles.changing(self.resource_name)),
        )
        yield self.metric("replication", resource.replication)
        kept_as = f"check_hast-{self.session.here.name}-{self.resource_name}"
        remembered, now = self.session.memory.get(kept_as), self.session.clock()
        written_down = self._written_down()
        damaged = bool(written_down or damage.by_counters(resource)) if written_down is not None else None
        if (
            remembered.get("damaged") is True and damaged is False
        ):  # recreated since: those errors were of what was there
            remembered = {**remembered, "errors_grew": None}
        grew = errors_grew(remembered, resource, now)
        yield self.metric("errors", LocalErrors(resource, None if grew is None else now - grew))
        yield self.metric("damage", RecordedDamage(resource, written_down or ""))
        with suppress(ProbeError):  # that the ledger cannot be read is remarked on already
            yield self.metric("recorded", recorded.unrecorded_for(self.session.here, self.resource_name, now))
        warning, critical = self.thresholds
        falling = rate(remembered, resource, now)
        still = remembered.get("catching_up") is True and bool(falling and resource.dirty)
        catching_up = outside(resource.dirty, warning) or still
        is_critical = outside(resource.dirty, critical)
        yield self.metric(
            "connection", HastConnection(resource, catching_up, is_critical, falling, now, self._bug_292322(resource))
        )
        if route_there := self._route(resource):
            yield self.metric("route", route_there)
        if resource.role is not Role.PRIMARY and (known := hastd_of(self.session, self.session.here)):
            yield self.metric("standby", known)
        if resource.role is Role.PRIMARY:
            yield from self.guarded(self._compared())
            if resource.status is Status.COMPLETE:  # else that no copy follows is what is said
                yield from self.guarded(self._unproven())
        self.session.memory.put(kept_as, {
            "at": now, "dirty": resource.dirty, "workerpid": resource.workerpid, "errors": list(resource.errors),
            "catching_up": catching_up or resource.status is Status.DEGRADED,
            "errors_grew": grew,
            "damaged": remembered.get("damaged") is True if damaged is None else damaged,
        })  # fmt: skip

    def _written_down(self) -> str | None:
        """Empty where nothing was. A ledger that cannot be read (None) is only remarked on."""
        try:
            return damage.written_down(self.session.here, self.resource_name)
        except ProbeError as error:
            text = f"whether a write has failed on {self.subject} before is not known: {error}"
            self.session.remarks.append(text)
            return None

    def _bug_292322(self, resource: Resource) -> str:
        session = self.session
        if resource.role is not Role.PRIMARY or resource.status is not Status.DEGRADED or resource.workerpid is None:
            return ""
        try:
            return bug_292322.signs(session.here, session.peer, resource, session.config.hastd_repaired)
        except ProbeError as error:
            session.remarks.append(f"not looked for {bug_292322.NAME}: {error}")
            return ""

    def _route(self, resource: Resource) -> tuple[str, Route] | None:
        """The address of the other node and the route to it, where there is no connection. One that cannot be looked at
        is only remarked on: that there is no connection is found anyway."""
        address = route.address_of(resource.remoteaddr)
        if resource.role is Role.INIT or resource.status is Status.COMPLETE or not address:
            return None
        try:
            there = route.to(self.session.here, address)
        except ProbeError as error:
            self.session.remarks.append(f"whether a route rejects {address} is not known: {error}")
            return None
        return (address, there) if there else None

    def _unproven(self) -> Iterator[Metric]:
        """Who may not read the file has said nothing of it. Raises ProbeError."""
        with suppress(NotPermitted):
            if (known := unproven.read(self.session.here, self.resource_name)) is not None:
                yield self.metric("unproven", known)

    def _compared(self) -> Iterator[Metric]:
        """Who asks for no age and may not read the file has said nothing about comparisons. Raises ProbeError."""
        wanted = self.session.options.verified
        try:
            runs = verified_runs.read(self.session.here, self.resource_name)
        except NotPermitted:
            if wanted is not None:
                raise
            return
        yield self.metric("verified", verified.ComparisonAge(runs[-1] if runs else None, wanted, self.session.clock()))


def numbers(resource: Resource) -> Iterator[Metric]:
    """The performance data of one resource."""
    name = resource.name
    yield Metric(f"{name}_dirty", resource.dirty, "B", 0, context="dirty")
    for counter in ("reads", "writes", "deletes", "flushes", "activemap_updates"):
        yield Metric(f"{name}_{counter}", getattr(resource, counter), "c", context=NUMBER)
    for kind, count in resource.errors._asdict().items():
        yield Metric(f"{name}_{kind}_errors", count, "c", context=NUMBER)
    for queue, length in resource.queues.items():
        yield Metric(f"{name}_queue_{queue}", length, min=0, context=NUMBER)


def rate(remembered: dict[str, object], resource: Resource, now: float) -> float | None:
    """Bytes a second by which `dirty` fell since the last run; None where it did not fall or that is not known."""
    dirty, at = remembered.get("dirty"), remembered.get("at")
    if (
        not isinstance(dirty, int)
        or not isinstance(at, int | float)
        or remembered.get("workerpid") != resource.workerpid
    ):
        return None
    return (dirty - resource.dirty) / (now - at) if resource.dirty < dirty and at < now else None


def errors_grew(remembered: dict[str, object], resource: Resource, now: float) -> float | None:
    """When the error counters were last seen to grow (seconds since the epoch); None where there are no errors.

    They count from the start of the worker, so with another worker, or none known, any error is a new one, and those of
    the worker before are remembered as long as they are new.
    """
    before, grew = remembered.get("errors"), remembered.get("errors_grew")
    if not any(resource.errors):
        return float(grew) if isinstance(grew, int | float) and 0 <= now - grew < ERRORS_STAY_NEW else None
    if (
        before == list(resource.errors)
        and remembered.get("workerpid") == resource.workerpid
        and isinstance(grew, int | float)
    ):
        return float(grew)
    return now
