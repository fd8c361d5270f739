"""What was done, counted from the journal: each entry once, whatever newsyslog(8) and a damaged state do."""

from __future__ import annotations

import bz2
import os
from pathlib import Path

import pytest

from remediate.failover.steps import Action
from remediate.monitoring import journal_metrics
from remediate.monitoring.journal_metrics import NAME, JournalCounts
from remediate.state.journal import NAME as JOURNAL
from remediate.state.journal import Journal
from remediate.state.store import StateError, Store
from remediate.timing import Timing

BEGAN = 1.8e9


class Clock(Timing):
    """A second passes with each look."""

    def __init__(self) -> None:
        self.seconds = BEGAN

    def wall(self) -> float:
        self.seconds += 1
        return self.seconds


class JournalledNode:
    """A state directory with a journal."""

    def __init__(self, directory: Path) -> None:
        self.store = Store(str(directory))
        self.path = directory / JOURNAL
        self.clock = Clock()
        self.journal = Journal(str(self.path), "nfs001", self.clock, lambda level, line: None)

    def takes_over(self) -> None:
        self.journal.entry("promoted", resource="home", why="devd")

    def repairs(self, result: str, event: str = "repair") -> None:
        self.journal.entry(event, step="devd", result=result)

    def counted(self) -> JournalCounts:
        return journal_metrics.count(self.store, str(self.path))

    def rotates(self) -> None:
        """As newsyslog(8) does it with flag J."""
        (self.path.parent / f"{JOURNAL}.0.bz2").write_bytes(bz2.compress(self.path.read_bytes()))
        self.path.unlink()


@pytest.fixture
def node(tmp_path: Path) -> JournalledNode:
    return JournalledNode(tmp_path / "state")


def values(counts: JournalCounts, *resources: str) -> dict[str, float]:
    """The samples that are not 0, without what they all have."""
    found = counts.samples("nfs001", resources)
    return {
        " ".join((each.metric.name.removeprefix("hastwatch_"), *each.labels[1:])): each.value
        for each in found
        if each.value
    }


def test_an_entry_counts_once_however_often_is_counted(node: JournalledNode) -> None:
    node.takes_over()
    for _ in range(3):
        assert values(node.counted()) == {"failovers_total home": 1, "role_change_timestamp_seconds home": BEGAN + 1}
    node.takes_over()
    assert values(node.counted())["failovers_total home"] == 2


def test_what_has_not_happened_is_0_and_not_absent(node: JournalledNode) -> None:
    found = {each[:2]: each.value for each in node.counted().samples("nfs001", ["home"])}
    assert set(found.values()) == {0.0}
    assert len(found) == 1 + 5 * 4  # the resource, and five repairs with four results each


def test_repairs_are_counted_by_how_they_ended(node: JournalledNode) -> None:
    for result in ("begins", "helped", "helped; the node is not in place: x", "did not help: y", "nothing to do: z",
                   "the result was not recorded: full"):  # fmt: skip
        node.repairs(result)
    node.repairs("cool-down", "held-back")
    assert values(node.counted()) == {
        "repairs_total devd helped": 2, "repairs_total devd no_help": 1, "repairs_total devd nothing": 1,
        "repairs_total devd held": 1,
    }  # fmt: skip


@pytest.mark.parametrize(("result", "changed"), [("done", BEGAN + 2), ("failed: hastctl exits with 1", BEGAN + 1)])
def test_giving_a_resource_up_is_a_change_of_role_if_it_was_done(
    node: JournalledNode, result: str, changed: float
) -> None:
    node.takes_over()
    node.journal.entry("step", resource="home", step="become-secondary home", why=Action.BECOME_SECONDARY.value,
                       result=result)  # fmt: skip
    assert values(node.counted())["role_change_timestamp_seconds home"] == changed


def test_a_counter_does_not_fall_when_the_journal_is_rotated_away(node: JournalledNode) -> None:
    node.takes_over()
    node.counted()
    node.takes_over()
    node.rotates()
    node.takes_over()
    assert values(node.counted())["failovers_total home"] == 3
    (node.path.parent / f"{JOURNAL}.0.bz2").unlink()
    node.path.unlink()
    assert values(node.counted())["failovers_total home"] == 3
    node.takes_over()
    assert values(node.counted())["failovers_total home"] == 4


def test_an_archive_that_cannot_be_read_does_not_stop_the_count(node: JournalledNode) -> None:
    node.takes_over()
    node.counted()
    node.rotates()
    (node.path.parent / f"{JOURNAL}.0.bz2").write_bytes(b"damaged")
    node.takes_over()
    assert values(node.counted())["failovers_total home"] == 2


def test_a_line_that_is_not_finished_counts_when_it_is(node: JournalledNode) -> None:
    node.takes_over()
    text = node.path.read_text()
    node.path.write_text(text[:-20])
    assert values(node.counted()) == {}
    node.path.write_text(text)
    assert values(node.counted())["failovers_total home"] == 1


def test_damaged_counts_begin_anew_from_the_whole_journal(node: JournalledNode) -> None:
    node.takes_over()
    node.takes_over()
    node.counted()
    for damaged in ("{", '{"version": 1}', '{"version": 2, "failovers": {}, "repairs": [], "changed": {}, "last": []}',
                    '{"version": 1, "failovers": {}, "repairs": [], "changed": {}, "last": ["x"]}'):  # fmt: skip
        (node.path.parent / NAME).write_text(damaged)
        assert values(node.counted())["failovers_total home"] == 2


def test_a_journal_that_cannot_be_read_is_an_error_and_counts_nothing(node: JournalledNode) -> None:
    node.takes_over()
    node.counted()
    node.path.rename(node.path.with_name("elsewhere"))
    node.path.mkdir()
    with pytest.raises(OSError, match="Is a directory"):
        node.counted()
    node.path.rmdir()
    node.path.with_name("elsewhere").rename(node.path)
    assert values(node.counted())["failovers_total home"] == 1


def test_counts_that_cannot_be_kept_are_an_error(node: JournalledNode) -> None:
    node.takes_over()
    os.chmod(node.path.parent, 0o777)
    with pytest.raises(StateError):
        node.counted()
