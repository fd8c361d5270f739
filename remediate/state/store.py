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

from remediate.state import whole
from remediate.timing import Timing

STATE_DIRECTORY = "/var/db/hastwatch"
NAME = r"(?a)[A-Za-z0-9_:+-][A-Za-z0-9_.:+-]{0,199}"
"""What may be a file's name here: nothing that leaves the directory, and no dot in front, which marks our own files."""
LARGEST = 1 << 20
"""Bytes of one object: far more than any has; what is larger is none of ours."""
LOCK_WAIT = 10.0
"""Seconds that a writer waits for another one of the same name. That one needs milliseconds, unless it was stopped."""

Values = dict[str, object]


class StateError(Exception):
    """The common base; never raised itself."""


class StateUnreadable(StateError):
    """There is a file, and what it says is not known. The caller decides what that means: never that all is well."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(f"{name} cannot be read: {why}")
        self.name, self.why = name, why


class StateNotKept(StateError):
    """Nothing was written; what was kept before still is."""

    def __init__(self, why: str, path: str = "") -> None:
        super().__init__(f"cannot keep {path}: {why}" if path else why)
        self.why, self.path = why, path


def _not_instead(error: StateUnreadable) -> Values:
    raise error


class Store:
    """One state directory. Any number of processes and threads may use it at the same time."""

    lock_wait = LOCK_WAIT

    def __init__(self, directory: str = STATE_DIRECTORY) -> None:
        self.directory = os.path.abspath(directory)

    def read(self, name: str) -> Values:
        """The object kept under `name`, empty where there is no such file. Raises StateUnreadable, also for a file
        that holds an empty object: nothing here writes one."""
        if not re.fullmatch(NAME, name):
            raise StateUnreadable(repr(name), "it is no name of a file of ours")
        try:
            self._refuse_untrusted({0, os.geteuid()})
            with open(self._path(name), "rb", opener=without_waiting) as file:
                if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                    raise StateUnreadable(name, "it is not a regular file")
                raw = file.read(LARGEST + 1)
        except FileNotFoundError:
            return {}
        except StateNotKept as error:
            raise StateUnreadable(name, error.why) from None
        except OSError as error:
            raise StateUnreadable(name, error.strerror or str(error)) from None
        if len(raw) > LARGEST:
            raise StateUnreadable(name, f"it is larger than {LARGEST} bytes")
        import json

        try:
            values = json.loads(raw, parse_constant=_no_number)
        except (ValueError, RecursionError):
            raise StateUnreadable(name, "it is no JSON") from None
        if not isinstance(values, dict):
            raise StateUnreadable(name, "it is no JSON object")
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
        from where the file can't be read; without it StateUnreadable is raised. Raises StateNotKept."""
        with self._alone(name):
            kept: bytes | None = None
            try:
                before = self.read(name)
                kept = _text(before) if before else None
            except StateUnreadable as error:
                before = instead(error)
            after = change(before)
            if not after:
                self._unlink(name)
                return {}
            text = _text(after)
            if text != kept:
                self._replace(name, text)
            return after

    def append(self, name: str, line: str) -> None:
        """Append a line in one write, on the disk when this returns. A torn line that an earlier writer left (a power
        cut) stays a line of its own; one that doesn't fit on the disk leaves nothing. Raises StateNotKept."""
        self._check(name)
        self.ready()
        raw = line.encode(errors="backslashreplace") + b"\n"
        try:
            file = self._open_to_append(name)
            try:
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
            finally:
                os.close(file)
        except OSError as error:
            raise self._not_kept(name, error) from None

    def ready(self) -> None:
        """Make the directory (0755) where it is missing. Raises StateNotKept, also where it isn't this user's or
        others may write into it: what stands there decides what root does."""
        try:
            if not os.path.lexists(self.directory):
                os.makedirs(os.path.dirname(self.directory), 0o755, exist_ok=True)
                os.mkdir(self.directory, 0o755)
                os.chmod(self.directory, 0o755)  # whatever the umask: the checks read here as another user
        except FileExistsError:
            pass  # another process made it just now; it is looked at below
        except OSError as error:
            raise StateNotKept(error.strerror or str(error), self.directory) from None
        try:
            self._refuse_untrusted({os.geteuid()})
        except OSError as error:
            raise StateNotKept(error.strerror or str(error), self.directory) from None

    def _refuse_untrusted(self, owners: set[int]) -> None:
        """Raises StateNotKept, and OSError."""
        found = os.lstat(self.directory)
        if not stat.S_ISDIR(found.st_mode):
            raise StateNotKept(f"{self.directory} is not a directory", self.directory)
        if found.st_uid not in owners:
            raise StateNotKept(f"{self.directory} belongs to user {found.st_uid}", self.directory)
        if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise StateNotKept(f"others may write into {self.directory} (chmod go-w)", self.directory)

    @contextmanager
    def _alone(self, name: str) -> Iterator[None]:
        """While no other writer of `name` is at work. The lock file stays: removing it would let two in."""
        self._check(name)
        self.ready()
        try:
            lock = os.open(self._path(f".{name}.lock"), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
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
            whole.replace(self._path(name), temporary, text, 0o644)
        except OSError as error:
            raise self._not_kept(name, error) from None

    def _unlink(self, name: str) -> bool:
        try:
            os.unlink(self._path(name))
            whole.sync_directory(self.directory)
        except FileNotFoundError:
            return False
        except OSError as error:
            raise self._not_kept(name, error) from None
        return True

    def _open_to_append(self, name: str) -> int:
        """The file, locked against other appenders, and still the one of that name: newsyslog(8) may rename it."""
        while True:
            file = os.open(
                self._path(name), os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o644
            )
            try:
                self._wait_for(file, name)
                if is_still_at(file, self._path(name)):
                    return file
            except BaseException:
                os.close(file)
                raise
            os.close(file)

    def _check(self, name: str) -> None:
        if not re.fullmatch(NAME, name):
            raise StateNotKept("it is no name of a file of ours", repr(name))

    def _path(self, name: str) -> str:
        return os.path.join(self.directory, name)

    def _not_kept(self, name: str, error: OSError) -> StateNotKept:
        return StateNotKept(error.strerror or str(error), self._path(name))


class Untouched(Store):
    """A state directory that is only read, whoever asks for more: for showing what would be done."""

    def write(self, name: str, values: Mapping[str, object]) -> None:
        """Nothing is written."""

    def remove(self, name: str) -> bool:
        """Nothing is removed."""
        return False

    def append(self, name: str, line: str) -> None:
        """Nothing is written."""

    def update(
        self,
        name: str,
        change: Callable[[Values], Values | None],
        instead: Callable[[StateUnreadable], Values] = _not_instead,
    ) -> Values:
        """What would be kept, without keeping it. Raises StateUnreadable."""
        try:
            before = self.read(name)
        except StateUnreadable as error:
            before = instead(error)
        return change(before) or {}


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
    raise ValueError(f"{text} is no JSON")


def _text(values: Mapping[str, object]) -> bytes:
    import json

    return (json.dumps(dict(values), allow_nan=False) + "\n").encode()
