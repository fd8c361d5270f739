"""`hastwatch explain [REASON]`: what a finding means, and what to do about it.

    hastwatch explain hast-degraded
    hastwatch explain

REASON is the name in brackets at the end of a check's line. Printed are its rows in the tables of the checks, and its
runbook: what the line means, what to do, and how to see that it helped. Without REASON all of them are listed. Nothing
is asked of a node.
"""

from __future__ import annotations

import difflib
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from checks.plugin.finding import COULD_NOT_LOOK, Row
from checks.plugin.text import name_list, plain
from checks.registry import REGISTRY
from remediate import exits
from remediate.arguments import Parser
from remediate.exits import USAGE
from remediate.invocation import OWN, Invocation

PROG = "hastwatch explain"
EVERY_CHECK = "every check"
INSTALLED = "share/doc/hastwatch/runbooks"
"""Below the prefix of the installation (pyproject.toml, data-files)."""
EXITS = {
    0: "printed",
    USAGE: "wrong usage, or no such reason",
}


class Explained(NamedTuple):
    """A row, and the check in whose table it is."""

    check: str
    row: Row


def main(words: list[str] | None = None, invocation: Invocation = OWN) -> int:
    """The command with its arguments; the exit status."""
    console = invocation.console
    reason = parser().parse(words, console).reason
    rows = list(every_row())
    if reason is None:
        console.out.write(listing(rows))
        return 0
    explained = [each for each in rows if each.row.reason == reason]
    if not explained:
        near = difflib.get_close_matches(reason, sorted({each.row.reason for each in rows}), 3, 0.5)
        hint = f": perhaps {name_list(near)}" if near else ""
        console.err.write(f"{PROG}: no reason {plain(reason)!r}{hint} (`{PROG}` lists all)\n")
        return USAGE
    console.out.write(f"{explanation(explained)}\n{runbook(reason) or 'There is no runbook of this reason.'}\n")
    return 0


def parser() -> Parser:
    """The command line."""
    parser = Parser(prog=PROG, description=__doc__, exits=exits.described(EXITS))
    parser.add_argument("reason", nargs="?", metavar="REASON", help="as a check names it in brackets")
    return parser


def every_row() -> Iterator[Explained]:
    """The rows of all tables, check by check; those that every check has come last, once."""
    for each in REGISTRY:
        check = each.load()
        yield from (Explained(check.name, row) for row in check.table.own)
    yield from (Explained(EVERY_CHECK, row) for row in COULD_NOT_LOOK)


def listing(rows: list[Explained]) -> str:
    """Every reason in a line, below its check."""
    width = max(len(each.row.reason) for each in rows)
    lines: list[str] = []
    check = ""
    for each in rows:
        if each.check != check:
            check = each.check
            lines.append(f"{check}:")
        lines.append(f"  {each.row.reason:<{width}}  {each.row.severity.name:<8}  {each.row.when}")
    return "\n".join(lines) + "\n"


def explanation(explained: list[Explained]) -> str:
    """The rows of one reason."""
    lines = []
    for check, row in explained:
        lines += [f"{row.reason} ({check}): {row.severity.name}", f"  when:  {row.when}", f"  means: {row.means}"]
        lines += [f"  -> {row.words}"] if row.action else []
    return "\n".join(lines) + "\n"


def runbook(reason: str) -> str:
    """The runbook of a reason, without its title; empty where there is none."""
    for directory in directories():
        path = directory / f"{reason}.md"
        if path.is_file():
            return path.read_text(encoding="utf-8").removeprefix(f"# {reason}\n").strip()
    return ""


def directories() -> Iterator[Path]:
    """Where runbooks may be: in the sources, or where the project is installed."""
    root = Path(__file__).resolve().parents[2]
    yield root / "docs" / "runbooks"
    yield Path(sysconfig.get_path("data")) / INSTALLED
    yield Path(sysconfig.get_path("data", sysconfig.get_preferred_scheme("user"))) / INSTALLED


if __name__ == "__main__":
    sys.exit(main())
