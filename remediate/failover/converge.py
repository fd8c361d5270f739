"""converge: bring this node to the state that CARP calls for. Always right to call, twice as well as once, by whomever.

It reads what is there now, plans, carries out, looks again, until there is nothing left to do. Killed anywhere and run
again it finishes, because it starts from what is there and not from what it remembers. One runs at a time; an event
that arrives meanwhile is taken up by the one that runs, at the end of its present step.
"""

from __future__ import annotations

import enum
import os
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import NamedTuple

from checks.probes.carp import CarpState
from checks.probes.carp_demotion import DemotionCause, DemotionReason
from checks.probes.counters import Relation
from checks.probes.errors import ProbeError
from checks.probes.hast import Role, Status
from checks.probes.marker import Marker
from checks.probes.node_state import MountState
from remediate import exits
from remediate.context import Context
from remediate.counted import Started, counted
from remediate.failover import (
    afterwards,
    alone,
    carp_demotion,
    clients,
    demotion_reasons,
    dumps,
    gave_way,
    hearing,
    known_bug,
    mastership,
    newest,
    own_copy,
    peer,
    proofs,
    replicas,
    silence,
    survivor,
    waking,
)
from remediate.failover.errors import HeardAgain, SplitBrainFound, StepFailed, Superseded
from remediate.failover.executor import Executor
from remediate.failover.facts import Leaving, PoolState
from remediate.failover.filesystems import mounted_now
from remediate.failover.giving_back import give_back
from remediate.failover.guards import CARP_UNKNOWN, Decision, GuardRule, Target
from remediate.failover.hastd_events import end_split_brain
from remediate.failover.hearing import Responsiveness
from remediate.failover.observe import Observation, observe
from remediate.failover.patience import patiently
from remediate.failover.peer_notice import PeerNotice, at_rest, reported
from remediate.failover.plan import Plan, arranged, plan
from remediate.failover.record import note_lost, record
from remediate.failover.resource import ResourcePlace
from remediate.failover.steps import Action
from remediate.failover.this_boot import this_boot
from remediate.state import events, failures, marker, noted, refusals
from remediate.state.journal import ALERT, CRIT, ERR, INFO, NOTICE, WARNING
from remediate.state.ledger import CopyState, LedgerEvent
from remediate.state.lock import Lock
from remediate.state.store import StateError

LOCK = "converge"
PART_LASTS = 120.0
"""Seconds that a call waits for such a one: a demotion in which commands hang (`filesystems`, `services`)."""
EQUAL = 10.0
"""Seconds that a failed promotion waits for a synchronisation before it is undone: right after the connection hastd
sends at most the extents it keeps dirty (hast.conf(5), `keepdirty`)."""
ROUNDS = 12
"""Plans that one call carries out at most: CARP that changes all the time is not run after forever."""


class ConvergeResult(enum.Enum):
    """How it ended, with its exit status."""

    IN_PLACE = 0
    """Nothing was left to do."""
    REFUSED = 1
    """The node is not where CARP wants it, and the reason is reported."""
    NOT_SEEN = exits.UNAVAILABLE
    """The node could not be looked at (EX_UNAVAILABLE of sysexits(3)); this and the next too say why."""
    NOT_KEPT = exits.CANNOT_KEEP
    """What was seen could not be recorded, or what is remembered not be read (EX_CANTCREAT)."""
    BUSY = exits.BUSY
    """Another one runs and takes it up (EX_TEMPFAIL of sysexits(3))."""


class ConvergeOutcome(NamedTuple):
    """What became of it: how many steps were done, and sentences for an operator."""

    result: ConvergeResult
    steps: int
    said: tuple[str, ...]


