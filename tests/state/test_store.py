"""The state directory: whole or not at all, by one writer at a time, and nobody else's."""

from __future__ import annotations

import json
import os
import signal
import stat
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.probes import state_files
from checks.probes.maintenance import PATH as MAINTENANCE
from remediate.state.store import LARGEST, STATE_DIRECTORY, StateNotKept, StateUnreadable, Store
from tests.state import child
from tests.waiting import awaited

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
COUNTING = """
import sys
from remediate.state.store import Store
store = Store(sys.argv[1])
for _ in range(50):
    store.update("x", lambda values: {"count": int(str(values.get("count", 0))) + 1})
    store.append("lines", sys.argv[2] * 200)
"""
FULL = """
import resource, sys
from remediate.state.store import StateNotKept, Store
resource.setrlimit(resource.RLIMIT_FSIZE, (600, 600))
store = Store(sys.argv[1])
for call in (lambda: store.write("x", {"a": "b" * 5000}), lambda: store.append("lines", "c" * 5000)):
    try:
        call()
    except StateNotKept as error:
        print(error.why, error.path)
"""
KILLED_WITHIN = """
import resource, signal, sys
from remediate.state.store import Store
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
resource.setrlimit(resource.RLIMIT_FSIZE, (600, 600))
signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
Store(sys.argv[1]).update("x", lambda values: {"a": "b" * 5000})
"""
WRITING = """
import sys
from remediate.state.store import Store
store, size = Store(sys.argv[1]), 0
while True:
    size = (size + 7919) % 90000
    store.write("x", {"size": size, "text": "y" * size})
"""
REFUSED = """
import sys
from remediate.state.store import StateNotKept, Store
try:
    Store(sys.argv[1]).write("x", {"a": 2})
except StateNotKept as error:
    print(error)
"""


def modes(directory: str) -> dict[str, int]:
    """The permissions of a directory and of what is in it."""
    return {
        name: stat.S_IMODE(os.lstat(os.path.join(directory, name)).st_mode) for name in (".", *os.listdir(directory))
    }


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "db" / "state"))


def test_everybody_means_the_same_directory() -> None:
    assert state_files.DIRECTORY == STATE_DIRECTORY
    assert os.path.dirname(MAINTENANCE) == STATE_DIRECTORY


@pytest.mark.slow
@given(st.dictionaries(st.text(), JSON, min_size=1, max_size=4))
def test_what_was_written_is_read(tmp_path_factory: pytest.TempPathFactory, values: dict[str, object]) -> None:
    store = Store(str(tmp_path_factory.getbasetemp() / "round-trip"))
    store.write("x", values)
    assert store.read("x") == values


def test_the_directory_is_made_with_its_parents_for_this_user_alone(store: Store) -> None:
    before = os.umask(0)
    try:
        store.write("x", {"a": 1})
        store.append("lines", "a")
    finally:
        os.umask(before)
    assert modes(store.directory) == {".": 0o700, "x": 0o600, ".x.lock": 0o600, "lines": 0o600, ".lines.lock": 0o600}
    assert stat.S_IMODE(os.stat(os.path.dirname(store.directory)).st_mode) == 0o755


def test_where_nothing_was_written_nothing_is_read_and_nothing_is_made(store: Store) -> None:
    assert (store.read("x"), store.names(), store.remove("x")) == ({}, [], False)
    assert not os.path.exists(store.directory)


def test_names_are_those_that_were_written_and_not_removed(store: Store) -> None:
    for name in ("b", "home.split-brain", "a"):
        store.write(name, {"a": 1})
    assert store.remove("b")
    assert store.names() == ["a", "home.split-brain"]
    assert store.read("b") == {}


@pytest.mark.parametrize("name", ["", ".x", "..", "a/b", "/etc/passwd", "a b", "a\n", "a\0", "ä", "x" * 201])
def test_a_name_that_could_lead_elsewhere_is_refused(store: Store, name: str) -> None:
    with pytest.raises(StateNotKept, match="not the name of a state file"):
        store.write(name, {"a": 1})
    with pytest.raises(StateNotKept, match="not the name of a state file"):
        store.append(name, "a")
    with pytest.raises(StateUnreadable, match="not the name of a state file"):
        store.read(name)


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"", "it is invalid JSON"),
        (b"{", "it is invalid JSON"),
        (b'{"a": NaN}', "it is invalid JSON"),
        (b'{"a": 1', "it is invalid JSON"),
        (b"[1]", "it is not a JSON object"),
        (b"{}", "it says nothing"),
        (b'{"a": "\xff"}', "it is invalid JSON"),
        (b"[" * 100000, "it is invalid JSON"),
        (b" " * (LARGEST + 1), f"it is larger than {LARGEST} bytes"),
    ],
)
def test_a_damaged_file_is_never_taken_for_an_absent_one(store: Store, raw: bytes, why: str) -> None:
    store.write("x", {"a": 1})
    Path(store.directory, "x").write_bytes(raw)
    with pytest.raises(StateUnreadable) as caught:
        store.read("x")
    assert str(caught.value) == f"x cannot be read: {why}"
    with pytest.raises(StateUnreadable):
        store.update("x", lambda values: {"a": 2})
    assert Path(store.directory, "x").read_bytes() == raw


