"""The benchmark's own claims, on one failover of each kind."""

from __future__ import annotations

import pytest

from tests.bench.failover_time import EVENTS, LETS_GO, PHASES, Event, measured, total


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.name)
def test_hastwatch_takes_a_fraction_of_the_documented_hooks_time(event: Event) -> None:
    theirs, ours = measured(event, automatic=False, shift=0.5), measured(event, automatic=True, shift=0.5)
    assert total(ours) < total(theirs) / 2
    assert set(PHASES) <= ours.keys()
    assert all(seconds >= 0 for seconds in (*ours.values(), *theirs.values()))


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.name)
def test_the_simulated_documented_hook_takes_about_as_long_as_the_recorded_one(event: Event) -> None:
    assert total(measured(event, automatic=False, shift=0.5)) == pytest.approx(event.recorded, rel=0.2)


def test_the_old_node_lets_go_while_the_new_one_waits_for_it() -> None:
    handover, _ = (measured(event, automatic=True, shift=0.5) for event in EVENTS)
    assert handover[LETS_GO] < handover["CARP moves"] + handover["waiting for the peer"]
