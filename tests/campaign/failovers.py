"""Ten thousand simulated failovers with random faults: what was acknowledged, what is missing, and whose doing it is.

    python -m tests.campaign.failovers [COUNT] [--seed N] [--processes N] [--violations N]
    python -m tests.campaign.failovers --series N [--shrink]

hastwatch is installed on both nodes of a pair. A failover begins with its cause, a planned one or a fault, with up to
three other faults about that time, and in some one more that strikes in the middle of a step; monitoring asks for
repairs at any moment, rightly or not; then everything is put right, and hastwatch has to bring the pair back to health.
A pair goes through several failovers in a row; the same seed gives the same ones. At every moment: never two nodes
serve. After every failover: nothing that was acknowledged is missing but what the delays of UFS and the replication
give up by themselves; by the order of the steps nothing at all; and in a planned handover with the link up nothing,
whatever else fails. The same planned handovers with the documented hook are printed beside it.

Exit status 1 after the first violation (or so many), with the number of its series and its story; `--series` plays that
series again, and `--shrink` finds the least of it that still goes wrong.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import Value
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from remediate.config import RemediationConfig
from remediate.policy import Repair
from simulator.node import Node
from tests.campaign.aimed import AT_A_STEP, IN_A_CUT
from tests.campaign.bit_flips import BITS_FLIP, compared
from tests.campaign.campaign_pair import GIVEN_UP, CampaignPair, Missing
from tests.campaign.disturbances import HASTD_DIES, ILL, INSIDE, ORDINARY
from tests.campaign.hostile import CAUSES, OUTSIDE
from tests.campaign.invariants import Violation, checks_in_full, held_back
from tests.campaign.operator_repairs import give_up_a_copy, make_anew, put_right, renew_unproven
from tests.campaign.results import NOTHING, Played, report
from tests.campaign.schedule import Round, drawn
from tests.campaign.shrink import shrunk

KINDS = (*ORDINARY, *CAUSES)
DISTURBANCES = (*INSIDE, *OUTSIDE)
RARE = (BITS_FLIP,)
AIMED = (AT_A_STEP, IN_A_CUT)
BY_NAME = {kind.name: kind for kind in KINDS}
ILLNESSES = (ILL, ILL, ILL, HASTD_DIES)
COUNT, SEED, PROCESSES = 10_000, 1, 2
DOCUMENTED = 30
"""Planned handovers with the documented hook, for comparison."""
IN_A_ROW = 10
"""Failovers of one pair: the account of its writes grows with them."""
HEALTH = 400.0
"""Seconds for a pair to be healthy again after everything was put right: a boot's settle time and hastd's timeouts."""
RELEASED = 130.0
"""Seconds from then on until nothing is held back any more: two calls by cron(8)."""
HANDS_OVER = 70.0
"""Seconds in which a primary whose own disk has failed a write hands over automatically: a call by cron(8)."""
ALARM = 30.0
"""Seconds until an operator has read that there is a split-brain, and acts."""
LOOKS = 2.0
"""Seconds between two looks whether it is."""
TOLD_EVERY = 20.0
"""Seconds between two lines about the progress."""
CONFIG = RemediationConfig(repair=Repair(cool_down=0, hourly_limit=60))
"""As it is shipped, but that a repair is tried again as often as it is asked for: what it may do is seen more often."""
PLANNED = [kind for kind in ORDINARY if kind.planned and kind.name != "orderly shutdown"]


def rounds(seed: int, count: int = IN_A_ROW) -> tuple[Round, ...]:
    """Failovers of one pair, as they are drawn."""
    chances = (random.Random(f"{seed}/{number}") for number in range(count))
    return tuple(drawn(chance, KINDS, DISTURBANCES, ILLNESSES, RARE, AIMED) for chance in chances)


def series(seed: int, count: int = IN_A_ROW) -> Played:
    """Failovers of one pair, one after the other. Never raises: a violation is part of what it gives."""
    return row(seed, rounds(seed, count))


def row(seed: int, series: Sequence[Round]) -> Played:
    """The same for rounds that are given."""
    with TemporaryDirectory(dir=fast_directory()) as state:
        campaign = CampaignPair(seed, Path(state), CONFIG)
        played, known = NOTHING, set[Missing]()
        for number, one in enumerate(series):
            began = campaign.clock.now
            try:
                play(campaign, one)
                help_was_needed = recovered(campaign, one.order)
                now = campaign.missing()
                refuse(one, now - known, campaign.given_up_at >= began)
            except Violation as error:
                story = f"{error}\nfailover {number} of series {seed}: {one}\n{campaign.story(began)}"
                played = played._replace(violation=story)
                break
            played = played._replace(
                kinds=played.kinds + Counter([one.kind.name]),
                disturbed=played.disturbed + Counter(event.disturbance.name for event in one.events),
                missing=played.missing + Counter((one.kind.name, each.cause.name) for each in now - known),
                left=played.left + Counter([help_was_needed] if help_was_needed else []),
                lossless=played.lossless + one.lossless,
            )
            known = now
        played = played._replace(acknowledged=campaign.acknowledged, errors=campaign.errors(), repairs=campaign.repairs)
        campaign.close()
    return played


def documented(seed: int, count: int = DOCUMENTED) -> Played:
    """Planned handovers with the documented hook, of which the first loses what was buffered. A pair for each."""
    played = NOTHING
    for number in range(count):
        chance = random.Random(seed * 1000 + number)
        campaign = CampaignPair(seed * 1000 + number, None)
        kind = chance.choice(PLANNED)
        play(campaign, Round(kind, (), chance.uniform(5, 40), 60.0))
        missing = Counter((kind.name, each.cause.name) for each in campaign.missing())
        account = NOTHING._replace(
            kinds=Counter([kind.name]), acknowledged=campaign.acknowledged, missing=missing, errors=campaign.errors(),
            lossless=1,
        )  # fmt: skip
        played = played.plus(account)
        campaign.close()
    return played


def play(campaign: CampaignPair, round_played: Round) -> None:
    """One failover, up to the moment before it is put right. Raises Violation."""
    clock = campaign.clock
    clock.advance(round_played.pause)
    nodes = campaign.active, campaign.pair.peer(campaign.active)
    cause = clock.now + 3.0
    happenings: list[tuple[float, str, Callable[[], None]]]
    happenings = [
        (cause, f"{round_played.kind.name}: {nodes[0].name}", partial(round_played.kind.happens, campaign, nodes[0]))
    ]
    for event in round_played.events:
        node, disturbance = nodes[event.node], event.disturbance
        name, begins = f"{disturbance.name}: {node.name}", cause + event.at
        happenings.append((begins, name, partial(disturbance.begins, campaign, node, random.Random(event.seed))))
        if disturbance.ends is not None:
            happenings.append(
                (begins + event.seconds, f"{name} ends", partial(ended, campaign, disturbance.ends, node))
            )
    for ask in round_played.asks:  # some of them come only when everything is put right
        clock.after(cause + ask.at - clock.now, partial(campaign.ask, nodes[ask.node], ask.request))
    for at, name, happens in sorted(happenings, key=lambda happening: happening[0]):
        clock.advance(max(0.0, at - clock.now))
        campaign.pair.note("fault", f"fault: {name}")
        happens()
    clock.advance(max(0.0, cause + round_played.watched - clock.now))


def ended(campaign: CampaignPair, ends: Callable[[CampaignPair, Node], None], node: Node) -> None:
    """A disturbance ends."""
    ends(campaign, node)
    campaign.came_back.append(campaign.clock.now)


def refuse(round_played: Round, lost: set[Missing], given_up: bool = False) -> None:
    """Raises Violation where something is missing that must not be. `given_up`: a copy on which a write has failed
    served alone until the handover, perhaps since an earlier round, and an operator has given it up since."""
    wrong = [each for each in lost if each.cause not in GIVEN_UP]
    if wrong:
        raise Violation(f"{len(wrong)} acknowledged writes are missing by {wrong[0].cause.value}")
    if round_played.lossless and lost and not given_up:
        raise Violation(f"{len(lost)} acknowledged writes are missing after a planned handover: {sorted(lost)[0]}")


def recovered(campaign: CampaignPair, seed: int = 0) -> str:
    """Put everything right, in an order that `seed` gives, and wait for health; what an operator had to decide, or
    nothing. Raises Violation where there is none and nobody could say why, and where a node is held back when all
    is well."""
    put_right(campaign, random.Random(seed))
    help_was_needed = ""
    if not _comes_to_health(campaign) and not (make_anew(campaign) and _comes_to_health(campaign)):
        if not campaign.is_split():
            raise Violation(f"not healthy {HEALTH:g} s after everything was put right")
        campaign.clock.advance(ALARM)
        give_up_a_copy(campaign)
        help_was_needed = "split-brain"
        _must_come_to_health(campaign, "an operator has decided on a split-brain")
    campaign.misled.clear()
    campaign.clock.advance(HANDS_OVER)
    if make_anew(campaign):
        _must_come_to_health(campaign, "a damaged copy was recreated")
    if renew_unproven(campaign):
        _must_come_to_health(campaign, "a copy that could not be proven was recreated")
    if compared(campaign):
        _must_come_to_health(campaign, "a copy that differs was recreated")
    left = _still_held_back(campaign)
    if left and (renew_unproven(campaign) or make_anew(campaign)):  # damaged anew by the time of a clock that stepped
        _must_come_to_health(campaign, "a copy was recreated that could not be proven, or was damaged")
        left = _still_held_back(campaign)
    if left:
        raise Violation(f"{RELEASED:g} s after all is well again {left}")
    return help_was_needed


def _still_held_back(campaign: CampaignPair) -> str:
    """What is left of it after RELEASED seconds, empty as soon as nothing is."""
    ends = campaign.clock.now + RELEASED
    while (left := held_back(campaign)) and campaign.clock.now < ends:
        campaign.clock.advance(LOOKS)
    return left


def _must_come_to_health(campaign: CampaignPair, after: str) -> None:
    if not _comes_to_health(campaign):
        raise Violation(f"not healthy {HEALTH:g} s after {after}")


def _comes_to_health(campaign: CampaignPair) -> bool:
    left = HEALTH
    while not campaign.is_healthy():
        if left <= 0 or campaign.is_settled_split():
            return False
        left -= 0 if checks_in_full(campaign) else LOOKS
        campaign.clock.advance(LOOKS)
    return True


def fast_directory() -> str | None:
    """Where a file is in memory, for the state of nodes: nothing there survives a real power cut, nor has to."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


