"""After a lost connection the other copy counts as incomplete, whatever HAST says, until both were compared."""

from __future__ import annotations

from pathlib import Path

import pytest

from checks.probes.unproven import REMEDY, UnprovenCopy
from remediate.config import RemediationConfig
from remediate.context import Context
from remediate.failover import unproven as primary
from remediate.failover.converge import ConvergeRequest
from remediate.failover.errors import StepFailed
from remediate.failover.pair_status import look
from remediate.failover.switchover import switch
from remediate.rehearsal.cron import start_cron
from remediate.rehearsal.observer import Observer
from remediate.state import ledger, unproven, verifications
from remediate.state.ledger import CopyState
from remediate.verification.asking import ComparisonRefused
from remediate.verification.verify import verify
from simulator.account.accounting import disk_of, served_old
from simulator.account.writes import Part, WritePiece
from simulator.clock import Completion
from simulator.hastd.component import DeviceWrite
from simulator.hastd.metadata import KEEPDIRTY
from simulator.layout import ResourceLayout
from simulator.node import Node
from tests.failover.installed_pair import InstalledPair, installed_pair, master

pytestmark = pytest.mark.slow

EXTENT = 20
MINUTES = 130.0


def with_cron(state: Path, config: RemediationConfig | None = None, mode: str = "fullsync") -> InstalledPair:
    pair = installed_pair(state, config, resources=(ResourceLayout(replication=mode),))
    start_cron(pair.installed)
    return pair


def doubt(pair: InstalledPair, node: Node) -> UnprovenCopy | None:
    return unproven.known(pair.store(node), "home")


def copy(pair: InstalledPair, node: Node) -> CopyState:
    return ledger.read(pair.store(node), "home").copy


def writes(node: Node, extent: int, number: int) -> Completion[bool]:
    """A write to the device, whose answer is not awaited."""
    outcome: Completion[bool] = Completion()
    node.hastd.device_write("home", DeviceWrite(extent, frozenset({WritePiece(number, Part.CONTENT)})), outcome)
    return outcome


def loses_the_connection(pair: InstalledPair, during: int | None = EXTENT) -> None:
    """For longer than HAST waits; a block of this extent is underway."""
    pair.breaks("cut-replication")
    written = None if during is None else writes(pair.active, during, 7777)
    pair.passes(35)
    assert written is None or written.value is True
    pair.breaks("heal")


def makes_anew(pair: InstalledPair, node: Node) -> None:
    """As documented."""
    for command in ("hastctl role init home", "hastctl create home"):
        pair.pair.must(node, command)
    pair.converges(node)


def refused_to_verify(pair: InstalledPair) -> str:
    with pytest.raises(ComparisonRefused) as refused:
        pair.does(pair.active, lambda context: verify(context, "home", "human"))
    return str(refused.value)


def quiet(pair: InstalledPair) -> None:
    """The clients write no more, so that nothing writes over a block by chance."""
    pair.clients.stop()
    pair.passes(40)


# --- nothing is missing --------------------------------------------------------------------------------------------


@pytest.mark.quick
def test_a_copy_that_lacks_nothing_is_proven_by_itself_some_seconds_after_the_nodes_are_connected(
    pair: InstalledPair,
) -> None:
    quiet(pair)
    loses_the_connection(pair, during=None)
    known = doubt(pair, pair.active)
    assert known is not None and known.extents and not known.full
    assert copy(pair, pair.standby) is CopyState.INCOMPLETE
    assert pair.until(lambda: doubt(pair, pair.active) is None, 30), pair.story()
    pair.passes(5)
    assert copy(pair, pair.standby) is CopyState.COMPLETE, pair.story()
    assert "equal" in pair.entries(pair.active, "unproven")[-1].result


def test_a_standby_that_reboots_is_not_complete_before_it_was_compared(pair: InstalledPair) -> None:
    """`complete`, dirty 0 is what HAST says; until the primary has compared the copies it is not believed."""
    quiet(pair)
    writes(pair.active, EXTENT, 7777)
    pair.passes(3)
    pair.standby.power_off()
    pair.passes(40)
    pair.boots(pair.standby, 0)
    statuses = []
    for _ in range(300):
        pair.passes(0.2)
        worker = pair.active.hastd.resources["home"].worker
        if getattr(worker, "settled", False):
            statuses.append((doubt(pair, pair.active) is None, copy(pair, pair.standby)))
    assert (False, CopyState.COMPLETE) not in statuses and (True, CopyState.COMPLETE) in statuses, pair.story()


def test_a_worker_that_has_written_nothing_leaves_nothing_to_prove(pair: InstalledPair) -> None:
    quiet(pair)
    pair.breaks("kill", pair.active.name, "worker")
    pair.passes(30)
    loses_the_connection(pair, during=None)
    assert doubt(pair, pair.active) is None


