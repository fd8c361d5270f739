"""The command line that all checks share, and the frame in which one runs: configuration, nodes, time, output."""

from __future__ import annotations

import argparse
import os
import re
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from types import FrameType
from typing import TYPE_CHECKING, NamedTuple, NoReturn

from checks import VERSION
from checks.plugin.config import PATH, SEVERITY_WORDS, Config, ConfigError, load, prefix_words
from checks.plugin.finding import CRITICAL, UNKNOWN, WARNING, Finding, Number, Severity, Table
from checks.plugin.maintenance import Suspended, suspended
from checks.plugin.output import Verdict, as_json, long_lines, status_line, write
from checks.plugin.text import name_list, plain, size_range
from checks.plugin.threshold import is_range
from checks.probes.ahead import is_worth_it
from checks.probes.errors import NoResource, NotPermitted, NotTheOther, ProbeError, Unreachable
from checks.probes.given_up import GivenUpCommands
from checks.probes.memory import Memory
from checks.probes.node import Deadline, Node
from checks.probes.process import end_running

if TYPE_CHECKING:
    from checks.probes.as_primary import Known
    from checks.probes.beneath import Wanted
    from checks.probes.hast_conf import ConfiguredResource

WATCHDOG = 0.1
"""Seconds before the end of --timeout at which a check that has not spoken is ended, whatever it is doing."""


class Session:
    """What one run of a check works with."""

    def __init__(self, options: argparse.Namespace, config: Config, table: Table) -> None:
        self.options = options
        self.config = config
        self.table = table
        self.memory = Memory(options.state_dir or config.state_dir or None)
        self.remarks: list[str] = []
        self.hastds: dict[Node, Known] = {}
        """Of nodes that were asked whether their hastd works as primary (`checks.standby`)."""
        self.wall = time.time
        self._devices: frozenset[str] = frozenset()
        given_up = GivenUpCommands(self.memory)
        deadline = Deadline(options.timeout)
        peer = prefix_words(options.peer if options.peer is not None else config.peer)
        self.here = Node(prefix_words(options.via if options.via is not None else config.via), deadline, given_up)
        self.peer = Node(peer, deadline, given_up) if peer else None

    @property
    def nodes(self) -> list[Node]:
        """This node, and the other one where a way to it is known."""
        return [self.here, self.peer] if self.peer else [self.here]

    def without_itself_as_peer(self) -> Iterator[Finding]:
        """Drop a peer that is this very node, as one configuration file on both nodes makes it: a node always agrees
        with itself, and every verdict on the pair would be wrong. One that has the same name and does not say which
        machine it is may be this node."""
        if not self.peer or self.peer.label != self.here.label:
            return
        from checks.probes.identity import tell_apart

        try:
            tell_apart(self.here, self.peer)
        except Unreachable:
            return
        except ProbeError as error:
            text = "--peer leads to this node itself, or to one of the same host name and host UUID"
            if not isinstance(error, NotTheOther):
                text = f"--peer leads to a node of the same name, perhaps this one: {error}"
            yield self.table.finding("peer-is-this-node", self.here.label, text)
            self.peer = None

    def names(self) -> list[str]:
        """The resources asked for, by default all of hast.conf. Where that can't be read but names were given, they
        are taken as they are. Raises ProbeError."""
        try:
            return list(self.resources())
        except NoResource:
            raise
        except ProbeError:
            if not self.options.resource:
                raise
        return list(dict.fromkeys(self.options.resource))

    def resources(self) -> dict[str, ConfiguredResource]:
        """The resources asked for, by default all, as hast.conf has them: this node's, or where it can't be asked the
        other one's, which has to be the same. Raises NoResource for a name that is in neither, and ProbeError."""
        from checks.probes.hast_conf import configured

        try:
            found = configured(self.here)
        except ProbeError:
            if not self.peer:
                raise
            found = configured(self.peer)
        self._devices = frozenset(resource.device for resource in found.values())
        missing = [name for name in self.options.resource if name not in found]
        if missing or not found:
            known = f"hast.conf has {name_list(sorted(found))}" if found else "hast.conf names no resource"
            raise NoResource(f"{name_list(missing)} not in hast.conf: {known}" if missing else known)
        return {name: found[name] for name in self.options.resource or found}

    def wanted(self, resource: ConfiguredResource) -> Wanted:
        """What has to be mounted of one of `resources`."""
        from checks.probes.beneath import Wanted

        settings = self.config.for_resource(resource.name)
        others = self._devices - {resource.device}
        return Wanted(resource.name, resource.device, settings.device, settings.pool, others)

    def guarded(self, subject: str, seen: Iterable[Finding | Number]) -> Iterator[Finding | Number]:
        """What is seen; where a probe fails, what was found so far and that it failed."""
        try:
            yield from seen
        except ProbeError as error:
            yield self.table.could_not_look(subject, error)


