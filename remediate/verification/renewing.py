"""Making a standby's copy anew that differs from the primary's although HAST takes it for complete.

The only documented way there is: the copy is given up (role init), new metadata are made (hastctl(8), create), and
everything is copied from the primary. The steps are those of a recovery (`recovery.recover`), with its evidence, its
refusals and its guard; it is no split-brain, so that nothing is marked. What is asked besides is which copy is wrong:
where it is the primary's, this one may be the only good one, and is not touched.
"""

from __future__ import annotations

from collections.abc import Callable

from checks.plugin.text import say_count
from checks.probes.hast import Metadata
from checks.probes.timestamps import utc
from checks.probes.verified import Verification
from checks.verified import said
from remediate.context import Context
from remediate.failover.resource import ResourcePlace
from remediate.recovery.eligibility import Eligibility, may_renew
from remediate.recovery.evidence import Evidence
from remediate.recovery.preservation import Keeper, Mode
from remediate.recovery.progress import RecoveryProgress, RecoveryStep
from remediate.recovery.progress import read as progress_of
from remediate.recovery.recover import Recovery, RecoveryRefused
from remediate.state import verifications


class NothingToKeep(Keeper):
    """For a copy that is proven to be the wrong one in all that differs: what only it has its disk cannot read."""

    def __init__(self, why: str) -> None:
        super().__init__(Mode.RESYNC)
        self._why = why

    def keep(
        self, context: Context, place: ResourcePlace, metadata: Metadata, since: float | None, incident: str,
        watch: Callable[[str], None],
    ) -> str:  # fmt: skip
        """Nothing is kept; why not."""
        return f"nothing is kept: {self._why}"


class Renewal(Recovery):
    """One renewal of one resource on this node, the standby, whose copy differs by the last comparison `run`."""

    def __init__(
        self, context: Context, name: str, keeper: Keeper, watch: Callable[[str], None], run: Verification
    ) -> None:
        """Raises Refused and ProbeError."""
        super().__init__(context, name, keeper, watch)
        self.run_found = run

    def begun(self, pair: Evidence, verdict: Eligibility) -> RecoveryProgress | None:
        """The renewal after the same comparison that was interrupted. Raises StateUnreadable."""
        recorded = progress_of(self.context.store, self.name)
        if recorded is None or recorded.incident != self._incident():
            return None
        return None if recorded.step >= RecoveryStep.CREATED and not self._follows(pair, recorded) else recorded

    def reasons(self, pair: Evidence, verdict: Eligibility) -> tuple[str, ...]:
        """Why this node's copy is not recreated, a sentence each; none where it may be."""
        sentences = [refusal.says for refusal in verdict.refusals]
        return tuple(dict.fromkeys([*sentences, *self._unfit(pair, verdict)]))

    def _unfit(self, pair: Evidence, verdict: Eligibility) -> tuple[str, ...]:
        """The kept copy is looked after by the steps."""
        return tuple(why for why in may_renew(pair, True) if why not in {each.says for each in verdict.refusals})

    def _may_create(self, pair: Evidence, is_saved: bool) -> tuple[str, ...]:
        return may_renew(pair, is_saved)

    def _parted_at(self) -> float | None:
        """Not known: what differs did so before anything parted, and leaves no time anywhere. All contents count."""
        return None

    def _mark(self) -> None:
        """It is no split-brain."""

    def _incident(self) -> str:
        """The comparison."""
        return f"verified-{utc(self.run_found.ended).replace(':', '')}"


def last_differing(context: Context, name: str) -> Verification:
    """The last comparison, where it says that this node's copy has to be recreated. Raises Refused where it does not,
    or this copy may be the better one; StateUnreadable."""
    runs = verifications.runs(context.store, name)
    here = context.journal.node_name
    if not runs:
        raise RecoveryRefused((f"{name} has never been compared: run hastwatch verify on the primary first",))
    last = runs[-1]
    if not last.differ:
        raise RecoveryRefused((f"the last comparison of {name} found nothing that differs: {said(last)}",))
    if why := _better_here(last, here):
        raise RecoveryRefused((why,))
    return last


def _better_here(run: Verification, here: str) -> str:
    """Why the copy of `here` may be the only good one of something; empty where nothing tells that it is. A switchover
    alone may destroy what only the other one has: hastd copies what the map on the new primary's disk names."""
    first = "have it served first (hastwatch switchover on {node}), and recreate the other one"
    if run.wrong_node and run.wrong_node != here:
        return f"{run.wrong}. The copy of this node may be the only good one: {first.format(node=run.wrong_node)}"
    signs = dict(run.signs)
    against = {node: f"cannot read {say_count(count, 'extent')}" for node, count in run.unread}
    against = {node: why for node, why in against.items() if node != here} or ({} if here in signs else signs)
    for node, why in against.items():
        return (
            f"{node} {why}: the copy of this node may be the only good one of that, and the other one of what else "
            f"differs. Make a backup from the mounted file system and an image of the disk of {node} before anything "
            f"else; then {first.format(node=node)} with --to"
        )
    return ""
