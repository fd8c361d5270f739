"""`hastwatch take-over`: take over the service from the other node, in a session over standard input and output.

    hastwatch take-over

Internal: a planned handover (`hastwatch switchover`, or an orderly shutdown) runs it through `peer` on the node that is
to serve. Both ends speak JSON, one message per line, each with its version (docs/failover.md). This node prepares while
the other one still serves, reports that it is ready, and waits. Once the resources are handed over it serves them, and
reports each step. Until then the end of input means that nothing was handed over. However the session ends, an ordinary
convergence follows, which decides by CARP.
"""

from __future__ import annotations

import sys

from remediate import exits, local
from remediate.arguments import Parser
from remediate.context import Context
from remediate.failover.take_over import take_over
from remediate.invocation import OWN, Invocation
from remediate.subcommands import caller

PROG = "hastwatch take-over"
EXITS = {
    0: "clients are served by this node",
    1: "not taken over, and the reason is in the session and in the journal",
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
    """Take over; the exit status. Raises what `caller.run` tells of."""
    return 0 if take_over(context, context.console.line()) else 1


if __name__ == "__main__":
    sys.exit(main())
