"""How fast a synchronisation goes, and what of it stands on the page."""

from __future__ import annotations

from remediate.failover.pair_status import PairStatus
from remediate.failover.status_rules import verdict
from remediate.failover.sync_progress import SyncProgress, progress, to_copy
from remediate.subcommands.status_page import page, wrong
from tests.failover.test_status_rules import ACTIVE, here, there

MIB = 1 << 20


def copying(dirty: int, now: float) -> PairStatus:
    return PairStatus((here(ACTIVE._replace(dirty=dirty, size=1000 * MIB)), there()), now)


def test_two_looks_give_the_rate_and_the_time_left() -> None:
    known = progress(copying(200 * MIB, 0.0), copying(100 * MIB, 10.0))
    assert known == {"home": SyncProgress(10.0 * MIB, 10.0)}
    pair = copying(100 * MIB, 10.0)
    assert "90.0 %, 10 MiB/s, 10 s left" in " ".join(page(pair, verdict(pair), 120, False, progress=known))


def test_where_it_does_not_get_less_no_time_is_left() -> None:
    assert progress(copying(100 * MIB, 0.0), copying(100 * MIB, 10.0))["home"].left is None


def test_one_look_shows_no_rate_and_neither_do_two_at_once() -> None:
    pair = copying(100 * MIB, 10.0)
    assert progress(pair, pair) == {}
    assert "90.0 %, rate and time left not known yet" in " ".join(page(pair, verdict(pair), 120, False))


def test_what_is_not_synchronised_has_no_progress() -> None:
    still = PairStatus((here(), there()), 0.0)
    assert to_copy(still) == {} and progress(still, copying(MIB, 10.0)) == {}


def test_only_what_is_wrong_is_nothing_where_all_is_well() -> None:
    well = PairStatus((here(), there()), 60.0)
    assert wrong(well, verdict(well), 80, coloured=False) == []
    down = PairStatus((here(), there(blocked="2 promotions failed")), 60.0)
    assert len(wrong(down, verdict(down), 200, coloured=False)) == 1
