"""The NFS service of an address as check_nfs_export reads it: asked as a client asks, over the network."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from typing import NamedTuple

from checks.plugin.judging import NUMBER
from checks.plugin.nagios import Metric
from checks.plugin.resource import ProbedResource
from checks.probes import nfs, rpc, rpc_errors
from checks.probes.export_groups import Admission, admitted_to, plain_path
from checks.probes.rpc import Address, Endpoint, Protocol, RpcProgram
from checks.probes.rpc_errors import NoAnswer, RpcError
from checks.probes.udp_sender import answers_from

ANOTHER = 1.0
"""Seconds to wait for the answer of another address."""


class ExpectedExport(NamedTuple):
    """An export that must be there, and the network it must be for."""

    directory: str
    network: str


class NoUdp(NamedTuple):
    """Why NFS over UDP does not answer; `answers` is another address that does."""

    says: str
    answers: str = ""


class Listing(NamedTuple):
    """The export list, directory to the groups that may mount it, and what has to be in it."""

    groups: dict[str, list[str]]
    wanted: list[ExpectedExport]
    below: str

    def admits(self, export: ExpectedExport) -> Admission | None:
        """Whether an export is for its network; None where it is not in the list. Which export has -alldirs, and the
        masks of its networks, are not in it: where it may admit the network nothing is found, and MNT decides."""
        return admitted_to(export.directory, self.groups, export.network)

    def does_not_tell(self, export: ExpectedExport) -> bool:
        """Whether that is not known."""
        return bool(export.network) and self.admits(export) is Admission.NOT_KNOWN


class CallRefusal(NamedTuple):
    """A call that the server rejects, or answers with an error."""

    says: str
    for_its_port: bool = False
    """As it may be where the source port is not a reserved one."""


class ServedExports(NamedTuple):
    """What the exports came to that were mounted: free bytes by directory; and those of which the list does not tell
    whether they are for the network given."""

    free: tuple[tuple[str, int], ...] = ()
    untold: tuple[ExpectedExport, ...] = ()


class NfsService(ProbedResource):
    """The NFS service of one address, from the outside in: portmapper, programs, export list, each export."""

    address: Address

    def __init__(
        self, host: str, wanted: list[ExpectedExport], options: argparse.Namespace, deadline: Callable[[], float]
    ):
        self.host, self.wanted, self.options, self.deadline = host, wanted, options, deadline
        self.registered: nfs.Registrations | None = None
        self.served = ServedExports()

    @property
    def subject(self) -> str:
        return f"NFS on {self.host}"

    def subject_of(self, name: str) -> str:
        """The export whose call a number is of."""
        return self._export_subject(name.rpartition("_")[0])

    def _export_subject(self, directory: str) -> str:
        return f"{directory} on {self.address.host}"

    def read(self) -> Iterator[Metric]:
        """What a client would ask for, in that order."""
        try:
            self.address = rpc.resolve(self.host)
        except RpcError as error:
            yield Metric(self.host, error, context="host")
            return
        options = self.options
        try:
            self.registered = nfs.registrations(
                self.address, deadline=self.deadline(), portmap_port=options.portmap_port
            )
            yield self._seconds("portmap", self.registered.seconds)
        except RpcError as error:
            yield self.metric("portmapper", error)
        nfsd = yield from self._program(nfs.NFS, "nfs_tcp", options.nfs_port, 2049)
        mountd = yield from self._program(nfs.MOUNT, "mountd", options.mount_port, None)
        if not options.no_udp:
            yield from self._udp()
        yield from self._locking()
        if nfsd:
            yield from self._old_and_new(nfsd)
        if mountd:
            yield from self._list(mountd)
        if mountd and nfsd:
            for export in self.wanted:
                yield from self._export(mountd, nfsd, export.directory)
        yield self.metric("well", self.served)

    def _seconds(self, name: str, seconds: float) -> Metric:
        return Metric(name, round(seconds, 4), "s", 0, context=NUMBER)

    def _program(
        self, program: RpcProgram, name: str, given: int | None, usual: int | None
    ) -> Generator[Metric, None, Endpoint | None]:
        """Find version 3 of a program over TCP and see that it lives; returns where, if it does. With the portmapper
        dead a known port may still answer."""
        port = given or usual
        if self.registered and not given:
            ports = self.registered.ports(program, 3, Protocol.TCP)
            if not ports:
                yield self.metric("unregistered", f"{program.name} v3 over {Protocol.TCP.name} is not registered")
                return None
            port = ports[0]
        if port is None:
            return None
        endpoint = Endpoint(self.address, port, Protocol.TCP)
        try:
            alive = nfs.null(endpoint, program, 3, deadline=self.deadline())
        except RpcError as error:
            yield self.metric("dead", error)
            return None
        yield self._seconds(name, alive.seconds)
        return endpoint

    def _udp(self) -> Iterator[Metric]:
        ports = self.registered.ports(nfs.NFS, 3, Protocol.UDP) if self.registered else ()
        if self.registered and not ports:
            yield self.metric("udp", NoUdp("NFS v3 over UDP is not registered"))
            return
        endpoint = Endpoint(self.address, self.options.nfs_port or (ports[0] if ports else 2049), Protocol.UDP)
        try:
            alive = nfs.null(endpoint, nfs.NFS, 3, deadline=self.deadline())
            yield self._seconds("nfs_udp", alive.seconds)
        except RpcError as error:
            yield self.metric("udp", NoUdp(str(error), self._other(endpoint, error)))

    def _other(self, endpoint: Endpoint, error: RpcError) -> str:
        """The other address that answers, if one does."""
        if isinstance(error, NoAnswer):
            with suppress(OSError):
                deadline = min(self.deadline(), time.monotonic() + ANOTHER)
                return answers_from(endpoint, nfs.NFS, 3, deadline=deadline)
        return ""

    def _locking(self) -> Iterator[Metric]:
        """lockd and statd. Without the portmapper their ports are not known, and its own finding says enough."""
        if not self.registered:
            return
        for program, version, daemon in ((nfs.LOCK, 4, "lockd"), (nfs.STATUS, 1, "statd")):
            ports = self.registered.ports(program, version, Protocol.TCP)
            if not ports:
                yield self.metric("locking", f"{daemon} ({program.name} v{version}) is not registered")
                continue
            endpoint = Endpoint(self.address, ports[0], Protocol.TCP)
            try:
                nfs.null(endpoint, program, version, deadline=self.deadline())
            except RpcError as error:
                yield self.metric("locking", f"{daemon}: {error}")

    def _old_and_new(self, nfsd: Endpoint) -> Iterator[Metric]:
        """NFS v2 has to be refused; NFS v4 has to be there where it is wanted."""
        yield self.metric("v2", self._has_v2(nfsd))
        if not self.options.nfs4:
            return
        try:
            root = nfs.root4(nfsd, deadline=self.deadline())
            if root.status != nfs.NFS4_OK:
                yield self.metric("v4", CallRefusal(f"the NFSv4 root gives {root.status}"))
        except RpcError as error:
            yield self.metric("v4", _refused(error))

    def _has_v2(self, nfsd: Endpoint) -> bool:
        try:
            nfs.null(nfsd, nfs.NFS, 2, deadline=self.deadline())
        except RpcError:  # PROG_MISMATCH, as it has to be; whether the server lives at all was seen with v3
            return False
        return True

    def _list(self, mountd: Endpoint) -> Iterator[Metric]:
        try:
            listed = nfs.export_list(mountd, deadline=self.deadline()).exports
        except RpcError as error:
            yield self.metric("dead", error)
            return
        groups: dict[str, list[str]] = {}
        for export in listed:
            groups.setdefault(plain_path(export.directory), []).extend(export.groups or ("everyone",))
        listing = Listing(groups, self.wanted, self.options.below)
        self.served = self.served._replace(untold=tuple(filter(listing.does_not_tell, self.wanted)))
        yield self.metric("list", listing)

    def _export(self, mountd: Endpoint, nfsd: Endpoint, directory: str) -> Iterator[Metric]:
        """Mount one export as a client does, and ask for the file system behind it."""
        subject = self._export_subject(directory)
        try:
            mounted = nfs.mount(mountd, directory, deadline=self.deadline())
            yield _time(directory, "mnt", mounted.seconds)
            if mounted.status != nfs.MNT3_OK:
                yield Metric(subject, CallRefusal(f"MNT gives {mounted.status}"), context="mount")
                return
            answer = nfs.getattr3(nfsd, mounted.handle, deadline=self.deadline())
            yield _time(directory, "getattr", answer.seconds)
            space = nfs.fsstat(nfsd, mounted.handle, deadline=self.deadline())
            yield _time(directory, "fsstat", space.seconds)
            nfs.umount(mountd, directory, deadline=self.deadline())
        except rpc_errors.Rejected as error:
            yield Metric(subject, _refused(error), context="mount")
            return
        except RpcError as error:
            yield Metric(subject, error, context="dead")
            return
        for call, status in (("GETATTR", answer.status), ("FSSTAT", space.status)):
            yield Metric(subject, (call, status), context="status")
        if space.space:
            yield Metric(f"{directory}_available", space.space.abytes, "B", 0, context=NUMBER)
            self.served = self.served._replace(free=(*self.served.free, (directory, space.space.abytes)))


def _time(directory: str, call: str, seconds: float) -> Metric:
    return Metric(f"{directory}_{call}", seconds, "s", 0, context="time")


def _refused(error: RpcError) -> CallRefusal:
    return CallRefusal(str(error), isinstance(error, rpc_errors.Rejected) and error.wants_reserved_port)
