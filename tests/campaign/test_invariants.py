"""What a campaign must catch, made on purpose; and what it leaves out of a series that goes wrong."""

from __future__ import annotations

import os
import random
from contextlib import nullcontext
from pathlib import Path

import pytest

from remediate.rehearsal.service import RHYTHM
from remediate.state import failures
from remediate.state.store import Store
from remediate.verification.verify import verify
from simulator.account.accounting import disk_of
from simulator.faults.faults import inflict
from tests.campaign.bit_flips import BITS_FLIP, compared
from tests.campaign.campaign_pair import GIVEN_UP, CampaignPair
from tests.campaign.failovers import BY_NAME, play, recovered, row
from tests.campaign.hostile import OUTSIDE
from tests.campaign.intruder import Intruder
from tests.campaign.invariants import (
    BOUND,
    HANGS,
    UNNOTICED,
    Violation,
    checks_in_full,
    could_serve,
    held_back,
    holds_address,
    serves,
)
from tests.campaign.schedule import Disturbance, Event, Kind, Round
from tests.campaign.shrink import shrunk

SWITCHOVER = Round(BY_NAME["switchover"], (), 10.0, 60.0)


@pytest.fixture
def campaign(tmp_path: Path) -> CampaignPair:
    return CampaignPair(1, tmp_path)


def nobody_acts_on(campaign: CampaignPair) -> None:
    """No hook, no cron(8), no monitoring from now on."""
    for node in campaign.pair.nodes.values():
        node.hastwatch = None
        node.programs.clear()
    assert campaign.installed is not None
    campaign.installed.work = lambda node, call: None  # type: ignore[method-assign, assignment, return-value]
    campaign.installed.runs = lambda node, *words: None  # type: ignore[method-assign, assignment]


@pytest.mark.slow
def test_a_copy_that_lacks_writes_is_caught_when_it_is_mounted(campaign: CampaignPair) -> None:
    active, standby = campaign.active, campaign.pair.peer(campaign.active)
    inflict(campaign.pair, "cut-replication")
    campaign.clock.advance(40)
    for node in campaign.pair.nodes.values():
        node.programs.clear()  # no hook interferes
    active.run("service nfsd onestop; umount /hast/home; hastctl role secondary home")
    standby.run("hastctl role primary home")
    campaign.clock.advance(11)
    with pytest.raises(Violation, match=r"lacks \d+ acknowledged writes of nfs001, .* \(it could ask\)"):
        standby.run("fsck -t ufs -p /dev/hast/home; chflags noschg /hast/home; mount /dev/hast/home /hast/home")
    campaign.close()


@pytest.mark.slow
@pytest.mark.parametrize(("alone", "caught"), [(1.0, False), (UNNOTICED + 30, True)])
def test_a_node_that_cannot_ask_has_to_know_that_it_lacks_writes_unless_the_other_one_died_soon_after_them(
    campaign: CampaignPair, alone: float, caught: bool
) -> None:
    """The dead one boots again, and can be asked nothing: what it boots for has no part in what there was to notice."""
    active, standby = campaign.active, campaign.pair.peer(campaign.active)
    nobody_acts_on(campaign)
    inflict(campaign.pair, "kill", standby.name, "hastd")
    campaign.clock.advance(1 + alone)
    active.power_off()
    inflict(campaign.pair, "cut-management")
    campaign.clock.advance(UNNOTICED)
    campaign.clock.wait(active.power_on())
    campaign.clock.advance(UNNOTICED)
    standby.run("service hastd onestart; hastctl role primary home")
    campaign.clock.advance(11)
    with pytest.raises(Violation, match=r"lacks \d+ acknowledged .* s old$") if caught else nullcontext():
        standby.run("fsck -t ufs -p /dev/hast/home; chflags noschg /hast/home; mount /dev/hast/home /hast/home")
    assert disk_of(active, "home").pieces() - disk_of(standby, "home").pieces()
    campaign.close()


@pytest.mark.slow
def test_a_pair_that_serves_nobody_is_caught_although_a_good_node_is_there(campaign: CampaignPair) -> None:
    active = campaign.active
    nobody_acts_on(campaign)
    campaign.pair.peer(active).power_off()
    active.run("service nfsd onestop")
    assert could_serve(campaign, active)
    with pytest.raises(Violation, match="nobody has served for 150 s although nfs001 could"):
        campaign.clock.advance(BOUND + 20)
    campaign.close()