@pytest.mark.parametrize("resumes", [True, False])
def test_a_stuck_hastd_tells_of_a_lost_connection_when_it_goes_on(pair: InstalledPair, resumes: bool) -> None:
    """Its worker waits for it (event.c, event_send()). Where it is killed instead, nobody tells."""
    pair.breaks("hang", "nfs001", "hastd")
    loses_the_connection(pair)
    assert doubt(pair, pair.active) is None
    pair.breaks(*(("resume", "nfs001", "hastd") if resumes else ("kill", "nfs001", "hastd")))
    assert pair.until(lambda: doubt(pair, pair.active) is not None, 5) is resumes, pair.story()


def test_a_switchover_leaves_nothing_to_prove_on_either_node(pair: InstalledPair) -> None:
    """The standby's worker loses its primary, which is told when the node is primary itself."""
    pair.does(pair.active, lambda context: switch(context, "human", lambda step: None))
    pair.passes(60)
    assert pair.serves(pair.standby)
    assert not pair.entries(pair.active, "unproven") and not pair.entries(pair.standby, "unproven"), pair.story()


# --- something is missing --------------------------------------------------------------------------------------------


def test_a_copy_that_lacks_a_block_is_found_and_damaged_on_both_nodes(state: Path) -> None:
    pair = with_cron(state)
    quiet(pair)
    loses_the_connection(pair)
    assert pair.until(lambda: copy(pair, pair.standby) is CopyState.INCOMPLETE, 60)
    pair.passes(60)
    own = ledger.read(pair.store(pair.standby), "home")
    assert own.damage is not None and "may lack what was underway when the connection was lost" in own.damage.says
    known = doubt(pair, pair.active)
    assert known is not None and EXTENT in known.differ, pair.story()
    for node in (pair.active, pair.standby):
        run = verifications.runs(pair.store(node), "home")[-1]
        assert EXTENT in run.numbers and not run.wrong
        assert run.signs == ((pair.standby.name, "may lack what was underway when the connection was lost"),)
    pair.passes(2 * MINUTES)
    assert pair.reasons(pair.standby) == ("home: damaged copy",) and pair.serves(pair.active)
    assert len(verifications.runs(pair.store(pair.active), "home")) == 1, "not compared again without a new reason"


@pytest.mark.parametrize("mode", ["fullsync", "memsync", "async"])
def test_a_node_whose_copy_lacks_a_block_does_not_serve_when_the_primary_dies(state: Path, mode: str) -> None:
    pair = with_cron(state, mode=mode)
    quiet(pair)
    loses_the_connection(pair)
    pair.passes(60)
    pair.active.power_off()
    pair.passes(MINUTES)
    assert master(pair.standby) and pair.rests(pair.standby), pair.story()
    pair.converges(pair.standby, ConvergeRequest("human", accept_loss=True))
    assert pair.serves(pair.standby), pair.story()


@pytest.mark.parametrize("seconds", [0.0, 1.0, 2.5, 5.0])
def test_the_primary_that_dies_before_it_has_compared_leaves_a_copy_that_is_not_promoted(
    state: Path, seconds: float
) -> None:
    pair = with_cron(state)
    quiet(pair)
    pair.breaks("cut-management")
    loses_the_connection(pair)
    worker = pair.active.hastd.resources["home"].worker
    assert pair.until(lambda: bool(getattr(worker, "settled", False)), 20)
    pair.passes(seconds)
    pair.active.power_off()
    pair.passes(MINUTES)
    assert pair.rests(pair.standby), pair.story()


def test_a_primary_that_connects_anew_before_the_standby_has_noticed_does_not_leave_its_copy_complete(
    state: Path,
) -> None:
    """hastd stops the worker that the standby still has, which is no event: the new connection alone tells of it."""
    pair = with_cron(state)
    quiet(pair)
    pair.breaks("cut-management")
    pair.breaks("cut-replication")
    written = writes(pair.active, EXTENT, 7777)
    assert pair.until(lambda: written.done, 40)
    assert ledger.read(pair.store(pair.standby), "home").disconnected_at is None
    pair.breaks("heal")
    pair.breaks("cut-management")
    worker = pair.active.hastd.resources["home"].worker
    assert pair.until(lambda: bool(getattr(worker, "settled", False)), 20)
    pair.passes(2)
    pair.active.power_off()
    pair.passes(MINUTES)
    assert master(pair.standby) and pair.rests(pair.standby), pair.story()


