"""The files of devd(8) as devd reads them, and which rule runs for an event.

sbin/devd of 13.2 and of 15.1 agree in all that is said here. What token.l knows no token for is skipped, as flex(1)
does it: a character that stands for nothing is printed and forgotten. So a comment in the last line of a file that
lacks its line end is no comment, a `\\"` ends a string, and `""` begins one. What parse.y does not take ends devd.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple

from checks.probes import ere
from checks.probes.errors import NotFound, NotUnderstood

TOKEN = re.compile(
    r"(?P<blank>[ \t\n]+|(?:\#|//)[^\n]*(?=\n)|/\*[^*]*\*+(?:[^*/][^*]*\*+)*/)"
    r'|(?P<mark>[;{}])|(?P<number>[0-9]+)|"(?P<string>[^"]+)"|(?P<word>[A-Za-z][A-Za-z0-9_-]*)|(?P<other>.)',
    re.ASCII | re.DOTALL,
)
"""The rules of token.l; the longest match is the only one for each first character."""
BLANK = " \t\n\v\f\r"
"""isspace(3)."""
BLOCKS = ("attach", "detach", "nomatch", "notify")
MATCHES = ("device-name", "class", "subdevice")
"""Statements that are a `match` of the variable of that name (parse.y)."""
KEYWORDS = frozenset((*BLOCKS, *MATCHES, "options", "set", "directory", "pid-file", "media-type", "action", "match"))
MEDIA = ("ethernet", "802.11", "atm")
"""The types that devd.cc media::media() knows; every other word means `unknown`."""
OF_THE_MOMENT = ("timestamp", "vm_guest")
"""Variables that process_event() sets to what only devd knows; 13.2 has no vm_guest."""
VARIABLE = re.compile(r"[A-Za-z_*-][A-Za-z0-9_-]*", re.ASCII)
"""What expand_one() takes for a variable after a `$`."""

Event = Mapping[str, str]
"""A `notify` event: its variables, in the order in which the kernel names them (devctl_notify(9))."""


class DevdConfError(NotUnderstood):
    """devd does not start with this file (config::parse_one_file())."""

    def __init__(self, file: str, line: int, text: str) -> None:
        super().__init__(f"{file}, line {line}", text or "(end of file)")


class DevdConfMissing(NotFound):
    """Nor without its first file."""

    def __init__(self, file: str) -> None:
        super().__init__(f"{file}: no such file")


class Match(NamedTuple):
    """`match "VARIABLE" "PATTERN"`; `pattern` is what regcomp(3) gets."""

    variable: str
    inverted: bool
    pattern: str

    def holds(self, variables: Event) -> bool:
        """match::do_match(). Raises NotUnderstood."""
        if self.variable in OF_THE_MOMENT and self.variable not in variables:
            raise NotUnderstood("a rule of devd that depends on a variable of the moment", self.variable)
        expression = compiled(self.pattern)
        matches = expression is not None and expression.found_in(variables.get(self.variable, ""))
        return matches is not self.inverted


@lru_cache(maxsize=1024)
def compiled(pattern: str) -> ere.Expression | None:
    """The expression; None where regcomp(3) refuses it, which devd does not notice: regexec(3) then finds nothing.
    Raises NotUnderstood."""
    try:
        return ere.compiled(pattern)
    except ere.BadExpression:
        return None


class Media(NamedTuple):
    """`media-type "TYPE"`, which holds for an interface; the subsystem of an event of CARP is none."""

    kind: str

    def holds(self, variables: Event) -> bool:
        """media::do_match() where SIOCGIFMEDIA fails: only for the type unknown."""
        return self.kind.lower() not in MEDIA


class DevdRule(NamedTuple):
    """A `notify` section. All matches must hold; then all actions run, one after the other."""

    priority: int
    matches: tuple[Match | Media, ...]
    actions: tuple[str, ...]
    file: str
    line: int
    rank: int = 0
    """The place of its file among those that devd reads; files of one directory share theirs: readdir(3) sorts not."""

    def fits(self, variables: Event) -> bool:
        """event_proc::matches(). What does not hold is looked for first. Raises NotUnderstood."""
        unknown = None
        for match in self.matches:
            try:
                if not match.holds(variables):
                    return False
            except NotUnderstood as error:
                unknown = error
        if unknown:
            raise unknown
        return True


class DevdConfiguration:
    """What devd knows once it has read its files, in their order."""

    def __init__(self) -> None:
        self.variables: dict[str, str] = {}
        self.directories: list[str] = []
        self.rules: list[DevdRule] = []

    def read(self, text: str, file: str, rank: int = 0) -> None:
        """Add a file. Raises DevdConfError."""
        _File(self, text, file, rank).read()

    def first(self, event: Event) -> tuple[DevdRule, ...]:
        """The rule that devd runs for an event (config::find_and_execute()): of those that fit the one of the highest
        priority, of these the one read first. Several where files of one directory have one each; none where no rule
        fits. Raises NotUnderstood."""
        variables = self.variables_of(event)
        best: list[DevdRule] = []
        for rule in sorted(self.rules, key=lambda rule: (-rule.priority, rule.rank)):  # sort_vector() is stable
            if best and (rule.priority, rule.rank) != (best[0].priority, best[0].rank):
                break
            if rule.file not in [other.file for other in best] and rule.fits(variables):
                best.append(rule)
        return tuple(best)

    def variables_of(self, event: Event) -> dict[str, str]:
        """What a variable stands for while an event is processed: process_event(), config::get_variable()."""
        line = " ".join(f"{name}={value}" for name, value in event.items())
        return {**self.variables, "*": f"!{line}", "_": line, **event}

    def command(self, action: str, event: Event) -> str:
        """What sh(1) gets for an action: every variable as one quoted word (config::shell_quote())."""
        variables = {"timestamp": "0.000000", **self.variables_of(event)}
        return expanded(action, lambda name: shell_quoted(variables.get(name, "")))

    def pattern(self, text: str) -> str:
        """What regcomp(3) gets for a pattern."""
        return expanded(text, lambda name: self.variables.get(name, ""), "^", "$")


def shell_quoted(value: str) -> str:
    """config::shell_quote(): `$'…'` of sh(1)."""
    return "$'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def expanded(text: str, value: Callable[[str], str], before: str = "", after: str = "") -> str:
    """config::expand_string(). A `$` at the very end is kept, and nothing comes after it: expand_one() copies the NUL
    behind it, where every reader of the result stops."""
    parts, at = [before], 0
    while (mark := text.find("$", at)) >= 0:
        parts.append(text[at:mark])
        at = mark + 1
        if at == len(text):
            return "".join([*parts, "$"])
        if text[at] == "(":
            end = _closing(text, at)
            parts.append("$" + text[at:end])
        elif name := VARIABLE.match(text, at):
            end = name.end()
            parts.append(value(name.group()))
        else:
            end = at + 1
            parts.append("$" if text[at] == "$" else "$" + text[at])
        at = end
    return "".join([*parts, text[at:], after])


def _closing(text: str, at: int) -> int:
    """The place behind the parenthesis that closes the one at `at`, or the end."""
    depth = 0
    for place in range(at, len(text)):
        depth += {"(": 1, ")": -1}.get(text[place], 0)
        if depth == 0:
            return place + 1
    return len(text)


class Token(NamedTuple):
    """`kind` is mark, number, string, word or keyword, or end."""

    kind: str
    text: str
    line: int


def tokens(text: str) -> Iterator[Token]:
    """yylex()."""
    line = 1
    for match in TOKEN.finditer(text):
        line += match.group().count("\n")
        kind = str(match.lastgroup)
        if kind == "string":
            yield Token(kind, _string(match.group()), line)
        elif kind not in ("blank", "other"):
            word = match.group()
            yield Token("keyword" if word in KEYWORDS else kind, word, line)
    yield Token("end", "", line)


def _string(quoted: str) -> str:
    """Without its quotes, lines joined as token.l joins them: one that goes on at the closing quote takes it in."""
    if "\\\n" not in quoted:
        return quoted[1:-1]
    parts, at = [], 1
    while at < len(quoted) - 1:
        if quoted.startswith("\\\n", at):
            at += 2
            while quoted[at] in BLANK:
                at += 1
        parts.append(quoted[at])
        at += 1
    return "".join(parts)


class _File:
    """parse.y."""

    def __init__(self, configuration: DevdConfiguration, text: str, file: str, rank: int) -> None:
        self.configuration, self.file, self.rank = configuration, file, rank
        self.tokens = tokens(text)

    def read(self) -> None:
        while (token := next(self.tokens)).kind != "end":
            if token.kind == "keyword" and token.text == "options":
                self.options()
            elif token.kind == "keyword" and token.text in BLOCKS:
                self.block(token)
            else:
                raise self.wrong(token)

    def wrong(self, token: Token) -> DevdConfError:
        return DevdConfError(self.file, token.line, token.text)

    def take(self, kind: str, text: str = "") -> Token:
        token = next(self.tokens)
        if token.kind != kind or (text and token.text != text):
            raise self.wrong(token)
        return token

    def options(self) -> None:
        """One option at least, unlike the other blocks."""
        self.take("mark", "{")
        token = next(self.tokens)
        while True:
            self.option(token)
            token = next(self.tokens)
            if token[:2] == ("mark", "}"):
                self.take("mark", ";")
                return

    def option(self, token: Token) -> None:
        if token.kind != "keyword" or token.text not in ("set", "directory", "pid-file"):
            raise self.wrong(token)
        name = self.take("word").text if token.text == "set" else ""
        value = self.take("string").text
        self.take("mark", ";")
        if name:
            self.configuration.variables[name] = value.replace('\\"', '"')  # var_list::fix_value()
        elif token.text == "directory":
            self.configuration.directories.append(value)

    def block(self, opening: Token) -> None:
        priority = atoi(self.take("number").text)
        self.take("mark", "{")
        matches: list[Match | Media] = []
        actions: list[str] = []
        while (token := next(self.tokens))[:2] != ("mark", "}"):
            self.statement(token, matches, actions)
        self.take("mark", ";")
        if opening.text == "notify" and (matches or actions):
            rule = DevdRule(priority, tuple(matches), tuple(actions), self.file, opening.line, self.rank)
            self.configuration.rules.append(rule)

    def statement(self, token: Token, matches: list[Match | Media], actions: list[str]) -> None:
        if token.kind != "keyword" or token.text not in ("match", "media-type", "action", *MATCHES):
            raise self.wrong(token)
        variable = self.take("string").text if token.text == "match" else token.text
        value = self.take("string").text
        self.take("mark", ";")
        if token.text == "action":
            actions.append(value)
        elif token.text == "media-type":
            matches.append(Media(value))
        else:
            matches.append(self.match(variable, value))

    def match(self, variable: str, value: str) -> Match:
        """match::match(): the variables are those set so far."""
        inverted = value.startswith("!")
        return Match(variable, inverted, self.configuration.pattern(value[inverted:]))


def atoi(digits: str) -> int:
    """atoi(3) of a number without a sign: strtol(3), cut to an int."""
    value = min(int(digits[:20]), 2**63 - 1) & 0xFFFFFFFF
    return value - (1 << 32) if value >> 31 else value