class ConvergeRequest(NamedTuple):
    """What the caller wants beyond what CARP says."""

    trigger: str
    """Who calls, for the journal: `devd 2@em0 MASTER`, `boot`, `periodic`, `human root`."""
    promote: bool = True
    """False: nothing is promoted but what was refused before, and what goes on in a split-brain (`survivor`). A drift
    is only reported, and once."""
    leaving: Leaving = Leaving.NO
    """Whether this node gives its service away, whatever CARP says."""
    accept_loss: bool = False
    """Promote a copy that is known to lack writes."""
    only: tuple[str, ...] = ()
    """The resources it is about; the others are left alone. All where none is named."""
    again: bool = False
    """Called regularly: tell the other node of its copy even where it was told the same, and note the clients."""


def silent(step: str) -> None:
    """Show no progress."""


def converge(context: Context, request: ConvergeRequest, watch: Callable[[str], None] = silent) -> ConvergeOutcome:
    """Converge until the node is in place, or why it is not is known; then do what was left for afterwards. Raises
    nothing: where no lock can be had, what must not be served here is stopped, and nothing is promoted."""
    telling = PeerNotice(reported(context))
    outcome = brought(context, request, telling, watch)
    if outcome.result is ConvergeResult.BUSY:
        return outcome
    if request.leaving is Leaving.GOES_DOWN:  # what hastd told of waits for the next boot
        telling.send(context)
    else:
        afterwards.settle(context, telling, partial(_again, context))
        proofs.try_to(context, proofs.soon_compared(context), request.trigger)
    return outcome


def take_up(context: Context) -> None:
    """What hastd has told of, unless a convergence runs that does it at its end. Raises nothing."""
    if not afterwards.convergence_heeds(context, LOCK):
        afterwards.settle(context, PeerNotice(reported(context)), partial(_again, context))


def _again(context: Context, trigger: str, telling: PeerNotice) -> ConvergeOutcome:
    return patiently(context, trigger, lambda: brought(context, ConvergeRequest(trigger), telling))


def brought(
    context: Context, request: ConvergeRequest, telling: PeerNotice, watch: Callable[[str], None] = silent
) -> ConvergeOutcome:
    """The same without what comes afterwards, `afterwards.settle`, which has to follow."""
    everything = request.promote and not request.only
    while True:
        lock = Lock(context.store, LOCK, request.trigger, context.timing, heeds=noted.HASTD, in_part=not everything)
        try:
            free = lock.acquire(0)
        except StateError as error:
            return _without_lock(context, request, telling, watch, error)
        if not free:
            holder = lock.holder()
            in_part = holder is None or holder.in_part  # None: it has not said yet what it is for
            if not (everything and in_part and lock.acquire(PART_LASTS)):
                return ConvergeOutcome(ConvergeResult.BUSY, 0, (_busy(lock),))
        with lock:
            run = ConvergeRun(context, request, watch)
            outcome = run.rounds(telling)
        if events.read(context.store).seq == run.seq:  # else one came when nobody would have heard of it
            return outcome


def _without_lock(
    context: Context, request: ConvergeRequest, telling: PeerNotice, watch: Callable[[str], None], error: StateError
) -> ConvergeOutcome:
    """Two demotions at once do no harm: what one has done fails for the other, or does nothing."""
    run = ConvergeRun(context, request, watch)
    run.promote = False
    outcome = run.rounds(telling)
    sentence = f"no lock can be had, so nothing is promoted: {error}"
    context.journal.entry("refused", why=request.trigger, result=sentence, run=run.id, severity=CRIT)
    return outcome._replace(result=ConvergeResult.NOT_KEPT, said=(*outcome.said, sentence))


def dry_run(context: Context, request: ConvergeRequest) -> tuple[Observation, Plan]:
    """What `converge` would begin with now; changes nothing. Raises ProbeError."""
    observation = observe(context, request.leaving)
    return observation, ConvergeRun(context, request, silent).plan(observation)


