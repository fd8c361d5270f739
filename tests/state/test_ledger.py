"""What is known of a copy: the table row by row, and that the order of hastd's events is no information."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.probes.damage_record import Damage, RecreationStage
from remediate.state import ledger as ledgers
from remediate.state.damage import FILLED_AFTER
from remediate.state.events import BackupPeriod
from remediate.state.ledger import NOTHING, SHUFFLE, TABLE, CopyState, Ledger, LedgerEvent, after, stale
from remediate.state.store import StateNotKept, Store
from remediate.state.wall_clock import WallClock

T = 1795337195.25  # 2026-11-22T08:46:35.25Z
COMPLETE = Ledger(CopyState.COMPLETE, T - 1000, "it was", "nfs001", last_complete=T - 500)
INCOMPLETE = COMPLETE._replace(copy=CopyState.INCOMPLETE)
UNKNOWN = COMPLETE._replace(copy=CopyState.UNKNOWN)
PRIMARY = COMPLETE._replace(role="primary")
FOLLOWING = COMPLETE._replace(role="secondary", connected_at=T - 900)
ALONE = COMPLETE._replace(role="secondary", disconnected_at=T - 300)

TIME = st.integers(0, 4 * 10**9).map(float)
DAMAGE = st.builds(Damage, at=TIME, says=st.text(), anew=st.sampled_from(RecreationStage), anew_at=TIME)


def with_damage(ledger: Ledger, damage: Damage | None) -> Ledger:
    """As it is kept: a damaged copy is incomplete."""
    if damage is None:
        return ledger
    return ledger._replace(damage=damage, copy=CopyState.INCOMPLETE, since=damage.at, why=damage.sentence)


LEDGERS = st.builds(
    Ledger,
    copy=st.sampled_from(CopyState),
    since=TIME,
    why=st.text(),
    by=st.text(),
    last_complete=st.none() | TIME,
    disconnected_at=st.none() | TIME,
    connected_at=st.none() | TIME,
    role=st.sampled_from(["", "primary", "secondary", "init"]),
    parted_at=st.none() | TIME,
    unheard_since=st.none() | TIME,
    damage=st.none(),
    sound_since=st.none() | TIME,
    clock=st.none() | st.floats(-1e10, 1e10),
    steady_since=st.none() | TIME,
    written_at=st.none() | TIME,
    lost_since=st.none() | TIME,
    worker=st.none() | st.integers(2, 99_999),
    watched=st.booleans(),
)
LEDGER = st.builds(with_damage, LEDGERS, st.none() | DAMAGE)


def heard(ledger: Ledger, *events: LedgerEvent, at: float = T) -> Ledger:
    for event in events:
        ledger = after(ledger, event, at, "nfs001")
    return ledger


def test_every_event_has_one_row_with_its_reason() -> None:
    assert [row.event for row in TABLE] == list(LedgerEvent)
    assert all(row.because for row in TABLE)
    assert all((row.copy is None) == (row.why == "") for row in TABLE)


@pytest.mark.parametrize("event", [row.event for row in TABLE if row.copy is None])
@pytest.mark.parametrize("ledger", [COMPLETE, INCOMPLETE, UNKNOWN, PRIMARY, FOLLOWING, ALONE])
def test_these_events_say_nothing_of_the_copy(event: LedgerEvent, ledger: Ledger) -> None:
    own = heard(ledger, event)
    if (event, ledger) != (LedgerEvent.CONNECT, ALONE):
        assert own[:5] == ledger[:5]
    else:
        assert (own.copy, own.last_complete) == (CopyState.UNKNOWN, ledger.last_complete), "a synchronisation may run"


def test_a_copy_proven_complete_after_its_primary_was_lost_stays_complete_when_one_connects() -> None:
    ledger = ALONE._replace(last_complete=(ALONE.disconnected_at or 0.0) + 1)
    assert heard(ledger, LedgerEvent.CONNECT).copy is CopyState.COMPLETE


@pytest.mark.parametrize(
    ("event", "why"),
    [
        (LedgerEvent.SYNCDONE, "a synchronisation of nfs001 was completed"),
        (LedgerEvent.TOLD_COMPLETE, "nfs001 reported that this copy is complete"),
        (LedgerEvent.LOSS_ACCEPTED, "the loss of what this copy lacks was accepted on nfs001"),
    ],
)
@pytest.mark.parametrize("ledger", [INCOMPLETE, UNKNOWN, NOTHING])
def test_these_events_make_a_copy_complete(event: LedgerEvent, why: str, ledger: Ledger) -> None:
    own = heard(ledger, event)
    assert own[:5] == (CopyState.COMPLETE, T, why, "nfs001", T)


@pytest.mark.parametrize("ledger", [COMPLETE, UNKNOWN, NOTHING, PRIMARY])
def test_what_the_other_node_tells_wins(ledger: Ledger) -> None:
    own = heard(ledger, LedgerEvent.TOLD_INCOMPLETE)
    assert own[:4] == (CopyState.INCOMPLETE, T, "nfs001 reported that this copy is behind", "nfs001")
    assert heard(own, LedgerEvent.TOLD_COMPLETE).copy is CopyState.COMPLETE


@pytest.mark.parametrize("ledger", [COMPLETE, UNKNOWN, NOTHING])
def test_a_copy_that_both_disks_showed_to_lack_writes_is_incomplete_also_after_a_boot_until_it_is_filled(
    ledger: Ledger,
) -> None:
    own = heard(ledger, LedgerEvent.COMPARED_BEHIND)
    assert own[:3] == (CopyState.INCOMPLETE, T, "the counters on both disks showed that this copy lacks writes")
    assert heard(own, LedgerEvent.STARTED, LedgerEvent.CONNECT, LedgerEvent.COMPARED).copy is CopyState.INCOMPLETE
    assert heard(own, LedgerEvent.STARTED, LedgerEvent.TOLD_COMPLETE).copy is CopyState.COMPLETE


def test_a_copy_told_to_be_behind_was_complete_until_its_connection_was_lost() -> None:
    assert heard(FOLLOWING, LedgerEvent.TOLD_INCOMPLETE).last_complete == T
    assert heard(ALONE, LedgerEvent.TOLD_INCOMPLETE).last_complete == T - 300
    assert heard(UNKNOWN, LedgerEvent.TOLD_INCOMPLETE).last_complete == T - 500
    assert heard(NOTHING, LedgerEvent.TOLD_INCOMPLETE).last_complete is None


def test_a_started_hastd_does_not_know_what_was_written_meanwhile() -> None:
    ledger = heard(FOLLOWING, LedgerEvent.STARTED)
    assert ledger.copy is CopyState.UNKNOWN
    assert ledger.why == "hastd of nfs001 was started, and what was written meanwhile is not known"
    assert (ledger.last_complete, ledger.disconnected_at) == (T - 500, T)
    assert heard(INCOMPLETE, LedgerEvent.STARTED).copy is CopyState.INCOMPLETE


@pytest.mark.parametrize(
    ("ledger", "event", "disconnected_at"),
    [
        (ALONE, LedgerEvent.CONNECT, None),
        (ALONE, LedgerEvent.LOOKED_CONNECTED, None),
        (FOLLOWING, LedgerEvent.DISCONNECT, T),
        (FOLLOWING, LedgerEvent.LOOKED_DISCONNECTED, T),
        (FOLLOWING, LedgerEvent.LOOKED_APART, T),
        (FOLLOWING, LedgerEvent.ROLE_INIT, T),
        (FOLLOWING, LedgerEvent.STARTED, T),
        (ALONE, LedgerEvent.DISCONNECT, T - 300),
        (ALONE, LedgerEvent.LOOKED_DISCONNECTED, T - 300),
        (ALONE, LedgerEvent.LOOKED_APART, T - 300),
        (ALONE, LedgerEvent.ROLE_INIT, T - 300),
        (ALONE, LedgerEvent.ROLE_SECONDARY, T - 300),
        (FOLLOWING, LedgerEvent.ROLE_SECONDARY, None),
        (PRIMARY, LedgerEvent.ROLE_SECONDARY, T),
        (PRIMARY, LedgerEvent.ROLE_INIT, T),
        (PRIMARY, LedgerEvent.CONNECT, None),
        (PRIMARY, LedgerEvent.DISCONNECT, None),
        (PRIMARY, LedgerEvent.LOOKED_DISCONNECTED, None),
        (ALONE, LedgerEvent.ROLE_PRIMARY, None),
        (NOTHING, LedgerEvent.DISCONNECT, T),
        (ALONE, LedgerEvent.SYNCSTART, T - 300),
        (ALONE, LedgerEvent.SYNCDONE, T - 300),
        (ALONE, LedgerEvent.SYNCINTR, T - 300),
        (ALONE, LedgerEvent.TOLD_COMPLETE, T - 300),
        (ALONE, LedgerEvent.TOLD_INCOMPLETE, T - 300),
        (ALONE, LedgerEvent.LOSS_ACCEPTED, T - 300),
    ],
)
def test_since_when_a_node_has_no_primary(ledger: Ledger, event: LedgerEvent, disconnected_at: float | None) -> None:
    assert heard(ledger, event).disconnected_at == disconnected_at


@pytest.mark.parametrize("gap", [0.0, 0.3, 5.0])
def test_of_a_connection_lost_and_found_the_later_one_counts_in_any_order_of_arrival(gap: float) -> None:
    lost, regained = (LedgerEvent.DISCONNECT, T), (LedgerEvent.CONNECT, T + gap)
    for order in permutations([lost, regained]):
        ledger = FOLLOWING
        for event, at in order:
            ledger = after(ledger, event, at, "nfs002")
        assert ledger.disconnected_at is None, order
    for order in permutations([(LedgerEvent.CONNECT, T), (LedgerEvent.DISCONNECT, T + 1)]):
        ledger = FOLLOWING
        for event, at in order:
            ledger = after(ledger, event, at, "nfs002")
        assert ledger.disconnected_at == T + 1, order


def test_a_new_secondary_whose_primary_was_heard_of_first_has_one() -> None:
    connected = heard(COMPLETE._replace(role="init"), LedgerEvent.CONNECT)
    assert heard(connected, LedgerEvent.ROLE_SECONDARY, at=T + SHUFFLE / 2).disconnected_at is None
    assert heard(connected, LedgerEvent.ROLE_SECONDARY, at=T + SHUFFLE * 2).disconnected_at == T + SHUFFLE * 2


@pytest.mark.parametrize("start", [COMPLETE, INCOMPLETE, UNKNOWN, NOTHING])
@pytest.mark.parametrize(
    "order", list(permutations([LedgerEvent.CONNECT, LedgerEvent.SYNCSTART, LedgerEvent.SYNCDONE]))
)
def test_a_primary_that_has_synchronised_is_complete_in_every_order(
    start: Ledger, order: tuple[LedgerEvent, ...]
) -> None:
    ledger = heard(start._replace(role="primary"), *order)
    assert (ledger.copy, ledger.disconnected_at) == (CopyState.COMPLETE, None)


@given(LEDGER, st.sampled_from(LedgerEvent), TIME)
def test_an_event_twice_is_as_once(ledger: Ledger, event: LedgerEvent, at: float) -> None:
    once = after(ledger, event, at, "nfs001")
    assert after(once, event, at, "nfs001") == once


@pytest.mark.slow
@given(LEDGER, st.lists(st.tuples(st.sampled_from(LedgerEvent), TIME)))
def test_nothing_but_a_proof_or_a_human_makes_a_copy_complete(
    ledger: Ledger, story: list[tuple[LedgerEvent, float]]
) -> None:
    proofs = {LedgerEvent.SYNCDONE, LedgerEvent.TOLD_COMPLETE, LedgerEvent.LOSS_ACCEPTED}
    for event, at in story:
        before, ledger = ledger, after(ledger, event, at, "nfs001")
        assert before.copy is CopyState.COMPLETE or ledger.copy is not CopyState.COMPLETE or event in proofs
        assert ledger.role != "primary" or ledger.disconnected_at is None or before.disconnected_at is not None


@pytest.mark.slow
@given(
    LEDGER,
    st.permutations(
        [LedgerEvent.CONNECT, LedgerEvent.SYNCSTART, LedgerEvent.SYNCDONE, LedgerEvent.SYNCINTR, LedgerEvent.DISCONNECT]
    ),
)
def test_on_a_primary_no_order_of_hastds_events_matters(ledger: Ledger, order: list[LedgerEvent]) -> None:
    start = ledger._replace(role="primary")
    one, other = heard(start, *order), heard(start, *sorted(order, key=lambda event: event.value))
    assert one._replace(parted_at=None) == other._replace(parted_at=None)


def test_the_copies_have_been_apart_since_the_connection_was_lost_first() -> None:
    apart = heard(heard(PRIMARY, LedgerEvent.DISCONNECT), LedgerEvent.DISCONNECT, at=T + 10)
    assert apart.parted_at == T
    assert heard(apart, LedgerEvent.ROLE_INIT, at=T + 20).parted_at == T
    assert heard(apart, LedgerEvent.SYNCDONE, at=T + 30).parted_at is None
    assert heard(heard(FOLLOWING, LedgerEvent.DISCONNECT), LedgerEvent.CONNECT, at=T + 5).parted_at is None


def test_a_node_that_was_off_does_not_know_since_when_the_copies_are_apart() -> None:
    assert heard(heard(PRIMARY, LedgerEvent.DISCONNECT), LedgerEvent.STARTED, at=T + 60).parted_at is None


def test_a_copy_known_to_be_behind_is_stale_whenever() -> None:
    behind = heard(FOLLOWING, LedgerEvent.TOLD_INCOMPLETE)
    assert stale(behind, None, 10) == "nfs001 reported that this copy is behind (since 2026-11-22T08:46:35Z)"


def test_a_copy_is_stale_when_the_other_node_stayed_master_without_it() -> None:
    lost = heard(FOLLOWING, LedgerEvent.DISCONNECT)
    assert stale(lost, BackupPeriod(T - 60, T + 3, 0), 10) == ""
    assert stale(lost, BackupPeriod(T - 60, T + 10, 0), 10) == ""
    assert stale(lost, BackupPeriod(T - 60, T + 61, 0), 10) == (
        "the other node stayed MASTER for 61 s after the connection was lost, and may have written alone"
    )
    assert stale(lost, None, 10) == ""
    assert stale(lost._replace(copy=CopyState.UNKNOWN), BackupPeriod(T - 60, T + 61, 0), 10) != ""


def test_a_copy_that_follows_or_of_which_nothing_is_known_is_not_known_to_be_stale() -> None:
    for ledger in (FOLLOWING, PRIMARY, NOTHING, UNKNOWN):
        assert stale(ledger, BackupPeriod(T - 60, T, 0), 0) == ""


def test_a_proof_after_the_connection_was_lost_counts_from_its_time_on() -> None:
    proven = heard(heard(FOLLOWING, LedgerEvent.DISCONNECT), LedgerEvent.TOLD_COMPLETE, at=T + 60)
    assert stale(proven, BackupPeriod(T - 60, T + 65, 0), 10) == ""
    assert stale(proven, BackupPeriod(T - 60, T + 75, 0), 10) != ""


def test_a_node_that_gave_the_role_away_over_a_cut_link_and_stayed_behind_is_stale() -> None:
    """The other node served alone for an hour, then died; nobody told this one anything."""
    ledger = heard(PRIMARY, LedgerEvent.ROLE_SECONDARY)
    assert stale(ledger, BackupPeriod(T - 60, T + 3600, 0), 10) != ""


def test_a_node_that_heard_no_master_does_not_know_that_the_other_one_wrote_alone() -> None:
    lost = heard(FOLLOWING, LedgerEvent.DISCONNECT)
    assert stale(lost, None, 10) == ""
    while_nobody_was_there = BackupPeriod(T + 3597, T + 3600, 0)  # BACKUP for as long as it takes to find that out
    assert stale(lost, while_nobody_was_there, 10) == ""


def test_a_promotion_that_was_undone_does_not_make_a_stale_copy_fresh() -> None:
    ledger = heard(heard(ALONE, LedgerEvent.ROLE_PRIMARY), LedgerEvent.ROLE_SECONDARY, at=T + 5)
    assert stale(ledger, BackupPeriod(T - 60, T + 3600, 0), 10) != ""


def fails(ledger: Ledger, at: float = T, says: str = "write 1") -> Ledger:
    return after(ledger, LedgerEvent.WRITE_FAILED, at, "nfs002", says)


@pytest.mark.slow
@given(LEDGER, st.lists(st.tuples(st.sampled_from(LedgerEvent), TIME)))
def test_a_damaged_copy_is_incomplete_whatever_happens_until_it_is_sound(
    ledger: Ledger, story: list[tuple[LedgerEvent, float]]
) -> None:
    for event, at in story:
        ledger = after(ledger, event, at, "nfs001", "write 1")
        assert ledger.damage is None or (ledger.copy is CopyState.INCOMPLETE and "write" in ledger.why)


def test_only_a_created_then_filled_then_complete_copy_is_sound_again() -> None:
    last, late = LedgerEvent.TOLD_COMPLETE, T + 2 * FILLED_AFTER
    created = heard(fails(FOLLOWING), LedgerEvent.CREATED, at=T + 1)
    filled = heard(created, LedgerEvent.FILLS, at=T + 2)
    sound = heard(filled, last, at=late)
    assert (sound.damage, sound.copy, sound.sound_since) == (None, CopyState.COMPLETE, late)
    assert heard(filled, last, at=T + 3).damage is not None  # it may be of the connection before
    assert heard(created, last, at=late).damage is not None
    assert heard(fails(FOLLOWING), LedgerEvent.FILLS, last, at=late).damage is not None
    assert heard(fails(filled, T + 3), last, at=late).damage is not None
    filled = heard(fails(FOLLOWING), LedgerEvent.CREATED, LedgerEvent.FILLS)
    assert heard(filled, LedgerEvent.SYNCDONE, at=late).damage is not None


def test_a_human_ends_a_damage_by_his_word() -> None:
    for event, copy in ((LedgerEvent.LOSS_ACCEPTED, CopyState.COMPLETE), (LedgerEvent.TOLD_SOUND, CopyState.UNKNOWN)):
        after_it = heard(fails(FOLLOWING), event, at=T + 9)
        assert (after_it.damage, after_it.copy, after_it.sound_since) == (None, copy, T + 9)


def test_the_first_failure_of_a_copy_is_the_one_that_counts_and_the_latest_is_told() -> None:
    twice = fails(fails(FOLLOWING), T + 60, "write 2")
    assert twice.damage == Damage(T, "write 2") and twice.since == T


@pytest.mark.slow
@given(LEDGER)
def test_a_ledger_survives_its_file(ledger: Ledger) -> None:
    assert ledgers.from_values(ledgers.as_values(ledger), "home") == ledger


def test_what_was_recorded_is_read_and_the_change_is_told(store: Store) -> None:
    assert ledgers.read(store, "home") == NOTHING
    assert ledgers.record(store, "home", LedgerEvent.CONNECT, T, "nfs002")[0] == NOTHING
    before, now = ledgers.record(store, "home", LedgerEvent.TOLD_INCOMPLETE, T + 1, "nfs001")
    assert (before.copy, now.copy) == (CopyState.UNKNOWN, CopyState.INCOMPLETE)
    assert ledgers.read(store, "home") == now
    assert ledgers.read(store, "mail") == NOTHING
    assert store.names() == ["home.ledger.json"]


@pytest.mark.parametrize("text", ["", "{}", "[", '{"version": 1}', '{"version": 2, "copy": "complete"}'])
def test_a_ledger_that_cannot_be_read_is_that_of_an_incomplete_copy_until_something_proves_it_complete(
    store: Store, text: str
) -> None:
    store.ready()
    Path(store.directory, "home.ledger.json").write_text(text)
    ledger = ledgers.read(store, "home")
    assert ledger.copy is CopyState.INCOMPLETE
    assert stale(ledger, None, 30).startswith("whether this copy is complete is unknown: home.ledger.json ")
    for event in (LedgerEvent.CONNECT, LedgerEvent.STARTED, LedgerEvent.ROLE_PRIMARY):
        assert ledgers.record(store, "home", event, T, "nfs001")[1].copy is CopyState.INCOMPLETE
    Path(store.directory, "home.ledger.json").write_text(text)
    before, now = ledgers.record(store, "home", LedgerEvent.TOLD_COMPLETE, T, "nfs001")
    assert (before, now.copy) == (ledger, CopyState.COMPLETE)
    assert ledgers.read(store, "home") == now


def test_a_ledger_that_cannot_be_kept_is_an_error(store: Store) -> None:
    store.ready()
    Path(store.directory, ".home.ledger.json.lock").mkdir()
    with pytest.raises(StateNotKept):
        ledgers.record(store, "home", LedgerEvent.CONNECT, T, "nfs002")


# --- another boot ----------------------------------------------------------------------------------------------

BEFORE, NOW = "1" * 32, "2" * 32


@pytest.mark.parametrize("boot", [NOW, ""], ids=["another boot", "which one is not known"])
@pytest.mark.parametrize("written", [BEFORE, ""], ids=["of a boot", "of none that is known"])
def test_a_copy_that_was_complete_before_a_boot_is_not_known_to_be_so_after_it(boot: str, written: str) -> None:
    ledger = ledgers.in_boot(FOLLOWING._replace(boot=written), boot)
    assert (ledger.copy, ledger.why, ledger.last_complete) == (CopyState.UNKNOWN, ledgers.BOOTED, T - 500)
    assert ledgers.in_boot(INCOMPLETE._replace(boot=written), boot).copy is CopyState.INCOMPLETE


@pytest.mark.slow
@given(LEDGER, st.sampled_from([BEFORE, ""]))
def test_after_a_boot_a_ledger_is_as_after_the_note_that_hastd_was_started(ledger: Ledger, written: str) -> None:
    own = ledgers.in_boot(ledger._replace(boot=written), NOW)
    noted = heard(ledger, LedgerEvent.STARTED)
    assert (own.copy, own.connected_at, own.last_complete) == (
        noted.copy,
        noted.connected_at,
        noted.last_complete,
    )
    assert own.role != "primary" and ledgers.in_boot(own, NOW) == own


@pytest.mark.slow
@given(LEDGER)
def test_within_a_boot_a_ledger_is_what_was_written(ledger: Ledger) -> None:
    of_now = ledger._replace(boot=NOW)
    assert ledgers.in_boot(of_now, NOW) == of_now == ledgers.from_values(ledgers.as_values(of_now), "home")


def test_what_is_heard_first_in_a_boot_makes_nothing_of_before_complete_again(store: Store) -> None:
    ledgers.record(store, "home", LedgerEvent.TOLD_COMPLETE, T, "nfs001", BEFORE)
    before, now = ledgers.record(store, "home", LedgerEvent.LOOKED_CONNECTED, T + 60, "nfs002", NOW)
    assert before.copy is now.copy is ledgers.read(store, "home").copy is CopyState.UNKNOWN
    assert ledgers.record(store, "home", LedgerEvent.TOLD_COMPLETE, T + 61, "nfs001", NOW)[1].copy is CopyState.COMPLETE


@pytest.mark.parametrize("text", ["{", '{"version": 2, "copy": "complete"}\n', ""])
def test_a_damaged_ledger_is_kept_aside_when_it_is_written_anew(tmp_path: Path, text: str) -> None:
    store = Store(str(tmp_path / "state"))
    ledgers.record(store, "home", LedgerEvent.ROLE_SECONDARY, 1000.0, "nfs001")
    (tmp_path / "state" / "home.ledger.json").write_text(text)
    ledgers.record(store, "home", LedgerEvent.ROLE_SECONDARY, 1001.0, "nfs001")
    assert (tmp_path / "state" / "home.ledger.json.damaged").read_text() == text
    assert ledgers.read(store, "home").copy is CopyState.INCOMPLETE
    ledgers.record(store, "home", LedgerEvent.TOLD_COMPLETE, 1002.0, "nfs002")
    assert (tmp_path / "state" / "home.ledger.json.damaged").read_text() == text


# --- a clock that is set ---------------------------------------------------------------------------------------

AHEAD = 1_700_000_000.0
TOLD = FOLLOWING._replace(boot=NOW, clock=AHEAD, steady_since=T - 2000, disconnected_at=T - 60, parted_at=T - 60)


@pytest.mark.parametrize("step", [7200.0, -7200.0, 3.0])
def test_within_a_boot_every_time_goes_with_the_clock(step: float) -> None:
    now = ledgers.in_boot(TOLD, NOW, WallClock(T + step, AHEAD + step))
    assert (now.since, now.last_complete, now.connected_at) == (T - 1000 + step, T - 500 + step, T - 900 + step)
    assert now.disconnected_at == now.parted_at == T - 60 + step
    assert (now.clock, now.steady_since) == (AHEAD + step, T + step)
    assert stale(now, BackupPeriod(T - 90 + step, T + step, AHEAD + step), 30) == stale(
        TOLD, BackupPeriod(T - 90, T, AHEAD), 30
    )


@pytest.mark.parametrize("step", [0.0, 0.9, -0.9])
def test_a_clock_that_is_slewed_or_hardly_set_changes_nothing(step: float) -> None:
    assert ledgers.in_boot(TOLD, NOW, WallClock(T + step, AHEAD + step)) == TOLD


@pytest.mark.parametrize("clock", [None, AHEAD])
@pytest.mark.parametrize("boot", [BEFORE, NOW])
def test_no_time_is_later_than_now_and_their_order_is_kept(boot: str, clock: float | None) -> None:
    before = TOLD._replace(boot=boot, clock=clock)
    now = ledgers.in_boot(before, NOW, WallClock(T - 7200, AHEAD - 7200))
    assert now.disconnected_at is not None and now.last_complete is not None
    assert now.last_complete < now.disconnected_at <= T - 7200
    assert (now.clock, now.steady_since) == (AHEAD - 7200, T - 7200)


@pytest.mark.parametrize("step", [7200.0, -7200.0])
def test_a_failed_write_in_the_log_becomes_none_of_the_past_when_the_clock_is_set(step: float) -> None:
    harm = Damage(T - 100, "it failed", RecreationStage.BLANK, T - 50)
    known = TOLD._replace(sound_since=T - 50, damage=harm)
    now = ledgers.in_boot(known, NOW, WallClock(T + step, AHEAD + step))
    assert now.damage is not None and now.sound_since == now.damage.anew_at == min(T - 50, T - 50 + step)


def test_what_was_recorded_is_by_the_clock_as_it_is_set_now(store: Store) -> None:
    ledgers.record(store, "home", LedgerEvent.TOLD_COMPLETE, T + 7200, "nfs001", NOW, clock=WallClock(T + 7200, AHEAD))
    clock = WallClock(T + 60, AHEAD - 7200)
    before, now = ledgers.record(store, "home", LedgerEvent.TOLD_COMPLETE, T + 60, "nfs001", NOW, clock=clock)
    assert (before.last_complete, now.last_complete) == (T, T + 60)
    assert ledgers.read(store, "home") == now


@pytest.mark.parametrize("clock", ["1.5", [], float("inf")])
def test_a_ledger_whose_clock_is_no_number_says_that_the_copy_is_incomplete(clock: object) -> None:
    values = {**ledgers.as_values(TOLD), "clock": clock}
    assert ledgers.from_values(values, "home").copy is CopyState.INCOMPLETE
