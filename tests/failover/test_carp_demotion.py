"""The node's share in CARP's demotion: there once, whoever adds it at the same time, and taken back once."""

from __future__ import annotations

import pytest

from checks.probes.carp_demotion import DemotionCause, DemotionReason
from remediate.context import Context
from remediate.failover import carp_demotion
from remediate.failover.errors import StepFailed
from remediate.state.lock import Lock
from remediate.timing import Timing
from tests.failover.installed_pair import InstalledPair

pytestmark = pytest.mark.slow


def demotion(pair: InstalledPair) -> int:
    """net.inet.carp.demotion of the standby."""
    return int(pair.standby.run("sysctl -n net.inet.carp.demotion").out)


def boot(pair: InstalledPair) -> str:
    return pair.standby.boot_mark


@pytest.mark.quick
def test_who_holds_a_node_back_waits_for_another_one_that_does_so_now(pair: InstalledPair) -> None:
    now = boot(pair)
    lock = Lock(pair.store(pair.standby), carp_demotion.LOCK, "a test", Timing())
    assert lock.acquire(0)
    both = [
        pair.begins(
            pair.standby,
            lambda context: carp_demotion.hold(context, now, {DemotionReason(DemotionCause.RECOVERY)}, 240),
        )
        for _ in range(2)
    ]
    pair.passes(5)
    assert demotion(pair) == 0 and not any(task.done for task in both)
    lock.release()
    pair.passes(5)
    assert all(task.done for task in both)
    assert demotion(pair) == pair.share(pair.standby) == 240
    released = pair.begins(pair.standby, lambda context: carp_demotion.hold(context, now, (), 0))
    pair.passes(5)
    assert released.done and demotion(pair) == 0


def test_one_that_does_so_for_too_long_is_named_and_nothing_is_changed(pair: InstalledPair) -> None:
    lock = Lock(pair.store(pair.standby), carp_demotion.LOCK, "a test", Timing())
    assert lock.acquire(0)
    waiting = pair.begins(pair.standby, failing)
    pair.passes(carp_demotion.SETS * 2 + 1)
    lock.release()
    assert waiting.value == "the demotion of CARP is left as it is: another process has been changing it for too long"
    assert demotion(pair) == 0


def failing(context: Context) -> str:
    """Why the node could not be held back."""
    with pytest.raises(StepFailed) as raised:
        carp_demotion.hold(context, "1" * 32, {DemotionReason(DemotionCause.RECOVERY)}, 240)
    return str(raised.value)
