"""`hastwatch doctor`: audit how both nodes are set up, and test what this node can do.

    hastwatch doctor
    hastwatch doctor -x --tier safe
    hastwatch doctor --json
    hastwatch doctor --try-hast --dry-run

Without an option it audits both nodes as check_hast_setup does (check_hast_setup(1)), and prints each finding with its
remedy, by what the remedy may do: `safe` can be typed at any time, `network` touches CARP or an interface, `manual`
needs a decision or lets clients wait. It changes nothing. Type the remedies of one node, look again, then those of the
other. What is right for your site can be accepted in hastwatch.toml: `[setup.accepted]`, the reason and why.

--try-hast tests whether the hastd of this node works as primary (FreeBSD bug 292322): it starts another hastd with a
resource of its own in a file, and makes that primary for a few seconds. It does not use anything in service. While the
device is missing, GEOM waits for it on the whole node. The test is therefore refused if this node serves, is not a
standby that follows the other node, or has another problem; under `hastwatch maintenance on` only if it serves. The
result is kept until the kernel or hastd changes; the checks and the failover use it. --dry-run shows what would be
done.
"""

from __future__ import annotations

import argparse
import json
import sys

from checks.plugin.config import ConfigError
from checks.plugin.finding import Finding, Severity
from checks.plugin.text import plain
from checks.probes.bug_292322 import AsPrimary
from checks.probes.errors import ProbeError
from checks.probes.timestamps import utc
from checks.setup.group import Tier
from remediate import exits, local
from remediate.arguments import Parser
from remediate.context import Context
from remediate.doctor import try_hast
from remediate.failover import known_bug
from remediate.failover.pair_checks import audit
from remediate.invocation import OWN, Invocation
from remediate.progress_bar import ProgressBar
from remediate.subcommands import caller
from remediate.subcommands.doctor_page import only, page, tier_of, wrong
from remediate.subcommands.progress import StepPrinter
from remediate.subcommands.status_page import see

PROG = "hastwatch doctor"
NODES = 2
NOT_KNOWN = Severity.UNKNOWN.value
"""As of the checks, of wrong usage too: 2 is CRITICAL."""
EXITS = {
    0: "OK; hastd works as primary",
    1: "WARNING; with --try-hast: it does not, or it was not tried",
    2: "CRITICAL",
    3: "UNKNOWN and wrong usage",
}


def main(words: list[str] | None = None, invocation: Invocation = OWN) -> int:
    """The command with its arguments; the exit status."""
    options = parser().parse(words, invocation.console)
    if not options.try_hast:
        return _audit(options, invocation)
    acts = not options.dry_run
    return caller.run(PROG, options, lambda context: act(context, options), acts=acts, invocation=invocation)


def parser() -> Parser:
    """The command line."""
    parser = Parser(prog=PROG, description=__doc__, exits=exits.described(EXITS, exits.OF_ACTING))
    parser.wrong_usage = NOT_KNOWN
    parser.add_argument("-x", "--only-wrong", action="store_true", help="only what is not well; nothing where all is")
    parser.add_argument(
        "--tier", choices=[each.value for each in Tier], help="only findings with remedies of this tier"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object on one line, times in UTC")
    parser.add_argument("--try-hast", action="store_true", help="try whether hastd works as primary, with another one")
    parser.add_argument("--dry-run", action="store_true", help="with --try-hast: only show what would be done")
    local.add_options(parser)
    return parser


def _audit(options: argparse.Namespace, invocation: Invocation) -> int:
    """The audit; the exit status is that of the worst finding that is shown."""
    console = invocation.console
    if why := invocation.no_node(local.where(options)):
        return caller.refuse(console, PROG, why, NOT_KNOWN)
    try:
        return look(invocation.context(local.where(options)), options)
    except (ConfigError, ProbeError) as error:
        return caller.refuse(console, PROG, str(error), NOT_KNOWN)


def look(context: Context, options: argparse.Namespace) -> int:
    """Audit both nodes and show it; the exit status. Raises ConfigError."""
    console = context.console
    bar = ProgressBar(console.err, context.timing)

    def asking(number: int, name: str) -> None:
        if console.is_watched and not options.json:
            bar.show(number, NODES, f"asking {name}")

    try:
        audited = audit(context, asking)
    finally:
        bar.clear()
    findings = only((each.finding for each in audited), Tier(options.tier) if options.tier else None)
    worst = max((each.severity for each in findings), key=lambda each: each.rank, default=Severity.OK)
    if options.json:
        lines = [json.dumps(as_values(findings, worst, context.timing.wall()))]
    elif options.only_wrong:
        lines = wrong(findings, console.columns, console.is_coloured)
    else:
        lines = page(findings, console.columns, console.is_coloured)
        if context.peer is None:
            lines.append("The other node was not looked at: `peer` is not configured.")
    console.out.write("".join(f"{line}\n" for line in lines))
    return worst.value


def as_values(findings: tuple[Finding, ...], worst: Severity, now: float) -> dict[str, object]:
    """The same for programs."""
    return {
        "time": utc(now),
        "state": worst.name,
        "exit_status": worst.value,
        "findings": [
            {
                **each._asdict(),
                "severity": each.severity.name,
                "tier": tier.value if (tier := tier_of(each)) else None,
                "see": see(each),
            }
            for each in findings
        ],
    }


def act(context: Context, options: argparse.Namespace) -> int:
    """Try hastd, or show how; the exit status. Raises what `caller.run` tells of."""
    if options.dry_run:
        try_hast.refuse(context)
        context.console.out.write("".join(f"{line}\n" for line in try_hast.show()))
        return 0
    known = known_bug.known(context)  # nothing is tried of what is known to work
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
