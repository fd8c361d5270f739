"""A post-mortem: what of both journals belongs to an incident, and that hostile text in them stays text."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from checks.probes.errors import Unreachable
from checks.probes.process import CompletedCommand
from checks.probes.state_cache import Memory
from remediate.context import Context, PeerTransport, Transport
from remediate.recovery.incident import AFTER, BEFORE, MOST, NoIncident, as_json, as_markdown, gather, ids
from remediate.recovery.preservation import Mode
from remediate.state.journal import ALERT, INFO, JournalEntry
from remediate.state.journal_reading import read
from tests.failover.installed_pair import state_directory
from tests.recovery.copies import in_memory, local_context
from tests.recovery.split_pair import SIDES, Split, SplitPair

pytestmark = pytest.mark.slow

AT = 1795336623.0
HOSTILE = "`rm`|x\n## title <script>alert(1)</script> [a](javascript:b) \x1b[31m*b*"


def entry(at: float, event: str, run: str = "", node: str = "nfs001", **words: str) -> JournalEntry:
    entry = JournalEntry(AT + at, "1", node, 1, run, event, "home", "", "", (), "", None, INFO)
    return entry._replace(**words)  # type: ignore[arg-type]  # texts of an entry


OWN = (
    entry(-BEFORE - 1, "plan", why="too early"),
    entry(-BEFORE + 1, "plan", why="before"),
    entry(0, "split-brain", "i1", result="this node serves the clients"),
    entry(60, "recovery", "i1", "nfs002", result="begins: salvage")._replace(evidence=("one | two",), severity=ALERT),
    entry(60 + AFTER - 1, "released"),
    entry(60 + AFTER + 1, "plan", why="too late"),
    entry(9000, "split-brain", "i2"),
)


class Peer(PeerTransport):
    """A way to a node whose `hastwatch journal` prints this."""

    def __init__(self, stdout: str = "", status: int = 0, error: Exception | None = None) -> None:
        way = Transport(("/", "peer"), Memory(None))
        super().__init__(way, way)
        self.asked: list[tuple[str, ...]] = []
        self._answer, self._error = (status, stdout), error

    def act(self, argv: tuple[str, ...], seconds: float) -> CompletedCommand:
        """As a way does."""
        self.asked.append(argv)
        if self._error is not None:
            raise self._error
        return CompletedCommand(argv, *self._answer, "", 0.0)


def context(peer: PeerTransport | None = None) -> Context:
    with in_memory() as directory:
        return local_context(Path(directory))._replace(peer=peer)


def lines(entries: Iterable[JournalEntry]) -> str:
    return "".join(f"{each.line()}\n" for each in entries)


@pytest.mark.quick
def test_what_happened_around_the_entries_of_an_incident_belongs_to_it() -> None:
    incident = gather(context(), OWN, "i1")
    assert [each.why or each.event for each in incident.entries] == ["before", "split-brain", "recovery", "released"]
    assert incident.missing == ("no way to the other node",)


def test_the_last_incident_is_the_youngest_one() -> None:
    assert ids(OWN) == ("i1", "i2")
    assert gather(context(), OWN, "last").id == "i2"


def test_the_journal_of_the_other_node_is_in_it_in_the_order_of_time() -> None:
    peer = Peer(lines([entry(30, "step", "", "nfs002"), entry(5, "hold", "", "nfs002")]))
    incident = gather(context(peer), OWN, "i1")
    assert [each.event for each in incident.entries] == ["plan", "split-brain", "hold", "step", "recovery", "released"]
    assert incident.missing == ()
    assert peer.asked == [("/usr/local/hastwatch/bin/hastwatch", "journal", "--json", "-n", "2000")]


@pytest.mark.parametrize(
    ("peer", "said"),
    [
        (Peer(error=Unreachable("ssh: nfs002: timed out")), "the journal of the other node: ssh: nfs002: timed out"),
        (Peer(status=127), "the journal of the other node: "),
        (Peer(lines(OWN[:2]) + "torn {\n\x1b[2J\n"), "2 lines of the other node's journal that are no entries"),
    ],
)
def test_what_of_the_other_node_could_not_be_had_is_said(peer: Peer, said: str) -> None:
    incident = gather(context(peer), OWN, "i1")
    assert [each[: len(said)] for each in incident.missing] == [said]
    assert f"- Not had: {said}".replace("_", "\\_") in as_markdown(incident)


@pytest.mark.parametrize("wanted", ["i3", "", "../i1"])
def test_an_incident_that_is_none_names_those_that_are(wanted: str) -> None:
    with pytest.raises(NoIncident, match="there are i1, i2"):
        gather(context(), OWN, wanted)


@pytest.mark.parametrize("wanted", ["last", "i1"])
def test_without_an_incident_there_is_none(wanted: str) -> None:
    with pytest.raises(NoIncident, match="there are none"):
        gather(context(), OWN[:2], wanted)


def test_markdown_has_the_timeline_as_a_table_and_the_evidence_below() -> None:
    assert as_markdown(gather(context(), OWN, "i1")).splitlines() == [
        "# Incident i1", "",
        "- Resources: home",
        "- Nodes: nfs001, nfs002, each with its own clock",
        "- From 2026-11-22T08:27:04Z to 2026-11-22T08:40:02Z (12 min 58 s), 4 entries",
        "- Not had: no way to the other node", "",
        "| time (UTC) | node | what | why | result |", "|---|---|---|---|---|",
        "| 08:27:04.000 | nfs001 | home plan | before |  |",
        "| 08:37:03.000 | nfs001 | home split-brain |  | this node serves the clients |",
        "| 08:38:03.000 | nfs002 | home recovery |  | begins: salvage |",
        "| 08:40:02.000 | nfs001 | home released |  |  |",
        "", "## Evidence", "",
        "- 2026-11-22T08:38:03Z nfs002: one \\\\x7c two",
    ]  # fmt: skip


def test_hostile_text_stays_text_in_a_ticket() -> None:
    bad = entry(1, "recovery", HOSTILE, HOSTILE, resource=HOSTILE, step=HOSTILE, why=HOSTILE, result=HOSTILE)
    shown = as_markdown(gather(context(), [bad._replace(evidence=(HOSTILE,))], HOSTILE))
    assert "\x1b" not in shown and "<script" not in shown and "](javascript" not in shown.replace("\\](", "")
    table = [line for line in shown.splitlines() if line.startswith("| 08")]
    assert [line.replace("\\|", "").count("|") for line in table] == [6]
    assert [line for line in shown.splitlines() if line.startswith("#")] == [shown.splitlines()[0], "## Evidence"]
    assert shown.replace("\\`", "").count("`") == 0


def test_json_is_one_object_with_the_whole_entries() -> None:
    bad = entry(1, "recovery", "i1", result=HOSTILE)
    incident = json.loads(as_json(gather(context(), [bad], "i1")))
    assert (incident["incident"], incident["missing"]) == ("i1", ["no way to the other node"])
    assert incident["entries"] == [json.loads(bad.line())]


def test_a_recovery_on_a_pair_leaves_an_incident_that_tells_all_of_it() -> None:
    with state_directory() as state:
        pair = SplitPair(state)
        Split("cut off", SIDES[2]).make(pair)
        pair.recovers(Mode.SALVAGE)
        pair.passes(60)
        own, theirs = (list(read(str(state / node.name / "journal.jsonl"))) for node in (pair.losing, pair.winner))
    incident = gather(context(Peer(lines(theirs))), own, "last")
    bearing = [(each.event, each.node) for each in incident.entries if each.run in (incident.id, *incident.also)]
    assert sorted(bearing) == [
        ("created", "nfs002"), ("recovery", "nfs002"), ("split-brain", "nfs001"), ("split-brain", "nfs002"),
    ]  # fmt: skip
    assert len(incident.also) == 1
    assert f"- Also called {incident.also[0]}" in as_markdown(incident)
    assert {"salvage", "salvage-verified", "hold"} <= {each.event for each in incident.entries}
    assert {each.node for each in incident.entries} == {"nfs001", "nfs002"}
    assert "each has writes that the other lacks" in as_markdown(incident)


def test_a_post_mortem_of_a_long_journal_holds_no_more_than_it_shows() -> None:
    """An entry of the incident comes first and last: the span is the whole journal."""

    class Long:
        """A journal of which no more than a part is ever held."""

        def __iter__(self) -> Iterator[JournalEntry]:
            yield entry(0, "split-brain", "i1")
            for number in range(3 * MOST):
                yield entry(number / MOST, "step", why=str(number))
            yield entry(4, "released", "i1")

    incident = gather(context(), Long(), "i1")
    assert len(incident.entries) == MOST
    assert incident.missing[-1].startswith(f"more than {MOST} entries: those after ")
