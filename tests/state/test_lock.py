"""The lock: one holder at a time, among processes and threads, free when its holder is gone."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from remediate.state.lock import Held, Holder, Lock
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


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "state"))


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
    with first, pytest.raises(Held) as caught, lock(store):
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
            seen.append(held[0])
            held[0] -= 1
            mine.release()

    seen: list[int] = []
    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [1] * 80


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
    store.write("converge.lock", {"pid": os.getpid(), "purpose": "killed", "since": "2026-11-22T08:46:35.000Z"})
    assert lock(store).holder() is None
    assert lock(store).acquire(0)


@pytest.mark.parametrize("words", ["", "{", '{"pid": "x"}', '{"pid": 1, "purpose": "a", "since": 1}', "[]"])
def test_words_that_are_none_are_no_obstacle(store: Store, words: str) -> None:
    store.ready()
    Path(store.directory, "converge.lock").write_text(words)
    assert lock(store).holder() is None
    assert lock(store).acquire(0)


def test_a_lock_whose_file_was_removed_is_not_taken_for_the_new_one(store: Store) -> None:
    old, new = lock(store), lock(store)
    assert old.acquire(0)
    store.remove("converge.lock")
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
    (tmp_path / "state").chmod(0o755)
    (tmp_path / "state" / "converge.lock").mkdir()
    with pytest.raises(StateNotKept, match=r"converge\.lock"):
        lock(Store(str(tmp_path / "state"))).acquire(0)
