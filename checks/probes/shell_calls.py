"""Whether a command line runs a program, and with which arguments, told without running anything.

What the line says for certain is followed: constants, `true`, `[ a = b ]`, `case`, loops over words, functions, and the
programs of `shell_programs` that run another. What hangs on something else makes the answer uncertain.
"""

from __future__ import annotations

import fnmatch
import posixpath
from collections.abc import Callable
from enum import Enum, auto
from typing import NamedTuple

from checks.probes import shell_syntax as syntax
from checks.probes import shell_test
from checks.probes.shell_programs import DIRECTORIES, INERT, INTERPRETERS, SHELLS, SUCCEED, WRAPPERS, Wrapper
from checks.probes.shell_syntax import Case, For, Group, If, Lines, Loop, NotRead, Pipeline, Simple, Word

Text = str | None
"""A text, or None where the line does not tell."""
SEARCH_PATH = "/sbin:/bin:/usr/sbin:/usr/bin"
"""PATH of what rc(8) starts, devd(8) with it: /etc/rc, service(8)."""
MOST = 3000
"""Commands that are followed in one line."""


class ExitStatus(Enum):
    """How a command ends."""

    SUCCESS = auto()
    FAILURE = auto()
    EITHER = auto()

    def negated(self) -> ExitStatus:
        return {ExitStatus.SUCCESS: ExitStatus.FAILURE, ExitStatus.FAILURE: ExitStatus.SUCCESS}.get(self, self)


class ProgramCall(NamedTuple):
    """The program is run: its arguments, why that is not certain (empty where it is), and the PATH it gets."""

    arguments: tuple[Text, ...]
    doubt: str
    path: Text


class Calls(NamedTuple):
    """What a line does with the program; `unclear` is why it may do more, empty where it does not."""

    made: tuple[ProgramCall, ...]
    unclear: str


def calls(line: str, program: str) -> Calls:
    """How a line that sh(1) is given calls `program`, an absolute path. A line that sh refuses calls nothing."""
    follower = _Follower(program)
    try:
        follower.line(line, ShellState())
    except syntax.WrongSyntax:
        return Calls(tuple(follower.made), "")
    except (NotRead, _TooMuch) as error:
        follower.unclear = follower.unclear or str(error)
    return Calls(tuple(follower.made), follower.unclear if follower.names(line) else "")


class _TooMuch(Exception):
    pass


class ShellState:
    """What a shell knows at one place of a line. `doubt` is why it may not get there; `ended` that it does not."""

    def __init__(self) -> None:
        self.variables: dict[str, Text] = {"PATH": SEARCH_PATH, "HOME": "/"}
        self.exported = {"PATH", "HOME"}
        self.parameters: list[Text] = ["sh"]
        self.functions: dict[str, syntax.Command] = {}
        self.directory: Text = "/"
        self.doubt = ""
        self.ended = False
        self.left = ""
        """Of what `ended` is the end where the shell itself goes on: a round, a loop, a function."""
        self.loops = self.tested = 0
        self.strict = False

    def copy(self) -> ShellState:
        copy = ShellState()
        copy.variables, copy.exported = dict(self.variables), set(self.exported)
        copy.parameters, copy.functions = list(self.parameters), dict(self.functions)
        copy.directory, copy.doubt, copy.strict = self.directory, self.doubt, self.strict
        copy.loops, copy.tested = self.loops, self.tested
        return copy

    def child(self, assignments: dict[str, Text] | None = None) -> ShellState:
        """A new process: only what is exported is left."""
        child = ShellState()
        child.variables = {name: value for name, value in self.variables.items() if name in self.exported}
        child.variables |= assignments or {}
        child.exported = set(child.variables)
        child.directory, child.doubt = self.directory, self.doubt
        return child

    def perhaps(self, other: ShellState) -> None:
        """What `other` has done may have been done."""
        for name in {*self.variables, *other.variables}:
            if self.variables.get(name, "") != other.variables.get(name, ""):
                self.variables[name] = None
        self.exported |= other.exported
        if self.directory != other.directory:
            self.directory = None
        if other.ended:
            self.doubt = self.doubt or other.doubt

    def goes_on(self, *after: str) -> bool:
        """Go on where one of these was left; whether one was."""
        left = self.ended and self.left in after
        if left:
            self.ended, self.left = False, ""
        return left


