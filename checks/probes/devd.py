"""devd(8): whether it lives and comes to its events, and which of its rules would run for a CARP event.

devd runs one rule per event, the matching one of the highest priority (devd.cc `config::find_and_execute`). Its
patterns are extended regular expressions that must match the whole value; a leading `!` inverts one (devd.conf(5)).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from checks.probes.errors import Failed, NotFound, NotUnderstood
from checks.probes.filesystem import refuse_missing
from checks.probes.node import Node
from checks.probes.processes import DEVD, Process, daemons

PID_FILE = "/var/run/devd.pid"
SOCKET = "/var/run/devd.pipe"
"""The stream variant of the event socket; the same loop serves devd.seqpacket.pipe."""
SOCKETS = ("netstat", "-an", "-f", "unix")
SOCKETS_HEADER = "Active UNIX domain sockets"
SOCKETS_LINE = r" *[0-9a-f]+ +\w+ +\d+ +\d+(?: +[0-9a-f]+){4} (?P<path>/.*)"
"""usr.bin/netstat/unix.c, unixdomainpr(). With -L a socket would be left out whose limit is 0, as it is while devd has
all the clients that it takes (devd.cc, event_loop())."""
MAIN_FILE = "/etc/devd.conf"
DIRECTORIES = ("/etc/devd", "/usr/local/etc/devd")
"""`directory` in the devd.conf that FreeBSD ships; rules of one's own belong here, not into devd.conf."""
TOKEN = r'(?s)\s+|#[^\n]*|//[^\n]*|/\*.*?\*/|"(?P<text>[^"]*)"|(?P<word>[A-Za-z0-9_.:-]+)|(?P<mark>[{};=])'
POSIX_CLASSES = {
    "[:digit:]": "0-9",
    "[:alpha:]": "A-Za-z",
    "[:alnum:]": "A-Za-z0-9",
    "[:lower:]": "a-z",
    "[:upper:]": "A-Z",
    "[:space:]": r"\s",
}


class Rule(NamedTuple):
    """A `notify` section: its matches by variable, its actions, and the file it stands in."""

    priority: int
    matches: dict[str, str]
    actions: tuple[str, ...]
    file: str

    def fits(self, event: dict[str, str]) -> bool:
        """Whether devd would run this rule for `event`. Raises NotUnderstood."""
        return all(_matches(pattern, event.get(variable, "")) for variable, pattern in self.matches.items())

    @property
    def words(self) -> tuple[str, ...]:
        """The words of its actions, which sh(1) runs: the programs they call are among them."""
        return tuple(re.split(r"[\s;&|()]+", " ".join(self.actions)))


def pid_in_file(node: Node) -> int | None:
    """The process id in devd's pid file, None where there is no such file. Raises ProbeError."""
    try:
        text = node.read(PID_FILE).strip()
    except NotFound:
        return None
    if not re.fullmatch(r"\d{1,7}", text, re.ASCII):
        raise NotUnderstood(PID_FILE, text or "(empty)")
    return int(text)


def find(found: tuple[Process, ...]) -> Process | None:
    """devd among the processes of a node."""
    return next(iter(daemons(found, DEVD)), None)


def has_socket(node: Node) -> bool:
    """Whether there is an event socket, which devd makes right before it reads its first event (devd.cc, event_loop()).

    Nothing is connected to it: devd logs every client that goes, however it goes (check_clients(), notify_clients()),
    and the kernel takes connections for a devd that hangs too, until its queue is full. Raises ProbeError."""
    asked = node.run(*SOCKETS)
    if asked.status != 0:
        raise Failed(f"`{' '.join(SOCKETS)}` ends with {asked.status}: {asked.words}")
    return SOCKET in parse_sockets(asked.stdout)


def parse_sockets(text: str) -> frozenset[str]:
    """The paths in the output of netstat(1). Raises NotUnderstood."""
    header, *lines = text.splitlines() or [""]
    if header != SOCKETS_HEADER:
        raise NotUnderstood("netstat", header or "(empty)")
    return frozenset(found["path"] for line in lines if (found := re.fullmatch(SOCKETS_LINE, line, re.ASCII)))


def action(found: tuple[Process, ...], daemon: Process) -> Process | None:
    """The process of the action that devd waits for, None where it waits for none: it starts one at a time, and reads
    no event until that has ended (devd.cc, my_system())."""
    return next((process for process in found if process.ppid == daemon.pid), None)


