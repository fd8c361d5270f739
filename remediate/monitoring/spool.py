"""The spool: results on disk until somebody has taken them, one file each, in the order of their arrival.

A result is put there before it is sent and removed after it was taken, so whatever ends a process loses none. It is
bounded: of more than `most` results the oldest go that a later one of the same service supersedes, then the oldest;
whatever waits for longer than `keep` goes too. What goes is said. What a server refused is set aside in `refused`, for
an operator to look at. Files are their owner's alone: a result may say more of a node than everybody has to know.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

from remediate.monitoring.result import CheckResult
from remediate.state import atomic_file
from remediate.state.lock import Lock
from remediate.state.store import Store
from remediate.timing import Timing

NAME = r"([0-9]{20})-[0-9]+-([0-9a-f]{16})\.json"
"""`NANOSECONDS-PID-SERVICE.json`: the order, who put it there, and whose result it is, as a hash."""
UNFINISHED = ".new-"
REFUSED = "refused"
MOST_REFUSED = 100
"""Results that are set aside; the newest stay."""
LARGEST = 1 << 20
"""Bytes of a result: more than what `remediate.monitoring.result` lets one have, in UTF-8."""


class SpoolError(Exception):
    """The spool can't be used; the text says why."""


class Bounds(NamedTuple):
    """How many results wait, and how long, in seconds."""

    most: int
    keep: float


