"""A table of texts in columns and colours, as lines of a terminal. Knows nothing of what it shows."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from checks.plugin.text import plain
from remediate import terminal

LABELS = 14
"""Columns of the labels, the blank after them included."""
GAP = 2


class Mark(enum.Enum):
    """What a colour says."""

    PLAIN = ""
    WELL = terminal.GREEN
    NOTE = terminal.YELLOW
    WRONG = terminal.RED
    NAME = terminal.BOLD


PLAIN, WELL, NOTE, WRONG, NAME = Mark


class ColouredText(NamedTuple):
    """Text in one colour."""

    text: str
    mark: Mark = PLAIN


Paragraph = tuple[ColouredText, ...]
Cell = tuple[Paragraph, ...]
"""The lines of a cell before they are wrapped."""


class TableRow(NamedTuple):
    """A line of the table: a cell for each node. Without cells it is a heading."""

    label: str
    cells: tuple[Cell, ...]


def table(rows: Iterable[TableRow], width: int, coloured: bool) -> Iterator[str]:
    """The rows as lines; cells `width` wide."""
    for row in rows:
        if not row.cells:
            yield from ["", painted((ColouredText(plain(row.label), NAME),), coloured)]
            continue
        cells = [[line for paragraph in cell for line in wrapped(paragraph, width)] for cell in row.cells]
        for number in range(max(map(len, cells))):
            texts = [(row.label if number == 0 else "").ljust(LABELS)]
            for cell in cells:
                line = cell[number] if number < len(cell) else ()
                texts.append(painted(line, coloured) + " " * (width - length(line) + GAP))
            yield "".join(texts).rstrip()


def wrapped(paragraph: Paragraph, width: int) -> list[Paragraph]:
    """A paragraph as lines of at most `width`; a word that is longer is cut into pieces."""
    lines: list[list[ColouredText]] = [[]]
    room = width
    for piece in paragraph:
        for word in piece.text.split():
            for part in (word[start : start + width] for start in range(0, len(word), width)):
                if lines[-1] and len(part) >= room:
                    lines.append([])
                    room = width
                room -= len(part) + bool(lines[-1])
                last = lines[-1][-1] if lines[-1] else None
                if last and last.mark is piece.mark:
                    lines[-1][-1] = ColouredText(f"{last.text} {part}", piece.mark)
                else:
                    lines[-1].append(ColouredText(part, piece.mark))
    return [tuple(line) for line in lines]


def length(line: Paragraph) -> int:
    """Characters of a line on the screen."""
    return len(" ".join(piece.text for piece in line))


def painted(line: Paragraph, coloured: bool) -> str:
    """A line as text, in its colours where they are wanted."""
    paint = terminal.Paint(coloured)
    return " ".join(paint(piece.text, piece.mark.value) for piece in line)
