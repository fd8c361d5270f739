"""The process table of a node: who runs, who was stopped, what ps and pgrep print of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

SIGHUP, SIGINT, SIGKILL, SIGTERM, SIGSTOP, SIGCONT, SIGUSR1 = 1, 2, 9, 15, 17, 19, 30
"""Numbers of FreeBSD's signal(3), which are not Linux's."""

SIGNALS = {"HUP": 1, "INT": 2, "QUIT": 3, "KILL": 9, "TERM": 15, "STOP": 17, "CONT": 19, "USR1": 30, "USR2": 31}


UIDS = {"root": 0, "hast": 845, "nobody": 65534}
"""FreeBSD's master.passwd."""
ORDINARY = 1001
"""The uid of every other user."""
MAXCOMLEN = 19
"""Bytes of a process's name (sys/param.h)."""


@dataclass(slots=True)
class RunningProcess:
    """One process. `title` is what pgrep shows; ps adds `(comm)` to a title that the process set itself. `user` is the
    effective one, `login` the real one where that is another (a set-user-ID program); `jid` 0 is no jail."""

    pid: int
    ppid: int
    title: str
    comm: str
    started: float
    user: str = "root"
    own_title: bool = False
    stopped: bool = False
    on_signal: Callable[[int], None] | None = None
    terminal: str = ""
    kernel: bool = False
    jid: int = 0
    login: str = ""

    @property
    def command(self) -> str:
        """The COMMAND column of ps, in which a line end is two characters (print.c command())."""
        return (f"{self.title} ({self.comm})" if self.own_title else self.title).replace("\n", "\\n")

    @property
    def uid(self) -> int:
        """Of the effective user."""
        return UIDS.get(self.user, ORDINARY)

    @property
    def ruid(self) -> int:
        """Of the real user."""
        return UIDS.get(self.login or self.user, ORDINARY)

    @property
    def of_the_system(self) -> bool:
        """Root's, outside of every jail."""
        return self.ruid == self.uid == self.jid == 0


@dataclass(slots=True)
class ProcessTable:
    """All processes; pids rise as on a freshly booted FreeBSD, or a new process gets the pid that was freed last."""

    next_pid: int = 560
    next_jid: int = 1
    reuses_pids: bool = False
    freed: list[int] = field(default_factory=list)
    by_pid: dict[int, RunningProcess] = field(default_factory=dict)

    def spawn(
        self,
        title: str,
        comm: str,
        now: float,
        *,
        ppid: int = 1,
        pid: int | None = None,
        user: str = "root",
        own_title: bool = False,
        on_signal: Callable[[int], None] | None = None,
        terminal: str = "",
        kernel: bool = False,
        jid: int = 0,
        login: str = "",
    ) -> RunningProcess:
        """A new process; a given `pid` is that of the recordings for what the boot starts."""
        number = self._new_pid() if pid is None else pid
        self.next_pid = max(self.next_pid, number) + 1
        process = RunningProcess(
            number, ppid, title, comm[:MAXCOMLEN], now, user, own_title, False, on_signal, terminal, kernel, jid, login
        )
        self.by_pid[number] = process
        return process

    def _new_pid(self) -> int:
        free = [pid for pid in self.freed if pid not in self.by_pid] if self.reuses_pids else []
        return free[-1] if free else self.next_pid

    def new_jail(self) -> int:
        """The number of a jail that is made now."""
        self.next_jid += 1
        return self.next_jid - 1

    def end(self, process: RunningProcess) -> None:
        """It is gone from the table; its children are init's."""
        if self.by_pid.get(process.pid) is process:
            del self.by_pid[process.pid]
            self.freed.append(process.pid)
            for child in self.by_pid.values():
                if child.ppid == process.pid:
                    child.ppid = 1

    def skip_pids(self, count: int = 1) -> None:
        """Short-lived processes use up pids without being seen."""
        self.next_pid += count

    def signal(self, process: RunningProcess, number: int) -> None:
        """Deliver a signal: stopping and continuing are the table's, the rest is its owner's business."""
        if number == SIGSTOP:
            process.stopped = True
        elif number == SIGCONT:
            process.stopped = False
        if process.on_signal is not None:
            process.on_signal(number)
        elif number in (SIGKILL, SIGTERM, SIGINT):
            self.end(process)

    def named(self, comm: str) -> list[RunningProcess]:
        """Those of the system by program name, and hastd's workers; lowest pid first."""
        return [
            process
            for process in self.listed()
            if process.comm == comm and (process.of_the_system or process.user == "hast")
        ]

    def listed(self) -> list[RunningProcess]:
        """As ps lists them: those with a terminal last, each by pid."""
        return sorted(self.by_pid.values(), key=lambda process: (process.terminal, process.pid))


KERNEL = ("[kernel]", "/sbin/init", "[crypto]", "[cam]", "[rand_harvestq]", "[pagedaemon]", "[vmdaemon]")
KERNEL_MORE = ("[bufdaemon]", "[vnlru]", "[syncer]", "[audit]", "[idle]", "[intr]", "[geom]")


def boot_processes(table: ProcessTable, now: float, number: int) -> None:
    """What a node runs besides the daemons of this simulation, with the pids of the recordings."""
    for pid, title in enumerate(KERNEL + KERNEL_MORE):
        table.spawn(title, title.strip("[]/"), now, ppid=0, pid=pid, kernel=True)
    shift = 0 if number == 1 else -2
    title = "sshd: /usr/sbin/sshd [listener] 0 of 100-100 startups"
    table.spawn(title, "sshd", now, pid=654 + shift, own_title=True)
    for offset in range(8):
        table.spawn(
            f"/usr/libexec/getty Pc ttyv{offset}", "getty", now, pid=661 + shift + offset, terminal=f"ttyv{offset}"
        )
    table.spawn("/usr/libexec/getty 3wire ttyu0", "getty", now, pid=669 + shift, terminal="ttyu0")
