"""What hastwatch did on the nodes of a rehearsal and why, out of its journals, in few words."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from remediate.state.journal import NAME, JournalEntry
from remediate.state.journal_reading import Reading

TOLD = frozenset(
    (
        "plan",
        "step",
        "superseded",
        "refused",
        "promotion-failed",
        "hold",
        "release",
        "split-brain",
        "recovery",
        "salvage",
        "salvage-verified",
        "created",
        "recovered",
        "switchover",
        "clear",
        "repair",
        "held-back",
        "shutdown",
    )
)
"""Events of the journal that a story needs; the others are for whoever reads the journal itself."""


class Deed(NamedTuple):
    """One of them, when (the node's own time), and on which node."""

    at: float
    node: str
    event: str
    text: str


class Deeds:
    """What is in the journals of some nodes, whose state is kept in `state`/NODE, and was not given yet."""

    def __init__(self, state: Path, nodes: Iterable[str]) -> None:
        self._readings = {name: Reading(os.path.join(state, name, NAME)) for name in nodes}
        self._waiting: list[Deed] = []

    def until(self, instant: float) -> list[Deed]:
        """The deeds up to this moment, in the order of time."""
        for name, reading in self._readings.items():
            entries = [entry for entry in reading.new() if entry.event in TOLD]
            self._waiting += [Deed(entry.time, name, entry.event, words(entry)) for entry in entries]
        self._waiting.sort(key=lambda deed: deed.at)
        deeds = [deed for deed in self._waiting if deed.at <= instant]
        self._waiting = self._waiting[len(deeds) :]
        return deeds

    def close(self) -> None:
        """Let go of the files."""
        for reading in self._readings.values():
            reading.close()


def words(entry: JournalEntry) -> str:
    """An entry for a reader of the story: a plan with its reason, a step with its result."""
    if entry.event == "plan":
        return f"{entry.why}: it is {entry.result.partition(': ')[0]}"
    if entry.event in ("salvage", "salvage-verified", "recovered"):
        return f"{entry.event}: {entry.result.partition(' at /')[0]}"
    if entry.event in ("repair", "held-back"):
        return f"{entry.event} {entry.step}: {' - '.join(filter(None, (entry.why, entry.result)))}"
    if entry.event == "created":
        return entry.step
    if entry.event == "step":
        result = "" if entry.result == "done" else f": {entry.result}"
        took = f" ({entry.seconds:.1f} s)" if entry.seconds else ""
        return f"{entry.step}{result}{took}"
    return (
        f"{entry.event}: {entry.why} - {entry.result}"
        if entry.why and entry.result
        else f"{entry.event}: {entry.why or entry.result}"
    )
