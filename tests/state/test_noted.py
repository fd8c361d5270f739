"""Events of hastd that wait: how they are named, and in which role this node was when they came."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from checks.probes.hast import Role
from remediate.state.noted import came_as, done, note, of_role, waiting
from remediate.state.store import StateNotKept, Store

CONNECT = ["connect", "home"]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path))


def test_the_role_is_noted_of_the_connections_of_the_resource_that_wait(store: Store) -> None:
    for at, words in enumerate((CONNECT, ["connect", "mail"], ["disconnect", "home"])):
        note(store, words, float(at))
    of_role(store, "home", Role.PRIMARY)
    note(store, CONNECT, 3.0)
    assert [(each.words, each.at, each.role) for each in waiting(store)] == [
        (CONNECT, 0.0, Role.PRIMARY),
        (["connect", "mail"], 1.0, None),
        (["disconnect", "home"], 2.0, None),
        (CONNECT, 3.0, None),
    ]


def test_the_role_that_was_noted_first_stays(store: Store) -> None:
    note(store, CONNECT, 0.0)
    of_role(store, "home", Role.SECONDARY)
    of_role(store, "home", Role.PRIMARY)
    assert [each.role for each in waiting(store)] == [Role.SECONDARY]


def test_an_event_that_was_read_before_its_role_was_noted_is_known_by_it_all_the_same(store: Store) -> None:
    note(store, CONNECT, 0.0)
    (event,) = waiting(store)
    assert not came_as(store, event, Role.PRIMARY)
    of_role(store, "home", Role.PRIMARY)
    assert came_as(store, event, Role.PRIMARY)
    assert not came_as(store, event, Role.SECONDARY)
    done(store, event)
    assert [each.role for each in waiting(store)] == [Role.PRIMARY]


def test_a_resource_may_be_called_like_a_role(store: Store) -> None:
    note(store, ["connect", "primary"], 0.0)
    note(store, ["role", "secondary", "primary", "secondary"], 1.0)
    of_role(store, "primary", Role.PRIMARY)
    assert [(each.words, each.role) for each in waiting(store)] == [
        (["connect", "primary"], Role.PRIMARY),
        (["role", "secondary", "primary", "secondary"], None),
    ]


def test_an_event_is_noted_beside_one_that_an_earlier_process_of_this_number_has_left(store: Store) -> None:
    note(store, CONNECT, 5.0)
    note(store, CONNECT, 7.0)
    assert [(each.words, each.at) for each in waiting(store)] == [(CONNECT, 5.0), (CONNECT, 7.0)]


def test_what_is_not_named_like_an_event_is_left_alone(store: Store, tmp_path: Path) -> None:
    names = ["hastd,1,connect", "hastd,1,connect,home,again", "hastd,x,connect,home", "hastd,1,role,home,primary"]
    for name in [*names, "ledger.json"]:
        (tmp_path / name).touch()
    assert waiting(store) == []
    of_role(store, "home", Role.PRIMARY)
    assert sorted(os.listdir(tmp_path)) == sorted([*names, "ledger.json"])


def test_a_role_that_cannot_be_noted_is_said(store: Store, tmp_path: Path) -> None:
    long = "r" * 230
    note(store, ["connect", long], 0.0)
    with pytest.raises(StateNotKept):
        of_role(store, long, Role.SECONDARY)
