"""What becomes of acknowledged writes: the recorded losses and the recorded rescues, with whose doing they were."""

from __future__ import annotations

from dataclasses import replace

import pytest

from simulator.account.accounting import (
    Places,
    PossibleFailure,
    at_risk,
    disk_of,
    lost,
    places,
    unexplained,
)
from simulator.account.blame import saves_a_split_brain
from simulator.account.writes import LossCause, WriteFate
from simulator.faults.faults import inflict
from simulator.layout import PairLayout, ResourceLayout
from simulator.nfs.client import OperationResult
from simulator.node import Node
from simulator.pair import Pair
from tests.simulator.pools import await_device


def healthy(**changes: object) -> tuple[Pair, Node, Node]:
    pair = Pair(replace(PairLayout(), **changes))  # type: ignore[arg-type]
    pair.bring_up()
    first, second = pair.nodes.values()
    return pair, first, second


def write_records(pair: Pair, count: int, file: str = "mail", between: float = 0.1) -> None:
    client = pair.client()
    for _ in range(count):
        client.write_now(file)
        pair.clock.advance(between)


def take_over(pair: Pair, node: Node) -> None:
    """The documented steps on the standby."""
    pair.must(node, "hastctl role primary home")
    await_device(pair, node)
    pair.must(node, "fsck -t ufs -p /dev/hast/home")
    pair.must(node, "mount /dev/hast/home /hast/home")


def fates(pair: Pair) -> list[WriteFate]:
    return [each.fate for each in places(pair, "home")]


def causes(writes: list[Places]) -> set[LossCause | None]:
    return {each.cause for each in writes}


def test_a_power_cut_a_second_after_the_last_record_loses_the_whole_new_file_even_in_fullsync() -> None:
    """The commit wrote the data and not the directory entry (freebsd-facts: commit-is-not-the-name)."""
    pair, first, second = healthy()
    write_records(pair, 45)
    pair.clock.advance(1)
    assert len(at_risk(pair, "home", PossibleFailure.POWER_CUT)) == 45
    first.power_off()
    take_over(pair, second)
    assert fates(pair) == [WriteFate.LOST] * 45
    assert causes(lost(pair, "home")) == {LossCause.UFS_DELAY}
    assert "mail" not in pair.must(second, "ls /hast/home").split()


def test_with_short_delays_all_records_survive_a_power_cut_a_second_after_the_last() -> None:
    """kern.filedelay=3 and its kin: 45 of 45 records (freebsd-facts: delays-bound-the-loss)."""
    pair, first, second = healthy(filedelay=3, dirdelay=2, metadelay=1)
    write_records(pair, 45)
    pair.clock.advance(1)
    first.power_off()
    take_over(pair, second)
    assert fates(pair) == [WriteFate.SERVED] * 45


@pytest.mark.parametrize(("wait", "fate"), [(29, WriteFate.LOST), (31, WriteFate.SERVED)])
def test_the_window_for_new_names_is_as_long_as_the_longest_delay(wait: int, fate: WriteFate) -> None:
    pair, first, second = healthy()
    pair.client().write_now("mail")
    pair.clock.advance(wait)
    first.power_off()
    take_over(pair, second)
    assert fates(pair) == [fate]


def test_a_clean_unmount_while_connected_and_then_the_role_loses_nothing() -> None:
    """65 of 65 records, localcnt 0 on both, fsck finds it clean (freebsd-facts: clean-unmount-loses-nothing)."""
    pair, first, second = healthy()
    write_records(pair, 65)
    assert at_risk(pair, "home", PossibleFailure.CLEAN_HANDOVER) == []
    pair.must(first, "umount /hast/home")
    pair.must(first, "hastctl role secondary home")
    pair.must(second, "hastctl role primary home")
    pair.clock.advance(1)
    checked = pair.must(second, "fsck -t ufs -p /dev/hast/home")
    pair.must(second, "mount /dev/hast/home /hast/home")
    assert fates(pair) == [WriteFate.SERVED] * 65
    assert "FILE SYSTEM CLEAN; SKIPPING CHECKS" in checked
    for node in (first, second):
        assert "localcnt: 0" in pair.must(node, "hastctl dump home")


