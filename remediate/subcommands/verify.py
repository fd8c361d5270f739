"""`hastwatch verify [RESOURCE...]`: compare both copies of a resource, extent by extent, while clients are served.

    hastwatch verify home --rate 20M
    hastwatch verify --if-primary --quiet
    hastwatch verify home --json

A write that fails on one disk and succeeds on the other leaves the copies different forever, and HAST never reports
that; nor does it notice a flipped bit. So both disks are read behind HAST's metadata and compared by hashes. The
command runs on the primary; its `peer` reads the other copy. An extent that differs is read again until it is equal, or
has differed three times with nothing in flight. Nothing is changed; both nodes record the result, which `hastwatch
status` shows and `check_hast` judges.

If it is interrupted (^C, SIGTERM, the peer is gone), it prints its position; run it again and it resumes there. It runs
with the lowest priority. On a pair that began with two blank disks, space that was never written may differ: HAST never
copied it.

The wrong copy is named only if one disk cannot read any of the extents that differ. A count of failed writes does not
tell which extents are old: it is printed for you to judge. Clients see the primary's copy.

    hastwatch verify home --repair --dry-run
    hastwatch verify home --repair --to /var/salvage

--repair runs on the standby, after a comparison that found differences. It gives up this node's copy in the documented
way (role init, hastctl create, role secondary), everything is copied from the primary, and both are compared again. It
asks once. What only this copy has is saved to --to first, unless this copy is proven to be the wrong one. If the
primary's disk cannot read an extent, or a write is known to have failed on it, the repair is refused. The evidence, the
refusals and the guard are those of `hastwatch recover`.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable

from checks.plugin.text import plain, say_duration, say_size, size
from checks.probes.errors import ProbeError
from checks.probes.hast_state import HastRole, hast_state
from checks.probes.verified import Verification, as_values
from checks.verified import said
from remediate import exits, local
from remediate.arguments import Parser, resource_name
from remediate.context import Context
from remediate.failover.errors import StepFailed
from remediate.invocation import OWN, Invocation
from remediate.progress_bar import ProgressBar
from remediate.subcommands import caller
from remediate.verification.asking import ComparisonRunning
from remediate.verification.verify import ResultNotKept, VerificationProgress, VerificationStopped, verify

PROG = "hastwatch verify"
DIFFER, UNDECIDED = 3, 4
EXITS = {
    0: "both copies are equal",
    1: "refused or failed and the reason is reported; or the result, equal, could not be recorded on both nodes",
    DIFFER: "the copies differ, or a disk could not read an extent",
    UNDECIDED: "equal, except extents that were written all the time and not compared",
    exits.BUSY: "stopped before the end: run it again and it resumes; or another comparison runs",
}


def main(words: list[str] | None = None, invocation: Invocation = OWN) -> int:
    """The command with its arguments; the exit status."""
    options_parser = parser()
    options = options_parser.parse(words, invocation.console)
    if not options.repair and (options.to or options.image or options.dry_run):
        options_parser.error("--to, --image and --dry-run are of --repair")
    if options.repair and len(options.resource) != 1:
        options_parser.error("--repair is of one resource, which is named")
    return caller.run(
        PROG, options, lambda context: act(context, options), acts=not options.dry_run, invocation=invocation
    )


def parser() -> Parser:
    """The command line."""
    parser = Parser(prog=PROG, description=__doc__, exits=exits.described(EXITS, exits.OF_ACTING))
    parser.add_argument("resource", nargs="*", type=resource_name, metavar="RESOURCE",
                        help="the HAST resources (default: all)")  # fmt: skip
    parser.add_argument("--rate", type=_rate, metavar="SIZE", help=(
        "at most so many bytes a second from each disk, such as 20M (default: no limit)"
    ))  # fmt: skip
    parser.add_argument("--afresh", action="store_true", help="start over where an earlier run was interrupted")
    parser.add_argument(
        "--if-primary", action="store_true", help="skip resources that are not primary here (for periodic(8))"
    )
    parser.add_argument("-q", "--quiet", action="store_true", help="do not show the progress")
    parser.add_argument("--json", action="store_true", help="the results for programs, one object")
    parser.add_argument("--repair", action="store_true", help=(
        "on the standby: recreate this node's copy, of one resource that was found to differ"
    ))  # fmt: skip
    parser.add_argument("--to", default="", metavar="TARGET", help=(
        "with --repair: where what only this copy has is kept, a directory or ssh://[USER@]HOST/PATH (default: "
        "split_brain.salvage_to)"
    ))  # fmt: skip
    parser.add_argument("--image", action="store_true", help="with --repair: keep the raw data instead of files")
    parser.add_argument(
        "-n", "--dry-run", action="store_true", help="with --repair: show what would be done, change nothing"
    )
    caller.add_yes(parser)
    local.add_options(parser)
    return parser


def _rate(text: str) -> int:
    try:
        rate = size(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    if rate < 1 << 16:
        raise argparse.ArgumentTypeError(f"{text!r} is less than 64K a second")
    return rate


def act(context: Context, options: argparse.Namespace) -> int:
    """Compare one resource after the other; the worst exit status. Raises what `caller.run` tells of."""
    if options.repair:
        from remediate.subcommands.verify_repair import repair

        return repair(context, options)
    names = list(caller.named(context, options.resource))
    if options.if_primary:
        names = [name for name in names if _is_primary(context, name)]
    context.console.be_gentle()
    signals = context.console.interruptions()
    results: dict[str, dict[str, object]] = {}
    worst = 0
    for name in names:
        status, result = _one(context, name, options, signals)
        results[name] = result
        worst = max(worst, status, key=RANK.index)
        if not options.json:
            context.console.out.write(f"{name}: {plain(str(result['says']), 1000)}\n")
            context.console.out.flush()
        if signals():
            break
    if options.json:
        context.console.out.write(json.dumps({"resources": results}, indent=2) + "\n")
    return worst


RANK = (0, UNDECIDED, exits.BUSY, 1, DIFFER)
"""Exit statuses, the worst last."""


def _is_primary(context: Context, name: str) -> bool:
    hastd = hast_state(context.here.node(), name)
    if hastd.role is HastRole.NOT_KNOWN:
        raise StepFailed(hastd.says)
    return hastd.role is HastRole.PRIMARY


def _one(
    context: Context, name: str, options: argparse.Namespace, signals: Callable[[], str]
) -> tuple[int, dict[str, object]]:
    """Compare one resource; the exit status, and what came out. Raises StateError."""
    bar = ProgressBar(context.console.err, context.timing)

    def show(done: VerificationProgress) -> None:
        if not options.quiet:
            bar.show(done.done, done.extents, f"{name}: {_words(done)}")

    try:
        run = verify(context, name, f"human {context.console.user}", options.rate, show, signals, options.afresh)
    except VerificationStopped as stopped:
        percent = 100 * stopped.done // max(stopped.extents, 1)
        says = f"stopped at extent {stopped.done} of {stopped.extents} ({percent} %): {stopped}; run again it goes on"
        return exits.BUSY, {"says": says, "stopped": str(stopped), "done": stopped.done, "extents": stopped.extents}
    except ResultNotKept as error:
        status = max(_status(error.run), 1, key=RANK.index)
        return status, {"says": f"{said(error.run)}; {error}", **as_values(error.run)}
    except (StepFailed, ProbeError) as error:
        status = exits.BUSY if isinstance(error, ComparisonRunning) else 1
        return status, {"says": f"not verified: {error}", "refused": str(error)}
    finally:
        bar.clear()
    return _status(run), {"says": said(run), **as_values(run)}


def _status(run: Verification) -> int:
    """The exit status of a run that came to its end."""
    return DIFFER if run.differ else UNDECIDED if run.undecided else 0


def _words(done: VerificationProgress) -> str:
    """How far it is, for people."""
    total = done.extents * done.extentsize
    rate = done.bytes / done.seconds if done.seconds > 0 else 0.0
    left = (
        f", {say_duration((done.extents - done.done) * done.extentsize / rate)} left"
        if rate > 0
        else ", time left not known"
    )
    wrong = f", {done.differ} differ" if done.differ else ""
    return f"{say_size(done.done * done.extentsize)} of {say_size(total)}, {say_size(int(rate))}/s{left}{wrong}"
