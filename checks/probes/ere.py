"""Extended regular expressions as FreeBSD's libc reads them, in the C locale and without regard to case.

devd(8) compiles every pattern with REG_EXTENDED | REG_NOSUB | REG_ICASE and never calls setlocale(3). What is said here
of the syntax is lib/libc/regex/regcomp.c, the same in 13.2 and 15.1 (NO_STRICT_REGEX is set nowhere, POSIX_MISTAKE is):

- `\\` before a letter, `'` or a back quote is an error (may_escape()), so `\\d`, `\\w`, `\\s`, `\\b` are; before
  anything else it makes an ordinary character, digits too: libc has no back references in these expressions.
- `\\<`, `\\>`, `[[:<:]]`, `[[:>:]]` are the beginning and the end of a word (p_ere_exp(), p_bracket()).
- An empty alternative is an error (p_re()), `()` is not; `a**`, `^*`, `*a`, `(?:`, `a{,2}` and a `{` that begins no
  count are errors; an unmatched `)` is an ordinary character.

It is matched by following all states at once, as engine.c does: no pattern makes it slow.
"""

from __future__ import annotations

import string
from collections.abc import Callable
from typing import NamedTuple

from checks.probes.errors import NotUnderstood

DUPMAX = 255
"""The highest count of a repetition: <limits.h>, _POSIX2_RE_DUP_MAX."""
DEEPEST = 50
"""Nested parentheses above which a pattern is not judged."""
_VISIBLE = string.ascii_letters + string.digits + string.punctuation
CLASSES = {
    "alnum": string.ascii_letters + string.digits,
    "alpha": string.ascii_letters,
    "blank": " \t",
    "cntrl": "".join(map(chr, [*range(32), 127])),
    "digit": string.digits,
    "graph": _VISIBLE,
    "lower": string.ascii_lowercase,
    "print": _VISIBLE + " ",
    "punct": string.punctuation,
    "space": " \t\n\v\f\r",
    "upper": string.ascii_uppercase,
    "xdigit": string.hexdigits,
}
"""The classes of wctype(3) in the C locale."""
RARE_CLASSES = ("ideogram", "number", "phonogram", "rune", "special")
"""Those that FreeBSD adds (wctype.c); no rule is known that uses one, and it is not judged here."""
WORD = frozenset((string.ascii_letters + string.digits + "_").encode())
"""ISWORD() of engine.c."""


class BadExpression(Exception):
    """regcomp(3) fails; the text is the name of its error."""


class States(NamedTuple):
    """Where a match may have arrived, a bit for each position. engine.c takes one step for a boundary of a word, after
    those for `^` and `$`: `bounded` are the positions after it, where only a character can follow."""

    fresh: int
    bounded: int = 0

    def __or__(self, other: States) -> States:
        return States(self.fresh | other.fresh, self.bounded | other.bounded)


class Text:
    """The value that is searched."""

    def __init__(self, value: bytes) -> None:
        self.value = value
        self.last = 1 << len(value)
        self.begins = self._where(lambda before, after: before not in WORD and after in WORD)
        self.ends = self._where(lambda before, after: before in WORD and after not in WORD)

    def positions(self, accepted: frozenset[int]) -> int:
        """Where a character stands that is among `accepted`."""
        return sum(1 << at for at, byte in enumerate(self.value) if byte in accepted)

    def _where(self, wanted: Callable[[int, int], bool]) -> int:
        around = (-1, *self.value, -1)
        return sum(1 << at for at in range(len(self.value) + 1) if wanted(around[at], around[at + 1]))


class One(NamedTuple):
    """One character out of some."""

    accepted: frozenset[int]

    def advance(self, text: Text, states: States) -> States:
        return States(((states.fresh | states.bounded) & text.positions(self.accepted)) << 1)


class Anchor(NamedTuple):
    """`^`, `$`, `<` or `>`."""

    kind: str

    def advance(self, text: Text, states: States) -> States:
        if self.kind in "^$":
            return States(states.fresh & (1 if self.kind == "^" else text.last))
        return States(0, states.fresh & (text.begins if self.kind == "<" else text.ends))


