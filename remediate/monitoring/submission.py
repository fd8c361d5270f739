"""What the configuration says on passive results: `[submit]`, `[icinga]`, `[nrdp]` and `[nagios]`.

Read only where the file has one of these tables: a check pays nothing for them.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from checks.plugin.tables import TableError, made, one_of, table

WAYS = ("icinga", "nrdp", "nagios-pipe")
"""What results are submitted to."""
TOLD = ("comment", "acknowledge", "downtime")
"""What Icinga is told after a repair."""
NAME = r"[^\x00-\x1f\x7f;!|'\"`\\]{1,255}"
"""The name of a host or a service: nothing that Icinga's `host!service`, the line of Nagios's command file (`;`) or
performance data (`|`) is made of."""


class SubmitSettings(NamedTuple):
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


class IcingaSettings(NamedTuple):
    """`[icinga]`: the API of Icinga 2."""

    url: str = ""
    """https://HOST:5665."""
    ca: str = ""
    """The file with the certificate of its CA; empty: the public ones that come with `requests`, not this machine's."""
    credentials: str = ""
    """A file of root's with `user` and `password`."""
    host: str = ""
    """This node's name there; empty: the node's own, up to the first dot."""
    services: dict[str, str] = {}  # noqa: RUF012 - never changed: a NamedTuple has no other way to say "empty"
    """A check's name, or its whole command line, to the service's name, which is the check's name otherwise."""
    on_repair: tuple[str, ...] = ()
    """What is told after a repair: `comment`, `acknowledge`, `downtime`."""


class NrdpSettings(NamedTuple):
    """`[nrdp]`: the web front of Nagios for passive results."""

    url: str = ""
    """https://HOST/nrdp/."""
    ca: str = ""
    credentials: str = ""
    """A file of root's with `token`."""
    host: str = ""
    services: dict[str, str] = {}  # noqa: RUF012 - as above


class NagiosSettings(NamedTuple):
    """`[nagios]`: the command file of a Nagios on this machine."""

    pipe: str = "/var/spool/nagios/rw/nagios.cmd"
    host: str = ""
    services: dict[str, str] = {}  # noqa: RUF012 - as above


class Submission(NamedTuple):
    """All four tables."""

    submit: SubmitSettings = SubmitSettings()
    icinga: IcingaSettings = IcingaSettings()
    nrdp: NrdpSettings = NrdpSettings()
    nagios: NagiosSettings = NagiosSettings()


def submission(values: dict[str, object]) -> Submission:
    """The tables out of what TOML had. Raises TableError at the first thing that is not as documented."""
    tables = Submission(
        submit=made(SubmitSettings, table(values, "submit"), "submit"),
        icinga=made(IcingaSettings, table(values, "icinga"), "icinga"),
        nrdp=made(NrdpSettings, table(values, "nrdp"), "nrdp"),
        nagios=made(NagiosSettings, table(values, "nagios"), "nagios"),
    )
    if tables.submit.most < 1:
        raise TableError("`submit.most` must be a whole number from 1")
    one_of("submit.to", (tables.submit.to,), ("", *WAYS))
    one_of("icinga.on_repair", tables.icinga.on_repair, TOLD)
    for line in tables.submit.on_event:
        _refuse_no_command(line)
    for name, url in (("icinga.url", tables.icinga.url), ("nrdp.url", tables.nrdp.url)):
        _refuse_open(name, url)
    for name, path in (
        ("submit.spool", tables.submit.spool),
        ("icinga.ca", tables.icinga.ca),
        ("icinga.credentials", tables.icinga.credentials),
        ("nrdp.ca", tables.nrdp.ca),
        ("nrdp.credentials", tables.nrdp.credentials),
        ("nagios.pipe", tables.nagios.pipe),
    ):
        if path and not path.startswith("/"):
            raise TableError(f"`{name}` must be an absolute path")
    for key, way in (("icinga", tables.icinga), ("nrdp", tables.nrdp), ("nagios", tables.nagios)):
        for each in (way.host, *way.services.values()):
            if each and not re.fullmatch(NAME, each):
                raise TableError(f"`{key}` has a name of a host or service that is none: {each!r}")
    return tables


def is_open(url: str) -> bool:
    """Whether what is sent there could be read on the way; http is good enough within this machine (a tunnel)."""
    local = r"http://(localhost|127\.[0-9.]{1,12}|\[::1\])(:[0-9]{1,5})?(/.*)?"
    return not (url.startswith("https://") or re.fullmatch(local, url))


def _refuse_open(name: str, url: str) -> None:
    if not url:
        return
    if is_open(url):
        raise TableError(f"`{name}` must be an https:// address")
    if "@" in url or re.search(r"[\s\x00-\x1f?#]", url):
        raise TableError(f"`{name}` must be an address alone, without user, password, blank or query")


def _refuse_no_command(line: str) -> None:
    import shlex

    try:
        words = shlex.split(line)
    except ValueError as error:
        raise TableError(f"`submit.on_event`: {line!r} cannot be split into words: {error}") from None
    if not words:
        raise TableError("`submit.on_event` has an empty command line")
