"""A directory of root's alone: made so, brought there where an older version made it for everybody to read, and refused
where others may have put something into it.

flock(2) needs no more than a descriptor for reading, so whoever may open a file of ours can hold up what waits for it
(`sys/kern/kern_descrip.c` sys_flock() looks at no mode). Hence the modes: 0700 and 0600.
"""

from __future__ import annotations

import os
import re
import stat
from contextlib import suppress

from remediate.state.errors import StateNotKept

STATE_DIRECTORY = "/var/db/hastwatch"
RUN_DIRECTORY = "/var/run/hastwatch"
"""For what has to work while STATE_DIRECTORY cannot be used: locks. rc.d/cleanvar removes its files at boot."""
OURS = (
    r"(?a)\.?[A-Za-z0-9_:+-][A-Za-z0-9_.:+-]*\.(json|split-brain|lock|new|jsonl(\.\d+(\.[a-z0-9]+)?)?)"
    r"|hastd,[A-Za-z0-9_.:+,-]+"
)
"""What lies in a state directory, and in no other one."""
OLD_LOCK = r"(?a)[A-Za-z0-9_:+-][A-Za-z0-9_.:+-]*\.lock"
"""A lock of an older version, 0644: somebody may have it open, and nothing waits for it any more."""
MODE, FILE_MODE = 0o700, 0o600


def ready(path: str) -> None:
    """Make the directory where it is missing, and shut others out where they may look into it. Raises StateNotKept,
    also where it is not this user's or others may write into it."""
    try:
        if not os.path.lexists(path):
            os.makedirs(os.path.dirname(path), 0o755, exist_ok=True)
            with suppress(FileExistsError):  # another process made it just now; it is looked at below
                os.mkdir(path, MODE)
        status = refuse_untrusted(path, {os.geteuid()})
        if status.st_mode & 0o077:
            _shut_others_out(path, status.st_mode)
    except OSError as error:
        raise StateNotKept(error.strerror or str(error), path) from None


def refuse_untrusted(path: str, owners: set[int]) -> os.stat_result:
    """What others may have written decides nothing here. Raises StateNotKept, and OSError."""
    status = os.lstat(path)
    if not stat.S_ISDIR(status.st_mode):
        raise StateNotKept(f"{path} is not a directory", path)
    if status.st_uid not in owners:
        raise StateNotKept(f"{path} belongs to user {status.st_uid}", path)
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise StateNotKept(f"others may write into {path} (chmod go-w)", path)
    return status


def is_private(file: int) -> bool:
    """Whether an open file is one that only this user could ever open. Raises OSError."""
    status = os.fstat(file)
    return stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid() and not status.st_mode & 0o077


def _shut_others_out(path: str, mode: int) -> None:
    """First the directory, then what is in it. One that holds other things too (a wrong --state-dir) is left alone:
    our files are private there all the same. Raises OSError."""
    directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        names = os.listdir(directory)
        ours = [name for name in names if re.fullmatch(OURS, name)]
        if path not in (STATE_DIRECTORY, RUN_DIRECTORY) and len(ours) < len(names):
            return
        os.fchmod(directory, mode & MODE)
        for name in ours:
            if re.fullmatch(OLD_LOCK, name):
                with suppress(FileNotFoundError, IsADirectoryError, PermissionError):
                    os.unlink(name, dir_fd=directory)
            else:
                _make_private(directory, name)
    finally:
        os.close(directory)


def _make_private(directory: int, name: str) -> None:
    """Raises OSError."""
    try:
        file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=directory)
    except OSError:
        return  # gone meanwhile, or a link, which no reader follows
    try:
        mode = os.fstat(file).st_mode
        if stat.S_ISREG(mode):
            os.fchmod(file, mode & FILE_MODE)
    finally:
        os.close(file)
