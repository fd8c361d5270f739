"""The NFS server of a node: rpcbind and its registrations, statd, lockd, mountd with its exports, nfsd.

The trap that decides over a failover is mountd's memory (freebsd-facts: remount-is-not-exported,
export-list-proves-nothing, root-is-exported-instead): on a reload it exports only what differs from
the last time, by file system and line. A file system that was unmounted and mounted again has lost its export in the
kernel, mountd believes it exported, and only a restart, or a reload while it was unmounted, exports it again. With
nothing mounted the path lies in the root file system, and that is what gets exported.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from simulator.hastd.daemon import HastdPair
from simulator.host.log import DAEMON_LOG, MESSAGES
from simulator.host.processes import SIGCONT, SIGHUP, SIGINT, SIGKILL, SIGTERM, SIGUSR1, RunningProcess
from simulator.network.tcp import TcpConnection, TcpHost, TcpPair
from simulator.nfs import exports_file, nfs_ports
from simulator.nfs.daemons import RPCBIND, NfsDaemon, Registration, daemons
from simulator.nfs.exports import Export, ExportsHost, read_exports, refuse_subtrees, warnings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from simulator.network.tcp import ClientSockets

VERSION_3, VERSION_4 = 3, 4
ROOT = "/"
"""The identity of the root file system; that of a HAST file system is its resource's name."""


class NfsPair(HastdPair, TcpPair, Protocol):
    """What NFS needs of the pair."""

    sockets: ClientSockets

    @property
    def nodes(self) -> Mapping[str, NfsHost]:
        """Both, by name."""
        ...


class NfsHost(ExportsHost, TcpHost, Protocol):
    """What the NFS daemons need of their node."""

    service_jails: dict[str, int]
    """Script of rc.d: the number of the jail that it runs its program in."""

    @property
    def pair(self) -> NfsPair:
        """What it shares with the other node."""
        ...

    @property
    def nfs(self) -> Nfs:
        """Its daemons."""
        ...


