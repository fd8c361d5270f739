"""check_hast_pair: the checks that watch the service on a node, in one process and one login, as one service.

A process for each check is most of what monitoring many pairs costs. What is judged is judged by the checks themselves;
here their verdicts are put together, and none of them is made better.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import suppress

from checks import carp, carp_hast, devd, hast, hast_mount, hast_splitbrain
from checks.hast_pair_resource import CheckOfNode, ChecksRun, LookJudge, NumberOfCheck, WholeNode
from checks.plugin.command import CheckCommand
from checks.plugin.finding import COULD_NOT_LOOK, OK, Row, Table
from checks.plugin.judging import Judgement, judges
from checks.plugin.resource import Part
from checks.plugin.session import Session
from checks.plugin.text import name_list
from checks.probes.errors import ProbeError
from checks.probes.node import Node

CHECKS = tuple(module.CHECK for module in (carp_hast, carp, hast, hast_splitbrain, hast_mount, devd))
"""Those that watch the service on a node, in the order of the registry."""
NAMES = tuple(each.name for each in CHECKS)
WELL = Row("pair-well", OK, "every check of the node is OK", "nothing is wrong on the node")


class CombinedTable(Table):
    """The rows of all checks, for whoever looks one up; as its own it lists only what no other check has."""

    def __init__(self) -> None:
        super().__init__(WELL)
        rows = [row for check in CHECKS for row in check.table.own]
        self.by_reason = {row.reason: row for row in reversed([*rows, WELL, *COULD_NOT_LOOK])}
        self.by_reason = dict(reversed(self.by_reason.items()))

    def __iter__(self) -> Iterator[Row]:
        return iter((*self.own, *COULD_NOT_LOOK))


TABLE = CombinedTable()

PERFDATA = (("CHECK::LABEL", "each number of each check, such as check_hast::home_dirty"),)

ABOUT = f"""\
Runs {name_list(list(NAMES))} on a node in one process. Each question is asked once, in few calls
where a login or sudo(8) is needed, and each check judges the answers as it does alone; its own --help has its table.
The state is that of the worst of them, and a check that could not be run to its end is UNKNOWN at least. The first line
names what is not OK, the worst first, each finding with its check and its reason; then each check has a line, the worst
first, with what to do next below it. --json adds each check's own output. It is meant for many pairs: one service
instead of six, and so one state, one event handler and one history for all of them. `hastwatch submit --all` sends the
same look as the results of six services. check_hast_setup, once an hour, and check_nfs_export, from outside, stay
services of their own."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of this check."""
    parser.add_argument("--check", action="append", default=[], type=_line, metavar="LINE", help=(
        "options for one of the checks, such as 'check_carp --preferred MASTER'; may be repeated"
    ))  # fmt: skip


def _line(text: str) -> tuple[str, ...]:
    import shlex

    try:
        words = tuple(shlex.split(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} cannot be split into words: {error}") from None
    if words[:1] not in [(name,) for name in NAMES]:
        raise argparse.ArgumentTypeError(f"{text!r} does not begin with one of {', '.join(NAMES)}")
    return words


def judge_well(checks: list[str]) -> Judgement:
    """All of them."""
    yield WELL.reason, f"{name_list(checks)} are OK"


def parts(session: Session) -> Iterator[Part]:
    """Each check, and how they are put together. Raises ConfigError."""
    yield LookJudge()
    yield NumberOfCheck()
    yield from judges(TABLE, well=judge_well)
    checks = [CheckOfNode(session, each) for each in CHECKS]
    yield from checks
    yield WholeNode(session.here, checks)


def led_to(node: Node) -> list[tuple[str, ...]]:
    """What the answers lead any of the checks to ask. Raises nothing."""
    questions: list[tuple[str, ...]] = []
    for check in CHECKS:
        with suppress(ProbeError):
            questions += check.led_to(node)
    return questions


CHECK = CheckCommand(
    "check_hast_pair",
    "HAST PAIR",
    ABOUT,
    TABLE,
    PERFDATA,
    parts,
    add_options,
    uses_peer=True,
    questions=tuple(dict.fromkeys(question for check in CHECKS for question in check.questions)),
    led_to=led_to,
    takes=20.0,  # six checks, which ask one after the other where no gate answers several questions in one call
    runs=ChecksRun,
)
main = CHECK.main
