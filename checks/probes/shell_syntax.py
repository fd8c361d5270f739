"""A command line as sh(1) of FreeBSD reads it: the commands in it, nothing expanded and nothing run.

Follows sh(1) ("Lexical Structure", "Shell Grammar") and bin/sh/parser.c. What is rare in a line that a daemon runs,
here-documents and arithmetic, is not read.
"""

from __future__ import annotations

import re
import string
from typing import NamedTuple


class WrongSyntax(Exception):
    """sh refuses the line; the text says why."""


class NotRead(Exception):
    """This module does not read such a line; the text says what is in it."""


class WordPiece(NamedTuple):
    """A part of a word: `literal` text, a `variable`, the line of a `command` substitution, or something `unknown`."""

    kind: str
    text: str
    quoted: bool


class Word(NamedTuple):
    """One word before expansion."""

    pieces: tuple[WordPiece, ...]

    @property
    def plain(self) -> str:
        """The text where nothing in it is quoted or expanded, else empty: only such a word is a reserved one."""
        bare = all(piece.kind == "literal" and not piece.quoted for piece in self.pieces)
        return "".join(piece.text for piece in self.pieces) if bare else ""


class Simple(NamedTuple):
    """Assignments and words; where its output goes is left out, but for the words of it."""

    assignments: tuple[tuple[str, Word], ...]
    words: tuple[Word, ...]
    targets: tuple[Word, ...]


class Group(NamedTuple):
    """`{ …; }`, or `( … )` in a shell of its own."""

    body: Lines
    subshell: bool


class Pipeline(NamedTuple):
    """Commands, the output of each the input of the next; `! …` turns the status round."""

    parts: tuple[Command, ...]
    negated: bool


class Lines(NamedTuple):
    """Pipelines, each with the operator before it (`;`, `&&`, `||`) and whether it runs in the background."""

    parts: tuple[tuple[str, Pipeline, bool], ...]


class If(NamedTuple):
    """Conditions with their bodies, and the body of `else`."""

    branches: tuple[tuple[Lines, Lines], ...]
    otherwise: Lines | None


class Loop(NamedTuple):
    """`while` (wanted) or `until`."""

    condition: Lines
    body: Lines
    wanted: bool


class For(NamedTuple):
    """`for NAME in WORDS`; None: the parameters."""

    name: str
    words: tuple[Word, ...] | None
    body: Lines


class Case(NamedTuple):
    """`case WORD in PATTERN) … ;; esac`."""

    word: Word
    branches: tuple[tuple[tuple[Word, ...], Lines], ...]


class Function(NamedTuple):
    """`NAME() BODY`."""

    name: str
    body: Command


Command = Simple | Group | Pipeline | If | Loop | For | Case | Function

