"""cron(8) on a pair where hastwatch is installed: its line of `cron-hastwatch`, once a minute on each node."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from remediate.failover import disk_errors, proofs
from remediate.failover.converge import ConvergeRequest, converge

if TYPE_CHECKING:
    from remediate.context import Context
    from remediate.rehearsal.installed import Installed
    from simulator.clock import Steps
    from simulator.node import Node

EVERY = 60.0
"""Seconds; crontab(5) knows nothing shorter."""
FIRST, APART = 17.0, 29.0
"""Seconds until the first node's first call, and from there to the second node's: clocks are not that equal."""


def start_cron(installed: Installed) -> None:
    """From now on both nodes call `hastwatch converge --periodic` every minute, while they are up."""
    for number, node in enumerate(installed.pair.nodes.values()):
        node.clock.start(_cron(installed, node, FIRST + APART * number))


def _cron(installed: Installed, node: Node, first: float) -> Steps[None]:
    yield first
    while True:
        if node.on and node.sshd_runs:
            installed.work(node, partial(periodic, installed, node))
        yield EVERY


def periodic(installed: Installed, node: Node, context: Context) -> None:
    """`hastwatch converge --periodic`."""
    converge(context, ConvergeRequest("periodic", promote=context.config.failover.periodic_promotion, again=True))
    disk_errors.try_to(context, "periodic")
    installed.recover_losing(node, context)
    proofs.try_to(context, proofs.compared_whole(context), "periodic")
