"""`hastwatch extents RESOURCE`: read this node's copy for the other one, in a session over standard input and output.

    hastwatch extents home

Internal: `hastwatch verify` runs it on the standby through `peer`. It reads the local provider behind HAST's metadata
while hastd has it open, and answers with hashes of the requested extents. Both ends speak JSON, one message per line.
The result is recorded on this node too. It changes nothing else.
"""

from __future__ import annotations

import argparse
import sys

from remediate import exits, local
from remediate.arguments import Parser, resource_name
from remediate.context import Context
from remediate.invocation import OWN, Invocation
from remediate.subcommands import caller
from remediate.verification.answering import answer

PROG = "hastwatch extents"
EXITS = {
    0: "the other node has compared the copies",
    1: "it has not, and the reason is in the session or in the journal",
}


def main(words: list[str] | None = None, invocation: Invocation = OWN) -> int:
    """The command with its arguments; the exit status."""
    options = parser().parse(words, invocation.console)
    return caller.run(PROG, options, lambda context: act(context, options), invocation=invocation)


def parser() -> Parser:
    """The command line."""
    parser = Parser(prog=PROG, description=__doc__, exits=exits.described(EXITS, exits.OF_ACTING))
    parser.add_argument("resource", type=resource_name, metavar="RESOURCE", help="the HAST resource")
    local.add_options(parser)
    return parser


def act(context: Context, options: argparse.Namespace) -> int:
    """Answer; the exit status. Raises what `caller.run` tells of."""
    context.console.be_gentle()
    return 0 if answer(context, options.resource, context.console.line()) else 1


if __name__ == "__main__":
    sys.exit(main())
