"""A page of the manual as data: what it consists of, and how mdoc(7) and Markdown have it.

What the pages say is in `docs/pages.py`. This module knows no command.
"""

from __future__ import annotations

import re
import textwrap
from typing import NamedTuple

DATE = "November 29, 2026"
"""Of the last change of what the pages say, as mdoc(7) wants it; not of the day they are written."""
WIDTH = 78
SENTENCES = re.compile(r"(?<=[.!?]) +(?=\S)|(?<=[.!?]\)) +(?=\S)")
"""Where mdoc(7) wants a new line."""


class Heading(NamedTuple):
    """A section of a page."""

    text: str


class Paragraph(NamedTuple):
    """Prose."""

    text: str


class Literal(NamedTuple):
    """Lines that are shown as they are."""

    text: str


class Word(NamedTuple):
    """A word of a command line, and which macro of mdoc(7) it is for: Nm, Fl, Ar, Cm, Sy, Pa, or none."""

    macro: str
    text: str

    @property
    def mdoc(self) -> str:
        """The macro with its argument; a flag without its first hyphen, which Fl prints."""
        text = self.text.removeprefix("-") if self.macro == "Fl" else self.text
        return f"{self.macro} {text}".strip()


class Item(NamedTuple):
    """An entry of a list: what it is about, and the text."""

    term: tuple[Word, ...]
    text: str


class Items(NamedTuple):
    """A list."""

    entries: tuple[Item, ...]


class Usage(NamedTuple):
    """A line of the synopsis: a name, and what follows; a word in brackets may be left out."""

    words: tuple[Word, ...]


Block = Heading | Paragraph | Literal | Items


class Page(NamedTuple):
    """A page of the manual."""

    name: str
    section: int
    about: str
    """What comes behind the name in NAME, on one line."""
    synopsis: tuple[Usage, ...]
    blocks: tuple[Block, ...]
    see: tuple[tuple[str, int], ...]
    """Names and sections of SEE ALSO."""

    @property
    def file(self) -> str:
        """`hastwatch-converge.8`."""
        return f"{self.name}.{self.section}"

    def mdoc(self) -> str:
        """The page as mandoc(1) reads it."""
        lines = [f".Dd {DATE}", f".Dt {self.name.upper()} {self.section}", ".Os", ".Sh NAME", f".Nm {self.name}"]
        lines += [f".Nd {escaped_line(self.about)}", *([".Sh SYNOPSIS"] if self.synopsis else [])]
        lines += [line for usage in self.synopsis for line in _mdoc_usage(usage)]
        previous: Block | None = None
        for block in self.blocks:
            lines += _mdoc_block(block, previous)
            previous = block
        lines.append(".Sh SEE ALSO")
        see = sorted(self.see, key=lambda each: (each[1], each[0]))
        lines += [f".Xr {name} {section}{'' if number == len(see) else ' ,'}" for number, (name, section) in
                  enumerate(see, 1)]  # fmt: skip
        return "\n".join(lines) + "\n"

    def markdown(self) -> str:
        """The page for the site."""
        lines = [f"# {self.name}({self.section})", "", f"{self.about}.", ""]
        if self.synopsis:
            text = "\n".join(" ".join(word.text for word in usage.words) for usage in self.synopsis)
            lines += ["## Synopsis", "", "```", text, "```", ""]
        for block in self.blocks:
            lines += _markdown_block(block)
        return "\n".join(lines) + "\n"


def prose(text: str) -> list[Block]:
    """Paragraphs, of which indented ones are literal."""
    blocks: list[Block] = []
    for paragraph in text.strip().split("\n\n"):
        if paragraph.startswith("    "):
            blocks.append(Literal(textwrap.dedent(paragraph.strip("\n"))))
        else:
            blocks.append(Paragraph(" ".join(paragraph.split())))
    return blocks


def escaped(text: str) -> str:
    """Text as mdoc takes it: each sentence on a new line, short lines, none of which begins with a control character,
    and no backslash is an escape."""
    lines = []
    for sentence in SENTENCES.split(text.replace("\\", "\\e")):
        lines += textwrap.wrap(sentence, WIDTH, break_long_words=False, break_on_hyphens=False)
    return "\n".join(map(_uncontrolled, lines))


def escaped_line(text: str) -> str:
    """The same on one line."""
    return _uncontrolled(text.replace("\\", "\\e"))


def _uncontrolled(line: str) -> str:
    return f"\\&{line}" if line.startswith((".", "'")) else line


def _mdoc_usage(usage: Usage) -> list[str]:
    """The name on a line, and each argument on one."""
    name, *rest = usage.words
    lines = [f".{name.mdoc}"]
    for word in rest:
        optional = re.fullmatch(r"\[(.*)\]", word.text)
        lines.append(f".Op {word._replace(text=optional[1]).mdoc}" if optional else f".{_arguments(word)}")
    return lines


def _arguments(word: Word) -> str:
    """`--dir DIR` as a flag and its value."""
    flag, _, value = word.text.partition(" ")
    return f"{Word('Fl', flag).mdoc} Ar {value}" if word.macro == "Fl" and value else word.mdoc


def _mdoc_block(block: Block, previous: Block | None) -> list[str]:
    match block:
        case Heading(text):
            return [f".Sh {text}"]
        case Paragraph(text):
            return [*([] if isinstance(previous, Heading | None) else [".Pp"]), escaped(text)]
        case Literal(text):
            indented = " -offset indent"
            shown = "\n".join(map(escaped_line, text.rstrip().split("\n")))
            return [f".Bd -literal{indented}", shown, ".Ed"]
        case Items(entries):
            lines = [".Bl -tag -width Ds"]
            for entry in entries:
                lines += [f".It {' '.join(word.mdoc for word in entry.term)}", escaped(entry.text)]
            return [*lines, ".El"]


def _markdown_block(block: Block) -> list[str]:
    match block:
        case Heading(text):
            return [f"## {text.capitalize()}", ""]
        case Paragraph(text):
            return [_shielded(text), ""]
        case Literal(text):
            return ["```", text.rstrip(), "```", ""]
        case Items(entries):
            lines = []
            for entry in entries:
                term = " ".join(word.text for word in entry.term).replace(" , ", ", ")
                lines += [f"`{term}`", f": {_shielded(entry.text)}", ""]
            return lines


def _shielded(text: str) -> str:
    """Text that is not Markdown, but for what stands in backticks."""
    parts = text.split("`")
    shown = [part if number % 2 else re.sub(r"([*_<>\[\]\\#~$])", r"\\\1", part) for number, part in enumerate(parts)]
    return "`".join(shown)
