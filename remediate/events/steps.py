"""What a repair does, step by step: data first, so that it can be shown without being done.

Each step has a deadline and looks at its own effect. The convergence that follows every repair is not among them: it
has steps of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from checks.probes import devd, processes
from checks.probes.boot_time import boot_mark
from checks.probes.errors import ProbeError
from remediate.context import Context
from remediate.events import diagnosis
from remediate.events.repair_request import Remedy
from remediate.failover import replicas, services
from remediate.failover.carp_demotion import shutting_down
from remediate.failover.errors import StepFailed, Superseded
from remediate.failover.facts import BASE, SERVING
from remediate.failover.resource import ResourcePlace, places
from remediate.failover.services import KILL, SERVICE, running_daemons
from remediate.state import ledger, maintenance, marker
from remediate.state.journal import ALERT
from remediate.state.store import StateError

ENDS, STARTS = 5.0, 60.0
"""Seconds for devd to end after a signal, and for one call of service(8)."""
ANSWERS = 10.0
"""Seconds for a daemon that was started to answer; hastd and devd answer at once."""
REREAD = 5.0
"""Seconds for clients to be served after mountd was told to read its exports again. It needs a fraction of a second;
where a file system was mounted again it does not help (freebsd-facts: remount-is-not-exported)."""
SERVED = 15.0
"""The same from the start of the daemons until they have registered and answer."""
EVERY = 0.2
ALL_STOP: tuple[tuple[str, ...], ...] = (tuple(reversed(SERVING)), ("lockd", "statd"), ("rpcbind",))
ALL_START: tuple[tuple[str, ...], ...] = (("rpcbind",), ("statd", "lockd"), SERVING)
"""NFS in order: a registration is lost with the rpcbind that has it, so the others follow it (freebsd-facts:
registrations-go-with-rpcbind)."""


class RepairStep(NamedTuple):
    """One step: its name, what for, what it runs, for people; `do` gives what was seen. It raises StepFailed,
    ProbeError, StateError, and Superseded where it is no longer needed."""

    name: str
    why: str
    lines: tuple[str, ...]
    do: Callable[[Context], str]
    otherwise: bool = False
    """Done only where the step before it failed; else only where it did not."""


def steps(context: Context, remedy: Remedy) -> tuple[RepairStep, ...]:
    """What the repair does before the convergence, as the node is now. Raises ProbeError."""
    if remedy is Remedy.DEVD:
        return _devd(context)
    if remedy is Remedy.NFS:
        return _nfs(context)
    if remedy is Remedy.HASTD:
        return (
            RepairStep("start-hastd", "start hastd, and wait until it answers", (f"{SERVICE} hastd onestart",), _hastd),
        )
    if remedy is Remedy.SPLIT_BRAIN:
        why = "record that this node loses, so that it steps down"
        return tuple(
            RepairStep(f"mark {name}", why, (), partial(_mark, name=name)) for name in diagnosis.unmarked(context)
        )
    return ()


def heed(context: Context, remedy: Remedy) -> None:
    """Look, right before anything is done, whether it still may be, and still is called for. Raises Superseded."""
    suspended = maintenance.current(context.store, context.timing.wall())
    if suspended is not None:
        raise Superseded(f"maintenance: {suspended.reason}")
    try:
        if shutting_down(context.store, boot_mark(context.here.node())):
            raise Superseded("this node shuts down")
        if remedy is not Remedy.SPLIT_BRAIN and not diagnosis.trouble(context, remedy):  # each mark looks for itself
            raise Superseded("it is no longer needed")
    except (StepFailed, ProbeError, StateError) as error:
        raise Superseded(f"whether it is needed is not known: {error}") from None


# --- devd ----------------------------------------------------------------------------------------------------------


def _devd(context: Context) -> tuple[RepairStep, ...]:
    """One that is stopped takes no signal but SIGKILL, and rc(8) would wait for its end forever. Nothing is lost with
    it: the kernel keeps its events, and a hook that it runs goes on."""
    start = RepairStep(
        "start-devd", "start devd, and wait until it answers", (f"{SERVICE} devd onestart",), _start_devd
    )
    if _pid(context) is None:
        return (start,)
    lines = (f"{KILL} -TERM `devd`", f"where it is stopped or does not end: {KILL} -KILL `devd`")
    return RepairStep("end-devd", "end the devd that does not do its work", lines, _end_devd), start


def _pid(context: Context) -> int | None:
    daemon = devd.find(processes.processes(context.here.node()))
    return daemon.pid if daemon is not None else None


def _end_devd(context: Context) -> str:
    pid = _pid(context)
    state = None if pid is None else processes.state(context.here.node(), pid)
    for signal in ("KILL",) if state is not None and state.stat[0] == "T" else ("TERM", "KILL"):
        pid = _pid(context)
        if pid is None:
            return "it had ended"
        context.here.act((KILL, f"-{signal}", str(pid)), ENDS)
        if context.timing.until(lambda: _pid(context) is None, ENDS, EVERY):
            return f"process {pid} ended by SIG{signal}"
    raise StepFailed("devd does not end")


def _start_devd(context: Context) -> str:
    trouble = _service(context, "devd")
    left = context.timing.left(lambda: diagnosis.devd_trouble(context), ANSWERS, EVERY)
    if left:
        raise StepFailed(trouble or f"devd was started, and {left}")
    return "it reads events"


# --- hastd ---------------------------------------------------------------------------------------------------------


def _hastd(context: Context) -> str:
    """Every resource begins in role init; the convergence gives the role."""
    names = tuple(places(context.here.node(), context.config))
    for name in names:
        replicas.note_dead(context, name, ledger.LedgerEvent.STARTED)
    trouble = _service(context, "hastd")
    if context.timing.left(lambda: diagnosis.silent(context.here.node(), names[0]), ANSWERS, EVERY):
        raise StepFailed(trouble or "hastd was started and does not answer")
    return "it answers"


def _service(context: Context, name: str) -> str:
    """service(8), whatever rc.conf enables (freebsd-facts: status-of-a-disabled-service); what it says against it. It
    fails also where somebody else was faster, and then the daemon is there. Raises ProbeError."""
    done = context.here.act((SERVICE, name, "onestart"), STARTS)
    return f"`service {name} onestart` exits with {done.status}: {done.words}" if done.status != 0 else ""


# --- NFS -----------------------------------------------------------------------------------------------------------


def _nfs(context: Context) -> tuple[RepairStep, ...]:
    """The gentlest that can help first. Without rpcbind nothing but a restart of all does."""
    running = running_daemons(context.here.node())
    steps: list[RepairStep] = []
    if running.issuperset(diagnosis.NEEDED):
        steps.append(RepairStep("reread-exports", "let mountd reread its exports", (f"{KILL} -HUP `mountd`",), _reread))
    if "rpcbind" in running:
        steps.append(_restart("restart-nfs", "restart what answers clients", ALL_STOP[:1], ALL_START[2:], bool(steps)))
    why = "restart all of NFS, in order"
    return *steps, _restart("restart-all-of-nfs", why, ALL_STOP, ALL_START, bool(steps))


def _restart(
    name: str, why: str, stop: tuple[tuple[str, ...], ...], start: tuple[tuple[str, ...], ...], otherwise: bool
) -> RepairStep:
    lines = [line for names in stop for line in services.stop_lines(names)]
    lines += [line for names in start for line in services.start_lines(names)]
    return RepairStep(name, why, tuple(lines), partial(_restarted, stop=stop, start=start), otherwise)


def _reread(context: Context) -> str:
    pids = services.pids(processes.processes(context.here.node()), "mountd")
    if not pids:
        raise StepFailed("mountd does not run any more")
    context.here.act((KILL, "-HUP", *map(str, pids)), services.STOPS)
    return _await_served(context, REREAD)


def _restarted(context: Context, stop: tuple[tuple[str, ...], ...], start: tuple[tuple[str, ...], ...]) -> str:
    """What was stopped is started again, maintenance or not; only not where address and data are not here any more."""
    for names in stop:
        _still_served(context)
        services.stop(context, names)
    for names in start:
        points = tuple(place.point for place in _still_served(context) if place.exported)
        started = (*names, *_missing(context, names))
        services.start(context, started, points)
        services.await_running(context, started)
    return _await_served(context, SERVED)


def _still_served(context: Context) -> tuple[ResourcePlace, ...]:
    """Raises Superseded."""
    try:
        served = diagnosis.served_here(context)
    except (StepFailed, ProbeError) as error:
        raise Superseded(f"it cannot be seen that address and data are here: {error}") from None
    if not served:
        raise Superseded("address and data are not here together any more")
    return served


def _missing(context: Context, names: tuple[str, ...]) -> tuple[str, ...]:
    """What NFS stands on, where that does not run either."""
    if names != SERVING:
        return ()
    running = running_daemons(context.here.node())
    return tuple(name for name in BASE if name not in running)


def _await_served(context: Context, seconds: float) -> str:
    left = context.timing.left(lambda: diagnosis.nfs_trouble(context), seconds, EVERY)
    if left:
        raise StepFailed(left)
    return "clients are served"


# --- split-brain ---------------------------------------------------------------------------------------------------


def _mark(context: Context, name: str) -> str:
    """As hastd's own event does it (`arrival`). Raises StateError, ProbeError, and Superseded where another look says
    otherwise."""
    if name not in diagnosis.unmarked(context):
        raise Superseded("another look does not show it any more")
    boot, now = boot_mark(context.here.node()), context.timing.wall()
    error = marker.record(context.store, name, context.journal.node_name, boot, now, True)
    side = "this node does not serve, and steps down"
    context.journal.entry("split-brain", resource=name, why="the counters on both disks say so", result=side,
                          severity=ALERT, run=error.id)  # fmt: skip
    return ""
