"""The configuration file, TOML. What it says, the command line can say too, and the command line wins.

via = "sudo -n sh -c"                   # how this node is asked (default: directly)
peer = "ssh -o BatchMode=yes nfs002"    # how the other node is asked (default: it is not)
timeout = 8                             # seconds for a whole check
state_dir = "/var/tmp/hastwatch-1001"   # what is kept between runs

[severity]
carp-demoted = "ok"                     # any row of any check's table

[resource.home]
vhid = "2@vtnet1"                       # which CARP address serves it (default: all vhids of the node must agree)
mount_point = "/hast/home"
service_address = "10.1.101.5"
"""

from __future__ import annotations

import os
import stat
from typing import NamedTuple

from checks.plugin.finding import Severity

PATH = "/usr/local/etc/hastwatch.toml"
LARGEST = 1 << 20
"""Bytes; what is larger is no configuration of ours."""
SEVERITY_WORDS = {"ok": Severity.OK, "warning": Severity.WARNING, "critical": Severity.CRITICAL}


class ConfigError(Exception):
    """The configuration can't be used; the text says where and why, in one line."""


class ResourceConfig(NamedTuple):
    """`[resource.NAME]`."""

    vhid: str = ""
    mount_point: str = ""
    service_address: str = ""


class Config(NamedTuple):
    """What the file says; the defaults where it says nothing."""

    via: str = ""
    peer: str = ""
    timeout: float = 8.0
    state_dir: str = ""
    severity: dict[str, str] = {}  # noqa: RUF012 - never changed: a NamedTuple has no other way to say "empty"
    resource: dict[str, ResourceConfig] = {}  # noqa: RUF012

    def for_resource(self, name: str) -> ResourceConfig:
        """The settings of a resource, with the documented mount point where none is given."""
        settings = self.resource.get(name, ResourceConfig())
        return settings if settings.mount_point else settings._replace(mount_point=f"/hast/{name}")


def load(path: str | None) -> Config:
    """The configuration at `path`, or at the default place, where it may be absent. Raises ConfigError."""
    where = path or PATH
    try:
        with open(where, "rb", opener=_without_waiting) as file:
            _refuse_unsafe(os.fstat(file.fileno()), where)
            raw = file.read(LARGEST + 1)
    except FileNotFoundError:
        if path is None:
            return Config()
        raise ConfigError(f"{where}: no such file") from None
    except OSError as error:
        raise ConfigError(f"{where}: {error.strerror}") from None
    import tomllib

    try:
        values = tomllib.loads(raw.decode())
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{where}: {error}") from None
    return _checked(values, where)


def _without_waiting(path: str, flags: int) -> int:
    """Open a file that may be a pipe nobody writes to; what is no regular file is refused afterwards."""
    return os.open(path, flags | os.O_NONBLOCK)


def _refuse_unsafe(status: os.stat_result, where: str) -> None:
    """What the file names is run, perhaps as root: nobody else may be able to write it."""
    if not stat.S_ISREG(status.st_mode):
        raise ConfigError(f"{where}: not a regular file")
    if status.st_mode & stat.S_IWOTH:
        raise ConfigError(f"{where}: refused, everybody may write it (chmod o-w)")
    if status.st_size > LARGEST:
        raise ConfigError(f"{where}: larger than {LARGEST} bytes")


def _checked(values: dict[str, object], where: str) -> Config:
    """The configuration out of what TOML had. Raises ConfigError at the first thing that is not as documented."""
    for key in values:
        if key not in Config._fields:
            raise ConfigError(f"{where}: unknown key `{key}`")
    timeout = values.get("timeout", Config().timeout)
    if isinstance(timeout, bool) or not isinstance(timeout, int | float) or not 0 < timeout <= 3600:
        raise ConfigError(f"{where}: `timeout` must be a number of seconds above 0 and at most 3600")
    severity = {reason: _text(word, f"severity.{reason}", where) for reason, word in _table(values, "severity", where)}
    for reason, word in severity.items():
        if word not in SEVERITY_WORDS:
            raise ConfigError(f"{where}: `severity.{reason}` must be ok, warning or critical")
    return Config(
        via=_text(values.get("via", ""), "via", where),
        peer=_text(values.get("peer", ""), "peer", where),
        timeout=float(timeout),
        state_dir=_text(values.get("state_dir", ""), "state_dir", where),
        severity=severity,
        resource={name: _resource(settings, name, where) for name, settings in _table(values, "resource", where)},
    )


def _resource(settings: object, name: str, where: str) -> ResourceConfig:
    given: dict[str, str] = {}
    for key, value in _table({name: settings}, name, where):
        if key not in ResourceConfig._fields:
            raise ConfigError(f"{where}: unknown key `resource.{name}.{key}`")
        given[key] = _text(value, f"resource.{name}.{key}", where)
    settings_given = ResourceConfig(**given)
    point = settings_given.mount_point
    if point and (not point.startswith("/") or os.path.normpath(point) != point.rstrip("/")):
        raise ConfigError(f"{where}: `resource.{name}.mount_point` must be an absolute path")
    return settings_given._replace(mount_point=point.rstrip("/"))


def _table(values: dict[str, object], key: str, where: str) -> list[tuple[str, object]]:
    table = values.get(key, {})
    if not isinstance(table, dict):
        raise ConfigError(f"{where}: `{key}` must be a table")
    return list(table.items())


def _text(value: object, key: str, where: str) -> str:
    if not isinstance(value, str) or not value.isprintable():
        raise ConfigError(f"{where}: `{key}` must be text, without control characters")
    return value
