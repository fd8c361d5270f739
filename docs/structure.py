"""Draw docs/architecture.svg, the parts of the program and which of them import which, from the sources.

    python docs/structure.py            draw it
    python docs/structure.py --check    exit status 1 where the picture is not what the sources say now

A part shows its packages, each with the first line of its docstring; an arrow says that one imports the other.
"""

from __future__ import annotations

import ast
import sys
import textwrap
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
PICTURE = ROOT / "docs" / "architecture.svg"
COLUMN, ROW, GAP, MARGIN, PAD = 620, 18, 56, 16, 12
"""Width of a column, height of a line, between two boxes, around everything, and within a box, in pixels."""
NAME, ABOUT = 108, 74
"""Pixels for a package's name, and characters of what it is."""
INK, FAINT, PAPER, BOX, ARROW = "#1d2430", "#5a6472", "#ffffff", "#eef2f7", "#3867a6"


class Part(NamedTuple):
    """A box: its package, and its place, in columns and rows."""

    module: str
    column: int
    row: int

    @property
    def path(self) -> Path:
        """Its folder."""
        return ROOT / self.module.replace(".", "/")


PARTS = (
    Part("hooks", 0, 0),
    Part("remediate.rehearsal", 1, 1),
    Part("remediate", 0, 1),
    Part("checks", 0, 2),
    Part("simulator", 1, 2),
)
"""A module belongs to the innermost."""
BEGINS_ALL = "remediate.command"
"""The console script finds the module of a subcommand by its name: it is drawn in no part."""


class Box(NamedTuple):
    """Where a part is drawn, in pixels, and its lines: names with what they are."""

    x: float
    y: float
    width: float
    height: float
    lines: list[tuple[str, str]]

    @property
    def middle(self) -> tuple[float, float]:
        """Its centre."""
        return self.x + self.width / 2, self.y + self.height / 2

    def edge(self, towards: tuple[float, float]) -> tuple[float, float]:
        """Where the line from the centre to another point leaves the box."""
        (x, y), (u, v) = self.middle, towards
        scale = min(
            self.width / 2 / abs(u - x) if u != x else float("inf"),
            self.height / 2 / abs(v - y) if v != y else float("inf"),
        )
        return x + (u - x) * scale, y + (v - y) * scale


def part_of(module: str) -> Part | None:
    """The part that a module belongs to."""
    if f"{module}.".startswith(f"{BEGINS_ALL}."):
        return None
    named = [part for part in PARTS if f"{module}.".startswith(f"{part.module}.")]
    return max(named, key=lambda part: len(part.module), default=None)


def arrows() -> set[tuple[Part, Part]]:
    """Which part imports which, wherever in a module."""
    found = set()
    for part in PARTS:
        for path in part.path.rglob("*.py"):
            own = part_of(".".join(path.relative_to(ROOT).with_suffix("").parts))
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                for name in _imported(node):
                    other = part_of(name)
                    if own is not None and other is not None and own != other:
                        found.add((own, other))
    return found


def _imported(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module:
        yield from (f"{node.module}.{alias.name}" for alias in node.names)


def lines_of(part: Part) -> list[tuple[str, str]]:
    """A line for the part, and one for each of its packages that is no part itself."""
    packages = sorted(path.parent for path in part.path.glob("*/__init__.py"))
    inner = [path for path in packages if part_of(".".join(path.relative_to(ROOT).parts)) == part]
    return [
        (part.module, about(part.path / "__init__.py")),
        *[(path.name, about(path / "__init__.py")) for path in inner],
    ]


def about(path: Path) -> str:
    """The first sentence of a docstring, as far as there is room."""
    text = (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").partition("\n\n")[0]
    return textwrap.shorten(text.replace("\n", " "), ABOUT, placeholder=" …")


def boxes() -> dict[Part, Box]:
    """Each part with its place; a row begins below the highest box of the one before."""
    placed, y = {}, float(MARGIN)
    for row in range(max(part.row for part in PARTS) + 1):
        for part in [part for part in PARTS if part.row == row]:
            lines = lines_of(part)
            placed[part] = Box(MARGIN + part.column * (COLUMN + GAP), y, COLUMN, len(lines) * ROW + 2 * PAD, lines)
        y = max(box.y + box.height for box in placed.values()) + GAP
    return placed


def svg() -> str:
    """The picture."""
    drawn, placed = [], boxes()
    width = 2 * MARGIN + 2 * COLUMN + GAP
    height = max(box.y + box.height for box in placed.values()) + MARGIN
    for box in placed.values():
        drawn.append(
            f'<rect class="box" x="{box.x:g}" y="{box.y:g}" width="{box.width}" height="{box.height}" rx="6"/>'
        )
        for number, (name, words) in enumerate(box.lines):
            x, y = box.x + PAD, box.y + PAD + ROW * number + 13
            own, at = ("part", x + max(NAME, 8.5 * len(name) + 12)) if number == 0 else ("name", x + NAME)
            drawn.append(f'<text class="{own}" x="{x:g}" y="{y:g}">{escape(name)}</text>')
            drawn.append(f'<text x="{at:g}" y="{y:g}">{escape(words)}</text>')
    for one, other in sorted(arrows()):
        (x, y), (u, v) = placed[one].edge(placed[other].middle), placed[other].edge(placed[one].middle)
        drawn.append(f'<line x1="{x:.0f}" y1="{y:.0f}" x2="{u:.0f}" y2="{v:.0f}" marker-end="url(#head)"/>')
    return "\n".join([*HEAD.format(width=f"{width:g}", height=f"{height:g}").splitlines(), *drawn, "</svg>"]) + "\n"


HEAD = f"""\
<svg xmlns="http://www.w3.org/2000/svg" width="{{width}}" height="{{height}}" viewBox="0 0 {{width}} {{height}}">
<title>The parts of hastwatch and which of them import which</title>
<defs><marker id="head" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" markerHeight="8" orient="auto">\
<path d="M0 0 10 5 0 10z" fill="{ARROW}"/></marker></defs>
<style>
text {{{{ font-family: sans-serif; font-size: 12px; fill: {FAINT} }}}}
.part {{{{ font-weight: bold; font-size: 14px; fill: {INK} }}}} .name {{{{ font-weight: bold; fill: {INK} }}}}
.box {{{{ fill: {BOX}; stroke: {FAINT} }}}} line {{{{ stroke: {ARROW}; stroke-width: 2 }}}}
</style>
<rect width="100%" height="100%" fill="{PAPER}"/>
"""


def main(words: list[str]) -> int:
    """Draw, or compare with what was drawn."""
    drawn = svg()
    if words == ["--check"]:
        same = PICTURE.exists() and PICTURE.read_text(encoding="utf-8") == drawn
        print(f"{PICTURE.name}: {'as the sources say' if same else 'draw it again: python docs/structure.py'}")
        return 0 if same else 1
    PICTURE.write_text(drawn, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
