"""The documented traps: each fails with the documented shell, and does not with hastwatch.

They and their numbers are freebsd-facts: documented-traps.

Where the documented hook of the rehearsal was written without a trap's fault, the shell of the trap's description is a
hook of a few lines here.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from checks.plugin.config import CheckConfig, ResourceConfig
from remediate.config import RemediationConfig
from remediate.failover.converge import ConvergeResult
from remediate.failover.switchover import switch
from remediate.state.journal import ALERT
from simulator.account.writes import LossCause
from simulator.costs import Costs
from simulator.host.documented_hook import DEVICE_WAIT, STOPPED, documented_hook
from simulator.nfs.client import OperationResult
from simulator.node import Node
from tests.failover.installed_pair import (
    PERIOD,
    InstalledPair,
    Watched,
    documented_pair,
    installed_pair,
    master,
    policy,
)

pytestmark = pytest.mark.slow

TWO = RemediationConfig(
    CheckConfig(resource={"home": ResourceConfig(vhid="2@vtnet1"), "mail": ResourceConfig(vhid="3@vtnet1")})
)
SLOWLY = replace(Costs(), device_appears=2.5)


@pytest.mark.quick
def test_1_the_device_takes_its_time_to_appear(state: Path) -> None:
    """Three seconds are usual, more is possible: the documented hook waits five, and leaves a primary that nobody
    serves when it gives up."""

    def eager(node: Node, argv: list[str]) -> int:
        if argv[2] == "MASTER":
            node.run("hastctl role primary home")
            node.run("fsck -t ufs -p /dev/hast/home")
            node.run("mount /dev/hast/home /hast/home")
        return 0

    def power_cut(pair: Watched) -> None:
        pair.active.power_off()
        pair.passes(60)

    def late_device(pair: Watched, seconds: float) -> None:
        pair.breaks("device-never-appears", "nfs002", "home")
        pair.active.power_off()
        pair.until(lambda: pair.role(pair.standby) == "primary")
        pair.passes(seconds)
        pair.breaks("device-appears", "nfs002", "home")
        pair.passes(60)

    unpatient = documented_pair(hook=eager, costs=SLOWLY)
    power_cut(unpatient)
    assert unpatient.role(unpatient.standby) == "primary"
    assert not unpatient.mounted(unpatient.standby)
    documented = documented_pair()
    late_device(documented, DEVICE_WAIT + 2)
    assert documented.role(documented.standby) == "primary"
    assert not documented.mounted(documented.standby)

    slow = installed_pair(state / "slow", costs=SLOWLY)
    power_cut(slow)
    assert slow.serves(slow.standby)
    late = installed_pair(state / "late")
    late_device(late, 8)
    assert late.serves(late.standby)


def test_2_nfs_does_not_answer_before_hastd_has_a_role(state: Path) -> None:
    """rc(8) starts NFS in the documented set-up; what hastwatch installs (rc.conf.d) keeps it from that."""

    def both_boot(pair: Watched) -> dict[str, int]:
        for node in (pair.active, pair.standby):
            node.power_off()
        pair.passes(5)
        pair.standby.power_on()
        pair.boots(pair.active)
        return pair.clients.account().errors

    slow_boot = replace(Costs(), boot_hastd=4.0)
    assert OperationResult.STALE.value in both_boot(documented_pair(nfs_at_boot=True, costs=slow_boot))
    pair = installed_pair(state, costs=slow_boot)
    assert both_boot(pair) == {}
    assert pair.serves(pair.active)


def test_3_the_losing_side_of_a_split_brain_steps_down_and_is_not_promoted(state: Path) -> None:
    """The nodes lose every way to each other, so both serve; what counts is what happens when they meet again, and
    when the winning node then loses power."""

    def partition(pair: Watched) -> None:
        pair.breaks("cut")
        pair.breaks("cut-management")
        pair.passes(90)
        pair.breaks("heal")
        pair.passes(60)
        assert pair.serves(pair.active)

    documented = documented_pair()
    partition(documented)
    assert documented.role(documented.standby) == "secondary"  # and tries to connect, again and again
    documented.active.power_off()
    documented.passes(60)
    assert documented.serves(documented.standby)  # without all that was written on the other node
    causes = {loss.cause for loss in documented.clients.account().losses}
    assert LossCause.REPLICATION in causes

    pair = installed_pair(state)
    partition(pair)
    assert pair.role(pair.standby) == "init"
    split = pair.split_brain(pair.standby)
    assert split is not None and split.losing
    assert pair.split_brain(pair.active) is not None
    assert pair.reasons(pair.standby) == ("home: split-brain",)
    assert pair.told_once(pair.standby, "does not serve, and steps down", "split-brain").severity is ALERT
    pair.active.power_off()
    pair.passes(60)
    assert master(pair.standby) and not pair.holds(pair.standby)
    assert "split-brain" in pair.entries(pair.standby, "refused")[-1].result


def test_4_a_role_that_does_not_follow_carp_is_found_without_devd(state: Path) -> None:
    def devd_dead(pair: Watched) -> None:
        pair.breaks("kill", "nfs001", "devd")
        pair.active.run("sysctl net.inet.carp.demotion=100")
        pair.passes(150)

    documented = documented_pair()
    devd_dead(documented)
    assert documented.twice  # both nodes primary, both mounted

    pair = installed_pair(state)
    pair.looks_every_minute(pair.active)
    pair.passes(20)
    devd_dead(pair)
    assert not pair.twice
    assert pair.serves(pair.standby) and pair.rests(pair.active)
    assert pair.lost() == 0


def test_4_a_missed_promotion_is_reported_and_done_where_that_is_wanted(state: Path) -> None:
    """Without devd it is not known since when the node is MASTER, so the other one may have written alone until the
    look that found it: `stale_after` has to be longer than the time between two looks."""

    def devd_dead(pair: Watched) -> None:
        pair.breaks("kill", "nfs002", "devd")
        pair.active.power_off()
        pair.passes(150)

    documented = documented_pair()
    devd_dead(documented)
    assert documented.role(documented.standby) == "secondary" and master(documented.standby)

    settings = policy(stale_after=2 * PERIOD)
    reports = installed_pair(state / "reports", settings)
    reports.looks_every_minute(reports.standby)
    devd_dead(reports)
    assert not reports.serves(reports.standby)
    assert "promotes nothing" in reports.entries(reports.standby, "refused")[-1].result
    promotes = installed_pair(state / "promotes", policy(stale_after=2 * PERIOD, periodic_promotion=True))
    promotes.looks_every_minute(promotes.standby)
    devd_dead(promotes)
    assert promotes.serves(promotes.standby)


def test_5_a_service_that_is_moved_by_hand_arrives_and_loses_nothing(state: Path) -> None:
    """`ifconfig … state backup` on one node tells the other node nothing. The simulated CARP has it as it was seen on a
    preferred master: MASTER again 3 s later by itself (freebsd-facts: carp-events-by-cause)."""

    def state_backup(pair: Watched) -> None:
        pair.active.run("ifconfig vtnet1 vhid 2 state backup")
        pair.passes(60)

    documented = documented_pair()
    state_backup(documented)
    assert documented.serves(documented.active)  # where it came from
    assert documented.lost() > 0

    pair = installed_pair(state / "by hand")
    state_backup(pair)
    served = [node for node in pair.pair.nodes.values() if pair.serves(node)]
    assert len(served) == 1 and pair.rests(pair.pair.peer(served[0]))  # wherever CARP has the address in the end
    assert pair.lost() == 0
    moved = installed_pair(state / "moved")
    outcome = moved.does(moved.active, lambda context: switch(context, "human", lambda step: None))
    assert outcome.result is ConvergeResult.IN_PLACE
    moved.passes(10)
    assert moved.serves(moved.standby) and moved.rests(moved.active)
    assert moved.lost() == 0


def test_6_an_event_of_one_vhid_leaves_the_resources_of_another_alone(state: Path) -> None:
    def one_vhid_moves(pair: Watched) -> None:
        pair.active.run("ifconfig vtnet1 vhid 3 advskew 100")
        pair.passes(60)
        assert pair.carp(pair.active) == {"2@vtnet1": "MASTER", "3@vtnet1": "BACKUP"}

    documented = documented_pair(TWO)
    one_vhid_moves(documented)
    assert not documented.holds(documented.active, "home")
    assert documented.clients.silent_for() > 50

    pair = installed_pair(state, TWO)
    one_vhid_moves(pair)
    assert pair.serves(pair.active, "home") and pair.serves(pair.standby, "mail")
    assert pair.lost() == 0
    assert max(pair.clients.outages()) < 12


def test_7_master_at_boot_is_not_believed(state: Path) -> None:
    def deaf_boot(pair: Watched) -> None:
        pair.standby.power_off()
        pair.passes(30)
        pair.breaks("boot-flap", "nfs002", "4")
        pair.boots(pair.standby)
        assert any("BACKUP -> MASTER" in note.text for note in pair.pair.notes if note.node == "nfs002")
        assert not master(pair.standby)

    documented = documented_pair()
    deaf_boot(documented)
    assert documented.twice

    pair = installed_pair(state)
    deaf_boot(pair)
    assert not pair.twice
    assert pair.serves(pair.active) and pair.rests(pair.standby)


def test_7_master_at_boot_is_not_believed_where_the_other_node_cannot_be_asked(pair: InstalledPair) -> None:
    """Only the settle time helps then."""
    pair.standby.power_off()
    pair.passes(30)
    pair.breaks("cut-management")
    pair.breaks("boot-flap", "nfs002", "4")
    pair.boots(pair.standby)
    assert not pair.twice
    assert pair.serves(pair.active) and pair.rests(pair.standby)


def test_8_the_words_of_an_event_and_several_processes_of_hastd_are_understood(state: Path) -> None:
    def split_wrongly(node: Node, argv: list[str]) -> int:
        interface, vhid = argv[1].split("@")
        known = node.run(f"ifconfig {interface} vhid {vhid}").status == 0
        return documented_hook(node, argv) if known else 1

    def one_hastd(node: Node, argv: list[str]) -> int:
        pids = node.run("pgrep hastd").out.split()
        if len(pids) != 1:  # `[ -z $(pgrep hastd) ]`: too many arguments
            return 1
        return documented_hook(node, argv)

    def power_cut(pair: Watched) -> None:
        pair.active.power_off()
        pair.passes(60)

    for hook in (split_wrongly, one_hastd):
        documented = documented_pair(hook=hook)
        power_cut(documented)
        assert documented.role(documented.standby) == "secondary" and master(documented.standby)
    right = documented_pair()
    power_cut(right)
    assert right.serves(right.standby)

    pair = installed_pair(state)
    power_cut(pair)
    assert pair.serves(pair.standby)


def test_9_a_rebooted_preferred_node_leaves_the_address_where_it_serves(state: Path) -> None:
    def reboot(pair: Watched) -> None:
        pair.active.power_off()
        pair.passes(60)
        assert pair.serves(pair.standby)
        pair.boots(pair.active)

    documented = documented_pair()
    reboot(documented)
    assert master(documented.active) and not documented.holds(documented.active)
    assert documented.clients.silent_for() > 50

    pair = installed_pair(state)
    reboot(pair)
    assert pair.serves(pair.standby) and pair.rests(pair.active)
    assert pair.reasons(pair.active) == ("no failback",)
    assert len(pair.clients.outages()) == 1


def test_10_nothing_is_exported_and_nothing_written_where_nothing_is_mounted(state: Path) -> None:
    def reboot(pair: Watched) -> None:
        pair.standby.power_off()
        pair.passes(5)
        pair.boots(pair.standby)

    documented = documented_pair(nfs_at_boot=True)
    reboot(documented)
    assert documented.standby.filesystems.root_exported and documented.standby.nfs.answers("nfsd")
    assert documented.standby.run("echo lost > /hast/home/mail").status == 0

    pair = installed_pair(state / "installed")
    reboot(pair)
    assert not pair.standby.filesystems.root_exported and pair.rests(pair.standby)
    assert pair.standby.run("echo lost > /hast/home/mail").status != 0

    as_before = installed_pair(state / "rc.conf as before", nfs_at_boot=True)
    as_before.looks_every_minute(as_before.standby)
    reboot(as_before)
    assert not as_before.standby.nfs.answers("nfsd") and as_before.rests(as_before.standby)
    assert as_before.standby.run("echo lost > /hast/home/mail").status != 0


def test_11_a_file_system_that_comes_back_is_exported_again(state: Path) -> None:
    def reloading(node: Node, argv: list[str]) -> int:
        """NFS runs on both nodes, mountd is told to read its exports again."""
        if argv[2] == "MASTER":
            node.run("hastctl role primary home")
            node.run("sleep 1; fsck -t ufs -p /dev/hast/home; mount /dev/hast/home /hast/home")
            node.run("service mountd reload")
        else:
            node.run("umount -f /hast/home; hastctl role secondary home")
        return 0

    def there_and_back(pair: Watched) -> None:
        for change in ("=240", "=-240"):
            pair.active.run(f"sysctl net.inet.carp.demotion{change}")
            pair.passes(60)
        assert pair.holds(pair.active)

    documented = documented_pair(hook=reloading)
    for service in reversed(STOPPED):
        documented.standby.run(f"service {service} onestart")
    there_and_back(documented)
    assert OperationResult.STALE.value in documented.clients.account().errors
    assert not documented.serves(documented.active)

    pair = installed_pair(state, policy(failback="when-complete"))
    there_and_back(pair)
    assert pair.serves(pair.active)
    assert pair.clients.account().errors == {}
    assert pair.lost() == 0
