"""The files of devd(8), and which rule runs for an event (sbin/devd: token.l, parse.y, devd.cc; 13.2 and 15.1 agree).

A character of no token is skipped, as flex(1) does it; what the grammar does not take ends devd.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

TOKEN = re.compile(
    r"[ \t\n]+|(?:\#|//)[^\n]*(?=\n)|/\*[^*]*\*+(?:[^*/][^*]*\*+)*/"
    r'|(?P<mark>[;{}])|(?P<number>[0-9]+)|"(?P<string>[^"]+)"|(?P<word>[A-Za-z][A-Za-z0-9_-]*)|.',
    re.ASCII | re.DOTALL,
)
EVENTS = {"attach", "detach", "nomatch", "notify"}
SHORT = {"device-name", "class", "subdevice"}
"""`class "X";` is `match "class" "X";` (parse.y)."""
KEYWORDS = {"options", "set", "directory", "pid-file", "media-type", "action", "match", *EVENTS, *SHORT}
MEDIA = {"ethernet", "802.11", "atm"}
"""media::media()."""
VARIABLE = re.compile(r"[A-Za-z_*-][A-Za-z0-9_-]*", re.ASCII)
"""expand_one()."""


class Unparsable(Exception):
    """devd does not start; the text says where."""


@dataclass(slots=True)
class DevdRule:
    """A `notify` section."""

    priority: int
    matches: list[tuple[str, bool, str]] = field(default_factory=list)
    """Variable, whether it is inverted, and the expression."""
    actions: list[str] = field(default_factory=list)
    impossible: bool = False
    """It has a `media-type` which the interface of no event of CARP has."""

    def fits(self, values: dict[str, str]) -> bool:
        """match::do_match() for all; regexec(3) finds nothing by an expression that regcomp(3) refused."""
        return not self.impossible and all(
            found(pattern, values.get(name, "")) is not inverted for name, inverted, pattern in self.matches
        )


class DevdConfiguration:
    """What devd knows once it has read its files, in their order."""

    def __init__(self) -> None:
        self.variables: dict[str, str] = {}
        self.directories: list[str] = []
        self.rules: list[DevdRule] = []

    def read(self, text: str, file: str) -> None:
        """Add a file. Raises Unparsable."""
        _Parser(self, text, file).file()

    def actions(self, event: dict[str, str]) -> list[str]:
        """config::find_and_execute(): the command lines of the first rule that fits, those of high priority first."""
        line = " ".join(f"{name}={value}" for name, value in event.items())
        values = {**self.variables, "*": f"!{line}", "_": line, "timestamp": "0.000000", **event}
        for rule in sorted(self.rules, key=lambda rule: -rule.priority):  # sort_vector() is stable
            if rule.fits(values):
                return [expanded(action, lambda name: shell_quoted(values.get(name, ""))) for action in rule.actions]
        return []


def shell_quoted(value: str) -> str:
    """config::shell_quote()."""
    return "$'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def expanded(text: str, value: Callable[[str], str]) -> str:
    """config::expand_string(): `$NAME`; `$$` is a dollar, `$(…)` is left to the shell."""
    text_so_far, at = "", 0
    while (dollar := text.find("$", at)) >= 0:
        text_so_far, at = text_so_far + text[at:dollar], dollar + 1
        name = VARIABLE.match(text, at)
        if text[at : at + 1] == "(":
            end = _closing(text, at)
            text_so_far, at = text_so_far + "$" + text[at:end], end
        elif name is not None:
            text_so_far, at = text_so_far + value(name[0]), name.end()
        elif at < len(text):
            text_so_far, at = text_so_far + ("$" if text[at] == "$" else f"${text[at]}"), at + 1
        else:
            return text_so_far + "$"
    return text_so_far + text[at:]


def _closing(text: str, at: int) -> int:
    depth = 0
    for place in range(at, len(text)):
        depth += (text[place] == "(") - (text[place] == ")")
        if depth == 0:
            return place + 1
    return len(text)


def found(pattern: str, text: str) -> bool:
    """regexec(3): whether an expression is found in a text."""
    expression = _compiled(pattern)
    return expression is not None and expression.search(text) is not None


CLASSES = {
    "alnum": "a-zA-Z0-9", "alpha": "a-zA-Z", "blank": " \\t", "cntrl": "\\x00-\\x1f\\x7f", "digit": "0-9",
    "graph": "!-~", "lower": "a-z", "print": " -~", "punct": "!-/:-@\\[-`{-~", "space": "\\s", "upper": "A-Z",
    "xdigit": "0-9a-fA-F",
}  # fmt: skip


WORDS = {"<": r"\b(?=\w)", ">": r"\b(?<=\w)"}
REPETITION = re.compile(r"[*+?]|\{\d+(,\d*)?\}|\{(?=\d)")
DUPMAX = 255


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> re.Pattern[str] | None:
    """regcomp(3) with REG_EXTENDED | REG_NOSUB | REG_ICASE; None where it refuses (regcomp.c)."""
    try:
        return re.compile("".join(_translated(pattern)), re.IGNORECASE | re.ASCII | re.DOTALL)
    except (re.error, ValueError):
        return None


def _translated(pattern: str) -> Iterator[str]:
    """As Python writes it. Raises ValueError for `\\` before a letter, an empty alternative, a repetition of nothing or
    of a repetition."""
    at, depth, last = 0, 0, ""
    while at < len(pattern):
        char, start = pattern[at], at
        if char == "[":
            at = _bracket_end(pattern, at)
            yield _bracket(pattern[start + 1 : at - 1])
        elif char == "\\":
            at += 2
            yield WORDS.get(pattern[start + 1 : at]) or _ordinary(pattern[start + 1 : at])
            if pattern[start + 1 : at] in WORDS and pattern.startswith("$", at):
                yield "(?!)"  # engine.c: only a character may follow the boundary of a word
        elif repetition := REPETITION.match(pattern, at):
            at = repetition.end()
            if last in ("", "(", "|", "^") or REPETITION.match(pattern, at) or max(_counts(repetition[0])) > DUPMAX:
                raise ValueError("repetition")
            yield repetition[0]
        else:
            at += 1
            if char == "{" or (char == "|" and (last in ("", "(", "|") or pattern[at : at + 1] in ("", "|"))):
                raise ValueError(char)
            if char == ")" and last == "|" and depth:
                raise ValueError(char)
            ordinary = char == ")" and not depth
            depth += (char == "(") - (char == ")" and depth > 0)
            yield "(?:\\Z)" if char == "$" else char if char in "(|.^)" and not ordinary else re.escape(char)
            last = "a" if ordinary else char
            continue
        last = "a"


def _ordinary(char: str) -> str:
    if not char or char.isalpha() or char in "'`":
        raise ValueError(char)
    return re.escape(char)


def _counts(repetition: str) -> list[int]:
    return [int(count) for count in re.findall(r"\d+", repetition)] or [0]


def _bracket_end(pattern: str, at: int) -> int:
    """The place behind the `]` that ends a bracket expression. Raises ValueError where there is none."""
    match = re.compile(r"\[\^?\]?(?:\[:\w+:\]|\[(?![.=:])|[^\[\]])*\]").match(pattern, at)
    if match is None:
        raise ValueError("[")
    return match.end()


def _bracket(inside: str) -> str:
    """As Python writes it: no backslash is special in it."""
    negated, inside = ("^", inside[1:]) if inside.startswith("^") else ("", inside)
    parts = re.split(r"\[:(\w+):\]", inside)
    translated = "".join(
        CLASSES.get(part, "") if number % 2 else re.sub(r"([\\\[\]^])", r"\\\1", part)
        for number, part in enumerate(parts)
    )
    return f"[{negated}{translated}]"


class _Token(NamedTuple):
    """`kind` is mark, number, string, word, keyword or end."""

    kind: str
    text: str
    line: int


def _tokens(text: str) -> Iterator[_Token]:
    line = 1
    for match in TOKEN.finditer(text):
        line += match[0].count("\n")
        kind = match.lastgroup
        if kind == "string":
            yield _Token(kind, _string(match["string"]), line)
        elif kind is not None:
            yield _Token("keyword" if match[0] in KEYWORDS else kind, match[0], line)
    yield _Token("end", "", line)


def _string(text: str) -> str:
    """A line that ends with a backslash goes on behind the blanks of the next one."""
    return re.sub(r"\\\n[ \t\n\v\f\r]*", "", text)


class _Parser:
    """parse.y."""

    def __init__(self, configuration: DevdConfiguration, text: str, name: str) -> None:
        self.configuration, self.name = configuration, name
        self.tokens = _tokens(text)

    def file(self) -> None:
        """Options and rules, to the end."""
        while (token := next(self.tokens)).kind != "end":
            if token.kind == "keyword" and token.text == "options":
                self.options()
            elif token.kind == "keyword" and token.text in EVENTS:
                self.rule(token.text)
            else:
                self.refuse(token)

    def refuse(self, token: _Token) -> None:
        """Raises Unparsable."""
        raise Unparsable(f"{self.name}, line {token.line}: {token.text or '(end of file)'}")

    def take(self, kind: str, text: str = "") -> str:
        """The next token. Raises Unparsable where it is another one."""
        token = next(self.tokens)
        if token.kind != kind or (text and token.text != text):
            self.refuse(token)
        return token.text

    def options(self) -> None:
        """At least one."""
        self.take("mark", "{")
        token = next(self.tokens)
        while True:
            if token.kind != "keyword" or token.text not in ("set", "directory", "pid-file"):
                self.refuse(token)
            name = self.take("word") if token.text == "set" else ""
            value = self.take("string")
            self.take("mark", ";")
            if name:
                self.configuration.variables[name] = value.replace('\\"', '"')
            elif token.text == "directory":
                self.configuration.directories.append(value)
            token = next(self.tokens)
            if (token.kind, token.text) == ("mark", "}"):
                break
        self.take("mark", ";")

    def rule(self, event: str) -> None:
        """`notify` is kept; of the others only the grammar matters here."""
        rule = DevdRule(int(self.take("number")))
        self.take("mark", "{")
        while ((token := next(self.tokens)).kind, token.text) != ("mark", "}"):
            if token.kind != "keyword" or token.text not in ("match", "media-type", "action", *SHORT):
                self.refuse(token)
            name = self.take("string") if token.text == "match" else token.text
            value = self.take("string")
            self.take("mark", ";")
            if name == "action" and token.text == "action":
                rule.actions.append(value)
            elif token.text == "media-type":
                rule.impossible = rule.impossible or value.lower() in MEDIA
            else:
                self.match(rule, name, value)
        self.take("mark", ";")
        if event == "notify" and (rule.matches or rule.actions or rule.impossible):
            self.configuration.rules.append(rule)

    def match(self, rule: DevdRule, name: str, value: str) -> None:
        """match::match(): the variables are those set so far."""
        inverted = value.startswith("!")
        known = self.configuration.variables
        pattern = expanded(value[inverted:], lambda each: known.get(each, ""))
        end = "" if pattern.endswith("$") and value.endswith("$") else "$"
        rule.matches.append((name, inverted, f"^{pattern}{end}"))
