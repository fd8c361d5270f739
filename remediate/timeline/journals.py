"""The timeline of both nodes out of their journals, as far as those tell.

A journal tells what a node was when a plan was made (its evidence) and what each step changed. In between a state is
taken to last. Not known is what no entry has told yet, what a step that failed may have changed, and everything from
the last entry of a boot to the next one that tells of it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from checks.probes.timestamps import utc
from remediate.state.journal import ERR, JournalEntry
from remediate.timeline.model import OF_A_NODE, BarKind, EventMark, LaneGroup, LaneWriter, Timeline

MOST_MARKS = 16
BESIDE = 0.02
"""Of the length of a timeline: what is drawn beyond the last entry."""
SHORTEST = 5.0
"""Seconds that are drawn at least beyond it."""

EVIDENCE = {
    "CARP MASTER": (BarKind.MASTER, True), "CARP BACKUP": (BarKind.MASTER, False), "CARP INIT": (BarKind.MASTER, False),
    "CARP not known": (BarKind.MASTER, None),
    "mounted": (BarKind.MOUNTED, True), "not mounted": (BarKind.MOUNTED, False),
}  # fmt: skip
"""What entries of plans and split-brains have as evidence. A role stands there as `HAST primary`, or alone."""
ROLES = {"primary": True, "secondary": False, "init": False, "HAST primary": True, "HAST secondary": False,
         "HAST init": False}  # fmt: skip
STEPS = {
    "become-primary": (BarKind.PRIMARY, True), "become-secondary": (BarKind.PRIMARY, False),
    "become-init": (BarKind.PRIMARY, False),
    "mount": (BarKind.MOUNTED, True), "unmount": (BarKind.MOUNTED, False), "unmount-by-force": (BarKind.MOUNTED, False),
    "start-serving": (BarKind.SERVING, True), "verify": (BarKind.SERVING, True),
    "stop-serving": (BarKind.SERVING, False),
}  # fmt: skip
"""What a step changes, by its first word; the evidence of a plan says nothing of NFS."""
MARKED = (
    "split-brain", "recovery", "salvage-verified", "recovered", "switchover", "promotion-failed", "plan", "refused",
    "repair",
)  # fmt: skip
"""Events that have a mark, the most important ones first; others have one where they are an error or worse."""


class Fact(NamedTuple):
    """From a moment on a node was so, was not (False), or is not known to be (None). Of MASTER and SERVING, which
    concern the whole node, `resource` is empty."""

    at: float
    node: str
    kind: BarKind
    resource: str
    is_so: bool | None


def timeline(title: str, entries: Sequence[JournalEntry], begin: float, missing: Sequence[str] = ()) -> Timeline:
    """The timeline from an instant (seconds since 1970) on. Of earlier entries only the states count that they tell.
    `missing`: what could not be read, in sentences."""
    ordered = sorted(entries, key=lambda entry: entry.time)
    last = ordered[-1].time if ordered else begin
    seconds = max(last - begin, 0.0) + max((last - begin) * BESIDE, SHORTEST)
    nodes = sorted({entry.node for entry in ordered})
    groups = Lanes(nodes, begin).drawn(sorted(_facts(ordered), key=lambda fact: fact.at), seconds)
    marked, left_out = _marked([entry for entry in ordered if entry.time >= begin])
    marks = tuple(EventMark(entry.time - begin, _sentence(entry)) for entry in marked)
    notes = [
        "Hatched: not known. A state lasts until a journal tells otherwise; each journal has its node's clock (UTC).",
        *(f"Not read: {why}" for why in missing),
    ]
    notes += [f"{left_out} more entries are in the journals"] if left_out else []
    return Timeline(f"{title}, from {utc(begin)}", seconds, groups, marks, tuple(notes), begin)


class Lanes:
    """The lanes of all nodes while facts become known."""

    def __init__(self, nodes: Sequence[str], begin: float) -> None:
        self._nodes, self._begin = nodes, begin
        self._lanes = {(node, kind): LaneWriter() for node in nodes for kind in OF_A_NODE}
        self._nobody = LaneWriter()
        self._known: dict[tuple[str, BarKind], dict[str, bool | None]] = {}

    def drawn(self, facts: Iterable[Fact], seconds: float) -> tuple[LaneGroup, ...]:
        """The groups, so many seconds long."""
        self._show(0.0)
        for fact in facts:
            self._known.setdefault((fact.node, fact.kind), {})[fact.resource] = fact.is_so
            if fact.kind is BarKind.MASTER and fact.is_so:
                self._doubt_others(fact.node)
            self._show(max(fact.at - self._begin, 0.0))
        groups = [
            LaneGroup(node, tuple(self._lanes[node, kind].lane(kind.value, seconds) for kind in OF_A_NODE))
            for node in self._nodes
        ]
        return (*groups, LaneGroup("nobody serves", (self._nobody.lane("", seconds),)))

    def _doubt_others(self, node: str) -> None:
        """A node has the address: whether the other one, which had it, still has it is for its own journal to tell."""
        for other in self._nodes:
            known = self._known.get((other, BarKind.MASTER))
            if other != node and known:
                known[""] = None if known[""] else False

    def _show(self, at: float) -> None:
        for (node, kind), lane in self._lanes.items():
            is_so = self._is(node, kind)
            lane.is_now(BarKind.UNKNOWN if is_so is None else kind if is_so else None, at)
        serving = [self._is(node, BarKind.SERVING) for node in self._nodes]
        if len(self._nodes) < 2:  # the other one may
            serving.append(None)
        self._nobody.is_now(None if True in serving else BarKind.UNKNOWN if None in serving else BarKind.WAITING, at)

    def _is(self, node: str, kind: BarKind) -> bool | None:
        """Of any resource. What is not mounted is not served."""
        if kind is BarKind.SERVING and self._is(node, BarKind.MOUNTED) is False:
            return False
        known = self._known.get((node, kind), {}).values()
        return True if True in known else None if None in known or not known else False


def _facts(entries: Sequence[JournalEntry]) -> Iterator[Fact]:
    for node in {entry.node for entry in entries}:
        own = [entry for entry in entries if entry.node == node]
        resources = {entry.resource for entry in own if entry.resource}
        for before, after in pairwise(own):
            yield from _told(before)
            if _is_another_boot(before, after):
                yield from (Fact(before.time, node, kind, "", None) for kind in (BarKind.MASTER, BarKind.SERVING))
                for kind in (BarKind.PRIMARY, BarKind.MOUNTED):
                    yield from (Fact(before.time, node, kind, resource, None) for resource in resources)
        yield from _told(own[-1])


def _is_another_boot(before: JournalEntry, after: JournalEntry) -> bool:
    boots = before.boot, after.boot
    return boots[0] != boots[1] and not {"", "not known"}.intersection(boots)


def _told(entry: JournalEntry) -> Iterator[Fact]:
    """What an entry tells of its node."""
    if entry.event == "step":
        kind, is_so = STEPS.get(entry.step.partition(" ")[0], (None, None))
        if kind is not None:
            failed = entry.result.startswith("failed: ")
            begins = failed or is_so is False  # clients are without it from the beginning of the step
            at = entry.time - (entry.seconds or 0.0) if begins else entry.time
            resource = "" if kind is BarKind.SERVING else entry.resource
            yield Fact(at, entry.node, kind, resource, None if failed else is_so)
    elif entry.event in ("plan", "split-brain"):
        for piece in entry.evidence:
            if piece in EVIDENCE:
                kind, is_so = EVIDENCE[piece]
                yield Fact(entry.time, entry.node, kind, entry.resource if kind is BarKind.MOUNTED else "", is_so)
            elif piece in ROLES or piece.startswith("HAST "):
                yield Fact(entry.time, entry.node, BarKind.PRIMARY, entry.resource, ROLES.get(piece))


def _marked(entries: Sequence[JournalEntry]) -> tuple[list[JournalEntry], int]:
    """The entries that have a mark, in the order of time, and how many more would have one."""
    wanted = [entry for entry in entries if entry.event in MARKED or entry.severity <= ERR]
    first = sorted(wanted, key=_weight)[:MOST_MARKS]
    return sorted(first, key=lambda entry: entry.time), len(wanted) - len(first)


def _weight(entry: JournalEntry) -> float:
    return MARKED.index(entry.event) if entry.event in MARKED else math.inf


def _sentence(entry: JournalEntry) -> str:
    """A plan by its reason and its aim, everything else as it is."""
    result = entry.result.partition(": ")[0] if entry.event == "plan" else entry.result
    about = " ".join(filter(None, (entry.resource, entry.event, entry.step)))
    return f"{entry.node} {about}: {' - '.join(filter(None, (entry.why, result)))}"
