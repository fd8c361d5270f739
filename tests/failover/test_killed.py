"""kill -9 of the worker at every moment of a promotion, a demotion and a switchover, then converge: it ends right.

A moment is before or during one of its commands, or before one of its writes to the state directory. The tests take
one in five of them; `python -m tests.failover.test_killed` takes all, as CI does, and prints how many there are.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from typing import NamedTuple

import pytest

from checks.probes.silence import OID
from remediate.failover import peer_route
from remediate.failover.converge import ConvergeResult
from remediate.failover.switchover import switch
from remediate.rehearsal.context import context_of
from simulator.dying import KillPoint, Life
from simulator.node import Node
from tests.failover.installed_pair import InstalledPair, installed_pair, state_directory

pytestmark = pytest.mark.slow

ONE_IN = 5
"""Of so many moments the tests take one."""
HUMAN = 240
"""What an operator adds to the demotion to move the service."""
LASTS = 20.0
"""Seconds in which every transition is over, and less than the other node waits for this one to let go."""
SETTLES = 40.0


class Transition(NamedTuple):
    """What is begun, and on which node it is that the worker is killed. `begin` gives the worker's life."""

    begin: Callable[[InstalledPair, KillPoint], Life]
    node: str
    others: int = 0
    """What others than hastwatch have added to the demotion of the first node."""
    may_stay: bool = False
    """Killed early enough, it is as if it had not been begun."""


class End(NamedTuple):
    """What there is in the end, of each node."""

    served: tuple[bool, ...]
    resting: tuple[bool, ...]
    carp: tuple[str, ...]
    demotion: tuple[int, ...]


def _next_worker(pair: InstalledPair, node: Node, fate: KillPoint) -> Life:
    assert pair.until(lambda: node.name not in pair.installed.fates)
    return next(life for life in pair.installed.workers if life.fate is fate)


def promoted_after_a_power_cut(pair: InstalledPair, fate: KillPoint) -> Life:
    """The standby's promotion is killed."""
    pair.installed.fates[pair.standby.name] = fate
    pair.active.power_off()
    return _next_worker(pair, pair.standby, fate)


def demoted_in_a_planned_move(pair: InstalledPair, fate: KillPoint) -> Life:
    """The demotion of the node that is moved away from is killed."""
    pair.installed.fates[pair.active.name] = fate
    pair.active.run(f"sysctl net.inet.carp.demotion={HUMAN}")
    return _next_worker(pair, pair.active, fate)


def promoted_in_a_planned_move(pair: InstalledPair, fate: KillPoint) -> Life:
    """The promotion of the other one is killed."""
    pair.installed.fates[pair.standby.name] = fate
    pair.active.run(f"sysctl net.inet.carp.demotion={HUMAN}")
    return _next_worker(pair, pair.standby, fate)


def switched_over(pair: InstalledPair, fate: KillPoint) -> Life:
    """`hastwatch switchover` is killed, on the node that gives its service away."""
    life = Life(fate)
    context = context_of(pair.active, pair.state, pair.installed.configs[pair.active.name], life)
    pair.pair.clock.run_task(lambda: switch(context, "human", lambda step: None))
    return life


def taken_over(pair: InstalledPair, fate: KillPoint) -> Life:
    """`hastwatch take-over` is killed, on the node that the service is handed to."""
    pair.installed.fates[pair.standby.name] = fate
    switched_over(pair, KillPoint())
    return _next_worker(pair, pair.standby, fate)


TRANSITIONS = {
    "promoted after a power cut": Transition(promoted_after_a_power_cut, "nfs002"),
    "demoted in a planned move": Transition(demoted_in_a_planned_move, "nfs001", HUMAN),
    "promoted in a planned move": Transition(promoted_in_a_planned_move, "nfs002", HUMAN),
    "switched over": Transition(switched_over, "nfs001", may_stay=True),
    "taken over": Transition(taken_over, "nfs002", may_stay=True),
}


class Played(NamedTuple):
    """How a transition went: the worker's life, what there is in the end, acknowledged writes that are missing then,
    what is wrong."""

    life: Life
    end: End
    lost: int
    trouble: tuple[str, ...]


