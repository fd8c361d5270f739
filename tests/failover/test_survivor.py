"""hastd dies on a node that serves in a cut, and the nodes meet before anything there has noticed: one of them goes on
serving, if it is the only one that had the clients.

The tests take a part of the moments. `python -m tests.failover.test_survivor` plays all of them, which takes ten
minutes of processor time, and prints each that ends without service and without a split-brain.
"""

from __future__ import annotations

import argparse
import itertools
from pathlib import Path
from typing import NamedTuple

import pytest

from checks.probes.carp_demotion import DemotionCause
from checks.probes.counters import Relation, relation
from checks.probes.hast import Metadata, Role
from remediate.failover import hast_of
from remediate.failover.converge import ConvergeRequest
from remediate.failover.survivor import OUTLIVED, goes_on
from remediate.state import served_apart
from remediate.state.served_apart import ServedApart
from remediate.state.store import Store
from simulator.node import Node
from tests.failover.installed_pair import PERIOD, InstalledPair, master, state_directory
from tests.failover.test_demotion import looked_at_every_minute

CUTS = {"isolate": (("isolate", "nfs001"),), "in two": (("cut",), ("cut-management",))}
"""By name: the clients reach only the promoted node; they reach both, and so the one that they had."""
SERVED = 120.0
"""Seconds after the nodes meet within which one of them serves: hastd is there by then, and cron(8) has looked."""
QUIET, APART, WROTE_LESS = DemotionCause.QUIET, DemotionCause.APART, DemotionCause.WROTE_LESS


class Play(NamedTuple):
    """A cut; which node's hastd is killed, `first` had the service before; so many seconds after cron's n-th look;
    when it is started again, after that, None for never; and when the nodes meet, after that."""

    cut: str
    whose: str
    look: int
    kill: float
    restart: float | None
    heal: float


def in_a_cut(state: Path, cut: str) -> InstalledPair:
    """Both nodes serve, and each has written what the other one lacks."""
    pair = looked_at_every_minute(state)
    pair.breaks_all(" ".join(words) for words in CUTS[cut])
    if cut == "isolate":
        pair.passes(2)
        pair.active.run("echo mine > /hast/home/first; sync")
    assert pair.until(lambda: pair.holds(pair.standby)), pair.story()
    pair.standby.run("echo other > /hast/home/second; sync")
    return pair


def starts_hastd(node: Node) -> None:
    node.start_command("service hastd onestart")


def played(state: Path, play: Play) -> InstalledPair:
    """The play up to the moment when the nodes meet."""
    pair = in_a_cut(state, play.cut)
    pair.passes(max(play.look * PERIOD + play.kill - pair.now, 0.0))
    node = pair.active if play.whose == "first" else pair.standby
    pair.breaks("kill", node.name, "hastd")
    if play.restart is not None:
        pair.passes(play.restart)
        starts_hastd(node)
    pair.passes(play.heal)
    pair.breaks("heal")
    return pair


def serving(pair: InstalledPair) -> list[str]:
    return [node.name for node in (pair.active, pair.standby) if pair.serves(node)]


def diverged(pair: InstalledPair) -> bool:
    """Whether each copy has writes that the other lacks, by the counters on the disks."""
    first, second = (pair.does(node, lambda context: hast_of.metadata(context.here, "home"))
                     for node in (pair.active, pair.standby))  # fmt: skip
    return first is not None and second is not None and relation(first, second) is Relation.SPLIT_BRAIN


def ends(state: Path, play: Play) -> tuple[InstalledPair, list[str]]:
    """Which nodes serve in the end; it stays so."""
    pair = played(state, play)
    pair.passes(SERVED)
    at_first = serving(pair)
    pair.passes(2 * PERIOD)
    return pair, serving(pair) if at_first == serving(pair) else []


PLAYS = [
    Play("isolate", "second", 3, 30.0, 10.0, 5.0),
    Play("isolate", "second", 3, 5.0, 2.0, 0.5),
    Play("isolate", "second", 3, 20.0, 40.0, 0.5),  # it looks again while the other node still gives up
    Play("in two", "second", 3, 5.0, 30.0, 5.0),
]
WROTE_TO_BOTH = [
    Play("in two", "first", 1, 40.0, 10.0, 0.5),
    Play("isolate", "first", 1, 5.0, 2.0, 0.5),  # the address comes in the middle of a look that promotes nothing
    Play("isolate", "first", 1, 20.0, None, 2.0),
]
"""It is not known of either node that clients wrote nothing to it."""


