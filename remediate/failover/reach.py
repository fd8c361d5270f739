"""Whether clients are served: MNT and GETATTR at the service address, as a client asks them (hast-facts, 6).

On this machine the calls are made from here; on a node that is reached through a prefix they are made there, by
`hastwatch reach`, because only there the address means the same.
"""

from __future__ import annotations

from collections.abc import Callable

from checks.probes import nfs, rpc
from checks.probes.errors import ProbeError
from checks.probes.nfs import MNT3_OK, MNT3ERR_ACCES, NFS3_OK
from checks.probes.rpc import Endpoint, Protocol
from checks.probes.rpc_errors import RpcError
from remediate.failover.outcome import StepFailed
from remediate.failover.resource import Place
from remediate.site import Site
from remediate.timing import Timing

HASTWATCH = "/usr/local/hastwatch/bin/hastwatch"
SERVED = 15.0
"""Seconds from the start of the daemons until they have registered and answer."""
ANSWER = 3.0
"""Seconds for one round of calls."""
EVERY = 0.1
"""Seconds between two rounds."""
DENIED = "denied to this node itself, which exports(5) need not admit"


def verify(site: Site, place: Place, heed: Callable[[], None]) -> str:
    """Wait until clients are served; what was seen, for the journal. `heed` is called before every look, and raises
    where the wait is for nothing. Raises StepFailed."""
    if not place.exported:
        return "nothing of it is in /etc/exports"
    if not place.address:
        return "no service address is known: only `NFS exported` of mount(8) was looked at"
    seen = [""]

    def served() -> bool:
        heed()
        seen[0] = look(site, place)
        return seen[0] in ("", DENIED)

    if not site.timing.until(served, SERVED, EVERY):
        raise StepFailed(f"clients are not served {place.exported} at {place.address}: {seen[0]}")
    return f"{place.exported} at {place.address} {seen[0] or 'answers MNT and GETATTR'}"


def look(site: Site, place: Place) -> str:
    """Why clients are not served, or DENIED, or nothing where they are."""
    if site.here.machine:
        return site.here.machine.unserved(place.address, place.exported, site.timing)
    if not site.here.via:
        return answer(place.address, place.exported, site.timing)
    try:
        done = site.here.act((HASTWATCH, "reach", place.address, place.exported), ANSWER + 2)
    except ProbeError as error:
        return str(error)
    return "" if done.status == 0 else done.words


def answer(address: str, path: str, timing: Timing) -> str:
    """Ask for the file system behind an exported path, as a client does, from this machine: the same as `look`."""
    deadline = timing.now() + ANSWER
    try:
        there = rpc.resolve(address)
        ports = nfs.registrations(there, deadline=deadline)
        mountd = ports.ports(nfs.MOUNT, 3, Protocol.TCP)
        nfsd = ports.ports(nfs.NFS, 3, Protocol.TCP)
        if not mountd or not nfsd:
            return f"{'mountd' if not mountd else 'nfsd'} is not registered"
        mounted = nfs.mount(Endpoint(there, mountd[0], Protocol.TCP), path, deadline=deadline)
        if mounted.status == MNT3ERR_ACCES:
            return DENIED
        if mounted.status != MNT3_OK:
            return f"MNT: {mounted.status}"
        nfs.umount(Endpoint(there, mountd[0], Protocol.TCP), path, deadline=deadline)
        got = nfs.getattr3(Endpoint(there, nfsd[0], Protocol.TCP), mounted.handle, deadline=deadline)
    except RpcError as error:
        return str(error)
    return "" if got.status == NFS3_OK else f"GETATTR: {got.status}"
