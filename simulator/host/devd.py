"""devd: device events, one at a time; while an action runs, every other event waits (devd.cc, system(3)).

The kernel keeps events that nobody reads (hw.bus.devctl_queue, 1000), so a devd that was dead or stopped gets them
late; a fault can drop one altogether. Its files and its rules are read by `devd_rules.py`.
"""

from __future__ import annotations

import getopt
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from simulator.host.devd_rules import DevdConfiguration, Unparsable
from simulator.host.host import Host
from simulator.host.log import MESSAGES
from simulator.host.processes import SIGCONT, SIGHUP, SIGINT, SIGKILL, SIGTERM, RunningProcess

if TYPE_CHECKING:
    from simulator.clock import Completion

PIDFILE = "/var/run/devd.pid"
PIPES = ("/var/run/devd.pipe", "/var/run/devd.seqpacket.pipe")
QUEUE = 1000
MAIN_FILE = "/etc/devd.conf"
OPTIONS = "dnf:l:q"
"""devd.cc main(), getopt(3)."""
ENDS = (SIGHUP, SIGINT, SIGTERM)
"""What ends it; it never reads its files again (devd.cc gensighand())."""


class DevdRefusal(OSError):
    """devd does not start with the files it has; the text is what it says."""


def main_file(command: str) -> str:
    """The file that a devd with this command line reads. Raises DevdRefusal."""
    try:
        options, _ = getopt.getopt(command.split()[1:], OPTIONS)
    except getopt.GetoptError as error:
        raise DevdRefusal(f"devd: {error}") from None
    return dict(options).get("-f", MAIN_FILE)


class DevdHost(Host, Protocol):
    """What devd needs of its node."""

    def place_sockets(self, paths: tuple[str, ...]) -> None:
        """Sockets of a daemon that everybody may use."""
        ...

    def start_command(self, line: str) -> Completion[int]:
        """Run a command line; finished with its exit status."""
        ...


class Devd:
    """The daemon of one node and the kernel's queue in front of it."""

    def __init__(self, node: DevdHost) -> None:
        self.node = node
        self.process: RunningProcess | None = None
        self.queue: deque[str] = deque(maxlen=QUEUE)
        self.drop_next = 0
        """Events that get lost before devd sees them (a fault)."""
        self.listeners: list[Callable[[str], None]] = []
        """Readers of the event stream."""
        self._gone = 0
        """Readers that have gone since devd last wrote to them."""
        self._configuration = DevdConfiguration()
        self._busy = False
        self._ending = False
        """The signal to end came while it was stopped."""

    def start(self, pid: int | None = None, title: str = "/sbin/devd") -> None:
        """Read the rules and take what is queued. Raises DevdRefusal."""
        self._configuration = self._read(main_file(title))
        self.process = self.node.processes.spawn(title, "devd", self.node.clock.now, on_signal=self._on_signal, pid=pid)
        self.node.files.write(PIDFILE, str(self.process.pid), self.node.clock.now, mode="rw-------")
        self.node.place_sockets(PIPES)
        self._pump()

    def _read(self, file: str) -> DevdConfiguration:
        """config::parse(). The simulated directories are sorted."""
        files, configuration = self.node.files, DevdConfiguration()
        if not files.exists(file):
            raise DevdRefusal(f"devd: Cannot open config file {file}: No such file or directory")
        try:
            configuration.read(files.read(file), file)
            for directory in tuple(configuration.directories):
                for name in files.names(directory) if files.exists(directory) else ():
                    if name.endswith(".conf"):
                        configuration.read(files.read(f"{directory}/{name}"), f"{directory}/{name}")
        except Unparsable as error:
            raise DevdRefusal(f"devd: Cannot parse {error}") from None
        return configuration

    def stop(self) -> None:
        """The daemon ends; an action that runs goes on without it."""
        if self.process is not None:
            self.node.processes.end(self.process)
            self.process = None
            self._gone = 0
            self._busy = self._ending = False
            self.node.files.remove(PIDFILE)

    def power_lost(self) -> None:
        """The queue is gone, and the daemon."""
        self.process = None
        self.queue.clear()

    def _on_signal(self, number: int) -> None:
        stopped = self.process is not None and self.process.stopped
        if number in ENDS and stopped:
            self._ending = True
        elif number in (SIGKILL, *ENDS) or (number == SIGCONT and self._ending):
            self.stop()
        elif number == SIGCONT:
            self._pump()

    def carp_event(self, subsystem: str, state: str) -> None:
        """A change of state of a vhid."""
        self.node.pair.note(self.node.name, f"carp {subsystem} {state}")
        self.publish(f"!system=CARP subsystem={subsystem} type={state}")

    def publish(self, event: str) -> None:
        """The kernel has an event."""
        if self.drop_next > 0:
            self.drop_next -= 1
            return
        self.queue.append(event)
        self._pump()

    def _pump(self) -> None:
        while self.queue and self.process is not None and not self.process.stopped and not self._busy:
            event = self.queue.popleft()
            self._drop_those_gone()
            for listener in list(self.listeners):
                listener(event)
            self._act(event)

    def leaves(self, listener: Callable[[str], None]) -> None:
        """A reader closes its connection, which devd notices at the next event."""
        self.listeners.remove(listener)
        self._gone += 1

    def _drop_those_gone(self) -> None:
        """notify_clients() of devd.cc: every client that has gone is logged, however it went."""
        gone, self._gone = self._gone, 0
        pid = self.process.pid if self.process is not None else 0
        for _ in range(gone):
            self.node.syslog(MESSAGES, f"devd[{pid}]: notify_clients: send() failed; dropping unresponsive client")

    def _act(self, event: str) -> None:
        values = dict(word.split("=", 1) for word in event.lstrip("!").split() if "=" in word)
        if actions := self._configuration.actions(values):
            self._run(actions, self.process)

    def _run(self, actions: list[str], daemon: RunningProcess | None) -> None:
        """One after the other, as my_system() waits for each."""
        if actions and daemon is self.process:
            self._busy = True
            self.node.start_command(actions[0]).then(lambda: self._run(actions[1:], daemon))
        else:
            self._acted(daemon)

    def _acted(self, daemon: RunningProcess | None) -> None:
        if daemon is self.process:
            self._busy = False
            self._pump()
