"""The lock: one holder at a time, among processes and threads, free when its holder is gone."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

import pytest

from remediate.state.lock import Holder, Lock, LockHeld
from remediate.state.store import StateNotKept, Store
from remediate.timing import Timing
from tests.state import child

HOLDING = """
import sys
from remediate.state.lock import Lock
from remediate.state.store import Store
from remediate.timing import Timing
with Lock(Store(sys.argv[1]), "converge", "a test", Timing()):
    print("held", flush=True)
    sys.stdin.read()
"""
FULL = """
import resource, sys
from remediate.state.lock import Lock
from remediate.state.store import Store
from remediate.timing import Timing
resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
lock, other = (Lock(Store(sys.argv[1]), "converge", "a test", Timing()) for _ in range(2))
print(lock.acquire(0), other.acquire(0), other.holder())
"""


TAKEN_TWICE = """
import sys
from remediate.state.lock import Lock
from remediate.state.store import Store
from remediate.timing import Timing
one, other = (Lock(Store(sys.argv[1]), "converge", "a test", Timing()) for _ in range(2))
print(one.acquire(0), other.acquire(0))
"""
HOLDS_ALL = """
import sys
held = []
def hold_all(directory):
    for place, _, names in os.walk(directory):
        for name in names:
            try:
                file = os.open(os.path.join(place, name), os.O_RDONLY)
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                held.append(file)
            except OSError:
                pass
