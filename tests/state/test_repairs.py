"""What is remembered of repairs: how often, how long ago, across stepped clocks, deaths and broken files."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from remediate.policy import MOST_REPAIRS
from remediate.state import repairs
from remediate.state.repairs import HOUR, MOST_KEPT, NAME, STEP, Moment, RepairAttempt
from remediate.state.store import StateUnreadable, Store
from tests.failover.installed_pair import state_directory

NOW = 1795337195.25
UP = 90_000.5
"""What the clock that only goes forward says then."""


def at(wall: float, steady: float | None = None) -> Moment:
    """A moment, `wall` by a clock that was never stepped unless the steady one says something else."""
    return Moment(wall, wall - NOW + UP if steady is None else steady)


def begun_at(wall: float, remedy: str = "devd", result: str = "") -> RepairAttempt:
    return RepairAttempt(remedy, wall, wall - NOW + UP, result)


def test_nothing_was_tried_at_first_and_asking_leaves_no_file(store: Store) -> None:
    assert repairs.redate(store, at(NOW)) == ()
    assert store.names() == []


def test_a_repair_is_there_before_it_has_a_result(store: Store) -> None:
    begun = repairs.begin(store, "devd", at(NOW))
    assert repairs.redate(store, at(NOW)) == (begun_at(NOW),) == (begun,)
    repairs.end(store, begun, "helped")
    assert repairs.redate(store, at(NOW)) == (begun_at(NOW, result="helped"),)


def test_a_result_belongs_to_the_last_repair_of_its_kind(store: Store) -> None:
    repairs.begin(store, "nfs", at(NOW - 900))
    begun = repairs.begin(store, "nfs", at(NOW))
    repairs.begin(store, "devd", at(NOW))
    repairs.end(store, begun, "helped")
    assert [one.result for one in repairs.redate(store, at(NOW))] == ["", "helped", ""]


def test_the_last_one_of_a_kind_and_those_of_an_hour_are_counted(store: Store) -> None:
    for wall, remedy in ((NOW - HOUR, "devd"), (NOW - HOUR + 1, "nfs"), (NOW - 20, "devd"), (NOW - 10, "converge")):
        repairs.begin(store, remedy, at(wall))
    current = repairs.redate(store, at(NOW))
    assert repairs.last(current, "devd") == begun_at(NOW - 20)
    assert repairs.last(current, "hastd") is None
    assert repairs.within_an_hour(current, NOW) == 3


@pytest.mark.parametrize("step", [-5 * HOUR, -60.0, 60.0, 5 * HOUR])
def test_a_clock_that_was_stepped_changes_nothing_about_how_long_ago_it_was(store: Store, step: float) -> None:
    repairs.begin(store, "devd", at(NOW))
    later = at(NOW + step + 200, UP + 200)
    assert repairs.redate(store, later) == (RepairAttempt("devd", NOW + step, UP),)
    assert repairs.redate(store, at(NOW + 300, UP + 300))[0].at == pytest.approx(NOW)  # and stepped to where it was


def test_a_clock_that_is_only_slewed_is_written_down_by_nobody(store: Store) -> None:
    repairs.begin(store, "devd", at(NOW))
    path = Path(store.directory) / NAME
    before = path.stat().st_ino
    assert repairs.redate(store, at(NOW + HOUR, UP + HOUR - STEP + 0.1)) == (begun_at(NOW),)
    assert path.stat().st_ino == before


def test_in_a_new_boot_the_clock_on_the_wall_counts_and_the_future_is_now(store: Store) -> None:
    repairs.begin(store, "devd", at(NOW))
    assert repairs.redate(store, at(NOW + 300, 100.0)) == (begun_at(NOW),)
    assert repairs.redate(store, at(NOW - 300, 100.0)) == (RepairAttempt("devd", NOW - 300, UP),)


def test_what_a_new_boot_takes_for_its_own_is_held_back_too_long_and_never_too_short(store: Store) -> None:
    repairs.begin(store, "devd", at(NOW, 50.0))
    assert repairs.redate(store, at(NOW + 2 * HOUR, 70.0)) == (RepairAttempt("devd", NOW + 2 * HOUR - 20, 50.0),)


def test_looking_at_what_was_tried_writes_nothing(store: Store) -> None:
    repairs.begin(store, "devd", at(NOW))
    assert repairs.tried(store, at(NOW - 600, UP)) == (RepairAttempt("devd", NOW - 600, UP),)
    assert repairs.tried(store, at(NOW)) == (begun_at(NOW),)


@pytest.mark.slow
def test_the_file_does_not_grow_for_ever_and_still_holds_the_most_that_may_be_counted(store: Store) -> None:
    for second in range(MOST_KEPT + 5):
        repairs.begin(store, "devd", at(NOW + second))
    current = repairs.redate(store, at(NOW + MOST_KEPT + 5))
    assert (len(current), current[0].at) == (MOST_KEPT, NOW + 5)
    assert MOST_KEPT >= MOST_REPAIRS


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", '{"version": 2, "repairs": []}', '{"version": 1, "repairs": [{"remedy": "devd"}]}', "no",
     '{"version": 1, "repairs": [{"remedy": "devd", "at": "2026-11-22T08:36:58Z", "steady": "x", "result": ""}]}']
)  # fmt: skip
def test_what_cannot_be_read_is_no_permission_and_is_left_as_it_is(store: Store, text: str) -> None:
    store.ready()
    path = Path(store.directory) / NAME
    path.write_text(text)
    with pytest.raises(StateUnreadable):
        repairs.redate(store, at(NOW))
    with pytest.raises(StateUnreadable):
        repairs.begin(store, "devd", at(NOW))
    assert path.read_text() == text


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.floats(0, HOUR), st.floats(-2 * HOUR, 2 * HOUR), st.booleans()), max_size=12))
def test_however_the_clock_is_stepped_each_repair_is_as_long_ago_as_it_is(
    moments: list[tuple[float, float, bool]],
) -> None:
    with state_directory() as directory:
        store, now, begun = Store(str(directory / "state")), at(NOW), list[float]()
        for passes, step, tries in moments:
            now = Moment(now.wall + passes + step, now.steady + passes)
            if tries:
                begun.append(repairs.begin(store, "devd", now).steady)
            current = [now.wall - one.at for one in repairs.redate(store, now)]
            assert current == pytest.approx([now.steady - steady for steady in begun], abs=STEP + 0.01)
            assert min(current, default=0) > -0.01
