"""Text from outside, and quantities as people write and read them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.plugin.text import label, name_list, plain, say_duration, say_size, size, size_range


@given(st.text())
def test_nothing_from_outside_breaks_the_line_or_begins_performance_data(text: str) -> None:
    assert plain(text).isprintable()
    assert "|" not in plain(text)
    assert len(plain(text)) <= 400


@given(st.text())
def test_a_label_has_no_quote_inside_and_no_equals_sign(text: str) -> None:
    assert not set(label(text)) & set("'\"= |\n")


@pytest.mark.parametrize(
    ("text", "octets"),
    [("0", 0), ("4096", 4096), ("128M", 1 << 27), ("1.5g", 3 << 29), ("2 TiB", 2 << 40), ("1kb", 1024)],
)
def test_sizes_are_read_with_powers_of_1024(text: str, octets: int) -> None:
    assert size(text) == octets


@pytest.mark.parametrize("text", ["", "M", "-1", "1X", "1e9", "\u0661", "1M2"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a size"):
        size(text)


@pytest.mark.parametrize(
    ("text", "octets"),
    [("1K", "1024"), ("1K:2K", "1024:2048"), ("@0:1K", "@0:1024"), ("~:1M", "~:1048576"), ("1K:", "1024:")],
)
def test_ranges_of_sizes_become_ranges_of_bytes(text: str, octets: str) -> None:
    assert size_range(text) == octets


@pytest.mark.parametrize("text", ["", "@", "1:2:3", "x:1"])
def test_what_is_no_range_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a"):
        size_range(text)


@pytest.mark.parametrize(
    ("octets", "text"), [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (2097152, "2 MiB"), (138412032, "132 MiB")]
)
def test_sizes_are_said_short(octets: int, text: str) -> None:
    assert say_size(octets) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (59, "59 s"), (60, "1 min"), (125, "2 min 5 s"), (7500, "2 h 5 min"), (90000, "1 d 1 h")],
)
def test_durations_are_said_short(seconds: float, text: str) -> None:
    assert say_duration(seconds) == text


def test_lists_of_names_read_as_a_sentence() -> None:
    assert [name_list(list("abc"[:n])) for n in range(4)] == ["none", "a", "a and b", "a, b and c"]
