"""`hastwatch clear`: resume automatic action after an operator has found out why promotions failed.

    hastwatch clear

After two failed promotions (within `failover.window`) the node takes no action by itself and holds itself back in CARP.
A hastd that failed as primary (FreeBSD bug 292322) is not tried again either. This command clears both and converges: a
fit node ends its hold, and one that is MASTER is promoted.
"""

from __future__ import annotations

import sys

from remediate import exits, local
from remediate.arguments import Parser
from remediate.context import Context
from remediate.failover import known_bug
from remediate.failover.converge import ConvergeRequest, converge
from remediate.invocation import OWN, Invocation
from remediate.state import failures
from remediate.state.journal import NOTICE
from remediate.subcommands import caller
from remediate.subcommands.progress import StepPrinter, end

PROG = "hastwatch clear"
EXITS = {
    0: "cleared (or there was nothing) and in place",
    1: "cleared, but not in place and the reason is reported",
    75: "cleared, but another convergence is running",
}


def main(words: list[str] | None = None, invocation: Invocation = OWN) -> int:
    """The command with its arguments; the exit status."""
    return caller.run(PROG, parser().parse(words, invocation.console), act, invocation=invocation)


def parser() -> Parser:
    """The command line."""
    parser = Parser(prog=PROG, description=__doc__, exits=exits.described(EXITS, exits.OF_ACTING))
    local.add_options(parser)
    return parser


def act(context: Context) -> int:
    """Clear, and converge; the exit status. Raises what `caller.run` tells of."""
    human = context.console.user
    why = failures.blocked(context.store, context.timing.wall(), context.config.failover.window)
    was_seen, failed = known_bug.forget(context), failures.clear(context.store, human)
    if not (was_seen or failed):
        context.console.out.write("nothing to clear: no promotion has failed\n")
        return 0
    why = why or ("failed promotions" if failed else "hastd was seen not to work as primary")
    context.journal.entry("clear", why=why, result=f"cleared by {human}", severity=NOTICE)
    progress = StepPrinter(context)
    return end(PROG, converge(context, ConvergeRequest(f"human {human}"), progress), progress)


if __name__ == "__main__":
    sys.exit(main())
