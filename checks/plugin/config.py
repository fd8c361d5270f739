"""The configuration file, TOML. What it says, the command line can say too, and the command line wins.

via = "sudo -n hastwatch-ask"           # how a check asks this node (default: directly)
peer = "ssh -o BatchMode=yes nfs002"    # how the other node is asked (default: it is not)
timeout = 8                             # seconds for a whole check
state_dir = "/var/tmp/hastwatch-1001"   # what is kept between runs
ask_write = false                       # whether hastwatch-ask lets check_hast_mount --depth write through

[severity]
carp-demoted = "ok"                     # any row of any check's table

[resource.home]
vhid = "2@vtnet1"                       # which CARP address serves it (default: all vhids of the node must agree)
mount_point = "/hast/home"
service_address = "10.1.101.5"

[split_brain]                           # what is done by itself: see SplitBrain below
policy = "step-down"

[failover]                              # what `hastwatch converge` does and how long it waits: see Failover below
promote_stale = false

[repair]                                # what a monitoring event may set off: see Repair below
actions = ["devd", "converge"]

[submit]                                # passive results, with [icinga], [nrdp], [nagios]: see checks.plugin.submission
to = "icinga"
"""

from __future__ import annotations

import os
import re
import stat
from typing import TYPE_CHECKING, NamedTuple

from checks.plugin.finding import Severity

if TYPE_CHECKING:
    from checks.plugin.submission import Submission

PATH = "/usr/local/etc/hastwatch.toml"
LARGEST = 1 << 20
"""Bytes; what is larger is no configuration of ours."""
SERVICE = r"[A-Za-z0-9_]{1,40}"
"""The name of a script of rc(8)."""
WORD = r"[A-Za-z0-9_./:%-]{0,200}"
"""An address, a path or a word of a choice: nothing that a shell or a status line would mind."""
SUBMISSION = ("submit", "icinga", "nrdp", "nagios")
"""The tables of `checks.plugin.submission`, which is imported only where the file has one of them."""
SEVERITY_WORDS = {"ok": Severity.OK, "warning": Severity.WARNING, "critical": Severity.CRITICAL}


class ConfigError(Exception):
    """The configuration can't be used; the text says where and why, in one line."""


class ResourceConfig(NamedTuple):
    """`[resource.NAME]`."""

    vhid: str = ""
    mount_point: str = ""
    service_address: str = ""


class Failover(NamedTuple):
    """`[failover]`: the policy of `hastwatch converge`. Times in seconds."""

    settle: float = 0.5
    """How long CARP must have said MASTER before a promotion."""
    boot_settle: float = 30.0
    """The same within `boot_window` of a boot, when CARP says MASTER for a moment (guide, trap 7)."""
    boot_window: float = 300.0
    let_go: float = 45.0
    """How long a promotion waits for the other node to let go of the resource: two keepalives and a timeout of hastd
    (hast-facts, 3), and a demotion there."""
    services: tuple[str, ...] = ()
    """rc(8) services beside NFS that belong to the active node, such as ctld: started after it, stopped before it."""
    unmount: float = 15.0
    """How long processes that use the file system have to end before it is unmounted by force."""
    preen: float = 120.0
    """How long the replay of the journal may take, less than a second usually (hast-facts, 15). On a UFS without a
    journal it is a full check."""
    fsck: float = 3600.0
    """How long a full fsck may take."""
    promote_stale: bool = False
    """Promote a node whose copy is known to lack writes."""
    stale_after: float = 30.0
    """How long the other node may have gone on as MASTER without this copy before this copy counts as stale."""
    failback: str = "never"
    """Whether a preferred node takes the address back from a healthy one: `never` or `when-complete`."""
    window: float = 3600.0
    """Two failed promotions within this time stop all automatic action."""
    periodic_promotion: bool = False
    """Whether `converge --periodic` may promote, too."""
    demotion: int = 240
    """What a node that must not take the address adds to net.inet.carp.demotion; 240 is the most that counts."""
    management: str = ""
    """An address of the other node on another network than the replication's: the second sign that it is gone."""
    witness: str = ""
    """An address that answers ping(8) wherever the network works, such as the gateway: without its answer a silent
    other node is not taken for dead, because it may be this node that is cut off."""
    rc_start: bool = False
    """Start the daemons of NFS through service(8), with all that rc(8) sets for them, instead of directly."""
    peer_hastwatch: str = "/usr/local/hastwatch/bin/hastwatch"
    """The command `hastwatch` on the other node."""


