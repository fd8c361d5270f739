"""check_nfs_export: whether clients of the service address get their file systems, asked as a client asks."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from typing import NamedTuple

from checks.plugin.command import CheckCommand, add_thresholds
from checks.plugin.config import ConfigError
from checks.plugin.finding import CRITICAL, OK, UNKNOWN, WARNING, Finding, Number, Row, Table
from checks.plugin.session import Session
from checks.plugin.text import name_list, say_size
from checks.plugin.threshold import outside
from checks.plugin.yielded import yielded
from checks.probes import nfs, rpc, rpc_errors
from checks.probes.export_groups import Admitted, admitted_to, plain_path
from checks.probes.rpc import Address, Endpoint, Program, Protocol
from checks.probes.rpc_errors import NoAnswer, RpcError
from checks.probes.udp_sender import answers_from

TABLE = Table(
    Row("nfs-portmapper", CRITICAL, "the portmapper (rpcbind) does not answer", "clients cannot find NFS to mount it"),
    Row("nfs-not-registered", CRITICAL, "NFS v3 over TCP or mountd is not registered", "clients cannot mount, or hang"),
    Row("nfs-dead", CRITICAL, "registered, but NFS v3 over TCP or mountd does not answer a NULL call", "clients hang"),
    Row("nfs-export-missing", CRITICAL, "the export list lacks an export of --export", "clients cannot mount it"),
    Row("nfs-export-network", CRITICAL, "an export is not for the network given", "its clients are refused"),
    Row("nfs-mount-refused", CRITICAL, "MNT of an export is refused",
        "clients cannot mount: not exported, or nothing is mounted there"),
    Row("nfs-stale", CRITICAL, "GETATTR or FSSTAT on the mounted handle gives an error",
        "clients get this error for every file: restart mountd if the file system was mounted anew"),
    Row("nfs-v4-missing", CRITICAL, "--nfs4, but no NFSv4 root", "NFSv4 clients cannot mount"),
    Row("nfs-slow-critical", CRITICAL, "an answer's time outside -c", "clients wait"),
    Row("nfs-host-unknown", UNKNOWN, "the name of the host has no address", "nothing was asked"),
    Row("nfs-reserved-port", UNKNOWN, "the server wants a reserved source port, which only root may use",
        "no more than NULL calls is known: run it as root or with CAP_NET_BIND_SERVICE, or set both mountd -n and "
        "nfs_reserved_port_only=\"NO\" on the nodes"),
    Row("nfs-slow", WARNING, "an answer's time outside -w", "clients wait"),
    Row("nfs-udp", WARNING, "NFS v3 over UDP is not registered or does not answer",
        "UDP clients cannot mount; if it is not wanted: --no-udp"),
    Row("nfs-udp-unbound", WARNING, "NFS v3 over UDP is answered from another address than was asked",
        "UDP clients hang: bind nfsd to the service address, nfs_server_flags=\"-u -t -h ADDRESS\", or TCP only and "
        "--no-udp"),
    Row("nfs-locking", WARNING, "lockd or statd is not registered or does not answer", "clients cannot lock files"),
    Row("nfs-v2", WARNING, "NFS v2 is answered", "set vfs.nfsd.server_min_nfsvers=3: v2 is slow and limited"),
    Row("nfs-export-everyone", WARNING, "an export is for everyone, a network was given", "any host may mount it"),
    Row("nfs-export-outside", WARNING, "the export list has something outside --below", "it is not replicated"),
    Row("nfs-well", OK, "every export is listed, mounts and answers", "clients are served"),
)  # fmt: skip

PERFDATA = (
    ("portmap", "seconds the portmapper took for its list"),
    ("nfs_tcp, nfs_udp, mountd", "seconds of the NULL calls, where answered"),
    ("EXPORT_mnt", "seconds of MNT; likewise _getattr and _fsstat; with -w and -c"),
    ("EXPORT_available", "bytes that clients may still use, as FSSTAT says"),
)

ANOTHER = 1.0
"""Seconds to wait for the answer of another address."""

ABOUT = """\
Asks the service address as a client does, without a mount: the portmapper's list; NULL calls of NFS v3 over TCP and
UDP, mountd, lockd and statd, because a registration stays when its program has died; that v2 is absent; the export
list; and for every export MNT, GETATTR and FSSTAT, because the list also names what is not mounted. Give the exports
with --export, or resources with -r, whose mount points are meant. Runs from anywhere; --via and --peer are not used.
mountd without -n answers MNT only from a reserved port, and nfsd of FreeBSD 15 by default anything but NULL: run it as
root or with CAP_NET_BIND_SERVICE, or it is UNKNOWN."""


class Wanted(NamedTuple):
    """An export that must be there, and the network it must be for."""

    directory: str
    network: str


class Server(NamedTuple):
    """What is asked: the address, and the ports where they were given."""

    address: Address
    nfs_port: int | None
    mount_port: int | None
    subject: str
    deadline: Callable[[], float]


def add_options(made: argparse.ArgumentParser) -> None:
    """The options of this check."""
    made.add_argument("-H", "--host", metavar="ADDRESS", help=(
        "the service address (default: service_address of the resource in the configuration)"
    ))  # fmt: skip
    made.add_argument("--export", action="append", default=[], type=_wanted, metavar="DIR[=NETWORK]", help=(
        "an export that must be there, for that network; may be repeated"
    ))  # fmt: skip
    made.add_argument("--below", default="/hast", metavar="DIR", help="where all exports have to be (default: /hast)")
    made.add_argument("--nfs4", action="store_true", help="NFSv4 must be there too")
    made.add_argument("--no-udp", action="store_true", help="NFS over UDP is not expected")
    made.add_argument(
        "--portmap-port", type=_port, default=111, metavar="PORT", help="of the portmapper (default: 111)"
    )
    made.add_argument("--nfs-port", type=_port, metavar="PORT", help="do not look up the port of NFS")
    made.add_argument("--mount-port", type=_port, metavar="PORT", help="do not look up the port of mountd")
    add_thresholds(made, "seconds of MNT, GETATTR and FSSTAT, each", "default: none", sizes=False)


def _wanted(text: str) -> Wanted:
    directory, _, network = text.partition("=")
    if not directory.startswith("/"):
        raise argparse.ArgumentTypeError(f"{text!r} is not an absolute path, perhaps with =NETWORK")
    return Wanted(plain_path(directory), network)


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 0 < int(text) < 65536:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port")
    return int(text)


def look(session: Session) -> Iterator[Finding | Number]:
    """Ask the server from the outside in: portmapper, programs, export list, each export."""
    wanted, host = _what(session)
    try:
        address = rpc.resolve(host)
    except RpcError as error:
        yield TABLE.finding("nfs-host-unknown", host, str(error))
        return
    options = session.options
    deadline = session.here.deadline.for_one_answer
    server = Server(address, options.nfs_port, options.mount_port, f"NFS on {host}", deadline)
    found: list[Finding] = []
    said: list[str] = []
    for seen in _ask(server, wanted, options, said):
        if isinstance(seen, Finding):
            found.append(seen)
        yield seen
    if not found:
        yield TABLE.finding("nfs-well", server.subject, "; ".join(said))


def _what(session: Session) -> tuple[list[Wanted], str]:
    """The exports and the host, from the command line or the configuration. Raises ConfigError."""
    config, options = session.config, session.options
    names = options.resource or ([] if options.export else list(config.resource))
    wanted = options.export + [Wanted(config.for_resource(name).mount_point, "") for name in names]
    hosts = dict.fromkeys(config.for_resource(name).service_address for name in names or config.resource)
    hosts.pop("", None)
    if not wanted:
        raise ConfigError("usage: give --export DIR, or -r NAME (see --help)")
    if not options.host and len(hosts) != 1:
        raise ConfigError("usage: give -H ADDRESS, or one service_address in the configuration (see --help)")
    return wanted, options.host or next(iter(hosts))


def _ask(
    server: Server, wanted: list[Wanted], options: argparse.Namespace, said: list[str]
) -> Iterator[Finding | Number]:
    registered: nfs.Registrations | None = None
    try:
        registered = nfs.registrations(server.address, deadline=server.deadline(), portmap_port=options.portmap_port)
        yield Number("portmap", round(registered.seconds, 4), "s", least=0)
    except RpcError as error:
        yield TABLE.finding("nfs-portmapper", server.subject, str(error))
    nfsd = yield from _program(server, registered, nfs.NFS, Protocol.TCP, server.nfs_port or 2049, "nfs_tcp")
    mountd = yield from _program(server, registered, nfs.MOUNT, Protocol.TCP, server.mount_port, "mountd")
    if not options.no_udp:
        yield from _udp(server, registered)
    yield from _locking(server, registered)
    if nfsd:
        yield from _old_and_new(server, nfsd, options.nfs4)
    if mountd:
        yield from _list(server, mountd, wanted, options.below, said)
    if mountd and nfsd:
        for export in wanted:
            yield from _export(server, mountd, nfsd, export.directory, options, said)


def _program(
    server: Server,
    registered: nfs.Registrations | None,
    program: Program,
    protocol: Protocol,
    port: int | None,
    name: str,
) -> Generator[Finding | Number, None, Endpoint | None]:
    """Find version 3 of a program and see that it lives; returns where, if it does. With the portmapper dead a known
    port may still answer."""
    if registered and not (name == "mountd" and server.mount_port) and not (name == "nfs_tcp" and server.nfs_port):
        ports = registered.ports(program, 3, protocol)
        if not ports:
            text = f"{program.name} v3 over {protocol.name} is not registered"
            yield TABLE.finding("nfs-not-registered", server.subject, text)
            return None
        port = ports[0]
    if port is None:
        return None
    endpoint = Endpoint(server.address, port, protocol)
    try:
        alive = nfs.null(endpoint, program, 3, deadline=server.deadline())
    except RpcError as error:
        yield TABLE.finding("nfs-dead", server.subject, str(error))
        return None
    yield Number(name, round(alive.seconds, 4), "s", least=0)
    return endpoint


def _udp(server: Server, registered: nfs.Registrations | None) -> Iterator[Finding | Number]:
    ports = registered.ports(nfs.NFS, 3, Protocol.UDP) if registered else ()
    if registered and not ports:
        yield TABLE.finding("nfs-udp", server.subject, "NFS v3 over UDP is not registered")
        return
    endpoint = Endpoint(server.address, server.nfs_port or (ports[0] if ports else 2049), Protocol.UDP)
    try:
        alive = nfs.null(endpoint, nfs.NFS, 3, deadline=server.deadline())
        yield Number("nfs_udp", round(alive.seconds, 4), "s", least=0)
    except RpcError as error:
        yield _no_udp(server, endpoint, error)


def _no_udp(server: Server, endpoint: Endpoint, error: RpcError) -> Finding:
    """Whether it is another address that answers."""
    other = ""
    if isinstance(error, NoAnswer):
        with suppress(OSError):
            deadline = min(server.deadline(), time.monotonic() + ANOTHER)
            other = answers_from(endpoint, nfs.NFS, 3, deadline=deadline)
    if other:
        return TABLE.finding("nfs-udp-unbound", server.subject, f"NFS v3 over UDP is answered from {other}")
    return TABLE.finding("nfs-udp", server.subject, str(error))


def _locking(server: Server, registered: nfs.Registrations | None) -> Iterator[Finding]:
    """lockd and statd. Without the portmapper their ports are not known, and its own finding says enough."""
    if not registered:
        return
    for program, version, daemon in ((nfs.LOCK, 4, "lockd"), (nfs.STATUS, 1, "statd")):
        ports = registered.ports(program, version, Protocol.TCP)
        if not ports:
            yield TABLE.finding(
                "nfs-locking", server.subject, f"{daemon} ({program.name} v{version}) is not registered"
            )
            continue
        try:
            nfs.null(Endpoint(server.address, ports[0], Protocol.TCP), program, version, deadline=server.deadline())
        except RpcError as error:
            yield TABLE.finding("nfs-locking", server.subject, f"{daemon}: {error}")


def _old_and_new(server: Server, nfsd: Endpoint, nfs4: bool) -> Iterator[Finding]:
    """NFS v2 has to be refused; NFS v4 has to be there where it is wanted."""
    if _has_v2(server, nfsd):
        yield TABLE.finding("nfs-v2", server.subject, "NFS v2 is answered")
    if not nfs4:
        return
    try:
        root = nfs.root4(nfsd, deadline=server.deadline())
        if root.status != nfs.NFS4_OK:
            yield TABLE.finding("nfs-v4-missing", server.subject, f"the NFSv4 root gives {root.status}")
    except RpcError as error:
        yield TABLE.finding(_reserved_port(error) or "nfs-v4-missing", server.subject, str(error))


def _has_v2(server: Server, nfsd: Endpoint) -> bool:
    try:
        nfs.null(nfsd, nfs.NFS, 2, deadline=server.deadline())
    except RpcError:  # PROG_MISMATCH, as it has to be; whether the server lives at all was seen with v3
        return False
    return True


def _list(server: Server, mountd: Endpoint, wanted: list[Wanted], below: str, said: list[str]) -> Iterator[Finding]:
    """Hold the export list against what has to be in it."""
    try:
        listed = nfs.export_list(mountd, deadline=server.deadline()).exports
    except RpcError as error:
        yield TABLE.finding("nfs-dead", server.subject, str(error))
        return
    groups: dict[str, list[str]] = {}
    for export in listed:
        groups.setdefault(plain_path(export.directory), []).extend(export.groups or ("everyone",))
    for directory, network in wanted:
        yield from _listed_for(server, groups, directory, network, said)
    inside = [below.rstrip("/"), *[export.directory for export in wanted]]
    if surplus := [name for name in sorted(groups) if not any(f"{name}/".startswith(f"{top}/") for top in inside)]:
        yield TABLE.finding("nfs-export-outside", server.subject, f"{name_list(surplus[:5])} exported")


def _listed_for(
    server: Server, groups: dict[str, list[str]], directory: str, network: str, said: list[str]
) -> Iterator[Finding]:
    """What the list says of one export. Which export has -alldirs, and the masks of its networks, are not in it: where
    it may admit the network nothing is found, and MNT decides."""
    answer = admitted_to(directory, groups, network)
    shown = f"{directory} is exported to {name_list(groups.get(directory, [])[:5])}"
    if answer is None or (answer is Admitted.NO and not groups.get(directory)):
        others = name_list(sorted(groups)[:5])
        yield TABLE.finding("nfs-export-missing", server.subject, f"{directory} is not exported (listed: {others})")
    elif not network:
        return
    elif answer is Admitted.EVERYONE:
        yield TABLE.finding("nfs-export-everyone", server.subject, f"{directory} is exported to everyone")
    elif answer is Admitted.NO:
        yield TABLE.finding("nfs-export-network", server.subject, f"{shown}, not to {network}")
    elif answer is Admitted.NOT_KNOWN:
        said.append(f"whether {directory} is exported to {network} the list does not tell")


def _export(
    server: Server, mountd: Endpoint, nfsd: Endpoint, directory: str, options: argparse.Namespace, said: list[str]
) -> Iterator[Finding | Number]:
    """Mount one export as a client does, and ask for the file system behind it."""
    subject = f"{directory} on {server.address.host}"
    try:
        mounted = nfs.mount(mountd, directory, deadline=server.deadline())
        yield from _time(directory, "mnt", mounted.seconds, options, subject)
        if mounted.status != nfs.MNT3_OK:
            yield TABLE.finding("nfs-mount-refused", subject, f"MNT gives {mounted.status}")
            return
        answer = nfs.getattr3(nfsd, mounted.handle, deadline=server.deadline())
        yield from _time(directory, "getattr", answer.seconds, options, subject)
        space = nfs.fsstat(nfsd, mounted.handle, deadline=server.deadline())
        yield from _time(directory, "fsstat", space.seconds, options, subject)
        nfs.umount(mountd, directory, deadline=server.deadline())
    except rpc_errors.Rejected as error:
        yield TABLE.finding(_reserved_port(error) or "nfs-mount-refused", subject, str(error))
        return
    except RpcError as error:
        yield TABLE.finding("nfs-dead", subject, str(error))
        return
    for call, status in (("GETATTR", answer.status), ("FSSTAT", space.status)):
        if status != nfs.NFS3_OK:
            yield TABLE.finding("nfs-stale", subject, f"{call} gives {status}{_in_words(status)}")
    if space.space:
        yield Number(f"{directory}_available", space.space.abytes, "B", least=0)
        said.append(f"{directory} mounts and answers, {say_size(space.space.abytes)} free")


def _reserved_port(error: RpcError) -> str:
    """The reason where a call may have been refused for its source port."""
    wanted = isinstance(error, rpc_errors.Rejected) and error.wants_reserved_port
    return "nfs-reserved-port" if wanted else ""


def _time(
    directory: str, call: str, seconds: float, options: argparse.Namespace, subject: str
) -> Iterator[Finding | Number]:
    warning, critical = options.warning or "", options.critical or ""
    yield Number(f"{directory}_{call}", round(seconds, 4), "s", warning, critical, 0)
    if outside(seconds, critical) or outside(seconds, warning):
        reason = "nfs-slow-critical" if outside(seconds, critical) else "nfs-slow"
        yield TABLE.finding(reason, subject, f"{call.upper()} took {seconds:.2f} s")


def _in_words(status: str) -> str:
    """What a client's user reads for a status."""
    words = {nfs.NFS3ERR_STALE: "Stale NFS file handle", nfs.NFS3ERR_NOENT: "No such file or directory"}
    return f" ({words[status]})" if status in words else ""


CHECK = CheckCommand("check_nfs_export", "NFS EXPORT", ABOUT, TABLE, PERFDATA, yielded(look, TABLE), add_options)
main = CHECK.main
