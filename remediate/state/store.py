"""The state directory: JSON objects by name, each written as a whole or not at all, and lines appended to files.

Standard library only and quick to import: devd's hook writes here. What the objects mean is not for this module.

Everything that changes the directory goes through `write`, `remove`, `update` and `append`.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress

from remediate.state import atomic_file
from remediate.state import directory as directories
from remediate.state.directory import FILE_MODE, RUN_DIRECTORY
from remediate.state.directory import STATE_DIRECTORY as STATE_DIRECTORY
from remediate.state.errors import StateError as StateError
from remediate.state.errors import StateNotKept as StateNotKept
from remediate.state.errors import StateUnreadable as StateUnreadable
from remediate.state.errors import StateUntrusted as StateUntrusted
from remediate.timing import Timing

NAME = r"(?a)[A-Za-z0-9_:+-][A-Za-z0-9_.:+-]{0,199}"
"""What may be a file's name here: nothing that leaves the directory, and no dot in front, which marks our own files."""
ROOM = "room.json"
"""Written to see that something can be."""
ASIDE = ".damaged"
"""What the name of a file ends with that could not be read when it was written anew; the last one of each."""
LARGEST = 1 << 20
"""Bytes of one object: far more than any has; what is larger is none of ours."""
LOCK_WAIT = 10.0
"""Seconds that a writer waits for another one of the same name. That one needs milliseconds, unless it was stopped."""

Values = dict[str, object]


def _not_instead(error: StateUnreadable) -> Values:
    raise error


