"""What an operator sees of a convergence: each step as it begins, and how it ended."""

from __future__ import annotations

import json
from contextlib import suppress

from checks.plugin.text import plain, say_count
from remediate.context import Context
from remediate.failover.converge import ConvergeOutcome, ConvergeResult
from remediate.subcommands.caller import refuse


class StepPrinter:
    """Told of every step before it is done; shows it, where it is to be shown, with the time since the beginning.

    Steps of several resources go on at the same time: so there is a line for each, and none is written over.
    """

    def __init__(self, context: Context, verbose: bool = False, quiet: bool = False) -> None:
        """Shown to an operator who watches; `verbose`: to anybody, `quiet`: to nobody."""
        self.console, self._timing = context.console, context.timing
        self._shown = not quiet and (verbose or self.console.is_watched)
        self._began = self._timing.now()

    def __call__(self, step: str) -> None:
        if self._shown:
            with suppress(OSError, ValueError):  # nobody watches any more: no reason to stop half way
                self.console.err.write(f"{self.seconds:7.1f} s  {plain(step)}\n")
                self.console.err.flush()

    @property
    def seconds(self) -> float:
        """Since the beginning."""
        return self._timing.now() - self._began


def end(prog: str, outcome: ConvergeOutcome, progress: StepPrinter) -> int:
    """Say how it ended; the exit status."""
    status: int = outcome.result.value
    if outcome.result is not ConvergeResult.IN_PLACE:
        wait = "; wait: `hastwatch status` shows how it ends" if outcome.result is ConvergeResult.BUSY else ""
        for sentence in outcome.said or ("not in place",):
            refuse(progress.console, prog, f"{sentence}{wait}", status)
        return status
    done = f"in place after {say_count(outcome.steps, 'step')}, {progress.seconds:.1f} s" if outcome.steps else ""
    progress.console.out.write(
        f"{plain(': '.join(filter(None, [done or 'in place', '; '.join(outcome.said)])), 1000)}\n"
    )
    return status


def as_json(outcome: ConvergeOutcome, progress: StepPrinter) -> str:
    """The same for programs."""
    values = {
        "result": outcome.result.name.lower().replace("_", "-"),
        "steps": outcome.steps,
        "said": outcome.said,
        "seconds": round(progress.seconds, 3),
    }
    return json.dumps(values) + "\n"
