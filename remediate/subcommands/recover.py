"""`hastwatch recover RESOURCE`: recover from a split-brain, on the node whose copy is given up.

    hastwatch recover home --dry-run
    hastwatch recover home --to /var/salvage
    hastwatch recover home --to ssh://salvage@backup/var/salvage
    hastwatch recover home --resync

It shows the evidence of both nodes and which copy loses, or that this is unknown. After confirmation the losing node
gives up address and role, and what only its copy has is saved to --to and read back. Then it lists the files that
differ and asks once more; new metadata are created, and everything is copied from the other node. --resync saves
nothing, and is refused unless it is proven that there is nothing to save. --image saves the raw data of a copy that
cannot be mounted. --step-down only gives up address and role. A blank disk on the standby, or a disk of another pair,
is recovered in the same way.

--dry-run lists the files that differ, for which the losing copy is mounted read-only for that time. It can be read only
while its role is init, as after a split-brain that was detected; until then the reason stands in place of the list.

If it is interrupted, run it again: it resumes. No option overrides the guard: by several independent sources this node
must not be MASTER, primary, mounted or serving, and the other one must be all of that.
"""

from __future__ import annotations

import argparse
import json
import sys
from functools import partial

from checks.plugin.text import plain
from checks.probes.errors import ProbeError
from remediate import exits, local
from remediate.arguments import Parser, resource_name
from remediate.context import Context
from remediate.failover.errors import StepFailed
from remediate.invocation import OWN, Invocation
from remediate.recovery.differing_files import DifferingFiles
from remediate.recovery.eligibility import Eligibility, Kind
from remediate.recovery.evidence import Evidence
from remediate.recovery.preservation import Keeper, Mode
from remediate.recovery.progress import RecoveryProgress as Begun
from remediate.recovery.progress import RecoveryStep
from remediate.recovery.readonly import InUse
from remediate.recovery.recover import Recovery, RecoveryRefused, sentences
from remediate.recovery.resync import Resync
from remediate.state.store import StateError
from remediate.subcommands import caller
from remediate.subcommands.progress import StepPrinter

PROG = "hastwatch recover"
ANSWER = 600.0
"""Seconds for the answer to the second question, during which nothing converges on this node."""
EXITS = {
    0: "recovered (--dry-run: may be)",
    1: "refused or failed and the reason is reported",
}


def main(words: list[str] | None = None, invocation: Invocation = OWN) -> int:
    """The command with its arguments; the exit status."""
    options = parser().parse(words, invocation.console)

    def begun(context: Context) -> int:
        if options.dry_run:  # its read-only mount must not outlive it
            invocation.see_it_through(context)
        return act(context, options)

    return caller.run(PROG, options, begun, acts=not options.dry_run, invocation=invocation)


def parser() -> Parser:
    """The command line."""
    parser = Parser(prog=PROG, description=__doc__, exits=exits.described(EXITS, exits.OF_ACTING))
    parser.add_argument("resource", type=resource_name, metavar="RESOURCE", help="the HAST resource")
    modes = parser.add_mutually_exclusive_group()
    modes.add_argument("--salvage", dest="mode", action="store_const", const="salvage", help=(
        "save every file that the other copy lacks or that differs there (default)"
    ))  # fmt: skip
    modes.add_argument("--resync", dest="mode", action="store_const", const="resync", help=(
        "save nothing; refused unless this copy is proven to hold nothing that the other one lacks"
    ))  # fmt: skip
    modes.add_argument("--image", dest="mode", action="store_const", const="image", help="save the raw data")
    modes.add_argument("--step-down", dest="mode", action="store_const", const="step-down", help=(
        "give up address and role, nothing else"
    ))  # fmt: skip
    parser.add_argument("--to", default="", metavar="TARGET", help=(
        "where it is kept: a directory, which is made where it is missing, or ssh://[USER@]HOST/PATH (default: "
        "split_brain.salvage_to)"
    ))  # fmt: skip
    parser.add_argument(
        "-n", "--dry-run", action="store_true", help="show the evidence, the verdict and the steps, change nothing"
    )
    parser.add_argument("--no-wait", action="store_true", help="do not wait until everything is copied")
    parser.add_argument("--json", action="store_true", help="with --dry-run: for programs")
    caller.add_yes(parser)
    local.add_options(parser)
    return parser


