"""The processes of a node, as ps(1) lists them, and which of them are daemons of the system.

A user chooses the name and the arguments of his processes, so neither says what a process is: a user may start his own
`/usr/sbin/mountd`, and a jail runs its own rpcbind. A daemon of the system belongs to root, in fact and in effect
(a set-user-ID program has the name of a hard link that a user may have made), and runs outside of every jail.
Only then does its name count, `comm`: the last part of the path that was executed (kern_exec.c do_execve()).

So ps(1) is asked on this machine too: psutil, which tells local processes apart by their start (`hung_commands`), has
no jail ID on FreeBSD, and without one a jail's daemon would pass for the system's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from checks.probes.errors import CommandFailed, NotUnderstood, ProbeError
from checks.probes.node import Node

if TYPE_CHECKING:
    from datetime import datetime

HASTD, DEVD, SSHD = "hastd", "devd", "sshd"
NFS_DAEMONS = {
    "rpcbind": "rpcbind",
    "statd": "rpc.statd",
    "lockd": "rpc.lockd",
    "mountd": "mountd",
    "nfsd": "nfsd",
}
"""The daemons of an NFS server, as rc(8) calls them, and the names of their processes."""
LOOKED_FOR = (HASTD, DEVD, SSHD, *NFS_DAEMONS.values())
HAST_USER = 845
"""The user of hastd's workers, `hast` in FreeBSD's master.passwd (hastd's subr.c drop_privs()). They run in a jail of
their own (freebsd-facts: workers-are-jailed)."""
COLUMNS = "pid,ppid,jid,ruid,uid,lstart,comm"
"""`comm` comes last, because ps prints it as it is, line ends too (print.c ucomm()); nothing else here can hold one."""
JAILS = ("jls", "jid", "name")
HEADER = ["PID", "PPID", "JID", "RUID", "UID", "STARTED", "COMMAND"]
NOT_KNOWN = "-"
"""The start of a process that is swapped out (13's print.c lstarted())."""
LINE = re.compile(
    r" *(?P<pid>\d+) +(?P<ppid>\d+) +(?P<jid>\d+) +(?P<ruid>\d+) +(?P<uid>\d+)"
    r" (?P<started>-|[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4,}) *",
    re.ASCII,
)
"""The start is strftime(3)'s %c in the C locale."""
ONE_BYTE = re.compile(r"\\x[0-9a-f]{2}")
"""A byte that is no UTF-8, as `checks.probes.process` gives it."""


class Process(NamedTuple):
    """One line of ps. `started` tells two processes apart that had the same pid one after the other; the kernel adds
    it to the time of the boot, so it moves with a step of the clock (kern_proc.c fill_kinfo_proc_only())."""

    pid: int
    ppid: int
    jid: int
    ruid: int
    uid: int
    started: str
    comm: str

    @property
    def of_the_system(self) -> bool:
        """Root's, and in no jail but one of rc(8): its name is root's choice."""
        return self.ruid == self.uid == self.jid == 0

    @property
    def of_the_kernel(self) -> bool:
        """A kernel process or init(8): nothing that a signal is for."""
        return self.pid <= 1 or self.ppid == 0

    @property
    def begun(self) -> datetime | None:
        """Its start by the node's own clock; None where ps does not say it."""
        from datetime import datetime

        try:
            return datetime.strptime(self.started, "%a %b %d %H:%M:%S %Y")
        except ValueError:
            return None


class ProcessState(NamedTuple):
    """How a process fares: ps(1) `stat` (T stopped, Z zombie, D in a disk wait) and `%cpu` over the last minute."""

    stat: str
    cpu: float

    @property
    def halted(self) -> str:
        """What it is when it does nothing any more: `stopped`, `a zombie`; empty otherwise."""
        return {"T": "stopped", "Z": "a zombie"}.get(self.stat[0], "")

    @property
    def dead(self) -> bool:
        """A zombie has no command line any more."""
        return self.stat[0] == "Z"


def processes(node: Node) -> tuple[Process, ...]:
    """All processes of the node. Raises ProbeError."""
    completed = node.run("ps", "-axww", "-o", COLUMNS)
    if completed.status != 0:
        raise CommandFailed(f"`ps` exits with {completed.status}: {completed.words}")
    listed, odd = read_ps(completed.stdout)
    node.note_odd("ps", odd)
    return _out_of_service_jails(node, listed)


def _out_of_service_jails(node: Node, candidates: tuple[Process, ...]) -> tuple[Process, ...]:
    """The processes, daemons in a service jail of rc(8) without it: those are the host's. Since 15.0 `svcj_all_enable`
    puts rpcbind, statd and lockd into jails of the whole host, by the name of their script (rc.subr run_rc_command());
    nobody but root of the host gives a jail such a name, and a jail within a jail has a longer one."""
    names = {comm: f"svcj-{name}" for name, comm in NFS_DAEMONS.items()}
    jailed = [
        process for process in candidates if process.jid and process.comm in names and process.ruid == process.uid == 0
    ]
    if not jailed:
        return candidates
    try:
        listed = node.run(*JAILS).stdout
    except ProbeError:
        return candidates
    jails = dict(re.findall(r"(?m)^ *(\d+) +(\S+)$", listed, re.ASCII))
    of_rc = {process for process in jailed if jails.get(str(process.jid)) == names[process.comm]}
    return tuple(process._replace(jid=0) if process in of_rc else process for process in candidates)


def titles(node: Node) -> dict[int, str]:
    """What each process calls itself, by pid; a daemon of the system is not known by it. Raises ProbeError."""
    completed = node.run("ps", "-axww", "-o", "pid,command")
    if completed.status != 0:
        raise CommandFailed(f"`ps` exits with {completed.status}: {completed.words}")
    by_pid = {}
    for line in completed.stdout.split("\n")[1:-1]:
        pid, _, command = line.strip().partition(" ")
        if re.fullmatch(r"\d+", pid, re.ASCII):
            by_pid[int(pid)] = command
        else:
            node.note_odd("ps", [line])
    return by_pid


def title_of(pid: int) -> tuple[str, ...]:
    """What asks for the title of a process."""
    return "ps", "-ww", "-o", "command", "-p", str(pid)


def state_of(pid: int) -> tuple[str, ...]:
    """What asks for the state of a process."""
    return "ps", "-o", "stat,%cpu", "-p", str(pid)


def title(node: Node, pid: int) -> str:
    """What one process calls itself: the words it was started with, where it has set none of its own. Raises
    ProbeError."""
    completed = node.run(*title_of(pid))
    lines = completed.stdout.splitlines()
    if len(lines) != 2 or lines[0] != "COMMAND":
        raise NotUnderstood("ps", lines[-1] if lines else completed.words)
    return lines[1]


def state(node: Node, pid: int) -> ProcessState | None:
    """The state of a process, None where it is gone. Raises ProbeError."""
    completed = node.run(*state_of(pid))
    lines = completed.stdout.splitlines()[1:]
    if not lines:
        return None
    fields = re.fullmatch(r"\s*(?P<stat>[A-Z][A-Za-z0-9<+>]*)\s+(?P<cpu>\d+[.,]\d+)\s*", lines[0], re.ASCII)
    if not fields:
        raise NotUnderstood("ps", lines[0])
    return ProcessState(fields["stat"], float(fields["cpu"].replace(",", ".")))


def read_ps(text: str) -> tuple[tuple[Process, ...], tuple[str, ...]]:
    """The lines of `ps -o` with COLUMNS, and those that are none. Raises NotUnderstood, also where one of these may be
    that of a daemon which somebody looks for: that it does not run would be a guess.

    Every column but the last is as wide as its widest value, and no narrower than its header (ps.c format_output(),
    sizevars()), so a line begins its last field where the header does. A line that is too short for that is the rest
    of a name with a line end in it, which nobody but a user makes: a name has 19 bytes (MAXCOMLEN), the columns before
    it 22 at least.
    """
    header, *lines = text.split("\n")
    if header.split() != HEADER:
        raise NotUnderstood("ps", header or "(empty)")
    name_at = header.index(HEADER[-1])
    if not lines or lines.pop():
        raise NotUnderstood("ps, whose last line is cut off", text.rpartition("\n")[2])
    listed: list[Process] = []
    odd: list[str] = []
    for line in lines:
        if len(ONE_BYTE.sub("?", line)) < name_at:
            if not listed or listed[-1].of_the_system or odd:
                odd.append(line)
                continue
            listed[-1] = listed[-1]._replace(comm=f"{listed[-1].comm}\n{line}")
            continue
        fields = LINE.match(line)
        if not fields or fields.end() < name_at:
            odd.append(line)
            continue
        pid, ppid, jid, ruid, uid = (int(fields[name]) for name in ("pid", "ppid", "jid", "ruid", "uid"))
        listed.append(Process(pid, ppid, jid, ruid, uid, fields["started"], line[name_at:]))
    for line in odd:
        if not listed or _may_be_looked_for(line, name_at):
            raise NotUnderstood("ps", line)
    return tuple(listed), tuple(odd)


def _may_be_looked_for(line: str, name_at: int) -> bool:
    """Whether a line that is not understood may be that of a daemon: it names one, or is cut off before its name."""
    cut_off = re.match(r" *\d", line, re.ASCII) is not None and len(ONE_BYTE.sub("?", line)) <= name_at
    return cut_off or any(name in line for name in LOOKED_FOR)


def daemons(listed: Iterable[Process], comm: str) -> tuple[Process, ...]:
    """The daemons of the system that are named so. Of one and its children, which may have its name too (nfsd's
    server, what hastd forks), only the first: the others end with it."""
    named = {process.pid: process for process in listed if process.of_the_system and process.comm == comm}
    return tuple(process for process in named.values() if process.ppid not in named)


def hastd(listed: Iterable[Process]) -> Process | None:
    """The process of hastd(8), None where there is none."""
    return next(iter(daemons(listed, HASTD)), None)


def hastd_workers(listed: Iterable[Process]) -> tuple[Process, ...]:
    """The children of hastd, and workers that have outlived their hastd."""
    listed = tuple(listed)
    parents = {process.pid for process in daemons(listed, HASTD)}
    return tuple(process for process in listed if process.ppid in parents or _is_worker(process))


def _is_worker(process: Process) -> bool:
    return process.comm == HASTD and process.ruid == process.uid == HAST_USER


def running(listed: Iterable[Process]) -> frozenset[str]:
    """Which daemons of an NFS server (the names of NFS_DAEMONS) are among the processes."""
    listed = tuple(listed)
    return frozenset(name for name, comm in NFS_DAEMONS.items() if daemons(listed, comm))
