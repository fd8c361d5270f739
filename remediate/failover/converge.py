"""converge: bring this node to what CARP says. Always right to call, twice as well as once, by whomever.

It reads what is there now, plans, carries out, looks again, until there is nothing left to do. Killed anywhere and run
again it finishes, because it starts from what is there and not from what it remembers. One runs at a time; an event
that arrives meanwhile is taken up by the one that runs, at the end of its present step.
"""

from __future__ import annotations

import enum
import os
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from checks.probes.carp import CarpState
from checks.probes.errors import ProbeError
from checks.probes.hast import Role
from checks.probes.hold import Reason, Why
from remediate import exits
from remediate.counted import Started, counted
from remediate.failover import (
    afterwards,
    alone,
    clients,
    copies,
    fitness,
    hearing,
    hold,
    known_bug,
    newest,
    own_copy,
    peer,
    proofs,
    silence,
    waking,
)
from remediate.failover.arrival import end_split_brain
from remediate.failover.carry import Carrier
from remediate.failover.facts import Leaving
from remediate.failover.giving_back import give_back
from remediate.failover.guards import CARP_UNKNOWN, Decision, Rule, Target
from remediate.failover.hearing import Heard
from remediate.failover.observe import Seen, observe
from remediate.failover.outcome import StepFailed, Superseded
from remediate.failover.patience import patiently
from remediate.failover.plan import Plan, arranged, plan
from remediate.failover.steps import Do
from remediate.failover.telling import Telling
from remediate.failover.this_boot import this_boot
from remediate.site import Site
from remediate.state import events, failures, marker, noted, refusals
from remediate.state.journal import ALERT, CRIT, ERR, INFO, NOTICE, WARNING
from remediate.state.ledger import Event
from remediate.state.lock import Lock
from remediate.state.store import StateError, Untouched

LOCK = "converge"
PART_LASTS = 120.0
"""Seconds that a call waits for such a one: a demotion in which commands hang (`filesystems`, `services`)."""
ROUNDS = 12
"""Plans that one call carries out at most: CARP that changes all the time is not run after for ever."""


class Result(enum.Enum):
    """How it ended, with its exit status."""

    IN_PLACE = 0
    """Nothing was left to do."""
    REFUSED = 1
    """The node is not where CARP wants it, and why is said."""
    NOT_SEEN = exits.UNAVAILABLE
    """The node could not be looked at (EX_UNAVAILABLE of sysexits(3)); this and the next too say why."""
    NOT_KEPT = exits.CANNOT_KEEP
    """What was seen could not be written down, or what is remembered not be read (EX_CANTCREAT)."""
    BUSY = exits.BUSY
    """Another one runs and takes it up (EX_TEMPFAIL of sysexits(3))."""


class Outcome(NamedTuple):
    """What became of it: how many steps were done, and sentences for a human."""

    result: Result
    steps: int
    said: tuple[str, ...]


class Wish(NamedTuple):
    """What the caller wants beyond what CARP says."""

    trigger: str
    """Who calls, for the journal: `devd 2@em0 MASTER`, `boot`, `periodic`, `human root`."""
    promote: bool = True
    """False: nothing is promoted but what was refused before, a drift is only reported, and once."""
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


def converge(site: Site, wish: Wish, watch: Callable[[str], None] = silent) -> Outcome:
    """Converge until the node is in place, or why it is not is known; then do what was left for afterwards. Raises
    nothing: where no lock can be had, what must not be served here is stopped, and nothing is promoted."""
    telling = Telling()
    outcome = brought(site, wish, telling, watch)
    if outcome.result is Result.BUSY:
        return outcome
    if wish.leaving is Leaving.GOES_DOWN:  # what hastd told of waits for the next boot
        telling.send(site)
    else:
        afterwards.settle(site, telling, partial(_again, site))
        proofs.try_to(site, proofs.soon_compared(site), wish.trigger)
    return outcome


def take_up(site: Site) -> None:
    """What hastd has told of, unless a convergence runs that does it at its end. Raises nothing."""
    if not afterwards.convergence_heeds(site, LOCK):
        afterwards.settle(site, Telling(), partial(_again, site))


def _again(site: Site, trigger: str, telling: Telling) -> Outcome:
    return patiently(site, trigger, lambda: brought(site, Wish(trigger), telling))


