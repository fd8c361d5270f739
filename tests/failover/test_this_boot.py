"""What was recorded in this boot is known to be of it, however the clock is stepped; what is of another is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from checks.probes.boot_time import PATH
from remediate.failover import boot
from remediate.failover.converge import ConvergeResult
from remediate.failover.this_boot import this_boot
from remediate.subcommands.hold import shown
from tests.failover.installed_pair import InstalledPair, installed_pair, master

pytestmark = pytest.mark.slow


def held(state: Path) -> InstalledPair:
    """A pair whose standby holds itself back with all it has, because hastd is dead there."""
    pair = installed_pair(state)
    pair.breaks("kill", "nfs002", "hastd")
    pair.converges(pair.standby)
    assert pair.demotion(pair.standby) == pair.share(pair.standby) == 240
    return pair


@pytest.mark.parametrize("step", ["600", "-600", "86400"])
def test_a_share_of_this_boot_is_neither_forgotten_nor_doubled_when_the_clock_is_stepped(
    state: Path, step: str
) -> None:
    pair = held(state)
    before = pair.standby.run("sysctl -n kern.boottime").out
    pair.breaks("clock-step", "nfs002", step)
    assert pair.standby.run("sysctl -n kern.boottime").out != before
    pair.converges(pair.standby)
    assert pair.demotion(pair.standby) == 240
    assert ", 240 of it from hastwatch" in pair.does(pair.standby, shown)
    pair.standby.run("service hastd onestart; hastctl role secondary home")
    pair.passes(30)
    pair.converges(pair.standby)
    assert pair.demotion(pair.standby) == 0


@pytest.mark.quick
def test_ntpd_that_steps_the_clock_at_boot_leaves_no_demotion_behind(pair: InstalledPair) -> None:
    pair.standby.power_off()
    pair.passes(30)
    booted = pair.standby.power_on()
    assert pair.until(lambda: pair.demotion(pair.standby) == 240)
    pair.breaks("clock-step", "nfs002", "7200")
    pair.pair.clock.wait(booted)
    pair.passes(90)
    pair.converges(pair.standby)
    assert pair.demotion(pair.standby) == pair.share(pair.standby) <= 120
    assert pair.serves(pair.active) and pair.rests(pair.standby)


def test_every_boot_has_a_mark_of_its_own_which_two_that_make_it_at_once_share(pair: InstalledPair) -> None:
    before = pair.standby.boot_mark
    pair.standby.power_off()
    pair.passes(5)
    pair.standby.power_on()
    pair.passes(2)
    both = [pair.begins(pair.standby, this_boot) for _ in range(2)]
    pair.passes(5)
    assert both[0].value == both[1].value == pair.standby.boot_mark != before
    assert pair.standby.run("ls /var/run").out.split().count("hastwatch.boot") == 1


def without_mark(pair: InstalledPair) -> None:
    """Something else stands in the place of the mark."""
    pair.standby.files.write(PATH, "no mark\n")


def test_where_no_mark_can_be_had_a_node_is_held_back_once_and_not_let_go(pair: InstalledPair) -> None:
    without_mark(pair)
    for _ in range(2):
        pair.does(pair.standby, boot.hold_back)
        assert pair.demotion(pair.standby) == 240
    outcome = pair.converges(pair.standby)
    assert pair.demotion(pair.standby) == 240
    assert outcome.result is ConvergeResult.REFUSED and "is left at 240" in outcome.said[0]


def test_where_no_mark_can_be_had_the_service_is_taken_over_all_the_same(pair: InstalledPair) -> None:
    without_mark(pair)
    pair.active.power_off()
    assert pair.until(lambda: master(pair.standby) and pair.serves(pair.standby))
