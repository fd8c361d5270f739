"""The least of a series that still goes wrong: leave out what can be left out."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from tests.campaign.schedule import Round

Rounds = tuple[Round, ...]
TRIES = 60
"""How often a series is played again at most."""


def shrunk(series: Rounds, violation: str, play: Callable[[Rounds], str]) -> Rounds:
    """A part of the series that goes wrong in the same way: fewer failovers, disturbances, requests. `play` gives the
    violation of a series, empty where there is none."""
    wanted, left = _way(violation), TRIES
    series = series[: _number(violation) + 1]
    shorter = True
    while shorter and left:
        shorter = False
        for fewer in _fewer(series):
            left -= 1
            if left < 0:
                return series
            wrong = play(fewer)
            if wrong and _way(wrong) == wanted:
                series, shorter = fewer[: _number(wrong) + 1], True
                break
    return series


def _fewer(series: Rounds) -> Iterator[Rounds]:
    """With a part left out, the largest first."""
    if len(series) > 1:
        yield series[-1:]
    if len(series) > 3:
        yield series[len(series) // 2 :]
    for index in range(len(series) - 1):
        yield series[:index] + series[index + 1 :]
    for index, one in enumerate(series):
        if len(one.asks) > 1:
            yield (*series[:index], one._replace(asks=()), *series[index + 1 :])
        for event in range(len(one.events)):
            events = one.events[:event] + one.events[event + 1 :]
            yield (*series[:index], one._replace(events=events), *series[index + 1 :])
        for ask in range(len(one.asks)):
            asks = one.asks[:ask] + one.asks[ask + 1 :]
            yield (*series[:index], one._replace(asks=asks), *series[index + 1 :])


def _way(violation: str) -> str:
    """What is wrong, without the numbers in it."""
    return re.sub(r"[0-9.]+", "N", violation.splitlines()[0])


def _number(violation: str) -> int:
    """Which failover of the series it was."""
    match = re.search(r"(?m)^failover (\d+) of", violation)
    return int(match[1]) if match else 0
