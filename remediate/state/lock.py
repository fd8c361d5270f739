"""One at a time: a lock that a process holds as long as it lives.

flock(2) on a file of the state directory. The kernel frees the lock of a process that is gone, however it ended, so a
dead owner is no obstacle and nothing has to be cleaned up. Every `Lock` opens the file anew, so that two threads of one
process exclude each other too. The descriptor is not inherited by programs that are started (they would hold the lock
on), but by a child of a bare fork(2).
"""

from __future__ import annotations

import os
from contextlib import suppress
from types import TracebackType
from typing import NamedTuple

from checks.probes.times import since_1970, utc_milliseconds
from remediate.state.store import StateNotKept, StateUnreadable, Store, flocked, is_still_at
from remediate.timing import Timing

POLL = 0.01
"""Seconds between two looks whether the lock is free."""


class Holder(NamedTuple):
    """Who holds a lock, what for, and since when (seconds since 1970)."""

    pid: int
    purpose: str
    since: float


class Held(Exception):
    """Another one holds the lock."""

    def __init__(self, name: str, holder: Holder | None) -> None:
        by = f"by process {holder.pid} ({holder.purpose})" if holder else "by another process"
        super().__init__(f"the lock {name} is held {by}")
        self.holder = holder


class Lock:
    """The lock `name` of a state directory: `NAME.lock` in it. As a context manager it takes what `acquire` has not
    taken yet, without waiting (raises Held), and releases at the end."""

    def __init__(self, store: Store, name: str, purpose: str, timing: Timing) -> None:
        self.name = f"{name}.lock"
        self.purpose = purpose
        self._store, self._timing = store, timing
        self._path = os.path.join(store.directory, self.name)
        self._file: int | None = None

    def acquire(self, wait_seconds: float) -> bool:
        """Take the lock, waiting so long at most; whether it was taken. Raises StateNotKept where there can be none."""
        self._store.ready()
        return self._timing.until(self._taken, wait_seconds, every=POLL)

    def release(self) -> None:
        """Give the lock back; nothing where it isn't held."""
        file, self._file = self._file, None
        if file is not None:
            with suppress(OSError):
                os.ftruncate(file, 0)
            os.close(file)

    def holder(self) -> Holder | None:
        """Who holds the lock now; None where nobody does, or the holder has not said yet who it is."""
        try:
            kept = self._store.read(self.name)
            found = Holder(int(str(kept["pid"])), str(kept["purpose"]), since_1970(kept["since"]))
        except (StateUnreadable, KeyError, ValueError):
            return None
        return found if _is_alive(found.pid) and not self._is_free() else None

    def __enter__(self) -> Lock:
        if self._file is None and not self.acquire(0):
            raise Held(self.name, self.holder())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def _taken(self) -> bool:
        """Lock the file, then see that it still is the one on the disk: somebody may have removed it meanwhile."""
        if self._file is not None:
            return False
        try:
            file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o644)
        except OSError as error:
            raise StateNotKept(error.strerror or str(error), self._path) from None
        try:
            if not flocked(file) or not is_still_at(file, self._path):
                os.close(file)
                return False
            self._say_who(file)
        except BaseException:
            os.close(file)
            raise
        self._file = file
        return True

    def _say_who(self, file: int) -> None:
        """For humans; a full disk is no reason not to have the lock."""
        import json

        since = utc_milliseconds(self._timing.wall())
        text = json.dumps({"pid": os.getpid(), "purpose": self.purpose, "since": since}) + "\n"
        with suppress(OSError):
            os.ftruncate(file, 0)
            os.pwrite(file, text.encode(), 0)

    def _is_free(self) -> bool:
        """Asked only where the file names a living process: taking a free lock to see that it is free, even for a
        blink, would make another one's `acquire(0)` fail; so it is done only to tell a killed owner whose number has
        been given to a new process."""
        import fcntl

        try:
            file = os.open(self._path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError:
            return True
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        finally:
            os.close(file)
        return True


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True