@pytest.mark.slow
@pytest.mark.parametrize("play", PLAYS, ids=str)
def test_somebody_serves_when_hastd_was_killed_in_a_cut(state: Path, play: Play) -> None:
    pair, served = ends(state, play)
    assert len(served) == 1 and not pair.pair.hook_errors, pair.story()


@pytest.mark.slow
def test_the_node_that_had_the_clients_goes_on_and_the_other_copy_is_marked_as_the_losing_one(state: Path) -> None:
    pair, served = ends(state, PLAYS[0])
    assert served == ["nfs002"], pair.story()
    wins, loses = pair.split_brain(pair.standby), pair.split_brain(pair.active)
    assert wins is not None and wins.losing is False and loses is not None and loses.losing, pair.story()
    pair.told_once(pair.standby, "this node goes on with its copy", "split-brain")


@pytest.mark.slow
def test_a_node_that_nobody_wrote_to_waits_for_the_hastd_of_the_one_that_had_the_clients(state: Path) -> None:
    pair, served = ends(state, PLAYS[0]._replace(restart=None))
    assert served == [] and master(pair.active), pair.story()
    starts_hastd(pair.standby)
    assert pair.until(lambda: serving(pair) == ["nfs002"], SERVED), pair.story()


@pytest.mark.slow
@pytest.mark.parametrize("play", WROTE_TO_BOTH, ids=str)
def test_where_clients_may_have_written_to_both_an_operator_chooses(state: Path, play: Play) -> None:
    pair, served = ends(state, play)
    assert served == [] and not pair.pair.hook_errors, pair.story()
    if play.restart is None:
        starts_hastd(pair.active)
        pair.passes(PERIOD)
    assert serving(pair) == [] and diverged(pair)
    pair.active.run("hastctl role init home; hastctl create home; hastctl role secondary home")
    pair.standby.run("ifconfig vtnet1 vhid 2 state master")
    pair.converges(pair.standby, ConvergeRequest("human", accept_loss=True))
    assert pair.until(lambda: serving(pair) == ["nfs002"], SERVED), pair.story()


def meet_without_hastd_noticed(pair: InstalledPair) -> None:
    """hastd of the active node dies right after cron(8) has looked, is started, and the nodes meet."""
    pair.passes(2 * PERIOD - pair.now % PERIOD + PERIOD / 2)
    pair.breaks("kill", "nfs001", "hastd")
    pair.passes(10)
    starts_hastd(pair.active)
    pair.passes(5)
    pair.breaks("heal")
    pair.passes(SERVED)


@pytest.mark.slow
@pytest.mark.parametrize("rebooted", [False, True])
def test_where_clients_wrote_to_one_node_after_the_other_an_operator_chooses(state: Path, rebooted: bool) -> None:
    """Nothing is written any more to the first of them when the nodes meet; it was, in the same cut."""
    pair = looked_at_every_minute(state)
    pair.breaks_all(("cut", "cut-management"))
    pair.passes(4 * PERIOD)
    assert pair.serves(pair.standby), pair.story()
    if rebooted:
        pair.standby.power_off()
    pair.breaks("isolate", "nfs002")
    if rebooted:
        pair.boots(pair.standby, 3 * PERIOD)
    assert pair.until(lambda: "home: nothing is written here while the other node is not heard"
                      in pair.reasons(pair.standby), 4 * PERIOD), pair.story()  # fmt: skip
    assert pair.serves(pair.active)
    meet_without_hastd_noticed(pair)
    assert serving(pair) == [] and diverged(pair), pair.story()
    assert (pair.split_brain(pair.active), pair.split_brain(pair.standby)) == (None, None)


