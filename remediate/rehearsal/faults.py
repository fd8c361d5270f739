"""The default run: the same fault by hand, as documented, and with hastwatch, told in one row of a table for each.

Only the scenarios are named here; everything in a row is measured while they are played.
"""

from __future__ import annotations

from typing import NamedTuple

from remediate.rehearsal.scenario import Scenario
from remediate.rehearsal.scenarios import SCENARIOS

BY_HAND, WITH_HASTWATCH = "by hand", "with hastwatch"


class Fault(NamedTuple):
    """A fault, and the two scenarios that show what it costs."""

    name: str
    by_hand: Scenario
    with_hastwatch: Scenario

    @property
    def scenarios(self) -> tuple[Scenario, Scenario]:
        """In the order of the table's columns."""
        return self.by_hand, self.with_hastwatch


def _fault(name: str, by_hand: str, with_hastwatch: str) -> Fault:
    known = {scenario.name: scenario for scenario in SCENARIOS}
    return Fault(name, known[by_hand], known[with_hastwatch])


FAULTS = (
    _fault("planned handover", "switchover-by-hook", "switchover"),
    _fault("power cut", "power-loss-by-hook", "power-loss-automatic"),
    _fault("reboot", "reboot-by-hook", "reboot"),
    _fault("split-brain", "split-brain-by-hook", "split-brain-recovered"),
    _fault("missed event", "devd-dies", "missed-event-recommended"),
)
"""In the order of the table."""


def side(scenario: Scenario) -> str:
    """The fault and the column of a scenario, `power cut, by hand`; empty where the default run does not play it."""
    for fault in FAULTS:
        for column, each in zip((BY_HAND, WITH_HASTWATCH), fault.scenarios, strict=True):
            if each is scenario:
                return f"{fault.name}, {column}"
    return ""
