"""The marker of a split-brain, as hastd's hook leaves it and the checks read it."""

from __future__ import annotations

import json

import pytest

from checks.probes.errors import NotUnderstood
from checks.probes.marker import Marker, parse

GOOD = {
    "version": 1,
    "id": "5f5dea39",
    "resource": "home",
    "node": "nfs001",
    "boot_id": "1",
    "first": "2026-11-22T08:46:35Z",
    "last": "2026-11-22T08:46:45Z",
    "count": 2,
}


def test_a_marker_is_read() -> None:
    expected = Marker("5f5dea39", "home", "nfs001", "1", 1795337195.0, 1795337205.0, 2)
    assert parse(json.dumps(GOOD), "home") == expected
    assert expected.is_fresh(expected.last + 90) and not expected.is_fresh(expected.last + 91)
    assert parse(json.dumps(GOOD | {"losing": True}), "home").losing is True


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2},
        {"losing": "no"},
        {"resource": "mail"},
        {"first": "yesterday"},
        {"last": None},
        {"count": "many"},
        {"count": "2"},
        {"count": True},
        {"id": None, "node": 1, "count": []},
    ],
)
def test_a_marker_of_another_kind_is_not_understood(change: dict[str, object]) -> None:
    with pytest.raises(NotUnderstood):
        parse(json.dumps(GOOD | change), "home")


@pytest.mark.parametrize("text", ["", "{", "[]", "1", "[" * 100000])
def test_a_damaged_marker_is_not_understood(text: str) -> None:
    with pytest.raises(NotUnderstood):
        parse(text, "home")
