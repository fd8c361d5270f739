"""`hastwatch journal`: what hastwatch did on this node, why, and with what result.

    hastwatch journal
    hastwatch journal --since 2h -r home
    hastwatch journal --follow
    hastwatch journal --json -n 0 | jq 'select(.severity == "err")'
    hastwatch journal --failovers
    hastwatch journal --incident last > ticket.md

--failovers prints one line for each failover that the journals of both nodes tell of: when it was served again, from
which node to which, why, and how long nobody served. Where a node was lost that is from the moment when the other one
began.

--incident prints the timeline of a failover, or of a split-brain and its recovery, from the journals of both nodes,
with the evidence, as Markdown or with --json as one object. The ID is in the marker and in the journal (`run`); `last`
is the most recent incident.

--timeline draws what both nodes were, out of both journals, as far as those tell: an incident, or from --since, or from
the first of the last N entries.

    hastwatch journal --since 2h --timeline failover.svg

Times are local, with --json and --timeline UTC. Rotated files are read too.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import deque
from collections.abc import Iterator
from functools import partial
from itertools import chain, islice
from typing import TextIO

from checks.plugin.config import ConfigError
from checks.plugin.text import plain
from checks.probes.errors import ProbeError
from remediate import exits, local
from remediate.arguments import Parser, resource_name
from remediate.console import Console
from remediate.context import Context
from remediate.invocation import OWN, Invocation
from remediate.state.journal import ERR, NAME, WARNING, JournalEntry
from remediate.state.journal_reading import MOST_READ, Reading
from remediate.state.maintenance import duration
from remediate.subcommands import caller
from remediate.terminal import FAINT, RED, YELLOW, Paint

PROG = "hastwatch journal"
POLL = 0.25
"""Seconds between two looks for new entries; no event tells of them on every system."""
COLUMNS = 4
KEPT, SAMPLE = 2000, 1000
"""Entries that are held at the same time, and those by which the columns are as wide as they are."""
EXITS = {
    0: "shown",
    1: "some of it could not be read or written",
}


def main(words: list[str] | None = None, invocation: Invocation = OWN) -> int:
    """The command with its arguments; the exit status."""
    options = parser().parse(words, invocation.console)
    if options.failovers:
        return caller.run(PROG, options, partial(failovers_of, options=options), acts=False, invocation=invocation)
    if options.timeline:
        drawn = partial(draw, options=options, invocation=invocation)
        return caller.run(PROG, options, drawn, acts=False, invocation=invocation)
    if options.incident:
        return caller.run(PROG, options, partial(incident_of, options=options), acts=False, invocation=invocation)
    if why := invocation.no_node(local.where(options)):
        return caller.refuse(invocation.console, PROG, why, exits.UNAVAILABLE)
    try:
        context = invocation.bare(local.where(options))
    except (ConfigError, ProbeError) as error:
        return caller.refuse(invocation.console, PROG, str(error), exits.CONFIG)
    return show(context, options)


def parser() -> Parser:
    """The command line."""
    parser = Parser(prog=PROG, description=__doc__, exits=exits.described(EXITS, exits.OF_LOOKING))
    parser.add_argument("-r", "--resource", type=resource_name, metavar="RES", help="only what is about this resource")
    parser.add_argument("--since", type=_duration, metavar="TIME", help="only the last 2h, 90m, 1d, ...")
    parser.add_argument("-n", "--last", type=_count, default=50, metavar="N",
                      help="the last N entries, 0 for all (default: %(default)s)")  # fmt: skip
    parser.add_argument("--follow", action="store_true", help="follow the journal until interrupted")
    parser.add_argument("--json", action="store_true", help="one JSON object per entry, as in the file")
    parser.add_argument("-v", "--verbose", action="store_true", help="show the evidence of each entry too")
    parser.add_argument("--failovers", action="store_true", help="one line for each failover, from both nodes")
    parser.add_argument(
        "--incident", metavar="ID", help="a post-mortem from both nodes (`last`: the most recent incident)"
    )
    parser.add_argument("--timeline", metavar="FILE", help="draw both nodes over time: SVG, or HTML by its name")
    local.add_options(parser)
    return parser


def failovers_of(context: Context, options: argparse.Namespace) -> int:
    """Write the failovers; the exit status."""
    import json

    from remediate.recovery.failovers import failovers
    from remediate.recovery.incident import of_peer

    reading = Reading(os.path.join(context.store.directory, NAME), MOST_READ)
    theirs, missing = ([], ()) if context.peer is None else of_peer(context, context.peer)
    since = 0.0 if options.since is None else context.timing.wall() - options.since
    records = [
        record
        for record in failovers([*reading, *theirs])
        if record.at >= since and options.resource in (None, *record.resources)
    ]
    out = context.console.out
    for record in records[-options.last :]:
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(record.at))
        way = f"{record.came_from or '?'} -> {record.to}"
        words = [when, way, ", ".join(record.resources), record.why, record.without_service()]
        out.write(f"{json.dumps(record.as_values())}\n" if options.json else f"{plain('  '.join(words), 1000)}\n")
    if not records and not options.json:
        out.write("no failovers\n")
    unread = [*missing, *reading.unread, *reading.left_out]
    for trouble in unread:
        context.console.err.write(f"{PROG}: {plain(trouble)}\n")
    return 1 if unread else 0


def draw(context: Context, options: argparse.Namespace, invocation: Invocation = OWN) -> int:
    """Draw a timeline of both nodes; the exit status."""
    from remediate.recovery.incident import MOST, NoIncident, gather, of_peer
    from remediate.timeline import journals, page

    reading = Reading(os.path.join(context.store.directory, NAME), MOST_READ)
    title, begin = "The journals", 0.0
    if options.incident:
        try:
            incident = gather(context, reading, options.incident)
        except NoIncident as error:
            return caller.refuse(context.console, PROG, str(error), 1)
        title, entries, missing = f"Incident {incident.id}", list(incident.entries), incident.missing
    else:
        own = list(deque(reading, MOST))
        if options.since is None and own:
            begin = own[-options.last :][0].time
        elif options.since is not None:
            begin = context.timing.wall() - options.since
        others, missing = of_peer(context, context.peer) if context.peer else ([], ("no way to the other node",))
        entries = own + others
    entries = [entry for entry in entries if options.resource in (None, entry.resource) or not entry.resource]
    shown = [entry.time for entry in entries if entry.time >= begin]
    if not shown:
        return caller.refuse(context.console, PROG, "no entries to draw", 1)
    missing = (*missing, *reading.unread, *reading.left_out)
    drawn = page.document(options.timeline, [journals.timeline(title, entries, min(shown), missing)])
    try:
        place = invocation.write_file(options.timeline, drawn)
    except OSError as error:
        return caller.refuse(context.console, PROG, f"{options.timeline}: {error.strerror}", 1)
    context.console.out.write(f"{place}\n" if place else "")
    for trouble in missing:
        context.console.err.write(f"{PROG}: {plain(trouble)}\n")
    return 1 if missing else 0


def incident_of(context: Context, options: argparse.Namespace) -> int:
    """Write a post-mortem; the exit status."""
    from remediate.recovery.incident import NoIncident, as_json, as_markdown, gather

    reading = Reading(os.path.join(context.store.directory, NAME), MOST_READ)
    try:
        incident = gather(context, reading, options.incident)
    except NoIncident as error:
        return caller.refuse(context.console, PROG, str(error), 1)
    incident = incident._replace(missing=(*incident.missing, *reading.unread, *reading.left_out))
    context.console.out.write(as_json(incident) if options.json else as_markdown(incident))
    return 0


def show(context: Context, options: argparse.Namespace) -> int:
    """Write the entries asked for to standard output, and what is wrong with the journal to standard error."""
    out, timing = context.console.out, context.timing
    since = None if options.since is None else timing.wall() - options.since
    few = 0 < options.last <= KEPT
    reading = Reading(os.path.join(context.store.directory, NAME), MOST_READ if few else None)
    wanted = _last(reading, options.last, options.resource, since)
    sample = list(islice(wanted, SAMPLE))
    page = Page(sample, Paint(context.console.is_coloured), options.verbose)
    shown = 0
    for entry in chain(sample, wanted):
        _write(out, entry, page, options.json)
        shown += 1
    if not (shown or options.json or options.follow or reading.unread):
        out.write("no entries\n")
    out.flush()
    if shown < options.last and reading.left_out:
        reading.unread += [f"not looked at (see -n 0): {left}" for left in reading.left_out]
    _complain(context.console, reading)
    while options.follow:
        for entry in _wanted(reading.new(), options.resource, None):
            _write(out, entry, page, options.json)
        out.flush()
        timing.sleep(POLL)
    return 1 if reading.unread else 0


def _last(reading: Reading, last: int, resource: str | None, since: float | None) -> Iterator[JournalEntry]:
    """The last entries that are wanted, 0 for all. No more than KEPT of them are held: for more the journal is read
    twice, for all it is written as it is read."""
    if 0 < last <= KEPT:
        yield from deque(_wanted(reading, resource, since), last)
        return
    skipped = max(sum(1 for _ in _wanted(reading, resource, since)) - last, 0) if last else 0
    yield from islice(_wanted(reading, resource, since), skipped, None)


class Page:
    """Entries as lines for humans, in columns as wide as those shown first need."""

    def __init__(self, shown: list[JournalEntry], paint: Paint, verbose: bool) -> None:
        self.paint, self.verbose = paint, verbose
        rows = [_words(entry) for entry in shown]
        self.widths = [max((len(plain(row[column])) for row in rows), default=0) for column in range(COLUMNS)]

    def lines(self, entry: JournalEntry) -> Iterator[str]:
        """The lines of one entry."""
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(entry.time))
        severity, *words = (f"{plain(word):<{width}}" for word, width in zip(_words(entry), self.widths, strict=True))
        colour = RED if entry.severity <= ERR else YELLOW if entry.severity == WARNING else FAINT
        sentence = " - ".join(plain(text, 1000) for text in (entry.why, entry.result) if text)
        took = f" ({entry.took})" if entry.took else ""
        columns = [self.paint(when, FAINT), self.paint(severity, colour), *words, sentence + took]
        yield "  ".join(columns).rstrip()
        if self.verbose:
            for piece in entry.evidence:
                yield f"{'':<19}  {self.paint(plain(piece, 1000), FAINT)}"


def _words(entry: JournalEntry) -> tuple[str, ...]:
    return (entry.severity.name.lower(), entry.resource, entry.event, entry.step)


def _wanted(
    entries: Reading | Iterator[JournalEntry], resource: str | None, since: float | None
) -> Iterator[JournalEntry]:
    for entry in entries:
        if resource in (None, entry.resource) and (since is None or entry.time >= since):
            yield entry


def _write(out: TextIO, entry: JournalEntry, page: Page, json: bool) -> None:
    for line in [entry.line()] if json else page.lines(entry):
        out.write(f"{line}\n")


def _complain(console: Console, reading: Reading) -> None:
    for trouble in reading.unread:
        console.err.write(f"{PROG}: {plain(trouble)}\n")
    if reading.skipped:
        lines = "1 line that is" if reading.skipped == 1 else f"{reading.skipped} lines that are"
        console.err.write(f"{PROG}: {lines} no entry left out\n")


def _duration(text: str) -> float:
    try:
        return duration(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of entries")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
