"""The benchmark's own claims, on one failover of each kind."""

from __future__ import annotations

import pytest

from tests.bench.failover_time import EVENTS, PHASES, ByHand, Documented, Event, Hastwatch, Way, measured, table

A_FIFTH = 0.2
BY_HAND = 1.51
"""Seconds that the necessary commands of a planned handover took (hast-facts 34): 0.70 and 0.81."""
HANDOVER, POWER_CUT, REBOOT = EVENTS


@pytest.mark.parametrize("event", (HANDOVER, POWER_CUT), ids=lambda event: event.name)
def test_the_simulated_documented_hook_takes_what_the_recorded_one_took(event: Event) -> None:
    assert measured(event, Documented(event.fsck)).gap == pytest.approx(event.hook, rel=A_FIFTH)


def test_the_floor_is_what_the_commands_took_by_hand() -> None:
    found = measured(HANDOVER, ByHand())
    assert found.servers == pytest.approx(BY_HAND, rel=A_FIFTH)


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.name)
def test_hastwatch_is_between_the_floor_and_the_documented_hook(event: Event) -> None:
    theirs, now, floor = (measured(event, way) for way in ways(event))
    assert floor.servers < now.servers < theirs.servers
    assert now.gap <= event.aim * theirs.gap
    assert floor.processes < now.processes
    lines = list(table(event, theirs, now, floor))
    assert all(any(line.strip().startswith(phase) for line in lines) for phase in PHASES)


def ways(event: Event) -> tuple[Way, ...]:
    return Documented(event.fsck), Hastwatch(), ByHand()
