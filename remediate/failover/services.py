"""NFS and the other services of the active node: which run, starting and stopping them.

The five daemons of NFS are started directly, with the flags of rc.conf: through service(8), one after the other, they
take nine times as long (hast-facts, 29). What else is configured goes through service(8), whatever rc.conf enables.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from checks.probes import rc_conf
from checks.probes.errors import Hangs, ProbeError
from checks.probes.node import Node
from checks.probes.processes import NFS_DAEMONS, Process, daemons, processes, running
from remediate.failover import rc_start
from remediate.failover.facts import BASE, SERVING
from remediate.failover.filesystems import there_now
from remediate.failover.outcome import StepFailed
from remediate.failover.rc_start import DAEMONS
from remediate.site import Site

SERVICE = "/usr/sbin/service"
KILL = "/bin/kill"
SYSCTL = "/sbin/sysctl"
STOPS, STARTS, RC = 5.0, 10.0, {"onestart": 60.0, "onestop": 20.0}
"""Seconds: for a daemon to end after its signal, to be there after its start, and for one call of service(8); the other
node waits for a stop (`failover.let_go`)."""
ENDS = 0.02
"""Seconds between two looks whether a daemon has ended, by a system call."""
EXPORTS = 10.0
"""Seconds for mountd to export what it was started for."""
EXPORTED = 0.02
"""Seconds between two looks whether it has: clients wait for nothing else then."""

Commands = Mapping[str, rc_start.Command | None]
"""How the daemons of NFS are started (`rc_start.commands`)."""
PID_FILES = frozenset({"mountd"})
"""Without a pid file rc(8) takes anybody's process of that name for the daemon, and does not start it (rc.subr
check_process(), _find_processes()); hast-facts, 23."""


def running_daemons(node: Node) -> frozenset[str]:
    """Which of the five run. Raises ProbeError."""
    return running(processes(node))


def running_services(node: Node, names: Iterable[str]) -> frozenset[str]:
    """Which of the other services run, as `service NAME onestatus` has it (28). One that does not say counts as one
    that does: it is not started again, and has to be stopped before anything is unmounted. Raises ProbeError."""
    found = []
    for name in names:
        command = (SERVICE, name, "onestatus")
        try:
            runs = node.execute(command, node.deadline.for_one_command()[0], " ".join(command)).status == 0
        except Hangs:
            runs = True
        if runs:
            found.append(name)
    return frozenset(found)


def stop(site: Site, names: tuple[str, ...]) -> str:
    """Stop the other services one by one, then the daemons of NFS together. One of the other services that does not
    stop keeps nothing up: the unmount ends whoever uses the file system. What went wrong, for the journal. Raises
    StepFailed, ProbeError."""
    trouble = []
    for name in names:
        if name not in DAEMONS:
            try:
                _service(site, name, "onestop")
            except (StepFailed, ProbeError) as error:
                trouble.append(str(error))
    if daemons := [name for name in names if name in DAEMONS]:
        found = processes(site.here.node())
        site.timing.together([lambda name=name: _end(site, name, found) for name in daemons])  # type: ignore[misc]
    return "; ".join(trouble)


def start(
    site: Site, names: tuple[str, ...], points: tuple[str, ...], commands: Commands, may_run: bool = True
) -> None:
    """Start what NFS stands on, then mountd, anew where it runs, then nfsd when mountd has exported the file systems at
    `points`, then the other services. What runs already is looked for where some of it `may_run`, and where a start
    fails. Whether nfsd stays is for the caller to see (`await_running`, or as a client). Raises StepFailed,
    ProbeError."""
    nfs = any(name in DAEMONS for name in names)
    if nfs and not may_run:
        try:
            return _start(site, names, points, commands, ())
        except StepFailed:  # somebody else has started one meanwhile
            if not running_daemons(site.here.node()) & set(names):
                raise
    return _start(site, names, points, commands, processes(site.here.node()) if nfs else ())


def _start(
    site: Site, names: tuple[str, ...], points: tuple[str, ...], commands: Commands, found: tuple[Process, ...]
) -> None:
    runs = running(found)
    base = [name for name in BASE if name in names and name not in runs]
    site.timing.together([lambda name=name: _begin(site, name, commands[name]) for name in base])  # type: ignore[misc]
    await_running(site, tuple(base))
    if "mountd" in names:
        if "mountd" in runs:
            _end(site, "mountd", found)
        _begin(site, "mountd", commands["mountd"])
    if set(SERVING) & set(names):
        _await_exports(site, points)
    if "nfsd" in names and "nfsd" not in runs:
        _begin(site, "nfsd", commands["nfsd"])
    for name in names:
        if name not in DAEMONS:
            _service(site, name, "onestart")


def commands(site: Site) -> Commands:
    """How rc(8) would start the daemons of NFS. Raises Unreachable."""
    return rc_start.commands(rc_conf.read(site.here.node(), rc_start.ASKED))


def await_running(site: Site, names: tuple[str, ...]) -> None:
    """Wait until the daemons of NFS among the names run. Raises StepFailed, ProbeError."""
    wanted = {name for name in names if name in DAEMONS}
    if wanted and not site.timing.until(lambda: wanted <= running_daemons(site.here.node()), STARTS):
        missing = wanted - running_daemons(site.here.node())
        raise StepFailed(f"{' and '.join(sorted(missing))} was started and does not run")


def stop_lines(names: tuple[str, ...]) -> list[str]:
    """What `stop` runs, for people."""
    return [
        f"kill -{DAEMONS[name].signal} `{name}`" if name in DAEMONS else f"service {name} onestop" for name in names
    ]


def start_lines(names: tuple[str, ...]) -> list[str]:
    """What `start` runs, for people."""
    return [
        f"{DAEMONS[name].program} (${DAEMONS[name].flags})" if name in DAEMONS else f"service {name} onestart"
        for name in names
    ]


def _await_exports(site: Site, points: tuple[str, ...]) -> None:
    def missing() -> list[str]:
        return [point for point in points if not ((there := there_now(site, point)) and there.exported)]

    if not site.timing.until(lambda: not missing(), EXPORTS, EXPORTED):
        raise StepFailed(f"mountd has not exported {', '.join(missing())} within {EXPORTS:g} s")


def _begin(site: Site, name: str, command: rc_start.Command | None) -> None:
    """Start a daemon that does not run; `command` None: as rc(8) alone can."""
    if command is None:
        _service(site, name, "onestart")
    elif not site.config.failover.rc_start:
        _start_directly(site, name, command)
    else:
        try:
            _service(site, name, "onestart")
        except StepFailed:
            if name in PID_FILES:
                raise
            _start_directly(site, name, command)


def _start_directly(site: Site, name: str, command: rc_start.Command) -> None:
    if command.sysctl:
        site.here.act((SYSCTL, *command.sysctl), STARTS)
    started = site.here.act((DAEMONS[name].program, *command.flags), STARTS)
    if started.status != 0:
        raise StepFailed(f"{name} could not be started: {started.words}")


def _end(site: Site, name: str, found: tuple[Process, ...]) -> None:
    """End a daemon by its signal; where that does not help, by SIGKILL, and at last by rc(8)."""
    for signal in (DAEMONS[name].signal, "KILL"):
        if not pids(found, name) or _signalled(site, name, signal, found):
            return
        found = processes(site.here.node())
    _service(site, name, "onestop")
    if name in running_daemons(site.here.node()):
        raise StepFailed(f"{name} does not end")


def _signalled(site: Site, name: str, signal: str, found: tuple[Process, ...]) -> bool:
    """Send a daemon a signal; whether it ends, and what has its name and is of it."""
    machine, masters = site.here.machine, pids(found, name)
    if machine is None:
        site.here.act((KILL, f"-{signal}", *map(str, masters)), STOPS)
        return site.timing.until(lambda: name not in running_daemons(site.here.node()), STOPS)
    family = {process.pid for process in found if process.pid in masters or process.ppid in masters}
    for pid in masters:
        machine.send(pid, signal)
    return site.timing.until(lambda: not any(machine.runs(pid) for pid in family), STOPS, ENDS)


def _service(site: Site, name: str, verb: str) -> None:
    done = site.here.act((SERVICE, name, verb), RC[verb])
    if done.status != 0 and not _is_so_already(site, name, verb):
        raise StepFailed(f"`service {name} {verb}` ends with {done.status}: {done.words}")


def _is_so_already(site: Site, name: str, verb: str) -> bool:
    """service(8) fails for what runs already, and for what does not run any more."""
    node = site.here.node()
    runs = name in (running_daemons(node) if name in DAEMONS else running_services(node, [name]))
    return runs is (verb == "onestart")


def pids(found: tuple[Process, ...], name: str) -> tuple[int, ...]:
    """The processes of a daemon that runs; of nfsd the master, which ends its servers itself."""
    return tuple(process.pid for process in daemons(found, NFS_DAEMONS[name]))
