"""The configuration file, TOML. What it says, the command line can say too, and the command line wins.

via = "sudo -n hastwatch-ask"           # how a check asks this node (default: directly)
peer = "ssh -o BatchMode=yes nfs002"    # how the other node is asked (default: it is not)
timeout = 8                             # seconds for a whole check
state_dir = "/var/tmp/hastwatch-1001"   # what is kept between runs
ask_write = false                       # whether hastwatch-ask lets check_hast_mount --depth write through
docs = "https://docs.example.org/hastwatch"  # where the documentation is as a site (default: `hastwatch explain`)

[severity]
carp-demoted = "ok"                     # any row of any check's table

[resource.home]
vhid = "2@vtnet1"                       # which CARP address serves it (default: all vhids of the node must agree)
mount_point = "/hast/home"
service_address = "10.1.101.5"
device = "/dev/hast/home.journal"       # what is mounted, where it is not /dev/hast/home itself
pool = "tank"                           # the ZFS pool on it, where it is not named like the resource
geli_key = "/etc/geli/home.key"         # the key file of a geli(8) provider below what is mounted

[setup.accepted]
setup-export-root = "delivers as root"  # a finding of check_hast_setup, and why it is accepted

[failover]
hastd_repaired = false                  # hastd of both nodes has the fix for FreeBSD bug 292322

The other tables, and the other keys of `[failover]`, are not for checks. A mistake there is refused all the same:
hastwatch and its hooks would refuse the file too, when they are needed, and nobody would say so before.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeVar

from checks.plugin.finding import Severity
from checks.plugin.tables import TableError, made, one_of, table, text, truth

PATH = "/usr/local/etc/hastwatch.toml"
LARGEST = 1 << 20
"""Bytes; what is larger is no configuration of ours."""
NOT_FOR_CHECKS = ("failover", "split_brain", "repair", "submit", "icinga", "nrdp", "nagios")
"""Tables of which a check uses nothing but `failover.hastd_repaired`."""
DEVICE = r"/dev/(?!.*\.\.)(?!(ada|da|nda|nvd|vtbd|mmcsd)\d)[A-Za-z0-9_][A-Za-z0-9_.:+/-]{0,200}"
"""A device node; a disk of a driver lies on nothing of HAST."""
POOL = r"[A-Za-z][A-Za-z0-9_.:-]{0,200}"
"""zpoolconcepts(7), without the blank, which no line of hastwatch-ask(8) has."""
URL = r"https?://[A-Za-z0-9_.~:/@\[\]%-]{1,200}"
"""Plain characters: it stands on lines that engines and terminals read, and in generated files."""
SEVERITY_WORDS = {"ok": Severity.OK, "warning": Severity.WARNING, "critical": Severity.CRITICAL}


class ConfigError(Exception):
    """The configuration can't be used; the text says where and why, in one line."""


class ResourceConfig(NamedTuple):
    """`[resource.NAME]`."""

    vhid: str = ""
    mount_point: str = ""
    service_address: str = ""
    device: str = ""
    pool: str = ""
    geli_key: str = ""


class SetupConfig(NamedTuple):
    """`[setup]`, for check_hast_setup."""

    accepted: Mapping[str, str] = {}
    """From the reason of a finding that is accepted to why it is."""
    backup: str = ""
    """The file that tells of the last backup by its time."""
    snapshots: str = ""
    """The ZFS dataset of which snapshots are taken."""
    backup_age: float = 90000.0
    """Seconds after which that and the newest snapshot are too old: a day, and an hour for the backup itself."""


