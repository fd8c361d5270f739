"""No fault of the registry is forgotten by the tests that go through all of them."""

from __future__ import annotations

from simulator.faults.faults import FAULTS
from tests.failover.every_fault import CASES


def test_every_fault_of_the_registry_has_a_line_in_which_it_happens() -> None:
    assert list(FAULTS.keys() - CASES.keys()) == [] and list(CASES.keys() - FAULTS.keys()) == []
    for name, lines in CASES.items():
        assert lines and all(name in [fault.split()[0] for fault in line.split("; ")] for line in lines)
