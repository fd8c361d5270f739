"""See what the checks say, without a FreeBSD host: they run over the recordings of a pair, and the verdicts are shown.

    python tests/demo.py                  a healthy pair, then two broken ones
    python tests/demo.py synchronising    another state of tests/recordings

The commands are the installed ones, the answers they get were printed by a real pair of FreeBSD 13.2 hosts.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import signal
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.expected import OF_A_PAIR, RECORDINGS, WORKERS, Block, checks, nodes, other_node, run, script

DEVD = " (check_devd is right too: these hosts were recorded while devd ran another program.)"
SHOWN = {
    "made-healthy-pair": "The healthy pair as recorded, but with NFS stopped on the standby, as it should have been.",
    "split-brain": "Both copies were written while the link was cut; the nodes have met again. HAST itself only shows"
    " `degraded` on one side and a secondary without status on the other." + DEVD,
    "carp-master-on-hast-secondary": "The service address is on one node, the data on the other: every part is well,"
    " the pair serves nobody." + DEVD,
}
STATES = ("OK", "WARNING", "CRITICAL", "UNKNOWN")
COLOURS = {"OK": "32", "WARNING": "33", "CRITICAL": "31;1", "UNKNOWN": "35"}
NARROWEST, WIDEST = 60, 140


class Row(NamedTuple):
    """One line of a table."""

    state: str
    check: str
    node: str
    message: str


def row(node: Path, block: Block) -> Row:
    """What a check said, without its performance data and without repeating its title and state."""
    said = block.output.partition("\n")[0].partition(" | ")[0]
    message = re.sub(r"^.*? (OK|WARNING|CRITICAL|UNKNOWN) - ", "", said, count=1)
    return Row(STATES[block.status], block.command.split()[0], node.name, message)


def rows(state: str) -> list[Row]:
    """All checks on all nodes of a state. Those that compare the nodes run once, and ask both."""
    asked = [
        (node, f"{check} --peer" if check in OF_A_PAIR and other_node(node) else check)
        for check in checks()
        for number, node in enumerate(node for node in nodes() if node.parent.name == state)
        if number == 0 or check not in OF_A_PAIR
    ]
    with ThreadPoolExecutor(WORKERS) as pool:
        blocks = pool.map(lambda one: run(*one), asked)
        return [
            row(node, block)._replace(node="both" if "--peer" in block.command else node.name)
            for (node, _), block in zip(asked, blocks, strict=True)
        ]


def table(found: list[Row], width: int, coloured: bool) -> str:
    """The rows as columns; the message is wrapped to what is left of the width."""
    widths = [max(len(cell) for cell in column) for column in zip(*(one[:3] for one in found), strict=True)]
    indent = sum(widths) + 2 * len(widths)
    lines = []
    for one in found:
        heads = [cell.ljust(size) for cell, size in zip(one, widths, strict=False)]
        if coloured:
            heads[0] = f"\x1b[{COLOURS[one.state]}m{heads[0]}\x1b[0m"
        first, *more = textwrap.wrap(one.message, max(width - indent, 30), break_on_hyphens=False) or [""]
        lines += ["  ".join([*heads, first]), *(" " * indent + line for line in more)]
    return "\n".join(lines)


def main() -> int:
    """Show the tables; 0 where every command ran."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "states", nargs="*", metavar="STATE", help=f"out of {RECORDINGS.name}/ (default: three of them)"
    )
    options = parser.parse_args()
    known = {node.parent.name for node in nodes()}
    for state in options.states:
        if state not in known:
            parser.error(f"no state {state}; there are: {', '.join(sorted(known))}")
    missing = [name for name in checks() if not script(name).exists()]
    if missing:
        parser.error(f"not installed: {', '.join(missing)} (python -m pip install -e .)")
    width = min(max(shutil.get_terminal_size().columns, NARROWEST), WIDEST)
    coloured = sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    well = True
    for state in options.states or SHOWN:
        found = rows(state)
        well = well and all(one.message and "check-failed" not in one.message for one in found)
        said = f"{state}. {SHOWN.get(state, 'See tests/recordings/README.md.')}"
        sys.stdout.write(f"{textwrap.fill(said, width)}\n\n{table(found, width, coloured)}\n\n")
    return int(not well)


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # `| head` ends this program, as any other
    sys.exit(main())