def played(transition: Transition, fate: KillPoint) -> Played:
    """A transition whose worker has this fate; then converge on that node."""
    with state_directory() as state:
        pair = installed_pair(state)
        life = transition.begin(pair, fate)
        pair.passes(LASTS)
        pair.converges(pair.pair.nodes[transition.node])
        pair.passes(SETTLES)
        return Played(life, _end(pair), pair.lost(), tuple(_trouble(pair, transition)))


def _end(pair: InstalledPair) -> End:
    nodes = pair.pair.nodes.values()
    return End(
        tuple(pair.serves(node) for node in nodes),
        tuple(node.on and pair.rests(node) for node in nodes),
        tuple("".join(pair.carp(node).values()) for node in nodes),
        tuple(pair.demotion(node) for node in nodes),
    )


def _trouble(pair: InstalledPair, transition: Transition) -> Iterator[str]:
    """What is wrong whatever was killed."""
    if pair.twice:
        yield f"primary and mounted on both nodes, {len(pair.twice)} times, first after {pair.twice[0]:.2f} s"
    if pair.pair.hook_errors:
        yield f"a hook failed: {pair.pair.hook_errors[0]!r}"
    if pair.blocked(pair.active) or pair.blocked(pair.standby):
        yield "automatic action is stopped"
    for node in (pair.active, pair.standby):
        others = transition.others if node is pair.active else 0
        if node.on and pair.demotion(node) - others != pair.share(node):
            yield f"{node.name}: demotion {pair.demotion(node)}, of which {pair.share(node)} is recorded"
        if node.on and (dropped := node.kernel.integer(OID)):
            yield f"{node.name}: {OID} is left at {dropped}"
        if node.network.host_routes or (pair.state / node.name / peer_route.NAME).exists():
            yield f"{node.name}: the other node is rejected, or noted as rejected: {node.network.host_routes}"
        if node.on and (again := pair.converges(node)) != (ConvergeResult.IN_PLACE, 0, ()):
            yield f"{node.name}: converged again: {again}"


def fates(life: Life) -> Iterator[KillPoint]:
    """Every moment at which a program that had this life can be killed."""
    for number in range(1, life.commands + 1):
        yield KillPoint(before_command=number)
        yield KillPoint(during_command=number)
    for number in range(1, life.writes + 1):
        yield KillPoint(before_write=number)


def wrong(transition: Transition, plain: Played, fate: KillPoint) -> list[str]:
    """What a death at this moment leads to that it must not."""
    killed = played(transition, fate)
    troubles = list(killed.trouble)
    if not killed.life.over:
        troubles.append("it was not killed")
    stayed = transition.may_stay and killed.end == End((True, False), (False, True), ("MASTER", "BACKUP"), (0, 0))
    if killed.end != plain.end and not stayed:
        troubles.append(f"{killed.end} instead of {plain.end}")
    if killed.lost > plain.lost:
        troubles.append(f"{killed.lost} acknowledged writes are lost, {plain.lost} without the death")
    return troubles


@pytest.mark.parametrize("offset", range(2))
@pytest.mark.parametrize("name", TRANSITIONS)
def test_a_death_at_any_moment_is_made_good_by_the_next_converge(name: str, offset: int) -> None:
    transition = TRANSITIONS[name]
    plain = played(transition, KillPoint())
    assert not plain.trouble and not plain.life.over
    moments = list(fates(plain.life))[offset * ONE_IN :: 2 * ONE_IN]
    assert len(moments) >= 5
    assert {fate: trouble for fate in moments if (trouble := wrong(transition, plain, fate))} == {}


def main() -> int:
    """The moments of all transitions; prints how many there are."""
    argparse.ArgumentParser(prog="python -m tests.failover.test_killed", description=__doc__).parse_args()
    bad = 0
    for name, transition in TRANSITIONS.items():
        plain = played(transition, KillPoint())
        moments = list(fates(plain.life))
        found = {fate: trouble for fate in moments if (trouble := wrong(transition, plain, fate))}
        commands, writes = plain.life.commands, plain.life.writes
        print(f"{name}: {len(moments)} moments ({commands} commands, {writes} writes), {len(found)} end wrong")
        for fate, trouble in found.items():
            print(f"  {fate}", *trouble, sep="\n    ")
        print(*(f"  unkilled: {each}" for each in plain.trouble), sep="\n", end="")
        bad += len(found) + len(plain.trouble)
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
