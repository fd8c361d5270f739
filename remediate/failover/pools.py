"""The ZFS pool of a resource: import and export; it may lie on several resources.

A pool on several resources is one thing: whoever of them has the first name imports and exports it when all their
devices are there, and the others wait for that.
"""

from __future__ import annotations

import re

from checks.probes.beneath import Location, ground
from checks.probes.errors import Hangs
from checks.probes.filesystem import Mount, belongs
from checks.probes.identity import host_id_of
from remediate.context import Context
from remediate.failover.errors import StepFailed
from remediate.failover.resource import ResourcePlace

ZPOOL, ZDB = "/sbin/zpool", "/usr/sbin/zdb"
LOOKS = 10.0
"""Seconds for a look."""
MOUNTS = 60.0
"""Seconds for an import, an export, and for the devices of other resources."""
EVERY = 0.1
"""Seconds between two looks whether another resource has got as far."""
IN_USE = r"(?m)^Last accessed by (?P<host>\S+)(?: \(hostid=(?P<hostid>[0-9a-f]{1,16})\))?"
"""zpool-import(8), of a pool that its last host did not export: `zpool_main.c do_import()`."""
LABEL_NAME = r"(?m)^\s*name: '(?P<name>[A-Za-z][A-Za-z0-9_.:-]{0,200})'$"
"""zdb(8) -l: the name in the label."""


def of_mount(context: Context, there: Mount, place: ResourcePlace) -> str:
    """The name of the pool that is mounted there and is the resource's; empty where none is."""
    if there.kind != "zfs":
        return ""
    pool = there.device.partition("/")[0]
    if belongs(there, place.device, place.pool):
        return pool
    return pool if ground(context.here.node(), there, place.wanted).lies is Location.ON_IT else ""


def import_pool(place: ResourcePlace, *more: str, name: str = "") -> tuple[str, ...]:
    """zpool-import(8): look at HAST's devices only, and in no cache file that a boot would import the pool from."""
    return ZPOOL, "import", *more, "-d", "/dev/hast", "-o", "cachefile=none", name or place.pool


def take(context: Context, place: ResourcePlace) -> str:
    """Import the pool, without -f; with it only where the other node of the pair was the last to have it. The name of
    what was imported. Raises StepFailed, ProbeError."""
    if place.pooled and place.name != min(place.pooled):
        return _await_import(context, place)
    _await_devices(context, place)
    name = place.pool
    done = context.here.act(import_pool(place), MOUNTS)
    last = re.search(IN_USE, done.stderr + done.stdout)
    if done.status != 0 and not last and not place.configured_pool and (other := _name_on(context, place)) != name:
        name = other
        done = context.here.act(import_pool(place, name=name), MOUNTS)
        last = re.search(IN_USE, done.stderr + done.stdout)
    if done.status != 0 and last and _is_of_the_pair(place, last["host"], last["hostid"] or ""):
        done = context.here.act(import_pool(place, "-f", name=name), MOUNTS)
    if done.status != 0:
        whose = f", last used by {last['host']}, which is not of this pair" if last else ""
        raise StepFailed(f"the pool {name} cannot be imported{whose}: {done.words}")
    return name


def is_imported(context: Context, pool: str) -> bool:
    """A pool can be there without being mounted. One that does not answer is suspended, and there."""
    try:
        return context.here.act((ZPOOL, "list", "-H", "-o", "name", pool), LOOKS).status == 0
    except Hangs:
        return True


def exporting(pool: str, *more: str) -> tuple[str, ...]:
    """zpool-export(8)."""
    return ZPOOL, "export", *more, pool


def leaves_the_export(place: ResourcePlace) -> bool:
    """Whether another resource of the same pool exports it."""
    return bool(place.pooled) and place.name != min(place.pooled)


def await_export(context: Context, pool: str) -> str:
    """Wait until the pool is gone; what was seen. Raises StepFailed."""
    if not context.timing.until(lambda: not is_imported(context, pool), MOUNTS, EVERY):
        raise StepFailed(f"the pool {pool} was not exported within {MOUNTS:g} s")
    return f"the pool {pool} is exported"


def _name_on(context: Context, place: ResourcePlace) -> str:
    """The name in the label of the pool on the device: it need not be that of the resource. Raises ProbeError."""
    label = context.here.act((ZDB, "-l", place.device), LOOKS)
    match = re.search(LABEL_NAME, label.stdout)
    return match["name"] if label.status == 0 and match else place.pool


def _await_devices(context: Context, place: ResourcePlace) -> None:
    missing = list(place.pooled_devices)

    def there() -> bool:
        missing[:] = [device for device in missing if not _exists(context, device)]
        return not missing

    if not context.timing.until(there, MOUNTS, EVERY):
        raise StepFailed(f"the pool {place.pool} needs {', '.join(missing)} too: not there within {MOUNTS:g} s")


def _await_import(context: Context, place: ResourcePlace) -> str:
    if not context.timing.until(lambda: is_imported(context, place.pool), 2 * MOUNTS, EVERY):
        raise StepFailed(f"the pool {place.pool} was not imported within {2 * MOUNTS:g} s, with {min(place.pooled)}")
    return place.pool


def _exists(context: Context, device: str) -> bool:
    machine = context.here.machine
    return machine.exists(device) if machine else context.here.node().run("ls", device).status == 0


def _is_of_the_pair(place: ResourcePlace, host: str, hostid: str) -> bool:
    """Whether a host is one of the nodes in hast.conf, which names them by host name, host UUID or host ID; the last
    two are compared with the host ID (in hexadecimal) that the pool's label has besides the host name."""
    ids = {host_id_of(name) for name in place.nodes} - {None}
    if hostid and int(hostid, 16) in ids:
        return True
    return host.partition(".")[0] in {name.partition(".")[0] for name in place.nodes if host_id_of(name) is None}
