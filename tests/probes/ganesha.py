"""A real NFS server for tests: nfs-ganesha and rpcbind in name spaces of their own.

    with Ganesha(tmp_path) as ganesha:
        ganesha.start()
        with ganesha.network():          # what this thread connects to now, it connects to inside
            nfs.null(ganesha.nfsd(Protocol.TCP), nfs.NFS, 3, deadline=...)
        ganesha.run(["check_nfs_export", "-H", ganesha.ADDRESS])   # a command inside, its status and output

The first process inside is the init of a PID name space and reads a pipe from the test: when the test leaves the
context, or dies in whatever way, the pipe ends, init ends, and the kernel kills everything inside. Files go to the
given directory; /run and /var/lib/nfs inside are private. Needs root, Linux, and Debian's nfs-ganesha,
nfs-ganesha-vfs, nfs-ganesha-mem, rpcbind, iproute2 and util-linux.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import TracebackType

from checks.probes import nfs, rpc_errors
from checks.probes.rpc import Address, Endpoint, Protocol
from tests.waiting import awaited

CLONE_NEWNET = 0x40000000  # setns(2)
TOOLS = ("unshare", "nsenter", "ip", "mount", "rpcbind", "ganesha.nfsd")
PLUGINS = ("libfsalvfs.so", "libfsalmem.so")

SET_UP = """
set -e
ip link set lo up
ip link add nfs0 type bridge
ip addr add {address}/24 dev nfs0
ip link set nfs0 up
for directory in /run /var/lib/nfs; do mount -t tmpfs none $directory; done
mkdir -p /run/rpcbind /run/ganesha /var/lib/nfs/ganesha
echo ready
read -r until_the_test_ends || :
"""

CONFIGURATION = """
NFS_CORE_PARAM {{
    NFS_Protocols = 3, 4;
    NFS_Port = 2049; MNT_Port = 20048; NLM_Port = 32803;
    Enable_RQUOTA = false;
}}
NFSV4 {{ Graceless = true; RecoveryRoot = {directory}/recovery; }}
EXPORT_DEFAULTS {{ Access_Type = RW; Squash = None; SecType = sys; Protocols = 3, 4; Transports = TCP, UDP; }}
{exports}
"""

EXPORT = "EXPORT {{ Export_Id = {id}; Path = {path}; Pseudo = /export{id}; {more} FSAL {{ Name = {fsal}; }} }}\n"

OTHERS = "CLIENT { Clients = 192.0.2.0/24; Access_Type = RW; }"


def why_not() -> str | None:
    """The reason why this can't run here, for a test to be skipped with."""
    if not sys.platform.startswith("linux"):
        return "nfs-ganesha runs in Linux name spaces here"
    if os.geteuid() != 0:
        return "name spaces need root"
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    libraries = {path.name for path in Path("/usr/lib").glob("*/ganesha/libfsal*.so")}
    missing += [plugin for plugin in PLUGINS if plugin not in libraries]
    if missing:
        return f"not installed: {', '.join(missing)}"
    probe = subprocess.run(["unshare", "--net", "--mount", "--pid", "--fork", "true"], capture_output=True, text=True)
    return f"no name spaces: {probe.stderr.strip()}" if probe.returncode else None


