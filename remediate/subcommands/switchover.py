"""`hastwatch switchover`: move the service from this node to the other one, and wait until clients are served there.

    hastwatch switchover
    hastwatch switchover --yes

Everything that is active here moves. It asks first; without a terminal it needs --yes. It begins only if the other node
is ready: reachable, its copy complete and connected, CARP there BACKUP, hastwatch there answering, no maintenance. The
file systems are unmounted cleanly while both nodes are connected, so nothing is lost. If the other node was booted less
than `boot_window` ago, and so would promote late, it waits until that has passed, while this node serves. If the other
node does not serve within a minute, the service is taken back.
"""

from __future__ import annotations

import argparse
import sys

from remediate import exits, local
from remediate.arguments import Parser
from remediate.context import Context
from remediate.failover.switchover import switch
from remediate.invocation import OWN, Invocation
from remediate.subcommands import caller
from remediate.subcommands.progress import StepPrinter, end

PROG = "hastwatch switchover"
EXITS = {
    0: "served by the other node",
    1: "refused, not confirmed, or taken back, and the reason is reported",
}


def main(words: list[str] | None = None, invocation: Invocation = OWN) -> int:
    """The command with its arguments; the exit status."""
    options = parser().parse(words, invocation.console)
    return caller.run(PROG, options, lambda context: act(context, options), invocation=invocation)


def parser() -> Parser:
    """The command line."""
    parser = Parser(prog=PROG, description=__doc__, exits=exits.described(EXITS, exits.OF_ACTING))
    caller.add_yes(parser)
    local.add_options(parser)
    return parser


def act(context: Context, options: argparse.Namespace) -> int:
    """Ask, and do it; the exit status. Raises what `caller.run` tells of."""
    there = context.peer.node().label if context.peer else "the other node"
    caller.confirm(context.console, options, f"Move what {context.here.node().label} serves to {there}.")
    progress = StepPrinter(context)
    return end(PROG, switch(context, f"human {context.console.user}", progress), progress)


if __name__ == "__main__":
    sys.exit(main())