def act(context: Context, options: argparse.Namespace) -> int:
    """Show, have it confirmed, recover, wait; the exit status. Raises what `caller.run` tells of."""
    progress = StepPrinter(context)
    recovery = Recovery(context, options.resource, Keeper(Mode.SALVAGE), progress)
    pair, verdict = recovery.look()
    begun = recovery.begun(pair, verdict)
    recovery.keeper = keeper = _keeper(context, options, begun)
    if options.dry_run and options.json:
        files = None if reasons(pair, verdict) else listing(recovery, pair, begun)
        context.console.out.write(as_json(pair, verdict, files))
        return int(bool(reasons(pair, verdict)))
    context.console.out.write(screen(options.resource, pair, verdict, begun.step.name.lower() if begun else ""))
    context.console.out.flush()
    refused = reasons(pair, verdict)
    if options.dry_run:
        if not refused:
            done = begun.step if begun else RecoveryStep.BEGUN
            context.console.out.write(listed(listing(recovery, pair, begun), pair))
            context.console.out.write(steps(options.resource, keeper, pair, verdict, done))
            context.console.out.write(_next_command(options, keeper, pair, verdict, done))
        return int(bool(refused))
    if begun is None and refused:
        raise RecoveryRefused((*refused, *recovery.not_resumed(begun)))
    if options.mode == "step-down":
        recovery.step_down(f"human {context.console.user}")
        context.console.out.write(f"{options.resource}: address and role are given up on this node\n")
        return 0
    _refuse_without_target(keeper, verdict, begun)
    if begun is None:
        caller.confirm(context.console, options, _question(options.resource, keeper, verdict, pair))
    if keeper.mode is Mode.SALVAGE and not _is_over(verdict, begun):
        caller.refuse_unasked(context.console, options)
        recovery.agree = partial(_agree, context, options, keeper, pair)
    salvaged = recovery.run(f"human {context.console.user}")
    context.console.out.write(f"{plain(salvaged, 1000)}\n")
    if not options.no_wait:
        copied = Resync(context, context.console.out).wait(recovery)
        context.console.out.write(f"{options.resource}: {copied}\n")
    context.console.out.write(_next_salvage(keeper, pair))
    return 0


def reasons(pair: Evidence, verdict: Eligibility) -> tuple[str, ...]:
    """Why this node's copy is not given up, a sentence each; none where it may be."""
    sentences = [refusal.says for refusal in verdict.refusals]
    if verdict.kind not in (Kind.SPLIT_BRAIN, Kind.BLANK, Kind.OTHER_DISK):
        sentences.append(verdict.kind.value)
    return tuple(dict.fromkeys(sentences))


def listing(recovery: Recovery, pair: Evidence, begun: Begun | None) -> DifferingFiles | str:
    """The files that differ, or why they are not listed."""
    if begun is not None and begun.step >= RecoveryStep.CREATED:
        return f"new metadata have been created; what was kept: {begun.kept}"
    try:
        return recovery.compare(pair)
    except InUse as error:
        return f"{error}; `recover` lists them when they are saved, and asks before anything is destroyed"
    except (StepFailed, ProbeError, StateError) as error:
        return str(error)


def listed(files: DifferingFiles | str, pair: Evidence) -> str:
    """The same as lines of the screen."""
    if isinstance(files, str):
        lines = [f"The files that differ are not listed: {files}"]
    else:
        lines = files.lines(pair.here.name, pair.there.name)
    return "".join(f"{plain(line, 400)}\n" for line in ["", *lines, ""])


def screen(resource: str, pair: Evidence, verdict: Eligibility, begun: str) -> str:
    """Everything that an operator needs, on one screen."""
    lines = [f"{resource}: {verdict.kind.value}", *[f"  {line}" for line in sentences(pair)]]
    for side in (pair.here, pair.there):
        lines += [f"  log of {side.name}: {sign}" for sign in side.signs[:3]]
    if begun:
        lines.append(f"  a recovery was begun here, and has come to: {begun}")
    refused = reasons(pair, verdict)
    if refused:
        lines += [
            "",
            f"The copy of {pair.here.name or 'this node'} is not given up:",
            *[f"  - {why}" for why in refused],
        ]
    else:
        lines += ["", f"The copy of {pair.here.name} loses, that of {pair.there.name} is served to the clients."]
    return "".join(f"{plain(line, 300)}\n" for line in lines)


def steps(resource: str, keeper: Keeper, pair: Evidence, verdict: Eligibility, done: RecoveryStep) -> str:
    """What would be done that is not yet, a line each."""
    here, there, target = pair.here.name, pair.there.name, keeper.target or "the directory of --to"
    kept = {
        Mode.RESYNC: "it is proven that this copy has nothing that the other one lacks",
        Mode.SALVAGE: f"each file that differs from the copy of {there} is saved to {target} and read back; they are "
        "listed, and you are asked before anything is destroyed",
        Mode.IMAGE: f"the raw data of this copy are saved to {target} and read back",
    }[keeper.mode]
    if verdict.kind is Kind.BLANK:
        kept = "nothing is saved: the disk holds no copy"
    all_steps = {
        RecoveryStep.STEPPED_DOWN: f"{here} gives up the address and the role of {resource}, if it has them",
        RecoveryStep.KEPT: kept,
        RecoveryStep.CREATED: f"new metadata are created on {here} (hastctl create {resource})",
        RecoveryStep.FOLLOWING: f"{here} becomes secondary, and everything is copied from {there}",
    }
    left = [words for step, words in all_steps.items() if step > done]
    return "".join(f"  {number}. {plain(words, 300)}\n" for number, words in enumerate(left, 1))