class Spool:
    """The spool of one way (`icinga`, `nrdp`, `nagios-pipe`): a directory of its own below the configured one."""

    def __init__(self, root: str, way: str, bounds: Bounds, timing: Timing) -> None:
        self.directory = os.path.join(root, way)
        self.bounds = bounds
        self._root = root
        self._timing = timing

    def lock(self, name: str, purpose: str) -> Lock:
        """A lock of the spool. Raises SpoolError where there is no spool."""
        self._ready()
        return Lock(Store(self.directory), name, purpose, self._timing)

    def put(self, result: CheckResult) -> str:
        """Keep a result, on the disk when this returns; its name. Raises SpoolError, and nothing is left then."""
        (name,) = self.put_all([result])
        if isinstance(name, SpoolError):
            raise name
        return name

    def put_all(self, results: Sequence[CheckResult]) -> list[str | SpoolError]:
        """Keep results, on the disk when this returns; the name of each, or why it was not kept. Raises nothing."""
        try:
            self._ready()
            waiting = self.names()
        except SpoolError as error:
            return [error] * len(results)
        last = int(waiting[-1].partition("-")[0]) if waiting else 0
        names: list[str | SpoolError] = []
        for result in results:
            last = max(int(self._timing.wall() * 1e9), last + 1)
            names.append(self._put(f"{last:020d}-{os.getpid()}-{_hash(result.whose)}.json", result))
        try:
            atomic_file.sync_directory(self.directory)
        except OSError as error:
            for name in names:
                if isinstance(name, str):
                    with suppress(OSError):
                        os.unlink(self._path(name))
            return [self._error(error)] * len(results)
        return names

    def _put(self, name: str, result: CheckResult) -> str | SpoolError:
        content = json.dumps(result._asdict(), ensure_ascii=False).encode(errors="backslashreplace")
        try:
            atomic_file.put(self._path(name), self._path(UNFINISHED + name), content, 0o600)
        except OSError as error:
            return self._error(error)
        return name

    def names(self) -> list[str]:
        """What waits, the oldest first. Raises SpoolError."""
        try:
            return sorted(name for name in os.listdir(self.directory) if re.fullmatch(NAME, name))
        except FileNotFoundError:
            return []
        except OSError as error:
            raise self._error(error) from None

    def read(self, name: str) -> CheckResult | None:
        """A result that waits; None where it does no more, or the file is none of ours. Raises SpoolError."""
        try:
            with open(self._path(name), "rb") as file:
                values = json.loads(file.read(LARGEST))
            result = CheckResult(**{**values, "perfdata": tuple(values["perfdata"])})
            return (
                result if all(map(_is_kind_of, result, CheckResult("", "", "", 0, "", "", (), 0.0, 0.0, ""))) else None
            )
        except (ValueError, TypeError, KeyError, RecursionError, FileNotFoundError):
            return None
        except OSError as error:
            raise self._error(error) from None

    def remove(self, *names: str) -> None:
        """They were taken. Raises SpoolError."""
        try:
            for name in names:
                with suppress(FileNotFoundError):
                    os.unlink(self._path(name))
            atomic_file.sync_directory(self.directory)
        except OSError as error:
            raise self._error(error) from None

    def set_aside(self, name: str) -> None:
        """It will never be taken. Raises SpoolError."""
        aside = self._path(REFUSED)
        try:
            os.makedirs(aside, 0o700, exist_ok=True)
            with suppress(FileNotFoundError):
                os.rename(self._path(name), os.path.join(aside, name))
            refused = sorted(old for old in os.listdir(aside) if re.fullmatch(NAME, old))
            for old in refused[:-MOST_REFUSED]:
                os.unlink(os.path.join(aside, old))
        except OSError as error:
            raise self._error(error) from None

    def was_set_aside(self, name: str) -> bool:
        """Whether another process did so."""
        return os.path.exists(os.path.join(self._path(REFUSED), name))

    def bound(self) -> list[str]:
        """Drop what is too much or too old; what went, in sentences. Raises SpoolError."""
        names = self.names()
        oldest = int((self._timing.wall() - self.bounds.keep) * 1e9)
        old = [name for name in names if int(name.partition("-")[0]) < oldest]
        young = names[len(old) :]
        many = _superseded_first(young)[: max(len(young) - self.bounds.most, 0)]
        sentences = []
        for why, going in ((f"they waited for more than {self.bounds.keep:g} s", old),
                           (f"more than {self.bounds.most} wait", many)):  # fmt: skip
            if going:
                self.remove(*going)
                sentences.append(f"dropped from the spool without being sent: {len(going)} ({why})")
        self._remove_unfinished(oldest)
        return sentences

    def _remove_unfinished(self, oldest: int) -> None:
        """What a killed process was writing."""
        with suppress(OSError):
            for name in os.listdir(self.directory):
                match = re.fullmatch(re.escape(UNFINISHED) + NAME, name)
                if match and int(match[1]) < oldest:
                    os.unlink(self._path(name))

    def _ready(self) -> None:
        """Make the directories (0700) where they are missing. Raises SpoolError where they are not this user's alone:
        what stands there is told in this node's name."""
        for directory in (self._root, self.directory):
            try:
                os.makedirs(directory, 0o700, exist_ok=True)
                status = os.lstat(directory)
            except OSError as error:
                raise self._error(error) from None
            if not stat.S_ISDIR(status.st_mode):
                raise SpoolError(f"{directory} is not a directory")
            if status.st_uid != os.geteuid() or status.st_mode & 0o022:
                raise SpoolError(f"{directory} is not a directory that this user alone writes to")
        if os.geteuid() == 0:
            self._refuse_what_others_can_move()

    def _refuse_what_others_can_move(self) -> None:
        """Whoever can rename a directory above the spool puts a link there while root writes. Raises SpoolError."""
        above = os.path.realpath(self._root)
        while above != "/":
            above = os.path.dirname(above)
            status = os.stat(above)
            sticky = status.st_mode & stat.S_ISVTX
            if status.st_uid != 0 or (status.st_mode & 0o022 and not sticky):
                raise SpoolError(f"{self._root}: others than root can change {above}, so root keeps nothing there")

    def _path(self, name: str) -> str:
        return os.path.join(self.directory, name)

    def _error(self, error: OSError) -> SpoolError:
        return SpoolError(f"{self.directory}: {error.strerror or error}")


def whose(name: str) -> str:
    """The hash of the service whose result a name stands for."""
    return name.rpartition("-")[2].removesuffix(".json")


def _hash(service: str) -> str:
    return hashlib.sha256(service.encode()).hexdigest()[:16]


def _superseded_first(names: list[str]) -> list[str]:
    """In the order in which they may go."""
    newest = {whose(name): name for name in names}
    return sorted(names, key=lambda name: (newest[whose(name)] == name, name))


def _is_kind_of(value: object, example: object) -> bool:
    if isinstance(example, tuple):
        return isinstance(value, tuple) and all(isinstance(each, str) for each in value)
    kinds = (int, float) if isinstance(example, float) else (type(example),)
    return isinstance(value, kinds) and not isinstance(value, bool)