@pytest.mark.slow
def test_where_a_node_could_not_record_what_it_served_apart_an_operator_chooses(state: Path) -> None:
    """It had clients while its state directory was full, and nobody wrote to it when that had room again."""
    pair = looked_at_every_minute(state)
    pair.breaks_all(("cut", "cut-management"))
    assert pair.until(lambda: pair.holds(pair.standby)), pair.story()
    pair.breaks("state-full", "nfs002")
    pair.passes(4 * PERIOD)
    assert pair.serves(pair.standby), pair.story()
    pair.breaks("isolate", "nfs002")
    pair.passes(PERIOD)
    pair.breaks("state-ok", "nfs002")
    assert pair.until(lambda: "home: nothing is written here while the other node is not heard"
                      in pair.reasons(pair.standby), 4 * PERIOD), pair.story()  # fmt: skip
    assert pair.serves(pair.active)
    meet_without_hastd_noticed(pair)
    assert serving(pair) == [] and diverged(pair), pair.story()


@pytest.mark.slow
@pytest.mark.parametrize("before", [1.0, 20.0])
def test_what_clients_wrote_to_a_node_right_before_the_nodes_meet_counts(state: Path, before: float) -> None:
    """After its last look: it had been quiet for minutes, and clients of the other one had written all the time."""
    play = PLAYS[0]
    pair = in_a_cut(state, play.cut)
    pair.passes(play.look * PERIOD + play.kill - pair.now)
    pair.breaks("kill", "nfs002", "hastd")
    pair.passes(25 - before)
    pair.active.run("echo late > /hast/home/late; sync")
    pair.passes(before)
    starts_hastd(pair.standby)
    pair.passes(play.heal)
    pair.breaks("heal")
    pair.passes(SERVED)
    assert serving(pair) == [] and diverged(pair), pair.story()


@pytest.mark.slow
def test_what_a_node_served_apart_is_over_when_the_other_one_serves_long_after(state: Path) -> None:
    """Its role was taken by hand; an hour later it must not win against the node that has had the clients since."""
    pair = in_a_cut(state, "isolate")
    pair.passes(PERIOD)
    pair.active.run("service nfsd onestop; umount -f /hast/home; hastctl role secondary home")
    pair.passes(OUTLIVED + 2 * PERIOD)
    over, goes_on = _known(pair, pair.active), _known(pair, pair.standby)
    assert (over.causes, over.is_over) == (frozenset(), True)
    assert (goes_on.causes, goes_on.is_over) == (frozenset({APART}), False)


@pytest.mark.slow
def test_it_is_forgotten_when_the_nodes_are_connected(state: Path) -> None:
    pair = looked_at_every_minute(state)
    pair.breaks("cut-replication")
    pair.passes(2 * PERIOD)
    assert served_apart.is_kept(pair.store(pair.active), "home")
    pair.breaks("heal")
    pair.passes(PERIOD)
    assert not served_apart.is_kept(pair.store(pair.active), "home"), pair.story()


def _known(pair: InstalledPair, node: Node) -> ServedApart:
    mine = pair.does(node, lambda context: hast_of.metadata(context.here, "home"))
    assert mine is not None
    known = served_apart.known(pair.store(node), "home", node.boot_mark, mine)
    assert known is not None, pair.story()
    return known


def served(*causes: DemotionCause, over: bool = False, written: bool = False, to_the_end: bool = True) -> ServedApart:
    return ServedApart(frozenset(causes), 0.0, over, written=written, to_the_end=to_the_end)


@pytest.mark.parametrize(
    ("mine", "theirs", "expected"),
    [
        (served(), served(QUIET), True),
        (served(APART), served(QUIET), True),
        (served(APART), served(QUIET, over=True), True),
        (served(), served(APART), False),
        (served(APART), served(), False),
        (served(), served(QUIET, written=True), False),
        (served(), served(QUIET, to_the_end=False), False),
        (served(written=True), served(QUIET), True),
        (served(APART), served(WROTE_LESS), False),
        (served(QUIET), served(APART), False),
        (served(QUIET), served(QUIET, APART), False),
        (served(WROTE_LESS), served(QUIET), False),
        (served(APART), served(over=True), False),
        (served(over=True), served(QUIET, APART), False),
        (served(), None, False),
        (None, served(QUIET), False),
    ],
)
def test_which_node_goes_on(mine: ServedApart | None, theirs: ServedApart | None, expected: bool) -> None:
    assert goes_on(mine, theirs) is expected


