"""The failovers that two journals tell of."""

from __future__ import annotations

from remediate.recovery.failovers import FailoverRecord, failovers
from remediate.state.journal import NOTICE, JournalEntry


def entry(at: float, node: str, event: str, run: str, step: str = "", why: str = "", seconds: float | None = None,
          resource: str = "home") -> JournalEntry:  # fmt: skip
    return JournalEntry(at, "boot", node, 1, run, event, resource, step, why, (), "", seconds, NOTICE)


HANDOVER = [
    entry(10.0, "nfs001", "plan", "a"),
    entry(10.5, "nfs001", "step", "a", "stop-serving nfsd mountd", seconds=0.25),
    entry(11.0, "nfs002", "plan", "b"),
    entry(14.0, "nfs002", "promoted", "b", why="handed over by nfs001"),
]
LOST = [
    entry(100.0, "nfs001", "plan", "c", why="devd 2@vtnet1 MASTER"),
    entry(104.0, "nfs001", "promoted", "c", why="devd 2@vtnet1 MASTER"),
    entry(104.0, "nfs001", "promoted", "c", why="devd 2@vtnet1 MASTER", resource="mail"),
]


def test_a_handover_lasts_from_the_stop_of_nfs_to_the_promotion() -> None:
    assert failovers(reversed(HANDOVER)) == [
        FailoverRecord(14.0, "nfs001", "nfs002", ("home",), "handed over by nfs001", 3.75, False, "b")
    ]


def test_a_node_that_was_lost_had_stopped_before_the_other_one_began() -> None:
    handed, lost = failovers([*HANDOVER, *LOST])
    assert (lost.came_from, lost.to, lost.resources) == ("nfs002", "nfs001", ("home", "mail"))
    assert lost.without_service() == "at least 4.0 s without service"
    assert handed.without_service() == "3.8 s without service"


def test_what_no_journal_says_is_not_known() -> None:
    (only,) = failovers([entry(5.0, "nfs002", "promoted", "")])
    assert (only.came_from, only.seconds) == ("", None)
    assert only.without_service() == "how long nobody served is not known"


def test_without_a_promotion_there_is_none() -> None:
    assert failovers([entry(5.0, "nfs002", "promotion-failed", "d")]) == []
