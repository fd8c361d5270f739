"""Which machine is which: a `peer` that leads elsewhere, and nodes that hast.conf names by host UUID or host ID."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from checks.probes.errors import NotTheOther
from checks.probes.hast_conf import PATH
from checks.probes.identity import host_id_of
from remediate.context import Context
from remediate.failover.errors import StepFailed
from remediate.failover.peer import ask
from remediate.failover.pools import _is_of_the_pair
from remediate.failover.resource import ResourcePlace, places
from remediate.failover.switchover import switch
from simulator.layout import PairLayout, ResourceLayout
from simulator.node import Node
from tests.failover.installed_pair import InstalledPair, installed_pair

pytestmark = pytest.mark.slow

LIES = ("oneself", "stranger")
PLACE = ResourcePlace("home", "/dev/hast/home", "/hast/home", "", "", "", ())


def lied_to(pair: InstalledPair, lie: str) -> InstalledPair:
    """As one hastwatch.toml on both nodes, or a wrong address in it, makes it."""
    for node in pair.pair.nodes.values():
        pair.breaks("peer-lies", node.name, lie)
    return pair


def named_by_id(pair: InstalledPair, kind: str) -> InstalledPair:
    """Both nodes' hast.conf name the nodes by what they have besides a host name."""
    for node in pair.pair.nodes.values():
        text = node.files.read(PATH)
        for each in pair.pair.nodes.values():
            text = text.replace(f"on {each.name} ", f"on {identifier(each, kind)} ")
        node.files.write(PATH, text, node.now)
    return pair


def identifier(node: Node, kind: str) -> str:
    return node.layout.hostuuid.upper() if kind == "uuid" else f"hostid{node.layout.hostid}"


def place_of(pair: InstalledPair, node: Node) -> ResourcePlace:
    return pair.does(node, lambda context: places(context.here.node(), context.config)["home"])


# --- a way that leads elsewhere ------------------------------------------------------------------------------------


@pytest.mark.parametrize("lie", LIES)
def test_nothing_said_there_is_an_answer_of_the_other_node(state: Path, lie: str) -> None:
    pair = lied_to(installed_pair(state), lie)

    def asks(context: Context) -> None:
        assert context.peer is not None
        assert ask(context, places(context.here.node(), context.config)["home"]) is None
        with pytest.raises(NotTheOther, match="the way to the other node leads to nfs"):
            context.peer.node()
        with pytest.raises(NotTheOther):
            context.peer.act(("/bin/date",), 4)

    pair.does(pair.standby, asks)


@pytest.mark.parametrize("lie", LIES)
def test_the_address_that_moves_makes_no_second_primary(state: Path, lie: str) -> None:
    """The standby's own role secondary is not taken for the other node's: that has released the resource when its
    worker ends."""
    pair = lied_to(installed_pair(state), lie)
    pair.breaks("hang", "nfs001", "nfsd")  # the active node takes its time
    pair.active.network.demote(100, "by an operator")
    pair.passes(60)
    assert pair.sound and pair.serves(pair.standby) and pair.lost() == 0, pair.story()


@pytest.mark.quick
def test_a_node_whose_own_answers_come_back_does_not_give_way_to_itself(state: Path) -> None:
    pair = lied_to(installed_pair(state), "oneself")
    pair.active.power_off()
    pair.passes(45)
    assert pair.serves(pair.standby) and pair.sound, pair.story()


def test_a_way_that_leads_back_is_no_sign_that_the_other_node_is_gone(state: Path) -> None:
    """Without a management address, not to be able to ask is one of the two signs."""
    pair = lied_to(installed_pair(state), "oneself")
    for name, config in pair.installed.configs.items():
        pair.installed.configs[name] = config._replace(failover=config.failover._replace(management=""))
    pair.breaks("cut-replication")
    pair.breaks("drop-devd-event", "nfs001", "9")
    pair.active.network.demote(100, "by an operator")
    pair.passes(5)
    assert pair.role(pair.standby) == "secondary" and pair.sound, pair.story()


def test_a_switchover_says_where_its_way_leads_and_what_to_do(state: Path) -> None:
    pair = lied_to(installed_pair(state), "oneself")
    with pytest.raises(StepFailed, match=r"leads to nfs001 itself.*correct `peer`.*service hostid reset"):
        pair.does(pair.active, lambda context: switch(context, "human", lambda step: None))
    assert pair.serves(pair.active)


