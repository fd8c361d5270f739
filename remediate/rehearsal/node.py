"""One node: what survives a power cut (disks, files), what a boot makes anew, and how a command line gets run on it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import remediate.rehearsal.commands  # noqa: F401  (registers the commands)
from remediate.rehearsal.boot_messages import boot_messages
from remediate.rehearsal.clock import Clock, Completion, Process, Steps, finished
from remediate.rehearsal.devd import Devd
from remediate.rehearsal.disk import Disk
from remediate.rehearsal.files import File, FileTree
from remediate.rehearsal.hastconf import HastConfError
from remediate.rehearsal.hastd import Hastd
from remediate.rehearsal.kernel import Kernel
from remediate.rehearsal.layout import NodeLayout, configuration_files
from remediate.rehearsal.log import MESSAGES, stamp
from remediate.rehearsal.network import Network
from remediate.rehearsal.nfs import Nfs
from remediate.rehearsal.processes import ProcessTable, boot_processes
from remediate.rehearsal.programs import RECORDED, Program
from remediate.rehearsal.services import SCRIPTS, enabled, start_daemon
from remediate.rehearsal.shell import Environment, Output, Result, execute
from remediate.rehearsal.ufs import FileSystems

if TYPE_CHECKING:
    from remediate.rehearsal.pair import Pair
    from remediate.rehearsal.writes import Cause, Piece

TIMED_OUT = 124
"""Exit status of a command that was killed at its deadline (timeout(1)); the recordings have it for what hung."""

DEADLINE = 60.0
"""Seconds after which `run` gives a command up, as the recorder did."""

BOOT_PIDS = {"devd": 384, "syslogd": 557, "hastd": 570, "rpcbind": 577, "statd": 584, "lockd": 588}
BOOT_PIDS |= {"mountd": 616, "nfsd": 625}
"""Of the first node, as recorded; the second node's are two less."""


