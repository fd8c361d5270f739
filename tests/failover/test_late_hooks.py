"""hastd's connections are judged by the role that this node had when they came, however late a Python is up that takes
them up: a primary's says nothing of its own copy, a standby's does until the new primary has reported."""

from __future__ import annotations

from pathlib import Path

import pytest

from remediate.failover.converge import ConvergeRequest
from remediate.state import ledger, noted
from remediate.state.ledger import CopyState
from tests.failover.installed_pair import InstalledPair, installed_pair

pytestmark = pytest.mark.slow

CUT = 20.0
"""Seconds after which hastd on both nodes has noticed that the connection is lost."""
CONNECTS = 5.0
"""Seconds after that in which the primary connects again on the simulated pair."""
AWAY = "sysctl net.inet.carp.demotion=254"
"""More than a standby holds back with that is behind."""


def without_devd(state: Path) -> InstalledPair:
    """A pair whose active node has lost devd, the replication, and the address: it serves on until it is called."""
    pair = installed_pair(state)
    pair.breaks("kill", pair.active.name, "devd")
    pair.breaks("cut-replication")
    pair.active.run(AWAY)
    pair.passes(CUT)
    return pair


def connected(pair: InstalledPair) -> bool:
    """hastd has told the active node of a connection since the test began."""
    return any((note.node, note.text) == (pair.active.name, "hast connect home") and note.at >= pair.began
               for note in pair.pair.notes)  # fmt: skip


def copy(pair: InstalledPair) -> CopyState:
    """What the node that was primary knows of its copy."""
    return ledger.read(pair.store(pair.active), "home").copy


@pytest.mark.parametrize("after", [CONNECTS + moment for moment in (-1.6, -1.4, -1.0, 0.0, 0.4)])
def test_a_primary_that_gives_up_its_role_when_the_other_node_connects_keeps_a_complete_copy(
    state: Path, after: float
) -> None:
    pair = without_devd(state)
    pair.breaks("heal")
    pair.passes(after)
    pair.installed.start_worker(pair.active, ConvergeRequest("periodic", promote=False, again=True))
    assert pair.until(lambda: pair.role(pair.active) == "secondary", 30), pair.story()
    assert connected(pair)
    pair.passes(15)
    assert copy(pair) is not CopyState.INCOMPLETE, pair.story()
    pair.breaks("power-off", pair.standby.name)
    assert pair.until(lambda: pair.active.network.vhids()[0].state.value == "MASTER", 30)
    pair.converges(pair.active)
    assert (pair.serves(pair.active), pair.lost(), pair.sound) == (True, 0, True), pair.story()


CHANGED = ["role", "home", "primary", "secondary"]


@pytest.mark.parametrize(
    ("connect", "role", "randompid", "incomplete"),
    [
        (1000, 1001, 0, False),
        (1001, 1000, 0, True),
        (99_998, 3, 0, False),
        (3, 99_998, 0, True),
        (1000, 1001, 347, True),
    ],
)
def test_the_process_numbers_tell_which_of_two_hooks_hastd_has_forked_first(
    state: Path, connect: int, role: int, randompid: int, incomplete: bool
) -> None:
    pair = without_devd(state)
    pair.converges(pair.active, ConvergeRequest("test", promote=False))
    assert copy(pair) is not CopyState.INCOMPLETE, pair.story()
    pair.active.kernel.values["kern.randompid"] = str(randompid)
    noted.note(pair.store(pair.active), CHANGED, pair.active.now, role)
    noted.note(pair.store(pair.active), ["connect", "home"], pair.active.now + 0.1, connect)
    pair.converges(pair.active, ConvergeRequest("test", promote=False))
    assert (copy(pair) is CopyState.INCOMPLETE) is incomplete, pair.story()


def test_a_connection_that_is_noted_after_the_role_was_given_up_may_be_that_of_a_new_primary(state: Path) -> None:
    pair = without_devd(state)
    pair.converges(pair.active, ConvergeRequest("test", promote=False))
    assert pair.role(pair.active) == "secondary", pair.story()
    noted.note(pair.store(pair.active), ["connect", "home"], pair.active.now)
    pair.converges(pair.active, ConvergeRequest("test", promote=False))
    assert copy(pair) is CopyState.INCOMPLETE, pair.story()
