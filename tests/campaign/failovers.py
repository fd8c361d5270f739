"""Ten thousand simulated failovers with random faults: what was acknowledged, what is missing, and whose doing it is.

    python -m tests.campaign.failovers [COUNT] [--seed N] [--processes N]

hastwatch is installed on both nodes of a pair. A failover begins with its cause, a planned one or a fault, with up to
three other faults about that time; monitoring asks for repairs at any moment, rightly or not; then everything is put
right, and hastwatch has to bring the pair back to health. A pair goes through several failovers in a row; the same seed
gives the same ones. At every moment: never two nodes serve. After every failover: nothing that was acknowledged is
missing but what the delays of UFS and the replication give up by themselves; by the order of the steps nothing at all;
and in a planned handover with the link up nothing, whatever else fails. The same planned handovers with the documented
hook are printed beside it.

Exit status 1 after the first violation, with its seed and its story, and where a pair does not come back to health.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from checks.plugin.config import Config
from checks.plugin.policy import Repair
from remediate.events.repair import Ending
from remediate.rehearsal.node import Node
from remediate.rehearsal.writes import Cause
from tests.campaign.ground import GIVEN_UP, Ground, Missing, Violation
from tests.campaign.putting_right import give_up_a_copy, put_right
from tests.campaign.troubles import KINDS, Round, drawn

COUNT, SEED, PROCESSES = 10_000, 1, 2
DOCUMENTED = 30
"""Planned handovers with the documented hook, for comparison."""
IN_A_ROW = 10
"""Failovers of one pair: the account of its writes grows with them."""
HEALTH = 400.0
"""Seconds for a pair to be healthy again after everything was put right: a boot's settle time and hastd's timeouts."""
ALARM = 30.0
"""Seconds until a human has read that there is a split-brain, and acts."""
LOOKS = 2.0
"""Seconds between two looks whether it is."""
CONFIG = Config(repair=Repair(cool_down=0, hourly_limit=60))
"""As it is shipped, but that a repair is tried again as often as it is asked for: what it may do is seen more often."""
HELPED, NO_HELP = Ending.HELPED.value, Ending.NO_HELP.value
PLANNED = [kind for kind in KINDS if kind.planned and kind.name != "orderly shutdown"]


class Played(NamedTuple):
    """What became of some failovers."""

    kinds: Counter[str]
    acknowledged: int
    missing: Counter[tuple[str, str]]
    """By kind of the failover and cause of the loss."""
    errors: Counter[str]
    """What clients were told instead of an acknowledgement."""
    left: Counter[str]
    """Failovers after which a human had to decide, and what was found."""
    repairs: Counter[str]
    """What became of the repairs that monitoring asked for."""
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
            self.lossless + other.lossless,
            self.violation or other.violation,
        )


NOTHING = Played(Counter(), 0, Counter(), Counter(), Counter(), Counter())


def series(seed: int, count: int = IN_A_ROW) -> Played:
    """Failovers of one pair, one after the other. Never raises: a violation is part of what it gives."""
    chance = random.Random(seed)
    with TemporaryDirectory(dir=fast_directory()) as state:
        ground = Ground(seed, Path(state), CONFIG)
        played, known = NOTHING, set[Missing]()
        for number in range(count):
            began, made = ground.clock.now, drawn(chance)
            try:
                play(ground, made, chance)
                help_was_needed = recovered(ground)
                now = ground.missing()
                refuse(made, now - known)
            except Violation as error:
                story = f"{error}\nseed {seed}, failover {number}: {made}\n{ground.story(began)}"
                played = played._replace(violation=story)
                break
            played = played._replace(
                kinds=played.kinds + Counter([made.kind.name]),
                missing=played.missing + Counter((made.kind.name, each.cause.name) for each in now - known),
                left=played.left + Counter([help_was_needed] if help_was_needed else []),
                lossless=played.lossless + made.lossless,
            )
            known = now
        played = played._replace(acknowledged=ground.acknowledged, errors=ground.errors(), repairs=ground.repairs)
        ground.close()
    return played


def documented(seed: int, count: int = DOCUMENTED) -> Played:
    """Planned handovers with the documented hook, of which the first loses what was buffered. A pair for each."""
    played = NOTHING
    for number in range(count):
        chance = random.Random(seed * 1000 + number)
        ground = Ground(seed * 1000 + number, None)
        kind = chance.choice(PLANNED)
        play(ground, Round(kind, (), chance.uniform(5, 40), 60.0), chance)
        missing = Counter((kind.name, each.cause.name) for each in ground.missing())
        made = Played(Counter([kind.name]), ground.acknowledged, missing, ground.errors(), Counter(), Counter(), 1)
        played = played.plus(made)
        ground.close()
    return played


def play(ground: Ground, made: Round, chance: random.Random) -> None:
    """One failover, up to the moment before it is put right. Raises Violation."""
    clock = ground.clock
    clock.advance(made.pause)
    nodes = ground.active, ground.pair.peer(ground.active)
    cause = clock.now + 3.0
    happenings: list[tuple[float, str, Callable[[], None]]]
    happenings = [(cause, f"{made.kind.name}: {nodes[0].name}", partial(made.kind.happens, ground, nodes[0]))]
    for event in made.events:
        node, disturbance = nodes[event.node], event.disturbance
        name, begins = f"{disturbance.name}: {node.name}", cause + event.at
        happenings.append((begins, name, partial(disturbance.begins, ground, node, chance)))
        if disturbance.ends is not None:
            happenings.append((begins + event.seconds, f"{name} ends", partial(ended, ground, disturbance.ends, node)))
    for ask in made.asks:  # some of them come only when everything is put right
        clock.after(cause + ask.at - clock.now, partial(ground.ask, nodes[ask.node], ask.request))
    for at, name, happens in sorted(happenings, key=lambda happening: happening[0]):
        clock.advance(max(0.0, at - clock.now))
        ground.pair.note("fault", f"fault: {name}")
        happens()
    clock.advance(max(0.0, cause + made.watched - clock.now))


def ended(ground: Ground, ends: Callable[[Ground, Node], None], node: Node) -> None:
    """A disturbance ends."""
    ends(ground, node)
    ground.came_back.append(ground.clock.now)


def refuse(made: Round, lost: set[Missing]) -> None:
    """Raises Violation where something is missing that must not be."""
    wrong = [each for each in lost if each.cause not in GIVEN_UP]
    if wrong:
        raise Violation(f"{len(wrong)} acknowledged writes are missing by {wrong[0].cause.value}")
    if made.lossless and lost:
        raise Violation(f"{len(lost)} acknowledged writes are missing after a planned handover: {sorted(lost)[0]}")


def recovered(ground: Ground) -> str:
    """Put everything right and wait for health; what a human had to decide, or nothing. Raises Violation where there is
    none and nobody could say why."""
    put_right(ground)
    if _comes_to_health(ground):
        return ""
    if ground.is_split():
        ground.clock.advance(ALARM)
        give_up_a_copy(ground)
        if _comes_to_health(ground):
            return "split-brain"
    raise Violation(f"not healthy {HEALTH:g} s after everything was put right")


def _comes_to_health(ground: Ground) -> bool:
    ends = ground.clock.now + HEALTH
    while not ground.is_healthy():
        if ground.clock.now >= ends or ground.is_settled_split():
            return False
        ground.clock.advance(LOOKS)
    return True


def fast_directory() -> str | None:
    """Where a file is in memory, for the state of nodes: nothing there survives a real power cut, nor has to."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


