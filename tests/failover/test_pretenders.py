"""Processes of users and jails that have the name of a daemon: they are in nobody's way, and nobody harms them."""

from __future__ import annotations

from pathlib import Path

import pytest

from checks.probes.processes import NFS_DAEMONS
from remediate.events.repair import Ending, repair
from remediate.events.repair_request import Remedy, RepairRequest
from tests.failover.installed_pair import InstalledPair, installed_pair

pytestmark = pytest.mark.slow


def moved(pair: InstalledPair) -> float:
    """Seconds that a planned move takes, in which nothing is lost."""
    began = pair.now
    pair.active.network.demote(100, "by an operator")
    assert pair.until(lambda: pair.serves(pair.standby) and pair.rests(pair.active)), pair.story()
    assert pair.lost() == 0 and pair.sound
    return pair.now - began


@pytest.mark.parametrize("command", ["/usr/sbin/mountd", "nfsd: server", "/usr/sbin/nfsd", "/sbin/hastd"])
def test_a_daemon_of_a_user_keeps_no_node_from_stopping_and_is_let_alone(state: Path, command: str) -> None:
    usual = moved(installed_pair(state / "usual"))
    pair = installed_pair(state / "with")
    pair.breaks("user-process", "nfs001", command)
    users = [process for process in pair.active.processes.listed() if process.uid == 1001]
    assert moved(pair) <= usual + 0.1
    assert users and all(process in pair.active.processes.listed() for process in users)


@pytest.mark.parametrize("service", NFS_DAEMONS)
def test_the_daemons_of_a_jail_are_not_ended(pair: InstalledPair, service: str) -> None:
    pair.breaks("jail-daemon", "nfs001", service)
    jailed = [process for process in pair.active.processes.listed() if process.jid and process.user == "root"]
    moved(pair)
    assert jailed and all(process in pair.active.processes.listed() for process in jailed)


PRETENDERS = [
    (fault, words)
    for name in ("rpcbind", "mountd", "nfsd")
    for fault, words in (("jail-daemon", name), ("user-process", f"/usr/sbin/{name}"), ("user-runs-as-root", name))
]


@pytest.mark.parametrize(("fault", "words"), PRETENDERS)
def test_what_only_has_the_name_does_not_stand_in_for_a_daemon_at_a_takeover(
    pair: InstalledPair, fault: str, words: str
) -> None:
    pair.pair.must(pair.standby, "service nfsd onestop; service mountd onestop; service lockd onestop;"
                   " service statd onestop; service rpcbind onestop")  # fmt: skip
    pair.breaks(fault, "nfs002", words)
    pair.breaks("power-off", "nfs001")
    assert pair.until(lambda: pair.serves(pair.standby), 60), pair.story()


@pytest.mark.quick
def test_a_dead_rpcbind_is_repaired_although_a_jail_has_one(pair: InstalledPair) -> None:
    pair.breaks("jail-daemon", "nfs001", "rpcbind")
    pair.breaks("kill", "nfs001", "rpcbind")
    outcome = pair.does(pair.active, lambda context: repair(context, RepairRequest(Remedy.NFS)))
    assert outcome.ending is Ending.HELPED and pair.serves(pair.active), pair.story()


def test_a_dead_devd_and_a_dead_hastd_are_repaired_although_users_have_their_own(pair: InstalledPair) -> None:
    for command in ("/sbin/devd", "/sbin/hastd"):
        pair.breaks("user-process", "nfs002", command)
    for daemon, remedy in (("devd", Remedy.DEVD), ("hastd", Remedy.HASTD)):
        pair.breaks("kill", "nfs002", daemon)
        outcome = pair.does(pair.standby, lambda context, remedy=remedy: repair(context, RepairRequest(remedy)))  # type: ignore[misc]
        assert outcome.ending is Ending.HELPED, pair.story()
    pair.breaks("users-leave", "nfs002")
    assert not [process for process in pair.standby.processes.listed() if process.uid == 1001]
