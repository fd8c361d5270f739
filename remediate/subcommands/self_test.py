"""`hastwatch self-test`: test that an event of the kernel reaches hastwatch, and that the node is set up for it.

    hastwatch self-test

It creates and destroys a loopback interface (lo9123): devd passes that event to the same hook as a change of CARP. It
reports each link of the chain, and what else an event depends on: CARP, what rc(8) starts, the hook in hast.conf, as
hastwatch-doctor(8) finds it, which has the remedies; and the other node. It changes nothing else and starts no
convergence. If the event does not arrive, it listens
on devd's socket to see whether devd received it; devd then logs that a client has disconnected.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator

from checks.devd import HOOK
from checks.plugin.text import plain
from checks.probes.errors import ProbeError
from remediate import exits, local, wiring
from remediate.arguments import Parser, seconds
from remediate.context import Context
from remediate.failover.errors import StepFailed
from remediate.invocation import OWN, Invocation
from remediate.state.journal import INFO, WARNING
from remediate.subcommands import caller
from remediate.terminal import GREEN, RED, Paint
from remediate.wiring import ExpectedWiring, WiringCheck

PROG = "hastwatch self-test"
EXITS = {
    0: "all of it holds",
    1: "something does not",
}


def main(words: list[str] | None = None, invocation: Invocation = OWN) -> int:
    """The command with its arguments; the exit status."""
    options = parser().parse(words, invocation.console)
    return caller.run(PROG, options, lambda context: act(context, options), invocation=invocation)


def parser() -> Parser:
    """The command line."""
    parser = Parser(prog=PROG, description=__doc__, exits=exits.described(EXITS, exits.OF_ACTING))
    parser.add_argument("--wait", type=seconds(0, 600), default=None, metavar="SECONDS", help=(
        "how long the event may take (default: `timeout` of the configuration, which holds for each look too)"
    ))  # fmt: skip
    parser.add_argument("--hook", default=HOOK, metavar="PATH", help="devd's hook (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="for programs")
    local.add_options(parser)
    return parser


def act(context: Context, options: argparse.Namespace) -> int:
    """Look at every link and say it; the exit status. Raises what `caller.run` tells of."""
    lines, paint = [], Paint(context.console.is_coloured)
    for link in _links(context, options):
        lines.append(link)
        if not options.json:
            context.console.out.write(f"{line(link, paint)}\n")
            context.console.out.flush()
    broken = [link for link in lines if not link.holds]
    if options.json:
        context.console.out.write(json.dumps([link._asdict() for link in lines], indent=2) + "\n")
    result = "; ".join(f"{link.name}: {link.says}" for link in broken) or "all of it holds"
    context.journal.entry(
        "self-test", why=f"human {context.console.user}", result=result, severity=WARNING if broken else INFO
    )
    return 1 if broken else 0


def line(link: WiringCheck, paint: Paint) -> str:
    """A link for humans."""
    word, colour = ("ok", GREEN) if link.holds else ("BROKEN", RED)
    return f"{link.name:<9}  {paint(f'{word:<6}', colour)}  {plain(link.says)}"


def _links(context: Context, options: argparse.Namespace) -> Iterator[WiringCheck]:
    try:
        yield from wiring.chain(context, ExpectedWiring(options.hook, options.wait))
    except (ProbeError, StepFailed) as error:
        yield WiringCheck("chain", False, str(error))
    yield from wiring.setup(context)


if __name__ == "__main__":
    sys.exit(main())