def brought(site: Site, wish: Wish, telling: Telling, watch: Callable[[str], None] = silent) -> Outcome:
    """The same without what comes afterwards, `afterwards.settle`, which has to follow."""
    everything = wish.promote and not wish.only
    while True:
        lock = Lock(site.store, LOCK, wish.trigger, site.timing, heeds=noted.HASTD, in_part=not everything)
        try:
            free = lock.acquire(0)
        except StateError as error:
            return _without_lock(site, wish, telling, watch, error)
        if not free:
            holder = lock.holder()
            in_part = holder is None or holder.in_part  # None: it has not said yet what it is for
            if not (everything and in_part and lock.acquire(PART_LASTS)):
                return Outcome(Result.BUSY, 0, (_busy(lock),))
        with lock:
            run = Run(site, wish, watch)
            outcome = run.rounds(telling)
        if events.read(site.store).seq == run.seq:  # else one came when nobody would have heard of it
            return outcome


def _without_lock(site: Site, wish: Wish, telling: Telling, watch: Callable[[str], None], error: StateError) -> Outcome:
    """Two demotions at once do no harm: what one has done fails for the other, or does nothing."""
    run = Run(site, wish, watch)
    run.promote = False
    outcome = run.rounds(telling)
    said = f"no lock can be had, so nothing is promoted: {error}"
    site.journal.entry("refused", why=wish.trigger, result=said, run=run.id, severity=CRIT)
    return outcome._replace(result=Result.NOT_KEPT, said=(*outcome.said, said))


def would(site: Site, wish: Wish) -> tuple[Seen, Plan]:
    """What `converge` would begin with now; changes nothing. Raises ProbeError."""
    looking = site._replace(store=Untouched(site.store.directory, site.store.run))
    seen = observe(looking, wish.leaving)
    return seen, Run(looking, wish, silent).plan(seen)


