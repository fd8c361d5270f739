"""Bits that flip on a disk and no error tells: nothing but `hastwatch verify` finds them.

So whoever serves such a copy is not to blame, whatever clients miss. Once all is well again the copies are compared,
as periodic(8) does it every week: exactly what differs must be found. Which of the copies is the wrong one nobody can
tell; here an operator keeps the one that serves, and makes the other one anew (docs/verify.md).
"""

from __future__ import annotations

import random
from functools import partial

from checks.probes.errors import ProbeError
from checks.probes.verified import Verification
from remediate.state.store import StateError
from remediate.verification.asking import ComparisonRefused
from remediate.verification.verify import VerificationStopped, verify
from simulator.account.accounting import disk_of
from simulator.node import Node
from tests.campaign.campaign_pair import CampaignPair
from tests.campaign.disturbances import broken
from tests.campaign.invariants import Violation
from tests.campaign.operator_repairs import renew
from tests.campaign.schedule import Disturbance

TRIES, PAUSE = 25, 20.0
"""How often an operator runs a comparison that stopped, and the seconds between. A primary that has failed a write on
every side has dirty extents until it hands over, which it does not before the other node was up for `boot_window`."""


def _flips(campaign: CampaignPair, node: Node, chance: random.Random) -> None:
    """In an extent that something was written to: of the others nobody would ever miss anything."""
    for resource in campaign.pair.layout.resources:
        if written := sorted(disk_of(node, resource.name).extents):
            broken(campaign, "bits-flip", node.name, resource.name, str(chance.choice(written)))


BITS_FLIP = Disturbance("bits flip", _flips)


def compared(campaign: CampaignPair) -> bool:
    """Where bits have flipped: compare the copies of a healthy pair, and make that of the standby anew, where they
    differ. Whether that was to be done. Raises Violation where not exactly what differs is found."""
    differs = False
    for resource in campaign.pair.layout.resources if campaign.installed is not None else ():
        here, there = (disk_of(node, resource.name) for node in campaign.pair.nodes.values())
        if here.flips == there.flips:
            continue
        before, run = _verified(campaign, resource.name)
        after = _differ(campaign, resource.name)  # clients have written meanwhile
        if not before & after <= set(run.numbers) <= before | after:
            raise Violation(f"verify finds that {run.numbers} differ, and {sorted(after)} do")
        if run.numbers:
            renew(campaign, campaign.pair.peer(campaign.active), resource.name)
            differs = True
    return differs


def _verified(campaign: CampaignPair, name: str) -> tuple[set[int], Verification]:
    """What differs when the comparison begins, and what it finds."""
    assert campaign.installed is not None
    why = ""
    for _ in range(TRIES):
        before, context = _differ(campaign, name), campaign.installed.context(campaign.active)
        task = campaign.clock.run_task(partial(verify, context, name, "campaign"))
        campaign.clock.wait(task)
        if task.value is not None:
            return before, task.value
        if not isinstance(task.error, ComparisonRefused | VerificationStopped | ProbeError | StateError):
            raise Violation(f"verify ended with {task.error!r}")
        why = str(task.error)
        campaign.clock.advance(PAUSE)
    raise Violation(f"the copies of {name} cannot be compared although all is well: {why}")


def _differ(campaign: CampaignPair, name: str) -> set[int]:
    here, there = (disk_of(node, name) for node in campaign.pair.nodes.values())
    return {number for number in here.extents.keys() | there.extents.keys() | here.flips.keys() | there.flips.keys()
            if here.differs(there, number)}  # fmt: skip
