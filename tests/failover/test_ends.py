"""How a convergence and a switchover say that they did nothing: by the exit status that their help promises."""

from __future__ import annotations

import pytest

from remediate.context import Context
from remediate.failover.converge import ConvergeResult
from remediate.failover.errors import StepFailed
from remediate.failover.switchover import switch
from remediate.state import failures, maintenance
from tests.failover.installed_pair import InstalledPair

pytestmark = pytest.mark.slow


def switches(pair: InstalledPair) -> object:
    return pair.does(pair.active, lambda context: switch(context, "human", lambda step: None))


@pytest.mark.quick
def test_a_node_that_cannot_be_looked_at_is_unavailable(pair: InstalledPair) -> None:
    pair.breaks("hang-command", "nfs001", "ifconfig")
    outcome = pair.converges(pair.active)
    assert outcome.result is ConvergeResult.NOT_SEEN and outcome.result.value == 69
    assert "could not be read" in outcome.said[0]
    assert pair.serves(pair.active)


def test_a_switchover_under_maintenance_says_that_it_refuses(pair: InstalledPair) -> None:

    def suspends(context: Context) -> None:
        maintenance.begin(context.store, pair.active.now, None, "new disks", "ada")

    pair.does(pair.active, suspends)
    with pytest.raises(StepFailed, match=r"^refused: this node is under maintenance: .*new disks"):
        switches(pair)
    assert pair.serves(pair.active)


def test_a_switchover_of_a_blocked_node_says_that_it_refuses(pair: InstalledPair) -> None:
    for _ in range(2):
        failures.note(pair.store(pair.active), "home", pair.active.now, "the mount fails")
    with pytest.raises(StepFailed, match=r"^refused: this node is blocked: .*nothing is tried again"):
        switches(pair)
    assert pair.serves(pair.active)
