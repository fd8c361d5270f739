"""A push begins when clients are served, and not later than monitoring can wait."""

from __future__ import annotations

from pathlib import Path

import pytest

from remediate.failover.converge import LOCK
from remediate.monitoring.push import BEGINS, SERVES, await_service
from remediate.state.lock import Lock
from remediate.timing import Timing
from tests.failover.installed_pair import InstalledPair, installed_pair

pytestmark = pytest.mark.slow

A_LITTLE = 0.3


def waited(pair: InstalledPair) -> float:
    """Simulated seconds that a push of the standby waits before its checks."""
    began = pair.pair.clock.now
    pair.does(pair.standby, await_service)
    return pair.pair.clock.now - began


@pytest.mark.quick
def test_no_check_runs_while_clients_wait(pair: InstalledPair) -> None:
    pair.active.power_off()
    lock = Lock(pair.store(pair.standby), LOCK, "", Timing())
    assert pair.until(lambda: lock.holder() is not None)
    assert not pair.serves(pair.standby)
    assert waited(pair) < SERVES
    assert pair.serves(pair.standby), pair.story()


def test_an_event_without_a_convergence_is_told_after_a_second(state: Path) -> None:
    assert waited(installed_pair(state)) <= BEGINS + A_LITTLE


def test_a_convergence_that_hangs_keeps_nothing_from_monitoring(pair: InstalledPair) -> None:
    pair.breaks("hang-command", "nfs002", "fsck")
    pair.active.power_off()
    assert pair.until(lambda: pair.role(pair.standby) == "primary")
    assert SERVES <= waited(pair) <= BEGINS + SERVES + A_LITTLE
