"""syslogd of a node: it gives a line the time at which it reads it (syslogd.c, logmsg()).

What the kernel says while no syslogd reads waits in the message buffer (subr_log.c, /dev/klog); one that starts says so
first and then reads it, so that old lines get a new time. What programs say to a dead syslogd is lost; what they say to
a stopped one waits in its socket.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.host.log import MESSAGES, stamp
from simulator.host.processes import SIGCONT, SIGINT, SIGKILL, SIGTERM

if TYPE_CHECKING:
    from simulator.host.host import Host

PIDFILE = "/var/run/syslog.pid"


class Syslogd:
    """The daemon of one node, and what waits to be read by it; all of it is memory."""

    def __init__(self, node: Host) -> None:
        self.node = node
        self.buffer: list[str] = []
        """The message buffer of the kernel, which dmesg(8) prints."""
        self._unread: list[tuple[str, str]] = []
        """The file that a line belongs to, and the line."""

    def start(self, pid: int | None = None) -> None:
        """Say so, and read what the kernel has said before."""
        process = self.node.processes.spawn(
            "/usr/sbin/syslogd -ss", "syslogd", self.node.clock.now, on_signal=self._on_signal, pid=pid
        )
        self.node.files.write(PIDFILE, str(process.pid), self.node.clock.now, mode="rw-------")
        self._write(MESSAGES, "syslogd: kernel boot file is /boot/kernel/kernel")
        self._read()

    def say(self, path: str, line: str) -> None:
        """A program has a line for a log."""
        if self.node.processes.named("syslogd"):
            self._unread.append((path, line))
            self._read()

    def kernel_says(self, text: str) -> None:
        """The kernel has one."""
        self.buffer.append(text)
        self._unread.append((MESSAGES, f"kernel: {text}"))
        self._read()

    def _on_signal(self, number: int) -> None:
        if number == SIGCONT:
            self._read()
        elif number in (SIGKILL, SIGTERM, SIGINT):
            for process in self.node.processes.named("syslogd"):
                self.node.processes.end(process)
            self._unread = [(path, line) for path, line in self._unread if line.startswith("kernel: ")]

    def _read(self) -> None:
        if any(not process.stopped for process in self.node.processes.named("syslogd")):
            unread, self._unread = self._unread, []
            for path, line in unread:
                self._write(path, line)

    def _write(self, path: str, line: str) -> None:
        if self.node.trouble.var_error:
            return  # lost (usr.sbin/syslogd/syslogd.c, fprintlog_write())
        now = self.node.now
        self.node.files.write(path, f"{stamp(now)} {self.node.name} {line}\n", now, append=True)
