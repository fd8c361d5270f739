"""NFS and the other services of the active node: which run, starting them, all through service(8), and stopping them.

What rc.conf(5) says of mountd and nfsd is done by their scripts alone (rc.d/mountd mountd_precmd(), rc.d/nfsd
nfsd_precmd(), FreeBSD 13.2 and 15.1): files of zfs(8), versions of NFS, `-n` and `-R`, nfsuserd(8), settings of the
kernel, another program. It takes a second each where starting a process is slow (freebsd-facts: costs-of-a-handover).
rpcbind, statd and lockd export nothing and run on both nodes, so that a promotion starts the two only.

rc.subr(8) takes anybody's process of a daemon's name for the daemon where its script names no pid file
(check_process(), _find_processes()): whoever has an account could keep NFS from being started, and would get its
signal. So a start that fails for a daemon that does not run is tried once more without that look, and where such a
process is seen the daemon is ended by its own signal, which is all that rc(8) does.
"""

from __future__ import annotations

from collections.abc import Iterable

from checks.probes.errors import Hangs, ProbeError
from checks.probes.node import Node
from checks.probes.process import CompletedCommand
from checks.probes.processes import NFS_DAEMONS, Process, daemons, processes, running
from remediate.context import Context
from remediate.failover.errors import StepFailed
from remediate.failover.facts import BASE, SERVING
from remediate.failover.filesystems import there_now

SERVICE = "/usr/sbin/service"
KILL = "/bin/kill"
UNSEEING = ("/usr/bin/env", "-i", "HOME=/", "PATH=/sbin:/bin:/usr/sbin:/usr/bin", "rc_fast=YES")
"""A script of /etc/rc.d as service(8) runs it, which then starts a command without looking for its process, as at boot
(rc.subr run_rc_command(); force_depend() does not look either, for what rc.conf enables)."""
SIGNALS = {"nfsd": "USR1"}
"""What ends a daemon, TERM where it is not named (rc.d/nfsd, sig_stop)."""
STOPS, STARTS, RC = 5.0, 20.0, {"onestart": 60.0, "onestop": 20.0}
"""Seconds: for a daemon of NFS to end after its signal, for its start, and for another call of service(8); the other
node waits for a stop (`failover.let_go`)."""
ENDS = 0.02
"""Seconds between two looks whether a daemon has ended, by a system call."""
EXPORTS = 10.0
"""Seconds for mountd to export what it was started for."""
EXPORTED = 0.02
"""Seconds between two looks whether it has: clients wait for nothing else then."""


def running_daemons(node: Node) -> frozenset[str]:
    """Which of the five run. Raises ProbeError."""
    return running(processes(node))


def running_services(node: Node, names: Iterable[str]) -> frozenset[str]:
    """Which of the other services run, as `service NAME onestatus` has it (freebsd-facts:
    status-of-a-disabled-service). One that does not say counts as one
    that does: it is not started again, and has to be stopped before anything is unmounted. Raises ProbeError."""
    running = []
    for name in names:
        command = (SERVICE, name, "onestatus")
        try:
            runs = node.execute(command, node.deadline.for_one_command()[0], " ".join(command)).status == 0
        except Hangs:
            runs = True
        if runs:
            running.append(name)
    return frozenset(running)


def stop(context: Context, names: tuple[str, ...]) -> str:
    """Stop the other services one by one, then the daemons of NFS together. One of the other services that does not
    stop keeps nothing up: the unmount ends whoever uses the file system. What went wrong, for the journal. Raises
    StepFailed, ProbeError."""
    trouble = []
    for name in names:
        if name not in NFS_DAEMONS:
            try:
                _service(context, name, "onestop")
            except (StepFailed, ProbeError) as error:
                trouble.append(str(error))
    if daemons := [name for name in names if name in NFS_DAEMONS]:
        running = processes(context.here.node())
        context.timing.together([lambda name=name: _end(context, name, running) for name in daemons])  # type: ignore[misc]
    return "; ".join(trouble)


def start(context: Context, names: tuple[str, ...], points: tuple[str, ...], may_run: bool = True) -> None:
    """Start what NFS stands on, then mountd, anew where it runs, then nfsd when mountd has exported the file systems at
    `points`, then the other services. What runs already is looked for where some of it `may_run`, and where a start
    fails. Whether nfsd stays is for the caller to see (`await_running`, or as a client). Raises StepFailed,
    ProbeError."""
    nfs = any(name in NFS_DAEMONS for name in names)
    try:
        _start(context, names, points, processes(context.here.node()) if nfs and may_run else ())
    except _Meanwhile:
        _start(context, names, points, processes(context.here.node()))


