"""devd: device events, one at a time; while an action runs, every other event waits (devd.cc, system(3)).

The kernel keeps events that nobody reads (hw.bus.devctl_queue, 1000), so a devd that was dead or stopped gets them
late; a fault can drop one altogether.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from remediate.rehearsal.log import MESSAGES
from remediate.rehearsal.processes import SIGCONT, SIGHUP, SIGINT, SIGKILL, SIGTERM, Running

if TYPE_CHECKING:
    from remediate.rehearsal.node import Node

PIDFILE = "/var/run/devd.pid"
PIPES = ("/var/run/devd.pipe", "/var/run/devd.seqpacket.pipe")
DIRECTORIES = ("/etc/devd", "/usr/local/etc/devd")
QUEUE = 1000


@dataclass(frozen=True, slots=True)
class Rule:
    """One `notify` of a configuration file: all matches must fit the whole value."""

    priority: int
    matches: tuple[tuple[str, str], ...]
    action: str

    def fits(self, event: dict[str, str]) -> bool:
        """devd anchors its expressions; `!` in front negates."""
        for key, pattern in self.matches:
            wanted = not pattern.startswith("!")
            if bool(re.fullmatch(pattern.removeprefix("!"), event.get(key, ""))) is not wanted:
                return False
        return True


def rules_of(text: str) -> list[Rule]:
    """The `notify` rules of one configuration file (devd.conf(5))."""
    found = []
    for match in re.finditer(r"notify\s+(\d+)\s*\{(.*?)\};?", re.sub(r"(?m)#.*$", "", text), re.S):
        body = match.group(2)
        pairs = tuple(re.findall(r'match\s+"([^"]*)"\s+"([^"]*)"\s*;', body))
        action = re.search(r'action\s+"((?:[^"\\]|\\.)*)"\s*;', body)
        if action:
            found.append(Rule(int(match.group(1)), pairs, action.group(1).replace('\\"', '"')))
    return found


class Devd:
    """The daemon of one node and the kernel's queue in front of it."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.process: Running | None = None
        self.queue: deque[str] = deque(maxlen=QUEUE)
        self.drop_next = 0
        """Events that get lost before devd sees them (a fault)."""
        self.listeners: list[Callable[[str], None]] = []
        """Readers of the event stream."""
        self._gone = 0
        """Readers that have gone since devd last wrote to them."""
        self._rules: list[Rule] = []
        self._busy = False
        self._ending = False
        """The signal to end came while it was stopped."""

    def start(self, pid: int | None = None) -> None:
        """Read the rules and take what is queued."""
        self.process = self.node.processes.spawn(
            "/sbin/devd", "devd", self.node.clock.now, on_signal=self._on_signal, pid=pid
        )
        self.node.files.write(PIDFILE, str(self.process.pid), self.node.clock.now, mode="rw-------")
        self.node.place_sockets(PIPES)
        self._read_rules()
        self._pump()

    def _read_rules(self) -> None:
        files = self.node.files
        paths = [f"{d}/{name}" for d in DIRECTORIES if files.exists(d) for name in files.names(d)]
        rules = [rule for path in paths if path.endswith(".conf") for rule in rules_of(files.read(path))]
        self._rules = sorted(rules, key=lambda rule: -rule.priority)

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
        if number in (SIGTERM, SIGINT) and stopped:
            self._ending = True
        elif number in (SIGKILL, SIGTERM, SIGINT) or (number == SIGCONT and self._ending):
            self.stop()
        elif number == SIGCONT:
            self._pump()
        elif number == SIGHUP:
            self._read_rules()

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
        rule = next((rule for rule in self._rules if rule.fits(values)), None)
        if rule is None:
            return
        action = re.sub(r"\$([a-z]+)", lambda match: values.get(match.group(1), ""), rule.action)
        self._busy = True
        daemon = self.process
        running = self.node.start_command(action)
        running.then(lambda: self._acted(daemon))

    def _acted(self, daemon: Running | None) -> None:
        if daemon is self.process:
            self._busy = False
            self._pump()
