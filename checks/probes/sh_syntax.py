"""The syntax of sh(1), as far as files of rc.conf(5) use it: text to commands, words and expansions.

Read are lists, `if`, `case`, `for`, braces, quotes, and parameter expansions with defaults. What stands for something
that only a shell can work out (a command substitution, arithmetic, a pattern to cut off) is a part of its own of a
word; what is not read at all (functions, loops, here-documents, subshells, the background) raises Unreadable.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
OPERATORS = ("&&", "||", ";;", ";", "&", "|", "(", ")", "\n")
REDIRECTION = re.compile(r"\d*(>>|>&|<&|>\||<>|<<-?|>|<)")
CLOSING = frozenset({"then", "elif", "else", "fi", "esac", "do", "done", "}"})
RESERVED = CLOSING | {"if", "case", "for", "while", "until", "in", "{", "!", "function"}
UNREAD_WORDS = frozenset({"while", "until", "function"})


class Unreadable(ValueError):
    """Not within what is read here; the text says what."""


class Literal(NamedTuple):
    """Characters; `quoted` ones are no pattern and are not split."""

    text: str
    quoted: bool


class Parameter(NamedTuple):
    """${name}, or with an operator of `:- - := = :+ +` and its word."""

    name: str
    operator: str
    word: Word
    quoted: bool


class Opaque(NamedTuple):
    """What only a shell can expand."""

    text: str


Part = Literal | Parameter | Opaque
Word = tuple[Part, ...]


class SimpleCommand(NamedTuple):
    """Assignments, then the words of a command."""

    assignments: tuple[tuple[str, Word], ...]
    words: tuple[Word, ...]


class IfConstruct(NamedTuple):
    """Conditions with what is done where one holds, then what is done otherwise."""

    branches: tuple[tuple[List, List], ...]
    otherwise: List


class CaseConstruct(NamedTuple):
    """A word, and patterns with what is done."""

    word: Word
    branches: tuple[tuple[tuple[Word, ...], List], ...]


class ForLoop(NamedTuple):
    """A name, the words that it stands for in turn, and what is done with each."""

    name: str
    words: tuple[Word, ...]
    body: List


class Negation(NamedTuple):
    """! command"""

    command: Command


class BraceGroup(NamedTuple):
    """{ list; }"""

    body: List


Command = SimpleCommand | IfConstruct | CaseConstruct | ForLoop | Negation | BraceGroup
List = tuple[tuple[str, Command], ...]
"""Commands, each with the operator before it: `;`, `&&` or `||`."""


@lru_cache(maxsize=16)
def parse(text: str) -> List:
    """The commands of a file. A node's files are read again and again in one run. Raises Unreadable."""
    if "\0" in text:
        raise Unreadable("a NUL")
    parser = _Parser(text)
    commands = parser.commands(frozenset())
    if parser.at < len(text):
        raise Unreadable(f"`{text[parser.at : parser.at + 20].strip()}`")
    return commands


