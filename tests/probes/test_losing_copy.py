"""Which copy of a split-brain loses: every combination of roles and markers."""

from __future__ import annotations

from itertools import product

import pytest

from checks.probes.losing_copy import CopySide, losing_copy

KNOWN = (None, True, False)


@pytest.mark.parametrize(
    ("first", "second", "label"),
    [
        ((True, None), (False, None), "b"),
        ((False, None), (True, None), "a"),
        ((True, None), (True, None), ""),
        ((False, None), (False, None), ""),
        ((None, None), (False, None), ""),
        ((False, True), (False, None), "a"),
        ((False, None), (False, False), "a"),
        ((False, True), (False, True), ""),
        ((True, True), (False, True), "b"),
        ((True, False), (False, True), "b"),
        ((True, True), (False, None), ""),
        ((False, False), (True, None), ""),
    ],
)
def test_the_marker_names_the_losing_copy_then_the_role_and_what_contradicts_itself_nothing(
    first: tuple[bool | None, bool | None], second: tuple[bool | None, bool | None], label: str
) -> None:
    assert losing_copy(CopySide("a", *first), CopySide("b", *second)).label == label


def test_it_does_not_depend_on_which_node_is_asked_first() -> None:
    for primary, marked, other_primary, other_marked in product(KNOWN, repeat=4):
        one, other = CopySide("a", primary, marked), CopySide("b", other_primary, other_marked)
        assert losing_copy(one, other) == losing_copy(other, one)


def test_a_primary_that_no_marker_names_never_loses_beside_one_that_is_not() -> None:
    for marked, other_marked in product(KNOWN, repeat=2):
        losing = losing_copy(CopySide("a", True, marked), CopySide("b", False, other_marked))
        assert losing.label != "a"
