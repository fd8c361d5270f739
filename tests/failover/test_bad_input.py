"""Words that are none, an interface that is gone, a disk that is full: refused, said once, and nothing is done."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from checks.probes.hast import Role
from remediate.failover import peer
from remediate.failover.converge import ConvergeResult
from remediate.failover.hastd_events import InvalidEvent, carp_event, hast_event
from remediate.failover.peer_notice import PeerNotice
from remediate.failover.resource import places
from remediate.state import maintenance
from remediate.state.noted import HastdEvent
from simulator.host.log import MESSAGES
from simulator.layout import PairLayout
from tests.failover.installed_pair import InstalledPair, installed_pair

pytestmark = pytest.mark.slow


@pytest.mark.quick
def test_a_full_disk_promotes_nothing_and_says_so_until_there_is_room(pair: InstalledPair, state: Path) -> None:
    """Where nothing can be recorded, it is not known since when CARP is MASTER, nor which promotions failed."""
    in_the_way = [state / "nfs002" / f".{name}.new" for name in ("events.json", "hold.json", "home.ledger.json")]
    for path in in_the_way:
        path.mkdir()
    pair.active.power_off()
    pair.passes(30)
    assert not pair.holds(pair.standby) and pair.sound
    pair.told_once(pair.standby, "could not be noted: cannot keep", "hook")
    pair.told_once(pair.standby, r"cannot be read or kept \(cannot keep", "refused")
    for path in in_the_way:
        path.rmdir()
    pair.passes(1)
    assert pair.converges(pair.standby).result is ConvergeResult.IN_PLACE
    assert pair.serves(pair.standby)


def test_an_entry_that_the_journal_has_no_room_for_is_in_syslog(pair: InstalledPair, state: Path) -> None:
    (state / "nfs002" / "journal.jsonl").rename(state / "nfs002" / "before")
    (state / "nfs002" / "journal.jsonl").mkdir()
    pair.active.power_off()
    pair.passes(30)
    assert pair.serves(pair.standby)
    lines = [line for line in pair.standby.files.read(MESSAGES).splitlines() if "home: promoted: devd" in line]
    assert len(lines) == 1 and "journal not written" in lines[0]


def test_an_interface_that_is_gone_leaves_the_resource_alone(pair: InstalledPair) -> None:
    del pair.active.network.interfaces["vtnet1"]
    pair.standby.power_off()
    outcome = pair.converges(pair.active)
    assert outcome.result is ConvergeResult.REFUSED
    assert "no vhid speaks for the resource" in outcome.said[0]
    assert pair.mounted(pair.active)


HOSTILE = (
    "2@vtnet1; reboot", "$(reboot)@vtnet1", "2@../../etc", "2@vtnet1\nroot: MASTER", "@", "256@vtnet1", "0@vtnet1",
    "-2@vtnet1", "2@" + "v" * 5000, "2@vtnet1\x1b[2J", "\uff12@vtnet1",
)  # fmt: skip


@pytest.mark.parametrize(
    "words",
    [[], ["2@vtnet1"], ["master", "now"], ["2@vtnet1", "master"], ["2@vtnet1", "MASTER", "more"], ["MASTER"],
     *([subsystem, "MASTER"] for subsystem in HOSTILE), *([subsystem, "self-test"] for subsystem in HOSTILE)],
)  # fmt: skip
def test_words_that_are_no_event_of_carp_are_refused_and_touch_nothing(
    pair: InstalledPair, state: Path, words: list[str]
) -> None:
    before = {path.name: path.read_bytes() for path in (state / "nfs001").iterdir()}
    with pytest.raises(InvalidEvent) as refused:
        pair.does(pair.active, lambda context: carp_event(context, words))
    assert str(refused.value).isprintable() and len(str(refused.value)) < 300
    assert {path.name: path.read_bytes() for path in (state / "nfs001").iterdir()} == before


@pytest.mark.parametrize(
    "words",
    [[], ["connect"], ["connect", "mail"], ["connect", "../home"], ["connect", "home", "more"],
     ["role", "home", "init"],
     ["role", "home", "init", "god"], ["reboot", "home"], ["connect", "home;reboot"], ["connect", "home\n"]],
)  # fmt: skip
def test_words_that_are_no_event_of_hastd_are_refused(pair: InstalledPair, state: Path, words: list[str]) -> None:
    before = {path.name: path.read_bytes() for path in (state / "nfs001").iterdir()}
    with pytest.raises(InvalidEvent):
        pair.does(pair.active, lambda context: hast_event(context, HastdEvent("", words, 0.0), PeerNotice({})))
    assert {path.name: path.read_bytes() for path in (state / "nfs001").iterdir()} == before


def test_a_node_without_a_resource_says_that_it_is_in_maintenance(pair: InstalledPair) -> None:
    pair.standby.files.write("/etc/hast.conf", "", pair.standby.now)
    maintenance.begin(pair.store(pair.standby), pair.standby.now, None, "a test", "root")
    outcome = pair.converges(pair.standby)
    assert outcome.result is ConvergeResult.REFUSED
    assert outcome.said == ("maintenance: a test",)


@pytest.mark.parametrize("role", ["init", "secondary"])
def test_a_node_that_is_named_like_a_role_is_taken_for_what_it_says_that_it_is(state: Path, role: str) -> None:
    """Found in review: "secondary" was looked for in a sentence with the node's name in it."""
    first, second = PairLayout().nodes
    pair = installed_pair(state, nodes=(replace(first, name="nfs-primary"), replace(second, name="nfs-secondary")))
    maintenance.begin(pair.store(pair.standby), pair.standby.now, None, "so that the role stays", "root")
    pair.does(pair.standby, lambda context: context.here.act(("/sbin/hastctl", "role", role, "home"), 10))
    asked = pair.does(
        pair.active, lambda context: peer.ask(context, places(context.here.node(), context.config)["home"])
    )
    assert asked is not None and asked.role is Role(role)
