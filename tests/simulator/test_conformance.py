"""The simulated pair answers as the recorded one did, byte for byte, except for times, pids, ports and counters.

The recorded sequences are replayed on the pair and every answer is compared, and so is every command of every captured
state. What differs is in conformance/exceptions.toml with the reason.
"""

from __future__ import annotations

import tomllib
from dataclasses import replace
from functools import cache

import pytest

from simulator.layout import PairLayout
from simulator.pair import Pair
from tests.simulator.conformance.normalise import normalise, same
from tests.simulator.conformance.story import HERE, RECORDINGS, Comparison, Story

ERAS = (1, 2, 3, 4)

FIRST_PAIR = PairLayout(file_after_taste=False)
SECOND_ERA = FIRST_PAIR
"""In the second era the machines had new host identities."""
SECOND_ERA = replace(
    SECOND_ERA,
    nodes=(
        SECOND_ERA.nodes[0],
        replace(SECOND_ERA.nodes[1], hostuuid="5f5dea39-1ffe-4fa0-8448-d71ac81671f0", hostid=258907331),
    ),
)


@cache
def story(number: int) -> Story:
    """One era, replayed once."""
    story = Story(Pair(SECOND_ERA if number == 2 else FIRST_PAIR))
    story.replay(number)
    return story


def exceptions() -> dict[str, str]:
    """Name of a comparison and why it differs."""
    table = tomllib.loads((HERE / "exceptions.toml").read_text())
    return {name: entry["reason"] for entry in table["exception"] for name in entry["names"]}


def differs(comparison: Comparison) -> bool:
    return comparison.status != comparison.recorded_status or not same(
        comparison.command, comparison.recorded, comparison.simulated
    )


@pytest.mark.slow
@pytest.mark.parametrize("number", ERAS)
def test_every_recorded_answer_is_given_except_for_the_named_exceptions(number: int) -> None:
    known = exceptions()
    unexpected = [each for each in story(number).comparisons if differs(each) and each.name not in known]
    report = "\n".join(
        f"{each.name}: $ {each.command[:100]}: exit {each.status}, recorded {each.recorded_status}\n"
        + "\n".join(normalise(each.command, each.simulated)[:12])
        for each in unexpected
    )
    assert not unexpected, report


@pytest.mark.slow
def test_no_exception_is_left_that_has_become_equal(capsys: pytest.CaptureFixture[str]) -> None:
    compared = [each for number in ERAS for each in story(number).comparisons]
    different = {each.name for each in compared if differs(each)}
    known = exceptions()
    with capsys.disabled():
        states = {each.name.split("/")[0] for each in compared if "/" in each.name}
        print(f"\nconformance: {len(states)} states, {len(compared)} answers compared, {len(known)} exceptions")
    assert set(known) == different


@pytest.mark.slow
def test_every_recorded_state_is_compared() -> None:
    compared = {each.name.split("/")[0] for number in ERAS for each in story(number).comparisons if "/" in each.name}
    recorded = {path.parent.parent.name for path in RECORDINGS.glob("*/nfs00?/*.txt")}
    assert recorded - compared == set()


@pytest.mark.parametrize("node", ["nfs001", "nfs002"])
def test_devd_gets_the_recorded_events_when_a_carrier_is_lost_and_comes_back(node: str) -> None:
    recorded = (RECORDINGS / "j1-carrier-loss" / f"devd-tap-{node}.txt").read_text().splitlines()
    events = [event for name, at, event in story(1).events if name == node and 41 * 60 <= at % 3600 < 42 * 60 + 30]
    assert events == [line.split(" ", 1)[1] for line in recorded]


@pytest.mark.parametrize("node", ["nfs001", "nfs002"])
def test_carp_events_come_as_recorded_for_every_cause(node: str) -> None:
    """Every cause of the recording of all CARP events, with what devd got for it on each node."""
    recorded = (RECORDINGS / "j2-carp-events" / f"devd-tap-{node}.txt").read_text().split("\n")
    expected = [line.split(" ", 1)[1] for line in recorded if line and not line.startswith("##")]
    pair_events = [
        event
        for name, at, event in story(1).events
        if name == node and "CARP" in event and 42 * 60 + 40 <= at % 3600 < 45 * 60
    ]
    assert pair_events == expected