def rule_files(node: Node) -> tuple[str, ...]:
    """The files in which devd looks for rules: devd.conf, and those of its directories. Raises ProbeError."""
    found: list[str] = [MAIN_FILE]
    for directory in DIRECTORIES:
        completed = node.run("ls", directory)
        try:
            refuse_missing(completed, directory)
        except NotFound:
            continue
        if completed.status != 0:
            raise Failed(f"`ls {directory}` ends with {completed.status}: {completed.words}")
        found += [f"{directory}/{name}" for name in completed.stdout.splitlines() if name.endswith(".conf")]
    return tuple(found)


def executable(node: Node, path: str) -> bool:
    """Whether `path` is a file that root may execute. Raises NotFound and ProbeError."""
    completed = node.run("ls", "-lL", path)
    refuse_missing(completed, path)
    if completed.status != 0 or not re.match(r"[-a-z][-a-zA-Z]{9}", completed.stdout):
        raise Failed(f"`ls -lL {path}` ends with {completed.status}: {completed.words}")
    return completed.stdout[0] == "-" and any(bit in "xst" for bit in completed.stdout[3:10:3])


def parse(text: str, file: str) -> tuple[Rule, ...]:
    """The `notify` rules of a devd configuration file. Raises NotUnderstood."""
    tokens = _tokens(text, file)
    found = []
    for kind, value in tokens:
        if kind != "word":
            raise NotUnderstood(file, value)
        priority = _word(tokens, file) if value in ("notify", "attach", "detach", "nomatch") else "0"
        if next(tokens, ("", ""))[1] != "{" or not priority.isdigit():
            raise NotUnderstood(file, f"{value} {priority}")
        statements = tuple(_statements(tokens, file))
        if value == "notify":
            found.append(_rule(int(priority), statements, file))
    return tuple(found)


def rule_for(rules: tuple[Rule, ...], event: dict[str, str]) -> tuple[Rule, ...]:
    """The rules that devd may run for an event: of those that fit, the ones of the highest priority. It runs one."""
    fitting = [rule for rule in rules if rule.fits(event)]
    highest = max((rule.priority for rule in fitting), default=0)
    return tuple(rule for rule in fitting if rule.priority == highest)


def _rule(priority: int, statements: tuple[tuple[str, ...], ...], file: str) -> Rule:
    matches = {words[1]: words[2] for words in statements if words[0] == "match" and len(words) == 3}
    actions = tuple(words[1] for words in statements if words[0] == "action" and len(words) == 2)
    return Rule(priority, matches, actions, file)


def _statements(tokens: Iterator[tuple[str, str]], file: str) -> Iterator[tuple[str, ...]]:
    """The statements up to the closing brace and its semicolon, each as its words."""
    words: list[str] = []
    for kind, value in tokens:
        if kind == "mark" and value == "}":
            if words or next(tokens, ("", ""))[1] != ";":
                raise NotUnderstood(file, " ".join([*words, "}"]))
            return
        if kind == "mark" and value == ";":
            if words:
                yield tuple(words)
            words = []
        else:
            words.append(value)
    raise NotUnderstood(f"{file}, which lacks a `}}`", " ".join(words) or "(end of file)")


def _word(tokens: Iterator[tuple[str, str]], file: str) -> str:
    kind, value = next(tokens, ("", ""))
    if kind != "word":
        raise NotUnderstood(file, value or "(end of file)")
    return value


def _tokens(text: str, file: str) -> Iterator[tuple[str, str]]:
    position = 0
    pattern = re.compile(TOKEN)
    while position < len(text):
        token = pattern.match(text, position)
        if not token:
            raise NotUnderstood(file, text[position : position + 80].partition("\n")[0])
        position = token.end()
        if token.lastgroup:
            yield token.lastgroup, token[token.lastgroup]


def _matches(pattern: str, value: str) -> bool:
    inverted = pattern.startswith("!")
    expression = pattern[1:] if inverted else pattern
    for name, characters in POSIX_CLASSES.items():
        expression = expression.replace(name, characters)
    try:
        return (re.fullmatch(expression, value) is not None) is not inverted
    except re.error:
        raise NotUnderstood("a pattern in devd's rules", pattern) from None
