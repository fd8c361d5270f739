"""Telling comes after serving: what hastd says in the middle of a promotion starts nothing, and the other node gets one
message for all that happened."""

from __future__ import annotations

import pytest

from checks.probes.carp_demotion import DemotionCause, DemotionReason
from remediate.context import Context
from remediate.failover import carp_demotion
from remediate.failover.afterwards import convergence_heeds
from remediate.failover.converge import LOCK, ConvergeRequest
from remediate.failover.peer_notice import TOLD as TOLD_LAST
from remediate.failover.peer_notice import PeerNotice, reported
from remediate.state import ledger, maintenance, noted
from remediate.state.ledger import CopyState
from remediate.state.lock import Lock
from simulator.dying import Killed, KillPoint
from tests.failover.installed_pair import InstalledPair

pytestmark = pytest.mark.slow

LONG = 240.0

TOLD = "nfs001 reported that this copy is behind"


def promotion(pair: InstalledPair) -> tuple[float, float]:
    """When the standby began to converge for the event of its promotion, and when it served, of the pair's clock."""
    plan = next(entry for entry in pair.entries(pair.standby, "plan") if "become-primary" in entry.result)
    (served,) = pair.entries(pair.standby, "promoted")
    return plan.time, served.time


def during(happened: list[tuple[float, str, str]], node: str, span: tuple[float, float]) -> list[str]:
    """What happened on a node in that time."""
    return [what for at, where, what in happened if where == node and span[0] <= at <= span[1]]


@pytest.mark.quick
def test_a_promotion_notes_what_hastd_says_and_starts_no_process_for_it(pair: InstalledPair) -> None:
    pair.breaks("power-off", "nfs001")
    assert pair.until(lambda: pair.serves(pair.standby), LONG), pair.story()
    pair.passes(5)
    span = promotion(pair)
    assert during(pair.installed.started, "nfs002", span) == []
    assert "role home secondary primary" in during(pair.installed.noted, "nfs002", span)
    pair.passes(30)
    assert noted.waiting(pair.store(pair.standby)) == []
    assert pair.sound


@pytest.mark.parametrize("begun", ["switchover", "demotion"])
def test_the_other_node_is_told_after_serving_and_once(pair: InstalledPair, begun: str) -> None:
    pair.passes(5)
    pair.installed.messages.clear()
    if begun == "switchover":
        pair.moves()
    else:
        pair.active.run("sysctl net.inet.carp.demotion=200")
    assert pair.until(lambda: pair.serves(pair.standby), LONG), pair.story()
    pair.passes(60)
    served = pair.entries(pair.standby, "promoted" if begun == "demotion" else "take-over")[-1].time
    messages = [(at, words) for at, node, words in pair.installed.messages if node == "nfs001"]
    assert messages and all(at >= served for at, _ in messages), (served, messages)
    assert len([at for at, _ in messages if at < served + 5]) <= 2, messages  # its end, and what hastd said after it
    assert messages[-1][1] == "ledger home --told complete --by nfs002"
    assert noted.waiting(pair.store(pair.standby)) == []


def test_an_event_that_a_killed_convergence_left_is_taken_up_by_the_next_one(pair: InstalledPair) -> None:
    at = pair.standby.now
    noted.note(pair.store(pair.standby), ["disconnect", "home"], at)
    with pytest.raises(Killed):
        pair.converges(pair.standby, fate=KillPoint(during_command=2))
    assert [each.words for each in noted.waiting(pair.store(pair.standby))] == [["disconnect", "home"]]
    pair.converges(pair.standby)
    assert noted.waiting(pair.store(pair.standby)) == []


def test_nobody_heeds_events_when_no_convergence_runs(pair: InstalledPair) -> None:
    pair.passes(30)
    assert not pair.does(pair.standby, lambda context: convergence_heeds(context, LOCK))


def test_a_standby_that_was_lost_while_the_primary_unmounted_is_told_that_it_is_behind(pair: InstalledPair) -> None:
    pair.passes(5)
    pair.active.run("sysctl net.inet.carp.demotion=200")
    assert pair.until(lambda: bool(pair.entries(pair.active, "plan")), 5), pair.story()
    pair.breaks("kill", "nfs002", "worker:home")
    assert pair.until(lambda: pair.role(pair.active) == "secondary", 10), pair.story()
    knows = (TOLD, "the other node has writes that this copy lacks")
    assert pair.until(
        lambda: any(each in entry.sentence() for entry in pair.entries(pair.standby) for each in knows), 10
    ), pair.story()
    assert not pair.entries(pair.standby, "promoted")
    assert pair.sound