def test_the_role_first_with_the_link_up_loses_what_was_buffered_and_that_is_the_steps_doing() -> None:
    pair, first, second = healthy()
    write_records(pair, 10)
    assert {risk.cause for risk in at_risk(pair, "home", PossibleFailure.ROLE_FIRST)} == {LossCause.STEPS}
    pair.must(first, "hastctl role secondary home")
    take_over(pair, second)
    assert fates(pair) == [WriteFate.LOST] * 10
    assert causes(lost(pair, "home")) == {LossCause.STEPS}
    assert "UFS: forcibly unmounting /dev/hast/home" in first.files.read("/var/log/messages")


def test_the_role_first_on_the_only_node_is_the_steps_doing_and_no_delay_of_ufs() -> None:
    """As on a real pair: the peer dead, 219 of 271 acknowledged writes lost (freebsd-facts:
    forced-unmount-loses-buffers)."""
    pair, first, second = healthy()
    write_records(pair, 5)
    second.power_off()
    write_records(pair, 5)
    pair.clock.advance(1)
    assert [risk.cause for risk in at_risk(pair, "home", PossibleFailure.ROLE_FIRST)] == [LossCause.STEPS] * 10
    pair.must(first, "hastctl role secondary home")
    take_over(pair, first)
    assert causes(lost(pair, "home")) == {LossCause.STEPS}


def test_a_clean_unmount_on_the_only_node_loses_nothing() -> None:
    pair, first, second = healthy()
    second.power_off()
    write_records(pair, 10)
    pair.must(first, "umount /hast/home")
    pair.must(first, "hastctl role secondary home")
    take_over(pair, first)
    assert lost(pair, "home") == []


@pytest.mark.parametrize("pulled", ["nfs001", "nfs002"])
def test_nothing_is_replicated_while_either_cable_is_pulled(pulled: str) -> None:
    pair, first, second = healthy()
    before = disk_of(second, "home").pieces()
    inflict(pair, "carrier-off", pulled)
    first.start_command("echo here >/hast/home/f; fsync /hast/home/f")
    pair.clock.advance(15)
    assert disk_of(first, "home").pieces() > before == disk_of(second, "home").pieces()


@pytest.mark.parametrize("pulled", ["nfs001", "nfs002"])
def test_the_role_first_instead_of_a_split_brain_is_not_the_steps_doing(pulled: str) -> None:
    """The link is cut, nothing was written alone, and the other node has the service: what was buffered would have been
    in the copy that loses."""
    pair, first, second = healthy()
    write_records(pair, 3)
    inflict(pair, "carrier-off", pulled)
    if pulled == second.name:  # its own cable keeps it from the address, and not from being promoted
        first.run("ifconfig vtnet1 vhid 2 state backup")
    pair.clock.advance(0.1)
    assert {risk.cause for risk in at_risk(pair, "home", PossibleFailure.ROLE_FIRST)} == {LossCause.ONE_HISTORY}
    pair.must(first, "hastctl role secondary home")
    take_over(pair, second)
    assert causes(lost(pair, "home")) == {LossCause.ONE_HISTORY}


@pytest.mark.parametrize("died", [("kill nfs002 hastd",), ("power-off nfs002", "power-on nfs002")], ids=str)
@pytest.mark.parametrize(("seconds", "cause"), [(0.2, LossCause.ONE_HISTORY), (2.0, LossCause.STEPS)])
def test_the_role_first_is_excused_only_where_the_other_hastd_died_too_late_to_be_known(
    seconds: float, cause: LossCause, died: tuple[str, ...]
) -> None:
    pair, first, _ = healthy()
    write_records(pair, 3)
    inflict(pair, "carrier-off", "nfs001")
    for fault in died:
        inflict(pair, *fault.split())
    pair.clock.advance(seconds)
    pair.must(first, "hastctl role secondary home")
    assert causes(lost(pair, "home")) == {cause}


