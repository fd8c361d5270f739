"""One node: what survives a power cut (disks, files), what a boot makes anew, and how a command line gets run on it."""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from simulator import release
from simulator.account import blame
from simulator.clock import Clock, Completion, Coroutine, Steps, finished
from simulator.faults.trouble import InjectedTrouble
from simulator.hastd.disk import Disk
from simulator.hastd.hastd import Hastd
from simulator.hastd.roles import DeviceEvents
from simulator.hastd.scratch import ScratchHastd
from simulator.host.devd import Devd
from simulator.host.files import HOME, File, FileTree
from simulator.host.kernel import MODULES, Kernel
from simulator.host.processes import ProcessTable
from simulator.host.processor import Processor
from simulator.host.programs import RECORDED, Caller, HookPair, Program
from simulator.host.syslogd import Syslogd
from simulator.layout import KEY_FILE, NodeLayout, configuration_files
from simulator.network.network import Network
from simulator.network.sessions import SessionPair
from simulator.nfs.nfs import Nfs, NfsPair
from simulator.shell.output import CommandResult, Output
from simulator.storage import layers
from simulator.storage.filesystems import FileSystems

if TYPE_CHECKING:
    from simulator.account.writes import LossCause, WritePiece
    from simulator.dying import Life
    from simulator.hastd.left_device import LeftDevice
    from simulator.host.processes import RunningProcess
    from simulator.network.link import Traffic
    from simulator.network.sessions import SessionEnd

TIMED_OUT = 124
"""Exit status of a command that was killed at its deadline (timeout(1)); the recordings have it for what hung."""

DEADLINE = 60.0
"""Seconds after which `run` gives a command up, as the recorder did."""

STATE_DIRECTORY = "/var/db/hastwatch"
"""Where hastwatch keeps what it remembers."""

Called = Callable[["Node", list[str], Caller], Completion[int]]
"""A command that is given its node, argv, and who called it."""

BOOT_MARK = "/var/run/hastwatch.boot"
"""Its mark of a boot."""


Session = Callable[["Node", list[str], "Callable[[Life], SessionEnd]"], None]
"""A program that is talked to: gets the node, argv, and its end of the session, once it has a life."""


class NodePair(NfsPair, SessionPair, HookPair, Protocol):
    """What a node and the programs on it need of the pair."""

    on_kill: list[Callable[[Node, RunningProcess], None]]
    """Told of each process that kill(1) sends a signal to, before it does."""

    @property
    def nodes(self) -> Mapping[str, Node]:
        """Both, by name."""
        ...

    def peer(self, node: Node) -> Node:
        """The other node."""
        ...

    def reachable(self, one: Node, other: Node, traffic: Traffic) -> bool:
        """A connection from one node to the other's address works, the management one's for that traffic."""
        ...

    def manageable(self, one: Node, other: Node) -> bool:
        """Commands of one node reach the other by ssh(1), over the management network."""
        ...


class Userland(Protocol):
    """The programs of a node (`userland.py`)."""

    def booting(self, node: Node) -> Steps[None]:
        """rc(8), from the kernel on."""
        ...

    def shutting_down(self, node: Node) -> Steps[None]:
        """rc.shutdown, and the end of every process."""
        ...

    def execute(self, node: Node, line: str, output: Output, *, user: str, stdin: str, processes: bool) -> Steps[int]:
        """Run a command line. `processes`: each command of it is one, which costs its start."""
        ...


