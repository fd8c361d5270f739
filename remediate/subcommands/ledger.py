"""`hastwatch ledger`: what is known of this node's copies, and since when; the other node reports through it.

    hastwatch ledger
    hastwatch ledger home
    hastwatch ledger home --told complete --by nfs001
    hastwatch ledger home,mail --told complete,incomplete --by nfs001
    hastwatch ledger home --sound

A standby's copy that is known to be incomplete is not promoted. Only the active node knows: when that changes, it calls
this command with --told on the standby, through `peer` in its configuration, for all resources at once.

A copy on which a write failed counts as damaged until it has been recreated, filled and reported complete. If you know
that it is intact, because it was recreated unobserved or was compared, record that with --sound.
"""

from __future__ import annotations

import argparse
import json
import re
import sys

from checks.plugin.text import plain
from checks.probes.damage_record import RecreationStage
from checks.probes.hast import RESOURCE_NAME
from checks.probes.node import HOST_NAME
from checks.probes.timestamps import utc
from remediate import detached, exits, local, worker
from remediate.arguments import Parser
from remediate.console import Console
from remediate.context import Context
from remediate.failover import damaged, own_copy
from remediate.failover.converge import ConvergeRequest, converge
from remediate.failover.hastd_events import note_report
from remediate.invocation import OWN, Invocation
from remediate.state.ledger import CopyState, Ledger, as_values, resources
from remediate.subcommands import caller

PROG = "hastwatch ledger"
COPIES = (CopyState.COMPLETE.value, CopyState.INCOMPLETE.value)
RECREATE = (
    "recreate it only from an intact copy: `hastwatch ledger` on the other node must know of no failed write there",
    "if both copies are damaged, each may have blocks that are good on it alone: `hastwatch explain hast-copy-damaged`",
)
"""What somebody reads who is about to destroy a damaged copy."""
EXITS = {
    0: "shown, or noted",
    1: "refused and the reason is reported",
}


def main(words: list[str] | None = None, invocation: Invocation = OWN) -> int:
    """The command with its arguments; the exit status."""
    options = parsed(words, invocation.console)
    acts = bool(options.told or options.sound)
    return caller.run(PROG, options, lambda context: act(context, options), acts=acts, invocation=invocation)


def parsed(words: list[str] | None, console: Console) -> argparse.Namespace:
    """The command line, of which each part fits the others."""
    options_parser = parser()
    options = options_parser.parse(words, console)
    if (options.told is None) is not (options.by is None):
        options_parser.error("--told requires RES and --by")
    if options.told and len(options.told) != len(options.resource):
        options_parser.error("--told requires one state for each RES")
    if options.sound and (options.told or not options.resource):
        options_parser.error("--sound requires RES, and excludes --told")
    return options


def parser() -> Parser:
    """The command line."""
    parser = Parser(prog=PROG, description=__doc__, exits=exits.described(EXITS, exits.OF_ACTING))
    parser.add_argument("resource", nargs="?", type=_resources, default=(), metavar="RES[,RES...]",
                      help="only these resources (default: all)")  # fmt: skip
    parser.add_argument("--told", type=_copies, metavar="|".join(COPIES), help=(
        "record this state of the copy here; for several resources separate them by commas"
    ))  # fmt: skip
    parser.add_argument("--by", type=_node, metavar="NODE", help="the node that knows")
    parser.add_argument(
        "--sound", action="store_true", help="record that no failed write has left old data on RES here"
    )
    parser.add_argument("--json", action="store_true", help="for programs")
    local.add_options(parser)
    return parser


def act(context: Context, options: argparse.Namespace) -> int:
    """Note or show; the exit status. Raises what `caller.run` tells of."""
    if options.told:
        caller.named(context, options.resource)
        both = zip(options.resource, options.told, strict=True)
        triggers = [note_report(context, name, copy, options.by) for name, copy in both]
        if trigger := next(filter(None, triggers), ""):
            detached.detach(
                context,
                trigger,
                lambda own: worker.patiently(own, trigger, lambda: converge(own, ConvergeRequest(trigger))),
            )
        return 0
    if options.sound:
        caller.named(context, options.resource)
        for name in options.resource:
            damaged.declare_intact(context, name, context.console.user)
        return 0
    kept = resources(context.store)
    if unheard := [name for name in options.resource if name not in kept]:
        caller.named(context, unheard)
    ledgers = {name: own_copy.known(context, name) for name in (options.resource or kept)}
    if options.json:
        context.console.out.write(
            json.dumps({name: as_values(each) for name, each in ledgers.items()}, indent=2) + "\n"
        )
        return 0
    for name, each in ledgers.items():
        context.console.out.write("".join(f"{plain(line, 1000)}\n" for line in shown(name, each)))
    if not ledgers:
        context.console.out.write("nothing has been heard of any copy yet\n")
    return 0


def shown(name: str, each: Ledger) -> list[str]:
    """What is known of a copy, for humans."""
    since = f" since {utc(each.since)}" if each.since else ""
    state = each.copy.value if each.copy is not CopyState.UNKNOWN else "not known to be complete"
    lines = [f"{name}: this copy is {state}{since}: {each.why}"]
    times = {
        "last known complete": each.last_complete,
        "its primary is connected since": each.connected_at,
        "no primary is connected since": each.disconnected_at,
    }
    if each.damage is not None and each.damage.anew is RecreationStage.NO:
        lines += [f"    {line}" for line in RECREATE]
    return [*lines, *[f"    {what} {utc(at)}" for what, at in times.items() if at is not None]]


def _resources(text: str) -> tuple[str, ...]:
    names = tuple(text.split(","))
    if not all(re.fullmatch(RESOURCE_NAME, name) for name in names) or len(set(names)) < len(names):
        raise argparse.ArgumentTypeError(f"{text!r} is not the name of a resource")
    return names


def _copies(text: str) -> tuple[CopyState, ...]:
    words = text.split(",")
    if not set(words) <= set(COPIES):
        raise argparse.ArgumentTypeError(f"{text!r} is none of {', '.join(COPIES)}")
    return tuple(map(CopyState, words))


def _node(text: str) -> str:
    if not re.fullmatch(HOST_NAME, text) or len(text) > 255:
        raise argparse.ArgumentTypeError(f"{text!r} is not the name of a node")
    return text


if __name__ == "__main__":
    sys.exit(main())