def test_the_role_first_is_excused_where_the_first_write_alone_was_completed_too_late_to_be_known() -> None:
    pair, first, _ = healthy()
    inflict(pair, "carrier-off", "nfs001")
    first.start_command("echo waits >/hast/home/f; fsync /hast/home/f")
    (worker,) = pair.primaries()
    assert saves_a_split_brain(first, worker)
    while worker.connected:
        pair.clock.advance(0.1)
    assert worker.metadata.localcnt == 1 and saves_a_split_brain(first, worker)
    pair.clock.advance(2)
    assert not saves_a_split_brain(first, worker)


@pytest.mark.parametrize(("seconds", "cause"), [(0.2, LossCause.ONE_HISTORY), (0.8, LossCause.STEPS)])
def test_the_role_first_is_excused_only_where_the_worker_died_too_late_to_be_known(
    seconds: float, cause: LossCause
) -> None:
    pair, first, _ = healthy()
    write_records(pair, 3)
    inflict(pair, "carrier-off", "nfs001")
    inflict(pair, "kill", "nfs001", "worker")
    pair.clock.advance(seconds)
    pair.must(first, "hastctl role secondary home")
    assert causes(lost(pair, "home")) == {cause}


def is_busy(node: Node) -> None:
    """Others use its processors for a second or two."""
    for _ in range(8):
        node.processor.use(1.0)


@pytest.mark.parametrize(("seconds", "cause"), [(0.2, LossCause.ONE_HISTORY), (2.0, LossCause.STEPS)])
def test_the_role_first_is_excused_only_where_the_address_came_back_too_late_to_be_known(
    seconds: float, cause: LossCause
) -> None:
    """By the moment at which the role was ordered: to end the worker takes longer on a busy node."""
    pair, first, _ = healthy()
    write_records(pair, 3)
    inflict(pair, "cut-replication")
    first.run("ifconfig vtnet1 vhid 2 state backup")
    first.run("ifconfig vtnet1 vhid 2 state master")
    pair.clock.advance(seconds)
    pair.clock.after(0.1, lambda: is_busy(first))
    pair.must(first, "hastctl role secondary home")
    assert causes(lost(pair, "home")) == {cause}


def test_the_role_first_is_the_steps_doing_while_hastd_starts_another_worker() -> None:
    """An unmount waits for it (freebsd-facts: killed-worker-comes-back)."""
    pair, first, second = healthy()
    write_records(pair, 5)
    inflict(pair, "kill", "nfs001", "worker:home")
    pair.must(first, "hastctl role secondary home")
    take_over(pair, second)
    assert causes(lost(pair, "home")) == {LossCause.STEPS}


def test_a_hastd_that_is_stopped_under_a_mount_is_the_steps_doing() -> None:
    pair, first, second = healthy()
    write_records(pair, 5)
    pair.must(first, "service hastd onestop")
    take_over(pair, second)
    assert causes(lost(pair, "home")) == {LossCause.STEPS}


def test_the_role_first_is_the_steps_doing_while_the_other_node_boots_unnoticed() -> None:
    pair, first, second = healthy()
    write_records(pair, 10)
    second.power_off()
    second.power_on()
    pair.clock.advance(1)
    assert second.on and not second.hastd.running
    pair.must(first, "hastctl role secondary home")
    take_over(pair, first)
    assert causes(lost(pair, "home")) == {LossCause.STEPS}


