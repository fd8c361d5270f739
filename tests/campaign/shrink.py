"""The least of a series that still goes wrong: leave out what can be left out."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from tests.campaign.schedule import Round

Rounds = tuple[Round, ...]
TRIES = 60
"""How often a series is played again at most."""


def shrunk(made: Rounds, violation: str, play: Callable[[Rounds], str]) -> Rounds:
    """A part of the series that goes wrong in the same way: fewer failovers, disturbances, requests. `play` gives the
    violation of a series, empty where there is none."""
    wanted, left = _way(violation), TRIES
    made = made[: _number(violation) + 1]
    shorter = True
    while shorter and left:
        shorter = False
        for fewer in _fewer(made):
            left -= 1
            if left < 0:
                return made
            said = play(fewer)
            if said and _way(said) == wanted:
                made, shorter = fewer[: _number(said) + 1], True
                break
    return made


def _fewer(made: Rounds) -> Iterator[Rounds]:
    """With a part left out, the largest first."""
    if len(made) > 1:
        yield made[-1:]
    if len(made) > 3:
        yield made[len(made) // 2 :]
    for index in range(len(made) - 1):
        yield made[:index] + made[index + 1 :]
    for index, one in enumerate(made):
        if len(one.asks) > 1:
            yield (*made[:index], one._replace(asks=()), *made[index + 1 :])
        for event in range(len(one.events)):
            events = one.events[:event] + one.events[event + 1 :]
            yield (*made[:index], one._replace(events=events), *made[index + 1 :])
        for ask in range(len(one.asks)):
            asks = one.asks[:ask] + one.asks[ask + 1 :]
            yield (*made[:index], one._replace(asks=asks), *made[index + 1 :])


def _way(violation: str) -> str:
    """What is wrong, without the numbers in it."""
    return re.sub(r"[0-9.]+", "N", violation.splitlines()[0])


def _number(violation: str) -> int:
    """Which failover of the series it was."""
    found = re.search(r"(?m)^failover (\d+) of", violation)
    return int(found[1]) if found else 0
