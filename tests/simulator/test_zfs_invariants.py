"""Whatever happens to a pair with a ZFS pool, nothing that a client had acknowledged is on no disk any more.

UFS can't promise this (freebsd-facts: commit-is-not-the-name). Operations that give data away themselves are left out:
new metadata, new disks, disk errors, and an asynchronous replication.
"""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule

from simulator.account.accounting import disk_of, places
from simulator.account.writes import WriteFate
from simulator.faults.fault_words import FaultError
from simulator.faults.faults import inflict
from simulator.hastd.disk import PoolLabel
from simulator.layout import PairLayout, ResourceLayout
from simulator.pair import Pair
from simulator.storage.zfs import ZfsMount
from tests.simulator.any_pair import NODES, PairWithClients

pytestmark = pytest.mark.slow

COMMANDS = [
    "hastctl role primary home",
    "hastctl role secondary home",
    "hastctl role init home",
    "zpool import -d /dev/hast -o cachefile=none home",
    "zpool import -d /dev/hast -o cachefile=none -f home",
    "zpool import -d /dev/hast -N home",
    "zpool export home",
    "zpool export -f home",
    "zfs mount home",
    "zfs unmount home",
    "umount -f /hast/home",
    "zpool list",
    "mount",
    "sync",
    "sh -c 'echo x >> /hast/home/local; fsync /hast/home/local'",
    "sh -c 'echo x >> /hast/home/unsafe'",
    "service hastd onestart",
    "service hastd onestop",
    "service mountd onerestart",
]

FAULTS = [
    ("cut",),
    ("cut-replication",),
    ("cut-from", "nfs001"),
    ("heal",),
    ("kill", "nfs001", "worker"),
    ("kill", "nfs002", "hastd"),
    ("hang", "nfs001", "worker"),
    ("resume", "nfs001", "worker"),
    ("power-off", "nfs001"),
    ("power-off", "nfs002"),
    ("power-on", "nfs001"),
    ("power-on", "nfs002"),
]


class AnyPool(PairWithClients):
    """A healthy pair with a pool, and whatever comes."""

    @initialize(mode=st.sampled_from(["fullsync", "memsync"]), seed=st.integers(0, 3))
    def bring_up(self, mode: str, seed: int) -> None:
        self.pair = Pair(PairLayout(resources=(ResourceLayout(kind="zfs", replication=mode),), seed=seed))
        self.pair.bring_up()

    @rule(node=NODES, line=st.sampled_from(COMMANDS))
    def run(self, node: str, line: str) -> None:
        self.pair.nodes[node].run(line, timeout=20)

    @rule(words=st.sampled_from(FAULTS))
    def break_something(self, words: tuple[str, ...]) -> None:
        try:
            inflict(self.pair, *words)
        except FaultError as error:
            assert str(error).startswith(("no process", "unknown"))

    @rule(node=NODES, clean=st.booleans(), pause=st.sampled_from([0.2, 2.0, 20.0]))
    def hand_over(self, node: str, clean: bool, pause: float) -> None:
        serving = ("zpool import -d /dev/hast -f home", "service mountd onerestart")
        self.handed_over(node, "zpool export home" if clean else "", serving, pause)

    @invariant()
    def no_acknowledged_write_is_lost(self) -> None:
        assert [each for each in places(self.pair, "home") if each.fate is WriteFate.LOST] == []

    @invariant()
    def a_pool_is_mounted_only_where_it_is_imported_and_without_its_device_it_is_suspended(self) -> None:
        for node in self.pair.nodes.values():
            for mount in node.filesystems.mounts.values():
                assert isinstance(mount, ZfsMount) and mount.pool.imported
            for pool in node.filesystems.pools.values():
                assert node.on
                assert pool.suspended or node.files.exists(pool.resource.device)

    @invariant()
    def a_pool_whose_label_says_exported_is_not_in_use_on_that_disk(self) -> None:
        for node in self.pair.nodes.values():
            label = disk_of(node, "home").superblock
            if isinstance(label, PoolLabel) and label.exported:
                assert all(pool.suspended for pool in node.filesystems.pools.values())


AnyPool.TestCase.settings = settings(
    max_examples=40,
    stateful_step_count=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)

TestAnyPool = AnyPool.TestCase
