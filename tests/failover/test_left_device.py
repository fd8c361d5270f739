"""A device that a killed worker has left on a node is no sign of a primary, and is taken over only unused
(`simulator.hastd.left_device`)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.failover.installed_pair import InstalledPair, installed_pair

pytestmark = pytest.mark.slow

LEFT = "/dev/hast/home was left by a worker that was killed"


def left_on_a_standby(state: Path, mounted: bool = False) -> InstalledPair:
    """The active node's worker and then its hastd are killed; the other one takes over, and it follows."""
    pair = installed_pair(state)
    node = pair.active
    if not mounted:
        pair.pair.must(node, "service nfsd onestop")
        pair.pair.must(node, "service mountd onestop")
        pair.pair.must(node, "umount /hast/home")
    pair.pair.must(node, "pkill -9 -f 'home .primary'; kill -9 $(cat /var/run/hastd.pid)")
    pair.converges(node)
    assert pair.until(lambda: pair.serves(pair.standby)), pair.story()
    pair.pair.must(node, "service hastd start")
    pair.pair.must(node, "hastctl role secondary home")
    pair.converges(node)
    assert pair.role(node) == "secondary" and node.files.exists("/dev/hast/home"), pair.story()
    pair.passes(60)
    return pair


@pytest.mark.quick
def test_one_that_nobody_has_open_is_taken_over(state: Path) -> None:
    pair = left_on_a_standby(state)
    pair.standby.power_off()
    assert pair.until(lambda: pair.serves(pair.active)), pair.story()
    assert pair.sound and not pair.active.left


def test_one_that_waits_with_old_writes_is_not(state: Path) -> None:
    pair = left_on_a_standby(state)
    pair.active.start_command("fsck -t ufs -y /dev/hast/home")
    pair.passes(60)
    assert pair.active.left["home"].waiting
    pair.standby.power_off()
    assert pair.until(lambda: bool(pair.entries(pair.active, "promotion-failed"))), pair.story()
    assert LEFT in pair.entries(pair.active, "promotion-failed")[0].result
    pair.passes(60)
    assert pair.active.left["home"].waiting and not pair.mounted(pair.active)


def test_one_that_is_mounted_is_never_served(state: Path) -> None:
    pair = left_on_a_standby(state, mounted=True)
    assert pair.mounted(pair.active)
    pair.standby.power_off()
    assert pair.until(lambda: bool(pair.entries(pair.active, "promotion-failed"))), pair.story()
    pair.passes(120)
    assert pair.active.left and not pair.serves(pair.active) and pair.sound


def test_an_unmount_that_hangs_on_it_says_how_it_is_ended(state: Path) -> None:
    pair = left_on_a_standby(state, mounted=True)
    failed = [entry for entry in pair.entries(pair.active, "step") if "cannot be proven unmounted" in entry.result]
    assert "`ggatel destroy -f -u UNIT`" in failed[0].result
    pair.pair.must(pair.active, "ggatel destroy -f -u 0")
    pair.converges(pair.active)
    assert pair.rests(pair.active) and pair.serves(pair.standby) and pair.sound, pair.story()
