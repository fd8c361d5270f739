"""A state directory that took nothing for a while, and takes notes again: what was missed meanwhile is made up for."""

from __future__ import annotations

from pathlib import Path

import pytest

from checks.probes.carp_demotion import DemotionCause, DemotionReason
from remediate.failover import carp_demotion
from remediate.failover.converge import ConvergeRequest
from remediate.failover.errors import StepFailed
from remediate.state import ledger, refusals
from remediate.state.ledger import CopyState
from remediate.state.store import Store
from tests.failover.installed_pair import InstalledPair, master
from tests.failover.test_ledger_in_failover import ALONE
from tests.failover.test_state_lost import no_lock_at_all

pytestmark = pytest.mark.slow

PERIODIC = ConvergeRequest("periodic", promote=False, again=True)


@pytest.mark.parametrize("fault", ["state-full", "state-read-only"])
def test_a_promotion_that_was_refused_for_a_dead_state_disk_is_made_when_that_works(
    pair: InstalledPair, fault: str
) -> None:
    """Found by the campaign: cron promoted nothing, as nobody had been able to record that it was refused."""
    pair.breaks(fault, pair.standby.name)
    pair.active.power_off()
    pair.passes(30)
    assert master(pair.standby) and not pair.holds(pair.standby)
    pair.breaks("state-ok", pair.standby.name)
    pair.converges(pair.standby, PERIODIC)
    assert pair.serves(pair.standby), pair.story()


@pytest.mark.quick
def test_a_primary_that_could_not_write_down_its_new_role_is_told_of_its_copy_all_the_same(pair: InstalledPair) -> None:
    """Found by the campaign: by its ledger it was primary forever, so that it took no word of the other node for its
    copy, nor that its primary was gone: an incomplete copy would have been promoted."""
    before, after = pair.active, pair.standby
    pair.breaks("state-full", before.name)
    pair.breaks("demote", before.name, "240")
    assert pair.until(lambda: pair.serves(after), 60)
    pair.passes(10)
    assert ledger.read(pair.store(before), "home").role == "primary"
    pair.breaks("state-ok", before.name)
    pair.breaks("cut-replication")
    pair.passes(ALONE)
    assert ledger.read(pair.store(before), "home").copy is CopyState.INCOMPLETE, pair.story()
    after.power_off()
    pair.passes(60)
    assert master(before) and not pair.holds(before), pair.story()


def test_a_look_corrects_the_role_in_the_ledger(pair: InstalledPair) -> None:
    node = pair.standby
    ledger.record(pair.store(node), "home", ledger.LedgerEvent.ROLE_PRIMARY, node.now, node.name)
    pair.converges(node)
    assert ledger.read(pair.store(node), "home").role == "secondary"


def test_no_node_that_could_serve_is_held_back_where_that_cannot_be_taken_back(pair: InstalledPair) -> None:
    """Found by the campaign: 120 of a standby's demotion stayed forever, and at the next join the other copy won."""
    node, before = pair.standby, pair.demotion(pair.standby)
    no_lock_at_all(pair, node)
    with pytest.raises(StepFailed, match="because it cannot be recorded"):
        pair.does(
            node, lambda context: carp_demotion.hold(context, "mark", {DemotionReason(DemotionCause.NO_FAILBACK)}, 120)
        )
    assert pair.demotion(node) == before
    pair.does(
        node,
        lambda context: carp_demotion.hold(
            context, "mark", {DemotionReason(DemotionCause.STALE, "home")}, before + 240
        ),
    )
    assert pair.demotion(node) == before + 240


def test_what_was_refused_is_remembered_in_the_second_place_until_the_first_one_works(tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir(0o700)
    store = Store(str(tmp_path / "state"), str(run))
    refusals.keep(store, ("no",), asked=True)
    assert refusals.pending(store) and not list(run.glob("*.json"))
    (tmp_path / "state").rename(tmp_path / "gone")
    (tmp_path / "state").write_text("a file where the directory was")
    refusals.keep(store, ("no longer",), asked=True)
    assert list(run.glob("*.json"))
    assert refusals.pending(store) and refusals.same(store, ("no longer",))
    (tmp_path / "state").unlink()
    (tmp_path / "gone").rename(tmp_path / "state")
    assert refusals.same(store, ("no longer",))
    refusals.keep(store, (), asked=False)
    assert not refusals.pending(store) and not list(run.glob("*.json"))
