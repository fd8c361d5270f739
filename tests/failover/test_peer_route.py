"""The route that rejects the other node while a role is taken: there as long as the device needs, and never left."""

from __future__ import annotations

from pathlib import Path

import pytest

from checks.probes import route
from checks.probes.node import Node as ReadNode
from remediate.failover import peer_route
from remediate.failover.converge import ConvergeResult, dry_run
from remediate.failover.plan_lines import plan_lines
from remediate.state import maintenance
from simulator.layout import ResourceLayout, VhidLayout
from simulator.network.routes import HostRoute
from simulator.node import Node
from tests.failover.installed_pair import TEST, InstalledPair, installed_pair

pytestmark = pytest.mark.slow

PEER = "10.1.101.3"
OURS = HostRoute(PEER, "127.0.0.1", frozenset({"STATIC", "REJECT", "PROTO2"}))
QUICK = 3.0
"""Seconds for role and device; a dead peer that is waited for takes 10 more."""


def rejected(node: Node) -> list[str]:
    return [address for address, route in node.network.host_routes.items() if route.rejects]


def seconds(pair: InstalledPair, node: Node, step: str) -> float:
    (entry,) = (each for each in pair.entries(node, "step") if each.step == step)
    assert entry.seconds is not None
    return entry.seconds


def reads(pair: InstalledPair, node: Node) -> ReadNode:
    return pair.installed.context(node).here.node()


def noted(pair: InstalledPair, node: Node) -> bool:
    return (pair.state / node.name / peer_route.NAME).exists()


def killed_while_it_rejects(pair: InstalledPair) -> None:
    """The active node loses power; the promotion dies when the route is there, before the device is."""
    pair.active.power_off()
    assert pair.until(lambda: bool(rejected(pair.standby)))
    assert noted(pair, pair.standby)
    for life in pair.installed.workers:
        life.end()


@pytest.mark.quick
def test_after_a_power_cut_the_device_does_not_wait_for_the_dead_node(pair: InstalledPair) -> None:
    pair.active.power_off()
    assert pair.until(lambda: pair.serves(pair.standby), 9), pair.story()
    assert seconds(pair, pair.standby, "become-primary home") < QUICK
    assert not rejected(pair.standby) and not noted(pair, pair.standby)


def test_the_node_that_was_rejected_is_connected_when_it_is_back(pair: InstalledPair) -> None:
    pair.active.power_off()
    assert pair.until(lambda: pair.serves(pair.standby))
    pair.boots(pair.active)
    assert "complete" in pair.standby.run("hastctl status").out


def test_a_planned_promotion_rejects_nobody(pair: InstalledPair) -> None:
    pair.active.run("sysctl net.inet.carp.demotion=240")
    assert pair.until(lambda: pair.serves(pair.standby))
    assert not [entry for entry in pair.entries(pair.standby, "step") if entry.step.startswith("reject-peer")]


def test_a_node_whose_hastd_alone_is_dead_is_not_rejected(pair: InstalledPair) -> None:
    """Its machine refuses the connection at once: there is nothing to wait for, and it is not gone."""
    pair.breaks("kill", "nfs001", "hastd")
    pair.active.run("sysctl net.inet.carp.demotion=240")
    pair.until(lambda: pair.serves(pair.standby), 60)
    done = [entry.result for entry in pair.entries(pair.standby, "step") if entry.step.startswith("reject-peer")]
    assert all("not done" in result for result in done), pair.story()


def test_a_host_route_of_the_administrator_stays_and_the_role_is_taken_all_the_same(pair: InstalledPair) -> None:
    theirs = HostRoute(PEER, "10.1.101.254", frozenset({"STATIC"}))
    pair.standby.network.host_routes[PEER] = theirs
    pair.active.power_off()
    assert pair.until(lambda: pair.serves(pair.standby), 30), pair.story()
    assert pair.standby.network.host_routes == {PEER: theirs} and not noted(pair, pair.standby)
    pair.told_once(pair.standby, "nothing is rejected: .*route already in table", "step")


def test_a_route_by_which_the_administrator_rejects_the_other_node_is_not_removed(pair: InstalledPair) -> None:
    theirs = HostRoute(PEER, "127.0.0.1", frozenset({"STATIC", "REJECT"}))
    pair.standby.network.host_routes[PEER] = theirs
    pair.active.power_off()
    assert pair.until(lambda: pair.serves(pair.standby), 40), pair.story()
    pair.converges(pair.standby)
    assert pair.standby.network.host_routes == {PEER: theirs} and not noted(pair, pair.standby)


def test_a_convergence_removes_the_route_of_one_that_was_killed(pair: InstalledPair) -> None:
    killed_while_it_rejects(pair)
    assert pair.converges(pair.standby).result is ConvergeResult.IN_PLACE, pair.story()
    assert pair.serves(pair.standby)
    assert not rejected(pair.standby) and not noted(pair, pair.standby)