def campaign(count: int, seed: int, processes: int) -> Iterator[Played]:
    """All series, as they come to their end, in order."""
    rows = [min(IN_A_ROW, count - first) for first in range(0, count, IN_A_ROW)]
    seeds = [seed * 1_000_000 + number for number in range(len(rows))]
    with ProcessPoolExecutor(processes) as pool:
        yield from pool.map(series, seeds, rows)


def report(played: Played, documented_hook: Played, seed: int, seconds: float) -> Iterator[str]:
    """The lines that are printed."""
    count = sum(played.kinds.values())
    yield f"{count} failovers, seed {seed}: {seconds:.0f} s, {count / seconds:.1f} a second"
    for kind in KINDS:
        causes = {cause: number for (name, cause), number in played.missing.items() if name == kind.name}
        told = ", ".join(f"{number} by {cause}" for cause, number in sorted(causes.items())) or "none"
        yield f"  {kind.name:<18} {played.kinds[kind.name]:>6}   acknowledged writes missing: {told}"
    total = sum(played.missing.values())
    yield f"{played.acknowledged} writes acknowledged, {total} missing, by the order of the steps: " + str(
        sum(number for (_, cause), number in played.missing.items() if cause == Cause.STEPS.name)
    )
    yield "clients were told: " + (
        ", ".join(f"{n} x {what}" for what, n in sorted(played.errors.items())) or "no error"
    )
    yield "left to a human: " + (", ".join(f"{n} x {what}" for what, n in sorted(played.left.items())) or "nothing")
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


def main(words: list[str] | None = None) -> int:
    """Run, print, judge."""
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("count", nargs="?", type=int, default=COUNT)
    made.add_argument("--seed", type=int, default=SEED)
    made.add_argument("--processes", type=int, default=PROCESSES)
    options = made.parse_args(words)
    began, played = time.monotonic(), NOTHING
    for one in campaign(options.count, options.seed, options.processes):
        played = played.plus(one)
        if played.violation:
            break
    took = time.monotonic() - began
    print("\n".join(report(played, documented(options.seed), options.seed, took)))
    if played.violation:
        print(f"VIOLATION: {played.violation}")
    return int(bool(played.violation))


if __name__ == "__main__":
    sys.exit(main())
