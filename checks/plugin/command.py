"""The command line that all checks share: the options of every check, its help, and its start."""

from __future__ import annotations

import argparse
import re
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, NoReturn

from checks import VERSION
from checks.plugin.config import PATH, SEVERITY_WORDS, CheckConfig, ConfigError, load
from checks.plugin.finding import CRITICAL, UNKNOWN, WARNING, Severity, Table
from checks.plugin.nagios import Context, Resource
from checks.plugin.output import Report, write
from checks.plugin.runtime import CheckRun
from checks.plugin.session import Session
from checks.plugin.text import plain, size_range
from checks.plugin.threshold import is_range
from checks.probes.errors import ProbeError
from checks.probes.node import Node


class CheckCommand(NamedTuple):
    """A check command: what `--help` says of it, and the parts that its nagiosplugin `Check` is made of."""

    name: str
    title: str
    about: str
    table: Table
    perfdata: tuple[tuple[str, str], ...]
    parts: Callable[[Session], Iterable[Resource | Context]]
    """The resources that are probed, in this order, and the contexts that judge. Raises ProbeError, ConfigError."""
    add_options: Callable[[argparse.ArgumentParser], None] = lambda parser: None
    uses_peer: bool = False
    questions: tuple[tuple[str, ...], ...] = ()
    """What it asks of each node, as far as that is known before it looks (`checks.plugin.ahead`)."""
    led_to: Callable[[Node], Sequence[tuple[str, ...]]] = lambda node: ()
    """What the answers to these lead it to ask. Raises ProbeError."""
    takes: float = 0.0
    """Seconds that it may need, where they are more than `timeout` of the configuration gives to every check."""
    is_audit: bool = False
    """Whether no event handler decides by its reasons: on the status line they may be counted."""
    runs: type[CheckRun] = CheckRun

    @property
    def timeout(self) -> float:
        """Seconds for a whole run, where neither the command line nor the configuration says so."""
        return max(CheckConfig().timeout, self.takes)

    def main(self, argv: list[str] | None = None, clock: Callable[[], float] = time.time) -> int:
        """Run the check as its console script does: one line on standard output, the state as exit status. `clock`
        gives seconds since 1970."""
        try:
            options = parser(self).parse_args(argv)
            config = load(options.config)
            severities = overrides(config, options, self.table)
            if options.timeout is None:
                options.timeout = max(config.timeout, self.takes)
            session = Session(options, config, clock)
        except (ConfigError, ProbeError) as error:
            return self._refuse(error)
        except Exception as error:  # never a traceback, whatever the configuration holds
            return self._refuse(f"{type(error).__name__}: {error}")
        try:
            return self.runs(self, session, severities).main()
        except ConfigError as error:
            return self._refuse(error)

    def judged(self, session: Session) -> Report:
        """What it says of the nodes of a session, for whoever asks in its own process: without a watchdog, and without
        printing it. Raises ConfigError."""
        run = self.runs(self, session, overrides(session.config, session.options, self.table), of_both=True)
        run.look()
        return run.report(session.nodes)

    def _refuse(self, error: Exception | str) -> int:
        """Say in one line why the check was not run."""
        write(f"{self.title} UNKNOWN - {plain(str(error))}")
        return UNKNOWN.value


class _Parser(argparse.ArgumentParser):
    """argparse, but for a monitoring engine: a usage error is one line on standard output and exit status 3, and what
    only the help needs, its text and the width of the terminal, is looked for when the help is asked for."""

    columns = 80

    def __init__(self, check: CheckCommand) -> None:
        super().__init__(prog=check.name, description=check.about, allow_abbrev=False, formatter_class=self._formatter)
        self.check = check

    def error(self, message: str) -> NoReturn:
        write(f"{self.check.title} UNKNOWN - usage: {plain(message)} (see {self.prog} --help)")
        sys.exit(UNKNOWN.value)

    def _print_message(self, message: str, file: object = None) -> None:
        """What --help and --version print; a full or closed standard output is no reason for a traceback."""
        if not write(message.rstrip("\n")):
            sys.exit(UNKNOWN.value)

    def format_help(self) -> str:
        from checks.plugin.help_text import columns, fitted

        self.columns = columns()
        self.description, self.epilog = (
            fitted(text, self.columns) for text in (self.check.about, specification(self.check))
        )
        return super().format_help()

    def _formatter(self, prog: str) -> argparse.HelpFormatter:
        return argparse.RawDescriptionHelpFormatter(prog, width=self.columns)


