"""The table of the default run, and a scenario told in few lines, out of outcomes that are made here."""

from __future__ import annotations

import pytest

from remediate.rehearsal import comparison
from remediate.rehearsal.brief import Brief, closing, losses
from remediate.rehearsal.comparison import Comparison
from remediate.rehearsal.faults import FAULTS, side
from remediate.rehearsal.observer import CheckReport
from remediate.rehearsal.scenario import ScenarioOutcome
from remediate.rehearsal.scenarios import SCENARIOS
from remediate.rehearsal.service import Account, LostWrites
from remediate.rehearsal.story import CheckRound, Entry, InjectedFault, JournalAction, NodeReaction, TypedCommand
from remediate.terminal import Paint
from simulator.account.writes import LossCause, WriteFate

PLAIN = Paint(False)


def loss(number: int, cause: LossCause, kept: int = 0) -> LostWrites:
    return LostWrites("home", WriteFate.LOST, cause, tuple(range(number)), tuple(range(kept)))


def account(outages: tuple[float, ...], *lost: LostWrites) -> Account:
    missing = sum(len(each.numbers) for each in lost)
    return Account(100, 100 - missing, lost, outages, {})


def row(by_hand: Account, with_hastwatch: Account, *trouble: str) -> Comparison:
    fault = FAULTS[0]
    return Comparison(
        fault,
        ScenarioOutcome(fault.by_hand, 60.0, (), by_hand, ()),
        ScenarioOutcome(fault.with_hastwatch, 60.0, (), with_hastwatch, trouble),
    )


def told(entries: list[Entry], hooked: bool = False) -> list[str]:
    brief = Brief(PLAIN, hooked)
    lines = [line for entry in entries for line in brief.tell(entry)]
    return [" ".join(line.split()) for line in (*lines, *brief.rest())]


def test_a_row_has_the_seconds_and_the_losses_of_both_and_the_verdict() -> None:
    made = row(account((7.4, 20.0), loss(26, LossCause.STEPS)), account((7.4,)))
    assert list(comparison.table([made], PLAIN))[:3] == [
        "                  by hand, as documented      with hastwatch",
        "fault             no service  writes lost     no service  writes lost  ",
        "planned handover  27 s        26 (the steps)  7 s         none         PASS",
    ]


def test_a_row_fails_where_one_of_its_scenarios_did() -> None:
    made = row(account(()), account(()), "no check said node-unreachable")
    assert not made.well
    assert list(comparison.table([made], PLAIN))[2].endswith("FAIL")
    assert comparison.as_json(made)["as_it_must"] is False


@pytest.mark.parametrize(
    ("lost", "text"),
    [
        ((), "none"),
        ((loss(3, LossCause.UFS_DELAY),), "3 (UFS)"),
        ((loss(3, LossCause.UFS_DELAY), loss(4, LossCause.STEPS)), "7 (UFS, the steps)"),
        ((loss(53, LossCause.OVERWRITTEN, kept=53),), "none, 53 kept"),
        ((loss(5, LossCause.OVERWRITTEN, kept=3), loss(1, LossCause.DISK)), "3 (the recovery, the disk), 3 kept"),
    ],
)
def test_what_was_salvaged_counts_as_kept_and_not_as_lost(lost: tuple[LostWrites, ...], text: str) -> None:
    assert losses(account((), *lost)) == text


def test_commands_that_are_typed_one_after_the_other_are_one_line() -> None:
    typed: list[Entry] = [
        TypedCommand(at, "nfs002", line, 0, 0.1, "") for at, line in enumerate(("one", "two", "three"))
    ]
    watched = TypedCommand(5.0, "nfs002", "hastctl list home", 0, 9.0, "until it shows dirty: 0")
    other = TypedCommand(20.0, "nfs001", "four", 0, 0.1, "")
    assert told([*typed, watched, other]) == ["0 s nfs002# one, and 2 more commands", "20 s nfs001# four"]


def test_a_plan_and_its_steps_are_one_line_in_the_order_of_time() -> None:
    entries: list[Entry] = [
        JournalAction(5.0, "nfs001", "plan", "the address is not here: it is to be secondary"),
        JournalAction(6.0, "nfs001", "step", "unmount home"),
        JournalAction(7.0, "nfs002", "plan", "the address is here: it is to be primary"),
        JournalAction(7.5, "nfs002", "step", "mount home"),
        JournalAction(8.0, "nfs001", "step", "become-secondary home"),
        JournalAction(9.0, "nfs001", "hold", "not told"),
        InjectedFault(10.0, "heal"),
    ]
    assert told(entries) == [
        "5 s nfs001> to be secondary (2 steps)",
        "7 s nfs002> to be primary (1 step)",
        "10 s fault heal",
    ]


def test_of_the_checks_the_worst_state_and_what_was_expected_are_named() -> None:
    says = (
        CheckReport("check_a", "both", "WARNING", ("a",), ("a",), "", ""),
        CheckReport("check_b", "both", "CRITICAL", ("b", "c", "d"), ("b", "c", "d"), "", ""),
        CheckReport("check_c", "both", "OK", ("e",), (), "", ""),
    )
    assert told([CheckRound(9.0, "the alarm", says, ("d",), ())]) == [
        "9 s checks the alarm: CRITICAL d, b, c and 1 more"
    ]
    assert told([CheckRound(9.0, "the alarm", says[2:], (), ())]) == []


def test_what_a_node_does_by_itself_is_told_where_the_documented_hook_did_it() -> None:
    reaction = NodeReaction(9.0, "nfs002", "hastd: home secondary -> primary")
    assert told([reaction], hooked=True) == ["9 s nfs002: hastd: home secondary -> primary"]
    assert told([reaction]) == []


def test_a_scenario_closes_with_what_is_still_wrong_and_why() -> None:
    outcome = row(account((7.4,)), account(())).by_hand._replace(
        left=(("node-unreachable", "still off"), ("hast-degraded", "still off"))
    )
    assert [" ".join(line.split()) for line in closing(outcome, PLAIN)] == [
        "still node-unreachable, hast-degraded: still off",
        "PASS no service for 7 s; acknowledged writes lost: none",
    ]


def test_the_default_run_has_each_fault_once_by_hand_and_once_with_hastwatch() -> None:
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)
    for fault in FAULTS:
        assert (fault.by_hand.automatic, fault.by_hand.hooked) == (False, True)
        assert (fault.with_hastwatch.automatic, fault.with_hastwatch.hooked) == (True, False)
    assert sum(bool(side(scenario)) for scenario in SCENARIOS) == 2 * len(FAULTS)
