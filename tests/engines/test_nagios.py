"""Faults that a real Nagios finds through real NRPE, and has repaired on the node by the shipped event handler.

`python -m tests.engines.test_nagios` prints how long each phase took.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.engines.nagios_pair import EVERY_CHECK, NODES, OF_SERVICE, monitored, why_not
from tests.engines.phases import Phases, heading
from tests.engines.split_brain import recover, split_brain

pytestmark = pytest.mark.skipif(why_not() is not None, reason=str(why_not()))
SLOWLY = {"interval_length": "60", "max_concurrent_checks": "3"}
"""For all checks of both nodes on one machine."""


@pytest.fixture
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a short name: the pair's socket is in it."""
    return tmp_path_factory.mktemp("n")


@pytest.fixture(scope="module", autouse=True)
def table() -> Iterator[None]:
    """The first line of the table of phases."""
    print(f"\n{heading('Nagios and NRPE')}")
    yield


def test_every_service_of_the_sample_is_ok_on_a_healthy_pair(here: Path) -> None:
    with monitored(here, EVERY_CHECK, settings=SLOWLY) as pair:
        others = {
            ("nfs", "check_nfs_export"): "[nfs-portmapper]",  # asks the network, where no simulated node is
            **{(node, "check_hast_setup"): "SETUP CRITICAL" for node in NODES},
        }
        for service, line in others.items():
            pair.nagios.wait_for("its turn", lambda: pair.nagios.service(*service)["has_been_checked"] == "1")  # noqa: B023
            assert line in pair.nagios.service(*service)["plugin_output"]
        states = {
            (each["host_name"], each["service_description"]): each["current_state"] for each in pair.nagios.services()
        }
        well = {service: state for service, state in states.items() if service not in others}
        assert well == {(node, check): "0" for node in NODES for check in (*OF_SERVICE, "nrpe")}


def test_devd_that_died_is_restarted_and_the_failover_that_it_missed_is_done(here: Path) -> None:
    with monitored(here, ["check_devd"], "--automatic", "--no-cron") as pair:
        phases = Phases("devd dead, and a failover missed")
        pair.fault("kill", "nfs002", "devd")
        pair.fault("power-off", "nfs001")
        pair.follow(phases, "nfs002", "check_devd", "SOFT", "begins", "helped", "OK")
        print(phases)
        assert pair.repairs("nfs002") == ["begins", "helped"]
        assert "/dev/hast/home on /hast/home (ufs, NFS exported" in pair.on("nfs002", "mount")
        pair.nagios.wait_for("OK", lambda: pair.is_ok("nfs002", "check_devd"))


def test_an_export_that_is_gone_comes_back(here: Path) -> None:
    with monitored(here, ["check_carp_hast"], "--automatic", "--no-cron") as pair:
        phases = Phases("export gone")
        pair.on("nfs001", "umount -f /hast/home")
        pair.on("nfs001", "mount /dev/hast/home /hast/home")
        pair.follow(phases, "nfs001", "check_carp_hast", "SOFT", "begins", "helped", "OK")
        print(phases)
        assert pair.repairs("nfs001") == ["begins", "helped"]
        assert "/dev/hast/home on /hast/home (ufs, NFS exported" in pair.on("nfs001", "mount")
        pair.nagios.wait_for("OK", lambda: pair.is_ok("nfs001", "check_carp_hast"))


def test_hastd_that_died_on_the_standby_is_started_when_nagios_is_sure(here: Path) -> None:
    with monitored(here, ["check_carp_hast"], "--automatic", "--no-cron") as pair:
        phases = Phases("hastd dead on the standby")
        pair.fault("kill", "nfs002", "hastd")
        pair.follow(phases, "nfs002", "check_carp_hast", "SOFT", "HARD", "begins", "helped", "OK")
        print(phases)
        assert pair.repairs("nfs002") == ["begins", "helped"]
        called = pair.handled("nfs002", "check_carp_hast")
        assert called[:3] == [("CRITICAL", "SOFT", 1), ("CRITICAL", "SOFT", 2), ("CRITICAL", "HARD", 3)]
        pair.nagios.wait_for("OK", lambda: pair.is_ok("nfs002", "check_carp_hast"))


def test_the_losing_side_of_a_split_brain_steps_down_at_once_and_a_human_recovers_it(here: Path) -> None:
    check = "check_hast_splitbrain"
    with monitored(here, [check], "--speed", "5") as pair:
        pair.nagios.command("STOP_EXECUTING_SVC_CHECKS")
        split_brain(pair.pair)
        assert pair.repairs("nfs002") == []
        phases = Phases("split-brain, step-down; then an operator recovers")
        pair.nagios.command("START_EXECUTING_SVC_CHECKS")
        pair.follow(phases, "nfs002", check, "SOFT", "begins", "helped", "HARD")
        assert pair.repairs("nfs002")[:2] == ["begins", "helped"]
        assert "init" in pair.on("nfs002", "hastctl status")
        assert "NFS exported" in pair.on("nfs001", "mount")
        recover(pair.pair)
        pair.follow(phases, "nfs002", check, "OK")
        print(phases)
        for node in NODES:
            pair.nagios.wait_for("OK", partial(pair.is_ok, node, check))


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, "-n", "0", "-q", "-s"]))
