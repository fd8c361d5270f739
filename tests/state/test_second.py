"""What the state directory does not take is kept in the second one, and moved back when it does."""

from __future__ import annotations

from pathlib import Path

import pytest

from remediate.state import second
from remediate.state.store import StateNotKept, StateUnreadable, Store, Values

NAME = "home.json"


def worst(error: StateUnreadable) -> Values:
    return {"worst": error.why}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    for name in ("state", "run"):
        (tmp_path / name).mkdir(0o700)
    return Store(str(tmp_path / "state"), str(tmp_path / "run"))


def breaks(path: str) -> None:
    """Nothing can be renamed over what is kept, by root either."""
    Path(path, f".{NAME}.new").mkdir()


def works(path: str) -> None:
    Path(path, f".{NAME}.new").rmdir()


def adds(store: Store, word: str) -> None:
    second.update(store, NAME, lambda values: {**values, word: True}, worst)


def where(store: Store) -> tuple[bool, bool]:
    return Path(store.directory, NAME).exists(), Path(store.run, NAME).exists()


def test_what_was_known_before_is_in_the_second_directory_too(store: Store) -> None:
    adds(store, "one")
    breaks(store.directory)
    adds(store, "two")
    assert where(store) == (True, True)
    assert second.read(store, NAME) == {"one": True, "two": True}


def test_it_is_moved_back_before_anything_is_added(store: Store) -> None:
    breaks(store.directory)
    adds(store, "one")
    assert second.read(store, NAME) == {"one": True}
    works(store.directory)
    adds(store, "two")
    assert where(store) == (True, False)
    assert store.read(NAME) == {"one": True, "two": True}


def test_what_was_left_by_a_process_that_was_killed_between_the_two_is_the_same(store: Store) -> None:
    for each in (store, store.second()):
        assert each is not None
        each.write(NAME, {"one": True})
    adds(store, "two")
    assert where(store) == (True, False) and store.read(NAME) == {"one": True, "two": True}


def test_what_cannot_be_read_in_the_second_directory_is_the_worst(store: Store) -> None:
    Path(store.run, NAME).write_text("{")
    with pytest.raises(StateUnreadable):
        second.read(store, NAME)
    second.bring_back(store, NAME)
    adds(store, "two")
    assert second.read(store, NAME) == {"worst": "it is invalid JSON", "two": True}


def test_a_second_directory_that_is_not_ours_alone_has_nothing(store: Store) -> None:
    Path(store.run, NAME).write_text('{"one": true}')
    Path(store.run).chmod(0o777)
    assert second.read(store, NAME) == {}


def test_where_neither_takes_anything_the_first_one_says_why(store: Store) -> None:
    breaks(store.directory)
    breaks(store.run)
    with pytest.raises(StateNotKept, match=store.directory):
        adds(store, "one")


def test_it_is_removed_from_both(store: Store) -> None:
    for each in (store, store.second()):
        assert each is not None
        each.write(NAME, {"one": True})
    assert second.remove(store, NAME) and where(store) == (False, False)
    assert not second.remove(store, NAME)