def gives_way(pair: InstalledPair) -> None:
    """The active node holds back because the other one serves too and has written more."""
    reasons = {
        DemotionReason(DemotionCause.WROTE_LESS, "home"),
        DemotionReason(DemotionCause.MAINTENANCE),
    }  # of which a connection ends the first only
    pair.does(pair.active, lambda context: carp_demotion.hold(context, pair.active.boot_mark, reasons, 0))


def tells_that_it_is_behind(pair: InstalledPair) -> bool:
    def tell(context: Context) -> None:
        telling = PeerNotice(reported(context))
        telling.learned("home", CopyState.INCOMPLETE, again=True)
        telling.send(context)

    before = len(pair.entries(pair.active, "told"))
    pair.store(pair.active).remove(TOLD_LAST)
    pair.does(pair.active, tell)
    return len(pair.entries(pair.active, "told")) > before


def test_a_node_that_gives_way_tells_a_copy_that_was_given_up_that_it_is_behind(pair: InstalledPair) -> None:
    gives_way(pair)
    pair.breaks("cut-replication")
    pair.passes(40)  # this node writes alone
    for words in ("role init", "create", "role secondary"):
        pair.standby.run(f"hastctl {words} home")
    assert tells_that_it_is_behind(pair), pair.story()


def test_a_node_that_gives_way_tells_nothing_while_the_other_one_is_primary_or_has_writes_of_its_own(
    pair: InstalledPair,
) -> None:
    gives_way(pair)
    pair.breaks("cut-replication")
    pair.passes(40)
    pair.standby.programs.clear()
    pair.standby.run("hastctl role primary home")
    pair.passes(12)
    assert not tells_that_it_is_behind(pair), pair.story()
    pair.standby.run("fsck -t ufs -p /dev/hast/home; hastctl role secondary home")
    assert not tells_that_it_is_behind(pair), pair.story()


def test_a_standby_that_was_lost_while_a_shutdown_unmounted_is_told_that_it_is_behind(pair: InstalledPair) -> None:
    pair.passes(5)
    maintenance.begin(pair.store(pair.active), pair.active.now, None, "of a test", "root")  # no session hands over
    gone = pair.active.shut_down()
    assert pair.until(lambda: bool(pair.entries(pair.active, "plan")), 30), pair.story()
    pair.breaks("kill", "nfs002", "worker:home")
    pair.pair.clock.wait(gone)
    messages = [entry.result for entry in pair.entries(pair.active, "told")]
    assert messages == ["the other node's copy is incomplete"], pair.story()
    pair.passes(60)
    assert not pair.serves(pair.standby) and pair.sound, pair.story()


def test_a_loss_of_the_primary_that_is_taken_up_late_says_nothing_when_that_has_connected_again(
    pair: InstalledPair,
) -> None:
    """The primary cannot say what it knows: its way to the other node leads to itself."""
    pair.passes(5)
    pair.breaks("peer-lies", "nfs001", "oneself")

    def busy(context: Context) -> None:
        with Lock(context.store, LOCK, "a test", context.timing, heeds=noted.HASTD):
            context.timing.sleep(8.0)

    held = pair.begins(pair.standby, busy)
    pair.passes(1)
    pair.breaks("kill", "nfs001", "worker:home")
    pair.pair.clock.wait(held)
    assert [each.words[0] for each in noted.waiting(pair.store(pair.standby))] == ["disconnect", "connect"]
    pair.converges(pair.standby)
    assert ledger.read(pair.store(pair.standby), "home").copy is not CopyState.INCOMPLETE, pair.story()
    pair.active.run("sysctl net.inet.carp.demotion=200")
    assert pair.until(lambda: pair.serves(pair.standby), 40), pair.story()
    assert pair.lost() == 0 and pair.sound


def test_a_primary_that_had_written_nothing_when_it_gave_way_does_not_tell_that_the_other_copy_is_behind(
    pair: InstalledPair,
) -> None:
    """The new primary loses its cable before it has mounted anything. The old one has to serve again."""
    pair.breaks("demote", "nfs001", "240")
    assert pair.until(lambda: pair.role(pair.standby) == "primary", 30), pair.story()
    pair.breaks("carrier-off", "nfs002")
    assert pair.until(lambda: pair.serves(pair.active), 60), pair.story()
    assert pair.sound and pair.lost() == 0 and not pair.entries(pair.standby, "told"), pair.story()


