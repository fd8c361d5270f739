"""Booting with the local scripts of hastwatch, and shutting down in order."""

from __future__ import annotations

import pytest

from remediate.config import RemediationConfig
from remediate.rehearsal.own_pair import healthy_pair, layout_of
from simulator.host.programs import PythonHook
from simulator.node import Node
from simulator.pair import Pair
from simulator.rc.boot import CONVERGE_SCRIPT, HOLD_SCRIPT


class Witness:
    """A script that notes what ran and what was there when it was called, and takes its time."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds = seconds
        self.saw: list[tuple[str, bool, bool, bool, bool]] = []
        self.ended: list[float] = []

    def __call__(self, node: Node, argv: list[str]) -> int:
        carp = "carp: " in node.run("ifconfig vtnet1").out
        self.saw.append((argv[1], node.devd.process is not None, carp, node.hastd.running, node.nfs.running("mountd")))
        node.run(f"sleep {self.seconds}")
        self.ended.append(node.clock.now)
        return 0


def booted(pair: Pair, node: Node) -> float:
    began = pair.clock.now
    pair.clock.wait(node.power_on())
    return pair.clock.now - began


def test_one_script_runs_before_the_network_and_one_between_hastd_and_nfs(pair: Pair) -> None:
    node = pair.nodes["nfs002"]
    hold, converge = Witness(), Witness()
    node.install(HOLD_SCRIPT, PythonHook(hold))
    node.install(CONVERGE_SCRIPT, PythonHook(converge))
    node.power_off()
    booted(pair, node)
    assert hold.saw == [("start", True, False, False, False)]
    assert converge.saw == [("start", True, True, True, False)]
    assert node.nfs.running("mountd")


def test_the_boot_waits_for_both(pair: Pair) -> None:
    node = pair.nodes["nfs002"]
    node.power_off()
    without = booted(pair, node)
    for path, seconds in ((HOLD_SCRIPT, 3.0), (CONVERGE_SCRIPT, 40.0)):
        node.install(path, PythonHook(Witness(seconds)))
    node.power_off()
    processes = 4 * pair.layout.costs.process  # of each script a shell, and what it starts
    assert booted(pair, node) == pytest.approx(without + 43 + processes)


def test_a_demotion_before_the_network_keeps_a_preferred_node_from_taking_the_address(pair: Pair) -> None:
    """freebsd-facts: preferred-node-takes-the-address."""
    first, second = pair.nodes.values()

    def hold(node: Node, argv: list[str]) -> None:
        node.run("sysctl net.inet.carp.demotion=240")

    first.install(HOLD_SCRIPT, PythonHook(hold))
    first.power_off()
    pair.clock.advance(10)
    booted(pair, first)
    pair.clock.advance(30)
    assert "carp: BACKUP" in first.run("ifconfig vtnet1").out
    assert "carp: MASTER" in second.run("ifconfig vtnet1").out


def test_a_power_cut_in_the_middle_of_a_script_ends_the_boot(pair: Pair) -> None:
    node, script = pair.nodes["nfs002"], Witness(60)
    node.install(CONVERGE_SCRIPT, PythonHook(script))
    node.power_off()
    node.power_on()
    pair.clock.advance(40)
    assert len(script.saw) == 1
    node.power_off()
    pair.clock.advance(100)
    assert (node.on, node.nfs.running("mountd"), node.hastd.running) == (False, False, False)


def test_a_power_cut_runs_no_script(pair: Pair) -> None:
    node, script = pair.nodes["nfs002"], Witness()
    node.install(CONVERGE_SCRIPT, PythonHook(script))
    node.power_off()
    assert script.saw == []


def test_a_shutdown_runs_the_script_then_ends_nfs_and_hastd_then_the_power_goes(pair: Pair) -> None:
    node, script = pair.nodes["nfs001"], Witness(5)
    node.install(CONVERGE_SCRIPT, PythonHook(script))
    pair.must(node, "shutdown -p now")
    pair.clock.advance(6)
    assert script.saw == [("stop", True, True, True, True)]
    assert node.on
    pair.clock.advance(30)
    assert not node.on
    log = node.files.read("/var/log/daemon.log")
    assert "Termination signal received, exiting." in log


def test_a_script_that_hands_the_service_over_loses_nothing(pair: Pair) -> None:
    node = pair.nodes["nfs001"]

    def stop(here: Node, argv: list[str]) -> None:
        for line in ("service nfsd onestop", "umount /hast/home", "hastctl role secondary home"):
            here.run(line)

    node.install(CONVERGE_SCRIPT, PythonHook(stop))
    pair.client().write_now("mail")
    pair.clock.wait(node.shut_down())
    other = pair.nodes["nfs002"]
    pair.must(other, "hastctl role primary home")
    pair.clock.advance(pair.layout.timeout + 1)  # the device comes after the attempt to connect to the dead peer
    pair.must(other, "mount /dev/hast/home /hast/home")
    assert other.run("ls /hast/home/mail").status == 0


def test_a_shutdown_does_not_wait_for_ever(pair: Pair) -> None:
    node, script = pair.nodes["nfs001"], Witness(10000)
    node.install(CONVERGE_SCRIPT, PythonHook(script))
    began = pair.clock.now
    pair.clock.wait(node.shut_down())
    assert 60 < pair.clock.now - began < 90
    assert not node.on


def test_a_shutdown_is_done_once_and_a_node_that_is_off_is_off(pair: Pair) -> None:
    node, script = pair.nodes["nfs001"], Witness()
    node.install(CONVERGE_SCRIPT, PythonHook(script))
    first, second = node.shut_down(), node.shut_down()
    pair.clock.wait(first)
    assert second.done
    assert len(script.saw) == 1
    assert node.shut_down().done


def test_a_power_cut_during_a_shutdown_is_the_end_of_it(pair: Pair) -> None:
    node = pair.nodes["nfs001"]
    node.install(CONVERGE_SCRIPT, PythonHook(Witness(30)))
    down = node.shut_down()
    pair.clock.advance(5)
    node.power_off()
    assert down.done
    booted(pair, node)
    pair.clock.advance(60)
    assert node.on


@pytest.mark.parametrize(("line", "orderly"), [("shutdown -r now", True), ("reboot", False)])
def test_a_reboot_comes_back(pair: Pair, line: str, orderly: bool) -> None:
    node, script = pair.nodes["nfs002"], Witness()
    node.install(CONVERGE_SCRIPT, PythonHook(script))
    pair.must(node, line)
    pair.clock.advance(60)
    assert node.on and node.hastd.running
    assert [verb for verb, *_ in script.saw] == (["stop", "start"] if orderly else ["start"])


def test_the_boot_instant_is_that_of_this_boot() -> None:
    pair = healthy_pair(layout_of(RemediationConfig(), 1), hooked=False)
    node = pair.nodes["nfs002"]
    node.power_off()
    pair.clock.advance(7)
    at = int(pair.clock.now)
    booted(pair, node)
    bare = node.run("sysctl -n kern.boottime").out
    assert bare.startswith(f"{{ sec = {at}, usec = ")
    assert node.run("sysctl kern.boottime").out == f"kern.boottime: {bare}"


def test_the_boot_instant_is_printed_as_sysctl_does() -> None:
    pair = Pair()
    pair.power_on()
    shown = pair.nodes["nfs001"].run("sysctl kern.boottime").out
    assert shown == "kern.boottime: { sec = 1795336200, usec = 0 } Sun Nov 22 08:30:00 2026\n"