class Nfs:
    """All NFS daemons of one node."""

    def __init__(self, node: NfsHost) -> None:
        self.node = node
        self.daemons = daemons()
        self.server: RunningProcess | None = None
        """`nfsd: server`, the child of the master."""
        self.connections: list[TcpConnection] = []
        """nfsd's end of the clients' TCP connections."""
        self.registrations: list[Registration] = []
        self.ports: dict[tuple[str, str], str] = {}
        """Service and netid: the port a daemon listens on, known to rpcbind or not."""
        self.exports: list[Export] = []
        self.mounted_by: list[str] = []
        """What `showmount -a` prints: client:path of every mount that was granted."""
        self._ending: set[str] = set()
        """Daemons that were stopped when the signal to end came."""
        self._hangup_waits = False
        """SIGHUP came while mountd was stopped."""
        self._known: set[tuple[str, str]] = set()
        """What mountd believes exported: identity of a file system, line."""

    def running(self, name: str) -> bool:
        """The daemon has a process."""
        return self.daemons[name].process is not None

    def answers(self, name: str) -> bool:
        """It has a process and that isn't stopped; nfsd answers with its server."""
        process = self.daemons[name].process
        there = process is not None and not process.stopped
        return there and (name != "nfsd" or self.server is not None)

    @property
    def _pidfiles(self) -> tuple[str, ...]:
        """Daemons that write a pid file."""
        return ("mountd", "nfsd", "rpcbind") if self.node.installed.pidfiles else ("mountd",)

    @property
    def listens(self) -> bool:
        """nfsd's port is open: its master, stopped or not, accepts connections."""
        return self.running("nfsd")

    def _server_ends(self) -> None:
        """In whatever way: the kernel closes its connections."""
        if self.server is not None:
            self.node.processes.end(self.server)
            self.server = None
        closed, self.connections = self.connections, []
        for connection in closed:
            self.node.pair.sockets.hang_up(connection)

    # --- starting and stopping ---------------------------------------------------------------------------------

    def start(self, name: str, pid: int | None = None, title: str = "") -> None:
        """Start one daemon, with the command line that ps shows where it isn't rc's; nothing when it runs."""
        daemon = self.daemons[name]
        if daemon.process is not None:
            return
        daemon.command = title or daemon.title
        now = self.node.clock.now
        daemon.process = self.node.processes.spawn(
            daemon.title if name == "nfsd" or not title else title,
            daemon.comm,
            now,
            own_title=name == "nfsd",
            on_signal=lambda number: self._on_signal(name, number),
            pid=pid,
            jid=self.node.service_jails.get(name, 0),
        )
        if name == "nfsd":
            child = None if pid is None else pid + 3 - self.node.layout.number
            self.server = self.node.processes.spawn(
                "nfsd: server",
                "nfsd",
                now,
                ppid=daemon.process.pid,
                own_title=True,
                pid=child,
                on_signal=self._server_signal,
            )
        if name in self._pidfiles:
            self.node.files.write(f"/var/run/{name}.pid", str(daemon.process.pid), now, mode="rw-------")
        if name in ("statd", "lockd"):
            self.node.syslog(DAEMON_LOG, f"{daemon.comm}[{daemon.process.pid}]: Starting")
        if name == "rpcbind":
            self.registrations = list(RPCBIND)
        elif name == "nfsd":
            self._listen(daemon)
            if min(self.versions) > VERSION_3:
                return  # nfsd.c: rpcb_set() of versions 2 and 3 alone
            self._register(daemon, ("udp",))
            self._later(daemon, lambda: self._register(daemon, ("udp6", "tcp", "tcp6")))
        elif name == "mountd":
            nfs_ports.mountd_starts(self.node, daemon.process.title)
            self._listen(daemon)
            self._later(daemon, lambda: self._serve_mounts(daemon))
        else:
            self._listen(daemon)
            self._register(daemon, daemon.netids)

    def stop(self, name: str, killed: bool = False) -> None:
        """End one daemon; a killed one leaves its registration and pid file behind."""
        daemon = self.daemons[name]
        if daemon.process is None:
            return
        self.node.processes.end(daemon.process)
        daemon.process = None
        self._ending.discard(name)
        if name == "nfsd":
            self._server_ends()
        if name == "rpcbind":
            self.registrations = []
        elif not killed:
            self.registrations = [each for each in self.registrations if each.program != daemon.program]
        if name in self._pidfiles and not killed:
            self.node.files.remove(f"/var/run/{name}.pid")

    def power_lost(self) -> None:
        """None of the daemons is there any more."""
        for daemon in self.daemons.values():
            daemon.process = None
        self.connections = []

    def _on_signal(self, name: str, number: int) -> None:
        daemon = self.daemons[name]
        ending = {SIGUSR1} if name == "nfsd" else {SIGTERM, SIGINT}
        if number == SIGKILL:
            self.stop(name, killed=True)
        elif number in ending or (number == SIGCONT and name in self._ending):
            self._end_soon(daemon, name)
        elif (name == "mountd" and number == SIGHUP) or (name == "mountd" and number == SIGCONT and self._hangup_waits):
            self.mountd_hangup()

    def _end_soon(self, daemon: NfsDaemon, name: str) -> None:
        """A daemon takes its time to end; a stopped one ends when it is continued."""
        process = daemon.process
        if process is not None and process.stopped:
            self._ending.add(name)
            return
        self._ending.discard(name)

        def end() -> None:
            if daemon.process is process:
                self.stop(name)

        self.node.clock.after(self.node.pair.layout.costs.daemon_stop, end)

    def _server_signal(self, number: int) -> None:
        """The child in the kernel ends by SIGKILL and SIGUSR1, and the master does not start another (nfsd.c)."""
        if number in (SIGKILL, SIGUSR1):
            self._server_ends()

    def _later(self, daemon: NfsDaemon, action: Callable[[], None]) -> None:
        """What a daemon does when it has already gone into the background (recorded: within a second)."""
        process = daemon.process

        def still_there() -> None:
            if daemon.process is process:
                action()

        self.node.clock.after(self.node.pair.layout.costs.daemon_registers, still_there)

    @property
    def versions(self) -> range:
        """Of NFS, as nfsd answers them (nfs_nfsdkrpc.c, nfsrvd_addsock()); a call of another is told these."""
        kernel = self.node.kernel
        least, most = (kernel.integer(f"vfs.nfsd.server_{each}_nfsvers") for each in ("min", "max"))
        return range(least, most + 1)

    @property
    def has_root4(self) -> bool:
        """The root of NFSv4 is answered: some file that mountd reads has a `V4:` line."""
        texts = [self.node.files.read(name) for name in self._exports_files() if self.node.files.exists(name)]
        return VERSION_4 in self.versions and any(re.search(r"(?m)^V4:", text) for text in texts)

    def _serve_mounts(self, daemon: NfsDaemon) -> None:
        if "-R" not in daemon.command.split():  # mountd(8): without the protocol MOUNT, for NFSv4 alone
            self._register(daemon, daemon.netids)
        self.load_exports(fresh=True)

    def _listen(self, daemon: NfsDaemon) -> None:
        ports = {netid: self.node.pair.random.randint(600, 1020) for netid in daemon.netids}
        if daemon.name in ("mountd", "status"):
            ports = dict.fromkeys(ports, next(iter(ports.values())))
        elif daemon.name == "nfs":
            ports = dict.fromkeys(ports, 2049)
        self.ports |= {(daemon.name, netid): str(port) for netid, port in ports.items()}

    def _register(self, daemon: NfsDaemon, netids: tuple[str, ...]) -> None:
        if not self.running("rpcbind"):
            return
        pairs = [(version, netid) for netid in netids for version in daemon.versions]
        if daemon.by_version:
            pairs = [(version, netid) for version in daemon.versions for netid in netids]
        for version, netid in pairs:
            host, port = "::" if netid.endswith("6") else "0.0.0.0", int(self.ports[daemon.name, netid])
            address = f"{host}.{port // 256}.{port % 256}"
            self.registrations.append(Registration(daemon.program, version, netid, address, daemon.name))

    # --- mountd --------------------------------------------------------------------------------------------------

    def mountd_hangup(self) -> None:
        """SIGHUP, from a reload or from mount(8): read its files again."""
        if self.running("mountd"):
            self._hangup_waits = not self.answers("mountd")
            if not self._hangup_waits:
                self.load_exports(fresh=False)

    def load_exports(self, fresh: bool) -> None:
        """mountd's get_exportlist(): everything when `fresh`, otherwise what differs from the last time."""
        self.exports, complaints = read_exports(self.node, self._exports_files())
        self.exports, refused = refuse_subtrees(self.node, self.exports)
        for complaint in (*complaints, *refused, *warnings(self.node, self.exports)):
            self._complain(complaint)
        wanted = {(self._file_system(export.path), export.line) for export in self.exports}
        known = set() if fresh else self._known
        if fresh:
            self._export(None, False)
        for identity, _ in known - wanted:
            self._export(identity, False)
        for identity, _ in wanted - known:
            self._export(identity, True)
        self._known = wanted

    def _exports_files(self) -> tuple[str, ...]:
        """Those that the command line of mountd names."""
        process = self.daemons["mountd"].process
        try:
            return exports_file.files(shlex.split(process.command)[1:] if process is not None else [])
        except ValueError:
            return (exports_file.EXPORTS,)

    def _file_system(self, path: str) -> str:
        mounted = self.node.filesystems.under(path)
        return mounted[0].resource.name if mounted else ROOT

    def _export(self, identity: str | None, exported: bool) -> None:
        """Set the kernel's flag on one file system, on all for None; nothing on one that isn't mounted."""
        filesystems = self.node.filesystems
        if identity in (None, ROOT):
            filesystems.root_exported = exported
        for mount in filesystems.mounts.values():
            if identity in (None, mount.resource.name):
                mount.exported = exported

    def _complain(self, text: str) -> None:
        process = self.daemons["mountd"].process
        self.node.syslog(MESSAGES, f"mountd[{process.pid if process else 0}]: {text}")

    # --- what a client gets --------------------------------------------------------------------------------------

    def mount_request(self, path: str, address: str, client: str) -> str | None:
        """MNT: the identity of the file system whose handle the client gets, None when it is denied."""
        identity = self._file_system(path)
        for export in self.exports:
            mine = export.path == path or (export.alldirs and self._file_system(export.path) == identity)
            if mine and (identity, export.line) in self._known and export.admits(address):
                if f"{client}:{path}" not in self.mounted_by:
                    self.mounted_by.append(f"{client}:{path}")
                return identity
        self._complain(f"mount request denied from {address} for {path}")
        return None

    def serves(self, identity: str) -> str:
        """What an operation on a handle of this file system gets: ok, stale or eio (recorded through a failover)."""
        if identity == ROOT:
            return "ok" if self.node.filesystems.root_exported else "stale"
        for mount in self.node.filesystems.mounts.values():
            if mount.resource.name == identity:
                return "ok" if mount.exported else "eio"
        return "stale"
