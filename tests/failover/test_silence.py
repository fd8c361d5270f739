"""Segments to closed ports are dropped for as long as a transition, whatever happens to it."""

from __future__ import annotations

from pathlib import Path

import pytest

from checks.probes.carp_demotion import DemotionCause
from checks.probes.silence import NAME, OID, SILENT
from remediate.failover import carp_demotion, silence
from remediate.failover.converge import LOCK, ConvergeRequest, ConvergeResult
from remediate.state import maintenance
from remediate.state.lock import Lock
from remediate.timing import Timing
from simulator.host.processes import RunningProcess
from simulator.node import Node
from tests.failover.installed_pair import TEST, InstalledPair

pytestmark = pytest.mark.slow


def dropping(node: Node) -> int:
    return node.kernel.integer(OID)


def seen_at_the_end_of_nfsd(pair: InstalledPair) -> list[list[int]]:
    """What the setting of the nodes is when an nfsd is told to end."""
    values: list[list[int]] = []

    def look(node: Node, process: RunningProcess) -> None:
        if process.title == "nfsd: master":
            values.append([dropping(each) for each in pair.pair.nodes.values()])

    pair.pair.on_kill.append(look)
    return values


@pytest.mark.quick
def test_clients_of_a_service_that_moves_meet_no_closed_port(pair: InstalledPair, state: Path) -> None:
    """Neither where they were served, nor where the address arrives before the data do."""
    values = seen_at_the_end_of_nfsd(pair)
    moved = pair.moves()
    assert pair.until(lambda: pair.standby.nfs.listens)
    assert values[0] == [SILENT, SILENT] and dropping(pair.standby) == SILENT
    pair.pair.clock.wait(moved)
    pair.passes(5)
    assert pair.serves(pair.standby), pair.story()
    assert [dropping(node) for node in pair.pair.nodes.values()] == [0, 0]
    assert not (state / "nfs001" / NAME).exists() and not (state / "nfs002" / NAME).exists()


def test_after_a_power_cut_the_setting_is_restored_when_clients_are_served(pair: InstalledPair) -> None:
    pair.active.power_off()
    assert pair.until(lambda: pair.serves(pair.standby))
    assert pair.until(lambda: dropping(pair.standby) == 0, 1), pair.story()


def test_a_node_that_is_gone_is_not_asked_again_when_clients_are_served(pair: InstalledPair) -> None:
    """It costs the seconds of `ConnectTimeout` to be told nothing, while a convergence holds the lock."""
    pair.active.power_off()
    assert pair.until(lambda: pair.serves(pair.standby))
    lock = Lock(pair.store(pair.standby), LOCK, "", Timing())
    assert pair.until(lambda: lock.holder() is None, 1), pair.story()
    assert DemotionCause.APART in {reason.why for reason in carp_demotion.reasons(pair.store(pair.standby))}


@pytest.mark.parametrize("value", ["1", "2", "3"])
def test_the_value_of_the_administrator_is_restored(pair: InstalledPair, value: str) -> None:
    for node in pair.pair.nodes.values():
        node.run(f"sysctl {OID}={value}")
    pair.pair.clock.wait(pair.moves())
    pair.passes(5)
    assert pair.serves(pair.standby)
    assert [node.kernel.values[OID] for node in pair.pair.nodes.values()] == [value, value]


def test_a_value_that_was_set_meanwhile_stays(pair: InstalledPair, state: Path) -> None:
    pair.does(pair.active, silence.begin)
    pair.active.run(f"sysctl {OID}=1")
    assert pair.does(pair.active, silence.end) == ""
    assert dropping(pair.active) == 1 and not (state / "nfs001" / NAME).exists()


def test_a_second_transition_does_not_take_the_first_ones_setting_for_the_administrators(pair: InstalledPair) -> None:
    pair.does(pair.active, silence.begin)
    pair.active.run(f"sysctl {OID}=0")  # as if the second one came between writing down and setting
    pair.does(pair.active, silence.begin)
    pair.does(pair.active, silence.begin)
    assert dropping(pair.active) == SILENT
    pair.does(pair.active, silence.end)
    assert dropping(pair.active) == 0


def test_what_was_written_down_in_another_boot_is_void(pair: InstalledPair, state: Path) -> None:
    pair.does(pair.standby, silence.begin)
    pair.standby.power_off()
    pair.boots(pair.standby)
    pair.standby.run(f"sysctl {OID}=2")
    pair.converges(pair.standby)
    assert dropping(pair.standby) == 2 and not (state / "nfs002" / NAME).exists()


@pytest.mark.parametrize("convergence", [TEST, ConvergeRequest("periodic", promote=False)], ids=["any", "periodic"])
def test_every_convergence_restores_what_a_killed_one_left(pair: InstalledPair, convergence: ConvergeRequest) -> None:
    pair.does(pair.active, silence.begin)
    assert pair.converges(pair.active, convergence) == (ConvergeResult.IN_PLACE, 0, ())
    assert dropping(pair.active) == 0


def test_under_maintenance_too(pair: InstalledPair) -> None:
    pair.does(pair.active, silence.begin)
    maintenance.begin(pair.store(pair.active), pair.active.now, None, "new disk", "root")
    pair.converges(pair.active)
    assert dropping(pair.active) == 0