class Node:
    """A FreeBSD host of the pair."""

    def __init__(self, pair: NodePair, layout: NodeLayout, userland: Userland) -> None:
        self.pair, self.layout, self.name = pair, layout, layout.name
        self._userland = userland
        self.clock: Clock = pair.clock
        self.on = False
        self.without_packages: set[str] = set()
        """Of the base system (`base_packages.py`)."""
        self.installed = release.named(layout.release)
        """What is on its root file system: programs that are started from now on are of it, the kernel is of the next
        boot."""
        self.tasting: set[str] = set()
        """The resources whose device GEOM has not tasted yet (`layers.py`)."""
        self.left: dict[str, LeftDevice] = {}
        """By resource: the devices that killed workers have left (`left_device.py`)."""
        self.skew = 0.0
        """Seconds by which its clock is ahead (a fault)."""
        self.boot_deafness = 0.0
        """Seconds during which CARP hears nothing after the next boot (a fault: the flap)."""
        self.fsck_slowness = 1.0
        self.hastd_ended = -math.inf
        """When hastd ended last, in whichever boot."""
        self.checked_in_full: set[str] = set()
        """Resources whose file system a full fsck(8) is reading now."""
        """How many times as long fsck takes (a fault)."""
        self.trouble = InjectedTrouble()
        self.hastwatch: Called | None = None
        """The command hastwatch, where it is installed."""
        self.session: Session | None = None
        """The same for the subcommands that are talked to; an older hastwatch has none."""
        self.started = 0
        """How many processes have been started on it; who counts sets it back."""
        self.hung_commands: set[str] = set()
        """Base names of commands that hang while they are in here (a fault)."""
        self.programs: dict[str, Program[Node]] = {**RECORDED}
        self.disks = {each.local: Disk(each.local, each.size) for each in pair.layout.resources}
        self.files = FileTree()
        for path, text in configuration_files(pair.layout, layout).items():
            self.files.write(path, text, self.clock.now)
        for key in {each.key for each in pair.layout.resources if each.layer == layers.ENCRYPTED}:
            self.files.place(KEY_FILE, File(key, "r--------"))
        self.files.write("/bin/sh", "", self.clock.now, mode="r-xr-xr-x")
        for module in MODULES.values():
            self.files.write(f"/boot/kernel/{module[3]}", "", self.clock.now, mode="r-xr-xr-x")
        for resource in pair.layout.resources:
            if not pair.layout.blank:
                self.files.make_directory(resource.mountpoint, self.clock.now)
            self.files.make_directory("/dev")
            self.files.place(resource.local, File(kind="c", mode="rw-r-----", group="operator", device="0x44"))
        self.files.make_directory(HOME)
        self.files.place("/tmp", File(kind="d", mode="rwxrwxrwt", links=2))
        self.files.make_directory("/var/log")
        self.files.make_directory("/var/run")
        self._commands: set[Coroutine[int]] = set()
        self._boot: Coroutine[None] | None = None
        self._shutdown: Coroutine[None] | None = None
        self._lives: list[weakref.ref[Life]] = []
        """Those of the programs that run as tasks."""
        self._cold()

    def _cold(self) -> None:
        """Everything that is memory."""
        self.processes = ProcessTable()
        self.service_jails: dict[str, int] = {}
        """Script of rc.d: the number of the jail that it runs its program in (`service_jails.py`)."""
        self.processor = Processor(self.clock)
        self.kernel = Kernel(self, carp='carp_load="YES"' in self.files.read("/boot/loader.conf"))
        self.network = Network(self)
        self.filesystems = FileSystems(self, lambda: self.nfs.mountd_hangup())
        self.nfs: Nfs = Nfs(self)
        self.hastd = Hastd(self, self._device_events())
        self.scratch = ScratchHastd(self)
        self.devd = Devd(self)
        self.syslogd = Syslogd(self)

    def _device_events(self) -> DeviceEvents:
        """What becomes of the devices of hastd is known to GEOM and to the file systems."""
        layout = self.pair.resource_layout
        return DeviceEvents(
            appears=lambda name: layers.appears(self, layout(name)),
            goes=lambda name: layers.goes(self, layout(name)),
            gone=lambda name, cause: self.filesystems.device_gone(name, cause),
            cause=lambda worker, linked: blame.of_the_steps(self, worker, linked),
        )

    @property
    def now(self) -> float:
        """The node's own idea of the time."""
        return self.clock.now + self.skew

    @property
    def peer(self) -> Node:
        """The other node."""
        return self.pair.peer(self)

    @property
    def boot_mark(self) -> str:
        """What hastwatch knows this boot by, empty where it has not looked yet."""
        return self.files.read(BOOT_MARK).strip() if self.files.exists(BOOT_MARK) else ""

    @property
    def sshd_runs(self) -> bool:
        """Somebody can log in."""
        return bool(self.processes.named("sshd"))

    def keep_state_in(self, directory: Path) -> None:
        """Let what hastwatch remembers on this node be files of this machine; they survive every boot."""
        self.files.overlay(STATE_DIRECTORY, directory)

    def bears(self, life: Life) -> None:
        """A program begins to run here: a power cut is its end."""
        self._lives = [each for each in self._lives if each() is not None]
        self._lives.append(weakref.ref(life))

    # --- power -------------------------------------------------------------------------------------------------

    def power_on(self) -> Completion[None]:
        """Boot; finished when rc(8) is through. devd comes before the network, hastd after it, NFS last."""
        if self.on:
            return finished(None)
        self.on = True
        self._boot = self.clock.start(self._booting())
        return self._boot

    def _booting(self) -> Steps[None]:
        self._cold()
        self.files.remove("/dev/hast")
        yield from self._userland.booting(self)

    def shut_down(self) -> Completion[None]:
        """An orderly shutdown, and power off (shutdown(8) -p); finished when the power is gone. Once at a time."""
        if not self.on:
            return finished(None)
        if self._shutdown is None or self._shutdown.done:
            if self._boot is not None:
                self._boot.kill()
            self._shutdown = self.clock.start(self._userland.shutting_down(self))
        gone: Completion[None] = Completion()

        def off() -> None:
            self.power_off()
            gone.finish()

        self._shutdown.then(off)
        return gone

    def power_off(self) -> None:
        """Power is gone: no goodbye to anybody, memory lost, disks as they are."""
        if not self.on:
            return
        self.on = False
        for each in (self._boot, self._shutdown):
            if each is not None:
                each.kill()
        lives, self._lives = self._lives, []
        for life in filter(None, (each() for each in lives)):
            life.end()
        for command in list(self._commands):
            command.kill()
        self.processor.stop()
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
            if name.layer:
                self.files.remove(name.filesystem_device)
        self.tasting.clear()
        self.left.clear()

    # --- commands ----------------------------------------------------------------------------------------------

    def start_command(
        self, line: str, output: Output | None = None, *, user: str = "root", stdin: str = ""
    ) -> Coroutine[int]:
        """Run a command line; finished with its exit status (None when it was killed)."""
        return self._begin(line, output or Output(), user=user, stdin=stdin)

    def _begin(
        self, line: str, output: Output, *, user: str = "root", stdin: str = "", processes: bool = True
    ) -> Coroutine[int]:
        steps = self._userland.execute(self, line, output, user=user, stdin=stdin, processes=processes)
        process = self.clock.start(self._guarded(steps, output))
        if not process.done:
            self._commands.add(process)
            process.then(lambda: self._commands.discard(process))
        return process

    def system_call(self, line: str, output: Output) -> Coroutine[int]:
        """What a program does by itself, said as the command line that does the same: there is no process."""
        pid = self.processes.next_pid
        process = self._begin(line, output, processes=False)
        self.processes.next_pid = pid
        return process

    def _guarded(self, steps: Steps[int], output: Output) -> Steps[int]:
        if not self.on:
            output.write("err", f"ssh: connect to host {self.name} port 22: Operation timed out\n")
            return 255
        return (yield from steps)

    def run(self, line: str, *, timeout: float = DEADLINE, user: str = "root") -> CommandResult:
        """Run a command line to its end, or for `timeout` seconds, while the pair goes on."""
        output = Output()
        process = self.start_command(line, output, user=user)
        if not self.clock.wait(process, timeout):
            process.kill()
            return CommandResult(TIMED_OUT, output.text("out"), output.text("err"))
        status = process.value if process.value is not None else 255
        return CommandResult(status, output.text("out"), output.text("err"))

    def run_program(self, path: str, words: Iterable[str]) -> None:
        """Start a program and don't wait for it (hastd's hook)."""
        program = self.programs.get(path)
        if program is not None:
            program.start(self, [path, *words])

    def answer_session(self, argv: list[str], end: Callable[[Life], SessionEnd]) -> bool:
        """Start the program that is talked to, with its end of a session; False where there is none."""
        if self.session is None:
            return False
        self.session(self, argv, end)
        return True

    def begins(self, seconds: float) -> Completion[None]:
        """A process is started; happens when it has had so much of the processor."""
        self.started += 1
        return self.processor.use(seconds)

    # --- files and logs ------------------------------------------------------------------------------------------

    def syslog(self, path: str, line: str) -> None:
        """One line of a log, if syslogd runs."""
        self.syslogd.say(path, line)

    def kernel_log(self, text: str) -> None:
        """The kernel's message buffer, and through syslogd /var/log/messages."""
        self.pair.note(self.name, text)
        self.syslogd.kernel_says(text)

    def place_sockets(self, paths: tuple[str, ...]) -> None:
        """Sockets of a daemon that everybody may use."""
        for path in paths:
            self.files.place(path, File(kind="s", mode="rw-rw-rw-", changed=self.now))

    def is_directory(self, path: str) -> bool:
        """On the root file system or a mounted one."""
        mounted = self.filesystems.under(path)
        if mounted is not None:
            return mounted[1] == ""
        return self.files.exists(path) and self.files.find(path).kind == "d"

    def read_file(self, path: str) -> str:
        """Content of a file on whatever file system it lies. Raises OSError."""
        mounted = self.filesystems.under(path)
        if mounted is None:
            return self.files.read(path)
        mount, name = mounted
        if name == "":
            raise IsADirectoryError(21, "Is a directory", path)
        if name not in mount.files:
            raise FileNotFoundError(2, "No such file or directory", path)
        return mount.files[name].text

    def write_file(self, path: str, text: str, *, append: bool = False, size: int | None = None) -> Steps[None]:
        """Write a file as a process of the node does; under an empty mount point it lands in the root
        (freebsd-facts: writes-land-underneath)."""
        mounted = self.filesystems.under(path)
        if mounted is None:
            self.files.write(path, text, self.now, append=append)
        else:
            mount, name = mounted
            _, written = mount.write(name, text, append=append, size=size)
            yield written

    def discard(self, disk: Disk, pieces: set[WritePiece], cause: LossCause) -> None:
        """Note in the account that pieces on one of its disks, or in the buffers of its mount, were thrown away."""
        if pieces:
            mounts = [mount for mount in self.filesystems.mounts.values() if mount.disk is disk]
            held = pieces.union(disk.pieces(), *(mount.buffered for mount in mounts))
            self.pair.ledger.discard(pieces, held, cause, self.clock.now, self.name)

    def install(self, path: str, program: Program[Node]) -> None:
        """Put a program on the node."""
        self.programs[path] = program
        self.files.write(path, "#!/bin/sh\n", self.now, mode="rwxr-xr-x")
