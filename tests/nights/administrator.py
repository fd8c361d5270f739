"""A tired administrator: does what alerts, and the commands that they name, print, and nothing else.

Each look at monitoring gives the findings, the worst first. The action of the first one is followed to its end, with
what its commands print to do next and the runbook that it sends to; then monitoring is looked at again. Where that has
changed nothing, the next finding is taken. What is left to a human's judgement is in `Judgement`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from checks.plugin.finding import OF_THE_PAIR, Finding, Severity
from checks.plugin.output import next_step
from remediate.failover.reach import HASTWATCH
from remediate.rehearsal.observer import CheckReport, Observer
from simulator.node import Node
from tests.failover.installed_pair import InstalledPair
from tests.nights.instructions import Instruction, Kind, instructions, steps

DO = "  -> "
"""Before what is to be done next, in the lines after the first one of a check."""
EVERY = 60.0
"""Seconds between two looks of monitoring."""
PATIENCE = 600.0
"""Seconds for a command."""
ASKING = ("promote", "recover", "restore", "switchover")
"""Subcommands that ask, and are answered with yes."""
BOOTS = 90.0
LOOKS = 40
"""More than any night takes."""


class Judgement(NamedTuple):
    """What an administrator decides. `places`: what stands for a directory or a file in the text, and the one that is
    meant; `reads`: on which node a step of a runbook is done, None where it is not for this night."""

    places: tuple[tuple[str, str], ...] = ()
    reads: Callable[[str], str | None] = lambda text: None


class Alert(NamedTuple):
    """What monitoring shows of a finding."""

    check: str
    line: str
    finding: Finding

    @property
    def text(self) -> list[str]:
        """The lines."""
        return [self.line.partition(" | ")[0], *next_step(self.finding)]

    @property
    def action(self) -> str:
        """What the lines say to do next."""
        return next((line.removeprefix(DO) for line in self.text if line.startswith(DO)), "")


class Entry(NamedTuple):
    """Something of the story: when, where (a node, `monitoring` or `hands`), what was done, and what came of it."""

    at: float
    where: str
    what: str
    output: str = ""


class Administrator:
    """One night of one pair."""

    def __init__(self, pair: InstalledPair, judgement: Judgement) -> None:
        self.pair, self.judgement = pair, judgement
        self.story: list[Entry] = []
        self._observer = Observer(pair.pair, pair.config)
        self._done: set[tuple[str, Instruction]] = set()
        """What was done about which reason since monitoring has shown something else."""

    def gets_through(self) -> bool:
        """Follow what is printed until everything is OK; whether it came to that."""
        before: frozenset[tuple[str, str]] = frozenset()
        for _ in range(LOOKS):
            alerts = self.looks()
            if not alerts:
                return True
            now = frozenset((alert.finding.reason, alert.finding.subject) for alert in alerts)
            if now != before:
                self._done.clear()
            before = now
            if not self._follows_one(alerts):
                return False
            self.pair.passes(EVERY)
        return False

    def looks(self) -> list[Alert]:
        """What monitoring shows that is not OK, the worst first."""
        reports = self._observer.look(self.pair.pair.clock.wait)
        wrong = [f"{report.check} on {report.node}: {report.state}, {', '.join(report.wrong)}"
                 for report in reports if not report.well]  # fmt: skip
        self._tells("monitoring", "\n".join(wrong or ["everything is OK"]))
        return list(_alerts(reports))

    def _follows_one(self, alerts: list[Alert]) -> bool:
        """Follow the first action of which something is left; whether there was one."""
        for alert in alerts:
            reason = alert.finding.reason
            to_do = [each for each in map(self._meant, instructions(alert.action))
                     if (reason, each) not in self._done]  # fmt: skip
            if to_do:
                self._tells("monitoring", "\n".join(alert.text))
                self._follows(reason, to_do)
                return True
        return False

    def _follows(self, reason: str, to_do: list[Instruction], again: bool = False) -> None:
        """Do them in their order, and what they print to do next, unless that was done or is still to come; `again`:
        also what was done before, as a runbook may have it."""
        to_do = [self._meant(each) for each in to_do]
        for number, each in enumerate(to_do):
            if not again and (reason, each) in self._done:
                continue
            self._done.add((reason, each))
            if each.words.startswith("hastwatch explain "):
                self._follows(reason, self._reads(self._node(each.node), each.words), again=True)
                continue
            following = map(self._meant, self._does(each))
            self._follows(reason, [each for each in following if each not in to_do[number:]])

    def _does(self, instruction: Instruction) -> list[Instruction]:
        """Do it; what is to be done next because of it."""
        kind, where, words = instruction
        if kind is Kind.WAIT:
            self._tells("hands", f"wait for {words} s")
            self.pair.passes(float(words))
        elif kind is Kind.TYPE:
            return self._types(where, words)
        elif kind is Kind.BOOT:
            self._boots(where)
        elif kind is Kind.LINK:
            self._tells("hands", "repair the link between the nodes")
            self.pair.breaks("heal")
            self.pair.passes(EVERY)
        elif kind is Kind.NEW_DISK:
            self._replaces_disk(where)
        else:
            self._tells("hands", words)
        return []

    def _boots(self, where: str) -> None:
        node = self._node(where)
        if not node.on:
            self._tells("hands", f"boot {where}")
            self.pair.boots(node, BOOTS)

    def _replaces_disk(self, where: str) -> None:
        node = self._node(where)
        if any(disk.broken for disk in node.disks.values()):
            self._tells("hands", f"shut {where} down, replace its disk, boot it")
            self.pair.pair.clock.wait(node.shut_down())
            for fault in ("new-disk", "disk-ok"):
                self.pair.breaks(fault, where)
            self.pair.boots(node, BOOTS)

    def _meant(self, instruction: Instruction) -> Instruction:
        """With a directory and a file in the place of what stands for them."""
        words = instruction.words
        for placeholder, place in self.judgement.places:
            words = re.sub(rf"(?<![\w/-]){re.escape(placeholder)}(?![\w/-])", place, words)
        return instruction._replace(words=words)

    def _types(self, where: str, words: str) -> list[Instruction]:
        if where in OF_THE_PAIR.values():
            return []  # which one that is is not known
        nodes = list(self.pair.pair.nodes.values()) if where == "each node" else [self._node(where)]
        following: list[Instruction] = []
        for node in nodes:
            at = self.pair.pair.clock.now
            done = node.run(as_typed(words), timeout=PATIENCE)
            self.story.append(Entry(at, node.name, words, f"{done.out}{done.err}"))
            for printed in re.findall(r"^next: (.*)$", f"{done.out}{done.err}", re.MULTILINE):
                following += instructions(printed, node.name)
        return following

    def _reads(self, node: Node, line: str) -> list[Instruction]:
        """A runbook: its steps, each on the node that the administrator takes it to be for."""
        text = node.run(as_typed(line), timeout=PATIENCE).out
        self._tells(node.name, line, text)
        to_do: list[Instruction] = []
        for step in steps(text):
            where = self.judgement.reads(step.text)
            if where is not None:
                to_do += [each._replace(node=each.node or where) for each in step.does]
        return to_do

    def _node(self, name: str) -> Node:
        """The node of that name, any that answers where there is none."""
        nodes = self.pair.pair.nodes
        return nodes[name] if name in nodes else next(node for node in nodes.values() if node.on)

    def _tells(self, where: str, what: str, output: str = "") -> None:
        self.story.append(Entry(self.pair.pair.clock.now, where, what, output))


def _alerts(reports: tuple[CheckReport, ...]) -> Iterator[Alert]:
    wrong = [
        Alert(report.check, report.line, finding)
        for report in reports
        for finding in report.findings
        if finding.severity is not Severity.OK
    ]
    yield from sorted(wrong, key=lambda alert: -alert.finding.severity.rank)


def as_typed(line: str) -> str:
    """The line as a shell of a node takes it, with the answer to what it asks."""
    program, _, rest = line.partition(" ")
    if program != "hastwatch":
        return line
    asks = rest.split()[0] in ASKING and not {"--dry-run", "-n"} & set(rest.split()) and "--to-live" not in rest
    return f"{HASTWATCH} {rest}{' --yes' if asks and not rest.startswith('restore') else ''}"