class CheckCommand(NamedTuple):
    """A check command: what `--help` says of it, and the function that looks and judges."""

    name: str
    title: str
    about: str
    table: Table
    perfdata: tuple[tuple[str, str], ...]
    look: Callable[[Session], Iterable[Finding | Number]]
    add_options: Callable[[argparse.ArgumentParser], None] = lambda parser: None
    uses_peer: bool = False
    questions: tuple[tuple[str, ...], ...] = ()
    """What it asks of each node, as far as that is known before it looks (`checks.plugin.ahead`)."""

    def main(self, argv: list[str] | None = None) -> int:
        """Run the check as its console script does: one line on standard output, the state as exit status."""
        try:
            options = parser(self).parse_args(argv)
            config = load(options.config)
            severities = overrides(config, options, self.table)
            if options.timeout is None:
                options.timeout = config.timeout
            session = Session(options, config, self.table)
        except (ConfigError, ProbeError) as error:
            return self._refuse(error)
        except Exception as error:  # never a traceback, whatever the configuration holds
            return self._refuse(f"{type(error).__name__}: {error}")
        try:
            return Run(self, session, severities).main()
        except ConfigError as error:
            return self._refuse(error)

    def _refuse(self, error: Exception | str) -> int:
        """Say in one line why the check was not run."""
        write(f"{self.title} UNKNOWN - {plain(str(error))}")
        return UNKNOWN.value


