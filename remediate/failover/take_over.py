"""What the node does that a service is handed to: get ready, say so, wait for "yours", serve, and say that too.

Everything slow comes before `ready`: the node is read, the rules of the failover are asked, what NFS stands on is
started. From then on this process holds the lock of a convergence, so that devd's event is only noted. Between "yours"
and "served" nobody is asked anything: the other node has said itself that it has released the resource.

However the session ends, the lock is released and an ordinary convergence follows, which decides by CARP alone.
"""

from __future__ import annotations

from collections.abc import Callable

from checks.probes.carp import CarpState
from checks.probes.errors import ProbeError
from checks.probes.hast import Role, Status
from remediate.context import Context
from remediate.counted import Started, counted
from remediate.failover import alone, clients, own_node, peer, services, silence
from remediate.failover.behind import behind
from remediate.failover.converge import LOCK, NOT_ASKED, ConvergeRequest, ConvergeResult, ConvergeRun, converge
from remediate.failover.errors import StepFailed, Superseded
from remediate.failover.executor import Executor
from remediate.failover.facts import BASE, SERVING, Peer, Split
from remediate.failover.guards import Decision, Target, decide
from remediate.failover.observe import Observation, observe
from remediate.failover.plan import Plan, arranged
from remediate.failover.record import record, unwritable
from remediate.failover.steps import Action, Step
from remediate.session import Channel, Message, MessageKind, RefusalReason, SessionEnded
from remediate.state import events
from remediate.state.journal import ALERT, NOTICE, WARNING
from remediate.state.lock import Lock
from remediate.state.noted import HASTD
from remediate.state.store import StateError

ASKED = 10.0
"""Seconds from the start of the session to its first message."""
LOCKS = 10.0
"""Seconds that another convergence may go on before this node says that it is busy."""
GIVEN = 90.0
"""Seconds for the other node to give the service away: its lock, an unmount that stays busy, the role."""
SILENT, EVERY = 2.0, 0.5
"""Seconds without a word from the other node after which this node looks whether it is still there, and between two
looks."""
ARRIVES, ARRIVAL = 5.0, 0.05
"""Seconds for the address to arrive once the service is given away, and between two looks. A node whose demotion is
raised advertises at once (ip_carp.c, carp_demote_adj()), and a BACKUP that is preferred preempts at once
(carp_input_c())."""
SERVES = 2.0
"""Seconds between two looks at CARP while clients are not served yet, though everything was started."""


class TakeOverRefused(Exception):
    """This node does not take over; for the other node the reason, for people the words."""

    def __init__(self, reason: RefusalReason, words: str) -> None:
        super().__init__(words)
        self.reason, self.words = reason, words


def take_over(context: Context, line: Channel) -> bool:
    """Take over what the other node hands to this one; whether clients are served. Raises nothing but StateError."""
    try:
        first = _first(line)
    except SessionEnded as ended:
        _journal(context, "take-over", f"not begun: {ended}")
        return False
    trigger = f"handed over by {first.by}"
    lock = Lock(context.store, LOCK, trigger, context.timing, heeds=HASTD)
    try:
        if not lock.acquire(LOCKS):
            raise TakeOverRefused(RefusalReason.BUSY, "another convergence runs")
    except (TakeOverRefused, StateError) as error:
        reason = error.reason if isinstance(error, TakeOverRefused) else RefusalReason.NOT_KNOWN
        _tell(context, line, trigger, Message(MessageKind.REFUSED, reason=reason, words=str(error)))
        return False
    taking = _Taking(context, line, first, trigger)
    try:
        with lock:
            return taking.done()
    finally:
        line.close()
        if events.read(context.store).seq != taking.stopped_at:
            converge(context, ConvergeRequest(trigger))


def _first(line: Channel) -> Message:
    message = line.hear(ASKED)
    if message is None or message.say is not MessageKind.PREPARE or not message.resources:
        raise SessionEnded("the other node has not said what it hands over")
    return message


