"""A scenario told in few lines: what broke, what people and hastwatch did, what the checks said, and what it cost.

What belongs together is one line: the commands that an operator types one after the other, the steps of a plan.
"""

from __future__ import annotations

from collections.abc import Iterator

from checks.plugin.text import say_count, say_duration
from remediate.rehearsal.report import BAD, DEED, FAULT, GOOD, PROMPT, SHORT, STATES, left_over, row
from remediate.rehearsal.scenario import AFTER, ScenarioOutcome
from remediate.rehearsal.service import Account
from remediate.rehearsal.story import (
    CheckRound,
    Entry,
    InjectedFault,
    JournalAction,
    NodeReaction,
    TypedCommand,
)
from remediate.terminal import BOLD, Paint

TOLD = frozenset(("split-brain", "salvage-verified", "recovered", "repair", "refused", "promotion-failed"))
"""Events of the journal that are told beside plans and how many steps they took."""
NAMED = 3
"""Reasons of a round of checks that are named."""
LONGEST = 96
"""Characters of what is told of one entry."""
GRAVEST = ("CRITICAL", "UNKNOWN", "WARNING")


class Brief:
    """Tells one scenario. `hooked`: what a node does by itself is the documented hook's doing."""

    def __init__(self, paint: Paint, hooked: bool) -> None:
        self._paint, self._hooked = paint, hooked
        self._typed: list[TypedCommand] = []
        self._plans: dict[str, tuple[JournalAction, int]] = {}
        """By node: the plan that is carried out, and how many steps it has taken so far."""
        self._acts: list[tuple[float, str]] = []
        """Lines of what hastwatch did, and when: plans of two nodes overlap."""

    def tell(self, entry: Entry) -> Iterator[str]:
        """The lines that are complete with this entry."""
        if isinstance(entry, JournalAction):
            yield from self._commands()
            self._acted(entry)
            return
        lines = list(self._lines(entry))
        if isinstance(entry, TypedCommand):
            if not entry.words.startswith("until it shows"):
                yield from self._typing(entry)
        elif lines:
            yield from self.rest()
            yield from lines

    def rest(self) -> Iterator[str]:
        """The lines of what has not been told yet."""
        yield from self._commands()
        for node in list(self._plans):
            self._planned(node)
        yield from (line for _, line in sorted(self._acts))
        self._acts = []

    def _lines(self, entry: Entry) -> Iterator[str]:
        if isinstance(entry, InjectedFault):
            yield row(entry.at, "fault", FAULT, entry.words, self._paint)
        elif isinstance(entry, NodeReaction):
            if entry.text.startswith("monitoring: ") or (self._hooked and entry.text.startswith(("hastd: ", "UFS: "))):
                yield row(entry.at, f"{entry.node}:", PROMPT, entry.text, self._paint)
        elif isinstance(entry, CheckRound):
            yield from self._looked(entry)

    def _typing(self, entry: TypedCommand) -> Iterator[str]:
        if not self._typed or self._typed[0].node != entry.node:
            yield from self.rest()
        self._typed.append(entry)

    def _commands(self) -> Iterator[str]:
        if self._typed:
            first, more = self._typed[0], len(self._typed) - 1
            text = first.line + (f", and {say_count(more, 'more command')}" if more else "")
            self._typed = []
            yield row(first.at, f"{first.node}#", PROMPT, text, self._paint)

    def _acted(self, entry: JournalAction) -> None:
        if entry.event == "step" and entry.node in self._plans:
            plan, steps = self._plans[entry.node]
            self._plans[entry.node] = plan, steps + 1
        elif entry.event == "plan":
            self._planned(entry.node)
            self._plans[entry.node] = entry, 0
        elif entry.event in TOLD:
            self._act(entry, entry.text)

    def _planned(self, node: str) -> None:
        plan, steps = self._plans.pop(node, (None, 0))
        if plan is not None and steps:
            self._act(plan, f"{plan.text.rpartition(': it is ')[2]} ({say_count(steps, 'step')})")

    def _act(self, entry: JournalAction, text: str) -> None:
        shown = text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."
        self._acts.append((entry.at, row(entry.at, f"{entry.node}>", DEED, shown, self._paint)))

    def _looked(self, entry: CheckRound) -> Iterator[str]:
        wrong = sorted((one for one in entry.says if not one.well), key=lambda one: GRAVEST.index(one.state))
        if not wrong or entry.moment == AFTER:
            return
        names = list(dict.fromkeys(name for one in wrong for name in one.wrong))
        names.sort(key=lambda name: name not in entry.expected)
        more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
        state = self._paint(wrong[0].state, STATES[wrong[0].state])
        yield row(entry.at, "checks", BOLD, f"{entry.moment}: {state} {', '.join(names[:NAMED])}{more}", self._paint)


def closing(outcome: ScenarioOutcome, paint: Paint) -> Iterator[str]:
    """The last lines of a scenario."""
    account = outcome.account
    service = f"no service for {say_duration(account.without_service)}" if account.outages else "always served"
    word, colour = ("PASS", GOOD) if outcome.well else ("FAIL", BAD)
    yield from left_over(outcome, paint)
    yield row(None, word, colour, f"{service}; acknowledged writes lost: {losses(account)}", paint)


def losses(account: Account) -> str:
    """How many acknowledged writes nobody can restore, and by whose doing; how many are kept."""
    whose = dict.fromkeys(SHORT[loss.cause] for loss in account.losses if len(loss.kept) < len(loss.numbers))
    lost = f"{account.lost} ({', '.join(whose)})" if account.lost else "none"
    return f"{lost}, {account.kept} kept" if account.kept else lost