class Run:
    """One run of a check: it speaks once, at its end or when its time is over, and says all that was found by then."""

    def __init__(self, check: CheckCommand, session: Session, severities: dict[str, Severity]) -> None:
        self.check = check
        self.session = session
        self.severities = severities
        self.findings: list[Finding] = []
        self.numbers: list[Number] = []
        self.suspended: list[Suspended] = []
        self.speak = threading.Lock()

    def main(self) -> int:
        """Look, then speak; the exit status."""
        timeout = self.session.options.timeout
        watchdog = threading.Timer(max(timeout - WATCHDOG, timeout / 2), self.time_is_over)
        watchdog.daemon = True
        watchdog.start()
        terminated_before = _interrupt_on_sigterm()
        try:
            self.look()
        except KeyboardInterrupt:
            self.add(self.failed("interrupted"))
        finally:
            self.speak.acquire()
            watchdog.cancel()
            if terminated_before:
                signal.signal(signal.SIGTERM, terminated_before)
        return self.say(self.session.nodes)

    def look(self) -> None:
        """Take what the check finds; an error of its own is a finding too, after what was found before it."""
        nodes = self.session.nodes
        try:
            if any(is_worth_it(node.via) for node in self.session.nodes):
                from checks.plugin.ahead import ask_ahead

                ask_ahead(self.session, self.check)
            if self.check.uses_peer:
                self.add_all(self.session.without_itself_as_peer())
            self.add_all(self.check.look(self.session))
        except ProbeError as error:
            self.add(self.check.table.could_not_look(self.session.here.label, error))
        except ConfigError:
            raise
        except Exception as error:  # the last line of defence: never a traceback, never an OK
            self.add(self.failed(f"{type(error).__name__}: {error}"))
        self.look_for_maintenance()
        for node in nodes:
            for odd in node.not_understood:
                self.add(self.check.table.could_not_look(node.label, odd))
        if self.session.memory.trouble:
            self.session.remarks.append(self.session.memory.trouble)

    def look_for_maintenance(self) -> None:
        """A damaged file keeps the node from being promoted, which is never OK; one that this user may not read is a
        note, as maintenance changes no verdict."""
        unknown: list[tuple[str, ProbeError]] = []
        self.suspended = suspended(self.session.nodes, self.session.wall(), unknown)
        for label, error in unknown:
            if isinstance(error, NotPermitted):
                self.session.remarks.append(f"whether {label} is under maintenance is not known: {error}")
            else:
                self.add(self.check.table.could_not_look(f"maintenance of {label}", error))

    def add_all(self, seen: Iterable[Finding | Number]) -> None:
        for one in seen:
            self.add(one)

    def add(self, seen: Finding | Number) -> None:
        """Keep a number, or a finding with the severity that the user wants for it; what was said before is not said
        again, such as that a node is not reached by one part of a check after the other."""
        if isinstance(seen, Number):
            self.numbers.append(seen)
            return
        finding = seen._replace(severity=self.severities.get(seen.reason, seen.severity))
        if finding not in self.findings:
            self.findings.append(finding)

    def failed(self, text: str) -> Finding:
        return self.check.table.finding("check-failed", self.check.name, text)

    def time_is_over(self) -> None:
        """End the process from a thread of its own: the main thread may sit in a call that nothing interrupts."""
        if self.speak.acquire(blocking=False):
            end_running()
            text = f"not done after {self.session.options.timeout:g} s"
            self.add(self.check.table.finding("check-timeout", self.check.name, text))
            os._exit(self.say([]))  # without the nodes, whose names may not be known yet and cost a command

    def verdict(self, nodes: list[Node]) -> Verdict:
        """What was found until now, the worst first; of the same severity what the table has first."""
        rows = list(self.check.table.by_reason)
        findings = sorted(self.findings, key=lambda found: (-found.severity.rank, rows.index(found.reason)))
        numbers, remarks = list(self.numbers), list(self.session.remarks)
        return Verdict(self.check.name, self.check.title, findings, numbers, nodes, remarks, self.suspended)

    def say(self, nodes: list[Node]) -> int:
        """Write the verdict; the exit status."""
        verdict = self.verdict(nodes)
        options = self.session.options
        if options.json:
            text = as_json(verdict)
        else:
            text = "\n".join([status_line(verdict), *(long_lines(verdict, options.verbose) if options.verbose else [])])
        return verdict.severity.value if write(text) else UNKNOWN.value


def _interrupt_on_sigterm() -> Callable[[int, FrameType | None], object] | int | None:
    """Let SIGTERM interrupt as ^C does, so that what runs is ended first; returns what was in force before."""
    if threading.current_thread() is not threading.main_thread():
        return None

    def interrupt(number: int, frame: FrameType | None) -> NoReturn:
        raise KeyboardInterrupt

    return signal.signal(signal.SIGTERM, interrupt)


class _Parser(argparse.ArgumentParser):
    """argparse, but for a monitoring engine: a usage error is one line on standard output and exit status 3, and what
    only the help needs, its text and the width of the terminal, is looked for when the help is asked for."""

    columns = 80

    def __init__(self, check: CheckCommand) -> None:
        super().__init__(prog=check.name, description=check.about, allow_abbrev=False)
        self.check = check

    def error(self, message: str) -> NoReturn:
        write(f"{self.check.title} UNKNOWN - usage: {plain(message)} (see {self.prog} --help)")
        sys.exit(UNKNOWN.value)

    def _print_message(self, message: str, file: object = None) -> None:
        """What --help and --version print; a full or closed standard output is no reason for a traceback."""
        if not write(message.rstrip("\n")):
            sys.exit(UNKNOWN.value)

    def format_help(self) -> str:
        import shutil

        self.columns = shutil.get_terminal_size().columns - 2
        self.epilog = specification(self.check)
        return super().format_help()

    def _get_formatter(self) -> argparse.HelpFormatter:
        return argparse.RawDescriptionHelpFormatter(self.prog, width=self.columns)


