"""When a line of a log was written, and by whom."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.probes import log_time

NOW = datetime(2026, 3, 7, 12, 30)


@pytest.mark.parametrize(
    ("stamp", "now", "expected"),
    [
        ("Feb 29 12:29:58", datetime(2028, 2, 10), datetime(2024, 2, 29, 12, 29, 58)),
        ("Feb 29 12:29:58", datetime(2028, 2, 29, 12, 30), datetime(2028, 2, 29, 12, 29, 58)),
        ("Feb 29 12:29:58", datetime(2028, 3, 1), datetime(2028, 2, 29, 12, 29, 58)),
        ("Feb 29 12:29:58", datetime(2027, 3, 1), datetime(2024, 2, 29, 12, 29, 58)),
        ("Feb 29 12:29:58", datetime(2103, 12, 31), datetime(2096, 2, 29, 12, 29, 58)),
        ("Dec 31 23:59:59", datetime(2027, 1, 1), datetime(2026, 12, 31, 23, 59, 59)),
        ("Jan  1 00:00:05", datetime(2026, 12, 31, 23, 59, 59), datetime(2027, 1, 1, 0, 0, 5)),
        ("Mar  7 12:00:00 <3.3>", NOW, datetime(2026, 3, 7, 12)),
        ("Mar  7 12:00:00 <daemon.err>", NOW, datetime(2026, 3, 7, 12)),
        ("<27>1 2026-03-07T12:00:00.000001+01:00", NOW, datetime(2026, 3, 7, 12)),
        ("2026-03-07T11:00:00Z", NOW, datetime(2026, 3, 7, 11)),
    ],
)
def test_the_year_is_the_last_one_in_which_the_day_has_been(stamp: str, now: datetime, expected: datetime) -> None:
    assert log_time.of_line(f"{stamp} nfs001 hastd[1]: x", now) == expected


@given(st.datetimes(datetime(2001, 1, 1), datetime(2090, 1, 1)), st.integers(0, 363 * 86400))
def test_a_line_of_the_last_year_is_dated_as_it_was_written(now: datetime, seconds: int) -> None:
    when = (now - timedelta(seconds=seconds)).replace(microsecond=0)
    line = f"{log_time.MONTHS[when.month - 1]} {when.day:2d} {when:%H:%M:%S} nfs001 hastd[1]: x"
    assert log_time.of_line(line, now) == when


@given(st.datetimes(datetime(2001, 1, 1), datetime(2090, 1, 1)), st.integers(-719, 840), st.integers(-719, 840))
def test_a_time_with_a_zone_is_brought_to_the_nodes_own(when: datetime, written: int, own: int) -> None:
    when = when.replace(microsecond=0)
    zone = f"{'-' if written < 0 else '+'}{abs(written) // 60:02d}:{abs(written) % 60:02d}"
    line = f"<27>1 {when:%Y-%m-%dT%H:%M:%S}.123456{zone} nfs001 hastd 1 - - x"
    assert log_time.of_line(line, NOW, own) == when - timedelta(minutes=written) + timedelta(minutes=own)
    assert log_time.of_line(line, NOW) == when


@given(st.text(max_size=60))
def test_no_line_makes_an_error(line: str) -> None:
    log_time.of_line(line, NOW, 60)
    for stamp in ("Mar  7 12:00:00 ", "9999-12-31T23:59:59-23:59 ", "0001-01-01T00:00:00+23:59 "):
        log_time.of_line(stamp + line, NOW, -60)