@pytest.mark.slow
def test_a_node_whose_promotion_has_failed_once_is_expected_to_try_again(campaign: CampaignPair) -> None:
    assert campaign.state is not None
    active, store = campaign.active, Store(str(campaign.state / campaign.active.name))
    nobody_acts_on(campaign)
    failures.note(store, "home", active.now, "of a test")
    assert could_serve(campaign, active)
    failures.note(store, "home", active.now, "of a test")
    assert not could_serve(campaign, active)  # an operator has to look
    campaign.close()


@pytest.mark.slow
def test_a_node_is_not_expected_to_hear_of_the_address_while_its_devd_is_dead(campaign: CampaignPair) -> None:
    standby = campaign.pair.peer(campaign.active)
    inflict(campaign.pair, "kill", standby.name, "devd")
    assert could_serve(campaign, standby)  # nothing has happened that it would have to hear of
    campaign.active.power_off()
    campaign.clock.advance(BOUND + 20)
    assert holds_address(standby) and not could_serve(campaign, standby)
    standby.run("service devd onestart")
    assert could_serve(campaign, standby)
    campaign.clock.advance(30)
    assert serves(standby)
    campaign.close()


@pytest.mark.slow
def test_a_full_fsck_of_the_node_with_the_address_may_take_longer(campaign: CampaignPair) -> None:
    active, standby = campaign.active, campaign.pair.peer(campaign.active)
    inflict(campaign.pair, "fsck-fails", standby.name, "home", "1")
    inflict(campaign.pair, "slow-fsck", standby.name, "300")
    active.power_off()
    campaign.clock.advance(60)
    campaign.clock.wait(active.power_on())
    campaign.clock.advance(BOUND + 20)
    assert could_serve(campaign, active) and checks_in_full(campaign)
    while checks_in_full(campaign):
        campaign.clock.advance(1)
    campaign.clock.advance(10)
    assert serves(standby)
    nobody_acts_on(campaign)
    standby.run("service nfsd onestop")
    with pytest.raises(Violation, match="nobody has served for 150 s although"):
        campaign.clock.advance(BOUND + 20)
    campaign.close()


@pytest.mark.slow
def test_clients_whose_address_the_other_master_has_taken_while_carp_is_cut_are_no_clients_that_hang(
    campaign: CampaignPair,
) -> None:
    inflict(campaign.pair, "cut-carp")
    campaign.clock.advance(HANGS + 60)
    assert campaign.clients.unanswered_for() > HANGS and serves(campaign.active)
    campaign.close()


@pytest.mark.slow
def test_a_signal_to_a_process_that_is_none_of_ours_is_caught(campaign: CampaignPair) -> None:
    node = campaign.active
    inflict(campaign.pair, "user-process", node.name, "/usr/sbin/mountd")
    theirs = max(node.processes.by_pid)
    inflict(campaign.pair, "busy", node.name, "home")
    node.run(f"kill {max(node.processes.by_pid)}; kill -HUP {node.processes.named('mountd')[0].pid}")
    campaign.clock.advance(1)
    with pytest.raises(Violation, match="a signal is sent to '/usr/sbin/mountd' of jane"):
        node.run(f"kill {theirs}; sleep 1")
    campaign.close()


@pytest.mark.slow
def test_a_node_that_is_held_back_though_all_is_well_is_caught(campaign: CampaignPair) -> None:
    assert held_back(campaign) == ""
    inflict(campaign.pair, "demote", campaign.pair.peer(campaign.active).name, "7")
    assert held_back(campaign) == "nfs002 is demoted by 7 (no reason)"
    with pytest.raises(Violation, match="130 s after all is well again nfs002 is demoted by 7"):
        recovered(campaign)
    campaign.close()


def test_a_setting_that_a_transition_left_is_caught(campaign: CampaignPair) -> None:
    campaign.pair.nodes["nfs002"].run("sysctl net.inet.tcp.blackhole=2")
    assert held_back(campaign) == "nfs002 has net.inet.tcp.blackhole=2"
    campaign.close()


