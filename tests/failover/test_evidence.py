"""What proves that a copy lacks writes, and what does not: events that are told late, the counters on both disks."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from remediate.events.repair_request import Remedy
from remediate.failover.converge import ConvergeRequest, ConvergeResult, converge
from simulator.account.writes import LossCause
from simulator.host.log import MESSAGES
from simulator.node import Node
from tests.events.repair_command import repairs
from tests.failover.installed_pair import TEST, InstalledPair, master

pytestmark = pytest.mark.slow

LATE = 121.0
"""Seconds until an operator sees that devd is dead, as on a real pair."""
ALONE = 180.0


def missed(pair: InstalledPair, *first: str) -> None:
    """devd is dead on the standby when the active node loses power; nothing is started for two minutes."""
    pair.breaks_all(first)
    pair.breaks("kill", pair.standby.name, "devd")
    pair.passes(5)
    pair.active.power_off()
    pair.passes(LATE)
    assert master(pair.standby) and not pair.holds(pair.standby)


def onestart(pair: InstalledPair) -> None:
    pair.pair.must(pair.standby, "service devd onestart")


def restart(pair: InstalledPair) -> None:
    pair.pair.must(pair.standby, "service devd onerestart")


def repaired(pair: InstalledPair) -> None:
    repairs(pair, pair.standby, Remedy.DEVD)


@pytest.mark.parametrize("log", ["kept", "rotated away", "never written", "read late"])
@pytest.mark.parametrize("remedy", [onestart, restart, repaired])
def test_a_failover_that_a_dead_devd_missed_is_made_when_devd_is_started(
    pair: InstalledPair, remedy: Callable[[InstalledPair], object], log: str
) -> None:
    """The kernel has kept the event, and devd tells it as if it were new."""
    if log in ("never written", "read late"):
        pair.breaks("kill", pair.standby.name, "syslogd")
    missed(pair)
    if log == "rotated away":
        pair.standby.files.write(MESSAGES, "", pair.standby.now)
    if log == "read late":
        pair.pair.must(pair.standby, "service syslogd onestart")
    remedy(pair)
    pair.passes(30)
    assert pair.serves(pair.standby), pair.story()
    assert not pair.entries(pair.standby, "refused")


@pytest.mark.quick
def test_a_standby_without_syslog_and_cron_proves_nothing_by_the_time_and_serves(pair: InstalledPair) -> None:
    """Told late or at once: without a look at CARP or the kernel's line nobody knows how long the other one served."""
    pair.breaks_all(("cut-management", f"kill {pair.standby.name} syslogd"))
    pair.breaks("cut-replication")
    pair.passes(25)
    pair.active.power_off()
    pair.passes(30)
    assert pair.serves(pair.standby), pair.story()


def test_looks_by_cron_prove_that_the_other_node_served_alone_whatever_devd_tells_later(pair: InstalledPair) -> None:
    pair.looks_every_minute(pair.standby)
    pair.breaks_all(("cut-management", "cut-replication"))
    pair.passes(ALONE)
    missed(pair, f"kill {pair.standby.name} syslogd")
    pair.standby.run("service devd onestart")
    pair.passes(30)
    sentence = pair.entries(pair.standby, "refused")[-1].result
    assert "the other node stayed MASTER for" in sentence and pair.rests(pair.standby), pair.story()


def test_the_kernels_line_proves_it_where_nobody_looked(pair: InstalledPair) -> None:
    pair.breaks_all(("cut-management", "cut-replication"))
    pair.passes(ALONE)
    missed(pair)
    pair.standby.run("service devd onestart")
    pair.passes(30)
    sentence = pair.entries(pair.standby, "refused")[-1].result
    assert "the other node stayed MASTER for 16" in sentence and pair.rests(pair.standby), pair.story()


def test_a_clock_that_was_set_meanwhile_proves_nothing(pair: InstalledPair) -> None:
    """Ten minutes forward between two looks are no ten minutes in which the other node served."""
    pair.breaks_all(("cut-management", "cut-replication"))
    pair.passes(25)
    pair.breaks("clock-skew", pair.standby.name, "600")
    pair.passes(1)
    pair.active.power_off()
    pair.passes(40)
    assert pair.serves(pair.standby), pair.story()


# --- both dumps ------------------------------------------------------------------------------------------------------


BUSY = 7.0
"""Seconds in which the other node answers no question about HAST: longer than it is asked for whether it is primary."""