class Sequence(NamedTuple):
    """One after the other."""

    parts: tuple[Part, ...]

    def advance(self, text: Text, states: States) -> States:
        for part in self.parts:
            states = part.advance(text, states)
        return states


class Choice(NamedTuple):
    """One of several."""

    parts: tuple[Part, ...]

    def advance(self, text: Text, states: States) -> States:
        reached = States(0)
        for part in self.parts:
            reached |= part.advance(text, states)
        return reached


class Repeat(NamedTuple):
    """Something `least` to `most` times; None: any number."""

    part: Part
    least: int
    most: int | None

    def advance(self, text: Text, states: States) -> States:
        for _ in range(self.least):
            after = self.part.advance(text, states)
            if after == states:
                break
            states = after
        reached = states
        for _ in range(len(text.value) * 2 + 2 if self.most is None else self.most - self.least):
            states = self.part.advance(text, states)
            if reached | states == reached:
                break
            reached |= states
        return reached


Part = One | Anchor | Sequence | Choice | Repeat


class Expression(NamedTuple):
    """A compiled expression."""

    part: Part

    def found_in(self, value: str) -> bool:
        """Whether any part of `value` matches, as regexec(3) says."""
        text = Text(_bytes(value))
        return any(self.part.advance(text, States(text.last * 2 - 1)))


def compiled(pattern: str) -> Expression:
    """as regcomp(3). Raises BadExpression where it fails, NotUnderstood where this module does not know."""
    return Expression(_Parser(_bytes(pattern)).expression())


def _bytes(text: str) -> bytes:
    """The C locale of FreeBSD has one character for each byte."""
    return text.encode("utf-8", "surrogateescape")


def _both_cases(characters: bytes) -> frozenset[int]:
    return frozenset(characters + characters.lower() + characters.upper())


ANY = frozenset(range(256))