@pytest.mark.parametrize(("unmount_first", "counters_of_the_old", "split"), [(True, 1, True), (False, 0, False)])
def test_the_documented_table_of_unmount_first_and_role_first(
    unmount_first: bool, counters_of_the_old: int, split: bool
) -> None:
    """The link already cut, n1 leaves, n2 takes over, n1 returns as secondary (freebsd-facts: unmount-first-splits)."""
    pair, first, second = healthy()
    inflict(pair, "cut")
    pair.clock.advance(40)
    assert "localcnt: 0" in pair.must(first, "hastctl dump home")
    steps = ["umount /hast/home", "hastctl role secondary home"]
    if not unmount_first:
        steps = ["hastctl role secondary home"]
    for step in steps:
        pair.must(first, step)
    assert f"localcnt: {counters_of_the_old}" in pair.must(first, "hastctl dump home")
    take_over(pair, second)
    assert "localcnt: 1" in pair.must(second, "hastctl dump home")
    inflict(pair, "heal")
    pair.clock.advance(60)
    assert ("exitcode=78" in first.files.read("/var/log/daemon.log")) is split
    assert ("complete" in pair.must(first, "hastctl status home")) is not split


def test_what_was_written_during_a_cut_is_stranded_on_the_old_primary_and_that_is_replications_doing() -> None:
    pair, first, second = healthy()
    inflict(pair, "cut-replication")
    pair.client().write_now("mail")
    pair.clock.advance(45)
    first.power_off()
    take_over(pair, second)
    writes = places(pair, "home")
    assert [each.fate for each in writes] == [WriteFate.STRANDED]
    assert causes(writes) == {LossCause.REPLICATION}
    assert writes[0].complete_on == ("nfs001",)


def test_the_recovery_from_a_split_brain_overwrites_what_only_the_loser_had() -> None:
    pair, first, second = healthy()
    inflict(pair, "cut-replication")
    pair.client().write_now("only-on-first")
    pair.clock.advance(45)
    first.power_off()
    take_over(pair, second)
    pair.client().write_now("only-on-second")
    inflict(pair, "heal")
    pair.clock.wait(first.power_on())
    pair.must(first, "hastctl create home")
    pair.must(first, "hastctl role secondary home")
    pair.clock.advance(120)
    by_file = {each.write.file: each for each in places(pair, "home")}
    assert by_file["only-on-first"].fate is WriteFate.LOST
    assert by_file["only-on-first"].cause is LossCause.OVERWRITTEN
    assert by_file["only-on-second"].fate is WriteFate.SERVED
    assert unexplained(pair, "home") == set()


def test_what_a_power_cut_took_is_its_doing_also_after_a_recovery_has_overwritten_the_rest() -> None:
    """The content of both was on the first disk; the name of one was not, and the power cut took it."""
    pair, first, second = healthy()
    inflict(pair, "cut-replication")
    pair.client().write_now("old")
    pair.clock.advance(45)
    pair.client().write_now("new")
    first.power_off()
    take_over(pair, second)
    assert causes(places(pair, "home")) == {LossCause.REPLICATION, LossCause.UFS_DELAY}
    pair.client().write_now("only-on-second")
    inflict(pair, "heal")
    pair.clock.wait(first.power_on())
    pair.must(first, "hastctl create home")
    pair.must(first, "hastctl role secondary home")
    pair.clock.advance(120)
    by_file = {each.write.file: each.cause for each in lost(pair, "home")}
    assert by_file == {"old": LossCause.OVERWRITTEN, "new": LossCause.UFS_DELAY}


def test_a_copy_that_was_lost_and_made_again_is_not_the_cause_of_a_later_loss() -> None:
    pair, first, second = healthy(filedelay=3, dirdelay=2, metadelay=1)
    pair.client().write_now("mail")
    pair.clock.advance(10)
    pair.must(second, "service hastd onestop")
    inflict(pair, "new-disk", "nfs002")
    assert pair.ledger.discarded[0].cause is LossCause.DISK
    assert fates(pair) == [WriteFate.SERVED]
    pair.client().write_now("unsaid")
    first.power_off()
    assert {pair.ledger.discarded[write.number].cause for write in pair.ledger.writes} == {
        LossCause.DISK,
        LossCause.UFS_DELAY,
    }
    assert causes(lost(pair, "home")) == {LossCause.UFS_DELAY}


