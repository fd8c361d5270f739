"""What became of the failovers of a campaign, and how it is printed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from remediate.events.repair import Ending
from simulator.account.writes import LossCause

HELPED, NO_HELP = Ending.HELPED.value, Ending.NO_HELP.value


class Played(NamedTuple):
    """What became of some failovers."""

    kinds: Counter[str]
    acknowledged: int
    missing: Counter[tuple[str, str]]
    """By kind of the failover and cause of the loss."""
    errors: Counter[str]
    """What clients were told instead of an acknowledgement."""
    left: Counter[str]
    """Failovers after which an operator had to decide, and what was found."""
    repairs: Counter[str]
    """What became of the repairs that monitoring asked for."""
    disturbed: Counter[str]
    """The disturbances of all of them."""
    lossless: int = 0
    """Planned handovers with the link up, whatever else failed: those in which nothing may be missing."""
    violation: str = ""

    def plus(self, other: Played) -> Played:
        """Both together."""
        return Played(
            self.kinds + other.kinds,
            self.acknowledged + other.acknowledged,
            self.missing + other.missing,
            self.errors + other.errors,
            self.left + other.left,
            self.repairs + other.repairs,
            self.disturbed + other.disturbed,
            self.lossless + other.lossless,
            self.violation or other.violation,
        )


NOTHING = Played(Counter(), 0, Counter(), Counter(), Counter(), Counter(), Counter())


def report(played: Played, documented_hook: Played, seed: int, seconds: float, kinds: Sequence[str]) -> Iterator[str]:
    """The lines that are printed."""
    count = sum(played.kinds.values())
    yield f"{count} failovers, seed {seed}: {seconds:.0f} s, {count / seconds:.1f} a second"
    for name in kinds:
        causes = {cause: number for (kind, cause), number in played.missing.items() if kind == name}
        lost = ", ".join(f"{number} by {cause}" for cause, number in sorted(causes.items())) or "none"
        yield f"  {name:<24} {played.kinds[name]:>6}   acknowledged writes missing: {lost}"
    yield "with these disturbances: " + (
        ", ".join(f"{number} x {what}" for what, number in sorted(played.disturbed.items())) or "none"
    )
    total = sum(played.missing.values())
    yield f"{played.acknowledged} writes acknowledged, {total} missing, by the order of the steps: " + str(
        sum(number for (_, cause), number in played.missing.items() if cause == LossCause.STEPS.name)
    )
    yield "clients were told: " + (
        ", ".join(f"{n} x {what}" for what, n in sorted(played.errors.items())) or "no error"
    )
    yield "left to an operator: " + (", ".join(f"{n} x {what}" for what, n in sorted(played.left.items())) or "nothing")
    done = sum(number for what, number in played.repairs.items() if what.endswith((HELPED, NO_HELP)))
    yield f"repairs that monitoring asked for: {sum(played.repairs.values())}, of which {done} were done: " + ", ".join(
        f"{number} x {what}" for what, number in sorted(played.repairs.items())
    )
    yield f"planned handovers with the link up: {played.lossless}, none of which lost an acknowledged write"
    theirs = sum(documented_hook.missing.values())
    yield (
        f"the same with the documented hook: {documented_hook.lossless}, "
        f"{theirs} of {documented_hook.acknowledged} acknowledged writes missing"
    )