class Ganesha:
    """One server with its port mapper. `volume` is exported from the start; ganesha's log is `log`."""

    ADDRESS = "10.77.0.1"
    MOUNT_PORT = 20048
    NFS_PORT = 2049
    LOCK_PORT = 32803

    def __init__(self, directory: Path) -> None:
        self.address = Address(self.ADDRESS, self.ADDRESS)
        self.directory = directory
        self.volume = directory / "volume"
        self.log = directory / "ganesha.log"
        self._configuration = directory / "ganesha.conf"
        self._inside: list[str] = []
        self._network = ""
        self._clean_up = ExitStack()
        self._servers: dict[str, subprocess.Popen[bytes]] = {}
        self._exports: dict[str, tuple[str, str]] = {}
        self._export_ids: dict[str, int] = {}
        self.export(self.volume)

    # Name spaces

    def __enter__(self) -> Ganesha:
        with ExitStack() as stack:
            for directory in (self.volume, self.directory / "recovery"):
                directory.mkdir(parents=True, exist_ok=True)
            script = SET_UP.format(address=self.ADDRESS)
            unshare = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c"]
            holder = subprocess.Popen([*unshare, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            stack.callback(_end, holder)
            assert holder.stdout is not None
            if holder.stdout.readline() != b"ready\n":
                raise RuntimeError("the name spaces could not be set up")
            init = _child(holder)
            self._inside = ["nsenter", f"--target={init}", "--net", "--mount", "--pid", "--"]
            self._network = f"/proc/{init}/ns/net"
            stack.callback(self._reap)
            self._clean_up = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._clean_up.close()

    @contextmanager
    def network(self) -> Iterator[None]:
        """Sockets that this thread opens belong to the network inside."""
        libc = ctypes.CDLL(None, use_errno=True)
        with open("/proc/thread-self/ns/net") as outside, open(self._network) as inside:
            _enter(libc, inside.fileno())
            try:
                yield
            finally:
                _enter(libc, outside.fileno())

    def run(self, argv: Sequence[str], seconds: float = 30.0) -> subprocess.CompletedProcess[str]:
        """Runs a command inside, to its end; its status is the command's."""
        return subprocess.run([*self._inside, *argv], capture_output=True, text=True, timeout=seconds)

    # Servers

    def start(self) -> None:
        """Starts the port mapper and ganesha and waits until NULL calls are answered."""
        self.start_rpcbind()
        self.start_ganesha()

    def start_rpcbind(self) -> None:
        self._servers["rpcbind"] = subprocess.Popen([*self._inside, "rpcbind", "-f", "-h", self.ADDRESS])
        self.wait_for("rpcbind", lambda deadline: bool(nfs.registrations(self.address, deadline=deadline).entries))

    def start_ganesha(self) -> None:
        self._configure()
        options = ["-F", "-f", str(self._configuration), "-L", str(self.log), "-p", "/run/ganesha/pid"]
        self._servers["ganesha"] = subprocess.Popen([*self._inside, "ganesha.nfsd", *options])
        self.wait_for("ganesha", self._serves)

    def process(self, server: str) -> int:
        """The process of `rpcbind` or `ganesha`, by its number outside."""
        return _child(self._servers[server])

    def kill(self, server: str, number: signal.Signals = signal.SIGKILL) -> None:
        """Ends `rpcbind` or `ganesha` by a signal, and waits for its end."""
        os.kill(self.process(server), number)
        nsenter = self._servers.pop(server)
        nsenter.send_signal(signal.SIGCONT)  # within stopped() it stands still
        nsenter.wait(10)

    @contextmanager
    def stopped(self, server: str) -> Iterator[None]:
        """Holds `rpcbind` or `ganesha` by SIGSTOP.

        nsenter(1) is held first and let go last: it would stop along with its child, and continue it at a later time.
        """
        held = (self._servers[server].pid, self.process(server))
        try:
            for process in held:
                os.kill(process, signal.SIGSTOP)
                _wait_until_stopped(process)
            yield
        finally:
            for process in reversed(held):
                with suppress(ProcessLookupError):  # killed meanwhile
                    os.kill(process, signal.SIGCONT)

    # Exports

    def export(self, path: Path | str, fsal: str = "VFS", more: str = "") -> None:
        """Adds an export: with VFS of a directory, with MEM under any name. `more` goes into its EXPORT block
        (ganesha-export-config(8)). Takes effect with start() or reload()."""
        self._exports[str(path)] = (fsal, more)

    def export_to_others(self, path: Path) -> None:
        """Adds an export for clients of 192.0.2.0/24 only; ganesha doesn't show it to anybody else."""
        self.export(path, more=f"Access_Type = None; {OTHERS}")

    def unexport(self, path: Path | str) -> None:
        """Takes an export away; takes effect with reload()."""
        del self._exports[str(path)]

    def reload(self) -> None:
        """Makes ganesha read its exports again, and waits until its export list shows them."""
        self._configure()
        os.kill(self.process("ganesha"), signal.SIGHUP)
        self.wait_for("the exports", self._lists_exports)

    # Where to ask

    def nfsd(self, protocol: Protocol = Protocol.TCP) -> Endpoint:
        return Endpoint(self.address, self.NFS_PORT, protocol)

    def mountd(self, protocol: Protocol = Protocol.TCP) -> Endpoint:
        return Endpoint(self.address, self.MOUNT_PORT, protocol)

    def wait_for(self, what: str, is_there: Callable[[float], bool], seconds: float = 20.0) -> None:
        """Waits until the condition, called with a deadline inside the network, holds; no answer counts as no."""
        end = time.monotonic() + seconds

        def come() -> bool:
            for server, process in self._servers.items():
                if process.poll() is not None:
                    raise RuntimeError(f"{server} ended with status {process.returncode}")
            with self.network(), suppress(rpc_errors.RpcError):
                return is_there(min(end, time.monotonic() + 2))
            return False

        if not awaited(come, seconds):
            raise RuntimeError(f"{what}: not there within {seconds} s")

    def _serves(self, deadline: float) -> bool:
        nfs.null(self.nfsd(), nfs.NFS, 3, deadline=deadline)
        return self._lists_exports(deadline) and self._is_registered(deadline)

    def _is_registered(self, deadline: float) -> bool:
        """Ganesha registers what it serves one after the other, the last after it serves already."""
        if "rpcbind" not in self._servers:
            return True
        known = nfs.registrations(self.address, deadline=deadline)
        wanted = ((nfs.NFS, 3), (nfs.MOUNT, 3), (nfs.LOCK, 4))
        return all(known.ports(*program, protocol) for program in wanted for protocol in Protocol)

    def _lists_exports(self, deadline: float) -> bool:
        listed = {export.directory for export in nfs.export_list(self.mountd(), deadline=deadline).exports}
        return listed == {path for path, (_, more) in self._exports.items() if OTHERS not in more}

    def _configure(self) -> None:
        blocks = ""
        for path, (fsal, more) in self._exports.items():
            export_id = self._export_ids.setdefault(path, len(self._export_ids) + 1)
            blocks += EXPORT.format(id=export_id, path=path, fsal=fsal, more=more)
        self._configuration.write_text(CONFIGURATION.format(directory=self.directory, exports=blocks))

    def _reap(self) -> None:
        for nsenter in self._servers.values():
            nsenter.kill()
            nsenter.wait(10)


def _enter(libc: ctypes.CDLL, descriptor: int) -> None:
    if libc.setns(descriptor, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns(2) failed")


def _child(parent: subprocess.Popen[bytes]) -> int:
    """The process that unshare(1) or nsenter(1) forked, by its number outside."""
    children = Path(f"/proc/{parent.pid}/task/{parent.pid}/children").read_text().split()
    if len(children) != 1:
        raise RuntimeError(f"{parent.args!r} has children {children}")
    return int(children[0])


def _wait_until_stopped(process: int) -> None:
    """Until the last thread stands still: until then it may answer."""
    if not awaited(lambda: all(stat.rpartition(") ")[2][0] in "Tt" for stat in _thread_stats(process)), 10):
        raise RuntimeError(f"process {process} does not stop")


def _thread_stats(process: int) -> list[str]:
    return [stat.read_text() for stat in Path(f"/proc/{process}/task").glob("*/stat")]


def _end(holder: subprocess.Popen[bytes]) -> None:
    """Ends init, and with it everything inside; unshare(1) ends when init has."""
    assert holder.stdin is not None and holder.stdout is not None
    holder.stdin.close()
    holder.wait(10)
    holder.stdout.close()
