"""Who uses a file system that is to be unmounted, and ending them.

Their pids come from fuser(1), which writes nothing else to standard output (fuser.c do_fuser()): a name that its owner
chose can't be taken for a pid. fuser looks for the device that the path lies on when it is called, and where nothing is
mounted any more that is the root file system, of which every process has something open (freebsd-facts:
users-of-an-absent-mount). So nobody gets a signal unless the same file system is still mounted after fuser and the last
look at the processes.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable

from checks.plugin.text import plain
from checks.probes.errors import ProbeError
from checks.probes.filesystem import Mount, mounted_at, mounts
from checks.probes.processes import DEVD, SSHD, Process, daemons, hastd, hastd_workers, processes
from remediate.context import Context

FUSER, KILL = "/usr/bin/fuser", "/bin/kill"
SECONDS = 10.0
"""For fuser and for kill."""
MOST_NAMED = 10


def end(context: Context, there: Mount, signal: str) -> tuple[Process, ...]:
    """Send a signal to whoever uses the mounted file system; who got it. Nobody does where anything about them is not
    known. Raises ProbeError where the signal cannot be sent."""
    try:
        users = using(context, there)
    except ProbeError:
        return ()
    if users:
        context.here.act((KILL, f"-{signal}", *(str(process.pid) for process in users)), SECONDS)
    return users


def using(context: Context, there: Mount) -> tuple[Process, ...]:
    """The processes that may be ended because they use the file system. Raises ProbeError.

    fuser has seen a process of the first listing if the second one has the same pid with the same start; one that began
    in between waits for the next round. The mount is looked at last, right before the signal.
    """
    before = processes(context.here.node())
    pids = parse_fuser(context.here.act((FUSER, "-c", there.point), SECONDS).stdout)
    if not pids:
        return ()
    now = processes(context.here.node())
    began = {process.pid: process.started for process in before}
    spared = never_ended(now, 0 if context.here.via else os.getpid())
    users = tuple(
        process for process in now if process.pid in pids - spared and began.get(process.pid) == process.started
    )
    return users if _is_the_same(there, mounted_at(mounts(context.here.node()), there.point)) else ()


def parse_fuser(text: str) -> frozenset[int]:
    """The pids that fuser(1) writes, each in six columns; nobody where anything else is among them."""
    return frozenset(map(int, text.split())) if re.fullmatch(r"(?: *\d+)*\s*", text, re.ASCII) else frozenset()


def never_ended(processes: Iterable[Process], ourselves: int) -> frozenset[int]:
    """The pids that get no signal whatever they use: the kernel's, init, hastd and its workers, devd, sshd, and the
    process `ourselves` (0: it is not on this node) with all its ancestors."""
    processes = tuple(processes)
    pids = {process.pid for process in processes if process.of_the_kernel or _is_sshd(process)}
    pids |= {process.pid for process in (*daemons(processes, DEVD), *hastd_workers(processes))}
    daemon = hastd(processes)
    parents = {process.pid: process.ppid for process in processes}
    for pid in (daemon.pid if daemon else 0, ourselves):
        while pid not in pids:
            pids.add(pid)
            pid = parents.get(pid, 0)
    return frozenset(pids | {0, 1})


def named(ended: Iterable[Process]) -> str:
    """The processes for the journal, each once; their names are somebody's choice."""
    names = list(dict.fromkeys(f"{plain(process.comm)} (pid {process.pid})" for process in ended))
    more = [f"{len(names) - MOST_NAMED} more"] if len(names) > MOST_NAMED else []
    return ", ".join(names[:MOST_NAMED] + more) or "nobody that fuser names"


def _is_sshd(process: Process) -> bool:
    """Its listener, and the sessions, which have a program of their own from OpenSSH 9.8 on."""
    return process.of_the_system and process.comm.partition("-")[0] == SSHD


def _is_the_same(there: Mount, now: Mount | None) -> bool:
    return now is not None and (now.device, now.kind) == (there.device, there.kind)
