"""The file with user and password, or a token: this user's own, closed to everybody else, TOML.

    user = "hastwatch"
    password = "..."
    token = "..."        # NRDP

Nothing of it is ever printed.
"""

from __future__ import annotations

import os
import stat
from typing import NamedTuple

from checks.plugin.config import ConfigError
from remediate.state.store import without_waiting

LARGEST = 1 << 14


class ApiCredentials(NamedTuple):
    """What the file says."""

    user: str = ""
    password: str = ""
    token: str = ""

    def __repr__(self) -> str:
        return f"Credentials(user={self.user!r})"


def read(path: str) -> ApiCredentials:
    """The credentials at `path`. Raises ConfigError, also for a file that is not this user's alone."""
    try:
        with open(path, "rb", opener=without_waiting) as file:
            _refuse_open(os.fstat(file.fileno()), path)
            raw = file.read(LARGEST + 1)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
    import tomllib

    try:
        values = tomllib.loads(raw.decode())
    except ValueError:
        raise ConfigError(f"{path}: no TOML") from None  # without its words: they could quote the secret
    for key, value in values.items():
        if key not in ApiCredentials._fields:
            raise ConfigError(f"{path}: there is no key but {', '.join(ApiCredentials._fields)}")
        if not isinstance(value, str) or not value or not value.isprintable():
            raise ConfigError(f"{path}: `{key}` must be text")
    return ApiCredentials(**values)


def _refuse_open(status: os.stat_result, path: str) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise ConfigError(f"{path}: not a regular file")
    if status.st_uid != os.geteuid():
        raise ConfigError(f"{path}: refused, it belongs to user {status.st_uid} and is read by user {os.geteuid()}")
    if status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise ConfigError(f"{path}: refused, others than its owner may use it (chmod 600)")
    if status.st_size > LARGEST:
        raise ConfigError(f"{path}: larger than {LARGEST} bytes")
