"""The result of one check, of whatever plugin: run with a deadline, its output taken apart, cleaned and bounded.

The output of a plugin is `TEXT|PERFDATA`, then lines of longer text, of which the last may begin further performance
data with another `|` (Monitoring Plugins Development Guidelines; Nagios's plugin API).
"""

from __future__ import annotations

import os
import re
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import NamedTuple

from checks.plugin.finding import REASON, Severity
from checks.plugin.text import plain
from checks.probes.errors import ProbeError
from checks.probes.node import this_machine
from checks.probes.process import ENVIRONMENT, CompletedCommand, run
from remediate.timing import Timing

LONGEST_FIRST, LONGEST_LINE, MOST_LINES = 2000, 1000, 100
"""Characters of the first line and of each further one, and how many of these are kept."""
MOST_PERFDATA = 200
"""Items of performance data."""
OUTPUT_LIMIT = 1 << 20
"""Bytes of a plugin's output; one that prints more is not understood."""
PLUGIN_DIRECTORIES = ("/usr/local/hastwatch/bin", "/usr/local/libexec/nagios", "/usr/lib/nagios/plugins")
"""Where FreeBSD's and Debian's packages put plugins."""
ITEM = re.compile(
    r"(?:^|(?<=\s))('(?:[^'=]|''){1,200}'|[^\s'=]{1,200})=(U|-?[0-9.]+(?:[eE][+-]?[0-9]+)?)([^\s;0-9]{0,20})"
    r"(;[0-9.~@:;eE+-]*)?(?=\s|$)"
)
"""`LABEL=VALUE[UNIT][;WARN[;CRIT[;MIN[;MAX]]]]`; a quote inside a quoted label is doubled."""


class CheckResult(NamedTuple):
    """What a check said. Times in seconds since 1970, whole milliseconds; `ttl` in seconds, 0 is forever; `status` 0
    to 3; `perfdata` single items; `command` is the plugin's name."""

    host: str
    service: str
    command: str
    status: int
    output: str
    long_output: str
    perfdata: tuple[str, ...]
    started: float
    ended: float
    source: str
    ttl: float = 0.0

    @property
    def whose(self) -> str:
        """`HOST!SERVICE`, as Icinga names a service."""
        return f"{self.host}!{self.service}"

    @property
    def reason(self) -> str:
        """The reason of the worst finding; empty where all is well or the plugin is none of ours."""
        match = re.search(REASON, self.output)
        return match[1] if match and self.status else ""

    def is_over(self, now: float) -> bool:
        """Whether its time is over: it says nothing of how things are now."""
        return self.ttl > 0 and now > self.ended + self.ttl


class ObjectNames(NamedTuple):
    """Whose result it is, where it goes to."""

    host: str
    service: str


def named(argv: tuple[str, ...], host: str, services: Mapping[str, str]) -> ObjectNames:
    """Host and service of a check, as a table of the configuration says: by its command line, its name, or its name
    itself; the host is this node where none is given."""
    name = os.path.basename(argv[0])
    return ObjectNames(host or this_machine(), services.get(" ".join(argv), services.get(name, name)))


def check(argv: tuple[str, ...], names: ObjectNames, seconds: float, ttl: float, timing: Timing) -> CheckResult:
    """Run a check, so many seconds at most, and take what it says. Raises nothing: what went wrong is UNKNOWN."""
    started = timing.wall()
    try:
        done = run((plugin(argv[0]), *argv[1:]), timing.now() + seconds, OUTPUT_LIMIT, shown=" ".join(argv))
        status, text = _taken(done)
    except ProbeError as error:
        status, text = Severity.UNKNOWN.value, f"UNKNOWN - the check was not run to its end: {error}"
    return result_of(names, os.path.basename(argv[0]), (status, text), (started, timing.wall()), ttl)


def result_of(
    names: ObjectNames, command: str, answer: tuple[int, str], times: tuple[float, float], ttl: float
) -> CheckResult:
    """What a check has said on this machine: exit status and text, from one moment to another."""
    status, text = answer
    output, long_output, perfdata = parsed(text)
    return CheckResult(
        *names,
        command=command,
        status=status,
        output=output,
        long_output=long_output,
        perfdata=perfdata,
        started=round(times[0], 3),
        ended=round(times[1], 3),
        source=this_machine(),
        ttl=ttl,
    )


def plugin(word: str) -> str:
    """The program of a check: a path as it is, a name beside this Python, then where packages put plugins."""
    if "/" in word:
        return os.path.abspath(word)
    for directory in (os.path.dirname(sys.executable), *PLUGIN_DIRECTORIES, *ENVIRONMENT["PATH"].split(":")):
        path = os.path.join(directory, word)
        if os.access(path, os.X_OK) and os.path.isfile(path):
            return path
    return word


def _taken(done: CompletedCommand) -> tuple[int, str]:
    """Exit status and output; what no plugin ends with is UNKNOWN, and said."""
    text = done.stdout if done.stdout.strip() else f"no output: {done.words}"
    if 0 <= done.status <= 3:
        return done.status, text
    how = f"status {done.status}" if done.status > 0 else _signal(-done.status)
    return Severity.UNKNOWN.value, f"UNKNOWN - the check ended with {how}: {text}"


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def parsed(text: str) -> tuple[str, str, tuple[str, ...]]:
    """First line, longer text and performance data of a plugin's output, each line printable and without `|`."""
    lines = text.strip("\r\n").splitlines() or [""]
    first, _, data = lines[0].partition("|")
    longer: list[str] = []
    for number, line in enumerate(lines[1:], 1):
        summary, bar, more = line.partition("|")
        longer.append(summary)
        if bar:
            data = " ".join((data, more, *lines[number + 1 :]))
            break
    long_text = [_clean(line, LONGEST_LINE) for line in longer[:MOST_LINES]]
    if len(longer) > MOST_LINES:
        long_text.append(f"and {len(longer) - MOST_LINES} more lines")
    return _clean(first, LONGEST_FIRST) or "(no text)", "\n".join(long_text).strip("\n"), perfdata_items(data)


def perfdata_items(data: str) -> tuple[str, ...]:
    """The items of performance data that are some; the rest is left out."""
    items = (match[0].rstrip(";") for match in ITEM.finditer(data[: 1 << 16]))
    return tuple(item for item in items if item.isprintable())[:MOST_PERFDATA]


class Measurement(NamedTuple):
    """A number of performance data, without its thresholds."""

    label: str
    value: float
    unit: str


def measured(items: tuple[str, ...]) -> tuple[Measurement, ...]:
    """The numbers in items of performance data; `U`, which is not known, and what is no number is left out."""
    measurements = []
    for match in filter(None, map(ITEM.match, items)):
        with suppress(ValueError):
            label = match[1].removeprefix("'").removesuffix("'").replace("''", "'")
            measurements.append(Measurement(label, float(match[2]), match[3]))
    return tuple(measurements)


def _clean(line: str, longest: int) -> str:
    return plain(line.replace("\t", " ").strip(), longest)
