"""Draw docs/rehearse.svg, the picture of `hastwatch rehearse` in the README, from the default run, which is run for it.

    python docs/picture.py            draw it
    python docs/picture.py --check    exit status 1 where the picture is not what is printed now

The table at the end is shown as it is printed, below it the two timelines of one fault, on the same scale.
"""

from __future__ import annotations

import contextlib
import io
import re
import sys
from html import escape
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from remediate.config import RemediationConfig
from remediate.rehearsal import rehearse
from remediate.rehearsal.comparison import LEGEND
from remediate.rehearsal.faults import FAULTS
from remediate.rehearsal.own_pair import layout_of
from remediate.terminal import Paint
from remediate.timeline import svg
from remediate.timeline.model import Timeline

PICTURE = ROOT / "docs" / "rehearse.svg"
SHOWN = "reboot"
"""The fault whose timelines are shown."""
LETTER, LINE = 7.8, 18
"""Width of a letter of the table and height of its lines, in pixels."""
STYLE = " .table { font: 13px ui-monospace, Menlo, Consolas, monospace }"


def played() -> tuple[list[str], list[Timeline]]:
    """The prompt with the table, and the timelines of the fault that is shown. Raises SystemExit where the run does not
    end as it must."""
    options = rehearse.parser().parse_args(["--speed", "max", "--timeline", "/dev/null"])
    run = rehearse.Rehearsal(options, RemediationConfig(), layout_of(RemediationConfig(), options.seed))
    run.paint = Paint(False)
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        status = run.compare(FAULTS)
    if status:
        raise SystemExit("the default run does not end as it must: no picture of that")
    *_, table, legend, _ = output.getvalue().split("\n\n")
    number = next(number for number, fault in enumerate(FAULTS) if fault.name == SHOWN)
    lines = ["$ hastwatch rehearse", "", *table.splitlines(), "", *legend.splitlines()]
    return lines, run.timelines[2 * number : 2 * number + 2]


def picture(lines: list[str], timelines: list[Timeline]) -> str:
    """The lines as text, and the timelines below them."""
    drawn: list[str] = []
    y = float(svg.MARGIN)
    for line in lines:
        y += LINE
        classes = "table faint" if line.startswith(("$", *(line.partition(" ")[0] for line in LEGEND))) else "table ink"
        for column, words in _columns(line):
            x = svg.MARGIN + LETTER * column
            drawn.append(f'<text class="{classes}" x="{x:.1f}" y="{y:.1f}">{escape(words)}</text>')
    for timeline in timelines:
        y += svg.MARGIN
        figure, height = svg.drawing(timeline, y)
        drawn += figure
        y += height
    return svg.framed(drawn, y + svg.MARGIN, "hastwatch rehearse", STYLE)


def _columns(line: str) -> list[tuple[int, str]]:
    """What is set off by more than one space has a place of its own, whatever letters a reader has."""
    return [(words.start(), words[0]) for words in re.finditer(r"\S+(?: \S+)*", line)]


def main(words: list[str]) -> int:
    """Draw, or compare with what was drawn."""
    drawn = picture(*played())
    if words == ["--check"]:
        same = PICTURE.exists() and PICTURE.read_text(encoding="utf-8") == drawn
        print(f"{PICTURE.name}: {'as it is printed now' if same else 'draw it again: python docs/picture.py'}")
        return 0 if same else 1
    PICTURE.write_text(drawn, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