class _Follower:
    def __init__(self, program: str) -> None:
        self.program = posixpath.normpath(program)
        self.made: list[ProgramCall] = []
        self.unclear = ""
        self.left = MOST

    # --- what names the program ------------------------------------------------------------------------------------

    def names(self, text: Text) -> bool:
        return text is not None and posixpath.basename(self.program) in text

    def is_program(self, name: str, shell: ShellState) -> bool:
        if "/" not in name:
            folder, base = posixpath.split(self.program)
            return name == base and folder in (shell.variables.get("PATH") or "").split(":")
        return self.resolved(name, shell) == self.program

    def resolved(self, path: str, shell: ShellState) -> Text:
        if not path.startswith("/"):
            if shell.directory is None:
                return None
            path = posixpath.join(shell.directory, path)
        return "/" + posixpath.normpath(path).lstrip("/")

    def uncertain(self, why: str, words: list[Text]) -> ExitStatus:
        """Words that name the program went where this module cannot follow."""
        if any(self.names(word) for word in words):
            self.unclear = self.unclear or why
        return ExitStatus.EITHER

    # --- lists and compound commands -------------------------------------------------------------------------------

    def line(self, text: str, shell: ShellState) -> ExitStatus:
        return self.lines(syntax.parse(text), shell)

    def lines(self, lines: Lines, shell: ShellState) -> ExitStatus:
        status = ExitStatus.SUCCESS
        last = [*(each[0] == ";" for each in lines.parts[1:]), True][: len(lines.parts)]
        for (operator, pipeline, background), is_last in zip(lines.parts, last, strict=True):
            if shell.ended:
                break
            wanted = {"&&": ExitStatus.SUCCESS, "||": ExitStatus.FAILURE}.get(operator, status)
            if status is not wanted and status is not ExitStatus.EITHER:
                continue
            if operator != ";" and status is ExitStatus.EITHER:
                after = self.maybe(pipeline, shell, "it depends on whether another command succeeds")
                status = after if after is status_without(operator) else ExitStatus.EITHER
            elif background:
                self.pipeline(pipeline, shell.copy())
                status = ExitStatus.SUCCESS
            else:
                status = self.pipeline(pipeline, shell)
            if shell.strict and is_last and not pipeline.negated and not shell.tested:
                shell.ended = status is ExitStatus.FAILURE or shell.ended
                if status is ExitStatus.EITHER:
                    shell.doubt = shell.doubt or "`set -e`, and a command before it may fail"
        return status

    def tested(self, lines: Lines, shell: ShellState) -> ExitStatus:
        """A condition, in which `set -e` means nothing."""
        shell.tested += 1
        status = self.lines(lines, shell)
        shell.tested -= 1
        return status

    def maybe(self, command: syntax.Command | Lines, shell: ShellState, why: str) -> ExitStatus:
        """Follow what is perhaps run; the status where it is."""
        inner = shell.copy()
        inner.doubt = inner.doubt or why
        status = self.lines(command, inner) if isinstance(command, Lines) else self.command(command, inner)
        shell.perhaps(inner)
        return status

    def pipeline(self, pipeline: Pipeline, shell: ShellState) -> ExitStatus:
        status = ExitStatus.SUCCESS
        shell.tested += pipeline.negated
        for part in pipeline.parts:
            status = self.command(part, shell if len(pipeline.parts) == 1 else shell.copy())
        shell.tested -= pipeline.negated
        return status.negated() if pipeline.negated else status

    def command(self, command: syntax.Command, shell: ShellState) -> ExitStatus:
        self.left -= 1
        if self.left < 0:
            raise _TooMuch("more commands than are followed")
        if isinstance(command, Simple):
            return self.simple(command, shell)
        if isinstance(command, Pipeline):
            return self.pipeline(command, shell)
        if isinstance(command, Group):
            return self.lines(command.body, shell.copy() if command.subshell else shell)
        if isinstance(command, If):
            return self.condition(command, shell)
        if isinstance(command, Loop):
            return self.loop(command, shell)
        if isinstance(command, For):
            return self.iteration(command, shell)
        if isinstance(command, Case):
            return self.choice(command, shell)
        shell.functions[command.name] = command.body
        return ExitStatus.SUCCESS

    def condition(self, command: If, shell: ShellState) -> ExitStatus:
        for number, (condition, body) in enumerate(command.branches):
            status = self.tested(condition, shell)
            if status is ExitStatus.SUCCESS:
                return self.lines(body, shell)
            if status is ExitStatus.EITHER:
                why = "it depends on a condition that is not known"
                rest = If(command.branches[number + 1 :], command.otherwise)
                one, other = self.maybe(body, shell, why), self.maybe(rest, shell, why)
                return one if one is other else ExitStatus.EITHER
        return self.lines(command.otherwise, shell) if command.otherwise else ExitStatus.SUCCESS

    def loop(self, command: Loop, shell: ShellState) -> ExitStatus:
        shell.loops += 1
        status = self.tested(command.condition, shell)
        if status is (ExitStatus.SUCCESS if command.wanted else ExitStatus.FAILURE):
            self.lines(command.body, shell)
            shell.goes_on("round", "loop")
        elif status is ExitStatus.EITHER:
            self.maybe(command.body, shell, "it depends on a condition that is not known")
        shell.loops -= 1
        return ExitStatus.EITHER

    def iteration(self, command: For, shell: ShellState) -> ExitStatus:
        words = shell.parameters[1:] if command.words is None else self.fields(command.words, shell)
        status = ExitStatus.SUCCESS
        shell.loops += 1
        for word in words:
            shell.variables[command.name] = word
            if word is None:
                self.maybe(command.body, shell, "the words of a loop are not known")
                status = ExitStatus.EITHER
            elif not shell.ended:
                status = self.lines(command.body, shell)
                shell.goes_on("round")
                if shell.goes_on("loop"):
                    break
        shell.loops -= 1
        return status

    def choice(self, command: Case, shell: ShellState) -> ExitStatus:
        (word,) = self.fields((command.word,), shell) or [""]
        for patterns, body in command.branches:
            wanted = [self.pattern(pattern, shell) for pattern in patterns]
            if word is None or None in wanted:
                self.maybe(body, shell, "what `case` compares is not known")
            elif any(fnmatch.fnmatchcase(word, str(pattern)) for pattern in wanted):
                return self.lines(body, shell)
        return ExitStatus.EITHER if word is None else ExitStatus.SUCCESS

    # --- words -----------------------------------------------------------------------------------------------------

    def fields(self, words: tuple[Word, ...], shell: ShellState) -> list[Text]:
        return [field for word in words for field in self.expanded(word, shell)]

    def expanded(self, word: Word, shell: ShellState) -> list[Text]:
        """A word after the expansions of sh(1); splitting is that of the usual IFS."""
        fields: list[Text] = []
        current: Text = ""
        some = False
        for kind, text, quoted in word.pieces:
            if kind == "variable" and text in ("@", "*"):
                values: list[Text] = shell.parameters[1:]
                some = some or bool(values)
                current, fields = _joined(fields, current, values)
                continue
            value = text if kind == "literal" else self.value(kind, text, shell)
            if value is None:
                current, some = None, True
            elif kind == "literal" or quoted:
                some = some or quoted or bool(value)
                current = None if current is None else current + value
            elif value:
                current, fields = _joined(fields, current, list(value.split()), value[0].isspace(), value[-1].isspace())
                some = some or current != ""
        return [*fields, current] if some else fields

    def value(self, kind: str, text: str, shell: ShellState) -> Text:
        if kind == "command":
            self.line(text, shell.copy())
            return None
        if kind == "unknown" or text in ("?", "$", "!", "-"):
            return None
        if text == "#":
            return str(len(shell.parameters) - 1)
        if text.isdigit():
            return shell.parameters[int(text)] if int(text) < len(shell.parameters) else ""
        return shell.variables.get(text, "")

    def whole(self, word: Word, shell: ShellState) -> Text:
        """A word where nothing is split, as in an assignment."""
        parts = []
        for kind, text, _ in word.pieces:
            value = text if kind == "literal" else self.value(kind, text, shell)
            if value is None:
                return None
            parts.append(value)
        return "".join(parts)

    def pattern(self, word: Word, shell: ShellState) -> Text:
        """A pattern of `case`; what is quoted stands for itself."""
        parts = []
        for kind, text, quoted in word.pieces:
            value = text if kind == "literal" else self.value(kind, text, shell)
            if value is None:
                return None
            parts.append("".join(f"[{each}]" if each in "*?[" else each for each in value) if quoted else value)
        return "".join(parts)

    # --- simple commands -------------------------------------------------------------------------------------------

    def simple(self, command: Simple, shell: ShellState) -> ExitStatus:
        assignments = {name: self.whole(word, shell) for name, word in command.assignments}
        words = self.fields(command.words, shell)
        self.fields(command.targets, shell)
        if not words:
            shell.variables |= assignments
            return ExitStatus.EITHER if None in assignments.values() else ExitStatus.SUCCESS
        return self.words(words, shell, assignments)

    def words(self, words: list[Text], shell: ShellState, assignments: dict[str, Text]) -> ExitStatus:
        """Run a command that is already split into words."""
        name, rest = words[0], words[1:]
        if name is None:
            return self.uncertain("a program is named by a variable", rest)
        if name in shell.functions:
            return self.function(name, rest, shell)
        inner = shell.child(assignments)
        if self.is_program(name, inner):
            self.made.append(ProgramCall(tuple(rest), shell.doubt, inner.variables.get("PATH")))
            return ExitStatus.EITHER
        folder, base = posixpath.split(name)
        if folder and folder not in DIRECTORIES:
            return self.uncertain(f"{name} is a program that is not known", rest)
        built_in = BUILT_IN.get(base)
        if built_in is not None and not folder:
            return built_in(self, rest, shell)
        if base in WRAPPERS:
            return self.wrapped(base, rest, shell, inner)
        if base in SHELLS or base == "su":
            return self.shell(base, rest, inner)
        if base.startswith(INTERPRETERS):
            return self.interpreter(base, rest, inner)
        if base in ("test", "["):
            return self.test(base, rest, shell)
        if base in INERT:
            return ExitStatus.SUCCESS if base in SUCCEED else ExitStatus.EITHER
        return self.uncertain(f"{name} is a program that is not known", rest)

    def function(self, name: str, arguments: list[Text], shell: ShellState) -> ExitStatus:
        before, shell.parameters = shell.parameters, [shell.parameters[0], *arguments]
        status = self.command(shell.functions[name], shell)
        shell.goes_on("function")
        shell.parameters = before
        return status

    def test(self, base: str, words: list[Text], shell: ShellState) -> ExitStatus:
        if base == "[":
            if words[-1:] != ["]"]:
                return ExitStatus.FAILURE
            words = words[:-1]
        held = shell_test.holds(words, lambda path: self.resolved(path, shell) == self.program)
        return ExitStatus.EITHER if held is None else ExitStatus.SUCCESS if held else ExitStatus.FAILURE

    def wrapped(self, base: str, words: list[Text], shell: ShellState, inner: ShellState) -> ExitStatus:
        wrapper = WRAPPERS[base]
        if base == "command" and words[:1] in (["-v"], ["-V"]):
            return (
                ExitStatus.SUCCESS
                if any(word and self.is_program(word, shell) for word in words)
                else ExitStatus.EITHER
            )
        if base == "env" and any(word and word.startswith("-") and "i" in word for word in words):
            inner.variables.clear()
        command = _command_of(wrapper, words, inner)
        if command is None or (base == "env" and any(word and word.startswith("-S") for word in words)):
            return self.uncertain(f"the arguments of {base} are not known", words)
        if not command:
            return ExitStatus.SUCCESS
        status = self.words(command, inner, {})
        shell.ended = shell.ended or base == "exec" or (base in ("builtin", "command") and inner.ended)
        return ExitStatus.SUCCESS if wrapper.background else status

    def shell(self, base: str, words: list[Text], inner: ShellState) -> ExitStatus:
        """`sh -c LINE [NAME ARGUMENTS]`, `su [options] [LOGIN [-c LINE …]]`."""
        rest = list(words)
        if base == "su":
            rest = _command_of(Wrapper("c", before=1), [word for word in rest if word != "-"], inner) or []
        line = False
        while rest and rest[0] is not None and rest[0][:1] in ("-", "+") and len(rest[0]) > 1:
            option = rest.pop(0)
            line = line or (option is not None and option[0] == "-" and option[1] != "-" and "c" in option)
            if option in ("-o", "+o") and rest:
                rest.pop(0)
        if line and rest and rest[0] is not None:
            inner.parameters = [*rest[1:]] or [base]
            try:
                return self.line(rest[0], inner)
            except syntax.WrongSyntax:
                return ExitStatus.FAILURE
        if rest and not line:
            return self.uncertain(f"{base} runs a script", rest)
        self.unclear = self.unclear or (f"{base} reads what it runs" if base != "su" else "")
        return ExitStatus.EITHER

    def interpreter(self, base: str, words: list[Text], inner: ShellState) -> ExitStatus:
        """`python3 [options] PROGRAM ARGUMENTS`."""
        rest = list(words)
        while rest and rest[0] is not None and rest[0].startswith("-"):
            if rest.pop(0) in ("-c", "-e", "-m"):
                return self.uncertain(f"{base} runs a text or a module", rest)
        if rest and rest[0] is not None and self.resolved(rest[0], inner) == self.program:
            self.made.append(ProgramCall(tuple(rest[1:]), inner.doubt, inner.variables.get("PATH")))
            return ExitStatus.EITHER
        return self.uncertain(f"{base} runs a script", rest)

    # --- what sh does itself ---------------------------------------------------------------------------------------

    def _change_directory(self, words: list[Text], shell: ShellState) -> ExitStatus:
        path = words[-1] if words else shell.variables.get("HOME")
        shell.directory = None if path is None else self.resolved(path, shell)
        return ExitStatus.SUCCESS

    def _evaluate(self, words: list[Text], shell: ShellState) -> ExitStatus:
        if None in words:
            return self.uncertain("eval runs what is not known", words)
        return self.line(" ".join(str(word) for word in words), shell)

    def _exit(self, words: list[Text], shell: ShellState) -> ExitStatus:
        shell.ended = True
        code = words[0] if words else None
        return ExitStatus.EITHER if code is None else ExitStatus.SUCCESS if code == "0" else ExitStatus.FAILURE

    def _return(self, words: list[Text], shell: ShellState) -> ExitStatus:
        shell.left = "function"
        return self._exit(words, shell)

    def _break(self, words: list[Text], shell: ShellState) -> ExitStatus:
        if shell.loops:
            shell.ended, shell.left = True, "loop"
        return ExitStatus.SUCCESS

    def _continue(self, words: list[Text], shell: ShellState) -> ExitStatus:
        if shell.loops:
            shell.ended, shell.left = True, "round"
        return ExitStatus.SUCCESS

    def _set(self, words: list[Text], shell: ShellState) -> ExitStatus:
        if "--" in words:
            shell.parameters[1:] = words[words.index("--") + 1 :]
        elif words and words[0] is not None and words[0][:1] not in ("-", "+"):
            shell.parameters[1:] = words
        shell.strict = shell.strict or any(word and word[0] == "-" and "e" in word for word in words)
        return ExitStatus.SUCCESS

    def _shift(self, words: list[Text], shell: ShellState) -> ExitStatus:
        count = int(words[0]) if words and words[0] and words[0].isdigit() else 1
        if count >= len(shell.parameters):
            return ExitStatus.FAILURE
        del shell.parameters[1 : 1 + count]
        return ExitStatus.SUCCESS

    def _export(self, words: list[Text], shell: ShellState) -> ExitStatus:
        for word in words:
            name, equals, value = (word or "").partition("=")
            shell.exported.add(name)
            if equals:
                shell.variables[name] = value
        return ExitStatus.SUCCESS

    def _read(self, words: list[Text], shell: ShellState) -> ExitStatus:
        shell.variables |= {word: None for word in words if word}
        return ExitStatus.EITHER

    def _unset(self, words: list[Text], shell: ShellState) -> ExitStatus:
        for word in words:
            shell.variables.pop(word or "", None)
        return ExitStatus.SUCCESS

    def _source(self, words: list[Text], shell: ShellState) -> ExitStatus:
        return self.uncertain("`.` reads a file of commands", words)

    def _trap(self, words: list[Text], shell: ShellState) -> ExitStatus:
        self.uncertain("trap runs it at a signal", words)
        return ExitStatus.SUCCESS

    def _false(self, words: list[Text], shell: ShellState) -> ExitStatus:
        return ExitStatus.FAILURE