class Run:
    """One call of converge, under its lock."""

    def __init__(self, site: Site, wish: Wish, watch: Callable[[str], None]) -> None:
        self.site = site if not wish.accept_loss else _accepting(site)
        self.wish, self.watch = wish, watch
        self.promote = wish.promote or refusals.pending(site.store)
        self.id = os.urandom(4).hex()
        self.seq = events.read(site.store).seq
        self.steps = 0
        self.gone: list[str] = []
        """Resources that were promoted because the other node was known to be gone."""
        self.looks: Started = []
        """What was started to look at the node, for the plan that is carried out."""

    def rounds(self, telling: Telling) -> Outcome:
        """Look, plan, carry, until there is nothing to do."""
        said: tuple[str, ...] = ()
        for _ in range(ROUNDS):
            afterwards.write_down(self.site)
            self.looks = []
            try:
                looking = counted(self.site, self.looks)
                seen = observe(looking, self.wish.leaving)
                if not seen.facts.boot_id and this_boot(self.site):  # the first look in this boot
                    seen = observe(looking, self.wish.leaving)
            except ProbeError as error:
                return self.ends(Result.NOT_SEEN, (f"the node could not be looked at: {error}",), CRIT)
            self.seq = seen.seq
            copies.note(self.site, seen, telling, again=self.wish.again)
            newest.note(self.site, seen.facts.resources, seen.resources)
            known_bug.note_works(self.site, seen.resources.values())
            made = self.plan(seen)
            said = _refusals(seen, made)
            if not made.steps:
                self._let_ports_answer()
                if self.wish.again:
                    waking.again(self.site, seen, clients.note(self.site, seen))
                trouble = self.hold(seen, made.decisions)
                if events.read(self.site.store).seq != self.seq:
                    continue
                return self.ends(Result.REFUSED if said or trouble else Result.IN_PLACE, (*said, *trouble), WARNING)
            if self.wish.leaving is not Leaving.NO:
                clients.note_leaving(self.site, seen)
                self.hold(seen, made.decisions)
            elif self._is_taking_over(seen, made):
                self._hold_back({Reason(Why.FAILED)}.intersection(hold.reasons(self.site.store)), seen)
            alone.begins(self.site, seen, self._going_up(seen, made))
            self.begins(seen, made)
            stopped = self.carry(Carrier(self.site, seen, self.id, self.watch), made)
            afterwards.note_parting(self.site, seen, telling)
            if stopped:
                return self.ends(Result.REFUSED, stopped, ALERT)
        return self.ends(Result.REFUSED, (*said, f"not in place after {ROUNDS} plans: CARP keeps changing"), CRIT)

    def plan(self, seen: Seen) -> Plan:
        """The plan for what was seen, without what the caller does not want."""
        facts, policy = seen.facts, self.site.config.failover
        states = facts.resources
        if self.wish.accept_loss:
            states = {name: state._replace(damaged=False) for name, state in states.items()}
        made = plan(facts.node, states, policy)
        unwanted = {
            name: Decision(Target.AS_IT_IS, NOT_ASKED if self._is_left_out(name) else DRIFT)
            for name in made.decisions
            if self._is_left_out(name) or (not self.promote and self._goes_up(seen, name, made.decisions))
        }
        if self.site.config.split_brain.policy == "none":
            unwanted |= {
                name: decision._replace(target=Target.STANDBY)
                for name, decision in made.decisions.items()
                if decision.target is Target.STEPPED_DOWN
            }
        return arranged(facts.node, states, made.decisions | unwanted, policy) if unwanted else made

    def _is_left_out(self, name: str) -> bool:
        return bool(self.wish.only) and name not in self.wish.only

    @staticmethod
    def _goes_up(seen: Seen, name: str, decisions: dict[str, Decision]) -> bool:
        return decisions[name].target is Target.ACTIVE and not seen.facts.resources[name].active

    def _is_taking_over(self, seen: Seen, made: Plan) -> bool:
        """A promotion begins at once: a node that was held back lets go before it, or a standby that is held back less
        would take the address in the middle of it. Nobody is asked for that: it is on the way of the clients."""
        return any(
            self._goes_up(seen, name, made.decisions) and state.settled for name, state in seen.facts.resources.items()
        )

    def _going_up(self, seen: Seen, made: Plan) -> list[str]:
        return [name for name in made.decisions if self._goes_up(seen, name, made.decisions)]

    def carry(self, carrier: Carrier, made: Plan) -> tuple[str, ...]:
        """Carry out a plan for what the carrier has seen; what has to stop the run, in sentences."""
        seen = carrier.seen
        try:
            carrier.carry(made)
        except Superseded as newer:
            carrier.superseded = str(newer)
            self.site.journal.entry("superseded", why=str(newer), run=self.id, severity=NOTICE)
            return ()
        finally:
            self.steps += carrier.steps
        if carrier.left and {step.do for step in made.steps} == {Do.ADMIT_PEER}:
            return tuple(carrier.left)  # it would fail again
        going_up = self._going_up(seen, made)
        if not carrier.failed:
            if going_up:
                self.gone = [name for name in going_up if carrier.is_gone(name)]
                self._promoted(going_up, len(self.looks) + carrier.processes)
            return ()
        if going_up and carrier.refused:
            left = self._demote(going_up)
            why = Why.IN_USE if left else Why.HELD_THERE
            self._hold_back({Reason(why, name) for name in going_up}, seen)
            return (*carrier.failed.values(), *left)
        if going_up and ("" in carrier.failed or set(going_up) & carrier.failed.keys()):
            return self.undo(seen, going_up, carrier)
        in_use = {Reason(Why.IN_USE, name or seen.facts.name) for name in carrier.failed}
        leaves = fitness.LEAVES.get(seen.facts.node.leaving)
        self._hold_back(in_use | ({Reason(leaves)} if leaves else set()), seen)
        return tuple(carrier.failed.values())

    def _promoted(self, names: list[str], processes: int) -> None:
        """The promotion is through, with so many processes from the look at the node: what failed before is
        forgotten."""
        for name in names:
            self.site.journal.entry("promoted", resource=name, why=self.wish.trigger, run=self.id, severity=NOTICE,
                                    processes=processes)  # fmt: skip
        try:
            failures.clear(self.site.store, "a promotion that succeeded")
            for name in names:
                self._end_void_marker(name)
            for name in names if self.wish.accept_loss else ():
                at = self.site.timing.wall()
                own_copy.record(self.site, name, Event.LOSS_ACCEPTED, at, self.site.journal.node_name)
        except StateError as error:
            self.site.journal.entry("failures", result=f"not cleared: {error}", run=self.id, severity=WARNING)

    def _end_void_marker(self, name: str) -> None:
        """A marker that says that this copy loses was void, or it would not have been promoted. Raises StateNotKept."""
        found = marker.present(self.site.store, name)
        if found is not None and found.losing is not False:
            end_split_brain(self.site, name, "the other copy was created anew, and this one is served")

    def undo(self, seen: Seen, names: list[str], carrier: Carrier) -> tuple[str, ...]:
        """A promotion failed: take back what it did, note it, and give the address away once, where the other node
        could take it. What has to stop the run, in sentences; empty where it may be tried again, and where the next
        plan is one of a node that cannot be primary, which gives the address away by itself (`fitness.GIVES_BACK`)."""
        why = "; ".join(carrier.failed.values())
        for name in names:
            self.site.journal.entry("promotion-failed", resource=name, result=why, run=self.id, severity=CRIT)
        known = any(not carrier.is_gone(name) for name in carrier.without_device)  # else nothing was to be connected
        unknown = known_bug.note_seen(self.site, False, known_bug.NO_DEVICE) if known else ""
        left = self._demote(names, Target.STEPPED_DOWN if known else Target.STANDBY)
        if left:
            self._hold_back({Reason(Why.IN_USE, name) for name in names}, seen)
            return (why, *left)
        if known:
            return (why, f"not tried again now: {unknown}") if unknown else ()
        now, store = self.site.timing.wall(), self.site.store
        try:
            failures.note(store, ", ".join(names), now, why)
            blocked = failures.blocked(store, now, self.site.config.failover.window)
            able = not failures.given_away(store) and any(self._peer_could_take(seen, name) for name in names)
            if able:
                failures.note_given_away(store, now)
        except StateError as error:
            return why, f"that the promotion failed could not be written down, so it is not tried again: {error}"
        if able:
            self._hold_back({Reason(Why.FAILED)}, seen)
            return (why, "the address was given away, the other node could take it")
        return (why, blocked) if blocked else ()

    def _demote(self, names: list[str], to: Target = Target.STANDBY) -> tuple[str, ...]:
        """Bring resources back to a standby's state, whatever CARP says; what could not be done."""
        try:
            seen = observe(self.site, self.wish.leaving)
        except ProbeError as error:
            return (f"the node could not be looked at: {error}",)
        facts = seen.facts
        decisions = plan(facts.node, facts.resources, self.site.config.failover).decisions
        decisions |= dict.fromkeys(names, Decision(to, UNDONE))
        resources = {  # the mount has written already: giving up the role under it would save nothing, and lose buffers
            name: state._replace(role_first=False) for name, state in facts.resources.items()
        }
        seen = seen._replace(facts=facts._replace(resources=resources))
        carrier = Carrier(self.site, seen, self.id, self.watch)
        carrier.carry(arranged(facts.node, resources, decisions, self.site.config.failover), heedless=True)
        self.steps += carrier.steps
        return tuple(carrier.failed.values())

    def _peer_could_take(self, seen: Seen, name: str) -> bool:
        """Whether the other node could serve the resource: it says that it has a role, or its hastd listens."""
        asked = peer.ask(self.site, seen.places[name])
        if asked is not None:
            return asked.role in (Role.PRIMARY, Role.SECONDARY) and known_bug.could_be_primary(self.site)
        if name not in seen.resources:
            return False
        return hearing.hastd(self.site.here, seen.resources[name].remoteaddr) is Heard.LISTENS

    def hold(self, seen: Seen, decisions: dict[str, Decision]) -> tuple[str, ...]:
        """Hold the node back in CARP, or let it go, as it is fit; what could not be done."""
        try:
            held = hold.current(self.site.store, seen.facts.boot_id, seen.facts.demotion or 0).amount > 0
        except StateError:
            held = True  # it may be: then it stays so
        reasons = fitness.reasons(self.site, seen, decisions, held, self.gone)
        if events.read(self.site.store).seq != self.seq:  # nothing is let go by what was so before CARP changed
            reasons |= set(hold.reasons(self.site.store))
        trouble = self._hold_back(reasons, seen)
        for name, decision in decisions.items():
            if decision.rule.refuses in fitness.GIVES_BACK and seen.facts.resources[name].carp is CarpState.MASTER:
                gone = give_back(self.site, seen, name, self.id)
                if not gone and decision.rule.refuses is Why.CANNOT_BE_PRIMARY:
                    trouble += (f"{name}: no other node is known to be able to serve: the address stays here",)
        return trouble

    def _hold_back(self, reasons: set[Reason], seen: Seen) -> tuple[str, ...]:
        try:
            share = fitness.amount(reasons, int(self.site.config.failover.demotion))
            hold.hold(self.site, seen.facts.boot_id, reasons, share)
        except (StepFailed, ProbeError) as error:
            why = ", ".join(sorted(map(str, reasons)))
            self.site.journal.entry("hold", why=why, result=f"failed: {error}", run=self.id, severity=CRIT)
            return (str(error),)
        return ()

    def begins(self, seen: Seen, made: Plan) -> None:
        """Write down what is going to be done, and why."""
        known_bug.note(self.site, self._going_up(seen, made), self.id)
        for number, (name, decision) in enumerate(made.decisions.items()):
            state, said = seen.facts.resources[name], seen.facts.said[name]
            evidence = [f"CARP {state.carp.value if state.carp else 'not known'}", f"HAST {state.role.value}",
                        state.mounted.value, f"peer: {said.peer}", *seen.facts.odd]  # fmt: skip
            self.site.journal.entry(
                "plan", resource=name, why=f"{self.wish.trigger}: {decision.rule.says}", evidence=evidence,
                result=f"to be {decision.target.value}: {', '.join(map(str, made.steps)) or 'nothing to do'}",
                run=self.id, severity=NOTICE, processes=None if number else len(self.looks),
            )  # fmt: skip

    def _let_ports_answer(self) -> None:
        """The transition is over; clients of a node that goes down meet silence to the end."""
        if self.wish.leaving is not Leaving.GOES_DOWN:
            silence.end(self.site)

    def ends(self, result: Result, said: tuple[str, ...], severity: int) -> Outcome:
        """Write down how it ended, where that is news."""
        self._let_ports_answer()
        known = refusals.same(self.site.store, said)
        if not self.wish.promote and known:
            return Outcome(result, self.steps, said)  # said before, and nothing has changed since
        refusals.keep(self.site.store, () if result is Result.IN_PLACE else said, self.wish.promote)
        if result is not Result.IN_PLACE or self.steps:
            self.site.journal.entry(
                "converged" if result is Result.IN_PLACE else "refused", why=self.wish.trigger, run=self.id,
                result="; ".join(said) or f"in place after {self.steps} steps",
                severity=INFO if result is Result.IN_PLACE else _LEVELS.get(severity, ERR),
            )  # fmt: skip
        return Outcome(result, self.steps, said)


