"""A node, and how a command line reaches it: on this machine directly, elsewhere through the words of a prefix.

The prefix's words are followed by one argument, the shell-quoted command line, as ssh(1) takes it. So
`ssh -o BatchMode=yes nfs002`, `sudo -n hastwatch-ask` and a player of recordings all fit.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterable, Sequence

from checks.probes import ahead
from checks.probes.errors import (
    CommandFailed,
    Hangs,
    NotFound,
    NotPermitted,
    NotUnderstood,
    OutOfTime,
    ProbeError,
    StillHangs,
    ToolMissing,
    Unreachable,
)
from checks.probes.hung_commands import GivenUpCommands
from checks.probes.packages import remedy
from checks.probes.process import ENVIRONMENT, AbandonedCommand, CompletedCommand, run

TOOLS = {
    "arp": "/usr/sbin/arp",
    "bzcat": "/usr/bin/bzcat",
    "cat": "/bin/cat",
    "date": "/bin/date",
    "df": "/bin/df",
    "freebsd-version": "/bin/freebsd-version",
    "diskinfo": "/usr/sbin/diskinfo",
    "fsync": "/usr/bin/fsync",
    "grep": "/usr/bin/grep",
    "hastctl": "/sbin/hastctl",
    "hastwatch": "/usr/local/hastwatch/bin/hastwatch",
    "hastwatch-ask": ahead.PROGRAM,
    "hostname": "/bin/hostname",
    "id": "/usr/bin/id",
    "ifconfig": "/sbin/ifconfig",
    "jls": "/usr/sbin/jls",
    "kldstat": "/sbin/kldstat",
    "ls": "/bin/ls",
    "mktemp": "/usr/bin/mktemp",
    "mount": "/sbin/mount",
    "nc": "/usr/bin/nc",
    "netstat": "/usr/bin/netstat",
    "ps": "/bin/ps",
    "rm": "/bin/rm",
    "route": "/sbin/route",
    "sh": "/bin/sh",
    "sshd": "/usr/sbin/sshd",
    "stat": "/usr/bin/stat",
    "sysctl": "/sbin/sysctl",
    "tail": "/usr/bin/tail",
    "uname": "/usr/bin/uname",
    "xzcat": "/usr/bin/xzcat",
    "zcat": "/usr/bin/zcat",
    "zfs": "/sbin/zfs",
    "zpool": "/sbin/zpool",
    "zstdcat": "/usr/bin/zstdcat",
}
"""Where hier(7) of FreeBSD has the programs that probes use, and where docs/monitoring.md installs our own."""

NOT_FOUND, NOT_EXECUTABLE, SSH_FAILED = 127, 126, 255
"""Exit statuses of a shell (sh(1)) and of ssh(1) that speak of the way, not of the command."""
NOT_LET = r"a password is required|^doas: (Operation not permitted|Authentication required)$"
"""What sudo(8) says, with -n, and doas(1), whose exit status is 1, where they don't let the user."""
HOST_NAME = r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*\.?"
SHARE = 0.4
"""The part of a check's time that one command may take, so that one that hangs leaves time to look at the rest."""
LEAST = 0.2
"""Seconds below which no command is started any more."""
RESERVE = 0.5
"""Seconds kept at the end of a check's time to say what was found."""
MOST_ODD = 3
"""Lines of one output that are shown where they are not understood."""
ENV_C = ("/usr/bin/env", "LC_ALL=C")
"""Put before a command that goes through a prefix: our own environment does not cross ssh, and messages are read."""
SAFE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@%+=:,./-")


class Deadline:
    """The time a whole check has, by the clock `now`."""

    def __init__(self, seconds: float, now: Callable[[], float] = time.monotonic) -> None:
        self.seconds = seconds
        self.now = now
        self.ends = now() + max(seconds - RESERVE, seconds / 2)

    def for_one_command(self) -> tuple[float, bool]:
        """When a command started now has to have ended, and whether it has its whole share until then. Raises
        OutOfTime where hardly any time is left."""
        now, share = self.now(), self.seconds * SHARE
        if self.ends - now < min(LEAST, share):
            raise OutOfTime("the check's deadline has passed")
        return min(self.ends, now + share), self.ends - now >= share

    def for_one_answer(self) -> float:
        """The same for an answer from the network; where the time is over that is now, and nothing is awaited."""
        return min(self.ends, self.now() + self.seconds * SHARE)


