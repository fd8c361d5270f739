"""check_nfs_export: whether clients of the service address get their file systems, asked as a client asks."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from checks.nfs_export_resource import CallRefusal, ExpectedExport, Listing, NfsService, NoUdp, ServedExports
from checks.plugin.command import CheckCommand, add_thresholds
from checks.plugin.config import ConfigError
from checks.plugin.finding import CRITICAL, OK, UNKNOWN, WARNING, Row, Table
from checks.plugin.judging import Judgement, OverallJudge, Threshold, always, judges
from checks.plugin.nagios import Context, Metric
from checks.plugin.resource import Part
from checks.plugin.session import Session
from checks.plugin.text import name_list, say_size
from checks.probes import nfs
from checks.probes.export_groups import Admission, plain_path

TABLE = Table(
    Row("nfs-portmapper", CRITICAL, "the portmapper (rpcbind) does not answer", "clients cannot find NFS to mount it",
        "`hastwatch status` shows the node with the address; there: `hastwatch repair nfs --dry-run`, then without "
        "--dry-run"),
    Row("nfs-not-registered", CRITICAL, "NFS v3 over TCP or mountd is not registered", "clients cannot mount, or hang",
        "`hastwatch status` shows the node with the address; there: `hastwatch repair nfs --dry-run`, then without "
        "--dry-run"),
    Row("nfs-dead", CRITICAL, "registered, but NFS v3 over TCP or mountd does not answer a NULL call", "clients hang",
        "`hastwatch status` shows the node with the address; there: `hastwatch repair nfs --dry-run`, then without "
        "--dry-run"),
    Row("nfs-stale", CRITICAL, "GETATTR or FSSTAT on the mounted handle gives an error",
        "clients get this error for every file",
        "`hastwatch status` shows the node with the address; there: `hastwatch repair nfs --dry-run`, then without "
        "--dry-run"),
    Row("nfs-export-missing", CRITICAL, "the export list lacks an export of --export", "clients cannot mount it",
        "on the node with the address: is the line in /etc/exports? then `hastwatch repair nfs`"),
    Row("nfs-export-network", CRITICAL, "an export is not for the network given", "its clients are refused",
        "correct the network in /etc/exports on both nodes; on the one with the address: `service mountd onereload`"),
    Row("nfs-mount-refused", CRITICAL, "MNT of an export is refused",
        "clients cannot mount: not exported, or nothing is mounted there",
        "`hastwatch status` shows the node with the address; there: `hastwatch repair nfs --dry-run`, then without "
        "--dry-run"),
    Row("nfs-v4-missing", CRITICAL, "--nfs4, but no NFSv4 root", "NFSv4 clients cannot mount",
        "NFSv4 wanted: nfsv4_server_enable=YES and a V4: line in /etc/exports, on both nodes; else no --nfs4"),
    Row("nfs-slow-critical", CRITICAL, "a response time outside -c", "clients wait",
        "`hastwatch status`, then `gstat -p` on both nodes: which disk, or a synchronisation? do not restart NFS"),
    Row("nfs-host-unknown", UNKNOWN, "the host name does not resolve", "nothing was asked",
        "give the check the service address itself (-H ADDRESS), or repair name service"),
    Row("nfs-reserved-port", UNKNOWN, "the server wants a reserved source port, which only root may use",
        "whether clients can mount and read is unknown",
        "run the check as root, or see the runbook; as root on a node: `hastwatch reach ADDRESS DIR`"),
    Row("nfs-slow", WARNING, "a response time outside -w", "clients wait",
        "`hastwatch status`, then `gstat -p` on both nodes: which disk, or a synchronisation? do not restart NFS"),
    Row("nfs-udp", WARNING, "NFS v3 over UDP is not registered or does not answer",
        "UDP clients cannot mount",
        "UDP not wanted: --no-udp for the check; wanted: `-u -t -h ADDRESS` in nfs_server_flags on both nodes"),
    Row("nfs-udp-unbound", WARNING, "NFS v3 over UDP is answered from another address than was asked",
        "UDP clients hang",
        "UDP not wanted: --no-udp for the check; wanted: `-u -t -h ADDRESS` in nfs_server_flags on both nodes"),
    Row("nfs-locking", WARNING, "lockd or statd is not registered or does not answer", "clients cannot lock files",
        "on the node with the address: `hastwatch converge` starts statd and lockd"),
    Row("nfs-v2", WARNING, "NFS v2 is served", "NFSv2 is slow and limited",
        "on both nodes: `sysctl vfs.nfsd.server_min_nfsvers=3`, and the same line in /etc/sysctl.conf"),
    Row("nfs-export-everyone", WARNING, "an export is for everyone, a network was given", "any host may mount it",
        "limit the line in /etc/exports by -network on both nodes; with the address: `service mountd onereload`"),
    Row("nfs-export-outside", WARNING, "the export list has something outside --below", "it is not replicated",
        "remove the line from /etc/exports on both nodes, if nobody needs it; with the address: `service mountd "
        "onereload`"),
    Row("nfs-well", OK, "every export is listed, mounts and answers", "clients are served"),
)  # fmt: skip

PERFDATA = (
    ("portmap", "seconds the portmapper took for its list"),
    ("nfs_tcp, nfs_udp, mountd", "seconds of the NULL calls, where answered"),
    ("EXPORT_mnt", "seconds of MNT; likewise _getattr and _fsstat; with -w and -c"),
    ("EXPORT_available", "bytes that clients may still use, as FSSTAT says"),
)

ABOUT = """\
Asks the service address as a client does, without a mount: the portmapper's list; NULL calls of NFS v3 over TCP and
UDP, mountd, lockd and statd, because a registration stays when its program has died; that v2 is absent; the export
list; and for every export MNT, GETATTR and FSSTAT, because the list also names what is not mounted. Give the exports
with --export, or resources with -r, whose mount points are meant. Runs from anywhere; --via and --peer are not used.
mountd without -n answers MNT only from a reserved port, and nfsd of FreeBSD 15 by default anything but NULL: run it as
root or with CAP_NET_BIND_SERVICE, or it is UNKNOWN."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of this check."""
    parser.add_argument("-H", "--host", metavar="ADDRESS", help=(
        "the service address (default: service_address of the resource in the configuration)"
    ))  # fmt: skip
    parser.add_argument("--export", action="append", default=[], type=_wanted, metavar="DIR[=NETWORK]", help=(
        "an export that must be there, for that network; may be repeated"
    ))  # fmt: skip
    parser.add_argument("--below", default="/hast", metavar="DIR", help="where all exports have to be (default: /hast)")
    parser.add_argument("--nfs4", action="store_true", help="NFSv4 must be there too")
    parser.add_argument("--no-udp", action="store_true", help="NFS over UDP is not expected")
    parser.add_argument(
        "--portmap-port", type=_port, default=111, metavar="PORT", help="the port of the portmapper (default: 111)"
    )
    for option, what in (("--nfs-port", "NFS"), ("--mount-port", "mountd")):
        parser.add_argument(option, type=_port, metavar="PORT", help=(
            f"the port of {what} (default: as the portmapper says)"
        ))  # fmt: skip
    add_thresholds(parser, "seconds of MNT, GETATTR and FSSTAT, each", sizes=False)