def test_two_nodes_never_both_go_on() -> None:
    every = (QUIET, APART, WROTE_LESS)
    causes = [frozenset(each) for count in range(4) for each in itertools.combinations(every, count)]
    each = [None, *(ServedApart(one, 0.0, over, to_the_end=True) for one in causes for over in (False, True))]
    assert not [pair for pair in itertools.product(each, each) if goes_on(*pair) and goes_on(*pair[::-1])]


MINE = Metadata("home", 1, 1, 64, resuid=7, localcnt=1, remotecnt=0, prevrole=Role.PRIMARY)


@pytest.mark.parametrize(
    ("boot", "mine", "expected"),
    [
        ("b", MINE, True),
        ("b", MINE._replace(localcnt=2), True),
        ("c", MINE, False),
        ("", MINE, False),
        ("b", MINE._replace(remotecnt=1), False),
        ("b", MINE._replace(resuid=8), False),
    ],
)
def test_what_was_served_apart_counts_in_its_boot_and_until_the_next_synchronisation(
    state: Path, boot: str, mine: Metadata, expected: bool
) -> None:
    store = Store(str(state / "node"))
    store.ready()
    served_apart.note(store, "home", "b", MINE, served(APART))
    assert served_apart.known(store, "home", boot, mine) == (served(APART) if expected else None)
    served_apart.forget(store, "home")
    assert served_apart.known(store, "home", "b", MINE) is None and not store.names()


@pytest.mark.parametrize(
    ("boot", "mine", "expected"), [("b", MINE, False), ("c", MINE, True), ("c", MINE._replace(remotecnt=1), False)]
)
def test_that_a_node_served_apart_before_a_boot_is_known(
    state: Path, boot: str, mine: Metadata, expected: bool
) -> None:
    store = Store(str(state / "node"))
    store.ready()
    assert not served_apart.is_not_known(store, "home", boot, mine)
    served_apart.note(store, "home", "b", MINE, served(APART))
    assert served_apart.is_not_known(store, "home", boot, mine) is expected


def test_a_note_of_an_earlier_build_does_not_say_that_clients_wrote_nothing(state: Path) -> None:
    store = Store(str(state / "node"))
    store.ready()
    served_apart.note(store, "home", "b", MINE, served(QUIET))
    values = store.read(served_apart.NAME)
    of_home = values["home"]
    assert isinstance(of_home, dict)
    store.write(served_apart.NAME, {**values, "home": {key: of_home[key] for key in of_home if key != "written"}})
    assert served_apart.known(store, "home", "b", MINE) is None
    assert served_apart.is_not_known(store, "home", "b", MINE)


@pytest.mark.parametrize("text", ["{", '{"version": 1, "home": 1}', '{"version": 1, "home": {"boot": "b"}}'])
def test_a_note_that_is_none_says_nothing(state: Path, text: str) -> None:
    store = Store(str(state / "node"))
    store.ready()
    Path(store.directory, served_apart.NAME).write_text(text)
    assert served_apart.known(store, "home", "b", MINE) is None


def main() -> int:
    """All moments; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.failover.test_survivor", description=__doc__)
    parser.add_argument("--every", type=int, default=1, metavar="N", help="play each Nth only")
    options = parser.parse_args()
    moments = list(itertools.product((1, 3), (5.0, 20.0, 40.0, 55.0), (2.0, 10.0, 40.0), (0.5, 2.0, 5.0, 20.0)))
    plays = [Play(cut, whose, *moment) for cut in CUTS for whose in ("first", "second") for moment in moments]
    unserved = left = 0
    for play in plays[:: options.every]:
        with state_directory() as state:
            pair, served = ends(state, play)
            if not served and diverged(pair) and not pair.pair.hook_errors:
                left += 1
            elif len(served) != 1 or pair.pair.hook_errors:
                unserved += 1
                print(f"{play}: {served or 'nobody'} serves", flush=True)
    count = len(plays[:: options.every])
    print(f"{count} plays, {left} of them with a split-brain for an operator to decide, {unserved} wrong")
    return 1 if unserved else 0


if __name__ == "__main__":
    raise SystemExit(main())
