"""The benchmark's own claims, on one failover of each kind."""

from __future__ import annotations

import pytest

from tests.bench.failover_time import EVENTS, PHASES, ByHand, Documented, Event, Hastwatch, Way, measured, table

A_FIFTH = 0.2
BY_HAND = 1.51
"""Seconds that the necessary commands of a planned handover took: 0.70 and 0.81 (freebsd-facts:
costs-of-a-handover)."""
HANDOVER, POWER_CUT, REBOOT = EVENTS


@pytest.mark.parametrize("event", (HANDOVER, POWER_CUT), ids=lambda event: event.name)
def test_the_simulated_documented_hook_takes_what_the_recorded_one_took(event: Event) -> None:
    assert measured(event, Documented(event.fsck)).gap == pytest.approx(event.hook, rel=A_FIFTH)


def test_the_floor_is_what_the_commands_took_by_hand() -> None:
    measurement = measured(HANDOVER, ByHand())
    assert measurement.servers == pytest.approx(BY_HAND, rel=A_FIFTH)


@pytest.mark.slow
@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.name)
def test_hastwatch_is_between_the_floor_and_the_documented_hook(event: Event) -> None:
    theirs, now, floor = (measured(event, way) for way in ways(event))
    assert floor.servers < now.servers < theirs.servers
    assert now.gap <= event.aim * theirs.gap
    assert floor.processes < now.processes
    lines = list(table(event, theirs, now, floor))
    assert all(any(line.strip().startswith(phase) for line in lines) for phase in PHASES)


WARM = {"become-primary": 1, "check": 1, "mount": 1, "start-serving": 2}
"""Everything else was done before the service went."""
COLD = {"devd's event": 2, "look": 5, "reject-peer": 1, "admit-peer": 1, **WARM}
GIVEN = {"stop-serving": 1, "unmount": 1, "become-secondary": 1}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("event", "down", "up"), [(HANDOVER, GIVEN, WARM), (POWER_CUT, {}, COLD), (REBOOT, GIVEN, WARM)],
    ids=lambda each: getattr(each, "name", ""),
)  # fmt: skip
def test_so_many_processes_are_started_on_the_way_of_the_clients(
    event: Event, down: dict[str, int], up: dict[str, int]
) -> None:
    measurement = measured(event, Hastwatch())
    assert measurement.counted == (down, up)
    lines = list(table(event, measurement, measurement, measurement))
    totals = [str(sum(each.values())) for each in (down, up) if each]
    assert [line.partition(":")[0].split()[-1] for line in lines if " processes to " in line] == totals


def ways(event: Event) -> tuple[Way, ...]:
    return Documented(event.fsck), Hastwatch(), ByHand()
