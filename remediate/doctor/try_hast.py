"""Whether the hastd of this node works as primary, tried with a resource of its own (`scratch`).

It is known to work where its worker sends a header on the connection that was handed to it, and the device comes; not
to work where the worker is given a connection, sends nothing, and the device does not come (FreeBSD bug 292322). While
it does not come GEOM waits for it, on the whole node, so it is not waited for longer than needed, and nothing is tried
where this node serves, or may have to at any moment. The result is remembered (`failover.known_bug`).

Everything that was made is taken away again, whatever happens; what a killed try has left, by the next one.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import NamedTuple

from checks.probes.bug_292322 import NAME as BUG
from checks.probes.bug_292322 import AsPrimary
from checks.probes.carp import CarpState
from checks.probes.errors import ProbeError
from checks.probes.hast_state import HastRole
from checks.probes.node_state import MountState
from remediate.context import Context
from remediate.doctor.scratch import (
    CONF,
    COPY,
    DEVICE,
    DIRECTORY,
    NAME,
    PIDFILE,
    SIZE,
    HandshakeStage,
    Listener,
    Scratch,
)
from remediate.failover import known_bug
from remediate.failover.converge import LOCK
from remediate.failover.errors import StepFailed
from remediate.failover.observe import Observation, observe
from remediate.failover.roles import HASTCTL
from remediate.machine import Machine
from remediate.state import events
from remediate.state.journal import CRIT, ERR, INFO, JournalLevel
from remediate.state.lock import Lock

HASTD = "/sbin/hastd"
COMES = 20.0
"""Seconds for the device: it comes some tenths of a second after the worker's header was not answered (1 s)."""
SILENT = 8.0
"""Seconds after which a worker that has a connection and has sent no header will not: it sends it first of all."""
TAKES = 30.0
"""Seconds for an order to hastd, and for it to end."""
WAITS = 5.0
"""Seconds for a convergence to end that runs already."""
EVERY = 0.1
HOW = "tried by hastwatch doctor --try-hast"


class TrialStep(enum.Enum):
    """The steps; the sentence says what for."""

    CLEAN = "end what a try that was killed has left"
    LISTEN = "take the place of the other node, at the loopback address"
    MAKE = "make a directory for root alone, with a file for the copy and a hast.conf"
    CREATE = "write HAST's metadata into the file"
    START = "start a hastd of its own"
    BE_PRIMARY = "take the role primary"
    AWAIT = "wait for the header of the worker, and for the device"
    GIVE_UP = "take the role init: the device goes"
    STOP = "end the hastd"
    REMOVE = "remove the directory"


TRIES = (
    TrialStep.CLEAN,
    TrialStep.LISTEN,
    TrialStep.MAKE,
    TrialStep.CREATE,
    TrialStep.START,
    TrialStep.BE_PRIMARY,
    TrialStep.AWAIT,
)
ENDS = (TrialStep.GIVE_UP, TrialStep.STOP, TrialStep.REMOVE)
"""Done whatever became of the others."""
ORDERS = {
    TrialStep.CREATE: (HASTCTL, "create", "-c", CONF, NAME),
    TrialStep.START: (HASTD, "-c", CONF, "-P", PIDFILE),
    TrialStep.BE_PRIMARY: (HASTCTL, "role", "-c", CONF, "primary", NAME),
    TrialStep.GIVE_UP: (HASTCTL, "role", "-c", CONF, "init", NAME),
}
SHOWN = {
    TrialStep.MAKE: (f"mkdir -m 700 {DIRECTORY}", f"truncate -s {SIZE >> 20}m {COPY}", f"(write {CONF})"),
    TrialStep.AWAIT: (f"ls {DEVICE}",),
    TrialStep.STOP: (f"kill -TERM (the process of {PIDFILE})",),
    TrialStep.REMOVE: (f"rm -r {DIRECTORY}",),
}


class TrialResult(NamedTuple):
    """What came of it, and in words why."""

    as_primary: AsPrimary
    why: str


