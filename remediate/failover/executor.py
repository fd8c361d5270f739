"""A plan, carried out: the tracks of a stage together, each step looked at for its effect, and all of it journalled.

Before each step the node is looked at again: where CARP or an operator has said something else meanwhile, what is left
of the plan is dropped (Superseded), and `converge` plans anew from what is there then.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from checks.probes.carp import CarpState
from checks.probes.carp_demotion import DemotionCause, DemotionReason
from checks.probes.errors import ProbeError
from checks.probes.hast import Role
from checks.probes.hast_state import HastRole
from remediate.context import Context
from remediate.counted import Started, counted
from remediate.failover import (
    boot_alone,
    carp_demotion,
    damaged,
    demotion_reasons,
    devices,
    filesystems,
    newest,
    own_copy,
    own_node,
    parting,
    peer,
    peer_route,
    reach,
    roles,
    second_look,
    services,
    silence,
    waking,
)
from remediate.failover.behind import behind
from remediate.failover.devices import MountedDevice
from remediate.failover.errors import HeardAgain, NoDevice, NotYet, SplitBrainFound, StepFailed, Superseded
from remediate.failover.facts import Leaving, Peer, Split
from remediate.failover.observe import Observation
from remediate.failover.plan import Plan, Stage, Track
from remediate.failover.resource import ResourcePlace, places
from remediate.failover.steps import AIDS, PROMOTES, Action, Step
from remediate.state import maintenance, marker
from remediate.state.journal import ERR, INFO, NOTICE, JournalLevel
from remediate.state.ledger import CopyState
from remediate.state.store import StateNotKept, StateUnreadable

SETTLES = 0.1
"""Seconds between two looks whether CARP is still MASTER."""
FRESH = 10.0
"""Seconds for which what was seen of the daemons is taken to be so still."""
NEVER = float("-inf")
LONG = 1.0
"""Seconds of waiting after which the other node is looked at again, and both disks: it may have written alone."""


class Executor:
    """Carries out one plan for what was seen. `watch` is told of every step before it is done, for progress. `heed` is
    called before every step and raises Superseded where the plan is not wanted any more; by default CARP is read."""

    def __init__(
        self,
        context: Context,
        observation: Observation,
        run: str,
        watch: Callable[[str], None],
        heed: Callable[[Step], None] | None = None,
    ) -> None:
        self.context, self.seen, self.run, self.watch = context, observation, run, watch
        self._began = context.timing.now()
        self._heed = heed
        self.failed: dict[str, str] = {}
        """Resource (empty for the node): why one of its steps failed."""
        self.without_device: set[str] = set()
        """The resources whose device did not come because of a known bug of hastd (`known_bug`)."""
        self.refused = False
        """The first step that failed was one that only waits: nothing was done for that resource."""
        self.told: Callable[[Step, float, int], None] | None = None
        """Told of every step that was done, with the seconds that it took and the processes that it started."""
        self.gives_up: Callable[[ResourcePlace], None] | None = None
        """Told before the role of a primary is given up."""
        self.processes = 0
        self._found: dict[str, MountedDevice] = {}
        self.superseded = ""
        """Why the plan was dropped, where it was."""
        self.left: list[str] = []
        """Why AIDS failed."""
        self.steps = 0
        self._taken: frozenset[str] = frozenset()
        """The resources whose role is taken."""
        self._promoted: frozenset[str] = frozenset()
        """The resources that are promoted, their role may be taken already."""
        self._rejecting: set[str] = set()
        """Addresses of the other node that are rejected now, by a route of this executor."""
        self._carp = {name: state.carp for name, state in observation.facts.resources.items()}
        """CARP as the plan knows it: what was seen, and what came of this node's own hold."""
        self._looked: dict[str, peer.PeerStanding] = {}
        """Of resources for which the other node was waited for, what the last look at it showed."""
        self._looked_at: dict[str, float] = {}
        """When that began, or a second look ended (`Timing.now`)."""

    def carry(self, plan: Plan, heedless: bool = False) -> None:
        """Do the stages in order, and stop after one in which a step failed (see `failed`). `heedless`: what CARP or a
        human says meanwhile changes nothing, as when a promotion is undone. A node that shuts down is heedless, and
        goes on: an unmount helps, whatever else failed. Raises Superseded."""
        goes_down = self.seen.facts.node.leaving is Leaving.GOES_DOWN
        self._taken = frozenset(step.resource for step in plan.steps if step.do is Action.BECOME_PRIMARY)
        self._promoted = frozenset(step.resource for step in plan.steps if step.do in PROMOTES)
        try:
            for stage in plan.stages:
                self._stage(stage, heedless or goes_down)
                if self.failed and not goes_down:
                    return
        finally:
            if self._rejecting:
                self._track((Step(Action.ADMIT_PEER, names=tuple(sorted(self._rejecting))),), heedless=True)

    def _stage(self, stage: Stage, heedless: bool) -> None:
        self.context.timing.together([partial(self._track, track, heedless) for track in stage])

    def _track(self, track: Track, heedless: bool) -> None:
        for step in track:
            started: Started = []
            doing = self._counting(started)
            if not heedless and step.do not in AIDS:
                doing.refuse_superseded(step)
            began = self.context.timing.now()
            self.watch(str(step))
            try:
                result = doing._do(step)
            except (StepFailed, ProbeError) as error:
                self._journal(step, f"failed: {error}", began, started, ERR)
                if step.do in AIDS:
                    self.left.append(f"{step}: {error}")
                    continue
                if not heedless:
                    self.refuse_superseded(step)  # then it is no failure of the step
                self.refused = isinstance(error, NotYet) and not (self.failed and not self.refused)
                self.failed[step.resource] = f"{step}: {error}"
                if isinstance(error, NoDevice):
                    self.without_device.add(step.resource)
                return
            self.steps += 1
            self._journal(step, result or "done", began, started)
            if self.told is not None:
                self.told(step, self.context.timing.now() - began, len(started))

    def _counting(self, started: Started) -> Executor:
        """The same executor, as what one step does it with: tracks go at the same time, and each counts its own."""
        executor = copy.copy(self)
        executor.context = counted(self.context, started)
        return executor

    def _journal(self, step: Step, result: str, began: float, started: Started, severity: JournalLevel = INFO) -> None:
        self.processes += len(started)
        self.context.journal.entry(
            "step",
            resource=step.resource,
            step=str(step),
            why=step.do.value,
            result=result,
            seconds=self.context.timing.now() - began,
            processes=len(started),
            severity=severity,
            run=self.run,
        )

    def refuse_superseded(self, step: Step) -> None:
        """Raise Superseded where what the plan was made for is not so any more."""
        self._refuse_in_maintenance(step)
        if step.do in PROMOTES and carp_demotion.shutting_down(self.context.store, self.seen.facts.boot_id):
            raise Superseded(f"before {step}: this node shuts down")
        self._refuse_in_a_split_brain(step)
        (self._heed or self._refuse_other_carp)(step)

    def _refuse_in_a_split_brain(self, step: Step) -> None:
        """Raise SplitBrainFound where a marker says that a copy which is promoted loses, or may: hastd may report that
        at any moment until the other node is known to follow. Not the marker that was found void."""
        if step.do not in PROMOTES and step.do is not Action.START_SERVING:
            return
        for name in [step.resource] if step.resource else self._promoted:
            marked = marker.present(self.context.store, name)
            if marked is not None and marked.losing is not False and marked != self.seen.facts.said[name].void:
                raise SplitBrainFound(f"before {step}: hastd has reported a split-brain of {name}")

    def _refuse_other_carp(self, step: Step) -> None:
        """Raise Superseded where CARP is not what it was, unless this node's own hold has moved the address."""
        try:
            vhids = own_node.vhids(self.context, self.seen.vhids)
        except ProbeError as error:
            raise Superseded(f"before {step}: CARP cannot be read: {error}") from None
        for name in [step.resource] if step.resource else list(self.seen.places):
            now = self.seen.places[name].asks(vhids).state
            was = self._carp[name]
            if now is was:
                continue
            if not self._is_given_away(was, now):
                raise Superseded(f"before {step}: CARP of {name} was {_say(was)} and is {_say(now)}")
            self._carp[name] = now

    def _is_given_away(self, was: CarpState | None, now: CarpState | None) -> bool:
        """Whether the change is what this node's own hold was for: the address has gone where the plan wants it. Once
        it is gone, every further change is somebody else's doing."""
        why = demotion_reasons.LEAVES.get(self.seen.facts.node.leaving)
        moved = was is CarpState.MASTER and now is CarpState.BACKUP
        return why is not None and moved and DemotionReason(why) in carp_demotion.reasons(self.context.store)

    def _refuse_in_maintenance(self, step: Step) -> None:
        """Raise Superseded. Where it has become unknown whether there is maintenance, nothing goes on to a promotion,
        and everything else does. A handover that has begun goes on: the address has been given away already, so that
        nobody would serve if it stopped."""
        if self.seen.facts.node.leaving is Leaving.MOVES:
            return
        try:
            suspended = maintenance.begun(self.context.store, self.context.timing.wall())
        except StateUnreadable as error:
            if step.do in PROMOTES and not self.seen.facts.unsure:
                raise Superseded(f"before {step}: {error}") from None
            return
        if suspended is not None:
            raise Superseded(f"before {step}: maintenance: {suspended.reason}")

    def _do(self, step: Step) -> str:
        """Do a step and see its effect; what was seen. Raises StepFailed, ProbeError, Superseded."""
        context, do = self.context, step.do
        if do is Action.SILENCE:
            return silence.begin(context)
        if do is Action.STOP_SERVING:
            return services.stop(context, step.names)
        if do in (Action.START_BASE, Action.START_SERVING):
            self._see_what_zfs_shares()
            if do is Action.START_SERVING:
                self._is_no_standby()
            up = [place for name, place in self.seen.places.items() if place.exported and self._is_up(name)]
            points = tuple(place.point for place in up)
            services.start(context, step.names, points, self._may_run(step.names))
            if not up or not all(place.address for place in up):  # else VERIFY sees it as a client does
                services.await_running(context, step.names)
        elif do is Action.REJECT_PEER:
            return self._reject(step.names)
        elif do is Action.ADMIT_PEER:
            return self._admit(step.names)
        else:
            return self._of_a_resource(do, self.seen.places[step.resource])
        return ""

    def _see_what_zfs_shares(self) -> None:
        """What has the property sharenfs is in /etc/zfs/exports from the import of its pool on, and not before. All
        tracks see it."""
        known, context = self.seen.places, self.context
        late = tuple(
            name for name, on in self._found.items() if on.kind == "zfs" and name in known and not known[name].exported
        )
        if late:
            for name, place in places(context.here.node(), context.config, late).items():
                known[name] = known[name]._replace(exported=place.exported, unexported=place.unexported)

    def _is_no_standby(self) -> None:
        """The data are here: that this copy was not connected is no reason any more to hold back. Kept to the end of
        the plan, it would lose the address to the other node, which is let go when its own copy is complete. Raises
        nothing: the next convergence looks again."""
        held = carp_demotion.reasons(self.context.store)
        left = {each for each in held if each.why is not DemotionCause.NOT_CONNECTED or each.about not in self._taken}
        if left != set(held):
            with suppress(StepFailed, ProbeError):
                demotion_reasons.hold(self.context, self.seen.facts.boot_id, left, self.seen.vhids)

    def _may_run(self, names: tuple[str, ...]) -> bool:
        """Whether any of these runs, as far as is known: else they are started without another look. rc(8) may start
        them while the node boots, and a second nfsd takes the registration of the first with it (nfsd.c,
        nfsd_exit())."""
        facts, age = self.seen.facts, self.context.timing.now() - self.seen.at
        ran = not (facts.node.serving | facts.node.base).isdisjoint(names)
        return ran or age > FRESH or facts.uptime < self.context.config.failover.boot_window

    def _reject(self, addresses: tuple[str, ...]) -> str:
        """Only where the other node is known to be gone, by the last look at it."""
        for name in self._taken:
            if not self.is_gone(name):
                return f"not done: for {name} the other node is not known to be gone"
        done = peer_route.reject(self.context, addresses)
        self._rejecting.update(addresses)
        return done

    def is_gone(self, name: str) -> bool:
        """Whether the other node is known to be gone, by the last look at it for this resource."""
        looked = self._looked.get(name)
        return (looked.peer if looked else self.seen.facts.resources[name].peer) is Peer.GONE

    def _admit(self, addresses: tuple[str, ...]) -> str:
        fresh = self._rejecting == set(addresses)
        self._rejecting.clear()
        return (peer_route.remove if fresh else peer_route.remove_left)(self.context, addresses)

    def _of_a_resource(self, do: Action, place: ResourcePlace) -> str:
        context = self.context
        done: dict[Action, Callable[[], str | None]] = {
            Action.AWAIT_PEER: lambda: self._await_peer(place),
            Action.SETTLE: lambda: self._settle(place),
            Action.BECOME_PRIMARY: lambda: self._become_primary(place),
            Action.AWAIT_DEVICE: lambda: roles.await_device(context, place),
            Action.ATTACH: lambda: devices.attach(context, place),
            Action.DETACH: lambda: devices.detach(context, place),
            Action.CHECK: lambda: self._check(place),
            Action.UNPROTECT: lambda: filesystems.protect(context, place, False),
            Action.MOUNT: lambda: self._mount(place),
            Action.VERIFY: lambda: reach.verify(context, place, partial(self.refuse_superseded, Step(do, place.name))),
            Action.WAKE: lambda: waking.wake(context, place, self.seen.vhids),
            Action.UNMOUNT: lambda: filesystems.unmount(context, place),
            Action.BECOME_SECONDARY: lambda: self._give_up(place, Role.SECONDARY),
            Action.BECOME_INIT: lambda: self._give_up(place, Role.INIT),
            Action.UNMOUNT_BY_FORCE: lambda: filesystems.unmount_by_force(context, place),
            Action.PROTECT: lambda: filesystems.protect(context, place, True),
        }
        return done[do]() or ""

    def _check(self, place: ResourcePlace) -> str:
        self._look_again(Step(Action.CHECK, place.name))
        self._found[place.name], done = devices.check(self.context, place)
        return done

    def _mount(self, place: ResourcePlace) -> None:
        self._look_again(Step(Action.MOUNT, place.name))
        filesystems.mount(self.context, place, self._on(place))

    def _look_again(self, step: Step) -> None:
        """Where the last look at the other node is a while ago. Nobody is asked what hands this over. Raises
        Superseded."""
        name = step.resource
        age = self.context.timing.now() - self._looked_at.get(name, self.seen.at)
        if self._heed is not None or not self._is_up(name) or age <= second_look.LATELY:
            return
        state, remarks = self.seen.facts.resources[name], self.seen.facts.said[name]
        was = self._looked[name].peer if name in self._looked else state.peer
        heedless = self.context.config.failover.promote_stale or bool(remarks.survives)
        wins = state.split is Split.WINNING
        why, self._looked[name] = second_look.against(self.context, self.seen.places[name], was, heedless, wins)
        self._looked_at[name] = self.context.timing.now()
        if why:
            raise HeardAgain(f"before {step}: {why}")

    def _on(self, place: ResourcePlace) -> MountedDevice:
        """Where and what the file system is, looked at once."""
        if place.name not in self._found:
            self._found[place.name] = devices.find(self.context, place)
        return self._found[place.name]

    def _become_primary(self, place: ResourcePlace) -> str:
        """Unless it has become known meanwhile that this copy lacks what the other node has written, or may lack it:
        devd may tell of CARP before a boot is known for one."""
        if place.name in self.seen.resources:  # its disk may have failed a write since: the last ones of a handover
            damaged.at_an_event(self.context, self.seen.resources[place.name])
        own, heedless = own_copy.known(self.context, place.name), self.context.config.failover.promote_stale
        if own.damage is not None and not self.seen.facts.said[place.name].damage:
            raise Superseded(f"before {place.name} becomes primary: {own.damage.sentence}")
        reported = (
            own.copy is CopyState.INCOMPLETE and not heedless
        )  # which both dumps may refute, as they may have before
        compared = self.seen.facts.said[place.name].compared
        lately = compared and self.context.timing.now() - self._began <= LONG
        looked = self._looked.get(place.name)
        answers = looked is not None and (looked.asked or looked.in_doubt)
        if reported or (answers and not lately):
            findings = behind(self.context, place.name, None, asked=True)
            wins = self.seen.facts.resources[place.name].split is Split.WINNING
            heedless = heedless or bool(self.seen.facts.said[place.name].survives)
            split = "" if wins else findings.split
            against = split or findings.no_copy or ("" if heedless else findings.stale)
            if against:
                raise Superseded(f"before {place.name} becomes primary: {against}")
            compared = compared or findings.dumps
        by_hastd = looked is not None and looked.by_hastd and not (compared or heedless)
        doubt = own_copy.apart_too_long(self.context, place.name) if by_hastd else ""
        if doubt:
            raise Superseded(f"before {place.name} becomes primary: {doubt}")
        unheard = "" if compared or not self._awaits_the_other else boot_alone.unheard(self.context, place.name)
        if unheard:
            raise Superseded(f"before {place.name} becomes primary: {unheard}")
        let_go = self.seen.facts.said[place.name].peer_asked if looked is None else looked.asked
        late = partial(self._take_alone, place)
        done = roles.become_primary(self.context, place, self.seen, let_go, self.is_gone(place.name), late)
        if let_go:  # it was asked again when the device was there, and its disk was compared before
            self._looked_at[place.name] = self.context.timing.now()
        told = own_copy.known(self.context, place.name)
        if told.copy is CopyState.INCOMPLETE is not own.copy and not heedless:  # a node that was gone is heard again
            raise StepFailed(f"while the role was taken: {told.why}")
        return done

    def _take_alone(self, place: ResourcePlace) -> bool:
        """The device is late: the other node may have died since it let go, and the worker waits for a connection that
        it has begun, which no route ends (tcp_output.c: an error does not drop it). Where the other node is known to
        be gone, take the role again with connections rejected; the worker has offered no device, so nothing was
        written. Whether it is known to be gone. Raises Superseded, StepFailed, ProbeError."""
        remote = self.seen.facts.resources[place.name].remote
        if remote in self._rejecting or not remote:
            return remote in self._rejecting
        began, looked = self.context.timing.now(), peer.look(self.context, place)
        if looked.peer is not Peer.GONE:
            began = NEVER  # it is heard again
        for name in self._taken:
            if self.seen.facts.resources[name].remote == remote:
                self._looked[name], self._looked_at[name] = looked, began
        if looked.peer is not Peer.GONE:
            return False
        self.refuse_superseded(Step(Action.BECOME_PRIMARY, place.name))
        try:
            self._reject((remote,))
        except (StepFailed, ProbeError) as error:
            self.left.append(str(error))
        if remote in self._rejecting:
            result = "the role is taken again, with connections to the other node rejected"
            self.context.journal.entry("gone", resource=place.name, why=looked.says, result=result, run=self.run,
                                       severity=NOTICE)  # fmt: skip
            roles.give(self.context, place, Role.SECONDARY)
            roles.give(self.context, place, Role.PRIMARY)
        return True

    @property
    def _awaits_the_other(self) -> bool:
        policy = self.context.config.failover
        return policy.boot_alone == "wait" and not policy.promote_stale

    def _give_up(self, place: ResourcePlace, role: Role) -> None:
        """Under a mount only while the proof still stands (`parting`): what NFS took until it was stopped, and what UFS
        writes by itself, may have reached the device meanwhile, and hastd on the other node may have died."""
        if self.seen.facts.resources[place.name].role_first:
            remote = self.seen.resources[place.name].remoteaddr
            void = parting.why_void(self.context, place.name, remote, lambda: self._carp_now(place))
            if void:
                raise Superseded(f"before the role of {place.name} is given up: {void}")
        goes_down = self.seen.facts.node.leaving is Leaving.GOES_DOWN
        if goes_down and not self.seen.facts.resources[place.name].connected and self._is_master(place):
            newest.look(self.context, place.name)  # the unmount may have been its first write alone
        was_primary = self.seen.facts.resources[place.name].role is HastRole.PRIMARY
        if was_primary and self.gives_up is not None:
            self.gives_up(place)
        (roles.give_up if was_primary else roles.become)(self.context, place, role)

    def _is_master(self, place: ResourcePlace) -> bool:
        """Whether nobody else has the address, though this node holds itself back. Raises nothing."""
        try:
            return self._carp_now(place) is CarpState.MASTER
        except ProbeError:
            return False

    def _carp_now(self, place: ResourcePlace) -> CarpState | None:
        """Raises ProbeError."""
        return place.asks(own_node.vhids(self.context, self.seen.vhids)).state

    def _is_up(self, name: str) -> bool:
        """Whether the resource is served here when the plan is through: it is not, where the address is not here."""
        return self.seen.facts.resources[name].carp is CarpState.MASTER

    def _await_peer(self, place: ResourcePlace) -> str:
        """Wait until the other node has released the resource; give up when CARP changes meanwhile, or hastd dies
        here."""
        step = Step(Action.AWAIT_PEER, place.name)
        longest = self.context.config.failover.let_go
        ends = self.context.timing.now() + longest
        connects: float | None = None
        while True:
            self.refuse_superseded(step)
            self._looked_at[place.name] = self.context.timing.now()
            last = self._looked[place.name] = peer.look(self.context, place)
            if last.without_hastd:
                raise Superseded(f"during {step}: {last.says}")
            if last.apart:
                self._note_apart(place)
            if not last.may_connect:
                connects = None
            elif connects is None:
                connects = self.context.timing.now() + peer.CONNECTS
                ends = max(ends, connects)  # whatever `let_go` is: it would never be over
            elif self.context.timing.now() >= connects:
                self._looked[place.name] = last._replace(peer=Peer.LET_GO)
                return f"{last.says}; it has not connected within {peer.CONNECTS:g} s"
            if last.peer in (Peer.LET_GO, Peer.GONE):
                return last.says
            if self.context.timing.now() >= ends:
                raise NotYet(f"the other node has not released the resource within {longest:g} s: {last.says}")
            peer.await_news(self.context, place)

    def _note_apart(self, place: ResourcePlace) -> None:
        """Raises NotYet where it cannot be recorded: it would be forgotten when the other node is waited for anew."""
        try:
            own_copy.note_apart(self.context, place.name)
        except StateNotKept as error:
            raise NotYet(str(error)) from None

    def _settle(self, place: ResourcePlace) -> str:
        """Wait until CARP has been MASTER for the settle time; give up when it changes. After a long wait look at the
        other node again."""
        step, ends = Step(Action.SETTLE, place.name), self.seen.settles.get(place.name, 0.0)
        seconds = max(0.0, ends - self.context.timing.now())

        def settled() -> bool:
            self.refuse_superseded(step)
            return self.context.timing.now() >= ends

        every = (seconds + 0.001) / (seconds // SETTLES + 1)  # so that the last look is not late
        self.context.timing.until(settled, seconds + SETTLES, every)
        if seconds > LONG:
            self._await_peer(place)  # it may have been promoted meanwhile
        young = self.seen.facts.uptime < self.context.config.failover.boot_window
        return f"{seconds:.1f} s more" + (", as the node was booted recently" if young else "")


def _say(state: CarpState | None) -> str:
    return state.value if state else "not known"