def test_an_update_may_begin_anew_where_the_file_is_damaged(store: Store) -> None:
    store.write("x", {"a": 1})
    Path(store.directory, "x").write_text("{")
    assert store.update("x", lambda values: {**values, "b": 2}, instead=lambda error: {"why": error.why}) == {
        "why": "it is invalid JSON",
        "b": 2,
    }
    assert store.read("x") == {"why": "it is invalid JSON", "b": 2}


def test_an_update_to_nothing_removes(store: Store) -> None:
    store.write("x", {"a": 1})
    assert store.update("x", lambda values: None) == {}
    assert store.names() == []
    store.write("x", {"a": 1})
    store.write("x", {})
    assert store.names() == []


def test_an_update_that_changes_nothing_writes_nothing(store: Store) -> None:
    store.write("x", {"a": [1]})
    before = os.stat(f"{store.directory}/x").st_ino
    store.update("x", lambda values: values)
    assert os.stat(f"{store.directory}/x").st_ino == before


def test_an_update_may_change_what_it_was_given(store: Store) -> None:
    def grow(values: dict[str, object]) -> dict[str, object]:
        inner = values["a"]
        assert isinstance(inner, list)
        inner.append(2)
        return values

    store.write("x", {"a": [1]})
    store.update("x", grow)
    assert store.read("x") == {"a": [1, 2]}


