"""What is kept between two runs of a check: small JSON files in one directory of the user who runs it.

Losing them costs a rate or a grace period, never a verdict: whoever reads them must work without. So they are replaced
atomically but not fsynced, and an unreadable one is an absent one.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping

DEFAULT_DIRECTORY = "/var/tmp/hastwatch-{uid}"
"""Below a directory where everybody may write, hence the ownership test in `_usable`; survives a reboot (hier(7))."""


class Memory:
    """JSON objects by name. `trouble` says why nothing can be kept, or is empty."""

    def __init__(self, directory: str | None = None) -> None:
        self.directory = directory or DEFAULT_DIRECTORY.format(uid=os.geteuid())
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
            kept = json.loads(text)
        except (ValueError, RecursionError):
            return {}
        return kept if isinstance(kept, dict) else {}

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
        found = os.lstat(self.directory)
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o022:
            self.trouble = f"cannot keep state in {self.directory}: it is not a directory of this user alone"
            return False
        return True