@pytest.mark.slow
def test_a_client_that_nobody_wakes_is_caught(campaign: CampaignPair) -> None:
    campaign.pair.sockets.tickle = lambda *words: None  # type: ignore[method-assign]  # no packet arrives
    campaign.clock.advance(RHYTHM + 0.02 - campaign.clients.unanswered_for())  # the next call has arrived at the server
    campaign.active.power_off()
    with pytest.raises(Violation, match=r"a client has waited for 9. s although nfs002 serves"):
        campaign.clock.advance(200)
    campaign.close()


HARMLESS = [each for each in OUTSIDE if each.harmless]


@pytest.mark.slow
@pytest.mark.parametrize("disturbance", HARMLESS, ids=lambda disturbance: disturbance.name)
def test_a_planned_handover_loses_nothing_whatever_comes_from_outside(
    campaign: CampaignPair, disturbance: Disturbance
) -> None:
    events = tuple(Event(disturbance, -2.0, node, 20.0, 1) for node in (0, 1))
    play(campaign, SWITCHOVER._replace(events=events))
    assert recovered(campaign) == ""
    assert campaign.missing() == set()
    campaign.close()


@pytest.mark.slow
@pytest.mark.parametrize(("number", "at"), [(1, -2.0), (0, 20.0), (1, 20.0)])
def test_bits_that_flip_are_no_fault_of_who_serves_them_and_a_comparison_finds_them_all(
    campaign: CampaignPair, number: int, at: float
) -> None:
    """On the standby that takes over, and after that on either node."""
    flip = Event(BITS_FLIP, at, number, 0.0)
    before = campaign.active, campaign.pair.peer(campaign.active)
    play(campaign, SWITCHOVER._replace(events=(flip,)))
    assert campaign.active is before[1] and disk_of(before[number], "home").flips
    recovered(campaign)
    assert disk_of(before[0], "home").flips == disk_of(before[1], "home").flips, "the copies are the same again"
    assert all(each.cause in GIVEN_UP for each in campaign.missing())
    campaign.close()


@pytest.mark.slow
def test_a_comparison_that_overlooks_what_differs_is_caught(
    campaign: CampaignPair, monkeypatch: pytest.MonkeyPatch
) -> None:
    standby = disk_of(campaign.pair.peer(campaign.active), "home")
    standby.flip(min(standby.extents), 1)
    monkeypatch.setattr("tests.campaign.bit_flips.verify", lambda *asked: verify(*asked)._replace(numbers=()))
    with pytest.raises(Violation, match="verify finds that"):
        compared(campaign)
    campaign.close()


def test_an_intruder_locks_what_everybody_may_read_and_nothing_else(tmp_path: Path) -> None:
    for name, mode in (("open", 0o644), ("shut", 0o600)):
        (tmp_path / name).touch()
        (tmp_path / name).chmod(mode)
    intruder = Intruder(tmp_path)
    tmp_path.chmod(0o700)
    intruder.tries()
    assert intruder.holds == 0
    tmp_path.chmod(0o755)
    intruder.tries()
    intruder.tries()
    assert intruder.holds == 1
    files = len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").is_dir() else 0
    intruder.end()
    assert intruder.holds == 0
    assert not files or len(os.listdir("/proc/self/fd")) == files - 1


def test_what_a_violation_does_not_need_is_left_out_of_its_series() -> None:
    bad = Kind("bad", lambda campaign, node: None)
    events = tuple(Event(each, 0.0, 0, 1.0) for each in OUTSIDE[:3])
    series = (*[SWITCHOVER] * 5, SWITCHOVER._replace(kind=bad, events=events), SWITCHOVER)
    played = 0

    def play_it(rounds: tuple[Round, ...]) -> str:
        nonlocal played
        played += 1
        for number, one in enumerate(rounds):
            if one.kind is bad and any(event.disturbance is OUTSIDE[1] for event in one.events):
                return f"{played} writes are missing\nfailover {number} of series 1"
        return ""

    assert shrunk(series, "7 writes are missing\nfailover 5 of series 1", play_it) == (
        SWITCHOVER._replace(kind=bad, events=events[1:2]),
    )


@pytest.mark.slow
def test_the_same_series_goes_wrong_again_with_a_part_left_out() -> None:
    rng = random.Random(3)
    series = [SWITCHOVER._replace(pause=rng.uniform(5, 20)) for _ in range(3)]
    assert row(1, series[1:]) == row(1, series[1:])
