"""The benchmark's own claims, on a few failovers."""

from __future__ import annotations

from tests.bench.failovers import failover


def test_a_planned_move_loses_nothing_and_a_power_cut_only_what_ufs_had_not_written() -> None:
    results = [failover(seed) for seed in range(20)]
    assert {kind for kind, *_ in results} == {"planned move", "power cut"}
    assert all(missing == 0 for kind, _, missing, _ in results if kind == "planned move")
    assert any(missing > 0 for kind, _, missing, _ in results if kind == "power cut")


def test_a_failover_is_the_same_again_with_the_same_seed() -> None:
    assert failover(7) == failover(7)