class SplitBrain(NamedTuple):
    """`[split_brain]`: what is done by itself when hastd reports one, in the words of DRBD."""

    policy: str = "step-down"
    """`none`: nothing but the marker; `step-down`: the losing side gives up address and role; `discard-zero-changes`:
    then its copy is discarded where it is proven to hold nothing that a client was told was safe;
    `salvage-then-discard`: its files are kept at `salvage_to` first, and read back."""
    salvage_to: str = ""
    """A directory of the losing node, or ssh://[USER@]HOST/PATH."""


REPAIRS = ("devd", "converge", "nfs", "hastd", "split-brain")
MOST_REPAIRS = 60
"""The most that `hourly_limit` may be."""


class Repair(NamedTuple):
    """`[repair]`: what `hastwatch repair` may do when monitoring asks for it. Times in seconds."""

    actions: tuple[str, ...] = REPAIRS
    """Those that may be done; what is not named is only written down."""
    cool_down: float = 600.0
    """How long after a repair the same one is not tried again."""
    hourly_limit: int = 6
    """How many repairs of any kind are tried in an hour."""
    looks: float = 30.0
    """How long a repair has to show its effect."""


POLICIES = ("none", "step-down", "discard-zero-changes", "salvage-then-discard")
FAILBACK = ("never", "when-complete")
LONGEST = 86400.0
"""Seconds; no wait of a failover is longer."""


class Config(NamedTuple):
    """What the file says; the defaults where it says nothing."""

    via: str = ""
    peer: str = ""
    timeout: float = 8.0
    state_dir: str = ""
    ask_write: bool = False
    severity: dict[str, str] = {}  # noqa: RUF012 - never changed: a NamedTuple has no other way to say "empty"
    resource: dict[str, ResourceConfig] = {}  # noqa: RUF012
    failover: Failover = Failover()
    split_brain: SplitBrain = SplitBrain()
    repair: Repair = Repair()
    submission: Submission | None = None
    """None where the file has none of its tables."""

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
        raise ConfigError(f"{prefix!r} is no command")
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
    if status.st_size > LARGEST:
        raise ConfigError(f"{where}: larger than {LARGEST} bytes")


