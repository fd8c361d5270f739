"""What is kept between two runs of a check: small JSON files in one directory of the user who runs it.

Losing them costs a rate or a grace period, never a verdict: whoever reads them must work without. So they are replaced
atomically but not fsynced, and an unreadable one is an absent one.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping

PARENT = "/var/tmp"
"""Survives a reboot (hier(7)). Everybody may write there: hence the ownership test in `_usable`, and a directory of
another name where somebody else has made one of ours."""
NAME = "hastwatch-{uid}"


class Memory:
    """JSON objects by name. `trouble` says why nothing can be kept, or is empty."""

    def __init__(self, directory: str | None = None, parent: str = PARENT) -> None:
        self.directory = directory or own_directory(parent)
        self.trouble = ""

    def get(self, name: str) -> dict[str, object]:
        """The object kept under `name`; empty where there is none or none that can be trusted."""
        if not self._usable():
            return {}
        try:
            with open(self._path(name), encoding="utf-8") as file:
                text = file.read()
        except (OSError, ValueError):
            return {}
        import json

        try:
            stored = json.loads(text)
        except (ValueError, RecursionError):
            return {}
        return stored if isinstance(stored, dict) else {}

    def put(self, name: str, values: Mapping[str, object]) -> None:
        """Keep `values` under `name`; a failure is remembered in `trouble` and is otherwise silent."""
        if not self._usable():
            return
        import json

        path = self._path(name)
        temporary = f"{path}.{os.getpid()}"
        try:
            with open(temporary, "w", encoding="utf-8") as file:
                json.dump(dict(values), file)
            os.replace(temporary, path)
        except OSError as error:
            self.trouble = f"cannot keep state in {self.directory}: {error.strerror}"
            self._remove(temporary)

    def forget(self, name: str) -> None:
        """Drop what is kept under `name`, if anything."""
        if self._usable():
            self._remove(self._path(name))

    def _path(self, name: str) -> str:
        return os.path.join(self.directory, re.sub(r"[^A-Za-z0-9_.@-]", "_", name) + ".json")

    def _remove(self, path: str) -> None:
        try:
            os.unlink(path)
        except FileNotFoundError:
            return
        except OSError as error:
            self.trouble = f"cannot remove {path}: {error.strerror}"

    def _usable(self) -> bool:
        """Whether the directory is there (it is made when missing) and nobody else can put files into it."""
        try:
            os.mkdir(self.directory, 0o700)
        except FileExistsError:
            pass
        except OSError as error:
            self.trouble = f"cannot keep state in {self.directory}: {error.strerror}"
            return False
        if not _is_own(self.directory):
            self.trouble = f"cannot keep state in {self.directory}: it is not a directory of this user alone"
            return False
        return True


def own_directory(parent: str) -> str:
    """The directory of this user below `parent`, `hastwatch-UID`. Where another user has made that one first, the first
    `hastwatch-UID.*` that is ours; it is made where there is none: nobody can keep a user from remembering."""
    usual = os.path.join(parent, NAME.format(uid=os.geteuid()))
    if not os.path.lexists(usual) or _is_own(usual):
        return usual
    import tempfile

    base = f"{os.path.basename(usual)}."
    try:
        others = sorted(name for name in os.listdir(parent) if name.startswith(base))
        ours = [path for path in (os.path.join(parent, name) for name in others) if _is_own(path)]
        return ours[0] if ours else tempfile.mkdtemp(prefix=base, dir=parent)
    except OSError:
        return usual


def _is_own(path: str) -> bool:
    """Whether it is a directory into which nobody but this user can put files."""
    try:
        status = os.lstat(path)
    except OSError:
        return False
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid() and not status.st_mode & 0o022
