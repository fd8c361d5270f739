"""Maintenance: from the file that an operator's command leaves to what a check reads on the node."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.probes import maintenance as probe
from checks.probes.errors import NotUnderstood
from checks.probes.hung_commands import GivenUpCommands
from checks.probes.maintenance import Maintenance
from checks.probes.node import Deadline, Node
from checks.probes.state_cache import Memory
from remediate.state import maintenance
from remediate.state.store import StateNotKept, Store

NOW = 1795337195.75  # 2026-11-22T08:46:35.75Z


def node_with(store: Store, tmp_path: Path) -> Node:
    """A node whose /var/db/hastwatch is the store's directory."""
    way = tmp_path / "way"
    way.write_text(
        "import subprocess, sys\n"
        f"line = sys.argv[-1].replace('/var/db/hastwatch', {store.directory!r})\n"
        "sys.exit(subprocess.call(['/bin/sh', '-c', line]))\n"
    )
    return Node((sys.executable, "-I", "-S", str(way)), Deadline(30), GivenUpCommands(Memory(str(tmp_path / "memory"))))


def test_maintenance_is_in_force_from_its_beginning_to_its_end(store: Store) -> None:
    assert maintenance.current(store, NOW) is None
    begun = maintenance.begin(store, NOW, None, "new disk", "root")
    assert begun == Maintenance(1795337195.0, None, "new disk", "root")
    assert maintenance.current(store, NOW + 1e8) == begun
    assert maintenance.end(store)
    assert maintenance.current(store, NOW) is None
    assert not maintenance.end(store)


def test_maintenance_of_a_given_length_is_over_by_itself(store: Store) -> None:
    begun = maintenance.begin(store, NOW, 7200, "new disk", "root")
    assert maintenance.current(store, NOW + 7199) == begun
    assert maintenance.current(store, NOW + 7200) is None
    assert maintenance.end(store)


def test_the_file_is_as_documented(store: Store) -> None:
    maintenance.begin(store, NOW, 7200, "new disk", "root")
    assert json.loads(Path(store.directory, "maintenance.json").read_text()) == {
        "version": 1,
        "since": "2026-11-22T08:46:35Z",
        "until": "2026-11-22T10:46:35Z",
        "reason": "new disk",
        "who": "root",
    }


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"version": 2}', "{", '{"version": 1, "since": "now"}'])
def test_a_file_that_cannot_be_read_counts_as_maintenance_without_an_end(store: Store, text: str) -> None:
    store.ready()
    Path(store.directory, "maintenance.json").write_text(text)
    current = maintenance.current(store, NOW)
    assert current and (current.since, current.until, current.who) == (NOW, None, "hastwatch")
    assert current.reason.startswith("whether there is maintenance is not known: maintenance.json")
    assert maintenance.end(store)
    assert maintenance.current(store, NOW) is None


def test_maintenance_that_cannot_be_kept_is_an_error_and_leaves_the_one_before(store: Store) -> None:
    begun = maintenance.begin(store, NOW, None, "new disk", "root")
    Path(store.directory, ".maintenance.json.lock").unlink()
    Path(store.directory, ".maintenance.json.lock").mkdir()
    with pytest.raises(StateNotKept):
        maintenance.begin(store, NOW, 60, "another", "root")
    assert maintenance.current(store, NOW) == begun


def test_a_check_reads_it_on_the_node(store: Store, tmp_path: Path) -> None:
    node = node_with(store, tmp_path)
    assert probe.read(node) is None
    begun = maintenance.begin(store, NOW, 3600, "it's a \x1b[2J new | disk", "root")
    shown = probe.read(node)
    assert shown == begun
    assert shown and not shown.is_over(NOW)
    assert shown.is_over(NOW + 3600)


GOOD: dict[str, object] = {"version": 1, "since": "2026-11-22T08:46:35Z", "until": None, "reason": "a", "who": "b"}


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2},
        {"since": None},
        {"since": "2026-13-22T08:46:35Z"},
        {"since": "2026-11-22 08:46:35"},
        {"until": 7},
        {"until": ""},
        {"reason": None},
        {"who": ["root"]},
    ],
)
def test_a_value_that_is_not_as_documented_is_not_understood(change: dict[str, object]) -> None:
    assert probe.parse(json.dumps(GOOD)) == Maintenance(1795337195.0, None, "a", "b")
    with pytest.raises(NotUnderstood):
        probe.parse(json.dumps({**GOOD, **change}))
    for name in GOOD:
        with pytest.raises(NotUnderstood):
            probe.parse(json.dumps({key: value for key, value in GOOD.items() if key != name}))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("2h", 7200), ("90m", 5400), ("1d", 86400), ("45s", 45), ("1h30m", 5400), ("1d1h1m1s", 90061), ("0h5m", 300)],
)
def test_a_length_of_time_as_people_write_it(text: str, seconds: float) -> None:
    assert maintenance.duration(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "2", "h", "0s", "-1h", "1.5h", "1m1h", "2 h", "2h ", "2h\n", "٢h", "1H", "9" * 40 + "s"]
)
def test_anything_else_is_no_length_of_time(text: str) -> None:
    with pytest.raises(ValueError, match="is not a length of time such as"):
        maintenance.duration(text)


@given(st.integers(1, 9999 * 86400))
def test_every_length_of_time_can_be_written(seconds: int) -> None:
    days, rest = divmod(seconds, 86400)
    hours, rest = divmod(rest, 3600)
    assert maintenance.duration(f"{days}d{hours}h{rest // 60}m{rest % 60}s") == seconds
