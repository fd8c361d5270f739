"""Plays the recorded runs of `recorded_runs.py` with the costs of the simulated pair.

python -m tests.bench.replay
"""

from __future__ import annotations

from typing import NamedTuple

from simulator.clock import Clock, Steps
from simulator.costs import Costs
from simulator.host.processor import Processor
from tests.bench.recorded_runs import RUNS, Phase, Run, Work


class Played(NamedTuple):
    """A phase of a run as it was recorded and as it is played."""

    node: str
    name: str
    recorded: float
    played: float

    @property
    def ratio(self) -> float:
        """Played over recorded."""
        return self.played / self.recorded


class Replay:
    """One run on two processors."""

    def __init__(self, run: Run, costs: Costs) -> None:
        self.run, self.costs = run, costs
        self.clock = Clock(0.0)
        self.gives, self.takes = Processor(self.clock), Processor(self.clock)
        self.found: list[Played] = []

    def play(self) -> list[Played]:
        """Every phase, in order, of the node that gives away and of the one that takes over."""
        for work in self.run.leads:
            self.clock.start(self._does(work, self.gives, self.takes))
        both = [
            self.clock.start(self._phases("gives", self.run.gives, self.gives, self.takes)),
            self.clock.start(self._phases("takes", self.run.takes, self.takes, self.gives)),
        ]
        for each in both:
            self.clock.wait(each)
        return self.found

    def _phases(self, node: str, phases: tuple[Phase, ...], here: Processor, there: Processor) -> Steps[None]:
        yield self.run.later if node == "gives" else 0.0
        for phase in phases:
            began = self.clock.now
            for work in phase.beside:
                self.clock.start(self._does(work, here, there))
            yield from self._does(phase.work, here, there)
            self.found.append(Played(node, phase.name, phase.recorded, self.clock.now - began))

    def _does(self, work: Work, here: Processor, there: Processor) -> Steps[None]:
        costs = self.costs
        for _ in range(work.hooks):
            yield here.use(costs.python_hook)
        for _ in range(work.workers):
            yield here.use(costs.python_worker)
        for _ in range(work.commands):
            yield here.use(costs.process)
        for name in work.costs:
            yield here.use(float(getattr(costs, name)))
        for _ in range(work.asks):
            yield here.use(costs.process)
            yield here.use(costs.ssh_multiplexed if self.run.control_connection else costs.ssh_client)
            if not self.run.control_connection:
                yield there.use(costs.ssh_server)
            yield there.use(costs.python_hook)
        yield work.waits


def main() -> None:
    """Print every phase."""
    for run in RUNS:
        print(f"{run.name} (client's gap {run.gap:.1f} s)")
        for each in Replay(run, Costs()).play():
            print(f"  {each.node:<6} {each.name:<20} {each.recorded:>7.2f} s {each.played:>7.2f} s {each.ratio:>6.2f}")


if __name__ == "__main__":
    main()