def show() -> list[str]:
    """What would be done, a line for a step and one for each of its command lines."""
    lines = []
    for do in (*TRIES, *ENDS):
        lines.append(f"{_name(do)}: {do.value}")
        shown = (" ".join(ORDERS[do]),) if do in ORDERS else SHOWN.get(do, ())
        lines += [f"    {line}" for line in shown]
    return lines


def try_hast(context: Context, watch: Callable[[str], None]) -> TrialResult:
    """Try it, and remember the result. Raises StepFailed with the reason where it is refused, and ProbeError,
    StateError."""
    _machine(context)
    lock = Lock(context.store, LOCK, HOW, context.timing, in_part=True)
    if not lock.acquire(WAITS):
        raise StepFailed("refused: a convergence runs on this node")
    with lock:
        return Trial(context, _ready(context), watch).run()


def refuse(context: Context) -> None:
    """Raise StepFailed with the reason where nothing is tried now; ProbeError. Changes nothing."""
    _ready(context)


def _machine(context: Context) -> Machine:
    if context.here.machine is None:
        raise StepFailed("refused: this is done on the node itself, without a way to it (--via), and on FreeBSD")
    return context.here.machine


def _ready(context: Context) -> Machine:
    machine = _machine(context)
    observation = observe(context)
    for name in observation.facts.resources:
        if why := _why_not(observation, name):
            raise StepFailed(f"refused: {why}")
    return machine


def _why_not(observation: Observation, name: str) -> str:
    """Why a node is left alone because of a resource; empty where it is not. Under maintenance an operator answers for
    what is not in service."""
    state, facts = observation.facts.resources[name], observation.facts
    if state.role is HastRole.PRIMARY or state.mounted is not MountState.NOTHING:
        return f"{name} is in service on this node, or was a moment ago"
    if state.role is HastRole.NOT_KNOWN:
        return f"hastd does not say which role {name} has"
    if facts.node.maintenance:
        return ""
    if state.carp is not CarpState.BACKUP:
        return f"CARP is not BACKUP for {name}: this node may have to serve now (or `hastwatch maintenance on`)"
    if state.role is not HastRole.SECONDARY or not state.connected:
        return f"{name} does not follow the other node, so this one may have to serve (or `hastwatch maintenance on`)"
    return ""


