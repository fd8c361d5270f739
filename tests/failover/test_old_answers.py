"""The way to the other node may bring what that said before, also once it is dead (fault `peer-lies NODE old`).

Where neither its machine nor its hastd is heard, what is in favour of a promotion counts no more; what is against it
does.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from checks.probes.counters import Relation
from remediate.context import Context
from remediate.failover import behind, dumps, lost_pool, peer
from remediate.failover.dumps import Dumps
from remediate.failover.facts import Peer
from remediate.failover.peer import PeerStanding
from remediate.failover.resource import ResourcePlace, places
from simulator.account.writes import LossCause
from simulator.layout import ResourceLayout
from tests.failover.installed_pair import OFF, WROTE_ALONE, InstalledPair, installed_pair, master, policy

pytestmark = pytest.mark.slow

SETTLED = 120.0
"""Seconds after which a booted node serves, if it ever does by itself."""


def home(context: Context) -> ResourcePlace:
    """The resource of the pair."""
    return places(context.here.node(), context.config)["home"]


def asked(context: Context) -> tuple[float, PeerStanding, Dumps | None]:
    """How long a look at the other node takes, what it comes to, and both dumps."""
    began = context.timing.now()
    standing = peer.look(context, home(context))
    return context.timing.now() - began, standing, dumps.read(context, "home")


def is_kept(pair: InstalledPair) -> None:
    """The active node has asked the other one everything; from now on it gets these answers."""
    pair.does(pair.active, asked)
    pair.does(pair.active, lambda context: lost_pool.could_take(context, home(context), None))
    pair.breaks("peer-lies", pair.active.name, "old")


def test_a_node_that_is_booted_alone_does_not_serve_by_old_answers_of_the_one_that_has_served_since(
    pair: InstalledPair,
) -> None:
    """They say that it was secondary, and that both copies were equal."""
    pair.looks_every_minute(pair.active)
    is_kept(pair)
    pair.active.power_off()
    assert pair.until(lambda: pair.serves(pair.standby), 60), pair.story()
    pair.passes(WROTE_ALONE)
    pair.standby.power_off()
    pair.passes(OFF)
    pair.boots(pair.active, SETTLED)
    assert master(pair.active) and pair.rests(pair.active), pair.story()
    assert pair.reasons(pair.active) == ("home: boot-alone",) and not pair.entries(pair.active, "promoted")
    pair.breaks("peer-tells-the-truth", pair.active.name)
    pair.boots(pair.standby, SETTLED)
    assert pair.serves(pair.standby) and pair.sound, pair.story()
    assert {loss.cause for loss in pair.clients.account().losses} <= {LossCause.UFS_DELAY}  # by the power cut


@pytest.mark.quick
def test_a_dead_node_is_gone_as_soon_and_its_old_dump_proves_nothing(pair: InstalledPair) -> None:
    is_kept(pair)
    pair.standby.power_off()
    seconds, standing, both = pair.does(pair.active, asked)
    assert (standing.peer, standing.asked, standing.in_doubt) == (Peer.GONE, False, True) and seconds < 1.2
    assert standing.says.endswith("; nfs002 says that it is secondary, which it may have said before")
    assert both is not None and both.relation is Relation.IN_SYNC
    assert not (both.nothing_is_lacking or both.wrote_nothing_alone or both.nobody_wrote_alone)


def test_an_answer_counts_where_the_replication_network_alone_is_cut(pair: InstalledPair) -> None:
    pair.breaks("cut-replication")
    _, standing, both = pair.does(pair.active, asked)
    assert (standing.peer, standing.asked) == (Peer.LET_GO, True) and both is not None and both.heard


def test_an_answer_counts_without_a_management_address(pair: InstalledPair) -> None:
    """Nothing tells then that it is old."""
    pair.installed.configs["nfs001"] = policy(management="")
    is_kept(pair)
    pair.standby.power_off()
    _, standing, both = pair.does(pair.active, asked)
    assert (standing.peer, standing.asked) == (Peer.LET_GO, True) and both is not None and both.heard


def test_what_an_old_dump_says_against_a_copy_counts(pair: InstalledPair) -> None:
    """The other node has served alone, and its hastd has died, when it is asked."""
    pair.active.power_off()
    assert pair.until(lambda: pair.serves(pair.standby), 60), pair.story()
    pair.passes(WROTE_ALONE)
    pair.breaks("kill", pair.standby.name, "hastd")
    pair.boots(pair.active)
    is_kept(pair)
    pair.standby.power_off()
    pair.passes(5)
    found = pair.does(pair.active, lambda context: behind.behind(context, "home", None, asked=True))
    assert (found.stale, found.dumps, found.lacks) == (behind.BEHIND[Relation.SECOND_AHEAD], False, False)
    _, standing, _ = pair.does(pair.active, asked)
    assert (standing.peer, standing.in_doubt) == (Peer.GONE, True)


def test_a_suspended_pool_is_given_up_to_no_dead_node(state: Path) -> None:
    pair = installed_pair(state, resources=(ResourceLayout(kind="zfs"),))
    is_kept(pair)
    pair.standby.power_off()
    pair.passes(30)
    pair.breaks("pool-suspends", pair.active.name)
    pair.converges(pair.active)
    assert pair.role(pair.active) == "primary" and not pair.entries(pair.active, "step"), pair.story()
