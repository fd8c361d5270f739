"""The simulated engine counts as Nagios does, and what it asks for is done by the node."""

from __future__ import annotations

import pytest

from remediate.rehearsal.engine import Service
from remediate.rehearsal.story import JournalAction, NodeReaction
from tests.rehearsal.play import played

LETTERS = {"O": "OK", "W": "WARNING", "C": "CRITICAL", "U": "UNKNOWN"}


@pytest.mark.parametrize(("results", "seen"), [
    ("C O", "CRITICAL SOFT 1, OK HARD 1"),
    ("C W C C O", "CRITICAL SOFT 1, WARNING SOFT 2, CRITICAL HARD 3, CRITICAL HARD 3, OK HARD 1"),
    ("C C C W C", "CRITICAL SOFT 1, CRITICAL SOFT 2, CRITICAL HARD 3, WARNING HARD 3, CRITICAL HARD 3"),
    ("U C", "UNKNOWN SOFT 1, CRITICAL SOFT 2"),
])  # fmt: skip
def test_a_service_becomes_hard_with_the_third_look_that_finds_something(results: str, seen: str) -> None:
    service, changes = Service(), []
    for letter in results.split():
        service = service.seen(LETTERS[letter])
        changes.append(f"{service.state} {'HARD' if service.hard else 'SOFT'} {service.attempt}")
    assert ", ".join(changes) == seen


@pytest.mark.slow
def test_a_missed_failover_is_found_on_the_first_look_and_repaired_on_the_second() -> None:
    entries = played("missed-event-repaired").entries
    asked = [f"{entry.node} {entry.text}" for entry in entries if isinstance(entry, NodeReaction)]
    assert "nfs002 monitoring: check_devd CRITICAL SOFT 2, asks for repair devd" in asked
    assert not any("SOFT 1" in text for text in asked)
    done = [
        entry.text for entry in entries if isinstance(entry, JournalAction) and entry.text.startswith("repair devd")
    ]
    assert done == ["repair devd: devd does not run - begins", "repair devd: helped"]
