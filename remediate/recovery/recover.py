"""The recovery of a losing copy: the documented steps, each looked at, in an order that can be interrupted anywhere.

    stepped-down   the address held back, role init: nothing writes to this copy
    kept           what only this copy has was salvaged and read back, or is proven not to be there
    created        new metadata (hastctl(8), create), after the guard has looked once more
    following      role secondary: everything is copied from the other node

A state file says which step was reached; run again it goes on from there, and nothing is done twice. The one command
that destroys is run only under the lock of `converge`, right after the guard (`verdict.may_create`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from checks.probes import carp
from checks.probes.carp_demotion import DemotionCause, DemotionReason
from checks.probes.counters import Relation
from checks.probes.hast import Role, Status
from checks.probes.hast_state import HastRole
from checks.probes.node_state import MountState
from remediate.context import Context
from remediate.failover import carp_demotion, hast_of, own_copy, replicas, roles
from remediate.failover.converge import LOCK, ConvergeRequest, converge
from remediate.failover.errors import StepFailed
from remediate.failover.observe import with_address
from remediate.failover.peer import ASK
from remediate.failover.resource import ResourcePlace, places
from remediate.failover.this_boot import this_boot
from remediate.recovery import evidence, progress
from remediate.recovery.differing_files import DifferingFiles
from remediate.recovery.eligibility import Eligibility, Kind, judge, may_create
from remediate.recovery.evidence import Evidence, NodeEvidence
from remediate.recovery.preservation import MARGIN, Keeper
from remediate.recovery.progress import RecoveryProgress, RecoveryStep
from remediate.state import ledger, marker
from remediate.state.journal import ALERT
from remediate.state.lock import Lock

FOLLOWS = (Relation.FIRST_BLANK, Relation.IN_SYNC, Relation.SECOND_AHEAD)
"""How a copy that was recreated stands to the one that it is filled from, until something has happened to it."""
NOT_RESUMED = "the recovery that was begun here before is not resumed: it is not known to be of this copy as it is now"
RECOVERABLE = (Kind.SPLIT_BRAIN, Kind.BLANK, Kind.OTHER_DISK)
HELD_NOTHING = "the disk held no copy"
WAIT = 30.0
"""Seconds to wait for a convergence that runs."""


class RecoveryRefused(StepFailed):
    """The evidence forbids it; nothing was done. `reasons`: one sentence each."""

    def __init__(self, reasons: tuple[str, ...]) -> None:
        super().__init__("; ".join(reasons))
        self.reasons = reasons


class CopyProgress(NamedTuple):
    """A look at the primary: bytes that it has to copy still, and whether it has a secondary to copy them to."""

    dirty: int
    connected: bool

    @property
    def complete(self) -> bool:
        """Nothing is left."""
        return self.connected and self.dirty == 0


class Recovery:
    """One recovery of one resource on this node. `keeper` keeps what only this copy has, `watch` is told each step.
    `agree` is called with what was kept before the copy is destroyed, and ends the recovery there by an exception."""

    def __init__(
        self,
        context: Context,
        name: str,
        keeper: Keeper,
        watch: Callable[[str], None],
        agree: Callable[[str], None] = lambda kept: None,
    ) -> None:
        self.context, self.name, self.keeper, self.watch, self.agree = context, name, keeper, watch, agree
        located = places(context.here.node(), context.config, (name,))
        if name not in located:
            raise RecoveryRefused((f"hast.conf has no resource {name}",))
        self.place: ResourcePlace = with_address(located[name], carp.vhids(context.here.node()))

    def look(self) -> tuple[Evidence, Eligibility]:
        """The evidence of both nodes, and the verdict on this node's copy. Changes nothing."""
        pair = evidence.collect(self.context, self.place)
        return pair, judge(pair)

    def run(self, trigger: str) -> str:
        """From where it stands to role secondary; what was kept, in a sentence. Raises Refused where nothing was done,
        StepFailed, ProbeError and StateError where it stopped at a step: run again, it goes on."""
        lock = Lock(self.context.store, LOCK, f"recovery of {self.name}", self.context.timing)
        if not lock.acquire(WAIT):
            raise RecoveryRefused(("another recovery or convergence is running",))
        with lock:
            done = self._steps(trigger)
        converge(self.context, ConvergeRequest(f"recovery of {self.name}"))
        return done.kept

    def compare(self, pair: Evidence) -> DifferingFiles:
        """The files that differ between this copy and the other one, for an operator. Nothing converges here meanwhile.
        Raises InUse where this copy is not out of service yet, StepFailed, ProbeError, StateError."""
        if pair.here.metadata is None:
            raise StepFailed(HELD_NOTHING)
        lock = Lock(self.context.store, LOCK, f"comparison of {self.name}", self.context.timing)
        if not lock.acquire(WAIT):
            raise StepFailed("another recovery or convergence is running")
        with lock:
            return self.keeper.compare(self.context, self.place, pair.here.metadata, self._parted_at())

    def step_down(self, trigger: str) -> None:
        """The address away, the role init, nothing else. Raises as `run`."""
        lock = Lock(self.context.store, LOCK, f"step-down of {self.name}", self.context.timing)
        if not lock.acquire(WAIT):
            raise RecoveryRefused(("another recovery or convergence is running",))
        with lock:
            pair, verdict = self.look()
            self._refuse(pair, verdict)
            self._mark()
            self.context.journal.entry("recovery", resource=self.name, why=f"{trigger}: {verdict.kind.value}",
                                       evidence=sentences(pair), result="begins: step-down", severity=ALERT,
                                       run=self._incident())  # fmt: skip
            self._give_up()

    def copied(self) -> CopyProgress | None:
        """How far the primary has come with copying everything here; None where it cannot be asked."""
        if self.context.peer is None:
            return None
        there = hast_of.resource(self.context.peer, self.name, ASK)
        if there is None:
            return None
        return CopyProgress(there.dirty, there.role is Role.PRIMARY and there.status is Status.COMPLETE)

    def finished(self) -> None:
        """The copy is complete again. Raises StateError."""
        progress.end(self.context, self.name)

    def begun(self, evidence: Evidence, verdict: Eligibility) -> RecoveryProgress | None:
        """The recovery that goes on when it is run again; None where none was begun, or that one is over, or it is not
        known to be of this copy still. Until the copy was recreated it belongs to the split-brain of the marker. Raises
        StateUnreadable."""
        recorded = progress.read(self.context.store, self.name)
        if recorded is None:
            return None
        if recorded.step >= RecoveryStep.CREATED:
            return recorded if self._follows(evidence, recorded) else None
        marked = marker.present(self.context.store, self.name)
        return None if marked is None or marked.id != recorded.incident else recorded

    def not_resumed(self, begun: RecoveryProgress | None) -> tuple[str, ...]:
        """A sentence where what was begun here before does not go on. Raises StateUnreadable."""
        return (NOT_RESUMED,) if begun is None and progress.read(self.context.store, self.name) is not None else ()

    def _follows(self, pair: Evidence, recorded: RecoveryProgress) -> bool:
        """Whether the copy is the one that this recovery has recreated, for all that is known: no other split-brain is
        marked, and both disks say that it is filled, or was. A record outlives its recovery where nobody waited."""
        marked = marker.present(self.context.store, self.name)
        same = marked is None or marked.id == recorded.incident
        return same and not pair.here.blank and pair.relation in FOLLOWS

    def _steps(self, trigger: str) -> RecoveryProgress:
        pair, verdict = self.look()
        begun = self.begun(pair, verdict)
        if begun is not None and begun.step >= RecoveryStep.CREATED:
            return self._follow(pair, begun)
        self._refuse(pair, verdict, self.not_resumed(begun))
        if pair.here.metadata is not None and not pair.here.was_created:
            self.keeper.make_ready(self.context, self.name)
        self._mark()
        now = self._begin(trigger, pair, verdict) if begun is None else begun
        now = now._replace(mode=self.keeper.mode.value, target=self.keeper.target)
        if pair.here.was_created:
            self._note_incomplete()
        else:
            self.watch("step-down")
            self._give_up()
            now = self._reached(now, RecoveryStep.STEPPED_DOWN)
            self.watch("keep")  # also where it was kept before: what has happened to the copy since is not known
            now = self._reached(now._replace(kept=self._keep(pair, now.incident)), RecoveryStep.KEPT)
            self.agree(now.kept)
            self.watch("create")
            self._create(pair.here, now)
        return self._follow(pair, self._reached(now, RecoveryStep.CREATED))

    def _begin(self, trigger: str, pair: Evidence, verdict: Eligibility) -> RecoveryProgress:
        """Everything of one split-brain bears one name, that of its marker. Raises StateError."""
        mode, target = self.keeper.mode.value, self.keeper.target
        begun = RecoveryProgress(
            self._incident(), mode, target, RecoveryStep.BEGUN, HELD_NOTHING if pair.here.was_created else ""
        )
        self.context.journal.entry("recovery", resource=self.name, why=f"{trigger}: {verdict.kind.value}",
                                   evidence=sentences(pair), result=f"begins: {mode}", severity=ALERT,
                                   run=begun.incident)  # fmt: skip
        progress.write(self.context.store, self.name, begun)
        return begun

    def _refuse(self, pair: Evidence, verdict: Eligibility, besides: tuple[str, ...] = ()) -> None:
        """Raise Refused with every sentence that the evidence makes true, and what is to be said `besides`."""
        reasons = [refusal.says for refusal in verdict.refusals]
        reasons += [side.unread for side in (pair.here, pair.there) if side.unread]
        reasons += self._unfit(pair, verdict)
        if reasons:
            raise RecoveryRefused(tuple(dict.fromkeys([*reasons, *besides])))

    def _unfit(self, pair: Evidence, verdict: Eligibility) -> tuple[str, ...]:
        """Why a recovery is not what this copy needs; nothing where it is."""
        return () if verdict.kind in RECOVERABLE else (verdict.kind.value,)

    def _may_create(self, pair: Evidence, is_saved: bool) -> tuple[str, ...]:
        """The guard, right before."""
        return may_create(pair, is_saved)

    def _parted_at(self) -> float | None:
        """When the copies parted at the earliest, where that is known and the times of files can be held against it: a
        primary waits for the answers of a node that is gone as long as `timeout` before it gives up the connection."""
        waited = float(self.place.timeout)
        lost = own_copy.parted_at(self.context, self.name, waited + MARGIN)
        return None if lost is None else lost - waited

    def _mark(self) -> None:
        """The marker of the losing side: from now on nothing promotes this copy, whatever happens to this process."""
        boot = this_boot(self.context)
        node = self.context.journal.node_name
        marker.record(self.context.store, self.name, node, boot, self.context.timing.wall(), True)

    def _give_up(self) -> None:
        boot = this_boot(self.context)
        most = int(self.context.config.failover.demotion)
        carp_demotion.hold(
            self.context,
            boot,
            {*carp_demotion.reasons(self.context.store), DemotionReason(DemotionCause.RECOVERY, self.name)},
            most,
        )
        if roles.role_now(self.context, self.place) is not Role.INIT:
            roles.become(self.context, self.place, Role.INIT)

    def _keep(self, pair: Evidence, incident: str) -> str:
        """Keep what only this copy has, and read it back; where it is, or why there is nothing. Raises StepFailed."""
        if pair.here.metadata is None:
            return HELD_NOTHING
        return self.keeper.keep(self.context, self.place, pair.here.metadata, self._parted_at(), incident, self.watch)

    def _create(self, before: NodeEvidence, now: RecoveryProgress) -> None:
        """New metadata. The ledger knows the copy to be incomplete before anything is destroyed."""
        self._note_incomplete()
        old = before.metadata
        sizes = ("-e", str(old.extentsize), "-k", str(old.keepdirty)) if old else ()
        command = (roles.HASTCTL, "create", *sizes, self.name)
        pair = evidence.collect(self.context, self.place)
        reasons = self._may_create(pair, bool(now.kept))  # nothing stands between
        if pair.here.metadata != old or pair.here.blank is not before.blank:
            reasons = (*reasons, "the metadata of this copy have changed since it was looked at")
        if reasons:
            raise RecoveryRefused(reasons)
        done = self.context.here.act(command, roles.TAKES)
        if done.status != 0:
            raise StepFailed(f"`{' '.join(command)}` exits with {done.status}: {done.words}")
        now_there = hast_of.metadata(self.context.here, self.name)
        if now_there is None or now_there.resuid != 0:
            raise StepFailed(f"`{' '.join(command)}` has left no new metadata, or none that can be read")
        node = self.context.journal.node_name
        replicas.write_down(self.context, self.name, ledger.LedgerEvent.CREATED, self.context.timing.wall(), node)
        self.context.journal.entry("created", resource=self.name, step=" ".join(command), why=now.kept,
                                   severity=ALERT, run=now.incident)  # fmt: skip

    def _note_incomplete(self) -> None:
        now, node = self.context.timing.wall(), self.context.journal.node_name
        own_copy.record(self.context, self.name, ledger.LedgerEvent.TOLD_INCOMPLETE, now, node)

    def _follow(self, pair: Evidence, now: RecoveryProgress) -> RecoveryProgress:
        """Role secondary; a copy without history is in no split-brain any more. Raises Refused where it has come into
        use since, StepFailed."""
        if pair.here.role is HastRole.PRIMARY or pair.here.mounted is not MountState.NOTHING:
            raise RecoveryRefused(("the new copy is in use on this node: it does not become secondary",))
        self.watch("follow")
        if marker.present(self.context.store, self.name) is not None:
            marker.clear(self.context.store, self.name)
        if roles.role_now(self.context, self.place) is not Role.SECONDARY:
            roles.become(self.context, self.place, Role.SECONDARY)
        return self._reached(now, RecoveryStep.FOLLOWING)

    def _incident(self) -> str:
        """The id of the marker."""
        marked = marker.present(self.context.store, self.name)
        return marked.id if marked is not None else ""

    def _reached(self, now: RecoveryProgress, step: RecoveryStep) -> RecoveryProgress:
        now = now._replace(step=step)
        progress.write(self.context.store, self.name, now)
        return now


def sentences(pair: Evidence) -> tuple[str, ...]:
    """The evidence for a journal and for an operator, a sentence for each node and one for the pair."""
    lines = []
    for side in (pair.here, pair.there):
        if side.unread:
            lines.append(f"{side.name or 'the other node'}: {side.unread}")
            continue
        counters = "no metadata"
        if side.metadata is not None:
            counters = f"resuid {side.metadata.resuid} localcnt {side.metadata.localcnt} " + (
                f"remotecnt {side.metadata.remotecnt} prevrole {side.metadata.prevrole.value}"
            )
        daemons = " ".join(sorted(side.daemons)) or "no NFS daemon"
        carp = f"CARP {side.carp.value}" if side.carp else "no CARP state"
        state = (
            f"{carp}, HAST {side.role.value}, {side.mounted.value}{', exported' if side.exported else ''}, {daemons}"
        )
        lines.append(f"{side.name}: {state}; {counters}" + (f"; {side.incomplete}" if side.incomplete else ""))
    lines.append(f"clients at the service address: {pair.answered.says}")
    if pair.relation is not None:
        lines.append(f"the copies: {pair.relation.value}")
    return tuple(lines)
