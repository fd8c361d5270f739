"""Where the time goes between a fault and OK: what an engine's service and a node's journal have said, as a table."""

from __future__ import annotations

import json
import time
from datetime import datetime
from pathlib import Path

from remediate.state.journal import NAME

PHASES = ("SOFT", "HARD", "begins", "helped", "OK")
"""In the order in which they come, where they come: a repair that helps in time leaves no HARD."""


class Phases:
    """The phases of one scenario, in seconds since its fault."""

    def __init__(self, scenario: str) -> None:
        self.scenario = scenario
        self.fault = time.time()
        self.at: dict[str, float] = {}

    def saw(self, state: str, hard: bool) -> None:
        """What the engine says of the service now."""
        bad = state != "OK"
        if bad and not hard:
            self._first("SOFT", time.time())
        elif bad:
            self._first("HARD", time.time())
        elif self.at:
            self._first("OK", time.time())

    def read(self, journal: list[dict[str, str]]) -> None:
        """What the node's journal says of repairs since the fault."""
        for entry in journal:
            at = datetime.fromisoformat(entry["time"]).timestamp()
            if entry["event"] == "repair" and entry["result"] in PHASES and at >= self.fault:
                self._first(entry["result"], at)

    def _first(self, phase: str, at: float) -> None:
        self.at.setdefault(phase, at - self.fault)

    def __str__(self) -> str:
        columns = (f"{self.at[phase]:7.1f}" if phase in self.at else "      -" for phase in PHASES)
        return f"{self.scenario:<44}{''.join(columns)}"


def heading(engine: str) -> str:
    """The first line of the table."""
    return f"{engine + ': seconds after the fault':<44}{''.join(f'{phase:>7}' for phase in PHASES)}"


def journal(state: Path) -> list[dict[str, str]]:
    """The entries of a node's journal, from its state directory."""
    path = state / NAME
    lines = path.read_text().splitlines() if path.exists() else []
    return [json.loads(line) for line in lines]