class CheckConfig(NamedTuple):
    """What the file says for checks; the defaults where it says nothing."""

    via: str = ""
    peer: str = ""
    timeout: float = 8.0
    state_dir: str = ""
    ask_write: bool = False
    docs: str = ""
    """The URL of the documentation, without a slash at its end."""
    severity: Mapping[str, str] = {}
    resource: Mapping[str, ResourceConfig] = {}
    setup: SetupConfig = SetupConfig()
    hastd_repaired: bool = False
    """`failover.hastd_repaired`."""

    def for_resource(self, name: str) -> ResourceConfig:
        """The settings of a resource, with the documented mount point where none is given."""
        settings = self.resource.get(name, ResourceConfig())
        return settings if settings.mount_point else settings._replace(mount_point=f"/hast/{name}")


Interpreted = TypeVar("Interpreted")


def load(path: str | None) -> CheckConfig:
    """The configuration at `path`, or at the default place, where it may be absent. Raises ConfigError."""
    return interpreted(path, _of_a_valid_file)


def _of_a_valid_file(values: dict[str, object]) -> CheckConfig:
    """Raises TableError at the first mistake in any table; remediation is asked where the file has one of its own."""
    if not set(values).intersection(NOT_FOR_CHECKS):
        return from_tables(values)
    from remediate.config import from_tables as of_all_tables

    return of_all_tables(values).checks


def interpreted(path: str | None, interpret: Callable[[dict[str, object]], Interpreted]) -> Interpreted:
    """What `interpret`, which raises TableError, makes of the tables of the file at `path`, or at the default place,
    where it may be absent. The file is read once. Raises ConfigError."""
    if path == "":
        raise ConfigError("the name of the configuration is empty")
    where = path or PATH
    try:
        return interpret(_tables(path, where))
    except TableError as error:
        raise ConfigError(f"{where}: {error}") from None


def _tables(path: str | None, where: str) -> dict[str, object]:
    try:
        with open(where, "rb", opener=_without_waiting) as file:
            _refuse_unsafe(os.fstat(file.fileno()), where)
            raw = file.read(LARGEST + 1)
    except FileNotFoundError:
        if path is None:
            return {}
        raise ConfigError(f"{where}: no such file") from None
    except OSError as error:
        raise ConfigError(f"{where}: {error.strerror}") from None
    import tomllib

    try:
        return tomllib.loads(raw.decode())
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{where}: {error}") from None


def prefix_words(prefix: str) -> tuple[str, ...]:
    """The words of a prefix, split as a shell does. Raises ConfigError."""
    if not prefix:
        return ()
    import shlex

    try:
        words = tuple(shlex.split(prefix))
    except ValueError as error:
        raise ConfigError(f"{prefix!r} cannot be split into words: {error}") from None
    if not words:
        raise ConfigError(f"{prefix!r} is not a command")
    return words


def _without_waiting(path: str, flags: int) -> int:
    """Open a file that may be a pipe nobody writes to; what is no regular file is refused afterwards."""
    return os.open(path, flags | os.O_NONBLOCK)


def _refuse_unsafe(status: os.stat_result, where: str) -> None:
    """What the file names is run, perhaps as root: nobody else may be able to write it."""
    if not stat.S_ISREG(status.st_mode):
        raise ConfigError(f"{where}: not a regular file")
    if status.st_mode & stat.S_IWOTH:
        raise ConfigError(f"{where}: refused, everybody may write it (chmod o-w)")
    if os.geteuid() == 0 and status.st_uid != 0:
        raise ConfigError(f"{where}: refused, it belongs to user {status.st_uid} and root would run what it names")
    if os.geteuid() == 0 and status.st_mode & stat.S_IWGRP and status.st_gid != 0:
        raise ConfigError(f"{where}: refused, group {status.st_gid} may write it (chmod g-w)")
    if status.st_size > LARGEST:
        raise ConfigError(f"{where}: larger than {LARGEST} bytes")