def parser(check: CheckCommand) -> argparse.ArgumentParser:
    """The argument parser of a check: the options all have, its own, and the specification as its help."""
    command_line = _Parser(check)
    command_line.add_argument(
        "-r", "--resource", action="append", default=[], type=_resource, metavar="NAME",
        help="a HAST resource; may be repeated (default: every resource in hast.conf)",
    )  # fmt: skip
    command_line.add_argument("--via", metavar="PREFIX", help=(
        "the command prefix that reaches this node, such as 'sudo -n hastwatch-ask' or 'ssh nfs001'"
        " (default: run directly)"
    ))  # fmt: skip
    used = "default: not asked" if check.uses_peer else "asked only for maintenance, and to explain a finding"
    command_line.add_argument("--peer", metavar="PREFIX", help=(
        f"the command prefix that reaches the other node, such as 'ssh nfs002' ({used})"
    ))  # fmt: skip
    command_line.add_argument("--severity", action="append", default=[], metavar="REASON=STATE", help=(
        "judge this reason, a name that the check prints in brackets, as ok, warning or critical instead; may be"
        " repeated"
    ))  # fmt: skip
    command_line.add_argument(
        "-t", "--timeout", type=_seconds, metavar="SECONDS",
        help=f"seconds for the whole check (default: {check.timeout:g})",
    )  # fmt: skip
    command_line.add_argument("--state-dir", metavar="DIR", help=(
        "where to keep what is remembered between runs (default: /var/tmp/hastwatch-UID)"
    ))  # fmt: skip
    command_line.add_argument("--config", metavar="FILE", help=f"configuration (default: {PATH}, which may be absent)")
    command_line.add_argument("-v", "--verbose", action="count", default=0, help=(
        "further lines: every finding with its meaning and what to do next, which is shown without -v too where"
        " something is wrong; -vv: every command that was run"
    ))  # fmt: skip
    command_line.add_argument("--json", action="store_true", help="verdict, metrics and evidence as one JSON object")
    command_line.add_argument("-V", "--version", action="version", version=f"{check.name} {VERSION}")
    check.add_options(command_line)
    return command_line


def specification(check: CheckCommand) -> str:
    """The part of the help that specifies: the table from state to severity, and the performance data."""
    lines = ["states (the worst one counts: CRITICAL, UNKNOWN, WARNING, OK):"]
    for severity in (CRITICAL, UNKNOWN, WARNING, Severity.OK):
        for row in check.table:
            if row.severity is severity:
                lines += [f"  {severity.name:<9}{row.reason}", f"           {row.when}: {row.means}"]
                lines += [f"           -> {row.words}"] if row.action else []
    lines += ["", "performance data:"]
    lines += [f"  {label:<28} {meaning}" for label, meaning in check.perfdata] or ["  none"]
    return "\n".join([*lines, "", "exit status: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN and wrong usage"])


def add_thresholds(
    parser: argparse.ArgumentParser, what: str, sizes: bool, warning: str = "none", critical: str = "none"
) -> None:
    """Add -w and -c for the one number that a check judges; `warning` and `critical` say their defaults."""
    kind = _size_range if sizes else _range
    parser.add_argument("-w", "--warning", type=kind, metavar="RANGE", help=(
        f"WARNING outside this range: {what} (default: {warning})"
    ))  # fmt: skip
    parser.add_argument("-c", "--critical", type=kind, metavar="RANGE", help=(
        f"CRITICAL outside this range: {what} (default: {critical})"
    ))  # fmt: skip


def overrides(config: CheckConfig, options: argparse.Namespace, table: Table) -> dict[str, Severity]:
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
