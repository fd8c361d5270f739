"""The costs of the simulated pair are those of the measured machines: every recorded phase takes what it took.

    HASTWATCH_REAL_RUNS=/path/to/runs python -m pytest tests/bench/test_recorded_runs.py

also holds the table of the recorded runs against their journals.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from remediate.state.journal_reading import read
from simulator.clock import Clock
from simulator.costs import Costs
from simulator.host.processor import Processor
from tests.bench.recorded_runs import OTHERWISE, RUNS, Run
from tests.bench.replay import Replay

A_FIFTH = 0.2
RECORDED = Path(os.environ.get("HASTWATCH_REAL_RUNS", "nowhere"))
needs_recordings = pytest.mark.skipif(
    not RECORDED.is_dir(), reason="HASTWATCH_REAL_RUNS does not name a directory of recorded runs"
)


@pytest.mark.parametrize("run", RUNS, ids=lambda run: run.name)
def test_every_phase_of_a_recorded_run_takes_what_it_took_within_a_fifth(run: Run) -> None:
    played = Replay(run, Costs()).play()
    assert {
        (each.node, each.name): (each.recorded, each.played) for each in played if abs(each.ratio - 1) > A_FIFTH
    } == {}
    assert len(played) == len(run.gives) + len(run.takes)


@pytest.mark.parametrize("run", RUNS, ids=lambda run: run.name)
def test_and_so_does_the_whole_promotion(run: Run) -> None:
    played = [each for each in Replay(run, Costs()).play() if each.node == "takes"]
    assert sum(each.played for each in played) == pytest.approx(sum(each.recorded for each in played), rel=A_FIFTH)


@needs_recordings
@pytest.mark.parametrize("run", RUNS, ids=lambda run: run.name)
def test_the_table_says_what_the_journals_say(run: Run) -> None:
    entries = list(read(str(RECORDED / run.folder / "nfs002" / "journal.jsonl")))
    (promoted,) = (number for number, entry in enumerate(entries) if entry.event == "promoted")
    plan = max(number for number, entry in enumerate(entries[:promoted]) if entry.event == "plan")
    ended = {entry.step.partition(" ")[0]: entry.time for entry in entries[plan:promoted]}
    before = entries[plan].time
    for phase in run.takes[1:]:
        end = ended[phase.name.rpartition(", ")[2]]
        assert end - before == pytest.approx(phase.recorded, abs=0.02), phase.name
        before = end


@needs_recordings
def test_every_recorded_run_is_replayed_or_has_a_reason_why_not() -> None:
    recorded = {path.name for path in RECORDED.iterdir() if path.is_dir()}
    assert recorded == {run.folder for run in RUNS} | OTHERWISE.keys()


def test_without_sharing_the_processor_a_planned_handover_would_have_been_quick() -> None:
    """What made it slow is what ran beside it."""
    alone = RUNS[0]._replace(leads=(), takes=tuple(phase._replace(beside=()) for phase in RUNS[0].takes))
    beside = {each.name: each.played for each in Replay(RUNS[0], Costs()).play() if each.node == "takes"}
    quick = {each.name: each.played for each in Replay(alone, Costs()).play() if each.node == "takes"}
    assert beside["become-primary"] > 4 * quick["become-primary"]


def test_four_jobs_at_once_take_four_times_as_long() -> None:
    clock = Clock(0.0)
    processor = Processor(clock)
    for job in [processor.use(0.5) for _ in range(4)]:
        clock.wait(job)
    assert clock.now == pytest.approx(2.0)


def test_a_job_that_comes_later_slows_only_what_is_left() -> None:
    clock = Clock(0.0)
    processor = Processor(clock)
    first = processor.use(1.0)
    clock.advance(0.5)
    second = processor.use(1.0)
    clock.wait(first)
    assert clock.now == pytest.approx(1.5)
    clock.wait(second)
    assert clock.now == pytest.approx(2.0)


def test_a_processor_without_power_lets_nobody_wait() -> None:
    clock = Clock(0.0)
    processor = Processor(clock)
    job = processor.use(5.0)
    processor.stop()
    assert job.done and processor.use(0.0).done
