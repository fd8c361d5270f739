"""What a recovery refuses, each with its own reason and with nothing destroyed; and the neighbours of a split-brain."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from remediate.context import Context
from remediate.failover.converge import LOCK
from remediate.failover.errors import StepFailed
from remediate.recovery.eligibility import Kind
from remediate.recovery.preservation import Keeper, Mode
from remediate.recovery.recover import Recovery, RecoveryRefused
from remediate.state import ledger, marker
from remediate.state.ledger import LedgerEvent
from remediate.state.lock import Lock
from simulator.account.accounting import disk_of
from simulator.node import Node
from tests.failover.installed_pair import state_directory
from tests.recovery.split_pair import HOME, SIDES, Split, SplitPair

pytestmark = pytest.mark.slow

OTHER_RESUID = 4711
FULL = next(path for path in ("/proc", "/dev") if os.statvfs(path).f_bavail == 0)
"""A file system without any room."""


@pytest.fixture
def pair() -> Iterator[SplitPair]:
    """A split-brain that was found; both copies have writes of their own, and the losing node has stepped down."""
    with state_directory() as state:
        pair = SplitPair(state)
        Split("cut off", SIDES[2]).make(pair)
        assert pair.is_split
        yield pair


@pytest.fixture
def healthy() -> Iterator[SplitPair]:
    """A pair without a split-brain, whose standby may lose."""
    with state_directory() as state:
        yield SplitPair(state)


def reasons(pair: SplitPair, node: Node | None = None, mode: Mode = Mode.SALVAGE) -> tuple[str, ...]:
    """Why a recovery on the losing node, or another one, is refused; nothing was destroyed by it."""

    def run(context: Context) -> str:
        keeper = Keeper(mode, str(pair.salvage))
        return Recovery(context, HOME, keeper, lambda step: None).run("human")

    with pytest.raises(RecoveryRefused) as refused:
        pair.does(node or pair.losing, run)
    assert (pair.created, pair.destroyed) == (0, False)
    return refused.value.reasons


def counters(pair: SplitPair, node: Node, local: int, remote: int) -> None:
    """Other counters on a node's disk."""
    disk = disk_of(node, HOME)
    assert disk.metadata is not None
    disk.metadata = replace(disk.metadata, localcnt=local, remotecnt=remote)


# --- by the evidence ---------------------------------------------------------------------------------------------


def becomes_master(pair: SplitPair) -> None:
    pair.breaks("cut-carp")
    pair.passes(5)


def becomes_primary(pair: SplitPair) -> None:
    pair.pair.must(pair.losing, "hastctl role primary home")
    pair.passes(1)


def is_mounted(pair: SplitPair) -> None:
    """An operator looks at the losing copy, at the mount point itself."""
    pair.pair.must(pair.losing, "gnop create -o 4608 -s 268430848 /dev/vtbd1")
    pair.pair.must(pair.losing, "mount -t ufs -o ro /dev/vtbd1.nop /hast/home")


def serves_nfs(pair: SplitPair) -> None:
    pair.pair.must(pair.losing, "service nfsd onestart")


def wins_by_its_marker(pair: SplitPair) -> None:
    marker.record(pair.store(pair.losing), HOME, pair.losing.name, "1", pair.losing.now, False)


def cannot_be_read(pair: SplitPair) -> None:
    pair.breaks("disk-errors", pair.losing.name)


def peer_is_unreachable(pair: SplitPair) -> None:
    pair.breaks("cut-management")


def peer_is_not_primary(pair: SplitPair) -> None:
    for line in ("service nfsd onestop", "umount /hast/home", "hastctl role init home"):
        pair.pair.must(pair.winner, line)


def peer_does_not_serve(pair: SplitPair) -> None:
    pair.pair.must(pair.winner, "service nfsd onestop")


def peer_is_not_exported(pair: SplitPair) -> None:
    for line in ("service nfsd onestop", "umount /hast/home", "mount /dev/hast/home /hast/home"):
        pair.pair.must(pair.winner, line)
    pair.pair.must(pair.winner, "service nfsd onestart")


def peer_is_known_to_be_older(pair: SplitPair) -> None:
    ledger.record(pair.store(pair.winner), HOME, LedgerEvent.TOLD_INCOMPLETE, pair.winner.now, pair.losing.name)


def peer_lacks_writes(pair: SplitPair) -> None:
    counters(pair, pair.winner, 0, 0)