def _journal(context: Context, trigger: str, result: str) -> None:
    context.journal.entry("take-over", why=trigger, result=result, severity=WARNING)


def _tell(context: Context, line: Channel, trigger: str, message: Message) -> None:
    """Say that this node does not take over."""
    _journal(context, trigger, message.words)
    try:
        line.say(message)
    except SessionEnded:
        return  # whoever does not hear it finds the end of the session


class _Taking:
    """One session, under the lock."""

    def __init__(self, context: Context, line: Channel, first: Message, trigger: str) -> None:
        self.context, self.line, self.trigger = context, line, trigger
        self.names = first.resources
        self.giver = first.by
        self.heard_at = context.timing.now()
        self.listens = True
        self.begun: set[Step] = set()
        self.stopped_at = -1
        """The last event of CARP when a promotion has failed that is not to be tried again before the next one."""
        self.looks: Started = []
        self.looked_at = 0.0

    def done(self) -> bool:
        """Get ready, wait, serve; whether clients are served."""
        say = MessageKind.REFUSED
        try:
            observation, plan = self._ready()
            self.line.say(Message(MessageKind.READY))
            say = MessageKind.FAILED
            self._await_yours(observation)
            self._serve(observation, plan)
        except TakeOverRefused as refusal:
            _tell(self.context, self.line, self.trigger, Message(say, reason=refusal.reason, words=str(refusal)[:900]))
        except SessionEnded as ended:
            _journal(self.context, self.trigger, f"not given to this node: {ended}")
        else:
            return True
        return False

    # --- before anything is stopped there ------------------------------------------------------------------------

    def _ready(self) -> tuple[Observation, Plan]:
        """What there will be when the address has come, and the plan for that. Raises Refusal."""
        try:
            observation = record(self.context, observe(self.context))
            self._refuse_no_standby(observation)
            observation = self._as_master(observation)
            return self._warm(observation)
        except (ProbeError, StepFailed, StateError) as error:
            raise TakeOverRefused(RefusalReason.NOT_KNOWN, str(error)) from None

    def _refuse_no_standby(self, observation: Observation) -> None:
        for name in self.names:
            state, resource = observation.facts.resources.get(name), observation.resources.get(name)
            if state is None or resource is None:
                raise TakeOverRefused(
                    RefusalReason.NOT_STANDBY, f"{name} is not known here, or hastd does not say what it is"
                )
            if resource.role is not Role.SECONDARY or resource.status is Status.ABSENT:
                raise TakeOverRefused(
                    RefusalReason.NOT_STANDBY, f"{name} is {resource.role.value} here, and no primary is connected"
                )
            if state.carp is not CarpState.BACKUP:
                raise TakeOverRefused(RefusalReason.NOT_STANDBY, f"CARP is not BACKUP for {name} here")

    def _as_master(self, observation: Observation) -> Observation:
        """The same node when the address is here and the other one has released the resource."""
        doubt = observation.facts.unsure or unwritable(self.context)
        states, remarks = dict(observation.facts.resources), dict(observation.facts.said)
        for name in self.names:
            stale, split, compared, no_copy, _ = behind(self.context, name, None, asked=False)
            states[name] = states[name]._replace(
                carp=CarpState.MASTER,
                settled=True,
                peer=Peer.LET_GO,
                stale=bool(stale or doubt),
                no_copy=bool(no_copy),
                split=Split.LOSING if split and states[name].split is not Split.WINNING else states[name].split,
            )
            # it says so by giving the resource away, and is not asked again on the way of the clients
            let_go = f"{self.giver} hands it over"
            remarks[name] = remarks[name]._replace(
                stale=stale or doubt, split=split, peer=let_go, peer_asked=False, compared=compared, no_copy=no_copy
            )
        return observation._replace(facts=observation.facts._replace(resources=states, said=remarks))

    def _decisions(self, observation: Observation) -> dict[str, Decision]:
        """What is decided by the rules of every promotion. Raises Refusal."""
        decisions = {}
        for name, state in observation.facts.resources.items():
            if name not in self.names:
                decisions[name] = Decision(Target.AS_IT_IS, NOT_ASKED)
                continue
            decision = decide(state, observation.facts.node, self.context.config.failover)
            if decision.target is not Target.ACTIVE:
                remarks = observation.facts.said[name]
                of_it = remarks.no_copy or remarks.stale or remarks.split or remarks.unopenable
                detail = of_it or observation.facts.maintenance or observation.facts.blocked
                words = f"{name}: {decision.rule.says}" + (f" ({detail})" if detail else "")
                raise TakeOverRefused(RefusalReason.UNFIT, words)
            decisions[name] = decision
        return decisions

    def _warm(self, observation: Observation) -> tuple[Observation, Plan]:
        """Do what can be done before the resources come: what NFS stands on runs, and on a node that serves nothing
        what must not run there does not. Raises Refusal, StepFailed, ProbeError."""
        decisions, node = self._decisions(observation), observation.facts.node
        alone.joined(self.context, observation.facts.boot_id, self.names)
        if lacking := tuple(name for name in BASE if name not in node.base):
            services.start(self.context, lacking, ())
        if not any(state.active for state in observation.facts.resources.values()):
            running = node.serving | node.extra.intersection(self.context.config.failover.services)
            if running:
                order = tuple(reversed((*SERVING, *self.context.config.failover.services)))
                services.stop(self.context, tuple(name for name in order if name in running))
            node = node._replace(serving=frozenset(), extra=frozenset())
        silence.begin(self.context)  # the address comes before the resources do
        node = node._replace(base=frozenset(BASE))
        observation = observation._replace(facts=observation.facts._replace(node=node))
        plan = arranged(node, observation.facts.resources, decisions, self.context.config.failover)
        return observation, plan.without(Action.SILENCE)

    # --- while the other node gives it away ----------------------------------------------------------------------

    def _await_yours(self, observation: Observation) -> None:
        """Raises Ended, Refusal."""
        ends, looked = self.context.timing.now() + GIVEN, self.context.timing.now()
        while self.context.timing.now() < ends:
            message = self.line.hear(EVERY)
            now = self.context.timing.now()
            if message is None:
                self._refuse_other_request(observation)
                if now - max(self.heard_at, looked) >= SILENT:
                    self._refuse_without_giver(observation)
                    looked = self.context.timing.now()
            elif message.say is MessageKind.YOURS:
                if set(message.resources) != set(self.names):
                    raise SessionEnded("the resources handed over are not the ones that were announced")
                return self._note_clients(message)
            elif message.say is MessageKind.STEP:
                self.heard_at = now
            else:
                raise SessionEnded(f"{message.say.value} is not expected now")
        raise TakeOverRefused(
            RefusalReason.NOT_GIVEN, f"the other node has not given the service away within {GIVEN:g} s"
        )

    def _note_clients(self, message: Message) -> None:
        """Who is to be woken. What is not a client, or cannot be recorded, keeps nothing up."""
        try:
            for service, *words in message.clients:
                clients.receive(self.context, service, words)
        except (ValueError, StateError) as error:
            _journal(self.context, self.trigger, f"not all clients of the other node are noted: {error}")

    def _refuse_other_request(self, observation: Observation) -> None:
        """Raise Refusal where an operator, or a shutdown, wants something else of this node now."""
        try:
            Executor(self.context, observation, "", _ignored, heed=_nothing).refuse_superseded(
                Step(Action.BECOME_PRIMARY)
            )
        except Superseded as newer:
            raise TakeOverRefused(RefusalReason.SUPERSEDED, str(newer)) from None

    def _refuse_without_giver(self, observation: Observation) -> None:
        """A node that has lost power ends no session, nor does a network that is cut. Once the address is here, and
        the other node is known to be gone or to have let go, an ordinary promotion waits for nothing more. Raises
        Refusal."""
        if not self._is_master(observation):
            return
        standings = [peer.look(self.context, observation.places[name]) for name in self.names]
        if all(each.peer in (Peer.GONE, Peer.LET_GO) or each.may_connect for each in standings):
            raise TakeOverRefused(
                RefusalReason.NOT_GIVEN, f"the session is silent: {'; '.join(each.says for each in standings)}"
            )

    def _is_master(self, observation: Observation) -> bool:
        self.looked_at = self.context.timing.now()
        try:
            vhids = own_node.vhids(counted(self.context, self.looks), observation.vhids)
        except ProbeError:
            return False
        return all(observation.places[name].asks(vhids).state is CarpState.MASTER for name in self.names)

    # --- on the way of the clients ---------------------------------------------------------------------------------

    def _serve(self, observation: Observation, plan: Plan) -> None:
        """Carry out the plan, and say what becomes of it. Raises Refusal."""
        began, self.looks = self.context.timing.now(), []
        if not self.context.timing.until(lambda: self._is_master(observation), ARRIVES, ARRIVAL):
            raise TakeOverRefused(RefusalReason.NOT_MASTER, f"the service address has not come within {ARRIVES:g} s")
        run = _ToldRun(self.context, ConvergeRequest(self.trigger), _ignored)
        run.failing = lambda why: self._tell_quietly(
            Message(MessageKind.FAILED, reason=RefusalReason.STEP, words=why[:900])
        )
        run.begins(observation, plan)
        executor = Executor(
            self.context, observation, run.id, _ignored, heed=lambda step: self._heed(observation, step)
        )
        executor.told = self._tell_step
        stopped = run.carry(executor, plan)
        if executor.superseded:
            raise TakeOverRefused(RefusalReason.SUPERSEDED, executor.superseded)
        if stopped:
            run.ends(ConvergeResult.REFUSED, stopped, ALERT)
            self.stopped_at = run.seq
        if executor.failed:
            raise TakeOverRefused(RefusalReason.STEP, "; ".join(stopped or executor.failed.values()))
        seconds, processes = self.context.timing.now() - began, executor.processes + len(self.looks)
        self._tell_quietly(Message(MessageKind.SERVED, seconds=seconds, processes=processes))
        self.context.journal.entry("take-over", why=self.trigger, result="served", run=run.id, severity=NOTICE,
                                   seconds=seconds, processes=processes)  # fmt: skip

    def _heed(self, observation: Observation, step: Step) -> None:
        """CARP is read again before clients get answers, and where a step fails or has to wait; until then a change
        does no harm, as the other node is no primary any more."""
        again, now = step in self.begun, self.context.timing.now()
        self.begun.add(step)
        if step.do is Action.VERIFY and now - self.looked_at < SERVES:
            return
        if (again or step.do is Action.START_SERVING) and not self._is_master(observation):
            raise Superseded(f"before {step}: the service address is not here any more")

    def _tell_step(self, step: Step, seconds: float, processes: int) -> None:
        self._tell_quietly(Message(MessageKind.STEP, words=str(step), seconds=seconds, processes=processes))

    def _tell_quietly(self, message: Message) -> None:
        """The service is this node's now, whether anybody hears of it or not."""
        if not self.listens:
            return
        try:
            self.line.say(message)
        except SessionEnded:
            self.listens = False


class _ToldRun(ConvergeRun):
    """The other node hears of a failure before it is undone: it lowers its share in CARP's demotion, so that it takes
    the address as soon as this node raises its own."""

    failing: Callable[[str], None]

    def undo(self, observation: Observation, names: list[str], executor: Executor) -> tuple[str, ...]:
        """As Run does it."""
        self.failing("; ".join(executor.failed.values()))
        return super().undo(observation, names, executor)


def _ignored(step: str) -> None:
    """Nobody watches."""


def _nothing(step: Step) -> None:
    """Nothing is looked at."""