hold_all(sys.argv[1])
print(len(held), flush=True)
"""
HELD_NOW, HOLDS_ALL = HOLDS_ALL, HOLDS_ALL + "sys.stdin.read()"


class Counted(Timing):
    """A time that passes only where somebody sleeps, and in which something happens meanwhile."""

    def __init__(self, meanwhile: Callable[[], object] = lambda: None) -> None:
        self.passed = 0.0
        self.meanwhile = meanwhile

    def now(self) -> float:
        return self.passed

    def wall(self) -> float:
        return 1795337195.25 + self.passed

    def sleep(self, seconds: float) -> None:
        self.passed += seconds
        self.meanwhile()


def lock(store: Store, purpose: str = "a test", timing: Timing | None = None) -> Lock:
    return Lock(store, "converge", purpose, timing or Counted())


def test_a_lock_is_held_until_it_is_released(store: Store) -> None:
    first, second = lock(store), lock(store)
    assert first.acquire(0)
    assert not second.acquire(0)
    first.release()
    assert second.acquire(0)


def test_who_holds_it_can_be_asked_while_it_is_held(store: Store) -> None:
    first, second = lock(store, "converge on MASTER"), lock(store)
    assert second.holder() is None
    with first:
        assert second.holder() == Holder(os.getpid(), "converge on MASTER", 1795337195.25)
    assert second.holder() is None


def test_who_waits_gets_it_when_it_is_free(store: Store) -> None:
    first = lock(store)
    assert first.acquire(0)

    def release_in_time() -> None:
        if time.passed > 0.1:
            first.release()

    time = Counted(release_in_time)
    assert lock(store, timing=time).acquire(5)
    assert time.passed < 0.2


def test_who_waits_in_vain_waits_no_longer_than_it_said(store: Store) -> None:
    time = Counted()
    with lock(store):
        assert not lock(store, timing=time).acquire(5)
    assert 5 <= time.passed < 5.1


def test_one_object_does_not_get_what_it_holds_a_second_time(store: Store) -> None:
    held = lock(store)
    assert held.acquire(0)
    assert not held.acquire(0)
    held.release()
    held.release()
    assert held.acquire(0)


def test_a_with_block_takes_what_is_free_keeps_what_it_has_and_refuses_what_is_held(store: Store) -> None:
    first = lock(store, "a test of two")
    assert first.acquire(0)
    with first, pytest.raises(LockHeld) as caught, lock(store):
        raise AssertionError("two hold it")
    assert str(caught.value) == f"the lock converge.lock is held by process {os.getpid()} (a test of two)"
    with lock(store):
        assert not first.acquire(0)


def test_two_threads_of_one_process_exclude_each_other(store: Store) -> None:
    held = [0]

    def work() -> None:
        for _ in range(20):
            mine = lock(store, timing=Timing())
            assert mine.acquire(30)
            held[0] += 1
            order.append(held[0])
            held[0] -= 1
            mine.release()

    order: list[int] = []
    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert order == [1] * 80


def test_the_lock_of_a_killed_process_is_free(store: Store) -> None:
    with child.start(HOLDING, store.directory) as other:
        assert other.stdout and other.stdout.readline() == "held\n"
        holder = lock(store).holder()
        assert holder and (holder.pid, holder.purpose) == (other.pid, "a test")
        assert not lock(store).acquire(0)
        other.kill()
        other.wait()
    assert other.returncode == -signal.SIGKILL
    assert lock(store).holder() is None
    assert lock(store).acquire(0)


def test_the_words_of_a_killed_process_whose_number_is_in_use_again_name_no_holder(store: Store) -> None:
    words = {"pid": os.getpid(), "purpose": "killed", "since": "2026-11-22T08:46:35.000Z"}
    lock_file(store, json.dumps(words))
    assert lock(store).holder() is None
    assert lock(store).acquire(0)


def lock_file(store: Store, words: str) -> None:
    """A lock that its holder has left like this."""
    store.ready()
    path = Path(store.directory, ".converge.lock")
    path.touch(0o600)
    path.write_text(words)


@pytest.mark.parametrize("words", ["", "{", '{"pid": "x"}', '{"pid": 1, "purpose": "a", "since": 1}', "[]"])
def test_words_that_are_none_are_no_obstacle(store: Store, words: str) -> None:
    lock_file(store, words)
    assert lock(store).holder() is None
    assert lock(store).acquire(0)


def test_a_lock_whose_file_was_removed_is_not_taken_for_the_new_one(store: Store) -> None:
    old, new = lock(store), lock(store)
    assert old.acquire(0)
    Path(store.directory, ".converge.lock").unlink()
    assert new.acquire(0)
    assert not lock(store).acquire(0)


def test_a_started_program_does_not_hold_the_lock_on(store: Store) -> None:
    held = lock(store)
    assert held.acquire(0)
    with child.start("import sys; sys.stdin.read()") as program:
        held.release()
        assert lock(store).acquire(0)
        assert program.poll() is None


def test_a_full_disk_is_no_reason_not_to_have_the_lock(store: Store) -> None:
    assert child.run(FULL, store.directory) == "True False None\n"


def test_where_there_can_be_no_lock_there_is_none(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state").chmod(0o777)
    with pytest.raises(StateNotKept):
        lock(Store(str(tmp_path / "state"))).acquire(0)
    (tmp_path / "state").chmod(0o700)
    (tmp_path / "state" / ".converge.lock").mkdir()
    with pytest.raises(StateNotKept, match=r"converge\.lock"):
        lock(Store(str(tmp_path / "state"))).acquire(0)


# --- where the state directory cannot be used ------------------------------------------------------------------------


@pytest.fixture
def place(tmp_path: Path) -> Store:
    """A state directory with a second place for locks."""
    return Store(str(tmp_path / "state"), run=str(tmp_path / "run"))


def test_a_lock_is_held_in_both_places(place: Store) -> None:
    with lock(place):
        assert not lock(Store(place.directory)).acquire(0)
        assert not lock(Store(place.run)).acquire(0)
    assert lock(Store(place.directory)).acquire(0)


@pytest.mark.parametrize("harm", ["somebody else's", "others may write", "no directory", "the lock is none"])
def test_a_state_directory_that_cannot_be_used_still_lets_one_at_a_time(place: Store, harm: str) -> None:
    directory = Path(place.directory)
    if harm == "no directory":
        directory.write_text("")
    else:
        directory.mkdir(0o700)
    if harm == "somebody else's":
        os.chown(directory, child.NOBODY, child.NOBODY)
    elif harm == "others may write":
        directory.chmod(0o777)
    elif harm == "the lock is none":
        (directory / ".converge.lock").mkdir()
    first, second = lock(place), lock(place)
    assert first.acquire(0)
    assert not second.acquire(0) and second.holder() is not None
    first.release()
    assert second.acquire(0)


def test_one_that_began_while_the_directory_could_not_be_used_excludes_those_after_it(place: Store) -> None:
    directory = Path(place.directory)
    directory.mkdir(0o777)
    directory.chmod(0o777)
    first = lock(place)
    assert first.acquire(0)
    directory.chmod(0o700)
    assert not lock(place).acquire(0)
    first.release()
    assert lock(place).acquire(0)


def test_on_a_read_only_file_system_an_existing_lock_is_as_good() -> None:
    """Seen by an ordinary user whose directory takes no writes: for him the permissions are what EROFS is for root."""
    with child.ordinary_directory(0o700) as directory:
        assert child.run_as_ordinary_user(TAKEN_TWICE, directory) == "True False\n"
        (directory / ".converge.lock").chmod(0o400)
        directory.chmod(0o500)
        assert child.run_as_ordinary_user(TAKEN_TWICE, directory) == "True False\n"


def test_no_user_can_hold_a_lock_of_root() -> None:
    """flock(2) needs only a descriptor for reading: none is to be had of the new lock, nor of what an old version left,
    whose locks were 0644 in a directory of 0755."""
    with root_directory() as directory:
        for name in ("converge.lock", "journal.jsonl"):
            (directory / name).touch(0o644)
        with child.start(child.BECOME + HOLDS_ALL, directory) as attacker:
            assert attacker.stdout and attacker.stdout.readline() == "2\n", "what an old version left can be held"
            store = Store(str(directory))
            held = lock(store, timing=Timing())
            assert held.acquire(0)
            began = monotonic()
            store.append("journal.jsonl", "an entry")
            assert monotonic() - began < 1
            held.release()
            assert child.run_as_ordinary_user(HELD_NOW, directory) == "0\n"
            assert held.acquire(0)
            attacker.kill()
        assert sorted(os.listdir(directory)) == [".converge.lock", ".journal.jsonl.lock", "journal.jsonl"]


@contextmanager
def root_directory() -> Iterator[Path]:
    """A state directory as older versions made it."""
    with child.ordinary_directory(0o755) as directory:
        os.chown(directory, 0, 0)
        yield directory
