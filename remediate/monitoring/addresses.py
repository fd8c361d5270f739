"""Many service addresses, looked at in one process: what check_nfs_export says of each, as the result of a service.

A process for each costs more than all that it asks. Threads wait for the servers; what has not ended
in time is UNKNOWN.
"""

from __future__ import annotations

import queue
import shlex
import threading
from collections.abc import Mapping, Sequence
from typing import NamedTuple, NoReturn

from checks.plugin.command import CheckCommand, parser
from checks.plugin.config import CheckConfig, ConfigError
from checks.plugin.finding import Severity
from checks.plugin.output import long_lines, status_line
from checks.plugin.session import Session
from checks.plugin.text import plain
from checks.probes.errors import ProbeError
from checks.registry import REGISTRY
from remediate.monitoring.result import CheckResult, ObjectNames, named, result_of
from remediate.timing import Timing

AT_ONCE = 32
"""Threads: a server that is away holds one for some seconds."""
OUTSIDE = {each.name: each for each in REGISTRY if not each.on_node}
"""The checks that can be run so."""


class AddressLine(NamedTuple):
    """A line of the file."""

    host: str
    """The name of the object in monitoring."""
    argv: tuple[str, ...]


def read(path: str) -> list[AddressLine]:
    """The lines of a file. Raises ConfigError, which names the line."""
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: {getattr(error, 'strerror', None) or error}") from None
    lines = []
    for number, line in enumerate(text.splitlines(), 1):
        try:
            words = shlex.split(line, comments=True)
        except ValueError as error:
            raise ConfigError(f"{path}, line {number}: {error}") from None
        if words[1:2] and words[1] not in OUTSIDE:
            raise ConfigError(f"{path}, line {number}: {plain(words[1])} is not {' or '.join(OUTSIDE)}")
        if len(words) == 1:
            raise ConfigError(f"{path}, line {number}: a host and a command line are needed")
        if words:
            lines.append(AddressLine(words[0], tuple(words[1:])))
    if not lines:
        raise ConfigError(f"{path}: no line names an address")
    return lines


def looked(
    lines: Sequence[AddressLine],
    config: CheckConfig,
    services: Mapping[str, str],
    seconds: float,
    ttl: float,
    timing: Timing,
) -> list[CheckResult]:
    """What the check says of each line, in their order, within so many seconds. Raises ConfigError where an option is
    wrong, before anything is asked."""
    sessions = [_session(line, config, timing) for line in lines]
    began = timing.wall()
    done: dict[int, CheckResult] = {}
    waiting: queue.SimpleQueue[int] = queue.SimpleQueue()
    for number in range(len(lines)):
        waiting.put(number)

    def work() -> None:
        while len(done) < len(lines):
            try:
                number = waiting.get_nowait()
            except queue.Empty:
                return
            started = timing.wall()
            status, text = _said(*sessions[number])
            done.setdefault(number, _result(lines[number], services, (status, text), (started, timing.wall()), ttl))

    threads = [threading.Thread(target=work, daemon=True) for _ in range(min(AT_ONCE, len(lines)))]
    for thread in threads:
        thread.start()
    ends = timing.now() + seconds
    for thread in threads:
        thread.join(max(ends - timing.now(), 0.0))
    late = Severity.UNKNOWN.value, f"UNKNOWN - the check was not run to its end: {seconds:g} s are over"
    return [
        done.get(number) or _result(line, services, late, (began, timing.wall()), ttl)
        for number, line in enumerate(lines)
    ]


def _session(line: AddressLine, config: CheckConfig, timing: Timing) -> tuple[CheckCommand, Session]:
    """Raises ConfigError."""
    check = OUTSIDE[line.argv[0]].load()
    reads = parser(check)

    def refuse(message: str) -> NoReturn:
        raise ConfigError(f"{line.host}: usage: {message} (see {check.name} --help)")

    reads.error = refuse  # type: ignore[method-assign]
    options = reads.parse_args(line.argv[1:])
    if options.timeout is None:
        options.timeout = max(config.timeout, check.takes)
    try:
        return check, Session(options, config, timing.wall)
    except ProbeError as error:
        raise ConfigError(f"{line.host}: {error}") from None


def _said(check: CheckCommand, session: Session) -> tuple[int, str]:
    """Exit status and output. Raises nothing."""
    fresh = Session(session.options, session.config, session.clock)  # its time begins now
    try:
        report = check.judged(fresh)
    except ConfigError as error:
        return Severity.UNKNOWN.value, f"{check.title} UNKNOWN - {plain(str(error))}"
    return report.check.exitcode, "\n".join([status_line(report), *long_lines(report, 0)])


def _result(
    line: AddressLine, services: Mapping[str, str], answer: tuple[int, str], times: tuple[float, float], ttl: float
) -> CheckResult:
    names = ObjectNames(line.host, named(line.argv, line.host, services).service)
    return result_of(names, line.argv[0], answer, times, ttl)
