"""What the journals of both nodes tell of a failover, and what they leave unknown."""

from __future__ import annotations

from typing import Any

from remediate.state.journal import CRIT, INFO, JournalEntry
from remediate.timeline import journals
from remediate.timeline.model import Bar, BarKind, Timeline

BEGIN = 1795336600.0
MASTER = ("CARP MASTER", "HAST primary", "mounted", "peer: not looked for")
BACKUP = ("CARP BACKUP", "HAST secondary", "not mounted")


def entry(at: float, node: str, event: str, step: str = "", **more: Any) -> JournalEntry:
    values: dict[str, Any] = {
        "time": BEGIN + at, "boot": "one", "node": node, "pid": 1, "run": "", "event": event, "resource": "home",
        "step": step, "why": "", "evidence": (), "result": "done", "seconds": None, "severity": INFO,
    }  # fmt: skip
    return JournalEntry(**{**values, **more})


def drawn(*entries: JournalEntry, begin: float = 0.0) -> Timeline:
    return journals.timeline("test", entries, BEGIN + begin)


def bars(timeline: Timeline, group: str, lane: str = "") -> list[Bar]:
    lanes = next(each.lanes for each in timeline.groups if each.name == group)
    return list(next(each.bars for each in lanes if each.name == lane))


def handed_over() -> Timeline:
    return drawn(
        entry(10, "nfs001", "plan", evidence=MASTER, why="human root", result="to be secondary: unmount home"),
        entry(12, "nfs001", "step", "stop-serving nfsd mountd", resource="", seconds=1.0),
        entry(13, "nfs001", "step", "unmount home", seconds=0.5),
        entry(14, "nfs001", "step", "become-secondary home", seconds=0.5),
        entry(14.5, "nfs002", "plan", evidence=("CARP MASTER", "HAST secondary", "not mounted")),
        entry(15, "nfs002", "step", "become-primary home", seconds=0.4),
        entry(16, "nfs002", "step", "mount home", seconds=0.5),
        entry(20, "nfs002", "step", "start-serving mountd nfsd", resource="", seconds=3.0),
    )


def test_a_handover_is_told_by_its_plans_and_steps() -> None:
    timeline = handed_over()
    end = timeline.seconds
    assert bars(timeline, "nfs001", "primary") == [Bar(0, 10, BarKind.UNKNOWN), Bar(10, 13.5, BarKind.PRIMARY)]
    assert bars(timeline, "nfs001", "mounted") == [Bar(0, 10, BarKind.UNKNOWN), Bar(10, 12.5, BarKind.MOUNTED)]
    assert bars(timeline, "nfs002", "primary") == [Bar(0, 14.5, BarKind.UNKNOWN), Bar(15, end, BarKind.PRIMARY)]
    assert bars(timeline, "nfs002", "serving")[-1] == Bar(20, end, BarKind.SERVING)


def test_nobody_serves_only_where_both_journals_say_so() -> None:
    timeline = handed_over()
    assert bars(timeline, "nobody serves") == [
        Bar(0, 14.5, BarKind.UNKNOWN),
        Bar(14.5, 16, BarKind.WAITING),
        Bar(16, 20, BarKind.UNKNOWN),
    ]


def test_one_journal_alone_does_not_show_that_nobody_serves() -> None:
    timeline = drawn(entry(10, "nfs001", "plan", evidence=BACKUP), entry(20, "nfs001", "converged"))
    assert [bar.kind for bar in bars(timeline, "nobody serves")] == [BarKind.UNKNOWN]


def test_the_address_on_one_node_leaves_unknown_whether_the_other_one_still_has_it() -> None:
    timeline = handed_over()
    assert [bar.kind for bar in bars(timeline, "nfs001", "MASTER")] == [
        BarKind.UNKNOWN,
        BarKind.MASTER,
        BarKind.UNKNOWN,
    ]
    assert bars(timeline, "nfs001", "MASTER")[2].begin == 14.5


def test_after_a_step_that_failed_it_is_not_known_what_it_has_changed() -> None:
    timeline = drawn(
        entry(10, "nfs001", "plan", evidence=MASTER),
        entry(15, "nfs001", "step", "unmount home", seconds=4.0, result="failed: busy", severity=CRIT),
        entry(30, "nfs001", "converged"),
    )
    assert [(bar.begin, bar.kind) for bar in bars(timeline, "nfs001", "mounted")][1:] == [
        (10, BarKind.MOUNTED),
        (11, BarKind.UNKNOWN),
    ]


def test_nothing_is_known_from_the_last_entry_of_a_boot_to_the_next_plan() -> None:
    timeline = drawn(
        entry(10, "nfs001", "plan", evidence=MASTER),
        entry(60, "nfs001", "hold", boot="two"),
        entry(61, "nfs001", "plan", evidence=BACKUP, boot="two"),
    )
    for lane in ("MASTER", "primary", "mounted"):
        assert [(bar.end, bar.kind) for bar in bars(timeline, "nfs001", lane)] == [(61, BarKind.UNKNOWN)]


def test_a_pool_or_mount_that_is_not_the_resources_own_is_not_known_to_be_mounted() -> None:
    timeline = drawn(entry(10, "nfs001", "plan", evidence=("CARP MASTER", "HAST primary", "another device mounted")))
    assert [bar.kind for bar in bars(timeline, "nfs001", "mounted")] == [BarKind.UNKNOWN]


def test_of_what_was_before_the_begin_only_the_state_counts() -> None:
    timeline = drawn(
        entry(10, "nfs001", "plan", evidence=MASTER, why="early"),
        entry(50, "nfs001", "split-brain", why="hastd reports it", severity=CRIT),
        begin=40,
    )
    assert bars(timeline, "nfs001", "primary") == [Bar(0, timeline.seconds, BarKind.PRIMARY)]
    assert [(mark.at, mark.text) for mark in timeline.marks] == [
        (10, "nfs001 home split-brain: hastd reports it - done")
    ]


def test_of_many_entries_the_important_ones_have_marks_and_the_others_are_counted() -> None:
    plans = [entry(at, "nfs001", "plan", why=f"plan {at}") for at in range(journals.MOST_MARKS + 3)]
    timeline = drawn(*plans, entry(99, "nfs001", "recovered", why="at last"))
    assert len(timeline.marks) == journals.MOST_MARKS
    assert timeline.marks[-1].text.startswith("nfs001 home recovered: at last")
    assert timeline.notes[-1] == "4 more entries are in the journals"


def test_what_could_not_be_read_is_a_note() -> None:
    timeline = journals.timeline("test", [entry(1, "nfs001", "plan")], BEGIN, ("the journal of the other node: gone",))
    assert "Not read: the journal of the other node: gone" in timeline.notes
