"""Every check and a convergence, a switchover and a power cut on a pair of each release, and on mixed pairs."""

from __future__ import annotations

from pathlib import Path

import pytest

from remediate.failover.converge import ConvergeResult
from remediate.failover.errors import StepFailed
from remediate.rehearsal.observer import Observer
from remediate.rehearsal.own_pair import SETTLE, layout_of
from simulator.host.programs import ImmediateProgram, carp_log
from simulator.pair import Pair
from simulator.release import RELEASES
from tests.failover.installed_pair import InstalledPair, hastd_repaired, installed_pair

pytestmark = pytest.mark.slow

REPAIRED = [release.with_repair().name if not release.is_primary else name for name, release in RELEASES.items()]
WORKING = [*REPAIRED, "14.5,15.1+D57511", "15.1+D57511,14.5"]
"""Both nodes can serve."""
ONE_SIDED = ["14.5,15.1", "14.4,15.0", "15.1+D57511,15.1"]
"""The standby is a stock one of 15, which follows well."""
CANNOT = "hast-cannot-be-primary"


def pair_of(releases: str, state: Path) -> InstalledPair:
    """A healthy pair; who has a repaired hastd on both nodes has said so."""
    config = hastd_repaired("+" in releases and releases in WORKING)
    return installed_pair(state, config, releases)


def wrong(pair: InstalledPair) -> set[str]:
    """The reasons of all checks that are not OK."""
    says = Observer(pair.pair, pair.config).look(pair.pair.clock.wait)
    return {reason for one in says for reason in one.wrong}


@pytest.mark.parametrize("releases", [*WORKING, *ONE_SIDED])
def test_a_healthy_pair_of_any_releases_is_well_and_left_alone(releases: str, state: Path) -> None:
    pair = pair_of(releases, state)
    assert wrong(pair) == ({CANNOT, "carp-demoted"} if releases in ONE_SIDED else set())
    for node in (pair.active, pair.standby):
        assert pair.converges(node).result is ConvergeResult.IN_PLACE
    assert not pair.entries(pair.active, "step") and not pair.entries(pair.standby, "step")
    assert pair.serves(pair.active) and pair.rests(pair.standby)


@pytest.mark.parametrize("releases", WORKING)
def test_the_service_moves_to_the_other_release_and_back(releases: str, state: Path) -> None:
    pair = pair_of(releases, state)
    for _ in range(2):
        begun = pair.moves()
        pair.pair.clock.wait(begun)
        assert begun.error is None, pair.story()
        assert pair.until(lambda: pair.serves(pair.standby) and pair.rests(pair.active), 30), pair.story()
        pair.passes(60)
        pair.active, pair.standby = pair.standby, pair.active
    assert pair.sound and not pair.lost()
    assert wrong(pair) <= {"carp-held-standby", "carp-demoted"}


@pytest.mark.parametrize("releases", WORKING)
def test_the_other_release_takes_over_from_a_node_without_power(releases: str, state: Path) -> None:
    pair = pair_of(releases, state)
    pair.active.power_off()
    assert pair.until(lambda: pair.serves(pair.standby), 30), pair.story()
    pair.passes(30)
    pair.boots(pair.active)
    assert pair.serves(pair.standby) and pair.rests(pair.active), pair.story()
    assert pair.sound


@pytest.mark.parametrize("releases", ONE_SIDED)
def test_nothing_is_moved_to_a_stock_15_while_clients_are_served(releases: str, state: Path) -> None:
    pair = pair_of(releases, state)
    begun = pair.moves()
    pair.pair.clock.wait(begun)
    assert isinstance(begun.error, StepFailed) and "292322" in str(begun.error)
    assert pair.serves(pair.active) and pair.rests(pair.standby)


@pytest.mark.quick
def test_a_promotion_finds_what_rc_has_put_into_service_jails(state: Path) -> None:
    """svcj_all_enable: rpcbind, statd and lockd are not started a second time, and nothing fails for it."""
    config = hastd_repaired(True)
    layout = layout_of(config, 1).running("15.1+D57511")
    runner = Pair(layout)
    for node in runner.nodes.values():
        node.install(layout.devd_hook, ImmediateProgram(carp_log))
        node.files.write("/etc/rc.conf", 'svcj_all_enable="YES"\n', 0.0, append=True)
    runner.bring_up()
    runner.clock.advance(SETTLE)
    pair = InstalledPair(runner, state, config)
    assert not wrong(pair)
    assert pair.converges(pair.standby).result is ConvergeResult.IN_PLACE
    pair.active.power_off()
    assert pair.until(lambda: pair.serves(pair.standby), 30), pair.story()
    pair.passes(5)
    assert pair.converges(pair.standby).result is ConvergeResult.IN_PLACE
    assert not pair.entries(pair.standby, "promotion-failed")


def test_what_a_stock_15_wrote_alone_after_a_power_cut_comes_back_through_hast(state: Path) -> None:
    """A route rejects the peer that is gone, so its device appears (hastd.c, connection_migrate()); later it connects
    to nobody, and no role is taken from it but by a reboot. The way back is in docs/compatibility.md."""
    pair = pair_of("14.5,15.1", state)
    for node in (pair.active, pair.standby):
        pair.looks_every_minute(node)
    pair.active.power_off()
    assert pair.until(lambda: pair.serves(pair.standby), 30), pair.story()
    pair.passes(60)
    pair.boots(pair.active, 120)
    assert pair.serves(pair.standby) and "degraded" in pair.standby.run("hastctl status home").out
    cut = pair.lost()
    pair.pair.clock.wait(pair.standby.shut_down())
    pair.boots(pair.standby, 120)
    assert not pair.serves(pair.active), "its copy lacks writes"
    pair.pair.must(pair.active, "hastctl role primary home")
    assert pair.until(lambda: pair.serves(pair.active), 200), pair.story()
    pair.passes(30)
    assert pair.lost() == cut and pair.sound


@pytest.mark.parametrize("releases", ["15.0", "15.1", "16.0"])
def test_a_pair_of_stock_15_has_no_service_says_so_and_is_not_tried_for_ever(releases: str, state: Path) -> None:
    pair = pair_of(releases, state)
    assert {CANNOT, "carp-master-hast-secondary"} <= wrong(pair)
    outcome = pair.converges(pair.active)
    assert outcome.result is ConvergeResult.REFUSED and "292322" in " ".join(outcome.said)
    assert not pair.entries(pair.active, "step") and pair.sound
    assert pair.active.run("sysctl -n kern.geom.confxml").status == 0