class _Parser:
    """p_re() and p_ere_exp()."""

    def __init__(self, pattern: bytes) -> None:
        self.pattern = pattern.decode("latin-1")
        self.at = 0
        self.depth = 0

    def sees(self, wanted: str) -> bool:
        return self.pattern.startswith(wanted, self.at)

    def more(self) -> bool:
        return self.at < len(self.pattern)

    def eats(self, wanted: str) -> bool:
        eaten = self.sees(wanted)
        self.at += len(wanted) * eaten
        return eaten

    def next(self, error: str) -> str:
        if not self.more():
            raise BadExpression(error)
        self.at += 1
        return self.pattern[self.at - 1]

    def expression(self, end: str = "") -> Part:
        """Branches up to `end`, which is left in place, or to the end of the pattern."""
        branches = []
        while True:
            parts = []
            while self.more() and not self.sees("|") and not (end and self.sees(end)):
                part = self.repeated()
                if part is not None:
                    parts.append(part)
            if not parts:
                raise BadExpression("REG_EMPTY")
            branches.append(Sequence(tuple(parts)))
            if not self.eats("|"):
                return Choice(tuple(branches))

    def repeated(self) -> Part | None:
        """An atom with what repeats it; None for `a{0}`, which leaves nothing behind (repeat())."""
        part = self.atom()
        if not self.more() or self.pattern[self.at] not in "*+?{":
            return part
        if part == Anchor("^"):
            raise BadExpression("REG_BADRPT")
        mark = self.next("")
        least, most = {"*": (0, None), "+": (1, None), "?": (0, 1)}.get(mark) or self.bounds()
        if self.more() and (self.pattern[self.at] in "*+?" or (self.sees("{") and self.digit(self.at + 1))):
            raise BadExpression("REG_BADRPT")
        return None if most == 0 else Repeat(part, least, most)

    def digit(self, at: int) -> bool:
        return self.pattern[at : at + 1] in tuple(string.digits)

    def bounds(self) -> tuple[int, int | None]:
        """What stands after a `{`."""
        if not self.digit(self.at):
            raise BadExpression("REG_BADBR" if self.sees(",") else "REG_BADRPT")
        least = self.count()
        most: int | None = least
        if self.eats(","):
            most = self.count() if self.digit(self.at) else None
        if (most is not None and least > most) or not self.eats("}"):
            raise BadExpression("REG_BADBR")
        return least, most

    def count(self) -> int:
        value = 0
        while self.digit(self.at) and value <= DUPMAX:
            value = value * 10 + int(self.next(""))
        if value > DUPMAX:
            raise BadExpression("REG_BADBR")
        return value

    def atom(self) -> Part:
        character = self.next("")
        if character == "(":
            return self.group()
        if character in "^$":
            return Anchor(character)
        if character in "*+?{":
            raise BadExpression("REG_BADRPT")
        if character == ".":
            return One(ANY)
        if character == "[":
            return self.bracket()
        if character == "\\":
            character = self.next("REG_EESCAPE")
            if character in "<>":
                return Anchor(character)
            if character in string.ascii_letters + "'`":
                raise BadExpression("REG_EESCAPE")
        return One(_both_cases(character.encode("latin-1")))

    def group(self) -> Part:
        self.depth += 1
        if self.depth > DEEPEST:
            raise NotUnderstood("a pattern of devd with many nested parentheses", self.pattern)
        if not self.more():
            raise BadExpression("REG_EPAREN")
        part: Part = Sequence(()) if self.sees(")") else self.expression(")")
        if not self.eats(")"):
            raise BadExpression("REG_EPAREN")
        self.depth -= 1
        return part

    def bracket(self) -> Part:
        """p_bracket()."""
        for kind in "<>":
            if self.eats(f"[:{kind}:]]"):
                return Anchor(kind)
        inverted = self.eats("^")
        accepted = b"]" if self.eats("]") else b"-" if self.eats("-") else b""
        while self.more() and not self.sees("]") and not self.sees("-]"):
            accepted += self.term().encode("latin-1")
        accepted += b"-" if self.eats("-") else b""
        if not self.eats("]"):
            raise BadExpression("REG_EBRACK")
        both = _both_cases(accepted)
        return One(ANY - both if inverted else both)

    def term(self) -> str:
        """p_b_term(): the characters that one term of a bracket stands for."""
        if self.sees("-"):
            raise BadExpression("REG_ERANGE")
        if self.eats("[:"):
            return self.named_class()
        if self.eats("[="):
            if self.sees("-") or self.sees("]"):
                raise BadExpression("REG_ECOLLATE")
            return self.element("=")
        start = self.symbol()
        if not self.sees("-") or self.sees("-]") or self.at + 1 >= len(self.pattern):
            return start
        self.at += 1
        finish = "-" if self.eats("-") else self.symbol()
        if start > finish:
            raise BadExpression("REG_ERANGE")
        return "".join(map(chr, range(ord(start), ord(finish) + 1)))

    def symbol(self) -> str:
        return self.element(".") if self.eats("[.") else self.next("REG_EBRACK")

    def named_class(self) -> str:
        start = self.at
        while self.more() and self.pattern[self.at] in string.ascii_letters:
            self.at += 1
        name = self.pattern[start : self.at]
        if name in RARE_CLASSES:
            raise NotUnderstood("a pattern of devd", self.pattern)
        if name not in CLASSES or not self.eats(":]"):
            raise BadExpression("REG_ECTYPE")
        return CLASSES[name]

    def element(self, mark: str) -> str:
        """p_b_coll_elem(): one character. The names that cname.h knows are not read here."""
        end = self.pattern.find(f"{mark}]", self.at)
        if end < 0:
            raise BadExpression("REG_EBRACK")
        name, self.at = self.pattern[self.at : end], end + 2
        if len(name) > 1 and all(each in string.ascii_letters + string.digits + "-" for each in name):
            raise NotUnderstood("a pattern of devd", self.pattern)
        if len(name) != 1:
            raise BadExpression("REG_ECOLLATE")
        return name
