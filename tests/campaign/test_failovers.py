"""The campaign in small: it finds nothing wrong with hastwatch, and it can find something."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from remediate.events.repair_request import REQUESTS, EngineHold, Remedy, RepairRequest
from remediate.failover.converge import ConvergeRequest, ConvergeResult, converge
from simulator.account.writes import LossCause, Part, WriteFate, WritePiece
from simulator.clock import Completion
from simulator.faults.faults import inflict
from simulator.hastd.component import DeviceWrite
from tests.campaign import failovers
from tests.campaign.aimed import AT_A_STEP, IN_A_CUT
from tests.campaign.bit_flips import BITS_FLIP
from tests.campaign.campaign_pair import CampaignPair, Missing
from tests.campaign.failovers import BY_NAME, DISTURBANCES, KINDS, documented, play, recovered, refuse, rounds, series
from tests.campaign.invariants import Violation, held_back, serves
from tests.campaign.operator_repairs import put_right, renew_unproven
from tests.campaign.repair_requests import Ask
from tests.campaign.schedule import Event, Kind, Round
from tests.simulator.test_data import is_busy

pytestmark = pytest.mark.slow

DISTURBED = {disturbance.name: disturbance for disturbance in (*DISTURBANCES, BITS_FLIP, AT_A_STEP, IN_A_CUT)}
PLANNED = Round(BY_NAME["switchover"], (), 10.0, 60.0)


def test_a_few_failovers_violate_nothing() -> None:
    played = series(seed=1, count=6)
    assert played.violation == ""
    assert sum(played.kinds.values()) == 6
    assert played.acknowledged > 200


def test_the_same_seed_gives_the_same_failovers() -> None:
    assert series(seed=3, count=3) == series(seed=3, count=3)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.planned], ids=lambda kind: kind.name)
def test_a_planned_handover_loses_nothing_and_the_pair_is_healthy_again(tmp_path: Path, kind: Kind) -> None:
    campaign = CampaignPair(1, tmp_path)
    before = campaign.active
    play(campaign, PLANNED._replace(kind=kind))
    assert (campaign.active is before) is (kind.name == "reboot of the only node")
    assert recovered(campaign) == ""
    assert campaign.missing() == set()
    campaign.close()


def test_the_documented_hook_loses_acknowledged_writes_in_a_planned_handover_and_is_caught() -> None:
    campaign = CampaignPair(1, None)
    planned = PLANNED._replace(kind=BY_NAME["demotion by hand"])
    play(campaign, planned)
    lost = campaign.missing()
    assert {each.cause for each in lost} == {LossCause.STEPS}
    with pytest.raises(Violation, match="the order of the steps"):
        refuse(planned, lost)
    assert sum(documented(seed=1, count=2).missing.values()) > 20
    campaign.close()


def test_the_last_node_shuts_down_and_loses_nothing(tmp_path: Path) -> None:
    campaign = CampaignPair(1, tmp_path)
    play(campaign, PLANNED._replace(kind=BY_NAME["last node shuts down"]))
    assert recovered(campaign) == ""
    assert campaign.missing() == set()
    campaign.close()


def test_a_last_node_whose_device_is_taken_away_under_its_mount_is_blamed_for_what_it_loses() -> None:
    """Without hastwatch rc(8) stops hastd under the mount. No delay of UFS hides that any more."""
    campaign = CampaignPair(1, None)
    planned = PLANNED._replace(kind=BY_NAME["last node shuts down"])
    play(campaign, planned)
    put_right(campaign, random.Random(1))
    campaign.clock.advance(60)
    lost = campaign.missing()
    assert LossCause.STEPS in {each.cause for each in lost}
    with pytest.raises(Violation, match="the order of the steps"):
        refuse(planned, {each for each in lost if each.cause is LossCause.STEPS})
    campaign.close()


@pytest.mark.parametrize(("seconds", "cause"), [(1.2, LossCause.ONE_HISTORY), (2.0, LossCause.STEPS)])
def test_a_cable_that_was_back_too_late_to_be_known_is_measured_by_the_order_for_the_role(
    seconds: float, cause: LossCause
) -> None:
    """Not by the end of the worker, which takes longer on a busy node."""
    campaign = CampaignPair(1, None)
    active = campaign.active
    for node in campaign.pair.nodes.values():
        node.programs.clear()
    inflict(campaign.pair, "carrier-off", active.name)
    campaign.clock.advance(3)
    inflict(campaign.pair, "carrier-on", active.name)
    campaign.came_back.append(campaign.clock.now)
    campaign.clock.advance(seconds)
    campaign.clock.after(0.1, lambda: is_busy(active))
    active.run("hastctl role secondary home")
    on_one_disk = LossCause.REPLICATION  # nobody serves it now, and nothing of it is lost
    assert {each.cause for each in campaign.missing()} - {on_one_disk} == {cause}
    campaign.close()


def test_a_cable_that_is_back_before_hastd_has_given_up_the_role_comes_too_late_as_well() -> None:
    campaign = CampaignPair(1, None)
    active = campaign.active
    for node in campaign.pair.nodes.values():
        node.programs.clear()
    inflict(campaign.pair, "carrier-off", active.name)
    campaign.clock.advance(3)

    def is_back() -> None:
        inflict(campaign.pair, "carrier-on", active.name)
        campaign.came_back.append(campaign.clock.now)

    campaign.clock.after(0.1, is_back)
    active.run("hastctl role secondary home")
    assert {each.cause for each in campaign.missing()} - {LossCause.REPLICATION} == {LossCause.ONE_HISTORY}
    campaign.close()


def test_two_nodes_that_serve_are_caught_at_the_moment_when_the_second_begins(tmp_path: Path) -> None:
    campaign = CampaignPair(1, tmp_path)
    standby = campaign.pair.peer(campaign.active)
    campaign.installed = None
    for node in campaign.pair.nodes.values():
        node.programs.clear()  # no hook interferes
    inflict(campaign.pair, "cut")
    campaign.clock.advance(5)
    standby.run("route -n add -host 10.1.101.3 127.0.0.1 -reject; hastctl role primary home")  # else the device waits
    campaign.clock.advance(1)
    standby.run("fsck -t ufs -p /dev/hast/home; chflags noschg /hast/home; mount /dev/hast/home /hast/home")
    with pytest.raises(Violation, match="two nodes serve"):
        standby.run("service nfsd onestart")
    campaign.close()


def test_a_write_that_is_missing_after_an_undisturbed_handover_is_a_violation_whatever_its_cause() -> None:
    lost = {Missing(7, WriteFate.LOST, LossCause.UFS_DELAY)}
    with pytest.raises(Violation, match="after a planned handover"):
        refuse(PLANNED, lost)
    refuse(PLANNED, lost, given_up=True)
    refuse(PLANNED._replace(kind=BY_NAME["power cut"]), lost)
    refuse(PLANNED._replace(events=(Event(DISTURBED["replication cut"], 0.0, 0, 5.0),)), lost)


def test_a_clock_that_is_set_back_keeps_no_convergence_busy(tmp_path: Path) -> None:
    campaign = CampaignPair(1, tmp_path)
    standby = campaign.pair.peer(campaign.active)
    inflict(campaign.pair, "clock-skew", standby.name, "300")
    play(campaign, PLANNED)
    assert campaign.active is standby
    inflict(campaign.pair, "clock-skew", standby.name, "0")
    assert campaign.installed is not None
    context = campaign.installed.context(standby)
    task = campaign.clock.run_task(lambda: converge(context, ConvergeRequest("human root")))
    campaign.clock.advance(5)
    assert task.value is not None and task.value.result is ConvergeResult.IN_PLACE
    campaign.close()


@pytest.mark.quick
def test_what_is_drawn_is_of_every_kind_and_never_cuts_both_networks_while_clients_reach_both_nodes() -> None:
    drawn = [one for seed in range(200) for one in rounds(seed)]
    assert {drawn_round.kind.name for drawn_round in drawn} == BY_NAME.keys()
    assert {event.disturbance.name for drawn_round in drawn for event in drawn_round.events} == DISTURBED.keys()
    cuts = [drawn_round for drawn_round in drawn if drawn_round.kind.name in ("link cut", "one way cut", "CARP cut")]
    assert not [
        drawn_round
        for drawn_round in cuts
        for event in drawn_round.events
        if event.disturbance.name == "management cut"
    ]


def test_a_hastd_that_is_to_be_killed_in_a_cut_is_not_killed_after_it(tmp_path: Path) -> None:
    """Everything has been put right then, and nobody would start it any more."""
    for seed in range(3):
        campaign = CampaignPair(seed, tmp_path / str(seed))
        IN_A_CUT.begins(campaign, campaign.active, random.Random(seed))
        put_right(campaign, random.Random(seed))
        campaign.clock.advance(60)
        assert all(node.hastd.running for node in campaign.pair.nodes.values())
        campaign.close()


def test_monitoring_asks_for_everything_at_any_time_and_rightly_too() -> None:
    asks = [ask for seed in range(200) for one in rounds(seed) for ask in one.asks]
    assert {(ask.request, ask.node) for ask in asks} == {(request, node) for request in REQUESTS for node in (0, 1)}
    assert min(ask.at for ask in asks) < 0 < 100 < max(ask.at for ask in asks)


def test_what_monitoring_asks_for_is_done_while_a_failover_goes_on(tmp_path: Path) -> None:
    campaign = CampaignPair(1, tmp_path)
    asks = (Ask(RepairRequest(Remedy.DEVD), 1.0, 1), Ask(RepairRequest(Remedy.DEVD, EngineHold.DOWNTIME), 1.0, 0))
    inflict(campaign.pair, "kill", campaign.pair.peer(campaign.active).name, "devd")
    play(campaign, PLANNED._replace(asks=asks))
    assert campaign.repairs == {"devd: helped": 1, "devd: downtime": 1}
    assert recovered(campaign) == "" and campaign.missing() == set()
    campaign.close()


def test_monitoring_has_a_promotion_made_up_for_whose_event_was_lost(tmp_path: Path) -> None:
    """The node that had served cannot take the address back: a write has failed on its disk."""
    campaign = CampaignPair(1, tmp_path)
    events = (Event(DISTURBED["event dropped"], -0.4, 1, 5.0), Event(DISTURBED["disk fails writes"], -0.3, 0, 50.0))
    play(campaign, PLANNED._replace(kind=BY_NAME["demotion by hand"], events=events))
    assert recovered(campaign) == ""
    assert campaign.repairs == {"converge: helped": 1}
    campaign.close()


@pytest.mark.parametrize("full", [False, True])
def test_a_human_makes_anew_a_copy_that_is_said_to_be_no_more_comparable(tmp_path: Path, full: bool) -> None:
    """Clients' writes have failed on both disks, and one was underway when the connection was lost."""
    campaign = CampaignPair(1, tmp_path)
    if full:
        inflict(campaign.pair, "state-full", campaign.active.name)
    inflict(campaign.pair, "cut-replication")
    underway = DeviceWrite(20, frozenset({WritePiece(7777, Part.CONTENT)}))
    campaign.active.hastd.device_write("home", underway, Completion())
    campaign.clock.advance(25)
    inflict(campaign.pair, "disk-fails-writes", campaign.active.name)
    campaign.clock.advance(30)
    inflict(campaign.pair, "disk-ok", campaign.active.name)
    if full:
        inflict(campaign.pair, "state-ok", campaign.active.name)
    inflict(campaign.pair, "heal")
    campaign.clock.advance(200)
    assert held_back(campaign).endswith("(home: incomplete copy)")
    assert renew_unproven(campaign) and not _renewed_again(campaign)
    assert recovered(campaign) == ""
    campaign.close()


def _renewed_again(campaign: CampaignPair) -> bool:
    campaign.clock.advance(120)
    return renew_unproven(campaign)


def test_a_human_ends_the_device_of_a_killed_worker_under_a_hanging_unmount(tmp_path: Path) -> None:
    campaign = CampaignPair(1, tmp_path)
    active = campaign.active
    for process in ("worker", "hastd"):
        inflict(campaign.pair, "kill", active.name, process)
    campaign.clock.advance(200)
    assert serves(campaign.pair.peer(active)) and active.left and active.filesystems.mounts
    assert recovered(campaign) == ""
    assert not active.left
    campaign.close()


def test_a_campaign_prints_its_seed_its_figures_and_what_the_documented_hook_loses(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert failovers.main(["4", "--seed", "5", "--processes", "1"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("4 failovers, seed 5: ")
    assert "by the order of the steps: 0\n" in out
    assert "\nrepairs that monitoring asked for: " in out
    assert "the same with the documented hook: 30, " in out
