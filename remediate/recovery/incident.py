"""A post-mortem: the timeline of an incident out of the journals of both nodes, as Markdown or JSON, for a ticket.

An incident has an id, which the split-brain marker and every entry of the recovery bear (`run`); each node gives it one
of its own. What happened in the minutes around those entries belongs to it too, whatever caused it.
"""

from __future__ import annotations

import json
import math
from collections import deque
from collections.abc import Iterable
from itertools import chain, islice
from typing import NamedTuple

from checks.plugin.text import plain, say_duration
from checks.probes.errors import ProbeError
from checks.probes.timestamps import utc, utc_milliseconds
from remediate.context import Context, Transport
from remediate.state.journal import JournalEntry, parse

BEFORE, AFTER = 600.0, 120.0
"""Seconds around the entries of an incident that are shown with it."""
TOGETHER = 60.0
"""Seconds within which both nodes find the same split-brain: hastd tells both of it, again every 10 s
(freebsd-facts: split-brain-is-told-again), and clocks differ."""
ASKED = 30.0
"""Seconds for the other node's journal."""
MOST, SHOWN = 10_000, 20
"""Entries of an incident at most, and incidents that are named where the one that was asked for is not known."""
LAST = "last"
INCIDENTS = ("split-brain", "recovery", "promoted", "promotion-failed")
"""Events whose `run` is the id of an incident: a split-brain with its recovery, or a failover."""


class Incident(NamedTuple):
    """The entries of an incident in the order of time, and what could not be had. Times by each node's own clock;
    `also`: the id that the other node gave it."""

    id: str
    entries: tuple[JournalEntry, ...]
    missing: tuple[str, ...]
    also: tuple[str, ...] = ()


class NoIncident(Exception):
    """No entry bears this id."""


def ids(entries: Iterable[JournalEntry]) -> tuple[str, ...]:
    """The incidents that a journal knows, oldest first."""
    return tuple(dict.fromkeys(entry.run for entry in entries if entry.event in INCIDENTS and entry.run))


def gather(context: Context, own: Iterable[JournalEntry], wanted: str) -> Incident:
    """An incident, `last` for the youngest one; `own` is read several times, and never held as a whole. Raises
    NoIncident."""
    gathered, missing = (
        of_peer(context, context.peer) if context.peer is not None else ([], ("no way to the other node",))
    )
    telling = deque((entry for entry in chain(own, gathered) if entry.event in INCIDENTS and entry.run), MOST)
    known = ids(sorted(telling, key=_time))
    name = known[-1] if wanted == LAST and known else wanted
    if name not in known:
        raise NoIncident(f"no incident {name}; there are {', '.join(known[-SHOWN:]) or 'none'}")
    names = _names(telling, name)
    first, last = _span(chain(own, gathered), names)
    around = (entry for entry in chain(own, gathered) if first - BEFORE <= entry.time <= last + AFTER)
    entries = sorted(islice(around, MOST), key=_time)
    if any(True for _ in around):
        missing = (*missing, f"more than {MOST} entries: those after {utc(entries[-1].time)}")
    return Incident(name, tuple(entries), missing, tuple(sorted(names - {name})))


def _time(entry: JournalEntry) -> float:
    return entry.time


def _span(entries: Iterable[JournalEntry], names: set[str]) -> tuple[float, float]:
    """When an incident began and ended, by the entries that bear one of its names."""
    first, last = math.inf, -math.inf
    for entry in entries:
        if entry.run in names:
            first, last = min(first, entry.time), max(last, entry.time)
    return first, last


def _names(entries: Iterable[JournalEntry], name: str) -> set[str]:
    """The ids of an incident: both nodes find a split-brain of the same resource at about the same time."""
    runs = [entry for entry in entries if entry.event == "split-brain" and entry.run]
    own = [entry for entry in runs if entry.run == name]
    return {name}.union(
        entry.run
        for entry in runs
        for mine in own
        if (entry.resource, abs(entry.time - mine.time) < TOGETHER) == (mine.resource, True) and entry.node != mine.node
    )


def as_json(incident: Incident) -> str:
    """For machines."""
    entries = [json.loads(entry.line()) for entry in incident.entries]
    values = {"incident": incident.id, "also": incident.also, "missing": incident.missing, "entries": entries}
    return json.dumps(values, indent=2) + "\n"


def as_markdown(incident: Incident) -> str:
    """For a ticket: what it was about, then everything in the order of time, evidence included."""
    entries = incident.entries
    nodes = ", ".join(sorted({entry.node for entry in entries}))
    resources = ", ".join(sorted({entry.resource for entry in entries if entry.resource}))
    took = say_duration(entries[-1].time - entries[0].time)
    lines = [
        f"# Incident {_cell(incident.id)}", "",
        *[f"- Also called {_cell(name)}" for name in incident.also],
        f"- Resources: {_cell(resources)}",
        f"- Nodes: {_cell(nodes)}, each with its own clock",
        f"- From {utc(entries[0].time)} to {utc(entries[-1].time)} ({took}), {len(entries)} entries",
        *[f"- Not had: {_cell(why)}" for why in incident.missing], "",
        "| time (UTC) | node | what | why | result |", "|---|---|---|---|---|",
    ]  # fmt: skip
    for entry in entries:
        what = " ".join(filter(None, (entry.resource, entry.event, entry.step)))
        took = "" if entry.seconds is None else f" ({entry.seconds:.1f} s)"
        result = _cell(entry.result) + took
        when = utc_milliseconds(entry.time).partition("T")[2].rstrip("Z")
        lines.append(f"| {when} | {_cell(entry.node)} | {_cell(what)} | {_cell(entry.why)} | {result} |")
    evidence = [
        (entry, piece) for entry in entries for piece in entry.evidence if entry.run in (incident.id, *incident.also)
    ]
    if evidence:
        lines += ["", "## Evidence", ""]
        lines += [f"- {utc(entry.time)} {_cell(entry.node)}: {_cell(piece)}" for entry, piece in evidence]
    return "\n".join(lines) + "\n"


def of_peer(context: Context, peer: Transport) -> tuple[list[JournalEntry], tuple[str, ...]]:
    """The other node's journal, and what of it could not be had."""
    try:
        done = peer.act((context.config.failover.peer_hastwatch, "journal", "--json", "-n", "2000"), ASKED)
    except ProbeError as error:
        return [], (f"the journal of the other node: {error}",)
    if done.status not in (0, 1):
        return [], (f"the journal of the other node: {done.words}",)
    entries, torn = [], 0
    for line in done.stdout.splitlines():
        try:
            entries.append(parse(line))
        except ValueError:
            torn += 1
    return entries, ((f"{torn} lines of the other node's journal that are no entries",) if torn else ())


def _cell(text: str) -> str:
    """Text from outside in a cell of a table: one line, and nothing that Markdown or HTML takes for itself."""
    safe = plain(text, 1000)
    for mark in "\\|`*_[]<>#":
        safe = safe.replace(mark, f"\\{mark}" if mark != "<" else "&lt;")
    return safe
