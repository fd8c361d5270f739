"""What an event of a monitoring engine calls for: the table row by row, and the rules around it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.plugin.finding import COULD_NOT_LOOK, Finding, Severity
from checks.plugin.output import status_line
from checks.registry import REGISTRY
from remediate.events.decision import EngineEvent, decide
from remediate.events.repair_request import EngineHold, Remedy, RepairRequest
from remediate.events.table import BY_FINDING, CHECKS, TABLE, RepairRule, Since
from tests.plugin.sample_check import report

COMMANDS = {each.name: each.load() for each in REGISTRY}
STATES = [Severity.WARNING, Severity.CRITICAL]


def line(check: str, *reasons: str) -> str:
    """The status line of a check that found these."""
    command = COMMANDS[check]
    findings = [command.table.finding(reason, "home on nfs001", "it is so") for reason in reasons]
    return status_line(report(command.table, findings, [], check))


def an_event(check: str, *reasons: str, **changes: object) -> EngineEvent:
    """One in which nothing holds a repair back."""
    event = EngineEvent(check, Severity.CRITICAL, True, 3, 0, False, line(check, *reasons))
    return event._replace(**changes)  # type: ignore[arg-type]  # the fields are the caller's


def at(stage: Since) -> dict[str, object]:
    """What an engine says then."""
    return {"hard": stage is Since.HARD, "attempt": int(stage)}


def test_every_finding_that_is_not_ok_has_one_row_and_there_is_no_other() -> None:
    rows = {
        (name, row.reason) for name, command in COMMANDS.items() for row in command.table.own if row.severity in STATES
    }
    assert rows == set(BY_FINDING)
    assert len(TABLE) == len(BY_FINDING)


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.reason)
def test_a_finding_calls_for_the_repair_of_its_row_from_its_stage_on(row: RepairRule) -> None:
    for stage in (Since.FIRST, Since.SOFT, Since.HARD):
        decision = decide(an_event(row.check, row.reason, **at(stage)))
        wanted = RepairRequest(row.remedy) if row.remedy and stage >= row.since else None
        assert (decision.request, decision.reason) == (wanted, row.reason)


def test_only_the_step_down_in_a_split_brain_is_asked_for_at_soft_1() -> None:
    first = {row.reason for row in TABLE if decide(an_event(row.check, row.reason, **at(Since.FIRST))).request}
    assert first == {"splitbrain", "splitbrain-seen"}
    assert {row.remedy for row in TABLE if row.reason in first} == {Remedy.SPLIT_BRAIN}


@pytest.mark.parametrize("state", [Severity.OK, Severity.UNKNOWN])
@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.reason)
def test_ok_and_unknown_ask_for_nothing_whatever_the_output_says(state: Severity, row: RepairRule) -> None:
    assert decide(an_event(row.check, row.reason, state=state)).request is None


@pytest.mark.parametrize("row", COULD_NOT_LOOK, ids=lambda row: row.reason)
def test_what_could_not_be_looked_at_asks_for_nothing_even_where_it_is_made_critical(row: object) -> None:
    for check in CHECKS:
        assert decide(an_event(check, row.reason)).request is None  # type: ignore[attr-defined]


@pytest.mark.parametrize(("changes", "held"), [
    ({"downtime": 1}, EngineHold.DOWNTIME), ({"downtime": 3}, EngineHold.DOWNTIME), ({"flapping": True},
        EngineHold.FLAPPING),
    ({"flapping": True, "downtime": 1}, EngineHold.DOWNTIME),
])  # fmt: skip
@pytest.mark.parametrize("row", [row for row in TABLE if row.remedy], ids=lambda row: row.reason)
def test_a_downtime_and_flapping_hold_it_back_and_the_node_is_told(
    row: RepairRule, changes: dict[str, object], held: EngineHold
) -> None:
    assert row.remedy
    assert decide(an_event(row.check, row.reason, **changes)).request == RepairRequest(row.remedy, held)


def test_a_finding_that_is_left_to_a_human_does_not_hide_one_that_is_not() -> None:
    both = an_event("check_carp_hast", "files-under-mount-point", "carp-master-hast-secondary")
    assert decide(both).request == RepairRequest(Remedy.CONVERGE)


def test_a_finding_whose_time_has_not_come_does_not_hide_one_whose_has() -> None:
    both = an_event("check_hast_splitbrain", "two-primaries", "splitbrain-seen", **at(Since.FIRST))
    assert decide(both).request == RepairRequest(Remedy.SPLIT_BRAIN)


def test_a_finding_of_another_check_is_none() -> None:
    event = an_event("check_devd", "devd-not-running")._replace(check="check_hast")
    decision = decide(event)
    assert (decision.request, decision.why) == (None, "the output names no finding of check_hast")


def test_what_stands_in_the_performance_data_is_no_finding() -> None:
    output = "DEVD CRITICAL - nfs001: it spins [devd-cpu-critical] | '[devd-not-running]'=1"
    assert decide(an_event("check_devd", output=output)).request is None


@pytest.mark.slow
@given(st.text(), st.sampled_from(CHECKS), st.sampled_from(STATES), st.booleans(), st.integers(0, 10))
def test_no_output_calls_for_more_than_the_findings_it_names(
    text: str, check: str, state: Severity, hard: bool, attempt: int
) -> None:
    named = [row.reason for row in TABLE if row.check == check and f"[{row.reason}]" in text]
    decision = decide(EngineEvent(check, state, hard, attempt, 0, False, text))
    assert decision.request is None or decision.reason in named


def test_a_finding_is_read_from_the_very_line_that_a_check_prints() -> None:
    hostile = Finding("devd-not-running", Severity.CRITICAL, "nfs\n001", "x | [devd-spinning] ", "no failover")
    line = status_line(report(COMMANDS["check_devd"].table, [hostile], [], "check_devd"))
    assert decide(an_event("check_devd", output=line)).request == RepairRequest(Remedy.DEVD)
