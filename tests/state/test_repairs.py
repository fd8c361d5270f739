"""What is remembered of repairs: how often, how long ago, across stepped clocks, deaths and broken files."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from checks.plugin.policy import MOST_REPAIRS
from remediate.state import repairs
from remediate.state.repairs import HOUR, MOST_KEPT, NAME, Tried
from remediate.state.store import StateUnreadable, Store, Untouched
from tests.failover.installed_pair import state_directory

NOW = 1795337195.25


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "state"))


def test_nothing_was_tried_at_first_and_asking_leaves_no_file(store: Store) -> None:
    assert repairs.tried(store, NOW) == ()
    assert store.names() == []


def test_a_repair_is_there_before_it_has_a_result(store: Store) -> None:
    begun = repairs.begin(store, "devd", NOW)
    assert repairs.tried(store, NOW) == (Tried("devd", NOW),) == (begun,)
    repairs.end(store, begun, "helped")
    assert repairs.tried(store, NOW) == (Tried("devd", NOW, "helped"),)


def test_a_result_belongs_to_the_last_repair_of_its_kind(store: Store) -> None:
    repairs.begin(store, "nfs", NOW - 900)
    begun = repairs.begin(store, "nfs", NOW)
    repairs.begin(store, "devd", NOW)
    repairs.end(store, begun, "helped")
    assert [one.result for one in repairs.tried(store, NOW)] == ["", "helped", ""]


def test_the_last_one_of_a_kind_and_those_of_an_hour_are_counted(store: Store) -> None:
    for at, remedy in ((NOW - HOUR, "devd"), (NOW - HOUR + 1, "nfs"), (NOW - 20, "devd"), (NOW - 10, "converge")):
        repairs.begin(store, remedy, at)
    found = repairs.tried(store, NOW)
    assert repairs.last(found, "devd") == Tried("devd", NOW - 20)
    assert repairs.last(found, "hastd") is None
    assert repairs.within_an_hour(found, NOW) == 3


def test_what_a_clock_that_was_stepped_back_puts_into_the_future_counts_as_tried_now(store: Store) -> None:
    repairs.begin(store, "devd", NOW)
    earlier = NOW - 5 * HOUR
    assert repairs.tried(store, earlier) == (Tried("devd", earlier),)
    assert repairs.tried(store, earlier + 60) == (Tried("devd", earlier),)


def test_showing_what_would_be_done_writes_nothing(store: Store) -> None:
    repairs.begin(store, "devd", NOW)
    looking = Untouched(store.directory)
    assert repairs.tried(looking, NOW - 10) == (Tried("devd", NOW - 10),)
    assert repairs.tried(store, NOW) == (Tried("devd", NOW),)


def test_the_file_does_not_grow_for_ever_and_still_holds_the_most_that_may_be_counted(store: Store) -> None:
    for second in range(MOST_KEPT + 5):
        repairs.begin(store, "devd", NOW + second)
    found = repairs.tried(store, NOW + MOST_KEPT + 5)
    assert (len(found), found[0].at) == (MOST_KEPT, NOW + 5)
    assert MOST_KEPT >= MOST_REPAIRS


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", '{"version": 2, "repairs": []}', '{"version": 1, "repairs": [{"remedy": "devd"}]}', "no"]
)
def test_what_cannot_be_read_is_no_permission_and_is_left_as_it_is(store: Store, text: str) -> None:
    store.ready()
    path = Path(store.directory) / NAME
    path.write_text(text)
    with pytest.raises(StateUnreadable):
        repairs.tried(store, NOW)
    with pytest.raises(StateUnreadable):
        repairs.begin(store, "devd", NOW)
    assert path.read_text() == text


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.floats(-2 * HOUR, 2 * HOUR), st.booleans()), max_size=12))
def test_however_the_clock_is_stepped_nothing_is_held_back_for_longer_than_from_now_on(
    steps: list[tuple[float, bool]],
) -> None:
    with state_directory() as directory:
        store, now = Store(str(directory / "state")), NOW
        for step, tries in steps:
            now += step
            if tries:
                repairs.begin(store, "devd", now)
            assert all(one.at <= now + 0.001 for one in repairs.tried(store, now))
