"""`hastwatch hold`: hastwatch's share in CARP's demotion, and why this node holds itself back.

    hastwatch hold
    hastwatch hold --release

A node that must not take the service address adds its share to net.inet.carp.demotion, and subtracts exactly that when
it is fit. --boot is for the rc.d script that runs before the network. --release subtracts the share whatever the
reason; the next convergence adds it again if a reason remains.
"""

from __future__ import annotations

import argparse
import sys

from checks.plugin.text import plain
from checks.probes import carp
from checks.probes.boot_time import boot_mark
from remediate import exits, local
from remediate.arguments import Parser
from remediate.context import Context
from remediate.failover import boot, carp_demotion
from remediate.failover.errors import StepFailed
from remediate.failover.own_node import DEMOTION
from remediate.failover.this_boot import this_boot
from remediate.invocation import OWN, Invocation
from remediate.state.journal import NOTICE
from remediate.subcommands import caller

PROG = "hastwatch hold"
EXITS = {
    0: "done",
    1: "could not be done and the reason is reported",
}


def main(words: list[str] | None = None, invocation: Invocation = OWN) -> int:
    """The command with its arguments; the exit status."""
    options = parser().parse(words, invocation.console)
    return caller.run(
        PROG,
        options,
        lambda context: act(context, options),
        acts=options.boot or options.release,
        invocation=invocation,
    )


def parser() -> Parser:
    """The command line."""
    parser = Parser(prog=PROG, description=__doc__, exits=exits.described(EXITS, exits.OF_ACTING))
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--boot", action="store_true", help="hold back until the state of this boot has been read")
    what.add_argument("--release", action="store_true", help="subtract hastwatch's share, whatever the reason")
    local.add_options(parser)
    return parser


def act(context: Context, options: argparse.Namespace) -> int:
    """Hold, release or show; the exit status. Raises what `caller.run` tells of."""
    if options.boot:
        boot.hold_back(context)
    elif options.release:
        held = carp_demotion.reasons(context.store)
        carp_demotion.hold(context, this_boot(context), (), 0)
        if held:
            why = f"human {context.console.user}"
            context.journal.entry(
                "hold", why=why, result=f"released in spite of: {', '.join(map(str, held))}", severity=NOTICE
            )
    if not options.boot:
        context.console.out.write(f"{plain(shown(context))}\n")
    return 0


def shown(context: Context) -> str:
    """The demotion and our share in it, in one line. Raises StepFailed, ProbeError, StateUnreadable."""
    node = context.here.node()
    try:
        demotion = carp.settings(node).demotion
    except carp.CarpNotLoaded as error:
        raise StepFailed(str(error)) from None
    held = carp_demotion.current(context.store, boot_mark(node), demotion)
    if not held.amount:
        return f"{DEMOTION} is {demotion}, nothing of it from hastwatch"
    return f"{DEMOTION} is {demotion}, {held.amount} of it from hastwatch since {held.since}: {held.says}"


if __name__ == "__main__":
    sys.exit(main())