def campaign(count: int, seed: int, processes: int) -> Iterator[Played]:
    """All series, as they come to their end, in order."""
    rows = [min(IN_A_ROW, count - first) for first in range(0, count, IN_A_ROW)]
    seeds = [seed * 1_000_000 + number for number in range(len(rows))]
    numbers = Value("i", 0)
    with ProcessPoolExecutor(processes, initializer=_settle_down, initargs=(numbers,)) as pool:
        yield from pool.map(series, seeds, rows)


def _settle_down(numbers: Any) -> None:
    """One processor for each process, where the system has that: its threads run one at a time, and hand over to each
    other much faster on the same one."""
    if hasattr(os, "sched_setaffinity"):
        usable = sorted(os.sched_getaffinity(0))
        with numbers.get_lock():
            os.sched_setaffinity(0, {usable[numbers.value % len(usable)]})
            numbers.value += 1


class Progress:
    """How far a campaign is, on standard error, once in a while."""

    def __init__(self, count: int) -> None:
        self._count, self._began, self._last = count, time.monotonic(), time.monotonic()

    def at(self, done: int) -> None:
        """Say it, unless it was said a moment ago."""
        now = time.monotonic()
        if now - self._last < TOLD_EVERY or not done:
            return
        self._last = now
        rate = done / (now - self._began)
        left = (self._count - done) / rate / 60
        print(
            f"{done} of {self._count} failovers, {rate:.1f} a second, {left:.0f} min left", file=sys.stderr, flush=True
        )


