"""Ranges and performance data mean what they mean to every other plugin: nagiosplugin is the reference."""

import nagiosplugin
import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.plugin.finding import Number
from checks.plugin.output import performance
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


@given(
    st.sampled_from(["dirty", "a.b", "x y", "q'uote"]), st.integers(0, 10**15) | st.sampled_from([0.5, 12.25]),
    st.sampled_from(["", "B", "s", "%", "c"]), st.sampled_from(["", "10", "5:10"]), st.sampled_from(["", "@1:2"]),
    st.sampled_from([None, 0]), st.sampled_from([None, 1, 100]),
)  # fmt: skip
def test_performance_data_is_written_as_nagiosplugin_writes_it(
    label: str, value: float, unit: str, warning: str, critical: str, least: int | None, most: int | None
) -> None:
    written = performance(Number(label, value, unit, warning, critical, least, most))
    safe = written.partition("=")[0].strip("'")
    assert written == str(nagiosplugin.Performance(safe, value, unit, warning, critical, least, most))
