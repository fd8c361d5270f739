"""hastd reports a split-brain in the middle of a promotion, to a node that has not mounted yet: neither copy is served.

Both nodes note then that their own copy may be the losing one, and an operator chooses.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from remediate.failover.converge import ConvergeOutcome, ConvergeRequest, ConvergeResult, converge
from remediate.state import marker
from tests.failover.installed_pair import TEST, InstalledPair, installed_pair, master, policy

pytestmark = pytest.mark.slow

APART = 90.0
"""Seconds for which both nodes serve."""
SLOW_FSCK = "300"
"""It takes longer than the other node's boot."""


def test_a_copy_of_which_hastd_reports_a_split_brain_while_it_is_checked_is_not_served(state: Path) -> None:
    """The node that had the clients last boots first, and its file system is checked for long."""
    pair = installed_pair(state, policy(witness="10.1.101.9"))
    for node in pair.pair.nodes.values():
        pair.looks_every_minute(node)
    pair.passes(65)
    pair.breaks_all(["cut", "cut-management"])
    pair.passes(APART)
    assert pair.holds(pair.active) and pair.holds(pair.standby), pair.story()
    pair.active.power_off()
    pair.breaks("heal")
    pair.passes(20)
    pair.standby.power_off()
    pair.passes(2)
    pair.breaks("slow-fsck", pair.standby.name, SLOW_FSCK)
    pair.standby.power_on()
    assert pair.until(lambda: pair.role(pair.standby) == "primary", 200), pair.story()
    pair.active.power_on()
    assert pair.until(lambda: pair.split_brain(pair.standby) is not None, 200), pair.story()
    assert not pair.mounted(pair.standby)
    pair.passes(200)
    assert not any(pair.holds(node) for node in pair.pair.nodes.values()), pair.story()
    marked = [pair.split_brain(node) for node in pair.pair.nodes.values()]
    assert [each and each.losing for each in marked] == [True, True], pair.story()
    assert not [entry for entry in pair.entries(pair.standby, "split-brain") if entry.result == "it is over"]


def told_at(pair: InstalledPair, step: str) -> ConvergeOutcome:
    """A promotion of the standby in whose step the hook notes that its copy loses, by a look of before the mount."""
    node = pair.standby
    pair.breaks("drop-devd-event", node.name, "5")
    pair.active.power_off()
    assert pair.until(lambda: master(node), 30)
    pair.passes(20)

    def watch(begun: str) -> None:
        if begun.startswith(step):
            pair.pair.clock.after(0.05, tells)

    def tells() -> None:
        marker.record(pair.store(node), "home", node.name, node.boot_mark, node.now, True)

    return pair.does(node, lambda context: converge(context, TEST, watch))


@pytest.mark.quick
@pytest.mark.parametrize("step", ["check", "mount"])
def test_what_was_mounted_before_a_split_brain_is_known_is_taken_back(pair: InstalledPair, step: str) -> None:
    outcome = told_at(pair, step)
    assert outcome.result is ConvergeResult.REFUSED and "a split-brain is not resolved" in outcome.said[0]
    assert (pair.role(pair.standby), pair.mounted(pair.standby)) == ("init", False), pair.story()
    assert not pair.entries(pair.standby, "promoted") and not pair.entries(pair.standby, "promotion-failed")
    assert pair.split_brain(pair.standby) is not None and not pair.blocked(pair.standby)


def test_a_marker_that_a_promotion_has_not_seen_does_not_end_with_it(pair: InstalledPair) -> None:
    """It was noted when NFS was started already: the clients keep what they have, and an operator decides."""
    told_at(pair, "start-serving")
    assert pair.serves(pair.standby) and len(pair.entries(pair.standby, "promoted")) == 1, pair.story()
    pair.converges(pair.standby, ConvergeRequest("periodic", promote=False, again=True))
    assert pair.serves(pair.standby) and pair.split_brain(pair.standby) is not None, pair.story()
