"""The other node as a failover finds it: gone, stuck, out of reach, with another time."""

from __future__ import annotations

from pathlib import Path

import pytest

from remediate.config import RemediationConfig
from remediate.context import PeerTransport, Transport
from remediate.failover.converge import ConvergeRequest, converge
from remediate.policy import Failover
from remediate.rehearsal.observer import SimulatedMemory
from tests.failover.installed_pair import InstalledPair, installed_pair, master

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("skews", [(3600, 0), (0, 3600), (-3600, 3600)])
def test_clocks_that_disagree_change_nothing(state: Path, skews: tuple[int, int]) -> None:
    for kind in ("power cut", "planned move"):
        pair = installed_pair(state / kind)
        for node, skew in zip(pair.pair.nodes.values(), skews, strict=True):
            pair.breaks("clock-skew", node.name, str(skew))
        pair.passes(5)
        if kind == "power cut":
            pair.active.power_off()
        else:
            pair.moves()
        pair.passes(40)
        assert pair.serves(pair.standby), pair.story()
        assert pair.sound


@pytest.mark.quick
def test_a_way_to_the_other_node_that_does_not_exist_is_one_on_which_it_cannot_be_asked(pair: InstalledPair) -> None:
    pair.breaks("drop-devd-event", "nfs002")
    pair.active.power_off()
    assert pair.until(lambda: master(pair.standby), 5)
    nowhere = Transport(("nosuch-program", "nfs001"), SimulatedMemory())
    pair.begins(
        pair.standby,
        lambda context: converge(context._replace(peer=PeerTransport(nowhere, context.here)), ConvergeRequest("test")),
    )
    assert pair.until(lambda: pair.serves(pair.standby), 10), pair.story()


@pytest.mark.parametrize(("management", "seconds"), [(True, 10.0), (False, 40.0)])
def test_without_a_way_to_the_other_node_two_signs_count_or_its_worker_is_waited_for(
    pair: InstalledPair, management: bool, seconds: float
) -> None:
    if not management:
        for name, config in pair.installed.configs.items():
            pair.installed.configs[name] = config._replace(failover=config.failover._replace(management=""))
    pair.breaks("drop-devd-event", "nfs002")
    pair.active.power_off()
    assert pair.until(lambda: master(pair.standby), 5)
    pair.begins(pair.standby, lambda context: converge(context._replace(peer=None), ConvergeRequest("test")))
    assert pair.until(lambda: pair.serves(pair.standby), seconds), pair.story()
    assert pair.now > 15 or management
    assert pair.sound


def test_a_peer_that_cannot_be_reached_over_the_management_network_is_waited_for(pair: InstalledPair) -> None:
    pair.breaks("cut-management")
    pair.active.network.demote(100, "by an operator")
    pair.passes(60)
    assert pair.serves(pair.standby) and pair.rests(pair.active)
    assert pair.lost() == 0 and pair.sound


def test_a_peer_whose_hastd_is_stuck_is_not_taken_for_gone(pair: InstalledPair) -> None:
    """Its writes of the last half minute are in its buffers: a promotion would lose them."""
    for node in (pair.active, pair.standby):
        pair.looks_every_minute(node)
    pair.breaks("hang", "nfs001", "worker")
    pair.active.network.demote(100, "by an operator")
    pair.passes(80)
    assert pair.role(pair.standby) == "secondary"
    pair.breaks("resume", "nfs001", "worker")
    pair.passes(150)
    assert sum(pair.serves(node) for node in pair.pair.nodes.values()) == 1
    assert pair.lost() == 0 and pair.sound


def test_a_node_that_is_cut_off_itself_does_not_take_the_other_one_for_dead(state: Path) -> None:
    config = RemediationConfig(failover=Failover(boot_window=0, witness="10.1.101.9"))
    alone, wise = installed_pair(state / "alone"), installed_pair(state / "wise", config)
    for pair in (alone, wise):
        pair.breaks("isolate", pair.standby.name)
        pair.passes(90)
    assert alone.role(alone.standby) == "primary", "two signs are no two where it is the own network that is gone"
    assert wise.role(wise.standby) == "secondary"
    assert wise.serves(wise.active) and wise.sound
    assert any("the witness 10.1.101.9 does not answer" in entry.result for entry in wise.entries(wise.standby))


@pytest.mark.parametrize("fault", [("cut",), ("cut-from", "nfs001")])
@pytest.mark.parametrize("lie", ["nonsense", "empty", "endless", "refuses"])
def test_a_node_that_answers_but_not_the_question_may_serve_where_replication_is_cut(
    pair: InstalledPair, lie: str, fault: tuple[str, ...]
) -> None:
    """The worker here ends after 20 s: of a timeout, and not because the other node has released the role."""
    for node in (pair.active, pair.standby):
        pair.looks_every_minute(node)
    pair.breaks(*(("kill", "nfs001", "sshd") if lie == "refuses" else ("peer-lies", "nfs002", lie)))
    pair.breaks(*fault)
    pair.passes(150)
    assert pair.holds(pair.active) and not pair.entries(pair.standby, "promoted"), pair.story()
    assert any("the link between the nodes may be cut" in entry.result for entry in pair.entries(pair.standby))


@pytest.mark.parametrize("lie", ["oneself", "stranger"])
def test_a_way_that_leads_elsewhere_says_nothing_of_the_other_node(pair: InstalledPair, lie: str) -> None:
    pair.breaks("peer-lies", "nfs002", lie)
    pair.active.power_off()
    pair.passes(60)
    assert pair.serves(pair.standby), pair.story()
