"""What check_devd reads of a node: devd's process and its socket, its rules, and the hook that they call."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from checks.plugin.nagios import Metric
from checks.plugin.resource import ProbedResource
from checks.plugin.session import Session
from checks.probes import carp, devd, devd_conf, log_time, processes, program
from checks.probes.devd_conf import DevdConfiguration
from checks.probes.processes import Process, ProcessState


class DevdProcesses(NamedTuple):
    """All processes, devd among them, and how it fares."""

    running: tuple[Process, ...]
    devd: Process | None
    state: ProcessState | None


class DevdHealth(NamedTuple):
    """How devd fares: itself, the process that its pid file names, and what it waits for, so many seconds."""

    devd: Process | None
    written: int | None = None
    state: ProcessState | None = None
    action: Process | None = None
    waited: float = 0.0


class HookFile(NamedTuple):
    """What keeps the hook from being run, or makes it somebody else's; empty where nothing does."""

    path: str
    missing: str = ""
    writer: str = ""
    trouble: str = ""


class DevdOfNode(ProbedResource):
    """devd of this node, its socket and its rules, each read for itself."""

    def __init__(self, session: Session) -> None:
        self.node, self.options = session.here, session.options
        self.daemon = cache(self._daemon)

    @property
    def subject(self) -> str:
        return self.node.label

    def read(self) -> Iterator[Metric]:
        """All parts; none of them keeps another one from being read."""
        for part in (self._process(), self._socket(), self._rules()):
            yield from self.guarded(part)
        if self.is_read:
            yield self.metric("well", self.options.hook)

    def _daemon(self) -> DevdProcesses:
        running = processes.processes(self.node)
        daemon = devd.find(running)
        return DevdProcesses(running, daemon, processes.state(self.node, daemon.pid) if daemon else None)

    def _process(self) -> Iterator[Metric]:
        running, daemon, state = self.daemon()
        if not daemon:
            yield self.metric("process", DevdHealth(None))
            return
        fares = DevdHealth(daemon, devd.pid_in_file(self.node), state)
        if state is None or state.halted:
            yield self.metric("process", fares)
            return
        yield self.metric("process", self._waiting(fares, devd.action(running, daemon)))
        yield Metric("devd_cpu", state.cpu, "%", 0, context="cpu")

    def _waiting(self, fares: DevdHealth, action: Process | None) -> DevdHealth:
        """With what it waits for. The clock of the node is asked only where there is an action."""
        begun = action and action.begun
        if begun is None or (now := log_time.now(self.node)) is None:
            return fares
        return fares._replace(action=action, waited=(now - begun).total_seconds())

    def _socket(self) -> Iterator[Metric]:
        yield self.metric("socket", devd.has_socket(self.node))

    def _rules(self) -> Iterator[Metric]:
        path = self.options.hook
        try:
            configuration = self._configuration()
        except (devd_conf.DevdConfError, devd_conf.DevdConfMissing) as error:
            yield self.metric("refused", f"devd does not start with {error}")
            return
        from checks.probes.devd_wiring import wiring

        vhids = carp.vhids(self.node)
        wired = wiring(configuration, path, [vhid.name for vhid in vhids if vhid.number])
        yield self.metric("rules", wired)
        if not wired.file:
            return
        yield self.metric("vhids", vhids)
        yield self.metric("hook", HookFile(path, missing=(missing := program.why_not(self.node, path))))
        if not missing:
            yield self.metric("hook", HookFile(path, writer=program.look(self.node, path).writer))
            yield self.metric("hook", HookFile(path, trouble=program.cannot_start(self.node, path, wired.path)))

    def _configuration(self) -> DevdConfiguration:
        if self.options.rules:
            return devd.read_files(self.node, self.options.rules)
        _, daemon, state = self.daemon()
        return devd.configured(self.node, daemon if state and not state.dead else None)
