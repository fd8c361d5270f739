"""A state directory that is damaged, read-only, full or somebody else's: what makes the pair safer happens all the
same, a promotion does not, and what cannot be read is taken for the worst that it could say."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from checks.probes.carp_demotion import DemotionCause, DemotionReason
from remediate.failover import carp_demotion
from remediate.failover.converge import ConvergeRequest, ConvergeResult
from remediate.rehearsal.observer import Observer
from remediate.state import ledger
from remediate.state.ledger import CopyState
from remediate.state.store import Store
from simulator.node import Node
from tests.failover.installed_pair import InstalledPair, installed_pair, master
from tests.failover.test_ledger_in_failover import ALONE, behind
from tests.state.child import NOBODY

pytestmark = pytest.mark.slow

Harm = Callable[[InstalledPair, Node], None]
DAMAGE = ("", "{", "{}", '{"version": 2, "copy": "complete"}')
REMEMBERED = ("failures.json", "maintenance.json", "hold.json", "events.json", "home.ledger.json")


def directory(pair: InstalledPair, node: Node) -> Path:
    return Path(pair.store(node).directory)


def read_only(pair: InstalledPair, node: Node) -> None:
    pair.breaks("state-read-only", node.name)


def full(pair: InstalledPair, node: Node) -> None:
    pair.breaks("state-full", node.name)


def somebody_elses(pair: InstalledPair, node: Node) -> None:
    os.chown(directory(pair, node), NOBODY, NOBODY)


def others_write(pair: InstalledPair, node: Node) -> None:
    directory(pair, node).chmod(0o777)


def no_lock_at_all(pair: InstalledPair, node: Node) -> None:
    """Neither there nor in the second place."""
    somebody_elses(pair, node)
    shutil.rmtree(f"{directory(pair, node)}.run")
    Path(f"{directory(pair, node)}.run").write_text("")


HARMS = (read_only, full, somebody_elses, others_write, no_lock_at_all)


def damaged(name: str, text: str = "") -> Harm:
    def harm(pair: InstalledPair, node: Node) -> None:
        (directory(pair, node) / name).write_text(text)

    harm.__name__ = f"{name} is {text!r}"
    return harm


@pytest.mark.parametrize("harm", [*HARMS, *map(damaged, REMEMBERED)], ids=lambda harm: harm.__name__)
def test_a_node_that_must_not_serve_stops_whatever_its_state_directory_is_like(pair: InstalledPair, harm: Harm) -> None:
    harm(pair, pair.active)
    pair.breaks("demote", pair.active.name, "240")
    assert pair.until(lambda: pair.serves(pair.standby), 60), pair.story()
    assert pair.rests(pair.active) and pair.sound, pair.story()
    assert pair.lost() == 0


@pytest.mark.parametrize("harm", HARMS, ids=lambda harm: harm.__name__)
def test_a_node_that_shuts_down_stops_and_loses_nothing_whatever_its_state_directory_is_like(
    pair: InstalledPair, harm: Harm
) -> None:
    harm(pair, pair.active)
    pair.pair.clock.wait(pair.active.shut_down())
    pair.passes(30)
    assert pair.serves(pair.standby) and pair.sound, pair.story()
    assert pair.lost() == 0


@pytest.mark.parametrize("harm", HARMS, ids=lambda harm: harm.__name__)
def test_nothing_is_promoted_where_nothing_can_be_written_down(pair: InstalledPair, harm: Harm) -> None:
    harm(pair, pair.standby)
    pair.active.power_off()
    pair.passes(60)
    assert master(pair.standby) and not pair.holds(pair.standby) and pair.sound, pair.story()
    outcome = pair.converges(pair.standby)
    assert outcome.result in (ConvergeResult.REFUSED, ConvergeResult.NOT_KEPT) and outcome.said


@pytest.mark.parametrize("name", ["failures.json", "maintenance.json"])
def test_nothing_is_promoted_where_it_cannot_be_read_what_speaks_against_it(pair: InstalledPair, name: str) -> None:
    damaged(name)(pair, pair.standby)
    pair.active.power_off()
    pair.passes(60)
    assert master(pair.standby) and not pair.holds(pair.standby), pair.story()
    assert f"{name} cannot be read" in pair.entries(pair.standby, "refused")[-1].result
    (directory(pair, pair.standby) / name).unlink()
    assert pair.converges(pair.standby).result is ConvergeResult.IN_PLACE
    assert pair.serves(pair.standby)


@pytest.mark.parametrize("harm", [read_only, full, damaged("hold.json")], ids=lambda harm: harm.__name__)
def test_a_node_is_held_back_once_although_that_cannot_be_written_down(pair: InstalledPair, harm: Harm) -> None:
    harm(pair, pair.standby)
    for _ in range(3):
        pair.does(
            pair.standby,
            lambda context: carp_demotion.hold(context, "1", {DemotionReason(DemotionCause.RECOVERY)}, 240),
        )
        assert pair.demotion(pair.standby) == 240


@pytest.mark.parametrize("harm", [read_only, full], ids=lambda harm: harm.__name__)
def test_a_check_knows_whose_the_demotion_is_that_could_not_be_written_where_it_belongs(
    pair: InstalledPair, harm: Harm
) -> None:
    node, mark = pair.standby, pair.standby.boot_mark
    pair.does(node, lambda context: carp_demotion.hold(context, mark, {DemotionReason(DemotionCause.NO_FAILBACK)}, 120))
    harm(pair, node)
    pair.does(node, lambda context: carp_demotion.hold(context, mark, {DemotionReason(DemotionCause.RECOVERY)}, 240))
    assert pair.demotion(node) == 240
    reports = {report.check: report for report in Observer(pair.pair).look(pair.pair.clock.wait)}["check_carp"]
    assert "net.inet.carp.demotion is 240, all of it from hastwatch: recovery" in reports.line


@pytest.mark.parametrize("harm", [read_only, full], ids=lambda harm: harm.__name__)
@pytest.mark.parametrize(
    "before", [(), (DemotionReason(DemotionCause.MAINTENANCE),)], ids=["held back anew", "held back before"]
)
def test_what_was_added_while_the_disk_failed_is_taken_back_when_it_works_again(
    pair: InstalledPair, harm: Harm, before: tuple[DemotionReason, ...]
) -> None:
    node, mark = pair.standby, pair.standby.boot_mark
    pair.does(node, lambda context: carp_demotion.hold(context, mark, before, 120))
    harm(pair, node)
    pair.does(node, lambda context: carp_demotion.hold(context, mark, {DemotionReason(DemotionCause.RECOVERY)}, 240))
    pair.breaks("demote", node.name, "100")
    assert pair.demotion(node) == 340
    pair.breaks("state-ok", node.name)
    pair.does(node, lambda context: carp_demotion.hold(context, mark, {DemotionReason(DemotionCause.RECOVERY)}, 240))
    assert pair.demotion(node) == 340 and pair.share(node) == 240 and pair.reasons(node) == ("recovery",)
    pair.does(node, lambda context: carp_demotion.hold(context, mark, (), 0))
    assert pair.demotion(node) == 100 and pair.share(node) == 0


@pytest.mark.parametrize("harm", [read_only, full], ids=lambda harm: harm.__name__)
def test_what_is_given_back_while_the_disk_fails_is_not_given_back_again(pair: InstalledPair, harm: Harm) -> None:
    node, mark = pair.standby, pair.standby.boot_mark
    pair.does(node, lambda context: carp_demotion.hold(context, mark, {DemotionReason(DemotionCause.RECOVERY)}, 240))
    pair.breaks("demote", node.name, "240")
    harm(pair, node)
    pair.does(node, lambda context: carp_demotion.hold(context, mark, (), 0))
    assert pair.demotion(node) == 240
    pair.breaks("state-ok", node.name)
    pair.does(node, lambda context: carp_demotion.hold(context, mark, (), 0))
    assert pair.demotion(node) == 240 and pair.share(node) == 0


@pytest.mark.quick
def test_a_damaged_ledger_does_not_promote_an_incomplete_copy(state: Path) -> None:
    """Found by an attack: 110 acknowledged writes stranded on the other disk."""
    for number, text in enumerate(DAMAGE):
        place = state / str(number)
        place.mkdir()
        pair = installed_pair(place)
        pair.breaks("cut-replication")
        pair.passes(ALONE)
        assert ledger.read(pair.store(pair.standby), "home").copy is CopyState.INCOMPLETE
        damaged("home.ledger.json", text)(pair, pair.standby)
        pair.active.power_off()
        pair.passes(60)
        assert master(pair.standby) and pair.rests(pair.standby), pair.story()
        report = pair.entries(pair.standby, "refused")[-1].result
        assert "whether this copy is complete is unknown: home.ledger.json" in report


def test_a_human_promotes_beside_a_damaged_ledger_and_so_mends_it(state: Path) -> None:
    pair = behind(state)
    damaged("home.ledger.json")(pair, pair.standby)
    assert pair.converges(pair.standby, ConvergeRequest("human", accept_loss=True)).result is ConvergeResult.IN_PLACE
    assert pair.serves(pair.standby)
    assert ledger.read(pair.store(pair.standby), "home").copy is CopyState.COMPLETE


@pytest.mark.parametrize("harm", [read_only, full, somebody_elses], ids=lambda harm: harm.__name__)
def test_a_human_promotes_a_node_whose_state_directory_is_lost(pair: InstalledPair, harm: Harm) -> None:
    harm(pair, pair.standby)
    pair.active.power_off()
    pair.passes(60)
    assert not pair.holds(pair.standby)
    pair.converges(pair.standby, ConvergeRequest("human", accept_loss=True))
    assert pair.serves(pair.standby), pair.story()


def test_a_synchronisation_mends_a_damaged_ledger(pair: InstalledPair) -> None:
    damaged("home.ledger.json")(pair, pair.standby)
    assert ledger.read(pair.store(pair.standby), "home").copy is CopyState.INCOMPLETE
    pair.breaks("cut-replication")
    pair.passes(60)
    pair.breaks("heal")
    pair.passes(60)
    assert ledger.read(pair.store(pair.standby), "home").copy is CopyState.COMPLETE
    pair.active.power_off()
    pair.passes(30)
    assert pair.serves(pair.standby)


def test_a_losing_side_that_can_leave_no_marker_promotes_nothing(pair: InstalledPair) -> None:
    pair.breaks("cut")
    pair.breaks("cut-management")
    pair.passes(90)
    full(pair, pair.standby)
    pair.breaks("heal")
    pair.passes(60)
    assert pair.serves(pair.active) and not pair.holds(pair.standby), pair.story()
    pair.active.power_off()
    pair.passes(60)
    assert master(pair.standby) and not pair.holds(pair.standby)


@pytest.mark.parametrize("harm", [read_only, full], ids=lambda harm: harm.__name__)
def test_a_copy_that_was_complete_before_a_boot_is_not_believed_though_nobody_could_note_the_boot(
    pair: InstalledPair, harm: Harm
) -> None:
    """The disk of the state fails until the node is up, and nobody can tell the node what it lacks."""
    assert ledger.read(pair.store(pair.standby), "home").copy is CopyState.COMPLETE
    pair.standby.power_off()
    pair.passes(300)
    pair.breaks("cut-management")
    harm(pair, pair.standby)
    pair.boots(pair.standby)
    pair.breaks("state-ok", pair.standby.name)
    pair.converges(pair.standby)
    assert ledger.read(pair.store(pair.standby), "home").copy is CopyState.INCOMPLETE
    assert pair.reasons(pair.standby) == ("home: incomplete copy",) and pair.share(pair.standby) == 240
    pair.breaks("heal")
    pair.installed.runs(pair.active, "converge", "--periodic")
    pair.passes(10)
    assert ledger.read(pair.store(pair.standby), "home").copy is CopyState.COMPLETE
    assert pair.reasons(pair.standby) == () and pair.share(pair.standby) == 0, pair.story()


@pytest.mark.parametrize("fault", ["var-read-only", "var-full"])
def test_such_a_copy_is_not_believed_where_nothing_could_be_recorded_anywhere(pair: InstalledPair, fault: str) -> None:
    pair.standby.power_off()
    pair.passes(300)
    pair.breaks("cut-management")
    pair.breaks(fault, pair.standby.name)
    pair.boots(pair.standby)
    pair.breaks("state-ok", pair.standby.name)
    pair.converges(pair.standby)
    assert ledger.read(pair.store(pair.standby), "home").copy is CopyState.UNKNOWN
    pair.breaks("heal")
    pair.installed.runs(pair.active, "converge", "--periodic")
    pair.passes(10)
    assert ledger.read(pair.store(pair.standby), "home").copy is CopyState.COMPLETE


def test_what_was_damaged_is_a_store_again_after_the_first_note(pair: InstalledPair) -> None:
    for name in ("events.json", "hold.json"):
        damaged(name)(pair, pair.standby)
    pair.converges(pair.standby)
    pair.breaks("demote", pair.active.name, "240")
    assert pair.until(lambda: pair.serves(pair.standby), 120), pair.story()
    store = Store(str(directory(pair, pair.standby)))
    assert store.read("events.json") and carp_demotion.unreadable(store) == ""
