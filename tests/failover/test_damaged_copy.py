"""A copy on which a write failed is not complete, whatever HAST says: kept in the ledger, refused, handed over once."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from time import gmtime, strftime

import pytest

from checks.probes.damage_record import Damage, RecreationStage
from remediate.config import RemediationConfig
from remediate.failover import damaged
from remediate.failover.converge import ConvergeRequest
from remediate.failover.errors import StepFailed
from remediate.failover.switchover import switch
from remediate.recovery.recover import RecoveryRefused
from remediate.rehearsal.cron import start_cron
from remediate.state import ledger
from remediate.state.ledger import CopyState
from remediate.subcommands import ledger as ledger_command
from remediate.subcommands import verify_repair
from remediate.verification.verify import verify
from simulator.account.accounting import disk_of
from simulator.host.log import MESSAGES
from simulator.node import Node
from tests.failover.installed_pair import InstalledPair, installed_pair, master, policy

pytestmark = pytest.mark.slow

MINUTES = 130.0


def with_cron(state: Path, config: RemediationConfig | None = None) -> InstalledPair:
    pair = installed_pair(state, config)
    start_cron(pair.installed)
    return pair


def damage(pair: InstalledPair, node: Node) -> Damage | None:
    return ledger.read(pair.store(node), "home").damage


def fails_for_a_while(pair: InstalledPair, node: Node, seconds: float = 20.0) -> None:
    """Some writes to its disk fail, then it is well again, and time passes for cron(8) to look."""
    pair.breaks("disk-fails-writes", node.name, "home", str(seconds))
    pair.passes(MINUTES)


def made_anew(pair: InstalledPair, node: Node) -> None:
    """As documented."""
    for command in ("hastctl role init home", "hastctl create home"):
        pair.pair.must(node, command)
    pair.converges(node)


def reconnects(pair: InstalledPair) -> None:
    """The link is cut and heals: new workers, whose counters are 0."""
    pair.breaks("cut-replication")
    pair.passes(40)
    pair.breaks("heal")
    pair.passes(60)


# --- the standby -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("begins", [2.4, 2.6, 2.8])
def test_a_write_that_fails_in_a_handover_keeps_the_other_node_from_serving(pair: InstalledPair, begins: float) -> None:
    """It has said already that it is ready: this is one of the last writes, before the role."""
    pair.active.run("echo mail > /hast/home/mail")
    pair.active.shut_down()
    pair.passes(begins)
    pair.breaks("disk-fails-writes", pair.standby.name)
    pair.passes(1)
    pair.breaks("disk-ok", pair.standby.name)
    pair.passes(60)
    assert damage(pair, pair.standby) is not None and not pair.holds(pair.standby), pair.story()


@pytest.mark.quick
def test_a_standby_that_failed_a_write_is_damaged_for_good_and_its_primary_is_not_believed(state: Path) -> None:
    pair = with_cron(state)
    fails_for_a_while(pair, pair.standby)
    reconnects(pair)
    pair.passes(MINUTES)
    own = ledger.read(pair.store(pair.standby), "home")
    assert own.copy is CopyState.INCOMPLETE and own.damage is not None and own.damage.anew is RecreationStage.NO
    assert "hastd counts" in own.damage.says and "vtbd1, sector" in own.damage.says
    assert pair.reasons(pair.standby) == ("home: damaged copy",)
    assert damage(pair, pair.active) is None and pair.serves(pair.active)
    assert len(pair.entries(pair.standby, "damaged")) == 1, pair.story()


def test_a_damaged_standby_is_not_promoted_when_the_primary_dies_and_says_why(state: Path) -> None:
    pair = with_cron(state, policy(promote_stale=True))
    fails_for_a_while(pair, pair.standby)
    pair.active.power_off()
    pair.passes(MINUTES)
    assert master(pair.standby) and pair.rests(pair.standby), pair.story()
    sentence = pair.told_once(pair.standby, "a write failed on this copy", "refused").result
    assert "clients would be served old data" in sentence and "sector" in sentence
    outcome = pair.converges(pair.standby, ConvergeRequest("human", accept_loss=True))
    assert pair.serves(pair.standby), (outcome, pair.story())
    pair.passes(MINUTES)
    assert pair.serves(pair.standby) and damage(pair, pair.standby) is None, pair.story()


def test_a_failure_that_nobody_has_looked_at_before_the_worker_went_is_found_in_the_log(pair: InstalledPair) -> None:
    """The standby's worker ends with its counters a moment before anybody looks."""
    pair.breaks("disk-fails-writes", pair.standby.name, "home", "5")
    pair.passes(20)
    pair.breaks("kill", pair.standby.name, "worker")
    pair.passes(1)
    pair.active.power_off()
    pair.passes(60)
    assert master(pair.standby) and pair.rests(pair.standby), pair.story()
    failure = damage(pair, pair.standby)
    assert failure is not None and "hastd counts" not in failure.says and "vtbd1, sector" in failure.says