def test_an_update_that_fails_leaves_everything_and_lets_the_next_one_in(store: Store) -> None:
    store.write("x", {"a": 1})
    with pytest.raises(ZeroDivisionError):
        store.update("x", lambda values: {"a": 1 // 0})
    store.update("x", lambda values: {**values, "b": 2})
    assert store.read("x") == {"a": 1, "b": 2}


@pytest.mark.slow
def test_two_processes_that_update_at_the_same_time_lose_nothing(store: Store) -> None:
    both = [child.start(COUNTING, store.directory, word) for word in ("a", "b")]
    for one in both:
        _, err = one.communicate(timeout=60)
        assert (one.returncode, err) == (0, "")
    assert store.read("x") == {"count": 100}
    lines = Path(store.directory, "lines").read_text().splitlines()
    assert sorted(lines) == ["a" * 200] * 50 + ["b" * 200] * 50


def test_a_writer_that_was_stopped_within_its_write_does_not_stop_the_others_for_ever(store: Store) -> None:
    class Impatient(Store):
        lock_wait = 0.02

    other = Impatient(store.directory)

    def meanwhile(values: dict[str, object]) -> dict[str, object]:
        with pytest.raises(StateNotKept, match=r"another process has been writing it for 0\.02 s"):
            other.write("x", {"a": 2})
        other.write("y", {"a": 3})
        return {"a": 1}

    store.update("x", meanwhile)
    assert (store.read("x"), store.read("y")) == ({"a": 1}, {"a": 3})


def test_a_full_disk_leaves_the_old_values_and_no_temporary(store: Store) -> None:
    store.write("x", {"a": 1})
    store.append("lines", "first")
    assert child.run(FULL, store.directory) == (
        f"File too large {store.directory}/x\nNo space left on device {store.directory}/lines\n"
    )
    assert store.read("x") == {"a": 1}
    assert Path(store.directory, "lines").read_text() == "first\n"
    assert sorted(os.listdir(store.directory)) == [".lines.lock", ".x.lock", "lines", "x"]


def test_a_writer_that_dies_within_the_write_leaves_the_old_values_and_is_no_obstacle(store: Store) -> None:
    store.write("x", {"a": 1})
    with child.start(KILLED_WITHIN, store.directory) as killed:
        killed.communicate(timeout=60)
    assert killed.returncode == -signal.SIGXFSZ
    assert os.stat(f"{store.directory}/.x.new").st_size == 600
    assert (store.read("x"), store.names()) == ({"a": 1}, ["x"])
    store.write("x", {"a": 2})
    assert store.read("x") == {"a": 2}
    assert not os.path.exists(f"{store.directory}/.x.new")


@pytest.mark.slow
def test_whenever_a_writer_is_killed_what_is_read_is_whole(store: Store) -> None:
    for _ in range(5):
        with child.start(WRITING, store.directory) as writer:
            assert awaited(partial(os.path.exists, f"{store.directory}/x"))
            for _ in range(20):
                values = store.read("x")
                assert values["size"] == len(str(values["text"]))
            writer.kill()
        values = store.read("x")
        assert values["size"] == len(str(values["text"]))
        store.remove("x")


def test_a_link_in_the_place_of_a_file_is_not_followed(store: Store, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text('{"a": 1}\n')
    store.write("y", {"a": 1})
    for name in ("x", ".y.new", ".z.lock", "lines"):
        Path(store.directory, name).symlink_to(other)
    with pytest.raises(StateUnreadable):
        store.read("x")
    with pytest.raises(StateNotKept):
        store.write("z", {"a": 2})
    with pytest.raises(StateNotKept):
        store.append("lines", "a")
    store.write("x", {"a": 3})
    assert (store.read("x"), other.read_text()) == ({"a": 3}, '{"a": 1}\n')


def test_a_pipe_in_the_place_of_a_file_keeps_nobody_waiting(store: Store) -> None:
    store.write("y", {"a": 1})
    os.mkfifo(f"{store.directory}/x")
    with pytest.raises(StateUnreadable, match="not a regular file"):
        store.read("x")


def test_a_directory_into_which_others_may_write_is_not_trusted(store: Store) -> None:
    store.write("x", {"a": 1})
    os.chmod(store.directory, 0o775)
    with pytest.raises(StateNotKept, match="others may write into"):
        store.write("x", {"a": 2})
    with pytest.raises(StateUnreadable, match="others may write into"):
        store.read("x")


def test_a_directory_of_an_older_version_is_shut_to_others_with_all_that_is_in_it(store: Store, tmp_path: Path) -> None:
    names = ("home.ledger.json", "home.split-brain", "journal.jsonl", "journal.jsonl.0.bz2", "converge.lock")
    directory = Path(store.directory)
    directory.mkdir(parents=True)
    directory.chmod(0o755)
    (tmp_path / "other").touch(0o644)
    (directory / "link.json").symlink_to(tmp_path / "other")
    for name in names:
        (directory / name).touch(0o644)
    store.write("x", {"a": 1})
    permissions = modes(store.directory)
    assert {name: permissions.pop(name) for name in (".", *names[:-1])} == {".": 0o700} | dict.fromkeys(
        names[:-1], 0o600
    )
    assert "converge.lock" not in permissions
    assert stat.S_IMODE((tmp_path / "other").stat().st_mode) == 0o644


def test_a_directory_that_holds_other_things_too_keeps_its_permissions(store: Store) -> None:
    """A wrong --state-dir must not shut everybody out of /etc."""
    directory = Path(store.directory)
    directory.mkdir(parents=True)
    directory.chmod(0o755)
    (directory / "passwd").touch(0o644)
    store.write("x", {"a": 1})
    permissions = modes(store.directory)
    assert (permissions["."], permissions["passwd"], permissions["x"], permissions[".x.lock"]) == (
        0o755,
        0o644,
        0o600,
        0o600,
    )


def test_a_link_in_the_place_of_the_directory_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "state").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StateNotKept, match="is not a directory"):
        Store(str(tmp_path / "state")).write("x", {"a": 1})
    assert not list((tmp_path / "elsewhere").iterdir())


def test_a_place_where_there_can_be_no_directory_is_said() -> None:
    with pytest.raises(StateNotKept) as caught:
        Store("/proc/nowhere/state").write("x", {"a": 1})
    assert caught.value.path == "/proc/nowhere/state"


def test_an_ordinary_user_is_refused_where_it_may_not_write() -> None:
    with child.ordinary_directory(0o555) as directory:
        output = child.run_as_ordinary_user(REFUSED, directory)
    assert output == f"cannot keep {directory}/x: Permission denied\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a directory that belongs to root")
def test_an_ordinary_user_does_not_write_into_the_directory_of_root() -> None:
    with child.ordinary_directory(0o755) as directory:
        os.chown(directory, 0, 0)
        output = child.run_as_ordinary_user(REFUSED, directory)
    assert output == f"cannot keep {directory}: {directory} belongs to user 0\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
def test_root_does_not_believe_what_lies_in_the_directory_of_another_user() -> None:
    with child.ordinary_directory(0o755) as directory:
        (directory / "x").write_text('{"a": 1}')
        with pytest.raises(StateUnreadable, match=f"belongs to user {child.NOBODY}"):
            Store(str(directory)).read("x")


def test_a_line_after_a_torn_one_is_a_line_of_its_own(store: Store) -> None:
    store.append("lines", "first")
    with open(f"{store.directory}/lines", "a") as file:
        file.write('{"torn": ')
    store.append("lines", "second")
    assert Path(store.directory, "lines").read_text() == 'first\n{"torn": \nsecond\n'


def test_the_file_is_plain_json_that_ends_its_line(store: Store) -> None:
    store.write("x", {"a": "ä\n"})
    raw = Path(store.directory, "x").read_bytes()
    assert (raw[-1:], raw.isascii(), json.loads(raw)) == (b"\n", True, {"a": "ä\n"})
