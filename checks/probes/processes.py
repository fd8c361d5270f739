"""The processes of a node, as ps(1) lists them."""

from __future__ import annotations

import re
from typing import NamedTuple

from checks.probes.errors import Failed, NotUnderstood
from checks.probes.node import Node

NFS_DAEMONS = {
    "rpcbind": r"/usr/sbin/rpcbind\b",
    "statd": r"/usr/sbin/rpc\.statd\b",
    "lockd": r"/usr/sbin/rpc\.lockd\b",
    "mountd": r"/usr/sbin/mountd\b",
    "nfsd": r"nfsd: (master|server)\b",
}
"""How the daemons of an NFS server show in ps(1). nfsd(8) sets its title; the others keep their path."""
HASTD, HASTD_WORKER = r"(/sbin/)?hastd\b(?!:)", r"hastd: "
"""hastd and its workers in ps(1): `/sbin/hastd`, `hastd: home (primary) (hastd)` (hast-facts, 12)."""


class Process(NamedTuple):
    """One line of ps."""

    pid: int
    ppid: int
    command: str


class ProcessState(NamedTuple):
    """How a process fares: ps(1) `stat` (T stopped, Z zombie, D in a disk wait) and `%cpu` over the last minute."""

    stat: str
    cpu: float

    @property
    def halted(self) -> str:
        """What it is when it does nothing any more: `stopped`, `a zombie`; empty otherwise."""
        return {"T": "stopped", "Z": "a zombie"}.get(self.stat[0], "")


def processes(node: Node) -> tuple[Process, ...]:
    """All processes of the node. Raises ProbeError."""
    completed = node.run("ps", "-axww", "-o", "pid,ppid,command")
    if completed.status != 0:
        raise Failed(f"`ps` ends with {completed.status}: {completed.words}")
    return parse_ps(completed.stdout)


def state(node: Node, pid: int) -> ProcessState | None:
    """The state of a process, None where it is gone. Raises ProbeError."""
    completed = node.run("ps", "-o", "stat,%cpu", "-p", str(pid))
    lines = completed.stdout.splitlines()[1:]
    if not lines:
        return None
    fields = re.fullmatch(r"\s*(?P<stat>[A-Z][A-Za-z0-9<+>]*)\s+(?P<cpu>\d+[.,]\d+)\s*", lines[0], re.ASCII)
    if not fields:
        raise NotUnderstood("ps", lines[0])
    return ProcessState(fields["stat"], float(fields["cpu"].replace(",", ".")))


def parse_ps(text: str) -> tuple[Process, ...]:
    """The lines of `ps -o pid,ppid,command`. Raises NotUnderstood."""
    found = []
    lines = text.splitlines()
    if not lines or lines[0].split() != ["PID", "PPID", "COMMAND"]:
        raise NotUnderstood("ps", lines[0] if lines else "(empty)")
    for line in lines[1:]:
        fields = re.fullmatch(r"\s*(?P<pid>\d+)\s+(?P<ppid>\d+)\s?(?P<command>.*)", line, re.ASCII)
        if not fields:
            raise NotUnderstood("ps", line)
        found.append(Process(int(fields["pid"]), int(fields["ppid"]), fields["command"]))
    return tuple(found)


def hastd(found: tuple[Process, ...]) -> Process | None:
    """The process of hastd(8), None where there is none."""
    return next((process for process in found if re.match(HASTD, process.command)), None)


def hastd_worker(found: tuple[Process, ...]) -> Process | None:
    """One of hastd's workers, None where there is none."""
    return next((process for process in found if re.match(HASTD_WORKER, process.command)), None)


def running(found: tuple[Process, ...]) -> frozenset[str]:
    """Which daemons of an NFS server (the names of NFS_DAEMONS) are among the processes."""
    return frozenset(
        name for name, title in NFS_DAEMONS.items() if any(re.match(title, process.command) for process in found)
    )