@pytest.mark.parametrize(
    ("mode", "fate"), [("fullsync", WriteFate.SERVED), ("memsync", WriteFate.SERVED), ("async", WriteFate.STRANDED)]
)
def test_only_async_gives_up_a_record_that_was_just_acknowledged(mode: str, fate: WriteFate) -> None:
    pair, first, second = healthy(resources=(ResourceLayout(replication=mode),), filedelay=3, dirdelay=2, metadelay=1)
    pair.client().write_now("mail")
    pair.clock.advance(10)
    pair.client().write_now("mail")
    first.power_off()
    pair.clock.advance(1)
    take_over(pair, second)
    assert fates(pair) == [WriteFate.SERVED, fate]


def test_a_memsync_record_is_lost_when_both_nodes_lose_power_and_only_the_standby_returns() -> None:
    layout = (ResourceLayout(replication="memsync"),)
    pair, first, second = healthy(resources=layout, filedelay=3, dirdelay=2, metadelay=1)
    pair.client().write_now("mail")
    pair.clock.advance(10)
    pair.client().write_now("mail")
    first.power_off()
    second.power_off()
    pair.clock.wait(second.power_on())
    pair.clock.advance(5)
    take_over(pair, second)
    assert fates(pair) == [WriteFate.SERVED, WriteFate.STRANDED]


def test_a_write_that_waits_for_a_cut_link_is_acknowledged_after_the_timeout_and_raises_localcnt_once() -> None:
    pair, first, _ = healthy()
    inflict(pair, "cut-replication")
    operation = pair.client().write_now("mail")
    assert operation.ended - operation.began == pytest.approx(10, abs=0.5)
    pair.client().write_now("mail")
    assert "localcnt: 1" in pair.must(first, "hastctl dump home")


def test_a_process_that_writes_after_a_forced_unmount_writes_into_the_root_file_system() -> None:
    """No error, and the mail is under the mount point (freebsd-facts: writes-land-underneath)."""
    pair, first, _ = healthy()
    pair.must(first, "hastctl role secondary home")
    pair.must(first, "sh -c 'echo x > /hast/home/mail'")
    assert first.files.read("/hast/home/mail") == "x\n"
    assert first.run("umount /hast/home").err == "umount: /hast/home: not a file system root directory\n"


def test_an_immutable_mount_point_refuses_writes_while_nothing_is_mounted_and_can_be_mounted_on() -> None:
    """freebsd-facts: immutable-mount-point."""
    pair, first, _ = healthy()
    pair.must(first, "umount /hast/home")
    pair.must(first, "chflags schg /hast/home")
    assert first.run("sh -c 'echo x > /hast/home/mail'").status != 0
    pair.must(first, "mount /dev/hast/home /hast/home")
    pair.must(first, "sh -c 'echo x > /hast/home/mail'")


def test_a_client_has_no_answer_for_as_long_as_nfsd_hangs() -> None:
    pair, first, _ = healthy()
    client = pair.client()
    last = client.write_now("mail")
    inflict(pair, "hang", "nfs001", "nfsd")
    waiting = client.write("mail")
    pair.clock.advance(20)
    inflict(pair, "resume", "nfs001", "nfsd")
    pair.clock.wait(waiting)
    assert waiting.value is not None and waiting.value.answer is last.answer is OperationResult.OK
    assert 20 <= waiting.value.ended - last.ended < 22
    assert first.on


def test_a_full_file_system_refuses_the_write_and_loses_nothing_acknowledged() -> None:
    pair, _, _ = healthy()
    write_records(pair, 3)
    inflict(pair, "disk-full", "nfs001")
    assert pair.client().write_now("more").answer.name == "NO_SPACE"
    assert fates(pair) == [WriteFate.SERVED] * 3
