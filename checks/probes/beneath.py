"""Whether a mounted file system lies on a resource of HAST, whatever is in between: labels, partitions, encryption, a
journal, a mirror, a ZFS pool.

Of a name that is the resource's own, or the configured one, nothing more is asked. Otherwise the kernel's graph of
providers decides (`geom`), and for ZFS what the pool is made of (`zpool`). Where these cannot be read, names say what
they prove, and nothing else: what cannot be told is not called unreplicated.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable, Set
from typing import NamedTuple

from checks.probes import geom, zpool
from checks.probes.errors import Hangs, ProbeError
from checks.probes.filesystem import Mount
from checks.probes.geom import GATE, MIRROR, Graph, Provider
from checks.probes.node import Node

HAST = "/dev/hast/"
"""Where hastd(8) has its devices (`primary.c init_ggate()`)."""
LAYERS = r"((p|s)\d+|[a-h]|\+[0-9a-f]{8}|\.(eli|journal|nop|bde|uzip|mountver|sched\.))+"
"""What classes of GEOM add to the name of the provider that they lie on: gpart(8) (`g_part_gpt.c`, `g_part_mbr.c`,
`g_part_bsd.c`, `g_part_ebr.c`), geli(8), gjournal(8), gnop(8), gbde(8), geom_uzip(4), gmountver(8), gsched(8)."""
DISK = r"/dev/(ada|da|nda|nvd|vtbd|mmcsd|cd|aacd|amrd|idad|ipsd|mfid|mfisyspd|mlxd|mlyd|twed|vtscd|xbd|ad|acd)\d+.*"
"""Disks of drivers, with what lies on them: no provider of these names lies on another one (`geom_disk.c`)."""
IN_NO_DEVICE = frozenset({"autofs", "devfs", "fdescfs", "linprocfs", "linsysfs", "mqueuefs", "nfs", "procfs", "tmpfs"})
"""Kinds of file systems that lie on no device of this node."""


class Location(enum.Enum):
    """Where a file system lies, as far as a resource goes."""

    ON_IT = "on the resource"
    ELSEWHERE = "not on the resource"
    IN_PART = "only in part on what HAST replicates"
    NOT_KNOWN = "it is not known on what"


class ResourceDevices(NamedTuple):
    """What belongs to a resource on this node: its device of HAST; the device of its file system and its pool, where
    they are configured."""

    name: str
    hast: str
    device: str = ""
    pool: str = ""
    others: frozenset[str] = frozenset()
    """The devices of HAST of the other resources."""

    @property
    def pools(self) -> tuple[str, ...]:
        """The names that its pool may have: that of the configuration, else that of the resource."""
        return (self.pool or self.name,)


class Ground(NamedTuple):
    """Where a mounted file system lies, and in words what is mounted and what that lies on."""

    lies: Location
    says: str
    on_hast: bool = False
    """Some of it lies on a device of HAST, of this resource or of another."""
    suspended: str = ""
    """Why nothing of its pool can be read or written, in words: it is suspended, or zpool(8) does not end."""
    unread: ProbeError | None = None
    """Why it is not known whether its pool is suspended."""


def ground(node: Node, mount: Mount, wanted: ResourceDevices) -> Ground:
    """Where a mounted file system lies. Raises nothing: what cannot be read is NOT_KNOWN, and why."""
    if mount.kind == "zfs":
        return _of_a_pool(node, mount.device.partition("/")[0], wanted)
    if mount.device in (wanted.hast, wanted.device):
        return Ground(Location.ON_IT, mount.device, True)
    if mount.kind in IN_NO_DEVICE:
        return Ground(Location.ELSEWHERE, f"{mount.device} ({mount.kind})")
    if not mount.device.startswith(geom.DEVICES):
        return Ground(Location.NOT_KNOWN, f"{mount.device} ({mount.kind})")
    return of_devices(node, (zpool.DeviceGroup((mount.device,), False),), wanted)


def of_devices(node: Node, groups: Iterable[zpool.DeviceGroup], wanted: ResourceDevices) -> Ground:
    """The same of the devices that something is made of. Raises nothing."""
    looking = _Looking(node, wanted)
    return looking.judged(tuple(groups))


def lies_on_hast(node: Node, mount: Mount, devices: frozenset[str]) -> bool | None:
    """Whether any part of a mounted file system lies on one of these devices of HAST, or on another one; None where
    that is not known. Raises nothing."""
    if mount.device.startswith(HAST) or mount.device in devices:
        return True
    if mount.kind in IN_NO_DEVICE or re.fullmatch(DISK, mount.device):
        return False
    first, *rest = sorted(devices) or [HAST]
    lies = ground(node, mount, ResourceDevices("", first, others=frozenset(rest)))
    return None if lies.lies is Location.NOT_KNOWN else lies.lies is not Location.ELSEWHERE or lies.on_hast


def by_name(device: str, wanted: ResourceDevices) -> Location:
    """What the name of a device proves."""
    if device in (wanted.hast, wanted.device):
        return Location.ON_IT
    if device in wanted.others or re.fullmatch(DISK, device):
        return Location.ELSEWHERE
    if not device.startswith(HAST):
        return Location.NOT_KNOWN
    under = [each for each in (wanted.hast, *wanted.others) if device.startswith(each)]
    layered = [each for each in under if re.fullmatch(LAYERS, device[len(each) :])]
    if layered:
        return Location.ON_IT if max(layered, key=len) == wanted.hast else Location.ELSEWHERE
    return Location.NOT_KNOWN if wanted.hast in under else Location.ELSEWHERE


def _of_a_pool(node: Node, pool: str, wanted: ResourceDevices) -> Ground:
    """What a pool is made of decides, where it can be read; else its name."""
    suspended = ""
    try:
        text = zpool.status(node, pool)
        suspended = zpool.suspended(text, pool)
        pool_ground = of_devices(node, zpool.parse(text, pool), wanted)
    except ProbeError as error:
        suspended = suspended or (str(error) if isinstance(error, Hangs) else "")
        unread = None if suspended else error
        if pool in wanted.pools:
            return Ground(Location.ON_IT, f"the pool {pool}", True, suspended, unread)
        says = f"the pool {pool}, and what it is made of is not known; {error}"
        return Ground(Location.NOT_KNOWN, says, suspended=suspended, unread=unread)
    if pool_ground.lies is Location.NOT_KNOWN and pool in wanted.pools:
        return Ground(Location.ON_IT, f"the pool {pool}", True, suspended)
    return pool_ground._replace(says=f"the pool {pool} of {pool_ground.says}", suspended=suspended)


class _Looking:
    """One look; the graph of providers is read once, and only where names do not suffice."""

    def __init__(self, node: Node, wanted: ResourceDevices) -> None:
        self.node, self.wanted = node, wanted
        self.unread = ""
        self._graph: Graph | None = None

    def judged(self, groups: tuple[zpool.DeviceGroup, ...]) -> Ground:
        """Where what is made of these groups lies."""
        devices = [device for group in groups for device in group.devices]
        named = ", ".join(devices)
        parts: set[str] = set()
        unknown: list[str] = []
        for group in groups:
            bottoms = [self.bottoms(device) for device in group.devices]
            known = [each for each in bottoms if each is not None]
            whole = next((each for each in known if self._all_hast(each)), None) if group.one_is_enough else None
            if whole is None and len(known) < len(bottoms):
                unknown += [device for device, each in zip(group.devices, bottoms, strict=True) if each is None]
            parts |= whole if whole is not None else frozenset().union(*known)
        if unknown:
            why = f"; {self.unread}" if self.unread else ""
            return Ground(Location.NOT_KNOWN, f"{named}, and on what {', '.join(unknown)} lies is not known{why}")
        lies = self._lies(parts)
        says = named if set(devices) == parts else f"{named}; it lies on {', '.join(sorted(parts))}"
        return Ground(lies, says, bool(self._of_hast(parts)))

    def bottoms(self, device: str) -> frozenset[str] | None:
        """The devices that a device lies on in the end; those of HAST count as such. None where that is not known."""
        if device in self._hast():
            return frozenset({device})
        if re.fullmatch(DISK, device):
            return frozenset({device})
        provider = self._provider(device)
        if provider is not None:
            return self._of_provider(provider, frozenset())
        lies = by_name(device, self.wanted)
        if lies is Location.ON_IT:
            return frozenset({self.wanted.hast})
        return frozenset({device}) if lies is Location.ELSEWHERE else None

    def _hast(self) -> frozenset[str]:
        return self.wanted.others | {self.wanted.hast, *([self.wanted.device] if self.wanted.device else [])}

    def _of_hast(self, parts: Set[str]) -> set[str]:
        """Those that HAST provides, also of a resource that hast.conf does not name any more: only hastd makes devices
        there."""
        return {part for part in parts if part in self._hast() or part.startswith(HAST)}

    def _all_hast(self, parts: Set[str]) -> bool:
        return self._of_hast(parts) == parts

    def _lies(self, parts: set[str]) -> Location:
        if not self._of_hast(parts):
            return Location.ELSEWHERE
        if not self._all_hast(parts):
            return Location.IN_PART
        return Location.ON_IT if parts & {self.wanted.hast, self.wanted.device} else Location.ELSEWHERE

    def _provider(self, device: str) -> Provider | None:
        if self._graph is None and not self.unread:
            try:
                self._graph = geom.graph(self.node)
            except ProbeError as error:
                self.unread = str(error)
        return geom.find(self._graph, device) if self._graph else None

    def _of_provider(self, provider: Provider, passed: frozenset[str]) -> frozenset[str] | None:
        """Down the graph; a device of HAST is an end, though it has a consumer of its own for reading."""
        device = f"{geom.DEVICES}{provider.name}"
        if device in self._hast() or provider.kind == GATE:
            return frozenset({device})
        if provider.name in passed or provider.file or provider.kind == "ZFS::ZVOL":
            return None
        if not provider.lower:
            return frozenset({device}) if provider.kind in ("DISK", "MD") else None
        below = [self._below(name, passed | {provider.name}) for name in provider.lower]
        known = [each for each in below if each is not None]
        if provider.kind == MIRROR and (whole := next((each for each in known if self._all_hast(each)), None)):
            return whole
        return frozenset().union(*known) if len(known) == len(below) else None

    def _below(self, name: str, passed: frozenset[str]) -> frozenset[str] | None:
        provider = self._graph.get(name) if self._graph else None
        return None if provider is None else self._of_provider(provider, passed)
