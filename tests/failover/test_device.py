"""The device of a primary comes later than the role: whoever takes up a promotion waits for it.

The fact is freebsd-facts: device-waits-for-a-dead-peer.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from remediate.failover.converge import ConvergeResult, converge
from tests.failover.installed_pair import TEST, InstalledPair, installed_pair, policy

pytestmark = pytest.mark.slow


def killed_between_role_and_device(pair: InstalledPair) -> None:
    """The active node lost power; the standby's promotion is killed when it has the role and waits for the device,
    because the worker waits for the dead peer first (primary.c, hastd_primary())."""
    pair.breaks("device-never-appears", pair.standby.name, "home")
    pair.active.power_off()
    assert pair.until(lambda: pair.role(pair.standby) == "primary")
    for life in pair.installed.workers:
        life.end()


@pytest.mark.quick
def test_a_convergence_after_a_kill_between_role_and_device_waits_for_the_device(pair: InstalledPair) -> None:
    killed_between_role_and_device(pair)
    begun = pair.begins(pair.standby, lambda context: converge(context, TEST))
    pair.passes(8)
    pair.breaks("device-appears", pair.standby.name, "home")
    pair.pair.clock.wait(begun)
    assert begun.value is not None and begun.value.result is ConvergeResult.IN_PLACE, pair.story()
    assert pair.serves(pair.standby) and not pair.entries(pair.standby, "promotion-failed")
    (waited,) = (entry for entry in pair.entries(pair.standby, "step") if entry.step == "await-device home")
    assert waited.result.startswith("/dev/hast/home after ")


def test_a_role_whose_device_never_comes_is_a_failed_promotion_that_says_so(state: Path) -> None:
    pair = installed_pair(state, policy(window=0.0))
    killed_between_role_and_device(pair)
    pair.converges(pair.standby)
    failed = pair.entries(pair.standby, "promotion-failed")
    assert "await-device home: /dev/hast/home has not appeared within 15 s" in failed[0].result, pair.story()
    assert not pair.holds(pair.standby)


def test_a_device_that_is_there_already_costs_nothing(pair: InstalledPair) -> None:
    pair.active.power_off()
    assert pair.until(lambda: pair.standby.files.exists("/dev/hast/home"))
    for life in pair.installed.workers:
        life.end()
    assert pair.converges(pair.standby).result is ConvergeResult.IN_PLACE
    (waited,) = (entry for entry in pair.entries(pair.standby, "step") if entry.step == "await-device home")
    assert waited.result == "/dev/hast/home after 0.00 s"


def test_a_device_that_goes_with_its_hastd_is_not_waited_for(pair: InstalledPair) -> None:
    pair.active.power_off()
    assert pair.until(lambda: pair.standby.files.exists("/dev/hast/home"), 30), pair.story()
    pair.breaks("kill", "nfs002", "hastd")
    assert pair.until(lambda: bool(pair.entries(pair.standby, "promotion-failed")), 15), pair.story()
    assert not pair.mounted(pair.standby)