def _next_command(
    options: argparse.Namespace, keeper: Keeper, pair: Evidence, verdict: Eligibility, done: RecoveryStep
) -> str:
    """What is typed to do what --dry-run has shown."""
    mode = f" --{options.mode}" if options.mode else ""
    is_kept = keeper.mode is not Mode.RESYNC and verdict.kind is not Kind.BLANK and done < RecoveryStep.CREATED
    is_kept = is_kept and options.mode != "step-down"
    to = f" --to {options.to or 'DIR'}" if is_kept and (options.to or not keeper.target) else ""
    return f"next: on {plain(pair.here.name)}: `hastwatch recover {options.resource}{mode}{to}`\n"


def _next_salvage(keeper: Keeper, pair: Evidence) -> str:
    """How files that were saved are given back; empty where none was, or not in a directory of this node."""
    if keeper.mode is not Mode.SALVAGE or not keeper.kept_at.startswith("/"):
        return ""
    here, there, where = plain(pair.here.name), plain(pair.there.name), plain(keeper.kept_at, 1000)
    return f"next: copy {where} from {here} to {there}; on {there}: `hastwatch restore {where}` lists what was saved\n"


def as_json(pair: Evidence, verdict: Eligibility, files: DifferingFiles | str | None) -> str:
    """The same for programs. `files`: those that differ, or why they are not listed; None where nothing is done."""
    return json.dumps({
        "kind": verdict.kind.name.lower().replace("_", "-"),
        "says": verdict.kind.value,
        "evidence": sentences(pair),
        "refused": [{"reason": refusal.reason, "says": refusal.says} for refusal in verdict.refusals],
        "may_be_recovered": not reasons(pair, verdict),
        "differing": files.as_values() if isinstance(files, DifferingFiles) else None,
        "not_listed": files if isinstance(files, str) else None,
    }, indent=2) + "\n"  # fmt: skip


def _keeper(context: Context, options: argparse.Namespace, begun: Begun | None) -> Keeper:
    """How it is kept and where, as the options say; else as it was begun, or as configured."""
    mode = options.mode or (begun.mode if begun else Mode.SALVAGE.value)
    target = options.to or (begun.target if begun else "") or context.config.split_brain.salvage_to
    return Keeper(Mode.SALVAGE if mode == "step-down" else Mode(mode), target)


def _is_over(verdict: Eligibility, begun: Begun | None) -> bool:
    """Nothing is kept any more: there was nothing, or it is done."""
    return verdict.kind is Kind.BLANK or (begun is not None and begun.step >= RecoveryStep.CREATED)


def _refuse_without_target(keeper: Keeper, verdict: Eligibility, begun: Begun | None) -> None:
    if keeper.mode is not Mode.RESYNC and not _is_over(verdict, begun) and not keeper.target:
        raise StepFailed("where the salvage is to be kept is not known: --to DIR or --to ssh://[USER@]HOST/PATH")


def _question(resource: str, keeper: Keeper, verdict: Eligibility, pair: Evidence) -> str:
    here = pair.here.name
    if verdict.kind is Kind.BLANK:
        return f"{resource} on {here} gets new metadata, and everything is copied to it."
    if keeper.mode is Mode.SALVAGE:
        return (
            f"The copy of {resource} on {here} is taken out of service, and what only it has is kept at "
            f"{keeper.target}. You are asked again before it is destroyed."
        )
    what = {
        Mode.RESYNC: "nothing of it is kept, which is refused unless that is proven to lose nothing",
        Mode.IMAGE: f"its raw data are kept at {keeper.target} first",
    }[keeper.mode]
    return f"The copy of {resource} on {here} is destroyed and copied again in full; {what}."


def _agree(context: Context, options: argparse.Namespace, keeper: Keeper, pair: Evidence, kept: str) -> None:
    """Have the end of the losing copy confirmed, with the files in view. Raises NotConfirmed."""
    files, here = keeper.differing, pair.here.name
    assert files is not None, "it was salvaged"
    context.console.out.write(listed(files, pair))
    context.console.out.write(f"Kept: {plain(kept, 1000)}\n")
    context.console.out.flush()
    question = f"The copy of {options.resource} on {here} is destroyed now, and copied again in full."
    otherwise = f"not confirmed: the copy of {here} is untouched and out of service; run it again to go on"
    caller.confirm(context.console, options, question, otherwise, ANSWER)


if __name__ == "__main__":
    sys.exit(main())
