"""Ranges mean what they mean to every other plugin, and none is one that nothing is outside of."""

import nagiosplugin
import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.plugin.threshold import is_range, outside

numbers = st.integers(0, 10**12)
ranges = st.one_of(
    numbers.map(str),
    st.tuples(st.sampled_from(["", "@"]), st.sampled_from(["", "~", "5"]), st.integers(5, 10**6)).map(
        lambda parts: f"{parts[0]}{parts[1]}:{parts[2]}"
    ),
    st.just("10:"),
)


@given(numbers, ranges)
def test_a_value_is_outside_where_nagiosplugin_says_so(value: int, threshold: str) -> None:
    assert is_range(threshold)
    assert outside(value, threshold) is not nagiosplugin.Range(threshold).match(value)


@pytest.mark.parametrize("value", [0, -1, 10**15])
def test_nothing_is_outside_of_no_range(value: int) -> None:
    assert not outside(value, "")
    assert not outside(value, None)


def test_a_negative_value_is_outside_a_plain_upper_bound() -> None:
    assert outside(-1, "10")
