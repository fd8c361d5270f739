"""What is recorded against the other copy: added up, judged once, and the worst where it cannot be read."""

from __future__ import annotations

from pathlib import Path

import pytest

from checks.probes.unproven import MOST, UnprovenCopy, as_values, from_values
from remediate.state import unproven
from remediate.state.store import Store

AT = 1795336627.25


@pytest.fixture
def store(tmp_path: Path) -> Store:
    tmp_path.chmod(0o700)
    return Store(str(tmp_path))


def test_what_was_never_written_down_is_not_doubted(store: Store) -> None:
    assert unproven.known(store, "home") is None


def test_each_loss_of_the_connection_adds_to_what_has_to_be_compared(store: Store) -> None:
    unproven.lost(store, "home", AT, frozenset({3, 1}), full=False)
    unproven.lost(store, "home", AT + 60, frozenset({7}), full=True)
    assert unproven.known(store, "home") == UnprovenCopy(AT, AT + 60, (1, 3, 7), True)


def test_a_map_that_was_not_read_once_leaves_every_extent_to_compare(store: Store) -> None:
    unproven.lost(store, "home", AT, None, full=True)
    unproven.lost(store, "home", AT + 60, frozenset({7}), full=False)
    known = unproven.known(store, "home")
    assert known is not None and known.extents is None


def test_more_extents_than_are_written_down_are_all_of_them(store: Store) -> None:
    unproven.lost(store, "home", AT, frozenset(range(MOST + 1)), full=True)
    known = unproven.known(store, "home")
    assert known is not None and known.extents is None


def test_what_was_compared_counts_unless_the_connection_was_lost_meanwhile(store: Store) -> None:
    writes = unproven.lost(store, "home", AT, frozenset({3}), full=False)
    assert unproven.judged(store, "home", writes, writes._replace(said="not reached"))
    unproven.lost(store, "home", AT + 5, frozenset({4}), full=False)
    assert not unproven.judged(store, "home", writes, None)
    now = unproven.known(store, "home")
    assert now is not None and now.extents == (3, 4)
    assert unproven.judged(store, "home", now, None) and unproven.known(store, "home") is None
    assert not unproven.judged(store, "home", now, None)


def test_a_loss_after_the_clock_was_set_back_is_another_one(store: Store) -> None:
    unproven.lost(store, "home", AT - 60, frozenset({3}), full=False)
    writes = unproven.lost(store, "home", AT, frozenset({3}), full=False)
    unproven.lost(store, "home", AT - 30, frozenset({3}), full=False)
    assert not unproven.judged(store, "home", writes, None)


def test_why_it_was_not_compared_makes_it_no_other_one(store: Store) -> None:
    writes = unproven.lost(store, "home", AT, frozenset({3}), full=False)
    unproven.judged(store, "home", writes, writes._replace(said="not reached", restless=True))
    assert unproven.judged(store, "home", writes, None)


def test_a_new_loss_forgets_what_was_found_to_differ_before_it(store: Store) -> None:
    """It is compared again, perhaps with a copy that was recreated."""
    writes = unproven.lost(store, "home", AT, frozenset({3}), full=False)
    unproven.judged(store, "home", writes, writes._replace(differ=(3,)))
    unproven.lost(store, "home", AT + 5, frozenset(), full=False)
    known = unproven.known(store, "home")
    assert known is not None and known.differ == () and known.extents == (3,)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"version": 2}', '{"version": 1, "since": "now"}'])
def test_a_file_that_is_none_says_the_worst_and_can_be_ended(store: Store, tmp_path: Path, text: str) -> None:
    (tmp_path / "home.unproven.json").write_text(text)
    assert unproven.known(store, "home") == unproven.UNREADABLE
    assert unproven.judged(store, "home", unproven.UNREADABLE, None)
    assert unproven.known(store, "home") is None


def test_where_the_directory_takes_no_file_the_second_one_has_all_of_it_until_it_is_judged(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    store = Store(str(tmp_path / "state"), str(tmp_path / "run"))
    unproven.lost(store, "home", AT, frozenset({3}), full=False)
    in_the_way = tmp_path / "state" / ".home.unproven.json.new"
    in_the_way.mkdir()
    unproven.lost(store, "home", AT + 5, frozenset({4}), full=False)
    writes = unproven.known(store, "home")
    assert writes == UnprovenCopy(AT, AT + 5, (3, 4), False)
    in_the_way.rmdir()
    unproven.lost(store, "home", AT + 9, frozenset({5}), full=False)
    assert not unproven.judged(store, "home", writes, None)
    writes = unproven.known(store, "home")
    assert writes is not None and writes.extents == (3, 4, 5)
    assert unproven.judged(store, "home", writes, None) and unproven.known(store, "home") is None


@pytest.mark.parametrize("extents", [None, (), (1, 2)])
def test_what_is_written_is_read_back(extents: tuple[int, ...] | None) -> None:
    known = UnprovenCopy(AT, AT + 1, extents, True, (5,), True, "why", True)
    assert from_values(dict(as_values(known))) == known


@pytest.mark.parametrize(
    "change",
    [{"extents": [-1]}, {"extents": [True]}, {"extents": 3}, {"full": 1}, {"said": "\x1b"}, {"said": "x" * 2000}],
    ids=str,
)
def test_values_that_cannot_be_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"no |not "):
        from_values({**as_values(UnprovenCopy(AT, AT)), **change})
