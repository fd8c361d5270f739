"""Events of hastd that wait to be taken up: an empty file for each.

    hastd,4711,role,home,secondary,primary
    hastd,4712,connect,home,primary

The name is the event, and the time of the last change is when it came. A file that is made by its name alone is there
as a whole or not at all, and /bin/sh makes one without starting a process (`contrib/freebsd/hastwatch-hast-event`).
It is removed only when all that follows from the event is done, so a process that is killed swallows none.

A connection of a primary and one of a secondary are told by the same words. Which of them it was is added to the name
(`of_role`) before the role is changed.
"""

from __future__ import annotations

import os
import re
import stat
from contextlib import suppress
from typing import NamedTuple

from checks.probes.hast import Role
from remediate.state import directory as directories
from remediate.state.directory import FILE_MODE
from remediate.state.errors import StateNotKept
from remediate.state.store import Store

HASTD = "hastd"
"""What the holder of a lock heeds that takes up these events at its end (`Lock`)."""
SEPARATOR = ","
WORD = r"[A-Za-z0-9_.:+-]+"
"""No word of hastd's has a separator in it: names of resources are `checks.probes.hast.RESOURCE_NAME`."""
NAME = (
    r"(?a)hastd,(?P<number>[0-9]{1,10}),"
    rf"(?P<words>role(,{WORD}){{3}}|(?!role,){WORD},{WORD})(,(?P<role>primary|secondary))?"
)
PIDS = 10_000_000
"""More than any process number."""
PID_MAX = 99_999
"""The highest one of FreeBSD (sys/sys/proc.h)."""


class HastdEvent(NamedTuple):
    """An event: the file's name (empty where none could be made), the words of hastd, and when it came (seconds since
    1970). `role`: the one that this node had then, None where nobody has noted it. `pid`: of the process that hastd has
    forked for it, 0 where that is not known."""

    name: str
    words: list[str]
    at: float
    role: Role | None = None
    pid: int = 0


def note(store: Store, words: list[str], at: float, pid: int | None = None) -> None:
    """Note an event that came to a process, this one where none is named. Raises StateNotKept."""
    number = os.getpid() if pid is None else pid
    name = SEPARATOR.join([HASTD, str(number), *words])
    path = os.path.join(store.directory, name)
    if not re.fullmatch(NAME, name):
        raise StateNotKept("it is not an event of hastd", name)
    try:
        store.ready()
        while os.path.lexists(path):  # of an earlier process with this number: it came at another time
            number += PIDS
            path = os.path.join(store.directory, SEPARATOR.join([HASTD, str(number), *words]))
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, FILE_MODE))
        os.utime(path, (at, at))
    except OSError as error:
        raise StateNotKept(error.strerror or str(error), path) from None


def of_role(store: Store, resource: str, role: Role) -> None:
    """The connections of a resource that wait came while this node had this role, which is about to be changed: for one
    of the new role hastd calls its program after it took that order (freebsd-facts: hooks-begin-in-their-role). No
    clock is needed to tell them apart. Raises StateNotKept."""
    for each in waiting(store):
        if each.words == ["connect", resource] and each.role is None:
            path = os.path.join(store.directory, each.name)
            try:
                store.ready()
                with suppress(FileNotFoundError):  # taken up just now
                    os.rename(path, f"{path}{SEPARATOR}{role.value}")
            except OSError as error:
                raise StateNotKept(error.strerror or str(error), path) from None


def came_as(store: Store, event: HastdEvent, role: Role) -> bool:
    """Whether this node had this role when the event came; it may have been noted since the event was read."""
    noted_since = f"{event.name}{SEPARATOR}{role.value}"
    return event.role is role or os.path.lexists(os.path.join(store.directory, noted_since))


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
                        role = Role(matched["role"]) if matched["role"] else None
                        words, pid = matched["words"].split(SEPARATOR), int(matched["number"]) % PIDS
                        events.append((file.st_mtime_ns, HastdEvent(name, words, file.st_mtime, role, pid)))
    return [event for _, event in sorted(events, key=lambda event: (event[0], event[1].name))]


def forks_between(one: HastdEvent, other: HastdEvent) -> int:
    """How many process numbers after that of one event that of the other one is, where the kernel counts them up from 2
    to PID_MAX and begins again (sys/kern/kern_fork.c, fork_findpid(), with kern.randompid 0): more than half of them
    mean that it came before."""
    return (other.pid - one.pid) % (PID_MAX - 1)


def done(store: Store, noted: HastdEvent) -> None:
    """The event is taken up. Raises StateNotKept."""
    path = os.path.join(store.directory, noted.name)
    try:
        with suppress(FileNotFoundError):
            os.unlink(path)
    except OSError as error:
        raise StateNotKept(error.strerror or str(error), path) from None