def from_tables(values: dict[str, object]) -> CheckConfig:
    """What checks use of the file's tables. Raises TableError at the first thing of it that is not as documented."""
    for key in values:
        if key not in (*CheckConfig._fields, *NOT_FOR_CHECKS) or key == "hastd_repaired":
            raise TableError(f"unknown key `{key}`")
    for name in NOT_FOR_CHECKS:
        table(values, name)
    timeout = values.get("timeout", CheckConfig().timeout)
    if isinstance(timeout, bool) or not isinstance(timeout, int | float) or not 0 < timeout <= 3600:
        raise TableError("`timeout` must be a number of seconds above 0 and at most 3600")
    severity = {reason: text(f"severity.{reason}", word) for reason, word in table(values, "severity").items()}
    for reason, word in severity.items():
        one_of(f"severity.{reason}", (word,), tuple(SEVERITY_WORDS))
    resources = table(values, "resource")
    _refuse_pools_apart({name: _resource(table(resources, name), name) for name in resources})
    return CheckConfig(
        via=text("via", values.get("via", "")),
        peer=text("peer", values.get("peer", "")),
        timeout=float(timeout),
        state_dir=text("state_dir", values.get("state_dir", "")),
        ask_write=truth("ask_write", values.get("ask_write", False)),
        docs=_url("docs", values.get("docs", "")),
        severity=severity,
        resource={name: _resource(table(resources, name), name) for name in resources},
        setup=_setup(table(values, "setup")),
        hastd_repaired=truth("failover.hastd_repaired", table(values, "failover").get("hastd_repaired", False)),
    )


def _setup(given: dict[str, object]) -> SetupConfig:
    """`[setup]`. Which reasons there are is not known here: one that an upgrade has renamed stops no hook. Raises
    TableError."""
    settings = made(SetupConfig, given, "setup")
    for reason, why in settings.accepted.items():
        if not why.strip():
            raise TableError(f"`setup.accepted.{reason}` must say why it is accepted")
    return settings


def _url(name: str, value: object) -> str:
    """Raises TableError."""
    url = text(name, value)
    if url and not re.fullmatch(URL, url):
        raise TableError(f"`{name}` must be a URL that begins with https:// or http://: {url!r}")
    return url.rstrip("/")


def _resource(given: dict[str, object], name: str) -> ResourceConfig:
    """`[resource.NAME]`. Raises TableError."""
    settings = made(ResourceConfig, given, f"resource.{name}")
    point = settings.mount_point
    if point and (not point.startswith("/") or os.path.normpath(point) != point.rstrip("/")):
        raise TableError(f"`resource.{name}.mount_point` must be an absolute path")
    if settings.device and settings.pool:
        raise TableError(f"`resource.{name}` has both `device`, of a UFS, and `pool`")
    if settings.device and not re.fullmatch(DEVICE, settings.device):
        raise TableError(f"`resource.{name}.device` must be a device in /dev that lies on HAST: {settings.device!r}")
    if settings.pool and not re.fullmatch(POOL, settings.pool):
        raise TableError(f"`resource.{name}.pool` is not the name of a pool: {settings.pool!r}")
    if settings.geli_key and os.path.normpath(settings.geli_key) != settings.geli_key:
        raise TableError(f"`resource.{name}.geli_key` must be a path as short as it can be")
    if settings.geli_key and not settings.geli_key.startswith("/"):
        raise TableError(f"`resource.{name}.geli_key` must be an absolute path")
    if settings.geli_key and ".eli" not in settings.device:
        raise TableError(f"`resource.{name}.geli_key` needs a `device` with .eli in its name, the provider of geli(8)")
    return settings._replace(mount_point=point.rstrip("/"))


def _refuse_pools_apart(resources: dict[str, ResourceConfig]) -> None:
    """Resources of one pool are mounted together. Raises TableError."""
    points: dict[str, tuple[str, str]] = {}
    for name, settings in resources.items():
        if settings.pool and points.setdefault(settings.pool, (name, settings.mount_point))[1] != settings.mount_point:
            raise TableError(f"`resource.{name}` and `resource.{points[settings.pool][0]}` have one pool, and need one"
                             " `mount_point`")  # fmt: skip