def peer_is_blank(pair: SplitPair) -> None:
    pair.pair.must(pair.winner, "hastctl create home")


def counters_are_impossible(pair: SplitPair) -> None:
    counters(pair, pair.losing, 0, 7)


def is_merely_behind(pair: SplitPair) -> None:
    counters(pair, pair.losing, 0, 0)


def is_in_step(pair: SplitPair) -> None:
    counters(pair, pair.losing, 0, 0)
    counters(pair, pair.winner, 0, 0)


EVIDENCE: dict[Callable[[SplitPair], None], str] = {
    becomes_master: "this node is CARP MASTER",
    becomes_primary: "this node is primary",
    is_mounted: "something is mounted at the mount point on this node",
    serves_nfs: "NFS runs on this node",
    wins_by_its_marker: "this node served the clients when the split-brain was found",
    cannot_be_read: "this node could not be read",
    peer_is_unreachable: "the other node could not be read",
    peer_is_not_primary: "the other node is not primary",
    peer_does_not_serve: "the other node does not serve the clients",
    peer_is_not_exported: "clients get no answer at the service address",
    peer_is_known_to_be_older: "the ledger of the other node knows its own copy to be incomplete",
    peer_lacks_writes: "the other copy lacks writes that this one has, and nothing else is known against this one",
    peer_is_blank: "the other copy is blank, or has no metadata",
    counters_are_impossible: "the counters of the two disks are such that hastd never makes them",
    is_merely_behind: Kind.BEHIND.value,
    is_in_step: Kind.IN_STEP.value,
}


@pytest.mark.parametrize("happens", EVIDENCE, ids=lambda each: each.__name__)
def test_a_recovery_is_refused_with_its_own_reason(pair: SplitPair, happens: Callable[[SplitPair], None]) -> None:
    happens(pair)
    assert EVIDENCE[happens] in reasons(pair)


@pytest.mark.quick
def test_the_node_that_serves_is_refused_with_everything_that_speaks_against_it(pair: SplitPair) -> None:
    assert set(reasons(pair, pair.winner)) >= {
        "this node is CARP MASTER",
        "this node is primary",
        "something is mounted at the mount point on this node",
        "this node has the device of a primary",
        "NFS runs on this node",
        "this node served the clients when the split-brain was found",
        "the service address is not on the other node",
        "the other node is not primary",
        "the file system is not mounted on the other node",
        "the other node does not serve the clients",
    }


def test_a_refusal_says_what_could_not_be_read(pair: SplitPair) -> None:
    pair.breaks("cut-management")
    assert "ssh: connect to host nfs001 port 22: Operation timed out" in reasons(pair)


def test_a_disk_that_gives_errors_is_no_blank_one(pair: SplitPair) -> None:
    pair.breaks("disk-errors", pair.losing.name)
    assert any("Input/output error" in why for why in reasons(pair))
    pair.breaks("disk-ok", pair.losing.name)
    assert "read back and found equal" in pair.recovers()


# --- by what is there besides ------------------------------------------------------------------------------------


def test_another_convergence_or_recovery_is_not_run_beside(pair: SplitPair) -> None:
    context = pair.installed.context(pair.winner)
    with Lock(pair.store(pair.losing), LOCK, "test", context.timing):
        assert reasons(pair) == ("another recovery or convergence is running",)


def test_a_resource_that_hast_conf_does_not_have_is_no_resource(pair: SplitPair) -> None:
    def ask(context: Context) -> Recovery:
        return Recovery(context, "../mail", Keeper(Mode.SALVAGE, ""), lambda step: None)

    with pytest.raises(RecoveryRefused, match=r"hast\.conf has no resource \.\./mail"):
        pair.does(pair.losing, ask)


@pytest.mark.parametrize(
    ("target", "said"),
    [
        (FULL, "are needed, 0 B are free"),
        ("/nonexistent/salvage", "No such file or directory"),
        ("salvage", "neither an absolute path nor ssh://"),
        ("", "neither an absolute path nor ssh://"),
        ("/hast/home/salvage", "lies under the mount point of home"),
    ],
)
def test_without_a_place_for_the_salvage_nothing_is_destroyed(pair: SplitPair, target: str, said: str) -> None:
    def run(context: Context) -> str:
        return pair.recovery(context, Mode.SALVAGE, target).run("human")

    with pytest.raises(Exception, match=said):
        pair.does(pair.losing, run)
    pair.passes(70)
    assert (pair.created, pair.destroyed, pair.is_split, pair.role(pair.losing)) == (0, False, True, "init")
    assert "read back and found equal" in pair.recovers()
    assert pair.until(lambda: pair.healthy)
    assert pair.unaccounted() == []