OPERATOR = re.compile(r"\n|&&|\|\||;;|;&|;|&|\||\(|\)|\d*(?:<<-|<<|>>|<&|>&|<>|>\||<|>)")
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
PARAMETER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*|[0-9@*#?$!-]", re.ASCII)
ENDS = frozenset(("then", "do", "done", "elif", "else", "fi", "esac", "}", ")"))
ESCAPES = {"a": "\a", "b": "\b", "e": "\033", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
MOST = 20_000
"""Characters of a line that is read."""


def parse(line: str) -> Lines:
    """The commands of a line. Raises WrongSyntax and NotRead."""
    if len(line) > MOST:
        raise NotRead("a very long line")
    try:
        parser = _Parser(_Lexer(line).tokens())
        lines = parser.lines()
        if parser.peek() is not None:
            raise WrongSyntax(f"{parser.shown()} unexpected")
        return lines
    except RecursionError:
        raise NotRead("a deeply nested line") from None


class _Lexer:
    def __init__(self, line: str) -> None:
        self.line, self.at = line, 0
        self.pieces: list[WordPiece] = []

    def tokens(self) -> list[str | Word]:
        """Operators as text, words as Word."""
        tokens: list[str | Word] = []
        while self.at < len(self.line):
            operator = OPERATOR.match(self.line, self.at)
            if operator and not (self.pieces and operator.group()[0].isdigit()):
                tokens += [*self.flush(), operator.group()]
                self.at = operator.end()
            elif self.line[self.at] in " \t":
                tokens += self.flush()
                self.at += 1
            elif self.line[self.at] == "#" and not self.pieces:
                end = self.line.find("\n", self.at)
                self.at = end if end >= 0 else len(self.line)
            else:
                self.piece(False)
        return [*tokens, *self.flush()]

    def flush(self) -> list[str | Word]:
        word: list[str | Word] = [Word(tuple(self.pieces))] if self.pieces else []
        self.pieces = []
        return word

    def add(self, kind: str, text: str, quoted: bool) -> None:
        if kind == "literal" and self.pieces and self.pieces[-1][::2] == ("literal", quoted):
            text = self.pieces.pop().text + text
        self.pieces.append(WordPiece(kind, text, quoted))

    def until(self, mark: str) -> str:
        end = self.line.find(mark, self.at)
        if end < 0:
            raise WrongSyntax("Unterminated quoted string")
        text, self.at = self.line[self.at : end], end + 1
        return text

    def piece(self, quoted: bool) -> None:
        """One more character, or what it begins."""
        character = self.line[self.at]
        self.at += 1
        if character == "\\":
            self.backslash(quoted)
        elif character == "'" and not quoted:
            self.add("literal", self.until("'"), True)
        elif character == '"' and not quoted:
            self.double()
        elif character == "`":
            self.back_quoted(quoted)
        elif character == "$":
            self.dollar(quoted)
        else:
            self.add("literal", character, quoted)

    def backslash(self, quoted: bool) -> None:
        following = self.line[self.at : self.at + 1]
        if following == "\n":
            self.at += 1
        elif not following or (quoted and following not in '$`"\\'):
            self.add("literal", "\\", quoted)
        else:
            self.add("literal", following, True)
            self.at += 1

    def double(self) -> None:
        self.add("literal", "", True)
        while not self.line.startswith('"', self.at):
            if self.at >= len(self.line):
                raise WrongSyntax("Unterminated quoted string")
            self.piece(True)
        self.at += 1

    def back_quoted(self, quoted: bool) -> None:
        end = re.compile(r"(?:[^\\`]|\\.)*`", re.DOTALL).match(self.line, self.at)
        if not end:
            raise WrongSyntax("EOF in backquote substitution")
        self.add("command", re.sub(r"\\([$`\\])", r"\1", end.group()[:-1]), quoted)
        self.at = end.end()

    def dollar(self, quoted: bool) -> None:
        if self.line.startswith("((", self.at):
            self.add("unknown", self.balanced("(", ")"), quoted)
        elif self.line.startswith("(", self.at):
            self.add("command", self.balanced("(", ")"), quoted)
        elif self.line.startswith("{", self.at):
            text = self.balanced("{", "}")
            plain = PARAMETER.fullmatch(text) or text.isdigit()
            self.add("variable" if plain else "unknown", text, quoted)
        elif self.line.startswith("'", self.at) and not quoted:
            self.at += 1
            self.dollar_quoted()
        elif name := PARAMETER.match(self.line, self.at):
            self.at = name.end()
            self.add("variable", name.group(), quoted)
        else:
            self.add("literal", "$", quoted)

    def dollar_quoted(self) -> None:
        """`$'…'`, with escapes as in C."""
        self.add("literal", "", True)
        while (character := self.line[self.at : self.at + 1]) != "'":
            self.at += 1
            if not character:
                raise WrongSyntax("Unterminated quoted string")
            if character == "\\":
                character = self.line[self.at : self.at + 1]
                self.at += 1
                if character in tuple(string.digits + "xuUc"):
                    raise NotRead("a numeric escape")
                character = ESCAPES.get(character, character)
            self.add("literal", character, True)
        self.at += 1

    def balanced(self, opening: str, closing: str) -> str:
        """What stands between a mark at the present place and its partner; quotes are seen, other syntax is not."""
        start, depth, quote = self.at + 1, 0, ""
        while self.at < len(self.line):
            character = self.line[self.at]
            self.at += 1
            if character == "\\" and quote != "'":
                self.at += 1
            elif quote:
                quote = "" if character == quote else quote
            elif character in "'\"":
                quote = character
            else:
                depth += (character == opening) - (character == closing)
                if depth == 0:
                    return self.line[start : self.at - 1]
        raise WrongSyntax("end of file unexpected")


class _Parser:
    def __init__(self, tokens: list[str | Word]) -> None:
        self.tokens, self.at = tokens, 0

    def peek(self) -> str | Word | None:
        return self.tokens[self.at] if self.at < len(self.tokens) else None

    def shown(self) -> str:
        token = self.peek()
        if isinstance(token, Word):
            return '"' + "".join(piece.text for piece in token.pieces) + '"'
        return "end of file" if token is None else "newline" if token == "\n" else f'"{token}"'

    def reserved(self, *words: str) -> bool:
        token = self.peek()
        return isinstance(token, Word) and token.plain in words

    def eat(self, *marks: str) -> str:
        """The next token where it is one of these operators or reserved words, else empty."""
        token = self.peek()
        text = token.plain if isinstance(token, Word) else token
        if text not in marks:
            return ""
        self.at += 1
        return str(text)

    def need(self, *marks: str) -> str:
        mark = self.eat(*marks)
        if not mark:
            raise WrongSyntax(f'{self.shown()} unexpected (expecting "{marks[0]}")')
        return mark

    def newlines(self) -> None:
        while self.eat("\n"):
            pass

    def word(self) -> Word:
        token = self.peek()
        if not isinstance(token, Word):
            raise WrongSyntax(f"{self.shown()} unexpected")
        self.at += 1
        return token

    def lines(self) -> Lines:
        """A list, up to what cannot begin a command."""
        parts: list[tuple[str, Pipeline, bool]] = []
        operator = ";"
        self.newlines()
        while (token := self.peek()) is not None:
            if token in (")", ";;", ";&") or (operator == ";" and self.reserved(*ENDS)):
                break
            pipeline = self.pipeline()
            ended = self.eat(";", "&", "\n", "&&", "||")
            parts.append((operator, pipeline, ended == "&"))
            if not ended:
                return Lines(tuple(parts))
            operator = ended if ended in ("&&", "||") else ";"
            self.newlines()
        if operator != ";":
            raise WrongSyntax(f"{self.shown()} unexpected")
        return Lines(tuple(parts))

    def body(self, *ends: str) -> Lines:
        """A list that has a command at least, and the word that ends it."""
        lines = self.lines()
        if not lines.parts:
            raise WrongSyntax(f"{self.shown()} unexpected")
        if ends:
            self.need(*ends)
        return lines

    def pipeline(self) -> Pipeline:
        negated = False
        while self.eat("!"):
            negated = not negated
        parts = [self.command()]
        while self.eat("|"):
            self.newlines()
            parts.append(self.pipeline() if self.reserved("!") else self.command())  # parser.c, pipeline()
        return Pipeline(tuple(parts), negated)

    def command(self) -> Command:
        if self.eat("("):
            command: Command = Group(self.body(")"), True)
        elif self.eat("{"):
            command = Group(self.body("}"), False)
        elif self.eat("if"):
            command = self.condition()
        elif word := self.eat("while", "until"):
            condition = self.body("do")
            command = Loop(condition, self.body("done"), word == "while")
        elif self.eat("for"):
            command = self.iteration()
        elif self.eat("case"):
            command = self.choice()
        else:
            return self.simple()
        if any(piece.kind == "command" for word in self.redirections() for piece in word.pieces):
            raise NotRead("a command substitution in a redirection")
        return command

    def condition(self) -> If:
        branches, otherwise = [], None
        while True:
            condition = self.body("then")
            branches.append((condition, self.body()))
            end = self.need("fi", "else", "elif")
            if end == "else":
                otherwise = self.body("fi")
            if end != "elif":
                return If(tuple(branches), otherwise)

    def iteration(self) -> For:
        name = self.word().plain
        if not NAME.fullmatch(name):
            raise WrongSyntax("Bad for loop variable")
        words: tuple[Word, ...] | None = None
        self.newlines()
        if self.eat("in"):
            listed = []
            while isinstance(self.peek(), Word):
                listed.append(self.word())
            words = tuple(listed)
            self.need(";", "\n")
        else:
            self.eat(";")
        self.newlines()
        if self.eat("{"):
            return For(name, words, self.body("}"))
        self.need("do")
        return For(name, words, self.body("done"))

    def choice(self) -> Case:
        word = self.word()
        self.newlines()
        self.need("in")
        self.newlines()
        branches = []
        while not self.eat("esac"):
            self.eat("(")
            patterns = [self.word()]
            while self.eat("|"):
                patterns.append(self.word())
            self.need(")")
            branches.append((tuple(patterns), self.lines()))
            if self.eat(";&"):
                raise NotRead("`;&`")
            if not self.eat(";;") and not self.reserved("esac"):
                raise WrongSyntax(f'{self.shown()} unexpected (expecting ";;")')
            self.newlines()
        return Case(word, tuple(branches))

    def redirections(self) -> list[Word]:
        targets = []
        while isinstance(token := self.peek(), str) and token.lstrip(string.digits)[:1] in ("<", ">"):
            if "<<" in token:
                raise NotRead("a here-document")
            self.at += 1
            targets.append(self.word())
        return targets

    def simple(self) -> Command:
        assignments: list[tuple[str, Word]] = []
        words: list[Word] = []
        targets: list[Word] = []
        while True:
            targets += self.redirections()
            token = self.peek()
            if token == "(" and len(words) == 1 and not targets and not assignments:
                return self.function(words[0])
            if not isinstance(token, Word):
                break
            if not words and not targets and not assignments and token.plain in ENDS:
                raise WrongSyntax(f"{self.shown()} unexpected")
            self.at += 1
            given = None if words else _assignment(token)
            if given:
                assignments.append(given)
            else:
                words.append(token)
        if not words and not targets and not assignments:
            raise WrongSyntax(f"{self.shown()} unexpected")
        return Simple(tuple(assignments), tuple(words), tuple(targets))

    def function(self, name: Word) -> Function:
        self.need("(")
        self.need(")")
        self.newlines()
        return Function(name.plain, self.command())


def _assignment(word: Word) -> tuple[str, Word] | None:
    first = word.pieces[0]
    name, equals, rest = first.text.partition("=")
    if first.kind != "literal" or first.quoted or not equals or not NAME.fullmatch(name):
        return None
    return name, Word((WordPiece("literal", rest, False), *word.pieces[1:]))