def test_a_copy_that_was_told_to_be_behind_does_not_hold_its_node_back_when_it_alone_is_ahead(
    pair: InstalledPair,
) -> None:
    """It has served alone since; the other node has the address, and knows that it is behind: both held back fully, and
    nobody served."""
    pair.breaks("cut-replication")
    pair.passes(60)
    store = pair.store(pair.active)
    ledger.record(store, "home", ledger.LedgerEvent.TOLD_INCOMPLETE, pair.active.now, "nfs002", pair.active.boot_mark)
    pair.breaks("demote", "nfs001", "240")
    assert pair.until(lambda: bool(pair.entries(pair.standby, "refused")), 60), pair.story()
    assert pair.rests(pair.active) and pair.reasons(pair.standby) == ("home: stale",), pair.story()
    pair.breaks("demote", "nfs001", "-240")
    for node in (pair.active, pair.standby):
        pair.looks_every_minute(node)
    assert pair.until(lambda: pair.serves(pair.active), 150), pair.story()
    assert pair.sound and pair.lost() == 0 and not pair.entries(pair.standby, "promoted"), pair.story()


def test_that_a_synchronisation_is_through_is_told_when_it_can_be_though_something_is_dirty_for_ever(
    pair: InstalledPair,
) -> None:
    is_dirty_for_ever(pair)
    pair.passes(20)
    pair.breaks("peer-tells-the-truth", "nfs001")
    assert "dirty: 0 " not in pair.active.run("hastctl list home").out
    pair.converges(pair.active, ConvergeRequest("periodic", promote=False, again=True))
    assert ledger.read(pair.store(pair.standby), "home").copy is CopyState.COMPLETE, pair.story()
    assert noted.waiting(pair.store(pair.active)) == []
    assert pair.sound


def test_what_was_learned_before_a_copy_was_proven_is_told_no_more(pair: InstalledPair) -> None:
    """A look's message may wait for one that is underway; no later look tells anything while something is dirty."""
    is_dirty_for_ever(pair)
    pair.passes(20)
    pair.breaks("peer-tells-the-truth", "nfs001")

    looked = pair.does(pair.active, lambda context: PeerNotice(reported(context)))
    looked.learned("home", CopyState.INCOMPLETE, again=True)
    pair.converges(pair.active, ConvergeRequest("periodic", promote=False, again=True))
    pair.does(pair.active, looked.send)
    assert ledger.read(pair.store(pair.standby), "home").copy is CopyState.COMPLETE, pair.story()


def is_dirty_for_ever(pair: InstalledPair) -> None:
    """Writes that failed on every side count as dirty until the worker ends, so no look shows that a synchronisation is
    through. The other node cannot be told anything."""
    pair.breaks("cut-replication")
    pair.passes(30)
    pair.breaks("disk-fails-writes", "nfs001")
    pair.passes(2)
    pair.breaks("disk-ok", "nfs001")
    pair.breaks("peer-lies", "nfs001", "empty")
    pair.breaks("heal")
    assert pair.until(lambda: len(pair.entries(pair.active, "told")) == 2, 60), pair.story()
    assert "incomplete; it could not be notified" in pair.entries(pair.active, "told")[-1].result, pair.story()


def test_that_a_synchronisation_is_through_is_told_again_soon_where_it_could_not_be(pair: InstalledPair) -> None:
    """Until then the other node takes nothing over, and cron(8) looks once a minute."""
    pair.active.power_off()
    assert pair.until(lambda: pair.serves(pair.standby), 60), pair.story()
    pair.breaks("peer-lies", "nfs002", "nonsense")
    pair.boots(pair.active, 0)

    def could_not_be_told() -> bool:
        return any("complete; it could not" in entry.result for entry in pair.entries(pair.standby, "told")[1:])

    assert pair.until(could_not_be_told, 60), pair.story()
    pair.breaks("peer-tells-the-truth", "nfs002")
    assert pair.until(lambda: ledger.read(pair.store(pair.active), "home").copy is CopyState.COMPLETE, 20), pair.story()
    pair.passes(30)
    assert noted.waiting(pair.store(pair.standby)) == [] and pair.sound


@pytest.mark.parametrize(("ago", "counts"), [(1.0, True), (119.0, True), (121.0, False), (-60.0, False)])
def test_a_synchronisation_counts_for_two_minutes_and_not_when_it_is_of_later_than_now(
    pair: InstalledPair, ago: float, counts: bool
) -> None:
    """What has come since a clock was set back would be taken for older."""
    noted.note(pair.store(pair.active), ["syncdone", "home"], pair.active.now - ago)
    pair.converges(pair.active)
    assert (ledger.read(pair.store(pair.active), "home").copy is CopyState.COMPLETE) is counts
    assert noted.waiting(pair.store(pair.active)) == []