def _start(context: Context, names: tuple[str, ...], points: tuple[str, ...], listed: tuple[Process, ...]) -> None:
    runs = running(listed)
    base = tuple(name for name in BASE if name in names and name not in runs)
    for name in base:  # in this order: their scripts start what they stand on
        _begin(context, name)
    await_running(context, base)
    if "mountd" in names:
        if "mountd" in runs:
            _end(context, "mountd", processes(context.here.node()) if base else listed)  # that took seconds
        _begin(context, "mountd")
    if set(SERVING) & set(names):
        _await_exports(context, points)
    if "nfsd" in names and "nfsd" not in runs:
        _begin(context, "nfsd")
    for name in names:
        if name not in NFS_DAEMONS:
            _service(context, name, "onestart")


def await_running(context: Context, names: tuple[str, ...]) -> None:
    """Wait until the daemons of NFS among the names run. Raises StepFailed, ProbeError."""
    wanted = {name for name in names if name in NFS_DAEMONS}
    if wanted and not context.timing.until(lambda: wanted <= running_daemons(context.here.node()), STARTS):
        missing = wanted - running_daemons(context.here.node())
        raise StepFailed(f"{' and '.join(sorted(missing))} was started and does not run")


def stop_lines(names: tuple[str, ...]) -> list[str]:
    """What `stop` runs, for people."""
    return [
        f"kill -{SIGNALS.get(name, 'TERM')} `{name}`" if name in NFS_DAEMONS else f"service {name} onestop"
        for name in names
    ]


def start_lines(names: tuple[str, ...]) -> list[str]:
    """What `start` runs, for people."""
    return [f"service {name} onestart" for name in names]


def _await_exports(context: Context, points: tuple[str, ...]) -> None:
    def missing() -> list[str]:
        return [point for point in points if not ((there := there_now(context, point)) and there.exported)]

    if not context.timing.until(lambda: not missing(), EXPORTS, EXPORTED):
        raise StepFailed(f"mountd has not exported {', '.join(missing())} within {EXPORTS:g} s")


class _Meanwhile(StepFailed):
    """Somebody else has started mountd, which may not have seen the mount."""


def _begin(context: Context, name: str) -> None:
    """Start a daemon of NFS that does not run; another one that somebody else has started meanwhile is as good, but for
    mountd. Raises _Meanwhile, StepFailed, ProbeError."""
    failed = context.here.act((SERVICE, name, "onestart"), STARTS)
    if failed.status == 0:
        return
    if name in running_daemons(context.here.node()):
        if name == "mountd":
            raise _Meanwhile("mountd was started by somebody else")
        return
    if name != "mountd":
        again = context.here.act((*UNSEEING, f"/etc/rc.d/{name}", "onestart"), STARTS)
        if again.status == 0 or name in running_daemons(context.here.node()):
            return
    raise StepFailed(_failed(name, "onestart", failed))


def _end(context: Context, name: str, running: tuple[Process, ...]) -> None:
    """End a daemon of NFS that was seen, by its signal, by SIGKILL where that does not help, and at last by rc(8)."""
    for signal in (SIGNALS.get(name, "TERM"), "KILL"):
        if not pids(running, name) or _signalled(context, name, signal, running):
            return
        running = processes(context.here.node())
    _service(context, name, "onestop")
    if name in running_daemons(context.here.node()):
        raise StepFailed(f"{name} does not end")


def _signalled(context: Context, name: str, signal: str, running: tuple[Process, ...]) -> bool:
    """Send a daemon a signal; whether it ends, and what has its name and is of it."""
    machine, masters = context.here.machine, pids(running, name)
    if machine is None:
        context.here.act((KILL, f"-{signal}", *map(str, masters)), STOPS)
        return context.timing.until(lambda: name not in running_daemons(context.here.node()), STOPS)
    family = {process.pid for process in running if process.pid in masters or process.ppid in masters}
    for pid in masters:
        machine.send(pid, signal)
    return context.timing.until(lambda: not any(machine.runs(pid) for pid in family), STOPS, ENDS)


def _service(context: Context, name: str, verb: str) -> None:
    done = context.here.act((SERVICE, name, verb), RC[verb])
    if done.status != 0 and not _is_so_already(context, name, verb):
        raise StepFailed(_failed(name, verb, done))


def _failed(name: str, verb: str, done: CompletedCommand) -> str:
    return f"`service {name} {verb}` exits with {done.status}: {done.words}"


def _is_so_already(context: Context, name: str, verb: str) -> bool:
    """service(8) fails for what runs already, and for what does not run any more."""
    node = context.here.node()
    runs = name in (running_daemons(node) if name in NFS_DAEMONS else running_services(node, [name]))
    return runs is (verb == "onestart")


def pids(running: tuple[Process, ...], name: str) -> tuple[int, ...]:
    """The processes of a daemon that runs; of nfsd the master, which ends its servers itself."""
    return tuple(process.pid for process in daemons(running, NFS_DAEMONS[name]))
