"""Draw docs/rehearse.svg, the picture of `hastwatch rehearse` in the README, from a tour that is run for it.

    python docs/picture.py            draw it
    python docs/picture.py --check    exit status 1 where the picture is not what is printed now

One scenario of the tour is shown in full and the table at its end; what lies between is a line that says so.
"""

from __future__ import annotations

import contextlib
import io
import re
import sys
from collections.abc import Iterator
from html import escape
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from remediate.config import RemediationConfig  # noqa: E402
from remediate.rehearsal import rehearse  # noqa: E402
from remediate.rehearsal.own_pair import layout_of  # noqa: E402
from remediate.rehearsal.scenarios import SCENARIOS  # noqa: E402
from remediate.terminal import FAINT, Paint  # noqa: E402

PICTURE = ROOT / "docs" / "rehearse.svg"
SHOWN = "devd-dies"
"""The scenario that is shown in full: a missed failover is what the checks are for."""

COLUMN, LINE, MARGIN, SIZE = 7.8, 18, 16, 13
"""Width of a character, height of a line, margin and size of the letters, in pixels."""
INK, PAPER = "#d4d7dd", "#16181d"
COLOURS = {"31": "#ff6b68", "32": "#7fd17f", "33": "#e5c07b", "35": "#d48be0", "36": "#6cc3d5"}
"""What the colours look like on a dark terminal."""


def tour() -> str:
    """The coloured output of the tour. Raises SystemExit where it does not end as it must."""
    options = rehearse.parser().parse_args(["--speed", "max"])
    run = rehearse.Rehearsal(options, RemediationConfig(), layout_of(RemediationConfig(), options.seed))
    run.paint = Paint(True)
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        status = run.run(list(SCENARIOS))
    if status:
        raise SystemExit("the tour does not end as it must: no picture of that")
    return output.getvalue()


def excerpt(text: str) -> list[str]:
    """The prompt, the scenario shown in full, and the table at the end."""
    lines = text.splitlines()
    heads = [number for number, line in enumerate(lines) if _starts_scenario(line)]
    shown = next(number for number in heads if uncoloured(lines[number]).startswith(f"{SHOWN}: "))
    after = next((number for number in heads if number > shown), len(lines))
    end = next(number for number, line in enumerate(lines) if uncoloured(line).startswith("scenario  "))
    faint = Paint(True)
    before, behind = heads.index(shown), len(heads) - heads.index(shown) - 1
    return [
        "$ hastwatch rehearse",
        faint(f"[ {before} scenarios before this one ]", FAINT),
        "",
        *lines[shown:after],
        faint(f"[ {behind} scenarios after it ]", FAINT),
        "",
        *lines[end:],
    ]


def uncoloured(text: str) -> str:
    """The text without the codes of a terminal."""
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def _starts_scenario(line: str) -> bool:
    plain = uncoloured(line)
    return any(plain == f"{scenario.name}: {scenario.line}" for scenario in SCENARIOS)


def svg(lines: list[str]) -> str:
    """The lines as a picture of text; colours as classes of a style sheet."""
    width = round(max(len(uncoloured(line)) for line in lines) * COLUMN + 2 * MARGIN)
    height = len(lines) * LINE + 2 * MARGIN
    styles = [f".c{code} {{ fill: {colour} }}" for code, colour in COLOURS.items()]
    drawn = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">',
        "<title>hastwatch rehearse</title>",
        f"<style>text {{ font: {SIZE}px ui-monospace, Menlo, Consolas, monospace; fill: {INK} }}",
        *styles,
        ".c1 { font-weight: bold } .c2 { opacity: 0.65 }</style>",
        f'<rect width="100%" height="100%" rx="8" fill="{PAPER}"/>',
    ]
    for number, line in enumerate(lines):
        if line:
            y = MARGIN + LINE * number + SIZE
            drawn.append(f'<text y="{y}">{"".join(_spans(line))}</text>')
    return "\n".join([*drawn, "</svg>"]) + "\n"


def _spans(line: str) -> Iterator[str]:
    """Pieces of one line, each with its codes; a code 0 ends them.

    What is set off by more than one space has a place of its own: columns stay columns whatever letters a reader has.
    """
    codes: list[str] = []
    column = 0
    for piece in re.split(r"(\x1b\[[0-9;]*m)", line):
        if piece.startswith("\x1b["):
            found = piece[2:-1].split(";")
            codes = [] if found == ["0"] else found
        elif piece:
            classes = f' class="{" ".join(f"c{code}" for code in codes)}"' if codes else ""
            for words in re.finditer(r"\S+(?: \S+)*", piece):
                x = MARGIN + COLUMN * (column + words.start())
                yield f'<tspan x="{x:g}"{classes}>{escape(words[0])}</tspan>'
            column += len(piece)


def main(words: list[str]) -> int:
    """Draw, or compare with what was drawn."""
    drawn = svg(excerpt(tour()))
    if words == ["--check"]:
        same = PICTURE.exists() and PICTURE.read_text(encoding="utf-8") == drawn
        print(f"{PICTURE.name}: {'as it is printed now' if same else 'draw it again: python docs/picture.py'}")
        return 0 if same else 1
    PICTURE.write_text(drawn, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
