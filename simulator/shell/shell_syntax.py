"""Reading a command line as sh(1) does, as far as the recordings and the product use it.

Lists (`;` `&&` `||` newline), pipelines, redirections, subshells, `for … do … done`, `if … fi`, quotes, `$'…'`,
`$variable`, `${variable:-word}` and its kin, `$?`, `$(command)`, and patterns. What this does not know (functions,
`case`, here-documents) raises ValueError.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache


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


@dataclass(frozen=True, slots=True)
class Redirection:
    """`kind` is one of > >> < >& 2> 2>> 2>&."""

    kind: str
    target: Word


@dataclass(frozen=True, slots=True)
class Simple:
    """A command with its words."""

    words: tuple[Word, ...]
    redirections: tuple[Redirection, ...] = ()


@dataclass(frozen=True, slots=True)
class Subshell:
    """( … )"""

    body: Syntax
    redirections: tuple[Redirection, ...] = ()


@dataclass(frozen=True, slots=True)
class Loop:
    """for VARIABLE in WORDS; do …; done"""

    variable: str
    words: tuple[Word, ...]
    body: Syntax


@dataclass(frozen=True, slots=True)
class If:
    """if …; then …; elif …; then …; else …; fi"""

    branches: tuple[tuple[Syntax, Syntax], ...]
    otherwise: Syntax


@dataclass(frozen=True, slots=True)
class Pipeline:
    """One or more commands, the output of each the input of the next."""

    parts: tuple[Syntax, ...]


@dataclass(frozen=True, slots=True)
class Chain:
    """Pipelines and the operator before each: ; && ||"""

    parts: tuple[tuple[str, Syntax], ...]


Syntax = Simple | Subshell | Loop | If | Pipeline | Chain

_NAME = re.compile(r"[A-Za-z_][A-Za-z_0-9]*=")
_OPERATORS = re.compile(r"2>&|2>>|2>|>>|>&|&&|\|\||[;|&()<>\n]")


def _lex(line: str) -> list[str | Word]:
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
    found = re.compile(r"((?:[^'\\]|\\['\\])*)'").match(line, at)
    if not found:
        raise ValueError("Syntax error: Unterminated quoted string")
    literal(re.sub(r"\\(.)", r"\1", found.group(1)), True)
    return found.end()


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


class _Parser:
    def __init__(self, tokens: list[str | Word]) -> None:
        self.tokens = tokens
        self.at = 0

    def peek(self) -> str | Word | None:
        return self.tokens[self.at] if self.at < len(self.tokens) else None

    def keyword(self, word: str) -> bool:
        token = self.peek()
        return isinstance(token, Word) and len(token.segments) == 1 and token.plain == word

    def next(self) -> str | Word:
        token = self.peek()
        if token is None:
            raise ValueError("Syntax error: end of file unexpected")
        self.at += 1
        return token

    def chain(self, ends: tuple[str, ...] = ()) -> Chain:
        parts: list[tuple[str, Syntax]] = []
        operator = ";"
        while (token := self.peek()) is not None and token != ")" and not any(self.keyword(end) for end in ends):
            if isinstance(token, str) and token in (";", "&", "\n", "&&", "||"):
                self.at += 1
                operator = token if token in ("&&", "||") else ";"
                continue
            parts.append((operator, self.pipeline()))
            operator = ";"
        return Chain(tuple(parts))

    def pipeline(self) -> Syntax:
        parts = [self.command()]
        while self.peek() == "|":
            self.at += 1
            parts.append(self.command())
        return Pipeline(tuple(parts))

    def command(self) -> Syntax:
        if self.peek() == "(":
            self.at += 1
            body = self.chain()
            if self.next() != ")":
                raise ValueError('Syntax error: ")" expected')
            return Subshell(body, self.redirections())
        if self.keyword("for"):
            return self.loop()
        if self.keyword("if"):
            return self.branches()
        words: list[Word] = []
        redirections: list[Redirection] = []
        while (token := self.peek()) is not None:
            if isinstance(token, Word):
                self.at += 1
                words.append(token)
            elif more := self.redirections():
                redirections += more
            else:
                break
        if not words and not redirections:
            raise ValueError(f'Syntax error: "{token}" unexpected')
        return Simple(tuple(words), tuple(redirections))

    def loop(self) -> Loop:
        self.next()
        variable = self.next()
        if not isinstance(variable, Word) or not self.keyword("in"):
            raise ValueError("Syntax error: Bad for loop variable")
        self.next()
        words: list[Word] = []
        while isinstance(token := self.next(), Word):
            words.append(token)
        if not self.keyword("do"):
            raise ValueError('Syntax error: expecting "do"')
        self.next()
        body = self.chain(("done",))
        self.next()
        return Loop(variable.plain, tuple(words), body)

    def branches(self) -> If:
        branches: list[tuple[Syntax, Syntax]] = []
        otherwise: Syntax = Chain(())
        while self.keyword("if") or self.keyword("elif"):
            self.next()
            condition = self.chain(("then",))
            self.next()
            branches.append((condition, self.chain(("elif", "else", "fi"))))
        if self.keyword("else"):
            self.next()
            otherwise = self.chain(("fi",))
        if not self.keyword("fi"):
            raise ValueError('Syntax error: end of file unexpected (expecting "fi")')
        self.next()
        return If(tuple(branches), otherwise)

    def redirections(self) -> tuple[Redirection, ...]:
        found: list[Redirection] = []
        while isinstance(kind := self.peek(), str) and kind in (">", ">>", "<", ">&", "2>", "2>>", "2>&"):
            self.at += 1
            target = self.next()
            if not isinstance(target, Word):
                raise ValueError("Syntax error: redirection unexpected")
            found.append(Redirection(kind, target))
        return tuple(found)


@lru_cache(maxsize=4096)
def parse(line: str) -> Chain:
    """Read a whole command line, the same one only once: a campaign runs a few hundred different ones, each of them
    thousands of times. Raises ValueError with sh's words."""
    if "<<" in line:
        raise ValueError("Syntax error: here-documents are not simulated")
    try:
        parser = _Parser(_lex(line))
    except ValueError as error:
        raise ValueError(str(error) if "Syntax" in str(error) else "Syntax error: Unterminated quoted string") from None
    chain = parser.chain()
    if parser.peek() is not None:
        raise ValueError(f'Syntax error: "{parser.peek()}" unexpected')
    return chain
