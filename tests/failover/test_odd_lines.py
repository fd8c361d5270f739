"""A line of ifconfig that is not understood stops no failover, where the others tell what has to be known."""

from __future__ import annotations

from pathlib import Path

import pytest

from checks.plugin.config import CheckConfig, ResourceConfig
from remediate.config import RemediationConfig
from remediate.failover.converge import ConvergeResult
from simulator.layout import VhidLayout
from tests.failover.installed_pair import InstalledPair, installed_pair

pytestmark = pytest.mark.slow

ONE = (VhidLayout(2, "10.1.101.5"),)
TWICE = (*ONE, VhidLayout(2, "172.16.5.5", interface="vlan0"))


def prints(pair: InstalledPair, *lines: str) -> None:
    for node in pair.pair.nodes.values():
        node.network.interfaces["vtnet1"].more += lines


@pytest.mark.parametrize(
    "line",
    [
        "inet6 2001:db8:65::5 prefixlen 64 tentative vhid 2",
        "inet6 2001:db8:65::5/64 duplicated proxied pltime infty 0 vhid 2",
        "inet6 nfs.example.org prefixlen 64 vhid 2",
        "inet6 2001:db8:65::5 prefixlen 64 vhid",
    ],
)
def test_a_node_takes_over_whatever_words_an_address_line_has(pair: InstalledPair, line: str) -> None:
    prints(pair, line)
    pair.active.power_off()
    assert pair.until(lambda: pair.serves(pair.standby), 60)
    assert pair.sound


@pytest.mark.quick
def test_a_line_that_was_not_understood_is_in_the_journal(pair: InstalledPair) -> None:
    prints(pair, "inet6 nfs.example.org prefixlen 64 vhid 2")
    pair.active.power_off()
    assert pair.until(lambda: pair.serves(pair.standby), 60)
    plans = [entry for entry in pair.entries(pair.standby, "plan") if entry.resource == "home"]
    assert any("ifconfig not understood: 'inet6 nfs.example.org" in sentence for sentence in plans[-1].evidence)


def test_a_vhid_whose_own_line_is_not_understood_moves_nothing(pair: InstalledPair) -> None:
    prints(pair, "carp: PROMOTING vhid 9 advbase 1 advskew 10")
    outcome = pair.converges(pair.active)
    assert outcome.result is ConvergeResult.REFUSED and "9@vtnet1 UNKNOWN" in outcome.said[0]
    assert pair.serves(pair.active)
    assert pair.converges(pair.standby).result is ConvergeResult.REFUSED and pair.rests(pair.standby)


def test_a_mapped_vhid_is_followed_beside_one_that_is_not_understood(state: Path) -> None:
    pair = installed_pair(state, RemediationConfig(CheckConfig(resource={"home": ResourceConfig(vhid="2@vtnet1")})))
    prints(pair, "carp: PROMOTING vhid 9 advbase 1 advskew 10")
    pair.active.power_off()
    assert pair.until(lambda: pair.serves(pair.standby), 60)


def test_a_mapping_that_names_the_interface_of_the_other_node_fails_over(state: Path) -> None:
    pair = installed_pair(
        state, RemediationConfig(CheckConfig(resource={"home": ResourceConfig(vhid="2@em0")})), vhids=ONE
    )
    assert pair.converges(pair.active).result is ConvergeResult.IN_PLACE
    pair.active.power_off()
    assert pair.until(lambda: pair.serves(pair.standby), 60)


def test_a_number_on_two_interfaces_is_told_apart_by_the_service_address(state: Path) -> None:
    mapped = ResourceConfig(vhid="2@em0", service_address="10.1.101.5")
    pair = installed_pair(state, RemediationConfig(CheckConfig(resource={"home": mapped})), vhids=TWICE)
    pair.active.power_off()
    assert pair.until(lambda: pair.serves(pair.standby), 60)


def test_a_number_on_two_interfaces_promotes_nothing_where_neither_is_known_to_be_meant(state: Path) -> None:
    pair = installed_pair(
        state, RemediationConfig(CheckConfig(resource={"home": ResourceConfig(vhid="2@em0")})), vhids=TWICE
    )
    outcome = pair.converges(pair.active)
    assert outcome.result is ConvergeResult.REFUSED
    assert "2@em0 is not unique on this node" in outcome.said[0] and "service_address" in outcome.said[0]
    assert pair.holds(pair.active)
