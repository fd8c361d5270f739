"""What the node does that hands its service to the other one, over a session that is open before anything is stopped.

    session, "ready" | the node's share in CARP's demotion, NFS, unmount, role | "yours" | the other node serves

Until "ready" clients are served as always, however slow the way to the other node is. From the first step on nothing is
asked of anybody but this node's hastd, between the unmount and the role: what the unmount has written must be in the
other copy. The lock of a convergence is held until the other node serves or is known not to: what devd tells
meanwhile is looked at afterwards, by an ordinary convergence.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import NamedTuple

from checks.probes.carp import CarpState
from checks.probes.errors import ProbeError
from remediate.context import Context
from remediate.counted import Started, counted
from remediate.failover import clients
from remediate.failover.converge import LOCK, ConvergeRequest, ConvergeRun
from remediate.failover.errors import StepFailed, Superseded
from remediate.failover.executor import Executor
from remediate.failover.observe import Observation, observe
from remediate.failover.own_node import vhids
from remediate.failover.peer_notice import at_rest
from remediate.failover.plan import Plan
from remediate.failover.record import record
from remediate.failover.steps import Action, Step
from remediate.failover.take_over import ARRIVES
from remediate.session import Channel, Message, MessageKind, RefusalReason, SessionEnded
from remediate.state.journal import INFO, NOTICE, WARNING
from remediate.state.ledger import CopyState
from remediate.state.lock import Lock
from remediate.state.store import StateError

SUBCOMMAND = "take-over"
READY = 40.0
"""Seconds for the start of hastwatch there, and for what it does before it is ready: it may wait for its lock, and look
at both disks."""
LOCKS = 20.0
"""Seconds that a convergence of this node may go on before the handover is given up."""
EQUAL = 2.0
"""Seconds after the unmount within which nothing is dirty any more, where the other node is connected: hastd answers a
write when both have it, with memsync a moment before that (hast.conf(5), `replication`)."""
LOOKS = 1.0
"""Seconds of silence of the other node after which this one looks whether the address has come back."""


class HandoverEnding(enum.Enum):
    """How a handover ended that was begun."""

    SERVED = "the other node serves"
    NOT_GIVEN = "a step failed here, or was no longer wanted"
    NOT_TAKEN = "the other node says that it does not serve"
    CAME_BACK = "the address came back to this node"
    NOT_KNOWN = "everything was handed over, and the other node stopped reporting"


class HandoverResult(NamedTuple):
    """The end of a handover, its steps on this node, and sentences for people."""

    end: HandoverEnding
    steps: int
    said: tuple[str, ...]


class HandoverRefused(StepFailed):
    """The other node says that it does not take over: nothing was done."""

    def __init__(self, reason: RefusalReason, words: str) -> None:
        super().__init__(words)
        self.reason = reason


def prepare(
    context: Context, trigger: str, names: list[str], watch: Callable[[str], None], seconds: float = READY
) -> Channel | None:
    """A session in which the other node waits for these resources, ready within so many seconds; None where it offers
    none, as an older hastwatch does, which is journalled. Raises Refused."""
    if context.peer is None:
        return None
    watch("open-session")
    began = context.timing.now()
    line: Channel | None = None
    try:
        line = context.peer.talk((context.config.failover.peer_hastwatch, SUBCOMMAND))
        line.say(Message(MessageKind.PREPARE, by=context.journal.node_name, resources=tuple(names)))
        answer = line.hear(seconds)
    except (SessionEnded, ProbeError) as error:
        trouble, answer = str(error), None
    else:
        trouble = f"{answer.say.value} is no answer to that" if answer else f"it was not ready within {seconds:g} s"
    if line is not None and answer is not None and answer.say is MessageKind.READY:
        context.journal.entry("session", why=trigger, result="the other node is ready, and waits", severity=INFO,
                              seconds=context.timing.now() - began)  # fmt: skip
        return line
    if line is not None:
        line.close()
    if answer is not None and answer.say is MessageKind.REFUSED and answer.reason is not None:
        raise HandoverRefused(answer.reason, f"the other node refuses: {answer.reason.value}: {answer.words}")
    _say_without(context, trigger, trouble)
    return None


def _say_without(context: Context, trigger: str, why: str) -> None:
    result = f"there is no session with the other node ({why}): the handover goes on without one, and takes longer"
    context.journal.entry("session", why=trigger, result=result, severity=WARNING)


def hand_over(
    context: Context,
    request: ConvergeRequest,
    line: Channel,
    names: list[str],
    seconds: float,
    watch: Callable[[str], None],
) -> HandoverResult:
    """Give the resources away and wait until the other node serves them, for so many seconds at most. The session ends
    with it. Raises StepFailed and ProbeError where nothing was done."""
    lock = Lock(context.store, LOCK, request.trigger, context.timing)
    try:
        if not lock.acquire(LOCKS):
            raise StepFailed("another convergence runs on this node")
    except (StepFailed, StateError) as error:
        line.close()
        raise StepFailed(f"nothing was done: {error}") from None
    with lock:
        try:
            return _Giving(context, request, line, names, watch).done(seconds)
        finally:
            line.close()


def _parts(plan: Plan) -> tuple[Plan, Plan, Plan]:
    """What comes before the roles are given up, that, and what comes when the other node was told."""
    roles, last = {Action.BECOME_SECONDARY, Action.BECOME_INIT}, {Action.PROTECT}
    every = set(Action)
    return plan.without(*roles, *last), plan.without(*(every - roles)), plan.without(*(every - last))


class _Giving:
    """One handover, under the lock."""

    def __init__(
        self, context: Context, request: ConvergeRequest, line: Channel, names: list[str], watch: Callable[[str], None]
    ) -> None:
        self.context, self.request, self.line, self.names, self.watch = context, request, line, names, watch
        self.left = False
        """The address was seen to be elsewhere."""

    def done(self, seconds: float) -> HandoverResult:
        """Raises StepFailed, ProbeError."""
        run = ConvergeRun(self.context, self.request, self.watch)
        observation = record(self.context, observe(self.context, self.request.leaving))
        self._refuse_other(observation)
        plan = run.plan(observation)
        self._refuse_kept(plan)
        before, roles, after = _parts(plan)
        executor = Executor(self.context, observation, run.id, self._watch, heed=self._heed)
        known = clients.note_here(self.context, observation) or ()
        run.begins(observation, plan)
        began = self.context.timing.now()
        held: Started = []
        ConvergeRun(counted(self.context, held), self.request, self.watch).hold(observation, plan.decisions)
        stopped = run.carry(executor, before)
        lacking = () if executor.superseded or executor.failed else self._lacking()
        if not (executor.superseded or executor.failed or lacking):
            stopped = run.carry(executor, roles)
        if executor.superseded or executor.failed or lacking:
            return HandoverResult(HandoverEnding.NOT_GIVEN, run.steps, lacking or stopped or (executor.superseded,))
        given, why = True, ""
        try:
            self.line.say(
                Message(MessageKind.YOURS, resources=tuple(self.names), clients=tuple(clients.messages(known)))
            )
        except SessionEnded as ended:
            given, why = False, str(ended)
        took, processes = self.context.timing.now() - began, len(held) + executor.processes
        stopped = run.carry(executor, after)  # an empty mount point that takes files keeps nobody waiting
        self.context.journal.entry("handover", why=self.request.trigger,
                                   result="handed over" if given else f"the other node was not notified: {why}",
                                   seconds=took, processes=processes, run=run.id, severity=NOTICE)  # fmt: skip
        end, sentence = self._await_service(observation, seconds) if given else (HandoverEnding.NOT_KNOWN, why)
        return HandoverResult(end, run.steps, (sentence, *stopped))

    def _lacking(self) -> tuple[str, ...]:
        """Why the other node must not have the resources, in sentences: where the connection was lost since it was
        ready, what NFS has acknowledged and the unmount wrote is only here."""
        return tuple(
            f"{name}: what the unmount has written is not known to be in the other copy"
            for name in self.names
            if at_rest(self.context, name, EQUAL) is not CopyState.COMPLETE
        )

    def _refuse_other(self, observation: Observation) -> None:
        """Raise StepFailed where what was to be moved is not served here any more, or not replicated: nothing was
        stopped yet."""
        for name in self.names:
            state = observation.facts.resources.get(name)
            if state is None or not state.active or state.carp is not CarpState.MASTER or not state.connected:
                raise StepFailed(f"{name} is not served from here any more, or the other node is not connected")

    def _refuse_kept(self, plan: Plan) -> None:
        """Raise StepFailed where the plan does not give up the role of what was to be moved, as under a maintenance or
        a block that has begun since the other node was asked: it would take over what is still mounted here."""
        released = {step.resource for step in plan.steps if step.do in (Action.BECOME_SECONDARY, Action.BECOME_INIT)}
        for name in self.names:
            if name not in released:
                raise StepFailed(f"{name} is not given up: {plan.decisions[name].rule.says}")

    def _watch(self, step: str) -> None:
        """Progress for people here, and a sign of life for the other node."""
        self.watch(step)
        try:
            self.line.say(Message(MessageKind.STEP, words=step))
        except SessionEnded:
            return  # `_heed` finds that out, where it matters

    def _heed(self, step: Step) -> None:
        """CARP is not asked: this node's own share moves the address. What counts is that the other node still waits
        for what it is to be given. Raises Superseded."""
        if step.do is Action.PROTECT:
            return
        try:
            message = self.line.hear(0)
        except SessionEnded as ended:
            raise Superseded(f"before {step}: {ended}") from None
        if message is not None:
            why = message.reason.value if message.reason else message.say.value
            raise Superseded(f"before {step}: the other node says: {why}: {message.words}")

    def _await_service(self, observation: Observation, seconds: float) -> tuple[HandoverEnding, str]:
        """What becomes of it there."""
        self.watch("await-service")
        began = self.context.timing.now()
        ends = began + seconds
        while self.context.timing.now() < ends:
            try:
                message = self.line.hear(min(LOOKS, max(ends - self.context.timing.now(), 0)))
            except SessionEnded as ended:
                return HandoverEnding.NOT_KNOWN, str(ended)
            if message is None:
                if self._is_here(observation) and (self.left or self.context.timing.now() - began > ARRIVES + LOOKS):
                    return HandoverEnding.CAME_BACK, "the address came back before the other node served"
            elif message.say is MessageKind.STEP:
                self._note(message)
            elif message.say is MessageKind.SERVED:
                return HandoverEnding.SERVED, f"served by the other node: {', '.join(self.names)}"
            else:
                why = message.reason.value if message.reason else message.say.value
                return HandoverEnding.NOT_TAKEN, f"the other node does not serve: {why}: {message.words}"
        return HandoverEnding.NOT_KNOWN, f"the other node has not said within {seconds:g} s that it serves"

    def _note(self, message: Message) -> None:
        self.watch(f"there: {message.words}")
        self.context.journal.entry("there", step=message.words, result="done by the other node",
                                   seconds=message.seconds, processes=message.processes, severity=NOTICE)  # fmt: skip

    def _is_here(self, observation: Observation) -> bool:
        try:
            here = vhids(self.context, observation.vhids)
        except ProbeError:
            return False
        master = any(observation.places[name].asks(here).state is CarpState.MASTER for name in self.names)
        self.left = self.left or not master
        return master