def violations(count: int, seed: int, processes: int, most: int) -> tuple[Played, list[str]]:
    """All failovers together, and up to so many stories of what must not be."""
    played, stories, progress = NOTHING, list[str](), Progress(count)
    for one in campaign(count, seed, processes):
        if one.violation:
            stories.append(one.violation)
            print(f"VIOLATION: {one.violation.splitlines()[0]}", *one.violation.splitlines()[1:2], sep="\n  ",
                  file=sys.stderr, flush=True)  # fmt: skip
        played = played.plus(one)
        progress.at(sum(played.kinds.values()))
        if len(stories) >= most:
            break
    return played, stories


def main(words: list[str] | None = None) -> int:
    """Run, print, judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("count", nargs="?", type=int, default=COUNT)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--processes", type=int, default=PROCESSES)
    parser.add_argument("--violations", type=int, default=1, help="end after so many (default: %(default)s)")
    parser.add_argument(
        "--series", type=int, help="play the series of this number, up to COUNT of its failovers, again"
    )
    parser.add_argument("--shrink", action="store_true", help="leave out of that what its violation does not need")
    options = parser.parse_args(words)
    if options.series is not None:
        return replay(options.series, min(options.count, IN_A_ROW), options.shrink)
    began = time.monotonic()
    played, stories = violations(options.count, options.seed, options.processes, options.violations)
    took = time.monotonic() - began
    kinds = [kind.name for kind in KINDS]
    print("\n".join(report(played, documented(options.seed), options.seed, took, kinds)))
    for story in stories:
        print(f"VIOLATION: {story}")
    return int(bool(stories))


def replay(seed: int, count: int, shrinks: bool) -> int:
    """One series again; its violation, if it has one, and the least that leads to it."""
    series = rounds(seed, count)
    played = row(seed, series)
    if played.violation and shrinks:
        least = shrunk(series, played.violation, lambda fewer: row(seed, fewer).violation)
        played = row(seed, least)
        print("\n".join(f"{number}: {one}" for number, one in enumerate(least)))
    print(f"VIOLATION: {played.violation}" if played.violation else f"{count} failovers of series {seed}: none wrong")
    return int(bool(played.violation))


if __name__ == "__main__":
    sys.exit(main())
