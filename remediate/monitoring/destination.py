"""Where results go, as the configuration says: the receiver, its spool, and under which names it knows the checks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from remediate.monitoring.answer import Receiver
from remediate.monitoring.spool import Bounds, Spool
from remediate.monitoring.submission import Submission
from remediate.timing import Timing


class Destination(NamedTuple):
    """One way for results."""

    receiver: Receiver
    spool: Spool
    host: str
    services: Mapping[str, str]


def destination(way: str, said: Submission, timing: Timing) -> Destination:
    """The way `icinga`, `nrdp` or `nagios-pipe`. Raises ConfigError where it is not configured to its end."""
    made, host, services = _receiver(way, said)
    bounds = Bounds(said.submit.most, said.submit.keep)
    return Destination(made, Spool(said.submit.spool, way, bounds, timing), host, services)


def _receiver(way: str, said: Submission) -> tuple[Receiver, str, Mapping[str, str]]:
    if way == "icinga":
        from remediate.monitoring.icinga import Icinga

        return Icinga(said.icinga), said.icinga.host, said.icinga.services
    if way == "nrdp":
        from remediate.monitoring.nrdp import Nrdp

        return Nrdp(said.nrdp), said.nrdp.host, said.nrdp.services
    from remediate.monitoring.nagios_pipe import NagiosPipe

    return NagiosPipe(said.nagios), said.nagios.host, said.nagios.services