class Node:
    """One of the two hosts. `log` keeps every command that was run, as evidence.

    A node that could not be reached once is not asked again in this run: a peer behind a dead link must not use up the
    time that is left to say what is known of this node.
    """

    def __init__(self, via: tuple[str, ...], deadline: Deadline, given_up: GivenUpCommands) -> None:
        self.via = _with_absolute_program(via)
        self.deadline = deadline
        self.given_up = given_up
        self.log: list[CompletedCommand | tuple[str, str]] = []
        self.started: list[str] = []
        """The command lines that were started, for whoever counts them."""
        self.reads: Callable[[str], str] | None = None
        """What reads a file of the node without a process, where something does; raises what `read` raises."""
        self.tells: Callable[[], None] = _nothing
        """Called before the node is asked something, for whoever shows it."""
        self.asks_once = False
        """Whether what was answered is not asked again: where several checks look at the same moment."""
        self.not_understood: list[NotUnderstood] = []
        """Lines that were not understood where the others were enough to go on; whoever looked has to say so."""
        self._host_name = self._called = ""
        self._lost: ProbeError | None = None
        self._ahead: dict[tuple[str, ...], CompletedCommand | Hangs] = {}

    @property
    def name(self) -> str:
        """What the node is called: its host name up to the first dot, or another name where both nodes share that."""
        return self._called or self.host_name.partition(".")[0]

    @property
    def known_name(self) -> str:
        """The same without asking; empty where the node has not been asked."""
        return self._called or self._host_name.partition(".")[0]

    @property
    def host_name(self) -> str:
        """The whole host name (gethostname(3))."""
        if not self._host_name:
            name = self.run("hostname").stdout.strip() if self.via else os.uname().nodename
            if not re.fullmatch(HOST_NAME, name):
                raise NotUnderstood("hostname", name)
            self._host_name = name
        return self._host_name

    def known_as(self, host_name: str, called: str = "") -> None:
        """Take the host name that another look at this node has found, which isn't asked for again, and the name that
        tells the node from the other one."""
        self._host_name, self._called = host_name, called

    @property
    def lost(self) -> ProbeError | None:
        """Why the way to the node is known not to work; None where it works, or was not tried."""
        return self._lost

    def note_odd(self, what: str, lines: Sequence[str]) -> None:
        """Keep lines that were not understood, the first few of them, to be reported."""
        shown = [f"{what} ({len(lines)} lines)" if len(lines) > 1 else what, *[what] * (MOST_ODD - 1)]
        self.not_understood += [NotUnderstood(*each) for each in zip(shown, lines, strict=False)]

    @property
    def label(self) -> str:
        """What to call the node in a message, also when it does not answer."""
        try:
            return self.name
        except ProbeError:
            last = os.path.basename(self.via[-1]) if self.via else ""
            return last if last and not last.startswith("-") else this_machine()

    def run(self, tool: str, *arguments: str) -> CompletedCommand:
        """Run a tool of `TOOLS` on the node and return what it printed, whatever its own exit status.

        Raises ToolMissing, NotPermitted, Unreachable, Hangs, StillHangs, CommandFailed and NotUnderstood (too much
        output)."""
        if self._lost:
            raise self._lost
        shown = " ".join((tool, *arguments))
        asked = self._ahead.get((tool, *arguments))
        until, whole_share = (0.0, True) if asked else self.deadline.for_one_command()
        if not asked:
            self.tells()
        try:
            if isinstance(asked, Hangs):
                raise asked
            completed = asked or self.execute((TOOLS[tool], *arguments), until, shown)
            completed = completed._replace(argv=(tool, *arguments))
            if self.asks_once:
                self._ahead[tool, *arguments] = completed
            self.log.append(completed)
            if self.via:
                _refuse_failed_way(completed, shown)
        except ProbeError as error:
            self.log.append((shown, str(error)))
            if self.asks_once and isinstance(error, Hangs):
                self._ahead[tool, *arguments] = error
            if isinstance(error, Hangs) and not isinstance(error, StillHangs) and not whole_share:
                raise OutOfTime(f"`{shown}` was cut off at the check's deadline") from None
            if isinstance(error, Unreachable) or (isinstance(error, Hangs) and tool == "hostname"):
                self._lost = error  # hostname(1) asks nobody: where it hangs, the way to the node does
            raise
        return completed

    def ask_ahead(self, questions: Iterable[tuple[str, ...]]) -> None:
        """Ask in one call what is going to be asked: `run` then answers from it. A tool that is asked twice within a
        check gives the same answer. Nothing is raised: what could not be asked so is asked when it is needed, and a way
        that does not work is known as lost."""
        wanted = [each for each in dict.fromkeys(questions) if each not in self._ahead][: ahead.MOST]
        if self._lost or len(wanted) < 2 or not ahead.is_worth_it(self.via):
            return
        shown = f"{len(wanted)} questions in one call"
        try:
            until, _ = self.deadline.for_one_command()
            seconds = max(until - self.deadline.now() - RESERVE, LEAST)
            command = ahead.command([(TOOLS[tool], *more) for tool, *more in wanted], seconds)
            completed = self.execute(command, until, shown)
            _refuse_failed_way(completed, shown)
            answers = ahead.answers(completed.stdout, len(wanted))
        except (Unreachable, Hangs) as error:
            self._lost = error
            self.log.append((shown, str(error)))
        except ProbeError as error:  # no hastwatch-ask there, or one of another version
            self.log.append((shown, str(error)))
        else:
            for question, answer in zip(wanted, answers, strict=True):
                if isinstance(answer, ahead.CommandAnswer):
                    self._ahead[question] = CompletedCommand(question, *answer, completed.seconds)
                elif answer is not None:
                    self._ahead[question] = Hangs(
                        f"`{' '.join(question)}` timed out after {seconds:.1f} s and was killed"
                    )

    def execute(self, command: tuple[str, ...], until: float, shown: str) -> CompletedCommand:
        """Bring a command line to the node and wait for its end, `until` at most; what is returned is of the command,
        not of the prefix. Raises what process.run raises, and StillHangs."""
        argv = self.brought(command)
        self.started.append(shown)
        self.given_up.refuse_if_still_hanging(argv, shown)
        try:
            return run(argv, until, shown=shown)._replace(argv=command)
        except AbandonedCommand as error:
            self.given_up.note(argv, error.pid)
            raise

    def brought(self, command: tuple[str, ...]) -> tuple[str, ...]:
        """What is run on this machine to run a command line on the node."""
        return (*self.via, quoted((*ENV_C, *command))) if self.via else command

    def read(self, path: str) -> str:
        """The text of a file. Raises NotFound, NotPermitted and the errors of `run`."""
        if self.reads is not None:
            return self.reads(path)
        completed = self.run("cat", path)
        if completed.status == 0:
            return completed.stdout
        if "No such file" in completed.stderr:
            raise NotFound(f"{path}: no such file")
        if "ermission denied" in completed.stderr:
            raise NotPermitted(f"{path}: permission denied")
        raise CommandFailed(f"cat {path}: {completed.words}")