class _Parser:
    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0

    # --- commands ------------------------------------------------------------------------------------------------

    def commands(self, until: frozenset[str]) -> List:
        """Commands up to one of the reserved words, `)`, `;;` or the end."""
        commands: list[tuple[str, Command]] = []
        operator = ";"
        while True:
            self._newlines()
            if self._ends(until):
                if operator != ";":
                    raise Unreadable(f"nothing after {operator}")
                return tuple(commands)
            commands.append((operator, self._command()))
            operator = self._operator()

    def _ends(self, until: frozenset[str]) -> bool:
        rest = self.text[self.at : self.at + 2]
        return not rest or rest[0] == ")" or rest == ";;" or self._reserved() in until

    def _operator(self) -> str:
        self._blanks()
        for operator in OPERATORS:
            if self.text.startswith(operator, self.at):
                if operator in ("&&", "||"):
                    self.at += 2
                    return operator
                if operator in ("&", "|", "("):
                    raise Unreadable(f"`{operator}`")
                if operator not in (")", ";;"):
                    self.at += 1
                return ";"
        if self.at < len(self.text) and self._reserved() not in CLOSING:
            raise Unreadable(f"`{self.text[self.at : self.at + 20].strip()}` after a command")
        return ";"

    def _command(self) -> Command:
        word = self._reserved()
        if word in UNREAD_WORDS or self.text[self.at] == "(":
            raise Unreadable(f"`{word or '('}`")
        readers: dict[str, Callable[[], Command]] = {"if": self._if, "case": self._case, "for": self._for}
        if word in readers:
            self._take(word)
            command = readers[word]()
        elif word == "{":
            self._take("{")
            command = BraceGroup(self.commands(frozenset({"}"})))
            self._take("}")
        elif word == "!":
            self._take("!")
            self._blanks()
            return Negation(self._command())
        elif word:
            raise Unreadable(f"`{word}` where a command is expected")
        else:
            return self._simple()
        self._redirections()
        return command

    def _if(self) -> Command:
        branches = []
        while True:
            condition = self.commands(frozenset({"then"}))
            self._take("then")
            branches.append((condition, self.commands(frozenset({"elif", "else", "fi"}))))
            if self._reserved() != "elif":
                break
            self._take("elif")
        otherwise: List = ()
        if self._reserved() == "else":
            self._take("else")
            otherwise = self.commands(frozenset({"fi"}))
        self._take("fi")
        return IfConstruct(tuple(branches), otherwise)

    def _case(self) -> Command:
        self._blanks()
        word = self._word()
        self._newlines()
        self._take("in")
        branches = []
        while True:
            self._newlines()
            if self._reserved() == "esac":
                break
            if self.text.startswith("(", self.at):
                self.at += 1
            patterns = [self._pattern()]
            while self.text.startswith("|", self.at):
                self.at += 1
                patterns.append(self._pattern())
            if not self.text.startswith(")", self.at):
                raise Unreadable("a pattern of `case`")
            self.at += 1
            branches.append((tuple(patterns), self.commands(frozenset({"esac"}))))
            if self.text.startswith(";;", self.at):
                self.at += 2
        self._take("esac")
        return CaseConstruct(word, tuple(branches))

    def _pattern(self) -> Word:
        self._blanks()
        word = self._word()
        self._blanks()
        return word

    def _for(self) -> Command:
        self._blanks()
        name = NAME.match(self.text, self.at)
        if not name:
            raise Unreadable("the name of `for`")
        self.at = name.end()
        self._newlines()
        self._take("in")
        words: list[Word] = []
        self._blanks()
        while self.text[self.at : self.at + 1] not in (";", "\n", ""):
            words.append(self._word())
            self._blanks()
        self.at += 1
        self._newlines()
        self._take("do")
        body = self.commands(frozenset({"done"}))
        self._take("done")
        return ForLoop(name.group(), tuple(words), body)

    def _simple(self) -> SimpleCommand:
        assignments: list[tuple[str, Word]] = []
        words: list[Word] = []
        while True:
            self._blanks()
            self._redirections()
            if self.at >= len(self.text) or self.text[self.at] in ";&|)\n":
                break
            if self.text[self.at] == "(":
                raise Unreadable("a function")
            name = NAME.match(self.text, self.at)
            if name and not words and self.text.startswith("=", name.end()):
                self.at = name.end() + 1
                assignments.append((name.group(), self._word(may_be_empty=True)))
            else:
                words.append(self._word())
        if not assignments and not words:
            raise Unreadable(f"`{self.text[self.at : self.at + 2]}` where a command is expected")
        return SimpleCommand(tuple(assignments), tuple(words))

    def _redirections(self) -> None:
        self._blanks()
        while match := REDIRECTION.match(self.text, self.at):
            if match[1].startswith("<<"):
                raise Unreadable("a here-document")
            self.at = match.end()
            self._blanks()
            self._word()
            self._blanks()

    # --- words ---------------------------------------------------------------------------------------------------

    def _word(self, may_be_empty: bool = False) -> Word:
        parts: list[Part] = []
        start = self.at
        while self.at < len(self.text) and self.text[self.at] not in " \t\n;&|()<>":
            self._unquoted(parts)
        if self.at == start and not may_be_empty:
            raise Unreadable(f"`{self.text[self.at : self.at + 2]}` where a word is expected")
        return tuple(parts)

    def _unquoted(self, parts: list[Part]) -> None:
        """One piece of a word outside of quotes."""
        mark = self.text[self.at]
        if mark == "'":
            parts.append(Literal(self._up_to("'"), True))
        elif mark == '"':
            self._double_quoted(parts)
        elif mark == "\\":
            escaped = self.text[self.at + 1 : self.at + 2]
            if escaped != "\n":
                parts.append(Literal(escaped or "\\", True))
            self.at += 2
        elif mark in "$`":
            parts.append(self._dollar(False))
        else:
            parts.append(Literal(mark, False))
            self.at += 1

    def _double_quoted(self, parts: list[Part]) -> None:
        parts.append(Literal("", True))
        self.at += 1
        while not self.text.startswith('"', self.at):
            if self.at >= len(self.text):
                raise Unreadable("a quotation that does not end")
            parts.extend(self._quoted_piece('$`"\\'))
        self.at += 1

    def _quoted_piece(self, escapable: str) -> Word:
        mark, following = self.text[self.at], self.text[self.at + 1 : self.at + 2]
        if mark in "$`":
            return (self._dollar(True),)
        if mark == "\\" and following and following in escapable + "\n":
            self.at += 2
            return (Literal(following, True),) if following != "\n" else ()
        self.at += 1
        return (Literal(mark, True),)

    def _dollar(self, quoted: bool) -> Part:
        start = self.at
        rest = self.text[start + 1 : start + 2]
        if self.text[start] == "`":
            self.at += 1
            while not self.text.startswith("`", self.at):
                if self.at >= len(self.text):
                    raise Unreadable("a command substitution that does not end")
                self.at += 2 if self.text[self.at] == "\\" else 1
            self.at += 1
            return Opaque(self.text[start : self.at])
        if rest == "(":
            self._parentheses()
            return Opaque(self.text[start : self.at])
        if rest == "{":
            return self._braces(quoted)
        if name := NAME.match(self.text, start + 1):
            self.at = name.end()
            return Parameter(name.group(), "", (), quoted)
        if rest and (rest in "@*#?-$!'" or rest.isdigit()) and not (quoted and rest == "'"):
            if rest == "'":
                raise Unreadable("$'")
            self.at += 2
            return Opaque(f"${rest}")
        self.at += 1
        return Literal("$", quoted)

    def _parentheses(self) -> None:
        """Over a $( ) with nothing in it that its end could be mistaken in."""
        match = re.compile(r"\$\(([^()'\"\\#`]|\([^()'\"\\#`]*\))*\)").match(self.text, self.at)
        if not match or "case" in match.group():
            raise Unreadable("a command substitution")
        self.at = match.end()

    def _braces(self, quoted: bool) -> Part:
        start = self.at
        match = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(:?[-=+])?").match(self.text, start)
        if not match:  # ${#name}, ${1}, ...
            self._over_braces()
            return Opaque(self.text[start : self.at])
        self.at = match.end()
        if not match[2] and not self.text.startswith("}", self.at):  # ${name%pattern} and the like
            self.at = start
            self._over_braces()
            return Opaque(self.text[start : self.at])
        parts: list[Part] = []
        while not self.text.startswith("}", self.at):
            if self.at >= len(self.text):
                raise Unreadable("an expansion that does not end")
            if quoted and self.text[self.at] in "'\"":
                raise Unreadable("quotes in an expansion in quotes, which shells read differently")
            if quoted:
                parts.extend(self._quoted_piece('$`"\\}'))
            else:
                self._unquoted(parts)
        self.at += 1
        return Parameter(match[1], match[2] or "", tuple(parts), quoted)

    def _over_braces(self) -> None:
        match = re.compile(r"\$\{[^{}'\"\\`$]*\}").match(self.text, self.at)
        if not match:
            raise Unreadable("an expansion")
        self.at = match.end()

    # --- characters ----------------------------------------------------------------------------------------------

    def _up_to(self, mark: str) -> str:
        end = self.text.find(mark, self.at + 1)
        if end < 0:
            raise Unreadable("a quotation that does not end")
        text = self.text[self.at + 1 : end]
        self.at = end + 1
        return text

    def _blanks(self) -> None:
        """Over blanks, continued lines and a comment."""
        while self.at < len(self.text):
            if self.text[self.at] in " \t":
                self.at += 1
            elif self.text.startswith("\\\n", self.at):
                self.at += 2
            elif self.text[self.at] == "#":
                end = self.text.find("\n", self.at)
                self.at = end if end >= 0 else len(self.text)
            else:
                return

    def _newlines(self) -> None:
        self._blanks()
        while self.text.startswith("\n", self.at):
            self.at += 1
            self._blanks()

    def _reserved(self) -> str:
        """The reserved word that stands here, or nothing."""
        match = re.compile(r"[a-z]+|[{}!]").match(self.text, self.at)
        if not match or match.group() not in RESERVED:
            return ""
        return match.group() if self.text[match.end() : match.end() + 1] in ("", *" \t\n;&|()<>") else ""

    def _take(self, word: str) -> None:
        if self._reserved() != word:
            raise Unreadable(f"no `{word}`")
        self.at += len(word)
