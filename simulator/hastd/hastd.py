"""hastd's process: its start, its signals and its end (hastd.c). Its hook is forked and never waited for."""

from __future__ import annotations

from simulator.account.writes import LossCause
from simulator.hastd.daemon import CONF, RunningResource
from simulator.hastd.reloading import reload
from simulator.hastd.roles import Roles
from simulator.host.files import File
from simulator.host.log import LogLevel
from simulator.host.processes import SIGCONT, SIGHUP, SIGINT, SIGKILL, SIGTERM

PIDFILE = "/var/run/hastd.pid"


class Hastd(Roles):
    """The daemon of one node; `process` is None while it isn't running."""

    def start(self, path: str = CONF, pid: int | None = None) -> None:
        """Fork into the background; every resource begins in role init. Raises as `read_conf`."""
        self.conf = self.read_conf(path)
        self.program = self.node.installed
        self.process = self.node.processes.spawn(
            "/sbin/hastd", "hastd", self.clock.now, on_signal=self._on_signal, pid=pid
        )
        self.resources = {name: RunningResource(conf) for name, conf in self.conf.resources.items()}
        self.node.kernel.load("geom_gate")
        self.node.files.write(PIDFILE, str(self.process.pid), self.clock.now, mode="rw-------")
        self.node.files.place("/var/run/hastctl", File(kind="s", mode="rwxr-xr-x", changed=self.clock.now))
        self.log(LogLevel.INFO, "Started successfully, running protocol version 2.")
        for address in self.conf.listen:
            self.log(LogLevel.INFO, f"Listening on address {address}.")

    def _on_signal(self, number: int) -> None:
        if number == SIGHUP:
            self._reloads_waiting += 1
            self.clock.after(self.costs.hastd_reload, self.attend)
        elif number in (SIGTERM, SIGINT):
            self.terminate()
        elif number == SIGKILL:
            self.die(LossCause.UFS_DELAY)
        elif number == SIGCONT:
            self.node.pair.retransmit()
            self.tell_of_events()

    def attend(self) -> None:
        """hastd's main loop turns, on a control request or at the latest after some seconds: SIGHUP is seen now."""
        while self._reloads_waiting and self.process is not None and not self.busy:
            self._reloads_waiting -= 1
            reload(self)

    def terminate(self) -> None:
        """SIGTERM: end all workers and go."""
        if self.stopped or self.process is None or self.awaited is not None:
            return
        if self.reading is not None and not self.reading.done:
            self.reading.then(self.terminate)
            return
        self.log(LogLevel.INFO, "Termination signal received, exiting.")
        for name, resource in self.resources.items():
            if resource.worker is not None:
                pid, role = resource.worker.process.pid, resource.role
                text = f"Terminating worker process (resource={name}, role={role}, pid={pid})."
                self.log(LogLevel.INFO, text)
        self.die(LossCause.STEPS)

    def power_lost(self) -> None:
        """Nothing of it runs any more, and nothing that it had planned happens."""
        self.process, self.resources, self.node.hastd_ended = None, {}, self.clock.now
        self.awaited = None
        self._control.emptied()
        self._port.emptied()

    def die(self, cause: LossCause) -> None:
        """The daemon is gone, and its workers and devices with it (freebsd-facts: device-goes-with-hastd)."""
        if self.process is None:
            return
        self.node.processes.end(self.process)
        self.process, self.node.hastd_ended = None, self.clock.now
        self._control.emptied()
        self._port.emptied()
        for resource in self.resources.values():
            self.end_worker(resource, cause)
        self.resources = {}
