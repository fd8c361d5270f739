"""How a node answers a command line: running what `shell_syntax.py` has read. What is not known is answered as by a
shell (127)."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Generator
from dataclasses import replace
from typing import Any

from simulator.clock import FOREVER, Steps
from simulator.rc.base_packages import lacks_program
from simulator.shell.calls import COMMANDS, Call, Command, Environment
from simulator.shell.output import Output
from simulator.shell.shell_syntax import CommandList, If, Loop, Pipeline, Simple, Subshell, Syntax, parse
from simulator.shell.words import Segment, Word

BUILT_IN = frozenset(
    {
        ":",
        "[",
        "cd",
        "command",
        "echo",
        "env",
        "exit",
        "export",
        "false",
        "kill",
        "printf",
        "read",
        "set",
        "test",
        "true",
    }
)
"""What sh(1) does itself, and env(1), which becomes the command that it starts."""


def execute(environment: Environment, line: str) -> Steps[int]:
    """Run a command line; gives its exit status."""
    try:
        syntax = parse(line)
    except ValueError as error:
        environment.output.write("err", f"sh: {error}\n")
        return 2
    return (yield from _run(environment, syntax))


def _run(environment: Environment, syntax: Syntax) -> Steps[int]:
    if isinstance(syntax, CommandList):
        status = 0
        for operator, part in syntax.parts:
            if (operator == "&&" and status != 0) or (operator == "||" and status == 0):
                continue
            status = yield from _run(environment, part)
            environment.status = status
        return status
    if isinstance(syntax, Pipeline):
        return (yield from _pipeline(environment, syntax))
    if isinstance(syntax, Subshell):
        return (yield from _redirected(environment, syntax, lambda inner: _run(inner, syntax.body)))
    if isinstance(syntax, Loop):
        status = 0
        for value in (yield from _expand_all(environment, syntax.words)):
            environment.variables[syntax.variable] = value
            status = yield from _run(environment, syntax.body)
        return status
    if isinstance(syntax, If):
        for condition, body in syntax.branches:
            if (yield from _run(environment, condition)) == 0:
                return (yield from _run(environment, body))
        return (yield from _run(environment, syntax.otherwise))
    return (yield from _simple(environment, syntax))


def _pipeline(environment: Environment, pipeline: Pipeline) -> Steps[int]:
    if len(pipeline.parts) == 1:
        return (yield from _run(environment, pipeline.parts[0]))
    status, stdin = 0, environment.stdin
    for index, part in enumerate(pipeline.parts):
        last = index == len(pipeline.parts) - 1
        output = environment.output if last else Output()
        inner = replace(environment, output=output, stdin=stdin, variables=dict(environment.variables))
        status = yield from _run(inner, part)
        if not last:
            stdin = output.text("out")
            environment.output.write("err", output.text("err"))
    return status


def _redirected(
    environment: Environment, part: Simple | Subshell, body: Callable[[Environment], Steps[int]]
) -> Steps[int]:
    """Run with the redirections of `part`; files are written when it is done."""
    if not part.redirections:
        return (yield from body(environment))
    routes: dict[str, str] = {"out": "out", "err": "err"}
    output = Output()
    stdin = environment.stdin
    files: list[tuple[str, bool]] = []
    for redirection in part.redirections:
        target = "".join((yield from _expand(environment, redirection.target)))
        if redirection.kind == "<":
            stdin = environment.node.read_file(target)
        elif redirection.kind.endswith(">&"):
            routes["err" if redirection.kind.startswith("2") else "out"] = routes["out" if target == "1" else "err"]
        else:
            files.append((target, redirection.kind.endswith(">>")))
            routes["err" if redirection.kind.startswith("2") else "out"] = f"file {len(files) - 1}"
    status = yield from body(replace(environment, output=output, stdin=stdin))
    texts: dict[str, str] = {}
    for stream, text in output.chunks:
        route = routes[stream]
        if route.startswith("file"):
            texts[route] = texts.get(route, "") + text
        else:
            environment.output.write(route, text)
    for index, (path, append) in enumerate(files):
        if path == "/dev/null":
            continue
        try:
            yield from environment.node.write_file(path, texts.get(f"file {index}", ""), append=append)
        except OSError as error:
            environment.output.write("err", f"sh: cannot create {path}: {error.strerror}\n")
            return 2
    return status


def _simple(environment: Environment, simple: Simple) -> Steps[int]:
    left = list(simple.words)
    assignments = {}
    while left and left[0].assigns:
        name, _, value = "".join((yield from _expand(environment, left.pop(0), split=False))).partition("=")
        assignments[name] = value
    words = yield from _expand_all(environment, tuple(left))
    if not words:
        environment.variables |= assignments
        return 0
    return (yield from _redirected(environment, simple, lambda inner: run_words(inner, words)))


def run_words(environment: Environment, words: list[str]) -> Steps[int]:
    """Run one command, already split into words."""
    if words[0].startswith("/etc/rc.d/"):
        words = ["/usr/sbin/service", posixpath.basename(words[0]), *words[1:]]
    node, name = environment.node, posixpath.basename(words[0])
    if words[0] in environment.functions:
        return (yield from _called(environment, environment.functions[words[0]], words))
    happens = node.trouble.at_command.pop(name, None)
    if happens is not None:
        happens()
    if name in node.hung_commands:
        while name in node.hung_commands:
            yield 0.5
    program = node.programs.get(words[0])
    if program is not None:
        status = yield program.start(node, words)
        return int(status or 0)
    function = COMMANDS.get(name)
    if function is None or lacks_program(node, name):
        environment.output.write("err", f"sh: {words[0]}: not found\n")
        return 127
    if environment.processes and name not in BUILT_IN:
        yield node.begins(node.pair.layout.costs.process)
    node.processes.skip_pids()
    return (yield from _called(environment, function, words))


def _called(environment: Environment, function: Command, words: list[str]) -> Steps[int]:
    output = environment.output.write
    outcome = function(Call(environment.node, words, environment.stdin, environment.user, environment, output))
    if isinstance(outcome, Generator):
        return int((yield from outcome))
    return outcome


def _expand_all(environment: Environment, words: tuple[Word, ...]) -> Steps[list[str]]:
    expanded: list[str] = []
    for word in words:
        expanded += yield from _expand(environment, word)
    return expanded


def _expand(environment: Environment, word: Word, split: bool = True) -> Steps[list[str]]:
    """Variables, command substitution, splitting and globbing of one word; of an assignment not the last two."""
    fields, current, globbing, some = [], "", False, False
    for segment in word.segments:
        text = segment.text
        if segment.kind == "variable":
            text = yield from _value(environment, segment)
        elif segment.kind == "substitution":
            output = Output()
            inner = replace(environment, output=output, variables=dict(environment.variables))
            yield from execute(inner, text)
            environment.output.write("err", output.text("err"))
            text = output.text("out").rstrip("\n")
        if segment.kind != "literal" and not segment.quoted and split:
            pieces = text.split()
            if len(pieces) > 1:
                fields += [current + pieces[0], *pieces[1:-1]]
                current, some = pieces[-1], True
                continue
            text = pieces[0] if pieces else ""
            some = some or bool(text)
        else:
            some = True
        if segment.kind == "literal" and not segment.quoted and any(mark in text for mark in "*?["):
            globbing = True
        current += text
    if some:
        fields.append(current)
    if globbing and split:
        return environment.node.files.glob(fields[-1])
    return fields


def _value(environment: Environment, segment: Segment) -> Steps[str]:
    """`$NAME`, `${NAME:-WORD}` and its kin."""
    if segment.text == "?":
        return str(environment.status)
    value = environment.variables.get(segment.text)
    is_set = value is not None and (value != "" or not segment.operator.startswith(":"))
    if not segment.operator or is_set is not segment.operator.endswith("+"):
        return (value or "") if not segment.operator.endswith("+") else ""
    word = "".join((yield from _expand(environment, Word(segment.word), split=False)))
    if segment.operator.endswith("="):
        environment.variables[segment.text] = word
    return word


def hang() -> Steps[Any]:
    """Never return; whoever waits has to give up."""
    yield FOREVER