def _wanted(text: str) -> ExpectedExport:
    directory, _, network = text.partition("=")
    if not directory.startswith("/"):
        raise argparse.ArgumentTypeError(f"{text!r} is not an absolute path, perhaps with =NETWORK")
    return ExpectedExport(plain_path(directory), network)


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 0 < int(text) < 65536:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port")
    return int(text)


def judge_udp(udp: NoUdp) -> Judgement:
    """Whether it is another address that answers."""
    if udp.answers:
        yield "nfs-udp-unbound", f"NFS v3 over UDP is answered from {udp.answers}"
    else:
        yield "nfs-udp", udp.says


def judge_v2(answers: bool) -> Judgement:
    """NFS v2 has to be refused."""
    if answers:
        yield "nfs-v2", "NFS v2 is served"


def judge_v4(root: CallRefusal) -> Judgement:
    """An NFSv4 without a root."""
    yield "nfs-reserved-port" if root.for_its_port else "nfs-v4-missing", root.says


def judge_list(listing: Listing) -> Judgement:
    """Hold the export list against what has to be in it."""
    for export in listing.wanted:
        yield from _judge_listed(listing, export)
    inside = [listing.below.rstrip("/"), *[export.directory for export in listing.wanted]]
    exported = sorted(listing.groups)
    if surplus := [name for name in exported if not any(f"{name}/".startswith(f"{top}/") for top in inside)]:
        yield "nfs-export-outside", f"{name_list(surplus[:5])} exported"


