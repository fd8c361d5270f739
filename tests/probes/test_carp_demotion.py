"""What a node recorded of its share in CARP's demotion, and what of it counts."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checks.probes.boot_time import same_boot
from checks.probes.carp_demotion import DemotionCause, DemotionReason, DemotionRecord, parse, share, to_values
from checks.probes.errors import NotUnderstood
from remediate.failover import demotion_reasons

BOOT, ANOTHER = "9f86d081884c7d659a2feaa0c55ad015", "2c26b46b68ffc68ff99b453c1d304134"
KEPT: dict[str, object] = {
    "version": 2,
    "reasons": [{"why": "no failback", "about": ""}],
    "amount": 120,
    "target": 120,
    "before": 0,
    "boot": BOOT,
    "since": "2026-11-22T08:46:35Z",
}
HELD = DemotionRecord((DemotionReason(DemotionCause.NO_FAILBACK),), 120, 120, 0, BOOT, "2026-11-22T08:46:35Z")


def test_the_record_is_read_as_it_was_written() -> None:
    assert parse(json.dumps(KEPT)) == HELD
    assert parse(json.dumps(to_values(HELD))) == HELD


def test_a_record_of_an_earlier_release_has_the_same_reasons() -> None:
    before = json.dumps({**KEPT, "version": 1, "reasons": ["no failback", "home: stale"]})
    assert parse(before).reasons == (
        DemotionReason(DemotionCause.NO_FAILBACK),
        DemotionReason(DemotionCause.STALE, "home"),
    )


@pytest.mark.parametrize("reason", ["no failback", {"why": "of a later release", "about": ""}, {"about": ""}, None])
def test_a_reason_that_is_not_known_makes_the_record_unreadable(reason: object) -> None:
    with pytest.raises(NotUnderstood):
        parse(json.dumps({**KEPT, "reasons": [reason]}))


@pytest.mark.parametrize("change", [{"version": 3}, {"reasons": "boot"}, {"amount": "many"}, {"before": None}])
def test_what_is_not_as_documented_is_not_understood(change: dict[str, object]) -> None:
    with pytest.raises(NotUnderstood):
        parse(json.dumps({**KEPT, **change}))


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", "null", *(
    json.dumps({key: value for key, value in KEPT.items() if key != name}) for name in KEPT
)])  # fmt: skip
def test_what_is_no_record_is_not_understood(text: str) -> None:
    with pytest.raises(NotUnderstood):
        parse(text)


def test_a_share_is_there_in_its_own_boot_only() -> None:
    assert share(HELD, BOOT, 120) == HELD
    assert share(HELD, ANOTHER, 120) == DemotionRecord(boot=ANOTHER)
    assert share(HELD, "", 120).amount == 0


def test_a_share_that_the_counter_does_not_hold_is_not_there() -> None:
    assert share(HELD, BOOT, 360) == HELD
    assert share(HELD, BOOT, 119) == DemotionRecord(boot=BOOT)


@pytest.mark.parametrize(
    ("demotion", "amount"),
    [
        (240, 0),  # killed before the counter was changed
        (480, 240),  # killed afterwards
        (300, 0),  # others have changed it meanwhile
    ],
)
def test_after_a_crash_on_the_way_the_counter_tells_how_far_it_came(demotion: int, amount: int) -> None:
    way = DemotionRecord((DemotionReason(DemotionCause.BOOT),), amount=0, target=240, before=240, boot=BOOT)
    assert share(way, BOOT, demotion).amount == amount


@given(*[st.integers(-240, 720)] * 4)
@settings(deadline=None)
def test_never_more_is_taken_for_ours_than_the_counter_holds(
    amount: int, target: int, before: int, demotion: int
) -> None:
    record = share(DemotionRecord((DemotionReason(DemotionCause.BOOT),), amount, target, before, BOOT), BOOT, demotion)
    assert record.amount in (0, amount, target) and record.amount <= max(demotion, 0)


@pytest.mark.parametrize(
    ("reasons", "mild"),
    [
        ((), False),
        ((DemotionReason(DemotionCause.NO_FAILBACK),), True),
        (
            (DemotionReason(DemotionCause.NOT_CONNECTED, "home"), DemotionReason(DemotionCause.NOT_CONNECTED, "mail")),
            True,
        ),
        ((DemotionReason(DemotionCause.NOT_CONNECTED, "home"), DemotionReason(DemotionCause.DOWN, "mail")), False),
        ((DemotionReason(DemotionCause.MAINTENANCE),), False),
        ((DemotionReason(DemotionCause.BOOT),), False),
    ],
)
def test_a_reason_is_mild_where_the_standby_could_serve_if_it_had_to(
    reasons: tuple[DemotionReason, ...], mild: bool
) -> None:
    assert DemotionRecord(reasons).is_mild is mild
    if reasons:
        assert (demotion_reasons.amount(set(reasons), 240, ()) == 120) is mild


@pytest.mark.parametrize(("one", "other", "same"), [(BOOT, BOOT, True), (BOOT, ANOTHER, False), ("", "", False)])
def test_a_boot_that_is_not_known_is_the_same_as_no_other(one: str, other: str, same: bool) -> None:
    assert same_boot(one, other) is same_boot(other, one) is same
