"""`hastwatch verify --repair` on a simulated pair: the standby's copy is recreated, in the documented way alone."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from checks.probes.errors import ProbeError
from remediate.context import Context
from remediate.failover.errors import StepFailed
from remediate.recovery.preservation import Keeper, Mode
from remediate.recovery.recover import NOT_RESUMED, RecoveryRefused
from remediate.recovery.resync import Resync
from remediate.state import marker, verifications
from remediate.subcommands import verify_repair
from remediate.verification.renewing import NothingToKeep, Renewal, last_differing
from remediate.verification.verify import verify
from simulator.account.accounting import disk_of
from simulator.dying import NEVER, Killed, KillPoint
from simulator.node import Node
from tests.failover.installed_pair import InstalledPair, installed_pair
from tests.verification.test_verify import HOME, compares, differing, flip, other_disk

pytestmark = pytest.mark.slow

WHY = "nfs002 cannot read 2 extents, and no other one differs: its copy is the wrong one"


@pytest.fixture
def pair(pair: InstalledPair) -> InstalledPair:
    """A pair in service whose standby holds something else in two extents, which is known."""
    flip(disk_of(pair.standby, HOME), 40, 100)
    compares(pair)
    return pair


def renews(pair: InstalledPair, keeper: Keeper, node: Node | None = None, fate: KillPoint = NEVER) -> str:
    """Make a node's copy anew, the standby's unless another is named; what was kept."""

    def renew(context: Context) -> str:
        renewal = Renewal(context, HOME, keeper, lambda step: None, last_differing(context, HOME))
        salvaged = renewal.run("human")
        with open("/dev/null", "w") as nobody:
            Resync(context, nobody).wait(renewal)
        return salvaged

    return pair.does(node or pair.standby, renew, fate)


def keeps(pair: InstalledPair, state: Path) -> Keeper:
    """What only the standby has is kept in a directory."""
    return Keeper(Mode.SALVAGE, str(state / "salvage"))


@pytest.mark.quick
def test_the_copy_is_kept_made_anew_and_equal_then(pair: InstalledPair, state: Path) -> None:
    before = disk_of(pair.standby, HOME).metadata
    salvaged = renews(pair, keeps(pair, state))
    assert "read back and found equal" in salvaged and list((state / "salvage").glob("*/manifest.json"))
    assert disk_of(pair.standby, HOME).metadata is not before
    pair.passes(20)
    assert not differing(pair) and compares(pair).equal
    assert pair.serves(pair.active) and pair.rests(pair.standby) and not pair.reasons(pair.standby)[1:]
    assert marker.present(pair.store(pair.standby), HOME) is None
    assert pair.lost() == 0 and pair.sound
    assert [entry.result for entry in pair.entries(pair.standby, "recovery")] == ["begins: salvage"]


def test_a_copy_that_is_known_to_be_wrong_needs_no_place_to_be_kept(pair: InstalledPair) -> None:
    assert renews(pair, NothingToKeep(WHY)) == f"nothing is kept: {WHY}"
    pair.passes(20)
    assert compares(pair).equal and pair.sound


def test_it_compares_again_by_itself(pair: InstalledPair) -> None:
    renews(pair, NothingToKeep(WHY))
    pair.passes(20)
    assert pair.does(pair.standby, lambda context: verify_repair._again(context, HOME)) == 0
    assert [run.differ for run in verifications.runs(pair.store(pair.standby), HOME)] == [2, 0]


# --- refused ----------------------------------------------------------------------------------------------------------


def as_told(pair: InstalledPair, **changes: object) -> None:
    """The last comparison said something else."""
    store = pair.store(pair.standby)
    verifications.add(store, HOME, verifications.runs(store, HOME)[-1]._replace(**changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"differ": 0, "numbers": ()}, "nothing that differs"),
        ({"wrong": "nfs001 cannot read 2 extents", "wrong_node": "nfs001"}, "only good one: have it served first"),
        ({"signs": (("nfs001", "has counted 5 failed writes"),)}, "failed writes: .* an image of the disk of nfs001"),
        ({"unread": (("nfs001", 1),)}, "cannot read 1 extent: .* an image of the disk of nfs001"),
        ({"unread": (("nfs001", 1), ("nfs002", 1))}, "may be the only good one"),
    ],
)
def test_a_copy_that_may_be_the_good_one_is_not_touched(
    pair: InstalledPair, changes: dict[str, object], says: str
) -> None:
    before = disk_of(pair.standby, HOME).metadata
    as_told(pair, **changes)
    with pytest.raises(RecoveryRefused, match=says):
        renews(pair, NothingToKeep(WHY))
    assert disk_of(pair.standby, HOME).metadata is before and pair.role(pair.standby) == "secondary"


def test_what_was_never_compared_is_not_repaired(state: Path) -> None:
    with pytest.raises(RecoveryRefused, match="never been compared"):
        renews(installed_pair(state), NothingToKeep(WHY))


def nobody_serves(pair: InstalledPair) -> None:
    """The primary has stopped NFS."""
    pair.active.run("service nfsd onestop")


def cut_off(pair: InstalledPair) -> None:
    """The other node cannot be asked."""
    pair.breaks("cut-management")


def ahead(pair: InstalledPair) -> None:
    """This copy has writes that the other one lacks."""
    disk = disk_of(pair.standby, HOME)
    assert disk.metadata is not None
    disk.metadata = replace(disk.metadata, localcnt=disk.metadata.localcnt + 1)


@pytest.mark.parametrize("breaks", [nobody_serves, cut_off, other_disk, ahead])
def test_nothing_is_destroyed_that_the_other_node_does_not_serve(
    pair: InstalledPair, breaks: Callable[[InstalledPair], None]
) -> None:
    breaks(pair)
    before = disk_of(pair.standby, HOME).metadata
    with pytest.raises((RecoveryRefused, ProbeError)):
        renews(pair, NothingToKeep(WHY))
    assert disk_of(pair.standby, HOME).metadata is before


def test_the_primary_is_never_made_anew(pair: InstalledPair) -> None:
    before = disk_of(pair.active, HOME).metadata
    with pytest.raises(RecoveryRefused, match="this node is primary"):
        renews(pair, NothingToKeep(WHY), pair.active)
    assert disk_of(pair.active, HOME).metadata == before and pair.serves(pair.active)


# --- killed -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [*range(1, 40, 3), *range(40, 80, 10)])
def test_killed_at_any_moment_it_is_ended_by_the_next_run(pair: InstalledPair, number: int) -> None:
    with pytest.raises(Killed):
        renews(pair, NothingToKeep(WHY), fate=KillPoint(during_command=number))
    pair.passes(5)
    assert pair.serves(pair.active)
    renews(pair, NothingToKeep(WHY))
    pair.passes(20)
    assert compares(pair).equal and pair.lost() == 0 and pair.sound


# --- the command ------------------------------------------------------------------------------------------------------


def options(**changes: object) -> Namespace:
    """The command line."""
    given = {"resource": [HOME], "to": "", "image": False, "dry_run": False, "yes": True}
    return Namespace(**(given | changes))


def test_dry_run_shows_the_steps_and_changes_nothing(pair: InstalledPair, capsys: pytest.CaptureFixture[str]) -> None:
    before = disk_of(pair.standby, HOME).metadata
    code = pair.does(
        pair.standby, lambda context: verify_repair.repair(context, options(dry_run=True, to="/var/salvage"))
    )
    text = capsys.readouterr().out
    assert code == 0 and "3. hastctl create home" in text and "2. keep what only this copy has at /var/salvage" in text
    assert "2 extents of 128 differ: 40, 100" in text and disk_of(pair.standby, HOME).metadata is before
    pair.does(pair.standby, lambda context: verify_repair.repair(context, options(dry_run=True)))
    assert "2. keep what only this copy has at a place that --to has to name" in capsys.readouterr().out
    code = pair.does(
        pair.active, lambda context: verify_repair.repair(context, options(dry_run=True, to="/var/salvage"))
    )
    assert code == 1 and "refused: this node is primary" in capsys.readouterr().out


def test_without_a_place_a_copy_that_may_be_wanted_is_not_destroyed(pair: InstalledPair) -> None:
    with pytest.raises(StepFailed, match="where it is to be kept is not known"):
        pair.does(pair.standby, lambda context: verify_repair.repair(context, options()))


@pytest.mark.quick
def test_what_a_failed_write_does_not_explain_is_kept_before_the_copy_is_destroyed(pair: InstalledPair) -> None:
    """An extent that rots on the primary is good on the standby alone, whatever the standby's disk has failed."""
    disk_of(pair.standby, HOME).bad_writes.update(dict.fromkeys(range(128), 1))
    pair.passes(20)
    disk_of(pair.standby, HOME).bad_writes.clear()
    flip(disk_of(pair.active, HOME), 20)
    run = compares(pair)
    assert 20 in run.numbers and not run.wrong and dict(run.signs)["nfs002"].startswith("has counted ")
    before = disk_of(pair.standby, HOME).metadata
    with pytest.raises(StepFailed, match="where it is to be kept is not known"):
        pair.does(pair.standby, lambda context: verify_repair.repair(context, options()))
    assert disk_of(pair.standby, HOME).metadata is before


