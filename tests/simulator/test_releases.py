"""Releases of FreeBSD on the simulated pair, and bug 292322 as recorded.

The fact is freebsd-facts: stock-15-is-no-primary.
"""

from __future__ import annotations

import pytest

from remediate.config import RemediationConfig
from remediate.rehearsal.own_pair import healthy_pair, layout_of
from simulator import release
from simulator.node import Node
from simulator.pair import Pair

STOCK = "14.5,15.1"
"""The second node's hastd does not work as primary."""
HANGS = 124
LOG = "/var/log/daemon.log"


def pair_of(releases: str) -> Pair:
    return healthy_pair(layout_of(RemediationConfig(), 1).running(releases), hooked=False)


def moved(releases: str = STOCK) -> tuple[Pair, Node, Node]:
    """The pair, the node that was told to be primary, and the other one, by hand."""
    pair = pair_of(releases)
    old, new = pair.nodes.values()
    pair.must(old, "umount /hast/home")
    pair.must(old, "hastctl role secondary home")
    pair.must(new, "hastctl role primary home")
    pair.clock.advance(1)
    return pair, new, old


def word(node: Node, line: str) -> str:
    return node.run(line).out.strip()


def last(node: Node) -> str:
    return word(node, f"tail -n 1 {LOG}").partition(": ")[2]


@pytest.mark.parametrize("name", release.RELEASES)
def test_a_node_says_which_release_it_runs(name: str) -> None:
    pair = Pair(layout_of(RemediationConfig(), 1).running(name))
    pair.power_on()
    for node in pair.nodes.values():
        wanted = release.RELEASES[name]
        assert word(node, "uname -r") == wanted.osrelease == word(node, "freebsd-version")
        assert word(node, "sysctl -n kern.osrelease") == wanted.osrelease
        assert word(node, "sysctl -n kern.osreldate") == str(wanted.osreldate) == word(node, "uname -K")
        assert wanted.osreldate // 100_000 == int(name.partition(".")[0])


@pytest.mark.parametrize("text", ["15.7", "", "15.1+D1", "14.5,15.1,15.1", "15.1-RELEASE"])
def test_a_release_that_is_not_known_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        release.of_both(text)


def test_what_was_installed_runs_after_the_next_boot_only() -> None:
    pair = pair_of("14.5")
    standby = list(pair.nodes.values())[1]
    standby.installed = release.named("15.1")
    assert word(standby, "uname -r") == "14.5-RELEASE"
    assert word(standby, "freebsd-version -kr") == "15.1-RELEASE-p1\n14.5-RELEASE"
    pair.clock.wait(standby.shut_down())
    pair.clock.wait(standby.power_on())
    assert word(standby, "uname -r") == "15.1-RELEASE-p1"


def test_a_stock_15_1_follows_a_primary_that_works() -> None:
    active, standby = pair_of(STOCK).nodes.values()
    assert "complete secondary" in word(standby, "hastctl status home")
    assert "complete primary" in word(active, "hastctl status home")


@pytest.mark.parametrize("releases", ["14.5,15.0", STOCK, "14.5,16.0"])
def test_a_stock_primary_of_15_never_gets_its_device_and_nothing_says_so(releases: str) -> None:
    pair, primary, _ = moved(releases)
    pair.clock.advance(600)
    assert "degraded primary" in word(primary, "hastctl status home")
    assert primary.run("ls /dev/hast").status == 1
    assert last(primary).endswith("[home] (primary) Device hast/home created.")


def test_who_asks_geom_waits_until_the_role_is_init_again() -> None:
    _, primary, _ = moved()
    assert primary.run("geom gate list").status == HANGS == primary.run("sysctl -n kern.geom.confxml").status
    assert primary.run("hastctl role init home").status == 0
    assert primary.run("geom gate list").status == 0
    assert word(primary, "ps axww -o command | grep 'hastd: [h]ome'") == ""


def test_it_is_the_same_without_a_peer() -> None:
    pair = pair_of(STOCK)
    old, new = pair.nodes.values()
    old.power_off()
    pair.must(new, "hastctl role primary home")
    pair.clock.advance(60)
    assert new.run("ls /dev/hast").status == 1 and "degraded" in word(new, "hastctl status home")