def rotates(node: Node, log: str = MESSAGES) -> None:
    """newsyslog(8), without compression: the line that it begins the new log with names the time and its process."""
    was = node.files.read(log)
    node.files.remove(log)
    node.files.write(f"{log}.0", was)
    node.syslog(log, f"newsyslog[{len(was)}]: logfile turned over due to size>1000K")


def fails_without_a_look(pair: InstalledPair) -> None:
    """The standby's disk fails writes, and the worker that counts them ends."""
    programs = dict(pair.standby.programs)
    pair.standby.programs.clear()
    pair.breaks("disk-fails-writes", pair.standby.name, "home", "5")
    pair.passes(20)
    pair.breaks("kill", pair.standby.name, "worker")
    pair.passes(40)
    pair.standby.programs.update(programs)


def test_a_failure_is_found_in_a_log_that_was_rotated_since_the_last_look(pair: InstalledPair) -> None:
    pair.converges(pair.standby)
    fails_without_a_look(pair)
    rotates(pair.standby)
    pair.converges(pair.standby)
    failure = damage(pair, pair.standby)
    assert failure is not None and "vtbd1, sector" in failure.says, pair.story()


@pytest.mark.parametrize("full", [False, True])
def test_an_archive_is_read_again_only_as_long_as_it_cannot_be_noted_that_it_was_read(
    pair: InstalledPair, full: bool
) -> None:
    pair.converges(pair.standby)
    rotates(pair.standby)
    if full:
        pair.breaks("state-full", pair.standby.name)
    pair.converges(pair.standby)
    pair.breaks("state-ok", pair.standby.name)
    when = strftime("%b %d %H:%M:%S", gmtime(pair.standby.now))
    text = "vtbd1: hard error cmd=write fsbn 8192"
    pair.standby.syslogd.buffer.append(text)
    pair.standby.files.write(f"{MESSAGES}.0", f"{when} nfs002 kernel: {text}\n", append=True)
    pair.converges(pair.standby)
    assert (damage(pair, pair.standby) is not None) is full


def test_an_archive_of_before_the_first_look_proves_nothing(pair: InstalledPair) -> None:
    """The disk may have been replaced months ago."""
    pair.store(pair.standby).remove("logs.json")
    pair.standby.files.write(f"{MESSAGES}.0", "Nov 22 08:00:00 nfs002 kernel: vtbd1: hard error cmd=write fsbn 8192\n")
    pair.converges(pair.standby)
    assert damage(pair, pair.standby) is None


def test_a_failure_right_before_a_boot_is_found_in_the_log(pair: InstalledPair) -> None:
    """The message buffer of the kernel is gone with the power."""
    pair.converges(pair.standby)
    fails_without_a_look(pair)
    pair.standby.power_off()
    pair.passes(5)
    pair.boots(pair.standby)
    failure = damage(pair, pair.standby)
    assert failure is not None and "vtbd1, sector" in failure.says, pair.story()