_LEVELS = {int(level): level for level in (ALERT, CRIT, ERR, WARNING, NOTICE, INFO)}
DRIFT = Rule("drift", "not where CARP wants it, and a periodic look promotes nothing", Target.AS_IT_IS,
             lambda state, node, policy: False, refuses=Why.DRIFT)  # fmt: skip
NOT_ASKED = Rule("not-asked", "this call is not about it", Target.AS_IT_IS, lambda state, node, policy: False)
UNDONE = Rule("undone", "a promotion has failed and is taken back", Target.STANDBY, lambda state, node, policy: False)


def _refusals(seen: Seen, made: Plan) -> tuple[str, ...]:
    """Why resources are not served here although the address is here, in sentences."""
    if seen.facts.node.leaving is Leaving.GOES_DOWN:
        return ()
    sentences, facts = [], seen.facts
    for name, decision in made.decisions.items():
        state, said = seen.facts.resources[name], seen.facts.said[name]
        if (decision.rule.refuses and state.carp is CarpState.MASTER) or decision.rule is CARP_UNKNOWN:
            detail = {Why.STALE: said.stale, Why.DAMAGED: said.damage, Why.SPLIT_BRAIN: said.split,
                      Why.DOWN: said.role, Why.ROLE_NOT_KNOWN: said.role, Why.BOOT_ALONE: said.unheard,
                      Why.NO_KEY: said.unopenable, Why.NO_COPY: said.no_copy,
                      Why.CANNOT_BE_PRIMARY: facts.cannot_be_primary, Why.SUSPENDED: said.pool,
                      None: said.carp}.get(decision.rule.refuses, "")  # fmt: skip
            sentences.append(f"{name}: {decision.rule.says}" + (f" ({detail})" if detail else ""))
    if facts.node.maintenance:
        sentences.append(f"maintenance: {facts.maintenance}")
    if facts.node.blocked:
        sentences.append(f"blocked: {facts.blocked}")
    return tuple(sentences)


def _accepting(site: Site) -> Site:
    """The same site under a policy that a human gave for this once."""
    policy = site.config.failover._replace(promote_stale=True)
    return site._replace(config=site.config._replace(failover=policy))


def _busy(lock: Lock) -> str:
    holder = lock.holder()
    return f"process {holder.pid} does it already ({holder.purpose})" if holder else "another process does it already"
