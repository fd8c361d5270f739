"""Events of hastd that came while a convergence ran: an empty file for each, which that convergence takes up.

    hastd,4711,role,home,secondary,primary

The name is the event, and the time of the last change is when it came. A file that is made by its name alone is there
as a whole or not at all, and /bin/sh makes one without starting a process (`contrib/freebsd/hastwatch-hast-event`).
It is removed only when all that follows from the event is done, so a process that is killed swallows none.
"""

from __future__ import annotations

import os
import re
import stat
from contextlib import suppress
from typing import NamedTuple

from remediate.state import directory as directories
from remediate.state.directory import FILE_MODE
from remediate.state.errors import StateNotKept
from remediate.state.store import Store

HASTD = "hastd"
"""What the holder of a lock heeds that takes up these events at its end (`Lock`)."""
SEPARATOR = ","
NAME = r"(?a)hastd,(?P<pid>[0-9]{1,10}),(?P<words>[A-Za-z0-9_.:+-]+(,[A-Za-z0-9_.:+-]+){1,3})"
"""No word of hastd's has a separator in it: names of resources are `checks.probes.hast.RESOURCE_NAME`."""


class HastdEvent(NamedTuple):
    """An event: the file's name, the words of hastd, and when it came (seconds since 1970)."""

    name: str
    words: list[str]
    at: float


def note(store: Store, words: list[str], at: float) -> None:
    """Note an event of this process. Raises StateNotKept."""
    name = SEPARATOR.join([HASTD, str(os.getpid()), *words])
    path = os.path.join(store.directory, name)
    if not re.fullmatch(NAME, name):
        raise StateNotKept("it is not an event of hastd", name)
    try:
        store.ready()
        with suppress(FileExistsError):  # the script that has become this process has noted it
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, FILE_MODE))
            os.utime(path, (at, at))
    except OSError as error:
        raise StateNotKept(error.strerror or str(error), path) from None


def waiting(store: Store) -> list[HastdEvent]:
    """The events that have not been taken up, the oldest first. Raises nothing: what cannot be read, or could be
    somebody else's, is none."""
    events = []
    with suppress(OSError, StateNotKept):
        directories.refuse_untrusted(store.directory, {0, os.geteuid()})
        for name in os.listdir(store.directory):
            if matched := re.fullmatch(NAME, name):
                with suppress(FileNotFoundError):  # taken up by another process just now
                    file = os.lstat(os.path.join(store.directory, name))
                    if stat.S_ISREG(file.st_mode):
                        events.append(
                            (file.st_mtime_ns, HastdEvent(name, matched["words"].split(SEPARATOR), file.st_mtime))
                        )
    return [noted for _, noted in sorted(events)]


def done(store: Store, noted: HastdEvent) -> None:
    """The event is taken up. Raises StateNotKept."""
    path = os.path.join(store.directory, noted.name)
    try:
        with suppress(FileNotFoundError):
            os.unlink(path)
    except OSError as error:
        raise StateNotKept(error.strerror or str(error), path) from None
