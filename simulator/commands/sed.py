"""sed(1): -n, -E and -i '' with addresses, ranges, groups, and the functions s, d and p (usr.bin/sed/compile.c,
process.c). What else it has raises ValueError."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from simulator.clock import Steps
from simulator.shell.calls import Call, command

CLASSES = {"[[:<:]]": r"\b(?=\w)", "[[:>:]]": r"\b(?<=\w)", "[:space:]": r"\s", "[:digit:]": "0-9"}
"""re_format(7)."""


class SedAddress(NamedTuple):
    """A number, `$` (0), or an expression."""

    number: int
    expression: re.Pattern[str] | None = None

    def fits(self, number: int, is_last: bool, text: str) -> bool:
        """Whether it is that of a line."""
        if self.expression is not None:
            return self.expression.search(text) is not None
        return is_last if self.number == 0 else number == self.number


@dataclass(slots=True)
class SedFunction:
    """A function with its addresses; `begun` while a line of its range has come and the last one has not."""

    addresses: list[SedAddress]
    name: str
    body: list[SedFunction]
    edit: Callable[[str], str] | None = None
    begun: bool = False

    def applies(self, number: int, is_last: bool, text: str) -> bool:
        """Whether it is applied to a line (process.c, applies())."""
        if not self.addresses:
            return True
        first, last = self.addresses[0], self.addresses[-1]
        if len(self.addresses) == 1:
            return first.fits(number, is_last, text)
        if self.begun:
            self.begun = not last.fits(number, is_last, text)
            return True
        begins = first.fits(number, is_last, text)
        self.begun = begins and not (last.expression is None and 0 < last.number <= number)
        return begins


class SedScript:
    """A script as it is parsed."""

    def __init__(self, text: str, extended: bool) -> None:
        self.text, self.extended, self.at = text, extended, 0

    def functions(self, end: str = "") -> Iterator[SedFunction]:
        """Up to the end of the script, or of a group."""
        while True:
            self._skip(" \t\n;")
            if self.at >= len(self.text) or self.text[self.at] == end:
                self.at += 1
                return
            yield self._function()

    def _function(self) -> SedFunction:
        addresses = [each] if (each := self._address()) else []
        if addresses and self.text[self.at : self.at + 1] == ",":
            self.at += 1
            addresses += [each] if (each := self._address()) else []
        self._skip(" \t")
        name = self.text[self.at : self.at + 1]
        self.at += 1
        if name == "{":
            return SedFunction(addresses, name, list(self.functions("}")))
        if name == "s":
            return SedFunction(addresses, name, [], self._substitution())
        if name not in ("d", "p"):
            raise ValueError(f"invalid command code {name}")
        return SedFunction(addresses, name, [])

    def _address(self) -> SedAddress | None:
        if number := re.compile(r"\d+").match(self.text, self.at):
            self.at = number.end()
            return SedAddress(int(number[0]))
        if self.text[self.at : self.at + 1] == "$":
            self.at += 1
            return SedAddress(0)
        if self.text[self.at : self.at + 1] != "/":
            return None
        self.at += 1
        return SedAddress(0, self._expression(self._until("/")))

    def _substitution(self) -> Callable[[str], str]:
        delimiter = self.text[self.at]
        self.at += 1
        expression, replacement = self._expression(self._until(delimiter)), self._until(delimiter)
        flags = re.compile(r"[gp0-9]*").match(self.text, self.at)
        assert flags is not None
        self.at = flags.end()
        count = 0 if "g" in flags[0] else 1
        return lambda line: expression.sub(lambda match: _replaced(replacement, match), line, count=count)

    def _until(self, delimiter: str) -> str:
        """Up to the next delimiter that no backslash and no bracket expression hides (compile_delimited())."""
        taken, in_brackets = "", False
        while self.at < len(self.text):
            letter = self.text[self.at]
            if letter == "\\" and not in_brackets:
                following = self.text[self.at + 1 : self.at + 2]
                taken += following if following == delimiter else letter + following
                self.at += 2
                continue
            if letter == delimiter and not in_brackets:
                self.at += 1
                return taken
            if letter == "[" and not in_brackets:
                named = re.compile(r"\[\^?\]?(\[:\w+:\]|[^\]])*\]|\[\[:[<>]:\]\]").match(self.text, self.at)
                if named:
                    taken += named[0]
                    self.at = named.end()
                    continue
            taken += letter
            self.at += 1
        raise ValueError("unterminated substitute in regular expression")

    def _expression(self, text: str) -> re.Pattern[str]:
        """re_format(7): in a basic one some are special behind a backslash alone."""
        if not self.extended:
            text = re.sub(r"\\?[()|+?{}]", lambda each: each[0][1:] or f"\\{each[0]}", text)
        for name, same in CLASSES.items():
            text = text.replace(name, same)
        return re.compile(text)

    def _skip(self, letters: str) -> None:
        while self.at < len(self.text) and self.text[self.at] in letters:
            self.at += 1


def _replaced(replacement: str, match: re.Match[str]) -> str:
    """compile_subst(): `&`, `\\1` and its kin, `\\n`."""

    def one(each: re.Match[str]) -> str:
        word = each[0]
        if word == "&":
            return match[0]
        if word[1:].isdigit():
            return match[int(word[1:])] or ""
        return "\n" if word == "\\n" else word[1:]

    return re.sub(r"(?s)&|\\.", one, replacement)


def edited(text: str, script: str, extended: bool = False, quiet: bool = False) -> str:
    """A text after a script. Raises ValueError."""
    functions = list(SedScript(script, extended).functions())
    lines, output = text.splitlines(keepends=True), []
    for number, line in enumerate(lines, 1):
        bare = line.removesuffix("\n")
        result, printed = _line(functions, number, number == len(lines), bare)
        shown = [*printed, *([] if quiet or result is None else [result])]
        output += [f"{each}{line[len(bare) :]}" for each in shown]
    return "".join(output)


def _line(functions: list[SedFunction], number: int, is_last: bool, text: str) -> tuple[str | None, list[str]]:
    """A line after the functions, None where it was deleted; and what was printed of it."""
    printed: list[str] = []
    now: str | None = text
    for each in functions:
        if now is None or not each.applies(number, is_last, now):
            continue
        if each.name == "{":
            now, more = _line(each.body, number, is_last, now)
            printed += more
        elif each.edit is not None:
            now = each.edit(now)
        elif each.name == "p":
            printed.append(now)
        else:
            now = None
    return now, printed


@command("sed")
def sed(call: Call) -> Steps[int]:
    """sed(1) of one file, or of standard input."""
    words, options = call.argv[1:], set[str]()
    while words and words[0].startswith("-"):
        option = words.pop(0)
        options.add(option)
        if option == "-i" and words and words[0] == "":
            words.pop(0)
    script, paths = words[0], words[1:]
    try:
        text = "".join(call.node.read_file(path) for path in paths) if paths else call.stdin
        text = edited(text, script, "-E" in options, "-n" in options)
    except OSError as error:
        call.err(f"sed: {paths[0]}: {error.strerror}\n")
        return 1
    except (ValueError, re.error) as error:
        call.err(f'sed: 1: "{script}": {error}\n')
        return 1
    if "-i" in options:
        yield from call.node.write_file(paths[0], text)
    else:
        call.out(text)
    return 0