def _checked(values: dict[str, object], where: str) -> Config:
    """The configuration out of what TOML had. Raises ConfigError at the first thing that is not as documented."""
    for key in values:
        if key not in (*Config._fields, *SUBMISSION) or key == "submission":
            raise ConfigError(f"{where}: unknown key `{key}`")
    timeout = values.get("timeout", Config().timeout)
    if isinstance(timeout, bool) or not isinstance(timeout, int | float) or not 0 < timeout <= 3600:
        raise ConfigError(f"{where}: `timeout` must be a number of seconds above 0 and at most 3600")
    ask_write = values.get("ask_write", False)
    if not isinstance(ask_write, bool):
        raise ConfigError(f"{where}: `ask_write` must be true or false")
    severity = {reason: _text(word, f"severity.{reason}", where) for reason, word in _table(values, "severity", where)}
    for reason, word in severity.items():
        if word not in SEVERITY_WORDS:
            raise ConfigError(f"{where}: `severity.{reason}` must be ok, warning or critical")
    return Config(
        via=_text(values.get("via", ""), "via", where),
        peer=_text(values.get("peer", ""), "peer", where),
        timeout=float(timeout),
        state_dir=_text(values.get("state_dir", ""), "state_dir", where),
        ask_write=ask_write,
        severity=severity,
        resource={name: _resource(settings, name, where) for name, settings in _table(values, "resource", where)},
        failover=_failover(dict(_table(values, "failover", where)), where),
        split_brain=_split_brain(dict(_table(values, "split_brain", where)), where),
        repair=_repair(dict(_table(values, "repair", where)), where),
        submission=_submission(values, where) if set(values).intersection(SUBMISSION) else None,
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


def _failover(values: dict[str, object], where: str) -> Failover:
    """`[failover]`: each value must be of the kind of its default."""
    given: dict[str, object] = {}
    for key, value in values.items():
        name = f"failover.{key}"
        default = Failover._field_defaults.get(key)
        if default is None:
            raise ConfigError(f"{where}: unknown key `{name}`")
        if isinstance(default, bool):
            wanted = "true or false"
            good = isinstance(value, bool)
        elif isinstance(default, int | float):
            wanted = f"a number from 0 to {LONGEST:g}"
            good = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= LONGEST
        elif isinstance(default, tuple):
            wanted = "a list of names of services"
            good = isinstance(value, list) and all(re.fullmatch(SERVICE, str(each)) for each in value)
            value = tuple(map(str, value)) if isinstance(value, list) else value
        else:
            wanted = "one word"
            good = isinstance(value, str) and bool(re.fullmatch(WORD, value))
        if not good:
            raise ConfigError(f"{where}: `{name}` must be {wanted}")
        given[key] = float(value) if isinstance(default, float) and isinstance(value, int) else value
    made = Failover(**given)  # type: ignore[arg-type]  # each value was held against the kind of its default
    if made.failback not in FAILBACK:
        raise ConfigError(f"{where}: `failover.failback` must be {' or '.join(FAILBACK)}")
    if not made.peer_hastwatch.startswith("/"):
        raise ConfigError(f"{where}: `failover.peer_hastwatch` must be an absolute path")
    if not 0 < made.demotion <= 240 or made.demotion != int(made.demotion):
        raise ConfigError(f"{where}: `failover.demotion` must be a whole number from 1 to 240")
    return made


def _split_brain(values: dict[str, object], where: str) -> SplitBrain:
    """`[split_brain]`."""
    for key in values:
        if key not in SplitBrain._fields:
            raise ConfigError(f"{where}: unknown key `split_brain.{key}`")
    given = {key: _text(value, f"split_brain.{key}", where) for key, value in values.items()}
    made = SplitBrain(**given)
    if made.policy not in POLICIES:
        raise ConfigError(f"{where}: `split_brain.policy` must be {', '.join(POLICIES[:-1])} or {POLICIES[-1]}")
    if made.salvage_to and not made.salvage_to.startswith(("/", "ssh://")):
        raise ConfigError(f"{where}: `split_brain.salvage_to` must be an absolute path or ssh://[USER@]HOST/PATH")
    if made.policy == "salvage-then-discard" and not made.salvage_to:
        raise ConfigError(f"{where}: `split_brain.policy` needs a `split_brain.salvage_to`")
    return made


def _repair(values: dict[str, object], where: str) -> Repair:
    """`[repair]`."""
    given: dict[str, object] = {}
    for key, value in values.items():
        if key not in Repair._fields:
            raise ConfigError(f"{where}: unknown key `repair.{key}`")
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if key == "actions":
            wanted = f"a list of {', '.join(REPAIRS[:-1])} or {REPAIRS[-1]}"
            good = isinstance(value, list) and all(each in REPAIRS for each in value)
            given[key] = tuple(value) if isinstance(value, list) else value
        elif key == "hourly_limit":
            wanted = f"a whole number from 0 to {MOST_REPAIRS}"
            good = number and isinstance(value, int) and 0 <= value <= MOST_REPAIRS
            given[key] = value
        else:
            wanted = f"a number from 0 to {LONGEST:g}"
            good = isinstance(value, int | float) and number and 0 <= value <= LONGEST
            given[key] = float(value) if good and isinstance(value, int | float) else value
        if not good:
            raise ConfigError(f"{where}: `repair.{key}` must be {wanted}")
    return Repair(**given)  # type: ignore[arg-type]  # each value was held against what its key takes


def _submission(values: dict[str, object], where: str) -> Submission:
    """The tables on passive results."""
    from checks.plugin.submission import SubmissionError, submission

    try:
        return submission(values)
    except SubmissionError as error:
        raise ConfigError(f"{where}: {error}") from None


def _table(values: dict[str, object], key: str, where: str) -> list[tuple[str, object]]:
    table = values.get(key, {})
    if not isinstance(table, dict):
        raise ConfigError(f"{where}: `{key}` must be a table")
    return list(table.items())


def _text(value: object, key: str, where: str) -> str:
    if not isinstance(value, str) or not value.isprintable():
        raise ConfigError(f"{where}: `{key}` must be text, without control characters")
    return value