class ConvergeRun:
    """One call of converge, under its lock."""

    def __init__(self, context: Context, request: ConvergeRequest, watch: Callable[[str], None]) -> None:
        self.context = context if not request.accept_loss else _accepting(context)
        self.request, self.watch = request, watch
        self.promote = request.promote or refusals.pending(context.store)
        self.id = os.urandom(4).hex()
        self.seq = events.read(context.store).seq
        self.steps = 0
        self.gone: list[str] = []
        """Resources that were promoted because the other node was known to be gone."""
        self.promoted: list[str] = []
        """Resources that were promoted."""
        self.looks: Started = []
        """What was started to look at the node, for the plan that is carried out."""

    def rounds(self, telling: PeerNotice) -> ConvergeOutcome:
        """Look, plan, carry, until there is nothing to do."""
        refusals: tuple[str, ...] = ()
        for _ in range(ROUNDS):
            afterwards.write_down(self.context)
            gave_way.before_a_look(self.context)
            self.looks = []
            try:
                looking = counted(self.context, self.looks)
                observation = observe(looking, self.request.leaving)
                if not observation.facts.boot_id and this_boot(self.context):  # the first look in this boot
                    observation = observe(looking, self.request.leaving)
            except ProbeError as error:
                with suppress(ProbeError, StateError):
                    mastership.note(self.context)  # how long the other node was MASTER is known by looks alone
                return self.ends(ConvergeResult.NOT_SEEN, (f"the node could not be read: {error}",), CRIT)
            self.seq = observation.seq
            if note_lost(self.context, observation):
                continue
            observation = record(self.context, observation)
            replicas.note(self.context, observation, telling, again=self.request.again)
            newest.note(self.context, observation.facts.resources, observation.resources)
            known_bug.note_works(self.context, observation.resources.values())
            plan = self.plan(observation)
            refusals = _refusals(observation, plan)
            if not plan.steps:
                self._let_ports_answer()
                self._note_begun_apart(observation)
                if self.request.again:
                    waking.again(self.context, observation, clients.note(self.context, observation))
                    replicas.note_untold(self.context, observation, telling)
                trouble = self.hold(observation, plan.decisions)
                if events.read(self.context.store).seq != self.seq:
                    continue
                return self.ends(
                    ConvergeResult.REFUSED if refusals or trouble else ConvergeResult.IN_PLACE,
                    (*refusals, *trouble),
                    WARNING,
                )
            if self.request.leaving is not Leaving.NO:
                clients.note_leaving(self.context, observation)
                self.hold(observation, plan.decisions)
            elif self._is_taking_over(observation, plan):
                held = carp_demotion.reasons(self.context.store)
                stay = {each for each in held if each.why in (DemotionCause.FAILED, DemotionCause.WROTE_ALONE)}
                self._hold_back(stay, observation)
            going_up = self._going_up(observation, plan)
            if unmarked := survivor.mark(self.context, observation.facts, going_up, self.id):
                return self.ends(ConvergeResult.REFUSED, unmarked, CRIT)
            for name in self._giving_up(observation, plan):
                survivor.gives_up(self.context, name, observation.facts.boot_id, observation.resources.get(name))
            alone.begins(self.context, observation, going_up)
            self.begins(observation, plan)
            executor = Executor(self.context, observation, self.id, self.watch)
            executor.gives_up = partial(self._note_equal, telling, observation)
            stopped = self.carry(executor, plan)
            afterwards.note_divergence(self.context, observation, telling)
            if stopped:
                return self.ends(ConvergeResult.REFUSED, stopped, ALERT)
        return self.ends(
            ConvergeResult.REFUSED, (*refusals, f"not in place after {ROUNDS} plans: CARP keeps changing"), CRIT
        )

    def plan(self, observation: Observation) -> Plan:
        """The plan for what was seen, without what the caller does not want."""
        facts, policy = observation.facts, self.context.config.failover
        states = facts.resources
        if self.request.accept_loss:
            states = {name: state._replace(damaged=False) for name, state in states.items()}
        stages = plan(facts.node, states, policy)
        unwanted = {
            name: Decision(Target.AS_IT_IS, NOT_ASKED if self._is_left_out(name) else DRIFT)
            for name in stages.decisions
            if self._is_left_out(name)
            or (not (self.promote or facts.said[name].survives) and self._goes_up(observation, name, stages.decisions))
        }
        if self.context.config.split_brain.policy == "none":
            unwanted |= {
                name: decision._replace(target=Target.STANDBY)
                for name, decision in stages.decisions.items()
                if decision.target is Target.STEPPED_DOWN
            }
        return arranged(facts.node, states, stages.decisions | unwanted, policy) if unwanted else stages

    def _is_left_out(self, name: str) -> bool:
        return bool(self.request.only) and name not in self.request.only

    @staticmethod
    def _goes_up(observation: Observation, name: str, decisions: dict[str, Decision]) -> bool:
        return decisions[name].target is Target.ACTIVE and not observation.facts.resources[name].active

    def _is_taking_over(self, observation: Observation, plan: Plan) -> bool:
        """A promotion begins at once: a node that was held back lets go before it, or a standby that is held back less
        would take the address in the middle of it. Nobody is asked for that: it is on the way of the clients."""
        return any(
            self._goes_up(observation, name, plan.decisions) and state.settled
            for name, state in observation.facts.resources.items()
        )

    def _going_up(self, observation: Observation, plan: Plan) -> list[str]:
        return [name for name in plan.decisions if self._goes_up(observation, name, plan.decisions)]

    def _note_begun_apart(self, observation: Observation) -> None:
        """Of what was just promoted the other node may not be connected."""
        for name in self.promoted:
            resource = observation.resources.get(name)
            if resource is not None and resource.status is not Status.COMPLETE:
                survivor.keep(self.context, name, observation.facts.boot_id, (), resource, begins=True)
        self.promoted = []

    @staticmethod
    def _giving_up(observation: Observation, plan: Plan) -> list[str]:
        kept = (Target.ACTIVE, Target.AS_IT_IS)
        states = observation.facts.resources
        return [
            name for name, decision in plan.decisions.items() if states[name].active and decision.target not in kept
        ]

    def carry(self, executor: Executor, plan: Plan) -> tuple[str, ...]:
        """Carry out a plan for what the executor has seen; what has to stop the run, in sentences."""
        observation = executor.seen
        going_up = self._going_up(observation, plan)
        try:
            executor.carry(plan)
        except Superseded as newer:
            executor.superseded = str(newer)
            self.context.journal.entry("superseded", why=str(newer), run=self.id, severity=NOTICE)
            if isinstance(newer, SplitBrainFound):  # what is mounted by now would count as served
                return self._demote(going_up, PeerNotice(reported(self.context)), Target.STEPPED_DOWN)
            if isinstance(newer, HeardAgain):  # it may serve once this node is no primary
                telling = PeerNotice(reported(self.context))
                self._demote(going_up, telling)
                telling.send(self.context)
            return ()
        finally:
            self.steps += executor.steps
        if executor.left and {step.do for step in plan.steps} == {Action.ADMIT_PEER}:
            return tuple(executor.left)  # it would fail again
        if not executor.failed:
            if going_up:
                self.gone = [name for name in going_up if executor.is_gone(name)]
                self.promoted = going_up
                self._promoted(observation, going_up, len(self.looks) + executor.processes)
            return ()
        if going_up and executor.refused:
            left = self._demote(going_up, PeerNotice(reported(self.context)))
            why = DemotionCause.IN_USE if left else DemotionCause.HELD_THERE
            self._hold_back({DemotionReason(why, name) for name in going_up}, observation)
            return (*executor.failed.values(), *left)
        if going_up and ("" in executor.failed or set(going_up) & executor.failed.keys()):
            return self.undo(observation, going_up, executor)
        in_use = {DemotionReason(DemotionCause.IN_USE, name or observation.facts.name) for name in executor.failed}
        leaves = demotion_reasons.LEAVES.get(observation.facts.node.leaving)
        self._hold_back(in_use | ({DemotionReason(leaves)} if leaves else set()), observation)
        return tuple(executor.failed.values())

    def _promoted(self, observation: Observation, names: list[str], processes: int) -> None:
        """The promotion is through, with so many processes from the look at the node: what failed before is
        forgotten."""
        for name in names:
            self.context.journal.entry("promoted", resource=name, why=self.request.trigger, run=self.id,
                                       severity=NOTICE, processes=processes)  # fmt: skip
        try:
            failures.clear(self.context.store, "a promotion that succeeded")
            for name in names:
                self._end_void_marker(name, observation.facts.said[name].void)
            for name in names if self.request.accept_loss else ():
                at = self.context.timing.wall()
                own_copy.record(self.context, name, LedgerEvent.LOSS_ACCEPTED, at, self.context.journal.node_name)
        except StateError as error:
            self.context.journal.entry("failures", result=f"not cleared: {error}", run=self.id, severity=WARNING)

    def _end_void_marker(self, name: str, void: Marker | None) -> None:
        """The marker that was found void when the promotion was planned, and no other. Raises StateNotKept."""
        if void is not None and marker.present(self.context.store, name) == void:
            end_split_brain(self.context, name, "the other copy was recreated, and this one is served")

    def undo(self, observation: Observation, names: list[str], executor: Executor) -> tuple[str, ...]:
        """A promotion failed: take back what it did, note it, and give the address away once, where the other node
        could take it. What has to stop the run, in sentences; empty where it may be tried again, and where the next
        plan is one of a node that cannot be primary, which gives the address away by itself."""
        telling = PeerNotice(reported(self.context))
        stopped = self._undone(observation, names, executor, telling)
        telling.send(self.context)
        return stopped

    def _undone(
        self, observation: Observation, names: list[str], executor: Executor, telling: PeerNotice
    ) -> tuple[str, ...]:
        why = "; ".join(executor.failed.values())
        for name in names:
            self.context.journal.entry("promotion-failed", resource=name, result=why, run=self.id, severity=CRIT)
        known = any(not executor.is_gone(name) for name in executor.without_device)  # else nothing was to be connected
        unknown = known_bug.note_seen(self.context, False, known_bug.NO_DEVICE) if known else ""
        left = self._demote(names, telling, Target.STEPPED_DOWN if known else Target.STANDBY)
        if left:
            self._hold_back({DemotionReason(DemotionCause.IN_USE, name) for name in names}, observation)
            return (why, *left)
        if known:
            return (why, f"not tried again now: {unknown}") if unknown else ()
        now, store = self.context.timing.wall(), self.context.store
        try:
            failures.note(store, ", ".join(names), now, why)
            blocked = failures.blocked(store, now, self.context.config.failover.window)
            if blocked:
                blocked = failures.block(store, blocked)
            able = not failures.given_away(store) and any(self._peer_could_take(observation, name) for name in names)
            if able:
                failures.note_given_away(store, now)
        except StateError as error:
            return why, f"that the promotion failed could not be recorded, so it is not tried again: {error}"
        if able:
            self._hold_back({DemotionReason(DemotionCause.FAILED)}, observation)
            return (why, "the address was released, so that the other node can take it")
        return (why, blocked) if blocked else ()

    def _demote(self, names: list[str], telling: PeerNotice, to: Target = Target.STANDBY) -> tuple[str, ...]:
        """Bring resources back to a standby's state, whatever CARP says; what could not be done."""
        try:
            observation = record(self.context, observe(self.context, self.request.leaving))
        except ProbeError as error:
            return (f"the node could not be read: {error}",)
        facts = observation.facts
        decisions = plan(facts.node, facts.resources, self.context.config.failover).decisions
        decisions |= dict.fromkeys(names, Decision(to, UNDONE))
        resources = {  # the mount has written already: giving up the role under it would save nothing, and lose buffers
            name: state._replace(role_first=False) for name, state in facts.resources.items()
        }
        observation = observation._replace(facts=facts._replace(resources=resources))
        executor = Executor(self.context, observation, self.id, self.watch)
        executor.gives_up = partial(self._note_equal, telling, None)
        executor.carry(arranged(facts.node, resources, decisions, self.context.config.failover), heedless=True)
        self.steps += executor.steps
        return tuple(executor.failed.values())

    def _note_equal(self, telling: PeerNotice, seen: Observation | None, place: ResourcePlace) -> None:
        """Before the role is given up: whether the other copy lacks nothing, because nothing is mounted, nor was when
        that was `seen`, and nothing dirty; a synchronisation that runs is awaited for up to EQUAL. A standby takes its
        copy for incomplete from the moment that a primary connects, and only that primary can tell it; nobody would
        serve. Raises nothing."""
        if seen is not None and seen.facts.resources[place.name].mounted is not MountState.NOTHING:
            return
        try:
            mounted = any(mount.point == place.point for mount in mounted_now(self.context))
        except ProbeError:
            return
        if not mounted and at_rest(self.context, place.name, EQUAL) is CopyState.COMPLETE:
            telling.parted_equal(place.name)

    def _peer_could_take(self, observation: Observation, name: str) -> bool:
        """Whether the other node could serve the resource: it says that it has a role, and its copy is not known to
        lack writes of this one; or its hastd listens."""
        asked = peer.ask(self.context, observation.places[name])
        if asked is not None and not peer.is_heard(self.context, name):
            return False
        if asked is not None:
            both = dumps.read(self.context, name)
            lacks = both is not None and both.relation in (Relation.FIRST_AHEAD, Relation.SPLIT_BRAIN)
            could = asked.role in (Role.PRIMARY, Role.SECONDARY) and known_bug.could_be_primary(self.context)
            return could and not lacks
        if name not in observation.resources:
            return False
        return hearing.hastd(self.context.here, observation.resources[name].remoteaddr) is Responsiveness.LISTENS

    def hold(self, observation: Observation, decisions: dict[str, Decision]) -> tuple[str, ...]:
        """Hold the node back in CARP, or let it go, as it is fit; what could not be done."""
        try:
            held = (
                carp_demotion.current(
                    self.context.store, observation.facts.boot_id, observation.facts.demotion or 0
                ).amount
                > 0
            )
        except StateError:
            held = True  # it may be: then it stays so
        reasons = demotion_reasons.reasons(self.context, observation, decisions, held, self.gone)
        if events.read(self.context.store).seq != self.seq:  # nothing is let go by what was so before CARP changed
            reasons |= set(carp_demotion.reasons(self.context.store))
        trouble = self._hold_back(reasons, observation)
        for name, decision in decisions.items():
            if not observation.facts.resources[name].active:
                survivor.review(self.context, observation.places[name], observation.facts.boot_id)
            if (
                decision.rule.refuses in demotion_reasons.GIVES_BACK
                and observation.facts.resources[name].carp is CarpState.MASTER
            ):
                gone = give_back(self.context, observation, name, self.id)
                if not gone and decision.rule.refuses is DemotionCause.CANNOT_BE_PRIMARY:
                    trouble += (f"{name}: no other node is known to be able to serve: the address stays here",)
        return trouble

    def _hold_back(self, reasons: set[DemotionReason], observation: Observation) -> tuple[str, ...]:
        try:
            demotion_reasons.hold(self.context, observation.facts.boot_id, reasons, observation.vhids)
        except (StepFailed, ProbeError) as error:
            why = ", ".join(sorted(map(str, reasons)))
            self.context.journal.entry("hold", why=why, result=f"failed: {error}", run=self.id, severity=CRIT)
            return (str(error),)
        return ()

    def begins(self, observation: Observation, plan: Plan) -> None:
        """Record what is going to be done, and why."""
        known_bug.note(self.context, self._going_up(observation, plan), self.id)
        for number, (name, decision) in enumerate(plan.decisions.items()):
            state, remarks = observation.facts.resources[name], observation.facts.said[name]
            evidence = [f"CARP {state.carp.value if state.carp else 'not known'}", f"HAST {state.role.value}",
                        state.mounted.value, f"peer: {remarks.peer}", *observation.facts.odd]  # fmt: skip
            self.context.journal.entry(
                "plan", resource=name, why=f"{self.request.trigger}: {decision.rule.says}", evidence=evidence,
                result=f"to be {decision.target.value}: {', '.join(map(str, plan.steps)) or 'nothing to do'}",
                run=self.id, severity=NOTICE, processes=None if number else len(self.looks),
            )  # fmt: skip

    def _let_ports_answer(self) -> None:
        """The transition is over; clients of a node that goes down meet silence to the end."""
        if self.request.leaving is not Leaving.GOES_DOWN:
            silence.end(self.context)

    def ends(self, result: ConvergeResult, sentences: tuple[str, ...], severity: int) -> ConvergeOutcome:
        """Record how it ended, where that is news."""
        self._let_ports_answer()
        known = refusals.same(self.context.store, sentences)
        if not self.request.promote and known:
            return ConvergeOutcome(result, self.steps, sentences)  # said before, and nothing has changed since
        refusals.keep(self.context.store, () if result is ConvergeResult.IN_PLACE else sentences, self.request.promote)
        if result is not ConvergeResult.IN_PLACE or self.steps:
            self.context.journal.entry(
                "converged" if result is ConvergeResult.IN_PLACE else "refused", why=self.request.trigger, run=self.id,
                result="; ".join(sentences) or f"in place after {self.steps} steps",
                severity=INFO if result is ConvergeResult.IN_PLACE else _LEVELS.get(severity, ERR),
            )  # fmt: skip
        return ConvergeOutcome(result, self.steps, sentences)


