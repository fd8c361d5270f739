"""A node that wrote alone and has lost its role or the address: it holds back before anything else is done.

Both nodes have written then, perhaps, and this one does not serve. Until it holds back it would take the address from
the one that serves, in the middle of its own demotion, and refuse to serve (`demotion_reasons`).
"""

from __future__ import annotations

from collections.abc import Collection

from checks.probes import carp
from checks.probes.carp import CarpState
from checks.probes.carp_demotion import DemotionCause, DemotionReason
from checks.probes.errors import ProbeError
from remediate.context import Context
from remediate.failover import carp_demotion, demotion_reasons, own_copy
from remediate.failover.errors import StepFailed
from remediate.failover.resource import places
from remediate.failover.this_boot import this_boot
from remediate.state import ledger
from remediate.state.journal import WARNING
from remediate.state.store import StateError


def before_a_look(context: Context) -> None:
    """Hold back where the address has gone to another node: looking at everything takes seconds where that does not
    answer. Raises nothing; the look holds back, too."""
    try:
        known = ledger.resources(context.store)
    except StateError:
        return
    names = [name for name in known if own_copy.is_primary_apart(context, name)]
    if not names:
        return
    try:
        node = context.here.node()
        vhids = carp.vhids(node)
        located = places(node, context.config)
    except ProbeError:
        return
    there = [name for name in names if name in located]
    hold_back(context, [name for name in there if located[name].asks(vhids).state is CarpState.BACKUP])


def hold_back(context: Context, names: Collection[str]) -> None:
    """Hold back for those of these resources that may have been written to alone, beside the reasons that there are.
    Raises nothing."""
    counted = [name for name in names if own_copy.has_counted(context, name)]
    if not counted:
        return
    added = {DemotionReason(DemotionCause.WROTE_ALONE, name) for name in counted}
    reasons = added.union(carp_demotion.reasons(context.store))
    try:
        demotion_reasons.hold(context, this_boot(context), reasons, carp.vhids(context.here.node()))
    except (StepFailed, ProbeError) as error:
        why = f"{', '.join(counted)} may have been written to alone"
        context.journal.entry("hold", why=why, result=f"failed: {error}", severity=WARNING)