@pytest.mark.parametrize(
    "target", ["/nonexistent/salvage", "/proc/version/salvage", "/hast/home/salvage", "/proc/version"]
)
def test_where_nothing_can_be_kept_is_said_before_any_work(pair: SplitPair, target: str) -> None:
    begun: list[str] = []

    def run(context: Context) -> str:
        return Recovery(context, HOME, Keeper(Mode.SALVAGE, target), begun.append).run("human")

    with pytest.raises(StepFailed) as refused:
        pair.does(pair.losing, run)
    assert target in str(refused.value) and "\n" not in str(refused.value)
    assert (begun, pair.entries(pair.losing, "recovery")) == ([], [])


@pytest.mark.parametrize("mode", [Mode.SALVAGE, Mode.RESYNC])
def test_a_directory_for_the_salvage_that_is_missing_is_made_where_something_is_kept(
    pair: SplitPair, mode: Mode, tmp_path: Path
) -> None:
    target = tmp_path / "salvage"
    with suppress(StepFailed):  # as it is refused to resynchronise here
        pair.does(pair.losing, lambda context: pair.recovery(context, mode, str(target)).run("human"))
    if mode is Mode.SALVAGE:
        assert (target.stat().st_mode & 0o777, len(os.listdir(target)), pair.created) == (0o700, 1, 1)
    else:
        assert not target.exists()


def test_what_only_the_losing_copy_has_forbids_to_resynchronise_and_is_named(pair: SplitPair) -> None:
    sentence = pair.recovers(Mode.RESYNC)
    assert sentence.startswith("refused: this copy may hold what the other one lacks")
    assert sentence.endswith("is missing on the other copy: salvage it")
    assert (pair.created, pair.destroyed) == (0, False)


def test_nothing_that_changes_between_the_salvage_and_the_guard_is_destroyed(pair: SplitPair) -> None:
    """The guard looks once more, on the node itself, right before the one command that destroys."""

    def run(context: Context) -> str:
        keeper = Keeper(Mode.SALVAGE, str(pair.salvage))

        def at(step: str) -> None:
            if step == "create":
                pair.pair.must(pair.winner, "service nfsd onestop")

        return Recovery(context, HOME, keeper, at).run("human")

    with pytest.raises(RecoveryRefused, match="the other node does not serve the clients"):
        pair.does(pair.losing, run)
    assert (pair.created, pair.destroyed) == (0, False)


def test_a_disk_that_was_blank_and_is_not_any_more_is_not_created_anew(pair: SplitPair) -> None:
    """Nothing was kept of it, because nothing was there: then its metadata are back."""
    disk = disk_of(pair.losing, HOME)
    metadata, disk.metadata = disk.metadata, None

    def run(context: Context) -> str:
        def at(step: str) -> None:
            if step == "create":
                disk.metadata = metadata

        return Recovery(context, HOME, Keeper(Mode.SALVAGE, ""), at).run("human")

    with pytest.raises(RecoveryRefused, match="the metadata of this copy have changed since it was looked at"):
        pair.does(pair.losing, run)
    assert disk.metadata is metadata


def test_a_hastd_that_goes_in_the_middle_of_a_recovery_stops_it_and_is_named(pair: SplitPair) -> None:
    def run(context: Context) -> str:
        def at(step: str) -> None:
            if step == "step-down":
                pair.pair.must(pair.losing, "service hastd onestop")

        return Recovery(context, HOME, Keeper(Mode.SALVAGE, str(pair.salvage)), at).run("human")

    with pytest.raises(StepFailed, match="hastd does not answer on its control socket"):
        pair.does(pair.losing, run)
    assert (pair.created, pair.destroyed) == (0, False)


# --- the neighbours of a split-brain, and less than a recovery ---------------------------------------------------


def test_a_blank_disk_on_the_standby_is_created_and_filled(healthy: SplitPair) -> None:
    node = healthy.losing
    healthy.pair.must(node, "service hastd onestop")
    healthy.breaks("new-disk", node.name)
    healthy.pair.must(node, "service hastd onestart")
    assert healthy.recovers() == "the disk held no copy"
    assert healthy.until(lambda: healthy.healthy)
    assert [entry.step for entry in healthy.entries(node, "created")] == ["/sbin/hastctl create home"]


