"""cron(8) on a pair where hastwatch is installed: its line of `cron-hastwatch`, once a minute on each node."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from remediate.failover import disk_errors, proofs
from remediate.failover.converge import Wish, converge

if TYPE_CHECKING:
    from remediate.rehearsal.installed import Installed
    from remediate.site import Site
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


def periodic(installed: Installed, node: Node, site: Site) -> None:
    """`hastwatch converge --periodic`."""
    converge(site, Wish("periodic", promote=site.config.failover.periodic_promotion, again=True))
    disk_errors.try_to(site, "periodic")
    installed.recover_losing(node, site)
    proofs.try_to(site, proofs.compared_whole(site), "periodic")