class Node:
    """A FreeBSD host of the pair."""

    def __init__(self, pair: Pair, layout: NodeLayout) -> None:
        self.pair, self.layout, self.name = pair, layout, layout.name
        self.clock: Clock = pair.clock
        self.on = False
        self.skew = 0.0
        """Seconds by which its clock is ahead (a fault)."""
        self.boot_deafness = 0.0
        """Seconds during which CARP hears nothing after the next boot (a fault: the flap)."""
        self.fsck_slowness = 1.0
        """How many times as long fsck takes (a fault)."""
        self.hung_commands: set[str] = set()
        """Base names of commands that hang while they are in here (a fault)."""
        self.programs: dict[str, Program] = dict(RECORDED)
        self.disks = {each.local: Disk(each.local, each.size) for each in pair.layout.resources}
        self.files = FileTree()
        for path, text in configuration_files(pair.layout, layout).items():
            self.files.write(path, text, self.clock.now)
        for resource in pair.layout.resources:
            self.files.make_directory(resource.mountpoint, self.clock.now)
            self.files.make_directory("/dev")
            self.files.place(resource.local, File(kind="c", mode="rw-r-----", group="operator", device="0x44"))
        self.files.make_directory("/var/log")
        self.files.make_directory("/var/run")
        self._commands: set[Process[int]] = set()
        self._boot: Process[None] | None = None
        self._cold()

    def _cold(self) -> None:
        """Everything that is memory."""
        self.processes = ProcessTable()
        self.kernel = Kernel(self, carp='carp_load="YES"' in self.files.read("/boot/loader.conf"))
        self.network = Network(self)
        self.filesystems = FileSystems(self)
        self.nfs = Nfs(self)
        self.hastd = Hastd(self)
        self.devd = Devd(self)

    @property
    def now(self) -> float:
        """The node's own idea of the time."""
        return self.clock.now + self.skew

    # --- power -------------------------------------------------------------------------------------------------

    def power_on(self) -> Completion[None]:
        """Boot; finished when rc(8) is through. devd comes before the network, hastd after it, NFS last."""
        if self.on:
            return finished(None)
        self.on = True
        self._boot = self.clock.start(self._booting())
        return self._boot

    def _booting(self) -> Steps[None]:
        costs = self.pair.layout.costs
        self._cold()
        self.files.remove("/dev/hast")
        yield costs.boot_to_network
        boot_processes(self.processes, self.clock.now, self.layout.number)
        self.files.write("/var/run/sshd.pid", f"{656 - 2 * self.layout.number}\n", self.clock.now)
        self._boot_daemon("syslogd")
        for line in boot_messages(self.layout.number):
            self.kernel_log(line)
        if self.files.exists("/etc/sysctl.conf"):
            self.kernel.read_sysctl_conf(self.files.read("/etc/sysctl.conf"))
        self._boot_daemon("devd")
        yield costs.boot_devd
        if "carp" in self.kernel.modules:
            self.network.configure()
        self.boot_deafness = 0.0
        yield costs.boot_hastd
        self._boot_daemon("hastd")
        yield costs.boot_nfs
        for name in ("rpcbind", "statd", "lockd", "mountd", "nfsd"):
            self._boot_daemon(name)
            yield costs.boot_daemon
        self.processes.next_pid = max(self.processes.next_pid, 690)

    def _boot_daemon(self, name: str) -> None:
        script = SCRIPTS[name]
        if enabled(self, script) and (not script.required_file or self.files.exists(script.required_file)):
            try:
                start_daemon(self, name, BOOT_PIDS[name] - 2 * (self.layout.number - 1))
            except (HastConfError, OSError) as error:  # a hast.conf that hastd refuses does not stop the boot
                self.syslog(MESSAGES, f"root: /etc/rc.d/{name}: {error}")

    def power_off(self) -> None:
        """Power is gone: no goodbye to anybody, memory lost, disks as they are."""
        if not self.on:
            return
        self.on = False
        if self._boot is not None:
            self._boot.kill()
        for command in list(self._commands):
            command.kill()
        self.filesystems.power_lost()
        for resource in self.hastd.resources.values():
            if resource.worker is not None:
                resource.worker.end()
        for vhid in self.network.vhids():
            vhid.power_lost()
        self.hastd.power_lost()
        self.devd.power_lost()
        self.nfs.power_lost()
        self._cold()
        self.files.remove("/dev/hast")
        for name in self.pair.layout.resources:
            self.files.remove(name.device)

    # --- commands ----------------------------------------------------------------------------------------------

    def start_command(
        self, line: str, output: Output | None = None, *, user: str = "root", stdin: str = ""
    ) -> Process[int]:
        """Run a command line; finished with its exit status (None when it was killed)."""
        environment = Environment(self, output or Output(), user=user, stdin=stdin)
        process = self.clock.start(self._guarded(environment, line))
        if not process.done:
            self._commands.add(process)
            process.then(lambda: self._commands.discard(process))
        return process

    def _guarded(self, environment: Environment, line: str) -> Steps[int]:
        if not self.on:
            environment.output.write("err", f"ssh: connect to host {self.name} port 22: Operation timed out\n")
            return 255
        return (yield from execute(environment, line))

    def run(self, line: str, *, timeout: float = DEADLINE, user: str = "root") -> Result:
        """Run a command line to its end, or for `timeout` seconds, while the pair goes on."""
        output = Output()
        process = self.start_command(line, output, user=user)
        if not self.clock.wait(process, timeout):
            process.kill()
            return Result(TIMED_OUT, output.text("out"), output.text("err"))
        status = process.value if process.value is not None else 255
        return Result(status, output.text("out"), output.text("err"))

    def run_program(self, path: str, words: Iterable[str]) -> None:
        """Start a program and don't wait for it (hastd's hook)."""
        program = self.programs.get(path)
        if program is not None:
            program.start(self, [path, *words])

    # --- files and logs ------------------------------------------------------------------------------------------

    def syslog(self, path: str, line: str) -> None:
        """One line of a log, if syslogd runs."""
        if any(process.comm == "syslogd" for process in self.processes.by_pid.values()):
            self.files.write(path, f"{stamp(self.now)} {self.name} {line}\n", self.now, append=True)

    def kernel_log(self, text: str) -> None:
        """The kernel's message buffer, and through syslogd /var/log/messages."""
        self.pair.note(self.name, text)
        self.syslog(MESSAGES, f"kernel: {text}")

    def place_sockets(self, paths: tuple[str, ...]) -> None:
        """Sockets of a daemon that everybody may use."""
        for path in paths:
            self.files.place(path, File(kind="s", mode="rw-rw-rw-", changed=self.now))

    def is_directory(self, path: str) -> bool:
        """On the root file system or a mounted one."""
        found = self.filesystems.under(path)
        if found is not None:
            return found[1] == ""
        return self.files.exists(path) and self.files.find(path).kind == "d"

    def read_file(self, path: str) -> str:
        """Content of a file on whatever file system it lies. Raises OSError."""
        found = self.filesystems.under(path)
        if found is None:
            return self.files.read(path)
        mount, name = found
        if name == "":
            raise IsADirectoryError(21, "Is a directory", path)
        if name not in mount.files:
            raise FileNotFoundError(2, "No such file or directory", path)
        return mount.files[name].text

    def write_file(self, path: str, text: str, *, append: bool = False, size: int | None = None) -> Steps[None]:
        """Write a file as a process of the node does; under an empty mount point it lands in the root (4)."""
        found = self.filesystems.under(path)
        if found is None:
            self.files.write(path, text, self.now, append=append)
        else:
            mount, name = found
            _, written = mount.write(name, text, append=append, size=size)
            yield written

    def discard(self, disk: Disk, pieces: set[Piece], cause: Cause) -> None:
        """Note in the account that pieces on one of its disks, or in the buffers of its mount, were thrown away."""
        if pieces:
            mounts = [mount for mount in self.filesystems.mounts.values() if mount.disk is disk]
            held = pieces.union(disk.pieces(), *(mount.buffered for mount in mounts))
            self.pair.ledger.discard(pieces, held, cause, self.clock.now, self.name)

    def install(self, path: str, program: Program) -> None:
        """Put a program on the node."""
        self.programs[path] = program
        self.files.write(path, "#!program of the rehearsal\n", self.now, mode="rwxr-xr-x")
