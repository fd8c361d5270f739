"""A node that wrote alone and gave up its service: it takes the address from no node that serves, and is no loss where
it is the only one left."""

from __future__ import annotations

from pathlib import Path

import pytest

from checks.probes.carp_demotion import HALF, DemotionCause, DemotionReason
from remediate.failover.demotion_reasons import amount
from tests.failover.installed_pair import InstalledPair, master
from tests.failover.test_demotion import looked_at_every_minute, skewed

BOTH_SKEWS = [(10, 10), (0, 100), (100, 0)]
CAUSES = (DemotionCause.QUIET, DemotionCause.APART, DemotionCause.WROTE_ALONE, DemotionCause.DOWN)


def role_by_hand(pair: InstalledPair) -> None:
    pair.active.run("service nfsd onestop; umount -f /hast/home; hastctl role secondary home")
    pair.passes(5)


def parted(state: Path, skews: tuple[int, int]) -> InstalledPair:
    """Each node serves, and has written what the other one lacks."""
    pair = looked_at_every_minute(state)
    skewed(pair, skews)
    pair.breaks("isolate", "nfs001")
    pair.passes(2)
    pair.active.run("echo mine > /hast/home/first; sync")
    assert pair.until(lambda: pair.serves(pair.standby)), pair.story()
    pair.standby.run("echo other > /hast/home/second; sync")
    pair.passes(10)
    return pair


@pytest.mark.slow
@pytest.mark.parametrize("skews", BOTH_SKEWS)
def test_a_node_that_lost_its_role_in_a_cut_takes_the_address_from_none_that_serves(
    state: Path, skews: tuple[int, int]
) -> None:
    """It would refuse to serve, as its copy may be the losing one; the other one would have given up for nothing."""
    pair = parted(state, skews)
    role_by_hand(pair)
    assert pair.reasons(pair.active) == ("home: may have written alone",), pair.story()
    assert pair.share(pair.active) == 239 - skews[0]
    pair.breaks("heal")
    pair.passes(200)
    assert pair.serves(pair.standby) and not master(pair.active), pair.story()


@pytest.mark.slow
@pytest.mark.parametrize("skews", BOTH_SKEWS)
@pytest.mark.parametrize("seconds", [0.0, 0.5, 1.0, 1.5])
def test_a_node_that_gives_up_its_service_when_the_nodes_meet_keeps_no_other_from_serving(
    state: Path, skews: tuple[int, int], seconds: float
) -> None:
    pair = parted(state, skews)
    pair.passes(60)
    pair.active.run("ifconfig vtnet1 vhid 2 state backup")
    pair.passes(seconds)
    pair.breaks("heal")
    pair.passes(200)
    assert sum(pair.serves(node) for node in (pair.active, pair.standby)) == 1, pair.story()


@pytest.mark.slow
def test_where_the_other_node_is_dead_the_one_that_lost_its_role_in_a_cut_serves(state: Path) -> None:
    pair = parted(state, (10, 10))
    role_by_hand(pair)
    pair.standby.power_off()
    pair.breaks("heal")
    assert master(pair.active) and pair.share(pair.active) == 229
    pair.converges(pair.active)
    assert pair.serves(pair.active), pair.story()


@pytest.mark.slow
def test_it_takes_the_address_from_a_node_that_refuses_to_serve(state: Path) -> None:
    """Neither can ask the other, and the standby, which is stale, has got the address."""
    pair = looked_at_every_minute(state)
    pair.breaks("cut-replication")
    pair.breaks("cut-management")
    pair.passes(120)
    pair.standby.run("ifconfig vtnet1 vhid 2 state master")
    pair.active.run("ifconfig vtnet1 vhid 2 state backup")
    assert pair.until(lambda: "home: may have written alone" in pair.reasons(pair.active), 20), pair.story()
    assert pair.until(lambda: pair.serves(pair.active), 200), pair.story()
    assert pair.sound


@pytest.mark.slow
@pytest.mark.parametrize("skews", BOTH_SKEWS)
def test_a_node_that_nobody_writes_to_keeps_the_address_from_one_without_hastd(
    state: Path, skews: tuple[int, int]
) -> None:
    pair = looked_at_every_minute(state)
    pair.clients.stop()
    skewed(pair, skews)
    pair.breaks("isolate", "nfs001")
    pair.active.run("echo mine > /hast/home/first; sync")
    assert pair.until(lambda: pair.serves(pair.standby)), pair.story()
    pair.standby.run("echo other > /hast/home/second; sync")
    pair.breaks("kill", "nfs001", "hastd")
    pair.passes(180)
    assert pair.share(pair.active) == 240 and pair.share(pair.standby) == 238 - skews[1], pair.story()
    pair.breaks("heal")
    pair.passes(200)
    assert pair.serves(pair.standby) and not master(pair.active), pair.story()


@pytest.mark.parametrize("alone", [False, True])
def test_the_sums_of_two_nodes_that_hold_back_after_a_cut_are_never_the_same(alone: bool) -> None:
    """As ip_carp.c compares them (DEMOTE_ADVSKEW): of two equal ones both may give way."""
    sets = [{cause} for cause in CAUSES] if alone else [{cause, DemotionCause.APART} for cause in CAUSES]
    shares = [amount({DemotionReason(cause, "home") for cause in causes}, 240, ()) for causes in sets]
    assert sorted(shares) == sorted(set(shares)) and shares[-1] == 240
    assert [amount({DemotionReason(cause, "home")}, 240, ()) for cause in HALF] == [120] * len(HALF)
