"""A node whose hastd does not work as primary (hast-facts, 42): nothing is moved to it, and a promotion says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from remediate.failover.outcome import StepFailed
from remediate.rehearsal.node import Node
from tests.failover.installed_pair import InstalledPair, installed_pair, policy

WORDS = "does not work as primary (FreeBSD bug 292322)"


def runs(node: Node, release: str) -> None:
    node.kernel.values["kern.osrelease"] = release


def switched(pair: InstalledPair) -> None:
    begun = pair.moves()
    pair.pair.clock.wait(begun)
    if begun.error is not None:
        raise begun.error


def test_a_switchover_to_such_a_node_is_refused_while_clients_are_served(state: Path) -> None:
    pair = installed_pair(state)
    runs(pair.standby, "15.1-RELEASE-p1")
    with pytest.raises(StepFailed) as refused:
        switched(pair)
    assert WORDS in str(refused.value) and pair.standby.name in str(refused.value)
    assert pair.serves(pair.active) and not pair.entries(pair.active, "step")


def test_a_switchover_away_from_such_a_node_goes_on(state: Path) -> None:
    pair = installed_pair(state)
    runs(pair.active, "15.1-RELEASE-p1")
    switched(pair)
    assert pair.serves(pair.standby)


def test_an_administrator_who_has_repaired_hastd_is_believed(state: Path) -> None:
    pair = installed_pair(state, policy(hastd_repaired=True))
    runs(pair.standby, "15.1-RELEASE-p1")
    switched(pair)
    assert pair.serves(pair.standby)


def test_a_promotion_of_such_a_node_says_what_is_to_be_expected_and_why_it_failed(state: Path) -> None:
    pair = installed_pair(state, policy(window=0.0))
    runs(pair.standby, "15.0-RELEASE")
    pair.breaks("device-never-appears", pair.standby.name, "home")
    pair.active.power_off()
    assert pair.until(lambda: bool(pair.entries(pair.standby, "promotion-failed")))
    assert WORDS in pair.entries(pair.standby, "known-bug")[0].result
    assert WORDS in pair.entries(pair.standby, "promotion-failed")[0].result


def test_nothing_is_said_of_another_release(state: Path) -> None:
    pair = installed_pair(state)
    pair.converges(pair.standby)
    pair.active.power_off()
    assert pair.until(lambda: pair.serves(pair.standby))
    assert not pair.entries(pair.standby, "known-bug")
