"""Whatever fails on either side, and whatever moves: a block that was acknowledged is never served old by our hand."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from checks.probes.errors import ProbeError
from remediate.failover.errors import StepFailed
from remediate.failover.switchover import switch
from remediate.rehearsal.cron import start_cron
from simulator.account.accounting import disk_of, served_old
from simulator.faults.fault_words import FaultError
from simulator.storage.mounts import Mount
from tests.failover.installed_pair import InstalledPair, installed_pair, state_directory

pytestmark = pytest.mark.slow

NODES = st.integers(0, 1)


class FailingWrites(RuleBasedStateMachine):
    """A pair in service with cron(8), whose clients write all the time; each big file has extents of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = state_directory()
        self.pair: InstalledPair = installed_pair(self.directory.__enter__())
        start_cron(self.pair.installed)
        self.nodes = tuple(self.pair.pair.nodes.values())
        self.mounted: dict[str, Mount] = {}
        self.look()

    def teardown(self) -> None:
        for node in self.nodes:
            node.power_off()
        self.pair.passes(1)
        self.directory.__exit__(None, None, None)

    def breaks(self, *words: str) -> None:
        with suppress(FaultError):
            self.pair.breaks(*words)

    def look(self) -> None:
        """No file system was mounted on a copy that is known to the account to be read as it was before."""
        for node in self.nodes:
            for mount in node.filesystems.mounts.values():
                if self.mounted.get(node.name) is not mount:
                    self.mounted[node.name] = mount
                    old = served_old(self.pair.pair, node, "home")
                    assert not old, (node.name, sorted(disk_of(node, "home").damaged), self.pair.story())

    @initialize()
    def begins(self) -> None:
        self.pair.pair.client().write("first", "x" * (3 << 20), patience=5)

    @rule(
        node=NODES,
        seconds=st.sampled_from(["2", "10", "40"]),
        then=st.sampled_from(["nothing", "connect", "worker", "power", "move"]),
        noticed=st.booleans(),
    )
    def a_disk_fails_writes(self, node: int, seconds: str, then: str, noticed: bool) -> None:
        """While a client writes a big file; and then something happens, before cron(8) has looked or after."""
        here = self.nodes[node]
        self.breaks("disk-fails-writes", here.name, "home", seconds)
        self.pair.pair.client().write(f"big-{self.pair.now:.0f}", "x" * (3 << 20), patience=5)
        self.passes(70 if noticed else 3)
        self.happens(then, 1 - node if then == "power" else node)

    @rule(
        how=st.sampled_from(["link", "standby"]),
        management=st.booleans(),
        seconds=st.sampled_from([12.0, 25.0, 45.0]),
        then=st.sampled_from(["nothing", "connect", "power", "move"]),
        noticed=st.booleans(),
    )
    def a_connection_is_lost_under_a_write(
        self, how: str, management: bool, seconds: float, then: str, noticed: bool
    ) -> None:
        """The link fails, or the standby reboots, with a big file underway; then the node that serves dies, perhaps
        before anybody has compared the copies, or the service is moved."""
        serving = next((number for number, node in enumerate(self.nodes) if self.pair.holds(node)), 0)
        standby = self.nodes[1 - serving]
        self.breaks("cut-replication" if how == "link" else "power-off", *([] if how == "link" else [standby.name]))
        if management:
            self.breaks("cut-management")
        self.pair.pair.client().write(f"under-{self.pair.now:.0f}", "x" * (3 << 20), patience=90)
        self.passes(seconds)
        if how == "link":
            self.breaks("heal")
        else:
            self.breaks("power-on", standby.name)
        self.passes(70 if noticed else 12)
        self.breaks("heal")
        self.happens(then, serving)

    @rule(node=NODES, what=st.sampled_from(["connect", "worker", "hastd", "power", "move", "anew", "nothing"]))
    def something_happens(self, node: int, what: str) -> None:
        self.happens(what, node)

    def happens(self, what: str, node: int) -> None:
        if what == "connect":
            self.the_nodes_connect_again()
        elif what == "worker":
            self.a_worker_is_killed(node)
        elif what == "hastd":
            self.hastd_is_killed_and_started(node)
        elif what == "power":
            self.a_node_loses_power(node, 90.0)
        elif what == "move":
            self.a_human_moves_the_service(node)
            self.a_human_moves_the_service(1 - node)
        elif what == "anew":
            self.a_human_makes_a_standby_anew(node)
        else:
            self.passes(70)

    def the_nodes_connect_again(self) -> None:
        self.breaks("cut-replication")
        self.passes(25)
        self.breaks("heal")
        self.passes(20)

    def a_worker_is_killed(self, node: int) -> None:
        self.breaks("kill", self.nodes[node].name, "worker")
        self.passes(5)

    def hastd_is_killed_and_started(self, node: int) -> None:
        self.breaks("kill", self.nodes[node].name, "hastd")
        self.passes(5)
        if self.nodes[node].on:
            self.nodes[node].run("service hastd onestart", timeout=20)

    def a_node_loses_power(self, node: int, seconds: float) -> None:
        self.breaks("power-off", self.nodes[node].name)
        self.passes(seconds)
        self.breaks("power-on", self.nodes[node].name)
        self.passes(60)

    def a_human_moves_the_service(self, node: int) -> None:
        if self.nodes[node].on:
            with suppress(StepFailed, ProbeError):  # it may be booting
                self.pair.does(self.nodes[node], lambda context: switch(context, "human", lambda step: None))

    def a_human_makes_a_standby_anew(self, node: int) -> None:
        here = self.nodes[node]
        if here.on and here.hastd.running and self.pair.role(here) == "secondary":
            for line in ("hastctl role init home", "hastctl create home"):
                here.run(line, timeout=20)
            self.pair.converges(here)
            self.passes(60)

    def passes(self, seconds: float) -> None:
        """Looked at all the time: what is mounted may be gone again at the end."""
        ends = self.pair.pair.clock.now + seconds
        while self.pair.pair.clock.now < ends:
            self.pair.passes(min(1.0, ends - self.pair.pair.clock.now))
            self.look()

    @invariant()
    def nothing_is_served_old_by_our_hand(self) -> None:
        self.look()

    @invariant()
    def nothing_of_ours_has_failed(self) -> None:
        assert self.pair.pair.hook_errors == []


@pytest.mark.parametrize("then", ["power", "move"])
@pytest.mark.parametrize("noticed", [False, True], ids=["at-once", "later"])
@pytest.mark.parametrize("how", ["link", "standby"])
def test_a_block_that_was_underway_when_the_connection_was_lost_is_not_served_old(
    how: str, noticed: bool, then: str
) -> None:
    """The same machine, where it is known to go wrong without a comparison: the block is on one disk only, and both
    nodes are called complete."""
    machine = FailingWrites()
    try:
        machine.begins()
        machine.a_connection_is_lost_under_a_write(how, False, 25.0, then, noticed)
        machine.look()
        machine.nothing_of_ours_has_failed()
    finally:
        machine.teardown()


FailingWrites.TestCase.settings = settings(
    max_examples=6,
    stateful_step_count=8,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)

TestFailingWrites = FailingWrites.TestCase
