"""A losing copy is read on its own node without being promoted, and nothing of it is left mounted, whatever happens."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, TypeVar

import pytest

from checks.probes import hast
from remediate.config import RemediationConfig
from remediate.context import Context
from remediate.failover.errors import StepFailed
from remediate.failover.resource import ResourcePlace, places
from remediate.recovery import readonly
from remediate.recovery.salvage import salvage, unchanged_since, verify
from remediate.rehearsal.context import context_of
from remediate.rehearsal.mount_tree import MountTree
from remediate.rehearsal.own_pair import healthy_pair, layout_of
from simulator.dying import Killed, KillPoint, Life
from simulator.faults.faults import inflict
from simulator.node import Node
from simulator.pair import Pair
from tests.recovery.copies import UNKNOWN, in_archive
from tests.simulator.pools import healthy as healthy_pool

T = TypeVar("T")
POINT = "/var/run/hastwatch/home"


class Losing(NamedTuple):
    """A pair after a split-brain, whose first node has stepped down."""

    pair: Pair
    node: Node
    winner: Node
    state: Path

    def context(self, life: Life | None = None) -> Context:
        """Of a new process on the losing node."""
        return context_of(self.node, self.state, RemediationConfig(), life)

    def does(self, call: Callable[[Context, ResourcePlace, hast.Metadata], T], life: Life | None = None) -> T:
        """A call on the losing node, waited for."""
        context = self.context(life)

        def all_of_it() -> T:
            node = self.context().here.node()
            return call(context, places(node, RemediationConfig())["home"], hast.metadata(node, "home"))

        task = self.pair.clock.run_task(all_of_it)
        self.pair.clock.wait(task)
        if task.error is not None:
            raise task.error
        return task.value  # type: ignore[return-value]  # None only where T has it

    def nothing_is_left(self) -> bool:
        """No mount, no pool, no provider, no directory."""
        traces = (self.node.run(line).status for line in ("ls /dev/vtbd1.nop", f"ls {POINT}", "zpool list home"))
        return "hastwatch" not in self.node.run("mount").out and all(status != 0 for status in traces)


@pytest.fixture
def losing(tmp_path: Path) -> Losing:
    """Both nodes wrote while they were apart; the losing one unmounted cleanly."""
    pair = healthy_pair(layout_of(RemediationConfig(), 1), hooked=False)
    first, second = pair.nodes.values()
    pair.must(first, "sh -c 'echo same > /hast/home/both'")
    pair.must(first, "fsync /hast/home/both")
    pair.clock.advance(40)
    inflict(pair, "cut")
    pair.clock.advance(40)
    pair.must(first, "sh -c 'echo mine > /hast/home/losing'")
    pair.must(second, "hastctl role primary home")
    pair.clock.advance(15)
    pair.must(second, "fsck -t ufs -p /dev/hast/home")
    pair.must(second, "mount /dev/hast/home /hast/home")
    pair.must(second, "sh -c 'echo theirs > /hast/home/winner'")
    pair.must(first, "umount /hast/home")
    pair.must(first, "hastctl role init home")
    return Losing(pair, first, second, tmp_path)


def test_its_files_are_read_and_nothing_changes_on_the_disk(losing: Losing) -> None:
    before = losing.pair.must(losing.node, "hastctl dump home")
    disk = losing.node.disks["/dev/vtbd1"]
    seen = (disk.superblock, {extent: set(pieces) for extent, pieces in disk.extents.items()})

    def call(context: Context, place: ResourcePlace, metadata: hast.Metadata) -> set[bytes]:
        with readonly.opened(context, place, metadata) as point:
            assert readonly.unclean(context, place) == ""
            return {item.path for item in MountTree(losing.node, point).walk()}

    assert losing.does(call) >= {b"both", b"losing"}
    assert losing.nothing_is_left()
    assert losing.pair.must(losing.node, "hastctl dump home") == before
    assert (disk.superblock, disk.extents) == seen


def test_what_only_it_has_is_kept_and_read_back(losing: Losing, tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()

    def call(context: Context, place: ResourcePlace, metadata: hast.Metadata) -> str:
        with readonly.opened(context, place, metadata) as point:
            here, there = MountTree(losing.node, point), MountTree(losing.winner, place.point)
            manifest = salvage(context, place.name, here, there, UNKNOWN, str(tmp_path / "kept"), "i1")
            return f"{verify(context, manifest).files} {manifest.where}"

    assert losing.does(call) == f"1 {tmp_path}/kept/home-i1"
    assert in_archive(tmp_path / "kept" / "home-i1") == {b"losing": ("file", b"mine\n", b"")}
    assert json.loads((tmp_path / "kept" / "home-i1" / "manifest.json").read_text())["node"] == "nfs001"


def test_what_was_written_after_the_cut_is_what_speaks_against_the_proof(losing: Losing) -> None:
    def call(context: Context, place: ResourcePlace, metadata: hast.Metadata) -> tuple[str, str]:
        with readonly.opened(context, place, metadata) as point:
            tree = MountTree(losing.node, point)
            return unchanged_since(tree, context.timing.wall() - 60, 5), unchanged_since(
                tree, context.timing.wall() + 60, 5
            )

    changed, later = losing.does(call)
    assert changed.startswith("losing was changed at 2026-") and later == ""


def test_a_file_system_that_was_not_unmounted_is_read_and_called_unclean(losing: Losing) -> None:
    losing.pair.must(losing.winner, "hastctl role init home")
    other = losing._replace(node=losing.winner, winner=losing.node)

    def call(context: Context, place: ResourcePlace, metadata: hast.Metadata) -> str:
        with readonly.opened(context, place, metadata):
            return readonly.unclean(context, place)

    assert "not unmounted cleanly" in other.does(call)


@pytest.mark.parametrize("role", ["secondary", "primary"])
def test_a_disk_that_hastd_may_have_open_is_left_alone(losing: Losing, role: str) -> None:
    losing.pair.must(losing.node, f"hastctl role {role} home")
    with pytest.raises(StepFailed, match=f"the role of home is {role}"):
        losing.does(open_it)
    losing.node.hastd.terminate()
    with pytest.raises(StepFailed, match="is not known"):
        losing.does(open_it)
    assert losing.nothing_is_left()


def open_it(context: Context, place: ResourcePlace, metadata: hast.Metadata) -> None:
    """And close it again."""
    with readonly.opened(context, place, metadata):
        pass


def test_metadata_that_changed_meanwhile_is_not_trusted(losing: Losing) -> None:
    with pytest.raises(StepFailed, match="changed meanwhile"):
        losing.does(lambda context, place, metadata: open_it(context, place, metadata._replace(localcnt=9)))


@pytest.mark.parametrize("command", ["gnop", "mount", "fstyp", "mkdir"])
def test_a_command_that_hangs_ends_in_its_time_and_is_said(losing: Losing, command: str) -> None:
    def broken(context: Context, place: ResourcePlace, metadata: hast.Metadata) -> None:
        losing.node.hung_commands.add(command)
        try:
            open_it(context, place, metadata)
        finally:
            losing.node.hung_commands.discard(command)

    began = losing.pair.clock.now
    with pytest.raises(Exception, match=r"timed out|known") as failed:
        losing.does(broken)
    assert losing.pair.clock.now - began < 400
    assert ("by hand" in str(failed.value)) == (command == "gnop")
    losing.does(open_it)
    assert losing.nothing_is_left()


def test_a_provider_that_is_not_ours_is_left_alone(losing: Losing) -> None:
    losing.pair.must(losing.node, "gnop create -o 0 -s 4096 /dev/vtbd1")
    with pytest.raises(StepFailed, match="it is not ours"):
        losing.does(open_it)
    losing.pair.must(losing.node, "gnop destroy vtbd1.nop")


def test_a_disk_without_a_file_system_that_is_known_says_to_keep_an_image(losing: Losing) -> None:
    losing.node.disks["/dev/vtbd1"].superblock = None
    with pytest.raises(StepFailed, match="keep an image"):
        losing.does(open_it)
    assert losing.nothing_is_left()


def test_a_failure_of_what_looks_at_it_still_takes_everything_away(losing: Losing) -> None:
    def call(context: Context, place: ResourcePlace, metadata: hast.Metadata) -> None:
        with readonly.opened(context, place, metadata):
            raise StepFailed("no room")

    with pytest.raises(StepFailed, match="no room"):
        losing.does(call)
    assert losing.nothing_is_left()


def test_who_stays_in_it_is_thrown_out_in_the_end(losing: Losing) -> None:
    def call(context: Context, place: ResourcePlace, metadata: hast.Metadata) -> None:
        with readonly.opened(context, place, metadata) as point:
            mount = losing.node.filesystems.mounts[point]
            mount.users.append(losing.node.processes.spawn("less", "less", losing.pair.clock.now))

    losing.does(call)
    assert losing.nothing_is_left()


@pytest.mark.slow
def test_killed_after_any_command_the_next_call_cleans_up_and_reads(losing: Losing) -> None:
    def call(context: Context, place: ResourcePlace, metadata: hast.Metadata) -> int:
        with readonly.opened(context, place, metadata) as point:
            return len(list(MountTree(losing.node, point).walk()))

    killed = 0
    for number in range(1, 100):
        try:
            losing.does(call, Life(KillPoint(during_command=number)))
        except Killed:
            killed += 1
            losing.pair.clock.advance(5)
            assert losing.does(call) == 3
            assert losing.nothing_is_left()
        else:
            break
    assert killed > 10


def test_a_power_cut_in_the_middle_leaves_nothing(losing: Losing) -> None:
    def call(context: Context, place: ResourcePlace, metadata: hast.Metadata) -> None:
        with readonly.opened(context, place, metadata):
            losing.node.power_off()
            losing.pair.clock.wait(losing.node.power_on())

    with pytest.raises(Killed):
        losing.does(call)
    losing.does(open_it)
    assert losing.nothing_is_left()


# --- a pool ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def pool(tmp_path: Path) -> Losing:
    """A pool with a file, exported, in role init."""
    pair, first, second = healthy_pool()
    pair.must(first, "sh -c 'echo mine > /hast/home/losing'")
    pair.must(first, "zpool export home")
    pair.must(first, "hastctl role init home")
    return Losing(pair, first, second, tmp_path)


def test_an_exported_pool_is_read_under_another_root_and_exported_again(pool: Losing) -> None:
    def call(context: Context, place: ResourcePlace, metadata: hast.Metadata) -> tuple[str, set[bytes]]:
        with readonly.opened(context, place, metadata) as point:
            assert readonly.unclean(context, place) == ""
            return point, {item.path for item in MountTree(pool.node, point).walk()}

    before = pool.node.disks["/dev/vtbd1"].superblock
    assert pool.does(call) == (f"{POINT}/hast/home", {b"", b"losing"})
    assert pool.nothing_is_left()
    assert pool.node.disks["/dev/vtbd1"].superblock == before


def test_a_pool_that_was_not_exported_is_kept_as_an_image(pool: Losing) -> None:
    pool.pair.must(pool.node, "hastctl role primary home")
    pool.pair.clock.advance(15)
    pool.pair.must(pool.node, "zpool import -d /dev/hast -o cachefile=none home")
    pool.node.power_off()
    pool.pair.clock.wait(pool.node.power_on())
    pool.pair.clock.advance(5)
    with pytest.raises(StepFailed, match="its intent log may hold writes, keep an image"):
        pool.does(open_it)
    assert pool.nothing_is_left()


@pytest.mark.slow
def test_a_pool_that_a_killed_call_left_imported_is_exported_by_the_next(pool: Losing) -> None:
    for number in range(1, 60):
        try:
            pool.does(open_it, Life(KillPoint(during_command=number)))
        except Killed:
            pool.pair.clock.advance(5)
            pool.does(open_it)
            assert pool.nothing_is_left()
        else:
            return
    raise AssertionError("never got through")
