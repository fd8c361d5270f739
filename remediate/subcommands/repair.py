"""`hastwatch repair`: a repair that monitoring may request, done if this node needs it.

    hastwatch repair devd --dry-run
    hastwatch repair nfs -v
    hastwatch repair split-brain --detach
    hastwatch repair converge --held downtime

    devd         restart devd, then converge
    converge     bring the node to what CARP says
    nfs          let mountd reread its exports; if clients still are not served, restart NFS in order
    hastd        start hastd if nothing of /dev/hast is in use, then converge
    split-brain  step down if this node loses, or recover, as `[split_brain]` says

It trusts no request: it reads the node's state and does only what is needed. It is held back by maintenance, a running
repair or convergence, a recent repair of the same kind, too many repairs within an hour, or a node that cannot be read;
`hastwatch journal` has every call. --held only records that the monitoring engine itself holds the repair back.
"""

from __future__ import annotations

import argparse
import json
import sys

from checks.plugin.text import plain
from remediate import detached, exits, local
from remediate.arguments import Parser
from remediate.console import Console
from remediate.context import Context
from remediate.events import guards, repair
from remediate.events.repair import RepairOutcome, RepairPreview
from remediate.events.repair_request import EngineHold, Remedy, RepairRequest
from remediate.invocation import OWN, Invocation
from remediate.subcommands import caller
from remediate.subcommands.progress import StepPrinter

PROG = "hastwatch repair"
PATIENCE = 120
"""Seconds after which the kernel ends what monitoring may call, if nobody reads what it prints: whoever asked may not
kill a process of root. What works in the background is another process, and its time is its own (alarm(3), fork(2))."""
DETACHED = "{}: checking in the background whether a repair is needed; hastwatch journal has the result\n"
"""NRPE takes a command that prints nothing for one that failed (status 3)."""
EXITS = {
    0: "repaired, or nothing to do, or recorded that the engine holds it back (--dry-run: shown)",
    1: "held back, or did not help, and the reason is reported",
    75: "another repair or a convergence runs",
}


def main(words: list[str] | None = None, invocation: Invocation = OWN) -> int:
    """The command with its arguments; the exit status."""
    options_parser = parser()
    options = options_parser.parse(words, invocation.console)
    if options.dry_run and options.detach:
        options_parser.error("--dry-run shows what would be done: it cannot be detached")
    if not options.dry_run:
        invocation.take_resources()
    if options.dry_run or not (options.detach or options.held):
        return caller.run(
            PROG, options, lambda context: act(context, options), acts=not options.dry_run, invocation=invocation
        )
    with invocation.within(PATIENCE):
        return caller.run(PROG, options, lambda context: act(context, options), invocation=invocation)


def parser() -> Parser:
    """The command line."""
    parser = Parser(prog=PROG, description=__doc__, exits=exits.described(EXITS, exits.OF_ACTING))
    parser.add_argument("remedy", choices=[remedy.value for remedy in Remedy], metavar="REPAIR", help=(
        f"one of {', '.join(remedy.value for remedy in Remedy)}"
    ))  # fmt: skip
    parser.add_argument("-n", "--dry-run", action="store_true", help="change nothing, show what would be done and why")
    parser.add_argument("--detach", action="store_true", help="return at once, repair in the background")
    parser.add_argument("--held", choices=[held.value for held in EngineHold], help=(
        "do nothing: record that the monitoring engine holds the repair back, and why"
    ))  # fmt: skip
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.add_argument("-v", "--verbose", action="store_true", help="show the steps without a terminal too")
    local.add_options(parser)
    return parser


def act(context: Context, options: argparse.Namespace) -> int:
    """Show it, leave it to a worker, or do it; the exit status. Raises what `caller.run` tells of."""
    request = RepairRequest(Remedy(options.remedy), EngineHold(options.held) if options.held else None)
    if options.dry_run:
        shown = repair.dry_run(context, request)
        context.console.out.write(shown_as_json(shown) if options.json else shown_as_text(shown))
        return 0
    if options.detach:
        detached.detach(context, f"repair {options.remedy}", lambda own: repair.repair(own, request))
        context.console.out.write(DETACHED.format(options.remedy))
        context.console.out.flush()
        return 0
    progress = StepPrinter(context, options.verbose, quiet=options.json)
    outcome = repair.repair(context, request, progress)
    if options.json:
        context.console.out.write(as_json(outcome, progress))
        return outcome.status
    return end(context.console, outcome)


def end(console: Console, outcome: RepairOutcome) -> int:
    """Say how it ended; the exit status."""
    if outcome.status != 0:
        return caller.refuse(console, PROG, outcome.said, outcome.status)
    console.out.write(f"{plain(outcome.said, 1000)}\n")
    console.out.flush()
    return outcome.status


def as_json(outcome: RepairOutcome, progress: StepPrinter) -> str:
    """The same for programs."""
    values = {
        "result": outcome.ending.name.lower().replace("_", "-"),
        "guard": outcome.guard.name if outcome.guard else "",
        "said": outcome.said,
        "steps": outcome.steps,
        "seconds": round(progress.seconds, 3),
    }
    return json.dumps(values) + "\n"


def shown_as_text(shown: RepairPreview) -> str:
    """What would be done, for humans."""
    lines = [f"needed: {shown.trouble}"] if shown.trouble else []
    if not shown.trouble and not any(held.guard in (guards.NOT_SEEN, guards.UNSAFE) for held in shown.held):
        lines.append("nothing to do: no repair is needed")
    lines += [f"held back: {held} [{held.guard.name}]" for held in shown.held]
    for step in shown.steps:
        lines.append(f"{step.name}: {step.why}" + (" (where the step before does not help)" if step.otherwise else ""))
        lines += [f"    {line}" for line in step.lines]
    if shown.trouble:
        lines += ["then converge:", *(f"    {line}" for line in shown.converge or ("to what CARP says then",))]
    return "".join(f"{plain(line, 1000)}\n" for line in lines)


def shown_as_json(shown: RepairPreview) -> str:
    """The same for programs."""
    steps = [
        {"step": step.name, "why": step.why, "commands": step.lines, "otherwise": step.otherwise}
        for step in shown.steps
    ]
    held = [{"guard": each.guard.name, "says": str(each)} for each in shown.held]
    values = {"trouble": shown.trouble, "held": held, "steps": steps, "converge": shown.converge}
    return json.dumps(values, indent=2) + "\n"


if __name__ == "__main__":
    sys.exit(main())
