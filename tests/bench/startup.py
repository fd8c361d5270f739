"""What a check or a hook costs: the process time of each command over that of a bare Python, measured in one run.

    python tests/bench/startup.py [RUNS]

Each command runs as installed and asks a node that is not there, so that the figure is the check's own and not that of
the commands it runs: everything is imported, the command line parsed, the verdict judged and printed. User and system
time, median of RUNS (default 21), all commands in turn, so that a machine that drifts drifts for all. Install the
project as its users do (not editable: that costs every Python of the environment).

Beside them the least that a check on nagiosplugin can be, with the command line of argparse: one resource, one metric,
one scalar context. It takes 1.6 times what a bare Python takes; a check of ours may take 2.5 times, and
check_hast_pair, which stands for six of them, 4 times.

The hooks get an event each: devd(8) waits for the first. It cannot ask that node for its boot, says so, and starts its
worker, whose time is not counted.
"""

import os
import statistics
import sys
import tempfile
from pathlib import Path

from checks.registry import REGISTRY

BARE = ["-I", "-c", "import argparse, subprocess"]
"""What any check in Python needs: a command line and a way to run commands."""
MINIMAL = [
    "-c",
    """
import argparse
import nagiosplugin

class Load(nagiosplugin.Resource):
    def probe(self):
        return nagiosplugin.Metric("load", 1, context="load")

argparse.ArgumentParser().parse_args()
nagiosplugin.Check(Load(), nagiosplugin.ScalarContext("load", "10", "20")).main()
""",
]
"""The least that nagiosplugin needs."""

HOOKS = {"carp-hast-switch": ["2@em0", "BACKUP"], "hastwatch-hast-event": ["connect", "home"]}
"""The words that each gets."""
STATUSES = (0, 2, 3, 73)
"""What a check says of a node that is not there, and a hook of an event that it could not note."""


def commands() -> dict[str, list[str]]:
    """The installed check commands and hooks."""
    here = Path(sys.executable).parent
    options = {"check_nfs_export": ["-H", "127.0.0.1", "--export", "/hast/home"]}
    asked, names = ["-r", "home", "--via", "/nonexistent"], [each.name for each in REGISTRY]
    lines = {name: [str(here / name), *options.get(name, asked)] for name in names}
    return lines | {name: [str(here / name), *asked[2:]] for name in HOOKS}


def process_time(argv: list[str]) -> float:
    """User and system seconds of one run, its output thrown away."""
    quiet = [(os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_RDWR, 0) for number in (0, 1, 2)]
    pid = os.posix_spawn(argv[0], argv, {"PATH": os.defpath}, file_actions=quiet)
    _, status, usage = os.wait4(pid, 0)
    if os.waitstatus_to_exitcode(status) not in STATUSES:
        raise RuntimeError(f"{' '.join(argv)} did not run as it has to")
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    """Measure and print."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 21
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as state:  # a worker may still write there
        measured = {"bare python": [sys.executable, *BARE]}
        measured["least of nagiosplugin"] = [sys.executable, *MINIMAL]
        measured |= {
            name: [*argv, "--state-dir", f"{state}/kept-{name}", *HOOKS.get(name, [])]
            for name, argv in commands().items()
        }
        times: dict[str, list[float]] = {name: [] for name in measured}
        for _ in range(runs + 1):
            for name, argv in measured.items():
                times[name].append(process_time(argv))
    median = {name: statistics.median(of[1:]) for name, of in times.items()}  # the first run warms the caches
    print(f"{'command':<24}{'median':>10}{'over bare':>12}    ({runs} runs each)")
    for name, seconds in median.items():
        print(f"{name:<24}{seconds * 1000:>7.1f} ms{seconds / median['bare python']:>12.2f}")


if __name__ == "__main__":
    main()