@pytest.mark.parametrize("trouble", ["state-full", "state-read-only"])
@pytest.mark.parametrize("mended", [False, True])
def test_a_primary_whose_state_directory_takes_no_file_does_not_call_the_other_copy_complete(
    state: Path, trouble: str, mended: bool
) -> None:
    pair = with_cron(state)
    quiet(pair)
    pair.breaks(trouble, pair.active.name)
    loses_the_connection(pair)
    pair.passes(5)
    if mended:
        pair.breaks("state-ok", pair.active.name)
    pair.passes(MINUTES)
    assert pair.does(pair.active, lambda context: primary.known(context, "home")) is not None
    says = Observer(pair.pair).look(pair.pair.clock.wait)
    found = next(report.reasons for report in says if (report.check, report.node) == ("check_hast", pair.active.name))
    assert "hast-copy-unproven" in found, found
    for node in (pair.active, pair.standby):
        seen = next(each for each in pair.does(node, look).nodes if each.name == pair.active.name)
        assert seen.resources["home"].unproven is not None, f"{node.name} does not show it"
    assert copy(pair, pair.standby) is CopyState.INCOMPLETE
    pair.active.power_off()
    pair.passes(MINUTES)
    assert master(pair.standby) and pair.rests(pair.standby), pair.story()


def test_a_switchover_waits_for_the_comparison_and_is_refused_where_something_differs(pair: InstalledPair) -> None:
    quiet(pair)
    loses_the_connection(pair)
    pair.breaks("cut-management")
    pair.passes(30)
    assert doubt(pair, pair.active) is not None
    pair.breaks("heal")
    with pytest.raises(StepFailed, match="the copy of home on nfs002 is damaged"):
        pair.does(pair.active, lambda context: switch(context, "human", lambda step: None))
    assert pair.serves(pair.active)


def test_a_switchover_goes_on_once_the_copies_are_found_equal(pair: InstalledPair) -> None:
    quiet(pair)
    loses_the_connection(pair, during=None)
    pair.breaks("cut-management")
    pair.passes(30)
    known = doubt(pair, pair.active)
    assert known is not None and "nfs002" in known.said, known
    pair.breaks("heal")
    pair.does(pair.active, lambda context: switch(context, "human", lambda step: None))
    assert pair.serves(pair.standby) and pair.lost() == 0, pair.story()


@pytest.mark.parametrize("later", [0.0, 1.5, 3.0])
def test_a_shutdown_hands_over_once_the_copies_are_found_equal(pair: InstalledPair, later: float) -> None:
    """The connection was lost a moment ago, and is back; the comparison is underway or waits for its turn."""
    pair.breaks("cut-replication")
    pair.passes(35)
    pair.breaks("heal")
    assert pair.until(lambda: "complete" in pair.active.run("hastctl status").out, 40), pair.story()
    pair.passes(later)
    assert doubt(pair, pair.active) is not None
    pair.active.shut_down()
    assert pair.until(lambda: pair.serves(pair.standby), 40), pair.story()
    assert "no handover" not in pair.story() and pair.lost() == 0 and copy(pair, pair.standby) is CopyState.COMPLETE, (
        pair.story()
    )


# --- what ends it ----------------------------------------------------------------------------------------------------


def test_a_copy_made_anew_is_proven_and_sound_again(state: Path) -> None:
    pair = with_cron(state)
    quiet(pair)
    loses_the_connection(pair)
    pair.passes(60)
    makes_anew(pair, pair.standby)
    pair.passes(4 * MINUTES)
    assert doubt(pair, pair.active) is None, pair.story()
    own = ledger.read(pair.store(pair.standby), "home")
    assert own.damage is None and own.copy is CopyState.COMPLETE, own
    assert not served_old(pair.pair, pair.standby, "home") and not disk_of(pair.standby, "home").damaged


def test_a_copy_that_cannot_be_compared_as_a_write_failed_on_both_disks_is_said_to_be_made_anew(state: Path) -> None:
    """Until hastd's worker ends the extent counts as dirty, and no moment shows that nothing is underway."""
    pair = with_cron(state)
    quiet(pair)
    pair.breaks("cut-replication")
    writes(pair.active, EXTENT, 7777)
    pair.passes(25)
    pair.breaks("disk-fails-writes", pair.active.name)
    failed = writes(pair.active, EXTENT + 1, 7778)
    pair.passes(1)
    pair.breaks("disk-ok", pair.active.name)
    assert failed.value is False
    pair.breaks("heal")
    pair.passes(3 * MINUTES)
    known = doubt(pair, pair.active)
    assert known is not None and known.extents and EXTENT in known.extents and known.restless, pair.story()
    assert known.sentence.endswith(f"until hastd's worker ends): {REMEDY}")
    assert not pair.entries(pair.standby, "extents"), "a comparison without a result is no session that broke"
    assert pair.until(lambda: "has failed on both disks counts as dirty" in refused_to_verify(pair)), pair.story()
    makes_anew(pair, pair.standby)
    pair.passes(4 * MINUTES)
    assert doubt(pair, pair.active) is None, pair.story()
    assert EXTENT not in disk_of(pair.standby, "home").damaged