@pytest.mark.quick
def test_a_copy_is_not_called_the_wrong_one_for_a_read_error_beside_another_difference(pair: InstalledPair) -> None:
    """The good extents of both are named to be saved before either of them is given up."""
    disk_of(pair.active, HOME).bad_reads[61] = 1
    run = compares(pair)
    assert run.numbers == (40, 61, 100) and not run.wrong and not run.wrong_node
    with pytest.raises(RecoveryRefused, match="an image of the disk of nfs001 before anything else"):
        renews(pair, NothingToKeep(WHY))


def test_the_whole_of_it_ends_with_equal_copies(pair: InstalledPair, capsys: pytest.CaptureFixture[str]) -> None:
    as_told(pair, wrong=WHY, wrong_node="nfs002")
    assert pair.does(pair.standby, lambda context: verify_repair.repair(context, options())) == 0
    assert "everything is copied" in capsys.readouterr().out
    assert pair.does(pair.active, lambda context: verify(context, HOME, "test")).equal


def test_a_renewal_that_nobody_waited_for_is_no_answer_to_a_split_brain(pair: InstalledPair) -> None:
    """Its record is left, and the other node cannot be read."""

    def begun(context: Context) -> str:
        keeper = NothingToKeep(WHY)
        return Renewal(context, HOME, keeper, lambda step: None, last_differing(context, HOME)).run("human")

    pair.does(pair.standby, begun)
    pair.passes(60)
    node = pair.standby
    before = marker.record(pair.store(node), HOME, node.name, node.boot_mark, node.now, True)
    pair.breaks("cut-management")
    with pytest.raises(RecoveryRefused, match=NOT_RESUMED):
        pair.does(node, begun)
    assert pair.split_brain(node) == before
