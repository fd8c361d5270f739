"""A file for the textfile collector of Prometheus's node_exporter, in Prometheus's text format (version 0.0.4).

    hastwatch_check_state{node="nfs001",check="check_hast"} 2
    hastwatch_check_reason_info{node="nfs001",check="check_hast",reason="hast-degraded"} 1
    hastwatch_hast_dirty_bytes{node="nfs001",resource="home"} 1048576
    hastwatch_last_run_timestamp_seconds{node="nfs001",check="check_hast"} 1795634068.831

Which metrics there are: `metrics`. Of a series that is in two files of its directory the collector
takes the first one, and counts an error.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

from remediate.monitoring.metrics import METRICS, MetricFamily, Sample
from remediate.state import atomic_file

MODE = 0o644


def exposition(samples: Iterable[Sample]) -> str:
    """The text of the file, metric by metric; of a series that comes twice the first value."""
    values: dict[MetricFamily, dict[tuple[str, ...], float]] = {metric: {} for metric in METRICS}
    for sample in samples:
        values[sample.metric].setdefault(sample.labels, sample.value)
    lines = []
    for metric, series in values.items():
        if series:
            lines += [f"# HELP {metric.name} {metric.help}", f"# TYPE {metric.name} {metric.kind.value}"]
            lines += [f"{metric.name}{{{_labels(metric, labels)}}} {value!r}" for labels, value in series.items()]
    return "\n".join(lines) + "\n"


def write(path: str, samples: Iterable[Sample]) -> None:
    """Replace the file at once, for everybody to read. Raises OSError; what was there before stays then.

    The directory is often another user's (node_exporter's), who can put anything there under any name that can be
    foreseen, a hard link to a file of root's as well: the file is a new one, or none."""
    directory, name = os.path.split(os.path.abspath(path))
    temporary = os.path.join(directory, f".{name}.{os.urandom(8).hex()}")  # the collector reads *.prom
    atomic_file.replace(os.path.join(directory, name), temporary, exposition(samples).encode(), MODE)


def _labels(metric: MetricFamily, values: tuple[str, ...]) -> str:
    return ",".join(f'{name}="{_escaped(value)}"' for name, value in zip(metric.labels, values, strict=True))


def _escaped(value: str) -> str:
    """Backslash, quote and newline (Prometheus, exposition formats)."""
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