_LEVELS = {int(level): level for level in (ALERT, CRIT, ERR, WARNING, NOTICE, INFO)}
DRIFT = GuardRule("drift", "not where CARP wants it, and a periodic look promotes nothing", Target.AS_IT_IS,
             lambda state, node, policy: False, refuses=DemotionCause.DRIFT)  # fmt: skip
NOT_ASKED = GuardRule("not-asked", "this call is not about it", Target.AS_IT_IS, lambda state, node, policy: False)
UNDONE = GuardRule(
    "undone", "a promotion has failed and is rolled back", Target.STANDBY, lambda state, node, policy: False
)


def _refusals(observation: Observation, plan: Plan) -> tuple[str, ...]:
    """Why resources are not served here although the address is here, or this node's pool is suspended and no other
    node can take it over, in sentences."""
    if observation.facts.node.leaving is Leaving.GOES_DOWN:
        return ()
    sentences, facts = [], observation.facts
    for name, decision in plan.decisions.items():
        state, remarks = observation.facts.resources[name], observation.facts.said[name]
        needed_here = state.carp is CarpState.MASTER or state.pool is PoolState.STUCK
        if (decision.rule.refuses and needed_here) or decision.rule is CARP_UNKNOWN:
            details = {
                DemotionCause.STALE: remarks.stale,
                DemotionCause.DAMAGED: remarks.damage,
                DemotionCause.SPLIT_BRAIN: remarks.split,
                DemotionCause.DOWN: remarks.role,
                DemotionCause.ROLE_NOT_KNOWN: remarks.role,
                DemotionCause.BOOT_ALONE: remarks.unheard,
                DemotionCause.NO_KEY: remarks.unopenable,
                DemotionCause.NO_COPY: remarks.no_copy,
                DemotionCause.CANNOT_BE_PRIMARY: facts.cannot_be_primary,
                DemotionCause.SUSPENDED: remarks.pool,
                None: remarks.carp,
            }
            detail = details.get(decision.rule.refuses, "")
            sentences.append(f"{name}: {decision.rule.says}" + (f" ({detail})" if detail else ""))
    if facts.node.maintenance:
        sentences.append(f"maintenance: {facts.maintenance}")
    if facts.node.blocked:
        sentences.append(f"blocked: {facts.blocked}")
    return tuple(sentences)


def _accepting(context: Context) -> Context:
    """The same context under a policy that an operator gave for this once."""
    policy = context.config.failover._replace(promote_stale=True)
    return context._replace(config=context.config._replace(failover=policy))


def _busy(lock: Lock) -> str:
    holder = lock.holder()
    return f"process {holder.pid} does it already ({holder.purpose})" if holder else "another process does it already"
