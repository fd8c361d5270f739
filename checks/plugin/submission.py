"""What the configuration says on passive results: `[submit]`, `[icinga]`, `[nrdp]` and `[nagios]`.

Read only where the file has one of these tables: a check pays nothing for them.
"""

from __future__ import annotations

import re
from typing import NamedTuple, TypeVar

WAYS = ("icinga", "nrdp", "nagios-pipe")
"""What results are submitted to."""
TOLD = ("comment", "acknowledge", "downtime")
"""What Icinga is told after a repair."""
NAME = r"[^\x00-\x1f\x7f;!|'\"`\\]{1,255}"
"""The name of a host or a service: nothing that Icinga's `host!service`, the line of Nagios's command file (`;`) or
performance data (`|`) is made of."""
LONGEST = 30 * 86400.0
"""Seconds; nothing is kept or valid for longer."""
MOST = 100_000
"""Results in a spool."""


class SubmissionError(Exception):
    """A table can't be used; the text says which key, and why."""


class Submit(NamedTuple):
    """`[submit]`. Times in seconds."""

    to: str = ""
    """`icinga`, `nrdp` or `nagios-pipe`, where `--to` says nothing."""
    ttl: float = 0.0
    """For how long a result is good; 0: until the next one. One whose time is over is not sent any more."""
    spool: str = "/var/db/hastwatch-spool"
    """Where results wait that could not be sent."""
    keep: float = 86400.0
    """How long they wait."""
    most: int = 1000
    """How many of them wait."""
    on_event: tuple[str, ...] = ()
    """The command lines of the checks whose results are submitted at once on an event of CARP or hastd."""


class Icinga(NamedTuple):
    """`[icinga]`: the API of Icinga 2."""

    url: str = ""
    """https://HOST:5665."""
    ca: str = ""
    """The file with the certificate of its CA; empty: those that every program of this machine trusts."""
    credentials: str = ""
    """A file of root's with `user` and `password`."""
    host: str = ""
    """This node's name there; empty: the node's own, up to the first dot."""
    services: dict[str, str] = {}  # noqa: RUF012 - never changed: a NamedTuple has no other way to say "empty"
    """A check's name, or its whole command line, to the service's name, which is the check's name otherwise."""
    on_repair: tuple[str, ...] = ()
    """What is told after a repair: `comment`, `acknowledge`, `downtime`."""


class Nrdp(NamedTuple):
    """`[nrdp]`: the web front of Nagios for passive results."""

    url: str = ""
    """https://HOST/nrdp/."""
    ca: str = ""
    credentials: str = ""
    """A file of root's with `token`."""
    host: str = ""
    services: dict[str, str] = {}  # noqa: RUF012


class Nagios(NamedTuple):
    """`[nagios]`: the command file of a Nagios on this machine."""

    pipe: str = "/var/spool/nagios/rw/nagios.cmd"
    host: str = ""
    services: dict[str, str] = {}  # noqa: RUF012


class Submission(NamedTuple):
    """All four tables."""

    submit: Submit = Submit()
    icinga: Icinga = Icinga()
    nrdp: Nrdp = Nrdp()
    nagios: Nagios = Nagios()


Made = TypeVar("Made", Submit, Icinga, Nrdp, Nagios)


def submission(values: dict[str, object]) -> Submission:
    """The tables out of what TOML had. Raises SubmissionError at the first thing that is not as documented."""
    made = Submission(
        submit=_made(Submit, values, "submit"),
        icinga=_made(Icinga, values, "icinga"),
        nrdp=_made(Nrdp, values, "nrdp"),
        nagios=_made(Nagios, values, "nagios"),
    )
    _one_of("submit.to", (made.submit.to,), ("", *WAYS))
    _one_of("icinga.on_repair", made.icinga.on_repair, TOLD)
    for line in made.submit.on_event:
        _refuse_no_command(line)
    for name, url in (("icinga.url", made.icinga.url), ("nrdp.url", made.nrdp.url)):
        _refuse_open(name, url)
    for name, path in (
        ("submit.spool", made.submit.spool),
        ("icinga.ca", made.icinga.ca),
        ("icinga.credentials", made.icinga.credentials),
        ("nrdp.ca", made.nrdp.ca),
        ("nrdp.credentials", made.nrdp.credentials),
        ("nagios.pipe", made.nagios.pipe),
    ):
        if path and not path.startswith("/"):
            raise SubmissionError(f"`{name}` must be an absolute path")
    for key, table in (("icinga", made.icinga), ("nrdp", made.nrdp), ("nagios", made.nagios)):
        for each in (table.host, *table.services.values()):
            if each and not re.fullmatch(NAME, each):
                raise SubmissionError(f"`{key}` has a name of a host or service that is none: {each!r}")
    return made


def is_open(url: str) -> bool:
    """Whether what is sent there could be read on the way; http is good enough within this machine (a tunnel)."""
    local = r"http://(localhost|127\.[0-9.]{1,12}|\[::1\])(:[0-9]{1,5})?(/.*)?"
    return not (url.startswith("https://") or re.fullmatch(local, url))


def _refuse_open(name: str, url: str) -> None:
    if not url:
        return
    if is_open(url):
        raise SubmissionError(f"`{name}` must be an https:// address")
    if "@" in url or re.search(r"[\s\x00-\x1f?#]", url):
        raise SubmissionError(f"`{name}` must be an address alone, without user, password, blank or query")


def _refuse_no_command(line: str) -> None:
    import shlex

    try:
        words = shlex.split(line)
    except ValueError as error:
        raise SubmissionError(f"`submit.on_event`: {line!r} cannot be split into words: {error}") from None
    if not words:
        raise SubmissionError("`submit.on_event` has an empty command line")


def _one_of(name: str, given: tuple[str, ...], known: tuple[str, ...]) -> None:
    for word in given:
        if word not in known:
            raise SubmissionError(f"`{name}` knows {', '.join(filter(None, known))}, not {word!r}")


def _made(kind: type[Made], values: dict[str, object], table: str) -> Made:
    """A table: each value must be of the kind of its default."""
    given = values.get(table, {})
    if not isinstance(given, dict):
        raise SubmissionError(f"`{table}` must be a table")
    checked: dict[str, object] = {}
    for key, value in given.items():
        if key not in kind._field_defaults:
            raise SubmissionError(f"unknown key `{table}.{key}`")
        checked[key] = _value(f"{table}.{key}", value, kind._field_defaults[key])
    return kind(**checked)  # type: ignore[arg-type]  # each value was held against the kind of its default


def _value(name: str, value: object, default: object) -> object:
    if isinstance(default, float):
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= LONGEST:
            raise SubmissionError(f"`{name}` must be a number of seconds from 0 to {LONGEST:g}")
        return float(value)
    if isinstance(default, int):
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MOST:
            raise SubmissionError(f"`{name}` must be a whole number from 1 to {MOST}")
        return value
    if isinstance(default, tuple):
        if not isinstance(value, list):
            raise SubmissionError(f"`{name}` must be a list of texts")
        return tuple(_text(name, each) for each in value)
    if isinstance(default, dict):
        if not isinstance(value, dict):
            raise SubmissionError(f"`{name}` must be a table of texts")
        return {key: _text(name, each) for key, each in value.items()}
    return _text(name, value)


def _text(name: str, value: object) -> str:
    if not isinstance(value, str) or not value.isprintable():
        raise SubmissionError(f"`{name}` must be text, without control characters")
    return value