def status_without(operator: str) -> ExitStatus:
    """The status of `A && B` where A fails, of `A || B` where it succeeds."""
    return ExitStatus.FAILURE if operator == "&&" else ExitStatus.SUCCESS


BuiltIn = Callable[[_Follower, list[Text], ShellState], ExitStatus]
BUILT_IN: dict[str, BuiltIn] = {
    ".": _Follower._source,
    "break": _Follower._break,
    "continue": _Follower._continue,
    "cd": _Follower._change_directory,
    "eval": _Follower._evaluate,
    "exit": _Follower._exit,
    "export": _Follower._export,
    "false": _Follower._false,
    "local": _Follower._export,
    "read": _Follower._read,
    "readonly": _Follower._export,
    "return": _Follower._return,
    "set": _Follower._set,
    "shift": _Follower._shift,
    "trap": _Follower._trap,
    "unset": _Follower._unset,
}


def _joined(
    fields: list[Text], current: Text, values: list[Text], before: bool = False, after: bool = False
) -> tuple[Text, list[Text]]:
    """The field that goes on, and those that are complete, once an unquoted value has been split."""
    if before and current != "":
        fields, current = [*fields, current], ""
    for number, value in enumerate(values):
        if number:
            fields, current = [*fields, current], ""
        current = None if current is None or value is None else current + value
    if after and current != "":
        fields, current = [*fields, current], ""
    return current, fields


def _command_of(wrapper: Wrapper, words: list[Text], inner: ShellState) -> list[Text] | None:
    """The words of the command that a wrapper runs; None where they are unknown. Assignments go to `inner`."""
    rest = list(words)
    while rest and rest[0] is not None and rest[0].startswith("-") and rest[0] != "-":
        option = str(rest.pop(0))
        if option == "--":
            break
        if option.startswith("--"):
            takes = option[2:] in wrapper.long
        else:
            letters = option[1:]
            valued = next((at for at, letter in enumerate(letters) if letter in wrapper.options), None)
            takes = valued == len(letters) - 1
        if takes and rest:
            rest.pop(0)
    while wrapper.assignments and rest and rest[0] is not None and "=" in rest[0]:
        name, _, value = str(rest.pop(0)).partition("=")
        inner.variables[name] = value
        inner.exported.add(name)
    command = rest[wrapper.before :]
    return None if rest[: wrapper.before + 1].count(None) else command
