"""`hastwatch maintenance on|off|status`: suspend every automatic action on this node while an operator works on it.

    hastwatch maintenance on --reason 'new disk in bay 2' --for 2h
    hastwatch maintenance status
    hastwatch maintenance off

Maintenance survives reboots and shows in every check. Without --for it lasts until `off`.
"""

from __future__ import annotations

import argparse
import sys

from checks.plugin.text import plain, say_duration
from checks.probes.maintenance import Maintenance
from checks.probes.timestamps import utc
from remediate import exits
from remediate.arguments import Parser
from remediate.context import Context
from remediate.invocation import OWN, Invocation
from remediate.local import LocalOptions
from remediate.state import maintenance
from remediate.state.journal import NOTICE
from remediate.state.store import STATE_DIRECTORY, StateNotKept
from remediate.subcommands import caller

PROG = "hastwatch maintenance"
COMMON = (*exits.OF_EVERY_SUBCOMMAND, exits.CANNOT_KEEP, exits.NOT_PERMITTED)
EXITS = {
    0: "done",
}


def main(words: list[str] | None = None, invocation: Invocation = OWN) -> int:
    """The command with its arguments; the exit status."""
    console = invocation.console
    options = parser().parse(words, console)
    context = invocation.bare(LocalOptions(state_dir=options.state_dir or None))
    if options.command == "status":
        return _status(context)
    if not options.state_dir and not console.is_root:
        why = "only root may do this (or name a --state-dir of your own)"
        return caller.refuse(console, PROG, why, exits.NOT_PERMITTED)
    try:
        return _on(context, options) if options.command == "on" else _off(context)
    except StateNotKept as error:
        return caller.refuse(console, PROG, str(error), exits.CANNOT_KEEP)


def parser() -> Parser:
    """The command line."""
    parser = Parser(
        prog=PROG,
        description=__doc__,
        exits=exits.described(EXITS, COMMON),
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="SUBCOMMAND")
    lines = {"on": "suspend automatic action", "off": "allow it again", "status": "show whether it is suspended"}
    each = {name: commands.add_parser(name, help=line, description=line) for name, line in lines.items()}
    for one in each.values():
        one.add_argument("--state-dir", default="", metavar="DIR", help=(
            f"the state directory of the node (default: {STATE_DIRECTORY})"
        ))  # fmt: skip
    each["on"].add_argument("--reason", required=True, type=_reason, metavar="TEXT", help="what every check shows")
    each["on"].add_argument("--for", dest="seconds", type=_duration, metavar="TIME",
                            help="2h, 90m, 1d, 1h30m (default: until `off`)")  # fmt: skip
    return parser


def say(maintenance: Maintenance, now: float) -> str:
    """A maintenance in one sentence for humans."""
    until = "until it is ended" if maintenance.until is None else f"until {utc(maintenance.until)}"
    left = "" if maintenance.until is None else f", {say_duration(maintenance.until - now)} left"
    who = f"by {plain(maintenance.who)}: {plain(maintenance.reason)}"
    return f"maintenance since {utc(maintenance.since)} {until}{left}, {who}"


def _on(context: Context, options: argparse.Namespace) -> int:
    begun = maintenance.begin(
        context.store, context.timing.wall(), options.seconds, options.reason, context.console.user
    )
    until = "until it is ended" if begun.until is None else f"until {utc(begun.until)}"
    result = f"{until}, by {begun.who}"
    context.journal.entry("maintenance-on", why=begun.reason, result=result, severity=NOTICE)
    context.console.out.write(f"{say(begun, begun.since)}\n")
    return 0


def _off(context: Context) -> int:
    before = maintenance.current(context.store, context.timing.wall())
    if not maintenance.end(context.store):
        context.console.out.write("no maintenance\n")
        return 0
    why = before.reason if before else "it was over already"
    context.journal.entry("maintenance-off", why=why, result=f"ended by {context.console.user}", severity=NOTICE)
    context.console.out.write("maintenance ended\n")
    return 0


def _status(context: Context) -> int:
    now = context.timing.wall()
    current = maintenance.current(context.store, now)
    context.console.out.write(f"{say(current, now) if current else 'no maintenance'}\n")
    return 0


def _reason(text: str) -> str:
    if not text.strip():
        raise argparse.ArgumentTypeError("give the reason in a few words")
    return plain(text.strip())


def _duration(text: str) -> float:
    try:
        return maintenance.duration(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


if __name__ == "__main__":
    sys.exit(main())
