"""How a rehearsal is told: the lines of its story, the verdict of a scenario, the table at the end, the JSON."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Any

from checks.plugin.text import plain, say_count, say_duration
from remediate.rehearsal.scenario import ScenarioOutcome, ranges
from remediate.rehearsal.service import Account
from remediate.rehearsal.story import (
    CheckRound,
    Comment,
    Entry,
    InjectedFault,
    JournalAction,
    NodeReaction,
    TypedCommand,
)
from remediate.terminal import BLUE, BOLD, CYAN, FAINT, GREEN, MAGENTA, RED, YELLOW, Paint
from simulator.account.writes import LossCause

GOOD, BAD, FAULT, DEED = (f"{colour};{BOLD}" for colour in (GREEN, RED, MAGENTA, BLUE))
PROMPT = CYAN
STATES = {"OK": GREEN, "WARNING": YELLOW, "CRITICAL": BAD, "UNKNOWN": MAGENTA}

WHOSE = {
    LossCause.UFS_DELAY: "UFS: acknowledged by NFS, not yet on the device",
    LossCause.REPLICATION: "HAST: on one disk and not on the other",
    LossCause.STEPS: "the steps: the role was given up under the mount",
    LossCause.ONE_HISTORY: "given up instead of a split-brain: the other node had the service",
    LossCause.OVERWRITTEN: "the recovery: overwritten from the copy that was kept",
    LossCause.DISK: "a disk that failed or was replaced",
    LossCause.DAMAGE: "a copy on which a write failed: it is read as it was before",
}
SHORT = {
    LossCause.UFS_DELAY: "UFS",
    LossCause.REPLICATION: "HAST",
    LossCause.STEPS: "the steps",
    LossCause.ONE_HISTORY: "one history",
    LossCause.OVERWRITTEN: "the recovery",
    LossCause.DISK: "the disk",
    LossCause.DAMAGE: "the damage",
}
"""Whose doing a loss is, in a sentence and in a word."""

TIME_WIDTH, LABEL_WIDTH, TEXT_WIDTH = 7, 9, 100
"""Characters of the columns of a story; only what is long by nature is wrapped to the last one."""


def headline(name: str, line: str, paint: Paint) -> str:
    """The first line of a scenario."""
    return f"{paint(name, BOLD)}: {line}"


def story(entry: Entry, paint: Paint, verbose: bool) -> Iterator[str]:
    """The lines of one entry."""
    if isinstance(entry, CheckRound):
        yield from _looked(entry, paint, verbose)
    elif isinstance(entry, TypedCommand):
        words = entry.words and f"   [{plain(entry.words)}]"
        exit_status = f"   exit {entry.status}" if entry.status else ""
        took = f"   {say_duration(entry.seconds)}" if entry.seconds >= 2 else ""
        yield row(entry.at, f"{entry.node}#", PROMPT, f"{entry.line}{paint(exit_status + words + took, FAINT)}", paint)
    elif isinstance(entry, InjectedFault):
        yield row(entry.at, "fault", FAULT, entry.words, paint)
    elif isinstance(entry, JournalAction):
        for number, line in enumerate(textwrap.wrap(entry.text, TEXT_WIDTH, break_on_hyphens=False)):
            at, label = (None, "") if number else (entry.at, f"{entry.node}>")
            yield row(at, label, DEED, line, paint)
    elif isinstance(entry, NodeReaction):
        yield row(entry.at, f"{entry.node}:", PROMPT, paint(entry.text, FAINT), paint)
    else:
        yield row(entry.at, "", "", paint(entry.text, FAINT), paint)


def row(at: float | None, label: str, code: str, text: str, paint: Paint) -> str:
    """A line of a story: when, who or what, and what there is to say."""
    when = "" if at is None else f"{at:.0f} s"
    return f"{when:>{TIME_WIDTH}}  {paint(label.ljust(LABEL_WIDTH), code)} {text}"


def _looked(entry: CheckRound, paint: Paint, verbose: bool) -> Iterator[str]:
    well = sum(one.well for one in entry.says)
    count = "all OK" if well == len(entry.says) else f"{well} of {len(entry.says)} OK"
    yield row(entry.at, "checks", BOLD, f"{paint(entry.moment, BOLD)}, {count}", paint)
    for one in entry.says:
        if verbose:
            yield row(None, one.state, STATES[one.state], f"{one.node:<7} {one.line}", paint)
        elif not one.well:
            named = ", ".join(paint(name, BOLD if name in entry.expected else "") for name in one.wrong)
            yield row(None, one.state, STATES[one.state], f"{one.check:<22} {one.node:<7} {named}", paint)
    unnamed = [name for name in entry.expected if not any(name in one.wrong for one in entry.says)]
    for name in unnamed:
        if name in entry.missing:
            yield row(None, "missing", BAD, f"no check said {name}", paint)
        elif not verbose:
            yield row(None, "OK", STATES["OK"], f"{paint(name, BOLD)}", paint)


def verdict(outcome: ScenarioOutcome, paint: Paint) -> Iterator[str]:
    """The lines that close a scenario."""
    account = outcome.account
    yield row(None, "clients", BOLD, _service(account), paint)
    missing = f", {account.missing} missing" if account.missing else ", none missing"
    yield row(None, "data", BOLD, f"{say_count(account.acknowledged, 'acknowledged write')}{missing}", paint)
    for loss in account.losses:
        text = f"{len(loss.numbers)} of {loss.resource} {loss.fate.name.lower()}: {ranges(loss.numbers)}"
        text += f", {len(loss.kept)} of them kept" if loss.kept else ""
        yield row(None, "", "", f"{text} ({WHOSE[loss.cause]})", paint)
    looks = [entry for entry in outcome.entries if isinstance(entry, CheckRound)]
    expected = dict.fromkeys(name for look in looks for name in look.expected)
    unreported = [name for name in expected if not any(name in look.missing for look in looks)]
    if expected:
        text = f"{say_count(len(expected), 'reason')}, {len(unreported)} named: {', '.join(unreported)}"
        for number, line in enumerate(textwrap.wrap(text, TEXT_WIDTH, break_on_hyphens=False)):
            yield row(None, "" if number else "expected", BOLD, line, paint)
    yield from left_over(outcome, paint)
    yield row(None, "verdict", BOLD, mark(outcome.well, paint), paint)


def left_over(outcome: ScenarioOutcome, paint: Paint) -> Iterator[str]:
    """Why a check is still not OK, and what did not come as it must."""
    reasons: dict[str, list[str]] = {}
    for reason, why in outcome.left:
        reasons.setdefault(why, []).append(reason)
    for why, names in reasons.items():
        yield row(None, "still", YELLOW, f"{', '.join(names)}: {why}", paint)
    for text in outcome.trouble:
        yield row(None, "but", BAD, plain(text), paint)


def mark(well: bool, paint: Paint) -> str:
    """PASS or FAIL."""
    return paint("PASS", GOOD) if well else paint("FAIL", BAD)


def _service(account: Account) -> str:
    if not account.outages:
        sentence = "no time without service"
    else:
        times = " + ".join(say_duration(seconds) for seconds in account.outages)
        sentence = f"no service for {times}"
    errors = ", ".join(f"{number} x {text}" for text, number in account.errors.items())
    return f"{sentence}{f'; errors: {errors}' if errors else ''}"


def table(outcomes: list[ScenarioOutcome], paint: Paint) -> Iterator[str]:
    """One line per scenario."""
    heads = ("scenario", "verdict", "without service", "acknowledged", "missing", "whose doing")
    rows = [heads, *(_cells(outcome) for outcome in outcomes)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(heads))]
    for number, row in enumerate(rows):
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        if number == 0:
            cells = [paint(cell, BOLD) for cell in cells]
        else:
            cells[1] = mark(outcomes[number - 1].well, paint)
        yield "  ".join(cells).rstrip()


def _cells(outcome: ScenarioOutcome) -> tuple[str, ...]:
    account = outcome.account
    whose = dict.fromkeys(SHORT[loss.cause] for loss in account.losses)
    return (
        outcome.scenario.name,
        "PASS" if outcome.well else "FAIL",
        say_duration(account.without_service) if account.outages else "none",
        str(account.acknowledged),
        str(account.missing or "none"),
        ", ".join(whose),
    )


def summary(outcomes: list[ScenarioOutcome], paint: Paint) -> str:
    """The last line."""
    wrong = [outcome.scenario.name for outcome in outcomes if not outcome.well]
    if wrong:
        return paint(f"{len(wrong)} of {len(outcomes)} scenarios FAILED: {', '.join(wrong)}", BAD)
    return paint(f"{say_count(len(outcomes), 'scenario')}, all passed", GOOD)


def as_json(outcome: ScenarioOutcome) -> dict[str, Any]:
    """One scenario in plain values; times in simulated seconds from its beginning."""
    account = outcome.account
    return {
        "name": outcome.scenario.name,
        "about": outcome.scenario.line,
        "as_it_must": outcome.well,
        "trouble": list(outcome.trouble),
        "still": dict(outcome.left),
        "seconds": round(outcome.seconds, 3),
        "story": [_entry(entry) for entry in outcome.entries],
        "clients": {
            "without_service": round(account.without_service, 3),
            "outages": [round(seconds, 3) for seconds in account.outages],
            "errors": account.errors,
        },
        "data": {
            "acknowledged": account.acknowledged,
            "served": account.served,
            "missing": [
                {
                    "resource": loss.resource,
                    "fate": loss.fate.name.lower(),
                    "cause": loss.cause.name.lower(),
                    "means": WHOSE[loss.cause],
                    "writes": list(loss.numbers),
                    "kept": list(loss.kept),
                }
                for loss in account.losses
            ],
        },
    }


def _entry(entry: Entry) -> dict[str, Any]:
    kinds = {
        TypedCommand: "command",
        InjectedFault: "fault",
        Comment: "remark",
        NodeReaction: "event",
        CheckRound: "checks",
    }
    kinds |= {JournalAction: "hastwatch"}
    values: dict[str, Any] = {"kind": kinds[type(entry)], **entry._asdict()}
    values["at"] = round(entry.at, 3)
    if isinstance(entry, TypedCommand):
        values["seconds"] = round(entry.seconds, 3)
    if isinstance(entry, CheckRound):
        values["says"] = [
            {name: value for name, value in one._asdict().items() if name != "findings"} for one in entry.says
        ]
    return values
