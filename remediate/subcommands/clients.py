"""`hastwatch clients`: the NFS clients that are woken when the service comes to this node.

    hastwatch clients

The serving node records its established NFS connections every minute and reports them to the other node by calling this
command there with --told. With --keep they are written to the mounted file system of a resource, in a file owned by
root.
"""

from __future__ import annotations

import argparse
import json
import sys

from checks.plugin.text import plain
from checks.probes.timestamps import utc
from remediate import exits, local
from remediate.arguments import Parser
from remediate.context import Context
from remediate.failover import clients
from remediate.failover.errors import StepFailed
from remediate.invocation import OWN, Invocation
from remediate.state import clients as remembered
from remediate.subcommands import caller

PROG = "hastwatch clients"
EXITS = {
    0: "shown, noted, or kept",
    1: "refused and the reason is reported",
}


def main(words: list[str] | None = None, invocation: Invocation = OWN) -> int:
    """The command with its arguments; the exit status."""
    options = parser().parse(words, invocation.console)
    return caller.run(
        PROG,
        options,
        lambda context: act(context, options),
        acts=bool(options.told or options.keep),
        invocation=invocation,
    )


def parser() -> Parser:
    """The command line."""
    parser = Parser(prog=PROG, description=__doc__, exits=exits.described(EXITS, exits.OF_ACTING))
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--told", nargs="+", metavar="ADDRESS", help=(
        "note the clients of a service address, each as CLIENT[,PORT]..., as the other node tells them"
    ))  # fmt: skip
    what.add_argument("--keep", metavar="POINT", help="write what is known into the file system that is mounted there")
    what.add_argument("--json", action="store_true", help="for programs")
    local.add_options(parser)
    return parser


def act(context: Context, options: argparse.Namespace) -> int:
    """Note, keep or show; the exit status. Raises what `caller.run` tells of."""
    known = remembered.read(context.store)
    if options.told:
        service, *words = options.told
        try:
            clients.receive(context, service, words)
        except ValueError as error:
            raise StepFailed(str(error)) from None
    elif options.keep:
        try:
            clients.keep(context, options.keep, known)
        except OSError as error:
            raise StepFailed(f"{options.keep}: {error.strerror or error}") from None
    elif options.json:
        context.console.out.write(json.dumps(remembered.as_values(known), indent=2) + "\n")
    else:
        lines = [f"{each.address} of {each.service}: {_ports(each)}, seen {utc(each.at)}" for each in known]
        context.console.out.write("".join(f"{plain(line)}\n" for line in lines or ["no client is known"]))
    return 0


def _ports(client: remembered.KnownClient) -> str:
    return f"port{'s' if len(client.ports) > 1 else ''} {' '.join(map(str, client.ports))}" if client.ports else \
        "not connected at the last look"  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
