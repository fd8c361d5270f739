"""The grammar of a command line as sh(1) reads it, as far as the recordings and the product use it (`words.py`: words).

Lists (`;` `&&` `||` newline), pipelines, redirections, subshells, `for … do … done`, `if … fi`, quotes, `$'…'`,
`$variable`, `${variable:-word}` and its kin, `$?`, `$(command)`, and patterns. What this does not know (functions,
`case`, here-documents) raises ValueError.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from simulator.shell.words import Word, lex


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
class CommandList:
    """Pipelines and the operator before each: ; && ||"""

    parts: tuple[tuple[str, Syntax], ...]


Syntax = Simple | Subshell | Loop | If | Pipeline | CommandList


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

    def chain(self, ends: tuple[str, ...] = ()) -> CommandList:
        parts: list[tuple[str, Syntax]] = []
        operator = ";"
        while (token := self.peek()) is not None and token != ")" and not any(self.keyword(end) for end in ends):
            if isinstance(token, str) and token in (";", "&", "\n", "&&", "||"):
                self.at += 1
                operator = token if token in ("&&", "||") else ";"
                continue
            parts.append((operator, self.pipeline()))
            operator = ";"
        return CommandList(tuple(parts))

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
        otherwise: Syntax = CommandList(())
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
        redirections: list[Redirection] = []
        while isinstance(kind := self.peek(), str) and kind in (">", ">>", "<", ">&", "2>", "2>>", "2>&"):
            self.at += 1
            target = self.next()
            if not isinstance(target, Word):
                raise ValueError("Syntax error: redirection unexpected")
            redirections.append(Redirection(kind, target))
        return tuple(redirections)


@lru_cache(maxsize=4096)
def parse(line: str) -> CommandList:
    """Read a whole command line, the same one only once: a campaign runs a few hundred different ones, each of them
    thousands of times. Raises ValueError with sh's words."""
    if "<<" in line:
        raise ValueError("Syntax error: here-documents are not simulated")
    try:
        parser = _Parser(lex(line))
    except ValueError as error:
        raise ValueError(str(error) if "Syntax" in str(error) else "Syntax error: Unterminated quoted string") from None
    chain = parser.chain()
    if parser.peek() is not None:
        raise ValueError(f'Syntax error: "{parser.peek()}" unexpected')
    return chain