FORGED = (
    ("kernel", "vtbd1: hard error cmd=write fsbn 8192"),
    ("me", "kernel: vtbd1: hard error cmd=write fsbn 8192"),
    ("hastd[570]", "[home] (secondary) Request failed: WRITE(2097152, 32768).: Input/output error."),
)
"""A tag and a text that a user gives to logger(1)."""


@pytest.mark.parametrize(("tag", "text"), FORGED)
@pytest.mark.parametrize("boots", [False, True])
def test_a_line_that_a_user_writes_in_the_name_of_the_kernel_or_of_hastd_damages_no_copy(
    state: Path, tag: str, text: str, boots: bool
) -> None:
    pair = with_cron(state)
    for node in (pair.active, pair.standby):
        node.run(f'su -m nobody -c \'logger -t "{tag}" "{text}"\'')
        assert f"{tag}: {text}" in node.files.read(MESSAGES)
    pair.passes(MINUTES)
    if boots:
        pair.standby.power_off()
        pair.passes(5)
        pair.boots(pair.standby)
        pair.passes(MINUTES)
    assert damage(pair, pair.standby) is None and damage(pair, pair.active) is None, pair.story()
    assert len(pair.entries(pair.standby, "forged")) == (tag != "hastd[570]")
    pair.active.power_off()
    assert pair.until(lambda: pair.serves(pair.standby), 60), pair.story()


def test_a_damaged_copy_is_sound_again_when_it_was_created_filled_and_called_complete(state: Path) -> None:
    pair = with_cron(state)
    fails_for_a_while(pair, pair.standby)
    made_anew(pair, pair.standby)
    failure = damage(pair, pair.standby)
    assert failure is not None and failure.anew is not RecreationStage.NO, pair.story()
    pair.passes(2 * MINUTES)
    assert damage(pair, pair.standby) is None, pair.story()
    assert ledger.read(pair.store(pair.standby), "home").copy is CopyState.COMPLETE
    assert "home: damaged copy" not in pair.reasons(pair.standby)
    assert pair.pair.ledger and not disk_of(pair.standby, "home").damaged
    pair.active.power_off()
    assert pair.until(lambda: pair.serves(pair.standby), 60), pair.story()


def test_a_copy_whose_disk_fails_again_while_it_is_filled_stays_damaged(state: Path) -> None:
    pair = with_cron(state)
    fails_for_a_while(pair, pair.standby)
    made_anew(pair, pair.standby)
    pair.passes(5)
    pair.breaks("disk-fails-writes", pair.standby.name, "home", "15")
    pair.passes(2 * MINUTES)
    failure = damage(pair, pair.standby)
    assert failure is not None and failure.anew is RecreationStage.NO, pair.story()


def test_a_new_role_alone_makes_nothing_sound(state: Path) -> None:
    pair = with_cron(state)
    fails_for_a_while(pair, pair.standby)
    for command in ("hastctl role init home", "hastctl role secondary home"):
        pair.pair.must(pair.standby, command)
    pair.passes(2 * MINUTES)
    assert damage(pair, pair.standby) is not None


def test_a_reboot_forgets_no_damage(state: Path) -> None:
    pair = with_cron(state)
    fails_for_a_while(pair, pair.standby)
    pair.standby.power_off()
    pair.passes(5)
    pair.boots(pair.standby)
    pair.passes(MINUTES)
    assert damage(pair, pair.standby) is not None and pair.reasons(pair.standby) == ("home: damaged copy",)


def test_a_switchover_to_a_damaged_copy_is_refused_before_anything_is_done(state: Path) -> None:
    pair = with_cron(state)
    fails_for_a_while(pair, pair.standby)
    with pytest.raises(StepFailed, match=r"the copy of home on nfs002 is damaged: .*sector"):
        pair.does(pair.active, lambda context: switch(context, "human", lambda step: None))
    assert pair.serves(pair.active) and not pair.entries(pair.active, "step")


