"""A shutdown in which something hangs or is killed, or without any configuration: the rest is unmounted in time."""

from __future__ import annotations

from pathlib import Path

import pytest

from remediate.failover.boot import leave_nothing_mounted
from simulator.dying import KillPoint
from simulator.layout import ResourceLayout
from simulator.rc.boot import RC_SHUTDOWN
from tests.failover.installed_pair import InstalledPair, installed_pair, policy

pytestmark = pytest.mark.slow

ALONE = 1.5
TWO = (ResourceLayout(), ResourceLayout("mail", "/dev/vtbd2", mountpoint="/hast/mail"))
ZFS = (ResourceLayout(kind="zfs"),)


def shuts_down(pair: InstalledPair) -> float:
    """An orderly shutdown of the active node; the seconds that it took."""
    began = pair.pair.clock.now
    pair.pair.clock.wait(pair.active.shut_down())
    return pair.pair.clock.now - began


def taken_away(pair: InstalledPair) -> list[str]:
    """From under which mounts the device was taken away."""
    words = "forcibly unmounting"
    return [note.text for note in pair.pair.notes if note.node == pair.active.name and words in note.text]


# --- what hangs --------------------------------------------------------------------------------------------------


@pytest.mark.quick
def test_a_device_that_hangs_does_not_keep_another_resource_mounted(state: Path) -> None:
    pair = installed_pair(state, resources=TWO)
    pair.breaks("hang", "nfs001", "worker:mail")
    gone = pair.active.shut_down()
    assert pair.until(lambda: not pair.mounted(pair.active, "home"), 60), pair.story()
    pair.pair.clock.wait(gone)
    assert not any("/hast/home" in text for text in taken_away(pair)), pair.story()


@pytest.mark.parametrize("command", ["umount", "hastctl", "fuser", "ps", "ifconfig"])
def test_a_command_that_hangs_leaves_time_for_the_scripts_that_follow(state: Path, command: str) -> None:
    pair = installed_pair(state, resources=TWO)
    pair.breaks("hang-command", "nfs001", command)
    ended: list[float] = []
    began = pair.pair.clock.now
    code = pair.active.programs["/usr/local/etc/rc.d/hastwatch"].start(pair.active, ["hastwatch", "stop"])
    code.then(lambda: ended.append(pair.pair.clock.now - began))
    pair.passes(RC_SHUTDOWN)
    assert ended and ended[0] <= 62, (ended, pair.story())
    if command != "umount":
        assert not pair.mounted(pair.active, "home") and not pair.mounted(pair.active, "mail"), pair.story()


# --- what is killed ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [1, 4, 8, 12, 16, 20, 25, 30])
@pytest.mark.parametrize("how", ["before_command", "during_command", "before_write"])
def test_a_convergence_that_is_killed_during_a_shutdown_is_taken_up(state: Path, how: str, number: int) -> None:
    """The address moves, or the script calls it: in either case somebody else goes on. Whether this node wrote last is
    not recorded where what would do it is killed."""
    pair = installed_pair(state, policy(boot_alone="serve"))
    pair.standby.power_off()
    pair.passes(ALONE)
    pair.installed.fates[pair.active.name] = KillPoint(**{how: number})
    assert shuts_down(pair) < RC_SHUTDOWN
    assert not taken_away(pair), pair.story()
    pair.boots(pair.active, 120)
    assert pair.serves(pair.active) and pair.lost() == 0 and pair.sound, pair.story()


# --- without any configuration -----------------------------------------------------------------------------------


@pytest.mark.parametrize("resources", [TWO, ZFS], ids=["ufs", "zfs"])
def test_what_is_mounted_from_hast_is_unmounted_without_a_hast_conf(
    state: Path, resources: tuple[ResourceLayout, ...]
) -> None:
    pair = installed_pair(state, resources=resources)
    pair.active.files.remove("/etc/hast.conf")
    pair.does(pair.active, leave_nothing_mounted)
    assert not pair.active.filesystems.mounts, pair.story()
    assert not pair.active.nfs.running("nfsd") and not pair.active.nfs.running("mountd")
    assert not taken_away(pair)


# --- what is underway --------------------------------------------------------------------------------------------


def test_a_promotion_that_is_underway_mounts_nothing_any_more(pair: InstalledPair) -> None:
    pair.breaks("slow-fsck", "nfs002", "30")
    pair.active.power_off()
    assert pair.until(lambda: pair.role(pair.standby) == "primary")
    pair.pair.clock.wait(pair.standby.shut_down())
    assert not any("mount home" in entry.step for entry in pair.entries(pair.standby, "step")), pair.story()
    assert any("shuts down" in entry.why for entry in pair.entries(pair.standby, "superseded")), pair.story()
    assert pair.role(pair.standby) == "-" and pair.sound