def _judge_listed(listing: Listing, export: ExpectedExport) -> Judgement:
    directory, network = export
    answer, groups = listing.admits(export), listing.groups.get(directory)
    if answer is None or (answer is Admission.NO and not groups):
        yield "nfs-export-missing", f"{directory} is not exported (listed: {name_list(sorted(listing.groups)[:5])})"
    elif network and answer is Admission.EVERYONE:
        yield "nfs-export-everyone", f"{directory} is exported to everyone"
    elif network and answer is Admission.NO:
        yield "nfs-export-network", f"{directory} is exported to {name_list((groups or [])[:5])}, not to {network}"


def judge_mount(mount: CallRefusal) -> Judgement:
    """A mount that is refused."""
    yield "nfs-reserved-port" if mount.for_its_port else "nfs-mount-refused", mount.says


def judge_status(answer: tuple[str, str]) -> Judgement:
    """The status of a call on a mounted handle, in the words that a client's user reads."""
    call, status = answer
    words = {nfs.NFS3ERR_STALE: "Stale NFS file handle", nfs.NFS3ERR_NOENT: "No such file or directory"}
    if status != nfs.NFS3_OK:
        yield "nfs-stale", f"{call} gives {status}{f' ({words[status]})' if status in words else ''}"


def judge_well(served: ServedExports) -> Judgement:
    """What is served."""
    parts = [f"whether {one.directory} is exported to {one.network} the list does not tell" for one in served.untold]
    parts += [f"{directory} mounts and answers, {say_size(free)} free" for directory, free in served.free]
    yield "nfs-well", "; ".join(parts)


def _say_time(metric: Metric, context: Context) -> str:
    return f"{metric.name.rpartition('_')[2].upper()} took {metric.value:.2f} s"


def parts(session: Session) -> Iterator[Part]:
    """The service, and how it is judged. Raises ConfigError."""
    wanted, host = _what(session)
    yield from judges(
        TABLE, host=always("nfs-host-unknown"), portmapper=always("nfs-portmapper"), dead=always("nfs-dead"),
        unregistered=always("nfs-not-registered"), locking=always("nfs-locking"), udp=judge_udp, v2=judge_v2,
        v4=judge_v4, list=judge_list, mount=judge_mount, status=judge_status,
    )  # fmt: skip
    ranges = (session.options.warning or "", session.options.critical or "")
    yield Threshold("time", TABLE, ("nfs-slow", "nfs-slow-critical"), ranges, _say_time, 4)
    yield OverallJudge("well", TABLE, judge_well)
    yield NfsService(host, wanted, session.options, session.here.deadline.for_one_answer)


def _what(session: Session) -> tuple[list[ExpectedExport], str]:
    """The exports and the host, from the command line or the configuration. Raises ConfigError."""
    config, options = session.config, session.options
    names = options.resource or ([] if options.export else list(config.resource))
    wanted = options.export + [ExpectedExport(config.for_resource(name).mount_point, "") for name in names]
    hosts = dict.fromkeys(config.for_resource(name).service_address for name in names or config.resource)
    hosts.pop("", None)
    if not wanted:
        raise ConfigError("usage: give --export DIR, or -r NAME (see --help)")
    if not options.host and len(hosts) != 1:
        raise ConfigError("usage: give -H ADDRESS, or one service_address in the configuration (see --help)")
    return wanted, options.host or next(iter(hosts))


CHECK = CheckCommand("check_nfs_export", "NFS EXPORT", ABOUT, TABLE, PERFDATA, parts, add_options)
main = CHECK.main