class Trial:
    """One try, step by step."""

    def __init__(self, context: Context, machine: Machine, watch: Callable[[str], None]) -> None:
        self.context, self.machine, self.watch = context, machine, watch
        self.scratch: Scratch = machine.scratch()
        self.listener: Listener | None = None
        self.seq = events.read(context.store).seq
        self.said = HandshakeStage.NOTHING

    def run(self) -> TrialResult:
        """All steps. Raises StepFailed, ProbeError, after everything was taken away that could be."""
        try:
            for do in TRIES:
                self._do(do)
            result = self._judged()
        finally:
            if self.listener is not None:
                self.listener.close()
            left = self._end()
        if result.as_primary is not AsPrimary.NOT_KNOWN:
            works = result.as_primary is AsPrimary.WORKS
            known_bug.note_seen(self.context, works, f"{HOW}: {result.why}")
        return result._replace(why="; ".join([result.why, *left]))

    def _end(self) -> list[str]:
        """Take away what was made; why something could not be."""
        left: list[str] = []
        for do in ENDS if self.scratch.is_there() else ():
            try:
                self._do(do)
            except (StepFailed, ProbeError) as error:
                left.append(f"{_name(do)}: {error}")
        if left:
            self._journal(f"left behind, the next try cleans: {'; '.join(left)}", CRIT)
        return left

    def _do(self, do: TrialStep) -> None:
        """A step, and its effect. Raises StepFailed, ProbeError."""
        self.watch(_name(do))
        began = self.context.timing.now()
        try:
            message = self._did(do)
        except (StepFailed, ProbeError) as error:
            self._journal(f"failed: {error}", ERR, do, self.context.timing.now() - began)
            raise
        self._journal(message or "done", INFO, do, self.context.timing.now() - began)

    def _did(self, do: TrialStep) -> str:
        if do is TrialStep.CLEAN:
            return self._clean()
        if do is TrialStep.LISTEN:
            self.listener = self.scratch.listen()
        elif do is TrialStep.MAKE:
            self.scratch.make(self.context.here.node().host_name, self.listener.port if self.listener else 0)
        elif do is TrialStep.AWAIT:
            return self._await()
        elif do is TrialStep.STOP:
            return self._stop()
        elif do is TrialStep.REMOVE:
            if self._is_ours(self.scratch.pid()):
                raise StepFailed("the hastd of it still runs")
            self.scratch.remove()
        elif do is TrialStep.GIVE_UP:
            return self._give_up()
        else:
            self._order(do)
        return ""

    def _clean(self) -> str:
        if not self.scratch.is_there():
            return "nothing was left"
        if left := self._end():
            raise StepFailed("; ".join(left))
        return "done"

    def _order(self, do: TrialStep) -> None:
        done = self.context.here.act(ORDERS[do], TAKES)
        if done.status != 0:
            raise StepFailed(f"`{' '.join(ORDERS[do])}` exits with {done.status}: {done.words}")

    def _await(self) -> str:
        """Until it is known, or another node's event asks for this one."""
        began = self.context.timing.now()

        def known() -> bool:
            self.said = self.listener.heard() if self.listener else HandshakeStage.NOTHING
            silent = self.said is HandshakeStage.CONNECTION and self.context.timing.now() - began >= SILENT
            wanted = events.read(self.context.store).seq != self.seq
            return silent or wanted or (self.said is HandshakeStage.HEADER and self.machine.exists(DEVICE))

        self.context.timing.until(known, COMES, EVERY)
        device = "the device" if self.machine.exists(DEVICE) else "no device"
        return f"{self.said.value}; {device} after {self.context.timing.now() - began:.1f} s"

    def _judged(self) -> TrialResult:
        if events.read(self.context.store).seq != self.seq:
            return TrialResult(AsPrimary.NOT_KNOWN, "given up: CARP has changed, and this node may have to serve")
        there = self.machine.exists(DEVICE)
        if there and self.said is HandshakeStage.HEADER:
            return TrialResult(AsPrimary.WORKS, "the worker has received its connection, and the device came")
        if not there and self.said is HandshakeStage.CONNECTION:
            return TrialResult(AsPrimary.FAILS, f"the worker has not received its connection, no device came ({BUG})")
        device = "the device came" if there else "no device came"
        return TrialResult(AsPrimary.NOT_KNOWN, f"it tells nothing: {self.said.value}, {device}")

    def _give_up(self) -> str:
        """Without a hastd there is nothing to give up."""
        if not self._is_ours(self.scratch.pid()):
            return "no hastd of it runs"
        self._order(TrialStep.GIVE_UP)
        if not self.context.timing.until(lambda: not self.machine.exists(DEVICE), TAKES, EVERY):
            raise StepFailed(f"{DEVICE} stays")
        return ""

    def _stop(self) -> str:
        pid = self.scratch.pid()
        if pid is None or not self._is_ours(pid):
            return "no hastd of it runs"
        self.machine.send(pid, "TERM")
        if not self.context.timing.until(lambda: not self.machine.runs(pid), TAKES, EVERY):
            raise StepFailed(f"process {pid} does not end")
        return ""

    def _is_ours(self, pid: int | None) -> bool:
        """Whether a process is a hastd with our hast.conf: the number may be another one's by now. Raises
        ProbeError."""
        if pid is None or not self.machine.runs(pid):
            return False
        return CONF in self.context.here.node().run("ps", "-ww", "-o", "command", "-p", str(pid)).stdout

    def _journal(
        self, result: str, severity: JournalLevel, do: TrialStep | None = None, seconds: float | None = None
    ) -> None:
        why, step = (do.value, _name(do)) if do else ("", "")
        self.context.journal.entry("doctor", step=step, why=why, result=result, severity=severity, seconds=seconds)


def _name(do: TrialStep) -> str:
    return do.name.lower().replace("_", "-")
