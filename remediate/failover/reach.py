"""Whether clients are served: MNT and GETATTR at the service address, as a client asks them.

Nothing else tells (freebsd-facts: export-list-proves-nothing).

On this machine the calls are made from here; on a node that is reached through a prefix they are made there, by
`hastwatch reach`, because only there the address means the same.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import NamedTuple

from checks.probes import nfs, rpc
from checks.probes.errors import ProbeError
from checks.probes.nfs import MNT3_OK, MNT3ERR_ACCES, NFS3_OK
from checks.probes.rpc import Address, Endpoint, Protocol
from checks.probes.rpc_errors import Rejected, RpcError
from remediate.context import Context
from remediate.failover.errors import StepFailed
from remediate.failover.resource import ResourcePlace
from remediate.timing import Timing

HASTWATCH = "/usr/local/hastwatch/bin/hastwatch"
SERVED = 15.0
"""Seconds from the start of the daemons until they have registered and answer."""
ANSWER = 3.0
"""Seconds for one round of calls."""
EVERY = 0.1
"""Seconds between two rounds."""
DENIED = 77
"""Exit status of `hastwatch reach` where mountd denies this node the mount, EX_NOPERM of sysexits(3)."""


ROOT4 = "the root of NFSv4 is answered, the one version that is served"
NFS_PORT = 2049
"""Where nfsd listens (nfsd.c, addrinfo of the service nfs), known to a portmapper or not."""


class Reachability(enum.Enum):
    """What a client's calls at the service address got."""

    YES = "MNT and GETATTR are answered"
    DENIED = "the service answers, and does not admit this node, as exports(5) need not"
    NO = "clients are not served, or that is not known"


class ServiceAnswer(NamedTuple):
    """What the calls got, and why clients are not served."""

    served: Reachability
    why: str = ""

    @property
    def is_alive(self) -> bool:
        """Whether the service runs, be this node admitted or not."""
        return self.served is not Reachability.NO

    @property
    def says(self) -> str:
        """In words."""
        return self.why or self.served.value


def verify(context: Context, place: ResourcePlace, heed: Callable[[], None]) -> str:
    """Wait until clients are served; what was seen, for the journal. `heed` is called before every look, and raises
    where the wait is for nothing. Raises StepFailed."""
    if not place.exported:
        return place.unexported or "nothing of it is exported"
    if not place.address:
        return "no service address is known: only `NFS exported` of mount(8) was looked at"
    answers = [ServiceAnswer(Reachability.NO, "not asked")]

    def served() -> bool:
        heed()
        answers[0] = look(context, place)
        return answers[0].is_alive

    if not context.timing.until(served, SERVED, EVERY):
        raise StepFailed(f"clients are not served {place.exported} at {place.address}: {answers[0].says}")
    return f"{place.exported} at {place.address}: {answers[0].says}"


def look(context: Context, place: ResourcePlace) -> ServiceAnswer:
    """Whether clients are served. Raises nothing."""
    if context.here.machine:
        return context.here.machine.reach(place.address, place.exported, context.timing)
    if not context.here.via:
        return answer(place.address, place.exported, context.timing)
    try:
        done = context.here.act((HASTWATCH, "reach", place.address, place.exported), ANSWER + 2)
    except ProbeError as error:
        return ServiceAnswer(Reachability.NO, str(error))
    return from_exit_status(done.status, done.words)


def from_exit_status(status: int, words: str) -> ServiceAnswer:
    """What `hastwatch reach` says with its exit status and its one line."""
    if status == 0:
        return ServiceAnswer(Reachability.YES, words if words == ROOT4 else "")
    return ServiceAnswer(Reachability.DENIED) if status == DENIED else ServiceAnswer(Reachability.NO, words)


def answer(address: str, path: str, timing: Timing) -> ServiceAnswer:
    """Ask for the file system behind an exported path, as a client does, from this machine: the same as `look`."""
    deadline = timing.now() + ANSWER
    try:
        there = rpc.resolve(address)
        ports = nfs.registrations(there, deadline=deadline)
        mountd = ports.ports(nfs.MOUNT, 3, Protocol.TCP)
        nfsd = ports.ports(nfs.NFS, 3, Protocol.TCP)
        if not mountd and not nfsd and (only_version_4 := _of_version_4_alone(there, deadline)):
            return only_version_4
        if not mountd or not nfsd:
            return ServiceAnswer(Reachability.NO, f"{'mountd' if not mountd else 'nfsd'} is not registered")
        mounted = nfs.mount(Endpoint(there, mountd[0], Protocol.TCP), path, deadline=deadline)
        if mounted.status == MNT3ERR_ACCES:
            return ServiceAnswer(Reachability.DENIED)
        if mounted.status != MNT3_OK:
            return ServiceAnswer(Reachability.NO, f"MNT: {mounted.status}")
        nfs.umount(Endpoint(there, mountd[0], Protocol.TCP), path, deadline=deadline)
        got = nfs.getattr3(Endpoint(there, nfsd[0], Protocol.TCP), mounted.handle, deadline=deadline)
    except RpcError as error:
        return ServiceAnswer(Reachability.NO, str(error))
    return (
        ServiceAnswer(Reachability.YES)
        if got.status == NFS3_OK
        else ServiceAnswer(Reachability.NO, f"GETATTR: {got.status}")
    )


def _of_version_4_alone(there: Address, deadline: float) -> ServiceAnswer | None:
    """What a server of NFSv4 alone answers, None where it is none. With nfsv4_server_only nfsd is not registered,
    nor is mountd, which has no MNT then (rc.d/mountd mountd_precmd(), nfsd.c, mountd(8) -R), and a call of version 3
    is told which versions there are (nfs_nfsdkrpc.c nfsrvd_addsock())."""
    nfsd = Endpoint(there, NFS_PORT, Protocol.TCP)
    try:
        nfs.null(nfsd, nfs.NFS, 3, deadline=deadline)
    except Rejected as error:
        if error.low != 4:
            return None
    except RpcError:
        return None
    else:
        return None
    root = nfs.root4(nfsd, deadline=deadline)
    given = root.status == nfs.NFS4_OK
    return (
        ServiceAnswer(Reachability.YES, ROOT4)
        if given
        else ServiceAnswer(Reachability.NO, f"the root of NFSv4: {root.status}")
    )
