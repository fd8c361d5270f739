"""`hastwatch verify RESOURCE --repair`: show what would be done to the standby's copy, have it confirmed, and do it."""

from __future__ import annotations

import argparse

from checks.plugin.text import plain
from checks.probes.errors import ProbeError
from checks.verified import said
from remediate import exits
from remediate.context import Context
from remediate.failover.errors import StepFailed
from remediate.recovery.preservation import Keeper, Mode
from remediate.recovery.progress import RecoveryStep
from remediate.recovery.recover import RecoveryRefused, sentences
from remediate.recovery.resync import Resync
from remediate.subcommands import caller
from remediate.subcommands.progress import StepPrinter
from remediate.verification.renewing import NothingToKeep, Renewal, last_differing

COMPARES = 14 * 86400.0
"""Seconds for the primary to compare both copies again."""
BUSY_AGAIN = 10.0
"""Seconds until it is asked again where it compares them already: after a new connection it does so by itself."""
STEPS = (
    "hold the address back, hastctl role init {name}",
    "{keeps}",
    "hastctl create {name}, after the guard has looked once more",
    "hastctl role secondary {name}, and wait until everything is copied from {there}",
    "hastwatch verify {name} on {there}",
)


def repair(context: Context, options: argparse.Namespace) -> int:
    """Show, have it confirmed, recreate the copy, wait, compare again; the exit status. Raises what `caller.run` tells
    of."""
    (name,) = caller.named(context, options.resource)
    last = last_differing(context, name)
    keeper = _keeper(context, options, last.wrong)
    renewal = Renewal(context, name, keeper, StepPrinter(context), last)
    pair, verdict = renewal.look()
    begun = renewal.begun(pair, verdict)
    over = begun is not None and begun.step >= RecoveryStep.CREATED
    refused = () if over else renewal.reasons(pair, verdict)
    refused += renewal.not_resumed(begun) if refused else ()
    lines = [f"{name}: {said(last)}", *[f"  {line}" for line in sentences(pair)]]
    if begun is not None:
        lines.append(f"  this was begun here, and has come to: {begun.step.name.lower()}")
    words = {"name": name, "there": pair.there.name, "keeps": _keeps(keeper, last.wrong)}
    lines += ["", *[f"  {number}. {step.format(**words)}" for number, step in enumerate(STEPS, 1)]]
    lines += ["", *[f"refused: {why}" for why in refused]] if refused else []
    context.console.out.write("".join(f"{plain(line, 300)}\n" for line in lines))
    context.console.out.flush()
    if options.dry_run:
        return int(bool(refused))
    if refused:
        raise RecoveryRefused(refused)
    if not over and not keeper.target and keeper.mode is not Mode.RESYNC:
        raise StepFailed("where it is to be kept is not known: --to DIR or --to ssh://[USER@]HOST/PATH")
    if begun is None:
        question = (
            f"The copy of {name} on {pair.here.name} is destroyed and copied again in full from {pair.there.name}."
        )
        caller.confirm(context.console, options, question)
    salvaged = renewal.run(f"human {context.console.user}")
    context.console.out.write(f"{plain(salvaged, 1000)}\n")
    context.console.out.write(f"{name}: {Resync(context, context.console.out).wait(renewal)}\n")
    return _again(context, name)


def _keeper(context: Context, options: argparse.Namespace, wrong: str) -> Keeper:
    """A copy that is proven to be the wrong one in all that differs is kept only where that is asked for."""
    if wrong and not options.to:
        return NothingToKeep(wrong)
    return Keeper(Mode.IMAGE if options.image else Mode.SALVAGE, options.to or context.config.split_brain.salvage_to)


def _keeps(keeper: Keeper, wrong: str) -> str:
    if keeper.mode is Mode.RESYNC:
        return f"keep nothing: {wrong}"
    return f"keep what only this copy has at {keeper.target or 'a place that --to has to name'}"


def _again(context: Context, name: str) -> int:
    """Have the primary compare the copies; the exit status. Raises StepFailed where it does not."""
    from remediate.subcommands.verify import DIFFER, UNDECIDED

    if context.peer is None:
        raise StepFailed("the copies were not compared again: how to reach the other node is not known")
    ends = context.timing.now() + COMPARES
    context.console.out.write(f"{name}: compared again by the primary ...\n")
    context.console.out.flush()
    peer = context.peer
    words = (context.config.failover.peer_hastwatch, "verify", name, "--afresh", "--quiet")
    try:
        while (done := peer.act(words, COMPARES)).status == exits.BUSY and context.timing.now() < ends:
            context.timing.sleep(BUSY_AGAIN)
    except ProbeError as error:
        raise StepFailed(f"the copy is new, and was not compared again: {error}") from None
    if done.status not in (0, DIFFER, UNDECIDED):
        raise StepFailed(f"the copy is new, and was not compared again: {done.words}")
    context.console.out.write(f"{plain(done.stdout.strip(), 1000)}\n")
    return done.status
