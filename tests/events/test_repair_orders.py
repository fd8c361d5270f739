"""Requests that come twice, late, out of order, and whose process is killed: the end is the same.

The tests take a few of the moments at which a process can be killed; `python -m tests.events.test_repair_orders` takes
all and prints how many there are.
"""

from __future__ import annotations

import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remediate.events.repair import repair
from remediate.events.repair_request import Remedy, RepairRequest
from remediate.rehearsal.context import context_of
from simulator.dying import Killed, KillPoint, Life
from simulator.node import Node
from tests.events.repair_command import EAGER, repairs, well
from tests.failover.installed_pair import InstalledPair, installed_pair, state_directory
from tests.failover.test_killed import fates

pytestmark = pytest.mark.slow

SETTLES = 120.0
MOMENTS = 8
"""So many of the moments of each case the tests take, or a few more."""
FAULTS = ("kill nfs001 devd", "hang nfs002 devd", "kill nfs001 nfsd", "hang nfs001 mountd", "kill nfs001 rpcbind",
          "kill nfs002 hastd")  # fmt: skip
"""What no convergence and no failover mends by itself, or only in part."""


@settings(deadline=None, max_examples=12)
@given(
    st.sets(st.sampled_from(FAULTS), min_size=1),
    st.permutations([(node, remedy) for node in ("nfs001", "nfs002") for remedy in Remedy] * 2),
    st.lists(st.floats(0, 30), min_size=20, max_size=20),
)
def test_in_whatever_order_requests_come_the_pair_ends_well(
    faults: set[str], requests: list[tuple[str, Remedy]], pauses: list[float]
) -> None:
    with state_directory() as state:
        pair = installed_pair(state, EAGER)
        pair.breaks_all(sorted(faults))
        for (node, remedy), pause in zip(requests, pauses, strict=True):
            repairs(pair, pair.pair.nodes[node], remedy)
            pair.passes(pause)
        pair.passes(SETTLES)
        assert well(pair), pair.story()
        assert not pair.blocked(pair.active) and not pair.blocked(pair.standby)
        assert pair.lost() == 0


CASES: dict[str, tuple[tuple[str, ...], str, Remedy]] = {
    "devd": (("hang nfs001 devd",), "nfs001", Remedy.DEVD),
    "converge": (("kill nfs001 nfsd",), "nfs001", Remedy.CONVERGE),
    "mountd": (("hang nfs001 mountd",), "nfs001", Remedy.NFS),
    "rpcbind": (("kill nfs001 rpcbind",), "nfs001", Remedy.NFS),
    "hastd": (("kill nfs002 hastd",), "nfs002", Remedy.HASTD),
}


def played(name: str, fate: KillPoint) -> tuple[Life, list[str]]:
    """A repair whose process has this fate, and what is wrong after it was asked for again."""
    faults, where, remedy = CASES[name]
    with state_directory() as state:
        pair = installed_pair(state)
        pair.breaks_all(faults)
        node = pair.pair.nodes[where]
        life = _lives(pair, node, remedy, fate)
        pair.passes(1)
        trouble = []
        if life.over and _began(pair, node) and repairs(pair, node, remedy).status == 1:
            pair.passes(pair.config.repair.cool_down)  # it counts as tried
        again = repairs(pair, node, remedy)
        if again.status != 0:
            trouble.append(f"asked again: {again.said}")
        pair.passes(SETTLES)
        if not well(pair):
            trouble.append(f"in the end it is not well\n{pair.story()}")
        if pair.lost():
            trouble.append(f"{pair.lost()} acknowledged writes are lost")
        return life, trouble


def _began(pair: InstalledPair, node: Node) -> bool:
    return bool(pair.store(node).read("repairs.json"))


def _lives(pair: InstalledPair, node: Node, remedy: Remedy, fate: KillPoint) -> Life:
    life = Life(fate)
    context = context_of(node, pair.state, pair.installed.configs[node.name], life)
    task = pair.pair.clock.run_task(lambda: repair(context, RepairRequest(remedy)))
    pair.pair.clock.wait(task)
    if task.error is not None and not isinstance(task.error, Killed):
        raise task.error
    return life


@pytest.mark.parametrize("name", CASES)
def test_a_repair_that_is_killed_at_any_moment_and_asked_for_again_ends_well(name: str) -> None:
    plain, trouble = played(name, KillPoint())
    assert not trouble and not plain.over
    moments = list(fates(plain))
    assert len(moments) >= MOMENTS
    assert wrong(name, moments[:: len(moments) // MOMENTS]) == {}


def wrong(name: str, moments: list[KillPoint]) -> dict[KillPoint, list[str]]:
    """What a death at these moments leads to that it must not."""
    by_name: dict[KillPoint, list[str]] = {}
    for fate in moments:
        life, trouble = played(name, fate)
        trouble += [] if life.over else ["it was not killed"]
        by_name |= {fate: trouble} if trouble else {}
    return by_name


def main() -> int:
    """All moments of all cases; prints how many there are."""
    bad = 0
    for name in CASES:
        moments = list(fates(played(name, KillPoint())[0]))
        troubles = wrong(name, moments)
        print(f"{name}: {len(moments)} moments, {len(troubles)} end wrong")
        for fate, trouble in troubles.items():
            print(f"  {fate}", *trouble, sep="\n    ")
        bad += len(troubles)
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
