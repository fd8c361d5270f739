"""`hastwatch doctor`: test what this node can do.

    hastwatch doctor
    hastwatch doctor --try-hast
    hastwatch doctor --try-hast --dry-run

Without an option it prints what is known and tests nothing. --try-hast tests whether the hastd of this node works as
primary (FreeBSD bug 292322): it starts another hastd with a resource of its own in a file, and makes that primary for a
few seconds. It does not use anything in service. While the device is missing, GEOM waits for it on the whole node. The
test is therefore refused if this node serves, is not a standby that follows the other node, or has another problem;
under `hastwatch maintenance on` only if it serves. The result is kept until the kernel or hastd changes; the checks and
the failover use it. --dry-run shows what would be done.
"""

from __future__ import annotations

import argparse
import sys

from checks.plugin.text import plain
from checks.probes.bug_292322 import AsPrimary
from remediate import exits, local
from remediate.arguments import Parser
from remediate.context import Context
from remediate.doctor import try_hast
from remediate.failover import known_bug
from remediate.invocation import OWN, Invocation
from remediate.subcommands import caller
from remediate.subcommands.progress import StepPrinter

PROG = "hastwatch doctor"
EXITS = {
    0: "nothing is wrong, as far as was looked or tried",
    1: "something is, or nothing could be found out, or it was refused; the reason is reported",
}


def main(words: list[str] | None = None, invocation: Invocation = OWN) -> int:
    """The command with its arguments; the exit status."""
    options = parser().parse(words, invocation.console)
    acts = options.try_hast and not options.dry_run
    return caller.run(PROG, options, lambda context: act(context, options), acts=acts, invocation=invocation)


def parser() -> Parser:
    """The command line."""
    parser = Parser(prog=PROG, description=__doc__, exits=exits.described(EXITS, exits.OF_ACTING))
    parser.add_argument("--try-hast", action="store_true", help="try whether hastd works as primary, with another one")
    parser.add_argument("--dry-run", action="store_true", help="only show what would be done")
    local.add_options(parser)
    return parser


def act(context: Context, options: argparse.Namespace) -> int:
    """The parts that were asked for; the exit status. Raises what `caller.run` tells of."""
    if not options.try_hast:
        return _known(context)
    return _show(context) if options.dry_run else _try_hast(context)


def _known(context: Context) -> int:
    """What is known without a try."""
    known = known_bug.known(context)
    return _say(context, known.as_primary, known.why)


def _show(context: Context) -> int:
    try_hast.refuse(context)
    context.console.out.write("".join(f"{line}\n" for line in try_hast.show()))
    return 0


def _try_hast(context: Context) -> int:
    """Nothing is tried of what is known to work."""
    known = known_bug.known(context)
    if known.as_primary is AsPrimary.WORKS and not context.config.checks.hastd_repaired:
        return _say(context, known.as_primary, known.why)
    result = try_hast.try_hast(context, StepPrinter(context))
    return _say(context, result.as_primary, result.why)


def _say(context: Context, result: AsPrimary, why: str) -> int:
    words = {
        AsPrimary.WORKS: "hastd works as primary",
        AsPrimary.FAILS: "hastd does not work as primary",
        AsPrimary.NOT_KNOWN: "whether hastd works as primary is not known",
    }
    context.console.out.write(f"{words[result]}: {plain(why, 1000)}\n")
    return 0 if result is AsPrimary.WORKS else caller.REFUSED


if __name__ == "__main__":
    sys.exit(main())
