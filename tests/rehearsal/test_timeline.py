"""The timeline of a rehearsal is what the nodes were and what the clients met."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from remediate.rehearsal.scenario import Scenario, Stage, play
from remediate.rehearsal.timeline import Recorder
from remediate.timeline.model import Bar, BarKind, Timeline
from tests.rehearsal.play import stage_of
from tests.rehearsal.test_rehearse import hastwatch


def drawn(act: Scenario) -> Timeline:
    stage = stage_of()
    recorder = Recorder(stage.pair, stage.clients)
    return recorder.timeline(act.name, play(act, stage))


def bars(timeline: Timeline, group: str, lane: str = "") -> tuple[Bar, ...]:
    lanes = next(each.lanes for each in timeline.groups if each.name == group)
    return next(each.bars for each in lanes if each.name == lane)


def power_cut(stage: Stage) -> None:
    stage.waits(5, "clients are served")
    stage.breaks("power-off", stage.active.name)
    stage.waits(10, "nobody promotes")


def test_a_power_cut_ends_what_the_node_was_and_lets_clients_wait() -> None:
    timeline = drawn(Scenario("cut", "a power cut", power_cut))
    assert timeline.seconds == pytest.approx(15.0)
    for kind in (BarKind.MASTER, BarKind.PRIMARY, BarKind.MOUNTED, BarKind.SERVING):
        was, off = bars(timeline, "nfs001", kind.value)
        assert (was.kind, off.kind) == (kind, BarKind.OFF)
        assert was.begin == 0.0
        assert off.end == pytest.approx(15.0)
        assert was.end == off.begin == pytest.approx(5.1, abs=0.11)
    assert [bar.kind for bar in bars(timeline, "nfs002", "MASTER")] == [BarKind.MASTER]
    assert bars(timeline, "nfs002", "primary") == ()
    (wait,) = bars(timeline, "clients wait")
    assert wait.kind is BarKind.WAITING
    assert wait.end == pytest.approx(15.0)
    assert [mark.text for mark in timeline.marks] == ["fault: power-off nfs001"]


@pytest.mark.slow
def test_the_command_draws_each_scenario_that_it_played(tmp_path: Path) -> None:
    file = tmp_path / "rehearsal.svg"
    run = hastwatch("rehearse", "--speed", "max", "--timeline", str(file), "export-vanishes", "switchover-by-hook")
    assert (run.returncode, run.stderr) == (0, "")
    texts = [text.text or "" for text in ElementTree.parse(file).getroot().iter("{http://www.w3.org/2000/svg}text")]
    assert [text for text in texts if text.startswith(("export-vanishes: ", "planned handover, by hand: "))]
    assert texts.count("clients wait") == 2


@pytest.mark.slow
def test_a_timeline_that_cannot_be_written_is_one_line_and_1(tmp_path: Path) -> None:
    wrong = hastwatch("rehearse", "--speed", "max", "--timeline", str(tmp_path / "no" / "t.svg"), "export-vanishes")
    assert (wrong.returncode, wrong.stderr.count("\n")) == (1, 1)
    assert "t.svg: No such file or directory" in wrong.stderr
