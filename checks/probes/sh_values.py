"""The variables that sh(1) would have after files of rc.conf(5), worked out without a shell: known, or said not to be.

This stands in where no shell of the node answers (`rc_conf`). Nothing is run. What only a shell knows, such as the
output of a command, makes the variables that depend on it not known; a condition that cannot be decided, those that
differ between its branches; and what is not understood at all (`sh_syntax.Unreadable`, a command that may be a function
of rc.subr(8)), all of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from fnmatch import fnmatchcase

from checks.probes.sh_syntax import (
    BraceGroup,
    CaseConstruct,
    Command,
    ForLoop,
    IfConstruct,
    List,
    Literal,
    Negation,
    Opaque,
    Parameter,
    SimpleCommand,
    Unreadable,
    Word,
    parse,
)

Value = str | None
"""What a variable holds, or that this is not known."""
Read = Callable[[str], str | None]
"""The text of a file, None where there is none. Raises Unreadable where that is unknown."""

TRUE, FALSE = 0, 1
HARMLESS = frozenset({"echo", "printf", "logger", "warn", "info", "debug"})
"""Commands that change no variable; whether they succeed is not known."""
ENVIRONMENT = frozenset({"HOME", "PATH", "PWD", "OLDPWD", "PS1", "PS2", "PS4", "IFS", "OPTIND", "PPID", "LANG", "USER"})
"""Variables that a shell has without being told."""
SPECIAL = frozenset({"IFS", "PATH", "ENV"})
"""Variables that change how a shell reads."""
YES = re.compile(r"(?i)yes|true|on|1")
"""rc.subr(8), checkyesno()."""
DEPTH = 8
"""Files within files."""
MOST_ROUNDS = 1000


def says_yes(value: str | None) -> bool:
    """checkyesno() of rc.subr(8); of what is neither, no."""
    return value is not None and YES.fullmatch(value) is not None


class Shell:
    """The variables of a shell. `names` is what they are before the first file; another one is unset, but for those of
    the environment and where `complete` is false: then it may be anything."""

    def __init__(self, names: Mapping[str, Value], read: Read, complete: bool) -> None:
        self.values: dict[str, Value] = dict(names)
        self.unset: set[str] = set()
        self.lost = ""
        """Why nothing is known any more."""
        self._read = read
        self.complete = complete
        """Nothing else has set a variable before."""
        self._depth = 0

    def known(self, name: str) -> bool:
        """Whether the value of a variable, or that it has none, is known."""
        if self.lost:
            return False
        if name in self.values:
            return self.values[name] is not None
        return name in self.unset or (self.complete and name not in ENVIRONMENT)

    def get(self, name: str) -> str | None:
        """The value of a variable that is known; None where it is unset."""
        return self.values.get(name)

    def source(self, path: str) -> None:
        """Read a file as `.` does; nothing where there is none."""
        if self.lost:
            return
        try:
            text = self._read(path)
            if text is not None:
                self._source(path, text)
        except Unreadable as error:
            self.lost = f"{path}: {error}"
        except RecursionError:
            self.lost = f"{path}: too deeply nested"

    def _source(self, path: str, text: str) -> None:
        if self._depth >= DEPTH:
            raise Unreadable("files within files")
        self._depth += 1
        try:
            self._list(parse(text))
        except _Returned:
            pass
        finally:
            self._depth -= 1

    # --- commands: each gives its exit status, None where that is not known --------------------------------------

    def _list(self, commands: List) -> int | None:
        status: int | None = TRUE
        for operator, command in commands:
            if operator == ";":
                status = self._command(command)
            elif status is None:
                self._maybe([lambda command=command: self._command(command)])  # type: ignore[misc]
            elif (status == TRUE) is (operator == "&&"):
                status = self._command(command)
        return status

    def _command(self, command: Command) -> int | None:
        if isinstance(command, SimpleCommand):
            return self._simple(command)
        if isinstance(command, BraceGroup):
            return self._list(command.body)
        if isinstance(command, Negation):
            status = self._command(command.command)
            return None if status is None else int(status == TRUE)
        if isinstance(command, IfConstruct):
            return self._if(command.branches, command.otherwise)
        if isinstance(command, CaseConstruct):
            return self._case(command)
        return self._for(command)

    def _if(self, branches: tuple[tuple[List, List], ...], otherwise: List) -> int | None:
        if not branches:
            return self._list(otherwise)
        (condition, body), *rest = branches
        status = self._list(condition)
        if status is None:
            self._maybe([lambda: self._list(body), lambda: self._if(tuple(rest), otherwise)])
            return None
        return self._list(body) if status == TRUE else self._if(tuple(rest), otherwise)

    def _case(self, command: CaseConstruct) -> int | None:
        word = self._text(command.word)
        for position, (patterns, body) in enumerate(command.branches):
            matches = [None if word is None else self._matches(word, pattern) for pattern in patterns]
            if True in matches and (None not in matches or matches.index(True) < matches.index(None)):
                return self._list(body)
            if None in matches:
                rest = CaseConstruct(command.word, command.branches[position + 1 :])
                self._maybe([lambda body=body: self._list(body), lambda rest=rest: self._case(rest)])  # type: ignore[misc]
                return None
        return TRUE

    def _for(self, command: ForLoop) -> int | None:
        fields = self._fields(command.words)
        if fields is None or len(fields) > MOST_ROUNDS:
            raise Unreadable("the words of `for`")
        status: int | None = TRUE
        for field in fields:
            self._assign(command.name, field)
            status = self._list(command.body)
        return status

    def _maybe(self, branches: list[Callable[[], object]]) -> None:
        """One of the branches is run, or none; which is not known."""
        before, unset = dict(self.values), set(self.unset)
        outcomes = [(before, unset)]
        for branch in branches:
            self.values, self.unset = dict(before), set(unset)
            try:
                branch()
            except _Returned:
                raise Unreadable("a `return` that may not be reached") from None
            outcomes.append((self.values, self.unset))
        self.values, self.unset = {}, set()
        for name in {name for values, gone in outcomes for name in (*values, *gone)}:
            variants = {(values.get(name), name in values, name in gone) for values, gone in outcomes}
            if len(variants) > 1:
                self.values[name] = None
            elif name in unset:
                self.unset.add(name)
            else:
                self.values[name] = outcomes[0][0].get(name)
        for name in self.unset & self.values.keys():
            self.unset.discard(name)

    def _simple(self, command: SimpleCommand) -> int | None:
        if not command.words:
            status: int | None = TRUE
            for name, word in command.assignments:
                self._assign(name, self._text(word))
                status = None if _runs_something(word) else status
            return status
        if command.assignments:
            raise Unreadable(f"{command.assignments[0][0]}= before a command")
        name = "".join(part.text for part in command.words[0] if isinstance(part, Literal))
        if any(not isinstance(part, Literal) for part in command.words[0]):
            raise Unreadable("a command that is the value of a variable")
        return self._builtin(name, command.words[1:])

    def _builtin(self, name: str, words: tuple[Word, ...]) -> int | None:
        if name in (":", "true", "false"):
            self._fields(words)
            return FALSE if name == "false" else TRUE
        if name in HARMLESS:
            self._fields(words)
            return None
        if name in ("test", "["):
            return self._test(name, self._fields(words))
        if name == "export":
            return self._export(words)
        fields = self._fields(words)
        if name == "checkyesno" and fields is not None and len(fields) == 1:
            return self._checkyesno(fields[0])
        if name == "unset" and fields:
            self._unset(fields)
            return TRUE
        if name == "." and fields is not None and len(fields) == 1:
            self._dot(fields[0])
            return None
        if name == "return":
            raise _Returned
        if "=" in name:
            return FALSE  # `name+=value`, `name.1=value`: no assignment for sh(1), and no command is found
        raise Unreadable(f"`{name}`")

    def _export(self, words: tuple[Word, ...]) -> int:
        for word in words:
            text = self._text(word)
            if text is None or not re.match(r"[A-Za-z_][A-Za-z0-9_]*(=|\Z)", text):
                raise Unreadable("`export`")
            if any(not isinstance(part, Literal) and not getattr(part, "quoted", False) for part in word):
                raise Unreadable("`export`, whose words some shells split")
            if "=" in text:
                self._assign(*text.split("=", 1))
        return TRUE

    def _unset(self, fields: Iterable[str]) -> None:
        for field in fields:
            if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", field):
                raise Unreadable("`unset`")
            self.values.pop(field, None)
            self.unset.add(field)

    def _dot(self, path: str) -> None:
        if not path.startswith("/"):
            raise Unreadable(f"`. {path}`, which is looked for in PATH")
        text = self._read(path)
        if text is None:
            raise Unreadable(f"`. {path}`: there is no such file, and the shell ends")
        self._source(path, text)

    def _checkyesno(self, name: str) -> int | None:
        if not self.known(name):
            return None
        return TRUE if says_yes(self.get(name)) else FALSE

    def _test(self, name: str, fields: list[str] | None) -> int | None:
        if fields is None or (name == "[" and fields[-1:] != ["]"]):
            return None
        fields = fields[:-1] if name == "[" else fields
        turned = fields[:1] == ["!"] and len(fields) > 2 and (len(fields) > 3 or fields[1] not in ("=", "!="))
        holds = self._holds(fields[1:] if turned else fields)
        return None if holds is None else int(holds is turned)

    def _holds(self, fields: list[str]) -> bool | None:
        if len(fields) == 1:
            return bool(fields[0])
        if len(fields) == 2 and fields[0] in ("-n", "-z"):
            return bool(fields[1]) is (fields[0] == "-n")
        if len(fields) == 2 and fields[0] in ("-f", "-r", "-e") and fields[1].startswith("/"):
            return self._read(fields[1]) is not None
        if len(fields) == 3 and fields[1] in ("=", "!="):
            return (fields[0] == fields[2]) is (fields[1] == "=")
        return None

    # --- words ---------------------------------------------------------------------------------------------------

    def _assign(self, name: str, value: Value) -> None:
        if name in SPECIAL:
            raise Unreadable(f"{name} is set")
        self.values[name] = value
        self.unset.discard(name)

    def _parameter(self, part: Parameter) -> tuple[Value, bool]:
        """What it expands to, and whether that is the word, whose quotes then count."""
        if not self.known(part.name):
            if part.operator:
                self._maybe([lambda: self._text(part.word)])
            if part.operator in (":=", "="):
                self._assign(part.name, None)
            return None, False
        value = self.get(part.name)
        there = value is not None and (value != "" or not part.operator.startswith(":"))
        if part.operator in ("", ":-", "-", ":=", "=") and (there or not part.operator):
            return value or "", False
        if part.operator in (":+", "+"):
            return (self._text(part.word), True) if there else ("", False)
        text = self._text(part.word)
        if part.operator in (":=", "="):
            self._assign(part.name, text)
            return text, False
        return text, True

    def _text(self, word: Word) -> Value:
        """A word as it is assigned or compared: not split, no pattern. None where it is not known."""
        parts: list[str] = []
        known = True
        before = ""
        for part in word:
            if isinstance(part, Opaque):
                known = False
            elif isinstance(part, Literal):
                if part.text == "~" and not part.quoted and before in ("", ":"):
                    known = False  # a home directory
                parts.append(part.text)
                before = part.text[-1:] or "quoted"
            else:
                text, _ = self._parameter(part)
                known = known and text is not None
                parts.append(text or "")
                before = "expanded"
        return "".join(parts) if known else None

    def _fields(self, words: tuple[Word, ...]) -> list[str] | None:
        """Words as they reach a command; None where they are not known, which is so of a pattern for files."""
        fields: list[str] | None = []
        for word in words:
            split = self._split(word)
            fields = None if fields is None or split is None else fields + split
        return fields

    def _split(self, word: Word) -> list[str] | None:
        """The fields of one word. One that joins an unquoted value with blanks to something else is not known."""
        known, quoted, text = True, False, ""
        for part in word:
            if isinstance(part, Opaque):
                known = False
            elif isinstance(part, Literal):
                known = known and (part.quoted or not re.search(r"[*?\[~]", part.text))
                quoted, text = quoted or part.quoted, text + part.text
            else:
                value, is_word = self._parameter(part)
                plain = value is not None and (part.quoted or not (is_word or re.search(r"[*?\[\\]", value)))
                splits = plain and not part.quoted and re.search(r"[ \t\n]", value or "")
                if splits and len(word) == 1 and value is not None:
                    return value.split()
                known = known and plain and not splits
                quoted, text = quoted or part.quoted, text + (value or "")
        return ([text] if text or quoted else []) if known else None

    def _matches(self, word: str, pattern: Word) -> bool | None:
        """Whether a word fits a pattern of `case`."""
        if any(not isinstance(part, Literal) for part in pattern):
            return None
        letters = [part for part in pattern if isinstance(part, Literal)]
        plain = "".join(part.text for part in letters if not part.quoted)
        brackets = "[" in plain or "]" in plain
        if "~" in plain or (brackets and any(part.quoted for part in letters)):
            return None
        if not re.fullmatch(r"(?:[^\[\]\\]|\[[A-Za-z0-9]+\])*", plain):
            return None
        glob = "".join(re.sub(r"([*?\[])", r"[\1]", part.text) if part.quoted else part.text for part in letters)
        return fnmatchcase(word, glob)


class _Returned(Exception):
    """`return` in a file."""


def _runs_something(word: Word) -> bool:
    """Whether a command substitution may be in it, whose exit status an assignment then has."""
    return any(
        isinstance(part, Opaque) or (isinstance(part, Parameter) and _runs_something(part.word)) for part in word
    )
