"""What a scenario is played on: a healthy pair whose clients have been writing, with what acts on it by itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple

from remediate.config import RemediationConfig
from remediate.rehearsal.own_pair import healthy_pair
from remediate.rehearsal.service import Clients

if TYPE_CHECKING:
    from remediate.rehearsal.installed import Installed
    from remediate.rehearsal.scenario import Scenario
    from simulator.layout import PairLayout
    from simulator.pair import Pair

WARM_UP = 35.0
"""Simulated seconds that clients write before a scenario begins: longer than UFS delays any name, so that some of the
writes are on both disks and some are not."""


class Setting(NamedTuple):
    """The pair, its clients, and hastwatch where it is installed."""

    pair: Pair
    clients: Clients
    installed: Installed | None


@contextmanager
def setting(scenario: Scenario, layout: PairLayout, config: RemediationConfig) -> Iterator[Setting]:
    """The setting of a scenario. What hastwatch remembers on the nodes is kept in a directory of its own meanwhile."""
    layout = layout.running(scenario.releases) if scenario.releases else layout
    if not scenario.automatic:
        pair = healthy_pair(layout, scenario.hooked)
        yield Setting(pair, _writing(pair), None)
        return
    from remediate.rehearsal.cron import start_cron
    from remediate.rehearsal.engine import Engine
    from remediate.rehearsal.installed import Installed
    from remediate.rehearsal.observer import Observer

    with TemporaryDirectory(prefix="hastwatch-rehearse-") as state:
        pair = healthy_pair(layout, hooked=False)
        policy = scenario.policy(config.failover)._replace(services=())  # only NFS is simulated
        salvages = Path(state) / "salvage"
        salvages.mkdir()
        split = config.split_brain._replace(
            policy="step-down", salvage_to=str(salvages)
        )  # nothing goes to the real target
        installed = Installed(pair, Path(state), config._replace(failover=policy, split_brain=split))
        start_cron(installed)
        if scenario.monitored:
            Engine(installed, Observer(pair, config)).start()
        pair.clock.advance(policy.boot_window)
        yield Setting(pair, _writing(pair), installed)


def _writing(pair: Pair) -> Clients:
    clients = Clients(pair)
    pair.clock.advance(WARM_UP)
    return clients
