"""`hastwatch maintenance on|off|status`: suspend every automatic action on this node while a human works on it.

    hastwatch maintenance on --reason 'new disk in bay 2' --for 2h
    hastwatch maintenance status
    hastwatch maintenance off

Maintenance survives reboots and shows in every check. Without --for it lasts until `off`.
"""

from __future__ import annotations

import argparse
import os
import sys

from checks.plugin.text import plain, say_duration
from checks.probes.maintenance import Maintenance
from checks.probes.timestamps import utc
from remediate import exits, local
from remediate.arguments import Parser
from remediate.console import Console
from remediate.state import maintenance
from remediate.state.journal import NOTICE, Journal
from remediate.state.store import STATE_DIRECTORY, StateNotKept, Store
from remediate.timing import Timing

CANNOT_KEEP, NOT_PERMITTED = exits.CANNOT_KEEP, exits.NOT_PERMITTED
"""sysexits(3): EX_CANTCREAT, EX_NOPERM."""
COMMON = (*exits.OF_EVERY_SUBCOMMAND, exits.CANNOT_KEEP, exits.NOT_PERMITTED)
EXITS = {
    0: "done",
}


def main(words: list[str] | None = None) -> int:
    """The command with its arguments; the exit status."""
    options = parser().parse_args(words)
    timing = Timing()
    store = Store(options.state_dir or STATE_DIRECTORY)
    if options.command == "status":
        return _status(store, timing.wall())
    if not options.state_dir and os.geteuid() != 0:
        return _refuse("only root may do this (or name a --state-dir of your own)", NOT_PERMITTED)
    journal = local.own_journal(options.state_dir)
    try:
        return _on(options, store, journal, timing) if options.command == "on" else _off(store, journal, timing)
    except StateNotKept as error:
        return _refuse(str(error), CANNOT_KEEP)


def parser() -> Parser:
    """The command line."""
    made = Parser(
        prog="hastwatch maintenance",
        description=__doc__,
        exits=exits.said(EXITS, COMMON),
    )
    commands = made.add_subparsers(dest="command", required=True, metavar="SUBCOMMAND")
    lines = {"on": "suspend automatic action", "off": "allow it again", "status": "say whether it is suspended"}
    each = {name: commands.add_parser(name, help=line, description=line) for name, line in lines.items()}
    for one in each.values():
        one.add_argument("--state-dir", default="", metavar="DIR", help=f"default: {STATE_DIRECTORY}")
    each["on"].add_argument("--reason", required=True, type=_reason, metavar="TEXT", help="what every check shows")
    each["on"].add_argument("--for", dest="seconds", type=_duration, metavar="TIME",
                            help="2h, 90m, 1d, 1h30m (default: until `off`)")  # fmt: skip
    return made


def say(found: Maintenance, now: float) -> str:
    """A maintenance in one sentence for humans."""
    until = "until it is ended" if found.until is None else f"until {utc(found.until)}"
    left = "" if found.until is None else f", {say_duration(found.until - now)} left"
    return f"maintenance since {utc(found.since)} {until}{left}, by {plain(found.who)}: {plain(found.reason)}"


def _on(options: argparse.Namespace, store: Store, journal: Journal, timing: Timing) -> int:
    found = maintenance.begin(store, timing.wall(), options.seconds, options.reason, Console().user)
    until = "until it is ended" if found.until is None else f"until {utc(found.until)}"
    journal.entry("maintenance-on", why=found.reason, result=f"{until}, by {found.who}", severity=NOTICE)
    sys.stdout.write(f"{say(found, found.since)}\n")
    return 0


def _off(store: Store, journal: Journal, timing: Timing) -> int:
    before = maintenance.current(store, timing.wall())
    if not maintenance.end(store):
        sys.stdout.write("no maintenance\n")
        return 0
    why = before.reason if before else "it was over already"
    journal.entry("maintenance-off", why=why, result=f"ended by {Console().user}", severity=NOTICE)
    sys.stdout.write("maintenance ended\n")
    return 0


def _status(store: Store, now: float) -> int:
    found = maintenance.current(store, now)
    sys.stdout.write(f"{say(found, now) if found else 'no maintenance'}\n")
    return 0


def _refuse(why: str, status: int) -> int:
    sys.stderr.write(f"hastwatch maintenance: {plain(why)}\n")
    return status


def _reason(text: str) -> str:
    if not text.strip():
        raise argparse.ArgumentTypeError("say why, in a few words")
    return plain(text.strip())


def _duration(text: str) -> float:
    try:
        return maintenance.duration(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


if __name__ == "__main__":
    sys.exit(main())
