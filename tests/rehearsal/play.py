"""Playing a scenario in simulated time, for the tests."""

from __future__ import annotations

from remediate.config import RemediationConfig
from remediate.rehearsal.observer import Observer
from remediate.rehearsal.own_pair import healthy_pair, layout_of
from remediate.rehearsal.scenario import Scenario, ScenarioOutcome, Stage, play
from remediate.rehearsal.scenarios import SCENARIOS
from remediate.rehearsal.service import Clients
from remediate.rehearsal.setting import WARM_UP, setting
from remediate.rehearsal.story import CheckRound
from simulator.pace import Pace

BY_NAME = {scenario.name: scenario for scenario in SCENARIOS}


def stage_of(seed: int = 1) -> Stage:
    """A stage with a healthy pair whose clients have been writing for a while, and on which nothing acts by itself."""
    pair = healthy_pair(layout_of(RemediationConfig(), seed), hooked=False)
    clients = Clients(pair)
    pair.clock.advance(WARM_UP)
    return Stage(
        pair, Observer(pair, RemediationConfig()), clients, Pace(pair.clock, None, lambda: None), lambda entry: None
    )


def played(name: str, *, seed: int = 1, config: RemediationConfig | None = None) -> ScenarioOutcome:
    """A scenario played to its end."""
    return played_as(BY_NAME[name], seed=seed, config=config)


def played_as(scenario: Scenario, *, seed: int = 1, config: RemediationConfig | None = None) -> ScenarioOutcome:
    """The same for a scenario that may have been changed."""
    settings = config or RemediationConfig()
    with setting(scenario, layout_of(settings, seed), settings) as (pair, clients, installed):
        pace = Pace(pair.clock, None, lambda: None)
        return play(scenario, Stage(pair, Observer(pair, settings), clients, pace, lambda entry: None, installed))


def spared(scenario: Scenario, *what: str) -> Scenario:
    """The same scenario in which these methods of the stage, `breaks` or `types`, do nothing."""

    def act(stage: Stage) -> None:
        for name in what:
            setattr(stage, name, nothing)
        scenario.act(stage)

    return scenario._replace(act=act)


def nothing(*_: object, **__: object) -> None:
    """Instead of a fault or a command."""


def looks(outcome: ScenarioOutcome) -> dict[str, CheckRound]:
    """What the checks said, by moment."""
    return {entry.moment: entry for entry in outcome.entries if isinstance(entry, CheckRound)}


def said(look: CheckRound, check: str, node: str = "both") -> tuple[str, tuple[str, ...]]:
    """The state of one check and its reasons that are not OK."""
    report = next(one for one in look.says if (one.check, one.node) == (check, node))
    return report.state, report.wrong