def test_a_read_that_fails_damages_nothing(state: Path) -> None:
    pair = with_cron(state)
    disk_of(pair.active, "home").bad_reads[0] = 100
    pair.pair.must(pair.active, "dd if=/dev/hast/home of=/dev/null bs=64k count=1")
    pair.passes(MINUTES)
    assert "hard error cmd=read" in pair.active.files.read("/var/log/messages")
    assert damage(pair, pair.active) is None and pair.serves(pair.active)


# --- the primary -------------------------------------------------------------------------------------------------


def test_a_primary_whose_disk_fails_writes_hands_over_once_and_nothing_is_lost(state: Path) -> None:
    pair = with_cron(state)
    pair.breaks("disk-fails-writes", pair.active.name)
    assert pair.until(lambda: pair.serves(pair.standby), 180), pair.story()
    pair.passes(5)
    assert pair.lost() == 0 and pair.sound, pair.story()
    pair.breaks("disk-ok", pair.active.name)
    pair.passes(2 * MINUTES)
    assert pair.serves(pair.standby) and pair.rests(pair.active), pair.story()
    assert pair.reasons(pair.active) == ("home: damaged copy",)
    assert len(pair.entries(pair.active, "disk-errors")) == 1
    assert damage(pair, pair.standby) is None


def test_report_moves_nothing(state: Path) -> None:
    pair = with_cron(state, policy(disk_errors="report"))
    fails_for_a_while(pair, pair.active)
    assert pair.serves(pair.active) and damage(pair, pair.active) is not None
    assert not pair.entries(pair.active, "disk-errors")


def test_with_both_copies_damaged_nothing_moves_and_it_is_said_once_where_each_failed(state: Path) -> None:
    pair = with_cron(state)
    pair.breaks("disk-fails-writes", pair.standby.name, "home", "20")
    pair.passes(MINUTES)
    pair.breaks("disk-fails-writes", pair.active.name, "home", "20")
    pair.passes(2 * MINUTES)
    assert pair.serves(pair.active) and pair.rests(pair.standby)
    sentence = pair.told_once(pair.active, "nothing is moved", "disk-errors").result
    assert "the copy of home on nfs002 is damaged" in sentence and sentence.count("sector") >= 2, sentence


