"""cron(8) on a pair where hastwatch is installed: its line of `cron-hastwatch`, once a minute on each node."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from remediate.rehearsal.installed import Installed
    from simulator.clock import Steps
    from simulator.node import Node

PERIODIC = ("converge", "--periodic")
"""The words that `contrib/freebsd/cron-hastwatch` has cron(8) call hastwatch with."""
CRONTAB = "/etc/cron.d/hastwatch"
LINE = f"*\t*\t*\t*\t*\troot\t/usr/local/hastwatch/bin/hastwatch {' '.join(PERIODIC)} >/dev/null 2>&1\n"
"""Where a node has it, and how: without it cron(8) calls nothing."""
EVERY = 60.0
"""Seconds; crontab(5) knows nothing shorter."""
FIRST, APART = 17.0, 29.0
"""Seconds until the first node's first call, and from there to the second node's: clocks are not that equal."""


def start_cron(installed: Installed) -> None:
    """From now on both nodes call hastwatch every minute, while they are up."""
    for number, node in enumerate(installed.pair.nodes.values()):
        node.files.write(CRONTAB, LINE, node.clock.now)
        first = FIRST + APART * number
        installed.first_look[node.name] = node.clock.now + first
        node.clock.start(_cron(installed, node, first))


def next_look(installed: Installed, node: Node) -> float:
    """Seconds until cron(8) calls hastwatch on a node."""
    return (installed.first_look[node.name] - node.clock.now) % EVERY


def _cron(installed: Installed, node: Node, first: float) -> Steps[None]:
    yield first
    while True:
        if node.on and node.sshd_runs and _is_in_crontab(node):
            installed.runs(node, *PERIODIC)
        yield EVERY


def _is_in_crontab(node: Node) -> bool:
    lines = node.files.read(CRONTAB).splitlines() if node.files.exists(CRONTAB) else []
    return any(line.endswith(LINE.strip()) for line in lines if not line.startswith("#"))
