"""Failed promotions: two within the window end all automatic action until an operator says otherwise."""

from __future__ import annotations

from pathlib import Path

import pytest

from remediate.state import failures
from remediate.state.failures import MOST_KEPT, Failure
from remediate.state.store import StateNotKept, Store

NOW = 1795337195.25  # 2026-11-22T08:46:35.25Z
HOUR = 3600.0


def fail(store: Store, *times: float) -> None:
    for at in times:
        failures.note(store, "home", at, "fsck failed")


def test_one_failure_blocks_nothing(store: Store) -> None:
    assert failures.blocked(store, NOW, HOUR) == ""
    fail(store, NOW)
    assert failures.recent(store, NOW, HOUR) == (Failure("home", NOW, "fsck failed"),)
    assert failures.blocked(store, NOW, HOUR) == ""


def test_the_second_failure_within_the_window_blocks(store: Store) -> None:
    fail(store, NOW - HOUR, NOW)
    assert failures.blocked(store, NOW, HOUR) == (
        "2 promotions failed within 1 h 0 min, the last one at 2026-11-22T08:46:35Z (home: fsck failed); "
        "nothing is tried again until an operator has cleared it"
    )


def test_failures_further_apart_than_the_window_do_not_block(store: Store) -> None:
    fail(store, NOW - HOUR - 1, NOW)
    assert len(failures.recent(store, NOW, HOUR)) == 1
    assert failures.blocked(store, NOW, HOUR) == ""
    assert failures.blocked(store, NOW, HOUR + 2) != ""


def test_what_is_blocked_stays_blocked_when_the_window_is_over(store: Store) -> None:
    fail(store, NOW - 10, NOW)
    sentence = failures.blocked(store, NOW, HOUR)
    assert failures.blocked(store, NOW + 100 * HOUR, HOUR) == ""  # to ask writes nothing
    assert failures.block(store, sentence) == sentence
    assert failures.blocked(store, NOW + 100 * HOUR, HOUR) == sentence
    fail(store, NOW + 200 * HOUR)
    assert failures.blocked(store, NOW + 200 * HOUR, HOUR) == sentence


def test_a_human_clears_the_block_and_everything_begins_anew(store: Store) -> None:
    assert not failures.clear(store, "root")
    fail(store, NOW - 10, NOW)
    failures.note_given_away(store, NOW)
    assert failures.blocked(store, NOW, HOUR)
    assert failures.clear(store, "root")
    assert store.read("failures.json")["cleared_by"] == "root"
    assert (failures.recent(store, NOW, HOUR), failures.given_away(store)) == ((), False)
    fail(store, NOW)
    assert failures.blocked(store, NOW, HOUR) == ""


def test_the_address_is_given_away_once(store: Store) -> None:
    assert not failures.given_away(store)
    failures.note_given_away(store, NOW)
    assert failures.given_away(store)
    fail(store, NOW)
    assert failures.given_away(store)


def test_a_clock_that_was_set_back_does_not_hide_failures(store: Store) -> None:
    fail(store, NOW + 9 * HOUR, NOW + 9 * HOUR)
    assert failures.blocked(store, NOW, HOUR) != ""


def test_only_the_last_failures_are_kept(store: Store) -> None:
    fail(store, *(NOW + number for number in range(MOST_KEPT + 5)))
    recent = failures.recent(store, NOW, HOUR)
    assert (len(recent), recent[-1].at) == (MOST_KEPT, NOW + MOST_KEPT + 4)


def test_a_hostile_reason_makes_no_second_line(store: Store) -> None:
    for _ in range(2):
        failures.note(store, "home", NOW, "fsck:\nok\x1b[2J" + "x" * 5000)
    sentence = failures.blocked(store, NOW, HOUR)
    assert sentence.isprintable()
    assert len(sentence) < 400


DAMAGED = [
    "",
    "{}",
    "[",
    '{"version": 1}',
    '{"version": 1, "failures": 7, "blocked": "", "given_away": null}',
    '{"version": 1, "failures": [7], "blocked": "", "given_away": null}',
    '{"version": 2, "failures": [], "blocked": "", "given_away": null}',
]


@pytest.mark.parametrize("text", DAMAGED)
def test_what_cannot_be_read_counts_as_blocked_and_given_away_until_cleared(store: Store, text: str) -> None:
    store.ready()
    Path(store.directory, "failures.json").write_text(text)
    sentence = failures.blocked(store, NOW, HOUR)
    assert sentence.startswith("how many promotions failed is not known: failures.json cannot be read: ")
    assert failures.given_away(store)
    fail(store, NOW)
    assert failures.blocked(store, NOW, HOUR) == sentence
    assert failures.given_away(store)
    assert failures.clear(store, "root")
    assert (failures.blocked(store, NOW, HOUR), failures.given_away(store)) == ("", False)


def test_a_block_that_was_cleared_meanwhile_does_not_come_back(store: Store) -> None:
    fail(store, NOW - 10, NOW)
    why = failures.blocked(store, NOW, HOUR)
    failures.clear(store, "root")
    failures.block(store, why)
    assert failures.blocked(store, NOW, HOUR) == ""


def test_a_block_that_cannot_be_written_down_holds_all_the_same(store: Store) -> None:
    fail(store, NOW - 10, NOW)
    lock = Path(store.directory, ".failures.json.lock")
    lock.unlink()
    lock.mkdir()
    why = failures.blocked(store, NOW, HOUR)
    assert why and failures.block(store, why).startswith(f"{why} (cannot keep ")
    with pytest.raises(StateNotKept):
        fail(store, NOW)
