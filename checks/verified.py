"""What came out when the two copies of a resource were compared, in words, and what check_hast finds in it."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import NamedTuple

from checks.plugin.finding import CRITICAL, WARNING, Row
from checks.plugin.text import duration, plain, say_count, say_duration
from checks.probes import state_files, verified
from checks.probes.verified import Verification

ROWS = (
    Row("hast-copies-differ", CRITICAL, "primary; the last `hastwatch verify` found extents that differ, or cannot be "
        "read", "a failover would serve other data",
        "on the standby: `hastwatch verify {resource} --repair --dry-run` says whether its copy may be replaced"),
    Row("hast-never-verified", WARNING, "primary; with --verified: the copies have not been compared yet",
        "whether the other copy holds the same is unknown",
        "on {node}: `hastwatch verify {resource} --rate 20M`; clients are served meanwhile"),
    Row("hast-verified-long-ago", WARNING, "primary; with --verified: the last comparison is longer ago, or has left "
        "extents out", "whether the other copy still holds the same is unknown",
        "on {node}: `hastwatch verify {resource} --rate 20M`; clients are served meanwhile"),
)  # fmt: skip
QUESTIONS = tuple(("cat", path) for path in state_files.paths(verified.NAME))
CLOCKS = 3600.0
"""Seconds by which the clocks of the nodes may differ."""
SHOWN = 10
"""Numbers of extents that a sentence names."""


def said(run: Verification) -> str:
    """The result for people."""
    words = []
    if run.differ:
        shown = ", ".join(map(str, run.numbers[:SHOWN])) + (", ..." if run.differ > SHOWN else "")
        words.append(f"{say_count(run.differ, 'extent')} of {run.extents} differ: {shown}")
        words += [f"{count} cannot be read on {plain(node)}" for node, count in run.unread]
        words += [f"{plain(node)} {plain(sign)}" for node, sign in run.signs]
        words.append(plain(run.wrong) or "which copy is wrong is not known, the primary's is what clients see")
        if run.deletes:
            words.append("free space may differ, as the file system deletes (TRIM)")
    else:
        words.append(f"{say_count(run.extents - run.undecided, 'extent')} compared, all equal")
    if run.undecided:
        words.append(f"{say_count(run.undecided, 'extent')} not compared, being written all the time")
    return "; ".join(words)


def add_option(parser: argparse.ArgumentParser) -> None:
    """The option of check_hast."""
    parser.add_argument("--verified", type=_age, metavar="AGE", help=(
        "how long ago `hastwatch verify` may have compared the copies of a primary, such as 35d (default: any time, or "
        "never; differences are always found)"
    ))  # fmt: skip


def _age(text: str) -> float:
    try:
        return duration(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


class ComparisonAge(NamedTuple):
    """The last comparison of a primary, None where there was none; how many seconds ago it may be, None where nobody
    asks; and the time (seconds since 1970)."""

    last: Verification | None
    wanted: float | None
    now: float


def judge(compared: ComparisonAge) -> Iterator[tuple[str, str]]:
    """A standby is not judged: it was told the same, and clients are elsewhere."""
    last, wanted, now = compared
    ago = now - last.ended if last else 0.0
    if last is not None and last.differ:
        yield "hast-copies-differ", f"compared {say_duration(max(ago, 0))} ago: {said(last)}"
    if wanted is None:
        return
    if last is None:
        yield "hast-never-verified", "the copies have never been compared"
    elif ago > wanted or ago < -CLOCKS or last.undecided:
        text = f"compared {say_duration(max(ago, 0))} ago, {say_duration(wanted)} is asked for"
        if last.undecided:
            text = f"compared {say_duration(max(ago, 0))} ago, but for {say_count(last.undecided, 'extent')}"
        if ago < -CLOCKS:
            text = "compared in the future, by the clock of the node"
        yield "hast-verified-long-ago", text
