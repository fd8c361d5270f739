"""The failovers that the journals of both nodes tell of: when, from where to where, why, and how long nobody served.

A journal tells only what its node did. How long the clients waited is known where the service was handed over: from the
stop of NFS on one node to the promotion on the other. Where a node was lost, it is known from the moment the other one
began, and was longer.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from remediate.state.journal import JournalEntry

TOGETHER = 120.0
"""Seconds before a promotion in which the other node gave the service away for it."""
HANDED_OVER = r"handed over by (?P<node>\S+)"
"""Why a node takes over that is asked to (`failover.take_over`)."""


class FailoverRecord(NamedTuple):
    """One failover. `at` in seconds since 1970, when it was served again; `came_from` empty where no journal says it;
    `seconds` without service, None where nothing is known; `is_least`: it was at least so long."""

    at: float
    came_from: str
    to: str
    resources: tuple[str, ...]
    why: str
    seconds: float | None
    is_least: bool
    id: str

    def as_values(self) -> dict[str, object]:
        """For programs."""
        from checks.probes.timestamps import utc

        return {**self._asdict(), "at": utc(self.at), "resources": list(self.resources)}

    def without_service(self) -> str:
        """`4.5 s without service`"""
        if self.seconds is None:
            return "how long nobody served is not known"
        return f"{'at least ' if self.is_least else ''}{self.seconds:.1f} s without service"


def failovers(entries: Iterable[JournalEntry]) -> list[FailoverRecord]:
    """The failovers of these entries, oldest first; the resources of one run are one failover."""
    known = sorted(entries, key=lambda entry: entry.time)
    runs: dict[tuple[str, str], list[JournalEntry]] = {}
    for entry in known:
        if entry.event == "promoted":
            runs.setdefault((entry.node, entry.run or str(entry.time)), []).append(entry)
    records: list[FailoverRecord] = []
    served_by: dict[str, str] = {}
    for promoted in runs.values():
        last = promoted[-1]
        names = tuple(dict.fromkeys(entry.resource for entry in promoted))
        told = re.match(HANDED_OVER, last.why)
        came_from = told["node"] if told else served_by.get(names[0], "")
        seconds, is_least = _without_service(known, last, came_from)
        records.append(FailoverRecord(last.time, came_from, last.node, names, last.why, seconds, is_least, last.run))
        served_by.update(dict.fromkeys(names, last.node))
    return records


def _without_service(known: list[JournalEntry], promoted: JournalEntry, came_from: str) -> tuple[float | None, bool]:
    """Seconds until a promotion, and whether it may have been longer."""
    before = [entry for entry in known if promoted.time - TOGETHER <= entry.time <= promoted.time]
    stopped = [
        entry.time - (entry.seconds or 0)
        for entry in before
        if entry.node == came_from != promoted.node and entry.event == "step" and entry.step.startswith("stop-serving")
    ]
    if stopped:
        return promoted.time - stopped[-1], False
    began = [entry.time for entry in before if entry.run == promoted.run and entry.node == promoted.node]
    return (promoted.time - began[0], True) if began and promoted.run else (None, True)
