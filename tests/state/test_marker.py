"""The split-brain marker: what hastd's hook writes is what the checks read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from checks.probes.marker import Marker, parse
from remediate.state import marker
from remediate.state.store import Store

NOW = 1795337195.75  # 2026-11-22T08:46:35.75Z


def record(store: Store, now: float, losing: bool | None = None, boot_id: str = "b1") -> Marker:
    return marker.record(store, "home", "nfs001", boot_id, now, losing)


def test_what_is_recorded_is_what_the_checks_read(store: Store) -> None:
    record(store, NOW)
    state = record(store, NOW + 10)
    text = Path(store.directory, "home.split-brain").read_text()
    marked = parse(text, "home")
    assert (marked.id, marked.node, marked.events) == (state.id, "nfs001", 2)
    assert (marked.first, marked.last) == (int(NOW), int(NOW) + 10)
    assert set(json.loads(text)) == {"version", "id", "resource", "node", "boot_id", "first", "last", "count", "losing"}


def test_a_repeated_event_keeps_the_marker_and_bumps_it(store: Store) -> None:
    first = record(store, NOW)
    second = record(store, NOW + 10, boot_id="b2")
    assert second == first._replace(last=first.first + 10, events=2, boot_id="b2")
    assert marker.present(store, "home") == second


def test_events_in_the_wrong_order_do_not_turn_the_time_back(store: Store) -> None:
    late = record(store, NOW + 10)
    assert record(store, NOW).last == late.last


def test_which_side_loses_is_kept_until_it_is_said_otherwise(store: Store) -> None:
    sides = [record(store, NOW + n, losing).losing for n, losing in enumerate([None, True, None, False, None])]
    assert sides == [None, True, True, False, False]


def test_a_new_split_brain_has_a_new_id(store: Store) -> None:
    first = record(store, NOW)
    assert marker.clear(store, "home")
    assert not marker.clear(store, "home")
    assert marker.present(store, "home") is None
    assert record(store, NOW).id != first.id


def test_markers_of_several_resources_are_apart(store: Store) -> None:
    record(store, NOW, True)
    assert marker.present(store, "mail") is None


DAMAGED = ["", "{}", "[", '{"version": 1}', '{"version": 1, "resource": "mail"}']


@pytest.mark.parametrize("text", DAMAGED)
def test_a_marker_that_cannot_be_read_says_that_this_node_loses(store: Store, text: str) -> None:
    store.ready()
    Path(store.directory, "home.split-brain").write_text(text)
    marked = marker.present(store, "home")
    assert marked and marked.losing is True and "home.split-brain" in marked.unreadable
    assert marker.clear(store, "home")


@pytest.mark.parametrize("text", DAMAGED)
@pytest.mark.parametrize(("losing", "known"), [(None, True), (False, False), (True, True)])
def test_the_next_event_makes_it_anew_and_no_safer_than_it_was(
    store: Store, text: str, losing: bool | None, known: bool
) -> None:
    store.ready()
    Path(store.directory, "home.split-brain").write_text(text)
    marked = record(store, NOW, losing)
    assert (marked.events, marked.losing, marked.unreadable) == (1, known, "")
    assert parse(Path(store.directory, "home.split-brain").read_text(), "home").events == 1


@pytest.mark.parametrize(
    ("name", "value"), [("losing", 1), ("count", "2"), ("count", True), ("first", "now"), ("resource", "mail")]
)
def test_a_value_of_the_wrong_kind_makes_it_unreadable(store: Store, name: str, value: object) -> None:
    record(store, NOW, False)
    store.update("home.split-brain", lambda values: {**values, name: value})
    marked = marker.present(store, "home")
    assert marked and marked.losing is True and marked.unreadable


def test_a_marker_without_our_addition_is_read(store: Store) -> None:
    record(store, NOW, True)
    store.update("home.split-brain", lambda values: {key: one for key, one in values.items() if key != "losing"})
    marked = marker.present(store, "home")
    assert marked and marked.losing is None and not marked.unreadable


def test_a_resource_whose_name_is_no_file_name_is_not_taken_for_healthy(store: Store) -> None:
    marked = marker.present(store, "../home")
    assert marked and marked.losing is True