def test_a_new_worker_that_has_copied_what_was_kept_is_proven_by_the_comparison(pair: InstalledPair) -> None:
    quiet(pair)
    loses_the_connection(pair)
    pair.breaks("cut-management")
    pair.passes(20)
    assert doubt(pair, pair.active) is not None and EXTENT in disk_of(pair.standby, "home").damaged
    pair.breaks("kill", pair.active.name, "worker")
    pair.passes(30)
    pair.breaks("heal")
    start_cron(pair.installed)
    pair.passes(MINUTES)
    assert doubt(pair, pair.active) is None and copy(pair, pair.standby) is CopyState.COMPLETE, pair.story()
    assert not disk_of(pair.standby, "home").damaged


def test_what_differed_is_compared_again_when_the_other_node_connects_again(state: Path) -> None:
    """Here a new worker has copied it, which no event tells of."""
    pair = with_cron(state)
    quiet(pair)
    loses_the_connection(pair)
    pair.passes(60)
    known = doubt(pair, pair.active)
    assert known is not None and known.differ
    pair.breaks("kill", pair.active.name, "worker")
    pair.passes(MINUTES)
    assert not disk_of(pair.standby, "home").damaged and doubt(pair, pair.active) is None, pair.story()


def test_verify_proves_a_copy_if_it_began_after_the_connection_was_lost(pair: InstalledPair) -> None:
    quiet(pair)
    store = pair.store(pair.active)
    wall = pair.does(pair.active, lambda context: context.timing.wall())
    unproven.lost(store, "home", wall + 1000, frozenset({3}), full=True)
    pair.does(pair.active, lambda context: verify(context, "home", "human"))
    assert doubt(pair, pair.active) is not None
    pair.passes(1000)
    pair.does(pair.active, lambda context: verify(context, "home", "human", afresh=True))
    assert doubt(pair, pair.active) is None


def test_where_the_map_cannot_be_read_every_extent_is_compared(state: Path) -> None:
    pair = with_cron(state)
    quiet(pair)
    store = pair.store(pair.active)
    wall = pair.does(pair.active, lambda context: context.timing.wall())
    unproven.lost(store, "home", wall, None, full=True)
    disk_of(pair.standby, "home").flip(120, 1)
    pair.passes(MINUTES)
    known = doubt(pair, pair.active)
    assert known is not None and known.differ == (120,)
    assert verifications.runs(store, "home")[-1].extents == 128


@pytest.mark.parametrize(("late", "every"), [(2.0, False), (100.0, True)])
def test_a_full_map_that_is_read_long_after_the_loss_leaves_every_extent_to_compare(
    pair: InstalledPair, late: float, every: bool
) -> None:
    """The event has waited for a convergence that took long, and 64 others may have been written since."""
    quiet(pair)
    for number in range(KEEPDIRTY):
        writes(pair.active, 30 + number, 8000 + number)
    pair.passes(2)
    pair.does(pair.active, lambda context: primary.lost(context, "home", context.timing.wall() - late))
    known = doubt(pair, pair.active)
    assert known is not None and known.full and (known.extents is None) is every


def test_what_is_written_down_and_cannot_be_read_is_the_worst_and_ends_by_a_comparison(state: Path) -> None:
    pair = with_cron(state)
    quiet(pair)
    store = pair.store(pair.active)
    Path(store.directory, "home.unproven.json").write_text("{}")
    assert doubt(pair, pair.active) == unproven.UNREADABLE
    pair.passes(2 * MINUTES)
    assert doubt(pair, pair.active) is None and copy(pair, pair.standby) is CopyState.COMPLETE


def test_without_a_way_to_the_other_node_nothing_is_written_down(pair: InstalledPair) -> None:
    """It could be neither compared nor told."""

    def lost(context: Context) -> None:
        primary.lost(context._replace(peer=None), "home", context.timing.wall())
        assert doubt(pair, pair.active) is None
        primary.lost(context, "home", context.timing.wall())

    pair.does(pair.active, lost)
    assert doubt(pair, pair.active) is not None


def test_what_the_other_node_cannot_write_down_is_found_once_and_told_when_it_can(state: Path) -> None:
    pair = with_cron(state)
    quiet(pair)
    pair.breaks("state-full", pair.standby.name)
    loses_the_connection(pair)
    pair.passes(4 * MINUTES)
    assert len(verifications.runs(pair.store(pair.active), "home")) <= 1, pair.story()
    assert len([each for each in pair.entries(pair.active, "unproven") if "differ:" in each.result]) <= 1
    pair.breaks("state-ok", pair.standby.name)
    pair.passes(MINUTES)
    assert ledger.read(pair.store(pair.standby), "home").damage is not None, pair.story()
    assert len(verifications.runs(pair.store(pair.active), "home")) == 1