def _nothing() -> None:
    """Nobody is shown it."""


def this_machine() -> str:
    """The name of this machine, up to the first dot."""
    return os.uname().nodename.partition(".")[0]


def quoted(words: tuple[str, ...]) -> str:
    """The words as one sh(1) command line; what is not plainly safe stands in single quotes."""
    return " ".join(
        word if word and SAFE.issuperset(word) else "'" + word.replace("'", "'\"'\"'") + "'" for word in words
    )


def _refuse_failed_way(completed: CompletedCommand, shown: str) -> None:
    """Raise where the exit status speaks of the prefix and not of the command itself."""
    if completed.status == NOT_FOUND:
        raise ToolMissing(f"`{shown}`: {completed.words}{remedy(shown.partition(' ')[0])}")
    if completed.status == NOT_EXECUTABLE or re.search(NOT_LET, completed.stderr):
        raise NotPermitted(f"`{shown}`: {completed.words}")
    own = "[ERROR]" in completed.stderr or completed.stderr.startswith("route: ")
    if completed.status == SSH_FAILED and not own:
        # hastctl(8) and route(8) end with 255 too, where there are no metadata or there is no route, and say so
        raise Unreachable(f"`{shown}`: {completed.words}", completed.words.rpartition(": ")[2])


def _with_absolute_program(via: tuple[str, ...]) -> tuple[str, ...]:
    """The prefix with the absolute path of its program, looked for where rc(8) looks. Raises ToolMissing."""
    if not via:
        return via
    if "/" in via[0]:
        return (os.path.abspath(via[0]), *via[1:])
    for directory in ENVIRONMENT["PATH"].split(":"):
        if os.access(os.path.join(directory, via[0]), os.X_OK):
            return (os.path.join(directory, via[0]), *via[1:])
    raise ToolMissing(f"{via[0]}: not found in {ENVIRONMENT['PATH']}")
