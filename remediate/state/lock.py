"""One at a time: a lock that a process holds as long as it lives.

flock(2) on a file that nobody else can open: not for writing, and not for reading either, which is all that flock(2)
needs. The kernel frees the lock of a process that is gone, however it ended, so a
dead owner is no obstacle and nothing has to be cleaned up. Every `Lock` opens the file anew, so that two threads of one
process exclude each other too. The descriptor is not inherited by programs that are started (they would hold the lock
on), but by a child of a bare fork(2).
"""

from __future__ import annotations

import os
from contextlib import suppress
from types import TracebackType
from typing import NamedTuple

from checks.probes.timestamps import since_1970, utc_milliseconds
from remediate.state import directory as directories
from remediate.state.directory import FILE_MODE
from remediate.state.errors import StateNotKept
from remediate.state.store import Store, flocked, is_still_at, without_waiting
from remediate.timing import Timing

POLL = 0.01
"""Seconds between two looks whether the lock is free."""
LONGEST = 1 << 16
"""Bytes that a holder says of itself at most."""
FLAGS = os.O_NOFOLLOW | os.O_NONBLOCK


class Holder(NamedTuple):
    """Who holds a lock, what for, and since when (seconds since 1970); `heeds`: whose events it takes up at its end.
    `in_part`: it does not do everything that such a holder does, so that to leave a work to it is not enough."""

    pid: int
    purpose: str
    since: float
    heeds: str = ""
    in_part: bool = False


class LockHeld(Exception):
    """Another one holds the lock."""

    def __init__(self, name: str, holder: Holder | None) -> None:
        by = f"by process {holder.pid} ({holder.purpose})" if holder else "by another process"
        super().__init__(f"the lock {name} is held {by}")
        self.holder = holder


class Lock:
    """The lock `name` of a state directory: `.NAME.lock` in it, and in the directory for what must work without it.

    It is held where it is held in both. Where one of them cannot be used the other one does alone: a state directory
    that is read-only, full or somebody else's does not let two at the same work, and keeps nobody from it. As a context
    manager it takes what `acquire` has not taken yet, without waiting (raises Held), and releases at the end.

    `heeds` promises that whoever takes the lock takes up such events (`noted`) after it has released it: as long as the
    file says so, and its process lives, they are only noted."""

    def __init__(
        self, store: Store, name: str, purpose: str, timing: Timing, heeds: str = "", in_part: bool = False
    ) -> None:
        self.name = f"{name}.lock"
        self.purpose, self.heeds, self.in_part = purpose, heeds, in_part
        self._store, self._timing = store, timing
        self._paths = [
            os.path.join(directory, f".{self.name}") for directory in (store.run, store.directory) if directory
        ]
        self._files: list[int] = []

    def acquire(self, wait_seconds: float) -> bool:
        """Take the lock, waiting so long at most; whether it was taken. Raises StateNotKept where there can be none."""
        return self._timing.until(self._taken, wait_seconds, every=POLL)

    def release(self) -> None:
        """Give the lock back; nothing where it isn't held."""
        files, self._files = self._files, []
        for file in files:
            with suppress(OSError):
                os.ftruncate(file, 0)
        _close(files)

    def holder(self) -> Holder | None:
        """Who holds the lock now; None where nobody does, or the holder has not said yet who it is."""
        for path in self._paths:
            words = _words(path)
            if words is not None and _is_alive(words.pid) and not _is_free(path):
                return words
        return None

    def __enter__(self) -> Lock:
        if not self._files and not self.acquire(0):
            raise LockHeld(self.name, self.holder())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def _taken(self) -> bool:
        """Lock every file that can be had, then see that it still is the one on the disk: somebody may have removed it
        meanwhile. Raises StateNotKept where none can be had."""
        if self._files:
            return False
        taken: list[int] = []
        troubles: list[StateNotKept] = []
        try:
            for path in self._paths:
                try:
                    file = self._open(path)
                except StateNotKept as error:
                    troubles.append(error)
                    continue
                taken.append(file)
                if not flocked(file) or not is_still_at(file, path):
                    _close(taken)
                    return False
            for file in taken:
                self._say_who(file)
        except BaseException:
            _close(taken)
            raise
        if not taken:
            raise troubles[-1]
        self._files = taken
        return True

    def _open(self, path: str) -> int:
        """A lock file, made where it is missing; one on a read-only file system is as good. Raises StateNotKept, also
        for one that another user could open, and hold."""
        directory = os.path.dirname(path)
        try:
            try:
                if directory == self._store.directory:
                    self._store.ready()
                else:
                    directories.ready(directory)
                file = os.open(path, os.O_RDWR | os.O_CREAT | FLAGS, FILE_MODE)
            except (StateNotKept, OSError) as error:
                directories.refuse_untrusted(directory, {os.geteuid()})
                file = _open_as_it_is(path, error)
            if directories.is_private(file):
                return file
            os.close(file)
        except OSError as error:
            raise StateNotKept(error.strerror or str(error), path) from None
        raise StateNotKept("it is not a file of this user alone", path)

    def _say_who(self, file: int) -> None:
        """For humans, and pid and `heeds` for hastd's hook, which reads them in this order
        (`contrib/freebsd/hastwatch-hast-event`); a full disk is no reason not to have the lock."""
        import json

        since = utc_milliseconds(self._timing.wall())
        says = {
            "pid": os.getpid(),
            "heeds": self.heeds,
            "purpose": self.purpose,
            "since": since,
            "in_part": self.in_part,
        }
        text = json.dumps(says) + "\n"
        with suppress(OSError):
            os.ftruncate(file, 0)
            os.pwrite(file, text.encode(), 0)


def _open_as_it_is(path: str, before: Exception) -> int:
    """An existing lock file, for reading only. Raises what was raised before where there is none."""
    try:
        return os.open(path, os.O_RDONLY | FLAGS)
    except OSError:
        raise before from None


def _words(path: str) -> Holder | None:
    """What the holder has said of itself."""
    import json

    try:
        with open(path, "rb", opener=without_waiting) as file:
            values = json.loads(file.read(LONGEST))
        heeds = str(values.get("heeds", ""))
        in_part = values.get("in_part") is True
        return Holder(int(str(values["pid"])), str(values["purpose"]), since_1970(values["since"]), heeds, in_part)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _is_free(path: str) -> bool:
    """Asked only where the file names a living process: taking a free lock to see that it is free, even for a blink,
    would make another one's `acquire(0)` fail; so it is done only to tell a killed owner whose number has been given to
    a new process."""
    import fcntl

    try:
        file = os.open(path, os.O_RDONLY | FLAGS)
    except OSError:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(file)
    return True


def _close(files: list[int]) -> None:
    for file in files:
        os.close(file)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True