def test_with_both_copies_damaged_neither_is_recreated_from_the_other_and_the_ledger_warns_of_it(
    state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each has a block that is good on it alone."""
    pair = with_cron(state)
    fails_for_a_while(pair, pair.standby)
    fails_for_a_while(pair, pair.active)
    pair.does(pair.active, lambda context: verify(context, "home", "test"))
    before = disk_of(pair.standby, "home").metadata
    options = Namespace(resource=["home"], to=str(state / "salvage"), image=False, dry_run=False, yes=True)
    with pytest.raises(RecoveryRefused, match="the other node knows its own copy to be incomplete"):
        pair.does(pair.standby, lambda context: verify_repair.repair(context, options))
    assert disk_of(pair.standby, "home").metadata is before and pair.serves(pair.active)
    capsys.readouterr()
    shows = Namespace(resource=("home",), told=None, sound=False, json=False)
    for node in (pair.active, pair.standby):
        pair.does(node, lambda context: ledger_command.act(context, shows))
        assert "if both copies are damaged, each may have blocks that are good on it alone" in capsys.readouterr().out
    made_anew(pair, pair.standby)
    capsys.readouterr()
    pair.does(pair.standby, lambda context: ledger_command.act(context, shows))
    assert "if both copies are damaged" not in capsys.readouterr().out, "it has been recreated"


def test_a_primary_without_a_peer_goes_on_and_hands_over_when_that_is_complete_again(state: Path) -> None:
    pair = with_cron(state)
    pair.breaks("disk-fails-writes", pair.active.name, "home", "20")
    pair.passes(25)
    pair.breaks("cut-replication")
    pair.passes(2 * MINUTES)
    assert pair.serves(pair.active), pair.story()
    pair.breaks("heal")
    assert pair.until(lambda: pair.serves(pair.standby), 240), pair.story()
    assert pair.sound


def test_a_failed_move_is_not_begun_again_and_the_damaged_copy_does_not_come_back_by_itself(state: Path) -> None:
    """The other node could not mount its good copy: nobody serves until an operator decides."""
    pair = with_cron(state)
    pair.breaks("mount-fails", pair.standby.name, "home")
    fails_for_a_while(pair, pair.active)
    pair.passes(3 * MINUTES)
    begun = [entry for entry in pair.entries(pair.active, "switchover") if "begins" in entry.result]
    assert len(begun) == 1, pair.story()
    assert not pair.serves(pair.active) and not pair.serves(pair.standby)
    assert pair.blocked(pair.standby) and "home: damaged copy" in pair.reasons(pair.active)


def test_a_human_declares_a_copy_sound_not_while_the_worker_still_counts(state: Path) -> None:
    """`hastwatch ledger home --sound`."""
    pair = with_cron(state)
    fails_for_a_while(pair, pair.standby)
    with pytest.raises(StepFailed, match="these counters end with the worker"):
        pair.does(pair.standby, lambda context: damaged.declare_intact(context, "home", "root"))
    assert damage(pair, pair.standby) is not None
    for command in ("hastctl role init home", "hastctl role secondary home"):
        pair.pair.must(pair.standby, command)
    pair.does(pair.standby, lambda context: damaged.declare_intact(context, "home", "root"))
    pair.passes(MINUTES)
    assert damage(pair, pair.standby) is None, pair.story()
    assert ledger.read(pair.store(pair.standby), "home").copy is CopyState.COMPLETE
    assert pair.reasons(pair.standby) != ("home: damaged copy",)


# --- nobody serves, and the damaged copy has writes that the other one lacks ----------------------------------------


def alone_and_damaged(state: Path) -> InstalledPair:
    """The standby was off while the active node wrote and while its disk failed writes; that one was rebooted since."""
    pair = with_cron(state)
    pair.standby.power_off()
    pair.passes(60)
    fails_for_a_while(pair, pair.active)
    pair.pair.clock.wait(pair.active.shut_down())
    pair.boots(pair.active)
    assert damage(pair, pair.active) is not None and not pair.holds(pair.active), pair.story()
    return pair


def test_a_copy_that_was_seen_to_lack_writes_is_not_served_because_the_other_one_was_created_anew(state: Path) -> None:
    """Else they would be gone a minute after the command, without an operator's word on it."""
    pair = alone_and_damaged(state)
    pair.boots(pair.standby)
    pair.passes(MINUTES)
    sentence = pair.told_once(pair.standby, "the counters on both disks showed that this copy lacks writes", "ledger")
    assert sentence.result == "this copy is incomplete"
    made_anew(pair, pair.active)
    pair.passes(2 * MINUTES)
    assert not pair.holds(pair.standby), pair.story()
    pair.converges(pair.standby, ConvergeRequest("human", accept_loss=True))
    assert pair.until(lambda: pair.serves(pair.standby), 60), pair.story()
    pair.passes(2 * MINUTES)
    assert damage(pair, pair.active) is None and pair.serves(pair.standby) and pair.sound, pair.story()


def test_a_booted_copy_learns_nothing_from_the_other_one_that_was_created_anew_before_both_could_be_compared(
    state: Path,
) -> None:
    pair = alone_and_damaged(state)
    made_anew(pair, pair.active)
    pair.boots(pair.standby)
    pair.passes(2 * MINUTES)
    assert not pair.holds(pair.standby), pair.story()
    pair.converges(pair.standby, ConvergeRequest("human", accept_loss=True))
    assert pair.until(lambda: pair.serves(pair.standby), 60), pair.story()
