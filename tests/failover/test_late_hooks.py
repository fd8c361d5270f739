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


@pytest.mark.parametrize("later", [0.0, 0.4])
def test_a_primary_that_gives_up_its_role_before_its_hooks_are_up_keeps_a_complete_copy(
    state: Path, later: float
) -> None:
    pair = without_devd(state)
    pair.breaks("heal")
    assert pair.until(lambda: connected(pair))
    pair.passes(later)
    pair.installed.start_worker(pair.active, ConvergeRequest("periodic", promote=False, again=True))
    assert pair.until(lambda: pair.role(pair.active) == "secondary", 30), pair.story()
    pair.passes(15)
    assert copy(pair) is not CopyState.INCOMPLETE, pair.story()
    pair.breaks("power-off", pair.standby.name)
    assert pair.until(lambda: pair.active.network.vhids()[0].state.value == "MASTER", 30)
    pair.converges(pair.active)
    assert (pair.serves(pair.active), pair.lost(), pair.sound) == (True, 0, True), pair.story()


def test_a_connection_that_is_noted_after_the_role_was_given_up_may_be_that_of_a_new_primary(state: Path) -> None:
    pair = without_devd(state)
    pair.converges(pair.active, ConvergeRequest("test", promote=False))
    assert pair.role(pair.active) == "secondary", pair.story()
    noted.note(pair.store(pair.active), ["connect", "home"], pair.active.now)
    pair.converges(pair.active, ConvergeRequest("test", promote=False))
    assert copy(pair) is CopyState.INCOMPLETE, pair.story()