# --- hast.conf by host UUID and host ID ----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["uuid", "hostid"])
def test_both_nodes_know_themselves_and_agree_which_of_them_comes_first(state: Path, kind: str) -> None:
    pair = named_by_id(installed_pair(state), kind)
    places = [place_of(pair, node) for node in pair.pair.nodes.values()]
    assert [place.mine for place in places] == [identifier(node, kind) for node in pair.pair.nodes.values()]
    assert len({place.nodes for place in places}) == 1
    assert sum(place.mine == min(place.nodes) for place in places) == 1


@pytest.mark.parametrize("kind", ["uuid", "hostid"])
def test_a_pool_that_the_dead_node_had_last_is_imported(state: Path, kind: str) -> None:
    pair = named_by_id(installed_pair(state, resources=(ResourceLayout(kind="zfs"),)), kind)
    pair.active.power_off()
    pair.passes(45)
    assert pair.serves(pair.standby) and pair.sound, pair.story()


def test_nodes_that_hast_conf_means_by_one_uuid_cannot_be_told_apart(state: Path) -> None:
    nodes = [replace(node, hostuuid=PairLayout().nodes[0].hostuuid) for node in PairLayout().nodes]
    pair = named_by_id(installed_pair(state, nodes=tuple(nodes)), "uuid")

    def asks(context: Context) -> None:
        assert context.peer is not None
        with pytest.raises(NotTheOther, match=r"hast.conf means both nfs002 and nfs001 by .*service hostid reset"):
            context.peer.node()

    pair.does(pair.standby, asks)


def test_clones_with_names_of_their_own_are_told_apart_by_these(state: Path) -> None:
    nodes = [replace(node, hostuuid=PairLayout().nodes[0].hostuuid) for node in PairLayout().nodes]
    pair = installed_pair(state, nodes=tuple(nodes))
    pair.moves()
    pair.passes(30)
    assert pair.serves(pair.standby) and pair.sound


def test_the_host_id_of_a_uuid_is_that_of_rc_d_hostid() -> None:
    """`kern.hostuuid` and `kern.hostid` of a real node (u-misc)."""
    assert host_id_of("5F5DEA39-1ffe-4fa0-8448-d71ac81671f0") == host_id_of("hostid258907331") == 258907331
    assert host_id_of("nfs001") is None


@pytest.mark.parametrize(
    ("nodes", "host", "hostid", "ours"),
    [
        (("nfs001", "nfs002"), "nfs001.example.org", "f6e9cc3", True),
        (("nfs001", "nfs002"), "backup", "f6e9cc3", False),
        (("hostid258907331", "hostid1"), "nfs001", "f6e9cc3", True),
        (("hostid258907331", "hostid1"), "nfs001", "f6e9cc4", False),
        (("hostid258907331", "hostid1"), "hostid258907331", "2", False),
        (("5f5dea39-1ffe-4fa0-8448-d71ac81671f0",), "freenas", "", False),
        ((), "nfs001", "0", False),
    ],
)
def test_a_pool_is_of_the_pair_by_the_host_name_or_host_id_of_its_label(
    nodes: tuple[str, ...], host: str, hostid: str, ours: bool
) -> None:
    assert _is_of_the_pair(PLACE._replace(nodes=nodes), host, hostid) is ours


# --- equal host names ----------------------------------------------------------------------------------------------


def same_name(state: Path, first: str, second: str) -> InstalledPair:
    """A pair whose nodes have these host names, with a hast.conf that tells them apart as well as it can."""
    pair = installed_pair(state)
    nodes = list(pair.pair.nodes.values())
    by = {
        node: name if first != second else node.layout.hostuuid
        for node, name in zip(nodes, (first, second), strict=True)
    }
    for node, name in zip(nodes, (first, second), strict=True):
        node.kernel.values["kern.hostname"] = name
        text = node.files.read(PATH)
        for each in nodes:
            text = text.replace(f"on {each.name} ", f"on {by[each]} ")
        node.files.write(PATH, text, node.now)
    return pair


@pytest.mark.parametrize("names", [("freenas.local", "freenas.local"), ("nfs.a.example.org", "nfs.b.example.org")])
def test_nodes_of_one_name_fail_over_and_move(state: Path, names: tuple[str, str]) -> None:
    pair = same_name(state, *names)
    first, second = pair.active, pair.standby

    def asks(context: Context) -> str:
        assert context.peer is not None
        node = context.peer.node()
        assert node.host_name == names[1] and context.peer.node().name == node.name
        return node.name

    assert pair.does(first, asks).startswith(f"{names[0].partition('.')[0]}-")
    pair.moves()
    assert pair.until(lambda: pair.serves(second), 60), pair.story()
    second.power_off()
    assert pair.until(lambda: pair.serves(first), 90), pair.story()
    assert pair.sound
