"""devd's events: counted, and since when each vhid is in its state."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.probes import ifconfig
from remediate.state import events
from remediate.state.events import SELF_TESTS_KEPT, BackupPeriod, CarpHistory, CarpLook, SelfTest, VhidHistory
from remediate.state.store import Store
from tests.state import child

NOW = 1795337195.25


def test_an_event_is_counted_and_its_state_kept(store: Store) -> None:
    assert events.read(store) == CarpHistory(0, {})
    assert events.note(store, "2@em0", "MASTER", NOW, "1000") == 1
    assert events.read(store) == CarpHistory(1, {"2@em0": VhidHistory("MASTER", NOW, "1000")})


def test_a_state_that_repeats_is_since_its_first_event(store: Store) -> None:
    for later in range(3):
        events.note(store, "2@em0", "MASTER", NOW + later, "1000")
    assert events.read(store) == CarpHistory(3, {"2@em0": VhidHistory("MASTER", NOW, "1000")})


def test_a_state_that_changes_or_that_another_boot_saw_is_since_now(store: Store) -> None:
    events.note(store, "2@em0", "MASTER", NOW, "1000")
    events.note(store, "2@em0", "BACKUP", NOW + 1, "1000")
    assert events.read(store).vhids["2@em0"] == VhidHistory("BACKUP", NOW + 1, "1000")
    events.note(store, "2@em0", "BACKUP", NOW + 2, "2000")
    assert events.read(store).vhids["2@em0"] == VhidHistory("BACKUP", NOW + 2, "2000")


def test_vhids_are_apart_but_counted_together(store: Store) -> None:
    assert events.note(store, "2@em0", "MASTER", NOW, "1000") == 1
    assert events.note(store, "3@vlan0.100", "BACKUP", NOW + 1, "1000") == 2
    assert {name: history.state for name, history in events.read(store).vhids.items()} == {
        "2@em0": "MASTER",
        "3@vlan0.100": "BACKUP",
    }


@pytest.mark.parametrize("subsystem", ["2@em0", "255@vlan0.100", "1@em0_1", "002@bridge0", "9@a:b-c+d"])
def test_these_are_subsystems(subsystem: str) -> None:
    assert events.valid(subsystem, "MASTER")


@pytest.mark.parametrize(
    "subsystem",
    [
        "",
        "2",
        "@em0",
        "0@em0",
        "256@em0",
        "2@",
        "em0@2x$(x)",
        "2@em0; rm",
        "2@../x",
        "2@em0\n",
        "٢@em0",
        "2@" + "x" * 16,
    ],
)
def test_these_are_none(store: Store, subsystem: str) -> None:
    assert not events.valid(subsystem, "MASTER")
    with pytest.raises(ValueError, match="is not a CARP event"):
        events.note(store, subsystem, "MASTER", NOW, "1000")
    assert not events.valid("2@em0", subsystem)
    assert store.names() == []


@given(st.from_regex(events.SUBSYSTEM, fullmatch=True))
def test_the_interface_is_one_that_ifconfig_would_print(subsystem: str) -> None:
    name = subsystem.partition("@")[2]
    (interface,) = ifconfig.parse(
        f"{name}: flags=8843<UP> metric 0\n\tcarp: MASTER vhid 2 advbase 1 advskew 10\n"
    ).vhids
    assert interface.interface == name


def test_a_damaged_record_is_begun_anew_with_numbers_above_the_old_ones(store: Store) -> None:
    for _ in range(3):
        events.note(store, "2@em0", "MASTER", NOW, "1000")
    for text in ("", "[", '{"version": 1}', '{"version": 1, "seq": true, "vhids": {}, "self_tests": []}'):
        Path(store.directory, "events.json").write_text(text)
        assert events.read(store).unreadable.startswith("events.json ")
        number = events.note(store, "2@em0", "BACKUP", NOW, "1000")
        assert number > 3
        assert events.read(store) == CarpHistory(number, {"2@em0": VhidHistory("BACKUP", NOW, "1000")})


def test_a_self_test_is_kept_but_no_event(store: Store) -> None:
    events.note(store, "2@em0", "MASTER", NOW, "1000")
    events.note_self_test(store, "a-1", NOW + 1)
    assert events.read(store) == CarpHistory(
        1, {"2@em0": VhidHistory("MASTER", NOW, "1000")}, (SelfTest("a-1", NOW + 1),)
    )
    for number in range(SELF_TESTS_KEPT + 3):
        events.note_self_test(store, f"t{number}", NOW)
    assert len(events.read(store).self_tests) == SELF_TESTS_KEPT
    for token in ("", "a b", "x" * 65, "a\n"):
        with pytest.raises(ValueError, match="is not a token"):
            events.note_self_test(store, token, NOW)


def test_hooks_that_run_at_the_same_time_are_all_counted(store: Store) -> None:
    program = (
        "import sys\nfrom remediate.state import events\nfrom remediate.state.store import Store\n"
        "for at in range(20):\n    events.note(Store(sys.argv[1]), sys.argv[2], 'MASTER', at, 'b1')\n"
    )
    both = [child.start(program, store.directory, name) for name in ("2@em0", "3@em1")]
    for one in both:
        _, err = one.communicate(timeout=60)
        assert (one.returncode, err) == (0, "")
    history = events.read(store)
    assert (history.seq, sorted(history.vhids)) == (40, ["2@em0", "3@em1"])


def test_devds_hook_pays_for_nothing_that_it_does_not_use(store: Store) -> None:
    """Two events, the second over the file of the first: devd waits for this."""
    unwanted = [
        "subprocess",
        "selectors",
        "argparse",
        "dataclasses",
        "logging",
        "tomllib",
        "psutil",
        "syslog",
        "pathlib",
    ]
    program = (
        "import sys\nbefore = set(sys.modules)\n"
        f"sys.path.insert(0, {str(child.ROOT)!r})\n"
        "from remediate.state import events, journal, ledger, lock, marker, failures, maintenance\n"
        "from remediate.state.store import Store\n"
        f"events.note(Store({store.directory!r}), '2@em0', 'MASTER', 1.0, 'b1')\n"
        f"print([name for name in {unwanted} if name in set(sys.modules) - before])\n"
        "print([name for name in ('json', 'datetime') if name in set(sys.modules) - before])\n"
    )
    done = subprocess.run([sys.executable, "-I", "-S", "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n['json']\n"


def heard(store: Store) -> BackupPeriod | None:
    return events.read(store).vhids["2@em0"].heard


def look(store: Store, state: str, at: float, boot: str = "1000", clock: float = 5.0) -> None:
    events.record(store, CarpLook(events.read(store), {"2@em0": state}, at, boot, clock))


def test_looks_prove_how_long_a_vhid_was_backup_and_what_devd_tells_does_not(store: Store) -> None:
    events.note(store, "2@em0", "BACKUP", NOW, "1000")
    assert heard(store) is None
    for later in (10, 20, 30):
        look(store, "BACKUP", NOW + later)
    events.note(store, "2@em0", "MASTER", NOW + 500, "1000")
    assert heard(store) == BackupPeriod(NOW + 10, NOW + 30, 5.0)
    look(store, "MASTER", NOW + 501)
    heard_before = BackupPeriod(NOW + 10, NOW + 30, 5.0)
    assert events.read(store).vhids["2@em0"] == VhidHistory("MASTER", NOW + 500, "1000", heard_before)


@pytest.mark.parametrize("step", [7200.0, -7200.0, 1.0])
def test_what_looks_proved_holds_when_the_clock_is_set(store: Store, step: float) -> None:
    look(store, "BACKUP", NOW)
    look(store, "BACKUP", NOW + 60)
    look(store, "BACKUP", NOW + 120 + step, clock=5.0 + step)
    assert heard(store) == BackupPeriod(NOW + (step if step != 1.0 else 0), NOW + 120 + step, 5.0 + step)
    later = BackupPeriod(NOW, NOW + 120, 5.0).by(5.0 + step)
    assert later.last - later.first == 120 and later.last == NOW + 120 + (step if step != 1.0 else 0)


def test_what_looks_proved_is_void_after_another_change_and_another_boot(store: Store) -> None:
    look(store, "BACKUP", NOW)
    look(store, "BACKUP", NOW + 1, boot="2000")
    assert heard(store) == BackupPeriod(NOW + 1, NOW + 1, 5.0)
    for state in ("MASTER", "BACKUP"):
        events.note(store, "2@em0", state, NOW + 2, "2000")
    assert heard(store) is None
    look(store, "INIT", NOW + 3, boot="2000")
    look(store, "MASTER", NOW + 4, boot="2000")
    assert heard(store) is None


def test_a_state_lasts_from_where_it_began_however_the_clock_is_set_meanwhile(store: Store) -> None:
    events.note(store, "2@em0", "MASTER", NOW, "1000", 5.0)
    for later, clock in ((1, 5.0), (301, 305.0), (-590, -587.0)):
        look(store, "MASTER", NOW + later, clock=clock)
        history = events.read(store)
        assert history.seq == 1 and history.vhids["2@em0"] == VhidHistory("MASTER", NOW, "1000", clock=5.0)
        assert history.vhids["2@em0"].since_by(clock) == pytest.approx(NOW + clock - 5.0)


def test_a_state_that_an_older_hastwatch_noted_is_since_the_time_that_it_noted(store: Store) -> None:
    events.note(store, "2@em0", "MASTER", NOW, "1000")
    text = Path(store.directory, "events.json").read_text()
    Path(store.directory, "events.json").write_text(text.replace(', "clock": null', ""))
    assert events.read(store).vhids["2@em0"].since_by(5.0) == NOW


def test_a_look_that_is_written_down_late_leaves_what_came_meanwhile(store: Store) -> None:
    look(store, "BACKUP", NOW)
    late = CarpLook(events.read(store), {"2@em0": "BACKUP", "3@em0": "BACKUP"}, NOW + 1, "1000", 5.0)
    events.note(store, "2@em0", "MASTER", NOW + 2, "1000", 5.0)
    events.record(store, late)
    history = events.read(store)
    assert (history.vhids["2@em0"].state, history.vhids["2@em0"].since, history.seq) == ("MASTER", NOW + 2, 3)
    assert history.vhids["3@em0"] == late.known.vhids["3@em0"]


def test_what_is_known_with_a_look_is_what_is_known_when_it_is_written_down(store: Store) -> None:
    events.note(store, "2@em0", "BACKUP", NOW, "1000", 5.0)
    for state in ("BACKUP", "MASTER"):
        now = CarpLook(events.read(store), {"2@em0": state}, NOW + 60, "1000", 5.0)
        assert events.read(store) == now.before
        events.record(store, now)
        assert events.read(store) == now.known


def test_a_look_counts_as_an_event_only_where_it_finds_a_change(store: Store) -> None:
    look(store, "MASTER", NOW + 0.9996)
    assert events.read(store).seq == 1
    for _ in range(3):
        look(store, "MASTER", NOW + 0.9996)  # its own time in the file is rounded up
    look(store, "BACKUP", NOW + 2)
    look(store, "BACKUP", NOW + 3)
    assert events.read(store).seq == 2
    with pytest.raises(ValueError, match="is not a state"):
        look(store, "PRIMARY", NOW)
