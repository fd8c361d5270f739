"""Results for Prometheus: a file for the textfile collector of node_exporter, in its text format (version 0.0.4).

    hastwatch_state{check="check_hast",host="nfs001",service="check_hast",reason="hast-degraded"} 2
    hastwatch_metric{check="check_hast",host="nfs001",service="check_hast",name="home_dirty",unit="B"} 1048576
    hastwatch_last_run{check="check_hast",host="nfs001",service="check_hast"} 1795634068.831

Names and units are those of the performance data. One file a service: the collector refuses one series in two files.
"""

from __future__ import annotations

import os

from remediate.monitoring.result import CheckResult, measured
from remediate.state import atomic_file

MODE = 0o644
FAMILIES = (
    ("hastwatch_state", "What a check said: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN."),
    ("hastwatch_metric", "A number of a check's performance data, in the unit it is given in."),
    ("hastwatch_last_run", "When a check last ended, in seconds since 1970."),
)
"""Metric families and their help, which must not differ between two files."""


def exposition(result: CheckResult) -> str:
    """The text of the file."""
    whose = {"check": result.command, "host": result.host, "service": result.service}
    numbers = {(number.label, number.unit): number.value for number in measured(result.perfdata)}
    samples = {
        "hastwatch_state": [({**whose, "reason": result.reason}, float(result.status))],
        "hastwatch_metric": [({**whose, "name": name, "unit": unit}, value) for (name, unit), value in numbers.items()],
        "hastwatch_last_run": [(whose, result.ended)],
    }
    lines = []
    for family, says in FAMILIES:
        lines += [f"# HELP {family} {says}", f"# TYPE {family} gauge"]
        lines += [f"{family}{{{_labels(labels)}}} {value!r}" for labels, value in samples[family]]
    return "\n".join(lines) + "\n"


def write(path: str, result: CheckResult) -> None:
    """Replace the file at once, for everybody to read. Raises OSError; what was there before stays then.

    The directory is often another user's (node_exporter's), who can put anything there under any name that can be
    foreseen, a hard link to a file of root's as well: the file is a new one, or none."""
    directory, name = os.path.split(os.path.abspath(path))
    temporary = os.path.join(directory, f".{name}.{os.urandom(8).hex()}")  # the collector reads *.prom
    atomic_file.replace(os.path.join(directory, name), temporary, exposition(result).encode(), MODE)


def _labels(labels: dict[str, str]) -> str:
    return ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())


def _escaped(value: str) -> str:
    """Backslash, quote and newline (Prometheus, exposition formats)."""
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
