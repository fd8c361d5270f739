"""Files are put back into directories that others write to while they are: another user attacks, and never wins."""

from __future__ import annotations

import os
import signal
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from remediate.recovery.items import DIRECTORY, FILE, SYMLINK, Item
from remediate.recovery.manifest import SavedItem
from remediate.recovery.restoring import RestoreMode
from tests.recovery.test_restoring import ONE, back, files_of, hostile

ATTACKER, VICTIM = 60_001, 60_002
"""Users of no account."""
MANY = 300

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be attacked by another user")


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory that every user may look into, unlike those of pytest."""
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.path.isdir("/dev/shm") else None) as directory:
        Path(directory).chmod(0o755)
        yield Path(directory)


@contextmanager
def attacked(attack: Callable[[], object]) -> Iterator[None]:
    """In the meantime the attacker's process repeats this, whatever errors it gets."""
    ready, begun = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setgid(ATTACKER)
            os.setuid(ATTACKER)
            os.write(begun, b"x")
            while True:
                with suppress(OSError):
                    attack()
        finally:
            os._exit(1)
    try:
        os.read(ready, 1)
        yield
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(ready)
        os.close(begun)


def entry(path: bytes, kind: str = FILE, mode: int = 0o644) -> SavedItem:
    """An entry of a salvage that belongs to the attacker."""
    size = 3 if kind == FILE else 0
    target = b"somewhere" if kind == SYMLINK else b""
    item = Item(path, kind, size, 10**18, 10**18, mode, ATTACKER, ATTACKER, 1, target)
    return SavedItem(item, ("x",), False, ONE if kind == FILE else "")


@pytest.mark.slow
@pytest.mark.parametrize("how", RestoreMode)
@pytest.mark.parametrize("kind", [SYMLINK, FILE, DIRECTORY])
def test_no_file_of_another_user_is_given_to_who_swaps_names_meanwhile(
    place: Path, kind: str, how: RestoreMode
) -> None:
    names = [b"d/%d" % number for number in range(MANY)]
    hostile(place, *(entry(name, kind, 0o777) for name in names))
    directory = place / "live" / "d"
    directory.mkdir()
    directory.chmod(0o777)
    secrets = [directory / f"secret-{number}" for number in range(MANY)]
    for secret in secrets:
        if kind == DIRECTORY:
            secret.mkdir()
        (secret / "file" if kind == DIRECTORY else secret).write_text("of the victim")
        secret.chmod(0o700)
        os.chown(secret, VICTIM, VICTIM)
    inodes = {secret.stat().st_ino for secret in secrets}

    def put_a_secret_in_the_place_of_what_appears() -> None:
        for name in os.listdir(directory):
            if not name.startswith(("secret", "was")) and os.lstat(directory / name).st_uid == 0:
                source = next(each for each in os.listdir(directory) if each.startswith("secret"))
                with suppress(OSError):
                    os.rename(directory / name, directory / f"was-{name}")
                os.rename(directory / source, directory / name)

    with attacked(put_a_secret_in_the_place_of_what_appears):
        back(place, how)
    statuses = [os.lstat(path) for path in [*place.rglob("*")]]
    given_away = [each for each in statuses if each.st_ino in inodes and each.st_uid != VICTIM]
    assert given_away == [] and len(inodes & {each.st_ino for each in statuses}) == MANY


@pytest.mark.slow
@pytest.mark.parametrize("how", RestoreMode)
def test_nothing_gets_out_of_the_tree_through_a_parent_that_becomes_a_link(place: Path, how: RestoreMode) -> None:
    hostile(place, *(entry(b"d/sub/%d" % number) for number in range(MANY)))
    outside, directory = place / "outside", place / "live" / "d"
    outside.mkdir()
    directory.mkdir()
    os.chown(directory, ATTACKER, ATTACKER)

    def swap() -> None:
        with suppress(OSError):
            os.mkdir(directory / "sub")
        os.rename(directory / "sub", directory / "aside")
        os.symlink(outside, directory / "sub")
        os.unlink(directory / "sub")
        os.rename(directory / "aside", directory / "sub")

    with attacked(swap):
        done = back(place, how)
    assert os.listdir(outside) == [] and len(done) == MANY
    assert sum(not one.failed for one in done.values()) > 0


def test_what_a_user_saves_while_it_is_restored_over_is_never_lost(place: Path) -> None:
    """Saved as editors do: a new file is renamed over the old one, here as soon as the old one was kept."""
    hostile(place, *(entry(b"d/%d" % number) for number in range(MANY)))
    directory = place / "live" / "d"
    directory.mkdir()
    for number in range(MANY):
        (directory / f"{number}").write_text("first")
        (directory / f"{number}.new").write_text(f"saved {number}")
    os.chown(directory, ATTACKER, ATTACKER)

    def save() -> None:
        for name in os.listdir(directory):
            if name.endswith(".before-restore-i1"):
                number = name.partition(".")[0]
                with suppress(FileNotFoundError):
                    os.rename(directory / f"{number}.new", directory / number)

    with attacked(save):
        done = back(place, RestoreMode.OVER)
    contents = list(files_of(place / "live").values())
    assert {f"saved {number}".encode() for number in range(MANY)} <= set(contents)
    assert contents.count(b"one") <= sum(not one.failed for one in done.values())


def test_what_is_built_can_be_reached_by_nobody_else(place: Path) -> None:
    hostile(place, *(entry(b"%d" % number, mode=0o4755) for number in range(MANY)))
    (place / "live").chmod(0o777)
    heard, writer = os.pipe()

    def look_into_what_root_makes() -> None:
        for name in os.listdir(place / "live"):
            if name.startswith(".hastwatch") and os.listdir(place / "live" / name) is not None:
                os.write(writer, b"x")

    with attacked(look_into_what_root_makes):
        done = back(place, RestoreMode.OVER)
    os.close(writer)
    assert os.read(heard, 1) == b""
    os.close(heard)
    assert not any(one.failed for one in done.values())
    assert stat.S_IMODE((place / "live" / "0").stat().st_mode) == 0o4755
