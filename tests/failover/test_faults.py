"""Faults of single steps: each promotion and demotion ends in a defined state, in time, and says once what it was."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from remediate.config import RemediationConfig
from remediate.failover.converge import ConvergeRequest, ConvergeResult, converge
from remediate.policy import Failover
from remediate.state import failures
from simulator.account.writes import LossCause
from simulator.layout import ResourceLayout
from tests.failover.installed_pair import InstalledPair, installed_pair, master

pytestmark = pytest.mark.slow

SHORT = RemediationConfig(failover=Failover(fsck=20, let_go=20))
ZFS = ResourceLayout(kind="zfs")


class Broken(NamedTuple):
    """A step of a promotion that fails: by which faults, what the journal says of it, in which time clients are served
    again where the other node can, and how the fault is taken back."""

    faults: tuple[str, ...]
    says: str
    seconds: float
    mended: tuple[str, ...]


PROMOTION = {
    "the device never appears": Broken(
        ("device-never-appears nfs002 home",), r"/dev/hast/home has not appeared within 15 s", 75,
        ("device-appears nfs002 home",),
    ),
    "fstyp hangs": Broken(
        ("fsck-fails nfs002 home", "hang-command nfs002 fstyp"), r"fstyp.*timed out after 10\.0 s and was killed", 25,
        ("fsck-works nfs002 home", "release-command nfs002 fstyp"),
    ),
    "fsck hangs": Broken(("hang-command nfs002 fsck",), r"fsck.*timed out after 120\.0 s and was killed", 140,
                         ("release-command nfs002 fsck",)),
    "fsck is hopeless": Broken(("fsck-hopeless nfs002 home",), r"fsck cannot repair /dev/hast/home: exit 8", 30,
                               ("fsck-works nfs002 home",)),
    "the full fsck takes too long": Broken(
        ("fsck-fails nfs002 home", "slow-fsck nfs002 40"), r"fsck -t ufs -y.*timed out after 20\.0 s", 50,
        ("fsck-works nfs002 home", "slow-fsck nfs002 1"),
    ),
    "the mount fails": Broken(("mount-fails nfs002 home",), r"cannot be mounted: .*Input/output error", 30,
                              ("mount-works nfs002 home",)),
    "mountd hangs": Broken(("hang-command nfs002 mountd",), r"service mountd onestart` timed out after 20\.0 s", 38,
                           ("release-command nfs002 mountd",)),
    "nfsd does not start": Broken(("service-fails nfs002 nfsd",), r"`service nfsd onestart` exits with 1", 18,
                                  ("service-works nfs002 nfsd",)),
    "clients are not served": Broken(("hang-command nfs002 hastwatch",), r"clients are not served /hast/home", 45,
                                     ("release-command nfs002 hastwatch",)),
}  # fmt: skip


@pytest.fixture(params=PROMOTION)
def broken(request: pytest.FixtureRequest) -> Broken:
    return PROMOTION[request.param]


# --- promotions ------------------------------------------------------------------------------------------------


def test_a_promotion_that_fails_in_a_planned_move_is_undone_and_the_service_comes_back(
    state: Path, broken: Broken
) -> None:
    pair = installed_pair(state, SHORT)
    pair.moves()
    assert pair.until(lambda: not pair.mounted(pair.active))
    pair.breaks_all(broken.faults)
    assert pair.until(lambda: pair.serves(pair.active), broken.seconds), pair.story()
    pair.passes(60)
    pair.told_once(pair.standby, broken.says, "promotion-failed")
    assert pair.serves(pair.active) and pair.rests(pair.standby) and not master(pair.standby)
    assert "failed promotion" in pair.reasons(pair.standby)
    assert pair.share(pair.standby) == pair.demotion(pair.standby) == 240
    assert pair.lost() == 0 and pair.sound


def test_two_failed_promotions_stop_all_automatic_action_until_a_human_clears_it(state: Path, broken: Broken) -> None:
    pair = installed_pair(state, SHORT)
    pair.looks_every_minute(pair.standby)
    pair.breaks_all(broken.faults)
    pair.active.power_off()
    assert pair.until(lambda: bool(pair.entries(pair.standby, "promotion-failed")), 150)
    pair.passes(2 * broken.seconds + 60)
    assert len(pair.entries(pair.standby, "promotion-failed")) == 2, pair.story()
    assert pair.rests(pair.standby)
    assert "nothing is tried again until an operator has cleared it" in pair.blocked(pair.standby)
    pair.breaks_all(broken.mended)
    pair.passes(120)
    assert not pair.holds(pair.standby)
    failures.clear(pair.store(pair.standby), "an operator")
    assert pair.converges(pair.standby).result is ConvergeResult.IN_PLACE
    assert pair.serves(pair.standby) and pair.sound


def test_the_address_is_given_away_at_most_once(state: Path) -> None:
    """Both nodes fail: the address goes over once and comes back no more."""
    pair = installed_pair(state, SHORT)
    for node in (pair.active, pair.standby):
        pair.looks_every_minute(node)
        pair.breaks("mount-fails", node.name, "home")
    pair.moves()
    pair.passes(600)
    gave = [
        sum("was released" in each.result for each in pair.entries(node, "refused"))
        for node in pair.pair.nodes.values()
    ]
    assert max(gave) == 1
    assert pair.rests(pair.active) and pair.rests(pair.standby)
    changes = [note for note in pair.pair.notes if note.at > pair.pair.clock.now - 300 and "MASTER" in note.text]
    assert changes == [] and pair.sound


def test_the_address_is_not_given_to_a_node_whose_copy_lacks_writes_of_this_one(state: Path) -> None:
    """It would refuse to serve, and nobody would until the failure is forgotten."""
    pair = installed_pair(state, SHORT)
    pair.looks_every_minute(pair.active)
    pair.breaks("cut-replication")
    pair.passes(40)
    pair.breaks("mount-fails", "nfs001", "home")
    pair.active.run("service nfsd onestop; service mountd onestop; umount -f /hast/home; hastctl role secondary home")
    pair.begins(pair.active, lambda context: converge(context, ConvergeRequest("human")))
    assert pair.until(lambda: bool(pair.entries(pair.active, "promotion-failed")), 30), pair.story()
    pair.breaks("mount-works", "nfs001", "home")
    assert pair.until(lambda: pair.serves(pair.active), 60) and "was released" not in pair.story(), pair.story()


def looked_at_every_minute(state: Path) -> InstalledPair:
    pair = installed_pair(state, SHORT)
    for node in (pair.active, pair.standby):
        pair.looks_every_minute(node)
    return pair


def fails_to_take_over(pair: InstalledPair) -> None:
    """The standby, where hastwatch hangs in a step; the active node loses its power, and boots."""
    pair.breaks("hang-command", "nfs002", "hastwatch")
    pair.active.power_off()
    pair.boots(pair.active, 5)


def test_a_failed_promotion_tells_the_other_node_that_its_copy_is_complete(state: Path) -> None:
    """Else that one, which was booted and synchronised meanwhile, would wait for word, and nobody would serve."""
    pair = looked_at_every_minute(state)
    fails_to_take_over(pair)
    assert pair.until(lambda: pair.serves(pair.active), 240), pair.story()
    assert pair.sound


def test_a_failed_promotion_tells_it_so_also_where_the_connection_was_lost_before_it_began(state: Path) -> None:
    """A node that was just booted waits for CARP, and meanwhile its worker finds out that the primary has died."""
    pair = looked_at_every_minute(state)
    pair.standby.power_off()
    pair.boots(pair.standby, 60)
    fails_to_take_over(pair)
    assert pair.until(lambda: pair.serves(pair.active), 300), pair.story()
    pair.told_once(pair.standby, "clients are not served", "promotion-failed")
    assert pair.sound


def test_a_failed_promotion_tells_the_other_node_so_when_it_can_be_told(state: Path) -> None:
    """The way to it fails for two minutes: it is not told by a primary again, as this node is none any more."""
    pair = looked_at_every_minute(state)
    fails_to_take_over(pair)
    pair.breaks("cut-management")
    pair.passes(120)
    assert "complete; it could not be notified" in pair.entries(pair.standby, "told")[-1].result, pair.story()
    pair.breaks("heal")
    assert pair.until(lambda: pair.serves(pair.active), 240), pair.story()
    assert pair.sound


@pytest.mark.quick
def test_a_preen_that_fails_is_followed_by_a_full_check(pair: InstalledPair) -> None:
    pair.breaks("fsck-fails", "nfs002", "home")
    pair.active.power_off()
    pair.passes(30)
    assert pair.serves(pair.standby)
    pair.told_once(pair.standby, "checked in full", "step")


def test_a_look_that_hangs_refuses_and_the_next_one_takes_it_up(state: Path) -> None:
    for number, command in enumerate(("mount", "hastctl", "ifconfig", "ps")):
        pair = installed_pair(state / command)
        pair.looks_every_minute(pair.standby)
        pair.passes(10.0 + number)
        pair.breaks("hang-command", "nfs002", command)
        pair.active.power_off()
        pair.passes(35)
        assert not pair.holds(pair.standby)
        missing = "could not be read" if command != "hastctl" else "hastd does not say which role the resource has"
        pair.told_once(pair.standby, missing, "refused")
        pair.breaks("release-command", "nfs002", command)
        pair.passes(90)
        assert pair.serves(pair.standby) and pair.sound, pair.story()


def test_a_hastd_that_is_stuck_gets_no_promotion_until_it_answers(pair: InstalledPair) -> None:
    pair.looks_every_minute(pair.standby)
    pair.passes(10)
    pair.breaks("hang", "nfs002", "hastd")
    pair.active.power_off()
    pair.passes(40)
    assert not pair.holds(pair.standby)
    pair.told_once(pair.standby, "hastd does not say which role the resource has", "refused")
    pair.breaks("resume", "nfs002", "hastd")
    pair.passes(90)
    assert pair.serves(pair.standby) and pair.sound


def test_hastd_that_does_not_run_is_said_and_nothing_is_served(pair: InstalledPair) -> None:
    pair.breaks("kill", "nfs002", "hastd")
    pair.active.power_off()
    pair.passes(60)
    pair.told_once(pair.standby, "hastd does not run", "refused")
    assert not pair.mounted(pair.standby) and not pair.standby.nfs.running("nfsd")


# --- demotions -------------------------------------------------------------------------------------------------


def demoted(pair: InstalledPair, *faults: str) -> None:
    """Something is broken, and an operator moves the service in CARP."""
    for node in (pair.active, pair.standby):
        pair.looks_every_minute(node)
    pair.passes(10)
    pair.breaks_all(faults)
    pair.active.network.demote(100, "by an operator")


DEMOTION: dict[str, tuple[tuple[str, ...], str, float]] = {
    "a process that uses it is named and ended": (
        ("busy nfs001 home",), r"after these were ended: sleep \(pid \d+\)", 5),
    "a stubborn one is killed": (("busy-stubborn nfs001 home",), r"after these were ended: sleep \(pid \d+\)", 15),
    "one that nobody names is left behind": (
        ("busy nfs001 home", "hang-command nfs001 fuser"), r"by force.*nobody that fuser names", 30),
    "nfsd is stopped": (("hang nfs001 nfsd",), r"stop-serving nfsd mountd.*done", 12),
    "mountd is stopped": (("hang nfs001 mountd",), r"stop-serving nfsd mountd.*done", 12),
}  # fmt: skip


@pytest.mark.parametrize("name", DEMOTION)
def test_what_holds_a_file_system_is_ended_and_nothing_is_lost(state: Path, name: str) -> None:
    faults, says, seconds = DEMOTION[name]
    pair = installed_pair(state)
    demoted(pair, *faults)
    assert pair.until(lambda: pair.rests(pair.active), seconds), pair.story()
    pair.told_once(pair.active, says, "step")
    pair.passes(10)
    assert pair.serves(pair.standby) and pair.lost() == 0 and pair.sound


@pytest.mark.parametrize(
    ("kind", "command", "says", "looks"),
    [("ufs", "umount", r"umount /hast/home` timed out after 60\.0 s", 0),
     ("zfs", "zpool", r"zpool export home` timed out after 60\.0 s", 8)],
)  # fmt: skip
def test_an_unmount_that_hangs_leaves_the_service_where_it_was(
    state: Path, kind: str, command: str, says: str, looks: int
) -> None:
    """The other node waits for a while, then leaves the address to the one that has the data. That one first `looks`
    whether its pool is suspended, so many seconds where zpool status hangs too."""
    pair = installed_pair(state, resources=(ZFS if kind == "zfs" else ResourceLayout(),))
    demoted(pair, f"hang-command nfs001 {command}")
    pair.passes(30)
    assert not pair.serves(pair.active)
    assert pair.until(lambda: pair.serves(pair.active), 45 + looks), pair.story()
    pair.told_once(pair.active, says, "step")
    assert pair.rests(pair.standby) and pair.lost() == 0 and pair.sound


@pytest.mark.parametrize(
    ("fault", "mended", "says"),
    [
        ("hang nfs001 hastd", "resume nfs001 hastd", r"role secondary home` timed out after 20\.0 s"),
    ],
)
def test_what_cannot_be_proven_unmounted_counts_as_in_use(
    pair: InstalledPair, fault: str, mended: str, says: str
) -> None:
    demoted(pair, fault)
    assert pair.until(lambda: any("still in use" in reason for reason in pair.reasons(pair.active)), 90), pair.story()
    assert pair.role(pair.standby) == "secondary"
    assert sum("failed" in entry.result for entry in pair.entries(pair.active, "step")) == 1
    assert pair.until(lambda: bool(pair.entries(pair.active, "refused"))), pair.story()
    pair.told_once(pair.active, says, "refused")
    assert pair.share(pair.active) == 240
    pair.breaks(*mended.split())
    pair.passes(200)
    served = [node for node in pair.pair.nodes.values() if pair.serves(node)]
    assert len(served) == 1 and pair.lost() == 0 and pair.sound, pair.story()


def test_a_device_that_hangs_is_not_taken_away_under_its_mount(pair: InstalledPair) -> None:
    demoted(pair, "hang nfs001 worker")
    pair.passes(100)
    pair.told_once(pair.active, r"umount /hast/home` timed out after 60\.0 s", "step")
    assert pair.mounted(pair.active) and pair.role(pair.standby) == "secondary"
    pair.breaks("resume", "nfs001", "worker")
    pair.passes(200)
    served = [node for node in pair.pair.nodes.values() if pair.serves(node)]
    assert len(served) == 1 and pair.lost() == 0 and pair.sound, pair.story()


def test_a_service_that_hangs_when_it_is_stopped_does_not_hold_the_file_system_for_ever(state: Path) -> None:
    pair = installed_pair(state, RemediationConfig(failover=Failover(services=("ctld",))))
    demoted(pair, "hang-command nfs001 service")
    pair.passes(100)
    stopped = [entry for entry in pair.entries(pair.active) if entry.step.startswith("stop-serving")]
    assert "`/usr/sbin/service ctld onestop` timed out" in stopped[-1].result
    assert pair.role(pair.active) == "secondary"
    pair.breaks("release-command", "nfs001", "service")
    pair.passes(120)
    assert sum(pair.serves(node) for node in pair.pair.nodes.values()) == 1
    assert pair.lost() == 0 and pair.sound


def test_a_promotion_that_fails_after_clients_wrote_is_taken_back_by_a_clean_unmount(pair: InstalledPair) -> None:
    pair.breaks("hang", pair.standby.name, "rpcbind")  # nfsd serves who has mounted already, and nobody can mount
    pair.breaks("power-off", pair.active.name)
    assert pair.until(lambda: bool(pair.entries(pair.standby, "promotion-failed")))
    written = pair.clients.account().acknowledged

    def steps() -> list[str]:
        return [entry.step for entry in pair.entries(pair.standby, "step")]

    assert pair.until(lambda: "become-secondary home" in steps()), pair.story()
    assert steps().index("unmount home") < steps().index("become-secondary home")
    pair.breaks("resume", pair.standby.name, "rpcbind")
    pair.converges(pair.standby)
    assert pair.until(lambda: pair.serves(pair.standby)) and written
    assert {loss.cause for loss in pair.clients.account().losses} <= {LossCause.UFS_DELAY}