def test_a_disk_that_a_human_has_created_already_is_not_created_again(pair: SplitPair) -> None:
    pair.pair.must(pair.losing, "hastctl create home")
    pair.passes(1)
    assert pair.recovers() == "the disk held no copy"
    assert ledger.read(pair.store(pair.losing), HOME).copy is ledger.CopyState.INCOMPLETE
    assert pair.until(lambda: pair.healthy)
    assert pair.created == 1


@pytest.mark.parametrize("way", ["the losing one", "the winner"])
def test_a_disk_of_another_pair_is_kept_and_then_created_anew(pair: SplitPair, way: str) -> None:
    disk = disk_of(pair.losing if way == "the losing one" else pair.winner, HOME)
    assert disk.metadata is not None
    disk.metadata = replace(disk.metadata, resuid=OTHER_RESUID)
    verdict = pair.does(pair.losing, lambda context: pair.recovery(context, Mode.SALVAGE).look())[1]
    assert (verdict.kind, verdict.refusals) == (Kind.OTHER_DISK, ())
    assert pair.recovers(Mode.RESYNC).startswith("refused: this copy may hold")
    assert pair.created == 0
    assert "read back and found equal" in pair.recovers()
    assert pair.until(lambda: pair.healthy)
    assert (pair.created, pair.unaccounted()) == (1, [])


def test_a_step_down_gives_up_address_and_role_and_nothing_else() -> None:
    with state_directory() as state:
        pair = SplitPair(state, "none")
        Split("cut off", SIDES[2]).make(pair)
        assert pair.role(pair.losing) == "secondary"
        pair.does(pair.losing, lambda context: pair.recovery(context, Mode.SALVAGE).step_down("human"))
        assert pair.role(pair.losing) == "init"
        assert pair.demotion(pair.losing) == pair.share(pair.losing) == 240
        assert (pair.created, pair.destroyed, list(pair.salvage.iterdir())) == (0, False, [])
        assert pair.is_split and pair.serves(pair.winner)
        entries = pair.entries(pair.losing, "recovery")
        assert [(entry.result, entry.run) for entry in entries] == [
            ("begins: step-down", pair.entries(pair.losing, "split-brain")[0].run)
        ]


def test_a_second_split_brain_is_recovered_as_the_first_one(pair: SplitPair) -> None:
    """What is remembered of the first recovery, which nobody has waited for, is not taken for the second one's."""
    assert "read back" in pair.recovers()
    assert pair.until(lambda: pair.healthy)
    Split("cut off", SIDES[2]).make(pair)
    assert pair.is_split
    first = set(pair.salvage.iterdir())
    assert "read back" in pair.recovers()
    assert pair.until(lambda: pair.healthy)
    assert (pair.created, len(set(pair.salvage.iterdir()) - first)) == (1, 1)
    assert pair.unaccounted() == []


def test_what_was_kept_before_the_copy_was_written_to_again_is_kept_anew(pair: SplitPair) -> None:
    """A recovery stops after the salvage; an operator promotes the copy and writes; the recovery keeps that."""

    def stopped(context: Context) -> str:
        def at(step: str) -> None:
            if step == "create":
                pair.pair.must(pair.winner, "service nfsd onestop")

        return Recovery(context, HOME, Keeper(Mode.SALVAGE, str(pair.salvage)), at).run("human")

    with pytest.raises(RecoveryRefused):
        pair.does(pair.losing, stopped)
    pair.passes(30)  # past cron's next look, which undoes what is done by hand
    for line in (
        "hastctl role primary home", "fsck -t ufs -p /dev/hast/home", "chflags noschg /hast/home",
        "mount /dev/hast/home /hast/home", "sh -c 'echo afterwards > /hast/home/afterwards'", "umount /hast/home",
        "chflags schg /hast/home", "hastctl role init home",
    ):  # fmt: skip
        pair.pair.must(pair.losing, line)
        pair.passes(12 if "role primary" in line else 0.5)
    pair.winner.run("service nfsd onestart")  # which fails where a convergence of its own was quicker
    assert pair.winner.nfs.running("nfsd")
    pair.passes(5)
    assert "read back" in pair.recovers()
    assert any(files.get("afterwards") == b"afterwards\n" for files in pair.salvaged())
    assert pair.until(lambda: pair.healthy)