def is_busy(pair: InstalledPair, node: Node) -> None:
    """Its machine has other things to do for a while."""
    pair.breaks("hang-command", node.name, "hastctl")
    pair.passes(BUSY)
    pair.breaks("release-command", node.name, "hastctl")
    pair.passes(30)


def hastd_dies_and_the_address_moves_late(pair: InstalledPair) -> None:
    """hastd is killed on the active node, nobody looks for 35 s, then a convergence there gives the address away."""
    pair.breaks("kill", pair.active.name, "hastd")
    pair.passes(35)
    pair.begins(pair.active, lambda context: converge(context, TEST))
    assert pair.until(lambda: master(pair.standby), 20)


def test_a_copy_that_looks_stale_by_the_time_is_compared_before_it_is_refused(pair: InstalledPair) -> None:
    hastd_dies_and_the_address_moves_late(pair)
    is_busy(pair, pair.active)
    assert pair.serves(pair.standby), pair.story()
    assert not pair.entries(pair.standby, "refused")


def test_of_two_nodes_that_both_think_themselves_stale_one_serves(pair: InstalledPair) -> None:
    """The standby refuses, because it can't compare; then the address is back at the first one, whose hastd was
    started again, and which finds the other one busy as well."""
    hastd_dies_and_the_address_moves_late(pair)
    pair.breaks("hang-command", pair.active.name, "hastctl")
    pair.passes(40)
    assert "may have written alone" in pair.entries(pair.standby, "refused")[-1].result
    pair.breaks("release-command", pair.active.name, "hastctl")
    pair.active.run("service hastd onestart")
    pair.converges(pair.active)
    assert pair.until(lambda: master(pair.active), 20)
    is_busy(pair, pair.standby)
    assert pair.serves(pair.active), pair.story()
    assert pair.sound


def test_a_copy_that_lacks_writes_by_the_counters_is_refused_though_the_time_proves_nothing(
    pair: InstalledPair,
) -> None:
    """The other node's hastd is dead and its address was given away at once; what it wrote alone is on its disk."""
    pair.breaks("cut-replication")
    pair.passes(25)
    pair.breaks("kill", pair.active.name, "hastd")
    pair.converges(pair.active)
    pair.passes(30)
    assert master(pair.standby) and not pair.holds(pair.standby), pair.story()


def test_a_synchronisation_that_nobody_could_tell_of_leaves_a_complete_copy_that_only_a_human_promotes(
    pair: InstalledPair,
) -> None:
    """Its end changes nothing on the standby that could be seen there (primary.c, sync_thread())."""
    pair.breaks("cut-replication")
    pair.passes(60)
    pair.breaks_all(("heal", "cut-management"))
    pair.passes(120)
    pair.active.power_off()
    pair.passes(60)
    assert "nfs001 reported that this copy is behind" in pair.entries(pair.standby, "refused")[-1].result
    assert pair.converges(pair.standby, ConvergeRequest("human", accept_loss=True)).result is ConvergeResult.IN_PLACE
    assert pair.serves(pair.standby)
    assert {loss.cause for loss in pair.clients.account().losses} <= {LossCause.UFS_DELAY}


@pytest.mark.parametrize("seconds", ["300", "-300"])
def test_a_clock_that_is_set_between_the_event_and_the_look_changes_no_settling(
    pair: InstalledPair, seconds: str
) -> None:
    """devd has told of it, and the first command of the convergence looks at CARP."""
    pair.standby.power_off()
    pair.boots(pair.standby, 60)
    pair.breaks("at-command", pair.standby.name, "ifconfig", f"clock-skew {pair.standby.name} {seconds}")
    pair.active.power_off()
    assert pair.until(lambda: master(pair.standby), 10)
    began, settle = pair.now, pair.config.failover.boot_settle
    assert pair.until(lambda: pair.holds(pair.standby), settle + 15), pair.story()
    assert settle - 1 <= pair.now - began, pair.story()


@pytest.mark.parametrize("later", [1.0, 1.05, 1.1, 1.15, 1.2])
def test_a_clock_that_is_set_back_while_the_node_is_looked_at_prolongs_no_settling(
    pair: InstalledPair, later: float
) -> None:
    """CARP was looked at already, and what the other node says is waited for."""
    pair.standby.power_off()
    pair.boots(pair.standby, 60)
    pair.active.power_off()
    assert pair.until(lambda: master(pair.standby), 10)
    pair.passes(later)
    pair.breaks("clock-skew", pair.standby.name, "-300")
    assert pair.until(lambda: pair.holds(pair.standby), pair.config.failover.boot_settle + 15), pair.story()