def parser(check: CheckCommand) -> argparse.ArgumentParser:
    """The argument parser of a check: the options all have, its own, and the specification as its help."""
    made = _Parser(check)
    made.add_argument(
        "-r", "--resource", action="append", default=[], type=_resource, metavar="NAME",
        help="a HAST resource; may be repeated (default: every resource in hast.conf)",
    )  # fmt: skip
    made.add_argument("--via", metavar="PREFIX", help=(
        "the words before a command line that bring it to this node, such as 'sudo -n hastwatch-ask' or 'ssh nfs001'"
        " (default: run directly)"
    ))  # fmt: skip
    used = "default: not asked" if check.uses_peer else "asked only for maintenance, and to explain a finding"
    made.add_argument("--peer", metavar="PREFIX", help=f"the same for the other node ({used})")
    made.add_argument("--severity", action="append", default=[], metavar="REASON=STATE", help=(
        "judge a row of the table below as ok, warning or critical instead; may be repeated"
    ))  # fmt: skip
    made.add_argument(
        "-t", "--timeout", type=_seconds, metavar="SECONDS", help="the time of the whole check (default: 8)"
    )
    made.add_argument("--state-dir", metavar="DIR", help=(
        "where to keep what is remembered between runs (default: /var/tmp/hastwatch-UID)"
    ))  # fmt: skip
    made.add_argument("--config", metavar="FILE", help=f"configuration (default: {PATH}, which may be absent)")
    made.add_argument("-v", "--verbose", action="count", default=0, help=(
        "further lines: every finding with its meaning; -vv: every command that was run"
    ))  # fmt: skip
    made.add_argument("--json", action="store_true", help="verdict, metrics and evidence as one JSON object")
    made.add_argument("-V", "--version", action="version", version=f"{check.name} {VERSION}")
    check.add_options(made)
    return made


def specification(check: CheckCommand) -> str:
    """The part of the help that specifies: the table from state to severity, and the performance data."""
    lines = ["states (the worst one counts: CRITICAL, UNKNOWN, WARNING, OK):"]
    for severity in (CRITICAL, UNKNOWN, WARNING, Severity.OK):
        for row in check.table:
            if row.severity is severity:
                lines += [f"  {severity.name:<9}{row.reason}", f"           {row.when}: {row.means}"]
    lines += ["", "performance data:"]
    lines += [f"  {label:<28} {meaning}" for label, meaning in check.perfdata] or ["  none"]
    return "\n".join([*lines, "", "exit status: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN and wrong usage"])


def add_thresholds(made: argparse.ArgumentParser, what: str, default: str, sizes: bool) -> None:
    """Add -w and -c for the one number that a check judges."""
    kind = _size_range if sizes else _range
    made.add_argument("-w", "--warning", type=kind, metavar="RANGE", help=f"{what} ({default})")
    made.add_argument("-c", "--critical", type=kind, metavar="RANGE", help=f"{what} (default: none)")


def overrides(config: Config, options: argparse.Namespace, table: Table) -> dict[str, Severity]:
    """The severities that the user gave. A name that is no row is an error on the command line, where it can only be a
    mistake; in the configuration, which all checks share, it may belong to another check. Raises ConfigError."""
    given: dict[str, str] = {reason: word for reason, word in config.severity.items() if reason in table}
    for text in options.severity:
        reason, _, word = text.partition("=")
        if reason not in table:
            raise ConfigError(f"usage: --severity {text}: no such reason (see --help)")
        if word not in SEVERITY_WORDS:
            raise ConfigError(f"usage: --severity {text}: the state must be ok, warning or critical")
        given[reason] = word
    for reason, word in given.items():
        if word == "ok" and table.by_reason[reason].severity is UNKNOWN:
            raise ConfigError(f"severity {reason}=ok: refused, a check that could not look is never OK")
    return {reason: SEVERITY_WORDS[word] for reason, word in given.items()}


def _resource(text: str) -> str:
    from checks.probes.hast import RESOURCE_NAME

    if not re.fullmatch(RESOURCE_NAME, text):
        raise argparse.ArgumentTypeError(f"{text!r} is not the name of a HAST resource")
    return text


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0
    if not 0 < seconds <= 3600:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds above 0 and up to 3600")
    return seconds


def _range(text: str) -> str:
    if not is_range(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a threshold range such as 5, 1:10 or @0:4")
    return text


def _size_range(text: str) -> str:
    try:
        return _range(size_range(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