class Store:
    """One state directory. Any number of processes and threads may use it at the same time. `run`: the directory in
    which a lock can be had while that one cannot be used, empty where there is none."""

    lock_wait = LOCK_WAIT

    def __init__(self, directory: str = STATE_DIRECTORY, run: str = "") -> None:
        self.directory = os.path.abspath(directory)
        self.run = run or (RUN_DIRECTORY if self.directory == STATE_DIRECTORY else "")

    def read(self, name: str) -> Values:
        """The object kept under `name`, empty where there is no such file. Raises StateUnreadable, also for a file
        that holds an empty object: nothing here writes one."""
        if not re.fullmatch(NAME, name):
            raise StateUnreadable(repr(name), "it is not the name of a state file")
        try:
            directories.refuse_untrusted(self.directory, {0, os.geteuid()})
            with open(self._path(name), "rb", opener=without_waiting) as file:
                if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                    raise StateUnreadable(name, "it is not a regular file")
                raw = file.read(LARGEST + 1)
        except FileNotFoundError:
            return {}
        except StateNotKept as error:
            raise StateUntrusted(name, error.why) from None
        except OSError as error:
            raise StateUnreadable(name, error.strerror or str(error)) from None
        if len(raw) > LARGEST:
            raise StateUnreadable(name, f"it is larger than {LARGEST} bytes")
        import json

        try:
            values = json.loads(raw, parse_constant=_no_number)
        except (ValueError, RecursionError):
            raise StateUnreadable(name, "it is invalid JSON") from None
        if not isinstance(values, dict):
            raise StateUnreadable(name, "it is not a JSON object")
        if not values:
            raise StateUnreadable(name, "it says nothing")
        return values

    def write(self, name: str, values: Mapping[str, object]) -> None:
        """Keep `values` under `name`, on the disk when this returns. Raises StateNotKept."""
        with self._alone(name):
            if values:
                self._replace(name, _text(values))
            else:
                self._unlink(name)

    def remove(self, name: str) -> bool:
        """Remove what is kept under `name`; whether there was anything. Raises StateNotKept."""
        if not os.path.lexists(self._path(name)):
            return False
        with self._alone(name):
            return self._unlink(name)

    def refuse_unwritable(self) -> None:
        """See that something can be kept now: there is room, and the file system takes writes. Raises StateNotKept."""
        self.write(ROOM, {"version": 1})

    def refuse_read_only(self) -> None:
        """The same as far as can be seen without writing. Raises StateNotKept."""
        if os.path.exists(self.directory) and not os.access(self.directory, os.W_OK):
            raise StateNotKept(os.strerror(errno.EROFS), self.directory)

    def second(self) -> Store | None:
        """The same in the directory that can be used while this one cannot, and that is emptied with every boot; None
        where there is none."""
        return Store(self.run) if self.run else None

    def names(self) -> list[str]:
        """The names under which something is kept, sorted. Raises StateUnreadable."""
        try:
            return sorted(name for name in os.listdir(self.directory) if re.fullmatch(NAME, name))
        except FileNotFoundError:
            return []
        except OSError as error:
            raise StateUnreadable(self.directory, error.strerror or str(error)) from None

    def update(
        self,
        name: str,
        change: Callable[[Values], Values | None],
        instead: Callable[[StateUnreadable], Values] = _not_instead,
    ) -> Values:
        """Replace what is kept under `name` by what `change` makes of it (None or an empty object: remove it), while
        no other writer does; gives the new values. `change` must not use the same name. `instead` says what to start
        from where the file can't be read, which is kept aside then; without it StateUnreadable is raised. Raises
        StateNotKept."""
        with self._alone(name):
            previous: bytes | None = None
            try:
                before = self.read(name)
                previous = _text(before) if before else None
            except StateUnreadable as error:
                before = instead(error)
                self.keep_aside(name)
            after = change(before)
            if not after:
                self._unlink(name)
                return {}
            text = _text(after)
            if text != previous:
                self._replace(name, text)
            return after

    def keep_aside(self, name: str) -> None:
        """Give a damaged file, which is about to be written anew, another name (`ASIDE`): what it said may be worth
        reading. It keeps its own until then. Raises nothing: that one cannot be kept aside holds nothing up."""
        aside = self._path(f"{name}{ASIDE}")
        with suppress(OSError):
            with suppress(FileNotFoundError):
                os.unlink(aside)
            os.link(self._path(name), aside, follow_symlinks=False)

    def append(self, name: str, line: str) -> None:
        """Append a line in one write, on the disk when this returns. A torn line that an earlier writer left (a power
        cut) stays a line of its own; one that doesn't fit on the disk leaves nothing. Raises StateNotKept."""
        raw = line.encode(errors="backslashreplace") + b"\n"
        with self._alone(name):
            try:
                file = self._open_to_append(name)
                try:
                    _append(file, raw)
                finally:
                    os.close(file)
            except OSError as error:
                raise self._not_kept(name, error) from None

    def ready(self) -> None:
        """Make the directory where it is missing, for this user alone, and shut others out where they may look into it.
        Raises StateNotKept, also where it isn't this user's or others may write into it: what stands there decides what
        root does."""
        directories.ready(self.directory)

    @contextmanager
    def _alone(self, name: str) -> Iterator[None]:
        """While no other writer of `name` is at work. The lock is a file of its own, which stays: removing it would let
        two in, and the file itself may be renamed (newsyslog) or open for reading elsewhere."""
        self._check(name)
        self.ready()
        try:
            lock = os.open(self._path(f".{name}.lock"), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, FILE_MODE)
        except OSError as error:
            raise self._not_kept(name, error) from None
        try:
            self._wait_for(lock, name)
            yield
        finally:
            os.close(lock)

    def _wait_for(self, file: int, name: str) -> None:
        """In the machine's own time, as the other one is a real process also where the pair is simulated."""
        if not Timing().until(lambda: flocked(file), self.lock_wait, every=0.005):
            raise StateNotKept(f"another process has been writing it for {self.lock_wait:g} s", self._path(name))

    def _replace(self, name: str, text: bytes) -> None:
        """rename(2) of a temporary file that is on the disk already; one that a killed writer left is written over."""
        temporary = self._path(f".{name}.new")
        try:
            with suppress(FileNotFoundError):
                os.unlink(temporary)
            atomic_file.replace(self._path(name), temporary, text, FILE_MODE)
        except OSError as error:
            raise self._not_kept(name, error) from None

    def _unlink(self, name: str) -> bool:
        try:
            os.unlink(self._path(name))
            atomic_file.sync_directory(self.directory)
        except FileNotFoundError:
            return False
        except OSError as error:
            raise self._not_kept(name, error) from None
        return True

    def _open_to_append(self, name: str) -> int:
        """The file that has this name now: newsyslog(8) may rename it at any time. Raises OSError."""
        path = self._path(name)
        while True:
            file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, FILE_MODE)
            if is_still_at(file, path):
                return file
            os.close(file)

    def _check(self, name: str) -> None:
        if not re.fullmatch(NAME, name):
            raise StateNotKept("it is not the name of a state file", repr(name))

    def _path(self, name: str) -> str:
        return os.path.join(self.directory, name)

    def _not_kept(self, name: str, error: OSError) -> StateNotKept:
        return StateNotKept(error.strerror or str(error), self._path(name))


def _append(file: int, raw: bytes) -> None:
    """One write, or none where not all of it fits. Raises OSError."""
    size = os.fstat(file).st_size
    if size and os.pread(file, 1, size - 1) != b"\n":
        raw = b"\n" + raw
    try:
        if os.write(file, raw) != len(raw):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.fsync(file)
    except OSError:
        os.ftruncate(file, size)
        raise


def flocked(file: int) -> bool:
    """Take the lock of an open file (flock(2)) if nobody has it; whether it was free. Raises OSError."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def is_still_at(file: int, path: str) -> bool:
    """Whether an open file is the one that stands at `path` now. Raises OSError."""
    try:
        return os.path.samestat(os.fstat(file), os.lstat(path))
    except FileNotFoundError:
        return False


def without_waiting(path: str, flags: int) -> int:
    """Open without following a link and without waiting for the writer of a pipe."""
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)


def _no_number(text: str) -> object:
    """JSON has neither NaN nor Infinity (RFC 8259), though Python's reader does."""
    raise ValueError(f"{text} is invalid JSON")


def _text(values: Mapping[str, object]) -> bytes:
    import json

    return (json.dumps(dict(values), allow_nan=False) + "\n").encode()
