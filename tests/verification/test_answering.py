"""The other node's part of a comparison: what it reads for whoever has the primary's key, and what it does not."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from checks import ask
from checks.probes.errors import NotPermitted
from checks.probes.node import ENV_C, quoted
from remediate.config import RemediationConfig
from remediate.context import Context
from remediate.failover.reach import HASTWATCH
from remediate.session import Message, MessageKind, SessionEnded
from remediate.state import ledger, verifications
from remediate.subcommands import answer
from remediate.verification.answering import MOST
from tests.failover.installed_pair import InstalledPair, installed_pair

pytestmark = pytest.mark.slow

HOME = "home"
RESULT: dict[str, object] = {
    "began": "2026-11-29T04:00:00Z", "ended": "2026-11-29T05:00:00Z", "by": "nfs001", "extents": 128,
    "extentsize": 2097152, "differ": 0, "undecided": 0, "numbers": [], "unread": {}, "wrong": "",
    "wrong_node": "", "deletes": 0, "signs": {},
}  # fmt: skip


def says(pair: InstalledPair, messages: Sequence[Message], name: str = HOME) -> list[Message | str]:
    """What the standby answers to each message of the primary, or why it has ended the session."""

    def talk(context: Context) -> list[Message | str]:
        assert context.peer is not None
        line = context.peer.talk((HASTWATCH, "extents", name))
        heard: list[Message | str] = []
        try:
            for message in messages:
                line.say(message)
                answered = line.hear(30)
                assert answered is not None
                heard.append(answered)
        except SessionEnded:
            heard.append("ended")
        line.close()
        return heard

    return pair.does(pair.active, talk)


COMPARE = Message(MessageKind.COMPARE, by="nfs001", resources=(HOME,))


@pytest.mark.quick
def test_extents_within_the_data_are_hashed_in_the_order_in_which_they_are_asked_for(pair: InstalledPair) -> None:
    ready, hashes, again = says(
        pair, [COMPARE, Message(MessageKind.READ, extents=(127, 0, 127)), Message(MessageKind.READ, extents=(0,))]
    )
    assert isinstance(ready, Message) and ready.told is not None and ready.told["extentsize"] == 2 << 20
    assert isinstance(hashes, Message) and hashes.say is MessageKind.HASHES
    assert hashes.digests[0] == hashes.digests[2] != hashes.digests[1]
    assert isinstance(again, Message) and again.digests == hashes.digests[1:2]


@pytest.mark.parametrize(
    "extents", [(), (128,), (0, 1 << 40), tuple(range(MOST + 1))], ids=["none", "behind", "far", "too many"]
)
def test_what_lies_outside_the_data_is_not_read(pair: InstalledPair, extents: tuple[int, ...]) -> None:
    assert says(pair, [COMPARE, Message(MessageKind.READ, extents=extents)])[1:] == ["ended"]


@pytest.mark.parametrize(
    "first",
    [
        Message(MessageKind.READ, extents=(0,)),
        Message(MessageKind.PREPARE, resources=(HOME,)),
        COMPARE._replace(resources=()),
    ],
)
def test_nothing_is_read_for_who_does_not_say_what_is_compared(state: Path, first: Message) -> None:
    assert says(installed_pair(state), [first]) == ["ended"]


def test_a_resource_that_hast_conf_does_not_have_is_refused(state: Path) -> None:
    (refused,) = says(installed_pair(state), [COMPARE._replace(resources=("vtbd0",))], "vtbd0")
    assert isinstance(refused, Message) and refused.say is MessageKind.REFUSED and "no resource vtbd0" in refused.words


def test_only_a_connected_standby_is_read(pair: InstalledPair) -> None:
    pair.breaks("cut-replication")
    pair.passes(60)
    (refused,) = says(pair, [COMPARE])
    assert isinstance(refused, Message) and refused.say is MessageKind.REFUSED and "not connected" in refused.words


def test_what_came_out_is_written_down_as_it_is_understood_and_nothing_else(pair: InstalledPair) -> None:
    assert says(pair, [COMPARE, Message(MessageKind.VERIFIED, told=RESULT)])[1] == Message(MessageKind.KEPT)
    (run,) = verifications.runs(pair.store(pair.standby), HOME)
    assert run.equal and run.by == "nfs001"
    wrongs: tuple[dict[str, object], ...] = (
        {"differ": -1}, {"numbers": [0] * 101}, {"by": 5}, {"unread": []}, {"ended": "yesterday"}, {"extents": True},
        {"wrong": "x\ny"}, {"by": "x" * 400}, {"signs": []}, {"signs": {"nfs002": 5}},
    )  # fmt: skip
    for wrong in wrongs:
        assert says(pair, [COMPARE, Message(MessageKind.VERIFIED, told=RESULT | wrong)])[1:] == ["ended"]
    assert says(pair, [COMPARE, Message(MessageKind.VERIFIED)])[1:] == ["ended"]
    assert len(verifications.runs(pair.store(pair.standby), HOME)) == 1


def test_half_a_year_is_kept_and_no_more(pair: InstalledPair) -> None:
    for number in range(40):
        says(pair, [COMPARE, Message(MessageKind.VERIFIED, told=RESULT | {"extents": number})])
    runs = [run.extents for run in verifications.runs(pair.store(pair.standby), HOME)]
    assert runs == list(range(10, 40))


@pytest.mark.parametrize("words", [("extents",), ("extents", "../x"), ("extents", "home", "--state-dir", "/tmp")])
def test_the_gate_admits_a_resource_and_no_option(words: tuple[str, ...]) -> None:
    with pytest.raises(ask.LineRefused):
        answer.admitted(quoted((*ENV_C, HASTWATCH, *words)), RemediationConfig)


def test_a_simulated_peer_is_behind_the_same_gate(state: Path) -> None:
    with pytest.raises(NotPermitted):
        says(installed_pair(state), [COMPARE], "../home")


def test_a_copy_that_is_said_to_lack_something_is_damaged_and_is_asked_on(pair: InstalledPair) -> None:
    lacking = Message(MessageKind.LACKING, words="it lacks\x1b[31m what was underway")
    _, own, hashes = says(pair, [COMPARE, lacking, Message(MessageKind.READ, extents=(0,))])
    assert isinstance(own, Message) and own.say is MessageKind.KEPT and isinstance(hashes, Message)
    damage = ledger.read(pair.store(pair.standby), HOME).damage
    assert damage is not None and "it lacks" in damage.says and damage.says.isprintable()


def test_a_comparison_of_some_extents_that_found_nothing_leaves_nothing(pair: InstalledPair) -> None:
    before = pair.store(pair.standby).names()
    says(pair, [COMPARE, Message(MessageKind.DONE)])
    assert pair.store(pair.standby).names() == before and not pair.entries(pair.standby, "extents")