def test_the_other_node_waits_for_a_header_and_answers_nobody_meanwhile() -> None:
    pair, _, secondary = moved()
    began = pair.clock.now
    assert "-        secondary" in word(secondary, "hastctl status home")
    assert 15 < pair.clock.now - began < 20
    assert "Unable to receive header from tcp://10.1.101.4:" in last(secondary)
    assert last(secondary).endswith(": Operation timed out.")


def test_the_other_node_sees_the_connection_closed_when_the_role_is_init_before() -> None:
    pair, primary, secondary = moved()
    pair.must(primary, "hastctl role init home")
    pair.clock.advance(1)
    assert last(secondary).endswith(": Socket is not connected.")


@pytest.mark.parametrize("releases", ["14.5,15.1+D57511", "14.5,15.1+D59521", "14.4", "13.2"])
def test_a_hastd_that_is_repaired_or_older_works_as_primary(releases: str) -> None:
    pair, primary, secondary = moved(releases)
    pair.clock.advance(60)
    assert "complete primary" in word(primary, "hastctl status home")
    assert "complete secondary" in word(secondary, "hastctl status home")
    assert primary.run("mount /dev/hast/home /hast/home").status == 0


def test_a_repaired_program_counts_from_the_restart_of_hastd() -> None:
    pair, primary, _ = moved()
    primary.installed = primary.installed.with_repair()
    pair.must(primary, "hastctl role init home")
    pair.must(primary, "hastctl role primary home")
    pair.clock.advance(1)
    assert primary.run("ls /dev/hast").status == 1
    pair.must(primary, "service hastd restart")
    pair.must(primary, "hastctl role primary home")
    pair.clock.advance(1)
    assert primary.run("ls /dev/hast").status == 0


class TestWhileARouteRejectsThePeer:
    """hastd is refused the connection, and there is no descriptor to wait for (hastd.c, connection_migrate())."""

    @staticmethod
    def primary(seconds_without_route: float = 0.0) -> tuple[Pair, Node]:
        pair, primary, other = moved()
        address = other.layout.address
        pair.must(primary, "hastctl role init home")
        pair.must(primary, f"route -n add -host {address} 127.0.0.1 -reject")
        pair.must(primary, "hastctl role primary home")
        pair.clock.advance(30)
        if seconds_without_route:
            pair.must(primary, f"route -n delete -host {address}")
            pair.clock.advance(seconds_without_route)
        return pair, primary

    def test_the_device_appears_and_serves(self) -> None:
        pair, primary = self.primary()
        assert primary.run("fsck -t ufs -p /dev/hast/home").status == 0
        pair.must(primary, "mount /dev/hast/home /hast/home")
        pair.must(primary, "umount /hast/home")
        pair.must(primary, "hastctl role secondary home")

    def test_the_device_goes_on_serving_when_the_route_is_gone(self) -> None:
        pair, primary = self.primary(15.0)
        assert "degraded primary" in word(primary, "hastctl status home")
        pair.must(primary, "fsck -t ufs -p /dev/hast/home")
        pair.must(primary, "mount /dev/hast/home /hast/home")

    def test_hastd_then_waits_for_ever_for_the_worker_that_it_tells_to_end(self) -> None:
        _, primary = self.primary(15.0)
        assert primary.run("hastctl role init home").status == HANGS
        assert primary.run("hastctl status").status == HANGS
        assert primary.run("pkill -f 'home .primary'").status == 0
        assert primary.run("hastctl status").status == HANGS
        assert primary.run("pkill -9 -f 'home .primary'").status == 0
        assert "-        init" in word(primary, "hastctl status home")


def test_a_pair_of_which_no_node_can_serve_was_made_before_it_was_upgraded() -> None:
    pair = pair_of("15.1")
    first = next(iter(pair.nodes.values()))
    assert "-        init" in word(first, "hastctl status home")
    assert "localcnt: 0" in word(first, "hastctl dump home")
    assert first.disks["/dev/vtbd1"].superblock is not None
    assert not pair.mounts("home")