@pytest.mark.parametrize("suspend", ["maintenance", "a demotion"])
def test_it_is_removed_also_where_nothing_else_may_be_done(pair: InstalledPair, suspend: str) -> None:
    killed_while_it_rejects(pair)
    if suspend == "maintenance":
        maintenance.begin(pair.store(pair.standby), pair.standby.now, None, "a test", "human")
    else:
        pair.standby.run("ifconfig vtnet1 vhid 2 state backup")
    pair.converges(pair.standby)
    assert not rejected(pair.standby) and not noted(pair, pair.standby), pair.story()


@pytest.mark.parametrize("note", ["{", '{"version": 2}', '{"version": 1, "addresses": ["-f"]}', ""])
def test_a_note_that_cannot_be_read_leaves_no_route(pair: InstalledPair, note: str) -> None:
    killed_while_it_rejects(pair)
    (pair.state / "nfs002" / peer_route.NAME).write_text(note)
    pair.converges(pair.standby)
    pair.converges(pair.standby)
    assert pair.serves(pair.standby) and not rejected(pair.standby), pair.story()
    assert pair.converges(pair.standby) == (ConvergeResult.IN_PLACE, 0, ())


def test_a_route_whose_note_is_lost_is_found_by_its_flag(pair: InstalledPair) -> None:
    pair.active.power_off()
    assert pair.until(lambda: pair.serves(pair.standby))
    pair.passes(10)
    pair.standby.network.host_routes[PEER] = OURS
    assert pair.converges(pair.standby).result is ConvergeResult.IN_PLACE
    assert not rejected(pair.standby)


def test_a_note_whose_route_is_gone_with_a_reboot_is_removed(pair: InstalledPair) -> None:
    killed_while_it_rejects(pair)
    pair.standby.power_off()
    pair.boots(pair.standby, 60)
    assert not rejected(pair.standby) and not noted(pair, pair.standby), pair.story()


def test_a_route_that_cannot_be_removed_is_said_and_stops_nothing_else(pair: InstalledPair) -> None:
    killed_while_it_rejects(pair)
    pair.standby.hung_commands.add("route")
    outcome = pair.converges(pair.standby)
    assert pair.serves(pair.standby), pair.story()
    assert outcome.result is ConvergeResult.REFUSED and "admit-peer" in outcome.said[0]
    pair.standby.hung_commands.clear()
    assert pair.converges(pair.standby).result is ConvergeResult.IN_PLACE
    assert not rejected(pair.standby)


def test_resources_with_one_peer_share_one_route(state: Path) -> None:
    resources = (
        ResourceLayout(),
        ResourceLayout("mail", local="/dev/vtbd2"),
    )
    pair = installed_pair(state, resources=resources, vhids=(VhidLayout(),))
    pair.active.power_off()
    assert pair.until(lambda: pair.serves(pair.standby) and pair.serves(pair.standby, "mail")), pair.story()
    for step in ("become-primary home", "become-primary mail"):
        assert seconds(pair, pair.standby, step) < QUICK
    steps = [entry.step for entry in pair.entries(pair.standby, "step")]
    assert [steps.count(f"{do}-peer {PEER}") for do in ("reject", "admit")] == [1, 1]
    assert not rejected(pair.standby)


def test_what_would_be_done_is_shown_with_its_command_lines(pair: InstalledPair) -> None:
    killed_while_it_rejects(pair)
    observation, plan = pair.does(pair.standby, lambda context: dry_run(context, TEST))
    shown = plan_lines(plan, observation.places)
    assert f"    /sbin/route -n delete -inet -host {PEER} 127.0.0.1" in shown
    assert rejected(pair.standby)


def test_the_address_is_that_of_either_family_and_never_a_name() -> None:
    assert route.address_of("tcp4://10.1.101.3:8457") == "10.1.101.3"
    assert route.address_of("tcp6://[2001:db8::3]:8457") == "2001:db8::3"
    assert route.address_of("nfs001") == route.address_of("tcp4://nfs001:8457") == route.address_of("-f") == ""
    assert " ".join(peer_route.add_line("2001:db8::3")) == (
        "/sbin/route -n add -inet6 -host 2001:db8::3 ::1 -reject -proto2"
    )


def test_looking_at_a_route_says_whether_it_rejects_and_whose_it_is(pair: InstalledPair) -> None:
    node = reads(pair, pair.standby)
    plain = route.to(node, PEER)
    assert plain is not None and not plain.rejects and plain.destination == "10.1.101.0"
    pair.standby.network.host_routes[PEER] = OURS
    way = route.to(node, PEER)
    assert way is not None and way.rejects and way.is_ours
    assert route.to(node, "192.0.2.1") is None
