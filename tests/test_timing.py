"""Calls at the same time, in the machine's own time."""

from __future__ import annotations

import threading
import time

import pytest

from remediate.timing import Timing


def test_what_is_not_needed_any_more_is_not_waited_for() -> None:
    done: list[str] = []
    hangs = threading.Event()
    began = time.monotonic()

    def waits() -> None:
        hangs.wait(60)

    Timing().gather([lambda: done.append("quick"), waits], lambda: bool(done))
    assert done == ["quick"] and time.monotonic() - began < 5
    hangs.set()


def test_all_are_waited_for_where_it_is_never_enough() -> None:
    done: list[str] = []
    Timing().gather([lambda: time.sleep(0.05), lambda: done.append("b")], lambda: False)
    assert done == ["b"]


def test_an_error_is_raised_where_it_was_waited_for() -> None:
    def fails() -> None:
        raise OSError("no")

    with pytest.raises(OSError, match="no"):
        Timing().gather([fails], lambda: False)
