"""Texts of a help in the width of the terminal. Imported only when a help is asked for."""

from __future__ import annotations

import re
import shutil
import textwrap
from collections.abc import Iterator

NARROWEST = 30
"""Columns below which a help is not folded any further."""


def columns() -> int:
    """How wide a help may be: COLUMNS, else the terminal, else 80."""
    return max(shutil.get_terminal_size().columns, NARROWEST)


def fitted(text: str, width: int) -> str:
    """Paragraphs are filled again. An indented line that is too long is folded: below the second column where it has
    one, which two blanks separate from the first, else with a deeper indentation."""
    paragraphs = text.strip("\n").split("\n\n")
    return "\n\n".join("\n".join(_lines(paragraph, width)) for paragraph in paragraphs)


def _lines(paragraph: str, width: int) -> Iterator[str]:
    prose: list[str] = []
    for line in paragraph.split("\n"):
        if line[:1].strip():
            prose.append(line)
            continue
        yield from _folded(" ".join(prose), width, "")
        prose = []
        yield from _folded(line, width, _hanging(line, width)) if line.strip() else [""]
    yield from _folded(" ".join(prose), width, "")


def _hanging(line: str, width: int) -> str:
    """What the rest of an indented line that is too long begins with."""
    columns = re.match(r" +\S.*?\S? {2,}(?=\S)", line)
    if columns is not None and columns.end() <= width // 2:
        return " " * columns.end()
    sentence = line[:1] == " " and len(line) - len(line.lstrip()) > 8  # below a second column already
    return " " * (len(line) - len(line.lstrip()) + (0 if sentence else 4))


def _folded(line: str, width: int, hanging: str) -> list[str]:
    if len(line) <= width:
        return [line] if line else []
    return textwrap.wrap(line, width, subsequent_indent=hanging, break_on_hyphens=False, break_long_words=False)
