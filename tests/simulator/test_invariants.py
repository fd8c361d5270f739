"""Any sequence of fifty operations and faults keeps what must hold on every pair, whatever happens to it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from inspect import signature

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule

from simulator.account.accounting import places
from simulator.account.writes import WriteFate
from simulator.faults.fault_words import FaultError
from simulator.faults.faults import FAULTS, inflict
from simulator.hastd.metadata import Role
from simulator.hastd.replication import PrimaryWorker
from simulator.hastd.secondary import SecondaryWorker
from simulator.layout import PairLayout, ResourceLayout
from simulator.pair import Pair
from simulator.shell.output import CommandResult
from tests.simulator.any_pair import NODES, PairWithClients

pytestmark = pytest.mark.slow

COMMANDS = [
    "hastctl role primary home",
    "hastctl role secondary home",
    "hastctl role init home",
    "hastctl create home",
    "hastctl status",
    "hastctl list home",
    "hastctl dump home",
    "fsck -t ufs -p /dev/hast/home",
    "fsck -y /dev/hast/home",
    "newfs -O2 -U -j /dev/hast/home",
    "mount /dev/hast/home /hast/home",
    "mount",
    "umount /hast/home",
    "umount -f /hast/home",
    "sync",
    "sh -c 'echo x >> /hast/home/local; fsync /hast/home/local'",
    "df -k",
    "ls -l /hast/home",
    "ifconfig vtnet1",
    "ifconfig vtnet1 vhid 2 state master",
    "ifconfig vtnet1 vhid 2 state backup",
    "ifconfig vtnet1 down",
    "ifconfig vtnet1 up",
    "sysctl net.inet.carp.demotion=240",
    "sysctl net.inet.carp.demotion=-240",
    "sysctl net.inet.carp",
    "service hastd onestart",
    "service hastd onestop",
    "service hastd onereload",
    "service devd onerestart",
    "service mountd onerestart",
    "service nfsd onestop",
    "service nfsd onestart",
    "service rpcbind onerestart",
    "showmount -e",
    "rpcinfo -s",
    "ps -axww -o pid,ppid,stat,etimes,command",
    "pgrep -lf hastd",
    "sockstat -l4",
    "tail -20 /var/log/messages",
    "ls -l /var/run/*.pid",
    "chflags schg /hast/home",
    "chflags noschg /hast/home",
    "ls -ldo /hast/home",
    "fstat -f /hast/home",
    "sh -c 'kill -TERM $(pgrep sleep)'",
    "sh -c 'kill -USR1 $(pgrep nfsd)'",
    "/usr/sbin/mountd -r",
    "shutdown -p now",
    "shutdown -r now",
]

WORDS = {
    "node": NODES,
    "process": st.sampled_from(["hastd", "worker", "devd", "mountd", "nfsd", "rpcbind", "syslogd"]),
    "command": st.sampled_from(["hastctl", "fsck", "mount"]),
    "seconds": st.sampled_from(["-30", "4", "3600"]),
    "factor": st.sampled_from(["1", "20"]),
    "count": st.just("1"),
    "interface": st.just("vtnet1"),
    "resource": st.just("home"),
    "service": st.sampled_from(["mountd", "nfsd"]),
    "times": st.just("1"),
    "what": st.sampled_from(["kill nfs001 hastd", "power-off nfs002"]),
    "amount": st.sampled_from(["-100", "240"]),
    "point": st.just("/hast/home"),
    "extent": st.sampled_from(["0", "1", "2", "5"]),
    "lie": st.sampled_from(["oneself", "stranger", "endless"]),
    "release_name": st.sampled_from(["13.2", "14.5", "15.1", "15.1+D57511", "nonsense"]),
    "package": st.sampled_from(["FreeBSD-hast", "FreeBSD-nfs", "nonsense"]),
}


class AnyPair(PairWithClients):
    """Two nodes and everything that can happen to them."""

    def __init__(self) -> None:
        super().__init__()
        self.pair = Pair()
        self.disk_was_bad = False

    @initialize(mode=st.sampled_from(["fullsync", "memsync", "async"]), seed=st.integers(0, 99))
    def begin(self, mode: str, seed: int) -> None:
        layout = replace(PairLayout(), seed=seed, resources=(ResourceLayout(replication=mode, keepdirty=2),))
        self.pair = Pair(layout)
        self.pair.bring_up()

    @rule(node=NODES, line=st.sampled_from(COMMANDS))
    def run(self, node: str, line: str) -> None:
        result = self.pair.nodes[node].run(line, timeout=20)
        assert isinstance(result, CommandResult)
        assert 0 <= result.status <= 255

    @rule(name=st.sampled_from(sorted(FAULTS)), words=st.data())
    def break_or_mend(self, name: str, words: st.DataObject) -> None:
        chosen = [words.draw(WORDS[each]) for each in list(signature(FAULTS[name]).parameters)[1:]]
        self.disk_was_bad = self.disk_was_bad or name in ("disk-errors", "disk-fails-writes", "bits-flip")
        with suppress(FaultError):  # no such process on that node just now: nothing happens
            inflict(self.pair, name, *chosen)

    @rule(node=NODES, clean=st.booleans(), pause=st.sampled_from([0.0, 3.0, 30.0]))
    def hand_over_to(self, node: str, clean: bool, pause: float) -> None:
        """The documented steps, in one of the two orders; any of them may fail."""
        serving = ("fsck -t ufs -p /dev/hast/home", "mount /dev/hast/home /hast/home")
        self.handed_over(node, "umount /hast/home" if clean else "", serving, pause)

    @invariant()
    def only_a_primary_has_a_device(self) -> None:
        for node in self.pair.nodes.values():
            for name, resource in node.hastd.resources.items():
                device = node.files.exists(f"/dev/hast/{name}")
                assert not device or (node.on and resource.role is Role.PRIMARY)
                if isinstance(resource.worker, SecondaryWorker):
                    assert resource.role is Role.SECONDARY
                if isinstance(resource.worker, PrimaryWorker):
                    assert resource.role is Role.PRIMARY
                    assert device or not resource.worker.started
            if not node.on:
                assert not node.files.exists("/dev/hast")

    @invariant()
    def a_file_system_is_mounted_only_on_a_device(self) -> None:
        for node in self.pair.nodes.values():
            for mount in node.filesystems.mounts.values():
                assert node.files.exists(mount.resource.device)

    @invariant()
    def counters_are_as_the_rules_say(self) -> None:
        for worker in self.pair.primaries():
            assert worker.metadata.localcnt >= 0
            secondary = worker.secondary
            if secondary is None or not secondary.alive or worker.synchronising:
                continue
            theirs = secondary.disk.metadata
            if theirs is None or theirs.resuid == 0 or secondary.primary is not worker:
                continue
            assert theirs.resuid == worker.metadata.resuid
            if worker.settled:
                assert (worker.metadata.localcnt, worker.metadata.remotecnt) == (theirs.remotecnt, theirs.localcnt)

    @invariant()
    def a_pair_in_sync_has_equal_disks(self) -> None:
        for worker in self.pair.primaries():
            in_sync = worker.settled and not worker.dirty and not worker.inflight
            peer = worker.secondary
            if self.disk_was_bad or not in_sync or peer is None or peer.disk.metadata is None:
                continue
            if peer.alive and peer.disk.metadata.resuid == worker.metadata.resuid:
                extents = range(worker.metadata.extents)
                assert [each for each in extents if worker.disk.differs(peer.disk, each)] == []

    @invariant()
    def every_lost_write_has_a_known_cause(self) -> None:
        for each in places(self.pair, "home"):
            if each.fate is WriteFate.LOST:
                assert each.cause is not None

    @invariant()
    def no_hook_failed(self) -> None:
        assert self.pair.hook_errors == []


AnyPair.TestCase.settings = settings(
    max_examples=60,
    stateful_step_count=50,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)

TestAnyPair = AnyPair.TestCase
