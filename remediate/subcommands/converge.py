"""`hastwatch converge`: bring this node to the state that CARP calls for. It may be called at any time.

    hastwatch converge --dry-run
    hastwatch converge
    hastwatch converge -r home -v

It reads the current state of CARP, HAST, mounts and services, plans the steps, carries them out one by one and verifies
each, until nothing is left to do. devd's hook, the rc.d script and cron call it, and so may you. --dry-run changes
nothing and prints what would be done and why, with the command lines.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from contextlib import suppress

from checks.plugin.config import ConfigError
from checks.plugin.text import plain
from checks.probes.errors import ProbeError
from remediate import detached, exits, local, worker
from remediate.arguments import Parser, resource_name
from remediate.context import Context
from remediate.failover import disk_errors, proofs
from remediate.failover.carp_demotion import SHUTDOWN
from remediate.failover.converge import ConvergeOutcome, ConvergeRequest, ConvergeResult, converge, dry_run
from remediate.failover.demotion_reasons import LEAVES
from remediate.failover.facts import Leaving
from remediate.failover.observe import Observation
from remediate.failover.patience import patiently
from remediate.failover.plan import Plan
from remediate.failover.plan_lines import plan_lines
from remediate.hurry import within
from remediate.invocation import OWN, Invocation
from remediate.state import held, verifications
from remediate.subcommands import caller
from remediate.subcommands.progress import StepPrinter, as_json, end

PROG = "hastwatch converge"

Watch = Callable[[str], None]
EXITS = {
    0: "in place (--dry-run: could be looked at, whatever there is to do)",
    1: "refused and the reason is reported",
    75: "another convergence runs: with --periodic at once, otherwise still after 60 s",
}


def main(words: list[str] | None = None, invocation: Invocation = OWN) -> int:
    """The command with its arguments; the exit status."""
    options_parser = parser()
    options = options_parser.parse(words, invocation.console)
    if options.dry_run and options.detach:
        options_parser.error("--dry-run shows what would be done: it cannot be detached")
    if options.resource and (options.boot or options.shutdown):
        options_parser.error("--boot and --shutdown are about the whole node, not about a --resource")
    began: list[float] = []

    def begin(context: Context) -> int:
        began.append(context.timing.now())
        return act(context, options)

    status = caller.run(PROG, options, begin, acts=not options.dry_run, invocation=invocation)
    if (
        options.shutdown
        and not options.dry_run
        and status not in (0, ConvergeResult.REFUSED.value, exits.NOT_PERMITTED)
    ):
        _shut_down_all_the_same(invocation, options, began)
    return status


def _shut_down_all_the_same(invocation: Invocation, options: argparse.Namespace, began: list[float]) -> None:
    """With a configuration that is refused, or after a fault of ours: hastd's stop comes next. `began`: when the
    shutdown has, if it has; all of it has SHUTDOWN seconds."""
    with suppress(ConfigError, ProbeError):  # the options are wrong, which was said
        context = invocation.bare(local.where(options))
        ends = context.timing.now() + worker.SHUTDOWN - worker.GIVING_UP
        worker.leave_nothing_mounted(within(context, min([ends, *(at + worker.SHUTDOWN for at in began)])))


def parser() -> Parser:
    """The command line."""
    parser = Parser(prog=PROG, description=__doc__, exits=exits.described(EXITS, exits.OF_ACTING))
    parser.add_argument("-n", "--dry-run", action="store_true", help="change nothing, show what would be done and why")
    parser.add_argument("-r", "--resource", action="append", default=[], type=resource_name, metavar="RES",
                      help="only this resource; may be repeated (default: all)")  # fmt: skip
    parser.add_argument("--detach", action="store_true", help="return at once, converge in the background")
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.add_argument("-v", "--verbose", action="store_true",
                      help="show the steps without a terminal too, and with --dry-run what was seen")  # fmt: skip
    why = parser.add_mutually_exclusive_group()
    why.add_argument("--periodic", action="store_true", help=(
        "called by cron(8): finds what devd missed; promotes nothing unless failover.periodic_promotion says so"
    ))  # fmt: skip
    why.add_argument("--boot", action="store_true", help="called by rc(8), after hastd was started")
    why.add_argument(
        "--shutdown", action="store_true", help="called by rc.shutdown(8): the service moves to the other node"
    )
    local.add_options(parser)
    return parser


def act(context: Context, options: argparse.Namespace) -> int:
    """Show it, leave it to a worker, or do it; the exit status. Raises what `caller.run` tells of."""
    only = tuple(caller.named(context, options.resource)) if options.resource else ()
    request = requested(context, options, only)
    if options.dry_run:
        observation, plan = dry_run(context, request)
        context.console.out.write(
            planned_as_json(observation, plan) if options.json else planned(observation, plan, options.verbose)
        )
        return 0
    progress = StepPrinter(context, options.verbose, quiet=options.json)
    if options.detach:
        detached.detach(context, request.trigger, lambda own: outcome_of(own, options, request, lambda step: None))
        return 0
    outcome = outcome_of(context, options, request, progress)
    if options.periodic:
        disk_errors.try_to(context, request.trigger)
        worker.recover_losing(context)
        take_up_held(context)
        proofs.try_to(context, proofs.compared_whole(context), request.trigger)
        keep_verified(context, request.trigger)
    if options.json:
        context.console.out.write(as_json(outcome, progress))
        return outcome.result.value
    if options.periodic and not options.verbose and outcome.result in (ConvergeResult.IN_PLACE, ConvergeResult.BUSY):
        return int(outcome.result.value)
    return end(PROG, outcome, progress)


def keep_verified(context: Context, trigger: str) -> None:
    """Results of comparisons that could not be recorded here, or on the other node. Raises nothing."""
    verifications.move_back(context.store)
    if verifications.untold(context.store):
        from remediate.verification import telling

        telling.tell_again(context, trigger)


def take_up_held(context: Context) -> None:
    """The repairs that were held back, where there are any. Raises StateNotKept where no lock can be had."""
    if held.is_any(context.store):
        from remediate.events import retry

        retry.take_up(context)


def requested(context: Context, options: argparse.Namespace, only: tuple[str, ...]) -> ConvergeRequest:
    """What the options ask for."""
    if options.periodic:
        return ConvergeRequest("periodic", promote=context.config.failover.periodic_promotion, only=only, again=True)
    if options.shutdown:
        return ConvergeRequest(SHUTDOWN, leaving=Leaving.GOES_DOWN)
    return ConvergeRequest("boot" if options.boot else f"human {context.console.user}", only=only)


def outcome_of(
    context: Context, options: argparse.Namespace, request: ConvergeRequest, watch: Watch
) -> ConvergeOutcome:
    """Do it. A boot and a shutdown wait for a convergence that runs, because nobody calls them again; so does what a
    human typed, who is told. Raises StateError, ProbeError."""
    if options.shutdown:
        return worker.end_boot(context, watch)
    if options.boot:
        return worker.begin_boot(context, watch)
    if options.periodic or options.detach:
        return converge(context, request, watch)
    waits = False

    def call() -> ConvergeOutcome:
        nonlocal waits
        outcome = converge(context, request, watch)
        if outcome.result is ConvergeResult.BUSY and not waits:
            waits = True
            caller.refuse(context.console, PROG, f"{'; '.join(outcome.said)}: waiting for its end", 0)
        return outcome

    return patiently(context, request.trigger, call)


def planned(observation: Observation, plan: Plan, verbose: bool) -> str:
    """A plan for humans: what each resource is to be and why, then the steps with their command lines."""
    lines = []
    for name, decision in plan.decisions.items():
        lines += [f"{name}: {decision.target.value}", f"    because: {decision.rule.says} [{decision.rule.reason}]"]
        lines += [f"    {line}" for line in _seen(observation, name)] if verbose else []
    lines += ["nothing to do"] if not plan.steps else ["", *plan_lines(plan, observation.places)]
    return "".join(f"{plain(line, 1000)}\n" for line in lines)


def planned_as_json(observation: Observation, plan: Plan) -> str:
    """The same for programs."""
    resources = {
        name: {
            "target": decision.target.name.lower().replace("_", "-"),
            "reason": decision.rule.reason,
            "says": decision.rule.says,
            "seen": _seen(observation, name),
        }
        for name, decision in plan.decisions.items()
    }
    steps: list[dict[str, object]] = []
    commands: list[str] = []
    for line in plan_lines(plan, observation.places):
        if line.startswith(" "):
            commands.append(line.strip())
        else:
            step, _, why = line.partition(": ")
            commands = []
            steps.append({"step": step, "why": why, "commands": commands})
    return json.dumps({"node": observation.facts.name, "resources": resources, "steps": steps}, indent=2) + "\n"


def _seen(observation: Observation, name: str) -> list[str]:
    """What was seen of a resource, a fact a line."""
    state, remarks, facts = observation.facts.resources[name], observation.facts.said[name], observation.facts
    mounted = f"{state.mounted.value}{', exported' if state.exported else ''}"
    lines = [
        f"CARP: {state.carp.value if state.carp else remarks.carp}",
        f"HAST: {state.role.value}, {'connected' if state.connected else 'not connected'}",
        f"mount: {mounted}; NFS: {' '.join(sorted(facts.node.serving)) or 'stopped'}",
        f"other node: {remarks.peer}",
    ]
    leaves = LEAVES.get(facts.node.leaving)
    more = {
        "copy": remarks.no_copy or remarks.damage or remarks.stale,
        "split-brain": remarks.split,
        "role": remarks.role,
        "maintenance": facts.maintenance,
        "blocked": facts.blocked,
        "leaving": leaves.value if leaves else "",
    }
    return [*lines, *[f"{what}: {says}" for what, says in more.items() if says]]


if __name__ == "__main__":
    sys.exit(main())
