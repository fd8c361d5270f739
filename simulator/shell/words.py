"""The words of a command line as sh(1) reads them: quotes, parameters, substitutions, and the operators between."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of a word: literal text, a variable's name, or a command to substitute."""

    kind: str
    text: str
    quoted: bool
    operator: str = ""
    """Of a variable: `-`, `=` or `+`, behind a colon where an empty value counts as none."""
    word: tuple[Segment, ...] = ()
    """What stands behind the operator."""


@dataclass(frozen=True, slots=True)
class Word:
    """One word before expansion."""

    segments: tuple[Segment, ...]

    @property
    def assigns(self) -> bool:
        """It begins with NAME=, unquoted."""
        first = self.segments[0] if self.segments else None
        return first is not None and first.kind == "literal" and not first.quoted and bool(_NAME.match(first.text))

    @property
    def plain(self) -> str:
        """The text when nothing in it is quoted or expanded, else empty."""
        return "".join(s.text for s in self.segments) if all(s.kind == "literal" for s in self.segments) else ""


_NAME = re.compile(r"[A-Za-z_][A-Za-z_0-9]*=")
_OPERATORS = re.compile(r"2>&|2>>|2>|>>|>&|&&|\|\||[;|&()<>\n]")


def lex(line: str) -> list[str | Word]:
    """Operators as strings, words as Word."""
    tokens: list[str | Word] = []
    segments: list[Segment] = []
    at = 0

    literal = _adds_literal(segments)

    def flush() -> None:
        if segments:
            tokens.append(Word(tuple(segments)))
            segments.clear()

    while at < len(line):
        char = line[at]
        operator = _OPERATORS.match(line, at)
        if operator and not (operator.group()[0] == "2" and segments):
            flush()
            tokens.append(operator.group())
            at = operator.end()
        elif char in " \t":
            flush()
            at += 1
        elif char == "'":
            end = line.index("'", at + 1)
            literal(line[at + 1 : end], True)
            at = end + 1
        elif char == '"':
            at = _double_quoted(line, at + 1, literal, segments)
        elif char == "\\" and at + 1 < len(line):
            literal(line[at + 1], True)
            at += 2
        elif line.startswith("$'", at):
            at = _dollar_quoted(line, at + 2, literal)
        elif char == "$":
            at = _dollar(line, at, False, literal, segments)
        elif char == "#" and not segments:
            at = line.find("\n", at) if "\n" in line[at:] else len(line)
        else:
            literal(char, False)
            at += 1
    flush()
    return tokens


def _adds_literal(segments: list[Segment]) -> Callable[[str, bool], None]:
    """Puts literal text behind segments."""

    def literal(text: str, quoted: bool) -> None:
        if segments and segments[-1].kind == "literal" and segments[-1].quoted == quoted:
            text = segments.pop().text + text
        segments.append(Segment("literal", text, quoted))

    return literal


def _closing_brace(line: str, at: int) -> int:
    """The place of the brace that ends `${…`. Raises ValueError."""
    depth = 1
    for place in range(at, len(line)):
        depth += line.startswith("${", place) - (line[place] == "}")
        if depth == 0:
            return place
    raise ValueError("Syntax error: Missing '}'")


def _dollar_quoted(line: str, at: int, literal: Callable[[str, bool], None]) -> int:
    """`$'…'`, which devd(8) puts values in; of its escapes those that devd makes."""
    match = re.compile(r"((?:[^'\\]|\\['\\])*)'").match(line, at)
    if not match:
        raise ValueError("Syntax error: Unterminated quoted string")
    literal(re.sub(r"\\(.)", r"\1", match.group(1)), True)
    return match.end()


def _double_quoted(line: str, at: int, literal: Callable[[str, bool], None], segments: list[Segment]) -> int:
    literal("", True)
    while at < len(line) and line[at] != '"':
        if line[at] == "\\" and at + 1 < len(line) and line[at + 1] in '"\\$`':
            literal(line[at + 1], True)
            at += 2
        elif line[at] == "$":
            at = _dollar(line, at, True, literal, segments)
        else:
            literal(line[at], True)
            at += 1
    if at >= len(line):
        raise ValueError("Syntax error: Unterminated quoted string")
    return at + 1


def _dollar(line: str, at: int, quoted: bool, literal: Callable[[str, bool], None], segments: list[Segment]) -> int:
    if line.startswith("$(", at):
        depth, end = 1, at + 2
        while end < len(line) and depth:
            depth += {"(": 1, ")": -1}.get(line[end], 0)
            end += 1
        if depth:
            raise ValueError("Syntax error: end of file unexpected")
        segments.append(Segment("substitution", line[at + 2 : end - 1], quoted))
        return end
    if default := re.compile(r"\$\{([A-Za-z_][A-Za-z_0-9]*)(:?[-=+])").match(line, at):
        end = _closing_brace(line, default.end())
        word: list[Segment] = []
        _double_quoted(line[default.end() : end] + '"', 0, _adds_literal(word), word)
        segments.append(Segment("variable", default[1], quoted, default[2], tuple(word)))
        return end + 1
    match = re.compile(r"\$(\?|[A-Za-z_][A-Za-z_0-9]*|\{[A-Za-z_][A-Za-z_0-9]*\})").match(line, at)
    if match is None:
        literal("$", quoted)
        return at + 1
    segments.append(Segment("variable", match.group(1).strip("{}"), quoted))
    return match.end()
