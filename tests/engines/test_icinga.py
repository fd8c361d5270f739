"""Faults that a real Icinga 2 finds, and has repaired on the node by the shipped event handler.

`python -m tests.engines.test_icinga` prints how long each phase took.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import product

import pytest

from checks import registry
from tests.contrib.perfdata import placeholders
from tests.engines.icinga_pair import NODES, IcingaPair, why_not
from tests.engines.phases import Phases, heading
from tests.engines.split_brain import recover, split_brain

pytestmark = pytest.mark.skipif(why_not() is not None, reason=str(why_not()))


@pytest.fixture(scope="module")
def icinga(tmp_path_factory: pytest.TempPathFactory) -> Iterator[IcingaPair]:
    """A master and two agents; their keys cost seconds, so one for all."""
    with IcingaPair(tmp_path_factory.mktemp("i")).up() as pair:
        print(f"\n{heading('Icinga 2')}")
        yield pair


def test_every_check_of_a_healthy_pair_is_ok_on_both_agents_with_the_numbers_of_its_help(icinga: IcingaPair) -> None:
    checks = [each.name for each in registry.OF_SERVICE]
    with icinga.running("--automatic", "--no-cron"):
        for node, check in product(NODES, checks):
            icinga.watch_well(node, check)
            icinga.look_no_more()
            known = placeholders(check)
            for label in icinga.labels(node, check):
                assert any(each.fullmatch(label) for each in known), label
        for node in NODES:
            icinga.watch_well(node, "hastwatch-agent")
            icinga.watch(node, "check_hast_setup")  # the set-up of the simulated pair is not all that it asks for
            icinga.await_("the audit", lambda: icinga.state(node, "check_hast_setup") == ("CRITICAL", "HARD"))  # noqa: B023
            icinga.look_no_more()


def test_devd_that_died_is_restarted_and_the_failover_that_it_missed_is_done(icinga: IcingaPair) -> None:
    with icinga.running("--automatic", "--no-cron"):
        icinga.watch_well("nfs002", "check_devd")
        phases = Phases("devd dead, and a failover missed")
        icinga.fault("kill", "nfs002", "devd")
        icinga.fault("power-off", "nfs001")
        icinga.follow(phases, "nfs002", "check_devd", "SOFT", "begins", "helped", "OK")
        print(phases)
        assert icinga.repairs("nfs002") == ["begins", "helped"]
        assert "/dev/hast/home on /hast/home (ufs, NFS exported" in icinga.on("nfs002", "mount")


def test_an_export_that_is_gone_comes_back(icinga: IcingaPair) -> None:
    with icinga.running("--automatic", "--no-cron"):
        icinga.watch_well("nfs001", "check_carp_hast")
        phases = Phases("export gone")
        icinga.on("nfs001", "umount /hast/home")
        icinga.on("nfs001", "mount /dev/hast/home /hast/home")
        icinga.follow(phases, "nfs001", "check_carp_hast", "SOFT", "begins", "helped", "OK")
        print(phases)
        assert icinga.repairs("nfs001") == ["begins", "helped"]
        assert "/dev/hast/home on /hast/home (ufs, NFS exported" in icinga.on("nfs001", "mount")


def test_hastd_that_died_on_the_standby_is_started_when_icinga_is_sure(icinga: IcingaPair) -> None:
    with icinga.running("--automatic", "--no-cron"):
        icinga.watch_well("nfs002", "check_carp_hast")
        phases = Phases("hastd dead on the standby")
        icinga.fault("kill", "nfs002", "hastd")
        icinga.follow(phases, "nfs002", "check_carp_hast", "SOFT", "HARD", "begins", "helped", "OK")
        print(phases)
        assert phases.at["SOFT"] < phases.at["HARD"] < phases.at["OK"]
        assert icinga.repairs("nfs002") == ["begins", "helped"]


def test_the_losing_side_of_a_split_brain_steps_down_at_once_and_a_human_recovers_it(icinga: IcingaPair) -> None:
    with icinga.running("--speed", "5"):
        split_brain(icinga.pair)
        assert icinga.repairs("nfs002") == []
        phases = Phases("split-brain, step-down; an operator recovers")
        icinga.watch("nfs002", "check_hast_splitbrain")
        icinga.follow(phases, "nfs002", "check_hast_splitbrain", "SOFT", "begins", "helped", "HARD")
        assert icinga.repairs("nfs002")[:2] == ["begins", "helped"]
        assert "init" in icinga.on("nfs002", "hastctl status")
        assert "NFS exported" in icinga.on("nfs001", "mount")
        recover(icinga.pair)
        icinga.follow(phases, "nfs002", "check_hast_splitbrain", "OK")
        print(phases)


def test_in_a_downtime_the_node_is_told_and_nothing_is_done(icinga: IcingaPair) -> None:
    with icinga.running("--automatic", "--no-cron"):
        icinga.watch_well("nfs001", "check_devd")
        icinga.downtime("nfs001", "check_devd")
        icinga.fault("kill", "nfs001", "devd")
        icinga.await_("it is held back", lambda: bool(icinga.held("nfs001")))
        assert icinga.held("nfs001")[0] == ("devd", "downtime")
        icinga.await_("HARD", lambda: icinga.state("nfs001", "check_devd") == ("CRITICAL", "HARD"))
        assert icinga.repairs("nfs001") == []


def test_the_third_incident_in_fourteen_results_makes_a_service_flap_for_twenty(icinga: IcingaPair) -> None:
    """As docs/monitoring.md says."""
    icinga.look_no_more()
    incident = (2, 2, 0, 0, 0, 0, 0)
    flaps = [icinga.flaps_after("nfs001", "check_carp", status) for status in (*[0] * 20, *incident * 3, *[0] * 20)]
    third = 20 + 2 * len(incident) + 3
    assert not any(flaps[: third - 1]) and flaps[third - 1]
    assert not flaps[-1]


def test_nobody_is_told_of_every_check_of_a_node_whose_agent_is_gone(icinga: IcingaPair) -> None:
    icinga.agents["nfs001"].stop()
    icinga.watch("nfs001", "hastwatch-agent")
    icinga.await_("the agent is missed", lambda: icinga.state("nfs001", "hastwatch-agent") == ("CRITICAL", "HARD"))
    assert not icinga.is_reachable("nfs001", "check_carp_hast")
    assert icinga.is_reachable("nfs002", "check_carp_hast")


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, "-n", "0", "-q", "-s"]))
